# The uplink against a broker in memory that acknowledges when it is told to, or never.

import asyncio
import json
import random

from concentrator import config as configuration
from concentrator import journal, records
from concentrator import uplink as uplinks
from concentrator.events import Events
from concentrator.journal import Journal
from concentrator.modem import ModemError
from concentrator.uplink import Uplink
from fakes import Clock, RamFlash, seeded, until

SLOT = 1788220800
ITEMS = ["energy.forward.total", "voltage.a"]
WINDOW_BATCHES = 20
WINDOW_BYTES = 32768
BATCH_BYTES = 8000
RETRY_MAX_MS = 180000  # 120 s and half of it for jitter
REAL = ("create_task", "current_task", "wait_for_ms", "TimeoutError", "CancelledError")

CONFIG = {
    "version": 1,
    "device": "a1b2c3d4e5f6",
    "utc_offset": "+08:00",
    "buses": [{}],
    "meters": [{"number": 1, "address": "000000000001", "bus": 1}],
    "tasks": [{"name": "load15", "items": ITEMS, "every": 900}],
    "uplink": {"host": "broker", "apn": "cmiot"},
}


class Message:
    def __init__(self, packet):
        at = 1
        while packet[at] & 0x80:
            at += 1
        at += 1
        size = int.from_bytes(packet[at : at + 2], "big")
        self.topic = packet[at + 2 : at + 2 + size].decode()
        self.kind = self.topic.rsplit("/", 1)[1]
        at += 2 + size
        self.qos = packet[0] >> 1 & 3
        self.retain = packet[0] & 1
        self.pid = 0
        if self.qos:
            self.pid = int.from_bytes(packet[at : at + 2], "big")
            at += 2
        self.payload = packet[at:]
        self.size = len(self.payload)

    @property
    def data(self):
        return json.loads(self.payload)

    def sequence(self):
        first, count = self.data["seq"]
        return list(range(first, first + count))


class Broker:
    """Modem, transport and broker in one; one connection at a time."""

    def __init__(self):
        self.signal = 20
        self.operator = "CMCC"
        self.acknowledging = True
        self.lose = lambda message: False  # an acknowledgement that gets lost
        self.failing = None  # raised by start()
        self.refusal = 0
        self.connects = 0
        self.connections = []  # the messages of each
        self.unacknowledged = []
        self.pings = 0
        self.goodbyes = 0
        self.closed = 0
        self.hung_up = 0
        self.dialling = None  # an Event that connect() waits for
        self.after_publish = lambda message: None
        self._incoming = []
        self._event = asyncio.Event()
        self._broken = None

    # --- as the modem

    async def start(self):
        await asyncio.sleep_ms(0)
        if self.failing:
            raise self.failing

    async def connect(self, host, port):
        assert (host, port) == ("broker", 1883)
        if self.dialling:
            await self.dialling.wait()
        self._broken = None
        self._incoming = []
        self.unacknowledged = []
        self.connections.append([])
        return self

    async def refresh(self):
        pass

    async def hang_up(self):
        self.hung_up += 1

    # --- as the transport

    async def send(self, data):
        await asyncio.sleep_ms(0)
        if self._broken:
            raise self._broken
        kind = data[0] & 0xF0
        if kind == 0x10:
            self.connects += 1
            self._put(b"\x20\x02\0" + bytes([self.refusal]))
        elif kind == 0xC0:
            self.pings += 1
            self._put(b"\xd0\0")
        elif kind == 0xE0:
            self.goodbyes += 1
        else:
            message = Message(bytes(data))
            self.connections[-1].append(message)
            if message.qos:
                self.unacknowledged.append(message)
            self.after_publish(message)
            if self.acknowledging:
                self.acknowledge()

    async def read(self):
        while not self._incoming:
            if self._broken:
                raise self._broken
            self._event.clear()
            await self._event.wait()
        return self._incoming.pop(0)

    async def close(self):
        self.closed += 1

    # --- as the broker

    def _put(self, data):
        self._incoming.append(data)
        self._event.set()

    def acknowledge(self, *messages):
        # These messages, or all that wait for it.
        for message in messages or list(self.unacknowledged):
            self.unacknowledged.remove(message)
            if not self.lose(message):
                self._put(b"\x40\x02" + message.pid.to_bytes(2, "big"))

    def drop(self, why="closed by the broker"):
        self._broken = ModemError(why)
        self._event.set()

    def messages(self, *kinds):
        # Of all connections.
        return [m for c in self.connections for m in c if not kinds or m.kind in kinds]


