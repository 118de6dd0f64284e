# The MQTT session, byte by byte, against a transport in memory.

import asyncio

from concentrator import mqtt
from concentrator.modem import ModemError
from concentrator.mqtt import MQTTError, Session
from fakes import Settings, raises_async, until

ACCEPTED = b"\x20\x02\x00\x00"


class Transport:
    # Keeps what is sent, gives what is put into `incoming`.

    def __init__(self):
        self.sent = []
        self.incoming = []
        self.broken = None
        self.event = asyncio.Event()

    def put(self, *chunks):
        self.incoming += chunks
        self.event.set()

    async def send(self, data):
        await asyncio.sleep_ms(0)
        if self.broken:
            raise self.broken
        self.sent.append(bytes(data))

    async def read(self):
        while not self.incoming:
            if self.broken:
                raise self.broken
            self.event.clear()
            await self.event.wait()
        return self.incoming.pop(0)


class Ticks:
    # Time that passes when the test says so.

    def __init__(self):
        self.now = 1000
        mqtt.ticks_ms = self

    def __call__(self):
        return self.now


def make(keepalive=120, user=None, password=None, will=None):
    transport = Transport()
    acknowledged = []
    settings = Settings(
        host="broker", port=1883, user=user, password=password, keepalive=keepalive
    )
    session = Session(transport, settings, "a1b2c3d4e5f6", acknowledged.append, will)
    return session, transport, acknowledged


async def connected(**options):
    session, transport, acknowledged = make(**options)
    transport.put(ACCEPTED)
    await session.connect()
    del transport.sent[:]
    return session, transport, acknowledged


# --- CONNECT ----------------------------------------------------------------------------------


def connect_packet(flags, keepalive, *fields):
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive.to_bytes(2, "big")
    for field in fields:
        body += len(field).to_bytes(2, "big") + field
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return b"\x10" + length + body


async def sent_to_connect(**options):
    session, transport, _ = make(**options)
    transport.put(ACCEPTED)
    await session.connect()
    assert len(transport.sent) == 1
    return transport.sent[0]


async def test_connect():
    assert await sent_to_connect() == connect_packet(0x02, 120, b"a1b2c3d4e5f6")
    assert await sent_to_connect(keepalive=1200) == connect_packet(0x02, 1200, b"a1b2c3d4e5f6")


async def test_connect_with_user_and_password():
    sent = await sent_to_connect(user="meter", password="p\u00e4ss")
    assert sent == connect_packet(0xC2, 120, b"a1b2c3d4e5f6", b"meter", "p\u00e4ss".encode())
    long = "t" * 255  # a token: the packet's length takes two bytes
    sent = await sent_to_connect(user="u", password=long)
    assert sent == connect_packet(0xC2, 120, b"a1b2c3d4e5f6", b"u", long.encode())


async def test_connect_with_will():
    sent = await sent_to_connect(will=("mr/v1/a1/state", b"offline"))
    # Retained, QoS 1, clean session.
    assert sent == connect_packet(0x2E, 120, b"a1b2c3d4e5f6", b"mr/v1/a1/state", b"offline")


async def test_connect_leaves_umqtts_socket_alone():
    from umqtt import simple

    before = simple.socket
    await sent_to_connect()
    assert simple.socket is before


async def test_the_answer_to_connect_may_come_in_pieces():
    session, transport, _ = make()
    transport.put(b"\x20", b"\x02", b"\x00\x00")
    await session.connect()


async def test_refusals_are_sentences():
    for code, text in (
        (1, "protocol version"),
        (2, "client identifier"),
        (3, "not available"),
        (4, "user name or password"),
        (5, "not authorised"),
        (77, "code 77"),
    ):
        session, transport, _ = make()
        transport.put(b"\x20\x02\x00" + bytes([code]))
        assert text in await raises_async(MQTTError, session.connect())


async def test_what_answers_is_no_broker():
    for answer in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 99,
        b"\x20\x03\0\0\0",
        b"\xd0\x00",
    ):
        session, transport, _ = make()
        transport.put(answer)
        text = await raises_async(MQTTError, session.connect())
        assert "no MQTT broker" in text or "too large" in text, text


