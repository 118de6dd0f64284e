# One RS485 line with everything that can go wrong on it. The port is scripted, the time is real.

import asyncio
import random
from time import ticks_diff, ticks_ms

import dlt645
import micropython
from concentrator import bus as buses
from concentrator import quality
from concentrator.bus import Bus
from concentrator.protocols.dlt645 import ReadTransaction
from fakes import HANG_MS, Port, Settings, meter_frame, raises_async, seeded
from meter_line import Line, Meter

METER = "000000000012"
OTHER = "000000000013"
DI = 0x00010000
OTHER_DI = 0x02010100
BLOCK = 0x0001FF00
VALUE = b"\x78\x56\x34\x12"
ANSWER = meter_frame(METER, DI, VALUE)
REFUSAL = b"\xfe" + dlt645.frame(METER, 0xD1, b"\x02")  # an error carries no DI
GAP_MS = 500  # the bus's: the longest pause between two bytes of a frame


def bytewise(data):
    return [data[i : i + 1] for i in range(len(data))]


def corrupt(frame):
    damaged = bytearray(frame)
    damaged[-3] ^= 0x10
    return bytes(damaged)


def make(answer, retries=2, timeout_ms=30, baud=115200, pause_ms=0):
    port = Port(answer)
    settings = Settings(
        baud=baud, timeout_ms=timeout_ms, retries=retries, preamble=4, pause_ms=pause_ms
    )
    transaction = ReadTransaction(4)
    transaction.prepare(METER, DI)
    return Bus(1, port, settings), port, transaction


class Script:
    # Answers one request after the other, each a list of chunks; then silence.

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self, request):
        return self.answers.pop(0) if self.answers else []


async def expect_value(*answers, requests=1):
    bus, port, transaction = make(Script(*answers))
    assert await bus.exchange(transaction) == quality.GOOD
    assert transaction.value(0) == 12345678
    assert len(port.requests) == requests
    assert bus.good == 1
    assert bus.failed == 0
    assert bus.retried == requests - 1
    return bus


# --- Good answers, however they arrive --------------------------------------------------------


async def test_in_one_piece():
    await expect_value([ANSWER])


async def test_a_transaction_may_have_its_own_time_out_and_tells_how_long_the_meter_took():
    bus, _, transaction = make(Script(), timeout_ms=5000)
    before = ticks_ms()
    assert await bus.exchange(transaction, False, 30) == quality.TIMEOUT
    assert 30 <= ticks_diff(ticks_ms(), before) < 4000
    bus, _, transaction = make(Script([b""] * 20 + [ANSWER]), timeout_ms=HANG_MS)
    before = ticks_ms()
    assert await bus.exchange(transaction) == quality.GOOD
    assert 15 <= bus.delay_ms <= ticks_diff(ticks_ms(), before)


async def test_the_request_is_what_is_sent():
    bus, port, transaction = make(Script([ANSWER]))
    await bus.exchange(transaction)
    assert port.requests == [bytes(transaction.request[: transaction.request_size])]


async def test_an_answer_is_taken_when_its_last_byte_has_come():
    real = buses.asyncio, buses.ticks_ms
    try:
        line = Line([Meter(METER)])  # its time is simulated
        transaction = ReadTransaction(2)
        transaction.prepare(METER, DI)
        assert await line.bus.exchange(transaction) == quality.GOOD
        request, answer = 2 + 16, 2 + 20  # bytes
        byte_ms = 11000 / 2400
        late_ms = line.time.ms - 40 - (request + answer) * byte_ms
        assert -byte_ms <= late_ms <= byte_ms, late_ms
    finally:
        buses.asyncio, buses.ticks_ms = real


async def test_byte_by_byte():
    await expect_value(bytewise(ANSWER))


async def test_with_pauses_in_it():
    await expect_value(
        [b""] * 5 + [ANSWER[:7]] + [b""] * 5 + [ANSWER[7:20]] + [b""] * 5 + [ANSWER[20:]]
    )


async def test_behind_noise():
    await expect_value([b"\x00\xff\x55\x16\x68\x01", ANSWER])


