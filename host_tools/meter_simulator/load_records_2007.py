"""Load records (06, annex B) and load curves of one quantity (0610, a State Grid extension).

A record is A0 A0, a length, the time, the classes each with an AA behind it, a checksum, E5. A
class that is not asked for or not recorded is just its AA. Meters take freedoms with the AA and
with what the checksum is of; so may these (see Faults).
"""

from datetime import datetime, timedelta

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator.formats import (
    MINUTES,
    Field,
    from_bcd,
    join,
    missing,
    moment_from_bcd,
    stamp,
)
from host_tools.meter_simulator.register_items_2007 import RegisterItems2007
from host_tools.meter_simulator.variables_2007 import Variables2007
from host_tools.meter_simulator.works import Works

KEPT_DAYS = 62
CLASSES = range(1, 7)

_CURVES = 0x10
_EARLIEST, _GIVEN, _LATEST = range(3)
_GOOD, _BAD, _END, _SEPARATOR = b"\xa0\xa0", b"\xe0\xe0", b"\xe5", b"\xaa"
_MINUTES_PER_DAY = 1440

# What the classes record: identifiers of single items, sizes are theirs.
_CLASS_ITEMS = {
    1: (0x02010100, 0x02010200, 0x02010300, 0x02020100, 0x02020200, 0x02020300, 0x02800002),
    2: tuple(0x02030000 + (step << 8) + (kind << 16) for kind in (0, 1) for step in range(4)),
    3: tuple(0x02060000 + (step << 8) for step in range(4)),
    4: (0x00010000, 0x00020000, 0x00030000, 0x00040000),
    5: (0x00050000, 0x00060000, 0x00070000, 0x00080000),
    6: (0x02800004, 0x02800005),
}
# Quantity (DI1) of a load curve, and the item it is of: DI0 is 1 for the first phase or energy.
_CURVE_ITEMS = {
    0x01: _CLASS_ITEMS[1][:3],
    0x02: _CLASS_ITEMS[1][3:6],
    0x03: _CLASS_ITEMS[2][:4],
    0x04: _CLASS_ITEMS[2][4:],
    0x05: _CLASS_ITEMS[3],
    0x06: _CLASS_ITEMS[4],
    0x07: _CLASS_ITEMS[5],
    0x08: _CLASS_ITEMS[6],
}
_FROM_ZERO = (0x03, 0x04, 0x05)  # quantities whose DI0 begins with 0, the total
_CURVE_CLASSES = {0x01: 1, 0x02: 1, 0x03: 2, 0x04: 2, 0x05: 3, 0x06: 4, 0x07: 5, 0x08: 6}


class LoadRecords2007:
    """Gives load records out of the works of a meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works
        self._registers = RegisterItems2007(works)
        self._variables = Variables2007(works)

    def read(self, identifier: int, arguments: bytes, time_s: float) -> Field | None:
        """Give what is recorded, for the bytes behind the identifier in the request.

        Those are a count (BCD) and, for records from a given time on, mm hh DD MM YY. None if
        there is nothing such, or nothing was recorded then.
        """
        count = from_bcd(arguments[:1]) if arguments else None
        given = moment_from_bcd(b"\0" + arguments[1:]) if len(arguments) == 6 else None
        if not count:
            return None
        kind, item, which = (identifier >> shift & 0xFF for shift in (16, 8, 0))
        if kind == _CURVES:
            return self._curve(item, which, count, given, time_s) if given else None
        if item or kind > CLASSES[-1] or which > _LATEST or (which == _GIVEN) != bool(given):
            return None
        classes = (kind,) if kind else tuple(CLASSES)
        now = self._works.clock.local(time_s)
        moments = self._moments(classes, which, given, count, now)
        records = [self._record(classes, moment) for moment in moments]
        if not records and not self._works.faults.load_none_is_empty:
            return None
        return Field(b"".join(records), None)

    def _moments(
        self,
        classes: tuple[int, ...],
        which: int,
        given: datetime | None,
        count: int,
        now: datetime,
    ) -> list[datetime]:
        """Give the local times of the records asked for, in order."""
        step = min(self._interval(one) for one in classes)
        latest = _rounded(now, step, up=False)
        earliest = max(self._begin(), _rounded(now - timedelta(days=KEPT_DAYS), step, up=True))
        if which == _LATEST:
            first = latest - (count - 1) * timedelta(minutes=step)
        else:
            first = _rounded(given, step, up=True) if given else earliest
            if first < earliest:
                return []
        moments = [first + number * timedelta(minutes=step) for number in range(count)]
        return [moment for moment in moments if earliest <= moment <= latest]

    def _record(self, classes: tuple[int, ...], moment: datetime) -> bytes:
        faults = self._works.faults
        at_s = self._works.clock.unix(moment)
        content = _time(moment)
        minute = moment.hour * 60 + moment.minute
        mode = self._works.memory.number(parameters.LOAD_MODE)
        for one in CLASSES:
            recorded = one in classes and mode >> (one - 1) & 1
            if recorded and minute % self._interval(one) == 0:
                content += join(self._item(item, at_s) for item in _CLASS_ITEMS[one])
            if faults.load_separators:
                content += _SEPARATOR
        start = _BAD if faults.load_bad else _GOOD
        body = bytes([len(content)]) + content
        spans = {"all": start + body, "body": body, "data": content, "none": b""}
        return start + body + bytes([sum(spans[faults.load_checksum]) & 0xFF]) + _END

    def _curve(
        self, quantity: int, which: int, count: int, given: datetime, time_s: float
    ) -> Field | None:
        """Give the start time and so many points; a point that was not recorded is FF."""
        items = _CURVE_ITEMS.get(quantity, ())
        first = 0 if quantity in _FROM_ZERO else 1
        if not first <= which < first + len(items):
            return None
        step = self._interval(_CURVE_CLASSES[quantity])
        now = self._works.clock.local(time_s)
        start = _rounded(given, step, up=True)
        if start > now:
            return None
        points = b""
        for number in range(count):
            moment = start + number * timedelta(minutes=step)
            at_s = self._works.clock.unix(moment)
            field = self._item(items[which - first], min(at_s, time_s))
            recorded = self._begin() <= moment <= now
            points += field.raw if recorded else missing(len(field.raw)).raw
        return Field(_time(start) + points, None)

    def _item(self, identifier: int, at_s: float) -> Field:
        if identifier >> 24 == 0:
            field = self._registers.energy(identifier >> 16 & 0xFF, 0, at_s)
        else:
            field = self._variables.field(identifier, at_s)
        assert field is not None
        return field

    def _interval(self, one: int) -> int:
        """Give the minutes from one record of a class to the next."""
        return self._works.memory.number(parameters.LOAD_INTERVAL + one - 1) or _MINUTES_PER_DAY

    def _begin(self) -> datetime:
        """Give when recording began: the start parameter, which has no year, moves nothing."""
        return self._works.clock.local(self._works.registers.begin_s)


def _time(moment: datetime) -> bytes:
    return stamp(moment, MINUTES).raw


def _rounded(moment: datetime, step: int, *, up: bool) -> datetime:
    """Give the next or the last time that is a whole number of steps after midnight."""
    midnight = datetime.combine(moment.date(), datetime.min.time())
    steps, rest = divmod(moment - midnight, timedelta(minutes=step))
    return midnight + (steps + (1 if up and rest else 0)) * timedelta(minutes=step)
