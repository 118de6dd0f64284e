"""Fills gaps with what meters have frozen, one transaction at a time, when the bus is idle.

A frozen value counts only if the meter says, before and after it is read, that it was frozen at
the moment in question: clocks of meters are off, and while one is asked its midnight may come.
"""

import asyncio

from micropython import const

from . import items, plan, quality, records
from .journal import READING
from .memory import KEPT, moment

_ATTEMPTS = const(3)  # of a transaction, each with a turn of its own
_PATIENCE = const(3)  # times a day that a meter may not answer although it is not silent
_NO_SUCH_DATA = const(0x02)  # bit of the error word


class _NotNowError(Exception):
    """The meter does not answer, or has not come to the moment in question yet.

    With one argument: whether that is the meter's own affair, and not the line's.
    """


class Backfill:
    """Fills the gaps of one bus. Meters are known by their places, as in `rounds`."""

    def __init__(self, bus, meters, tasks, rounds, gaps, memory, clock, journal, events):
        self._bus = bus
        self._meters = meters
        self._tasks = tasks
        self._rounds = rounds
        self._gaps = gaps
        self._memory = memory
        self._clock = clock
        self._journal = journal
        self._events = events
        self._transaction = rounds.transaction  # never while a round is being read
        self._day = 0
        self._refused = {}  # (meter, part of freezes): the lowest number that it has not, today
        self._unanswered = {}  # meter: how often it did not answer today
        self._later = 0  # bits of meters that have just failed
        self._filled = 0  # slots, for the event
        self._empty = 0
        self._lacking = []  # numbers of meters that did not have something

    async def run(self):
        """Fill what can be filled now; what silent meters have is left for another time."""
        today = self._memory.local(self._clock.now()) // 86400
        if today != self._day:
            self._day = today
            self._refused.clear()
            self._unanswered.clear()
        self._later = 0
        while True:
            gap = self._gaps.take(self._ready())
            if gap is None:
                break
            await self._fill(self._tasks[gap[0]], *gap[1:])
        self._report()

    def _ready(self):
        """Bits of the meters that answer, as far as is known."""
        bits = 0
        for meter in range(len(self._meters)):
            if not self._rounds.is_silent(meter):
                bits |= 1 << meter
        return bits & ~self._later

    async def _fill(self, task, first, last, meters):
        """Fill a gap, from its newest slot on: who has not that one has no older one either."""
        now = self._clock.now()
        first = max(first, now - KEPT)
        slot = task.grid.present(min(last, now))
        while meters and slot >= first:
            await asyncio.sleep_ms(0)
            sources = self._memory.kept(task, slot, now)
            for meter in range(len(self._meters) if any(sources) else 0):
                if meters >> meter & 1:
                    try:
                        values = await self._values(meter, sources)
                    except _NotNowError as error:
                        meters &= ~(1 << meter)
                        self._postpone(meter, task, first, slot, error.args[0])
                    else:
                        self._settle(meter, task, slot, values)
            slot = self._memory.previous(task, slot)

    def _postpone(self, meter, task, first, slot, is_own):
        """Ask a meter another time, unless it does not seem to understand."""
        self._later |= 1 << meter
        unanswered = self._unanswered.get(meter, 0) + is_own
        self._unanswered[meter] = unanswered
        if unanswered < _PATIENCE:
            self._gaps.add(task.number, first, slot, 1 << meter)
        else:
            self._give_up(meter)

    def _give_up(self, meter):
        self._empty += 1
        number = self._meters.number(meter)
        if number not in self._lacking:
            self._lacking.append(number)

    def _settle(self, meter, task, slot, values):
        """Write down what came of a slot."""
        if not any(value is not None for value in values):
            self._give_up(meter)
            return
        self._filled += 1
        number = self._meters.number(meter)
        offset = self._clock.now() - slot
        reading = records.Reading(
            task.number, number, slot, offset, self._clock.quality, quality.FROZEN, values
        )
        buffer = bytearray(records.FIXED_SIZE + records.VALUE_SIZE * len(values))
        self._journal.append(READING, buffer, records.pack_reading(reading, buffer))

    def _report(self):
        if self._filled:
            self._events.record("backfill.done", bus=self._bus.number, readings=self._filled)
        if self._empty:
            self._events.record(
                "backfill.failed",
                bus=self._bus.number,
                readings=self._empty,
                meters=self._lacking,
            )
        self._filled = self._empty = 0
        self._lacking = []

    # --- One meter and slot ------------------------------------------------------------------

    async def _values(self, meter, sources):
        """The values of a slot's items; None for what the meter does not have."""
        values = [None] * len(sources)
        done = []
        for source in sources:
            if source is not None and (source.kind, source.moment) not in done:
                done.append((source.kind, source.moment))
                await self._recall(meter, source, sources, values)
        return values

    async def _recall(self, meter, wanted, sources, values):
        """Read what is of the same freeze as the source `wanted`."""
        number = await self._find(meter, wanted)
        if number is None:
            return
        places = []
        for item, source in enumerate(sources):
            if source is not None and (source.kind, source.moment) == (wanted.kind, wanted.moment):
                place = self._memory.place(source.register, source.kind, number)
                if place is not None:
                    places.append((place, 0, item, 0))
        found = [None] * len(values)
        edition = self._meters.edition(meter)
        for step in plan.make(places, items.blocks(edition)):
            await self._read(meter, step, found)
        if await self._moment(meter, wanted.kind, number) == wanted.moment:
            for item, value in enumerate(found):
                if value is not None:
                    values[item] = value

    async def _find(self, meter, source):
        """The number that a freeze has in the meter at present; None when it is not there."""
        local = self._memory.local(self._clock.now())
        number = source.number(local)
        found = await self._moment(meter, source.kind, number)
        if found is None or found == source.moment:
            return None if found is None else number
        # Its clock is fast or slow, or it was off at a midnight, or there was a change of clocks.
        number += (found - source.moment) // source.step
        if number < 1:
            raise _NotNowError(True)
        found = await self._moment(meter, source.kind, number)
        return number if found == source.moment else None

    async def _moment(self, meter, kind, number):
        """When a freeze was made, in local seconds since 1970; None when there is none such."""
        place = self._memory.stamp(kind, number)
        if place is None:
            return None
        stamp = [None]
        step = plan.Step(place.identifier, None, [(0, 0, place.index, 1, 0)])
        await self._read(meter, step, stamp)
        return moment(stamp[0])

    async def _read(self, meter, step, values):
        """Read a step of a plan into `values`; _NotNowError when the meter does not answer."""
        part, number = step.identifier >> 8, step.identifier & 0xFF
        if number >= self._refused.get((meter, part), number + 1):
            return
        attempts = 0
        while attempts < _ATTEMPTS:
            await self._rounds.idle()
            async with self._bus.turns:
                if self._rounds.reading:  # a slot began while others had the bus
                    continue
                attempts += 1
                reason = await self._rounds.ask(meter, step)
                if reason == quality.GOOD:
                    for _, item, index, factor, _ in step.targets:
                        value = self._transaction.value(index)
                        values[item] = None if value is None else value * factor
                    return
                if reason == quality.REFUSED:
                    if self._transaction.error & _NO_SUCH_DATA:
                        self._refused[meter, part] = number
                    return
        raise _NotNowError(reason == quality.TIMEOUT)
