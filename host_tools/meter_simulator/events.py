"""Events: those that happen to the supply, by a fixed plan, and those that somebody caused.

A disturbance of the supply comes once in so many days, at a pseudo-random moment: any count and
any record of the past can be had without having been there. Outages last so few seconds that
they do not show in the energy registers. Operations are logged when they are done.
"""

from collections import defaultdict
from dataclasses import dataclass

from host_tools.meter_simulator.noise import Noise

VOLTAGE_LOSS, UNDER_VOLTAGE, OVER_VOLTAGE, POWER_DOWN = 0x01, 0x02, 0x03, 0x11
KEPT = 10  # records of a kind

# By how many thousandths a disturbance changes the voltage of its phase.
_VOLTAGE_FACTORS = {VOLTAGE_LOSS: 600, UNDER_VOLTAGE: 850, OVER_VOLTAGE: 1100}
_PERIOD_DAYS = {VOLTAGE_LOSS: 80, UNDER_VOLTAGE: 27, OVER_VOLTAGE: 45, POWER_DOWN: 60}
_SHORTEST_S, _LONGEST_S = 60, 1800
_OUTAGE_LONGEST_S = 3
_DAY_S = 86_400


@dataclass(frozen=True)
class Disturbance:
    """Something that lasted from one instant to another, in Unix time."""

    start_s: int
    end_s: int


class Disturbances:
    """What happens to the supply of one meter; phases are 1 to 3, 0 for all together."""

    def __init__(self, noise: Noise, phases: int, begin_s: float) -> None:
        """Plan for so many phases, from an instant on."""
        self._noise = noise
        self._phases = phases
        self._begin_s: dict[int, float] = defaultdict(lambda: begin_s)

    def forget(self, kind: int, time_s: float) -> None:
        """Count a kind from zero again."""
        self._begin_s[kind] = time_s

    def forget_all(self, time_s: float) -> None:
        """Count everything from zero again."""
        for kind in _PERIOD_DAYS:
            self.forget(kind, time_s)

    def past(self, kind: int, phase: int, time_s: float) -> list[Disturbance]:
        """Give all that have ended, newest first; none of a kind that does not happen."""
        if not self._happens(kind, phase):
            return []
        window_s = _PERIOD_DAYS[kind] * _DAY_S
        begin_s = self._begin_s[kind]
        numbers = range(int(time_s // window_s), int(begin_s // window_s) - 1, -1)
        found = (self._of_window(kind, phase, number) for number in numbers)
        return [one for one in found if one.start_s >= begin_s and one.end_s <= time_s]

    def is_on(self, kind: int, phase: int, time_s: float) -> bool:
        """Tell whether one is going on."""
        if not self._happens(kind, phase):
            return False
        number = int(time_s // (_PERIOD_DAYS[kind] * _DAY_S))
        one = self._of_window(kind, phase, number)
        return one.start_s <= time_s < one.end_s

    def voltage_factor(self, phase: int, time_s: float) -> int:
        """Tell by how many thousandths the voltage of a phase is changed."""
        for kind, factor in _VOLTAGE_FACTORS.items():
            if self.is_on(kind, phase, time_s):
                return factor
        return 1000

    def _happens(self, kind: int, phase: int) -> bool:
        """Tell whether a kind concerns a phase; a single-phase meter cannot lose its only one."""
        if kind == POWER_DOWN:
            return phase == 0
        if kind == VOLTAGE_LOSS and self._phases == 1:
            return False
        return kind in _PERIOD_DAYS and 1 <= phase <= self._phases

    def _of_window(self, kind: int, phase: int, number: int) -> Disturbance:
        """Give the disturbance of a stretch of days: there is exactly one in each."""
        window_s = _PERIOD_DAYS[kind] * _DAY_S
        purpose = f"event {kind} {phase}"
        if kind == POWER_DOWN:
            lasts_s = 1 + self._noise.below(_OUTAGE_LONGEST_S, f"{purpose} lasts", number)
        else:
            lasts_s = _SHORTEST_S + self._noise.below(
                _LONGEST_S - _SHORTEST_S, f"{purpose} lasts", number
            )
        start_s = number * window_s + self._noise.below(window_s - _LONGEST_S, purpose, number)
        return Disturbance(start_s, start_s + lasts_s)


class Log:
    """Records of what somebody did to the meter, newest first, by kind of operation."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._records: dict[int, list[bytes]] = defaultdict(list)
        self._counts: dict[int, int] = defaultdict(int)

    def add(self, kind: int, record: bytes) -> None:
        """Add a record and count it."""
        self._counts[kind] += 1
        self._records[kind] = [record, *self._records[kind]][:KEPT]

    def count(self, kind: int) -> int:
        """Tell how often an operation was done."""
        return self._counts.get(kind, 0)

    def record(self, kind: int, before: int) -> bytes | None:
        """Give the last record of a kind but `before` - 1; None if there is none."""
        records = self._records.get(kind, [])
        return records[before - 1] if before <= len(records) else None

    def forget(self, kind: int) -> None:
        """Remove all of a kind."""
        self._records.pop(kind, None)
        self._counts.pop(kind, None)

    def forget_all(self, *, but: tuple[int, ...] = ()) -> None:
        """Remove everything but some kinds."""
        for kind in set(self._counts) - set(but):
            self.forget(kind)
