# Requests beside readings: the bytes that are sent, and all that is refused before a byte is.
# Run by MicroPython, from the root of the repository.

import binascii
import json

import dlt645
from concentrator.protocols import dlt645_requests as requests
from concentrator.protocols.dlt645_arguments import BROADCAST, WILDCARD, Access
from concentrator.protocols.dlt645_commands import CommandTransaction
from fakes import raises

METER = "123456789012"
FILLED = "AAAAAA789012"  # of 1997
RIGHTS = b"\x02\x11\x22\x33\x44\x55\x66\x77"
ACCESS = Access(2, b"\x11\x22\x33", b"\x44\x55\x66\x77")
SECRETS = ("112233", "\\x11\\x22", "44556677", "17, 34, 51", '\x11"3')
EVE = (2028, 12, 31, 23, 59, 58)

with open("tests/data/dlt645_vectors.json") as _file:
    VECTORS = {v["id"]: v for v in json.load(_file)}


def sent(request):
    # (address, control, data) as they go over the wire.
    transaction = CommandTransaction(4)
    transaction.prepare(request)
    wire = bytes(transaction.request)
    assert len(wire) == transaction.request_size
    assert wire[:5] == b"\xfe\xfe\xfe\xfe\x68"
    return dlt645.parse(wire)


def hexed(text):
    return binascii.unhexlify(text.replace(" ", ""))


# Requests that only the 2007 edition has, but for their first argument and the edition.
ONLY_2007 = {
    "read_address": (),
    "freeze": (),
    "clear_meter": (ACCESS,),
    "clear_events": (ACCESS,),
    "switch_relay": (ACCESS, "trip", EVE),
    "set_output": ("demand",),
    "pass_security": (0x03, hexed("ff000007 44556677")),
}
BOTH = {
    "write": (0xC010, b"\x01", ACCESS),
    "change_speed": (1200,),
    "change_password": (ACCESS, ACCESS),
    "clear_demand": (ACCESS,),
}


# --- Bytes that are sent ------------------------------------------------------------------------


def test_requests_of_real_masters_are_made_byte_by_byte():
    made = {
        "v067": requests.switch_relay(
            "151230011061",
            Access(2, b"\x37\x06\x02", b"\x01\0\0\0"),
            "allow",
            (2099, 12, 30, 0, 0, 0),
        ),
        "v069": requests.switch_relay(
            "201910280004", Access(2, b"\0\0\0", b"1111"), "close", (2099, 1, 1, 1, 1, 1)
        ),
        "v072": requests.change_speed("201901120001", 2400),
    }
    for name, request in made.items():
        v = VECTORS[name]
        frame = binascii.unhexlify(v["frame_hex"])[v["frame_offset"] :]
        transaction = CommandTransaction(0)
        transaction.prepare(request)
        assert bytes(transaction.request) == frame, name
    # v093 is sent to everybody, which we do not do; the data are what one meter gets.
    date = requests.write(METER, 0xC010, hexed("06060719"), Access(0, b"\0\0\0"), 1997)
    assert sent(date) == (METER, 0x04, binascii.unhexlify(VECTORS["v093"]["data_hex"]))
    # v065 and v066 have a deadline of zeros: the meter would refuse it, and so do we.
    for name in ("v065", "v066"):
        assert VECTORS[name]["data_hex"].endswith("000000000000")
    zeros = (2000, 0, 0, 0, 0, 0)
    raises(ValueError, requests.switch_relay, METER, ACCESS, "trip", zeros)


def test_every_request_of_2007_has_its_layout():
    rights = "02112233 44556677"
    new = Access(4, b"\xaa\xbb\xcc")
    for request, control, data in (
        (requests.write(METER, 0x04000103, b"\x30", ACCESS), 0x14, "03010004" + rights + "30"),
        (requests.change_password(METER, ACCESS, new), 0x18, "050c0004 02112233 04aabbcc"),
        (requests.clear_demand(METER, ACCESS), 0x19, rights),
        (requests.clear_meter(METER, ACCESS), 0x1A, rights),
        (requests.clear_events(METER, ACCESS), 0x1B, rights + "ffffffff"),
        (requests.clear_events(METER, ACCESS, 0x033000FF), 0x1B, rights + "ff003003"),
        (requests.set_output(METER, "second"), 0x1D, "00"),
        (requests.set_output(METER, "demand"), 0x1D, "01"),
        (requests.set_output(METER, "rate"), 0x1D, "02"),
        (requests.set_time(EVE, METER), 0x08, "585923311228"),
        (requests.freeze(METER), 0x16, "99999999"),
        (requests.freeze(METER, 5), 0x16, "05999999"),
        (requests.freeze(METER, 5, 23), 0x16, "05239999"),
        (requests.freeze(METER, 5, 23, 28), 0x16, "05232899"),
    ):
        assert sent(request) == (METER, control, hexed(data)), control
        assert not request.repeatable, control
    assert sent(requests.set_time(EVE)) == (BROADCAST, 0x08, hexed("585923311228"))
    assert sent(requests.read_address()) == (WILDCARD, 0x13, b"")
    assert sent(requests.read_address(METER)) == (METER, 0x13, b"")
    address = requests.write_address(WILDCARD, METER)
    assert sent(address) == (WILDCARD, 0x15, hexed("129078563412"))


