"""What a freeze holds, by its identifier (05, annex A.6): DI2 kind, DI1 item, DI0 which one."""

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator.formats import MINUTES, SEPARATOR, Field, signed, stamp
from host_tools.meter_simulator.instants import (
    DEPTHS,
    HOURLY,
    PRICE_SWITCH,
    SLOT_SWITCH,
    STEP_SWITCH,
    ZONE_SWITCH,
)
from host_tools.meter_simulator.register_items_2007 import RegisterItems2007
from host_tools.meter_simulator.works import Works

_BLOCK = 0xFF
_TIME, _FORWARD_DEMAND, _REVERSE_DEMAND, _VARIABLES = 0x00, 0x09, 0x0A, 0x10
_ENERGIES = range(0x01, 0x09)
_ITEMS = (_TIME, *_ENERGIES, _FORWARD_DEMAND, _REVERSE_DEMAND, _VARIABLES)
_HOURLY_ITEMS = (_TIME, 0x01, 0x02)
# The bit of the mode word that has an item frozen; the time always is.
_MODE_BITS = {0x01: 0, 0x02: 1, 0x03: 2, 0x04: 3, **dict.fromkeys(range(0x05, 0x09), 4)}
_MODE_BITS |= {_FORWARD_DEMAND: 5, _REVERSE_DEMAND: 6, _VARIABLES: 7}
_SWITCHES = {
    ZONE_SWITCH: parameters.ZONE_SWITCH,
    SLOT_SWITCH: parameters.SLOT_SWITCH,
    PRICE_SWITCH: parameters.PRICE_SWITCH,
    STEP_SWITCH: parameters.STEP_SWITCH,
}


class Freezes2007:
    """Gives frozen values out of the works of a meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works
        self._items = RegisterItems2007(works)

    def fields(self, identifier: int, time_s: float) -> list[Field] | None:
        """Give one item of a freeze, or all of them (DI1 FF); None if there is none such."""
        kind, item, before = (identifier >> shift & 0xFF for shift in (16, 8, 0))
        if kind not in DEPTHS:
            return None
        known = _HOURLY_ITEMS if kind == HOURLY else _ITEMS
        switch = self._works.memory.number(_SWITCHES[kind]) if kind in _SWITCHES else 0
        at_s = self._works.freezes.instant(kind, before, time_s, switch)
        if at_s is None or at_s < self._works.registers.begin_s:
            return None
        if item == _BLOCK:
            return self._block(kind, known, at_s)
        return self._item(kind, item, at_s) if item in known else None

    def _block(self, kind: int, items: tuple[int, ...], at_s: float) -> list[Field]:
        """Give all items; one that is switched off leaves its separator."""
        fields = []
        for item in items:
            fields += self._item(kind, item, at_s) or []
            if self._works.faults.freeze_separators:
                fields.append(SEPARATOR)
        return fields

    def _item(self, kind: int, item: int, at_s: float) -> list[Field] | None:
        works = self._works
        if item == _TIME:
            return [stamp(works.clock.local(at_s), MINUTES)]
        if not works.memory.number(parameters.FREEZE_MODE) >> _MODE_BITS[item] & 1:
            return None
        if item in _ENERGIES:
            rates = range(1) if kind == HOURLY else range(works.rates + 1)
            found = [self._items.energy(item, rate, at_s) for rate in rates]
            return [field for field in found if field is not None]
        if item == _VARIABLES:
            return self._variables(at_s)
        start_s = works.settled_s(1, at_s) or works.curve.installed_s
        quantity = 0x01 if item == _FORWARD_DEMAND else 0x02
        return [
            field
            for rate in range(works.rates + 1)
            for field in self._items.demand(quantity, rate, (start_s, at_s)) or []
        ]

    def _variables(self, at_s: float) -> list[Field]:
        """Active and reactive power: total, A, B and C; a phase that is not there has none."""
        phases = self._works.phases(at_s)
        total = self._works.total(at_s)
        active = [total.active, *(phase.active for phase in phases)]
        reactive = [total.reactive, *(phase.reactive for phase in phases)]
        missing = [0] * (3 - len(phases))
        return [signed(value, 3) for value in (*active, *missing, *reactive, *missing)]
