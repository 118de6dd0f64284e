# SPDX-License-Identifier: MIT
"""Our firmware reads a meter of another author's: PyPI `dlt645`, on a pseudo-terminal bus.

The concentrator's own bus and transaction run in the host image. What that meter does against the
standard is written here as what it is.
"""

import os
import select
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from dlt645.model.types.dlt645_type import Demand
from dlt645.service.serversvc.server_service import MeterServerService

from firmware import run_in_firmware
from host_tools.pseudo_terminal import PseudoTerminal

ADDRESS = "123456789012"
NEIGHBOUR = "123456789013"
BAUD = 9600  # what the pseudo terminals are told: they pace nothing

READ = """
import asyncio
import board
from concentrator import bus as buses, quality
from concentrator.config import Section
from concentrator.protocols.dlt645 import ReadTransaction

async def main():
    settings = Section(
        {"baud": BAUD, "timeout_ms": 2000, "retries": 0, "preamble": 4, "pause_ms": 0}
    )
    bus = buses.Bus(1, board.bus(1, settings.baud), settings)
    transaction = ReadTransaction(settings.preamble)
    for address, di in WANTED:
        transaction.prepare(address, di)
        result = await bus.exchange(transaction)
        values = [transaction.value(i) for i in range(transaction.count)]
        print(repr((quality.NAMES[result], values, transaction.error)))

asyncio.run(main())
"""


class Line:
    """Carries bytes between two pseudo terminals, both ways, inside `with`."""

    def __init__(self, *ends: PseudoTerminal) -> None:
        self._ends = {one.fd: other.fd for one, other in zip(ends, reversed(ends), strict=True)}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _carry(self) -> None:
        while not self._over.is_set():
            for fd in select.select(list(self._ends), [], [], 0.05)[0]:
                os.write(self._ends[fd], os.read(fd, 4096))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site with a line, and nothing on it yet but its far end, `meter`."""
    folder = tmp_path_factory.mktemp("peer")
    with (
        PseudoTerminal(folder / "bus1") as ours,
        PseudoTerminal(folder / "meter") as far,
        Line(ours, far),
    ):
        yield folder


@pytest.fixture(scope="module")
def meter(site: Path) -> Iterator[MeterServerService]:
    """The other author's meter, at the far end."""
    service = MeterServerService.new_rtu_server(str(site / "meter"), 8, 1, BAUD, "N", 2.0)
    service.set_address(bytes.fromhex(ADDRESS)[::-1])
    assert service.server.start()
    yield service
    service.server.stop()


def read(site: Path, *wanted: tuple[str, int]) -> list[tuple[str, list, int]]:
    """Read (address, identifier) one after another; a quality, values and error word for each."""
    return run_in_firmware(site, f"BAUD = {BAUD}\nWANTED = {wanted!r}\n{READ}")


# identifier -> (what the meter is told, what we must read)
NUMBERS = {
    0x00010000: (123456.78, 12345678),
    0x00010100: (0.01, 1),
    0x00010200: (799999.99, 79999999),
    0x00010300: (0.0, 0),
    0x02010100: (221.7, 2217),
    0x02020100: (-799.999, -799999),
    0x02030000: (-0.5678, -5678),
}


def test_numbers_of_the_meter_arrive_with_their_sign(site, meter):
    for identifier, (told, _) in NUMBERS.items():
        write = meter.set_00 if identifier >> 24 == 0 else meter.set_02
        assert write(identifier, told)
    answers = read(site, *((ADDRESS, identifier) for identifier in NUMBERS))
    assert answers == [("good", [value], 0) for _, value in NUMBERS.values()]


def test_a_demand_comes_with_its_time_and_a_date_as_text(site, meter):
    moment = datetime(2026, 11, 21, 13, 40)
    assert meter.set_01(0x01010000, Demand(1.2345, moment))
    assert meter.set_04(0x04000101, "26112106")
    answers = read(site, (ADDRESS, 0x01010000), (ADDRESS, 0x04000101))
    assert answers == [("good", [12345, "2611211340"], 0), ("good", ["26112106"], 0)]


def test_an_item_that_the_meter_has_not_is_refused(site, meter):
    # It has no blocks. RequestDataEmpty is what it calls "no such data".
    assert read(site, (ADDRESS, 0x0001FF00)) == [("refused by the meter", [], 0x02)]


def test_the_meter_answers_for_its_neighbour_against_the_standard(site, meter):
    """It refuses what others are asked, where a meter has to be silent: on a bus of several its
    answer collides with the right one. To us it is a refusal like any other."""
    assert read(site, (NEIGHBOUR, 0x00010000)) == [("refused by the meter", [], 0x01)]
