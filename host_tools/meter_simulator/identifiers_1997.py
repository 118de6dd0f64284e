"""What a DL/T 645-1997 meter says to an identifier of two bytes (annex A of that edition)."""

import math

from host_tools.meter_simulator import quantities as q
from host_tools.meter_simulator.electricity import Phase
from host_tools.meter_simulator.events import UNDER_VOLTAGE, VOLTAGE_LOSS
from host_tools.meter_simulator.formats import (
    MONTH_TO_MINUTE,
    Field,
    bits,
    date_and_weekday,
    decode,
    missing,
    number,
    stamp,
    time_of_day,
)
from host_tools.meter_simulator.identifiers import Identifiers

DATE, TIME = 0xC010, 0xC011
PROGRAMMED, DEMAND_CLEARED = 0xB210, 0xB211  # times, and kinds in the log

_BLOCK = 0xF
_ENERGY, _DEMAND, _TIME_OR_VARIABLE, _PARAMETER = 0x9, 0xA, 0xB, 0xC
_FORWARD_REACTIVE = ((1, q.QUADRANTS[0]), (1, q.QUADRANTS[1]))
_REVERSE_REACTIVE = ((1, q.QUADRANTS[2]), (1, q.QUADRANTS[3]))
# By the high half of DI0; quadrant 4 comes before 2.
_ACTIVE = {1: q.only(q.FORWARD), 2: q.only(q.REVERSE)}
_REACTIVE = {
    1: _FORWARD_REACTIVE,
    2: _REVERSE_REACTIVE,
    **{3 + at: q.only(q.QUADRANTS[which]) for at, which in enumerate((0, 3, 1, 2))},
}
_MONTHS_KEPT = 2
_PHASES = 3
_POWER_LIMIT = 1200  # 0.01 kW
_VOLTAGE, _CURRENT, _POWER, _REACTIVE_POWER, _POWER_FACTOR, _LINE_VOLTAGE = 1, 2, 3, 4, 5, 9
_WITH_TOTAL = (_POWER, _REACTIVE_POWER, _POWER_FACTOR)


