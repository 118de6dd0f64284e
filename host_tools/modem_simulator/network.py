"""The radio link: rate, delay and silence, as every byte meets them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from .conditions import Conditions

Item = TypeVar("Item")


class Lane:
    """One direction of the radio link: all sockets and data calls share its rate."""

    def __init__(self, conditions: Conditions, usable: asyncio.Event) -> None:
        """Create a lane that carries nothing while `usable` is not set."""
        self._conditions = conditions
        self._usable = usable
        self._free_at_s = 0.0

    async def carry(self, size: int) -> None:
        """Wait until a packet of `size` bytes, headers included, has left at the link's rate."""
        await self._usable.wait()
        rate_bit_s = self._conditions.rate_bit_s
        if rate_bit_s is None:
            return
        now_s = asyncio.get_running_loop().time()
        start_s = max(now_s, self._free_at_s)
        self._free_at_s = start_s + size * 8 / rate_bit_s
        await asyncio.sleep(self._free_at_s - now_s)


class RadioLink:
    """Both directions, and whether anything gets through at all."""

    def __init__(self, conditions: Conditions) -> None:
        """Create a link that is silent until `usable` is set."""
        self._conditions = conditions
        self.usable = asyncio.Event()
        self.up = Lane(conditions, self.usable)
        self.down = Lane(conditions, self.usable)

    def one_way_s(self) -> float:
        """Return the delay of one direction in s."""
        return self._conditions.latency_ms / 2000

    async def round_trip(self) -> None:
        """Wait as long as a question to the network and its answer take."""
        await self.usable.wait()
        await asyncio.sleep(self.one_way_s() * 2)
        await self.usable.wait()


class DelayLine(Generic[Item]):
    """Items put in come out in order, one link delay later; never while the link is silent.

    Several items are on their way at the same time: the delay does not reduce the rate.
    """

    def __init__(self, link: RadioLink, deliver: Callable[[Item], Awaitable[None]]) -> None:
        """Create an empty line; `deliver` is given each item when it is due."""
        self._link = link
        self._deliver = deliver
        self._items: deque[tuple[float, Item]] = deque()
        self._not_empty = asyncio.Event()

    def put(self, item: Item) -> None:
        """Send an item on its way."""
        due_s = asyncio.get_running_loop().time() + self._link.one_way_s()
        self._items.append((due_s, item))
        self._not_empty.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._not_empty.wait()
            due_s, item = self._items.popleft()
            if not self._items:
                self._not_empty.clear()
            wait_s = due_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await self._link.usable.wait()
            await self._deliver(item)
