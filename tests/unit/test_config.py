# The configuration: what is taken, what is refused, and whether the refusal can be acted upon.

import json
import os
import random

from concentrator import config, items, journal, records, strict_json
from concentrator.config import ConfigError
from fakes import raises, seeded

ROOT_LIMIT = 41  # characters of uplink.root


def good():
    # A new configuration with every field that has no default, and a few that have.
    return {
        "version": 1,
        "device": "a1b2c3d4e5f6",
        "utc_offset": "+08:00",
        "buses": [{}, {"baud": 9600, "timeout_ms": 500, "retries": 0, "preamble": 16}],
        "meters": [
            {"number": 1, "address": "000000000001", "bus": 1},
            {"number": 2, "address": "000000000002", "bus": 1},
            {"number": 3, "address": "000000000001", "bus": 2},
        ],
        "tasks": [
            {"name": "load15", "items": ["energy.forward.total", "voltage.a"], "every": 900},
            {"name": "daily", "items": ["energy.forward.total"], "every": 86400},
        ],
        "uplink": {"host": "broker.example", "apn": "cmiot"},
    }


def read(data):
    return config.parse(json.dumps(data), "site.json")


def refusal(data):
    # The text of the ConfigError; another exception, or none, fails the test.
    try:
        read(data)
    except ConfigError as error:
        return str(error)
    raise AssertionError("taken: " + json.dumps(data))


def refusal_of(text):
    return raises(ConfigError, config.parse, text)


def put(data, path, value):
    # Set the field at a path such as "meters[1].bus".
    keys = []
    for part in path.split("."):
        name, *indices = part.split("[")
        keys.append(name)
        keys += [int(i[:-1]) for i in indices]
    for key in keys[:-1]:
        data = data[key]
    data[keys[-1]] = value


def refuses(path, *values):
    # Each value is refused with the field's path, the value itself, and what is allowed.
    for value in values:
        data = good()
        put(data, path, value)
        text = refusal(data)
        assert text.startswith("site.json: %s is " % path), text
        if isinstance(value, list):
            shown = "a list of %d" % len(value)
        else:
            shown = "an object" if isinstance(value, dict) else json.dumps(value)[:30]
        assert shown in text, (shown, text)
        assert "; use " in text, text


def takes(path, *values):
    for value in values:
        data = good()
        put(data, path, value)
        read(data)


def test_good_configuration_with_its_defaults():
    c = read(good())
    first, second = c.buses
    assert (first.baud, first.timeout_ms, first.retries, first.preamble) == (2400, 700, 2, 4)
    assert (second.baud, second.timeout_ms, second.retries, second.preamble) == (9600, 500, 0, 16)
    assert c.utc_offset == 8 * 3600
    assert [(m.number, m.address, m.bus) for m in c.meters] == [
        (1, "000000000001", 1),
        (2, "000000000002", 1),
        (3, "000000000001", 2),
    ]
    assert [(t.name, t.every) for t in c.tasks] == [("load15", 900), ("daily", 86400)]
    assert c.tasks[0].items == ["energy.forward.total", "voltage.a"]
    uplink = c.uplink
    assert (uplink.host, uplink.port, uplink.apn) == ("broker.example", 1883, "cmiot")
    assert (uplink.root, uplink.user, uplink.password) == ("mr/v1", None, None)
    assert (uplink.keepalive, uplink.heartbeat, uplink.linger) == (120, 900, 5)
    assert uplink.will is False
    assert uplink.time_server is None
    assert (uplink.transport, uplink.apn_user, uplink.apn_password) == ("at", None, None)


def test_hash_is_of_the_text():
    text = json.dumps(good())
    one, other = config.parse(text), config.parse(text + " ")
    assert len(one.hash) == 8
    assert one.hash == config.parse(text).hash
    assert one.hash != other.hash


