# Time from a server: what is believed of its answers, and when it is asked.

import asyncio
import struct

from concentrator import sntp
from concentrator.modem import ModemError, udp
from fakes import Settings, raises_async

NOW = 1788220800  # 2026-09-01
TO_1970 = 2208988800
LOCAL = "127.0.0.1"


class Ticks:
    # Time for a Query, as its module sees it.

    def __init__(self):
        self.now = (1 << 30) - 100

    def __call__(self):
        return self.now % (1 << 30)


def ticks():
    made = Ticks()
    sntp.ticks_ms = made
    sntp.ticks_diff = lambda end, start: (end - start + (1 << 29)) % (1 << 30) - (1 << 29)
    return made


def timestamp(ms):
    return struct.pack("!II", (ms // 1000 + TO_1970) & 0xFFFFFFFF, (ms % 1000 << 32) // 1000 + 1)


def answer(question, utc_ms=NOW * 1000, held_ms=0, head=0x24, stratum=2, delay=0, dispersion=0):
    return (
        struct.pack("!BBbbIII", head, stratum, 6, -20, delay, dispersion, 0x7F000001)
        + timestamp(utc_ms - 5000)
        + question[40:48]
        + timestamp(utc_ms - held_ms)
        + timestamp(utc_ms)
    )


def test_the_way_there_and_back_is_halved():
    clock = ticks()
    query = sntp.Query()
    question = query.make()
    clock.now += 300
    assert query.judge(answer(question, held_ms=100))
    assert query.utc_ms() == NOW * 1000 + 100
    assert query.error_ms == 101
    clock.now += 5000  # closing the socket takes its time
    assert query.utc_ms() == NOW * 1000 + 5100


def test_how_far_the_server_is_off_counts():
    ticks()
    query = sntp.Query()
    question = query.make()
    assert query.judge(answer(question, delay=0x8000, dispersion=0x4000))
    assert query.error_ms == 250 + 250 + 1


def test_questions_tell_nothing_and_no_two_are_the_same():
    first, second = sntp.Query().make(), sntp.Query().make()
    assert len(first) == 48
    assert first[:40] == b"\x23" + bytes(39)
    assert first[40:] != second[40:]


def test_what_is_not_believed():
    def change(at, data):
        return lambda packet: packet[:at] + data + packet[at + len(data) :]

    year = 365 * 86400 * 1000
    for name, fields, spoil in (
        ("nothing", {}, lambda packet: b""),
        ("too short", {}, lambda packet: packet[:47]),
        ("an answer to another question", {}, change(24, b"12345678")),
        ("our own question", {}, lambda packet: b"\x23" + packet[1:]),
        ("a clock that is not set", {"head": 0xE4}, None),
        ("go away", {"stratum": 0}, None),
        ("no stratum", {"stratum": 16}, None),
        ("too far from its source", {"dispersion": 0x20000}, None),
        ("too far from its source", {"delay": 0x40000}, None),
        ("before this firmware", {"utc_ms": NOW * 1000 - year}, None),
        ("after its time", {"utc_ms": NOW * 1000 + 74 * year}, None),
        ("not even a time", {}, change(40, bytes(8))),
        ("sent before it was received", {"held_ms": -1000}, None),
        ("held longer than it took", {"held_ms": 1000}, None),
    ):
        clock = ticks()
        query = sntp.Query()
        packet = answer(query.make(), **fields)
        clock.now += 200
        assert query.judge(spoil(packet) if spoil else packet) is None, name
    clock = ticks()
    query = sntp.Query()
    packet = answer(query.make())
    clock.now += 3100
    assert query.judge(packet) is None, "took too long"


def test_time_goes_on_in_2036():
    clock = ticks()
    for seconds in (2085978495, 2085978496, 2085978497):  # the count of NTP wraps here
        query = sntp.Query()
        assert query.judge(answer(query.make(), seconds * 1000))
        assert query.utc_ms() == seconds * 1000
        clock.now += 1


class Modem:
    # Gives every question to `outcome(make, judge)`.

    def __init__(self):
        self.asked = []
        self.outcome = None

    async def ask(self, host, port, make, judge, wait_ms):
        self.asked.append((host, port))
        return self.outcome(make, judge)


def start(state="online"):
    # A time server's part, its modem, what was taken, and the pauses it makes.
    class Stop(Exception):
        pass

    class Time:
        def __init__(self):
            self.slept = []

        async def sleep(self, seconds):
            self.slept.append(seconds)
            if len(self.slept) == 3:
                raise Stop

    modem, uplink, taken, time = Modem(), Settings(state=state), [], Time()
    sntp.asyncio = time

    def take(utc_ms, error_ms):
        taken.append(utc_ms)

    server = sntp.TimeServer("time.example", modem, uplink, take)
    return raises_async(Stop, server.run()), modem, taken, time


async def test_a_server_is_asked_every_four_hours():
    ticks()
    run, modem, taken, time = start()
    modem.outcome = lambda make, judge: judge(answer(make()))
    await run
    assert time.slept == [14400] * 3
    assert modem.asked == [("time.example", 123)] * 3
    assert taken == [NOW * 1000] * 3


async def test_without_an_answer_the_next_question_comes_sooner():
    def fail(make, judge):
        raise ModemError("no way")

    for outcome in (fail, lambda make, judge: None):
        run, modem, taken, time = start()
        modem.outcome = outcome
        await run
        assert time.slept == [900] * 3
        assert taken == []


async def test_without_an_uplink_nobody_is_asked():
    run, modem, _, time = start("connecting")
    await run
    assert modem.asked == []
    assert time.slept == [5] * 3


async def test_an_answer_over_udp():
    import random
    import socket

    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port = random.randrange(20000, 60000)
    server.bind(socket.getaddrinfo(LOCAL, port)[0][-1])
    server.setblocking(False)

    async def serve():
        while True:
            try:
                question, sender = server.recvfrom(100)
                server.sendto(answer(bytes(48)), sender)  # not to this question
                server.sendto(answer(question), sender)
            except OSError:
                await asyncio.sleep_ms(1)

    task = asyncio.create_task(serve())
    query = sntp.Query()
    assert await udp.ask(LOCAL, port, query.make, query.judge, lambda: None, 2000)
    assert abs(query.utc_ms() - NOW * 1000) < 1000
    task.cancel()
    await asyncio.sleep_ms(0)
    assert await udp.ask(LOCAL, port, query.make, query.judge, lambda: None, 50) is None