def test_every_action_of_the_relay_has_its_byte_and_its_pause():
    actions = {
        "trip": "1a00",
        "allow": "1b00",
        "close": "1c00",
        "trip-close": "1d02",
        "trip-allow": "1eff",
        "alarm": "2a00",
        "alarm-off": "2b00",
        "keep": "3a00",
        "keep-off": "3b00",
    }
    assert set(actions) == set(requests.RELAY_ACTIONS)
    pauses = {"trip-close": 10, "trip-allow": 1275}
    for action, command in actions.items():
        request = requests.switch_relay(METER, ACCESS, action, EVE, pauses.get(action, 0))
        data = RIGHTS + hexed(command) + hexed("585923311228")
        assert sent(request) == (METER, 0x1C, data), action


def test_every_request_of_1997_has_its_layout_and_no_operator_code():
    new = Access(1, b"\xaa\xbb\xcc")
    for request, control, data in (
        (requests.write(FILLED, 0xC010, b"\x06", ACCESS, 1997), 0x04, "10c0 02112233 06"),
        (requests.write_address(FILLED, METER, 1997), 0x0A, "129078563412"),
        (requests.change_password(FILLED, ACCESS, new, 1997), 0x0F, "02112233 01aabbcc"),
        (requests.clear_demand(FILLED, ACCESS, 1997), 0x10, "02112233"),
        (requests.set_time(EVE, FILLED, 1997), 0x08, "585923311228"),
    ):
        assert sent(request) == (FILLED, control, hexed(data)), control
    assert sent(requests.write_address(METER, FILLED, 1997))[2] == hexed("129078aaaaaa")


def test_the_word_for_a_speed_differs_between_the_editions():
    words = {2007: {600: 2, 1200: 4, 2400: 8, 4800: 16, 9600: 32, 19200: 64}}
    words[1997] = {300: 2, 600: 4, 1200: 8, 2400: 16, 4800: 32, 9600: 64}
    controls = {2007: 0x17, 1997: 0x0C}
    for edition, of_edition in words.items():
        for speed, word in of_edition.items():
            request = requests.change_speed(METER, speed, edition)
            assert sent(request) == (METER, controls[edition], bytes([word])), speed
    message = raises(ValueError, requests.change_speed, METER, 19200, 1997)
    assert message == "the speed is not one of 300, 600, 1200, 2400, 4800, 9600 bit/s"
    for wrong in (300, 8, 0, None, "2400", 115200):
        raises(ValueError, requests.change_speed, METER, wrong)


def test_frames_are_passed_on_as_they_are():
    anything = bytes(range(200))
    assert sent(requests.pass_frame(METER, 0x1E, anything)) == (METER, 0x1E, anything)
    assert sent(requests.pass_frame(WILDCARD, 0x11, b"1234")) == (WILDCARD, 0x11, b"1234")
    assert sent(requests.pass_frame(FILLED, 0x04, b"1", 1997)) == (FILLED, 0x04, b"1")
    enciphered = b"\x98\0\0\0" + b"1234" + bytes(20)
    signed = hexed("03010004 99000000 44556677") + bytes(5)
    identity = hexed("ff000007 44556677") + bytes(24)
    for control, data in ((0x1C, enciphered), (0x14, signed), (0x03, identity)):
        assert sent(requests.pass_security(METER, control, data)) == (METER, control, data)


# --- What is refused before a byte is sent ------------------------------------------------------


def test_what_1997_has_not_is_said():
    for name, arguments in ONLY_2007.items():
        message = raises(ValueError, getattr(requests, name), METER, *arguments, edition=1997)
        assert message.startswith("DL/T 645-1997 has no request for "), message


