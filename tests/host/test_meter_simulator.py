"""The meter simulator keeps the promises that other tests rely on."""

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


# Registers


def test_energy_never_runs_backwards_and_equals_the_sum_of_the_tariffs() -> None:
    meter = Meter(ADDRESS, utc_offset_s=8 * 3600)
    before = meter.registers(NOW)
    for step in range(1, 5000):
        # a step that hits all minutes and the edges of hours and days, over more than 8 days
        now = meter.registers(NOW + step * 151.0)
        assert now.energy_total == sum(now.energy_by_tariff)
        for earlier, later in zip(before.energy_by_tariff, now.energy_by_tariff, strict=True):
            assert earlier <= later
        before = now


def test_energy_does_not_run_backwards_between_the_milliseconds_of_midnight() -> None:
    meter = Meter(ADDRESS)
    midnight = NOW - NOW % 86400
    totals = [meter.registers(midnight + ms / 1000).energy_total for ms in range(-1500, 1500)]
    assert totals == sorted(totals)


def test_every_tariff_advances_and_a_day_uses_what_a_household_uses() -> None:
    meter = Meter(ADDRESS)
    first, second = meter.registers(NOW), meter.registers(NOW + 86400)
    assert all(
        earlier < later
        for earlier, later in zip(first.energy_by_tariff, second.energy_by_tariff, strict=True)
    )
    assert 100 < second.energy_total - first.energy_total < 4000  # 0.01 kWh


def test_registers_depend_only_on_seed_address_and_time() -> None:
    assert Meter(ADDRESS).registers(NOW) == Meter(ADDRESS).registers(NOW)
    assert Meter(ADDRESS).registers(NOW) != Meter(ADDRESS, seed=646).registers(NOW)
    assert Meter(ADDRESS).registers(NOW) != Meter("000000000002").registers(NOW)


def test_power_voltage_and_current_fit_together() -> None:
    for hour in range(24):
        now = Meter(ADDRESS).registers(NOW + hour * 3600)
        watts = now.voltage_a / 10 * now.current_a / 1000 * now.power_factor / 1000
        assert watts == pytest.approx(now.active_power / 10, abs=0.3)
        assert 2100 < now.voltage_a < 2350


def test_the_clock_has_its_own_offset_and_the_energy_does_not_follow_it() -> None:
    right, fast = Meter(ADDRESS), Meter(ADDRESS, clock_offset_s=86400 + 61)
    sunday = 1_763_855_999  # 2025-11-22 23:59:59 UTC, a Saturday
    assert (right.registers(sunday).date, right.registers(sunday).time) == (25112206, 235959)
    assert (fast.registers(sunday).date, fast.registers(sunday).time) == (25112401, 100)
    assert right.registers(sunday).energy_total == fast.registers(sunday).energy_total


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


# Answers


def test_values_are_encoded_in_the_formats_of_the_standard() -> None:
    meter = Meter(ADDRESS)
    now = meter.registers(NOW)
    wanted = {
        "00010000": f"{now.energy_total:08d}",
        "00010300": f"{now.energy_by_tariff[2]:08d}",
        "02010100": f"{now.voltage_a:04d}",
        "02020100": f"{now.current_a:06d}",
        "02030000": f"{now.active_power:06d}",
        "04000101": "25112401",
        "04000102": f"{now.time:06d}",
    }
    for di, digits in wanted.items():
        answer = meter.answer(Frame(ADDRESS, READ, bytes.fromhex(di)[::-1]), NOW)
        assert answer is not None
        assert answer.frame.data[3::-1].hex() == di
        assert answer.frame.data[:3:-1].hex() == digits
        assert answer.values == (int(digits),)


# The bus


def test_a_read_gives_the_registers_and_the_truth_log_agrees(
    bus: SimulatedBus, master: Master
) -> None:
    started = time.time()
    frame = master.read("0001FF00")
    (line,) = truth_lines(bus)
    assert (line["bus"], line["address"], line["di"]) == (1, ADDRESS, "0001FF00")
    assert started <= line["time"] <= time.time()
    now = Meter(ADDRESS).registers(line["time"])
    assert line["values"] == [now.energy_total, *now.energy_by_tariff]
    body = frame.data[4:]
    values = [int(body[at : at + 4][::-1].hex()) for at in range(0, 20, 4)]
    assert values == line["values"]


def test_an_unknown_di_is_refused_with_error_02(master: Master) -> None:
    assert master.read("00010003") == Frame(ADDRESS, 0xD1, b"\x02")


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
    assert master.listen() == b""
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
        (["--baud", "300"], "300 baud is not in the range 600 to 115200."),
        (["--silent", "12"], "Meter address '12' does not have exactly 12 digits."),
        (["--silent", "000000000099"], "--silent 000000000099 is not one of the simulated"),
        (["--first-address", "x1"], "--first-address 'x1' is not a number"),
        (["--first-address", "999999999998"], "is the broadcast address"),
        (["--answer-delay", "soon"], "--answer-delay 'soon' is neither"),
        (["--answer-delay", "9-3"], "The answer delay must be 0 or more"),
        (["--error-rate", "2"], "--error-rate 2.0 is not in the range 0 to 1."),
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
