"""The modem's sockets: buffers and events as the host sees them, real TCP or UDP behind them."""

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Callable
from enum import IntEnum

from .conditions import Conditions
from .counters import HEADER_BYTES, SEGMENT_BYTES, Counters
from .errors import TcpError
from .names import look_up
from .network import DelayLine, RadioLink

MAX_SOCKETS = 12
RECEIVE_BUFFER_BYTES = 10 * 1024
_MAX_ABANDONED = 64


class SocketState(IntEnum):
    """The states of AT+QISTATE that a TCP client can be in."""

    OPENING = 1
    CONNECTED = 2
    CLOSING = 4


class ModemSocket:
    """One connection ID from AT+QIOPEN to AT+QICLOSE.

    Up: `send()` -> queue -> rate of the link -> delay -> TCP -> delay -> acknowledged.
    Down: TCP -> rate of the link -> delay -> receive buffer -> `read()`.
    UDP goes the same way, and counts as acknowledged once it is sent.
    """

    def __init__(
        self, table: "SocketTable", number: int, context: int, kind: str, host: str, port: int
    ) -> None:
        """Create a socket that is about to open."""
        self._table = table
        self.number = number
        self.context = context
        self.kind = kind
        self.host = host
        self.port = port
        self.remote_address = ""
        self.local_port = 0
        self.state = SocketState.OPENING
        self.sent = 0
        self.acknowledged = 0
        self.received = 0
        self.fetched = 0
        self._tcp: socket.socket | None = None
        self._buffer = bytearray()
        self._in_flight_down = 0
        self._outgoing: deque[bytes] = deque()
        self._to_send = asyncio.Event()
        self._space_or_ack = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to open; the result is announced with +QIOPEN."""
        self._tasks.append(asyncio.create_task(self._open()))

    def send(self, data: bytes) -> bool:
        """Take data into the send buffer; False if it does not fit as a whole."""
        waiting = self.sent - self.acknowledged
        if waiting + len(data) > self._table.conditions.send_buffer_bytes:
            return False
        self.sent += len(data)
        self._outgoing.append(data)
        self._to_send.set()
        return True

    def unread(self) -> int:
        """Return how many received bytes wait to be fetched."""
        return len(self._buffer)

    async def read(self, limit: int) -> bytes:
        """Fetch up to `limit` received bytes."""
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        self.fetched += len(data)
        async with self._space_or_ack:
            self._space_or_ack.notify_all()
        return data

    async def close(self, timeout_s: float) -> None:
        """Close as a host does: queued data first, for at most `timeout_s`.

        When the link is silent until then, the peer never hears of it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._table.link.usable.wait()
                if self.state is SocketState.CONNECTED:
                    async with self._space_or_ack:
                        await self._space_or_ack.wait_for(lambda: self.acknowledged == self.sent)
        except TimeoutError:
            pass
        tcp = self._stop_moving_data()
        if tcp is None:
            return
        if self._table.link.usable.is_set():
            # The event loop must have let go of the descriptor before its number is free.
            await asyncio.sleep(0)
            tcp.close()
        else:
            self._table.keep_abandoned(tcp)

    def abandon(self) -> None:
        """Forget the connection without a word to the peer, as a loss of power does."""
        tcp = self._stop_moving_data()
        if tcp is not None:
            self._table.keep_abandoned(tcp)

    def peer_closed(self) -> None:
        """Note that the connection is gone, and tell the host once."""
        if self.state is SocketState.CONNECTED:
            self.state = SocketState.CLOSING
            self._table.announce(f'+QIURC: "closed",{self.number}')

    def _stop_moving_data(self) -> socket.socket | None:
        """Return the connection that is left behind, if there is one."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        tcp, self._tcp = self._tcp, None
        return tcp

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._table.conditions.connect_timeout_s):
                error = await self._connect()
        except TimeoutError:
            error = TcpError.CONNECT_FAILED
        if error is TcpError.NONE:
            self.state = SocketState.CONNECTED
            self._start_moving_data()
        self._table.opened(self, error)

    async def _connect(self) -> TcpError:
        link = self._table.link
        try:
            if not _is_address(self.host):
                await link.round_trip()
            self.remote_address = await look_up(self.host, self._table.conditions.host_names)
        except OSError:
            return TcpError.DNS_FAILED
        tcp = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM if self.kind == "TCP" else socket.SOCK_DGRAM
        )
        tcp.setblocking(False)
        if self.kind == "TCP":
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await link.usable.wait()
            address = (self.remote_address, self.port)
            await asyncio.get_running_loop().sock_connect(tcp, address)
            await link.round_trip()
        except OSError:
            tcp.close()
            return TcpError.CONNECT_FAILED
        except asyncio.CancelledError:
            tcp.close()
            raise
        self._tcp = tcp
        self.local_port = tcp.getsockname()[1]
        return TcpError.NONE

    def _start_moving_data(self) -> None:
        link = self._table.link
        down: DelayLine[bytes] = DelayLine(link, self._arrive)
        acknowledgements: DelayLine[int] = DelayLine(link, self._acknowledge)
        assert self._tcp is not None
        tcp = self._tcp

        async def write(data: bytes) -> None:
            try:
                await asyncio.get_running_loop().sock_sendall(tcp, data)
            except OSError:
                self.peer_closed()
            else:
                acknowledgements.put(len(data))

        up: DelayLine[bytes] = DelayLine(link, write)
        for work in (
            self._pump_up(up),
            up.run(),
            acknowledgements.run(),
            self._pump_down(tcp, down),
            down.run(),
        ):
            self._tasks.append(asyncio.create_task(work))

    async def _pump_up(self, line: DelayLine[bytes]) -> None:
        while True:
            await self._to_send.wait()
            data = self._outgoing.popleft()
            if not self._outgoing:
                self._to_send.clear()
            await self._table.link.up.carry(len(data) + HEADER_BYTES)
            self._table.counters.count_up(len(data))
            line.put(data)

    async def _acknowledge(self, size: int) -> None:
        async with self._space_or_ack:
            self.acknowledged += size
            self._space_or_ack.notify_all()

    async def _pump_down(self, tcp: socket.socket, line: DelayLine[bytes]) -> None:
        """Move what arrives into the delay line; an empty piece stands for the end."""
        loop = asyncio.get_running_loop()
        while True:
            async with self._space_or_ack:
                await self._space_or_ack.wait_for(lambda: self._space() > 0)
            await self._table.link.usable.wait()
            try:
                data = await loop.sock_recv(tcp, min(SEGMENT_BYTES, self._space()))
            except OSError:
                data = b""
            if data:
                self._in_flight_down += len(data)
                await self._table.link.down.carry(len(data) + HEADER_BYTES)
                self._table.counters.count_down(len(data))
            line.put(data)
            if not data:
                return

    def _space(self) -> int:
        return RECEIVE_BUFFER_BYTES - len(self._buffer) - self._in_flight_down

    async def _arrive(self, data: bytes) -> None:
        if not data:
            self.peer_closed()
            return
        was_empty = not self._buffer
        self._in_flight_down -= len(data)
        self._buffer += data
        self.received += len(data)
        if was_empty:
            self._table.announce(f'+QIURC: "recv",{self.number}')


class SocketTable:
    """All sockets by connection ID."""

    def __init__(
        self,
        conditions: Conditions,
        counters: Counters,
        link: RadioLink,
        announce: Callable[[str], None],
    ) -> None:
        """Create an empty table; `announce` sends an unsolicited line to the host."""
        self.conditions = conditions
        self.counters = counters
        self.link = link
        self.announce = announce
        self.last_error = TcpError.NONE
        self._sockets: dict[int, ModemSocket] = {}
        self._abandoned: deque[socket.socket] = deque()

    def get(self, number: int) -> ModemSocket | None:
        """Return the socket with this connection ID, if it is in use."""
        return self._sockets.get(number)

    def all(self) -> list[ModemSocket]:
        """Return the sockets in use, by connection ID."""
        return [self._sockets[number] for number in sorted(self._sockets)]

    def open(self, number: int, context: int, kind: str, host: str, port: int) -> None:
        """Start to open a socket; +QIOPEN tells how it went."""
        if number in self._sockets:
            self.last_error = TcpError.ID_IN_USE
            self.announce(f"+QIOPEN: {number},{TcpError.ID_IN_USE.value}")
            return
        self._sockets[number] = ModemSocket(self, number, context, kind, host, port)
        self._sockets[number].start()

    def opened(self, which: ModemSocket, error: TcpError) -> None:
        """Note how opening a socket went, and tell the host."""
        self.last_error = error
        if error is not TcpError.NONE:
            del self._sockets[which.number]
        self.announce(f"+QIOPEN: {which.number},{error.value}")

    async def close(self, number: int, timeout_s: float) -> None:
        """Close one socket; nothing happens if the ID is not in use."""
        which = self._sockets.get(number)
        if which is None:
            return
        try:
            await which.close(timeout_s)
        finally:
            if self._sockets.get(number) is which:
                del self._sockets[number]

    def abandon_all(self, context: int | None = None) -> None:
        """Forget the sockets of one context, or all of them, without telling any peer."""
        for which in self.all():
            if context in (None, which.context):
                which.abandon()
                del self._sockets[which.number]

    def keep_abandoned(self, tcp: socket.socket) -> None:
        """Keep a connection open and silent: closing it would tell the peer too much."""
        self._abandoned.append(tcp)
        if len(self._abandoned) > _MAX_ABANDONED:
            self._abandoned.popleft().close()

    async def shut_down(self) -> None:
        """Close everything, for the end of the simulation."""
        self.abandon_all()
        await asyncio.sleep(0)
        while self._abandoned:
            self._abandoned.popleft().close()


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ipaddress.AddressValueError:
        return False
    return True