def test_what_changes_a_meter_goes_to_one_meter_only():
    for functions in (ONLY_2007, BOTH):
        for name, arguments in functions.items():
            request = getattr(requests, name)(METER, *arguments)
            assert request.address == METER and request.answered
            wrong = ["AAAAAA789012", "12345678901", "1234567890123", "12345678901F", "", None]
            wrong += [123456789012, b"123456789012", "12345678901a", " 23456789012"]
            if name != "read_address":
                wrong.append(WILDCARD)
            if name != "freeze":
                wrong.append(BROADCAST)
            for address in wrong:
                message = raises(ValueError, getattr(requests, name), address, *arguments)
                assert message.startswith("the address is not one meter's"), message
    for name, arguments in BOTH.items():
        for address in (WILDCARD, BROADCAST, "789012AAAAAA", "12345678901A"):
            raises(ValueError, getattr(requests, name), address, *arguments, edition=1997)
    for address in (WILDCARD, "AAAAAA789012", "", None):
        raises(ValueError, requests.freeze, address)
        raises(ValueError, requests.set_time, EVE, address)
    for edition in (2008, 0, None, "2007"):
        for name, arguments in BOTH.items():
            raises(ValueError, getattr(requests, name), METER, *arguments, edition=edition)
        raises(ValueError, requests.set_time, EVE, BROADCAST, edition)


def test_nobody_answers_what_everybody_hears():
    for request in (
        requests.set_time(EVE),
        requests.set_time(EVE, METER),
        requests.freeze(BROADCAST),
        requests.pass_frame(BROADCAST, 0x16, b"\x99\x99\x99\x99"),
        requests.pass_frame(METER, 0x08, bytes(6)),
    ):
        assert not request.answered and not request.repeatable


def test_a_new_address_is_one_meters_and_told_where_it_is_heard():
    for address in (METER, BROADCAST, "AAAAAA789012"):
        message = raises(ValueError, requests.write_address, address, METER)
        assert message == "a new address is only heard at AAAAAAAAAAAA, alone on the line"
    for new in (WILDCARD, BROADCAST, FILLED, "12", None):
        raises(ValueError, requests.write_address, WILDCARD, new)
    for old in (WILDCARD, BROADCAST):
        raises(ValueError, requests.write_address, old, METER, 1997)
    assert requests.write_address(WILDCARD, METER).answerer == METER


def test_times_that_are_none_are_refused():
    for wrong in (
        (1999, 1, 1, 0, 0, 0),
        (2100, 1, 1, 0, 0, 0),
        (2026, 0, 1, 0, 0, 0),
        (2026, 13, 1, 0, 0, 0),
        (2026, 1, 0, 0, 0, 0),
        (2026, 2, 29, 0, 0, 0),
        (2028, 2, 30, 0, 0, 0),
        (2026, 4, 31, 0, 0, 0),
        (2026, 1, 32, 0, 0, 0),
        (2026, 1, 1, 24, 0, 0),
        (2026, 1, 1, 0, 60, 0),
        (2026, 1, 1, 0, 0, 60),
        (2026, 1, 1, 0, 0, -1),
        (2026, 1, 1, 0, 0),
        (2026, 1, 1, 0, 0, 1.5),
        "260101000000",
        1764000600,
        None,
    ):
        message = raises(ValueError, requests.set_time, wrong)
        assert message.startswith("the time is no year"), message
        message = raises(ValueError, requests.switch_relay, METER, ACCESS, "trip", wrong)
        assert message.startswith("the deadline is no year"), message
    assert sent(requests.set_time((2028, 2, 29, 0, 0, 0, 1, 60)))[2] == hexed("000000290228")


def test_freezes_that_cannot_be_are_refused():
    for wrong in ((60,), (-1,), ("5",), (None, 5), (5, 24), (5, None, 1), (5, 5, 29), (5, 5, 0)):
        assert "freeze" in raises(ValueError, requests.freeze, METER, *wrong)


def test_relay_commands_that_cannot_be_are_refused():
    for action in ("open", "", None, 0x1A, "TRIP"):
        message = raises(ValueError, requests.switch_relay, METER, ACCESS, action, EVE)
        assert message.startswith("the relay's action is not one of alarm, alarm-off, allow")
    for pause in (0, 3, -5, 1280, None, 5.0):
        raises(ValueError, requests.switch_relay, METER, ACCESS, "trip-close", EVE, pause)
    message = raises(ValueError, requests.switch_relay, METER, ACCESS, "trip", EVE, 5)
    assert message == "only trip-close and trip-allow have a pause"


