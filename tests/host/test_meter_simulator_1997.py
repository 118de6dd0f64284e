"""What simulated DL/T 645-1997 meters answer."""

import pytest
from meter_questions import ADDRESS, NOW, ask, numbers, say, wire

from host_tools.meter_simulator import Meter

READ, FOLLOW_UP, READ_AGAIN, WRITE, SET_TIME = 0x01, 0x02, 0x03, 0x04, 0x08
WRITE_ADDRESS, BAUD, CHANGE_PASSWORD, CLEAR_DEMAND = 0x0A, 0x0C, 0x0F, 0x10
PASSWORD = b"\x02\0\0\0"
BROADCAST = "9" * 12


@pytest.fixture
def meter() -> Meter:
    made = Meter(ADDRESS, model="three-phase-1997")
    made.works.access.programming_key = True
    return made


def value(meter: Meter, di: str, at: float = NOW) -> bytes:
    control, data = say(meter, READ, wire(di), at)
    assert control == 0x81
    assert data[:2] == wire(di)
    return data[2:]


@pytest.mark.parametrize(
    ("di", "size"),
    [
        *[("9010", 4), ("9014", 4), ("901F", 20), ("902F", 20), ("913F", 20), ("9160", 4)],
        *[("9410", 4), ("9810", 4), ("A010", 3), ("A01F", 15), ("B010", 4), ("B41F", 20)],
        *[("B210", 4), ("B212", 2), ("B214", 3), ("B310", 2), ("B323", 3), ("B333", 4)],
        *[("B611", 2), ("B61F", 6), ("B691", 2), ("B62F", 6), ("B630", 3), ("B63F", 12)],
        *[("B634", 2), ("B64F", 8), ("B65F", 8), ("C010", 4), ("C011", 3), ("C020", 1)],
        *[("C021", 1), ("C022", 1), ("C030", 3), ("C032", 6), ("C111", 1), ("C117", 2)],
        *[("C119", 4), ("C211", 2), ("C313", 1), ("C32E", 3), ("C331", 3), ("C3AE", 3)],
        *[("C41D", 3), ("C41E", 1), ("C510", 4), ("C511", 2)],
    ],
)
def test_an_item_has_the_size_of_the_standard(meter: Meter, di: str, size: int) -> None:
    assert len(value(meter, di)) == size


@pytest.mark.parametrize("di", ["9015", "9070", "9210", "9C10", "B614", "B700", "C01F", "D010"])
def test_what_a_meter_does_not_have_is_refused_with_error_02(meter: Meter, di: str) -> None:
    assert say(meter, READ, wire(di)) == (0xC1, b"\x02")


def test_both_editions_of_a_meter_have_the_same_registers() -> None:
    old, new = Meter(ADDRESS, model="three-phase-1997"), Meter(ADDRESS, model="three-phase")
    for old_di, new_di in (
        *[("901F", "0001FF00"), ("902F", "0002FF00"), ("941F", "0001FF01"), ("911F", "0003FF00")],
        *[("913F", "0005FF00"), ("914F", "0008FF00"), ("915F", "0006FF00"), ("916F", "0007FF00")],
        *[("C010", "04000101"), ("C011", "04000102"), ("C032", "04000402"), ("B630", "02030000")],
    ):
        assert old.values(old_di, NOW) == new.values(new_di, NOW)
    demand = new.values("01010000", NOW) or ()
    assert old.values("A010", NOW) == demand[:1]
    assert old.values("B010", NOW) == (int(str(demand[1])[2:]),)
    volts = [round(int(tenths or 0) / 10) for tenths in new.values("0201FF00", NOW) or ()]
    assert numbers(value(old, "B61F"), 2) == volts


def test_a_request_of_the_other_edition_gets_silence(meter: Meter) -> None:
    for control in (0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x1C):
        assert ask(meter, control, wire("B611")) is None


