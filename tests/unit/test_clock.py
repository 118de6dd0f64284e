# The concentrator's clock: how far it is trusted, what is a step, and what is made up for slowly.

from concentrator import clock as clocks
from fakes import Rtc

NOW = 1788220800000
HOUR = 3600000
DAY = 24 * HOUR


class Ticks:
    # The `time` of a 32-bit board: ticks that wrap after 12.4 days.

    PERIOD = 1 << 30

    def __init__(self):
        self.now = Ticks.PERIOD - 5000

    def ticks_ms(self):
        return self.now % Ticks.PERIOD

    @staticmethod
    def ticks_diff(end, start):
        half = Ticks.PERIOD // 2
        return (end - start + half) % Ticks.PERIOD - half


def right(rtc):
    # A clock that was right a moment ago.
    clock = clocks.Clock(rtc, rtc.set)
    clock.set(NOW)
    clock.confirm("network")
    return clock


def test_never_set():
    clock = clocks.Clock(Rtc(None))
    assert clock.quality == clocks.NEVER_SET
    assert clock.source is None
    assert 0 <= clock.now_ms() < 1000
    assert clock.now() == 0


def test_held_over_by_the_rtc():
    clock = clocks.Clock(Rtc(NOW + 999))
    assert clock.quality == clocks.HELD_OVER
    assert clock.source == "rtc"
    assert clock.now_ms() == NOW + 999
    assert clock.now() == NOW // 1000


def test_one_that_was_never_set_takes_any_time():
    for time in (NOW, 500):  # also one that is close to the seconds since boot
        clock = clocks.Clock(Rtc(None))
        clock.set(time)
        clock.confirm("network")
        assert clock.quality == clocks.SYNCHRONISED
        assert abs(clock.now_ms() - time) < 100


def test_set_right_it_runs_on_with_the_rtc():
    rtc = Rtc(1000)
    clock = clocks.Clock(rtc)  # an RTC that cannot be set
    assert clock.set(NOW) == NOW - 1000
    assert clock.now_ms() == NOW
    rtc.ms += 60000
    assert clock.now_ms() == NOW + 60000
    assert clock.set(NOW + 65000) == 5000
    assert clock.set(NOW + 57000) == -8000
    assert clock.now_ms() == NOW + 57000


def test_trust_ends_two_days_after_the_last_time_it_was_confirmed():
    rtc = Rtc(NOW)
    clock = right(rtc)
    rtc.ms += 2 * DAY
    assert clock.quality == clocks.SYNCHRONISED
    rtc.ms += 1
    assert clock.quality == clocks.HELD_OVER
    clock.confirm("network")
    assert clock.quality == clocks.SYNCHRONISED


def test_two_seconds_are_a_step_and_less_is_not():
    for difference in (2000, -2000, 10**10, -(10**10)):
        clock = right(Rtc(NOW))
        assert clock.set(NOW + difference) == difference
        assert clock.now_ms() == NOW + difference
        assert clock.steps == 1
    for difference in (1999, -1999):
        clock = right(Rtc(NOW))
        assert clock.set(NOW + difference) == 0
        assert clock.now_ms() == NOW
        assert clock.steps == 0


def test_a_small_difference_is_made_up_for_without_ever_running_backwards():
    for difference in (1500, -1500):
        rtc = Rtc(NOW)
        clock = right(rtc)
        clock.set(NOW + difference)
        last = clock.now_ms()
        for _ in range(3200):
            rtc.ms += 500
            now = clock.now_ms()
            assert 499 <= now - last <= 501
            last = now
        assert last == NOW + 3200 * 500 + difference


def test_a_measured_drift_is_made_up_for():
    rtc = Rtc(NOW)
    clock = right(rtc)
    clock.correct_drift(50)
    rtc.ms += DAY + DAY * 50 // 1000000  # a day, by this RTC
    assert abs(clock.now_ms() - NOW - DAY) <= 1
    clock.correct_drift(-50)
    rtc.ms += DAY - DAY * 50 // 1000000
    assert abs(clock.now_ms() - NOW - 2 * DAY) <= 2


def test_without_rtc_the_clock_runs_longer_than_ticks_do():
    ticks = Ticks()
    clocks.time = ticks
    clock = clocks.Clock(Rtc(None))
    clock.set(NOW)
    for day in range(1, 61):
        for _ in range(24):  # somebody looks at the clock at least once an hour
            ticks.now += HOUR
            clock.now()
        assert clock.now_ms() == NOW + day * DAY, day


def test_a_real_time_clock_that_can_be_set_is_set():
    rtc = Rtc(None)
    clock = clocks.Clock(rtc, rtc.set)
    clock.set(NOW)
    assert rtc.ms == NOW
    assert clock.now_ms() == NOW
    assert clocks.Clock(rtc).quality == clocks.HELD_OVER  # as after the next reset


def test_what_is_made_up_for_slowly_adds_up_until_the_rtc_is_set_to_it():
    rtc = Rtc(NOW)
    clock = right(rtc)
    for hour in range(1, 4):
        rtc.ms += HOUR
        clock.set(NOW + hour * (HOUR + 1000))
    assert rtc.ms == NOW + 3 * (HOUR + 1000) or rtc.ms == NOW + 2 * (HOUR + 1000) + HOUR
    rtc.ms += HOUR
    assert clock.now_ms() == NOW + 4 * HOUR + 3000
    assert clock.steps == 0


def test_setting_the_rtc_does_not_change_what_it_has_counted():
    for start in (None, NOW - DAY):
        rtc = Rtc(start)
        clock = clocks.Clock(rtc, rtc.set)
        before = clock.raw_ms()
        clock.set(NOW)
        assert abs(clock.raw_ms() - before) < 100
        rtc.ms += HOUR
        assert abs(clock.raw_ms() - before - HOUR) < 100
