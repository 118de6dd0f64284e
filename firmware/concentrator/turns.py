"""Whose turn it is to use something: one at a time, in the order they came."""

import asyncio


class Turns:
    """`async with turns:` waits for one's turn, and has it for as long as the block takes.

    Who has it for long, and can, gives way in between: `if turns.wanted: await turns.give_way()`.
    They come again after those who wait, in their order, so nobody can keep them from it.
    """

    def __init__(self):
        self.wanted = 0  # how many wait, with those who gave way
        self._lock = asyncio.Lock()
        self._holder = None  # the task that has it

    async def __aenter__(self):
        """Wait for a turn."""
        self.wanted += 1
        try:
            await self._lock.acquire()
        finally:
            self.wanted -= 1
        self._holder = asyncio.current_task()

    async def __aexit__(self, *_):
        """End it; who was cancelled while it gave way has none to end."""
        if self._holder is asyncio.current_task():
            self._release()

    async def give_way(self):
        """Let the next one have its turn, and come back after that."""
        self._release()
        await self.__aenter__()

    def _release(self):
        self._holder = None
        self._lock.release()
