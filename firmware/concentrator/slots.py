"""Which instants are slots: what falls on the wall clock of the meter room, in seconds of UTC.

`zone` is a timezone.TimeZone. Each next_ is strictly after `now`, each previous_ at `now` or
before it. Where clocks change twice a year:

* Slots less than a change apart (an hour, mostly) fall on the wall clock at any time: when it is
  set back, that hour has its slots like any other; when it jumps, there are none to be missed.
* All others come once for every time of day: at the first of two instants that the clock shows
  it; in the instant of the jump, if the clock jumps over it.
"""

from micropython import const

from . import dates

_DAY = const(86400)


def next_slot(now, every, zone):
    """The next multiple of `every` seconds (a divisor of a day) of local time."""
    if every > zone.shift:
        return _next(now, every, 0, zone)
    slot = now + every - (now + zone.offset(now)) % every
    change = zone.changes(now)
    if slot < change:
        return slot
    return change + -(change + zone.offset(change)) % every


def previous_slot(now, every, zone):
    """The last multiple of `every` seconds (a divisor of a day) of local time."""
    if every > zone.shift:
        return _previous(now, every, 0, zone)
    slot = now - (now + zone.offset(now)) % every
    change = zone.changed(now)
    if slot >= change:
        return slot
    before = change - 1
    return before - (before + zone.offset(before)) % every


def next_daily(now, minute_of_day, zone):
    """The next time that it is so many minutes after midnight."""
    return _next(now, _DAY, minute_of_day * 60, zone)


def previous_daily(now, minute_of_day, zone):
    """The last time that it was so many minutes after midnight."""
    return _previous(now, _DAY, minute_of_day * 60, zone)


def next_monthly(now, day, minute_of_day, zone):
    """The next time on that day (1 to 31) of a month; a short month's last day stands for it."""
    month = _month(now, zone)
    while _in_month(month, day, minute_of_day, zone) <= now:
        month += 1
    return _in_month(month, day, minute_of_day, zone)


def previous_monthly(now, day, minute_of_day, zone):
    """The last time on that day (1 to 31) of a month; a short month's last day stands for it."""
    month = _month(now, zone)
    while _in_month(month, day, minute_of_day, zone) > now:
        month -= 1
    return _in_month(month, day, minute_of_day, zone)


def _next(now, every, phase, zone):
    local = _floor(now, every, phase, zone)
    while zone.utc(local) <= now:
        local += every
    return zone.utc(local)


def _previous(now, every, phase, zone):
    local = _floor(now, every, phase, zone)
    # In an hour that comes twice, what follows on the clock may have been in its first pass.
    while zone.utc(local + every) <= now:
        local += every
    return zone.utc(local)


def _floor(now, every, phase, zone):
    """What the wall clock showed when it was last `phase` seconds after a multiple of `every`."""
    local = now + zone.offset(now)
    return local - (local - phase) % every


def _month(now, zone):
    """Months since the year 0, of the local date."""
    year, month = dates.civil(now + zone.offset(now))[:2]
    return year * 12 + month - 1


def _in_month(months, day, minute_of_day, zone):
    year, month = months // 12, months % 12 + 1
    day = min(day, dates.days_in_month(year, month))
    return zone.utc(dates.utc_seconds(year, month, day) + minute_of_day * 60)
