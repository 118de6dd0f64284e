"""Quectel EC2x and EG9x: network registration, and TCP through the modem's own sockets.

Source: Quectel EC2x&EG9x TCP(IP) application note (AT+QIACT, QIOPEN, QISEND, QIRD, QIURC).
"""

import asyncio
import re
import time

from micropython import const

from .. import log
from ..clock import utc_seconds
from . import ModemError
from .at import CommandLine

_CONTEXT = const(1)
_SOCKET = const(0)
_LARGEST_SEND = const(1460)
_LARGEST_READ = const(1500)
_REGISTRATION_S = const(90)
_CONNECT_MS = const(150000)  # the modem's own limit for AT+QIOPEN and AT+QIACT
_SEND_MS = const(60000)  # the send buffer may be full for so long before the link counts as dead
_UNKNOWN_SIGNAL = const(99)
_FIRST_YEAR = const(26)  # of the century: this firmware is not older, so no time can be

_OPEN_ERRORS = {
    "563": "socket is in use",
    "565": "host name not found",
    "566": "connection refused or host not reachable",
}

_log = log.get("modem")


class Modem:
    """The modem on a serial port. `on_time(utc_ms)` is called with the network's time.

    run() must be running as a task before start() is called.
    """

    def __init__(self, port, apn, on_time):
        self.signal = _UNKNOWN_SIGNAL  # AT+CSQ: 0 to 31, 99 unknown
        self.operator = ""
        self._apn = apn
        self._on_time = on_time
        self._opened = asyncio.Event()
        self._open_result = ""
        self._socket = None
        prefixes = ("+QIURC:", "+QIOPEN:", "RDY", "+CFUN:", "POWERED DOWN")
        self._at = CommandLine(port, prefixes, self._unsolicited)

    async def run(self):
        """Read the modem's port for ever."""
        await self._at.run()

    async def start(self):
        """Bring the modem into the network. ModemError says at which step it failed, and why."""
        await self._synchronise()
        _log.info("%s", " ".join((await self._at.command("ATI"))[:3]))
        await self._check_sim()
        await self._register()
        await self.refresh()
        active = await self._at.command("AT+QIACT?")
        if not any(line.startswith("+QIACT: %d," % _CONTEXT) for line in active):
            await self._at.command('AT+CGDCONT=%d,"IP","%s"' % (_CONTEXT, self._apn))
            await self._at.command("AT+QIACT=%d" % _CONTEXT, _CONNECT_MS)

    async def refresh(self):
        """Ask for signal, operator and the network's time."""
        signal = _field(await self._at.command("AT+CSQ"), "+CSQ: ", 0, "")
        self.signal = int(signal) if signal.isdigit() else _UNKNOWN_SIGNAL
        self.operator = _field(await self._at.command("AT+COPS?"), "+COPS: ", 2, "").strip('"')
        await self._take_time()

    async def connect(self, host, port):
        """Open a TCP connection; returns the transport. Raises ModemError."""
        await _Socket(self._at).close()  # what was left over from before a reset
        self._opened.clear()
        self._socket = _Socket(self._at)
        await self._at.command(
            'AT+QIOPEN=%d,%d,"TCP","%s",%d,0,0' % (_CONTEXT, _SOCKET, host, port)
        )
        try:
            await asyncio.wait_for_ms(self._opened.wait(), _CONNECT_MS)
        except asyncio.TimeoutError:
            raise ModemError("no result of opening %s port %d" % (host, port))
        if self._open_result != "0":
            reason = _OPEN_ERRORS.get(self._open_result, "error " + self._open_result)
            raise ModemError("%s port %d: %s" % (host, port, reason))
        return self._socket

    async def _synchronise(self):
        for attempt in range(6):
            try:
                await self._at.command("AT", 500)
                await self._at.command("ATE0")
                return
            except ModemError:
                # It may be waiting for the rest of a send that a reset of ours cut short; line
                # ends complete that and are nothing as commands.
                if attempt == 1:
                    await self._at.write_raw(b"\r" * _LARGEST_SEND)
        raise ModemError("does not answer AT; check its power and serial cable")

    async def _check_sim(self):
        try:
            state = _field(await self._at.command("AT+CPIN?"), "+CPIN: ", 0, "unknown")
        except ModemError as error:
            raise ModemError("no SIM card, or it is not readable (%s)" % error)
        if state != "READY":
            raise ModemError("SIM card is locked: %s" % state)

    async def _register(self):
        state = "0"
        for _ in range(_REGISTRATION_S):
            for query, prefix in (("AT+CEREG?", "+CEREG: "), ("AT+CREG?", "+CREG: ")):
                state = _field(await self._at.command(query), prefix, 1, "0")
                if state in ("1", "5"):  # home network, roaming
                    return
            if state == "3":
                raise ModemError("the network denies registration; is the SIM card paid for?")
            await asyncio.sleep(1)
        raise ModemError(
            "no network within %d s (registration state %s)" % (_REGISTRATION_S, state)
        )

    async def _take_time(self):
        """Network time: local time with its zone in quarters of an hour, 3GPP TS 27.007 8.8."""
        lines = await self._at.command("AT+CCLK?")
        pattern = '"(\\d\\d)/(\\d\\d)/(\\d\\d),(\\d\\d):(\\d\\d):(\\d\\d)([+-])(\\d\\d)"'
        match = re.search(pattern, lines[0]) if lines else None
        if match is None:
            _log.warning("no network time in %s", lines)
            return
        year, month, day, hour, minute, second = [int(match.group(i)) for i in range(1, 7)]
        quarters = int(match.group(8)) * (-1 if match.group(7) == "-" else 1)
        if not _FIRST_YEAR <= year < 80:  # the modem's start value: the network gave no time yet
            return
        local = utc_seconds(2000 + year, month, day, hour, minute, second)
        self._on_time((local - quarters * 900) * 1000)

    def _unsolicited(self, line):
        if line.startswith("+QIOPEN:"):
            self._open_result = line.rsplit(",", 1)[-1].strip()
            self._opened.set()
        elif self._socket is not None and line.startswith('+QIURC: "recv"'):
            self._socket.readable()
        elif self._socket is not None and line.startswith('+QIURC: "closed"'):
            self._socket.lost("closed by the broker")
        elif self._socket is not None and not line.startswith("+QIURC"):
            self._socket.lost("the modem restarted: " + line)
        elif self._socket is not None and line.startswith('+QIURC: "pdpdeact"'):
            self._socket.lost("the network ended the data connection")


