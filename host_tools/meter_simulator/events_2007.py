"""Event counters and records by their identifiers (03, 1D and 1E, annex A.4).

Every record's size is sure, and so are the fields of those with a time, an operator and what was
cleared or changed; those of disturbances are in the order that we believe the standard has.
"""

from host_tools.meter_simulator import quantities as q
from host_tools.meter_simulator.events import (
    KEPT,
    OVER_VOLTAGE,
    POWER_DOWN,
    UNDER_VOLTAGE,
    VOLTAGE_LOSS,
    Disturbance,
)
from host_tools.meter_simulator.formats import (
    MONTH_TO_MINUTE,
    SECONDS,
    Field,
    decode,
    join,
    number,
    signed,
    stamp,
)
from host_tools.meter_simulator.register_items_2007 import RegisterItems2007
from host_tools.meter_simulator.works import ALL_PHASES, Works

OPERATIONS = 0x30
METER_CLEAR, DEMAND_CLEAR, EVENT_CLEAR, CLOCK_SET = (0x03300000 + (n << 8) for n in range(1, 5))
PROGRAMMING = 0x03300000
TRIPPED, CLOSED = 0x1D000000, 0x1E000000

_NEVER_CLEARED = (METER_CLEAR, EVENT_CLEAR)
_COUNT_SIZE = 3
_MINUTES_MAX = 999_999
_RELAY_RECORD_SIZE = 34
_STATISTICS = 0x10
_DEMAND_EXCEEDED = 0x12
_VOLTAGE_RECORD, _CURRENT_RECORD, _PHASE_RECORD = 131, 115, 76
# Kinds that each phase has: size of a record.
_PER_PHASE = {
    **dict.fromkeys((VOLTAGE_LOSS, UNDER_VOLTAGE, OVER_VOLTAGE, 0x04), _VOLTAGE_RECORD),
    **dict.fromkeys((0x0B, 0x0C, 0x0D), _CURRENT_RECORD),
    **dict.fromkeys((0x0E, 0x0F), _PHASE_RECORD),
}
# Kinds of all phases together: size of a record. Those with a total time count minutes as well.
_TOGETHER = {0x05: 15, 0x06: 12, 0x07: 76, 0x08: 76, 0x09: 78, 0x0A: 78, POWER_DOWN: 12}
_OPERATION_SIZES = {
    0x00: 50,
    0x01: 106,
    0x02: 202,
    0x03: 14,
    0x04: 16,
    0x05: 682,
    0x06: 94,
    0x07: 11,
    0x08: 1026,
    0x09: 11,
    0x0C: 16,
    0x0D: 60,
    0x0E: 60,
}
_PHASES = 3
# DI2 of forward, reverse and the quadrants: of all phases, then of A, B and C.
_CLEARED = tuple(first + step for first in (0x01, 0x15, 0x29, 0x3D) for step in (0, 1, 4, 5, 6, 7))