class Identifiers1997(Identifiers):
    """Reads items and blocks of one meter."""

    def _expand(self, identifier: int) -> list[int]:
        """Give the items of a block: the total and all rates, or all phases."""
        base = identifier & 0xFFF0
        if identifier & 0xF != _BLOCK:
            return []
        if self._has_rates(identifier):
            return [base | rate for rate in range(self._works.rates + 1)]
        if identifier >> 8 == 0xB6:
            first = 0 if identifier >> 4 & 0xF in _WITH_TOTAL else 1
            return [base | phase for phase in range(first, _PHASES + 1)]
        return []

    def _has_rates(self, identifier: int) -> bool:
        kind, month = identifier >> 12, identifier >> 8 & 0xF
        return kind in (_ENERGY, _DEMAND) or (kind == _TIME_OR_VARIABLE and month & 3 < 2)

    def _single(self, identifier: int, time_s: float) -> list[Field] | None:
        field = self._field(identifier, time_s)
        return None if field is None else [field]

    def _field(self, identifier: int, time_s: float) -> Field | None:
        if self._has_rates(identifier):
            return self._register(identifier, time_s)
        if identifier >> 8 == 0xB2:
            return self._operation(identifier)
        if identifier >> 8 == 0xB3:
            return self._phase_break(identifier, time_s)
        if identifier >> 8 == 0xB6:
            return self._variable(identifier, time_s)
        if identifier >> 12 == _PARAMETER:
            return self._parameter(identifier, time_s)
        return None

    def _register(self, identifier: int, time_s: float) -> Field | None:
        """Give energy, maximum demand or its time, of this month or one of the two before."""
        works = self._works
        kind, month = identifier >> 12, identifier >> 10 & 3
        quantity, rate = identifier >> 4 & 0xF, identifier & 0xF
        terms = (_REACTIVE if identifier & 0x100 else _ACTIVE).get(quantity)
        at_s = works.settled_s(month, time_s)
        unknown = identifier & 0x200 or terms is None or month > _MONTHS_KEPT
        if unknown or terms is None or at_s is None or rate > works.rates:
            return None
        if kind == _ENERGY:
            return number(works.energy(terms, at_s, rate), 4)
        span = works.demand_span(month, time_s)
        if span is None:
            return None
        demand, ended_s = works.demand(terms, span, rate)
        if kind == _DEMAND:
            return number(demand, 3)
        return stamp(works.clock.local(ended_s) if ended_s else None, MONTH_TO_MINUTE)

    def _operation(self, identifier: int) -> Field | None:
        log = self._works.log
        if identifier in (PROGRAMMED, DEMAND_CLEARED):
            return decode(log.record(identifier, 1) or bytes(4), "bcd")
        if identifier in (0xB212, 0xB213):
            return number(log.count(identifier - 2), 2)
        if identifier == 0xB214:
            return number(self._works.noise.below(10_000, "battery minutes"), 3)
        return None

    def _phase_break(self, identifier: int, time_s: float) -> Field | None:
        """Counts, minutes, start and end of the last, of the voltage losses; 0 for all phases."""
        works = self._works
        what, phase = identifier >> 4 & 0xF, identifier & 0xF
        if phase > _PHASES or not 1 <= what <= 4:
            return None
        phases = [phase] if phase else range(1, _PHASES + 1)
        past = [one for p in phases for one in works.disturbances.past(VOLTAGE_LOSS, p, time_s)]
        if what == 1:
            return number(len(past), 2)
        if what == 2:
            return number(sum((one.end_s - one.start_s) // 60 for one in past), 3)
        if not past:
            return stamp(None, MONTH_TO_MINUTE)
        last = max(past, key=lambda one: one.end_s)
        at_s = last.start_s if what == 3 else last.end_s
        return stamp(works.clock.local(at_s), MONTH_TO_MINUTE)

    def _variable(self, identifier: int, time_s: float) -> Field | None:
        works = self._works
        what, phase = identifier >> 4 & 0xF, identifier & 0xF
        if identifier in (0xB634, 0xB635):
            return number(_POWER_LIMIT, 2)
        lowest = 0 if what in _WITH_TOTAL else 1
        known = (_VOLTAGE, _CURRENT, *_WITH_TOTAL, _LINE_VOLTAGE)
        if what not in known or not lowest <= phase <= _PHASES:
            return None
        if phase > works.model.phases or (what == _LINE_VOLTAGE and works.model.phases == 1):
            return missing(3 if what == _POWER else 2)
        measured = works.total(time_s) if phase == 0 else works.phases(time_s)[phase - 1]
        return _measure(what, measured)

    def _parameter(self, identifier: int, time_s: float) -> Field | None:
        works = self._works
        if identifier == DATE:
            return date_and_weekday(works.clock.local(time_s))
        if identifier == TIME:
            return time_of_day(works.clock.local(time_s))
        if identifier == 0xC020:
            total = works.total(time_s)
            return bits(1 << 1 | (total.active < 0) << 4 | (total.reactive < 0) << 5, 1)
        if identifier == 0xC021:
            low = [
                works.disturbances.is_on(UNDER_VOLTAGE, phase, time_s)
                for phase in range(1, _PHASES + 1)
            ]
            return bits(sum(one << (4 + index) for index, one in enumerate(low)), 1)
        return works.memory.field(identifier)


def _measure(what: int, phase: Phase) -> Field:
    """Give one quantity as this edition has it: without signs, voltages in whole volts."""
    if what == _POWER:
        return number(abs(phase.active), 3)
    value = {
        _VOLTAGE: round(phase.voltage / 10),
        _LINE_VOLTAGE: round(phase.voltage * math.sqrt(3) / 10),
        _CURRENT: abs(phase.current) // 10,
        _REACTIVE_POWER: abs(phase.reactive) // 100,
        _POWER_FACTOR: abs(phase.power_factor),
    }[what]
    return number(value, 2)
