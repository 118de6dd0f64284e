"""What a master hears of simulated meters that are not well, and on a bus that is shared."""

import os
import random
import select
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from meter_questions import ADDRESS, NOW, ask, read, say, wire
from typer.testing import CliRunner

from host_tools.meter_simulator import Frame, FrameScanner, Meter, SimulatedBus, encode, set_fault
from host_tools.meter_simulator.fault_words import FAULT_NAMES

READ, FOLLOW_UP = 0x11, 0x12
ENERGY = "00010000"
OLD = "000000000003"
ROOT = Path(__file__).parents[2]


def faulty(*faults: str, model: str = "single-phase") -> Meter:
    meter = Meter(ADDRESS, model=model)
    for fault in faults:
        set_fault(meter.faults, fault)
    return meter


def on_the_wire(meter: Meter, control: int = READ, data: bytes = b"", wake_up: int = 0) -> bytes:
    answer = ask(meter, control, data or wire(ENERGY))
    assert answer is not None
    return meter.faults.to_wire(answer.frame, wake_up, random.Random(645))


GOOD = on_the_wire(Meter(ADDRESS))


def frames_in(raw: bytes) -> list[Frame]:
    scanner = FrameScanner()
    return scanner.feed(raw) + scanner.expire()


# On the wire


def test_a_truncated_answer_lacks_its_end_and_n_may_be_said() -> None:
    assert on_the_wire(faulty("truncated")) == GOOD[:12]
    assert on_the_wire(faulty("truncated=19")) == GOOD[:19]
    assert on_the_wire(faulty("no-end")) == GOOD[:-1]


def test_a_wrong_checksum_is_all_that_is_wrong() -> None:
    raw = on_the_wire(faulty("wrong-checksum"))
    assert [at for at in range(len(GOOD)) if raw[at] != GOOD[at]] == [len(GOOD) - 2]


@pytest.mark.parametrize(
    ("fault", "attribute"),
    [("wrong-address", "address"), ("wrong-identifier", "data"), ("wrong-function", "control")],
)
def test_a_wrong_part_is_in_a_frame_that_is_intact(fault: str, attribute: str) -> None:
    (good,), (bad,) = frames_in(GOOD), frames_in(on_the_wire(faulty(fault)))
    differing = [
        name
        for name in ("address", "control", "data")
        if getattr(good, name) != getattr(bad, name)
    ]
    assert differing == [attribute]
    if fault == "wrong-identifier":
        assert bad.data[4:] == good.data[4:]


def test_a_wrong_sequence_is_only_in_follow_ups() -> None:
    meter = faulty("wrong-sequence")
    say(meter, READ, wire("03300201"))
    (frame,) = frames_in(on_the_wire(meter, FOLLOW_UP, wire("03300201") + b"\x01"))
    assert (frame.control, frame.data[-1]) == (0x92, 2)
    assert on_the_wire(meter) == GOOD


def test_a_doubled_start_hides_a_good_frame() -> None:
    raw = on_the_wire(faulty("double-start"))
    assert raw == b"\x68" + GOOD
    assert frames_in(raw) == frames_in(GOOD)


def test_every_third_answer_can_be_the_spoiled_one() -> None:
    meter = faulty("wrong-checksum/3")
    assert [bool(frames_in(on_the_wire(meter))) for _ in range(6)] == [True, True, False] * 2


def test_wake_up_bytes_are_as_many_as_asked_for() -> None:
    assert on_the_wire(Meter(ADDRESS), wake_up=4) == b"\xfe" * 4 + GOOD
    for count in range(8):
        assert on_the_wire(faulty(f"wake-up={count}"), wake_up=4) == b"\xfe" * count + GOOD


def test_bits_are_turned_at_the_asked_rate_and_parity_hides_odd_ones() -> None:
    meter, checked = faulty("bit-errors=0.01"), faulty("bit-errors=0.01", "parity-checked")
    frame = Frame(ADDRESS, 0x91, bytes(200))
    good, draw = encode(frame), random.Random(645)
    turned = 0
    for _ in range(100):
        raw = meter.faults.to_wire(frame, 0, draw)
        turned += sum((one ^ two).bit_count() for one, two in zip(raw, good, strict=True))
    assert turned == pytest.approx(0.01 * 8 * len(good) * 100, rel=0.1)
    lost = sum(len(good) - len(checked.faults.to_wire(frame, 0, draw)) for _ in range(100))
    assert lost == pytest.approx(9 * 0.01 * 0.92 * len(good) * 100, rel=0.1)
    always = faulty("bit-errors=1").faults.to_wire(frame, 0, draw)
    assert always == bytes(byte ^ 0xFF for byte in good)


