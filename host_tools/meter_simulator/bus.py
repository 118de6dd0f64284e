"""A simulated RS485 bus: meters behind a pseudo terminal that is as slow as a real wire.

A pseudo terminal moves bytes at once. The bus gives them the time they would take: a character
is 11 bits (start, 8 data, even parity, stop; the terminal itself is 8N1, since Linux refuses
parity there), a request ends when its last bit would have, and every byte of an answer has its
own deadline, counted from the start of the answer, so that being late once does not add up.

Meters may have speeds of their own. A pseudo terminal has none, but it remembers the one that was
asked for: a bus may go by that, and then a meter hears only what comes at its own speed.
"""

import os
import random
import select
import termios
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from host_tools.meter_simulator.counters import Counters
from host_tools.meter_simulator.frame import Frame, FrameScanner, encode
from host_tools.meter_simulator.line import BITS_PER_CHARACTER, Passage, Transmission, collide
from host_tools.meter_simulator.meter import Meter
from host_tools.meter_simulator.terminal import (
    SPEEDS,
    ask_for_exact_timers,
    asked_speed,
    mark_speed,
    unread,
)
from host_tools.meter_simulator.truth import TruthLog
from host_tools.pseudo_terminal import LinkInUseError, PseudoTerminal

BAUD_MIN = 300
BAUD_MAX = 115_200

_INTER_BYTE_TIMEOUT_S = 0.5  # Tb: a frame that pauses longer than this is over
_STALE_S = 2.0  # an answer that nobody has read for so long has no reader
_UNREAD_MAX = 1024  # bytes that wait for a reader before more are dropped
_HOUSEKEEPING_S = 0.1


