# Whose time is taken, what is refused, and what is told of it.

from concentrator.clock import HELD_OVER, NEVER_SET, SYNCHRONISED, Clock
from concentrator.timekeeper import Timekeeper
from fakes import Events, Rtc

NOW = 1788220800000
SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def start(rtc_ms=NOW):
    rtc = Rtc(rtc_ms)
    clock = Clock(rtc, rtc.set)
    events = Events()
    return Timekeeper(clock, events), clock, rtc, events


def test_the_first_time_tells_when_the_device_was_started():
    for source in ("network", "server", "command"):
        keeper, clock, _, events = start(None)
        assert clock.quality == NEVER_SET
        give(keeper, source, NOW)
        assert (clock.quality, clock.source) == (SYNCHRONISED, source)
        assert events.all == [("clock.set", {"source": source, "boot": NOW // 1000})]


def give(keeper, source, utc_ms):
    if source == "network":
        keeper.set_by_network(utc_ms)
    elif source == "server":
        keeper.set_by_server(utc_ms, 50)
    else:
        keeper.set_by_command(utc_ms)


def test_anybody_knows_better_than_the_rtc():
    for source in ("network", "server", "command"):
        for difference in (-400 * DAY, -10 * SECOND, 10 * SECOND, 400 * DAY):
            keeper, clock, _, events = start()
            assert clock.quality == HELD_OVER
            give(keeper, source, NOW + difference)
            assert clock.now_ms() == NOW + difference
            assert events.all == [("clock.stepped", {"source": source, "ms": difference})]


def test_what_the_network_cannot_tell_for_sure_is_left_alone():
    for difference in (-1999, -1, 0, 1, 1999):
        keeper, clock, rtc, events = start()
        keeper.set_by_network(NOW + difference)
        rtc.ms += HOUR
        assert clock.now_ms() == NOW + HOUR
        assert (clock.quality, clock.source) == (SYNCHRONISED, "network")
        assert events.all == []


def test_a_server_is_followed_to_its_own_error():
    for difference, error, followed in ((300, 50, True), (-300, 50, True), (300, 400, False)):
        keeper, clock, rtc, events = start()
        keeper.set_by_server(NOW + difference, error)
        assert clock.now_ms() == NOW  # not stepped
        rtc.ms += HOUR
        assert clock.now_ms() == NOW + HOUR + (difference if followed else 0)
        assert events.all == []


def test_a_worse_source_does_not_contradict_a_better_one_for_a_day():
    for better, worse in (("server", "network"), ("command", "network"), ("command", "server")):
        keeper, clock, rtc, _ = start()
        give(keeper, better, NOW)
        rtc.ms += DAY - SECOND
        give(keeper, worse, NOW + DAY + HOUR)
        assert clock.now_ms() == NOW + DAY - SECOND
        assert clock.source == better
        rtc.ms += SECOND
        give(keeper, worse, NOW + DAY + HOUR)
        assert clock.now_ms() == NOW + DAY + HOUR
        assert clock.source == worse


def test_a_better_source_contradicts_a_worse_one_at_once():
    keeper, clock, _, _ = start()
    for source, difference in (("network", 0), ("server", 10 * DAY), ("command", -10 * DAY)):
        give(keeper, source, NOW + difference)
        assert (clock.now_ms(), clock.source) == (NOW + difference, source)


def test_a_command_is_taken_however_far_it_is_off():
    keeper, clock, _, events = start()
    for difference in (0, 10 * DAY, -10 * DAY):
        keeper.set_by_command(NOW + difference)
        assert clock.now_ms() == NOW + difference
    assert events.names() == ["clock.stepped", "clock.stepped"]


def test_a_source_that_contradicts_itself_by_days_is_refused_and_that_is_an_event():
    for difference in (-2 * DAY, 2 * DAY):
        keeper, clock, rtc, events = start()
        keeper.set_by_network(NOW)
        for minute in range(1, 60):
            rtc.ms += 60 * SECOND
            keeper.set_by_network(rtc.ms + difference)
            assert clock.now_ms() == NOW + minute * 60 * SECOND
        assert events.all == [("clock.refused", {"source": "network", "ms": difference})]


def test_a_source_that_insists_for_an_hour_is_taken():
    keeper, clock, rtc, events = start()
    keeper.set_by_network(NOW)
    wrong_by = -40 * DAY
    right_ms = rtc.ms + wrong_by
    for _ in range(61):
        keeper.set_by_network(right_ms)
        right_ms += 60 * SECOND
        rtc.ms += 60 * SECOND
    assert clock.now_ms() == right_ms
    assert events.names() == ["clock.refused", "clock.stepped"]


def test_a_source_that_returns_to_reason_does_not_insist():
    keeper, clock, rtc, events = start()
    keeper.set_by_network(NOW)
    for hour in range(5):
        keeper.set_by_network(rtc.ms - 40 * DAY)
        rtc.ms += 30 * 60 * SECOND
        keeper.set_by_network(rtc.ms)
        rtc.ms += 30 * 60 * SECOND
        assert clock.now_ms() == NOW + (hour + 1) * HOUR
    assert events.names() == ["clock.refused"] * 5


def drift_of(ppm, hours, tell):
    # The clock with an RTC that is too fast by so much, told the time every hour.
    keeper, clock, rtc, _ = start()
    tell(keeper, NOW)
    for hour in range(1, hours + 1):
        rtc.ms += HOUR + HOUR * ppm // 1000000
        tell(keeper, NOW + hour * HOUR)
    return clock, rtc


def test_drift_is_measured_from_times_hours_apart():
    for ppm in (-150, -20, 0, 20, 150):

        def by_server(keeper, utc_ms):
            keeper.set_by_server(utc_ms, 100)

        clock, _ = drift_of(ppm, 5, by_server)
        assert clock.drift_ppm is None  # too early to tell
        clock, rtc = drift_of(ppm, 6, by_server)
        assert clock.drift_ppm == ppm
        rtc.ms += DAY + DAY * ppm // 1000000
        assert abs(clock.now_ms() - NOW - 6 * HOUR - DAY) <= 200


def test_a_network_with_whole_seconds_needs_days_to_tell_the_drift():
    def by_network(keeper, utc_ms):
        keeper.set_by_network(utc_ms // SECOND * SECOND)

    clock, _ = drift_of(10, 5 * 20, by_network)
    assert clock.drift_ppm is None
    clock, _ = drift_of(10, 5 * 24, by_network)
    assert clock.drift_ppm == 10


def test_what_no_rtc_drifts_is_a_time_that_was_wrong():
    keeper, clock, rtc, _ = start()
    keeper.set_by_server(NOW, 50)
    rtc.ms += 10 * HOUR
    keeper.set_by_server(NOW + 10 * HOUR + 60 * SECOND, 50)
    assert clock.drift_ppm is None
    assert clock.now_ms() == NOW + 10 * HOUR + 60 * SECOND
    rtc.ms += 10 * HOUR
    keeper.set_by_server(NOW + 20 * HOUR + 60 * SECOND, 50)  # measured from there
    assert clock.drift_ppm == 0


def test_setting_the_rtc_does_not_spoil_the_drift():
    keeper, clock, rtc, _ = start(NOW - 5 * DAY)
    keeper.set_by_network(NOW)
    assert rtc.ms == NOW
    keeper.set_by_server(NOW, 50)
    rtc.ms += 10 * HOUR + 360  # 10 ppm
    keeper.set_by_server(NOW + 10 * HOUR, 50)
    assert clock.drift_ppm == 10
