"""Waits for the slots of tasks."""

import asyncio

from micropython import const

from .clock import NEVER_SET

_NAP_MS = const(1000)  # look at the clock again at least so often: it may have been stepped
_COUNT_MISSED = const(100)  # more are not counted, which would hold up everybody else


class Schedule:
    """Waits for the slots of all tasks, earliest first. `tasks` have a `grid` each; see grids.py.

    A slot whose beginning passes unnoticed (an earlier one is still being read, power is off) is
    given late, as long as its task has no other since; those before it are missed, and counted.
    """

    def __init__(self, clock, tasks):
        self._clock = clock
        self._tasks = tasks
        self._last = [None] * len(tasks)  # the slot of each that was given last

    def resume(self, number, slot):
        """Go on with task `number` from a slot that was begun before a reset."""
        self._last[number] = slot

    async def ready(self):
        """Wait until there is a time: while the clock was never set there are no slots."""
        while self._clock.quality == NEVER_SET:
            await asyncio.sleep_ms(_NAP_MS)

    async def wait(self):
        """Wait for the next slot; returns (slot, the tasks that are due, missed, late).

        `missed` slots of those tasks have passed since their last ones, 100 may be more; `late` is
        whether this one had begun before anybody waited for it.
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
        due, missed = [], 0
        for number, task in enumerate(self._tasks):
            if task.grid.present(slot) == slot and self._last[number] != slot:
                due.append(task)
                missed = max(missed, self._missed(number, slot))
                self._last[number] = slot
        return slot, due, missed, late

    def _next(self, now):
        """The slot to be given next, as things are: the oldest that has begun, or the next."""
        begun = following = None
        for number, task in enumerate(self._tasks):
            last = self._last[number]
            if last is not None:
                present = task.grid.present(now)
                if present > last and (begun is None or present < begun):
                    begun = present
            slot = task.grid.following(now)
            if slot == last:  # the clock was set back a little: that one was read already
                slot = task.grid.following(slot)
            if following is None or slot < following:
                following = slot
        return following if begun is None else begun

    def _missed(self, number, slot):
        """How many slots of a task lie between its last one and `slot`."""
        missed = 0
        grid = self._tasks[number].grid
        if self._last[number] is not None:
            expected = grid.following(self._last[number])
            while expected < slot and missed < _COUNT_MISSED:
                missed += 1
                expected = grid.following(expected)
        return missed
