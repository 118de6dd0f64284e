"""A meter's own clock: how far it is off, how it is set, and what it was off in the past.

The past matters, since a freeze of last midnight is of the midnight the meter believed in then.
"""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

_LIMIT = timedelta(minutes=5)  # a broadcast changes no more, and nothing so near to an edge


class Clock:
    """Local time as the meter has it, out of Unix time in seconds."""

    def __init__(self, utc_offset_s: int, offset_s: float = 0.0) -> None:
        """Begin with a clock that is fast by `offset_s`, and always was."""
        self._utc_offset_s = utc_offset_s
        self._steps = [(-math.inf, offset_s)]  # since when (Unix time), how fast
        self._broadcast_day: date | None = None

    def local(self, time_s: float) -> datetime:
        """Give what the clock shows, or showed, at an instant."""
        offset_s = next(offset for since, offset in reversed(self._steps) if since <= time_s)
        moment = datetime.fromtimestamp(time_s + self._utc_offset_s + offset_s, UTC)
        return moment.replace(tzinfo=None)

    def unix(self, local: datetime) -> float:
        """Give the last instant at which the clock shows, or showed, a time."""
        bare_s = local.replace(tzinfo=UTC).timestamp() - self._utc_offset_s
        for since, offset_s in reversed(self._steps):
            if bare_s - offset_s >= since:
                return bare_s - offset_s
        raise AssertionError("the first step has no beginning")

    def set(self, time_s: float, local: datetime) -> None:
        """Have the clock show a time from this instant on."""
        true_s = local.replace(tzinfo=UTC).timestamp() - self._utc_offset_s
        self._steps.append((time_s, true_s - time_s))

    def misplace(self, offset_s: float) -> None:
        """Have the clock be fast by so many seconds, and always have been."""
        self._steps = [(-math.inf, offset_s)]

    def take_broadcast(
        self, time_s: float, told: datetime, settlements: Iterable[datetime] = ()
    ) -> bool:
        """Heed a broadcast time, if the rules allow it; tell whether it was heeded.

        They are: once a day, no more than 5 minutes of difference, and neither clock within 5
        minutes of midnight or of a settlement.
        """
        shown = self.local(time_s)
        if self._broadcast_day == shown.date() or abs(told - shown) > _LIMIT:
            return False
        for moment in (shown, told):
            midnight = datetime.combine(moment.date(), time(0))
            edges = (midnight, midnight + timedelta(days=1), *settlements)
            if any(abs(moment - edge) <= _LIMIT for edge in edges):
                return False
        self.set(time_s, told)
        self._broadcast_day = shown.date()
        return True
