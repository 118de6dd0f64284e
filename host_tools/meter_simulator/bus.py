"""A simulated RS485 bus: meters behind a pseudo terminal that is as slow as a real wire.

A pseudo terminal moves bytes at once. The bus gives them the time they would take: a character
is 11 bits (start, 8 data, even parity, stop; the terminal itself is 8N1, since Linux refuses
parity there), a request ends when its last bit would have, and every byte of an answer has its
own deadline, counted from the start of the answer, so that being late once does not add up.
"""

import array
import ctypes
import fcntl
import json
import os
import random
import select
import termios
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from host_tools.meter_simulator.frame import Frame, FrameScanner, encode
from host_tools.meter_simulator.meter import Answer, Meter
from host_tools.pseudo_terminal import LinkInUseError, PseudoTerminal

BAUD_MIN = 600
BAUD_MAX = 115_200
BITS_PER_CHARACTER = 11

_INTER_BYTE_TIMEOUT_S = 0.5  # Tb: a frame that pauses longer than this is over
_STALE_S = 2.0  # an answer that nobody has read for so long has no reader
_UNREAD_MAX = 1024  # bytes that wait for a reader before more are dropped
_HOUSEKEEPING_S = 0.1
_PR_SET_TIMERSLACK = 29
_TIMER_SLACK_NS = 1_000


class BusError(Exception):
    """A bus that cannot be set up as asked; the text is one sentence for the user."""


@dataclass
class Counters:
    """What happened on a bus; written by the bus's thread only, readable from any."""

    requests: int = 0
    """Intact frames from the master."""

    answers: int = 0
    """Answers sent to their last byte."""

    ignored: int = 0
    """Intact requests that no meter had to answer, or could."""

    collisions: int = 0
    """Times that two spoke at once, and nobody was understood."""

    bytes_in: int = 0
    """Bytes heard from the master."""

    bytes_out: int = 0
    """Bytes sent, noise included."""

    def __str__(self) -> str:
        """Give all counters in one line."""
        return (
            f"{self.requests} requests, {self.answers} answers, {self.ignored} ignored, "
            f"{self.collisions} collisions, {self.bytes_in} bytes in, {self.bytes_out} bytes out"
        )


class TruthLog:
    """A file of JSON lines that says what meters held when they answered; several buses share it.

    One line per answer that carries values, complete before the first byte of the answer is
    sent: `time` (Unix seconds, the instant the values are of), `bus`, `address`, `di`, `values`
    (scaled integers; date and time as the decimal numbers YYMMDDWW and hhmmss). An answer that is
    damaged on the wire has its line as well. An existing file is continued.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; OSError if that is impossible."""
        self._lock = threading.Lock()
        self._file = open(path, "a", buffering=1, encoding="ascii")  # noqa: SIM115

    def write(self, time_s: float, bus: int, answer: Answer) -> None:
        """Add the line of one answer."""
        line = {
            "time": time_s,
            "bus": bus,
            "address": answer.frame.address,
            "di": answer.di,
            "values": answer.values,
        }
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


@dataclass
class _Transmission:
    """Bytes on their way to the master, or waiting for the answer delay to pass."""

    start: float  # on time.monotonic(), s; byte i is complete (i + 1) characters later
    data: bytes
    answer: Answer | None = None  # None: noise
    sampled_s: float = 0.0  # Unix time
    announced: bool = False
    sent: int = 0


