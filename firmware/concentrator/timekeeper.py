"""Sets the clock: whose time is taken, what is refused, and how much the RTC drifts.

Sources, each better than the one before it: the RTC, the mobile network, a time server, a command
of the master station or of a technician. A worse one does not contradict a better one that was
heard within a day.

A network or a server that is more than a day off from what its like has said before is not
believed at once: its time would be that of slots, and those of days would be skipped or made a
second time. It is refused, and that is an event. It is taken if it insists for an hour, for the
first one may have been the wrong one and a site may have nobody else to ask. A command is signed,
or somebody stands there: it is taken at once; so is anything that contradicts the RTC alone,
which has been without power more often than networks are wrong.
"""

from micropython import const

from .clock import NEVER_SET

_SOURCES = ("rtc", "network", "server", "command")
_FRESH_MS = const(86400000)
_ODD_MS = const(86400000)
_INSISTS_MS = const(3600000)
_SAME_MS = const(60000)  # a source that insists is at most so far off from itself

_NETWORK_ERROR_MS = const(2000)  # its resolution is 1 s, and the modem takes its time to answer
_COMMAND_ERROR_MS = const(2000)

_DRIFT_ERROR_PPM = const(10)  # a drift known to that is worth being made up for
_MOST_PPM = const(200)  # no RTC is so bad: one of the two times was wrong
_REFERENCE_MS = const(604800000)  # temperatures change: measure anew from so often


class Timekeeper:
    """Takes time from all sources for a Clock. Times are milliseconds since 1970 UTC."""

    def __init__(self, clock, events):
        self._clock = clock
        self._events = events
        # What was refused, as its difference to the RTC's count, and that count at the first time.
        self._claim = None
        self._claimed = 0
        self._taken = 0  # the RTC's count when a source was last believed
        self._reference = None  # (RTC's count, time, its error): where the drift is measured from

    def set_by_network(self, utc_ms):
        """The modem gives the network's time."""
        self._take("network", utc_ms, _NETWORK_ERROR_MS)

    def set_by_server(self, utc_ms, error_ms):
        """A time server's answer, which is off by so much at most."""
        self._take("server", utc_ms, error_ms)

    def set_by_command(self, utc_ms):
        """The master station or a technician says what time it is."""
        self._take("command", utc_ms, _COMMAND_ERROR_MS)

    def _take(self, source, utc_ms, error_ms):
        clock = self._clock
        raw_ms = clock.raw_ms()
        difference = utc_ms - clock.now_ms()
        never_set = clock.quality == NEVER_SET
        if not never_set and not self._believes(source, utc_ms, raw_ms, difference):
            return
        self._claim = None
        self._taken = raw_ms
        self._measure_drift(utc_ms, raw_ms, error_ms)
        stepped = 0
        if never_set or abs(difference) > error_ms:
            stepped = clock.set(utc_ms)
        clock.confirm(source)
        if never_set:
            # Until now the clock was that since boot: this is when that was.
            self._events.record("clock.set", source=source, boot=difference // 1000)
        elif stepped:
            self._events.record("clock.stepped", source=source, ms=stepped)

    def _believes(self, source, utc_ms, raw_ms, difference):
        if source == "command":
            return True
        rank = _SOURCES.index(source)
        present = _SOURCES.index(self._clock.source)
        if rank < present and raw_ms - self._taken < _FRESH_MS:
            return False
        if rank > present or abs(difference) < _ODD_MS:
            return True
        claim = utc_ms - raw_ms
        if self._claim is None or abs(claim - self._claim) > _SAME_MS:
            self._claim = claim
            self._claimed = raw_ms
            self._events.record("clock.refused", source=source, ms=difference)
            return False
        return raw_ms - self._claimed >= _INSISTS_MS

    def _measure_drift(self, utc_ms, raw_ms, error_ms):
        """Compare what the RTC has counted since the reference with what it should have."""
        if self._reference is not None:
            from_raw, from_utc, from_error = self._reference
            counted = raw_ms - from_raw
            if (from_error + error_ms) * 1000000 <= _DRIFT_ERROR_PPM * counted:
                fast = counted - (utc_ms - from_utc)
                ppm = (fast * 1000000 + counted // 2) // counted
                if abs(ppm) <= _MOST_PPM:
                    self._clock.correct_drift(ppm)
                    if counted < _REFERENCE_MS:
                        return
            elif from_error <= 2 * error_ms:
                return
        self._reference = raw_ms, utc_ms, error_ms
