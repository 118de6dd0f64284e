"""The concentrator's clock: UTC, and how far it may be trusted."""

import time

from micropython import const

from . import log

NEVER_SET = const(0)
SYNCHRONISED = const(1)
HELD_OVER = const(2)

_STEP_MS = const(2000)  # network time has a resolution of 1 s; a smaller difference says nothing

_log = log.get("clock")


class Clock:
    """Time from the board's real-time clock, set right by the network.

    `rtc_ms()` gives milliseconds since 1970 UTC, or None while the RTC is not set; `set_rtc(ms)`
    sets it, as well as it can: what the RTC is still off by is added here.
    """

    def __init__(self, rtc_ms, set_rtc=lambda ms: None):
        self._rtc_ms = rtc_ms
        self._set_rtc = set_rtc
        self._offset_ms = 0
        self._up_ms = 0  # since boot, for as long as there is no RTC
        self._ticks = time.ticks_ms()
        self.steps = 0  # how often the time has jumped
        self.quality = NEVER_SET if rtc_ms() is None else HELD_OVER

    def now_ms(self):
        """Milliseconds since 1970-01-01 UTC; milliseconds since boot while never set."""
        rtc = self._rtc_ms()
        if rtc is None:
            rtc = self._since_boot()
        return rtc + self._offset_ms

    def _since_boot(self):
        # Ticks wrap after days; this is called every second, and adds up the differences.
        ticks = time.ticks_ms()
        self._up_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._up_ms

    def now(self):
        """Seconds since 1970-01-01 UTC; seconds since boot while the clock was never set."""
        return self.now_ms() // 1000

    def synchronise(self, utc_ms):
        """Take the network's time; returns by how many milliseconds the clock was stepped."""
        difference = utc_ms - self.now_ms()
        if self.quality != NEVER_SET and abs(difference) < _STEP_MS:
            difference = 0
        else:
            self._set_rtc(utc_ms)
            self._offset_ms = 0
            self._offset_ms = utc_ms - self.now_ms()
            self.steps += 1
            _log.info("set by the network, stepped %d ms", difference)
        self.quality = SYNCHRONISED
        return difference