def test_the_broadcast_is_answered_only_by_meters_that_are_known_to(meter: Meter) -> None:
    assert ask(meter, READ, wire("9010"), address=BROADCAST) is None
    meter.faults.answers_broadcast = True
    answer = ask(meter, READ, wire("9010"), address=BROADCAST)
    assert answer is not None
    assert answer.frame.address == ADDRESS


def test_leading_digits_may_be_a_in_requests_and_in_answers(meter: Meter) -> None:
    for address in ("A" * 12, "AAAAAAAAAAA1", "AAA000000001"):
        assert ask(meter, READ, wire("9010"), address=address) is not None
    assert ask(meter, READ, wire("9010"), address="AAAAAAAAAAA2") is None
    meter.faults.padded_with_a = True
    answer = ask(meter, READ, wire("9010"))
    assert answer is not None
    assert answer.frame.address == "AAAAAAAAAAA1"


def test_a_long_value_follows_without_numbers_and_the_last_frame_can_be_had_again(
    meter: Meter,
) -> None:
    whole = value(meter, "901F")
    meter.faults.split_at = 8
    assert say(meter, READ, wire("901F")) == (0xA1, wire("901F") + whole[:8])
    assert say(meter, FOLLOW_UP, wire("9010")) == (0xC2, b"\x02")
    assert say(meter, FOLLOW_UP, wire("901F")) == (0xA2, wire("901F") + whole[8:16])
    assert say(meter, READ_AGAIN) == (0xA3, wire("901F") + whole[8:16])
    assert say(meter, FOLLOW_UP, wire("901F")) == (0x82, wire("901F") + whole[16:])
    assert say(meter, READ_AGAIN) == (0x83, wire("901F") + whole[16:])
    assert say(meter, FOLLOW_UP, wire("901F")) == (0xC2, b"\x02")


def test_a_write_has_no_operator_code_and_needs_password_and_key(meter: Meter) -> None:
    request = wire("C111") + PASSWORD + b"\x30"
    assert say(meter, WRITE, request) == (0x84, b"")
    assert value(meter, "C111") == b"\x30"
    assert numbers(value(meter, "B212"), 2) == [1]
    assert value(meter, "B210") == wire("11241610")
    assert say(meter, WRITE, wire("C111") + b"\x02\0\0\x01\x15") == (0xC4, b"\x04")
    assert say(meter, WRITE, wire("9010") + PASSWORD + bytes(4)) == (0xC4, b"\x02")
    assert say(meter, WRITE, wire("C111") + PASSWORD + b"\x9f") == (0xC4, b"\x01")
    assert say(meter, WRITE, wire("C313") + PASSWORD + b"\x15") == (0xC4, b"\x40")
    assert say(meter, WRITE, wire("C011") + PASSWORD + wire("180000")) == (0x84, b"")
    assert value(meter, "C011") == wire("180000")
    meter.works.access.programming_key = False
    assert say(meter, WRITE, request) == (0xC4, b"\x04")


def test_commands_are_carried_out(meter: Meter) -> None:
    assert ask(meter, SET_TIME, wire("251124161200"), address=BROADCAST) is None
    assert value(meter, "C011") == wire("161200")
    answer = ask(meter, BAUD, b"\x08")
    assert answer is not None
    assert (answer.frame.control, answer.new_baud) == (0x8C, 1200)
    assert say(meter, BAUD, b"\x01") == (0xCC, b"\x01")
    assert numbers(value(meter, "A010"), 3) > [0]
    assert say(meter, CLEAR_DEMAND, PASSWORD) == (0x90, b"")
    assert numbers(value(meter, "A010"), 3) == [0]
    assert value(meter, "B211") == wire("11241612")
    new = b"\x02\x11\x22\x33"
    assert say(meter, CHANGE_PASSWORD, PASSWORD + new) == (0x8F, new)
    assert say(meter, CLEAR_DEMAND, PASSWORD) == (0xD0, b"\x04")
    moved = ask(meter, WRITE_ADDRESS, wire("000000000009"), address="A" * 12)
    assert moved is not None
    assert (moved.frame.address, moved.frame.control) == ("000000000009", 0x8A)