class _Socket:
    """One TCP connection of the modem: the transport that connect() gives."""

    def __init__(self, at):
        self._at = at
        self._readable = False
        self._lost = None
        self._event = asyncio.Event()

    def readable(self):
        self._readable = True
        self._event.set()

    def lost(self, why):
        self._lost = why
        self._event.set()

    async def send(self, data):
        """Hand all of `data` to the modem. Raises ModemError."""
        view = memoryview(data)
        for first in range(0, len(view), _LARGEST_SEND):
            part = view[first : first + _LARGEST_SEND]
            await self._send_part(part)

    async def _send_part(self, part):
        started = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), started) < _SEND_MS:
            if self._lost:
                raise ModemError(self._lost)
            try:
                await self._at.send("AT+QISEND=%d,%d" % (_SOCKET, len(part)), part)
                return
            except ModemError as error:
                if error.final != "SEND FAIL":
                    raise
                await asyncio.sleep_ms(100)  # the modem's send buffer is full
        raise ModemError("the network takes no data for %d s" % (_SEND_MS // 1000))

    async def read(self):
        """Wait for data; returns it (never empty). ModemError when the connection is gone."""
        while True:
            if self._readable:
                self._readable = False  # before asking: a new announcement must not be lost
                data = await self._at.receive(
                    "AT+QIRD=%d,%d" % (_SOCKET, _LARGEST_READ), "+QIRD: "
                )
                if data:
                    self._readable = True
                    return data
            elif self._lost:
                raise ModemError(self._lost)
            else:
                self._event.clear()
                await self._event.wait()

    async def close(self):
        """End the connection; never raises ModemError.

        It may be gone already, and some modules call it an error when nothing is open.
        """
        self.lost("closed")
        try:
            await self._at.command("AT+QICLOSE=%d,2" % _SOCKET, 15000)
        except ModemError as error:
            _log.info("closing the connection: %s", error)


def _field(lines, prefix, index, default):
    """Field `index` of the line that begins with `prefix`, without blanks; or the default."""
    for line in lines:
        if line.startswith(prefix):
            fields = line[len(prefix) :].split(",")
            if index < len(fields):
                return fields[index].strip()
    return default
