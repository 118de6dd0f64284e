"""The Gregorian calendar in whole seconds since 1970-01-01 00:00.

Not by the module time: that counts from 1970 or from 2000 and in local time or not, depending on
the board.
"""

from micropython import const

DAY = const(86400)

# Days from the first of March of the year 0 to 1970-01-01. A year that begins in March has its
# leap day at the end.
_DAYS_TO_1970 = const(719468)
_DAYS_OF_400_YEARS = const(146097)
_DAYS_OF_100_YEARS = const(36524)
_DAYS_OF_4_YEARS = const(1461)


def utc_seconds(year, month, day, hour=0, minute=0, second=0):
    """Seconds since 1970-01-01 of a date and time."""
    if month < 3:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return (days - 1 - _DAYS_TO_1970) * DAY + hour * 3600 + minute * 60 + second


def civil(seconds):
    """(year, month, day, hour, minute, second), the reverse of utc_seconds()."""
    days, second = divmod(seconds, DAY)
    cycles, days = divmod(days + _DAYS_TO_1970, _DAYS_OF_400_YEARS)
    # The last day of four and of four hundred years belongs to the year that it ends.
    centuries = min(days // _DAYS_OF_100_YEARS, 3)
    days -= centuries * _DAYS_OF_100_YEARS
    fours, days = divmod(days, _DAYS_OF_4_YEARS)
    years = min(days // 365, 3)
    days -= years * 365
    month = (5 * days + 2) // 153
    day = days - (153 * month + 2) // 5 + 1
    year = 400 * cycles + 100 * centuries + 4 * fours + years
    if month >= 10:
        year += 1
        month -= 12
    return year, month + 3, day, second // 3600, second // 60 % 60, second % 60


def weekday(seconds):
    """0 for Sunday to 6 for Saturday."""
    return (seconds // DAY + 4) % 7


def days_in_month(year, month):
    """28 to 31."""
    return (utc_seconds(year, month + 1, 1) - utc_seconds(year, month, 1)) // DAY
