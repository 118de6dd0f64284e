"""The modem's end of a PPP link: what a data call is to its host.

Bytes and times in, bytes and IP packets out; nothing here touches a port, a clock or a network.
RFC 1661 (link control), RFC 1332 and RFC 1877 (addresses and name servers).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from .conditions import AddressPolicy
from .ppp_control import MAX_NAKS, Code, ControlProtocol, Option, State, Verdict
from .ppp_frames import ACCM_ALL, CHAP, IP, IPCP, LCP, PAP, Deframer, encode
from .ppp_login import MD5, Account, Login

MRU_BYTES = 1500
"""Longest packet, unless the host asks for less."""

_MRU_MIN_BYTES = 128
_MAGIC_BYTES = 4

# Options of link control
_MRU, _ACCM, _LOGIN, _MAGIC, _SHORT_PROTOCOL, _SHORT_HEADER = 1, 2, 3, 5, 7, 8
_OPTION_BYTES = {_MRU: 2, _ACCM: 4, _MAGIC: _MAGIC_BYTES, _SHORT_PROTOCOL: 0, _SHORT_HEADER: 0}
# Options of IPCP
_ADDRESS, _FIRST_DNS, _SECOND_DNS = 3, 129, 131


class Phase(Enum):
    """How far the link has come."""

    NEGOTIATING = "negotiating"
    UP = "up"
    """IP packets pass."""
    OVER = "over"


@dataclass(frozen=True)
class Offer:
    """What the network has for a host."""

    host: IPv4Address
    gateway: IPv4Address
    dns: IPv4Address
    account: Account | None = None
    """Who may come in; None: everybody, unasked."""
    address_policy: AddressPolicy = AddressPolicy.GIVE


class Peer:
    """One PPP link, from the moment the line is transparent to its end.

    `write` takes bytes for the serial line, `deliver` an IP packet from the host, `over` a reason
    when the link has ended; `clock` gives a time in s. Who owns this calls `tick()` when
    `deadline` has come. The host begins: it needs a moment to turn its port from AT to PPP.
    """

    def __init__(
        self,
        offer: Offer,
        *,
        write: Callable[[bytes], None],
        deliver: Callable[[bytes], None],
        over: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """Wait for the host's first frame."""
        self.phase = Phase.NEGOTIATING
        self._offer = offer
        self._write = write
        self._deliver = deliver
        self._over = over
        self._clock = clock
        self._deframer = Deframer()
        self._login: Login | None = None
        self._logged_in = False
        self._reason: str | None = None
        self._lcp = _LinkControl(self, lambda packet: self._send(LCP, packet), clock)
        self._ipcp = _AddressControl(self, lambda packet: self._send(IPCP, packet), clock)
        self._lcp.listen()

    @property
    def offer(self) -> Offer:
        """What the network has for the host."""
        return self._offer

    @property
    def mru(self) -> int:
        """Longest packet in bytes that the host takes."""
        return self._lcp.mru

    @property
    def deadline(self) -> float | None:
        """When `tick()` is due, on `clock`; None: not before something else happens."""
        parts = (self._lcp, self._ipcp, self._login)
        return min((p.deadline for p in parts if p and p.deadline is not None), default=None)

    def tick(self) -> None:
        """Do what is due now."""
        for part in (self._lcp, self._ipcp, self._login):
            if part is not None:
                part.tick()

    def receive(self, data: bytes) -> None:
        """Take bytes from the serial line."""
        for protocol, packet in self._deframer.feed(data):
            if self.phase is not Phase.OVER:
                self._receive_packet(protocol, packet)

    def send(self, packet: bytes) -> None:
        """Send an IP packet to the host; it is lost if the link is not up."""
        if self.phase is Phase.UP and len(packet) <= self.mru:
            self._send(IP, packet)

    def terminate(self, reason: str) -> None:
        """End the link in an orderly way."""
        if self.phase is not Phase.OVER and self._reason is None:
            self._reason = reason
            self._lcp.close()

    def _receive_packet(self, protocol: int, packet: bytes) -> None:
        opened = self._lcp.state is State.OPENED
        if protocol == LCP:
            self._lcp.receive(packet)
        elif not opened:
            pass  # nothing else has a meaning before
        elif protocol == IP:
            if self.phase is Phase.UP:
                self._deliver(packet)
        elif protocol == IPCP:
            if self._logged_in:
                self._ipcp.receive(packet)
        elif self._login is not None and protocol == self._login.protocol:
            self._login.receive(packet)
        else:
            self._lcp.reject(Code.PROTOCOL_REJECT, protocol.to_bytes(2, "big") + packet)

    def _send(self, protocol: int, packet: bytes) -> None:
        if protocol == LCP or self._lcp.state is not State.OPENED:
            self._write(encode(protocol, packet))  # must be understood before anything is agreed
        else:
            self._write(
                encode(
                    protocol,
                    packet,
                    self._lcp.accm,
                    short_protocol=self._lcp.short_protocol,
                    short_header=self._lcp.short_header,
                )
            )

    # Told by the protocols

    def link_up(self) -> None:
        """Go on with the login, or without one with the addresses."""
        if self._lcp.login_protocol is None or self._offer.account is None:
            self._login_done(True)
            return
        self._login = Login(
            self._lcp.login_protocol,
            self._offer.account,
            lambda packet: self._send(self._lcp.login_protocol or PAP, packet),
            self._login_done,
            self._clock,
        )
        self._login.begin()

    def link_down(self) -> None:
        """Forget everything above the link."""
        self._login = None
        self._logged_in = False
        self._ipcp.reset()
        self.addresses_lost()

    def link_finished(self, reason: str) -> None:
        """The end."""
        if self.phase is not Phase.OVER:
            self.phase = Phase.OVER
            self._over(self._reason or reason)

    def addresses_agreed(self) -> None:
        """Let packets pass."""
        self.phase = Phase.UP

    def addresses_lost(self) -> None:
        """Let none pass."""
        if self.phase is Phase.UP:
            self.phase = Phase.NEGOTIATING

    def _login_done(self, right: bool) -> None:
        if right:
            self._logged_in = True
            self._ipcp.open()
        else:
            self.terminate("login refused")


