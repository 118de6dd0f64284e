"""The works of a meter: all its parts, and what several of them have to do with."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from host_tools.meter_simulator.access import Access
from host_tools.meter_simulator.clock import Clock
from host_tools.meter_simulator.electricity import Phase, phase_of, split, together
from host_tools.meter_simulator.events import Disturbances, Log
from host_tools.meter_simulator.faults import Faults
from host_tools.meter_simulator.instants import Freezes, Settlements
from host_tools.meter_simulator.load_curve import LoadCurve
from host_tools.meter_simulator.memory import Memory, Parameter
from host_tools.meter_simulator.models import Model
from host_tools.meter_simulator.noise import Noise
from host_tools.meter_simulator.quantities import Terms
from host_tools.meter_simulator.registers import RATES_MAX, WHOLE, Registers
from host_tools.meter_simulator.relay import Relay

ALL_PHASES = -1
_SHARES = {1: (WHOLE,), 3: (380, 300, 320)}  # thousandths of the power, by number of phases


class Works:
    """Everything a meter has and is, whatever protocol it speaks.

    `rates_at` and `settlement_days_at` are the identifiers of the parameters that say so.
    """

    def __init__(
        self,
        address: str,
        model: Model,
        table: Mapping[int, Parameter],
        *,
        seed: int,
        utc_offset_s: int,
        clock_offset_s: float,
        rates_at: int,
        settlement_days_at: tuple[int, ...],
    ) -> None:
        """Build a meter as it is at the beginning of the simulation."""
        self.address = address
        self.model = model
        self.noise = Noise(f"{seed}:{address}")
        self.curve = LoadCurve(
            self.noise, utc_offset_s=utc_offset_s, scale=model.scale, solar=model.solar
        )
        self.power_factor = 920 + self.noise.below(70, "power factor")
        self.clock = Clock(utc_offset_s, clock_offset_s)
        self.registers = Registers(self.curve, self.power_factor)
        self.memory = Memory(table)
        self.access = Access()
        self.relay = Relay(self._relay_moved)
        self.settlements = Settlements(self.clock)
        self.freezes = Freezes(self.clock)
        self.disturbances = Disturbances(self.noise, model.phases, self.curve.installed_s)
        self.log = Log()
        self.faults = Faults()
        self.output = 0
        """What the multi-function output gives: 0 seconds, 1 demand periods, 2 slot switches."""
        self._mean_voltage = 2170 + self.noise.below(80, "voltage")
        # One answer asks for the same few instants again and again.
        self._measured = lru_cache(maxsize=8)(self._measure)
        self._rates_at = rates_at
        self._settlement_days_at = settlement_days_at

    @property
    def rates(self) -> int:
        """How many rates energy is booked by."""
        return max(1, min(self.memory.number(self._rates_at), RATES_MAX))

    @property
    def settlement_days(self) -> list[int]:
        """The settlement days as numbers DDhh."""
        return [self.memory.number(identifier) for identifier in self._settlement_days_at]

    def settled_s(self, before: int, time_s: float) -> float | None:
        """Give the last settlement but `before` - 1; now for 0, None if there is none."""
        return self.settlements.instant(self.settlement_days, before, time_s)

    def take_broadcast(self, told: datetime, time_s: float) -> bool:
        """Heed a broadcast time, if the rules allow it; tell whether it was heeded."""
        month = self.settlements.of_month(self.settlement_days, self.clock.local(time_s))
        return self.clock.take_broadcast(time_s, told, month)

    def phases(self, time_s: float) -> list[Phase]:
        """Measure every phase."""
        return self._measured(time_s, self.registers.load_is_off(time_s))

    def total(self, time_s: float) -> Phase:
        """Measure all phases together."""
        return together(self.phases(time_s), self.power_factor)

    def energy(self, terms: Terms, time_s: float, rate: int = 0, phase: int = ALL_PHASES) -> int:
        """Give an energy register at an instant in 0.01 kWh (kvarh, kVAh); rate 0 is the total."""
        return self.registers.energy(
            terms, time_s, rates=self.rates, rate=rate, share=self._share(phase)
        )

    def demand(
        self, terms: Terms, span: tuple[float, float], rate: int = 0, phase: int = ALL_PHASES
    ) -> tuple[int, float]:
        """Give the highest demand in a span in 0.1 W (var, VA) and when it ended."""
        return self.registers.demand(
            terms, *span, rates=self.rates, rate=rate, share=self._share(phase)
        )

    def demand_span(self, before: int, time_s: float) -> tuple[float, float] | None:
        """Give the span a demand register is of, 0: since the last settlement; None if none."""
        end_s = self.settled_s(before, time_s)
        start_s = self.settled_s(before + 1, time_s)
        if end_s is None:
            return None
        return (self.curve.installed_s if start_s is None else start_s), end_s

    def _measure(self, time_s: float, load_is_off: bool) -> list[Phase]:
        power, index = self.curve.power(time_s)
        if load_is_off:
            power = 0
        return [
            phase_of(part, index, self._voltage(number, time_s), self.power_factor)
            for number, part in enumerate(split(power, _SHARES[self.model.phases]), start=1)
        ]

    def _share(self, phase: int) -> int:
        return WHOLE if phase == ALL_PHASES else _SHARES[self.model.phases][phase]

    def _voltage(self, phase: int, time_s: float) -> int:
        minute = int(time_s // 60)
        steady = self._mean_voltage + self.noise.below(40, f"volt {phase}", minute) - 20
        return steady * self.disturbances.voltage_factor(phase, time_s) // 1000

    def _relay_moved(self, is_open: bool, time_s: float) -> None:
        if is_open:
            self.registers.cut_load(time_s)
        else:
            self.registers.restore_load(time_s)
