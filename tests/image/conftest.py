"""A virtual board with cables that lead nowhere but to the test."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from mpremote.transport_serial import SerialTransport

from host_tools.pseudo_terminal import PseudoTerminal
from host_tools.virtual_board import IMAGE, VirtualBoard

PORTS = ("bus1", "bus2", "modem")
PROMPT = r"^MicroPython .*\s+Type .*\s+>>> "
READY_S = 10.0


class Workbench:
    """A board without configuration, and a program at its prompt: `run()`, or `mpremote()`."""

    def __init__(self, folder: Path, image: Path = IMAGE) -> None:
        """Prepare; the board's flash is blank."""
        self.folder = folder
        self.board = VirtualBoard(folder, folder / "console.log", image=image)
        self._wires = [PseudoTerminal(folder / port) for port in PORTS]
        self._session: SerialTransport | None = None
        self._begun = 0  # what the console had said when run_to_the_end() or soft_reset() began

    def start(self, cut: int = 0) -> Self:
        """Switch on, and wait for the prompt."""
        self.board.start(cut=cut)
        self.wait_for_prompts(1)
        return self

    def kill(self) -> None:
        """Switch off at once."""
        self.leave()
        self.board.kill()

    def close(self) -> None:
        """Switch off, and take the cables away."""
        self.kill()
        for wire in self._wires:
            wire.close()

    def wait_for(self, pattern: str, count: int = 1) -> None:
        """Wait until the console has said something so often since power on."""
        assert self.board.wait_for_line(pattern, count, READY_S), self.board.output()

    def wait_for_prompts(self, count: int) -> None:
        """Wait until MicroPython has come to its prompt so often since power on."""
        self.wait_for(PROMPT, count)

    def wait_for_next(self, pattern: str) -> None:
        """Wait until the console has said something since `run_to_the_end()`, `soft_reset()`."""
        deadline = time.monotonic() + READY_S
        while not re.search(pattern, self.board.output()[self._begun :], re.MULTILINE):
            assert time.monotonic() < deadline, self.board.output()
            time.sleep(0.02)

    def run(self, code: str) -> str:
        """Run Python on the board, in one session; returns what it printed."""
        self._enter()
        assert self._session is not None
        return self._session.exec(code).decode().replace("\r\n", "\n")

    def run_to_the_end(self, code: str) -> None:
        """Run Python that does not come back, because the board resets or loses its power."""
        self._enter()
        assert self._session is not None
        self._begun = len(self.board.output())
        with suppress(OSError):  # what the console says when the power is gone
            self._session.exec_raw_no_follow(code)
        self.leave()

    def soft_reset(self) -> None:
        """Reset MicroPython, but not the board, and wait until it has begun."""
        self.leave()
        self._begun = len(self.board.output())
        self.type_at_the_prompt(b"\x02\r\x04")  # out of the raw prompt, then Ctrl-D
        self.wait_for_next(r"^MPY: soft reboot")
        self.wait_for_next(PROMPT)

    def leave(self) -> None:
        """End the session; the console is free."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(OSError):
                session.close()

    def mpremote(self, *arguments: str | Path) -> str:
        """Run the mpremote command on the board; returns what it printed."""
        self.leave()
        command = [sys.executable, "-m", "mpremote", "connect", str(self.board.console)]
        result = subprocess.run(
            [*command, *map(str, arguments)],
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout.replace("\r\n", "\n")

    def type_at_the_prompt(self, keys: bytes) -> None:
        """Type without a program that waits for answers, as a terminal program does."""
        console = os.open(self.board.console, os.O_RDWR | os.O_NOCTTY)
        os.write(console, keys)
        # The board sees the keys when QEMU sees that somebody is there, within a second.
        time.sleep(1.5)
        os.close(console)

    def send(self, port: str, data: bytes) -> None:
        """Send bytes to one of the board's UARTs."""
        assert os.write(self._fd(port), data) == len(data)

    def send_at_a_stretch(self, port: str, data: bytes) -> None:
        """Send more bytes than the cable holds, without a pause."""
        deadline = time.monotonic() + READY_S
        while data:
            assert time.monotonic() < deadline, "nobody takes the bytes"
            with suppress(BlockingIOError):
                data = data[os.write(self._fd(port), data) :]

    def receive(self, port: str, count: int, timeout_s: float = READY_S) -> bytes:
        """Return so many bytes that the board sends, fewer only if they do not come."""
        received = b""
        deadline = time.monotonic() + timeout_s
        while len(received) < count and time.monotonic() < deadline:
            try:
                received += os.read(self._fd(port), count - len(received))
            except BlockingIOError:
                time.sleep(0.01)
        return received

    def unplug(self) -> None:
        """Take the cables away: the simulators are gone."""
        for wire in self._wires:
            wire.close()

    def _enter(self) -> None:
        if self._session is None:
            self._session = SerialTransport(str(self.board.console))
            self._session.enter_raw_repl(soft_reset=False)

    def _fd(self, port: str) -> int:
        return self._wires[PORTS.index(port)].fd


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Workbench]:
    """A board with blank flash, switched off."""
    bench = Workbench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A board at its prompt, the same for all tests of a module."""
    bench = Workbench(tmp_path_factory.mktemp("board"))
    try:
        yield bench.start()
    finally:
        bench.close()
