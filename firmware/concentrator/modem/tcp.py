"""A TCP connection over the board's own network stack, without ever blocking.

What waits looks at the socket every few milliseconds instead of queueing for it in asyncio: a
socket says nothing when the link below it goes away, so that has to be looked at anyhow.
"""

import asyncio
import errno
import select
import socket
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import ModemError

_POLL_MS = const(10)
_CONNECT_MS = const(60000)
_SEND_MS = const(60000)  # nothing is taken for so long: the link counts as dead
_LARGEST_WRITE = const(1024)  # what lwIP hands to the serial port in one go
_LARGEST_READ = const(512)


class Connection:
    """One TCP connection. `check()` raises ModemError when what is below it is gone."""

    def __init__(self, check):
        self._check = check
        self._socket = None
        self._buffer = bytearray(_LARGEST_READ)

    async def open(self, address, port):
        """Connect to an address in dotted notation. Raises ModemError."""
        try:
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._begin(socket.getaddrinfo(address, port)[0][-1])
            await self._connected()
            return
        except OSError as error:
            self.end()
            reason = "not reachable (error %s)" % error.errno
            # lwIP calls a refusal a reset.
            if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
                reason = "connection refused"
        except ModemError as error:
            self.end()
            reason = error
        raise ModemError("%s port %d: %s" % (address, port, reason))

    def _begin(self, socket_address):
        try:
            self._socket.connect(socket_address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise

    async def _connected(self):
        poller = select.poll()
        poller.register(self._socket, select.POLLOUT)
        end = ticks_add(ticks_ms(), _CONNECT_MS)
        while ticks_diff(end, ticks_ms()) > 0:
            self._check()
            ready = poller.poll(0)
            if ready:
                if ready[0][1] != select.POLLOUT:
                    self._socket.recv(1)  # raises what went wrong
                return
            await asyncio.sleep_ms(_POLL_MS)
        raise ModemError("no answer within %d s" % (_CONNECT_MS // 1000))

    async def send(self, data):
        """Hand all of `data` to the network stack. Raises ModemError."""
        view = memoryview(data)
        sent = 0
        end = ticks_add(ticks_ms(), _SEND_MS)
        while sent < len(view):
            self._check_open()
            try:
                taken = self._socket.write(view[sent : sent + _LARGEST_WRITE])
            except OSError as error:
                raise ModemError("the connection broke (error %s)" % error.errno)
            if taken:
                sent += taken
                end = ticks_add(ticks_ms(), _SEND_MS)
            elif ticks_diff(end, ticks_ms()) <= 0:
                raise ModemError("the network takes no data for %d s" % (_SEND_MS // 1000))
            await asyncio.sleep_ms(0 if taken else _POLL_MS)

    async def read(self):
        """Wait for data; returns it (never empty). ModemError when the connection is gone."""
        while True:
            self._check_open()
            try:
                count = self._socket.readinto(self._buffer)
            except OSError as error:
                raise ModemError("the connection broke (error %s)" % error.errno)
            if count:
                return bytes(memoryview(self._buffer)[:count])
            if count == 0:
                raise ModemError("closed by the broker")
            await asyncio.sleep_ms(_POLL_MS)

    def _check_open(self):
        if self._socket is None:
            raise ModemError("closed")
        self._check()

    def end(self):
        """Close the socket; what is under way may still be sent. Harmless when it is closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