async def test_a_connection_lost_while_connecting():
    session, transport, _ = make()
    transport.broken = ModemError("closed by the broker")
    await raises_async(ModemError, session.connect())


# --- PUBLISH ----------------------------------------------------------------------------------


async def published(*arguments, **options):
    session, transport, _ = await connected()
    await session.publish(*arguments, **options)
    assert len(transport.sent) == 1  # one packet, one send
    return transport.sent[0]


async def test_publish_qos_0():
    assert await published("a/b", b"hello") == b"\x30\x0a\x00\x03a/bhello"
    assert await published("a/b", b"", retain=True) == b"\x31\x05\x00\x03a/b"


async def test_publish_qos_1():
    assert await published("a/b", b"hello", 10) == b"\x32\x0c\x00\x03a/b\x00\x0ahello"
    assert await published("a/b", b"x", 65535) == b"\x32\x08\x00\x03a/b\xff\xffx"
    assert await published("a", b"x", 1, retain=True) == b"\x33\x06\x00\x01a\x00\x01x"


async def test_remaining_length_at_its_boundaries():
    for size, length in (
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (129, b"\x81\x01"),
        (16383, b"\xff\x7f"),
        (16384, b"\x80\x80\x01"),
        (20000, b"\xa0\x9c\x01"),
    ):
        payload = bytes(size - 5)
        sent = await published("a", payload, 7)
        assert sent == b"\x32" + length + b"\x00\x01a\x00\x07" + payload, size


async def test_a_topic_that_is_not_ascii():
    assert await published("\u00e9", b"") == b"\x30\x04\x00\x02\xc3\xa9"


async def test_packets_are_not_mixed():
    session, transport, _ = await connected()
    await asyncio.gather(*[session.publish("t", b"%d" % i, i) for i in range(1, 10)])
    assert len(transport.sent) == 9
    assert all(packet[:5] == b"\x32\x06\x00\x01t" for packet in transport.sent)


async def test_publish_on_a_dead_connection():
    session, transport, _ = await connected()
    transport.broken = ModemError("gone")
    await raises_async(ModemError, session.publish("t", b"x", 1))
    await raises_async(ModemError, session.publish("t", b"x", 1))  # the lock was given back


# --- What comes in ----------------------------------------------------------------------------


async def received(*chunks):
    # The session's run() task, what it acknowledged, the transport.
    session, transport, acknowledged = await connected()
    running = asyncio.create_task(session.run())
    transport.put(*chunks)
    await until(lambda: not transport.incoming)
    await asyncio.sleep_ms(1)
    return running, acknowledged, transport


async def test_acknowledgements():
    running, acknowledged, _ = await received(b"\x40\x02\x00\x01")
    assert acknowledged == [1]
    running.cancel()


async def test_acknowledgements_in_one_piece_and_in_many():
    packets = b"".join(b"\x40\x02" + pid.to_bytes(2, "big") for pid in (1, 258, 65535))
    for step in (1, 2, 3, 5, len(packets)):
        chunks = [packets[i : i + step] for i in range(0, len(packets), step)]
        running, acknowledged, _ = await received(*chunks)
        assert acknowledged == [1, 258, 65535], step
        running.cancel()


async def test_acknowledgements_right_behind_connack():
    session, transport, acknowledged = make()
    transport.put(ACCEPTED + b"\x40\x02\x00\x05\x40\x02")
    await session.connect()
    running = asyncio.create_task(session.run())
    transport.put(b"\x00\x06")
    assert await until(lambda: acknowledged == [5, 6])
    running.cancel()


async def test_pingresp_and_messages_are_taken_in():
    message = b"\x30\x85\x01\x00\x01t" + b"x" * 130
    running, acknowledged, _ = await received(b"\xd0\x00" + message + b"\x40\x02\x00\x09")
    assert acknowledged == [9]
    assert not running.done()
    running.cancel()


