"""A small PPP host for tests, straight from the RFCs: it shares no code with its peer."""

import hashlib
import ipaddress
import os
import select
import socket
import struct
import time
from collections.abc import Callable

LCP, PAP, CHAP, IPCP, IP = 0xC021, 0xC023, 0xC223, 0x8021, 0x0021
REQUEST, ACK, NAK, REJECT, END, END_ACK, CODE_REJECT, PROTOCOL_REJECT, ECHO, ECHO_REPLY = range(
    1, 11
)

Options = dict[int, bytes]


def fcs16(data: bytes) -> int:
    """RFC 1662, appendix C, one bit at a time."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value ^ 0xFFFF


def escape(data: bytes, below: int) -> bytes:
    out = bytearray()
    for byte in data:
        if byte in (0x7D, 0x7E) or byte < below:
            out += bytes([0x7D, byte ^ 0x20])
        else:
            out.append(byte)
    return bytes(out)


def unescape(data: bytes) -> bytes:
    out = bytearray()
    position = 0
    while position < len(data):
        byte = data[position]
        if byte == 0x7D:
            position += 1
            byte = data[position] ^ 0x20
        out.append(byte)
        position += 1
    return bytes(out)


def packed(options: Options) -> bytes:
    return b"".join(bytes([kind, len(value) + 2]) + value for kind, value in options.items())


def unpacked(data: bytes) -> Options:
    options = {}
    while data:
        options[data[0]] = data[2 : data[1]]
        data = data[data[1] :]
    return options


class PppClient:
    """Negotiates as lwIP does. `heard` is every control packet: (protocol, code, id, data)."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        user: bytes = b"",
        password: bytes = b"",
        login: int | None = CHAP,
    ) -> None:
        self.write = write
        self.user, self.password, self.login = user, password, login
        self.heard: list[tuple[int, int, int, bytes]] = []
        self.packets: list[bytes] = []
        self.raw: list[bytes] = []
        self.wants: dict[int, Options] = {
            LCP: {2: bytes(4), 5: b"host", 7: b"", 8: b""},
            IPCP: {2: b"\x00\x2d\x0f\x01", 3: bytes(4), 129: bytes(4), 131: bytes(4)},
        }
        self.identifier = 0
        self.acked: dict[int, bool] = {LCP: False, IPCP: False}
        self.acking: dict[int, bool] = {LCP: False, IPCP: False}
        self.peer: dict[int, Options] = {LCP: {}, IPCP: {}}
        self.rest = b""
        self.ended = False

    @property
    def up(self) -> bool:
        return self.opened(IPCP)

    @property
    def address(self) -> str:
        return str(ipaddress.IPv4Address(self.wants[IPCP].get(3, bytes(4))))

    def opened(self, protocol: int) -> bool:
        return self.acked[protocol] and self.acking[protocol]

    def send(self, protocol: int, packet: bytes) -> None:
        body = b"\xff\x03" + protocol.to_bytes(2, "big") + packet
        body += fcs16(body).to_bytes(2, "little")
        self.write(b"\x7e" + escape(body, 0x20 if protocol == LCP else 0) + b"\x7e")

    def control(self, protocol: int, code: int, data: bytes = b"", number: int = -1) -> None:
        if number < 0:
            self.identifier = number = self.identifier + 1
        self.send(protocol, struct.pack(">BBH", code, number, len(data) + 4) + data)

    def request(self, protocol: int) -> None:
        self.acked[protocol] = False
        self.control(protocol, REQUEST, packed(self.wants[protocol]))

    def requests(self, protocol: int) -> list[Options]:
        """The options of every request that the peer has sent."""
        return [unpacked(data) for p, c, _, data in self.heard if (p, c) == (protocol, REQUEST)]

    def feed(self, data: bytes) -> None:
        *frames, self.rest = (self.rest + data).split(b"\x7e")
        for frame in filter(None, frames):
            self.raw.append(frame)
            body = unescape(frame)
            assert fcs16(body[:-2]) == int.from_bytes(body[-2:], "little"), frame
            body = body[:-2].removeprefix(b"\xff\x03")
            size = 1 if body[0] & 1 else 2
            self.take(int.from_bytes(body[:size], "big"), body[size:])

    def take(self, protocol: int, packet: bytes) -> None:
        if protocol == IP:
            self.packets.append(packet)
            return
        code, number, size = struct.unpack(">BBH", packet[:4])
        data = packet[4:size]
        self.heard.append((protocol, code, number, data))
        if protocol in (PAP, CHAP):
            self.take_login(protocol, code, number, data)
        elif code == REQUEST:
            self.take_request(protocol, number, data)
        elif code in (ACK, NAK, REJECT):
            self.take_answer(protocol, code, data)
        elif code == END:
            self.control(protocol, END_ACK, number=number)
            self.acked[protocol] = self.acking[protocol] = False
        elif code == END_ACK and protocol == LCP:
            self.ended = True

    def take_request(self, protocol: int, number: int, data: bytes) -> None:
        options = unpacked(data)
        login = int.from_bytes(options.get(3, b"")[:2], "big") if protocol == LCP else 0
        if login and self.login is None:
            self.control(protocol, REJECT, packed({3: options[3]}), number)
        elif login and login != self.login:
            self.control(protocol, NAK, packed({3: PAP.to_bytes(2, "big")}), number)
        else:
            self.peer[protocol] = options
            self.control(protocol, ACK, data, number)
            self.acking[protocol] = True
            self.go_on(protocol)

    def take_answer(self, protocol: int, code: int, data: bytes) -> None:
        if code == ACK:
            self.acked[protocol] = True
            self.go_on(protocol)
            return
        for kind, value in unpacked(data).items():
            if code == NAK:
                self.wants[protocol][kind] = value
            else:
                self.wants[protocol].pop(kind)
        self.request(protocol)

    def go_on(self, protocol: int) -> None:
        if protocol != LCP or not self.opened(LCP):
            return
        if 3 not in self.peer[LCP]:
            self.request(IPCP)
        elif self.login == PAP:
            fields = (bytes([len(text)]) + text for text in (self.user, self.password))
            self.control(PAP, REQUEST, b"".join(fields))

    def take_login(self, protocol: int, code: int, number: int, data: bytes) -> None:
        if protocol == CHAP and code == 1:
            challenge = data[1 : 1 + data[0]]
            digest = hashlib.md5(bytes([number]) + self.password + challenge).digest()
            self.control(CHAP, 2, bytes([len(digest)]) + digest + self.user, number)
        elif code == (2 if protocol == PAP else 3):
            self.request(IPCP)


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ip_packet(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s",
        *(0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0),
        *(socket.inet_aton(source), socket.inet_aton(target)),
    )
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def ping(source: str, target: str, number: int, size: int = 32) -> bytes:
    """An ICMP echo request."""
    body = struct.pack(">HH", 7, number) + os.urandom(size)
    head = struct.pack(">BBH", 8, 0, checksum(b"\x08\x00\x00\x00" + body))
    return ip_packet(source, target, 1, head + body)


def pong(packet: bytes) -> bytes:
    """What an echo reply's body must be for a request."""
    return packet[24:]


def datagram(source: str, target: str, port: int, payload: bytes) -> bytes:
    """A UDP datagram without a checksum, which IPv4 allows, from port 4242."""
    return ip_packet(
        source, target, 17, struct.pack(">HHHH", 4242, port, 8 + len(payload), 0) + payload
    )


def name_query(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x01\x00\x01"


def exchange(fd: int, client: PppClient, done: Callable[[], bool], timeout_s: float = 5) -> bool:
    """Pass what comes from a terminal to the client until something is done."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        client.feed(os.read(fd, 65536))
    return True
