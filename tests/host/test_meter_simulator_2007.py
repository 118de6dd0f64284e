"""What simulated DL/T 645-2007 meters answer to reads."""

import json
from pathlib import Path

import pytest
from meter_questions import (
    ADDRESS,
    FOLLOW_UP,
    NOW,
    READ,
    ask,
    numbers,
    read,
    say,
    wire,
    write,
)

from host_tools.meter_simulator import FrameScanner, Meter

VECTORS = json.loads((Path(__file__).parents[1] / "data/dlt645_vectors.json").read_text())
SILENCE = None
# What a meter must say to the requests among the real frames: control code and data, or only
# the control code.
ANSWERS = {
    "v004": SILENCE,
    "v005": "91",
    "v006": "91",
    "v007": SILENCE,
    "v024": "91",
    "v026": "D1 02",
    "v065": "DC 04",
    "v066": "DC 04",
    "v067": "9C",
    "v069": "9C",
    "v072": "97 08",
    "v073": "D7 08",
    "v076": "D2 02",
    "v083": "81",
    "v093": "C4 04",
    "v101": SILENCE,
    "v103": "81",
    "v105": "91",
    "v106": "91",
    "v108": "91",
    "v124": SILENCE,
    "v125": SILENCE,
}


def test_every_request_among_the_vectors_has_an_answer_here() -> None:
    requests = {one["id"] for one in VECTORS if one["direction"] != "meter->master"}
    assert requests == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_real_request_is_answered_as_it_should_be(name: str) -> None:
    vector = next(one for one in VECTORS if one["id"] == name)
    digits = vector["addr"].replace("A", "0")
    address = digits if digits != "9" * 12 else ADDRESS
    old = vector["version"] == "1997"
    meter = Meter(address, model="single-phase-1997" if old else "single-phase-prepaid")
    meter.faults.answers_broadcast = old
    if name == "v067":
        meter.works.access.passwords[2] = bytes.fromhex("370602")
    scanner = FrameScanner()
    raw = bytes.fromhex(vector["frame_hex"])
    requests = [frame for frame in scanner.feed(raw) + scanner.expire() if not frame.from_meter]
    answers = [meter.answer(request, NOW) for request in requests]
    said = [one.frame for one in answers if one is not None]
    if ANSWERS[name] is SILENCE:
        assert said == []
        return
    (frame,) = said
    control, _, data = ANSWERS[name].partition(" ")
    assert frame.address == address
    assert frame.control == int(control, 16)
    if data:
        assert frame.data == bytes.fromhex(data)


# Formats


@pytest.mark.parametrize(
    ("di", "value"),
    [
        ("04000404", b"220.0V"[::-1]),
        ("04000407", b"2.0\0"[::-1]),
        ("04000409", bytes.fromhex("001200")),
        ("04000101", bytes.fromhex("01241125")),
        ("04000102", bytes.fromhex("001016")),
        ("0400010C", bytes.fromhex("00101601241125")),
        ("04000401", bytes.fromhex("010000000000")),
        ("02010200", b"\xff\xff"),
        ("02020300", b"\xff\xff\xff"),
    ],
)
def test_an_item_is_encoded_as_the_standard_says(di: str, value: bytes) -> None:
    assert read(Meter(ADDRESS), di) == value


def test_a_negative_value_has_its_sign_in_the_top_bit() -> None:
    meter = Meter(ADDRESS, model="three-phase-solar")
    noon = NOW - NOW % 86400 + 12 * 3600
    (power,) = meter.values("02030000", noon) or ()
    assert isinstance(power, int)
    assert power < 0
    raw = read(meter, "02030000", noon)
    assert raw[2] & 0x80
    assert numbers(raw[:2] + bytes([raw[2] & 0x7F]), 3) == [-power]
    temperature = read(Meter(ADDRESS), "02800007", 1_736_900_000.0)  # in January
    assert temperature[1] & 0x80


