"""What simulated DL/T 645-2007 meters do when they are told to change."""

import random
from datetime import datetime, timedelta

import pytest
from meter_questions import (
    ADDRESS,
    NOW,
    OPERATOR,
    PASSWORD,
    READ,
    ask,
    numbers,
    read,
    say,
    wire,
    word,
    write,
)

from host_tools.meter_simulator import Meter, encode

WILDCARD, BROADCAST = "A" * 12, "9" * 12
SET_TIME, READ_ADDRESS, WRITE, WRITE_ADDRESS, FREEZE = 0x08, 0x13, 0x14, 0x15, 0x16
BAUD, CHANGE_PASSWORD, CLEAR_DEMAND, CLEAR_METER, CLEAR_EVENTS = 0x17, 0x18, 0x19, 0x1A, 0x1B
CONTROL, OUTPUT, SECURITY = 0x1C, 0x1D, 0x03
RIGHTS = PASSWORD + OPERATOR
TOMORROW = wire("251125161000")
LOCAL_NOW = datetime(2025, 11, 24, 16, 10)


@pytest.fixture
def meter() -> Meter:
    made = Meter(ADDRESS, model="single-phase-prepaid")
    made.works.access.programming_key = True
    return made


def clock_of(meter: Meter, at: float = NOW) -> datetime:
    raw = read(meter, "0400010C", at)
    return datetime.strptime(raw[:2:-1].hex()[:6] + raw[2::-1].hex(), "%y%m%d%H%M%S")


def relay(meter: Meter, command: int, option: int = 0, at: float = NOW) -> tuple[int, bytes]:
    deadline = wire((datetime(2025, 11, 24, 16, 10) + timedelta(days=3)).strftime("%y%m%d%H%M%S"))
    return say(meter, CONTROL, RIGHTS + bytes([command, option]) + deadline, at)


# Addresses


def test_the_address_is_told_to_the_wildcard_and_nothing_to_the_broadcast(meter: Meter) -> None:
    answer = ask(meter, READ_ADDRESS, address=WILDCARD)
    assert answer is not None
    assert (answer.frame.address, answer.frame.data) == (ADDRESS, wire(ADDRESS))
    assert ask(meter, READ_ADDRESS, address=BROADCAST) is None
    assert ask(meter, READ, wire("00010000"), address=BROADCAST) is None


def test_a_short_address_is_one_with_aa_from_the_top_only() -> None:
    meter = Meter("120000003456")
    known = ("A" * 8 + "3456", "A" * 10 + "56", WILDCARD)
    foreign = ("A" * 8 + "3457", "1200000034AA", "12AA00003456", "A" * 11 + "6")
    for address in known:
        answer = ask(meter, READ, wire("00010000"), address=address)
        assert answer is not None
        assert answer.frame.address == "120000003456"
    for address in foreign:
        assert ask(meter, READ, wire("00010000"), address=address) is None


@pytest.mark.parametrize(
    "control",
    [
        WRITE,
        FREEZE,
        BAUD,
        CHANGE_PASSWORD,
        CLEAR_DEMAND,
        CLEAR_METER,
        CLEAR_EVENTS,
        CONTROL,
        OUTPUT,
    ],
)
def test_what_changes_one_meter_is_ignored_at_the_wildcard(meter: Meter, control: int) -> None:
    for size in (1, 4, 8, 12, 16):
        assert ask(meter, control, bytes(size), address=WILDCARD) is None


def test_a_new_address_is_taken_with_the_key_pressed_and_answered_from(meter: Meter) -> None:
    new = "000000000777"
    answer = ask(meter, WRITE_ADDRESS, wire(new), address=WILDCARD)
    assert answer is not None
    assert (answer.frame.address, answer.frame.control, answer.frame.data) == (new, 0x95, b"")
    assert ask(meter, READ, wire("00010000"), address=ADDRESS) is None
    meter.works.access.programming_key = False
    assert ask(meter, WRITE_ADDRESS, wire(ADDRESS), address=WILDCARD) is None
    assert meter.address == new


