"""What a DL/T 645-2007 meter says to an identifier (annex A), out of its works."""

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator.events_2007 import Events2007
from host_tools.meter_simulator.formats import (
    Field,
    date_and_weekday,
    number,
    time_of_day,
)
from host_tools.meter_simulator.freezes_2007 import Freezes2007
from host_tools.meter_simulator.identifiers import Identifiers
from host_tools.meter_simulator.instants import SETTLEMENTS
from host_tools.meter_simulator.register_items_2007 import RegisterItems2007
from host_tools.meter_simulator.status_2007 import STATUS_WORDS, report_word, status_word
from host_tools.meter_simulator.variables_2007 import Variables2007
from host_tools.meter_simulator.works import Works

ENERGY, DEMAND, VARIABLES, EVENTS, PARAMETERS, FREEZES, LOAD = range(7)
DATE, TIME, DATE_AND_TIME = 0x04000101, 0x04000102, 0x0400010C
ADDRESS = 0x04000401
REPORT_WORD, REPORT_RESET = 0x04001501, 0x04001503

_ALL = 0xFF
_RELAY_EVENTS = (0x1D, 0x1E)
_STATUS_WORDS = 0x04000500


class Identifiers2007(Identifiers):
    """Reads items and blocks of one meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        super().__init__(works)
        self._registers = RegisterItems2007(works)
        self._variables = Variables2007(works)
        self._events = Events2007(works)
        self._freezes = Freezes2007(works)

    def _expand(self, identifier: int) -> list[int]:
        """Give the items that a block is made of; nothing if it is a single item."""
        kind, rate, last = identifier >> 24, identifier >> 8 & 0xFF, identifier & 0xFF
        if kind in (ENERGY, DEMAND):
            if rate == _ALL and last != _ALL:
                base = identifier & 0xFFFF00FF
                return [base | one << 8 for one in range(self._works.rates + 1)]
            if last == _ALL and rate != _ALL:
                return [(identifier & 0xFFFFFF00) | one for one in range(SETTLEMENTS + 1)]
        if kind == VARIABLES:
            return self._variables.expand(identifier)
        if kind == EVENTS and last == _ALL:
            return [(identifier & 0xFFFFFF00) | one for one in range(1, 11)]
        if identifier == _STATUS_WORDS | _ALL:
            return [_STATUS_WORDS | one for one in STATUS_WORDS]
        return []

    def _single(self, identifier: int, time_s: float) -> list[Field] | None:
        kind = identifier >> 24
        if kind in (EVENTS, *_RELAY_EVENTS):
            return self._events.fields(identifier, time_s)
        if kind == FREEZES:
            if identifier >> 8 & 0xFF == _ALL and self._works.faults.no_blocks:
                return None
            return self._freezes.fields(identifier, time_s)
        if kind == DEMAND:
            return self._demand(identifier, time_s)
        field = None
        if kind == ENERGY:
            field = self._energy(identifier, time_s)
        elif kind == VARIABLES:
            field = self._variables.field(identifier, time_s)
        elif kind == PARAMETERS:
            field = self._parameter(identifier, time_s)
        return None if field is None else [field]

    def _energy(self, identifier: int, time_s: float) -> Field | None:
        account = self._works.memory.field(identifier)  # remaining energy and amount
        if account is not None:
            return account
        at_s = self._works.settled_s(identifier & 0xFF, time_s)
        if identifier & 0xFF > SETTLEMENTS or at_s is None:
            return None
        return self._registers.energy(identifier >> 16 & 0xFF, identifier >> 8 & 0xFF, at_s)

    def _demand(self, identifier: int, time_s: float) -> list[Field] | None:
        span = self._works.demand_span(identifier & 0xFF, time_s)
        if identifier & 0xFF > SETTLEMENTS or span is None:
            return None
        return self._registers.demand(identifier >> 16 & 0xFF, identifier >> 8 & 0xFF, span)

    def _parameter(self, identifier: int, time_s: float) -> Field | None:
        works = self._works
        now = works.clock.local(time_s)
        if identifier == DATE:
            return date_and_weekday(now)
        if identifier == TIME:
            return time_of_day(now)
        if identifier == DATE_AND_TIME:
            date, time = date_and_weekday(now), time_of_day(now)
            raw = time.raw + date.raw
            return Field(raw, int(raw[::-1].hex()))
        if identifier == ADDRESS:
            return number(int(works.address), 6)
        if identifier == REPORT_WORD:
            return report_word(works)
        if identifier - _STATUS_WORDS in STATUS_WORDS:
            return status_word(works, identifier - _STATUS_WORDS, time_s)
        if identifier in (parameters.PRICE_SWITCH, parameters.STEP_SWITCH):
            return works.memory.field(identifier) if works.model.prepaid else None
        return works.memory.field(identifier)