def test_utc_offsets():
    for text, seconds in (("+00:00", 0), ("-03:30", -12600), ("+14:00", 50400), ("+05:45", 20700)):
        data = good()
        data["utc_offset"] = text
        assert read(data).utc_offset == seconds
    refuses("utc_offset", "+14:01", "+08:60", "08:00", "+8:00", "+08:00 ", "UTC", 8, 28800, None)
    refuses("utc_offset", True, "", "+0a:00", ["+08:00"])


def test_summer_time():
    data = good()
    assert read(data).zone.offset(1784116800) == 8 * 3600
    data["utc_offset"] = "+01:00"
    data["summer_time"] = {
        "begins": "last sunday march 02:00",
        "ends": "last sunday october 03:00",
    }
    july, january = 1784116800, 1768478400
    zone = read(data).zone
    assert (zone.offset(july), zone.offset(january)) == (7200, 3600)
    data["summer_time"]["shift"] = 30
    assert read(data).zone.offset(july) == 5400
    for name, values in (
        ("begins", ("", "march", "M3.5.0", "last sunday of march 02:00", 3, None, ["march"])),
        ("ends", ("Last Sunday October 03:00", "last sunday october 25:00")),
        ("shift", (9, 121, 60.0)),
    ):
        for value in values:
            wrong = good()
            wrong["summer_time"] = dict(data["summer_time"])
            wrong["summer_time"][name] = value
            text = refusal(wrong)
            assert text.startswith("site.json: summer_time.%s is " % name), text
            assert "; use " in text, text
    data["summer_time"]["ends"] = "first monday march 03:00"
    assert "are in the same month; give " in refusal(data)


def test_top_level_fields():
    refuses("version", 0, 2, "1", 1.0, True, None, [1])
    refuses("device", "a1b2c3d4e5f", "A1B2C3D4E5F6", "a1b2c3d4e5f6a", "g1b2c3d4e5f6", 123456789012)
    refuses("device", "", None, True, {"id": "a1b2c3d4e5f6"}, "\u00e91b2c3d4e5f")


def test_bus_fields():
    refuses("buses[1].baud", 2401, 0, -2400, "2400", 2400.0, True, None, [2400])
    refuses("buses[1].timeout_ms", 99, 10001, 500.0, "500", True, None, 10**30)
    refuses("buses[1].retries", -1, 6, 1.0, True, False, None, "1")
    refuses("buses[0].preamble", -1, 17, 4.0, True, None)
    refuses("buses[0].pause_ms", -1, 501, 20.0, True, None, "20")
    takes("buses[0].pause_ms", 0, 500)
    takes("buses[0].baud", 600, 115200)
    takes("buses[0].timeout_ms", 100, 10000)


def test_meter_fields():
    refuses("meters[0].number", 0, 256, -1, 1.5, "1", True, None)
    refuses("meters[2].address", "00000000001", "0000000000012", "00000000000a", "999999999999")
    refuses("meters[2].address", "AAAAAAAAAAAA", 1, None, True, "", "\uff10" * 12, " 00000000001")
    refuses("meters[1].bus", 0, 3, 255, 256, "1", True, None)


def test_task_fields():
    refuses("tasks[0].name", "", "two words", 'quote"', 1, None, True, "\u00fcber", "a\n")
    refuses("tasks[0].every", 7, 86399, 0, 4, -900, 86401, 172800, 900.0, "900", True, None)
    refuses("tasks[0].items[1]", "voltage.d", "", 5, None, True, ["voltage.a"], "Voltage.a")
    takes("tasks[0].every", 5, 60, 3600, 86400)


def test_a_task_whose_names_do_not_fit_into_the_journal_is_refused():
    # Otherwise the first slot would end the program, long after the configuration was accepted.
    names = ["energy.a.reactive.combined1.rate%d@12" % (10 + i) for i in range(6)]
    data = good()
    data["tasks"] = [{"name": "n" * 16, "items": names, "every": 60}]
    message = refusal(data)
    assert message == (
        "site.json: tasks[0].items is too long with all its names: 282 bytes, 249 at most; "
        "divide the task"
    ), message


