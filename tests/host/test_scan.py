"""Our firmware looks for simulated meters on a paced bus, and goes on reading one meanwhile."""

import signal
import subprocess
import sys
from pathlib import Path

from firmware import run_in_firmware
from host_tools.stack import ROOT_FOLDER

PROGRAM = """
import asyncio

import board
from concentrator import quality
from concentrator.bus import Bus
from concentrator.config import Section
from concentrator.protocols.dlt645 import ReadTransaction
from concentrator.scan import Scan

settings = Section({"baud": 115200, "timeout_ms": 200, "retries": 1, "preamble": 4, "pause_ms": 0})
bus = Bus(1, board.bus(1, settings.baud), settings, board.bus)
readings = []

async def read():
    transaction = ReadTransaction(settings.preamble)
    while True:
        async with bus.turns:
            transaction.prepare("000000000001", 0x00010000)
            readings.append(quality.NAMES[await bus.exchange(transaction)])
        await asyncio.sleep_ms(100)

def show(found):
    print((found.address, found.edition, found.baud, found.known, bool(found.energy)))

async def main():
    reading = asyncio.create_task(read())
    scan = Scan(bus, ["000000000001"], show)
    report = await scan.search((115200, 57600))
    reading.cancel()
    print((report.unresolved, report.babbling, len(readings) > 20, set(readings)))

asyncio.run(main())
"""


def test_all_meters_are_found_whatever_they_speak_while_one_is_read(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "host_tools.meter_simulator",
                "--link",
                str(tmp_path / "bus1"),
            ),
            *("--meters", "5", "--baud", "115200", "--answer-delay", "5", "--heed-terminal"),
            *("--model", "4=three-phase-1997", "--model", "5=single-phase-1997"),
            *("--meter-baud", "3=57600", "--meter-baud", "5=57600"),
        ],
        cwd=ROOT_FOLDER,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("bus 1: ")
        *found, end = run_in_firmware(tmp_path, PROGRAM)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert sorted(found) == [
        ("000000000001", 2007, 115_200, True, False),
        ("000000000002", 2007, 115_200, False, True),
        ("000000000003", 2007, 57_600, False, True),
        ("000000000004", 1997, 115_200, False, True),
        ("000000000005", 1997, 57_600, False, True),
    ]
    assert end == ([], [], True, {"good"})
