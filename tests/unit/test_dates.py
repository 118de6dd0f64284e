# The calendar: dates into seconds and back.

from concentrator import dates

CENTURY_OF_DAYS = 36525


def test_dates_are_seconds_since_1970():
    for date, seconds in (
        ((1970, 1, 1, 0, 0, 0), 0),
        ((2000, 2, 29, 23, 59, 59), 951868799),
        ((2000, 3, 1, 0, 0, 0), 951868800),
        ((2026, 8, 31, 23, 30, 0), 1788219000),
        ((2027, 12, 31, 23, 59, 59), 1830297599),
        ((2028, 1, 1, 0, 0, 0), 1830297600),
        ((2100, 3, 1, 0, 0, 0), 4107542400),
    ):
        assert dates.utc_seconds(*date) == seconds, date
        assert dates.civil(seconds) == date, date


def test_every_day_of_two_centuries_follows_the_one_before_it():
    expected = (1970, 1, 1)
    for day in range(2 * CENTURY_OF_DAYS):
        found = dates.civil(day * dates.DAY + 86399)
        assert found == expected + (23, 59, 59), day
        assert dates.utc_seconds(*expected) == day * dates.DAY, day
        year, month, date = expected
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        length = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
        assert dates.days_in_month(year, month) == length, expected
        assert dates.weekday(day * dates.DAY) == (day + 4) % 7
        expected = (year, month, date + 1)
        if date == length:
            expected = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


def test_weekdays():
    for date, weekday in (((2026, 8, 30), 0), ((2026, 11, 21), 6), ((2028, 2, 29), 2)):
        assert dates.weekday(dates.utc_seconds(*date)) == weekday, date
