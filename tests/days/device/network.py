"""Modem, network and broker in one: in place of concentrator.modem.quectel, with its interface.

What is published is printed, a line a message: ms since 1970 UTC, topic, payload.
"""

import asyncio
import struct
import sys
from time import ticks_diff, ticks_ms, time_ns

from concentrator.modem import ModemError

_REGISTER_MS = 3000
_ROUND_TRIP_MS = 200
_LOOK_MS = 5000  # how soon a modem notices that the network is gone
_SIGNAL = 20
_CONNECT = 0x10  # MQTT's packets, the upper half of their first byte
_PUBLISH = 0x30
_PING = 0xC0
_DISCONNECT = 0xE0


def utc_ms():
    """The true time."""
    return time_ns() // 1000000


class Modem:
    """`port` lists the outages: [from, to, whether the modem says so], in ms since 1970 UTC."""

    def __init__(self, port, settings, on_time):
        self.signal = _SIGNAL
        self.operator = "virtual"
        self._outages = port
        self._on_time = on_time
        self._connection = None

    async def run(self):
        """Nothing comes unasked."""
        await asyncio.Event().wait()

    async def start(self):
        """Into the network, which tells the time."""
        await asyncio.sleep_ms(_REGISTER_MS)
        if self.outage() is not None:
            raise ModemError("no network")
        await self.refresh()

    async def refresh(self):
        """The network's time has a resolution of 1 s."""
        if self.outage() is None:
            self._on_time(utc_ms() // 1000 * 1000)

    async def connect(self, host, port):
        """The transport to the broker."""
        await asyncio.sleep_ms(_ROUND_TRIP_MS)
        if self.outage() is not None:
            raise ModemError("%s port %d: not reachable" % (host, port))
        self._connection = _Connection(self)
        return self._connection

    async def hang_up(self):
        """End the connection."""
        if self._connection is not None:
            await self._connection.close()

    def outage(self):
        """The present one, None when the network is there."""
        now = utc_ms()
        for outage in self._outages:
            if outage[0] <= now < outage[1]:
                return outage
        return None


class _Connection:
    """A transport whose other end is a broker that acknowledges after a round trip."""

    def __init__(self, modem):
        self._modem = modem
        self._answers = []  # (due in ticks, bytes)
        self._more = asyncio.Event()
        self._cut = False  # for ever, but nobody says so
        self._closed = False

    async def send(self, data):
        self._check()
        if self._cut:
            return
        kind = data[0] & 0xF0
        if kind == _CONNECT:
            self._reply(b"\x20\x02\x00\x00")
        elif kind == _PUBLISH:
            self._take(data)
        elif kind == _PING:
            self._reply(b"\xd0\x00")
        elif kind != _DISCONNECT:
            raise AssertionError("packet %02X" % kind)

    async def read(self):
        while True:
            self._check()
            wait_ms = _LOOK_MS
            if self._answers:
                wait_ms = ticks_diff(self._answers[0][0], ticks_ms())
                if wait_ms <= 0:
                    return self._answers.pop(0)[1]
            self._more.clear()
            try:
                await asyncio.wait_for_ms(self._more.wait(), wait_ms)
            except asyncio.TimeoutError:
                pass

    async def close(self):
        self._closed = True
        self._more.set()

    def _check(self):
        """An outage loses what is under way; a modem may know of it or not."""
        outage = self._modem.outage()
        if outage is not None:
            self._answers.clear()
            self._cut = True
            if outage[2]:
                self._closed = True
        if self._closed:
            raise ModemError("connection lost")

    def _reply(self, packet):
        self._answers.append((ticks_ms() + _ROUND_TRIP_MS, packet))
        self._more.set()

    def _take(self, packet):
        """PUBLISH: the header, a size of 1 to 4 bytes, the topic, with QoS 1 a number, payload."""
        at = 1
        while packet[at] & 0x80:
            at += 1
        size = struct.unpack_from("!H", packet, at + 1)[0]
        at += 3
        topic = packet[at : at + size]
        at += size
        if packet[0] & 0x06:
            self._reply(b"\x40\x02" + packet[at : at + 2])
            at += 2
        out = sys.stdout.buffer
        for part in (str(utc_ms()).encode(), b" ", topic, b" ", packet[at:], b"\n"):
            out.write(part)
