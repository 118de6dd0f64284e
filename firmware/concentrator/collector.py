"""Reads what a slot asks for: every meter of a bus in turn, every bus by itself.

Whatever comes of it, there is one reading a meter, task and slot in the journal.
"""

import asyncio
from array import array
from time import ticks_diff, ticks_ms

from micropython import const

from . import items, log, quality, records
from .journal import READING
from .plausibility import History
from .protocols.dlt645 import ReadTransaction
from .schedule import Schedule

_SILENT = const(1 << 8)  # above the bits of the tasks
_LOOK_BACK = const(4)  # slots: so far back the journal is searched for an interrupted one

_log = log.get("collector")


class Collector:
    """All buses with their meters. They share tasks and journal, but none waits for another."""

    def __init__(self, buses, config, clock, journal, events):
        catalogue = config.catalogue
        editions = {items.EDITIONS[meter.protocol] for meter in config.meters}
        tasks = [
            _Task(number, task, catalogue, editions) for number, task in enumerate(config.tasks)
        ]
        self._journal = journal
        self._tasks = tasks
        self._lines = [
            _Line(
                bus,
                [meter for meter in config.meters if meter.bus == bus.number],
                tasks,
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
    """

    def __init__(self, number, settings, catalogue, editions):
        self.number = number
        self.every = settings.every
        self.size = len(settings.items)
        self.places = {
            edition: [catalogue.place(name, edition) for name in settings.items]
            for edition in editions
        }
        self.rules = [catalogue.rule(name) for name in settings.items]
        scales = [catalogue.scale(name) for name in settings.items]
        self.context = records.pack_task(settings.name, settings.items, scales)


class _Line:
    """One bus, its meters and its own wait for the next slot.

    Methods know a meter by its place on the bus: an object for each would take much of the heap.
    """

    def __init__(self, bus, meters, tasks, schedule, clock, journal, events):
        self.slots = 0  # read since boot
        self._bus = bus
        self._meters = meters  # their sections of the configuration
        # For each _SILENT, and a bit for every task of which it does not give all items.
        self._faults = array("H", [0] * len(meters))
        self._tasks = tasks
        self._schedule = schedule
        self._clock = clock
        self._journal = journal
        self._events = events
        self._transaction = ReadTransaction(bus.preamble)
        powers = [meter.max_power for meter in meters]
        self._history = History(powers, [task.rules for task in tasks])
        most_values = max(task.size for task in tasks)
        self._buffer = bytearray(records.FIXED_SIZE + records.VALUE_SIZE * most_values)
        self._stopping = False
        self._waiting = None
        self._quality = 0  # of the clock when the slot began
        self._began_ms = 0  # ticks
        self._late_ms = 0  # how long after the slot's instant that was

    def failing(self):
        return sum(faults != 0 for faults in self._faults)

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
                await self._read_slot(slot, due, late)

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
        if len(done) < len(due) * len(self._meters):
            self._events.record(
                "slot.interrupted", bus=self._bus.number, slot=slot, read=len(done)
            )
            over = self._clock.now() >= self._schedule.following(slot)
            await self._read_slot(slot, due, True, done, over)

    def _last_slot(self):
        """(newest slot of this bus in the journal or None, {(task, meter)} that were read)."""
        own = [meter.number for meter in self._meters]
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
            if reading.meter not in own or not self._is_present(reading.task, reader.context):
                continue
            if newest is None or reading.slot > newest:
                newest, done = reading.slot, set()
            if reading.slot == newest:
                done.add((reading.task, reading.meter))

    def _is_present(self, number, context):
        """Whether a reading's task is one of now, not of an earlier configuration."""
        return number < len(self._tasks) and context.get(number) == self._tasks[number].context

    async def _read_slot(self, slot, due, late, done=(), over=False):
        # A clock that is stepped meanwhile changes neither the slot nor how far it is trusted.
        self._began_ms = ticks_ms()
        self._late_ms = max(0, self._clock.now_ms() - slot * 1000)
        self._quality = self._clock.quality
        self._history.begin(slot)
        for task in due:
            for meter in range(len(self._meters)):
                if (task.number, self._meters[meter].number) in done:
                    continue
                if over:
                    nothing = [None] * task.size
                    self._append(meter, task, slot, quality.POWER_FAILED, nothing)
                    continue
                reason, values = await self._read_meter(meter, task)
                if late and reason == quality.GOOD:
                    reason = quality.MADE_UP
                self._append(meter, task, slot, reason, values)
                self._watch(meter, task, reason)
        self._bus.cycle_ms = ticks_diff(ticks_ms(), self._began_ms)
        self.slots += 1

    async def _read_meter(self, meter, task):
        """Read all items of one meter; returns (quality, values)."""
        values = [None] * task.size
        failure = quality.GOOD
        again = not self._faults[meter] & _SILENT
        for number, place in enumerate(self._places(meter, task)):
            if place is None:  # the meter's edition has no such item
                continue
            # A meter that was silent is asked once: it costs one time-out a slot until it answers.
            reason = await self._read_item(meter, place, again)
            again = True
            if reason == quality.GOOD:
                value = self._value(place)
                if not self._believe(meter, task, number, value):
                    reason, value = await self._confirm(meter, task, number, value)
                values[number] = value
            if failure in (quality.GOOD, quality.SUSPECT) and reason != quality.GOOD:
                failure = reason
            if reason in (quality.TIMEOUT, quality.JAMMED):
                break  # what is silent at one item is not asked for the others
        return failure, values

    async def _read_item(self, meter, place, again):
        """Read one item; returns a quality, after quality.GOOD the transaction has it."""
        transaction = self._transaction
        settings = self._meters[meter]
        edition = items.EDITIONS[settings.protocol]
        transaction.prepare(settings.address, place.identifier, edition, place.form)
        reason = await self._bus.exchange(transaction, again)
        while reason == quality.MORE:
            reason = await self._bus.exchange(transaction, True)
        if reason == quality.REFUSED:
            _log.warning(
                "meter %d refuses %08X: error %02X %s",
                settings.number,
                place.identifier,
                transaction.error,
                ", ".join(transaction.error_names()),
            )
        return reason

    def _places(self, meter, task):
        """Where a meter has the items of a task."""
        return task.places[items.EDITIONS[self._meters[meter].protocol]]

    def _value(self, place):
        """What was read, in the scale of the item; None when the meter has it not."""
        value = self._transaction.value(place.index)
        return None if value is None else value * place.factor

    def _believe(self, meter, task, number, value):
        """Whether a value can follow the last one, or there is none."""
        if value is None:
            return True
        if self._history.is_odd(task.number, meter, number, value):
            return False
        self._history.keep(task.number, meter, number, value)
        return True

    async def _confirm(self, meter, task, number, first):
        """Read an odd value a second time; returns (quality, value)."""
        place = self._places(meter, task)[number]
        reason = await self._read_item(meter, place, True)
        second = self._value(place) if reason == quality.GOOD else None
        if second is None:
            return quality.SUSPECT, first
        if self._believe(meter, task, number, second):
            return quality.GOOD, second
        history = self._history
        if not history.agree(task.number, number, first, second):
            return quality.SUSPECT, second
        history.keep(task.number, meter, number, second)
        suspect = history.is_suspect(task.number, number)
        return quality.SUSPECT if suspect else quality.GOOD, second

    def _append(self, meter, task, slot, reason, values):
        """Write a reading to the journal."""
        offset = (self._late_ms + ticks_diff(ticks_ms(), self._began_ms)) // 1000
        reading = records.Reading(
            task.number, self._meters[meter].number, slot, offset, self._quality, reason, values
        )
        size = records.pack_reading(reading, self._buffer)
        self._journal.append(READING, self._buffer, size)

    def _watch(self, meter, task, reason):
        """Make events of a meter that begins or ceases to fail."""
        before = faults = self._faults[meter]
        if reason in (quality.TIMEOUT, quality.JAMMED):
            faults |= _SILENT
        elif reason in (quality.GOOD, quality.MADE_UP, quality.SUSPECT):
            faults &= ~(_SILENT | 1 << task.number)
        else:
            faults = faults & ~_SILENT | 1 << task.number
        self._faults[meter] = faults
        failing = faults != 0
        if failing == (before != 0):
            return
        number = self._meters[meter].number
        if failing:
            self._events.record("meter.failing", meter=number, why=quality.NAMES[reason])
        else:
            self._events.record("meter.recovered", meter=number)
