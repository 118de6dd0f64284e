"""The instants a meter keeps values of: settlements and freezes, by its own clock.

Nothing is stored at those instants: registers can be asked for any moment of the past.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from host_tools.meter_simulator.clock import Clock
from host_tools.meter_simulator.formats import from_bcd

SETTLEMENTS = 12
TIMED, NOW, ZONE_SWITCH, SLOT_SWITCH, HOURLY, PRICE_SWITCH, DAILY, STEP_SWITCH = range(8)
DEPTHS = {
    TIMED: 60,
    NOW: 3,
    ZONE_SWITCH: 2,
    SLOT_SWITCH: 2,
    HOURLY: 254,
    PRICE_SWITCH: 2,
    DAILY: 62,
    STEP_SWITCH: 2,
}

_ANY = 99
_DAY_MAX = 28  # of settlements and monthly freezes: every month has it


class Settlements:
    """The ends of the months as a meter settles them: up to three in a month, as DDhh."""

    def __init__(self, clock: Clock) -> None:
        """Go by a clock."""
        self._clock = clock

    def instant(self, days: list[int], before: int, time_s: float) -> float | None:
        """Give the last settlement but `before` - 1, as Unix time; None without settlement days.

        `days` are numbers DDhh; one that is no day of every month is switched off.
        """
        if before == 0:
            return time_s
        wanted = _valid(days)
        if not wanted:
            return None
        now = self._clock.local(time_s)
        passed = 0
        for year, month in _months_before(now):
            for day, hour in sorted(wanted, reverse=True):
                moment = datetime(year, month, day, hour)
                passed += moment <= now
                if passed == before:
                    return self._clock.unix(moment)
        return None

    def of_month(self, days: list[int], local: datetime) -> list[datetime]:
        """Give the settlements of a month by the local clock."""
        return [datetime(local.year, local.month, day, hour) for day, hour in _valid(days)]


class Freezes:
    """What has been frozen when: on the hour, at midnight, by plan, on command, at switches."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing frozen by command and no plan."""
        self._clock = clock
        self._on_command: list[float] = []
        self._plan: tuple[int, int, int, int] | None = None  # MM DD hh mm, 99: any
        self._planned_s = 0.0

    def command(self, data: bytes, time_s: float) -> bool:
        """Take a freeze command's mm hh DD MM (wire order); tell whether it makes sense."""
        numbers = [from_bcd(data[at : at + 1]) for at in (3, 2, 1, 0)]
        if None in numbers:
            return False
        month, day, hour, minute = (number or 0 for number in numbers)
        if (month, day, hour, minute) == (_ANY,) * 4:
            self._on_command = [time_s, *self._on_command][: DEPTHS[NOW]]
            return True
        if not _is_plan(month, day, hour, minute):
            return False
        self._plan = month, day, hour, minute
        self._planned_s = time_s
        return True

    def instant(self, kind: int, before: int, time_s: float, switch: int = 0) -> float | None:
        """Give the last instant of a kind but `before` - 1, as Unix time; None if there is none.

        `switch` is the time YYMMDDhhmm of the switch that the kinds of switches are about.
        """
        if not 1 <= before <= DEPTHS[kind]:
            return None
        now = self._clock.local(time_s)
        if kind == NOW:
            return self._on_command[before - 1] if before <= len(self._on_command) else None
        if kind == TIMED:
            return self._planned(before, now)
        if kind == HOURLY:
            hour = now.replace(minute=0, second=0, microsecond=0)
            return self._clock.unix(hour - timedelta(hours=before - 1))
        if kind == DAILY:
            midnight = datetime.combine(now.date(), time(0))
            return self._clock.unix(midnight - timedelta(days=before - 1))
        return self._switched(switch, now) if before == 1 else None

    def _planned(self, before: int, now: datetime) -> float | None:
        if self._plan is None:
            return None
        month, day, hour, minute = self._plan
        since = self._clock.local(self._planned_s)
        moment = now.replace(second=0, microsecond=0)
        passed = 0
        # From step to step back in time: hours, days, or years' days.
        step = timedelta(hours=1) if hour == _ANY else timedelta(days=1)
        moment = moment.replace(minute=minute, hour=moment.hour if hour == _ANY else hour)
        while moment > since:
            fits = day in (_ANY, moment.day) and month in (_ANY, moment.month)
            if fits and moment <= now:
                passed += 1
                if passed == before:
                    return self._clock.unix(moment)
            moment -= step
        return None

    def _switched(self, switch: int, now: datetime) -> float | None:
        try:
            moment = datetime.strptime(f"{switch:010d}", "%y%m%d%H%M")
        except ValueError:
            return None
        return self._clock.unix(moment) if moment <= now else None


def _valid(days: list[int]) -> list[tuple[int, int]]:
    """Give day and hour of the settlement days that every month has."""
    pairs = [divmod(day, 100) for day in days]
    return [(day, hour) for day, hour in pairs if 1 <= day <= _DAY_MAX and hour < 24]


def _is_plan(month: int, day: int, hour: int, minute: int) -> bool:
    """Tell whether MM DD hh mm is once, monthly, daily or hourly: 99 only from the month down."""
    if minute > 59 or (hour > 23 and (hour, day, month) != (_ANY,) * 3):
        return False
    if month == _ANY:
        return day == _ANY or 1 <= day <= _DAY_MAX
    return 1 <= month <= 12 and 1 <= day <= 31


def _months_before(now: datetime) -> Iterator[tuple[int, int]]:
    """Give this month and those before it, for as many years as settlements are kept."""
    for back in range(SETTLEMENTS + 2):
        months = 12 * now.year + now.month - 1 - back
        yield months // 12, months % 12 + 1
