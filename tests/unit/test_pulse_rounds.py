# What a slot leaves of the pulse inputs in the journal, when all is well and after a restart.

import asyncio

from concentrator import quality, records
from concentrator.collector import Collector
from concentrator.items import Catalogue
from concentrator.journal import READING, Journal
from concentrator.timezone import TimeZone
from fakes import Clock, Events, RamFlash, Settings, until

SLOT = 1788220800
EVERY = 900


def task(name, items, every, meters=None):
    return Settings(
        name=name, items=items, every=every, daily=None, monthly=None, windows=(), meters=meters
    )


LOAD = task("load", ["voltage.a", "energy.forward.total"], EVERY)
POWER = task("power", ["power.active.total"], EVERY)
OTHERS = task("others", ["energy.forward.total"], EVERY, [7])
ONE = task("one", ["energy.forward.total"], EVERY, [7, 202])
INPUTS = [
    Settings(number=201, item="energy.forward.total"),
    Settings(number=202, item="energy.forward.total"),
]


class Inputs:
    # Registers that stand at their number, one of them in doubt.

    def reading(self, number):
        return number, quality.SUSPECT if number == 202 else quality.GOOD


class Site:
    # A collector without buses: nothing but pulse inputs.

    def __init__(self, now, log=None, tasks=(LOAD, POWER, OTHERS)):
        self.clock = Clock(now)
        self.events = Events()
        self.journal = log or Journal(RamFlash(8))
        if log is None:
            self.journal.mount(1)
        self.config = Settings(
            meters=[],
            tasks=tasks,
            zone=TimeZone(0),
            catalogue=Catalogue(),
            pulses=Settings(inputs=INPUTS),
        )

    async def run(self, count):
        # Until there are so many readings; returns all.
        collected = Collector([], self.config, self.clock, self.journal, self.events, Inputs())
        running = asyncio.create_task(collected.run())
        assert await until(lambda: self.journal.next(READING) > count)
        await asyncio.sleep_ms(5)
        collected.stop()
        await running
        return self.readings()

    def readings(self):
        reader = self.journal.reader(READING)
        found = []
        while True:
            record = reader.read()
            if record is None:
                return found
            one = records.unpack_reading(record[1], len(record[1]))
            found.append((one.task, one.meter, one.slot, one.offset, one.quality, one.values))


def test_every_slot_of_a_task_with_their_item_has_a_reading_of_every_input():
    site = Site(SLOT - 1)
    site.clock.ms += 990
    readings = asyncio.run(ticking(site, 2))
    assert readings == [
        (0, 201, SLOT, 0, quality.GOOD, [None, 201]),
        (0, 202, SLOT, 0, quality.SUSPECT, [None, 202]),
    ]
    assert site.events.all == []


def test_a_task_may_be_for_some_inputs():
    site = Site(SLOT - 1, tasks=(ONE,))
    site.clock.ms += 990
    assert asyncio.run(ticking(site, 1)) == [(0, 202, SLOT, 0, quality.SUSPECT, [202])]


async def ticking(site, count):
    async def tick():
        while True:
            await asyncio.sleep_ms(5)
            site.clock.ms += 5

    ticks = asyncio.create_task(tick())
    try:
        return await site.run(count)
    finally:
        ticks.cancel()


def interrupted():
    # A journal in which power failed between the two readings of a slot.
    site = Site(SLOT)
    site.journal.set_context(0, records.pack_task("load", LOAD.items, [-1, -2]))
    buffer = bytearray(40)
    reading = records.Reading(0, 202, SLOT, 0, 1, quality.GOOD, [None, 7])
    site.journal.append(READING, buffer, records.pack_reading(reading, buffer))
    return site.journal


def test_a_restart_completes_the_slot_that_it_came_into():
    site = Site(SLOT + 100, interrupted())
    assert asyncio.run(site.run(2))[1] == (0, 201, SLOT, 100, quality.MADE_UP, [None, 201])
    assert site.events.all == [("slot.interrupted", {"bus": 0, "slot": SLOT, "read": 1})]


def test_after_the_slot_it_says_that_power_failed():
    site = Site(SLOT + EVERY, interrupted())
    readings = asyncio.run(site.run(4))
    assert readings[1] == (0, 201, SLOT, EVERY, quality.POWER_FAILED, [None, None])
    # The slot that has just begun: a register is read late, but well.
    assert readings[2:] == [
        (0, 201, SLOT + EVERY, 0, quality.GOOD, [None, 201]),
        (0, 202, SLOT + EVERY, 0, quality.SUSPECT, [None, 202]),
    ]


def test_a_complete_slot_is_not_made_again():
    site = Site(SLOT + 100, interrupted())
    asyncio.run(site.run(2))
    again = Site(SLOT + 200, site.journal)
    assert len(asyncio.run(again.run(2))) == 2
    assert again.events.all == []
