# What falls on the wall clock, above all where that is changed.

import random

from concentrator import slots
from concentrator.dates import DAY, civil, days_in_month, utc_seconds
from concentrator.timezone import TimeZone, parse_change
from fakes import seeded

HOUR = 3600
CHINA = TimeZone(8 * HOUR)
NEWFOUNDLAND = TimeZone(-(3 * HOUR + HOUR // 2))
SPRING = utc_seconds(2026, 3, 29, 1)  # when Europe's clocks jump from 02:00 to 03:00
AUTUMN = utc_seconds(2026, 10, 25, 1)  # and are set back from 03:00 to 02:00


def zone(standard, begins, ends, shift=HOUR):
    return TimeZone(standard, parse_change(begins), parse_change(ends), shift)


EUROPE = zone(HOUR, "last sunday march 02:00", "last sunday october 03:00")
SYDNEY = zone(10 * HOUR, "first sunday october 02:00", "first sunday april 03:00")
LORD_HOWE = zone(
    10 * HOUR + HOUR // 2, "first sunday october 02:00", "first sunday april 02:00", HOUR // 2
)
SANTIAGO = zone(-4 * HOUR, "first sunday september 00:00", "first sunday april 00:00")
ZONES = (CHINA, NEWFOUNDLAND, EUROPE, SYDNEY, LORD_HOWE, SANTIAGO)


def all_of(follow, first, last):
    # What follows `first`, up to `last`.
    found = []
    while True:
        first = follow(first)
        if first > last:
            return found
        found.append(first)


def on_the_wall(where, instants):
    return ["%02d:%02d" % civil(utc + where.offset(utc))[3:5] for utc in instants]


def every(seconds, where):
    return lambda now: slots.next_slot(now, seconds, where)


def daily(minute_of_day, where):
    return lambda now: slots.next_daily(now, minute_of_day, where)


def test_slots_fall_on_the_wall_clock():
    noon = utc_seconds(2026, 9, 1, 12)
    assert slots.next_slot(noon, HOUR, CHINA) == noon + HOUR
    assert slots.next_slot(noon, HOUR, NEWFOUNDLAND) == noon + HOUR // 2
    assert slots.next_slot(noon, DAY, CHINA) == noon + 4 * HOUR
    assert slots.previous_slot(noon, DAY, CHINA) == noon - 20 * HOUR
    assert slots.previous_slot(noon, HOUR, CHINA) == noon


def test_slots_of_minutes_follow_each_other_evenly_through_both_changes():
    for change in (SPRING, AUTUMN):
        for seconds in (5, 60, 900, 1800, HOUR):
            first = change - 3 * HOUR
            assert all_of(every(seconds, EUROPE), first, change + 3 * HOUR) == list(
                range(first + seconds, change + 3 * HOUR + 1, seconds)
            )


def test_slots_of_hours_come_once_for_every_time_of_day():
    for change, expected in (
        (SPRING, ["00:00", "03:00", "04:00", "06:00", "08:00"]),
        (AUTUMN, ["00:00", "02:00", "04:00", "06:00", "08:00"]),
    ):
        midnight = EUROPE.utc(change // DAY * DAY)
        found = all_of(every(2 * HOUR, EUROPE), midnight - 1, midnight + 9 * HOUR)
        assert on_the_wall(EUROPE, found)[: len(expected)] == expected


def test_a_time_of_day_in_the_hour_that_is_missing_or_comes_twice_is_there_once_a_day():
    follow = daily(2 * 60 + 30, EUROPE)
    found = all_of(follow, SPRING - 2 * DAY, SPRING + 2 * DAY)
    assert on_the_wall(EUROPE, found) == ["02:30", "02:30", "03:00", "02:30", "02:30"]
    assert found[2] == SPRING
    found = all_of(follow, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY)
    assert on_the_wall(EUROPE, found) == ["02:30"] * 3
    assert found[1:] == [AUTUMN - HOUR // 2, AUTUMN + DAY + HOUR // 2]


def test_midnight_comes_once_a_day_where_clocks_change_at_midnight():
    year = utc_seconds(2026, 1, 1), utc_seconds(2027, 1, 1) - 1
    for where in ZONES:
        for follow in (every(DAY, where), daily(0, where)):
            first, last = [where.utc(local) for local in year]
            found = all_of(follow, first - 1, last)
            assert len(found) == 365
            days = {(utc + where.offset(utc)) // DAY for utc in found}
            assert len(days) == 365


def test_a_day_that_a_month_does_not_have_is_its_last():
    def follow(now):
        return slots.next_monthly(now, 31, 0, CHINA)

    found = all_of(follow, utc_seconds(2027, 12, 31), utc_seconds(2028, 12, 31))
    assert [civil(utc + 8 * HOUR)[1:3] for utc in found] == [
        (month, days_in_month(2028, month)) for month in range(1, 13)
    ]


def test_the_first_of_a_month_at_the_end_of_a_year():
    end = utc_seconds(2026, 12, 31, 16)  # midnight in China
    assert slots.next_monthly(end - 1, 1, 0, CHINA) == end
    assert slots.next_monthly(end, 1, 5, CHINA) == end + 300
    assert slots.previous_monthly(end, 1, 0, CHINA) == end
    assert slots.previous_monthly(end - 1, 1, 0, CHINA) == end - 31 * DAY


def test_next_and_previous_are_each_others_reverse_at_any_time():
    seeded()
    for _ in range(1500):
        where = random.choice(ZONES)
        now = utc_seconds(2026, 1, 1) + random.randrange(3 * 365 * DAY)
        change = where.changes(now)
        if change and random.randrange(3):
            now = change + random.randrange(-3 * HOUR, 3 * HOUR)
        seconds = random.choice((5, 60, 900, 2400, HOUR, 5400, 2 * HOUR, 6 * HOUR, DAY))
        minute, day = random.randrange(1440), random.randrange(1, 32)
        for following, previous, arguments, longest in (
            (slots.next_slot, slots.previous_slot, (seconds, where), seconds + HOUR),
            (slots.next_daily, slots.previous_daily, (minute, where), DAY + HOUR),
            (slots.next_monthly, slots.previous_monthly, (day, minute, where), 31 * DAY + HOUR),
        ):
            after = following(now, *arguments)
            before = previous(now, *arguments)
            case = following, now, arguments[:-1], ZONES.index(where)
            assert before <= now < after <= before + longest, case
            assert following(before, *arguments) == after, case
            assert previous(after - 1, *arguments) == before, case
            assert previous(after, *arguments) == after, case
            assert following(after - 1, *arguments) == after, case
