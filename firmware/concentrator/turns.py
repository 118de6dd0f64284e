"""Whose turn it is to use something: one at a time, in the order they came."""

import asyncio


class Turns:
    """`async with turns:` waits for one's turn, and has it for as long as the block takes.

    Who has it for long, and can, gives way in between: `if turns.wanted: await turns.give_way()`.
    They come again after the one who came first, so nobody can keep them from it.
    """

    def __init__(self):
        self.wanted = 0  # how many wait
        self._lock = asyncio.Lock()

    async def __aenter__(self):
        """Wait for a turn."""
        self.wanted += 1
        try:
            await self._lock.acquire()
        finally:
            self.wanted -= 1

    async def __aexit__(self, *_):
        """End it."""
        self._lock.release()

    async def give_way(self):
        """Let the next one have its turn, and come back after that."""
        self._lock.release()
        await self._lock.acquire()
