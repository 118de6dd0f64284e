"""Writes down what a master has changed, in the records of annex A.4 (0330...)."""

from datetime import datetime

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator.events_2007 import (
    CLOCK_SET,
    CLOSED,
    DEMAND_CLEAR,
    EVENT_CLEAR,
    METER_CLEAR,
    PROGRAMMING,
    TRIPPED,
    Events2007,
)
from host_tools.meter_simulator.formats import SECONDS, stamp
from host_tools.meter_simulator.works import Works

_SLOT_TABLES, _ZONES, _REST_DAYS = 0x03300500, 0x03300600, 0x03300700
_HOLIDAYS, _MODES, _SETTLEMENT_DAYS = 0x03300800, 0x03300900, 0x03300C00
_TABLE_SIZE = 42  # bytes kept of a table, whatever it has
_PROGRAMMED_SIZE = 40  # ten identifiers


class Operations2007:
    """Adds to the log of a meter; `operator` is the operator code of the request, 4 bytes."""

    def __init__(self, works: Works) -> None:
        """Write into the works of a meter."""
        self._works = works
        self._events = Events2007(works)

    def written(self, identifier: int, before: bytes, operator: bytes, time_s: float) -> None:
        """Log that a parameter was written; `before` is what it was."""
        self._add(PROGRAMMING, operator, time_s, self._identifier(identifier))
        if identifier in parameters.SLOT_TABLES:
            self._add_table(
                _SLOT_TABLES, parameters.SLOT_TABLES, identifier, before, operator, time_s
            )
        elif identifier in parameters.ZONES:
            self._add_table(_ZONES, parameters.ZONES, identifier, before, operator, time_s)
        elif identifier in parameters.HOLIDAYS:
            holidays = tuple(parameters.HOLIDAYS)
            self._add_table(_HOLIDAYS, holidays, identifier, before, operator, time_s, size=4)
        elif identifier in parameters.SETTLEMENT_DAYS:
            days = parameters.SETTLEMENT_DAYS
            self._add_table(_SETTLEMENT_DAYS, days, identifier, before, operator, time_s, size=2)
        elif identifier == parameters.REST_DAY_TABLE:
            self._add(_REST_DAYS, operator, time_s, before)
        elif identifier == parameters.MODE_ACTIVE:
            self._add(_MODES, operator, time_s, before)

    def clock_set(self, operator: bytes, before: datetime, after: datetime) -> None:
        """Log that the clock was set."""
        times = b"".join(stamp(moment, SECONDS).raw for moment in (before, after))
        self._works.log.add(CLOCK_SET, operator + times)

    def demand_to_be_cleared(self, operator: bytes, time_s: float) -> None:
        """Log the demand that is about to be cleared."""
        self._add(DEMAND_CLEAR, operator, time_s, self._events.demand_values(time_s))

    def meter_to_be_cleared(self, operator: bytes, time_s: float) -> None:
        """Log the energies that are about to be cleared."""
        self._add(METER_CLEAR, operator, time_s, self._events.register_values(time_s))

    def events_cleared(self, identifier: int, operator: bytes, time_s: float) -> None:
        """Log that events were cleared."""
        raw = identifier.to_bytes(4, "little")
        self._add(EVENT_CLEAR, operator, time_s, raw)

    def relay_moved(self, is_open: bool, operator: bytes, time_s: float) -> None:
        """Log that the relay was opened or closed."""
        record = self._events.relay_record(operator, time_s)
        self._works.log.add(TRIPPED if is_open else CLOSED, record)

    def _identifier(self, identifier: int) -> bytes:
        return identifier.to_bytes(4, "little").ljust(_PROGRAMMED_SIZE, b"\xff")

    def _add(self, kind: int, operator: bytes, time_s: float, content: bytes) -> None:
        moment = stamp(self._works.clock.local(time_s), SECONDS)
        self._works.log.add(kind, moment.raw + operator + content)

    def _add_table(
        self,
        kind: int,
        identifiers: tuple[int, ...],
        written: int,
        before: bytes,
        operator: bytes,
        time_s: float,
        size: int = _TABLE_SIZE,
    ) -> None:
        """Log a table of several parameters as it was before one of them was written."""
        parts = [before if one == written else self._works.memory.raw(one) for one in identifiers]
        self._add(kind, operator, time_s, b"".join(part.ljust(size, b"\xff") for part in parts))
