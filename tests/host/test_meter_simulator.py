"""The meter simulator's bus and command keep the promises that other tests rely on."""

import json
import os
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host_tools.meter_simulator import (
    BusError,
    Frame,
    FrameScanner,
    Meter,
    Passage,
    SimulatedBus,
    TruthLog,
    encode,
)
from host_tools.meter_simulator.__main__ import app

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests/data/dlt645_vectors.json").read_text())
READ = 0x11
ADDRESS = "000000000001"
NOW = 1_764_000_000.0  # a day in November 2025
ALONE = "A" * 12
CHARACTER_S = 11 / 9600


def read_request(di: str, address: str = ADDRESS) -> bytes:
    return encode(Frame(address, READ, bytes.fromhex(di)[::-1]), wake_up=4)


class Master:
    """The other end of the bus: sends, and listens until an answer or a silence."""

    def __init__(self, link: Path) -> None:
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)

    def send(self, data: bytes) -> None:
        os.write(self.fd, data)

    def listen(self, silence_s: float = 0.15) -> bytes:
        heard = b""
        while select.select([self.fd], [], [], silence_s)[0]:
            heard += os.read(self.fd, 4096)
        return heard

    def hear_frame(self, limit_s: float = 5.0) -> Frame:
        scanner = FrameScanner()
        deadline = time.monotonic() + limit_s
        while (left_s := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left_s)[0]:
                for frame in scanner.feed(os.read(self.fd, 4096)):
                    return frame
        raise AssertionError("no answer")

    def read(self, di: str, address: str = ADDRESS) -> Frame:
        self.send(read_request(di, address))
        return self.hear_frame()

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[SimulatedBus]:
    meters = [Meter(ADDRESS), Meter("000000000002")]
    truth = TruthLog(tmp_path / "truth.jsonl")
    with SimulatedBus(
        tmp_path / "bus1", meters, baud=115_200, answer_delay_ms=(1, 3), truth=truth
    ) as opened:
        yield opened
    truth.close()


@pytest.fixture
def master(bus: SimulatedBus) -> Iterator[Master]:
    opened = Master(bus.link)
    yield opened
    opened.close()


def truth_lines(bus: SimulatedBus) -> list[dict]:
    return [json.loads(line) for line in (bus.link.parent / "truth.jsonl").open()]


# The record


def test_the_record_says_what_went_over_the_wire_and_when(tmp_path: Path) -> None:
    record: list[Passage] = []
    meters = [Meter(ADDRESS)]
    with SimulatedBus(
        tmp_path / "bus1", meters, baud=9600, answer_delay_ms=(5, 5), record=record
    ) as bus:
        master = Master(bus.link)
        before = time.monotonic()
        master.read("00010000")
        time.sleep(0.05)
        after = time.monotonic()
        master.close()
    *requests, answer = record
    first = requests[0]
    assert before <= first.begin < requests[-1].end < answer.begin < answer.end <= after
    assert sum(request.size for request in requests) == len(read_request("00010000"))
    assert (answer.size, answer.delay_s) == (24, 0.005)
    assert answer.begin - requests[-1].end == pytest.approx(answer.delay_s)
    for passage in record:
        assert passage.end - passage.begin == pytest.approx(passage.size * CHARACTER_S)


# Frames


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_real_frame_is_found_or_refused_like_the_vector_says(vector: dict) -> None:
    scanner = FrameScanner()
    raw = bytes.fromhex(vector["frame_hex"])
    frames = scanner.feed(raw) + scanner.expire()
    if not (vector["checksum_ok"] and vector["end_ok"]):
        assert frames == []
        return
    expected = Frame(vector["addr"], int(vector["control"], 16), bytes.fromhex(vector["data_hex"]))
    assert frames[0] == expected
    start = vector["frame_offset"]
    assert encode(expected) == raw[start : start + vector["frame_len"]]


def test_a_frame_is_found_when_it_arrives_byte_by_byte_after_a_false_start() -> None:
    scanner = FrameScanner()
    stream = b"\x68\x00\x68" + read_request("00010000")
    found = [frame for byte in stream for frame in scanner.feed(bytes([byte]))]
    assert [frame.address for frame in found] == [ADDRESS]
    assert not scanner.pending


# The bus


def test_a_read_gives_the_registers_and_the_truth_log_agrees(
    bus: SimulatedBus, master: Master
) -> None:
    started = time.time()
    frame = master.read("0001FF00")
    (line,) = truth_lines(bus)
    assert (line["bus"], line["address"], line["di"]) == (1, ADDRESS, "0001FF00")
    assert started <= line["time"] <= time.time()
    assert line["values"] == list(Meter(ADDRESS).values("0001FF00", line["time"]) or ())
    body = frame.data[4:]
    values = [int(body[at : at + 4][::-1].hex()) for at in range(0, 20, 4)]
    assert values == line["values"]