def test_no_accepted_task_is_too_long_for_the_journal():
    # One character more at a time: the last that is taken fills the record.
    data = good()
    names = ["energy.a.reactive.combined1.rate%d@12" % (10 + i) for i in range(5)]
    for length in range(1, 17):
        for last in ("frequency", "voltage.a", "energy.forward.total"):
            task = {"name": "n" * length, "items": names[:], "every": 60}
            task["items"].append(last)
            data["tasks"] = [task]
            body = records.pack_task(task["name"], task["items"], [-2] * 6)
            assert (len(body) <= journal.MAX_PAYLOAD - 1) == taken(data), (length, last)


def taken(data):
    try:
        read(data)
    except ConfigError:
        return False
    return True


def test_items_of_a_task_are_numbers():
    message = "tasks[0].items[0] is %s; use an item that is a number; docs/configuration.md"
    for name in ("number.asset", "clock.time", "record.cover_opened.1"):
        data = good()
        data["tasks"][0]["items"] = [name]
        assert message % json.dumps(name) in refusal(data)
    for name in ("status.3", "count.trip", "energy.forward.rate12@day62", "demand.forward.total"):
        takes("tasks[0].items", [name])


def test_meters_of_the_1997_edition():
    takes("meters[0].protocol", "dlt645-1997", "dlt645-2007")
    refuses("meters[0].protocol", "dlt645", "", None, 1997, 1, ["dlt645-1997"])
    assert read(good()).meters[0].protocol == "dlt645-2007"
    data = good()
    data["meters"][0]["address"] = "AAAA00000012"
    assert "only dlt645-1997 has addresses filled up with A" in refusal(data)
    data["meters"][0]["protocol"] = "dlt645-1997"
    assert read(data).meters[0].address == "AAAA00000012"
    for wrong in ("A" * 12, "AAAA0000A012", "aaaa00000012", "34"):
        data["meters"][0]["address"] = wrong
        message = refusal(data)
        assert "meters[0].address" in message
        assert 'with A in front, e.g. "AAAAAAAAAA34"' in message
    data["meters"][0]["address"] = "AAAAAAAAAA34"
    assert read(data).meters[0].address == "AAAAAAAAAA34"


def with_item(**fields):
    data = good()
    data["items"] = [{"name": "pressure", "identifier": "02800099"}]
    data["items"][0].update(fields)
    data["tasks"][0]["items"] = ["pressure"]
    return data


def test_a_sites_own_items():
    config = read(with_item(size=2, kind="signed", scale=-1, unit="bar"))
    assert config.catalogue.unit("pressure") == "bar"
    assert config.catalogue.scale("pressure") == -1
    read(with_item(identifier="B611"))
    read(with_item(identifier="0201FF00", index=2))
    assert "items[0].identifier is" in refusal(with_item())  # only bytes, as far as is known
    assert "items[0].identifier is" in refusal(with_item(identifier="04000403"))  # text
    for field, wrong in (
        ("name", ("", "a b", "voltage.a", "energy.forward.total", 1)),
        ("identifier", ("", "0280009", "0280009g", "b611", "0x00010000", 0x9010)),
        ("index", (-1, 100, "1")),
        ("size", (0, 5, "2")),
        ("kind", ("text", "", 1)),
        ("scale", (-7, 4, 0.1)),
        ("unit", ('"', "much too long", 1)),
        ("other", (1,)),
    ):
        for value in wrong:
            fields = {"size": 2}
            fields[field] = value
            assert "items[0].%s" % field in refusal(with_item(**fields)), (field, value)
    data = with_item(size=2)
    data["items"].append(data["items"][0])
    assert "items[1].name" in refusal(data)


