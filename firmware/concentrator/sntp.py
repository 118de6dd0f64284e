"""Time from an NTP server: one question, one answer, and whether that can be believed.

Source: RFC 4330 (SNTP 4), the packet; RFC 5905, what its fields may be. Nobody signs an answer;
but the question has a random number in the place of our time, which the answer must repeat, so it
can be forged only by who sees the question.
"""

import asyncio
import os
import struct
from time import ticks_diff, ticks_ms

from micropython import const

from . import log
from .dates import utc_seconds
from .modem import ModemError

_PORT = const(123)
_WAIT_MS = const(5000)
_ASK_AGAIN_S = const(14400)  # at 20 ppm the clock is off by 0.3 s by then
_RETRY_S = const(900)
_LOOK_S = const(5)  # how often to look whether the uplink is there

_SIZE = const(48)
_REQUEST = const(0x23)  # version 4, mode 3: a client
_ANSWER = const(4)  # mode: a server
_ALARM = const(3)  # leap indicator: the server's clock is not set
_MOST_STRATUM = const(15)
_MOST_ERROR_MS = const(1500)
_TO_1970 = const(2208988800)  # seconds; NTP counts from 1900,
_WRAPS = const(0x80000000)  # and from 2036 on anew: what is below this is of then
_FIRST_YEAR = const(2026)  # this firmware is not older, so no time can be
_YEAR_LIMIT = const(2100)

_log = log.get("sntp")


class Query:
    """One question to a server. After judge() gave True, utc_ms() is what time it is now.

    `error_ms` is by how much that is off at most: half of the way there and back, and what the
    server is off from its own source.
    """

    def __init__(self):
        self.error_ms = 0
        self._number = os.urandom(8)
        self._sent = 0  # ticks, as below
        self._heard = 0
        self._utc_ms = 0  # then

    def make(self):
        """The question, to be sent at once."""
        self._sent = ticks_ms()
        return struct.pack("!B39x8s", _REQUEST, self._number)

    def judge(self, packet):
        """True when a packet is the answer; None when it is none, or cannot be believed."""
        self._heard = ticks_ms()
        if len(packet) < _SIZE or packet[24:32] != self._number:
            return None
        why = self._flaw(packet)
        if why:
            _log.warning("the time server's answer is not taken: %s", why)
            return None
        return True

    def _flaw(self, packet):
        """What is wrong with an answer; None when it was taken."""
        head, stratum = struct.unpack("!BB", packet)
        if head & 7 != _ANSWER:
            return "mode %d" % (head & 7)
        if head >> 6 == _ALARM:
            return "its clock is not set"
        if not 1 <= stratum <= _MOST_STRATUM:
            return "stratum %d" % stratum  # 0: leave me in peace
        delay, dispersion = struct.unpack_from("!II", packet, 4)
        received = _milliseconds(packet, 32)
        sent = _milliseconds(packet, 40)
        way_ms = ticks_diff(self._heard, self._sent) - (sent - received)
        if not utc_seconds(_FIRST_YEAR, 1, 1) <= sent // 1000 < utc_seconds(_YEAR_LIMIT, 1, 1):
            return "a time of %d s since 1970" % (sent // 1000)
        if way_ms < 0 or sent < received:
            return "it was sent before it was asked for"
        self.error_ms = (way_ms + 1) // 2 + ((delay // 2 + dispersion) * 1000 >> 16) + 1
        if self.error_ms > _MOST_ERROR_MS:
            return "it may be off by %d ms" % self.error_ms
        self._utc_ms = sent + way_ms // 2
        return None

    def utc_ms(self):
        """Milliseconds since 1970 UTC."""
        return self._utc_ms + ticks_diff(ticks_ms(), self._heard)


def _milliseconds(packet, at):
    """Milliseconds since 1970 of a timestamp: seconds since 1900 and 32 bits of fraction."""
    seconds, fraction = struct.unpack_from("!II", packet, at)
    if seconds < _WRAPS:
        seconds += 1 << 32
    return (seconds - _TO_1970) * 1000 + (fraction * 1000 >> 32)


class TimeServer:
    """Asks a server every four hours while on-line; `take(utc_ms, error_ms)` gets its time."""

    def __init__(self, host, modem, uplink, take):
        self._host = host
        self._modem = modem
        self._uplink = uplink
        self._take = take

    async def run(self):
        """Ask for ever."""
        while True:
            while self._uplink.state != "online":
                await asyncio.sleep(_LOOK_S)
            await asyncio.sleep(_ASK_AGAIN_S if await self._ask() else _RETRY_S)

    async def _ask(self):
        query = Query()
        try:
            answered = await self._modem.ask(self._host, _PORT, query.make, query.judge, _WAIT_MS)
        except ModemError as error:
            _log.warning("time server: %s", error)
            return False
        if not answered:
            _log.warning("time server %s: no answer that could be used", self._host)
            return False
        self._take(query.utc_ms(), query.error_ms)
        return True