def test_an_unknown_di_is_refused_with_error_02(master: Master) -> None:
    assert master.read("00013300") == Frame(ADDRESS, 0xD1, b"\x02")


def test_a_foreign_address_and_a_corrupt_request_get_silence(
    bus: SimulatedBus, master: Master
) -> None:
    for address in ("000000000099", "999999999999"):
        master.send(read_request("00010000", address))
        assert master.listen() == b""
    corrupt = bytearray(read_request("00010000"))
    corrupt[-2] ^= 1
    master.send(bytes(corrupt))
    assert master.listen() == b""
    assert (bus.counters.requests, bus.counters.ignored, bus.counters.answers) == (2, 2, 0)


def test_the_address_is_told_only_by_a_meter_that_is_alone(
    bus: SimulatedBus, master: Master
) -> None:
    master.send(encode(Frame(ALONE, 0x13)))
    heard = master.listen()
    assert heard
    assert FrameScanner().feed(heard) == []
    assert bus.counters.collisions == 1
    bus.meters["000000000002"].faults.silent = True
    master.send(encode(Frame(ALONE, 0x13)))
    assert master.hear_frame() == Frame(ADDRESS, 0x93, bytes.fromhex(ADDRESS)[::-1])


def test_an_answer_comes_no_faster_than_the_wire_allows(tmp_path: Path) -> None:
    with SimulatedBus(
        tmp_path / "bus", [Meter(ADDRESS)], baud=9600, answer_delay_ms=(30, 30)
    ) as bus:
        master = Master(bus.link)
        request = read_request("0001FF00")
        sent = time.monotonic()
        master.send(request)
        first_byte = os.read(master.fd, 1)
        first_s = time.monotonic() - sent
        master.hear_frame()
        last_s = time.monotonic() - sent
        master.close()
    assert first_byte == b"\xfe"
    assert first_s >= (len(request) + 1) * CHARACTER_S + 0.030
    assert last_s >= (len(request) + 40) * CHARACTER_S + 0.030


def test_a_request_into_an_answer_is_a_collision_and_the_next_one_is_answered(
    bus: SimulatedBus, master: Master
) -> None:
    bus.meters[ADDRESS].faults.answer_delay_ms = (300, 300)
    master.send(read_request("00010000"))
    time.sleep(0.05)
    master.send(read_request("00010000"))
    assert master.listen(0.5) == b""
    assert bus.counters.collisions == 1
    bus.meters[ADDRESS].faults.answer_delay_ms = None
    assert master.read("00010000").control == 0x91


def test_a_master_that_dies_and_comes_back_finds_the_same_port(bus: SimulatedBus) -> None:
    first = Master(bus.link)
    device = os.ttyname(first.fd)
    first.send(read_request("00010000")[:9])
    first.close()
    time.sleep(0.1)
    second = Master(bus.link)
    assert os.ttyname(second.fd) == device
    assert second.read("02010100").control == 0x91
    second.close()