def test_uplink_fields():
    refuses("uplink.host", "", "two words", 1, None, True, 'b"', "br\u00f6ker", "a/b", "b\n")
    refuses("uplink.port", 0, 65536, "1883", 1883.0, True, None)
    refuses("uplink.root", "", "/mr", "mr v1", "mr/+", "mr/#", None, 1, True)
    refuses("uplink.user", "", 'a"b', "a\rb", "a\nb", 7, True)
    refuses("uplink.apn", "", "a b", None, 5, 'x",1')
    refuses("uplink.keepalive", 9, 1201, "120", True, None, 60.5)
    refuses("uplink.heartbeat", 0, 86401, True, None)
    refuses("uplink.linger", 0, 301, True, None)
    refuses("uplink.will", 0, 1, "true", None)
    refuses("uplink.transport", "", "AT", "tcp", None, 1, True, ["at"], {})
    refuses("uplink.apn_user", "", 'a"b', "a\rb", "u" * 65, 7, True)
    takes("uplink.transport", "at", "ppp")


def test_a_refused_password_is_not_shown():
    for prefix in ("", "apn_"):
        for value in ("", 4711, False, "sec\nret", "secret" * 50, ["secret"]):
            data = good()
            data["uplink"][prefix + "user"] = "u"
            data["uplink"][prefix + "password"] = value
            text = refusal(data)
            start = 'site.json: uplink.%spassword is "***"; use ' % prefix
            assert text.startswith(start), text
            assert "sec" not in text, text
            assert "4711" not in text, text


def test_a_task_has_one_schedule():
    data = good()
    data["tasks"][1].pop("every")
    assert "tasks[1] has no schedule; give one of every, daily and monthly" in refusal(data)
    data["tasks"][1].update({"every": 900, "daily": "00:05"})
    assert "tasks[1] has every and daily; give one of" in refusal(data)
    data["tasks"][1] = {"name": "day", "items": ["voltage.a"], "daily": "23:59"}
    assert read(data).tasks[1].daily == 1439
    data["tasks"][1] = {"name": "month", "items": ["voltage.a"]}
    data["tasks"][1]["monthly"] = {"day": 31, "at": "00:10"}
    task = read(data).tasks[1]
    assert (task.monthly.day, task.monthly.at) == (31, 10)
    for path in ("tasks[1].monthly.day", "tasks[1].monthly.at"):
        for value in (0, 32, "24:00", "9:00", "12:60", 5.0, True):
            wrong = json.loads(json.dumps(data))
            put(wrong, path, value)
            assert "site.json: %s is " % path in refusal(wrong)


def test_times_of_day():
    data = good()
    data["tasks"][1].pop("every")
    for value in ("", "24:00", "0:05", "00:60", 5, None, "00:05:00", "0o:05"):
        data["tasks"][1]["daily"] = value
        assert "tasks[1].daily is %s; use a local time" % json.dumps(value) in refusal(data)


def test_windows_of_the_day():
    takes("tasks[0].windows", [["22:00", "06:00"]], [["08:00", "12:00"], ["13:00", "17:00"]])
    for wrong in ([["08:00"]], [["08:00", "08:00"]], ["08:00"], [["08:00", "25:00"]]):
        data = good()
        data["tasks"][0]["windows"] = wrong
        assert "tasks[0].windows[0]" in refusal(data)
    data = good()
    data["tasks"][0]["windows"] = [["08:01", "08:15"]]
    assert "windows[0] has no slot in it: there is one every 900 s" in refusal(data)
    data["tasks"][0]["windows"] = [["08:01", "08:16"]]
    read(data)
    data["tasks"][0]["daily"] = "00:05"
    data["tasks"][0].pop("every")
    assert "tasks[0].windows are for a task with every" in refusal(data)


def test_a_task_may_be_for_some_meters():
    takes("tasks[0].meters", [1], [3, 1])
    refuses("tasks[0].meters", [], [1, 1], 1, "1")
    data = good()
    data["tasks"][0]["meters"] = [1, 4]
    assert "tasks[0].meters[1] is 4; use the number of a meter" in refusal(data)


def test_every_letter_may_stand_in_user_and_password():
    data = good()
    data["uplink"]["user"] = "marianne"
    data["uplink"]["password"] = "\\ !#$%&'()*+,-./:;<=>?@[]^_`{|}~ r\u00f6\u4e2d"
    uplink = read(data).uplink
    assert uplink.user == "marianne"
    assert uplink.password == data["uplink"]["password"]