def test_data_that_cannot_be_written_is_refused():
    for identifier in (-1, 1 << 32, "04000103", None, 1.0):
        raises(ValueError, requests.write, METER, identifier, b"\x30", ACCESS)
    raises(ValueError, requests.write, METER, 0x10000, b"\x30", ACCESS, 1997)
    for data in (b"", bytes(39), "30", 3, None):
        message = raises(ValueError, requests.write, METER, 0x04000103, data, ACCESS)
        assert message == "data to write is not 1 to 38 bytes"
    assert len(sent(requests.write(METER, 0x04000103, bytes(38), ACCESS))[2]) == 50
    assert len(sent(requests.write(METER, 0xC010, bytes(44), ACCESS, 1997))[2]) == 50
    raises(ValueError, requests.write, METER, 0xC010, bytes(45), ACCESS, 1997)
    for output in ("pulse", 1, None):
        raises(ValueError, requests.set_output, METER, output)
    for identifier in (0x03300000, 0x000100FF, 0x050000FF, -1, 1 << 32, "FFFFFFFF", None):
        raises(ValueError, requests.clear_events, METER, ACCESS, identifier)


def test_frames_that_are_not_passed_on():
    def refused(*arguments):
        return raises(ValueError, requests.pass_frame, *arguments)

    for control in (-1, 0x20, 0x91, 256, None, "11"):
        assert "control code is not one of a master's" in refused(METER, control, b"")
    for address in (BROADCAST, WILDCARD):
        for control in (0x03, 0x14, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E):
            refused(address, control, b"")
    refused(BROADCAST, 0x11, b"1234")
    refused(BROADCAST, 0x16, b"1234", 1997)
    refused(WILDCARD, 0x16, b"1234")
    refused(WILDCARD, 0x04, b"1234", 1997)
    assert "use write_address()" in refused(WILDCARD, 0x15, bytes(6))
    assert "use write_address()" in refused(METER, 0x0A, bytes(6), 1997)
    for data in (bytes(201), "1234", None):
        refused(METER, 0x11, data)


def test_what_no_cipher_protects_is_no_security_frame():
    for control, data in (
        (0x03, hexed("ff000004 44556677")),
        (0x03, hexed("00000007 44556677")),
        (0x03, hexed("ff000007 445566")),
        (0x14, hexed("03010004") + RIGHTS + b"\x30"),
        (0x14, hexed("03010004 98000000 44556677")),
        (0x1C, RIGHTS + bytes(20)),
        (0x1C, b"\x98" + bytes(15)),
        (0x1A, b"\x98" + bytes(7)),
        (0x1C, bytes(201)),
        (0x1C, None),
    ):
        assert "security frame" in raises(ValueError, requests.pass_security, METER, control, data)


# --- Secrets ------------------------------------------------------------------------------------


def test_an_access_is_a_level_three_bytes_and_an_operator_code():
    for wrong in ((10,), (-1,), (None,), ("2",), (0x98,), (1.0,)):
        message = raises(ValueError, Access, wrong[0], b"\x11\x22\x33")
        assert message == "the password's level is not 0 to 9"
    for wrong in (b"\x11\x22", b"\x11\x22\x33\x44", "112233", 112233, None):
        assert raises(ValueError, Access, 2, wrong) == "the password is not 3 bytes"
        message = raises(ValueError, Access, 2, b"\x11\x22\x33", b"" if wrong else wrong)
        assert message == "the operator code is not 4 bytes"


def test_what_is_no_access_opens_nothing_and_is_not_shown():
    secret = "\x02112233"
    for functions in (ONLY_2007, BOTH):
        for name, arguments in functions.items():
            if ACCESS in arguments:
                wrong = [secret if argument is ACCESS else argument for argument in arguments]
                message = raises(TypeError, getattr(requests, name), METER, *wrong)
                assert message.startswith("the access is not an Access"), message
                assert "112233" not in message
    raises(TypeError, requests.change_password, METER, ACCESS, None)


def test_no_password_or_operator_code_shows_in_text_or_messages():
    shown = [repr(ACCESS), str(ACCESS)]
    for functions in (ONLY_2007, BOTH):
        for name, arguments in functions.items():
            request = getattr(requests, name)(METER, *arguments)
            transaction = CommandTransaction(4)
            transaction.prepare(request)
            shown += [repr(request), str(request), repr(transaction)]
            shown.append(raises(ValueError, getattr(requests, name), "12", *arguments))
    shown.append(raises(ValueError, requests.write, METER, 0x04000103, RIGHTS * 5, ACCESS))
    shown.append(raises(ValueError, requests.pass_security, METER, 0x1C, RIGHTS + bytes(9)))
    shown.append(raises(ValueError, Access, 77, b"\x11\x22\x33", b"\x44\x55\x66\x77"))
    for text in shown:
        assert not any(secret in text for secret in SECRETS), text
    assert repr(ACCESS) == "Access(level 2)"