class Time:
    """In the place of asyncio and time in the uplink: pauses are noted and cut short."""

    def __init__(self):
        self.pauses = []  # between two connections
        self.ahead_ms = 0
        self._ticks_ms = uplinks.ticks_ms
        uplinks.ticks_ms = self.ticks_ms
        for name in REAL:
            setattr(self, name, getattr(asyncio, name))
        uplinks.asyncio = self

    def ticks_ms(self):
        return self._ticks_ms() + self.ahead_ms

    async def sleep_ms(self, ms):
        if ms >= 1000:  # a pause between two connections
            self.pauses.append(ms)
            ms = 5
        await asyncio.sleep_ms(ms)


class Site:
    def __init__(self, readings=0, events=0, will=False, linger=0):
        self.config = configuration.parse(json.dumps(CONFIG))
        self.config.uplink.linger = linger
        self.config.uplink.will = will
        self.journal = Journal(RamFlash(16))
        self.journal.mount(7)
        self.journal.set_context(0, records.pack_task("load15", ITEMS, [-2, -1]))
        self.events = Events(self.journal, Clock(SLOT))
        self.slot = SLOT
        self.time = Time()
        self.broker = Broker()
        self.uplink = Uplink(self.config, self.journal, self.broker, self.events, dict)
        for _ in range(readings):
            self.read()
        for i in range(events):
            self.events.record("test", number=i)
        self.task = None

    def read(self, meters=1):
        # One more slot's readings in the journal; a batch of its own.
        self.slot += 900
        buffer = bytearray(100)
        for meter in range(1, meters + 1):
            reading = records.Reading(0, meter, self.slot, 1, 1, 0, [self.slot, 2301])
            self.journal.append(journal.READING, buffer, records.pack_reading(reading, buffer))

    def start(self):
        self.task = asyncio.create_task(self.uplink.run())

    async def settle(self):
        # Until nothing is published any more.
        count = -1
        while count != len(self.broker.messages()):
            count = len(self.broker.messages())
            await asyncio.sleep_ms(20)

    def state(self):
        stream = journal.READING
        return self.journal.cursor(stream), self.journal.next(stream), self.journal.unsent(stream)


def kinds(messages):
    return [message.kind for message in messages]


def sequences(messages):
    return [number for message in messages for number in message.sequence()]


async def started(**options):
    site = Site(**options)
    site.start()
    assert await until(lambda: site.uplink.state == "online")
    await site.settle()
    return site


# --- Order ------------------------------------------------------------------------------------


async def test_birth_then_events_then_backlog():
    site = await started(readings=3, events=2)
    first = site.broker.connections[0]
    assert kinds(first) == ["birth", "beat", "event", "hist", "hist", "hist"]
    assert first[0].qos == 1
    assert first[1].qos == 0
    assert first[0].topic == "mr/v1/a1b2c3d4e5f6/up/birth"
    names = [event[2] for event in first[2].data["events"]]
    assert names == ["test", "test", "uplink.online"]
    assert sequences(first[3:]) == [1, 2, 3]
    assert site.state() == (4, 4, 0)


async def test_state_is_retained_where_there_is_a_will():
    site = await started(will=True)
    first = site.broker.connections[0]
    assert kinds(first)[:2] == ["state", "birth"]
    assert first[0].payload == b"online"
    assert first[0].retain


async def test_new_readings_are_live():
    site = await started(readings=1)
    site.read(meters=3)
    assert await until(lambda: site.broker.messages("live"))
    assert sequences(site.broker.messages("live")) == [2, 3, 4]
    await site.settle()
    assert site.state() == (5, 5, 0)


