"""Runs on the board: prints how many bytes of heap bus transactions take, all together.

COUNT and ADDRESS stand before this text when it is sent to the board. What is freed at once, as
the frame of a function is when it returns, does not count: it is no work for the collector.
"""

import asyncio
import gc

import board
from concentrator import quality
from concentrator.bus import Bus
from concentrator.config import Section
from concentrator.protocols.dlt645 import ReadTransaction

_ENERGY = 0x00010000


async def transact(bus, transaction, times):
    """Read a meter so many times; each must answer."""
    for _ in range(times):
        transaction.prepare(ADDRESS, _ENERGY)  # noqa: F821
        if await bus.exchange(transaction) != quality.GOOD:
            raise RuntimeError("the meter does not answer")


async def main():
    """Print the difference between few transactions and many."""
    settings = Section({"baud": 9600, "timeout_ms": 1000, "retries": 0, "preamble": 4})
    bus = Bus(1, board.bus(1, settings.baud), settings)
    transaction = ReadTransaction(settings.preamble)
    await transact(bus, transaction, 5)
    gc.collect()
    gc.disable()
    taken = []
    for times in (1, 1 + COUNT):  # noqa: F821
        before = gc.mem_alloc()
        await transact(bus, transaction, times)
        taken.append(gc.mem_alloc() - before)
    print(taken[1] - taken[0])


asyncio.run(main())
