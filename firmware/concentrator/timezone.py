"""Local time: UTC plus an offset, and in summer an hour more where that is law."""

from micropython import const

from . import dates

_LAST = const(5)  # week of a month
_WEEKS = const(("first", "second", "third", "fourth", "last"))
_DAYS = const(("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"))
_MONTHS = const(
    "january february march april may june july august september october november december"
)


def parse_change(text):
    """When the clocks change, from words like "last sunday march 02:00".

    (week 1 to 4 or 5 for the last, weekday 0 for Sunday, month, minute of the day); ValueError
    for anything else. The time is what clocks show at the moment before they are changed.
    """
    week, day, month, time = text.split(" ")
    hour, minute = time.split(":")
    if len(time) != 5 or not (hour + minute).isdigit() or int(minute) > 59:
        raise ValueError("time of day")
    of_day = int(hour) * 60 + int(minute)
    if of_day > 1440:  # some countries have it at 24:00
        raise ValueError("time of day")
    return _WEEKS.index(week) + 1, _DAYS.index(day), _MONTHS.split(" ").index(month) + 1, of_day


class TimeZone:
    """The local time of a place. All instants are seconds since 1970 UTC.

    `standard` is local time minus UTC in seconds, in winter; `begins` and `ends`, if there is a
    summer time, are what parse_change() gives, and `shift` by how many seconds it is ahead.
    """

    def __init__(self, standard, begins=None, ends=None, shift=0):
        self.shift = shift if begins else 0
        self.standard = standard
        self._begins = begins
        self._ends = ends
        # The offset that was last looked up, and from when until before when it holds.
        self._offset = standard
        self._from = None
        self._until = None

    def offset(self, utc):
        """Local time minus UTC at an instant, in seconds."""
        if self._begins:
            self._look_up(utc)
        return self._offset

    def changed(self, utc):
        """When the offset at an instant began to hold; None where it never changes."""
        if self._begins:
            self._look_up(utc)
        return self._from

    def changes(self, utc):
        """When the offset at an instant will be another; None where it never changes."""
        if self._begins:
            self._look_up(utc)
        return self._until

    def utc(self, local):
        """The instant at which clocks show `local`, in seconds since 1970 without a zone.

        The first of two, in autumn; when they jump over it, in spring, that is the instant.
        """
        late = local - self.standard
        if not self._begins:
            return late
        early = late - self.shift
        if self.offset(early) != self.standard:
            return early
        return late if self.offset(late) == self.standard else self._from

    def _look_up(self, utc):
        if self._from is not None and self._from <= utc < self._until:
            return
        year = dates.civil(utc)[0]
        summer = self.standard + self.shift
        changes = []
        for nearby in (year - 1, year, year + 1):
            changes.append((_moment(nearby, self._begins) - self.standard, summer))
            changes.append((_moment(nearby, self._ends) - summer, self.standard))
        changes.sort()
        self._from, self._offset = [change for change in changes if change[0] <= utc][-1]
        self._until = next(change[0] for change in changes if change[0] > utc)


def _moment(year, rule):
    """When the clocks change in a year, in local seconds since 1970 before the change."""
    week, weekday, month, minute = rule
    first = dates.utc_seconds(year, month, 1)
    day = (weekday - dates.weekday(first)) % 7 + 7 * (week - 1)
    if week == _LAST and day >= dates.days_in_month(year, month):
        day -= 7
    return first + day * dates.DAY + minute * 60