async def test_live_does_not_wait_for_the_backlog():
    site = Site(readings=60)
    site.broker.acknowledging = False
    site.start()
    assert await until(lambda: len(site.broker.unacknowledged) == WINDOW_BATCHES)
    site.read()
    site.events.record("urgent")
    await site.settle()
    assert not site.broker.messages("live")  # the window is full
    sent = len(site.broker.messages())
    site.broker.acknowledge(*site.broker.unacknowledged[-3:])
    assert await until(lambda: len(site.broker.messages()) == sent + 3)
    assert kinds(site.broker.messages()[sent:]) == ["event", "live", "hist"]


async def test_a_slot_under_way_lingers_to_become_one_batch():
    site = await started(linger=5)
    site.read(meters=1)
    await site.settle()
    assert not site.broker.messages("live")
    site.time.ahead_ms += 6000
    site.uplink._wake.set()
    assert await until(lambda: site.broker.messages("live"))


# --- Acknowledgements -------------------------------------------------------------------------


async def test_the_cursor_moves_only_with_acknowledgements():
    site = Site(readings=5)
    site.broker.acknowledging = False
    site.start()
    assert await until(lambda: len(site.broker.messages("hist")) == 5)
    assert site.state() == (1, 6, 5)
    hist = site.broker.messages("hist")
    site.broker.acknowledge(hist[1], hist[3])
    assert await until(lambda: site.state() == (1, 6, 3))  # ahead of the cursor
    site.broker.acknowledge(hist[0])
    assert await until(lambda: site.state() == (3, 6, 2))
    site.broker.acknowledge(hist[2], hist[4])
    assert await until(lambda: site.state() == (6, 6, 0))
    assert site.journal.cursor(journal.EVENT) == 1  # the birth's and events' are still out
    assert len(site.broker.messages("hist")) == 5


async def test_strange_acknowledgements_do_nothing():
    site = Site(readings=2)
    site.broker.acknowledging = False
    site.start()
    assert await until(lambda: len(site.broker.messages("hist")) == 2)
    last = site.broker.messages("hist")[1]
    for _ in range(2):  # acknowledged twice
        site.broker._put(b"\x40\x02" + last.pid.to_bytes(2, "big"))
    site.broker._put(b"\x40\x02\xff\xf0\x40\x02\x00\x00")  # never sent
    await site.settle()
    assert site.state() == (1, 3, 1)
    assert site.uplink.state == "online"


async def test_what_was_not_acknowledged_is_sent_again():
    site = Site(readings=10)
    site.broker.lose = lambda m: m.kind == "hist" and m.sequence()[0] in (3, 4, 9)
    site.start()
    assert await until(lambda: site.state() == (3, 11, 3))
    site.broker.lose = lambda m: False
    site.broker.drop()
    assert await until(lambda: site.state() == (11, 11, 0))
    assert kinds(site.broker.connections[1])[0] == "birth"
    again = [m for m in site.broker.connections[1] if m.kind == "hist"]
    assert sequences(again) == [3, 4, 9]
    await site.settle()
    lost = [m for m in site.broker.messages("event") if b"uplink.lost" in m.payload]
    assert len(lost) == 1
    assert b"closed by the broker" in lost[0].payload
    assert site.uplink.connects == 2


async def test_the_window_is_bounded_in_batches():
    site = Site(readings=100)
    most = 0

    def watch(message):
        nonlocal most
        most = max(most, len(site.broker.unacknowledged))
        if len(site.broker.unacknowledged) == WINDOW_BATCHES:
            asyncio.create_task(later())

    async def later():
        await asyncio.sleep_ms(3)
        site.broker.acknowledge(random.choice(site.broker.unacknowledged))

    site.broker.acknowledging = False
    site.broker.after_publish = watch
    site.start()
    assert await until(lambda: len(site.broker.messages("hist")) > 60)
    assert most == WINDOW_BATCHES


async def test_the_window_is_bounded_in_bytes():
    site = Site()
    site.journal.set_context(0, records.pack_task("load15", ITEMS, [-2, -1]))
    for _ in range(16):
        site.read(meters=64)
    site.broker.acknowledging = False
    site.start()
    await until(lambda: site.uplink.state == "online")
    await site.settle()
    under_way = sum(m.size for m in site.broker.unacknowledged)
    assert WINDOW_BYTES - BATCH_BYTES < under_way < WINDOW_BYTES + BATCH_BYTES, under_way
    assert max(m.size for m in site.broker.messages()) <= BATCH_BYTES
    site.broker.acknowledging = True
    site.broker.acknowledge()
    assert await until(lambda: site.state()[2] == 0)