class BusError(Exception):
    """A bus that cannot be set up as asked; the text is one sentence for the user."""


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
        heed_terminal: bool = False,
        record: list[Passage] | None = None,
    ) -> None:
        """Describe the bus; nothing is opened yet. BusError if it cannot exist.

        `link` is the path by which the master opens the port; every answer is sent after a delay
        drawn from `answer_delay_ms` (lowest, highest) and begins with `wake_up` bytes of FE;
        `number` names the bus in the truth log; `seed` decides delays and errors on the wire.
        `heed_terminal`: the speed that the master has asked its port for is the one it sends at;
        otherwise it sends as every meter wants it, and at `baud` where that matters. `record` gets
        what went over the wire: requests as they come, and answers.
        """
        if not BAUD_MIN <= baud <= BAUD_MAX:
            raise BusError(f"{baud} baud is not in the range {BAUD_MIN} to {BAUD_MAX}.")
        if not 0 <= answer_delay_ms[0] <= answer_delay_ms[1]:
            raise BusError("The answer delay must be 0 or more, and the lower limit come first.")
        self.link = Path(link)
        self._meters = list(meters)
        self.baud = baud
        self.number = number
        self.answer_delay_ms = answer_delay_ms
        self.wake_up = wake_up
        self.counters = Counters()
        self.error: OSError | None = None
        """Why the bus stopped by itself, if it did and the system was the cause."""
        self._truth = truth
        self._record = record
        self._random = random.Random(f"{seed}:{number}")
        self._heed_terminal = heed_terminal
        self._scanner = FrameScanner()
        self._transmissions: deque[Transmission] = deque()  # one after the other
        self._wire_free = 0.0  # when the last known byte has passed, on time.monotonic()
        self._last_written = 0.0
        self._housekeeping_due = 0.0
        self._next_babble: dict[Meter, float] = {}
        self._terminal: PseudoTerminal | None = None
        self._thread: threading.Thread | None = None

    @property
    def meters(self) -> dict[str, Meter]:
        """The meters by their present addresses."""
        return {meter.address: meter for meter in self._meters}

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
        # A view of the master's end: shows what it has not read yet, and the speed it asks for.
        self._far_end = os.open(self._terminal.device, os.O_RDWR | os.O_NOCTTY)
        self._speed_at_first = mark_speed(self._far_end) if self._heed_terminal else 0
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
            ask_for_exact_timers()
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
        if not self._transmissions:
            return self._housekeeping_due
        sending = self._transmissions[0]
        due = sending.deadline(sending.sent) if sending.announced else sending.start
        return min(due, self._housekeeping_due)

    @property
    def _master_baud(self) -> int | None:
        """The speed at which the master sends; None: as every meter wants it."""
        if not self._heed_terminal:
            return None
        speed = asked_speed(self._far_end)
        return self.baud if speed == self._speed_at_first else SPEEDS.get(speed, 0)

    def _hear(self, chunk: bytes, now: float) -> None:
        """Take what the master sent, and begin to answer if a request is complete."""
        self.counters.bytes_in += len(chunk)
        character_s = BITS_PER_CHARACTER / (self._master_baud or self.baud)
        if self._transmissions:
            # Two speak at a time: neither can be understood.
            self.counters.collisions += 1
            self._lose_transmissions(now)
            self._wire_free = now + len(chunk) * character_s
            return
        self._expire(now)
        begin = max(now, self._wire_free)
        self._wire_free = begin + len(chunk) * character_s
        if self._record is not None:
            self._record.append(Passage(begin, self._wire_free, len(chunk)))
        self._consider(self._scanner.feed(chunk), now)

    def _expire(self, now: float) -> None:
        """Stop waiting for the rest of a request that has paused for too long."""
        if self._scanner.pending and now > self._wire_free + _INTER_BYTE_TIMEOUT_S:
            self._consider(self._scanner.expire(), now)

    def _consider(self, frames: list[Frame], now: float) -> None:
        """Let the meters answer the frames that came in; two answers at a time are noise."""
        answers = []
        for frame in frames:
            if frame.from_meter:
                continue
            self.counters.requests += 1
            heard_by = self._who_hears(frame)
            if any(meter.faults.echo for meter in heard_by):
                self._echo(frame)
            heard = [self._prepare(meter, frame, now) for meter in heard_by]
            spoken = [one for one in heard if one is not None]
            if not spoken:
                self.counters.ignored += 1
            answers += spoken
        if len(answers) > 1:
            self.counters.collisions += 1
            self._transmissions.append(collide(answers, self._random))
        else:
            self._transmissions += answers

    def _who_hears(self, request: Frame) -> list[Meter]:
        """Give the meters that a request may be for, and that hear it at the master's speed."""
        speed = self._master_baud
        return [
            meter
            for meter in self._meters
            if meter.matches(request.address) and speed in (None, meter.baud or self.baud)
        ]

    def _echo(self, request: Frame) -> None:
        """Give the master back what it has sent, as it has been heard by now."""
        data = encode(request)
        baud = self._master_baud or self.baud
        start = self._wire_free - len(data) * BITS_PER_CHARACTER / baud
        self._transmissions.append(Transmission(start, data, baud))

    def _prepare(self, meter: Meter, request: Frame, now: float) -> Transmission | None:
        """Make a meter's answer to a request that ends when the wire gets free."""
        delay_ms = self._random.uniform(*(meter.faults.answer_delay_ms or self.answer_delay_ms))
        delay_s = delay_ms / 1000
        start = max(now, self._wire_free) + delay_s
        # The registers can be asked for any instant, so the work is done ahead of time.
        sampled_s = time.time() + start - now
        answer = meter.answer(request, sampled_s)
        if answer is None:
            return None

        def change_speed() -> None:
            if answer.new_baud is not None and not meter.faults.keeps_speed:
                meter.baud = answer.new_baud

        data = meter.faults.to_wire(answer.frame, self.wake_up, self._random)
        baud = meter.baud or self.baud
        return Transmission(start, data, baud, answer, sampled_s, delay_s, change_speed)

    def _speak(self, now: float, port: int) -> None:
        """Send the bytes that are due."""
        if not self._transmissions or now < self._transmissions[0].start:
            return
        sending = self._transmissions[0]
        if not sending.announced:
            sending.announced = True
            if self._truth and sending.answer and sending.answer.values:
                self._truth.write(sending.sampled_s, self.number, sending.answer)
        due = sending.sent
        while due < len(sending.data) and sending.deadline(due) <= now:
            due += 1
        if due > sending.sent:
            self._write(sending.data[sending.sent : due], port)
            self._last_written = now
            sending.sent = due
        if due == len(sending.data):
            self._wire_free = max(self._wire_free, sending.end)
            self._transmissions.popleft()
            if sending.answer:
                self.counters.answers += 1
                self._note(sending)
            if sending.done:
                sending.done()

    def _note(self, sent: Transmission) -> None:
        if self._record is not None:
            passage = Passage(sent.start, sent.end, len(sent.data), sent.delay_s)
            self._record.append(passage)

    def _write(self, data: bytes, port: int) -> None:
        if unread(self._far_end) > _UNREAD_MAX:
            return  # nobody listens: the bytes are lost, as they are on a wire
        try:
            self.counters.bytes_out += os.write(port, data)
        except BlockingIOError:
            return

    def _lose_transmissions(self, now: float) -> None:
        self._transmissions.clear()
        self._scanner.clear()
        self._wire_free = now

    def _keep_house(self, now: float) -> None:
        """Do what needs no exact timing: time-outs, noise, and answers without a reader."""
        self._housekeeping_due = now + _HOUSEKEEPING_S
        self._expire(now)
        for meter in self._meters:
            self._babble(meter, now)
        quiet = not self._transmissions and now > self._last_written + _STALE_S
        if quiet and unread(self._far_end):
            # Left behind by a master that was killed: its successor must not find it.
            termios.tcflush(self._far_end, termios.TCIFLUSH)

    def _babble(self, meter: Meter, now: float) -> None:
        period_s = meter.faults.babble_period_s
        if period_s <= 0 or meter.faults.silent:
            self._next_babble.pop(meter, None)
            return
        if now < self._next_babble.setdefault(meter, now):
            return
        self._next_babble[meter] = now + period_s
        if any(sending.answer is not None for sending in self._transmissions):
            self.counters.collisions += 1
        self._lose_transmissions(now)
        noise = self._random.randbytes(meter.faults.babble_size)
        self._transmissions.append(Transmission(now, noise, meter.baud or self.baud))
