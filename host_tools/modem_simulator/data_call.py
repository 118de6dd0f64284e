"""A data call: from ATD to NO CARRIER, PPP on the serial line and packets in the network."""

import asyncio
from collections import deque
from collections.abc import Callable

from .at import AtPort
from .conditions import Conditions
from .packet_network import GATEWAY, PacketNetwork
from .ppp import MRU_BYTES, Offer, Peer, Phase
from .ppp_login import Account

NO_CARRIER = "NO CARRIER"
_MAX_HELD = 100


class DataCall:
    """One call; the host either exchanges data or, after +++, gives commands meanwhile.

    `ended` is called once, when the call is over and the line is the commands' again.
    """

    def __init__(
        self,
        conditions: Conditions,
        network: PacketNetwork,
        port: AtPort,
        context: int,
        ended: Callable[[], None],
    ) -> None:
        """Prepare a call on a data context; the line is its own from `resume()` on."""
        self.context = context
        self._network = network
        self._port = port
        self._ended = ended
        self._held: deque[bytes] = deque(maxlen=_MAX_HELD)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._attached = False
        account = Account(conditions.user.encode(), conditions.password.encode())
        self._peer = Peer(
            Offer(
                host=network.next_address(),
                gateway=GATEWAY.ip,
                dns=GATEWAY.ip,
                account=account if conditions.user else None,
                address_policy=conditions.address_policy,
            ),
            write=self._write,
            deliver=self._deliver,
            over=self._over,
            clock=self._loop.time,
        )
        self._follow()

    @property
    def state(self) -> str:
        """The call in a word: negotiating, up, over."""
        return self._peer.phase.value

    @property
    def address(self) -> str | None:
        """The host's address while packets can pass."""
        return str(self._peer.offer.host) if self._peer.phase is Phase.UP else None

    def resume(self) -> None:
        """Give the line to the call."""
        self._port.begin_data(self._receive)
        while self._held:
            self._peer.send(self._held.popleft())

    def hang_up(self) -> None:
        """End it without another byte of PPP, and without a word to the host's program."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._network.detach()
        self._ended()

    def drop(self) -> None:
        """Lose the carrier: the host is told, but not in PPP."""
        self.hang_up()
        self._port.end_data(NO_CARRIER)

    def terminate(self, reason: str) -> None:
        """Let the network end it in an orderly way."""
        if not self._port.in_data:
            self.drop()  # there is no line for PPP now
        else:
            self._peer.terminate(reason)
            self._follow()

    def forget(self) -> None:
        """Let the network lose all knowledge of it: packets vanish, and nobody is told."""
        self._network.detach()

    # Inside

    def _receive(self, data: bytes) -> None:
        self._peer.receive(data)
        self._follow()

    def _tick(self) -> None:
        self._timer = None
        self._peer.tick()
        self._follow()

    def _deliver(self, packet: bytes) -> None:
        self._follow_phase()  # the first packet may come in one piece with the last agreement
        self._network.send(packet)

    def _follow(self) -> None:
        """Do what the link's phase asks for, and set the timer anew."""
        self._follow_phase()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._peer.deadline is not None and self._peer.phase is not Phase.OVER:
            self._timer = self._loop.call_at(self._peer.deadline, self._tick)

    def _follow_phase(self) -> None:
        up = self._peer.phase is Phase.UP
        if up and not self._attached:
            self._port.note(f"ppp: up, the host is {self.address}")
            mtu = min(self._peer.mru, MRU_BYTES)
            self._network.attach(self._peer.offer.host, self._send, mtu)
        elif self._attached and not up:
            self._network.detach()
        self._attached = up

    def _over(self, reason: str) -> None:
        self._port.note(f"ppp: over, {reason}")
        self.drop()

    def _send(self, packet: bytes) -> None:
        """Take a packet from the network; while the host gives commands, keep it."""
        if self._port.in_data:
            self._peer.send(packet)
        else:
            self._held.append(packet)

    def _write(self, data: bytes) -> None:
        if self._port.in_data:
            self._port.write(data)  # else the line is not ours: the restart timer tries again