class _LinkControl(ControlProtocol):
    """LCP."""

    def __init__(
        self, peer: Peer, send: Callable[[bytes], None], clock: Callable[[], float]
    ) -> None:
        super().__init__(send, clock)
        self._peer = peer
        self._echoes = 0
        account = peer.offer.account
        self._ours: dict[int, bytes] = {
            _ACCM: bytes(4),
            **({_LOGIN: CHAP.to_bytes(2, "big") + MD5} if account is not None else {}),
            _MAGIC: os.urandom(_MAGIC_BYTES),
            _SHORT_PROTOCOL: b"",
            _SHORT_HEADER: b"",
        }
        self._take([])

    def _take(self, options: list[Option]) -> None:
        """Take what the host has asked for, as far as it concerns what we send."""
        theirs = dict(options)
        self.mru = int.from_bytes(theirs.get(_MRU, MRU_BYTES.to_bytes(2, "big")), "big")
        self.accm = int.from_bytes(theirs.get(_ACCM, ACCM_ALL.to_bytes(4, "big")), "big")
        self.short_protocol = _SHORT_PROTOCOL in theirs
        self.short_header = _SHORT_HEADER in theirs

    @property
    def login_protocol(self) -> int | None:
        """PAP or CHAP, None without a login."""
        wanted = self._ours.get(_LOGIN)
        return int.from_bytes(wanted[:2], "big") if wanted is not None else None

    def wanted(self) -> list[Option]:
        return list(self._ours.items())

    def judge(self, options: list[Option]) -> Verdict:
        verdict = Verdict()
        for kind, value in options:
            if len(value) != _OPTION_BYTES.get(kind):
                verdict.rejected.append((kind, value))
            elif kind == _MRU and int.from_bytes(value, "big") < _MRU_MIN_BYTES:
                verdict.proposed.append((kind, MRU_BYTES.to_bytes(2, "big")))
            elif kind == _MAGIC and value == self._ours.get(_MAGIC):
                self._echoes += 1  # we hear ourselves, or have very bad luck
                verdict.proposed.append((kind, os.urandom(_MAGIC_BYTES)))
                if self._echoes == MAX_NAKS:
                    self._peer.terminate("the line leads back to us")
        if not verdict.rejected and not verdict.proposed:
            self._take(options)
        return verdict

    def refused(self, options: list[Option], *, rejected: bool) -> None:
        for kind, value in options:
            if kind == _LOGIN:
                if rejected or value != PAP.to_bytes(2, "big"):
                    self._peer.terminate("the host does not want to log in")
                    return
                self._ours[_LOGIN] = value
            elif kind == _MAGIC and not rejected:
                self._ours[_MAGIC] = os.urandom(_MAGIC_BYTES)
            elif kind == _ACCM and not rejected and len(value) == _OPTION_BYTES[_ACCM]:
                self._ours[_ACCM] = value
            else:
                self._ours.pop(kind, None)

    def other(self, code: int, identifier: int, data: bytes) -> bool:
        if code == Code.ECHO_REQUEST:
            if self.state is State.OPENED:
                magic = self._ours.get(_MAGIC, bytes(_MAGIC_BYTES))
                self.send(Code.ECHO_REPLY, magic + data[_MAGIC_BYTES:], identifier)
        elif code == Code.PROTOCOL_REJECT:
            if int.from_bytes(data[:2], "big") in (IPCP, IP):
                self._peer.terminate("the host does not speak IP")
        else:
            return code in (Code.ECHO_REPLY, Code.DISCARD_REQUEST)
        return True

    def longest(self) -> int:
        return self.mru

    def up(self) -> None:
        self._peer.link_up()

    def down(self) -> None:
        self._peer.link_down()

    def finished(self, reason: str) -> None:
        self._peer.link_finished(reason)