def test_functions_of_the_other_edition_and_of_vendors_get_silence(meter: Meter) -> None:
    for control in (0x01, 0x02, 0x04, 0x09, 0x0A, 0x0C, 0x0F, 0x10, 0x1E, 0x1F):
        assert ask(meter, control, wire("9010")) is None


# Writes and passwords


def test_a_write_needs_password_key_known_item_right_size_and_digits(meter: Meter) -> None:
    refused = 0xD4
    assert write(meter, "04000103", "30") == (0x94, b"")
    assert read(meter, "04000103") == b"\x30"
    assert write(meter, "00010000", "00000000") == (refused, b"\x02")
    assert write(meter, "04000409", "001600") == (refused, b"\x02")
    assert write(meter, "04000103", "0030") == (refused, b"\x01")
    assert write(meter, "04000103", "3A") == (refused, b"\x01")
    assert write(meter, "04000103", "99") == (refused, b"\x01")
    assert write(meter, "04000201", "15") == (refused, b"\x10")
    assert write(meter, "04000203", "15") == (refused, b"\x20")
    assert write(meter, "04000204", "64") == (refused, b"\x40")
    wrong = b"\x02\x99\0\0" + OPERATOR
    assert say(meter, WRITE, wire("04000103") + wrong + b"\x15") == (refused, b"\x04")
    for level in (5, 0x98, 0x99):
        rights = bytes([level, 0, 0, 0]) + OPERATOR
        assert say(meter, WRITE, wire("04000103") + rights + b"\x15") == (refused, b"\x04")
    assert say(meter, WRITE, wire("04000103") + RIGHTS + bytes(39)) == (refused, b"\x01")
    meter.works.access.programming_key = False
    assert write(meter, "04000103", "15") == (refused, b"\x04")
    assert read(meter, "04000103") == b"\x30"
    assert word(meter, 3) & 8 == 0


def test_a_table_of_slots_is_as_long_as_it_was_written(meter: Meter) -> None:
    slots = "210003080001000002"
    assert write(meter, "04010001", slots) == (0x94, b"")
    assert read(meter, "04010001") == wire(slots)
    assert write(meter, "04010001", slots + "00") == (0xD4, b"\x01")
    assert read(meter, "03300501")[10:12] == b"\x04\x00"


def test_a_password_is_changed_by_its_own_or_a_better_one(meter: Meter) -> None:
    new = b"\x04\x12\x34\x56"
    assert say(meter, CHANGE_PASSWORD, wire("04000C05") + b"\x04\0\0\0" + new) == (0x98, new)
    old = say(meter, CHANGE_PASSWORD, wire("04000C05") + b"\x04\0\0\0" + new)
    assert old == (0xD8, b"\x04")
    mixed = say(meter, CHANGE_PASSWORD, wire("04000C03") + new + b"\x02\x11\x11\x11")
    assert mixed == (0xD8, b"\x04")
    assert say(meter, CHANGE_PASSWORD, wire("04000C0B") + new + new) == (0xD8, b"\x02")
    request = wire("04000103") + b"\x04\0\0\0" + OPERATOR + b"\x15"
    assert say(meter, WRITE, request) == (0xD4, b"\x04")
    assert say(meter, WRITE, request[:4] + new + request[8:]) == (0x94, b"")
    assert say(meter, READ, wire("04000C05")) == (0xD1, b"\x02")


# Time


def broadcast(meter: Meter, told: datetime, at: float = NOW) -> None:
    assert ask(meter, SET_TIME, wire(told.strftime("%y%m%d%H%M%S")), at, BROADCAST) is None


def test_a_broadcast_moves_the_clock_by_five_minutes_at_most_once_a_day(meter: Meter) -> None:
    broadcast(meter, LOCAL_NOW + timedelta(seconds=301))
    assert clock_of(meter) == LOCAL_NOW
    broadcast(meter, LOCAL_NOW + timedelta(seconds=299))
    assert clock_of(meter) == LOCAL_NOW + timedelta(seconds=299)
    broadcast(meter, LOCAL_NOW)
    assert clock_of(meter) == LOCAL_NOW + timedelta(seconds=299)
    broadcast(meter, LOCAL_NOW + timedelta(days=1), NOW + 86400)
    assert clock_of(meter, NOW + 86400) == LOCAL_NOW + timedelta(days=1)


