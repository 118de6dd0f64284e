"""Reads what a slot asks for: every meter of a bus in turn, every bus by itself.

Whatever comes of it, there is one reading a meter, task and slot in the journal.
"""

import asyncio

from micropython import const

from . import items, log, records
from .journal import READING
from .rounds import Rounds
from .schedule import Schedule

_LOOK_BACK = const(4)  # slots: so far back the journal is searched for an interrupted one

_log = log.get("collector")


class Collector:
    """All buses with their meters. They share tasks and journal, but none waits for another."""

    def __init__(self, buses, config, clock, journal, events):
        catalogue = config.catalogue
        editions = {items.EDITIONS[meter.protocol] for meter in config.meters}
        names = []  # of all items that any task reads
        for task in config.tasks:
            names += [name for name in task.items if name not in names]
        rules = [catalogue.rule(name) for name in names]
        tasks = [
            _Task(number, task, catalogue, editions, names)
            for number, task in enumerate(config.tasks)
        ]
        self._journal = journal
        self._tasks = tasks
        self._lines = [
            _Line(
                bus,
                [meter for meter in config.meters if meter.bus == bus.number],
                tasks,
                rules,
                Schedule(clock, tasks, config.utc_offset),
                clock,
                journal,
                events,
            )
            for bus in buses
        ]

    def failing(self):
        """How many meters did not give all their items when they were last read."""
        return sum(line.failing() for line in self._lines)

    def slots(self):
        """How many slots were read on every bus since boot."""
        return min(line.slots for line in self._lines)

    async def run(self):
        """Read slot after slot on every bus, until stop()."""
        for task in self._tasks:
            self._journal.set_context(task.number, task.context)
        await asyncio.gather(*[line.run() for line in self._lines])

    def stop(self):
        """Finish the slots under way and begin no other."""
        for line in self._lines:
            line.stop()


class _Task:
    """A task with its number in the journal, and its items looked up.

    `places` has, for every edition that a meter is of, where each item is: an items.Place or None.
    `kept` is where each item is among all that are read at the site.
    """

    def __init__(self, number, settings, catalogue, editions, names):
        self.number = number
        self.every = settings.every
        self.size = len(settings.items)
        self.places = {
            edition: [catalogue.place(name, edition) for name in settings.items]
            for edition in editions
        }
        self.kept = [names.index(name) for name in settings.items]
        scales = [catalogue.scale(name) for name in settings.items]
        self.context = records.pack_task(settings.name, settings.items, scales)


class _Line:
    """One bus, its meters and its own wait for the next slot."""

    def __init__(self, bus, meters, tasks, rules, schedule, clock, journal, events):
        self.slots = 0  # read since boot
        self._bus = bus
        self._numbers = [meter.number for meter in meters]
        self._tasks = tasks
        self._schedule = schedule
        self._clock = clock
        self._journal = journal
        self._events = events
        self._rounds = Rounds(bus, meters, tasks, rules, clock, journal, events)
        self._stopping = False
        self._waiting = None

    def failing(self):
        return self._rounds.failing()

    async def run(self):
        await self._unless_stopped(self._schedule.ready())
        if not self._stopping:
            await self._finish_last_slot()
        while not self._stopping:
            next_slot = await self._unless_stopped(self._schedule.wait())
            if next_slot is not None:
                slot, due, missed, late = next_slot
                if missed:
                    self._events.record(
                        "slots.missed", bus=self._bus.number, count=missed, next=slot
                    )
                await self._rounds.read(slot, due, late)
                self.slots += 1

    async def _unless_stopped(self, waiting):
        """What the coroutine `waiting` returns; None when stop() comes first."""
        self._waiting = asyncio.create_task(waiting)
        try:
            return await self._waiting
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            self._waiting = None

    def stop(self):
        self._stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _finish_last_slot(self):
        """Complete the slot in which a reset came: no meter's reading of it stays missing.

        While the slot lasts the missing meters are read; after it they get a reading that says
        that power failed.
        """
        slot, done = self._last_slot()
        if slot is None or slot > self._clock.now():
            return
        self._schedule.resume(slot)
        due = self._schedule.due(slot)
        if len(done) < len(due) * len(self._numbers):
            self._events.record(
                "slot.interrupted", bus=self._bus.number, slot=slot, read=len(done)
            )
            if self._clock.now() >= self._schedule.following(slot):
                self._rounds.fill_up(slot, due, done)
            else:
                await self._rounds.read(slot, due, True, done)
                self.slots += 1

    def _last_slot(self):
        """(newest slot of this bus in the journal or None, {(task, meter)} that were read)."""
        reader = self._journal.reader(READING)
        back = _LOOK_BACK * len(self._tasks) * records.MAX_METERS
        reader.seek(max(1, self._journal.next(READING) - back))
        newest, done = None, set()
        while True:
            record = reader.read()
            if record is None:
                return newest, done
            try:
                reading = records.unpack_reading(record[1], len(record[1]))
            except ValueError as error:
                _log.error("reading %d: %s", record[0], error)
                continue
            if reading.meter not in self._numbers or not self._is_present(
                reading.task, reader.context
            ):
                continue
            if newest is None or reading.slot > newest:
                newest, done = reading.slot, set()
            if reading.slot == newest:
                done.add((reading.task, reading.meter))

    def _is_present(self, number, context):
        """Whether a reading's task is one of now, not of an earlier configuration."""
        return number < len(self._tasks) and context.get(number) == self._tasks[number].context