def test_user_and_password_come_together():
    for prefix in ("", "apn_"):
        for name in ("user", "password"):
            data = good()
            data["uplink"][prefix + name] = "x"
            text = refusal(data)
            assert "uplink.%suser" % prefix in text, text
            assert "uplink.%spassword" % prefix in text, text
        data["uplink"][prefix + "user"] = "y"
        read(data)


def test_topics_stay_short():
    data = good()
    data["uplink"]["root"] = "r" * ROOT_LIMIT
    assert len(read(data).uplink.root + "/a1b2c3d4e5f6/up/freeze") == 64
    refuses("uplink.root", "r" * (ROOT_LIMIT + 1))


def test_missing_fields_are_named():
    cases = (
        ("version", lambda d: d.pop("version")),
        ("device", lambda d: d.pop("device")),
        ("utc_offset", lambda d: d.pop("utc_offset")),
        ("buses", lambda d: d.pop("buses")),
        ("meters", lambda d: d.pop("meters")),
        ("tasks", lambda d: d.pop("tasks")),
        ("uplink", lambda d: d.pop("uplink")),
        ("meters[1].number", lambda d: d["meters"][1].pop("number")),
        ("meters[1].address", lambda d: d["meters"][1].pop("address")),
        ("meters[1].bus", lambda d: d["meters"][1].pop("bus")),
        ("tasks[1].name", lambda d: d["tasks"][1].pop("name")),
        ("tasks[1].items", lambda d: d["tasks"][1].pop("items")),
        ("uplink.host", lambda d: d["uplink"].pop("host")),
        ("uplink.apn", lambda d: d["uplink"].pop("apn")),
    )
    for path, remove in cases:
        data = good()
        remove(data)
        assert refusal(data).startswith("site.json: %s is missing; use " % path)


def test_unknown_fields_are_named_with_the_known_ones():
    for path, known in (
        ("meter", "meters"),
        ("buses[0].baudrate", "baud"),
        ("meters[2].adress", "address"),
        ("tasks[0].period", "every"),
        ("uplink.pass", "password"),
    ):
        data = good()
        put(data, path, 1)
        text = refusal(data)
        assert text.startswith("site.json: %s is not known; use " % path), text
        assert known in text, text
    for name in ("1", "null", "true"):  # MicroPython's JSON takes them as keys
        text = json.dumps(good())
        try:
            config.parse("{%s: 1, %s" % (name, text[1:]))
        except ConfigError:
            continue
        raise AssertionError(name)


def test_lists_and_objects():
    for path, limit in (("buses", 8), ("meters", 64), ("tasks", 8)):
        entry = good()[path][0]
        refuses(path, [], [entry] * (limit + 1), {}, None, "x", 1, True)
        refuses(path + "[0]", [], None, "x", 1, True)
    refuses("tasks[0].items", [], ["voltage.a"] * 9, "voltage.a", None, {})
    refuses("uplink", [], None, "broker", 1, True)


def test_64_meters_are_taken():
    data = good()
    data["meters"] = [
        {"number": i + 1, "address": "%012d" % i, "bus": 1 + i % 2} for i in range(64)
    ]
    assert len(read(data).meters) == 64


def test_numbers_addresses_and_names_are_unique():
    data = good()
    data["meters"][2]["number"] = 1
    text = refusal(data)
    assert "meters[2].number is 1" in text, text
    assert "meters[0]" in text, text

    data = good()
    data["meters"][1]["address"] = "000000000001"
    text = refusal(data)
    assert "meters[1].address is 000000000001" in text, text
    assert "meters[0]" in text, text

    data = good()
    data["tasks"][1]["name"] = "load15"
    text = refusal(data)
    assert 'tasks[1].name is "load15"' in text, text


