"""The modem's end of PPP by itself: bytes in and out, no terminal, no clock, no network."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from ppp_client import (
    ACK,
    CHAP,
    CODE_REJECT,
    ECHO,
    ECHO_REPLY,
    END,
    END_ACK,
    IP,
    IPCP,
    LCP,
    NAK,
    PAP,
    PROTOCOL_REJECT,
    REJECT,
    REQUEST,
    PppClient,
    fcs16,
    packed,
    ping,
    unpacked,
)

from host_tools.modem_simulator import AddressPolicy
from host_tools.modem_simulator.ppp import Offer, Peer, Phase
from host_tools.modem_simulator.ppp_control import MAX_CONFIGURE, MAX_NAKS, RESTART_S
from host_tools.modem_simulator.ppp_frames import Deframer, check_sequence, encode
from host_tools.modem_simulator.ppp_login import Account

HOST, GATEWAY = "10.64.64.64", "10.64.64.1"
ACCOUNT = Account(b"meter", b"secret")
# What an access server in the field asked for, with its check sequence (no escapes in this form).
FIELD_PACKET = bytes.fromhex("013c001c010405dc0206000a0000050601000000070208020304c023")
FIELD_CHECK = bytes.fromhex("def4")


class Line:
    """A peer and a client with nothing but a queue each way between them."""

    def __init__(self, *, wants: dict[int, dict[int, bytes]] | None = None, **settings) -> None:
        login = settings.pop("login", CHAP)
        user, password = settings.pop("user", b""), settings.pop("password", b"")
        self.now = 100.0
        self.to_peer: list[bytes] = []
        self.to_client: list[bytes] = []
        self.delivered: list[bytes] = []
        self.reasons: list[str] = []
        addresses = {"gateway": IPv4Address(GATEWAY), "dns": IPv4Address(GATEWAY)}
        self.peer = Peer(
            Offer(host=IPv4Address(HOST), **addresses, **settings),
            write=self.to_client.append,
            deliver=self.delivered.append,
            over=self.reasons.append,
            clock=lambda: self.now,
        )
        self.client = PppClient(self.to_peer.append, user=user, password=password, login=login)
        self.client.wants |= wants or {}

    def settle(self) -> None:
        """Let both talk until neither has anything to say; a talk without end is a failure."""
        for _ in range(200):
            if not self.to_peer and not self.to_client:
                return
            self.turn()
        pytest.fail("they negotiate for ever")

    def turn(self) -> None:
        if self.to_peer:
            self.peer.receive(self.to_peer.pop(0))
        if self.to_client:
            self.client.feed(self.to_client.pop(0))

    def connect(self) -> "Line":
        self.client.request(LCP)
        self.settle()
        return self

    def wait(self, seconds: float) -> None:
        """Let time pass, with every timer in it; what is said is lost."""
        end = self.now + seconds
        while self.peer.deadline is not None and self.peer.deadline <= end:
            self.now = self.peer.deadline
            self.peer.tick()
        self.now = end

    def codes(self, protocol: int) -> list[int]:
        return [code for heard, code, _, _ in self.client.heard if heard == protocol]


# Frames


def test_the_check_sequence_is_that_of_the_standard() -> None:
    assert check_sequence(b"123456789") == bytes.fromhex("6e90")
    everything = bytes(range(256)) * 6
    assert check_sequence(everything) == fcs16(everything).to_bytes(2, "little")


def test_a_frame_from_the_field_is_read_and_written_as_it_is() -> None:
    frame = b"\x7e\xff\x03\xc0\x21" + FIELD_PACKET + FIELD_CHECK + b"\x7e"
    assert encode(LCP, FIELD_PACKET, accm=0) == frame
    assert Deframer().feed(frame) == [(LCP, FIELD_PACKET)]
    assert Deframer().feed(encode(LCP, FIELD_PACKET)) == [(LCP, FIELD_PACKET)]


@pytest.mark.parametrize("accm", [0, 0xFFFFFFFF, 0x000A0000])
@pytest.mark.parametrize("short", [False, True])
def test_every_byte_passes_in_pieces_of_any_size(accm: int, short: bool) -> None:
    everything = bytes(range(256)) + b"\x7d\x7e\x7d\x7d\x5e\x7e\x7e" + bytes(64)
    stream = b"".join(
        encode(protocol, everything, accm, short_protocol=short, short_header=short)
        for protocol in (IP, IPCP)
    )
    body = stream.replace(b"\x7d", b"")
    assert not any(byte < 32 and accm >> byte & 1 for byte in body)
    for size in (1, 2, 3, 7, 1000):
        deframer = Deframer()
        found = []
        for start in range(0, len(stream), size):
            found += deframer.feed(stream[start : start + size])
        assert found == [(IP, everything), (IPCP, everything)]
        assert deframer.damaged == 0


def test_damaged_frames_are_dropped_and_the_next_one_is_read() -> None:
    good = encode(IP, b"good")
    deframer = Deframer()
    flipped = good.replace(b"g", b"h")
    for bad in (flipped, b"\r\nOK\r\n\x7e", good[:-3] + b"\x7d\x7e", b"\x7e\x21\x7e", b"\x7e" * 5):
        assert deframer.feed(bad) == []
    assert deframer.feed(bytes(10_000) + good) == [(IP, b"good")]
    assert deframer.damaged == 5


# Negotiation


def test_a_host_gets_address_and_name_servers_and_packets_pass_both_ways() -> None:
    line = Line().connect()
    assert line.client.up
    assert line.peer.phase is Phase.UP
    assert line.client.wants[IPCP] == {
        3: IPv4Address(HOST).packed,
        129: IPv4Address(GATEWAY).packed,
        131: IPv4Address(GATEWAY).packed,
    }
    assert line.client.peer[IPCP] == {3: IPv4Address(GATEWAY).packed}
    packet = ping(HOST, GATEWAY, 1)
    line.client.send(IP, packet)
    line.settle()
    assert line.delivered == [packet]
    line.peer.send(packet)
    line.settle()
    assert line.client.packets == [packet]


def test_it_asks_once_and_not_again_when_all_is_agreed() -> None:
    line = Line().connect()
    assert len(line.client.requests(LCP)) == 1
    assert len(line.client.requests(IPCP)) == 1
    assert line.peer.deadline is None
    line.wait(1000)
    assert line.to_client == []


def test_header_compression_is_rejected_and_wrong_values_are_corrected() -> None:
    line = Line(wants={IPCP: {2: b"\x00\x2d\x0f\x01", 3: bytes([10, 9, 8, 7])}}).connect()
    answers = [(code, unpacked(data)) for p, code, _, data in line.client.heard if p == IPCP]
    assert (REJECT, {2: b"\x00\x2d\x0f\x01"}) in answers
    assert (NAK, {3: IPv4Address(HOST).packed}) in answers
    assert line.client.up


def test_a_host_that_asks_for_no_address_is_told_it() -> None:
    line = Line(wants={IPCP: {}}).connect()
    assert line.client.up
    assert line.client.address == HOST


def test_an_unknown_option_is_rejected_alone_before_values_are_discussed() -> None:
    wants = {1: bytes([0, 64]), 3: b"\xc0\x23", 4: b"\xc0\x25", 5: b"host", 99: b"?"}
    line = Line(wants={LCP: wants}).connect()
    answers = [(code, unpacked(data)) for p, code, _, data in line.client.heard if p == LCP]
    assert (REJECT, {3: b"\xc0\x23", 4: b"\xc0\x25", 99: b"?"}) in answers
    assert (NAK, {1: (1500).to_bytes(2, "big")}) in answers
    assert line.client.up


@pytest.mark.parametrize("short", [False, True])
def test_packets_are_as_short_as_the_host_allows_and_link_control_never_is(short: bool) -> None:
    options = {2: bytes(4), 7: b"", 8: b""} if short else {}
    line = Line(wants={LCP: options}).connect()
    line.client.raw.clear()
    line.client.control(LCP, ECHO, b"host")
    line.peer.send(bytes([0x45, 0, 0, 0]))
    line.settle()
    packet, echo = sorted(line.client.raw, key=len)
    assert packet.startswith(b"\x21\x45\x00" if short else b"\xff\x7d\x23\x7d\x20\x21\x45")
    assert echo.startswith(b"\xff\x7d\x23\xc0\x21")


def test_packets_longer_than_the_host_takes_are_dropped() -> None:
    line = Line(wants={LCP: {1: (256).to_bytes(2, "big")}}).connect()
    assert line.peer.mru == 256
    for size in (256, 257):
        line.peer.send(bytes(size))
    line.settle()
    assert [len(packet) for packet in line.client.packets] == [256]


def test_a_host_that_insists_is_rejected_in_the_end() -> None:
    line = Line().connect()
    stubborn = packed({3: bytes([10, 9, 8, 7])})
    for _ in range(MAX_NAKS + 1):
        line.client.heard.clear()
        line.to_peer.clear()
        line.client.control(IPCP, REQUEST, stubborn)
        line.peer.receive(line.to_peer.pop(0))
        line.to_peer.clear()
        answers = [line.client.feed(data) for data in line.to_client]
        line.to_client.clear()
        assert answers
    assert (IPCP, REJECT) in [(p, code) for p, code, _, _ in line.client.heard]


@pytest.mark.parametrize("protocol", [LCP, IPCP])
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (ACK, b""),
        (ACK, bytes([3, 6, 10, 9, 8, 7])),
        (NAK, b"\x03\x07\x0a"),
        (REJECT, b"\x03\x00"),
        (REJECT, b"\x03"),
    ],
)
def test_an_answer_to_what_was_not_asked_is_none(protocol: int, code: int, answer: bytes) -> None:
    line = Line()
    asked: list[int] = []
    take = line.client.take

    def answer_wrongly_first(which: int, packet: bytes) -> None:
        if (which, packet[0]) == (protocol, REQUEST) and not asked:
            asked.append(packet[1])
            line.client.control(which, code, answer, number=packet[1])
        else:
            take(which, packet)

    line.client.take = answer_wrongly_first  # type: ignore[method-assign]
    line.connect()
    assert asked
    assert not line.client.up
    line.wait(RESTART_S)  # as if there had been no answer
    line.settle()
    assert line.client.up


def test_a_host_that_starts_anew_gets_everything_again() -> None:
    line = Line().connect()
    line.client.request(LCP)
    assert not line.settle()
    assert line.client.up
    assert line.peer.phase is Phase.UP
    assert len(line.client.requests(LCP)) == 2


def test_we_do_not_talk_to_ourselves() -> None:
    line = Line()
    line.wait(RESTART_S)
    for _ in range(50):  # whatever we say comes back
        echoed, line.to_client[:] = list(line.to_client), []
        for data in echoed:
            line.peer.receive(data)
    assert line.reasons == ["the line leads back to us"]


# Login


@pytest.mark.parametrize("login", [PAP, CHAP])
def test_the_right_password_opens_and_a_wrong_one_ends_the_link(login: int) -> None:
    right = Line(account=ACCOUNT, login=login, user=b"meter", password=b"secret").connect()
    assert right.client.up
    for user, password in ((b"meter", b"wrong"), (b"other", b"secret"), (b"", b"")):
        wrong = Line(account=ACCOUNT, login=login, user=user, password=password).connect()
        assert not wrong.client.up
        assert wrong.codes(IPCP) == []
        assert wrong.codes(LCP)[-1] == END
        assert wrong.reasons == ["login refused"]


def test_a_host_that_does_not_log_in_is_not_let_in() -> None:
    line = Line(account=ACCOUNT, login=None).connect()
    assert line.reasons == ["the host does not want to log in"]
    silent = Line(account=ACCOUNT, login=CHAP, user=b"meter", password=b"secret")
    silent.client.take_login = lambda *_: None  # type: ignore[method-assign]
    silent.connect()
    silent.client.request(IPCP)
    silent.settle()
    assert silent.codes(IPCP) == []
    silent.wait(RESTART_S * (MAX_CONFIGURE + 1))
    silent.settle()
    assert silent.reasons == ["login refused"]


def test_no_account_no_question() -> None:
    line = Line(login=None).connect()
    assert line.client.up
    assert 3 not in line.client.peer[LCP]


# Time


def test_the_host_may_speak_first_but_is_asked_if_it_does_not() -> None:
    line = Line()
    line.wait(RESTART_S - 0.1)
    assert line.to_client == []
    line.wait(0.2)
    assert len(line.to_client) == 1
    line.settle()
    line.client.request(LCP)
    line.settle()
    assert line.client.up


def test_what_is_not_answered_is_repeated_and_then_given_up() -> None:
    line = Line()
    line.wait(RESTART_S * MAX_CONFIGURE)
    assert len(line.to_client) == MAX_CONFIGURE
    assert line.reasons == []
    line.wait(RESTART_S)
    assert line.reasons == ["the other side does not answer"]
    assert line.peer.phase is Phase.OVER
    line.wait(1000)
    assert len(line.to_client) == MAX_CONFIGURE


def lose_first(protocol: int, code: int) -> Callable[[Line], None]:
    """Lose the first packet of a kind on its way from the peer."""

    def arrange(line: Line) -> None:
        take = line.client.take
        lost = []

        def take_but_one(which: int, packet: bytes) -> None:
            if (which, packet[0]) == (protocol, code) and not lost:
                lost.append(packet)
            else:
                take(which, packet)

        line.client.take = take_but_one  # type: ignore[method-assign]

    return arrange


@pytest.mark.parametrize("protocol", [LCP, IPCP])
def test_a_lost_request_is_repeated_after_the_restart_time(protocol: int) -> None:
    line = Line()
    lose_first(protocol, REQUEST)(line)
    line.connect()
    assert not line.client.up
    line.wait(RESTART_S)
    line.settle()
    assert line.client.up
    assert len(line.client.requests(protocol)) == 1


# Echo, end, and what is unknown


def test_an_echo_is_answered_with_our_magic_number() -> None:
    line = Line().connect()
    line.client.control(LCP, ECHO, b"host" + b"data", number=77)
    line.settle()
    magic = line.client.peer[LCP][5]
    assert line.client.heard[-1] == (LCP, ECHO_REPLY, 77, magic + b"data")


def test_the_hosts_end_is_confirmed_and_nothing_passes_afterwards() -> None:
    line = Line().connect()
    line.client.control(LCP, END, b"bye", number=9)
    line.client.send(IP, ping(HOST, GATEWAY, 1))
    line.settle()
    assert line.client.heard[-1] == (LCP, END_ACK, 9, b"")
    assert line.reasons == ["ended by the other side"]
    assert line.delivered == []


def test_our_end_is_over_when_it_is_confirmed_or_nobody_answers() -> None:
    line = Line().connect()
    line.peer.terminate("no more")
    assert line.peer.phase is Phase.NEGOTIATING
    line.settle()
    assert line.reasons == ["no more"]
    deaf = Line().connect()
    deaf.peer.terminate("no more")
    deaf.wait(3 * RESTART_S)
    assert len(deaf.to_client) == 2
    assert deaf.reasons == ["no more"]


def test_unknown_protocols_and_codes_are_rejected_and_harm_nothing() -> None:
    line = Line().connect()
    line.client.send(0x8057, b"\x01\x01\x00\x04")
    line.client.control(LCP, 12, b"host")
    line.client.control(IPCP, 14)
    line.settle()
    rejected = [
        data for p, code, _, data in line.client.heard if (p, code) == (LCP, PROTOCOL_REJECT)
    ]
    assert rejected == [b"\x80\x57\x01\x01\x00\x04"]
    assert CODE_REJECT in line.codes(LCP)
    assert CODE_REJECT in line.codes(IPCP)
    for junk in (b"", b"\x01", b"\x01\x01\x00\x03", b"\x01\x01\x00\x08\x05\x01\x00\x00"):
        line.client.send(LCP, junk)
    line.client.control(LCP, 7, b"junk")
    line.settle()
    assert line.peer.phase is Phase.UP


def test_what_is_sent_back_is_not_longer_than_the_host_takes() -> None:
    line = Line(wants={LCP: {1: (256).to_bytes(2, "big")}}).connect()
    line.client.send(0x8057, bytes(1000))
    line.client.control(LCP, 12, bytes(1000))
    line.client.control(IPCP, 14, bytes(1000))
    line.settle()
    rejected = [
        data for _, code, _, data in line.client.heard if code in (CODE_REJECT, PROTOCOL_REJECT)
    ]
    assert [len(data) + 4 for data in rejected] == [256] * 3


def test_nothing_but_link_control_is_heard_before_the_link_is_open() -> None:
    line = Line()
    line.client.send(IP, ping(HOST, GATEWAY, 1))
    line.client.request(IPCP)
    line.client.send(0x8057, b"\x01\x01\x00\x04")
    line.client.control(LCP, ECHO, b"host")
    line.settle()
    assert (line.delivered, line.client.heard) == ([], [])


def test_a_host_that_does_not_speak_ip_is_left() -> None:
    line = Line().connect()
    line.client.control(LCP, PROTOCOL_REJECT, IPCP.to_bytes(2, "big") + b"\x01\x01\x00\x04")
    line.settle()
    assert line.reasons == ["the host does not speak IP"]


# A network that refuses


def test_an_address_can_be_rejected_and_the_link_is_up_without_one() -> None:
    line = Line(address_policy=AddressPolicy.REJECT).connect()
    assert 3 not in line.client.wants[IPCP]
    assert line.client.up


def test_ipcp_can_be_terminated_while_the_link_below_stays() -> None:
    line = Line(address_policy=AddressPolicy.TERMINATE).connect()
    assert line.codes(IPCP)[-1] == END
    assert not line.client.up
    line.client.request(IPCP)
    line.client.control(LCP, ECHO, b"host")
    line.settle()
    assert line.codes(IPCP)[-1] == END_ACK
    assert line.codes(LCP)[-1] == ECHO_REPLY
    assert line.reasons == []
