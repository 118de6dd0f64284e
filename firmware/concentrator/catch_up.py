"""Notices slots that stay without values, and has them filled with what meters remember.

What does that is loaded when the first such slot is found: where nothing is missing, the heap is
left to others.
"""

import asyncio
from array import array

from . import quality
from .journal import READING


class CatchUp:
    """For one bus; watch() comes before all else."""

    def __init__(self, bus, tasks, config, clock, journal, events):
        self._bus = bus
        self._tasks = tasks
        self._config = config
        self._clock = clock
        self._journal = journal
        self._events = events
        self._last = array("I", [0] * len(tasks))  # slot of each that was begun
        self._gaps = None
        self._backfill = None
        self._task = None  # that searches and fills

    def watch(self, rounds, meters):
        """`rounds` are those of the bus, and know its `meters` by their places in this list."""
        self._rounds = rounds
        self._meters = meters

    def begin(self, number, slot):
        """A slot of task `number` begins: those since the last one had no readings at all."""
        last = self._last[number]
        self._last[number] = slot
        if last and self._tasks[number].grid.following(last) < slot:
            self.miss(number, last, slot)

    def miss(self, number, last, slot):
        """Between two slots of task `number` there was no reading of any meter."""
        self._loaded().miss(number, last, slot)

    def note(self, meter, reading):
        """A reading was made of a meter, known by its place."""
        if reading.quality in quality.MISSED or self._gaps is not None:
            self._loaded().note(meter, reading)

    def _loaded(self):
        if self._gaps is None:
            from .gaps import Gaps
            from .memory import Memory

            memory = Memory(self._config.catalogue, self._config.zone)
            self._gaps = Gaps(self._bus.number, self._meters, self._tasks, memory, self._events)
        return self._gaps

    def start(self, resumed):
        """Find what was missing before a reset, and fill it.

        `resumed` has the last slot of every task that goes on from there.
        """
        for number in resumed:
            self._last[number] = resumed[number]
        self._task = asyncio.create_task(self._search(resumed, self._clock.now()))

    async def _search(self, resumed, now):
        if self._journal.next(READING) > 1:
            from .gap_search import search

            await search(
                self, self._journal, self._meters, self._tasks, resumed, now, self._rounds.idle
            )
        await self._fill()

    async def _fill(self):
        if not self._gaps:
            return
        if self._backfill is None:
            from .backfill import Backfill

            self._backfill = Backfill(
                self._bus,
                self._meters,
                self._tasks,
                self._rounds,
                self._gaps,
                self._gaps.memory,
                self._clock,
                self._journal,
                self._events,
            )
        await self._backfill.run()

    async def go_on(self):
        """To be called after every slot: silent meters may answer again."""
        task = self._task
        if task is not None and task.done():
            self._task = None  # it would keep its frame on the heap
            await task  # what went wrong in it goes wrong here
        if self._task is None and self._gaps:
            self._task = asyncio.create_task(self._fill())

    async def stop(self):
        """What is left is found again by the next search."""
        if self._task is not None:
            self._task.cancel()
            try:
                await self._task
            except asyncio.CancelledError:
                pass
