"""When to read: slots aligned to the local wall clock."""

import asyncio

from micropython import const

_NAP_MS = const(1000)  # look at the clock again at least so often: it may have been stepped
_COUNT_MISSED = const(10000)  # do not count for ever when the clock jumps by years


def next_slot(now, every, utc_offset):
    """The first slot after `now` of a task that runs every `every` seconds, in UTC seconds.

    Slots fall on multiples of `every` of the local time, which is UTC plus `utc_offset` seconds:
    "every 15 min" means at :00, :15, :30 and :45 on the wall clock of the meter room.
    """
    local = now + utc_offset
    return local - local % every + every - utc_offset


class Schedule:
    """Waits for the slots of all tasks, earliest first.

    A slot that passes while an earlier one is still being read is missed: wait() says how many.
    """

    def __init__(self, clock, tasks, utc_offset):
        self._clock = clock
        self._tasks = tasks
        self._utc_offset = utc_offset
        self._last = None

    def _following(self, moment):
        return min(next_slot(moment, task.every, self._utc_offset) for task in self._tasks)

    async def wait(self):
        """Wait for the next slot; returns (slot, the tasks that are due, slots missed before)."""
        slot = self._following(self._clock.now())
        missed = 0
        if self._last is not None:
            expected = self._following(self._last)
            while expected < slot and missed < _COUNT_MISSED:
                missed += 1
                expected = self._following(expected)
        while True:
            left = slot * 1000 - self._clock.now_ms()
            if left <= 0:
                break
            await asyncio.sleep_ms(min(left, _NAP_MS))
        self._last = slot
        due = [t for t in self._tasks if next_slot(slot - 1, t.every, self._utc_offset) == slot]
        return slot, due, missed
