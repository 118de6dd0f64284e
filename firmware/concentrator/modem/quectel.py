"""Quectel EC2x and EG9x: TCP and UDP through the modem's own sockets.

Source: Quectel EC2x&EG9x TCP(IP) application note (AT+QICSGP, QIACT, QIOPEN, QISEND, QIRD, QIURC).
"""

import asyncio
import re
import time

from micropython import const

from .. import log
from . import ModemError
from .cellular import CONTEXT, LARGEST_SEND, Cellular

_TO_BROKER = const(0)  # numbers of sockets
_TO_ASK = const(1)
_LARGEST_READ = const(1500)
_ANY = const(3)  # kind of authentication: PAP or CHAP
_CONNECT_MS = const(150000)  # the modem's own limit for AT+QIOPEN and AT+QIACT
_SEND_MS = const(60000)  # the send buffer may be full for so long before the link counts as dead

_UNSOLICITED = ("+QIURC:", "+QIOPEN:", "RDY", "+CFUN:", "POWERED DOWN")
_OPEN_ERRORS = {
    "563": "socket is in use",
    "565": "host name not found",
    "566": "connection refused or host not reachable",
}

_log = log.get("modem")


class Modem(Cellular):
    """The modem on a serial port; it opens the TCP connections itself."""

    def __init__(self, port, settings, on_time):
        super().__init__(port, settings, on_time, _UNSOLICITED)
        self._sockets = {}  # by number

    async def start(self):
        """Bring the modem into the network. ModemError says at which step it failed, and why."""
        await super().start()
        active = await self._at.command("AT+QIACT?")
        if not any(line.startswith("+QIACT: %d," % CONTEXT) for line in active):
            await self._set_access_point()
            settings = self._settings
            if settings.apn_user is not None:
                await self._at.command(
                    'AT+QICSGP=%d,1,"%s","%s","%s",%d'
                    % (CONTEXT, settings.apn, settings.apn_user, settings.apn_password, _ANY)
                )
            await self._at.command("AT+QIACT=%d" % CONTEXT, _CONNECT_MS)

    async def connect(self, host, port):
        """Open a TCP connection; returns the transport. Raises ModemError."""
        return await self._open(_TO_BROKER, "TCP", host, port)

    async def ask(self, host, port, make, judge, wait_ms):
        """Ask a host over UDP: send what make() gives; what judge() makes of the answer.

        A packet of which judge() gives None is no answer; None when no other comes in time. Raises
        ModemError.
        """
        socket = await self._open(_TO_ASK, "UDP", host, port)
        try:
            await socket.send(make())
            return await asyncio.wait_for_ms(socket.judged(judge), wait_ms)
        except asyncio.TimeoutError:
            return None
        finally:
            await socket.close()
            del self._sockets[_TO_ASK]

    async def _open(self, number, kind, host, port):
        await _Socket(self._at, number).release()  # what was left over from before a reset
        socket = self._sockets[number] = _Socket(self._at, number)
        await self._at.command(
            'AT+QIOPEN=%d,%d,"%s","%s",%d,0,0' % (CONTEXT, number, kind, host, port)
        )
        result = await socket.opened(_CONNECT_MS)
        if result is None:
            raise ModemError("no result of opening %s port %d" % (host, port))
        if result != "0":
            reason = _OPEN_ERRORS.get(result, "error " + result)
            raise ModemError("%s port %d: %s" % (host, port, reason))
        return socket

    async def hang_up(self):
        """End the connection, if there is one or one is being opened; never raises."""
        if _TO_BROKER in self._sockets:
            await self._sockets[_TO_BROKER].close()

    def _unsolicited(self, line):
        if line.startswith(("+QIOPEN:", '+QIURC: "recv"', '+QIURC: "closed"')):
            number = re.search("[:,] ?([0-9]+)", line)
            socket = self._sockets.get(int(number.group(1))) if number else None
            if socket is not None:
                socket.hear(line)
        elif not line.startswith("+QIURC"):
            self._lose_all("the modem restarted: " + line)
        elif line.startswith('+QIURC: "pdpdeact"'):
            self._lose_all("the network ended the data connection")

    def _lose_all(self, why):
        for socket in self._sockets.values():
            socket.lost(why)


class _Socket:
    """One socket of the modem; that to the broker is the transport that connect() gives."""

    def __init__(self, at, number):
        self._at = at
        self._number = number
        self._result = None  # of opening it
        self._readable = False
        self._lost = None
        self._closed = False
        self._event = asyncio.Event()

    def hear(self, line):
        """Take a line that the modem sent unasked, and that is about this socket."""
        if line.startswith("+QIOPEN:"):
            self._result = line.rsplit(",", 1)[-1].strip()
        elif line.startswith('+QIURC: "recv"'):
            self._readable = True
        else:
            self._lost = "closed by the broker"
        self._event.set()

    def lost(self, why):
        self._lost = why
        self._event.set()

    async def opened(self, limit_ms):
        """Wait for the result of opening it; None when there is none in time."""
        try:
            await asyncio.wait_for_ms(self._event.wait(), limit_ms)
        except asyncio.TimeoutError:
            return None
        return self._result

    async def judged(self, judge):
        """Read until judge() makes something of a packet. Raises ModemError."""
        while True:
            answer = judge(await self.read())
            if answer is not None:
                return answer

    async def send(self, data):
        """Hand all of `data` to the modem. Raises ModemError."""
        view = memoryview(data)
        for first in range(0, len(view), LARGEST_SEND):
            part = view[first : first + LARGEST_SEND]
            await self._send_part(part)

    async def _send_part(self, part):
        started = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), started) < _SEND_MS:
            if self._lost:
                raise ModemError(self._lost)
            try:
                await self._at.send("AT+QISEND=%d,%d" % (self._number, len(part)), part)
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
                    "AT+QIRD=%d,%d" % (self._number, _LARGEST_READ), "+QIRD: "
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
        """End the connection; never raises ModemError, and is harmless when it was called before.

        It may be gone already, and some modules call it an error when nothing is open.
        """
        if not self._closed:
            self.lost("closed")
            await self.release()
            self._closed = True

    async def release(self):
        """Have the modem close the socket of this number, whoever opened it; never raises."""
        try:
            await self._at.command("AT+QICLOSE=%d,2" % self._number, 15000)
        except ModemError as error:
            _log.info("closing the connection: %s", error)
