"""The network behind a data call: IP packets between the radio link and this machine's kernel.

The kernel's end is a TUN device, so whatever listens on this machine (in this network namespace)
is what the host reaches. It exists from the first call to the end of the simulator: a server
does not notice that a call has ended.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface

from host_tools.tun import Tun, TunError

from . import names
from .conditions import Conditions
from .counters import Counters
from .network import DelayLine, Lane, RadioLink

GATEWAY = IPv4Interface("10.64.64.1/24")
"""This machine, as the host sees it: servers that listen on all addresses, and a name server."""
_FIRST_HOST = 64
_LAST_HOST = 254
_DNS_PORT = 53
_MAX_WAITING = 100
_IP_VERSION_4 = 4
_BURST = 32


class PacketLane:
    """IP packets one way through the radio link; while it is silent, or crowded, they are lost."""

    def __init__(
        self,
        link: RadioLink,
        lane: Lane,
        count: Callable[[int], None],
        take: Callable[[bytes], None],
    ) -> None:
        """Create a lane whose far end is `take`; `count` is told the size of what is sent."""
        self._link = link
        self._lane = lane
        self._count = count
        self._take = take
        self._waiting: deque[bytes] = deque()
        self._not_empty = asyncio.Event()
        self._line: DelayLine[bytes] = DelayLine(link, self._deliver)

    def put(self, packet: bytes) -> None:
        """Send a packet."""
        if self._link.usable.is_set() and len(self._waiting) < _MAX_WAITING:
            self._waiting.append(packet)
            self._not_empty.set()

    async def run(self) -> None:
        """Move packets until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run())
            while True:
                await self._not_empty.wait()
                packet = self._waiting.popleft()
                if not self._waiting:
                    self._not_empty.clear()
                await self._lane.carry(len(packet))
                self._count(len(packet))
                self._line.put(packet)

    async def _deliver(self, packet: bytes) -> None:
        self._take(packet)


class PacketNetwork:
    """Gives hosts their addresses and carries their packets; one host at a time."""

    def __init__(self, conditions: Conditions, counters: Counters, link: RadioLink) -> None:
        """Prepare; nothing exists before `open()`."""
        self._conditions = conditions
        self._up = PacketLane(link, link.up, counters.count_packet_up, self._to_kernel)
        self._down = PacketLane(link, link.down, counters.count_packet_down, self._to_host)
        self._tun: Tun | None = None
        self._names: asyncio.DatagramTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._calls = 0
        self._host: tuple[IPv4Address, Callable[[bytes], None]] | None = None

    async def open(self) -> None:
        """Make the kernel's end, unless it is there; TunError if that is impossible."""
        if self._tun is not None:
            return
        tun = Tun(GATEWAY)
        loop = asyncio.get_running_loop()
        try:
            self._names, _ = await loop.create_datagram_endpoint(
                lambda: _NameServer(self._conditions), local_addr=(str(GATEWAY.ip), _DNS_PORT)
            )
        except OSError as error:
            tun.close()
            raise TunError(f"no name server can run at {GATEWAY.ip}: {error.strerror}") from None
        self._tun = tun
        loop.add_reader(tun.fd, self._from_kernel, tun)
        self._tasks = [asyncio.create_task(lane.run()) for lane in (self._up, self._down)]

    def close(self) -> None:
        """Remove the kernel's end."""
        self.detach()
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._names is not None:
            self._names.close()
            self._names = None
        if self._tun is not None:
            asyncio.get_running_loop().remove_reader(self._tun.fd)
            self._tun.close()
            self._tun = None

    def next_address(self) -> IPv4Address:
        """Return the address of the next host: another one at every call, as operators do."""
        number = _FIRST_HOST + self._calls % (_LAST_HOST - _FIRST_HOST + 1)
        self._calls += 1
        return GATEWAY.network[number]

    def attach(self, address: IPv4Address, take: Callable[[bytes], None], mtu: int) -> None:
        """Carry packets of this host from now on; `take` gets those to it, up to `mtu` bytes."""
        self._host = address, take
        if self._tun is not None:
            self._tun.limit(mtu)

    def detach(self) -> None:
        """Carry nothing, and tell nobody."""
        self._host = None

    def send(self, packet: bytes) -> None:
        """Take a packet from the host; only those from its own address are carried."""
        if self._host is not None and packet[12:16] == self._host[0].packed:
            self._up.put(packet)

    def _to_kernel(self, packet: bytes) -> None:
        if self._tun is not None:
            self._tun.write(packet)

    def _from_kernel(self, tun: Tun) -> None:
        for _ in range(_BURST):
            packet = tun.read()
            if packet is None:
                break
            if self._is_for_host(packet):
                self._down.put(packet)

    def _to_host(self, packet: bytes) -> None:
        # Once more: while it was on its way, the call may have become another one.
        if self._host is not None and self._is_for_host(packet):
            self._host[1](packet)

    def _is_for_host(self, packet: bytes) -> bool:
        return (
            self._host is not None
            and packet[0] >> 4 == _IP_VERSION_4
            and packet[16:20] == self._host[0].packed
        )


class _NameServer(asyncio.DatagramProtocol):
    """Answers DNS queries."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(data, source))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, query: bytes, source: tuple[str, int]) -> None:
        known = self._conditions.host_names
        reply = await names.answer(query, lambda name: names.look_up(name, known))
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, source)
