"""When to look at the clocks of the meters: once a day, by a module that is loaded for it."""

from micropython import const

from .dates import DAY
from .on_demand import let_go

CHECK_AT = const(185)  # minute of the local day: a time at which the meters may be told the time


class ClockWatch:
    """Arguments are those of meter_clocks.MeterClocks."""

    def __init__(self, buses, meters, clock, zone, events, may_set):
        self._given = (buses, meters, clock, zone, events, may_set)
        self._known = (set(), [None] * len(buses))  # what MeterClocks wants to find again
        self._clock = clock
        self._zone = zone
        self._day = None  # on which it was last done

    def is_due(self):
        """Whether it is time, when asked every minute at least; once a day."""
        now = self._clock.now()
        day, second = divmod(now + self._zone.offset(now), DAY)
        if second // 60 not in (CHECK_AT, CHECK_AT + 1) or day == self._day:
            return False
        self._day = day
        return True

    async def look(self):
        """Look at all clocks."""
        from .meter_clocks import MeterClocks

        await MeterClocks(*self._given, *self._known).check()
        let_go("meter_clocks")
