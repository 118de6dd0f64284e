# Local time, with the days on which clocks are changed.

from concentrator.dates import civil, utc_seconds
from concentrator.timezone import TimeZone, parse_change
from fakes import raises

HOUR = 3600


def europe():
    begins, ends = (
        parse_change("last sunday march 02:00"),
        parse_change("last sunday october 03:00"),
    )
    return TimeZone(HOUR, begins, ends, HOUR)


def sydney():
    begins, ends = (
        parse_change("first sunday october 02:00"),
        parse_change("first sunday april 03:00"),
    )
    return TimeZone(10 * HOUR, begins, ends, HOUR)


def clock(zone, utc):
    # What a clock on the wall shows.
    return civil(utc + zone.offset(utc))


def test_a_zone_without_summer_time_never_changes():
    china = TimeZone(8 * HOUR)
    for utc in (0, utc_seconds(2026, 7, 1), utc_seconds(2099, 12, 31)):
        assert china.offset(utc) == 8 * HOUR
        assert china.utc(utc + 8 * HOUR) == utc
        assert china.changes(utc) is None
        assert china.changed(utc) is None


def test_summer_time_of_europe_begins_and_ends_at_one_o_clock_utc():
    for begins, ends in (
        ((2026, 3, 29, 1), (2026, 10, 25, 1)),
        ((2027, 3, 28, 1), (2027, 10, 31, 1)),
        ((2028, 3, 26, 1), (2028, 10, 29, 1)),
        ((2032, 3, 28, 1), (2032, 10, 31, 1)),
    ):
        zone, spring, autumn = europe(), utc_seconds(*begins), utc_seconds(*ends)
        for utc, offset in ((spring - 1, 1), (spring, 2), (autumn - 1, 2), (autumn, 1)):
            assert zone.offset(utc) == offset * HOUR, civil(utc)
        assert (zone.changed(spring), zone.changes(spring)) == (spring, autumn)
        assert (zone.changed(autumn - 1), zone.changes(autumn - 1)) == (spring, autumn)


def test_summer_time_of_the_south_lasts_over_the_end_of_the_year():
    zone = sydney()
    autumn, spring = utc_seconds(2026, 4, 4, 16), utc_seconds(2026, 10, 3, 16)
    for utc, offset in (
        (utc_seconds(2025, 12, 31, 23, 59, 59), 11),
        (utc_seconds(2026, 1, 1), 11),
        (autumn - 1, 11),
        (autumn, 10),
        (spring - 1, 10),
        (spring, 11),
    ):
        assert zone.offset(utc) == offset * HOUR, civil(utc)


def test_a_change_at_the_end_of_a_day():
    change = parse_change("last thursday october 24:00")
    zone = TimeZone(2 * HOUR, parse_change("last friday april 00:00"), change, HOUR)
    before = utc_seconds(2026, 10, 29, 21) - 1
    assert clock(zone, before) == (2026, 10, 29, 23, 59, 59)
    assert clock(zone, before + 1) == (2026, 10, 29, 23, 0, 0)


def test_instants_from_the_wall_clock_and_back():
    zone = europe()
    for local, utc in (
        ((2026, 1, 15, 12), (2026, 1, 15, 11)),
        ((2026, 7, 15, 12), (2026, 7, 15, 10)),
        ((2026, 3, 29, 1, 59, 59), (2026, 3, 29, 0, 59, 59)),
        ((2026, 3, 29, 2, 0), (2026, 3, 29, 1)),  # there is no such time: the instant of the jump
        ((2026, 3, 29, 2, 59, 59), (2026, 3, 29, 1)),
        ((2026, 3, 29, 3, 0), (2026, 3, 29, 1)),
        ((2026, 10, 25, 1, 59, 59), (2026, 10, 24, 23, 59, 59)),
        ((2026, 10, 25, 2, 30), (2026, 10, 25, 0, 30)),  # twice: the first
        ((2026, 10, 25, 3, 0), (2026, 10, 25, 2)),
    ):
        assert zone.utc(utc_seconds(*local)) == utc_seconds(*utc), local


def test_the_order_in_which_instants_are_asked_for_does_not_matter():
    zone = europe()
    for year in (2026, 2040, 2027, 1999, 2026):
        assert clock(zone, utc_seconds(year, 7, 1))[3] == 2
        assert clock(zone, utc_seconds(year, 1, 1))[3] == 1


def test_what_is_no_change_of_clocks():
    for text in (
        "",
        "last sunday march",
        "last sunday of march 02:00",
        "fifth sunday march 02:00",
        "last sun march 02:00",
        "last sunday mar 02:00",
        "last sunday march 2:00",
        "last sunday march 24:01",
        "last sunday march 02:60",
        "last sunday march -2:00",
        "last sunday march 02:00:00",
        "last  sunday march 02:00",
        "M3.5.0/2",
    ):
        raises(ValueError, parse_change, text)
