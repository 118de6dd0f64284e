"""The host of a simulated modem: a small AT client for tests."""

import os
import re
import select
import time
from pathlib import Path

import pytest

TIMEOUT_S = 5.0
QUIET_S = 0.06
FINAL = re.compile(rb"\r\n(OK|ERROR|\+CME ERROR: [^\r]*|SEND OK|SEND FAIL)\r\n")


class Host:
    """One end of the serial line."""

    def __init__(self, link: Path) -> None:
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.pending = b""

    def close(self) -> None:
        os.close(self.fd)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def _receive(self, timeout_s: float) -> bool:
        if not select.select([self.fd], [], [], max(0.0, timeout_s))[0]:
            return False
        self.pending += os.read(self.fd, 65536)
        return True

    def until(self, pattern: bytes | re.Pattern[bytes]) -> bytes:
        """Return and consume everything up to the end of the pattern."""
        if isinstance(pattern, bytes):
            pattern = re.compile(re.escape(pattern))
        deadline = time.monotonic() + TIMEOUT_S
        while (match := pattern.search(self.pending)) is None:
            if not self._receive(deadline - time.monotonic()):
                pytest.fail(f"{pattern.pattern!r} did not come, only {self.pending!r}")
        taken, self.pending = self.pending[: match.end()], self.pending[match.end() :]
        return taken

    def ask(self, command: str) -> list[str]:
        """Send a command; return the lines of the answer, echo left out."""
        self.write(command.encode() + b"\r")
        lines = self.until(FINAL).decode("latin-1").split("\r\n")
        return [line for line in lines if line and line.rstrip("\r") != command]

    def hear(self, line: str) -> None:
        """Wait for one unsolicited line."""
        self.until(b"\r\n" + line.encode() + b"\r\n")

    def hears_nothing(self) -> bool:
        deadline = time.monotonic() + QUIET_S
        while self._receive(deadline - time.monotonic()):
            pass
        return not self.pending

    def send(self, data: bytes, number: int = 0) -> str:
        """Send data through a socket; return the final result."""
        self.write(f"AT+QISEND={number},{len(data)}\r".encode())
        self.until(b"\r\n> ")
        self.write(data)
        return self.until(FINAL).decode("latin-1").split("\r\n")[-2]

    def fetch(self, limit: int = 1500, number: int = 0) -> bytes:
        """Read received data, b"" if there is none."""
        self.write(f"AT+QIRD={number},{limit}\r".encode())
        size = int(self.until(re.compile(rb"\+QIRD: (\d+)\r\n")).split()[-1])
        data = b""
        if size:
            data = self.until(re.compile(b"^.{%d}\r\n" % size, re.DOTALL))[:-2]
        self.until(FINAL)
        return data

    def fetch_all(self, size: int) -> bytes:
        """Read received data until there are `size` bytes."""
        data = b""
        deadline = time.monotonic() + TIMEOUT_S
        while len(data) < size and time.monotonic() < deadline:
            data += self.fetch()
        return data
