"""When a task is due: its slots on the wall clock, whatever of a day it keeps to.

A grid has following(moment), the first slot after a moment, and present(moment), the last one at
the moment or before it, in seconds since 1970 UTC.
"""

from . import slots
from .dates import DAY


class Every:
    """Slots every so many seconds of local time."""

    def __init__(self, seconds, zone):
        self._seconds = seconds
        self._zone = zone

    def following(self, moment):
        """The first slot after `moment`."""
        return slots.next_slot(moment, self._seconds, self._zone)

    def present(self, moment):
        """The last slot at `moment` or before."""
        return slots.previous_slot(moment, self._seconds, self._zone)


class Daily:
    """A slot a day, `minute` minutes after local midnight."""

    def __init__(self, minute, zone):
        self._minute = minute
        self._zone = zone

    def following(self, moment):
        """The first slot after `moment`."""
        return slots.next_daily(moment, self._minute, self._zone)

    def present(self, moment):
        """The last slot at `moment` or before."""
        return slots.previous_daily(moment, self._minute, self._zone)


class Monthly:
    """A slot a month, on a day of it (the last one where it has not so many)."""

    def __init__(self, day, minute, zone):
        self._day = day
        self._minute = minute
        self._zone = zone

    def following(self, moment):
        """The first slot after `moment`."""
        return slots.next_monthly(moment, self._day, self._minute, self._zone)

    def present(self, moment):
        """The last slot at `moment` or before."""
        return slots.previous_monthly(moment, self._day, self._minute, self._zone)


class Within:
    """The slots of another grid that fall into windows of the day.

    `windows` are pairs (first minute of the local day, minute before which it ends); one that ends
    before it begins goes on after midnight.
    """

    def __init__(self, grid, windows, zone):
        self._grid = grid
        self._windows = windows
        self._zone = zone

    def following(self, moment):
        """The first slot after `moment`."""
        slot = self._grid.following(moment)
        while not self._is_open(slot):
            opens = min([slots.next_daily(slot, begin, self._zone) for begin, _ in self._windows])
            slot = self._grid.following(opens - 1)
        return slot

    def present(self, moment):
        """The last slot at `moment` or before."""
        slot = self._grid.present(moment)
        while not self._is_open(slot):
            closed = max([slots.previous_daily(slot, end, self._zone) for _, end in self._windows])
            slot = self._grid.present(closed - 1)
        return slot

    def _is_open(self, slot):
        minute = (slot + self._zone.offset(slot)) % DAY // 60
        for begin, end in self._windows:
            if begin <= minute < end or (end <= begin and not end <= minute < begin):
                return True
        return False


def of(task, zone):
    """The grid of a task, a section of the configuration."""
    if task.daily is not None:
        return Daily(task.daily, zone)
    if task.monthly is not None:
        return Monthly(task.monthly.day, task.monthly.at, zone)
    grid = Every(task.every, zone)
    return Within(grid, task.windows, zone) if task.windows else grid