async def test_packet_identifiers_wrap_and_skip_those_in_flight():
    site = Site(readings=30)
    site.uplink._pid = 65529
    held = []

    def hold(message):
        # The third history batch is never acknowledged, the identifiers come to it again.
        if message.kind == "hist" and not held and len(site.broker.messages("hist")) == 3:
            held.append(message)
            site.broker.unacknowledged.remove(message)
            site.uplink._pid = 65530

    site.broker.after_publish = hold
    site.start()
    assert await until(lambda: site.state()[2] == 1)
    pids = [m.pid for m in site.broker.messages() if m.qos]
    assert pids.count(held[0].pid) == 1
    assert 65535 in pids
    assert 1 in pids
    assert all(1 <= pid <= 65535 for pid in pids)


# --- A broker that is gone --------------------------------------------------------------------


async def test_a_broker_that_never_acknowledges_ends_the_connection():
    site = Site(readings=3)
    site.broker.acknowledging = False
    site.start()
    assert await until(lambda: len(site.broker.messages("hist")) == 3)
    site.time.ahead_ms += 59000
    await site.settle()
    assert site.broker.connects == 1
    site.time.ahead_ms += 2000
    site.uplink._wake.set()
    assert await until(lambda: site.broker.connects == 2)
    assert site.broker.closed == 1
    site.broker.acknowledging = True
    site.broker.acknowledge()
    assert await until(lambda: site.state() == (4, 4, 0))
    await site.settle()
    lost = [m for m in site.broker.messages("event") if b"uplink.lost" in m.payload]
    assert b"no acknowledgement" in lost[0].payload


async def pauses(site, count):
    site.start()
    assert await until(lambda: len(site.time.pauses) >= count, 5000)
    return site.time.pauses[:count]


def growing(found):
    # Each pause is at its step of 2, 4, 8 ... seconds, give or take the jitter.
    step = 2000
    for pause in found:
        assert step // 2 <= pause < step * 3 // 2, found
        step = min(2 * step, 120000)


async def test_the_pause_between_attempts_grows_and_is_bounded():
    site = Site()
    site.broker.failing = ModemError("no SIM card")
    found = await pauses(site, 12)
    growing(found)
    assert max(found) < RETRY_MAX_MS
    assert site.uplink.state in ("offline", "connecting")
    assert site.journal.next(journal.EVENT) == 1  # an attempt that fails is no event


async def test_a_broker_that_refuses_is_not_hammered():
    site = Site()
    site.broker.refusal = 5
    growing(await pauses(site, 6))
    assert site.broker.closed >= 6


async def test_a_broker_that_accepts_and_hangs_up_is_not_hammered():
    # As one does that forbids the topic: every connect succeeds, nothing is ever acknowledged.
    site = Site(readings=1)
    site.broker.acknowledging = False
    site.broker.after_publish = lambda message: site.broker.drop()
    growing(await pauses(site, 6))


async def test_only_a_connection_that_held_makes_the_pause_short_again():
    for minutes, short in ((0, False), (2, True)):
        site = Site(readings=1)
        site.broker.failing = ModemError("no network")
        await pauses(site, 5)
        site.broker.failing = None
        assert await until(lambda: site.state() == (2, 2, 0))  # noqa: B023
        count = len(site.time.pauses)
        site.time.ahead_ms = minutes * 60000
        site.broker.drop()
        assert await until(lambda: len(site.time.pauses) > count)  # noqa: B023
        assert (site.time.pauses[count] < 3000) == short, site.time.pauses


async def test_a_link_that_flaps_does_not_fill_the_journal():
    site = Site(readings=1)
    site.start()
    for n in range(1, 21):
        assert await until(lambda: site.uplink.connects == n and not site.state()[2])  # noqa: B023
        site.broker.drop()
    assert await until(lambda: site.uplink.connects == 21)
    assert site.journal.next(journal.EVENT) - 1 <= 3  # online, lost, online


async def test_pauses_differ_between_devices():
    site = Site()
    site.broker.failing = ModemError("no network")
    found = await pauses(site, 12)
    assert len({pause % 1000 for pause in found}) > 6


