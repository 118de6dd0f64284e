"""Reads what a slot asks for: every meter of a bus in turn, all buses at the same time.

Whatever comes of it, there is one reading a meter, task and slot in the journal.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from . import items, journal, log, quality, records
from .protocols.dlt645 import ReadTransaction

_SILENT = const(1 << 8)  # above the bits of the tasks

_log = log.get("collector")


class _MeterState:
    """What the collector remembers of one meter between slots."""

    __slots__ = ("faults", "settings")

    def __init__(self, settings):
        self.settings = settings
        self.faults = 0  # _SILENT, and a bit for every task of which it does not give all items


class Collector:
    """Joins the schedule, the buses and the journal."""

    def __init__(self, schedule, buses, meters, tasks, clock, journal, events):
        self._schedule = schedule
        self._buses = buses
        self._meters = [[_MeterState(m) for m in meters if m.bus == b.number] for b in buses]
        self._tasks = tasks
        self._contexts = [
            records.pack_task(t.name, t.items, [items.scale(name) for name in t.items])
            for t in tasks
        ]
        self._clock = clock
        self._journal = journal
        self._events = events
        self._buffer = bytearray(journal_buffer_size(tasks))
        self._stopping = False
        self._waiting = None
        self.slots = 0  # slots read since boot

    def failing(self):
        """How many meters did not give all their items when they were last read."""
        return sum(meter.faults != 0 for meters in self._meters for meter in meters)

    async def run(self):
        """Read slot after slot, until stop()."""
        for number, context in enumerate(self._contexts):
            self._journal.set_context(number, context)
        await self._unless_stopped(self._schedule.ready())
        if not self._stopping:
            await self._finish_last_slot()
        while not self._stopping:
            next_slot = await self._unless_stopped(self._schedule.wait())
            if next_slot is not None:
                slot, due, missed = next_slot
                if missed:
                    self._events.record("slots.missed", count=missed, next=slot)
                await self._read_slot(slot, due)

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
        """Finish the slot under way and begin no other."""
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
        missing = any(
            (self._tasks.index(task), meter.settings.number) not in done
            for task in due
            for meters in self._meters
            for meter in meters
        )
        if missing:
            self._events.record("slot.interrupted", slot=slot, read=len(done))
            over = self._clock.now() >= self._schedule.following(slot)
            await self._read_slot(slot, due, done, over)

    def _last_slot(self):
        """(newest slot in the journal or None, {(task, meter)} that have a reading of it)."""
        reader = self._journal.reader(journal.READING)
        most = len(self._tasks) * sum(len(meters) for meters in self._meters)
        reader.seek(max(1, self._journal.next(journal.READING) - most))
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
            if reader.context.get(reading.task) not in self._contexts[reading.task :][:1]:
                continue  # made for a task that an earlier configuration had
            if newest is None or reading.slot > newest:
                newest, done = reading.slot, set()
            if reading.slot == newest:
                done.add((reading.task, reading.meter))

    async def _read_slot(self, slot, due, done=(), over=False):
        await asyncio.gather(
            *[
                self._read_bus(bus, meters, slot, due, done, over)
                for bus, meters in zip(self._buses, self._meters)
            ]
        )
        self.slots += 1

    async def _read_bus(self, bus, meters, slot, due, done, over):
        started = ticks_ms()
        transaction = ReadTransaction(bus.preamble)
        for task in due:
            number = self._tasks.index(task)
            identifiers = [items.identifier(name) for name in task.items]
            for meter in meters:
                if (number, meter.settings.number) in done:
                    continue
                if over:
                    nothing = [None] * len(identifiers)
                    self._append(meter, number, slot, quality.POWER_FAILED, nothing)
                    continue
                reason, values = await self._read_meter(bus, transaction, meter, identifiers)
                if done and reason == quality.GOOD:
                    reason = quality.MADE_UP
                self._append(meter, number, slot, reason, values)
                self._watch(meter, number, reason)
        bus.cycle_ms = ticks_diff(ticks_ms(), started)

    @staticmethod
    async def _read_meter(bus, transaction, meter, identifiers):
        """Read all items of one meter; returns (quality, values)."""
        settings = meter.settings
        values = [None] * len(identifiers)
        worst = quality.GOOD
        for place, (di, index) in enumerate(identifiers):
            transaction.prepare(settings.address, di)
            reason = await bus.exchange(transaction)
            if reason == quality.GOOD:
                try:
                    values[place] = transaction.values()[index]
                except (ValueError, IndexError) as error:
                    _log.warning("meter %d: %s", settings.number, error)
                    reason = quality.MALFORMED
            elif reason == quality.REFUSED:
                _log.warning(
                    "meter %d refuses %08X: error %02X", settings.number, di, transaction.error
                )
            if reason != quality.GOOD and worst == quality.GOOD:
                worst = reason
            if reason in (quality.TIMEOUT, quality.JAMMED):
                break  # a silent meter costs one time-out, not one an item
        return worst, values

    def _append(self, meter, task, slot, reason, values):
        """Write a reading to the journal."""
        offset = max(0, self._clock.now() - slot)
        number, clock = meter.settings.number, self._clock.quality
        reading = records.Reading(task, number, slot, offset, clock, reason, values)
        size = records.pack_reading(reading, self._buffer)
        self._journal.append(journal.READING, self._buffer, size)

    def _watch(self, meter, task, reason):
        """Make events of a meter that begins or ceases to fail."""
        before = meter.faults
        if reason in (quality.TIMEOUT, quality.JAMMED):
            meter.faults |= _SILENT
        elif reason in (quality.GOOD, quality.MADE_UP):
            meter.faults &= ~(_SILENT | 1 << task)
        else:
            meter.faults = before & ~_SILENT | 1 << task
        failing = meter.faults != 0
        if failing == (before != 0):
            return
        number = meter.settings.number
        if failing:
            self._events.record("meter.failing", meter=number, why=quality.NAMES[reason])
        else:
            self._events.record("meter.recovered", meter=number)


def journal_buffer_size(tasks):
    """Bytes that the largest reading of any task may take."""
    return records.FIXED_SIZE + records.VALUE_SIZE * max(len(task.items) for task in tasks)