async def test_unexpected_packets_end_the_session():
    for packet in (
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\x10\x00",
        b"\x00\x00",
        b"\xf0\x00",
        b"\x40\x00",  # PUBACK of nothing
        b"\x40\x03\x00\x01\x00",
        b"\x50\x02\x00\x01",  # QoS 2 is never used
        b"\xe0\x00",
    ):
        running, acknowledged, _ = await received(packet)
        assert "%02X" % packet[0] in await raises_async(MQTTError, running)
        assert acknowledged == []


async def test_oversized_packets_end_the_session_before_they_arrive():
    for packet in (
        b"\x30\x81\x80\x01",  # 16385 bytes
        b"\x30\xff\xff\xff\x7f",
        b"\x30\xff\xff\xff\xff",  # a length of five bytes
        b"\x30\x80\x80\x80\x80\x01",
    ):
        running, _, _ = await received(packet)
        assert "too large" in await raises_async(MQTTError, running)


async def test_the_largest_packet():
    body = b"\x00\x01t" + bytes(16381)
    running, acknowledged, _ = await received(b"\x30\x80\x80\x01", body, b"\x40\x02\x00\x01")
    assert acknowledged == [1]
    running.cancel()


async def test_the_transports_error_ends_the_session():
    running, _, transport = await received(b"\x40")
    transport.broken = ModemError("closed by the broker")
    transport.event.set()
    assert await raises_async(ModemError, running) == "closed by the broker"


# --- Keeping alive ----------------------------------------------------------------------------


async def watch(session, transport, ticks, seconds, each_second=None):
    # Let time pass second by second; the seconds at which PINGREQ went out.
    pings = []
    for second in range(1, seconds + 1):
        ticks.now += 1000
        if each_second:
            await each_second(second)
        before = transport.sent.count(b"\xc0\x00")
        await session.keep_alive()
        if transport.sent.count(b"\xc0\x00") > before:
            pings.append(second)
    return pings


async def test_an_idle_session_pings_in_time():
    ticks = Ticks()
    session, transport, _ = await connected(keepalive=120)
    running = asyncio.create_task(session.run())

    async def answer(second):
        if transport.sent and transport.sent[-1] == b"\xc0\x00":
            transport.put(b"\xd0\x00")
            transport.sent.append(b"")
            await asyncio.sleep_ms(1)

    pings = await watch(session, transport, ticks, 1000, answer)
    running.cancel()
    gaps = [b - a for a, b in zip([0] + pings, pings)]
    assert max(gaps) <= 120 * 3 // 4 + 2, gaps  # sooner than the broker loses patience
    assert min(gaps) >= 60, gaps  # and not more often than needed


async def test_a_busy_session_does_not_ping():
    ticks = Ticks()
    session, transport, _ = await connected(keepalive=60)
    running = asyncio.create_task(session.run())

    async def publish(second):
        if second % 30 == 0:
            await session.publish("t", b"x", 1)
            transport.put(b"\x40\x02\x00\x01")
            await asyncio.sleep_ms(1)

    assert await watch(session, transport, ticks, 600, publish) == []
    running.cancel()


async def test_a_half_open_connection_shows_within_one_and_a_half_keepalives():
    for busy in (False, True):  # what we send proves nothing
        ticks = Ticks()
        session, transport, _ = await connected(keepalive=60)

        async def publish(second):
            await session.publish("t", b"x")  # noqa: B023

        try:
            await watch(session, transport, ticks, 89, publish if busy else None)
        except MQTTError:
            raise AssertionError("too early")
        text = await raises_async(MQTTError, watch(session, transport, ticks, 3))
        assert "nothing heard" in text
        assert b"\xc0\x00" in transport.sent  # the broker was asked


async def test_a_slow_answer_is_asked_for_more_than_once():
    ticks = Ticks()
    session, transport, _ = await connected(keepalive=60)
    assert len(await watch(session, transport, ticks, 89)) >= 2


async def test_disconnect():
    session, transport, _ = await connected()
    await session.disconnect()
    assert transport.sent == [b"\xe0\x00"]
