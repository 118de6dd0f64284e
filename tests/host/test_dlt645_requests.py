"""Our firmware tells simulated meters to change, and sees what they did: on a paced bus.

The simulator is a process of its own, the firmware runs in the host image; nothing is shared but
the pseudo-terminal between them.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import indent

import pytest

from firmware import run_in_firmware
from host_tools.stack import ROOT_FOLDER

BAUD = 9600
# Local time of the site: noon, for meters heed no time that is told them around midnight.
UTC_OFFSET_H = 12 - datetime.now(UTC).hour

PRELUDE = f"""
import asyncio, board, sys, time
from concentrator import quality
from concentrator.bus import Bus
from concentrator.config import Section
from concentrator.protocols import dlt645_procedures as procedures
from concentrator.protocols import dlt645_requests as requests
from concentrator.protocols.dlt645 import ReadTransaction
from concentrator.protocols.dlt645_arguments import BROADCAST, WILDCARD, Access, load_range
from concentrator.protocols.dlt645_commands import perform

KEY = Access(2, b"\\0\\0\\0", b"\\x11\\x22\\x33\\x44")
settings = Section(
    {{"baud": {BAUD}, "timeout_ms": 400, "retries": 1, "preamble": 4, "pause_ms": 0}}
)
bus = Bus(1, board.bus(1, settings.baud), settings, board.bus)

def local(later_s=0):
    return time.gmtime(time.time() + {UTC_OFFSET_H} * 3600 + later_s)

async def read(address, identifier, edition=2007, extra=b""):
    transaction = ReadTransaction(settings.preamble)
    transaction.prepare(address, identifier, edition, None, extra)
    result = quality.MORE
    while result == quality.MORE:
        result = await bus.exchange(transaction)
    values = [transaction.value(i) for i in range(transaction.count)]
    show(quality.NAMES[result], values)

async def send(request):
    result, transaction = await perform(bus, request)
    show(quality.NAMES[result], transaction.data, transaction.error_names())

async def relay(address, action, later_s=600):
    report = await procedures.switch_relay(
        bus, address, KEY, action, local(later_s), local(), wait_ms=0)
    show(report.outcome, report.status and report.status & 0x50, report.error_names)

async def change_speed(address, baud, edition=2007):
    report = await procedures.change_speed(bus, address, baud, edition)
    show(report.found, report.error_names, bus.baud)

async def write_address(old, new, edition=2007):
    result = await procedures.write_address(bus, old, new, edition)
    show(quality.NAMES[result])

def show(*values):
    print(repr(values))

async def main():
"""


@contextmanager
def simulator(site: Path, *options: str) -> Iterator[Path]:
    """Meters on a bus of the site, from the time that they are ready on."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "host_tools.meter_simulator", "--link", str(site / "bus1")),
            *("--baud", str(BAUD), "--answer-delay", "20", "--heed-terminal"),
            *("--utc-offset", str(UTC_OFFSET_H), *options),
        ],
        cwd=ROOT_FOLDER,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("bus 1: ")
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def run(site: Path, program: str) -> list[tuple]:
    """Run statements in the firmware; what they show, one tuple each."""
    body = indent(program.strip(), "    ")
    return run_in_firmware(site, f"{PRELUDE}{body}\nasyncio.run(main())")


RELAY, PLAIN, MOVES, KEEPS, MUMBLES, LOCKED, OLD = (f"{n:012d}" for n in range(1, 8))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Seven meters; every test has its own."""
    options = (
        *("--meters", "7", "--model", "1=single-phase-prepaid", "--model", "7=three-phase-1997"),
        *("--programming-key", "1-5", "--programming-key", "7", "--clock", "4=100"),
        *("--fault", "4:keeps-speed", "--fault", "5:wrong-checksum/2"),
    )
    with simulator(tmp_path_factory.mktemp("requests"), *options) as site:
        yield site


GOOD, REFUSED = "good", "refused by the meter"
DONE = (GOOD, b"", ())
NOT_AUTHORISED = ("password wrong or not authorised",)


def test_an_item_is_written_and_reads_back(site: Path) -> None:
    program = f"""
await send(requests.write("{RELAY}", 0x04000103, b"\\x30", KEY))
await read("{RELAY}", 0x04000103)
await send(requests.write("{RELAY}", 0x04000103, b"\\x15", Access(2, b"\\1\\2\\3")))
await send(requests.write("{RELAY}", 0x00010000, bytes(4), KEY))
await send(requests.write("{LOCKED}", 0x04000103, b"\\x15", KEY))
await read("{RELAY}", 0x04000103)
"""
    assert run(site, program) == [
        DONE,
        (GOOD, [30]),
        (REFUSED, b"", NOT_AUTHORISED),
        (REFUSED, b"", ("no such data",)),
        (REFUSED, b"", NOT_AUTHORISED),
        (GOOD, [30]),
    ]


def test_a_relay_trips_is_seen_open_and_closes_again(site: Path) -> None:
    program = f"""
