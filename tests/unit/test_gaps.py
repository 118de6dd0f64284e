# Which slots are taken for missing, and that few gaps stand for many slots and meters.

import asyncio

from concentrator import quality, records
from concentrator.gap_search import search
from concentrator.gaps import Gaps
from concentrator.journal import READING, Journal
from concentrator.timezone import TimeZone
from fakes import Events, RamFlash
from frozen import DAY, HOUR, Task, memory, reading, settings

MIDNIGHT = 1788134400 + 86400 - 8 * 3600  # of +08:00
ZONE = TimeZone(8 * 3600)
DAILY = Task(0, ["energy.forward.total@day1"], ZONE, daily=5)
LOAD = Task(1, ["energy.forward.total", "voltage.a"], ZONE, every=900)
LEVELS = Task(2, ["voltage.a"], ZONE, every=900)
FIVE = MIDNIGHT + 300
ALL = 0b111


class Site:
    def __init__(self, tasks=(DAILY, LOAD, LEVELS), meters=3, old=()):
        self.events = Events()
        self.meters = settings(meters, old)
        self.gaps = Gaps(1, self.meters, tasks, memory(ZONE), self.events)

    def fail(self, task, meter, slot, why=quality.TIMEOUT, values=(None,)):
        self.gaps.note(meter, reading(task.number, meter + 1, slot, why, values))

    def all(self, ready=ALL):
        found = []
        while True:
            gap = self.gaps.take(ready)
            if gap is None:
                return found
            found.append(gap)


def test_a_failed_reading_is_a_gap_whatever_the_reason():
    for why in (
        quality.TIMEOUT,
        quality.MALFORMED,
        quality.WRONG,
        quality.JAMMED,
        quality.POWER_FAILED,
    ):
        site = Site()
        site.fail(DAILY, 1, FIVE, why)
        assert site.all() == [(0, FIVE, FIVE, 0b010)]
    for why in (quality.GOOD, quality.MADE_UP, quality.SUSPECT, quality.REFUSED):
        site.fail(DAILY, 1, FIVE, why)
        assert site.all() == []


def test_only_what_meters_remember_is_a_gap():
    site = Site(old=(3,))
    two = (None, None)
    site.fail(LOAD, 0, MIDNIGHT + 900, values=two)  # nothing is frozen at a quarter past
    site.fail(LEVELS, 0, MIDNIGHT)
    site.fail(DAILY, 2, FIVE)  # meters of 1997 freeze nothing
    site.fail(LOAD, 0, MIDNIGHT, values=(None, 2301))  # what is known would be lost
    assert site.all() == []
    site.fail(LOAD, 0, MIDNIGHT, values=two)
    site.fail(LOAD, 1, MIDNIGHT + HOUR, values=two)
    assert site.all() == [(1, MIDNIGHT, MIDNIGHT, 1), (1, MIDNIGHT + HOUR, MIDNIGHT + HOUR, 2)]


def test_slots_without_any_reading_are_one_gap_of_all_meters():
    site = Site(meters=64)
    site.gaps.miss(0, FIVE + DAY, FIVE + 4 * DAY)
    assert site.all(2**64 - 1) == [(0, FIVE + 2 * DAY, FIVE + 3 * DAY, 2**64 - 1)]
    some = Task(0, ["energy.forward.total@day1"], ZONE, daily=5, meters=[2])
    site = Site([some], old=(3,))
    site.gaps.miss(0, FIVE, FIVE + 2 * DAY)
    assert site.all() == [(0, FIVE + DAY, FIVE + DAY, 0b010)]


def test_of_slots_without_readings_only_those_at_full_hours_are_a_gap_of_live_registers():
    site = Site()
    for number in (1, 2):
        site.gaps.miss(number, MIDNIGHT, MIDNIGHT + 2700)  # :15 and :30
    assert len(site.gaps) == 0
    site.gaps.miss(1, MIDNIGHT, MIDNIGHT + 3 * HOUR)
    site.gaps.miss(2, MIDNIGHT, MIDNIGHT + 3 * HOUR)
    assert site.all() == [(1, MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR + 2700, ALL)]


def test_neighbours_are_one_gap():
    site = Site()
    for day in range(10):
        for meter in (0, 2):
            site.fail(DAILY, meter, FIVE + day * DAY)
    for hour in range(10):
        site.fail(LOAD, 1, MIDNIGHT + hour * HOUR, values=(None, None))
    assert len(site.gaps) == 2
    assert site.all() == [
        (1, MIDNIGHT, MIDNIGHT + 9 * HOUR, 0b010),
        (0, FIVE, FIVE + 9 * DAY, 0b101),
    ]