def test_not_json():
    text = json.dumps(good())
    for bad in ("", " ", "{", "hello", "\0", text[:-2], text + "x", text[1:], "[1,", '"\\u12"'):
        try:
            config.parse(bad, "site.json")
        except ConfigError as error:
            assert str(error).startswith("site.json: "), error
            continue
        raise AssertionError(bad)


def test_what_a_person_forgets_in_json_is_reported_with_its_place():
    text = '{"version": 1, "device": "a\\u00e9\\"", "meters": [{"number": -1.5e3}], "will": true}'
    strict_json.check(text)
    for old, new, expected in (
        ('"version": 1, ', '"version": 1 ', "line 1, column 15: expected a comma or }, found"),
        ('"version": 1', '"version" 1', "expected a colon, found '1'"),
        ('"version": 1', '"version": 01', "expected a value, found '0'"),
        ('"version": 1', '"version": 1, "version": 1', '"version" stands here a second time'),
        ("}]", "]}", "expected a comma or }, found ']'"),
        ("}]", "},]", "expected a value, found ']'"),
        ('"device": "', '"device": ', "expected a value, found 'a'"),
    ):
        assert old in text, old
        assert expected in raises(ValueError, strict_json.check, text.replace(old, new, 1)), new
    assert "a value" in refusal_of('{"version": %s}' % ("9" * 4000))
    for cut in range(1, len(text)):
        raises(ValueError, strict_json.check, text[:-cut])
    assert "line 3, column 1" in refusal_of('{\n"version": 1\n"device": 2}')


def test_top_level_that_is_no_object():
    for value in ([], [good()], "x", 1, True, None, 1.5):
        text = refusal(value)
        assert text.startswith("site.json: the file is "), text
        assert "an object" in text, text


def test_nested_without_end():
    for path in ("device", "meters", "buses[0].baud", "tasks[0].items[0]", "uplink"):
        text = json.dumps(good())
        data = good()
        put(data, path, "NEST")
        text = json.dumps(data).replace('"NEST"', "[" * 3000 + "]" * 3000)
        try:
            config.parse(text)
        except ConfigError as error:
            assert "more than 8 levels" in str(error), error
            assert len(str(error)) < 400
            continue
        raise AssertionError(path)


def test_files_that_cannot_be_read():
    for path, content in (("/nonexistent/c.json", None), ("/tmp", None)):
        try:
            config.load(path)
        except ConfigError as error:
            assert path in str(error), error
            continue
        raise AssertionError(content)


def test_a_file_that_is_no_text_or_too_long_for_the_heap():
    for content, why in (
        (b'{"version": "\xff\xfe"}', "is not UTF-8 text"),
        (b" " * 32769, "is longer than 32768 bytes"),
    ):
        path = "/tmp/concentrator-test-config-%d.json" % random.getrandbits(30)
        with open(path, "wb") as file:
            file.write(content)
        try:
            config.load(path)
        except ConfigError as error:
            assert str(error) == "%s: %s" % (path, why), error
        else:
            raise AssertionError("taken")
        finally:
            os.remove(path)


# --- Fuzz ------------------------------------------------------------------------------------

ODDITIES = [json.dumps(odd) for odd in (
    None, True, False, 0, 1, -1, 2, 255, 256, 10**12, 1.0, -0.5, "", "x", "1", "\u4e2d", "+08:00",
    "voltage.a", "000000000001", [], [1], [[]], {}, {"x": 1}, [None] * 70, "y" * 300, "a b\n\"",
)]  # fmt: skip


def places(data, found):
    # Every (container, key) in the configuration.
    for key in data if isinstance(data, dict) else range(len(data)):
        found.append((data, key))
        if isinstance(data[key], (dict, list)):
            places(data[key], found)
    return found


def mutate(data):
    container, key = random.choice(places(data, []))
    kind = random.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[random.choice(("x", "", "bus", "number", "\u00e9"))] = json.loads(
            random.choice(ODDITIES)
        )
    elif kind == 2 and isinstance(container, list):
        container.append(json.loads(json.dumps(container[key])))
    else:
        container[key] = json.loads(random.choice(ODDITIES))


