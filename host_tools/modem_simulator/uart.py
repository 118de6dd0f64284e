"""The serial line's time: bytes pass a pseudo terminal as fast as they would a wire."""

import asyncio
import os
from collections.abc import Callable

from .conditions import Conditions

BITS_PER_CHARACTER = 10
"""Start bit, 8 data bits, stop bit."""

_MAX_BACKLOG = 64 * 1024
"""Bytes kept for a host that does not read; what comes after them is lost, as on a UART."""
_READ_BYTES = 4096
_STEP_S = 0.005  # bytes move in pieces of at most so much time


class Uart:
    """The modem's end of the line. Bytes are on it one at a time, in both directions at once."""

    def __init__(self, fd: int, conditions: Conditions) -> None:
        """Use a non-blocking descriptor, in the running loop."""
        self._fd = fd
        self._conditions = conditions
        self._receive: Callable[[bytes], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._backlog = bytearray()
        self._heard = b""
        self._hearing: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._heard_at_s = 0.0
        self._sent_at_s = 0.0

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Begin to hear; `receive` gets what has come."""
        self._receive = receive
        self._loop.add_reader(self._fd, self._read)

    def close(self) -> None:
        """Leave the descriptor alone."""
        self.clear()
        self._loop.remove_reader(self._fd)
        if self._hearing is not None:
            self._hearing.cancel()

    def clear(self) -> None:
        """Forget what has not been sent: power has gone."""
        self._backlog.clear()
        self._loop.remove_writer(self._fd)
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def write(self, data: bytes) -> None:
        """Send bytes to the host, after those that are waiting."""
        if len(self._backlog) + len(data) <= _MAX_BACKLOG:
            self._backlog += data
        if self._sending is None:
            self._flush()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, self._step_bytes())
        except BlockingIOError:
            return
        self._heard_at_s = self._after(self._heard_at_s, len(data))
        if self._heard_at_s <= self._loop.time():
            self._pass_on(data)
        else:
            self._loop.remove_reader(self._fd)
            self._heard = data
            self._hearing = self._loop.call_at(self._heard_at_s, self._arrived)

    def _arrived(self) -> None:
        self._hearing = None
        self._loop.add_reader(self._fd, self._read)
        self._pass_on(self._heard)

    def _pass_on(self, data: bytes) -> None:
        if self._receive is not None:
            self._receive(data)

    def _flush(self) -> None:
        self._sending = None
        self._loop.remove_writer(self._fd)
        try:
            while self._backlog:
                size = os.write(self._fd, self._backlog[: self._step_bytes()])
                del self._backlog[:size]
                self._sent_at_s = self._after(self._sent_at_s, size)
                if self._sent_at_s > self._loop.time():
                    self._sending = self._loop.call_at(self._sent_at_s, self._flush)
                    return
        except BlockingIOError:
            self._loop.add_writer(self._fd, self._flush)

    def _step_bytes(self) -> int:
        """Return how many bytes may move in one step."""
        speed = self._conditions.uart_bit_s
        if speed is None:
            return _READ_BYTES
        return min(_READ_BYTES, max(1, int(speed * _STEP_S / BITS_PER_CHARACTER)))

    def _after(self, busy_until_s: float, size: int) -> float:
        """Return when the line has carried so many bytes more."""
        speed = self._conditions.uart_bit_s
        now_s = self._loop.time()
        if speed is None:
            return now_s
        # Whoever wakes up late has not made the line idle.
        start_s = busy_until_s if busy_until_s > now_s - _STEP_S else now_s
        return start_s + size * BITS_PER_CHARACTER / speed
