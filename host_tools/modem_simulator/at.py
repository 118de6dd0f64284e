"""The AT command line: bytes in, commands out; answers and unsolicited lines framed.

Rules (V.250, and what the modem's manuals add to it):

* A command line ends with CR; LF is ignored; what stands before "AT" is ignored.
* Bytes are echoed as the modem takes them, unless ATE0.
* Commands run one after the other. While one runs, its successors wait in the input and
  unsolicited lines wait for its final result.
* Text goes out as CR LF text CR LF.
* While a data call has the line there are no commands, and unsolicited lines wait for its end.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from .conditions import Conditions
from .data_line import DataLine

MAX_LINE = 1024
"""Longest command line in characters; a longer one is answered with ERROR."""

_COMMAND = re.compile(r"(?P<name>\+[A-Z]+|[A-Z]?)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ARGUMENT = re.compile(r'\s*(?:"(?P<text>[^"]*)"|(?P<bare>[^",]*))\s*(?:,|$)')
_NOISE_LINES = ('+QIND: "csq",18,99', "RING", "+CGEV: NW MODIFY 1,1,3", '+CTZV: "+32"')


@dataclass(frozen=True)
class Command:
    """One parsed command: `AT+NAME`, `AT+NAME?`, `AT+NAME=?`, `AT+NAME=...` or `ATxN`."""

    name: str
    form: str
    """What follows the name: "", "?", "=?", "=" or, for basic commands, the number."""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Information lines, the final result, and what happens once the host has been told."""

    lines: Sequence[str | bytes] = ()
    final: str = "OK"
    then: Callable[[], None] | None = field(default=None, compare=False)


def parse(line: str) -> Command | None:
    """Return the command in a line; None if the line does not hold one (ERROR).

    The "AT" has been taken off already.
    """
    match = _COMMAND.fullmatch(line.strip())
    if match is None:
        return None
    name, rest = match["name"].upper(), match["rest"]
    if not name.startswith("+"):
        return Command(name, rest)
    if rest in ("", "?", "=?"):
        return Command(name, rest)
    if not rest.startswith("="):
        return None
    arguments = _split(rest[1:])
    return None if arguments is None else Command(name, "=", arguments)


def _split(text: str) -> tuple[str, ...] | None:
    """Split arguments at commas outside quotation marks, which are taken off."""
    arguments = []
    position = 0
    while True:
        match = _ARGUMENT.match(text, position)
        if match is None:
            return None
        quoted = match["text"]
        arguments.append(match["bare"].strip() if quoted is None else quoted)
        if match.end() == len(text) and not match[0].endswith(","):
            return tuple(arguments)
        position = match.end()


class AtPort:
    """The modem's side of the serial line."""

    def __init__(
        self,
        conditions: Conditions,
        write: Callable[[bytes], None],
        trace: Callable[[str, str], None] | None = None,
    ) -> None:
        """Use `write` to send bytes.

        `trace` is told "<-" (from host), "->" or "--" (of a data call) and a line.
        """
        self._conditions = conditions
        self.write = write
        self._trace = trace
        self._random = random.Random(conditions.seed)
        self._input = bytearray()
        self._arrived = asyncio.Event()
        self._waiting_lines: list[str] = []
        self._busy = False
        self._data: DataLine | None = None
        self.echo = True

    def reset(self) -> None:
        """Forget all input and output under way: power has gone."""
        self._input.clear()
        self._waiting_lines.clear()
        self._busy = False
        self._leave_data()
        self.echo = True

    def feed(self, data: bytes) -> None:
        """Take bytes from the host."""
        if self._data is not None:
            self._data.feed(data)
            return
        self._input += data
        self._arrived.set()

    @property
    def in_data(self) -> bool:
        """Whether a data call has the line."""
        return self._data is not None

    def begin_data(self, take: Callable[[bytes], None]) -> None:
        """Give the line to a data call, until `end_data()` or the host's escape (OK)."""
        self._data = DataLine(self._conditions, take, lambda: self.end_data("OK"))
        if self._input:
            early = bytes(self._input)
            self._input.clear()
            self._data.feed(early)

    def end_data(self, line: str) -> None:
        """Take the line back and say why."""
        if self._data is None:
            self.announce(line)
            return
        self._leave_data()
        self._send_line(line)
        self._send_waiting_lines()

    def note(self, text: str) -> None:
        """Tell the trace what happens in a data call."""
        self._tell("--", text)

    def announce(self, line: str) -> None:
        """Send an unsolicited line, after the answer of a command that is running."""
        if self._busy or self._data is not None:
            self._waiting_lines.append(line)
        else:
            self._send_line(line)

    async def serve(self, execute: Callable[[Command | None], Awaitable[Answer]]) -> None:
        """Run commands until cancelled."""
        while True:
            line = await self._read_line()
            start = line.upper().find("AT")
            if start < 0:
                continue
            self._busy = True
            too_long = len(line) > MAX_LINE
            answer = await execute(None if too_long else parse(line[start + 2 :]))
            await asyncio.sleep(self._conditions.answer_delay_ms / 1000)
            self._disturb()
            self._send_answer(answer)
            self._disturb()
            self._busy = False
            if answer.then is not None:
                answer.then()
            if self._data is None:
                self._send_waiting_lines()

    async def prompt(self, size: int) -> bytes:
        """Ask for exactly `size` raw bytes; nothing in them has a meaning to the modem."""
        self._tell("->", ">")
        self.write(b"\r\n> ")
        data = bytearray()
        while len(data) < size:
            piece = await self._take(size - len(data))
            if self.echo:
                self.write(piece)
            data += piece
        self._tell("<-", f"({size} bytes of data)")
        return bytes(data)

    async def _read_line(self) -> str:
        line = bytearray()
        while True:
            byte = await self._take(1)
            if self.echo:
                self.write(byte)
            if byte == b"\r":
                text = line.decode("latin-1")
                if text:
                    self._tell("<-", text)
                return text
            if byte != b"\n" and len(line) <= MAX_LINE:
                line += byte

    async def _take(self, limit: int) -> bytes:
        while not self._input:
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._input[:limit])
        del self._input[:limit]
        return data

    def _leave_data(self) -> None:
        if self._data is not None:
            self._data.close()
            self._data = None

    def _send_waiting_lines(self) -> None:
        while self._waiting_lines:
            self._send_line(self._waiting_lines.pop(0))

    def _send_answer(self, answer: Answer) -> None:
        if answer.lines:
            raw = [line.encode() if isinstance(line, str) else line for line in answer.lines]
            for line in answer.lines:
                text = line if isinstance(line, str) else f"({len(line)} bytes of data)"
                self._tell("->", text)
            self.write(b"\r\n" + b"\r\n".join(raw) + b"\r\n")
        self._send_line(answer.final)

    def _send_line(self, line: str) -> None:
        self._tell("->", line)
        self.write(b"\r\n" + line.encode() + b"\r\n")

    def _disturb(self) -> None:
        """Put line noise and unrelated lines where the conditions ask for them."""
        if self._conditions.garbage and self._random.random() < self._conditions.garbage:
            # Bytes as from a disturbed line; never CR, LF or the prompt, so never a whole line.
            count = self._random.randint(1, 12)
            self.write(
                bytes(self._random.choice((0, 0x7F, 0x80, 0xFE, 0xFF)) for _ in range(count))
            )
        chance = self._conditions.unsolicited
        if chance and self._random.random() < chance:
            self._send_line(self._random.choice(_NOISE_LINES))

    def _tell(self, direction: str, line: str) -> None:
        if self._trace is not None:
            self._trace(direction, line)
