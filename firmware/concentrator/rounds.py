"""Reads every meter of a bus for one slot, and writes what came of it to the journal.

In the first round everybody is asked once, and silence costs two time-outs; who did not answer, or
not properly, is asked again at the end of the slot, as often as the configuration says. So nobody
waits for another's trouble. A meter that stays silent is asked after all others, once, and ever
more rarely, and mostly given no more time than the others take.
"""

import asyncio
from array import array
from time import ticks_diff, ticks_ms

from micropython import const

from . import quality, records
from .journal import READING
from .meter_reader import MeterReader, Row
from .meters import Meters
from .patience import Patience
from .plausibility import History
from .protocols.dlt645 import ReadTransaction
from .tasks import bits_of, steps

_DAY = const(86400)
_NEAR = const(3)  # s before a slot in which nothing else is begun any more
_NAP_MS = const(500)
_SILENT = const(1 << 8)  # above the bits of the tasks
_MOST_PLANS = const(8)
_LONGEST_BLOCK = const(256)  # bytes: energy, in total and of 63 rates
_LONGEST_PAUSE = const(8)  # slots: a silent meter is asked at least in every eighth,
_LONG_PROBE = const(4)  # and every fourth time given as long as any meter may take
_CHANCES = const(2)  # requests that a meter may leave unanswered before it is silent
_UNHEARD = const(1)  # why a meter is asked again: it has not answered at all,
_HEARD = const(2)  # or not everything
_JAMMED_IN_A_ROW = const(2)  # meters: then it is the line, and the rest of the round is in vain
_ANSWERS = (quality.GOOD, quality.REFUSED, quality.MORE)