async def test_behind_a_false_start_that_swallows_it():
    # Noise that looks like the start of a frame of 200 bytes: the pause behind the answer tells.
    await expect_value([b"\x68\x01\x02\x03\x04\x05\x06\x68\x91\xc8" + ANSWER])


async def test_behind_our_own_echo():
    bus, port, transaction = make(lambda request: [request, ANSWER])
    assert await bus.exchange(transaction) == quality.GOOD
    assert transaction.value(0) == 12345678
    assert len(port.requests) == 1


async def test_an_echo_neither_tells_how_long_a_meter_took_nor_lengthens_the_wait():
    quiet = [b""] * 20  # looks at the port, a millisecond each
    bus, _, transaction = make(lambda request: [request] + quiet + [ANSWER], timeout_ms=HANG_MS)
    assert await bus.exchange(transaction) == quality.GOOD
    assert bus.delay_ms >= 15
    for parts in (1, 2, 24):
        bus, _, transaction = make(None, retries=0)

        def echo(request, parts=parts):
            size = -(-len(request) // parts)
            return [request[i : i + size] for i in range(0, len(request), size)]

        bus._port.answer = echo
        started = ticks_ms()
        assert await bus.exchange(transaction) == quality.TIMEOUT
        assert ticks_diff(ticks_ms(), started) < GAP_MS, parts


async def test_an_answer_that_has_begun_in_time_may_have_a_pause_in_it_that_ends_later():
    bus, _, transaction = make(lambda request: [ANSWER[:9]] + [b""] * 60 + [ANSWER[9:]], retries=0)
    assert await bus.exchange(transaction) == quality.GOOD
    assert bus.delay_ms < 30


async def test_our_echo_alone_is_a_timeout():
    bus, _, transaction = make(lambda request: [request], retries=0)
    assert await bus.exchange(transaction) == quality.TIMEOUT


async def test_behind_another_meters_late_answer():
    await expect_value([meter_frame(OTHER, DI, b"\x01\x02\x03\x04"), ANSWER])
    await expect_value([meter_frame(METER, OTHER_DI, b"\x01\x23") + ANSWER])
    await expect_value([corrupt(ANSWER) + ANSWER])


async def test_more_than_a_chunk_of_frames():
    await expect_value([meter_frame(OTHER, DI, b"\x01\x02\x03\x04") * 20 + ANSWER])


# --- Bad answers ------------------------------------------------------------------------------


async def test_silence():
    for retries in (0, 1, 3):
        bus, port, transaction = make(Script(), retries)
        started = ticks_ms()
        assert await bus.exchange(transaction) == quality.TIMEOUT
        took = ticks_diff(ticks_ms(), started)
        assert len(port.requests) == 1 + retries
        assert bus.failed == 1
        assert bus.retried == retries
        assert took >= 30 * (1 + retries)
        assert took < 10 * 35 * (1 + retries), took


async def test_a_lost_answer_is_asked_for_again():
    await expect_value([], [ANSWER], requests=2)


async def test_a_corrupt_answer_is_asked_for_again():
    await expect_value([corrupt(ANSWER)], [ANSWER], requests=2)


async def test_only_corrupt_answers():
    async def gives(answer):
        bus, port, transaction = make(lambda request: [answer], retries=0)
        assert await bus.exchange(transaction) == quality.MALFORMED
        assert len(port.requests) == 1

    await asyncio.gather(gives(corrupt(ANSWER)), gives(ANSWER[:-5]), gives(b"\xfe" + ANSWER[:14]))


async def test_what_went_wrong_before_does_not_count_against_the_next_meter():
    # One transaction serves all meters of a slot: after a corrupt answer, silence is silence.
    bus, _, transaction = make(Script([corrupt(ANSWER)]), retries=0)
    assert await bus.exchange(transaction) == quality.MALFORMED
    transaction.prepare(OTHER, DI)
    assert await bus.exchange(transaction) == quality.TIMEOUT


async def test_a_refusal_is_an_answer():
    bus, port, transaction = make(lambda request: [REFUSAL])
    assert await bus.exchange(transaction) == quality.REFUSED
    assert transaction.error == 2
    assert len(port.requests) == 1
    assert bus.good == 1


async def test_wrong_meter_or_item():
    async def gives(answer):
        bus, port, transaction = make(lambda request: [answer], retries=0)
        assert await bus.exchange(transaction) == quality.WRONG
        assert len(port.requests) == 1

    of_another = meter_frame(OTHER, DI, VALUE)
    await asyncio.gather(gives(of_another), gives(meter_frame(METER, OTHER_DI, b"\x01\x23")))


async def test_stale_bytes_are_dropped_before_the_request():
    bus, port, transaction = make(Script([ANSWER]))
    stale = meter_frame(METER, DI, b"\x11\x11\x11\x11")
    port.chunks = [stale, stale[:9]]
    assert await bus.exchange(transaction) == quality.GOOD
    assert transaction.value(0) == 12345678


async def test_the_line_is_silent_before_a_request_for_as_long_as_is_set():
    written = []
    bus, _, transaction = make(lambda request: written.append(ticks_ms()) or [ANSWER], pause_ms=40)
    started = ticks_ms()
    for _ in range(2):
        assert await bus.exchange(transaction) == quality.GOOD
    assert ticks_diff(written[0], started) >= 40
    assert ticks_diff(written[1], written[0]) >= 40


class Paced(Port):
    # The other end sends `data`, a byte each `period_ms`, from the beginning.

    def __init__(self, answer, data, period_ms):
        super().__init__(answer)
        self.started = ticks_ms()
        self.data = data
        self.given = 0
        self.period_ms = period_ms
        self.written_at = None  # how many bytes had come when the request went out

    def due(self):
        return min(len(self.data), ticks_diff(ticks_ms(), self.started) // self.period_ms)

    def write(self, buffer, count):
        self.written_at = self.due()
        return super().write(buffer, count)

    def readinto(self, buffer):
        count = self.due() - self.given
        if not count:
            return super().readinto(buffer)
        buffer[:count] = self.data[self.given : self.given + count]
        self.given += count
        return count


async def test_no_request_goes_out_while_a_late_answer_is_still_coming():
    # At 2400 baud a byte takes 4.6 ms: a single look at the port between two of them finds none.
    bus, _, transaction = make(None, retries=0, timeout_ms=100, baud=2400)
    late = meter_frame(OTHER, DI, b"\x01\x02\x03\x04")
    port = bus._port = Paced(lambda request: [ANSWER], late, 5)
    await asyncio.sleep_ms(7)  # it has begun
    assert await bus.exchange(transaction) == quality.GOOD
    assert port.written_at == len(late), port.written_at


# --- Characters that come with a parity or framing error --------------------------------------


async def test_an_answer_with_a_damaged_character_in_it_is_asked_for_again():
    # Its checksum is right: two damages may make up for each other, and the port says "damaged".
    for at in (5, 14, len(ANSWER) - 1):
        damaged = [ANSWER[:at], Port.DAMAGE, ANSWER[at:]]
        await expect_value(damaged, [ANSWER], requests=2)


async def test_damage_before_an_answer_or_behind_it_does_no_harm():
    # What a driver does to the line when it takes hold of it, and when it lets go.
    await expect_value([Port.DAMAGE, ANSWER])
    await expect_value([b"\x00", Port.DAMAGE, ANSWER])
    bus = await expect_value([ANSWER, b"\x00", Port.DAMAGE])
    transaction = ReadTransaction(4)
    transaction.prepare(METER, DI)
    bus._port.answer = Script([ANSWER])
    assert await bus.exchange(transaction) == quality.GOOD


async def test_damage_while_a_request_goes_out_does_no_harm():
    class Damaged(Port):
        def write(self, buffer, count):
            self.is_damaged = True
            return super().write(buffer, count)

        def damaged(self):
            was, self.is_damaged = self.is_damaged, False
            return was

    bus, _, transaction = make(None, retries=0)
    bus._port = Damaged(Script([ANSWER[:9], ANSWER[9:]]))
    assert await bus.exchange(transaction) == quality.GOOD


async def test_damage_uncovers_an_answer_behind_a_false_start():
    false_start = b"\x68\x12\x00\x00\x00\x00\x00\x68\x91\xc8"  # 200 bytes to come
    bus, _, transaction = make(Script([false_start + ANSWER, Port.DAMAGE]), timeout_ms=10000)
    started = ticks_ms()
    assert await bus.exchange(transaction) == quality.GOOD
    assert ticks_diff(ticks_ms(), started) < GAP_MS


# --- Items in several parts -----------------------------------------------------------------


def in_parts(last):
    # A meter that splits a block of energies, and what it says when asked for the second part.
    def answer(request):
        address, control, data = dlt645.parse(request)
        if address != METER:
            return [meter_frame(address, DI, VALUE)]
        if control == 0x11:
            return [dlt645.frame(METER, 0xB1, data + VALUE)]
        return [last] if last else []

    return answer


async def test_an_item_that_never_comes_out_valid_is_malformed_and_the_next_meter_is_read():
    bad = meter_frame(METER, BLOCK, b"\xaa" * 4 + b"\x01", 0x92)
    for retries in (0, 2):
        bus, port, transaction = make(in_parts(bad), retries)
        transaction.prepare(METER, BLOCK)
        assert await bus.ask(transaction) == quality.MALFORMED
        assert len(port.requests) == (2 if retries == 0 else 6)
        assert transaction.count == 0
        transaction.prepare(OTHER, DI)
        assert await bus.ask(transaction) == quality.GOOD


async def test_a_block_that_was_whole_is_good_when_more_was_announced_and_is_not_given():
    for last in (dlt645.frame(METER, 0xD2, b"\x02"), None):
        bus, _, transaction = make(in_parts(last), retries=1)
        transaction.prepare(METER, BLOCK)
        assert await bus.ask(transaction) == quality.GOOD
        assert (transaction.count, transaction.value(0)) == (1, 12345678)
        assert transaction.event_pending()


# --- A line that babbles, a port that fails ---------------------------------------------------


class Babble(Port):
    def __init__(self, after_request):
        super().__init__(None)
        self.silent = after_request

    def write(self, buffer, count):
        self.silent = False
        return count

    def readinto(self, buffer):
        if self.silent:
            return 0
        for i in range(16):
            buffer[i] = (0x68, 0x00, 0x16, 0x91, 0x33)[random.randrange(5)]
        return 16


async def test_babble_is_bounded():
    async def one(after_request):
        bus, _, transaction = make(None, retries=0)
        bus._port = Babble(after_request)
        started = ticks_ms()
        assert await bus.exchange(transaction) == quality.JAMMED
        assert ticks_diff(ticks_ms(), started) < HANG_MS
        assert bus.failed == 1

    await asyncio.gather(one(False), one(True))


class Broken(Port):
    # Fails at "write", at "read", or at the "answer": a read after a request.

    def __init__(self, at):
        super().__init__(Script())
        self.at = at

    def write(self, buffer, count):
        if self.at == "write":
            raise OSError(5)
        return super().write(buffer, count)

    def readinto(self, buffer):
        if self.at == "read" or (self.at == "answer" and self.requests):
            raise OSError(5)
        return 0


async def test_a_port_that_fails():
    for at in ("write", "read", "answer"):
        bus, _, transaction = make(None, retries=2)
        bus._port = Broken(at)
        started = ticks_ms()
        assert await bus.exchange(transaction) == quality.JAMMED
        assert bus.failed == 1
        assert 3 * 30 <= ticks_diff(ticks_ms(), started) < HANG_MS


async def test_a_port_that_recovers():
    bus, _, transaction = make(None)
    port = bus._port = Broken("write")
    assert await bus.exchange(transaction) == quality.JAMMED
    bus._port = Port(Script([ANSWER]))
    assert port.requests == []
    assert await bus.exchange(transaction) == quality.GOOD


class Narrow(Port):
    # Takes at most `width` bytes a write; answers when the whole request has come.

    def __init__(self, width, whole):
        super().__init__(Script([ANSWER]))
        self.width = width
        self.whole = whole
        self.taken = b""

    def write(self, buffer, count):
        part = bytes(memoryview(buffer)[: min(count, self.width)])
        self.taken += part
        if self.whole in self.taken:
            self.taken = b""
            super().write(self.whole, len(self.whole))
        return len(part)


async def test_a_port_that_takes_a_request_in_parts():
    for width in (1, 7, 19):
        bus, _, transaction = make(None)
        whole = bytes(transaction.request[: transaction.request_size])
        port = bus._port = Narrow(width, whole)
        assert await bus.exchange(transaction) == quality.GOOD
        assert port.requests == [whole]


async def test_a_port_that_takes_nothing():
    bus, _, transaction = make(None, retries=0)
    port = bus._port = Narrow(0, b"?")
    started = ticks_ms()
    assert await bus.exchange(transaction) == quality.JAMMED
    assert ticks_diff(ticks_ms(), started) < HANG_MS
    assert port.requests == []


async def test_fuzz_nothing_escapes_and_nothing_hangs():
    seeded()
    pieces = (ANSWER, REFUSAL, corrupt(ANSWER), meter_frame(OTHER, DI, VALUE), b"\x68", b"\xfe")
    seen = {}

    def answer(request):
        data = bytearray()
        for _ in range(random.randrange(4)):
            data += random.choice(pieces)
        for _ in range(random.randrange(3)):
            if data:
                data[random.randrange(len(data))] = random.getrandbits(8)
        cut = random.randrange(len(data) + 1)
        return [bytes(data[:cut]), b"", bytes(data[cut:])]

    async def line():
        bus, _, transaction = make(answer, retries=0)
        reason = await bus.exchange(transaction)
        assert reason in quality.NAMES, reason
        seen[reason] = seen.get(reason, 0) + 1

    started = ticks_ms()
    for _ in range(2):
        await asyncio.gather(*[line() for _ in range(50)])
    assert ticks_diff(ticks_ms(), started) < HANG_MS
    print(seen)
    assert len(seen) > 3


# --- One transaction at a time ----------------------------------------------------------------


async def begin(bus, transaction):
    return await bus.exchange(transaction)


async def test_a_second_transaction_at_the_same_time_is_refused():
    bus, port, transaction = make(Script([], [ANSWER]))
    first = asyncio.create_task(begin(bus, transaction))
    await asyncio.sleep_ms(5)
    other = ReadTransaction(4)
    other.prepare(OTHER, DI)
    text = await raises_async(RuntimeError, begin(bus, other))
    assert text == "bus 1: a transaction is under way"
    assert await first == quality.GOOD
    assert transaction.value(0) == 12345678
    assert len(port.requests) == 2


async def test_nothing_but_a_plain_await_will_do():
    bus, port, transaction = make(Script([ANSWER]))
    for misuse in (lambda waiting: asyncio.wait_for(waiting, 1), asyncio.gather):
        await raises_async(TypeError, misuse(bus.exchange(transaction)))
    assert port.requests == []
    assert await bus.exchange(transaction) == quality.GOOD


async def test_a_cancelled_transaction_leaves_the_bus_free():
    # Cancelled at any moment of it, the answer to the first request in part or whole still there.
    for delay_ms in (0, 1, 3, 10, 20):
        late = meter_frame(OTHER, DI, b"\x01\x02\x03\x04")
        bus, port, transaction = make(Script([late[:9]], [ANSWER]), timeout_ms=100)
        under_way = asyncio.create_task(begin(bus, transaction))
        await asyncio.sleep_ms(delay_ms)
        under_way.cancel()
        await raises_async(asyncio.CancelledError, under_way)
        if not port.requests:
            port.answer.answers.pop(0)
        assert await bus.exchange(transaction) == quality.GOOD
        assert transaction.value(0) == 12345678
        assert (bus.good, bus.failed, bus.retried) == (1, 0, 0)


async def test_a_fault_in_a_transaction_is_raised_and_leaves_the_bus_free():
    def fault(*_):
        raise ValueError("fault")

    for function in ("listen", "receive", "accept", "cut", "repeat"):
        bus, port, transaction = make(Script([ANSWER[:-1], Port.DAMAGE] * (function == "repeat")))
        if function == "accept":
            port.answer = Script([ANSWER])
        faulty = ReadTransaction(4)
        faulty.prepare(METER, DI)
        setattr(faulty, function, fault)
        assert await raises_async(ValueError, begin(bus, faulty)) == "fault", function
        port.chunks.clear()
        port.answer = Script([ANSWER])
        assert await bus.exchange(transaction) == quality.GOOD, function


# --- Another speed ------------------------------------------------------------------------------


def make_opened(timeout_ms=30):
    # (bus, [speeds it was opened at], [(speed, ticks) of requests]); every speed has an answer.
    opened = []
    sent = []

    def open_port(_number, baud):
        opened.append(baud)

        def answer(_request):
            sent.append((baud, ticks_ms()))
            return [ANSWER]

        return Port(answer)

    settings = Settings(baud=2400, timeout_ms=timeout_ms, retries=0, preamble=4, pause_ms=0)
    return Bus(1, open_port(1, 2400), settings, open_port), opened, sent


def reading():
    transaction = ReadTransaction(4)
    transaction.prepare(METER, DI)
    return transaction


async def test_ask_goes_by_the_speed_it_is_given_or_the_own_one_and_leaves_that_of_before():
    bus, _, sent = make_opened()
    async with bus.turns:
        bus.set_speed(1200)
    for baud in (9600, None):
        assert await bus.ask(reading(), baud) == quality.GOOD
        assert bus.baud == 1200
    assert [baud for baud, _ in sent] == [9600, 2400]


async def test_a_port_that_cannot_be_opened_is_a_jammed_line_until_it_can():
    bus, opened, _ = make_opened()
    open_port = bus._open_port

    class BoardError(Exception):
        pass

    def fails(_number, _baud):
        raise BoardError("no such speed")

    bus._open_port = fails
    assert await bus.ask(reading(), 9600) == quality.JAMMED
    assert await bus.ask(reading()) == quality.JAMMED
    assert bus.failed == 2
    bus._open_port = open_port
    assert await bus.ask(reading()) == quality.GOOD
    assert opened == [2400, 2400]


async def test_a_cancelled_request_goes_out_and_is_heard_out_before_another_one():
    # At 2400 baud it takes 91 ms, and its answer may begin 100 ms later.
    for cancel_ms, baud in ((10, None), (10, 9600), (150, None)):
        bus, _, sent = make_opened(timeout_ms=100)
        bus._port.answer = lambda request: []
        started = ticks_ms()
        under_way = asyncio.create_task(bus.ask(reading()))
        await asyncio.sleep_ms(cancel_ms)
        under_way.cancel()
        await raises_async(asyncio.CancelledError, under_way)
        bus._port.answer = lambda request, sent=sent: sent.append((2400, ticks_ms())) or [ANSWER]
        assert await bus.ask(reading(), baud) == quality.GOOD
        assert len(sent) == 1
        assert sent[0][0] == (baud or 2400)
        assert ticks_diff(sent[0][1], started) >= 91 + 100


# --- Heap -------------------------------------------------------------------------------------


class Frugal(Port):
    # A meter that answers at once, `step` bytes at a time, and takes nothing from the heap.

    def __init__(self, step):
        super().__init__(ANSWER)
        self.at = len(ANSWER)
        self.step = step

    def damaged(self):
        return False

    def write(self, buffer, count):
        self.at = 0
        return count

    def readinto(self, buffer):
        count = 0
        while self.at < len(self.answer) and count < self.step:
            buffer[count] = self.answer[self.at]
            self.at += 1
            count += 1
        return count


class Naps:
    # In place of the module asyncio: no loop, whose own frames are not the bus's.

    def sleep_ms(self, ms):
        return self

    def __next__(self):
        pass


def transact(bus, transaction, times):
    for _ in range(times):
        transaction.prepare(METER, DI)
        for _ in bus.exchange(transaction):
            pass


def test_a_transaction_takes_nothing_from_the_heap():
    # Not for a moment, either: counted is what was ever asked for.
    bus, _, transaction = make(None)
    buses.asyncio = Naps()
    for step in (64, 3):
        bus._port = Frugal(step)
        transact(bus, transaction, 2)  # what is made once
        taken = []
        for times in (1, 51):
            before = micropython.mem_total()
            transact(bus, transaction, times)
            taken.append(micropython.mem_total() - before)
        assert taken[0] == taken[1], (step, taken)
    assert bus.good == 2 * (2 + 1 + 51)
