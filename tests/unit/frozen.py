"""Meters that freeze, and a bus to ask them on, for tests of what is filled in later."""

import asyncio

import dlt645
from concentrator import dates, grids, quality, records
from concentrator.items import Catalogue
from concentrator.memory import Memory
from concentrator.meters import Meters
from concentrator.protocols.dlt645 import ReadTransaction
from concentrator.turns import Turns
from fakes import Settings

DAY = 86400
HOUR = 3600
NO_SUCH_DATA = b"\x02"


def counted(moment, part=1):
    """What register `part` of every meter held when its clock showed a moment."""
    return moment // 60 * part % 10**8


def bcd(digits):
    return bytes([int(digits[at : at + 2], 16) for at in range(len(digits) - 2, -1, -2)])


class Meter:
    """A meter that is `fast` by so many seconds, and began to freeze at local time `since`."""

    def __init__(self, fast=0, since=0):
        self.fast = fast
        self.since = since
        self.fails = []  # what the next questions come to, in place of answers
        self.off = ()  # moments at which nothing was frozen

    def answer(self, di, local):
        if self.fails:
            return self.fails.pop(0)
        kind, part, number = di >> 16 & 0xFF, di >> 8 & 0xFF, di & 0xFF
        step = {6: DAY, 4: HOUR}[kind]
        local += self.fast
        moment = local - local % step
        while number > 1 or moment in self.off:
            number -= moment not in self.off
            moment -= step
        if moment < self.since or part not in (0, 1, 2):
            return NO_SUCH_DATA
        if part == 0:
            year, month, day, hour, minute, _ = dates.civil(moment)
            return bcd("%02d%02d%02d%02d%02d" % (year % 100, month, day, hour, minute))
        return bcd("%08d" % counted(moment, part))


class Bus:
    """Line 1 with `meters`, whose addresses are 1, 2 and so on."""

    number = 1
    preamble = 4

    def __init__(self, meters, clock, zone):
        self.meters = meters
        self.clock = clock
        self.zone = zone
        self.turns = Turns()
        self.asked = []  # (meter, identifier)
        self.before = lambda: None  # called before each answer

    async def exchange(self, transaction, again=True):
        address, _, data = dlt645.parse(transaction.request[: transaction.request_size])
        di = int.from_bytes(data[:4], "little")
        self.asked.append((int(address), di))
        await asyncio.sleep_ms(0)
        self.before()
        now = self.clock.now()
        answer = self.meters[int(address) - 1].answer(di, now + self.zone.offset(now))
        if not isinstance(answer, bytes):
            return answer
        refused = len(answer) == 1
        frame = dlt645.frame(
            address, 0xD1 if refused else 0x91, answer if refused else data[:4] + answer
        )
        transaction.listen()
        return transaction.accept(transaction.receive(frame, len(frame)))


class Rounds:
    """Rounds that nobody reads."""

    def __init__(self, bus, meters):
        self.transaction = ReadTransaction(4)
        self.bus = bus
        self.meters = meters  # sections of the configuration
        self.reading = False
        self.silent = set()

    async def ask(self, meter, step):
        self.transaction.prepare(self.meters[meter].address, step.identifier, 2007, step.form)
        return await self.bus.exchange(self.transaction, False)

    async def idle(self):
        await asyncio.sleep_ms(0)
        while self.reading:
            await asyncio.sleep_ms(2)

    def is_silent(self, meter):
        return meter in self.silent


class Task:
    """A task as the collector has it. `grid` of a section of the configuration: every, daily."""

    def __init__(self, number, items, zone, every=None, daily=None, meters=None):
        section = Settings(every=every, daily=daily, monthly=None, windows=())
        self.number = number
        self.grid = grids.of(section, zone)
        self.meters = meters
        self.context = records.pack_task("task%d" % number, items, [0] * len(items))


def settings(count, old=()):
    return Meters(
        Settings(
            number=number,
            address="%012d" % number,
            bus=1,
            protocol="dlt645-1997" if number in old else "dlt645-2007",
            max_power=100,
            baud=None,
        )
        for number in range(1, count + 1)
    )


def memory(zone):
    return Memory(Catalogue(), zone)


def reading(task, meter, slot, why=quality.TIMEOUT, values=(None,)):
    return records.Reading(task, meter, slot, 0, 1, why, list(values))