@pytest.mark.parametrize(
    ("di", "size"),
    [
        *[
            ("0000FF00", 20),
            ("00010000", 4),
            ("000100FF", 52),
            ("0101FF00", 40),
            ("010500FF", 104),
        ],
        *[("00800000", 4), ("00860000", 4), ("00940000", 4), ("00C20000", 4), ("00460000", 4)],
        *[("0201FF00", 6), ("0202FF00", 9), ("0203FF00", 12), ("0204FF00", 12), ("0205FF00", 12)],
        *[("0206FF00", 8), ("0207FF00", 6), ("0208FF00", 6), ("0209FF00", 6), ("020A01FF", 42)],
        *[("020B0315", 2), ("02800001", 3), ("0280000A", 4), ("040005FF", 14), ("04000403", 32)],
        *[
            ("03010000", 18),
            ("03010101", 131),
            ("03050000", 6),
            ("03050001", 15),
            ("03060001", 12),
        ],
        *[("03070001", 76), ("03090001", 78), ("030B0101", 115), ("030E0101", 76)],
        *[("03070000", 6), ("030F0000", 18), ("03120000", 18), ("03040301", 131)],
        *[("03100000", 27), ("03100201", 27), ("03110000", 3), ("0311000A", 12), ("03120601", 20)],
        *[("03300000", 3), ("03300001", 50), ("03300101", 106), ("03300201", 202)],
        *[("03300301", 14), ("03300401", 16), ("03300601", 94), ("03300701", 11)],
        *[
            ("03300801", 1026),
            ("03300901", 11),
            ("03300C01", 16),
            ("03300D01", 60),
            ("03300E0A", 60),
        ],
    ],
)
def test_an_item_has_the_size_of_the_standard(di: str, size: int) -> None:
    assert len(read(Meter(ADDRESS, model="three-phase"), di)) == size


@pytest.mark.parametrize(
    "di",
    [
        *["00010500", "0001000D", "0001FFFF", "00FF0000", "000B0000", "01000000", "01800000"],
        *["02010000", "02010400", "02800030", "020A0116", "03010401", "0301000B", "03310000"],
        *["04000599", "04000C01", "05080001", "05060B01", "06070000", "07000001", "33343233"],
    ],
)
def test_what_a_meter_does_not_have_is_refused_with_error_02(di: str) -> None:
    assert say(Meter(ADDRESS, model="three-phase"), READ, wire(di)) == (0xD1, b"\x02")


# Follow-up frames


def test_a_long_value_comes_in_follow_up_frames_and_a_lost_one_can_be_had_again() -> None:
    meter = Meter(ADDRESS)
    control, first = say(meter, READ, wire("03300201"))
    assert (control, len(first)) == (0xB1, 200)
    assert say(meter, FOLLOW_UP, wire("03300201") + b"\x02") == (0xD2, b"\x02")
    assert say(meter, FOLLOW_UP, wire("03300101") + b"\x01") == (0xD2, b"\x02")
    last = say(meter, FOLLOW_UP, wire("03300201") + b"\x01")
    assert (last[0], len(last[1])) == (0x92, 4 + 6 + 1)
    assert say(meter, FOLLOW_UP, wire("03300201") + b"\x01") == last
    assert say(meter, FOLLOW_UP, wire("03300201") + b"\x02") == (0xD2, b"\x02")


def test_follow_up_numbers_begin_again_with_1_behind_255() -> None:
    meter = Meter(ADDRESS)
    meter.set("99000001", "00" * 300)
    whole = read(meter, "99000001")
    meter.faults.split_at = 1
    assert read(meter, "99000001") == whole


# Freezes


def test_a_daily_freeze_is_what_the_registers_were_at_midnight() -> None:
    meter = Meter(ADDRESS, utc_offset_s=8 * 3600)
    midnight = 1_763_913_600  # 2025-11-24 00:00 at +08:00; now is 2025-11-25 00:10 there
    assert read(meter, "05060002") == wire("2511240000")
    assert read(meter, "05060001") == wire("2511250000")
    assert read(meter, "05060102") == read(meter, "0001FF00", midnight)
    assert read(meter, "05060502") == read(meter, "0005FF00", midnight)
    assert numbers(read(meter, "0506013E"), 4)[0] < numbers(read(meter, "05060101"), 4)[0]
    assert say(meter, READ, wire("0506013F")) == (0xD1, b"\x02")


