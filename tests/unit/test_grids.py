# When tasks are due.

from concentrator import dates, grids
from concentrator.timezone import TimeZone, parse_change
from fakes import Settings

NOON = dates.utc_seconds(2026, 9, 1, 12)
HOUR = 3600
DAY = 86400
CHINA = TimeZone(8 * HOUR)
BERLIN = TimeZone(
    HOUR, parse_change("last sunday march 02:00"), parse_change("last sunday october 03:00"), HOUR
)
OFFICE = (8 * 60, 17 * 60)
NIGHT = (22 * 60, 6 * 60)


def task(**schedule):
    fields = {"every": None, "daily": None, "monthly": None, "windows": ()}
    fields.update(schedule)
    return Settings(**fields)


def local(zone, slot):
    return dates.civil(slot + zone.offset(slot))


def test_every_quarter_of_an_hour():
    grid = grids.of(task(every=900), CHINA)
    assert grid.following(NOON) == NOON + 900
    assert grid.present(NOON) == NOON
    assert grid.present(NOON - 1) == NOON - 900


def test_daily_and_monthly_at_a_local_time():
    grid = grids.of(task(daily=5), CHINA)
    assert local(CHINA, grid.following(NOON)) == (2026, 9, 2, 0, 5, 0)
    assert local(CHINA, grid.present(NOON)) == (2026, 9, 1, 0, 5, 0)
    grid = grids.of(task(monthly=Settings(day=31, at=10)), CHINA)
    assert local(CHINA, grid.following(NOON)) == (2026, 9, 30, 0, 10, 0)
    assert local(CHINA, grid.present(NOON)) == (2026, 8, 31, 0, 10, 0)


def test_only_within_windows():
    grid = grids.of(task(every=900, windows=[OFFICE]), CHINA)
    evening = NOON  # 20:00 in China
    assert local(CHINA, grid.following(evening)) == (2026, 9, 2, 8, 0, 0)
    assert local(CHINA, grid.present(evening)) == (2026, 9, 1, 16, 45, 0)
    grid = grids.of(task(every=900, windows=[OFFICE, NIGHT]), CHINA)
    assert local(CHINA, grid.following(evening)) == (2026, 9, 1, 22, 0, 0)
    assert local(CHINA, grid.following(evening + 10 * HOUR)) == (2026, 9, 2, 8, 0, 0)
    assert local(CHINA, grid.present(evening + 11 * HOUR)) == (2026, 9, 2, 5, 45, 0)


def test_windows_keep_to_the_clock_in_summer_and_winter():
    grid = grids.of(task(every=HOUR, windows=[OFFICE]), BERLIN)
    for year, month, day in ((2026, 3, 28), (2026, 10, 24)):
        slot = dates.utc_seconds(year, month, day)
        for _ in range(27):
            slot = grid.following(slot)
            assert 8 <= local(BERLIN, slot)[3] < 17
            assert grid.present(slot) == slot
        assert local(BERLIN, slot)[2] == day + 2


def test_what_is_present_is_what_followed():
    for zone in (CHINA, BERLIN):
        for schedule in (
            task(every=5),
            task(every=900),
            task(every=DAY),
            task(every=900, windows=[OFFICE, NIGHT]),
            task(daily=150),
            task(monthly=Settings(day=29, at=150)),
        ):
            grid = grids.of(schedule, zone)
            for start in (NOON, dates.utc_seconds(2026, 3, 29), dates.utc_seconds(2026, 10, 25)):
                moment = start
                for _ in range(40):
                    following = grid.following(moment)
                    assert following > moment
                    assert grid.present(following) == following
                    assert grid.present(following - 1) <= moment
                    moment = following
