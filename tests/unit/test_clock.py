# The concentrator's clock: how far it is trusted, and when the network may step it.

from concentrator import clock as clocks

NOW = 1788220800000


class Rtc:
    def __init__(self, ms):
        self.ms = ms

    def __call__(self):
        return self.ms


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


def test_never_set():
    clock = clocks.Clock(Rtc(None))
    assert clock.quality == clocks.NEVER_SET
    assert 0 <= clock.now_ms() < 1000
    assert clock.now() == 0


def test_held_over_by_the_rtc():
    clock = clocks.Clock(Rtc(NOW + 999))
    assert clock.quality == clocks.HELD_OVER
    assert clock.now_ms() == NOW + 999
    assert clock.now() == NOW // 1000


def test_never_set_takes_any_network_time():
    for network in (NOW, 500):  # also one that is close to the seconds since boot
        clock = clocks.Clock(Rtc(None))
        clock.synchronise(network)
        assert clock.quality == clocks.SYNCHRONISED
        assert abs(clock.now_ms() - network) < 100


def test_synchronised_runs_on_with_the_rtc():
    rtc = Rtc(1000)
    clock = clocks.Clock(rtc)
    assert clock.synchronise(NOW) == NOW - 1000
    assert clock.now_ms() == NOW
    rtc.ms += 60000
    assert clock.now_ms() == NOW + 60000


def test_small_differences_do_not_step():
    for difference in (0, 1, 1999, -1, -1999):
        clock = clocks.Clock(Rtc(NOW))
        assert clock.synchronise(NOW + difference) == 0
        assert clock.now_ms() == NOW
        assert clock.quality == clocks.SYNCHRONISED


def test_large_differences_step_both_ways():
    for difference in (2000, -2000, 10**10, -(10**10)):
        clock = clocks.Clock(Rtc(NOW))
        assert clock.synchronise(NOW + difference) == difference
        assert clock.now_ms() == NOW + difference


def test_steps_add_up():
    clock = clocks.Clock(Rtc(NOW))
    clock.synchronise(NOW + 5000)
    assert clock.synchronise(NOW + 6000) == 0
    assert clock.synchronise(NOW - 3000) == -8000
    assert clock.now_ms() == NOW - 3000


def test_without_rtc_the_clock_runs_longer_than_ticks_do():
    ticks = Ticks()
    clocks.time = ticks
    clock = clocks.Clock(Rtc(None))
    clock.synchronise(NOW)
    for day in range(1, 61):
        for _ in range(24):  # somebody looks at the clock at least once an hour
            ticks.now += 3600000
            clock.now()
        assert clock.now_ms() == NOW + day * 86400000, day


def test_a_real_time_clock_that_can_be_set_is_set():
    rtc = Rtc(None)
    clock = clocks.Clock(rtc, lambda ms: setattr(rtc, "ms", ms))
    clock.synchronise(NOW)
    assert rtc.ms == NOW
    assert clock.now_ms() == NOW
    assert clocks.Clock(rtc).quality == clocks.HELD_OVER  # as after the next reset
