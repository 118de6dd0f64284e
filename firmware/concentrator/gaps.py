"""Which slots have no values although meters may remember them: what backfill is to ask for.

A gap is a run of slots of one task, and the meters that lack all of them. After a power cut
everybody lacks the same slots: that is one gap a task, and not one a meter.
"""

import struct

from micropython import const

from . import quality

_GAP = const("<BIIQ")  # task, first and last slot, a bit for each meter
_SIZE = const(17)  # bytes of that
_MOST = const(32)


class Gaps:
    """The gaps of one bus. `meters` are sections of the configuration, known by their places.

    What meters do not remember is no gap. There are 32 at most; what is more is dropped, with one
    event until all are filled.
    """

    def __init__(self, bus, meters, tasks, memory, events):
        self._bus = bus  # its number
        self._meters = meters
        self._tasks = tasks
        self.memory = memory
        self._events = events
        self._table = bytearray()
        self._is_full = False

    def __len__(self):
        """How many there are."""
        return len(self._table) // _SIZE

    def note(self, meter, reading):
        """A reading was made of a meter."""
        number = reading.task
        if reading.quality == quality.FROZEN:
            self._remove(number, reading.slot, 1 << meter)
        elif reading.quality in quality.MISSED and self._can_be_filled(meter, reading):
            self.add(number, reading.slot, reading.slot, 1 << meter)

    def add(self, number, first, last, meters):
        """Some meters (a bit for each) lack the slots of task `number` from `first` to `last`."""
        task = self._tasks[number]
        at = 0
        while at < len(self._table):
            begin, end, lacking = self._gap(at, number)
            if begin <= first and last <= end and not meters & ~lacking:
                return
            if lacking == meters and self._touch(task, begin, end, first, last):
                first, last = min(first, begin), max(last, end)
            elif (begin, end) == (first, last):
                meters |= lacking
            else:
                at += _SIZE
                continue
            self._drop(at)
            at = 0
        if len(self) < _MOST:
            self._table.extend(struct.pack(_GAP, number, first, last, meters))
        elif not self._is_full:
            self._is_full = True
            self._events.record("backfill.full", bus=self._bus)

    def take(self, meters):
        """Remove and return the oldest gap of any of `meters`: (task number, first, last, who).

        None when there is none. Others that lack the same remain.
        """
        oldest = None
        for at in range(0, len(self._table), _SIZE):
            number, first, last, lacking = struct.unpack_from(_GAP, self._table, at)
            if lacking & meters and (oldest is None or first < oldest[1]):
                oldest = number, first, last, lacking
                place = at
        if oldest is None:
            return None
        self._drop(place)
        number, first, last, lacking = oldest
        if lacking & ~meters:
            self._table.extend(struct.pack(_GAP, number, first, last, lacking & ~meters))
        return number, first, last, lacking & meters

    def miss(self, number, last, slot):
        """Between two slots of task `number` there was no reading of any meter."""
        task = self._tasks[number]
        if self.memory.has(task):
            first = self.memory.following(task, last)
            if first < slot:
                lacking = 0
                for meter in range(len(self._meters)):
                    wanted = task.meters is None or self._meters.number(meter) in task.meters
                    if wanted and self.memory.reaches(self._meters.edition(meter)):
                        lacking |= 1 << meter
                if lacking:
                    self.add(number, first, task.grid.present(slot - 1), lacking)

    def _can_be_filled(self, meter, reading):
        """Whether the meter may remember something, and nothing that it gave would be lost."""
        task = self._tasks[reading.task]
        if not self.memory.reaches(self._meters.edition(meter)) or not self.memory.has(task):
            return False
        sources = self.memory.sources(task, reading.slot)
        for value, source in zip(reading.values, sources):
            if value is not None and source is None:
                return False
        return any(sources)

    def _remove(self, number, slot, meter):
        """A meter, a bit, has values for a slot."""
        task = self._tasks[number]
        for at in range(0, len(self._table), _SIZE):
            first, last, lacking = self._gap(at, number)
            if lacking & meter and first <= slot <= last:
                self._drop(at)
                if lacking != meter:
                    self.add(number, first, last, lacking & ~meter)
                if first < slot:
                    self.add(number, first, task.grid.present(slot - 1), meter)
                following = self.memory.following(task, slot)
                if following <= last:
                    self.add(number, following, last, meter)
                return

    def _gap(self, at, number):
        """(first, last, meters) of a gap of that task; no meters for another's."""
        if self._table[at] != number:
            return 0, 0, 0
        return struct.unpack_from(_GAP, self._table, at)[1:]

    def _touch(self, task, begin, end, first, last):
        """Whether two runs of slots overlap, or nothing lies between them."""
        following = self.memory.following
        return begin <= following(task, last) and first <= following(task, end)

    def _drop(self, at):
        self._table = self._table[:at] + self._table[at + _SIZE :]
        if not self._table:
            self._is_full = False