def test_an_hourly_freeze_is_kept_for_254_hours() -> None:
    meter = Meter(ADDRESS)
    hour = NOW - NOW % 3600
    assert read(meter, "05040001") == wire("2511241600")
    assert read(meter, "050401FE") == read(meter, "00010000", hour - 253 * 3600)
    assert read(meter, "0504FF01") == b"".join(
        read(meter, di, hour) + b"\xaa" for di in ("05040001", "00010000", "00020000")
    )
    assert say(meter, READ, wire("050400FF")) == (0xD1, b"\x02")


def test_a_freeze_block_has_its_items_in_order_with_and_without_separators() -> None:
    meter = Meter(ADDRESS)
    items = [f"0506{item:02X}01" for item in (*range(0x0B), 0x10)]
    parts = [read(meter, item) for item in items]
    assert [len(part) for part in parts] == [5, *[20] * 8, 40, 40, 24]
    assert read(meter, "0506FF01") == b"".join(part + b"\xaa" for part in parts)
    meter.set("04000902", "FD")  # no reverse energy
    assert say(meter, READ, wire("05060201")) == (0xD1, b"\x02")
    assert read(meter, "0506FF01")[26:29] == b"\xaa\xaa" + parts[3][:1]
    meter.faults.freeze_separators = False
    assert read(meter, "0506FF01") == b"".join(parts[:2] + parts[3:])


def test_a_freeze_command_freezes_now_or_by_a_plan() -> None:
    meter = Meter(ADDRESS)
    freeze = 0x16
    assert say(meter, READ, wire("05010001")) == (0xD1, b"\x02")
    assert say(meter, freeze, b"\x99" * 4) == (0x96, b"")
    later = NOW + 3600
    assert read(meter, "05010101", later) == read(meter, "0001FF00")
    assert ask(meter, freeze, b"\x99" * 4, later, "9" * 12) is None
    assert read(meter, "05010002", later + 1) == wire("2511241610")
    assert say(meter, freeze, bytes.fromhex("30999999")) == (0x96, b"")  # hourly at :30
    assert read(meter, "05000002", NOW + 2 * 3600) == wire("2511241630")
    assert say(meter, freeze, bytes.fromhex("00079999")) == (0x96, b"")  # daily at 07:00
    assert read(meter, "05000101", NOW + 86400) == read(meter, "0001FF00", NOW + 14.8333333 * 3600)
    for nonsense in ("61999999", "00259999", "00002999", "AA000101", "000000"):
        assert say(meter, freeze, bytes.fromhex(nonsense)) == (0xD6, b"\x01")


# Load records


def load_record(meter: Meter, at: float) -> list[bytes]:
    classes = [
        ["0201FF00", "0202FF00", "02800002"],
        ["0203FF00", "0204FF00"],
        ["0206FF00"],
        ["00010000", "00020000", "00030000", "00040000"],
        ["00050000", "00060000", "00070000", "00080000"],
        ["02800004", "02800005"],
    ]
    return [b"".join(read(meter, di, at) for di in dis) for dis in classes]


def test_a_load_record_has_what_was_measured_then_in_the_frame_of_the_standard() -> None:
    meter = Meter(ADDRESS, model="three-phase")
    at = NOW - NOW % 900 - 3600
    record = read(meter, "06000001", more=bytes.fromhex("010015241125"))
    parts = load_record(meter, at)
    assert [len(part) for part in parts] == [17, 24, 8, 16, 16, 6]
    content = wire("2511241500") + b"".join(part + b"\xaa" for part in parts)
    body = b"\xa0\xa0" + bytes([len(content)]) + content
    assert record == body + bytes([sum(body) & 0xFF]) + b"\xe5"
    only_energy = read(meter, "06040001", more=bytes.fromhex("010015241125"))
    assert only_energy[3:8] == wire("2511241500")
    assert only_energy[8:11] == b"\xaa" * 3
    assert only_energy[11:30] == parts[3] + b"\xaa" * 3


