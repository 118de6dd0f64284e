"""Energy and demand registers: the load curve, less what the relay cut off and what was cleared.

All results are scaled integers: energy in 0.01 kWh (kvarh, kVAh), demand in 0.1 W (var, VA).
"""

from dataclasses import dataclass

from host_tools.meter_simulator.load_curve import BINS, TARIFFS, LoadCurve
from host_tools.meter_simulator.quantities import Terms, bin_weights

RATES_MAX = 63
WHOLE = 1000  # thousandths: the share of all phases together

_UWH_PER_COUNT = 10_000_000
_ROLL_OVER = 100_000_000  # 8 digits, then a register starts again from zero
_ROLL_OVER_SIGNED = 80_000_000


@dataclass
class _Gap:
    """A time without load."""

    start_s: float
    end_s: float | None = None


class Registers:
    """What a meter has counted at any instant, past ones included.

    `rates` is how many rates it books by: with fewer than the load's four tariffs the last rate
    takes what is left, with more the others stay at zero.
    """

    def __init__(self, curve: LoadCurve, power_factor: int) -> None:
        """Count from the installation on; the power factor is in thousandths."""
        self._curve = curve
        self._weights = bin_weights(power_factor)
        self._gaps: list[_Gap] = []
        self._cleared_s = curve.installed_s
        self._demand_cleared_s = curve.installed_s
        self._base = (0,) * BINS

    @property
    def begin_s(self) -> float:
        """Since when it counts: the installation, or the last time all was cleared."""
        return self._cleared_s

    def load_is_off(self, time_s: float) -> bool:
        """Tell whether the load is, or was, cut off at an instant."""
        return any(
            gap.start_s <= time_s and (gap.end_s is None or time_s < gap.end_s)
            for gap in self._gaps
        )

    def cut_load(self, time_s: float) -> None:
        """Have the load, which is on, be off from now on."""
        self._gaps.append(_Gap(time_s))

    def restore_load(self, time_s: float) -> None:
        """Have the load, which is off, be on from now on."""
        self._gaps[-1].end_s = time_s

    def clear(self, time_s: float) -> None:
        """Begin from zero: energy, demand, and everything that was frozen before."""
        self._base = self._counted(time_s)
        self._cleared_s = self._demand_cleared_s = time_s

    def clear_demand(self, time_s: float) -> None:
        """Begin the maximum demand anew."""
        self._demand_cleared_s = time_s

    def energy(
        self, terms: Terms, time_s: float, *, rates: int, rate: int = 0, share: int = WHOLE
    ) -> int:
        """Give energy at an instant; rate 0 is the sum of all, `share` a phase's thousandths."""
        energies = self._bins(time_s)
        total = 0
        for group in _tariff_groups(rates, rate):
            for sign, name in terms:
                weights = self._weights[name]
                weighted = sum(
                    weights[index] * energies[index]
                    for tariff in group
                    for index in (tariff, tariff + TARIFFS)
                )
                total += sign * (weighted * share // (WHOLE * 1000 * _UWH_PER_COUNT))
        if any(sign < 0 for sign, _ in terms):
            return total % _ROLL_OVER_SIGNED if total >= 0 else -(-total % _ROLL_OVER_SIGNED)
        return total % _ROLL_OVER

    def demand(
        self,
        terms: Terms,
        start_s: float,
        end_s: float,
        *,
        rates: int,
        rate: int = 0,
        share: int = WHOLE,
    ) -> tuple[int, float]:
        """Give the highest demand between two instants and when it ended, 0 and 0 if none."""
        tariffs = {tariff for group in _tariff_groups(rates, rate) for tariff in group}
        weights = [
            sum(sign * self._weights[name][index] for sign, name in terms)
            if index % TARIFFS in tariffs
            else 0
            for index in range(BINS)
        ]
        # Demand that was cleared belongs to no period any more that has not ended before.
        if end_s >= self._demand_cleared_s:
            start_s = max(start_s, self._demand_cleared_s)
        start_s = max(start_s, self._cleared_s)
        peaks = [self._curve.peak(*span, weights) for span in self._spans(start_s, end_s)]
        highest, ended_s = max(peaks, default=(0, 0.0), key=lambda peak: peak[0])
        return highest * share // WHOLE, ended_s

    def _bins(self, time_s: float) -> tuple[int, ...]:
        """Give what every bin has counted since the last clearing."""
        if time_s < self._cleared_s:
            return (0,) * BINS
        counted = self._counted(time_s)
        return tuple(now - base for now, base in zip(counted, self._base, strict=True))

    def _counted(self, time_s: float) -> tuple[int, ...]:
        """Give what every bin has counted since the installation."""
        counted = list(self._curve.energy_uwh(time_s))
        for gap in self._gaps:
            if gap.start_s < time_s:
                end_s = time_s if gap.end_s is None else min(gap.end_s, time_s)
                lost = zip(
                    self._curve.energy_uwh(gap.start_s),
                    self._curve.energy_uwh(end_s),
                    strict=True,
                )
                for index, (before, after) in enumerate(lost):
                    counted[index] -= after - before
        return tuple(counted)

    def _spans(self, start_s: float, end_s: float) -> list[tuple[float, float]]:
        """Give the parts of a time in which the load was on."""
        spans = []
        for gap in self._gaps:
            if gap.start_s < end_s and (gap.end_s is None or gap.end_s > start_s):
                if gap.start_s > start_s:
                    spans.append((start_s, gap.start_s))
                start_s = end_s if gap.end_s is None else gap.end_s
        if start_s < end_s:
            spans.append((start_s, end_s))
        return spans


def _tariff_groups(rates: int, rate: int) -> list[list[int]]:
    """Give the tariffs of every rate that counts in a register; rate 0 is the total."""
    wanted = range(1, rates + 1) if rate == 0 else (rate,)
    return [
        [tariff for tariff in range(TARIFFS) if min(tariff + 1, rates) == one] for one in wanted
    ]
