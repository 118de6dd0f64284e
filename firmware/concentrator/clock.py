"""The concentrator's clock: UTC, and how far it may be trusted."""

import time

from micropython import const

from . import log

NEVER_SET = const(0)
SYNCHRONISED = const(1)
HELD_OVER = const(2)

# At 20 ppm, a crystal's at room temperature, this makes 3.5 s; 5 s is what a meter room allows.
_TRUSTED_MS = const(172800000)
_STEP_MS = const(2000)
_SLEW = const(1000)  # ms of the clock in which it gains or loses one

_log = log.get("clock")


class Clock:
    """Time from the board's real-time clock, set right by timekeeper.Timekeeper.

    `rtc_ms()` gives milliseconds since 1970 UTC, or None while the RTC is not set; `set_rtc(ms)`
    sets it, as well as it can: what the RTC is still off by is added here.

    A difference of less than two seconds is made up for slowly, so that time never runs backwards
    for it; a larger one is a step.
    """

    def __init__(self, rtc_ms, set_rtc=lambda ms: None):
        self._rtc_ms = rtc_ms
        self._set_rtc = set_rtc
        self._up_ms = 0  # since boot, for as long as there is no RTC
        self._ticks = time.ticks_ms()
        self._jumps_ms = 0  # by how much the RTC was set back, all in all
        self._quality = NEVER_SET if rtc_ms() is None else HELD_OVER
        self.source = None if rtc_ms() is None else "rtc"  # who confirmed the time last
        self._confirmed = 0  # what raw_ms() was then
        self.steps = 0  # how often the time has jumped
        self.drift_ppm = None  # by how much the RTC is too fast, once that was measured
        self._begin(self.raw_ms(), 0)

    def _begin(self, now_ms, behind_ms):
        """From here on: now it is `now_ms`, and so much is to be made up for."""
        self._base_raw = self.raw_ms()
        self._base_ms = now_ms
        self._behind_ms = behind_ms

    @property
    def quality(self):
        """How far the time may be trusted: one of the constants above."""
        if self._quality == SYNCHRONISED and self.raw_ms() - self._confirmed > _TRUSTED_MS:
            return HELD_OVER
        return self._quality

    def now_ms(self):
        """Milliseconds since 1970-01-01 UTC; milliseconds since boot while never set."""
        elapsed = self.raw_ms() - self._base_raw
        now = self._base_ms + elapsed
        if self.drift_ppm:
            now -= elapsed * self.drift_ppm // 1000000
        if self._behind_ms:
            most = elapsed // _SLEW
            now += max(-most, min(most, self._behind_ms))
        return now

    def now(self):
        """Seconds since 1970-01-01 UTC; seconds since boot while the clock was never set."""
        return self.now_ms() // 1000

    def raw_ms(self):
        """Milliseconds that the RTC has counted, from anywhere: setting it makes no difference."""
        rtc = self._rtc_ms()
        return (self._since_boot() if rtc is None else rtc) + self._jumps_ms

    def _since_boot(self):
        # Ticks wrap after days; this is called every second, and adds up the differences.
        ticks = time.ticks_ms()
        self._up_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._up_ms

    def confirm(self, source):
        """The time is as right as `source` knows it: trust it from now on."""
        self._quality = SYNCHRONISED
        self._confirmed = self.raw_ms()
        self.source = source

    def correct_drift(self, ppm):
        """The RTC was measured to be too fast by so many millionths: make up for it."""
        now_ms = self.now_ms()
        self.drift_ppm = ppm
        self._begin(now_ms, 0)

    def set(self, utc_ms):
        """Be right from now on; returns by how many milliseconds the clock was stepped, or 0.

        A difference that is small is slewed. To be followed by confirm().
        """
        now_ms = self.now_ms()
        difference = utc_ms - now_ms
        small = self._quality != NEVER_SET and abs(difference) < _STEP_MS
        rtc = self._rtc_ms()
        if not small or (rtc is not None and abs(utc_ms - rtc) >= _STEP_MS):
            raw_ms = self.raw_ms()
            self._set_rtc(utc_ms)
            self._jumps_ms += raw_ms - self.raw_ms()
        if small:
            self._begin(now_ms, difference)
            return 0
        self._begin(utc_ms, 0)
        self.steps += 1
        _log.info("stepped %d ms", difference)
        return difference