def test_the_same_slot_is_missing_once():
    site = Site()
    site.gaps.miss(0, FIVE, FIVE + 5 * DAY)
    site.fail(DAILY, 1, FIVE + 2 * DAY, quality.POWER_FAILED)
    assert site.all() == [(0, FIVE + DAY, FIVE + 4 * DAY, ALL)]


def test_what_was_filled_is_no_gap_any_more():
    site = Site()
    site.gaps.add(0, FIVE, FIVE + 3 * DAY, ALL)
    for meter, day in ((0, 0), (1, 3), (2, 1)):
        site.gaps.note(meter, reading(0, meter + 1, FIVE + day * DAY, quality.FROZEN, (12345678,)))
    left = [[FIVE + day * DAY for day in days] for days in ((1, 2, 3), (0, 1, 2), (0, 2, 3))]
    for _, first, last, meters in site.all():
        for slot in range(first, last + 1, DAY):
            for meter in range(3):
                if meters >> meter & 1:
                    left[meter].remove(slot)
    assert left == [[], [], []]


def test_meters_that_are_not_ready_keep_their_gaps():
    site = Site()
    site.gaps.add(0, FIVE, FIVE, ALL)
    assert site.gaps.take(0b010) == (0, FIVE, FIVE, 0b010)
    assert site.gaps.take(0b010) is None
    assert site.all() == [(0, FIVE, FIVE, 0b101)]


def test_what_does_not_fit_is_dropped_with_one_event():
    site = Site()
    for day in range(100):
        site.fail(DAILY, day % 3, FIVE + day * 2 * DAY)
    assert len(site.gaps) == 32
    assert site.events.all == [("backfill.full", {"bus": 1})]
    assert len(site.all()) == 32
    site.fail(DAILY, 0, FIVE)
    assert len(site.gaps) == 1


# --- After a reset -----------------------------------------------------------------------------


class Log:
    def __init__(self):
        self.journal = Journal(RamFlash(32))
        self.journal.mount(1)
        for task in (DAILY, LOAD):
            self.journal.set_context(task.number, task.context)

    def write(self, task, meter, slot, why=quality.GOOD, values=(1,)):
        buffer = bytearray(100)
        size = records.pack_reading(reading(task.number, meter + 1, slot, why, values), buffer)
        self.journal.append(READING, buffer, size)


async def rebuilt(log, resumed=(), now=MIDNIGHT):
    site = Site((DAILY, LOAD))
    naps = []

    async def idle():
        naps.append(1)
        await asyncio.sleep_ms(0)

    tasks = [DAILY, LOAD]
    await search(site.gaps, log.journal, site.meters, tasks, resumed, now, idle)
    return site, len(naps)


async def test_gaps_are_found_again_after_a_reset():
    log = Log()
    for day in range(8):
        slot = FIVE + day * DAY
        if day in (3, 4):  # no power
            continue
        for meter in range(3):
            fails = meter == 1 and day in (1, 6)
            log.write(DAILY, meter, slot, quality.TIMEOUT if fails else 0, [None if fails else 7])
        if day == 6:
            for meter in range(2):  # one is filled, and one of the long gap
                log.write(DAILY, meter, FIVE + 3 * DAY, quality.FROZEN)
    site, naps = await rebuilt(log, resumed=[0])
    assert naps >= 2  # others had their turns
    missing = set()
    for number, first, last, meters in site.all():
        for slot in range(first, last + 1, DAY):
            for meter in range(3):
                if meters >> meter & 1:
                    missing.add((number, meter, (slot - FIVE) // DAY))
    assert missing == {(0, 1, 1), (0, 2, 3), (0, 0, 4), (0, 1, 4), (0, 2, 4), (0, 1, 6)}


async def test_slots_up_to_now_are_missing_of_a_task_that_is_not_resumed():
    log = Log()
    for meter in range(3):
        log.write(DAILY, meter, FIVE)
    site, _ = await rebuilt(log, now=FIVE + 2 * DAY)
    assert site.all() == [(0, FIVE + DAY, FIVE + 2 * DAY, ALL)]
    site, _ = await rebuilt(log, [0], FIVE + 2 * DAY)
    assert site.all() == []


async def test_readings_of_another_configuration_or_bus_do_not_count():
    log = Log()
    log.journal.set_context(0, records.pack_task("other", ["energy.forward.total@day1"], [0]))
    log.write(DAILY, 0, FIVE, quality.TIMEOUT, [None])
    log.journal.set_context(0, DAILY.context)
    log.write(DAILY, 7, FIVE + DAY, quality.TIMEOUT, [None])
    log.journal.append(READING, b"\x00" * 3)
    site, _ = await rebuilt(log)
    assert site.all() == []