# In what is said


def test_a_pending_event_marks_a_complete_answer_and_follows_with_the_report_word() -> None:
    meter = faulty("event-pending")
    control, data = say(meter, READ, wire(ENERGY))
    assert (control, data) == (0xB1, frames_in(GOOD)[0].data)
    control, data = say(meter, FOLLOW_UP, wire(ENERGY) + b"\x01")
    assert (control, data) == (0x92, wire("04001501") + bytes(11) + b"\x01" + b"\x01")
    meter.works.access.programming_key = True
    cleared = wire("04001503") + b"\x02\0\0\0" + bytes(4) + b"\xff" * 12
    assert say(meter, 0x14, cleared) == (0x94, b"")
    assert say(meter, READ, wire(ENERGY))[0] == 0x91


def test_a_meter_without_blocks_refuses_them_and_tells_single_items() -> None:
    for edition, block, single, refusal in (
        ("single-phase", "0001FF00", "00010000", (0xD1, b"\x02")),
        ("single-phase", "0506FF01", "05060101", (0xD1, b"\x02")),
        ("single-phase", "040005FF", "04000501", (0xD1, b"\x02")),
        ("single-phase-1997", "901F", "9010", (0xC1, b"\x02")),
    ):
        meter = faulty("no-blocks", model=edition)
        function = 0x01 if len(block) == 4 else READ
        assert say(meter, function, wire(block)) == refusal
        assert say(meter, function, wire(single))[0] == function | 0x80


def test_a_value_split_early_is_the_same_value() -> None:
    whole = read(Meter(ADDRESS), "0506FF01")
    for size in (1, 7, 40, 195):
        assert read(faulty(f"split={size}"), "0506FF01") == whole
    control, data = say(faulty("split=7"), READ, wire("0001FF00"))
    assert (control, len(data)) == (0xB1, 11)


def test_reads_to_the_wildcard_may_be_ignored_but_the_address_is_told() -> None:
    meter = faulty("no-wildcard-read")
    assert ask(meter, READ, wire(ENERGY), address="A" * 12) is None
    assert ask(meter, 0x13, address="A" * 12) is not None


def test_a_dead_meter_says_nothing() -> None:
    assert ask(faulty("silent"), READ, wire(ENERGY)) is None


def test_every_fault_has_its_line_in_the_document() -> None:
    document = (ROOT / "docs/meter-simulator.md").read_text()
    assert [name for name in FAULT_NAMES if f"| `{name}" not in document] == []


# On a bus


