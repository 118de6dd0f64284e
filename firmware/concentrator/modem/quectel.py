"""Quectel EC2x and EG9x: TCP through the modem's own sockets.

Source: Quectel EC2x&EG9x TCP(IP) application note (AT+QICSGP, QIACT, QIOPEN, QISEND, QIRD, QIURC).
"""

import asyncio
import time

from micropython import const

from .. import log
from . import ModemError
from .cellular import CONTEXT, LARGEST_SEND, Cellular

_SOCKET = const(0)
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
        self._opened = asyncio.Event()
        self._open_result = ""
        self._socket = None

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
        await _Socket(self._at).close()  # what was left over from before a reset
        self._opened.clear()
        self._socket = _Socket(self._at)
        await self._at.command(
            'AT+QIOPEN=%d,%d,"TCP","%s",%d,0,0' % (CONTEXT, _SOCKET, host, port)
        )
        try:
            await asyncio.wait_for_ms(self._opened.wait(), _CONNECT_MS)
        except asyncio.TimeoutError:
            raise ModemError("no result of opening %s port %d" % (host, port))
        if self._open_result != "0":
            reason = _OPEN_ERRORS.get(self._open_result, "error " + self._open_result)
            raise ModemError("%s port %d: %s" % (host, port, reason))
        return self._socket

    async def hang_up(self):
        """End the connection, if there is one or one is being opened; never raises."""
        if self._socket is not None:
            await self._socket.close()

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
        self._closed = False
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
        for first in range(0, len(view), LARGEST_SEND):
            part = view[first : first + LARGEST_SEND]
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
        """End the connection; never raises ModemError, and is harmless when it was called before.

        It may be gone already, and some modules call it an error when nothing is open.
        """
        if self._closed:
            return
        self.lost("closed")
        try:
            await self._at.command("AT+QICLOSE=%d,2" % _SOCKET, 15000)
        except ModemError as error:
            _log.info("closing the connection: %s", error)
        self._closed = True