class Events2007:
    """Gives counters and records of events out of the works of a meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works
        self._items = RegisterItems2007(works)

    def fields(self, identifier: int, time_s: float) -> list[Field] | None:
        """Give a counter (DI0 00) or a record (01 to 0A); None if there is none such."""
        kind, group, before = (identifier >> shift & 0xFF for shift in (16, 8, 0))
        if identifier >> 24 in (TRIPPED >> 24, CLOSED >> 24):
            return self._relay(identifier)
        if kind == OPERATIONS:
            return self._operation(identifier, group, before)
        if kind == _STATISTICS:
            known = group <= _PHASES and before <= 12
            return self._statistics(group, before, time_s) if known else None
        if before > KEPT:
            return None
        if kind in _PER_PHASE:
            return self._of_phase(kind, group, before, time_s)
        if kind == _DEMAND_EXCEEDED:
            if before == 0:
                return [number(0, _COUNT_SIZE)] * 6 if group == 0 else None
            return [self._empty(20)] if 1 <= group <= 6 else None
        if kind in _TOGETHER and group == 0:
            return self._of_all(kind, before, time_s)
        return None

    def forget(self, identifier: int, time_s: float) -> bool:
        """Clear what an identifier with FF in its last byte names; tell if there is such."""
        if identifier == 0xFFFFFFFF:
            self._works.log.forget_all(but=_NEVER_CLEARED)
            self._works.disturbances.forget_all(time_s)
            return True
        kind = identifier & 0xFFFFFF00
        known = any(self.fields(kind | last, time_s) is not None for last in (0, 1))
        if not known or identifier & 0xFF != 0xFF or identifier >> 24 != 0x03:
            return False
        if kind in _NEVER_CLEARED:
            return False
        self._works.log.forget(kind)
        self._works.disturbances.forget(identifier >> 16 & 0xFF, time_s)
        return True

    def register_values(self, time_s: float) -> bytes:
        """Give the 24 energies of a clearing record: forward, reverse, quadrants; A, B, C too."""
        fields = [self._items.energy(quantity, 0, time_s) for quantity in _CLEARED]
        return join(field or number(0, 4) for field in fields)

    def demand_values(self, time_s: float) -> bytes:
        """Give the 24 demands, each with its time, of the same quantities."""
        span = self._works.demand_span(0, time_s)
        demands = [
            self._items.demand(quantity, 0, span) if span else None for quantity in _CLEARED
        ]
        return b"".join(join(demand) if demand else bytes(8) for demand in demands)

    def relay_record(self, operator: bytes, time_s: float) -> bytes:
        """Give the record of a relay command: time, operator and six energies."""
        moment = stamp(self._works.clock.local(time_s), SECONDS)
        six = self.register_values(time_s)[:24]
        return moment.raw + operator + six

    def _operation(self, identifier: int, group: int, before: int) -> list[Field] | None:
        size = _OPERATION_SIZES.get(group)
        if size is None or before > KEPT:
            return None
        kind = identifier & 0xFFFFFF00
        if before == 0:
            return [number(self._works.log.count(kind), _COUNT_SIZE)]
        record = self._works.log.record(kind, before)
        return [self._empty(size) if record is None else _record(record)]

    def _relay(self, identifier: int) -> list[Field] | None:
        """Trips and closings: the counter is 1D000001, the records 1D000101 and on."""
        kind = identifier & 0xFF000000
        if not self._works.model.prepaid:
            return None
        if identifier & 0xFFFFFF == 1:
            return [number(self._works.log.count(kind), _COUNT_SIZE)]
        before = identifier & 0xFF
        if identifier & 0xFFFF00 != 0x100 or not 1 <= before <= KEPT:
            return None
        record = self._works.log.record(kind, before)
        return [self._empty(_RELAY_RECORD_SIZE) if record is None else _record(record)]

    def _of_phase(self, kind: int, phase: int, before: int, time_s: float) -> list[Field] | None:
        past = self._works.disturbances.past
        if before == 0:
            if phase:
                return None
            return [
                field
                for one in range(1, _PHASES + 1)
                for field in _totals(past(kind, one, time_s))
            ]
        if not 1 <= phase <= _PHASES:
            return None
        found = past(kind, phase, time_s)
        size = _PER_PHASE[kind]
        if before > len(found):
            return [self._empty(size)]
        return self._disturbance(found[before - 1], with_ampere_hours=size == _VOLTAGE_RECORD)

    def _of_all(self, kind: int, before: int, time_s: float) -> list[Field] | None:
        found = self._works.disturbances.past(kind, 0, time_s)
        if before == 0:
            totals = _totals(found)
            return totals[:1] if kind == POWER_DOWN else totals
        if before > len(found):
            return [self._empty(_TOGETHER[kind])]
        return self._from_to(found[before - 1])

    def _disturbance(self, one: Disturbance, *, with_ampere_hours: bool) -> list[Field]:
        """Start and end, what was counted in between, what was measured at the start."""
        works = self._works
        fields = [*self._from_to(one), *self._counted(ALL_PHASES, one)]
        phases = works.phases(one.start_s)
        for index in range(_PHASES):
            if index >= len(phases):
                fields.append(self._empty(29))
                continue
            phase = phases[index]
            fields += self._counted(index, one)
            fields += [number(phase.voltage, 2), signed(phase.current, 3)]
            fields += [signed(phase.active, 3), signed(phase.reactive, 3)]
            fields.append(signed(phase.power_factor, 2))
        if with_ampere_hours:
            hours = (one.end_s - one.start_s) / 3600
            amperes = [abs(phase.current) * hours / 10 for phase in phases]  # 0.01 Ah
            amperes += [0] * (_PHASES - len(amperes))
            fields += [number(round(value), 4) for value in (sum(amperes), *amperes)]
        return fields

    def _from_to(self, one: Disturbance) -> list[Field]:
        return [stamp(self._works.clock.local(at), SECONDS) for at in (one.start_s, one.end_s)]

    def _counted(self, phase: int, one: Disturbance) -> list[Field]:
        """Forward, reverse and both combined reactive energies between start and end."""
        fields = []
        for terms in (q.only(q.FORWARD), q.only(q.REVERSE), *(_pair(0), _pair(2))):
            before, after = (
                self._works.energy(terms, at, phase=phase) for at in (one.start_s, one.end_s)
            )
            fields.append(number(max(0, after - before), 4))
        return fields

    def _statistics(self, phase: int, before: int, time_s: float) -> list[Field] | None:
        """Minutes of a month and how the voltage was in them; DI1 00 for all phases."""
        works = self._works
        if phase > works.model.phases:
            return [self._empty(27)]
        end_s = works.settled_s(before, time_s)
        start_s = works.settled_s(before + 1, time_s)
        if end_s is None or start_s is None:
            return None
        phases = [phase] if phase else range(1, works.model.phases + 1)
        # A clock that was set far ahead or back makes months of any length.
        minutes = min(max(0, int((end_s - start_s) // 60)), _MINUTES_MAX)
        over, under = (
            max(self._minutes_of(kind, one, start_s, end_s) for one in phases)
            for kind in (OVER_VOLTAGE, UNDER_VOLTAGE)
        )
        good = max(0, minutes - over - under)
        rate = 10_000 * good // minutes if minutes else 10_000
        index = max(0, phase - 1)
        extremes = [
            (works.phases(at)[index].voltage, at) for at in (start_s, (start_s + end_s) / 2)
        ]
        fields = [number(minutes, 3), number(rate, 3), number(10_000 - rate, 3)]
        fields += [number(over, 3), number(under, 3)]
        for voltage, at in (max(extremes), min(extremes)):
            fields += [number(voltage, 2), stamp(works.clock.local(at), MONTH_TO_MINUTE)]
        return fields

    def _minutes_of(self, kind: int, phase: int, start_s: float, end_s: float) -> int:
        past = self._works.disturbances.past(kind, phase, end_s)
        return sum((one.end_s - one.start_s) // 60 for one in past if one.start_s >= start_s)

    def _empty(self, size: int) -> Field:
        filling = b"\xff" if self._works.faults.empty_is_ff else b"\0"
        return decode(filling * size, "bcd")


def _pair(first: int) -> q.Terms:
    """Give combined reactive energy of two quadrants that lie beside each other."""
    return ((1, q.QUADRANTS[first]), (1, q.QUADRANTS[first + 1]))


def _record(raw: bytes) -> Field:
    """Give a stored record as one field, which has no value of its own."""
    return Field(raw, None)


def _totals(found: list[Disturbance]) -> list[Field]:
    """Give how many there were and how many minutes they lasted."""
    minutes = sum((one.end_s - one.start_s) // 60 for one in found)
    return [number(len(found), _COUNT_SIZE), number(minutes, 3)]