class SimulatedBus:
    """Serves meters on a pseudo terminal, from a thread of its own, between open() and close().

    Several buses may run in one process. `meters`, their `faults` and their clocks may be used
    and changed while the bus is running.
    """

    def __init__(
        self,
        link: Path,
        meters: Iterable[Meter],
        *,
        baud: int = 2400,
        answer_delay_ms: tuple[float, float] = (40.0, 40.0),
        number: int = 1,
        wake_up: int = 4,
        seed: int = 645,
        truth: TruthLog | None = None,
    ) -> None:
        """Describe the bus; nothing is opened yet. BusError if it cannot exist.

        `link` is the path by which the master opens the port; every answer is sent after a delay
        drawn from `answer_delay_ms` (lowest, highest) and begins with `wake_up` bytes of FE;
        `number` names the bus in the truth log; `seed` decides delays and errors on the wire.
        """
        if not BAUD_MIN <= baud <= BAUD_MAX:
            raise BusError(f"{baud} baud is not in the range {BAUD_MIN} to {BAUD_MAX}.")
        if not 0 <= answer_delay_ms[0] <= answer_delay_ms[1]:
            raise BusError("The answer delay must be 0 or more, and the lower limit come first.")
        self.link = Path(link)
        self.meters = {meter.address: meter for meter in meters}
        self.baud = baud
        self.number = number
        self.answer_delay_ms = answer_delay_ms
        self.wake_up = wake_up
        self.counters = Counters()
        self.error: OSError | None = None
        """Why the bus stopped by itself, if it did and the system was the cause."""
        self._truth = truth
        self._random = random.Random(f"{seed}:{number}")
        self._character_s = BITS_PER_CHARACTER / baud
        self._scanner = FrameScanner()
        self._transmission: _Transmission | None = None
        self._wire_free = 0.0  # when the last known byte has passed, on time.monotonic()
        self._last_written = 0.0
        self._housekeeping_due = 0.0
        self._next_babble: dict[str, float] = {}
        self._terminal: PseudoTerminal | None = None
        self._thread: threading.Thread | None = None

    @property
    def device(self) -> Path:
        """The terminal that the link leads to, such as /dev/pts/5, while the bus is open."""
        if self._terminal is None:
            raise BusError(f"The bus on {self.link} is not open.")
        return self._terminal.device

    @property
    def running(self) -> bool:
        """Whether the bus is being served."""
        return self._thread is not None and self._thread.is_alive()

    def open(self) -> Self:
        """Create the terminal and its link and begin to serve; BusError if that is impossible."""
        try:
            self._terminal = PseudoTerminal(self.link)
        except LinkInUseError as error:
            raise BusError(str(error)) from error
        except OSError as error:
            raise BusError(f"{self.link} cannot become a bus: {error.strerror}.") from error
        # A view of the master's end: shows what it has not read yet.
        self._far_end = os.open(self._terminal.device, os.O_RDWR | os.O_NOCTTY)
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"bus {self.number}", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving and remove the link; does nothing when the bus is not open."""
        if self._terminal is None or self._thread is None:
            return
        os.write(self._stop_writer, b".")
        self._thread.join()
        for fd in (self._stop_reader, self._stop_writer, self._far_end):
            os.close(fd)
        self._terminal.close()
        self._terminal = None

    def __enter__(self) -> Self:
        """Open the bus."""
        return self.open()

    def __exit__(self, *_: object) -> None:
        """Close the bus."""
        self.close()

    def _run(self) -> None:
        try:
            _ask_for_exact_timers()
            self._serve()
        except OSError as error:  # such as a full disk under the truth log
            self.error = error

    def _serve(self) -> None:
        assert self._terminal is not None
        port = self._terminal.fd
        while True:
            wait_s = max(0.0, self._next_deadline() - time.monotonic())
            readable, _, _ = select.select([port, self._stop_reader], [], [], wait_s)
            now = time.monotonic()
            if self._stop_reader in readable:
                return
            if port in readable:
                self._hear(os.read(port, 4096), now)
            self._speak(now, port)
            if now >= self._housekeeping_due:
                self._keep_house(now)

    def _next_deadline(self) -> float:
        """Tell when something has to be done next, on time.monotonic()."""
        sending = self._transmission
        if sending is None:
            return self._housekeeping_due
        if not sending.announced:
            return min(sending.start, self._housekeeping_due)
        return min(self._byte_deadline(sending, sending.sent), self._housekeeping_due)

    def _byte_deadline(self, sending: _Transmission, index: int) -> float:
        return sending.start + (index + 1) * self._character_s

    def _hear(self, chunk: bytes, now: float) -> None:
        """Take what the master sent, and begin to answer if a request is complete."""
        self.counters.bytes_in += len(chunk)
        if self._transmission is not None:
            # Two speak at a time: neither can be understood.
            self.counters.collisions += 1
            self._lose_transmission(now)
            self._wire_free = now + len(chunk) * self._character_s
            return
        self._expire(now)
        self._wire_free = max(now, self._wire_free) + len(chunk) * self._character_s
        self._consider(self._scanner.feed(chunk), now)

    def _expire(self, now: float) -> None:
        """Stop waiting for the rest of a request that has paused for too long."""
        if self._scanner.pending and now > self._wire_free + _INTER_BYTE_TIMEOUT_S:
            self._consider(self._scanner.expire(), now)

    def _consider(self, frames: list[Frame], now: float) -> None:
        """Let the meters answer the frames that came in; two answers at a time are none."""
        transmissions = []
        for frame in frames:
            if frame.from_meter:
                continue
            self.counters.requests += 1
            addressed = [
                meter
                for meter in list(self.meters.values())
                if not meter.faults.silent and meter.matches(frame.address)
            ]
            if len(addressed) > 1:
                self.counters.collisions += 1
                continue
            transmission = self._prepare(addressed[0], frame, now) if addressed else None
            if transmission is None:
                self.counters.ignored += 1
            else:
                transmissions.append(transmission)
        if len(transmissions) > 1:
            self.counters.collisions += len(transmissions)
        elif transmissions:
            self._transmission = transmissions[0]

    def _prepare(self, meter: Meter, request: Frame, now: float) -> _Transmission | None:
        """Make a meter's answer to a request that ends when the wire gets free."""
        delay_s = self._random.uniform(*(meter.faults.answer_delay_ms or self.answer_delay_ms))
        start = max(now, self._wire_free) + delay_s / 1000
        # The registers can be asked for any instant, so the work is done ahead of time.
        sampled_s = time.time() + start - now
        answer = meter.answer(request, sampled_s)
        if answer is None:
            return None
        data = self._damage(encode(answer.frame, self.wake_up), meter.faults.error_rate)
        return _Transmission(start, data, answer, sampled_s)

    def _damage(self, data: bytes, error_rate: float) -> bytes:
        if not error_rate:
            return data
        draw = self._random
        return bytes(
            byte ^ draw.randrange(1, 256) if draw.random() < error_rate else byte for byte in data
        )

    def _speak(self, now: float, port: int) -> None:
        """Send the bytes that are due."""
        sending = self._transmission
        if sending is None or now < sending.start:
            return
        if not sending.announced:
            sending.announced = True
            if self._truth and sending.answer and sending.answer.values:
                self._truth.write(sending.sampled_s, self.number, sending.answer)
        due = sending.sent
        while due < len(sending.data) and self._byte_deadline(sending, due) <= now:
            due += 1
        if due > sending.sent:
            self._write(sending.data[sending.sent : due], port)
            self._last_written = now
            sending.sent = due
        if due == len(sending.data):
            self._wire_free = self._byte_deadline(sending, due - 1)
            self._transmission = None
            if sending.answer:
                self.counters.answers += 1

    def _write(self, data: bytes, port: int) -> None:
        if _unread(self._far_end) > _UNREAD_MAX:
            return  # nobody listens: the bytes are lost, as they are on a wire
        try:
            self.counters.bytes_out += os.write(port, data)
        except BlockingIOError:
            return

    def _lose_transmission(self, now: float) -> None:
        self._transmission = None
        self._scanner.clear()
        self._wire_free = now

    def _keep_house(self, now: float) -> None:
        """Do what needs no exact timing: time-outs, noise, and answers without a reader."""
        self._housekeeping_due = now + _HOUSEKEEPING_S
        self._expire(now)
        for meter in list(self.meters.values()):
            self._babble(meter, now)
        quiet = self._transmission is None and now > self._last_written + _STALE_S
        if quiet and _unread(self._far_end):
            # Left behind by a master that was killed: its successor must not find it.
            termios.tcflush(self._far_end, termios.TCIFLUSH)

    def _babble(self, meter: Meter, now: float) -> None:
        period_s = meter.faults.babble_period_s
        if period_s <= 0 or meter.faults.silent:
            self._next_babble.pop(meter.address, None)
            return
        if now < self._next_babble.setdefault(meter.address, now):
            return
        self._next_babble[meter.address] = now + period_s
        if self._transmission is not None and self._transmission.answer is not None:
            self.counters.collisions += 1
        self._lose_transmission(now)
        noise = self._random.randbytes(meter.faults.babble_size)
        self._transmission = _Transmission(now, noise)


def _unread(fd: int) -> int:
    """Tell how many bytes wait in a terminal for their reader."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def _ask_for_exact_timers() -> None:
    """Have the calling thread woken on time, where Linux would allow itself 50 us by default."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_TIMER_SLACK_NS))