class _AddressControl(ControlProtocol):
    """IPCP."""

    def __init__(
        self, peer: Peer, send: Callable[[bytes], None], clock: Callable[[], float]
    ) -> None:
        super().__init__(send, clock)
        self._peer = peer
        self._give_address = True

    def wanted(self) -> list[Option]:
        return [(_ADDRESS, self._peer.offer.gateway.packed)] if self._give_address else []

    def judge(self, options: list[Option]) -> Verdict:
        offer = self._peer.offer
        right = {_FIRST_DNS: offer.dns.packed, _SECOND_DNS: offer.dns.packed}
        if offer.address_policy is AddressPolicy.GIVE:
            right[_ADDRESS] = offer.host.packed
            if _ADDRESS not in dict(options):
                options = [*options, (_ADDRESS, b"")]  # who does not ask is told
        verdict = Verdict()
        for kind, value in options:
            if kind not in right:
                verdict.rejected.append((kind, value))
            elif value != right[kind]:
                verdict.proposed.append((kind, right[kind]))
        return verdict

    def refused(self, options: list[Option], *, rejected: bool) -> None:
        # We keep our address whatever the host proposes; it need not know it, though.
        if rejected:
            self._give_address = False

    def receive(self, packet: bytes) -> None:
        if (
            self._peer.offer.address_policy is AddressPolicy.TERMINATE
            and self.state not in (State.CLOSED, State.CLOSING)
            and packet[:1] == bytes([Code.CONFIGURE_REQUEST])
        ):
            self.close()
        super().receive(packet)

    def longest(self) -> int:
        return self._peer.mru

    def up(self) -> None:
        self._peer.addresses_agreed()

    def down(self) -> None:
        self._peer.addresses_lost()
