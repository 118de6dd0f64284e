"""An MQTT 3.1.1 session that never blocks: the packets of umqtt.simple, transport of our own.

umqtt.simple builds CONNECT, PINGREQ and DISCONNECT against a socket in memory. Its
publish(qos=1) waits for the broker with the whole program, and its packet identifiers end at
65535, so PUBLISH is built here and what comes in is taken apart here.
"""

import asyncio
import struct
from time import ticks_diff, ticks_ms

from micropython import const
from umqtt import simple

_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_PINGRESP = const(0xD0)
_QOS1 = const(0x02)
_MAX_PACKET = const(16384)  # larger ones are not meant for a device like this
_CONNECT_MS = const(30000)

_REFUSALS = {
    1: "protocol version not supported",
    2: "client identifier refused",
    3: "broker not available",
    4: "user name or password wrong",
    5: "not authorised",
}


class MQTTError(Exception):
    """The session with the broker can't begin, or has ended; the text says why."""


class _Memory:
    """A socket in memory, and the module to make it: what is written is kept for sending."""

    def __init__(self):
        self.sent = bytearray()

    def write(self, data, size=-1):
        self.sent += bytes(data)[:size] if size >= 0 else bytes(data)

    def read(self, size):
        return b"\x20\x02\0\0"[:size]  # CONNACK, accepted: the real one is judged when it comes

    def socket(self, *_):
        return self

    def getaddrinfo(self, *_):
        return [(0, 0, 0, "", None)]

    def connect(self, _):
        pass

    def settimeout(self, _):
        pass

    def setblocking(self, _):
        pass

    def close(self):
        pass

    def take(self):
        """What was written since the last call."""
        data = self.sent
        self.sent = bytearray()
        return data


class Session:
    """One connection to the broker over `transport` (see `modem`).

    `on_acknowledged(pid)` is called for every PUBACK. After connect() the owner runs run() as a
    task; it ends, by MQTTError or the transport's error, when the connection is over.
    """

    def __init__(self, transport, settings, client_id, on_acknowledged, will=None):
        self._transport = transport
        self._on_acknowledged = on_acknowledged
        self._memory = _Memory()
        self._input = b""
        self._sending = asyncio.Lock()
        self._client = simple.MQTTClient(
            client_id.encode(),
            settings.host,
            settings.port,
            None if settings.user is None else settings.user.encode(),
            None if settings.password is None else settings.password.encode(),
            settings.keepalive,
        )
        if will is not None:
            self._client.set_last_will(will[0].encode(), will[1], retain=True, qos=1)
        self._keepalive_ms = settings.keepalive * 1000
        self.last_sent = self.last_received = self._last_ping = ticks_ms()

    async def connect(self):
        """Send CONNECT (clean session) and wait for its answer. MQTTError when refused."""
        system_socket, simple.socket = simple.socket, self._memory
        try:
            self._client.connect(True)
        finally:
            simple.socket = system_socket
        await self._send(self._memory.take())
        try:
            kind, body = await asyncio.wait_for_ms(self._packet(), _CONNECT_MS)
        except asyncio.TimeoutError:
            raise MQTTError("the broker does not answer")
        if kind & 0xF0 != _CONNACK or len(body) != 2:
            raise MQTTError("what answers is no MQTT broker")
        if body[1]:
            raise MQTTError(_REFUSALS.get(body[1], "refused, code %d" % body[1]))

    async def publish(self, topic, payload, pid=0, retain=False):
        """Send a message and go on: QoS 1 with packet identifier `pid`, QoS 0 when it is 0."""
        topic = topic.encode()
        size = 2 + len(topic) + len(payload) + (2 if pid else 0)
        packet = bytearray(5)
        packet[0] = _PUBLISH | (_QOS1 if pid else 0) | retain
        at = 1
        while size > 0x7F:
            packet[at] = size & 0x7F | 0x80
            size >>= 7
            at += 1
        packet[at] = size
        packet = packet[: at + 1] + struct.pack("!H", len(topic)) + topic
        if pid:
            packet += struct.pack("!H", pid)
        # One buffer: on a mobile network every separate write costs a packet of its own.
        await self._send(packet + payload)

    async def keep_alive(self):
        """Send PINGREQ when it is time for it; call this every second or so.

        That is when nothing was sent for long, so that the broker sees life, or nothing received,
        so that a half-open connection shows. MQTTError when the broker was silent for too long.
        """
        now = ticks_ms()
        silent = ticks_diff(now, self.last_received)
        if silent > self._keepalive_ms * 3 // 2:
            raise MQTTError("nothing heard from the broker for %d s" % (silent // 1000))
        due = self._keepalive_ms * 3 // 4
        if ticks_diff(now, self.last_sent) > due or (
            silent > due and ticks_diff(now, self._last_ping) > due // 3
        ):
            self._last_ping = now
            self._client.sock = self._memory
            self._client.ping()
            await self._send(self._memory.take())

    async def disconnect(self):
        """Tell the broker good-bye."""
        self._client.sock = self._memory
        self._client.disconnect()
        await self._send(self._memory.take())

    async def run(self):
        """Take in packets until the connection ends, which raises."""
        while True:
            kind, body = await self._packet()
            if kind == _PUBACK and len(body) == 2:
                self._on_acknowledged(struct.unpack("!H", body)[0])
            elif kind != _PINGRESP and kind & 0xF0 != _PUBLISH:
                raise MQTTError("unexpected packet %02X" % kind)

    async def _send(self, data):
        async with self._sending:
            await self._transport.send(data)
        self.last_sent = ticks_ms()

    async def _packet(self):
        """The next packet: (first byte, body)."""
        while True:
            packet = self._split()
            if packet is not None:
                return packet
            self._input += await self._transport.read()
            self.last_received = ticks_ms()

    def _split(self):
        size = shift = 0
        for at in range(1, len(self._input)):
            byte = self._input[at]
            size |= (byte & 0x7F) << shift
            if size > _MAX_PACKET or shift > 21:
                raise MQTTError("packet too large")
            if byte < 0x80:
                first = at + 1
                if len(self._input) < first + size:
                    return None
                packet = self._input[0], self._input[first : first + size]
                self._input = self._input[first + size :]
                return packet
            shift += 7
        return None