await relay("{RELAY}", "trip")
await read("{RELAY}", 0x02030000)
await relay("{RELAY}", "trip")
await relay("{RELAY}", "allow")
await relay("{RELAY}", "close")
await relay("{RELAY}", "keep")
await relay("{RELAY}", "trip")
await relay("{RELAY}", "keep-off")
await relay("{PLAIN}", "trip")
"""
    assert run(site, program) == [
        ("done", 0x50, ()),
        (GOOD, [0]),  # kW: nothing flows
        ("already", 0x50, ()),
        ("done", 0x10, ()),  # still open: somebody has to press the button
        ("done", 0, ()),
        ("done", 0, ()),
        ("refused", 0, ("other error",)),
        ("done", 0, ()),
        ("refused", 0, ("other error",)),  # it has no relay
    ]


def test_a_freeze_can_be_read_and_a_broadcast_reaches_everybody(site: Path) -> None:
    program = f"""
await send(requests.freeze("{PLAIN}"))
await read("{PLAIN}", 0x05010001)
await send(requests.freeze("{PLAIN}", 15, 4, 28))
await send(requests.freeze(BROADCAST))
show(local()[:5])
await read("{PLAIN}", 0x05010002)
await read("{MOVES}", 0x05010001)
"""
    answers = run(site, program)
    assert answers[0] == answers[2] == answers[3] == DONE
    first, second, other = (answers[i][1][0] for i in (1, 5, 6))
    assert first == second  # which is now the one before
    (now,) = answers[4]
    for moment in (first, other):  # of which the seconds are not told
        ago = datetime(*now) - datetime.strptime(moment, "%y%m%d%H%M")
        assert timedelta(0) <= ago <= timedelta(minutes=1)


def test_load_records_are_read_from_a_given_time_on(site: Path) -> None:
    program = f"""
then = local(-7200)[:3] + (8, 0, 0)
await read("{PLAIN}", 0x06000001, extra=load_range(3, then))
await read("{PLAIN}", 0x06040001, extra=load_range(2, then))
await read("{PLAIN}", 0x06040002, extra=load_range(1))
await read("{PLAIN}", 0x06100501, extra=load_range(4, then))
await read("{PLAIN}", 0x06040001, extra=load_range(1, (2001, 1, 1, 0, 0, 0)))
show("%02d%02d%02d0800" % (then[0] % 100, then[1], then[2]))
"""
    everything, some, latest, curve, none, then = run(site, program)
    assert everything[0] == some[0] == latest[0] == curve[0] == GOOD
    assert len(everything[1]) == 3 * 30  # time and all values of six classes
    times = everything[1][::30]
    assert times[0] == some[1][0] == curve[1][0] == then[0]
    assert times == sorted(set(times))
    assert everything[1][20:24] == some[1][1:5]  # class 4: energies
    assert latest[1][0] > some[1][5] > some[1][0]
    assert latest[1][1] >= some[1][6] >= some[1][1] > 0
    assert none == (REFUSED, [])


def test_the_time_is_told_to_everybody_and_heeded(site: Path) -> None:
    program = f"""
await read("{KEEPS}", 0x04000102)
await send(requests.set_time(local()))
await read("{KEEPS}", 0x04000102)
show("%02d%02d%02d" % local()[3:6])
"""
    before, told, after, true = run(site, program)
    assert told == DONE

    def seconds(answer: tuple) -> int:
        text = answer[-1] if isinstance(answer[-1], str) else answer[-1][0]
        return int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:])

    assert 90 <= seconds(before) - seconds(true) <= 101
    assert abs(seconds(after) - seconds(true)) <= 1


def test_a_meter_changes_its_speed_and_is_heard_at_that_only(site: Path) -> None:
    program = f"""
await change_speed("{MOVES}", 19200)
await read("{MOVES}", 0x04000103)
bus.set_speed(19200)
await read("{MOVES}", 0x04000103)
await change_speed("{MOVES}", 9600)
"""
    assert run(site, program) == [
        (19200, (), BAUD),
        ("timeout", []),
        (GOOD, [15]),
        (9600, (), 19200),
    ]


def test_a_meter_that_confirms_a_speed_and_keeps_its_own_is_found_there(site: Path) -> None:
    program = f"""