@pytest.mark.parametrize(("hour", "minute"), [(0, 4), (23, 55), (7, 55), (8, 5)])
def test_a_broadcast_near_midnight_or_a_settlement_is_ignored(
    meter: Meter, hour: int, minute: int
) -> None:
    meter.set("04000B02", "2408")
    local = datetime(2025, 11, 24, hour, minute)
    at = NOW + (local - LOCAL_NOW).total_seconds()
    broadcast(meter, local + timedelta(seconds=30), at)
    assert clock_of(meter, at) == local


def test_a_broadcast_at_the_hour_of_a_settlement_of_another_day_is_heeded(meter: Meter) -> None:
    meter.set("04000B02", "1516")
    at, local = NOW - 480, LOCAL_NOW - timedelta(minutes=8)  # 16:02
    broadcast(meter, local + timedelta(seconds=30), at)
    assert clock_of(meter, at) == local + timedelta(seconds=30)


def test_a_time_that_is_none_is_ignored(meter: Meter) -> None:
    for nonsense in ("251124161099", "25112416100A", "2511241610"):
        assert ask(meter, SET_TIME, wire(nonsense), address=BROADCAST) is None
    assert clock_of(meter) == LOCAL_NOW


def test_the_clock_is_written_and_both_times_are_recorded(meter: Meter) -> None:
    assert write(meter, "04000102", "180000") == (0x94, b"")
    assert clock_of(meter) == datetime(2025, 11, 24, 18, 0)
    assert write(meter, "04000101", "26010104") == (0x94, b"")
    assert clock_of(meter) == datetime(2026, 1, 1, 18, 0)
    assert write(meter, "0400010C", "25112401161000") == (0x94, b"")
    assert clock_of(meter) == LOCAL_NOW
    assert write(meter, "04000102", "250000") == (0xD4, b"\x01")
    assert read(meter, "03300403") == OPERATOR + wire("251124161000") + wire("251124180000")


def test_what_was_frozen_stays_when_the_clock_is_set(meter: Meter) -> None:
    frozen = read(meter, "05060101")
    write(meter, "04000102", "180000")
    assert read(meter, "05060101") == frozen
    assert read(meter, "05040001") == wire("2511241800")


# Clears


@pytest.mark.parametrize("control", [CLEAR_DEMAND, CLEAR_METER, CLEAR_EVENTS])
def test_a_clear_needs_the_password_of_level_2(meter: Meter, control: int) -> None:
    further = wire("FFFFFFFF") if control == CLEAR_EVENTS else b""
    for password in (b"\x04\0\0\0", b"\x02\0\0\x01", b"\x98\0\0\0"):
        answer = say(meter, control, password + OPERATOR + further)
        assert answer == (control | 0xC0, b"\x04")
    assert say(meter, control, RIGHTS[:-1] + further) == (control | 0xC0, b"\x01")
    assert say(meter, control, RIGHTS + further) == (control | 0x80, b"")


def test_a_demand_clear_begins_demand_anew_and_keeps_what_it_was(meter: Meter) -> None:
    demand = read(meter, "01010000")
    month_before = read(meter, "01010001")
    say(meter, CLEAR_DEMAND, RIGHTS)
    assert read(meter, "01010000") == bytes(8)
    assert read(meter, "01010001") == month_before
    assert read(meter, "03300201")[10:18] == demand
    hour_later = numbers(read(meter, "01010000", NOW + 3600)[:3], 3)[0]
    assert 0 < hour_later < numbers(demand[:3], 3)[0]


