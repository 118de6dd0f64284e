"""The load behind a meter: its power over time, and the energy that is its integral.

Time is Unix time in seconds. Power is constant within a minute, energy is computed in whole
numbers of microwatt-hours from a closed form, so that any instant can be asked for at the same
small cost, and every register that is derived from it agrees with every other.

How the closed form works: the load uses every hour of the day at its own rate. Within a quarter
of an hour each minute's end is moved by a pseudo-random amount; what one minute gains, the next
one loses. Whole days vary in the same way. Sums over many minutes or days therefore need no
loop: all the amounts in between cancel out. The mean power of a quarter of an hour, which is what
demand registers want, is that of its hour and day.

Energy is kept in bins: by tariff, and by direction, since a load with solar panels gives energy
back around noon. A bin decides the quadrant as well: the load is inductive, except at night.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from host_tools.meter_simulator.noise import Noise

TARIFFS = 4
BINS = 2 * TARIFFS  # forward of tariffs 1 to 4, then reverse of them
VALLEY = 3

_MS_PER_MINUTE = 60_000
_MS_PER_DAY = 86_400_000
_QUARTER_S = 900
_QUARTERS_PER_DAY = 96
_DAY_SWING = 300  # thousandths by which the end of a day moves
_FIRST_INSTALLATION = 14_610  # days since 1970: 2010-01-01
_INSTALLATION_SPAN = 3_650  # days
_DAY_S = 86_400

# Mean power of a household by hour of the day, in watts.
_HOURLY_W = (
    *(180, 150, 140, 140, 150, 200, 380, 520, 430, 350, 340, 380),
    *(450, 400, 360, 350, 420, 620, 900, 980, 860, 680, 450, 270),
)
# Tariff by hour of the day: 0 sharp, 1 peak, 2 flat, 3 valley.
HOURLY_TARIFF = (
    *(3, 3, 3, 3, 3, 3, 3, 2, 1, 1, 1, 1),
    *(2, 2, 2, 2, 2, 1, 1, 0, 0, 2, 2, 3),
)
_SOLAR_HOURS = range(10, 15)


class LoadCurve:
    """Power and energy of one load; two with the same noise and options are the same.

    `scale` makes it so many times a household; `solar` has it give energy back around noon.
    """

    def __init__(
        self, noise: Noise, *, utc_offset_s: int = 0, scale: int = 1, solar: bool = False
    ) -> None:
        """Derive the load's habits."""
        self._noise = noise
        self._utc_offset_s = utc_offset_s
        installed_day = _FIRST_INSTALLATION + noise.below(_INSTALLATION_SPAN, "installed")
        self._installed_day = installed_day
        self.installed_s = installed_day * _DAY_S - utc_offset_s
        """When the meter began to count."""
        size = scale * (400 + noise.below(1200, "size"))  # thousandths of the mean household
        self._minute_mwh = [
            watts * size * (700 + noise.below(600, "hour", hour)) // 60_000
            for hour, watts in enumerate(_HOURLY_W)
        ]
        self._hourly_bin = [
            tariff + (TARIFFS if solar and hour in _SOLAR_HOURS else 0)
            for hour, tariff in enumerate(HOURLY_TARIFF)
        ]
        self._before_hour_mwh = []  # energy of each bin from midnight to the hour
        used = [0] * BINS
        for hour, minute_mwh in enumerate(self._minute_mwh):
            self._before_hour_mwh.append(tuple(used))
            used[self._hourly_bin[hour]] += 60 * minute_mwh
        self._day_mwh = tuple(used)
        # One answer asks for the same few instants again and again.
        self.energy_uwh = lru_cache(maxsize=64)(self._integrate)
        """Gives the energy of every bin at an instant since the installation, zero before it."""
        self._day_swing = lru_cache(maxsize=8192)(lambda day: noise.below(_DAY_SWING, "day", day))

    def _integrate(self, time_s: float) -> tuple[int, ...]:
        day, minute, in_minute = self._split(time_s)
        if day < self._installed_day:
            return (0,) * BINS
        hour = minute // 60
        gained = self._minute_swing(day, minute)
        usual_mwh = self._minute_mwh[hour]
        minute_mwh = usual_mwh + self._minute_swing(day, minute + 1) - gained
        in_hour_mwh = (minute % 60) * usual_mwh + gained + minute_mwh * in_minute // _MS_PER_MINUTE
        days = 1000 * (day - self._installed_day) + self._day_swing(day)
        factor = self._day_factor(day)
        current = self._hourly_bin[hour]
        return tuple(
            usual * days + factor * (before + (in_hour_mwh if index == current else 0))
            for index, (usual, before) in enumerate(
                zip(self._day_mwh, self._before_hour_mwh[hour], strict=True)
            )
        )

    def power(self, time_s: float) -> tuple[int, int]:
        """Give the power in 0.1 W, without a sign, and the bin it counts in."""
        day, minute, _ = self._split(time_s)
        minute_mwh = self._minute_mwh[minute // 60]
        minute_mwh += self._minute_swing(day, minute + 1) - self._minute_swing(day, minute)
        return self._to_power(self._day_factor(day) * minute_mwh), self._hourly_bin[minute // 60]

    def quarter_power(self, time_s: float) -> tuple[int, int]:
        """Give the mean power in 0.1 W of the last complete quarter of an hour, and its bin."""
        day, minute, _ = self._split(time_s - _QUARTER_S)
        hour = minute // 60
        usual = self._day_factor(day) * self._minute_mwh[hour]
        return self._to_power(usual), self._hourly_bin[hour]

    def peak(self, start_s: float, end_s: float, weights: Sequence[int]) -> tuple[int, float]:
        """Find the highest mean power of a complete quarter of an hour between two instants.

        `weights` has thousandths by which every bin counts. Gives 0.1 W and the end of that
        quarter, both 0 if nothing counts.
        """
        first = math.ceil((max(start_s, self.installed_s) + self._utc_offset_s) / _QUARTER_S)
        last = math.floor((end_s + self._utc_offset_s) / _QUARTER_S)
        hourly = [
            weights[index] * minute_mwh
            for index, minute_mwh in zip(self._hourly_bin, self._minute_mwh, strict=True)
        ]
        highest_hour = max(range(24), key=hourly.__getitem__)
        highest, quarter = 0, 0
        for day in range(first // _QUARTERS_PER_DAY, -(-last // _QUARTERS_PER_DAY)):
            begin = max(first - day * _QUARTERS_PER_DAY, 0)
            end = min(last - day * _QUARTERS_PER_DAY, _QUARTERS_PER_DAY)
            hour = highest_hour
            if end - begin < _QUARTERS_PER_DAY:
                hour = max(range(begin // 4, -(-end // 4)), key=hourly.__getitem__, default=0)
            value = self._day_factor(day) * hourly[hour]
            if value > highest:
                highest = value
                quarter = day * _QUARTERS_PER_DAY + max(begin, 4 * hour) + 1
        if not highest:
            return 0, 0.0
        return self._to_power(highest) // 1000, quarter * _QUARTER_S - self._utc_offset_s

    def _split(self, time_s: float) -> tuple[int, int, int]:
        """Give the day since 1970, its minute, and the milliseconds into that, of local time."""
        day, in_day = divmod(math.floor((time_s + self._utc_offset_s) * 1000), _MS_PER_DAY)
        return day, *divmod(in_day, _MS_PER_MINUTE)

    def _to_power(self, uwh_per_minute: int) -> int:
        return uwh_per_minute * 600 // 1_000_000

    def _day_factor(self, day: int) -> int:
        """Tell how a day compares to the usual one, in thousandths, between 700 and 1300."""
        return 1000 + self._day_swing(day + 1) - self._day_swing(day)

    def _minute_swing(self, day: int, minute: int) -> int:
        """Tell how far the end of the minute before this one is moved, in mWh."""
        if minute % 15 == 0:
            return 0
        limit = self._minute_mwh[minute // 60] * 6 // 10
        return self._noise.below(limit, "minute", day * 1440 + minute)
