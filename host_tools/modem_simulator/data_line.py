"""The serial line while a data call has it: every byte is the call's, but for +++ in silence."""

import asyncio
from collections.abc import Callable

from .conditions import Conditions

_ESCAPE = b"+++"


class DataLine:
    """Passes bytes on and watches for the escape: silence, three plus signs, silence (V.250)."""

    def __init__(
        self,
        conditions: Conditions,
        take: Callable[[bytes], None],
        escaped: Callable[[], None],
    ) -> None:
        """Begin a time of data; `take` gets the bytes, `escaped` is told of the escape."""
        self._conditions = conditions
        self._take = take
        self._escaped = escaped
        self._loop = asyncio.get_running_loop()
        self._last_s = self._loop.time()
        self._pluses = b""
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes from the host."""
        now_s = self._loop.time()
        after_silence = now_s - self._last_s >= self._conditions.escape_guard_s
        self._last_s = now_s
        self.close()
        held = self._pluses + data
        if (self._pluses or after_silence) and _ESCAPE.startswith(held):
            self._pluses = held
            self._timer = self._loop.call_later(self._conditions.escape_guard_s, self._silence)
        else:
            self._pluses = b""
            self._take(held)

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _silence(self) -> None:
        held, self._pluses = self._pluses, b""
        if held == _ESCAPE:
            self._escaped()
        else:
            self._take(held)