def test_an_answer_that_nobody_fetched_is_gone_for_the_next_master(
    bus: SimulatedBus, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.meter_simulator.bus._STALE_S", 0.1)
    master.send(read_request("00010000"))
    time.sleep(0.5)
    assert bus.counters.answers == 1
    assert master.listen() == b""
    assert master.read("02010100").data[:4] == bytes.fromhex("02010100")[::-1]


def test_noise_that_nobody_reads_does_not_pile_up(bus: SimulatedBus, master: Master) -> None:
    babbler = bus.meters["000000000002"].faults
    babbler.babble_size = 1000
    babbler.babble_period_s = 0.15
    time.sleep(0.6)
    babbler.babble_period_s = 0
    time.sleep(0.15)
    assert 0 < len(master.listen()) <= 1200
    assert master.read("00010000").control == 0x91


def test_errors_on_the_wire_damage_answers_at_the_asked_rate(
    bus: SimulatedBus, master: Master
) -> None:
    bus.meters[ADDRESS].faults.error_rate = 1.0
    master.send(read_request("00010000"))
    heard = master.listen()
    assert len(heard) == 24
    assert b"\xfe" not in heard[:4]
    assert FrameScanner().feed(heard) == []
    assert len(truth_lines(bus)) == 1


def test_the_link_is_kept_from_a_second_bus_and_removed_at_the_end(
    bus: SimulatedBus, tmp_path: Path
) -> None:
    with pytest.raises(BusError, match="in use"):
        SimulatedBus(bus.link, []).open()
    bus.close()
    assert not os.path.lexists(bus.link)


# The command


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--meters", "0"], "--meters 0 is not in the range 1 to 1024."),
        (["--baud", "200"], "200 baud is not in the range 300 to 115200."),
        (["--silent", "12"], "--silent 12: meters are numbered from 1 to 8."),
        (["--silent", "000000000099"], "000000000099 is not one of the simulated meters."),
        (["--first-address", "x1"], "--first-address 'x1' is not a number"),
        (["--first-address", "999999999998"], "is the broadcast address"),
        (["--answer-delay", "soon"], "--answer-delay 'soon' is neither"),
        (["--answer-delay", "9-3"], "The answer delay must be 0 or more"),
        (["--model", "1=cheap"], "'cheap' is not one of single-phase,"),
        (["--model", "1"], "--model 1 is not like <meters>=<model>."),
        (["--fault", "5-3:echo"], "'5-3' is no number, range, address of 12 digits or *."),
        (["--fault", "1:gone"], "fault 'gone' is not known; choose from "),
        (["--fault", "1:late"], "fault 'late' is not known; it is late=<value>."),
        (["--fault", "1:bit-errors=2"], "fault 'bit-errors=2' needs a number from 0 to 1."),
        (["--fault", "1:echo/3"], "fault 'echo/3' cannot be for every n-th answer."),
        (["--set", "1:0400=1"], "'0400' is not an identifier of 8 hexadecimal digits."),
        (["--set", "1:04000409=12"], "'12' is not 6 digits."),
        (["--meter-baud", "1=1"], "1 is not in the range 300 to 115200."),
        (["--clock", "1=fast"], "--clock 1=fast: 'fast' is not a number."),
        (["--script", "/nowhere/script"], "--script /nowhere/script cannot be read"),
        (["--password", "1:4=12"], "is not like <meters>:<level>=<6 hexadecimal digits>."),
        (["--truth", "/nowhere/truth"], "--truth /nowhere/truth cannot be written"),
    ],
)
def test_bad_input_gives_one_sentence_and_no_link(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    link = tmp_path / "bus"
    result = CliRunner().invoke(app, ["--link", str(link), *arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not os.path.lexists(link)


def test_a_file_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "precious"
    link.write_text("data")
    result = CliRunner().invoke(app, ["--link", str(link)])
    assert result.exit_code == 2
    assert f"{link} exists and is not a link; choose another path" in result.stderr
    assert link.read_text() == "data"


def test_the_command_spreads_meters_over_buses_serves_and_cleans_up(tmp_path: Path) -> None:
    links = [tmp_path / "bus1", tmp_path / "bus2"]
    links[1].symlink_to("/dev/pts/gone")  # left behind by a simulator that was killed
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "host_tools.meter_simulator"),
            *("--link", str(links[0]), "--link", str(links[1])),
            *("--meters", "5", "--baud", "115200", "--answer-delay", "1"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = [process.stdout.readline() for _ in links]
    assert ready[0].startswith(f"bus 1: {links[0]} -> /dev/pts/")
    assert ready[0].endswith(", 3 meters 000000000001..000000000003, 115200 baud\n")
    assert ready[1].endswith(", 2 meters 000000000004..000000000005, 115200 baud\n")
    master = Master(links[1])
    assert master.read("00010000", "000000000005").control == 0x91
    master.close()
    process.send_signal(signal.SIGTERM)
    summary, _ = process.communicate(timeout=10)
    assert "bus 2: 1 requests, 1 answers, 0 ignored, 0 collisions" in summary
    assert process.returncode == 0
    assert not any(os.path.lexists(link) for link in links)


def test_a_script_changes_meters_while_they_are_served(tmp_path: Path) -> None:
    link = tmp_path / "bus"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "host_tools.meter_simulator", "--script", "-"),
            *("--link", str(link), "--baud", "115200", "--answer-delay", "1"),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def tell(command: str) -> None:
        print(command, file=process.stdin, flush=True)
        while process.stdout.readline() != f"script: {command}\n":
            pass

    tell("fault 1:silent")
    master = Master(link)
    master.send(read_request("00010000"))
    assert master.listen() == b""
    tell("well 1")
    tell("set 1:02010100=1800")
    assert master.read("02010100").data[4:] == b"\x00\x18"
    master.close()
    print("fault 99:silent", file=process.stdin, flush=True)
    _, complaint = process.communicate(timeout=10)
    assert "stdin:4: --fault 99:silent: meters are numbered from 1 to 8." in complaint
    assert process.returncode == 2