def test_a_meter_clear_begins_everything_anew_and_keeps_what_it_was(meter: Meter) -> None:
    energy = read(meter, "00010000")
    say(meter, CLEAR_METER, RIGHTS)
    assert read(meter, "0001FF00") == bytes(20)
    assert read(meter, "00010001") == bytes(4)
    assert say(meter, READ, wire("05060101")) == (0xD1, b"\x02")
    assert read(meter, "03020000") == bytes(18)
    assert numbers(read(meter, "03300100"), 3) == [1]
    assert read(meter, "03300101")[10:14] == energy
    day_later = NOW + 86400
    again = numbers(read(meter, "0001FF00", day_later), 4)
    assert 100 < again[0] < 4000
    assert again[0] == sum(again[1:])


def test_an_event_clear_forgets_one_kind_or_all_and_is_recorded(meter: Meter) -> None:
    write(meter, "04000302", "07")
    assert numbers(read(meter, "03030000"), 3)[0] > 0
    assert say(meter, CLEAR_EVENTS, RIGHTS + wire("033000FF")) == (0x9B, b"")
    assert read(meter, "03300000") == bytes(3)
    assert numbers(read(meter, "03030000"), 3)[0] > 0
    assert say(meter, CLEAR_EVENTS, RIGHTS + wire("FFFFFFFF")) == (0x9B, b"")
    assert read(meter, "03030000") == bytes(18)
    assert numbers(read(meter, "03300300"), 3) == [2]
    assert read(meter, "03300302")[-4:] == wire("033000FF")
    for unknown in ("03300000", "033300FF", "033003FF", "000100FF"):
        assert say(meter, CLEAR_EVENTS, RIGHTS + wire(unknown)) == (0xDB, b"\x02")


# Relay


def test_a_trip_cuts_the_load_and_a_close_gives_it_back(meter: Meter) -> None:
    assert relay(meter, 0x1A) == (0x9C, b"")
    assert word(meter, 3) & 0x50 == 0x50
    assert numbers(read(meter, "02030000"), 3) == [0]
    off = read(meter, "0001FF00")
    assert read(meter, "0001FF00", NOW + 7200) == off
    assert relay(meter, 0x1C, at=NOW + 7200) == (0x9C, b"")
    assert word(meter, 3, NOW + 7200) & 0x50 == 0
    assert numbers(read(meter, "0001FF00", NOW + 14400), 4) > numbers(off, 4)
    assert numbers(read(meter, "1D000001"), 3) == numbers(read(meter, "1E000001"), 3) == [1]
    trip = read(meter, "1D000101", NOW + 7200)
    assert (len(trip), trip[:10]) == (34, wire("251124161000") + OPERATOR)
    assert trip[10:14] == off[:4]
    powers = [numbers(read(meter, "02030000", NOW + after), 3)[0] for after in (-60, 60, 7260)]
    assert [power > 0 for power in powers] == [True, False, True]


def test_close_allowed_waits_for_the_button(meter: Meter) -> None:
    relay(meter, 0x1A)
    assert relay(meter, 0x1B) == (0x9C, b"")
    assert word(meter, 3) & 0x50 == 0x10
    meter.works.relay.press_button(NOW + 60)
    assert word(meter, 3, NOW + 60) & 0x50 == 0


def test_a_trip_with_a_pause_closes_by_itself(meter: Meter) -> None:
    assert relay(meter, 0x1D, 2) == (0x9C, b"")
    assert word(meter, 3, NOW + 599) & 0x10
    assert not word(meter, 3, NOW + 601) & 0x10
    closed = read(meter, "1E000101", NOW + 601)
    assert closed[:10] == wire("251124162000") + bytes(4)


def test_keeping_the_power_forbids_trips_and_the_alarm_is_in_the_status(meter: Meter) -> None:
    assert relay(meter, 0x3A) == (0x9C, b"")
    assert relay(meter, 0x1A) == (0xDC, b"\x01")
    assert relay(meter, 0x3B) == (0x9C, b"")
    assert relay(meter, 0x1A) == (0x9C, b"")
    assert relay(meter, 0x2A) == (0x9C, b"")
    assert word(meter, 3) & 0x80
    assert relay(meter, 0x2B) == (0x9C, b"")
    assert not word(meter, 3) & 0x80
    assert relay(meter, 0x77) == (0xDC, b"\x01")