class Line:
    """A bus with a household meter at 9600 and an old one at 1200, and its master."""

    def __init__(self, folder: Path) -> None:
        self.meters = [
            Meter(ADDRESS),
            Meter("000000000002", model="three-phase"),
            Meter(OLD, model="single-phase-1997", baud=1200),
        ]
        self.bus = SimulatedBus(
            folder / "bus", self.meters, baud=9600, answer_delay_ms=(2, 2), heed_terminal=True
        ).open()
        self.fd = os.open(self.bus.link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.set_speed(termios.B9600)

    def set_speed(self, speed: int) -> None:
        settings = termios.tcgetattr(self.fd)
        settings[4] = settings[5] = speed
        termios.tcsetattr(self.fd, termios.TCSADRAIN, settings)

    def ask(self, address: str, control: int, data: bytes, silence_s: float = 0.25) -> bytes:
        os.write(self.fd, encode(Frame(address, control, data), wake_up=4))
        heard = b""
        while select.select([self.fd], [], [], silence_s)[0]:
            heard += os.read(self.fd, 4096)
        return heard

    def controls(self, address: str, control: int, data: bytes) -> list[int]:
        return [frame.control for frame in frames_in(self.ask(address, control, data))]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    os.close(made.fd)
    made.bus.close()


def test_both_editions_share_a_bus_each_at_its_own_speed(line: Line) -> None:
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == [0x91]
    assert line.controls(OLD, 0x01, wire("9010")) == []
    line.set_speed(termios.B1200)
    assert line.controls(OLD, 0x01, wire("9010")) == [0x81]
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == []


def test_a_new_speed_holds_from_the_answer_on(line: Line) -> None:
    assert line.controls(ADDRESS, 0x17, b"\x40") == [0x97]
    assert line.meters[0].baud == 19200
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == []
    line.set_speed(termios.B19200)
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == [0x91]


def test_a_bus_that_does_not_heed_the_terminal_understands_any_speed(tmp_path: Path) -> None:
    meters = [Meter(ADDRESS), Meter(OLD, model="single-phase-1997", baud=1200)]
    with SimulatedBus(tmp_path / "bus", meters, baud=115_200, answer_delay_ms=(1, 1)) as bus:
        fd = os.open(bus.link, os.O_RDWR | os.O_NOCTTY)
        for address, control, di in ((ADDRESS, READ, ENERGY), (OLD, 0x01, "9010")):
            os.write(fd, encode(Frame(address, control, wire(di))))
            began = time.monotonic()
            heard = b""
            while not frames_in(heard):
                heard += os.read(fd, 4096)
        assert time.monotonic() - began > 20 * 11 / 1200
        os.close(fd)


def test_two_answers_at_once_are_heard_as_noise(line: Line) -> None:
    heard = line.ask("A" * 12, 0x13, b"")
    assert len(heard) >= 18
    assert frames_in(heard) == []
    line.meters[1].faults.silent = True
    assert line.controls("A" * 12, 0x13, b"") == [0x93]


def test_an_echo_comes_before_the_answer(line: Line) -> None:
    set_fault(line.meters[0].faults, "echo")
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == [READ, 0x91]


def test_a_late_answer_is_late(line: Line) -> None:
    set_fault(line.meters[0].faults, "late=400")
    assert line.ask(ADDRESS, READ, wire(ENERGY), silence_s=0.3) == b""
    assert select.select([line.fd], [], [], 1.0)[0]


def test_a_babbling_meter_destroys_what_others_say(line: Line) -> None:
    set_fault(line.meters[1].faults, "babble=0.1")
    time.sleep(0.15)
    os.write(line.fd, encode(Frame(ADDRESS, READ, wire("0506FF01"))))  # 0.2 s of answer
    heard = b""
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        if select.select([line.fd], [], [], 0.05)[0]:
            heard += os.read(line.fd, 4096)
    assert len(heard) > 100
    assert frames_in(heard) == []


def test_a_changed_address_is_the_one_the_bus_finds(line: Line) -> None:
    line.meters[0].works.access.programming_key = True
    line.meters[1].faults.silent = True
    assert line.controls("A" * 12, 0x15, wire("000000000777")) == [0x95]
    assert line.controls("000000000777", READ, wire(ENERGY)) == [0x91]
    assert line.controls(ADDRESS, READ, wire(ENERGY)) == []
    assert "000000000777" in line.bus.meters


def test_what_is_set_on_the_command_line_is_said_by_the_meters_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from host_tools.meter_simulator import __main__ as command

    seen: list[Meter] = []

    def look(stop: object, buses: list[SimulatedBus]) -> None:
        seen.extend(meter for bus in buses for meter in bus.meters.values())

    monkeypatch.setattr(command, "_wait", look)
    arguments = [
        *("--link", str(tmp_path / "bus"), "--meters", "5", "--utc-offset", "0", "--seed", "7"),
        *("--model", "*=single-phase-prepaid", "--model", "2-3=three-phase-1997"),
        *("--set", "1:02010100=2301", "--set", "2:9010=00001234", "--set", "4:04000403=HALL"),
        *("--set", "1:02030000=801234", "--set", "1:01010000=2511010015012345"),
        *("--fault", "4-5:late=70,wrong-checksum/2", "--silent", "000000000005"),
        *("--meter-baud", "2-3=1200", "--clock", "1=3600", "--programming-key", "1"),
        *("--password", "1:4=123456"),
    ]
    result = CliRunner().invoke(command.app, arguments)
    assert result.exit_code == 0, result.stderr
    assert "seed 7\n" in result.stdout
    assert seen[0].values("02010100", NOW) == (2301,)
    assert seen[0].values("0201FF00", NOW) == (2301, None, None)
    assert seen[0].values("0203FF00", NOW) == (
        -1234,
        *(seen[0].values("02030100", NOW) or ()),
        None,
        None,
    )
    assert seen[0].values("01010000", NOW) == (12345, 2511010015)
    assert seen[0].values("04000102", NOW) == (171000,)
    assert seen[1].values("901F", NOW) != seen[2].values("901F", NOW)
    assert (seen[1].values("901F", NOW) or ())[0] == 1234
    assert seen[3].values("04000403", NOW) == ("HALL",)
    assert [meter.baud for meter in seen] == [None, 1200, 1200, None, None]
    assert [meter.faults.answer_delay_ms for meter in seen[2:4]] == [None, (70, 70)]
    assert [meter.faults.silent for meter in seen[3:]] == [False, True]
    assert seen[0].works.access.programming_key
    assert not seen[1].works.access.programming_key
    assert seen[0].works.access.passwords[4] == bytes.fromhex("123456")