def test_load_records_come_as_many_as_asked_for_from_earliest_given_or_latest() -> None:
    meter = Meter(ADDRESS)
    latest = read(meter, "06040002", more=b"\x04")
    assert latest.count(b"\xa0\xa0") == 4
    assert latest[3:8] == wire("2511241515")
    assert latest[-len(latest) // 4 :][3:8] == wire("2511241600")
    earliest = read(meter, "06040000", more=b"\x01")
    assert earliest[3:8] == wire("2509231615")  # 62 days ago
    given = read(meter, "06040001", more=bytes.fromhex("991000241125"))
    assert given[3:8] == wire("2511240015")  # the next whole quarter
    assert given.count(b"\xa0\xa0") == 64  # until now
    for none in ("010000010130", "010000010110"):
        assert say(meter, READ, wire("06040001") + bytes.fromhex(none)) == (0xD1, b"\x02")
    meter.faults.load_none_is_empty = True
    assert say(meter, READ, wire("06040001") + bytes.fromhex(none)) == (0x91, wire("06040001"))


def test_a_class_has_its_own_interval_and_can_be_switched_off() -> None:
    meter = Meter(ADDRESS)
    meter.set("04000A05", "0060")
    at_quarter, at_hour = (bytes.fromhex(time) for time in ("011515241125", "010016241125"))
    assert (
        len(read(meter, "06000001", more=at_hour))
        == len(read(meter, "06000001", more=at_quarter)) + 16
    )
    meter.set("04000901", "08")
    assert len(read(meter, "06000001", more=at_hour)) == 3 + 5 + 16 + 6 + 2


@pytest.mark.parametrize(
    ("checksum", "first"), [("all", 0), ("body", 2), ("data", 3), ("none", None)]
)
def test_load_records_take_the_freedoms_that_meters_take(checksum: str, first: int | None) -> None:
    meter = Meter(ADDRESS)
    meter.faults.load_checksum = checksum
    meter.faults.load_separators = False
    meter.faults.load_bad = True
    record = read(meter, "06000002", more=b"\x01")
    assert record[:2] == b"\xe0\xe0"
    assert record[2] == 5 + 17 + 24 + 8 + 16 + 16 + 6 == len(record) - 5
    assert record[-2] == (0 if first is None else sum(record[first:-2]) & 0xFF)


def test_a_load_curve_has_a_start_points_and_ff_for_what_is_not_recorded_yet() -> None:
    meter = Meter(ADDRESS)
    curve = read(meter, "06100601", more=bytes.fromhex("041515241125"))
    assert curve[:5] == wire("2511241515")
    at = NOW - NOW % 900
    energies = [read(meter, "00010000", at - back * 900) for back in (3, 2, 1, 0)]
    assert curve[5:] == b"".join(energies)
    assert read(meter, "06100101", more=bytes.fromhex("030016241125"))[-4:] == b"\xff" * 4
    assert say(meter, READ, wire("06100901") + bytes.fromhex("010015241125")) == (0xD1, b"\x02")


# Events


def test_an_operation_is_counted_and_recorded_newest_first() -> None:
    meter = Meter(ADDRESS)
    meter.works.access.programming_key = True
    assert read(meter, "03300000") == bytes(3)
    assert read(meter, "03300001") == bytes(50)
    assert write(meter, "04000302", "07") == (0x94, b"")
    assert write(meter, "04000B01", "0200", NOW + 60) == (0x94, b"")
    assert numbers(read(meter, "03300000"), 3) == [2]
    record = read(meter, "03300001")
    assert record[:14] == wire("251124161100") + b"\x11\x22\x33\x44" + wire("04000B01")
    assert read(meter, "03300002")[10:14] == wire("04000302")
    assert read(meter, "03300C01")[10:] == wire("0100") + wire("9999") * 2
    meter.faults.empty_is_ff = True
    assert read(meter, "03300003") == b"\xff" * 50


def test_disturbances_are_counted_with_their_minutes_and_never_seen_by_a_phase_not_there() -> None:
    meter = Meter(ADDRESS)
    counts = numbers(read(meter, "03020000"), 3)
    assert counts[0] > 50
    assert counts[1] > counts[0]
    assert counts[2:] == [0] * 4
    record = read(meter, "03020101")
    start, end = numbers(record[:12], 6)
    assert start < end < 251124161000
    outages = [numbers(read(meter, f"031100{before:02X}"), 6) for before in range(1, 11)]
    assert outages == sorted(outages, reverse=True)
    assert all(start < end for start, end in outages)