def test_a_relay_command_is_refused_after_its_deadline_or_without_the_password(
    meter: Meter,
) -> None:
    trip = RIGHTS + b"\x1a\0"
    for deadline in (wire("251124160959"), bytes(6), b"\xff" * 6):
        assert say(meter, CONTROL, trip + deadline) == (0xDC, b"\x04")
    for password in (b"\x02\0\0\x01", b"\x98\0\0\0", b"\x99\0\0\0"):
        answer = say(meter, CONTROL, password + OPERATOR + b"\x1a\0" + TOMORROW)
        assert answer == (0xDC, b"\x04")
    ciphered = b"\x98\0\0\0" + OPERATOR + bytes(20)
    assert say(meter, CONTROL, ciphered) == (0xDC, b"\x04")
    assert word(meter, 3) & 0x50 == 0
    meter.faults.long_control_errors = True
    assert say(meter, CONTROL, ciphered) == (0xDC, b"\x04\0")
    assert say(Meter(ADDRESS), CONTROL, trip + TOMORROW) == (0xDC, b"\x01")


# The rest


def test_a_new_speed_is_confirmed_with_its_word_and_an_unknown_one_refused(meter: Meter) -> None:
    for one_hot, speed in ((2, 600), (4, 1200), (8, 2400), (16, 4800), (32, 9600), (64, 19200)):
        answer = ask(meter, BAUD, bytes([one_hot]))
        assert answer is not None
        assert (answer.frame.control, answer.frame.data) == (0x97, bytes([one_hot]))
        assert answer.new_baud == speed
    for unknown in (b"\x01", b"\x80", b"\x06", b"\xd5", b"", b"\x08\x08"):
        assert say(meter, BAUD, unknown) == (0xD7, b"\x08")


def test_the_output_is_switched(meter: Meter) -> None:
    assert say(meter, OUTPUT, b"\x02") == (0x9D, b"\x02")
    assert meter.works.output == 2
    for unknown in (b"\x03", b"", b"\x01\x01"):
        assert say(meter, OUTPUT, unknown) == (0xDD, b"\x01")


def test_security_frames_are_refused_since_there_is_no_security_module(meter: Meter) -> None:
    identity = wire("070000FF") + OPERATOR + bytes(24)
    assert say(meter, SECURITY, identity) == (0xC3, b"\x04\0")
    assert say(meter, SECURITY, wire("070102FF") + OPERATOR + bytes(8)) == (0xC3, b"\x08\0")
    assert say(meter, SECURITY, wire("000100FF") + OPERATOR) == (0xC3, b"\x01\0")


@pytest.mark.parametrize("model", ["single-phase-prepaid", "three-phase-1997"])
def test_no_request_is_too_strange_for_a_meter(model: str) -> None:
    draw = random.Random(645)
    meter = Meter(ADDRESS, model=model)
    meter.works.access.programming_key = True
    classes = (0, 1, 2, 3, 4, 5, 6, 0x1D, 0x90, 0xA0, 0xB0, 0xB2, 0xB3, 0xB6, 0xC0, 0xC3)
    edges = (0, 1, 2, 4, 0x0A, 0x10, 0x80, 0x99, 0xFF)
    for _ in range(4000):
        low = bytes(draw.choice((draw.randrange(256), *edges)) for _ in range(3))
        identifier = bytes([*low, draw.choice(classes)])
        if model.endswith("1997"):
            identifier = identifier[2:]
        further = draw.choice((b"", RIGHTS, PASSWORD)) + draw.randbytes(draw.choice((0, 1, 4, 6)))
        control = draw.choice((draw.randrange(0x20), 0x11, 0x01))
        at = NOW + draw.uniform(-1e8, 1e8)
        answer = ask(
            meter, control, identifier + further, at, draw.choice((meter.address, WILDCARD))
        )
        if answer is not None:
            assert len(encode(answer.frame)) <= 212