await change_speed("{KEEPS}", 2400)
await read("{KEEPS}", 0x04000103)
"""
    assert run(site, program) == [(BAUD, (), BAUD), (GOOD, [15])]


def test_a_speed_whose_confirmation_is_damaged_is_found_all_the_same(site: Path) -> None:
    # Every second answer of this meter has a wrong checksum: that of the change, for one.
    program = f"""
await read("{MUMBLES}", 0x04000103)
await change_speed("{MUMBLES}", 4800)
"""
    assert run(site, program) == [(GOOD, [15]), (4800, (), BAUD)]


def test_a_password_is_changed_and_the_old_one_is_worth_nothing(site: Path) -> None:
    program = f"""
new = Access(2, b"\\x12\\x34\\x56")
await send(requests.change_password("{PLAIN}", KEY, new))
await send(requests.clear_demand("{PLAIN}", KEY))
await send(requests.clear_demand("{PLAIN}", new))
await send(requests.clear_events("{PLAIN}", new, 0x033000FF))
await send(requests.set_output("{PLAIN}", "demand"))
await send(requests.clear_meter("{PLAIN}", new))
await read("{PLAIN}", 0x00010001)
"""
    assert run(site, program) == [
        (GOOD, b"\x02\x12\x34\x56", ()),
        (REFUSED, b"", NOT_AUTHORISED),
        DONE,
        DONE,
        (GOOD, b"\x01", ()),
        DONE,
        (GOOD, [0]),
    ]


def test_what_only_a_cipher_opens_is_passed_on_and_comes_back(site: Path) -> None:
    program = f"""
identity = b"\\xff\\0\\0\\x07" + bytes(28)
await send(requests.pass_security("{RELAY}", 0x03, identity))
await send(requests.pass_security("{RELAY}", 0x1C, b"\\x98" + bytes(27)))
await send(requests.pass_frame("{RELAY}", 0x11, b"\\3\\1\\0\\4"))
await send(requests.pass_frame("{RELAY}", 0x11, b"\\xee\\xee\\xee\\xee"))
"""
    identity, enciphered, passed, unknown = run(site, program)
    assert identity == (REFUSED, b"", ("security module verification failed",))
    assert enciphered == (REFUSED, b"", NOT_AUTHORISED)
    assert passed[:2] in ((GOOD, b"\3\1\0\4\x15"), (GOOD, b"\3\1\0\4\x30"))
    assert unknown == (GOOD, b"\x02", ())


def test_a_meter_of_1997_is_told_in_its_own_words(site: Path) -> None:
    program = f"""
await send(requests.write("{OLD}", 0xC111, b"\\x30", KEY, 1997))
await read("{OLD}", 0xC111, 1997)
new = Access(2, b"\\x12\\x34\\x56")
await send(requests.change_password("{OLD}", KEY, new, 1997))
await send(requests.clear_demand("{OLD}", KEY, 1997))
await send(requests.clear_demand("{OLD}", new, 1997))
await change_speed("{OLD}", 1200, 1997)
bus.set_speed(1200)
await write_address("{OLD}", "000000000777", 1997)
await read("000000000777", 0xC111, 1997)
"""
    assert run(site, program) == [
        DONE,
        (GOOD, [30]),
        (GOOD, b"\x02\x12\x34\x56", ()),
        (REFUSED, b"", ("password wrong",)),
        DONE,
        (1200, (), BAUD),
        (GOOD,),
        (GOOD, [30]),
    ]


def test_an_address_is_read_and_written_with_one_meter_on_the_line(tmp_path: Path) -> None:
    old, new = "000000000001", "123456789012"
    program = f"""
await send(requests.read_address())
await write_address("{new}", "{old}")
await write_address("{old}", "{new}")
await read("{new}", 0x04000103)
await read("{old}", 0x04000103)
"""
    with simulator(tmp_path, "--meters", "1", "--programming-key", "1"):
        assert run(tmp_path, program) == [
            (GOOD, bytes.fromhex(old)[::-1], ()),
            ("answer of another meter or item",),  # so nothing was written
            (GOOD,),
            (GOOD, [15]),
            ("timeout", []),
        ]


def test_no_address_is_written_to_a_locked_meter_or_to_two(tmp_path: Path) -> None:
    write = 'await write_address("000000000001", "123456789012")'
    look = 'await read("000000000001", 0x04000103)'
    with simulator(tmp_path, "--meters", "1"):
        assert run(tmp_path, f"{write}\n{look}") == [(REFUSED,), (GOOD, [15])]
    with simulator(tmp_path, "--meters", "2", "--programming-key", "*"):
        assert run(tmp_path, f"{write}\n{look}") == [("malformed answer",), (GOOD, [15])]