def test_fuzz_only_config_errors_come_out():
    seeded()
    taken = refused = 0
    for _ in range(1500):
        data = good()
        for _ in range(random.randrange(1, 4)):
            if data:
                mutate(data)
        text = json.dumps(data)
        if random.randrange(4) == 0:  # damage the text itself
            at = random.randrange(len(text))
            text = text[:at] + random.choice('{}[]",:0x\\\u00e9') + text[at + 1 :]
        try:
            config.parse(text)
            taken += 1
        except ConfigError as error:
            refused += 1
            assert str(error)
        except Exception:
            print(text)
            raise
    print("taken", taken, "refused", refused)
    assert taken
    assert refused > 1000


# --- Pulse inputs -----------------------------------------------------------------------------


def with_pulses(**fields):
    data = good()
    one = {"number": 201, "input": 1, "item": "energy.forward.total", "constant": 1000}
    one.update(fields)
    data["pulses"] = {"inputs": [one]}
    return data


def test_pulse_inputs_have_defaults():
    assert read(good()).pulses is None
    pulses = read(with_pulses()).pulses
    assert pulses.save_every == 300
    one = pulses.inputs[0]
    assert (one.number, one.input, one.constant) == (201, 1, 1000)
    assert (one.start, one.width_ms, one.max_rate) == (0, 20, 100)


def test_every_field_of_a_pulse_input_is_checked():
    for name, bad in (
        ("number", (0, 256, "1", None, True)),
        ("input", (0, 9, 1.0)),
        ("item", ("", "energy total", 5)),
        ("constant", (0, 1000001, 0.5)),
        ("start", (-1, 1000000000)),
        ("width_ms", (0, 1001)),
        ("max_rate", (0, 100001)),
    ):
        for value in bad:
            text = refusal(with_pulses(**{name: value}))
            assert "pulses.inputs[0].%s is" % name in text, text
    assert "pulses.inputs[0].baud is not known" in refusal(with_pulses(baud=1))
    data = with_pulses()
    data["pulses"]["save_every"] = 5
    assert "pulses.save_every is 5; use a whole number from 10 to 3600 (seconds)" in refusal(data)


def test_a_pulse_input_has_a_number_and_an_input_of_its_own():
    text = refusal(with_pulses(number=2))
    assert "pulses.inputs[0].number is 2, which meters[1] has already" in text
    data = with_pulses()
    data["pulses"]["inputs"].append(dict(data["pulses"]["inputs"][0], number=202))
    text = refusal(data)
    assert "pulses.inputs[1].input is 1, which pulses.inputs[0] has already" in text
    data["pulses"]["inputs"][1].update(number=201, input=2)
    assert "inputs[1].number is 201, which pulses.inputs[0] has already" in refusal(data)


def test_a_pulse_input_counts_what_a_task_reads():
    text = refusal(with_pulses(item="energy.reverse.total"))
    assert 'pulses.inputs[0].item is "energy.reverse.total", which no task reads' in text
    data = with_pulses()
    for task in data["tasks"]:
        task["meters"] = [1]
    assert "which no task reads" in refusal(data)
    data["tasks"][1]["meters"] = [201]
    read(data)


def test_an_item_of_pulse_inputs_needs_no_identifier():
    data = with_pulses(item="volume.total")
    data["items"] = [{"name": "volume.total", "scale": -3, "unit": "m3"}]
    data["tasks"].append({"name": "water", "items": ["volume.total"], "every": 900})
    config = read(data)
    catalogue = config.catalogue
    assert (catalogue.scale("volume.total"), catalogue.unit("volume.total")) == (-3, "m3")
    for protocol in items.EDITIONS:  # no meter on a bus has it
        assert catalogue.place("volume.total", items.EDITIONS[protocol]) is None
    data["pulses"]["inputs"][0]["item"] = "energy.forward.total"
    assert "items[0].identifier is missing, and no pulse input counts" in refusal(data)
