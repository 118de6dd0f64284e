"""What unit tests share: expectations, random numbers, and what stands in for hardware."""

import asyncio
import os
import random

import dlt645

BLOCK_SIZE = 4096
_ERASED = b"\xff" * BLOCK_SIZE
SEED = int(os.getenv("SEED") or 645)
HANG_MS = 20000  # what takes longer hangs; a slow machine is given time


def seeded(offset=0):
    """Seed the random numbers of a test; SEED=<number> in the environment gives it others."""
    print("SEED=%d" % SEED)
    random.seed(SEED + offset)


class Settings:
    """Attributes by keyword, as config.Section."""

    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)


def raises(error, function, *args, **kwargs):
    """The text of the exception; one of another type goes through and fails the test."""
    try:
        function(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError("no " + error.__name__)


async def raises_async(error, coroutine):
    """As raises(), for a coroutine."""
    try:
        await coroutine
    except error as e:
        return str(e)
    raise AssertionError("no " + error.__name__)


async def until(condition, limit_ms=2000):
    """Wait for a condition; False when it does not come true in time."""
    for _ in range(limit_ms // 2):
        if condition():
            return True
        await asyncio.sleep_ms(2)
    return False


class Clock:
    """A clock that is set by hand, as clock.Clock."""

    def __init__(self, seconds=0, quality=1):
        self.ms = seconds * 1000
        self.quality = quality
        self.steps = 0

    def step(self, ms):
        self.ms += ms
        self.steps += 1

    def now(self):
        return self.ms // 1000

    def now_ms(self):
        return self.ms


class Rtc:
    """A real-time clock, which is its own function for reading; it keeps how often it was set."""

    def __init__(self, ms):
        self.ms = ms
        self.sets = 0

    def __call__(self):
        return self.ms

    def set(self, ms):
        self.ms = ms
        self.sets += 1


class Events:
    """Keeps what is recorded: [(name, detail)]."""

    def __init__(self):
        self.all = []

    def record(self, name, **detail):
        self.all.append((name, detail))

    def names(self):
        return [name for name, _ in self.all]


class RamFlash:
    """Flash in memory; programming only clears bits."""

    def __init__(self, blocks):
        self._blocks = [bytearray(_ERASED) for _ in range(blocks)]  # the heap has no large holes

    def readblocks(self, block, buffer, offset=0):
        buffer[:] = memoryview(self._blocks[block])[offset : offset + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        data = self._blocks[block]
        for i, byte in enumerate(buffer):
            data[offset + i] &= byte

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self._blocks)
        if operation == 5:
            return BLOCK_SIZE
        if operation == 6:
            self._blocks[argument][:] = _ERASED
        return 0


class Port:
    """A serial port whose other end is `answer(request)`: the chunks that come back.

    A chunk is what one readinto() gives at most; b"" is a readinto() that gives nothing, DAMAGE a
    character with a parity error.
    """

    DAMAGE = None

    def __init__(self, answer):
        self.answer = answer
        self.requests = []  # what was written, one entry a write
        self.chunks = []  # what is still to be read

    def write(self, buffer, count):
        request = bytes(memoryview(buffer)[:count])
        self.requests.append(request)
        self.chunks += self.answer(request)
        return count

    def readinto(self, buffer):
        if not self.chunks or self.chunks[0] is self.DAMAGE:
            return 0
        chunk = self.chunks.pop(0)
        if len(chunk) > len(buffer):
            self.chunks.insert(0, chunk[len(buffer) :])
            chunk = chunk[: len(buffer)]
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def damaged(self):
        if not self.chunks or self.chunks[0] is not self.DAMAGE:
            return False
        self.chunks.pop(0)
        return True


def meter_frame(address, di, data, control=0x91):
    """A meter's answer on the wire, with wake-up bytes."""
    return b"\xfe\xfe\xfe\xfe" + dlt645.frame(address, control, di.to_bytes(4, "little") + data)