class Rounds:
    """The meters of one bus: sections of the configuration, known by their places here.

    An object for each would take much of the heap. `tasks` are the collector's, eight at most, and
    `rules` what to expect of all items that they read.
    """

    def __init__(self, bus, meters, tasks, rules, catch_up, clock, journal, events):
        self.transaction = ReadTransaction(bus.preamble, _LONGEST_BLOCK)  # that of ask(), too
        self.reading = False  # a slot has begun, and is not read to its end
        self._bus = bus
        self._baud = bus.baud  # of meters that have none of their own
        self._meters = self._by_speed(meters)
        self._tasks = tasks
        self._catch_up = catch_up
        catch_up.watch(self, self._meters)
        self._clock = clock
        self._journal = journal
        self._events = events
        # For each _SILENT, and a bit for every task of which it does not give all items.
        self._faults = array("H", [0] * len(meters))
        # For each a bit for every task that it is read for.
        self._members = bytes([bits_of(tasks, meter.number) for meter in self._meters])
        self._postponed = bytearray(len(meters))  # who is asked again at the end of the slot
        self._pauses = bytearray(len(meters))  # slots: how rarely a silent meter is asked,
        self._asked_in = bytearray(len(meters))  # and in how many it is the next time
        self._patience = Patience(len(meters), bus.timeout_ms)
        self._history = History([meter.max_power for meter in self._meters], [rules])
        self._rows = [Row(task.size) for task in tasks]
        self._reader = MeterReader(self.transaction, self._meters, self._history, self._rows)
        most_values = max(task.size for task in tasks)
        self._buffer = bytearray(records.FIXED_SIZE + records.VALUE_SIZE * most_values)
        self._plans = {}  # (edition, bits of tasks) in one number: steps
        # The slot under way.
        self._slot = 0
        self._slots = 0  # up to this one
        self._wanted = bytearray(len(meters))  # bits of the tasks for which each is to be read
        self._due = ()
        self._day = 0
        self._is_late = False
        self._jammed = 0  # meters in a row
        self._answered = False  # the meter that was read last, anything
        self._quality = 0  # of the clock when it began
        self._began_ms = 0  # ticks
        self._late_ms = 0  # how long after the slot's instant that was

    def failing(self):
        """How many meters did not give all their items when they were last read."""
        return sum(faults != 0 for faults in self._faults)

    def reads(self, task, number):
        """Whether a task reads the meter of that number."""
        return task.meters is None or number in task.meters

    def is_silent(self, meter):
        """Whether a meter, known by its place, did not answer when it was last read."""
        return bool(self._faults[meter] & _SILENT)

    async def idle(self):
        """Wait until no slot is being read, and none is about to begin."""
        await asyncio.sleep_ms(0)
        while self.reading or self._is_near():
            await asyncio.sleep_ms(_NAP_MS)

    def _is_near(self):
        now = self._clock.now()
        return any(task.grid.present(now + _NEAR) >= now for task in self._tasks)

    async def ask(self, meter, step):
        """Ask a meter, known by its place, once for a step of a plan: a quality.

        For who has the bus between two slots; `transaction` then has the values.
        """
        transaction, meters = self.transaction, self._meters
        transaction.prepare(
            meters.address(meter), step.identifier, meters.edition(meter), step.form
        )
        return await self._bus.converse(transaction, meters.baud(meter), again=False)

    async def read(self, slot, due, late=False, done=()):
        """Make a reading of every meter for all tasks in `due`, but for those (task, meter) in
        `done`. `late`: the slot had begun before anybody waited for it.
        """
        self.reading = True
        self._begin_slot(slot, due, late, done)
        async with self._bus.turns:
            await self._read_round(is_last=False)
            await self._read_round(is_last=True)
            self._bus.set_speed(self._baud)
        self.reading = False
        self._bus.cycle_ms = ticks_diff(ticks_ms(), self._began_ms)

    async def fill_up(self, slot, due, done):
        """The same for a slot that is over: readings that say that power failed."""
        self._begin_slot(slot, due, True, done)
        for meter in range(len(self._meters)):
            if self._wanted[meter]:
                self._fail(meter, quality.POWER_FAILED)
                self._append(meter)
                await asyncio.sleep_ms(0)  # each is a program of the flash

    def _begin_slot(self, slot, due, late, done):
        # A clock that is stepped meanwhile changes neither the slot nor how far it is trusted.
        self._began_ms = ticks_ms()
        self._late_ms = max(0, self._clock.now_ms() - slot * 1000)
        self._quality = self._clock.quality
        self._is_late = late
        self._slot = slot
        self._slots += 1
        self._due = due
        bits = 0
        for task in due:
            bits |= 1 << task.number
            self._catch_up.begin(task.number, slot)
        for meter in range(len(self._meters)):
            self._wanted[meter] = self._members[meter] & bits
            for task in due if done else ():
                if (task.number, self._meters.number(meter)) in done:
                    self._wanted[meter] &= ~(1 << task.number)
        if slot // _DAY != self._day:
            # What a meter has refused is asked for again: it may have been replaced.
            self._day = slot // _DAY
            self._reader.forget_refusals()
        self._history.begin(slot)

    async def _read_round(self, is_last):
        """Ask every meter that is to be asked in this round."""
        reader, turns = self._reader, self._bus.turns
        self._jammed = 0
        for meter in range(len(self._meters)):
            if self._begin_last(meter) if is_last else self._begin_first(meter):
                while reader.next():
                    limit_ms = self._limit_ms(meter, is_last)
                    reason = await self._bus.exchange(reader.transaction, reader.again, limit_ms)
                    self._take(meter, reason)
                    if turns.wanted and not reader.in_parts:
                        await turns.give_way()
                self._end(meter, is_last)

    def _begin_first(self, meter):
        """Begin to read a meter; False if it is not to be asked now.

        In the first round everybody is asked who is not known to be silent, once.
        """
        self._postponed[meter] = _UNHEARD if self._wanted[meter] else 0
        if not self._wanted[meter] or self.is_silent(meter) or self._is_jammed():
            return False
        self._begin(meter, patient=False, cautious=False, chances=_CHANCES)
        return True

    def _begin_last(self, meter):
        """The same in the last round: those who have failed, and of the silent ones some."""
        if not self._postponed[meter]:
            return False
        silent = self.is_silent(meter)
        if self._is_jammed():
            self._fail(meter, quality.JAMMED)
        elif silent and self._asked_in[meter]:
            self._asked_in[meter] -= 1
            self._fail(meter, quality.TIMEOUT)
        else:
            chances = _CHANCES if self._postponed[meter] == _HEARD else 1
            self._begin(meter, patient=not silent, cautious=True, chances=chances)
            return True
        self._append(meter)
        return False

    def _is_jammed(self):
        return self._jammed == _JAMMED_IN_A_ROW

    def _end(self, meter, is_last):
        """A meter has been read: either that is its reading, or it is asked again."""
        self._answered = self._reader.answered
        worst = self._worst()
        self._jammed = self._jammed + 1 if worst == quality.JAMMED else 0
        if is_last:
            self._pause(meter, worst)
        elif worst != quality.GOOD:
            self._postponed[meter] = _HEARD if self._answered else _UNHEARD
            return
        self._postponed[meter] = 0
        self._append(meter)

    def _limit_ms(self, meter, is_last):
        """How long to wait for a meter; those that are silent get their longest in turns."""
        if (
            is_last
            and self.is_silent(meter)
            and (self._slots // _LONGEST_PAUSE + meter) % _LONG_PROBE
        ):
            return self._patience.probe_ms()
        return self._patience.limit_ms(meter)

    def _take(self, meter, reason):
        """What came of a transaction."""
        self._reader.take(reason)
        if reason == quality.TIMEOUT:
            self._patience.silent(meter)
        elif reason in _ANSWERS:
            self._patience.answered(meter, self._bus.delay_ms)

    def _pause(self, meter, worst):
        """Ask a meter that stays silent ever more rarely."""
        pause = 0
        if worst == quality.TIMEOUT and not self._answered:
            pause = min(2 * self._pauses[meter], _LONGEST_PAUSE) or 1
        self._pauses[meter] = pause
        self._asked_in[meter] = pause - 1 if pause else 0

    def _begin(self, meter, patient, cautious, chances):
        self._bus.set_speed(self._meters.baud(meter) or self._baud)
        self._clear()
        self._reader.begin(meter, self._steps(meter), patient, cautious, chances)

    def _by_speed(self, meters):
        """Those of one speed one after the other, the bus's own first; else in their order."""
        speeds = {self._speed(meter) for meter in meters} - {self._baud}
        order = [self._baud] + sorted(speeds)
        return Meters(m for speed in order for m in meters if self._speed(m) == speed)

    def _speed(self, meter):
        return meter.baud or self._baud

    def _clear(self):
        for row in self._rows:
            row.clear()

    def _fail(self, meter, reason):
        """Give up a meter without asking it."""
        self._answered = False
        self._clear()
        for row in self._rows:
            row.worsen(reason)

    def _worst(self):
        """The quality of what was read that asking again may mend; quality.GOOD if nothing."""
        for row in self._rows:
            if row.quality in quality.FAILED:
                return row.quality
        return quality.GOOD

    def _steps(self, meter):
        """What a meter is to be asked for."""
        edition = self._meters.edition(meter)
        key = edition << 8 | self._wanted[meter]
        if key not in self._plans:
            if len(self._plans) == _MOST_PLANS:
                self._plans.clear()
            self._plans[key] = steps(self._tasks, self._wanted[meter], edition)
        return self._plans[key]

    def _append(self, meter):
        """Write the readings of a meter to the journal."""
        number = self._meters.number(meter)
        offset = (self._late_ms + ticks_diff(ticks_ms(), self._began_ms)) // 1000
        for task in self._due:
            if not self._wanted[meter] >> task.number & 1:
                continue
            row = self._rows[task.number]
            reason = row.quality
            if self._is_late and reason == quality.GOOD:
                reason = quality.MADE_UP
            reading = records.Reading(
                task.number, number, self._slot, offset, self._quality, reason, row.values
            )
            size = records.pack_reading(reading, self._buffer)
            self._journal.append(READING, self._buffer, size)
            self._catch_up.note(meter, reading)
            if reason != quality.POWER_FAILED:
                self._watch(meter, task, reason)

    def _watch(self, meter, task, reason):
        """Make events of a meter that begins or ceases to fail."""
        before = faults = self._faults[meter]
        if reason == quality.TIMEOUT and not self._answered:
            faults |= _SILENT
        elif reason in (quality.GOOD, quality.MADE_UP, quality.SUSPECT):
            faults &= ~(_SILENT | 1 << task.number)
        else:
            faults = faults & ~_SILENT | 1 << task.number
        self._faults[meter] = faults
        failing = faults != 0
        if failing == (before != 0):
            return
        number = self._meters.number(meter)
        if failing:
            self._events.record("meter.failing", meter=number, why=quality.NAMES[reason])
        else:
            self._events.record("meter.recovered", meter=number)
