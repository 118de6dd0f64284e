"""Runs on the host board, behind bus_site.py: reads a meter out of turn while a slot is read.

COUNT stands before this text. Printed are the milliseconds from the wish to the answer, each time.
"""

import asyncio
import random
import time

from concentrator import quality
from concentrator.protocols.dlt645 import ReadTransaction

_BLOCK = 0x0001FF00
_LONGEST_PAUSE_MS = 500


async def main():
    """Read out of turn COUNT times, at random moments of slots."""
    random.seed(645)
    round_trip = asyncio.create_task(slots())
    transaction = ReadTransaction(bus.preamble, 64)  # noqa: F821
    taken = []
    while len(taken) < COUNT:  # noqa: F821
        await asyncio.sleep_ms(200 + random.randrange(_LONGEST_PAUSE_MS))
        begun = time.ticks_ms()
        async with bus.turns:  # noqa: F821
            transaction.prepare("000000000001", _BLOCK)
            if await bus.exchange(transaction) != quality.GOOD:  # noqa: F821
                raise RuntimeError("the meter does not answer")
        taken.append(time.ticks_diff(time.ticks_ms(), begun))
    round_trip.cancel()
    print(taken)


async def slots():
    """Read one slot after another."""
    slot = SLOT  # noqa: F821
    while True:
        await rounds.read(slot, tasks)  # noqa: F821
        journal.prepare()  # noqa: F821
        slot += 60


asyncio.run(main())
