"""The load relay of a meter and its commands (1CH)."""

from collections.abc import Callable

TRIP, ALLOW_CLOSE, CLOSE = 0x1A, 0x1B, 0x1C
TRIP_AND_CLOSE, TRIP_AND_ALLOW_CLOSE = 0x1D, 0x1E
ALARM_ON, ALARM_OFF = 0x2A, 0x2B
KEEP_ON, KEEP_OFF = 0x3A, 0x3B

_TRIPS = (TRIP, TRIP_AND_CLOSE, TRIP_AND_ALLOW_CLOSE)
_PAUSE_UNIT_S = 300


class Relay:
    """State of the relay; `on_change` is told every change: open or not, and the instant."""

    def __init__(self, on_change: Callable[[bool, float], None]) -> None:
        """Begin closed."""
        self.is_open = False
        self.told_to_open = False
        self.keeps_power = False
        self.alarm = False
        self._on_change = on_change
        self._again: tuple[int, float] | None = None  # command and instant of what comes later

    def act(self, command: int, option: int, time_s: float) -> bool:
        """Carry out a command; False if it is unknown or keeping the power forbids it."""
        if command in _TRIPS:
            if self.keeps_power:
                return False
            self.told_to_open = True
            self._move(True, time_s)
            close = {TRIP_AND_CLOSE: CLOSE, TRIP_AND_ALLOW_CLOSE: ALLOW_CLOSE}.get(command)
            self._again = None if close is None else (close, time_s + option * _PAUSE_UNIT_S)
        elif command in (ALLOW_CLOSE, CLOSE):
            self._again = None
            self.told_to_open = False
            if command == CLOSE:
                self._move(False, time_s)
        elif command in (ALARM_ON, ALARM_OFF):
            self.alarm = command == ALARM_ON
        elif command in (KEEP_ON, KEEP_OFF):
            self.keeps_power = command == KEEP_ON
            if self.keeps_power:
                self.told_to_open = False
                self._move(False, time_s)
        else:
            return False
        return True

    def press_button(self, time_s: float) -> None:
        """Close, if that was allowed: what a customer does at the meter."""
        if not self.told_to_open:
            self._move(False, time_s)

    def catch_up(self, time_s: float) -> float | None:
        """Carry out what was to be done until now; give when, if that has moved the relay."""
        if self._again is None or self._again[1] > time_s:
            return None
        command, due_s = self._again
        was_open = self.is_open
        self.act(command, 0, due_s)
        return due_s if self.is_open != was_open else None

    def _move(self, is_open: bool, time_s: float) -> None:
        if is_open != self.is_open:
            self.is_open = is_open
            self._on_change(is_open, time_s)