# --- Drain and close --------------------------------------------------------------------------


async def test_drain_is_true_when_all_is_acknowledged():
    site = await started(linger=300)
    site.read()
    await site.settle()
    assert site.state()[2] == 1  # lingering
    assert await site.uplink.drain(5) is True
    assert site.state()[2] == 0
    assert site.journal.unsent(journal.EVENT) == 0


async def test_drain_is_false_when_something_is_not():
    site = await started()
    site.broker.lose = lambda m: m.kind == "live" and m.sequence()[0] == 2
    site.read()
    site.read()
    site.read()
    draining = asyncio.create_task(site.uplink.drain(5))
    assert await until(lambda: len(site.broker.messages("live")) == 3)
    await site.settle()
    assert not draining.done()
    site.time.ahead_ms += 6000
    assert await draining is False
    assert site.journal.unsent(journal.READING) == 1


async def test_drain_while_offline():
    site = Site(readings=1)
    site.broker.failing = ModemError("no network")
    site.start()
    draining = asyncio.create_task(site.uplink.drain(5))
    await asyncio.sleep_ms(20)
    site.time.ahead_ms += 6000
    assert await draining is False


async def test_what_was_acknowledged_is_so_after_a_restart():
    site = await started(readings=5)
    assert await site.uplink.drain(5) is True
    again = Journal(site.journal._flash)
    again.mount(8)
    assert again.cursor(journal.READING) == 6


async def test_close_says_good_bye():
    site = await started()
    await site.uplink.close()
    assert site.broker.goodbyes == 1
    assert kinds(site.broker.messages())[-1] == "beat"


async def test_close_hangs_up_after_everything_else_has_ended():
    for state in ("online", "connecting", "offline"):
        site = Site()
        if state == "connecting":
            site.broker.dialling = asyncio.Event()
        elif state == "offline":
            site.broker.failing = ModemError("no network")
        site.start()
        reached = {
            "online": lambda: site.uplink.state == "online",  # noqa: B023
            "connecting": lambda: site.uplink.state == "connecting",  # noqa: B023
            "offline": lambda: site.time.pauses,  # noqa: B023
        }
        assert await until(reached[state])
        await site.uplink.close()
        assert site.task.done()
        assert site.broker.hung_up == 1
        assert site.broker.closed == (state == "online")


async def test_close_without_a_connection():
    site = Site()
    await site.uplink.close()
    site = await started()
    site.broker.drop()
    await site.uplink.close()


# --- Everything at once -----------------------------------------------------------------------


async def test_chaos_loses_nothing():
    seeded()
    site = Site(readings=40, events=3)
    broker = site.broker
    broker.lose = lambda message: random.randrange(12) == 0
    acknowledged = {"event": set(), "reading": set()}
    twice = []

    def watch(message):
        if message.kind in ("event", "live", "hist"):
            stream = "event" if message.kind == "event" else "reading"
            for number in message.sequence():
                if number in acknowledged[stream]:
                    twice.append((stream, number))
        if random.randrange(25) == 0:
            broker.drop()

    original = site.journal.acknowledge

    def acknowledge(stream, first, count):
        name = "event" if stream == journal.EVENT else "reading"
        acknowledged[name].update(range(first, first + count))
        original(stream, first, count)

    site.journal.acknowledge = acknowledge
    broker.after_publish = watch
    site.start()
    for i in range(60):
        site.read(meters=random.randrange(1, 5))
        if i % 10 == 9:
            site.time.ahead_ms += 61000  # what is lost is noticed
            site.uplink._wake.set()
        await asyncio.sleep_ms(random.randrange(12))
    broker.lose = lambda message: False
    broker.after_publish = lambda message: None
    broker.drop()
    assert await until(lambda: site.journal.waiting() == 0, 5000)
    print("connections", broker.connects, "messages", len(broker.messages()))
    arrived = set(sequences(broker.messages("live", "hist")))
    assert arrived == set(range(1, site.journal.next(journal.READING)))
    arrived = set(sequences(broker.messages("event")))
    assert arrived >= set(range(1, site.journal.cursor(journal.EVENT)))
    assert twice == []  # nothing is sent again that had been acknowledged
    assert broker.connects > 3
