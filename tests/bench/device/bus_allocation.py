"""Runs on the board: prints how many bytes of heap bus transactions ask for, all together.

COUNT, ADDRESS and ALONE stand before this text when it is sent to the board. What is freed at
once, as the frame of a function is when it returns, is in it: the collector comes after a number
of bytes asked for, and that is how they are counted here. ALONE leaves out what asyncio asks for.
"""

import asyncio
import gc
import time

import board
from concentrator import bus as buses
from concentrator.config import Section
from concentrator.protocols.dlt645 import ReadTransaction

_ENERGY = 0x00010000
_THRESHOLD = 32768  # bytes from one collection to the next
_AT_ONCE = 2  # transactions: they must not ask for so many bytes


class Sleep:
    """In place of the module asyncio: waits without its loop."""

    def sleep_ms(self, ms):
        """Wait at once."""
        time.sleep_ms(ms)
        return self

    def __next__(self):
        """Nothing is left to wait for."""


def until_collection():
    """Waste the bytes that may be asked for until the collector comes; returns how many."""
    begun = last = gc.mem_alloc()
    while True:
        bytearray(48)
        now = gc.mem_alloc()
        if now < last:
            return last - begun
        last = now


async def transact(bus, transaction, times):
    """Read a meter so many times; each must answer."""
    for _ in range(times):
        transaction.prepare(ADDRESS, _ENERGY)  # noqa: F821
        if ALONE:  # noqa: F821
            for _ in bus.exchange(transaction):
                pass
        else:
            await bus.exchange(transaction)
        if not transaction.count:
            raise RuntimeError("the meter does not answer")


async def counted(bus, transaction, times):
    """Bytes asked for while so many transactions are made, and for the call itself."""
    gc.collect()
    before = gc.mem_alloc()
    bytearray(1024)  # a mark: the next collection takes it away
    await transact(bus, transaction, times)
    if gc.mem_alloc() < before + 1024:
        raise RuntimeError("the collector came too soon to count anything")
    return _THRESHOLD - until_collection()


async def main():
    """Print the difference between few transactions and many."""
    settings = Section(
        {"baud": 9600, "timeout_ms": 1000, "retries": 0, "preamble": 4, "pause_ms": 0}
    )
    bus = buses.Bus(1, board.bus(1, settings.baud), settings)
    transaction = ReadTransaction(settings.preamble)
    gc.threshold(_THRESHOLD)
    if ALONE:  # noqa: F821
        buses.asyncio = Sleep()
    await transact(bus, transaction, 5)
    taken = 0
    for _ in range(COUNT // _AT_ONCE):  # noqa: F821
        few = await counted(bus, transaction, 1)
        taken += await counted(bus, transaction, 1 + _AT_ONCE) - few
    print(taken)


asyncio.run(main())
