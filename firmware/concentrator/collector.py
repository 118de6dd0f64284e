"""Reads what a slot asks for: every meter of a bus in turn, every bus by itself, pulse inputs too.

Whatever comes of it, there is one reading a meter, task and slot in the journal.
"""

import asyncio

from micropython import const

from . import log, quality, records
from .catch_up import CatchUp
from .journal import READING
from .meters import Meters
from .rounds import Rounds
from .schedule import Schedule
from .tasks import is_present, items_of, make_tasks

_AT_ONCE = const(16)  # records that are read before others have their turn
_LOOK_BACK = const(4)  # slots: so far back the journal is searched for an interrupted one

_log = log.get("collector")


class Collector:
    """All buses with their meters. They share tasks and journal, but none waits for another.

    `pulses` are the pulse inputs, a pulses.Inputs; None at a site that has none.
    """

    def __init__(self, buses, config, clock, journal, events, pulses=None):
        tasks = make_tasks(config)
        rules = [config.catalogue.rule(name) for name in items_of(config.tasks)]
        self._journal = journal
        self._tasks = tasks
        self._lines = []
        for bus in buses:
            meters = Meters(meter for meter in config.meters if meter.bus == bus.number)
            numbers = bytes([meter.number for meter in meters])
            catch_up = CatchUp(bus, tasks, config, clock, journal, events)
            rounds = Rounds(bus, meters, tasks, rules, catch_up, clock, journal, events)
            schedule = Schedule(clock, tasks)
            self._lines.append(
                _Line(
                    bus.number, numbers, rounds, tasks, schedule, clock, journal, events, catch_up
                )
            )
        self._all_lines = list(self._lines)
        if pulses is not None:
            from .pulse_rounds import BUS, PulseRounds  # which takes heap

            numbers = [one.number for one in config.pulses.inputs]
            rounds = PulseRounds(pulses, config, clock, journal)
            schedule = Schedule(clock, tasks)
            self._all_lines.append(
                _Line(BUS, numbers, rounds, tasks, schedule, clock, journal, events)
            )

    def failing(self):
        """How many meters did not give all their items when they were last read."""
        return sum(line.failing() for line in self._lines)

    def slots(self):
        """How many slots were read on every bus since boot."""
        return min(line.slots for line in self._lines)

    async def run(self):
        """Read slot after slot on every bus and of the pulse inputs, until stop()."""
        for task in self._tasks:
            self._journal.set_context(task.number, task.context)
        await asyncio.gather(*[line.run() for line in self._all_lines])

    def stop(self):
        """Finish the slots under way and begin no other."""
        for line in self._all_lines:
            line.stop()


class _Line:
    """One bus, or the pulse inputs, with its own wait for the next slot.

    `numbers` are those of its meters, `rounds` is what reads them.
    """

    def __init__(
        self, bus, numbers, rounds, tasks, schedule, clock, journal, events, catch_up=None
    ):
        self.slots = 0  # read since boot
        self._bus = bus
        self._numbers = numbers
        self._rounds = rounds
        self._tasks = tasks
        self._schedule = schedule
        self._clock = clock
        self._journal = journal
        self._events = events
        self._catch_up = catch_up  # pulse inputs have none: they remember nothing
        self._stopping = False
        self._waiting = None

    def failing(self):
        return self._rounds.failing()

    async def run(self):
        await self._unless_stopped(self._schedule.ready())
        if not self._stopping:
            resumed = await self._finish_last_slots()
            if self._catch_up:
                self._catch_up.start(resumed)
        while not self._stopping:
            next_slot = await self._unless_stopped(self._schedule.wait())
            if next_slot is not None:
                slot, due, missed, late = next_slot
                if missed:
                    self._events.record("slots.missed", bus=self._bus, count=missed, next=slot)
                await self._rounds.read(slot, due, late)
                self.slots += 1
                if self._catch_up:
                    await self._catch_up.go_on()
        if self._catch_up:
            await self._catch_up.stop()

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

    async def _finish_last_slots(self):
        """Complete the slots in which a reset came: no meter's reading of them stays missing.

        While a slot lasts the missing meters are read; after it they get a reading that says that
        power failed. Returns the last slots of the tasks of which they are known.
        """
        newest, done = await self._last_slots()
        resumed = {}
        for slot in sorted(set(newest.values())):
            if slot > self._clock.now():
                continue
            due = [task for task in self._tasks if newest.get(task.number) == slot]
            for task in due:
                self._schedule.resume(task.number, slot)
                resumed[task.number] = slot
            missing = [task for task in due if self._lacks(task, done)]
            if missing:
                numbers = [task.number for task in due]
                read = len([entry for entry in done if entry[0] in numbers])
                self._events.record("slot.interrupted", bus=self._bus, slot=slot, read=read)
                await self._complete(slot, missing, done)
        return resumed

    def _lacks(self, task, done):
        """Whether a meter has no reading of a task."""
        for number in self._numbers:
            if self._rounds.reads(task, number) and (task.number, number) not in done:
                return True
        return False

    async def _complete(self, slot, tasks, done):
        now = self._clock.now()
        lasts = [task for task in tasks if now < task.grid.following(slot)]
        over = [task for task in tasks if task not in lasts]
        if over:
            await self._rounds.fill_up(slot, over, done)
        if lasts:
            await self._rounds.read(slot, lasts, True, done)
            self.slots += 1

    async def _last_slots(self):
        """({task: its newest slot on this bus}, {(task, meter)} that were read in those)."""
        back = _LOOK_BACK * len(self._tasks) * records.MAX_METERS
        while True:
            begin = max(1, self._journal.next(READING) - back)
            newest, done, frozen = await self._newest_slots(begin)
            if begin == 1 or frozen < back // 2:
                return newest, done
            back *= 4  # it was gaps, mostly, that were filled before the reset

    async def _newest_slots(self, begin):
        """The same from record `begin` on, and how many readings of frozen values there are."""
        reader = self._journal.reader(READING)
        reader.seek(begin)
        newest, done, frozen = {}, set(), 0
        count = 0
        while True:
            count += 1
            if count % _AT_ONCE == 0:
                await asyncio.sleep_ms(0)
            record = reader.read()
            if record is None:
                return newest, done, frozen
            try:
                reading = records.unpack_reading(record[1], len(record[1]))
            except ValueError as error:
                _log.error("reading %d: %s", record[0], error)
                continue
            task = reading.task
            if reading.quality == quality.FROZEN:
                frozen += 1
                continue
            if reading.meter not in self._numbers:
                continue
            if not is_present(self._tasks, task, reader.context):
                continue
            if reading.slot > newest.get(task, 0):
                newest[task] = reading.slot
                done = {entry for entry in done if entry[0] != task}
            if reading.slot == newest[task]:
                done.add((task, reading.meter))
