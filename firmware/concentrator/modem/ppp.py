"""Any cellular modem with PPP: IP packets over its serial port, TCP in the board's own stack.

The port is either a command line or PPP's, never both: there is no multiplexer, since many modems
have none that works. So signal, operator and time are asked for before every dial, and keep their
values while on-line. Every connection dials anew: what was wrong below it ends with it.

How network.PPP (1.24 and newer, over lwIP) wants to be handled, and what it does not say:

* isconnected() may be true with the address 0.0.0.0, before and after there is a real one.
* A link is over only when isconnected() is false and status() is 0, or below 0 after a failure;
  then, and not before, may the port be used otherwise and the object be forgotten.
* After a failure disconnect() does nothing; the object still holds lwIP's only PPP interface.
* lwIP gives up negotiating after 60 s and taking leave after 12 s.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from .. import log
from . import ModemError, dns, udp
from .cellular import CONTEXT, Cellular
from .tcp import Connection

_DIAL_MS = const(60000)
_LINK_UP_MS = const(75000)  # longer than lwIP's own limits, so that it has always given up before
_LINK_DOWN_MS = const(20000)
_POLL_MS = const(20)
_ADDRESS_MS = const(1000)  # how often to look whether the link still has its address

_OVER = const(0)  # values of status(); failures are below 0
_IDLE = const(1)  # made, but never connected

_FAILURES = {
    -6: "the link was ended, or did not come about",
    -7: "user name or password wrong",
    -9: "the other end does not answer",
    -12: "what is sent comes back; is the modem on-line?",
}

_log = log.get("modem")


class Modem(Cellular):
    """The modem on a serial port, a machine.UART; `ppp` is the class network.PPP."""

    def __init__(self, port, settings, on_time, ppp):
        super().__init__(port, settings, on_time, ())
        self._port = port
        self._ppp = ppp
        self._link = None
        self._dialled = False  # since the modem last took commands for sure
        self._chap = True  # CHAP or PAP: which is right shows by trying
        self._looked = ticks_ms()

    async def start(self):
        """Bring the modem into the network. ModemError says at which step it failed, and why."""
        await self.hang_up()
        await super().start()

    async def refresh(self):
        """Ask for signal, operator and the network's time; not while the modem is on-line."""
        if not self._at.online:
            await super().refresh()

    async def connect(self, host, port):
        """Dial, and open a TCP connection; returns the transport. Raises ModemError."""
        await self.hang_up()
        transport = _Transport(self)
        try:
            await self._dial()
            await self._negotiate()
            address = await dns.resolve(host, self._link.ifconfig()[3], self.check)
            await transport.open(address, port)
        except asyncio.CancelledError:
            transport.end()  # hanging up takes time: it is left to hang_up()
            raise
        except Exception:
            await transport.close()
            raise
        return transport

    async def ask(self, host, port, make, judge, wait_ms):
        """Ask a host over UDP while on-line, as udp.ask(). Raises ModemError."""
        self.check()
        address = await dns.resolve(host, self._link.ifconfig()[3], self.check)
        try:
            return await udp.ask(address, port, make, judge, self.check, wait_ms)
        except OSError as error:
            raise ModemError("%s: not reachable (error %s)" % (host, error.errno))

    async def _dial(self):
        await self._set_access_point()
        self._dialled = True
        try:
            await self._at.dial("ATD*99***%d#" % CONTEXT, _DIAL_MS)
        except ModemError as error:
            if "ERROR" not in (error.final or ""):
                raise
            await self._at.dial("ATD*99#", _DIAL_MS)

    async def _negotiate(self):
        """Bring the link up. ModemError says why the network does not want it."""
        self._link = link = self._ppp(self._port)
        user = self._settings.apn_user
        try:
            if user is None:
                link.connect()
            else:
                security = link.SEC_CHAP if self._chap else link.SEC_PAP
                link.connect(security=security, user=user, key=self._settings.apn_password)
        except OSError as error:
            raise ModemError("PPP: %s" % error)
        end = ticks_add(ticks_ms(), _LINK_UP_MS)
        while not (link.isconnected() and self._has_address()):
            if link.status() < _OVER:
                self._chap = not self._chap
                raise ModemError("PPP: " + self._failure())
            if ticks_diff(end, ticks_ms()) <= 0:
                raise ModemError("PPP: no address within %d s" % (_LINK_UP_MS // 1000))
            link.poll()
            await asyncio.sleep_ms(_POLL_MS)
        _log.info("PPP: address %s", link.ipconfig("addr4")[0])

    def _has_address(self):
        return self._link.ipconfig("addr4")[0] != "0.0.0.0"

    def _failure(self):
        status = self._link.status()
        return _FAILURES.get(status, "the link is down (status %d)" % status)

    def check(self):
        """ModemError when the link is gone."""
        link = self._link
        if link is None:
            raise ModemError("hung up")
        link.poll()  # an interrupt that got lost must not stop the link
        if not link.isconnected():
            raise ModemError("PPP: " + self._failure())
        now = ticks_ms()
        if ticks_diff(now, self._looked) > _ADDRESS_MS:
            self._looked = now
            if not self._has_address():
                raise ModemError("PPP: the network took the address back")

    async def hang_up(self):
        """End the link, if there is one, and get the modem's command line back.

        ModemError when the link does not end or the modem does not answer.
        """
        if self._link is not None:
            await self._end_link()
        if self._dialled:
            self._at.resume()
            await self._synchronise()
            self._dialled = False

    async def _end_link(self):
        link = self._link
        link.disconnect()
        end = ticks_add(ticks_ms(), _LINK_DOWN_MS)
        while link.isconnected() or link.status() > _IDLE:
            if ticks_diff(end, ticks_ms()) <= 0:
                raise ModemError("PPP: the link does not end")
            link.poll()
            await asyncio.sleep_ms(_POLL_MS)
        if link.status() != _OVER:
            link.__del__()  # gives back what lwIP holds, which an orderly end does by itself
            self._port.irq(None)
        self._link = None


class _Transport(Connection):
    """The connection that connect() gives; the modem hangs up when it is closed."""

    def __init__(self, modem):
        super().__init__(modem.check)
        self._modem = modem

    async def close(self):
        """End the connection and hang up; never raises ModemError."""
        self.end()
        try:
            await self._modem.hang_up()
        except ModemError as error:
            _log.info("hanging up: %s", error)
