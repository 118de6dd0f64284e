"""The AT command line of a modem (3GPP TS 27.007, V.250): one command at a time, with a deadline.

Echo, partial lines and unsolicited result codes may come at any moment; none of them is taken for
an answer. Neither is the answer to an earlier command, which comes late after a time-out. After
dial() the port belongs to the data connection, from its first byte on, until resume().
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from .. import log
from . import ModemError

_BUSY_MS = const(1)  # how often to look at the port while a command waits, and while none does
_IDLE_MS = const(10)
_LINE_LIMIT = const(512)  # a longer line is noise
_DATA_LIMIT = const(4096)  # more raw bytes are never announced
_STEP_TRIES = const(3)  # of getting into step again with the modem
_STEP_MS = const(300)  # how long each may take
_SILENCE_MS = const(200)  # after it, nothing of an earlier answer is to come any more
_CHATTER_MS = const(2000)  # longest wait for that silence
_SUCCESS = ("OK", "SEND OK")
_FINAL = ("OK", "ERROR", "SEND OK", "SEND FAIL")
_CALL_ENDS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")

_log = log.get("modem")


class CommandLine:
    """Talks to the modem on `port`; `unsolicited(line)` gets the lines that nobody asked for.

    `prefixes` are the beginnings of lines that are never part of a command's answer.
    """

    def __init__(self, port, prefixes, unsolicited):
        self._port = port
        self._prefixes = prefixes
        self._unsolicited = unsolicited
        self._lock = asyncio.Lock()
        self._done = asyncio.Event()
        self._chunk = bytearray(256)
        self._byte = memoryview(self._chunk)[:1]
        self._input = b""
        self._command = None  # the command under way
        self._lines = []
        self._final = None
        self._prompt = False  # waiting for "> "
        self._data_prefix = None  # the line that announces raw bytes, e.g. "+QIRD: 12"
        self._data_left = 0
        self._data = b""
        self._dialling = False
        self.online = False  # a data connection has the port: it is neither read nor written here
        self._in_step = True  # every command so far had its answer
        self._heard = ticks_ms()  # when the last byte came
        self._garbled = False  # since the last good answer

    async def run(self):
        """Read the port for ever; start this as a task before the first command."""
        while True:
            # While dialling byte by byte: what follows the line that ends it is no more ours.
            chunk = self._byte if self._dialling else self._chunk
            count = 0 if self.online else self._port.readinto(chunk)
            if count:
                self._heard = ticks_ms()
                self._input += bytes(memoryview(self._chunk)[:count])
                self._parse()
            else:
                await asyncio.sleep_ms(_BUSY_MS if self._command else _IDLE_MS)

    async def command(self, text, timeout_ms=5000):
        """Send a command; returns the lines of its answer without the final OK.

        ModemError when the modem answers with an error, or not within `timeout_ms`.
        """
        async with self._lock:
            return await self._exchange(text, timeout_ms)

    async def send(self, text, data, timeout_ms=10000):
        """Send a command, then `data` when the modem prompts for it. Raises ModemError."""
        async with self._lock:
            await self._exchange(text, timeout_ms, data=data)

    async def receive(self, text, prefix, timeout_ms=5000):
        """Send a command that is answered with `prefix`, a number, and so many raw bytes."""
        async with self._lock:
            await self._exchange(text, timeout_ms, prefix=prefix)
            return self._data

    async def dial(self, text, timeout_ms):
        """Send a command that ends with CONNECT: from then on the port is a data connection's."""
        async with self._lock:
            await self._exchange(text, timeout_ms, dial=True)
        if not self.online:
            raise ModemError("%s: %s instead of CONNECT" % (_brief(text), self._final))

    def resume(self):
        """Take the port back for commands; nothing that comes before the next counts for it."""
        self.online = False
        self._in_step = False
        self._input = b""

    async def write_raw(self, data):
        """Send bytes that are no command, e.g. to get the modem out of a data mode."""
        async with self._lock:
            await self._write(data, 5000)

    async def _exchange(self, text, timeout_ms, data=None, prefix=None, dial=False):
        if not self._in_step:
            await self._get_into_step()
        self._in_step = False  # until the answer is complete; not when cancelled, either
        self._lines = []
        self._data = b""
        self._data_prefix = prefix
        self._prompt = data is not None
        self._dialling = dial
        try:
            await self._ask(text, text.encode() + b"\r", timeout_ms)
            if data is not None:
                if self._final in _SUCCESS:
                    raise ModemError("%s: %s instead of a prompt" % (_brief(text), self._final))
                if self._final is None:  # that was the prompt
                    await self._ask(text, data, timeout_ms)
        finally:
            self._command = None
            self._prompt = False
            self._dialling = False
            self._data_prefix = None
            self._data_left = 0
        self._in_step = True
        self._garbled = False
        if not self.online and self._final not in _SUCCESS:
            raise ModemError("%s: %s" % (_brief(text), self._final), self._final)
        return self._lines

    async def _ask(self, text, data, timeout_ms):
        """Write `data` and wait for the prompt or the final result of the command `text`."""
        self._final = None
        self._done.clear()
        self._command = text
        await self._write(data, timeout_ms)
        try:
            await asyncio.wait_for_ms(self._done.wait(), timeout_ms)
        except asyncio.TimeoutError:
            raise ModemError("no answer to %s within %d s" % (_brief(text), timeout_ms // 1000))

    async def _get_into_step(self):
        """Wait for what may still come for an earlier command, so that it counts for no other.

        The OK to this AT may be that of the earlier command, but then it is followed closely by
        its own; behind both is silence.
        """
        for _ in range(_STEP_TRIES):
            try:
                await self._ask("AT", b"AT\r", _STEP_MS)
            except ModemError:
                continue
            finally:
                self._command = None
            end = ticks_add(ticks_ms(), _CHATTER_MS)
            while ticks_diff(ticks_ms(), self._heard) < _SILENCE_MS:
                if ticks_diff(end, ticks_ms()) <= 0:
                    raise ModemError("the modem does not stop talking")
                await asyncio.sleep_ms(_IDLE_MS)
            self._input = b""
            return
        raise ModemError("no answer to AT after a time-out")

    async def _write(self, data, timeout_ms):
        if self.online:
            raise ModemError("a data connection has the modem's port")
        view = memoryview(data)
        sent = 0
        end = ticks_add(ticks_ms(), timeout_ms)
        while sent < len(view):
            try:
                taken = self._port.write(view[sent:], len(view) - sent) or 0
            except OSError as error:
                raise ModemError("serial port: %s" % error)
            sent += taken
            if not taken:
                if ticks_diff(end, ticks_ms()) <= 0:
                    raise ModemError("the modem's serial port takes no data")
                await asyncio.sleep_ms(_BUSY_MS)

    def _parse(self):
        while self._input:
            if self._data_left:
                part = self._input[: self._data_left]
                self._data += part
                self._data_left -= len(part)
                self._input = self._input[len(part) :]
                continue
            if self._prompt and self._input[:1] == b">":
                self._input = self._input[1:].lstrip(b" ")
                self._prompt = False
                self._done.set()
                continue
            end = self._input.find(b"\n")
            if end < 0:
                if len(self._input) > _LINE_LIMIT:
                    self._input = b""
                return
            line = self._input[:end].strip()
            self._input = self._input[end + 1 :]
            if line:
                try:
                    self._line(line.decode())
                except UnicodeError:
                    self._garbage(line)

    def _line(self, line):
        if line.startswith(self._prefixes):
            self._unsolicited(line)
        elif self._command is None or self._done.is_set() or line == self._command:
            pass  # late, or the echo
        elif self._dialling and line.startswith("CONNECT"):
            self.online = True
            self._final = line
            self._done.set()
        elif line in _CALL_ENDS and not self._dialling:
            pass  # an earlier call's
        elif line in _FINAL or line in _CALL_ENDS or line.startswith("+CME ERROR"):
            self._final = line
            self._done.set()
        elif self._data_prefix and line.startswith(self._data_prefix):
            count = line[len(self._data_prefix) :].strip()
            if count.isdigit() and int(count) <= _DATA_LIMIT:
                self._data_left = int(count)
            else:
                self._garbage(line)
        else:
            self._lines.append(line)

    def _garbage(self, line):
        """Report it, but not line by line: a modem left on-line sends it all the time."""
        if not self._garbled:
            _log.warning("garbage from the modem: %s", line[:40])
        self._garbled = True


def _brief(text):
    """The command without its arguments, which may be secrets."""
    return text.split("=", 1)[0]
