"""Energy and demand registers by their identifiers (00 and 01, annex A.1 and A.2)."""

from host_tools.meter_simulator import parameters_2007 as parameters
from host_tools.meter_simulator import quantities as q
from host_tools.meter_simulator.formats import MINUTES, Field, number, signed, stamp
from host_tools.meter_simulator.works import ALL_PHASES, Works

_PHASE_STEP = 0x14  # from a quantity of one phase to that of the next
_PER_PHASE = 0x15  # DI2 of the first quantity of phase A
_LOSSES = 0x80
_LOSSES_PER_PHASE = 0x94
_COUNT = 10  # quantities that exist in total and for every phase
_SIGNED = (0x00, 0x03, 0x04)

# DI2 from 80H on.
_LOSS_QUANTITIES = (
    *(q.ASSOCIATED, q.FUNDAMENTAL_FORWARD, q.FUNDAMENTAL_REVERSE),
    *(q.HARMONIC_FORWARD, q.HARMONIC_REVERSE, q.COPPER_LOSS, q.IRON_LOSS),
)


class RegisterItems2007:
    """Finds the register that DI2 of an identifier names, and gives what it held at any time."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works

    def energy(self, quantity: int, rate: int, at_s: float) -> Field | None:
        """Give an energy register; None if the meter has none such."""
        found = self._find(quantity)
        if found is None or not self._has_rate(found[1], rate):
            return None
        terms, phase, is_signed = found
        value = self._works.energy(terms, at_s, rate, phase)
        return signed(value, 4) if is_signed else number(value, 4)

    def demand(self, quantity: int, rate: int, span: tuple[float, float]) -> list[Field] | None:
        """Give a maximum demand and its time; None if the meter has none such."""
        found = self._find(quantity) if quantity and quantity < _LOSSES else None
        if found is None or not self._has_rate(found[1], rate):
            return None
        terms, phase, is_signed = found
        value, ended_s = self._works.demand(terms, span, rate, phase)
        moment = self._works.clock.local(ended_s) if ended_s else None
        demand = signed(value, 3) if is_signed else number(value, 3)
        return [demand, stamp(moment, MINUTES)]

    def _find(self, quantity: int) -> tuple[q.Terms, int, bool] | None:
        """Give terms, phase and whether it is signed, for DI2."""
        if quantity <= _COUNT:
            return self._terms(quantity), ALL_PHASES, quantity in _SIGNED
        if _LOSSES <= quantity < _LOSSES + len(_LOSS_QUANTITIES):
            return q.only(_LOSS_QUANTITIES[quantity - _LOSSES]), ALL_PHASES, False
        for phase in range(self._works.model.phases):
            within = quantity - _PER_PHASE - phase * _PHASE_STEP
            if 0 <= within < _COUNT:
                return self._terms(within + 1), phase, within + 1 in _SIGNED
            within = quantity - _LOSSES_PER_PHASE - phase * _PHASE_STEP
            if 0 <= within < len(_LOSS_QUANTITIES):
                return q.only(_LOSS_QUANTITIES[within]), phase, False
        return None

    def _terms(self, quantity: int) -> q.Terms:
        """Give the terms of combined active (0) and the ten quantities behind it."""
        mode = self._works.memory.number
        if quantity == 0:
            return q.combined_active(mode(parameters.MODE_ACTIVE))
        own = (q.FORWARD, q.REVERSE, None, None, *q.QUADRANTS)
        name = (*own, q.APPARENT_FORWARD, q.APPARENT_REVERSE)[quantity - 1]
        if name is not None:
            return q.only(name)
        which = parameters.MODE_REACTIVE_1 if quantity == 3 else parameters.MODE_REACTIVE_2
        return q.combined_reactive(mode(which))

    def _has_rate(self, phase: int, rate: int) -> bool:
        """Tell whether a rate exists; phases are not booked by rates."""
        return rate == 0 or (phase == ALL_PHASES and rate <= self._works.rates)
