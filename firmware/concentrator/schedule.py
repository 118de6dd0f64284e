"""When to read: slots aligned to the local wall clock."""

import asyncio

from micropython import const

from .clock import NEVER_SET

_NAP_MS = const(1000)  # look at the clock again at least so often: it may have been stepped
_COUNT_MISSED = const(100)  # more are not counted, which would hold up everybody else


def next_slot(now, every, utc_offset):
    """The first slot after `now` of a task that runs every `every` seconds, in UTC seconds.

    Slots fall on multiples of `every` of the local time, which is UTC plus `utc_offset` seconds:
    "every 15 min" means at :00, :15, :30 and :45 on the wall clock of the meter room.
    """
    local = now + utc_offset
    return local - local % every + every - utc_offset


class Schedule:
    """Waits for the slots of all tasks, earliest first.

    A slot whose beginning passes unnoticed (an earlier one is still being read, power is off) is
    given late, as long as no other has begun since; those before it are missed, and counted.
    """

    def __init__(self, clock, tasks, utc_offset):
        self._clock = clock
        self._tasks = tasks
        self._utc_offset = utc_offset
        self._last = None

    def following(self, moment):
        """The first slot of any task after `moment`."""
        return min(next_slot(moment, task.every, self._utc_offset) for task in self._tasks)

    def present(self, moment):
        """The slot of any task that began last, at `moment` or before."""
        offset = self._utc_offset
        return max(next_slot(moment, task.every, offset) - task.every for task in self._tasks)

    def due(self, slot):
        """The tasks that `slot` is a slot of."""
        return [t for t in self._tasks if next_slot(slot - 1, t.every, self._utc_offset) == slot]

    def resume(self, slot):
        """Go on from a slot that was begun before a reset: those passed since then are missed."""
        self._last = slot

    async def ready(self):
        """Wait until there is a time: while the clock was never set there are no slots."""
        while self._clock.quality == NEVER_SET:
            await asyncio.sleep_ms(_NAP_MS)

    async def wait(self):
        """Wait for the next slot; returns (slot, the tasks that are due, missed, late).

        `missed` slots have passed since the last one, 100 may be more; `late` is whether this one
        had begun before anybody waited for it.
        """
        await self.ready()
        steps = None
        while True:
            now_ms = self._clock.now_ms()
            if steps != self._clock.steps:  # at first, and when the clock was stepped meanwhile
                steps = self._clock.steps
                slot = self._next(now_ms // 1000)
                late = slot * 1000 < now_ms
            left = slot * 1000 - now_ms
            if left <= 0:
                break
            await asyncio.sleep_ms(min(left, _NAP_MS))
        missed = self._missed(slot)
        self._last = slot
        return slot, self.due(slot), missed, late

    def _next(self, now):
        """The slot to be given next, as things are."""
        if self._last is not None:
            present = self.present(now)
            if present > self._last:
                return present
        slot = self.following(now)
        # The clock was set back a little: that one was read already.
        return self.following(slot) if slot == self._last else slot

    def _missed(self, slot):
        """How many slots lie between the last one and `slot`."""
        missed = 0
        if self._last is not None:
            expected = self.following(self._last)
            while expected < slot and missed < _COUNT_MISSED:
                missed += 1
                expected = self.following(expected)
        return missed
