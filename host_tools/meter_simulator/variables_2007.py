"""Instantaneous values by their identifiers (02, annex A.3)."""

import math

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator.electricity import Phase, phase_of
from host_tools.meter_simulator.formats import Field, missing, number, signed
from host_tools.meter_simulator.works import Works

PHASES = 3
HARMONICS = 21

_VOLTAGE, _CURRENT, _ACTIVE, _REACTIVE, _APPARENT, _POWER_FACTOR, _ANGLE = range(1, 8)
_VOLTAGE_DISTORTION, _CURRENT_DISTORTION, _VOLTAGE_HARMONIC, _CURRENT_HARMONIC = range(8, 12)
_OTHER = 0x80
_WITH_TOTAL = (_ACTIVE, _REACTIVE, _APPARENT, _POWER_FACTOR)
_SIZES = {_CURRENT: 3, _ACTIVE: 3, _REACTIVE: 3, _APPARENT: 3}  # all others: 2
_NOMINAL_VOLTAGE = 2200
_DAY_S = 86_400
_YEAR_DAYS = 365.25


class Variables2007:
    """Measures what an identifier of class 02 asks for."""

    def __init__(self, works: Works) -> None:
        """Measure in the works of a meter."""
        self._works = works

    def expand(self, identifier: int) -> list[int]:
        """Give the single items that a block (FF for the phase or the harmonic) is made of."""
        quantity, phase, last = _split(identifier)
        if _VOLTAGE <= quantity <= _CURRENT_DISTORTION and phase == 0xFF and last == 0:
            first = 0 if quantity in _WITH_TOTAL else 1
            base = identifier & 0xFFFF0000
            return [base | number << 8 for number in range(first, PHASES + 1)]
        if quantity in (_VOLTAGE_HARMONIC, _CURRENT_HARMONIC) and last == 0xFF:
            return [(identifier & 0xFFFFFF00) | order for order in range(1, HARMONICS + 1)]
        return []

    def field(self, identifier: int, time_s: float) -> Field | None:
        """Measure one item; None if there is none such."""
        quantity, phase, last = _split(identifier)
        if quantity == _OTHER:
            return self._other(last, time_s) if phase == 0 else None
        if quantity in (_VOLTAGE_HARMONIC, _CURRENT_HARMONIC):
            return self._harmonic(quantity, phase, last, time_s)
        lowest = 0 if quantity in _WITH_TOTAL else 1
        if not _VOLTAGE <= quantity <= _CURRENT_DISTORTION or last or phase > PHASES:
            return None
        if phase < lowest:
            return None
        if phase > self._works.model.phases:
            return missing(_SIZES.get(quantity, 2))
        if phase == 0:
            return _measure(quantity, self._works.total(time_s))
        if quantity in (_VOLTAGE_DISTORTION, _CURRENT_DISTORTION):
            return number(self._distortion(quantity, phase, time_s), 2)
        return _measure(quantity, self._works.phases(time_s)[phase - 1])

    def _of_load(self, power: int, index: int, at_s: float) -> Phase:
        """Give the powers of a mean load that ended, or was measured, at an instant."""
        if self._works.registers.load_is_off(at_s):
            power = 0
        return phase_of(power, index, _NOMINAL_VOLTAGE, self._works.power_factor)

    def _other(self, which: int, time_s: float) -> Field | None:
        works = self._works
        minute = int(time_s // 60)
        if which == 0x01:
            currents = [abs(phase.current) for phase in works.phases(time_s)]
            single = len(currents) == 1
            return signed(currents[0] if single else max(currents) - min(currents), 3)
        if which == 0x02:
            return number(4997 + works.noise.below(7, "frequency", minute), 2)
        if which == 0x03:
            at_s = time_s - 60
            return signed(self._of_load(*works.curve.power(at_s), at_s).active, 3)
        if which in (0x04, 0x05, 0x06):
            demand = self._of_load(*works.curve.quarter_power(time_s), time_s)
            return signed((demand.active, demand.reactive, demand.apparent)[which - 4], 3)
        if which == 0x07:
            return signed(_temperature(time_s), 2)
        if which == 0x08:
            return number(360 + works.noise.below(10, "clock battery"), 2)
        if which == 0x09:
            return number(600 + works.noise.below(20, "reading battery"), 2)
        if which == 0x0A:
            return number(works.noise.below(10_000, "battery minutes"), 4)
        identifier = 0x02800000 | which
        if identifier in (parameters.PRICE, parameters.STEP_PRICE, parameters.RATE_PRICE):
            return works.memory.field(identifier)
        return None

    def _distortion(self, quantity: int, phase: int, time_s: float) -> int:
        base = 150 if quantity == _VOLTAGE_DISTORTION else 800
        minute = int(time_s // 60)
        return base + self._works.noise.below(100, f"distortion {quantity} {phase}", minute)

    def _harmonic(self, quantity: int, phase: int, order: int, time_s: float) -> Field | None:
        if not 1 <= phase <= PHASES or not 1 <= order <= HARMONICS:
            return None
        if phase > self._works.model.phases:
            return missing(2)
        if order == 1:
            return number(9999, 2)
        distortion = quantity - _VOLTAGE_HARMONIC + _VOLTAGE_DISTORTION
        return number(self._distortion(distortion, phase, time_s) // order, 2)


def _measure(quantity: int, phase: Phase) -> Field:
    """Give one quantity of what was measured."""
    if quantity == _VOLTAGE:
        return number(phase.voltage, 2)
    if quantity == _ANGLE:
        return number(phase.angle, 2)
    if quantity == _POWER_FACTOR:
        return signed(phase.power_factor, 2)
    value = {
        _CURRENT: phase.current,
        _ACTIVE: phase.active,
        _REACTIVE: phase.reactive,
        _APPARENT: phase.apparent,
    }[quantity]
    return signed(value, 3)


def _temperature(time_s: float) -> int:
    """Give the temperature of a meter room in 0.1 degrees: cold in January, coldest at night."""
    year = math.cos(2 * math.pi * (time_s / _DAY_S - 15) / _YEAR_DAYS)
    day = math.cos(2 * math.pi * time_s / _DAY_S)
    return round(120 - 170 * year - 30 * day)


def _split(identifier: int) -> tuple[int, int, int]:
    return identifier >> 16 & 0xFF, identifier >> 8 & 0xFF, identifier & 0xFF
