# What is read from meters for slots of the past, and how little it is in anybody's way.

import asyncio

from concentrator import dates, quality, records
from concentrator.backfill import Backfill
from concentrator.gap_search import search
from concentrator.gaps import Gaps
from concentrator.journal import READING, Journal
from concentrator.timezone import TimeZone, parse_change
from fakes import Clock, Events, RamFlash, until
from frozen import DAY, HOUR, Bus, Meter, Rounds, Task, counted, memory, settings

CHINA = TimeZone(8 * 3600)
EUROPE = TimeZone(
    3600, parse_change("last sunday march 02:00"), parse_change("last sunday october 03:00"), 3600
)
DAY1 = ["energy.forward.total@day1"]
LIVE = ["energy.forward.total", "voltage.a"]


def at(*civil, zone=CHINA):
    return zone.utc(dates.utc_seconds(*civil))


NOW = at(2026, 11, 21, 10, 7)


class Site:
    # `meters` on a line, a clock that stands still at `now`, and one task.

    def __init__(self, items, meters=1, now=NOW, zone=CHINA, log=None, **when):
        self.zone = zone
        self.clock = Clock(now)
        self.events = Events()
        self.meters = [Meter() for _ in range(meters)]
        self.bus = Bus(self.meters, self.clock, zone)
        self.task = Task(0, items, zone, **when)
        if log is None:
            log = Journal(RamFlash(32))
            log.mount(1)
            log.set_context(0, self.task.context)
        self.journal = log
        remembered = memory(zone)
        self.sections = settings(meters)
        self.rounds = Rounds(self.bus, self.sections)
        self.gaps = Gaps(1, self.sections, [self.task], remembered, self.events)
        self.backfill = Backfill(
            self.bus,
            self.sections,
            [self.task],
            self.rounds,
            self.gaps,
            remembered,
            self.clock,
            self.journal,
            self.events,
        )

    async def resume(self):
        await search(
            self.gaps, self.journal, self.sections, [self.task], [], NOW, self.rounds.idle
        )
        await self.backfill.run()

    async def fill(self, first, last=None, meters=1):
        self.gaps.add(0, first, last or first, meters)
        await self.backfill.run()
        return self.readings()

    def readings(self, first=1):
        # [(meter, slot, values)] from record `first` on, all of which are from frozen data.
        reader = self.journal.reader(READING)
        reader.seek(first)
        found = []
        while True:
            record = reader.read()
            if record is None:
                return found
            reading = records.unpack_reading(record[1], len(record[1]))
            assert (reading.quality, reading.clock) == (quality.FROZEN, 1)
            found.append((reading.meter, reading.slot, reading.values))

    def held(self, *civil, part=1):
        return counted(dates.utc_seconds(*civil), part)


# --- Which freeze it is ------------------------------------------------------------------------


async def test_last_midnight_of_a_slot_days_ago_is_an_older_midnight_now():
    for day, number in ((21, 1), (20, 2), (18, 4)):
        site = Site(DAY1, daily=5)
        slot = at(2026, 11, day, 0, 5)
        assert await site.fill(slot) == [(1, slot, [site.held(2026, 11, day)])]
        stamp, value = 0x05060000 + number, 0x05060100 + number
        assert [di for _, di in site.bus.asked] == [stamp, value, stamp]
    assert site.events.all == [("backfill.done", {"bus": 1, "readings": 1})]


async def test_months_and_years_end():
    for now, slot, midnight in (
        ((2026, 3, 1, 0, 1), (2026, 2, 28, 12, 0), (2026, 2, 28)),
        ((2028, 3, 1, 0, 1), (2028, 2, 29, 12, 0), (2028, 2, 29)),
        ((2027, 1, 1, 23, 59), (2026, 12, 31, 12, 0), (2026, 12, 31)),
        ((2026, 12, 31, 23, 59), (2026, 10, 31, 12, 0), (2026, 10, 31)),  # the 62nd
    ):
        site = Site(DAY1, now=at(*now), daily=12 * 60)
        assert await site.fill(at(*slot)) == [(1, at(*slot), [site.held(*midnight)])]


async def test_items_of_older_midnights_and_of_hours_grow_older_too():
    items = ["energy.forward.total@day3", "energy.reverse.total@hour2"]
    site = Site(items, daily=12 * 60 + 30)
    slot = at(2026, 11, 19, 12, 30)
    values = [site.held(2026, 11, 17), site.held(2026, 11, 19, 11, part=2)]
    assert await site.fill(slot) == [(1, slot, values)]


async def test_live_registers_are_of_midnights_and_full_hours_and_levels_stay_unknown():
    site = Site(LIVE, every=900)
    first, last = at(2026, 11, 20, 22, 15), at(2026, 11, 21, 1, 45)
    readings = await site.fill(first, last)
    expected = [(2026, 11, 21, 1), (2026, 11, 21, 0), (2026, 11, 20, 23)]
    assert readings == [(1, at(*when), [site.held(*when), None]) for when in expected]
    kinds = [di >> 16 for _, di in site.bus.asked]
    assert kinds == [0x0504] * 3 + [0x0506] * 3 + [0x0504] * 3


async def test_all_items_of_a_freeze_are_read_between_two_looks_at_its_time():
    site = Site(["energy.forward.total@day1", "energy.reverse.total@day1"], daily=5)
    slot = at(2026, 11, 20, 0, 5)
    assert len(await site.fill(slot)) == 1
    assert [di & 0xFF00 for _, di in site.bus.asked] == [0x0000, 0x0100, 0x0200, 0x0000]


async def test_summer_time_begins_and_ends_between_slot_and_now():
    for month, change, slot_day in ((3, 29, 28), (10, 25, 24)):
        now = at(2026, month, change + 1, 9, 0, zone=EUROPE)
        site = Site(DAY1, now=now, zone=EUROPE, daily=5)
        for day in (slot_day, change, change + 1):
            slot = at(2026, month, day, 0, 5, zone=EUROPE)
            readings = await site.fill(slot)
            assert readings[-1] == (1, slot, [site.held(2026, month, day)])


async def test_an_hour_that_comes_twice_has_no_data():
    now = at(2026, 10, 25, 9, 7, zone=EUROPE)
    site = Site(LIVE, now=now, zone=EUROPE, every=3600)
    midnight = at(2026, 10, 25, zone=EUROPE)
    readings = await site.fill(midnight + HOUR, midnight + 5 * HOUR)
    assert [slot for _, slot, _ in readings] == [midnight + n * HOUR for n in (5, 4, 1)]
    assert [values[0] for _, _, values in readings] == [
        site.held(2026, 10, 25, hour) for hour in (4, 3, 1)
    ]


# --- Whether it counts -------------------------------------------------------------------------


async def test_a_meter_whose_clock_is_off_is_asked_for_the_neighbour():
    slot = at(2026, 11, 20, 0, 5)
    for fast in (15 * HOUR, -11 * HOUR):  # past its next midnight already, or not there yet
        site = Site(DAY1, daily=5)
        site.meters[0].fast = fast
        assert await site.fill(slot) == [(1, slot, [site.held(2026, 11, 20)])]


async def test_a_midnight_at_which_the_meter_was_off_is_given_up():
    site = Site(DAY1, daily=5)
    site.meters[0].off = (dates.utc_seconds(2026, 11, 20),)
    readings = await site.fill(at(2026, 11, 19, 0, 5), at(2026, 11, 21, 0, 5))
    assert [values for _, _, values in readings] == [
        [site.held(2026, 11, 21)],
        [site.held(2026, 11, 19)],
    ]
    assert site.events.all == [
        ("backfill.done", {"bus": 1, "readings": 2}),
        ("backfill.failed", {"bus": 1, "readings": 1, "meters": [1]}),
    ]
    assert len(site.gaps) == 0


async def test_a_value_read_while_the_meters_midnight_comes_is_not_taken():
    site = Site(DAY1, daily=5)
    meter = site.meters[0]

    def tick():
        if len(site.bus.asked) == 2:  # between the first look at the time and the value
            meter.fast = 14 * HOUR

    site.bus.before = tick
    assert await site.fill(at(2026, 11, 20, 0, 5)) == []
    assert site.events.names() == ["backfill.failed"]


async def test_a_meter_that_is_not_at_its_midnight_yet_is_asked_again_later():
    site = Site(DAY1, now=at(2026, 11, 21, 0, 6), daily=5)
    site.meters[0].fast = -600
    slot = at(2026, 11, 21, 0, 5)
    assert await site.fill(slot) == []
    assert len(site.gaps) == 1
    site.clock.ms += 900000
    await site.backfill.run()
    assert site.readings() == [(1, slot, [site.held(2026, 11, 21)])]


# --- What is not asked for ---------------------------------------------------------------------


async def test_what_a_meter_has_not_is_asked_for_once_a_day():
    site = Site(DAY1, meters=2, daily=5)
    site.meters[0].since = dates.utc_seconds(2026, 11, 20)
    first, last = at(2026, 11, 1, 0, 5), at(2026, 11, 21, 0, 5)
    readings = await site.fill(first, last, 0b11)
    assert [slot for meter, slot, _ in readings if meter == 1] == [last, last - DAY]
    assert len([slot for meter, slot, _ in readings if meter == 2]) == 21
    assert len([di for meter, di in site.bus.asked if meter == 1]) == 7
    await site.fill(first)
    assert len([di for meter, di in site.bus.asked if meter == 1]) == 7
    site.clock.ms += DAY * 1000
    await site.fill(first)
    assert len([di for meter, di in site.bus.asked if meter == 1]) == 8
    assert len(site.gaps) == 0


async def test_nobody_is_asked_for_what_no_meter_keeps():
    site = Site(LIVE, every=3600)
    await site.fill(NOW - 400 * DAY, NOW - 62 * DAY)
    assert site.bus.asked == []
    await site.fill(at(2026, 11, 1, 1), at(2026, 11, 1, 23))  # hours: the last 254
    assert site.bus.asked == []
    assert (len(site.gaps), site.events.all) == (0, [])


async def test_silent_meters_are_not_asked_until_they_answer_again():
    site = Site(DAY1, meters=3, daily=5)
    slot = at(2026, 11, 20, 0, 5)
    site.rounds.silent = {1}
    assert [meter for meter, _, _ in await site.fill(slot, None, 0b111)] == [1, 3]
    site.rounds.silent = set()
    await site.backfill.run()
    assert [meter for meter, _, _ in site.readings()] == [1, 3, 2]
    assert {meter for meter, _ in site.bus.asked[:6]} == {1, 3}


async def test_a_meter_that_falls_silent_keeps_its_gap_and_does_not_stop_the_others():
    site = Site(DAY1, meters=2, daily=5)
    first, last = at(2026, 11, 19, 0, 5), at(2026, 11, 21, 0, 5)
    site.meters[0].fails = [quality.TIMEOUT] * 3
    readings = await site.fill(first, last, 0b11)
    assert [meter for meter, _, _ in readings] == [2, 2, 2]
    await site.backfill.run()
    assert [meter for meter, _, _ in site.readings()] == [2, 2, 2, 1, 1, 1]
    assert site.events.names() == ["backfill.done"] * 2


async def test_a_damaged_answer_is_asked_for_again():
    site = Site(DAY1, daily=5)
    site.meters[0].fails = [quality.MALFORMED, quality.TIMEOUT]
    assert len(await site.fill(at(2026, 11, 20, 0, 5))) == 1


async def test_a_meter_that_never_answers_such_questions_is_given_up():
    site = Site(DAY1, daily=5)
    site.meters[0].fails = [quality.TIMEOUT] * 1000
    await site.fill(at(2026, 11, 19, 0, 5), at(2026, 11, 21, 0, 5))
    for _ in range(5):
        await site.backfill.run()
    assert len(site.bus.asked) == 9
    assert len(site.gaps) == 0
    assert site.events.names() == ["backfill.failed"]


async def test_a_line_in_trouble_costs_no_meter_its_gap():
    site = Site(DAY1, daily=5)
    site.meters[0].fails = [quality.JAMMED] * 3 * 20
    slot = at(2026, 11, 20, 0, 5)
    assert await site.fill(slot) == []
    for _ in range(20):
        await site.backfill.run()
    assert site.readings() == [(1, slot, [site.held(2026, 11, 20)])]


async def test_an_item_that_is_in_no_freeze_of_a_meter_is_asked_for_once_a_day():
    site = Site(["energy.forward.total@day1", "demand.forward.total@day1"], daily=5)
    readings = await site.fill(at(2026, 11, 18, 0, 5), at(2026, 11, 21, 0, 5))
    assert [values[1] for _, _, values in readings] == [None] * 4
    assert len([di for _, di in site.bus.asked if di & 0xFF00 == 0x0900]) == 1


# --- In nobody's way ---------------------------------------------------------------------------


async def test_a_slot_that_begins_waits_for_one_transaction_and_has_the_bus_to_its_end():
    site = Site(DAY1, meters=8, daily=5)
    bus = site.bus
    begun = []

    async def read_round():
        site.rounds.reading = True
        async with bus.turns:
            begun.append(len(bus.asked))
            await asyncio.sleep_ms(20)
            begun.append(len(bus.asked))
            begun.append(bus.turns.wanted)
        site.rounds.reading = False

    def begin():
        if len(bus.asked) == 4:
            asyncio.create_task(read_round())

    bus.before = begin
    assert len(await site.fill(at(2026, 11, 20, 0, 5), None, 0xFF)) == 8
    assert begun == [4, 4, 0]


async def test_a_power_cut_between_leaves_the_rest_to_the_next_start():
    site = Site(DAY1, meters=4, daily=5)
    buffer = bytearray(100)
    last_read = at(2026, 11, 17, 0, 5)
    for meter in range(1, 5):
        good = records.Reading(0, meter, last_read, 0, 1, quality.GOOD, [1])
        site.journal.append(READING, buffer, records.pack_reading(good, buffer))
    filling = asyncio.create_task(site.resume())

    async def cut():
        filling.cancel()

    def fail():
        if len(site.bus.asked) == 16:
            asyncio.create_task(cut())

    site.bus.before = fail
    assert await until(filling.done)
    assert len(site.readings(5)) == 5
    after = Site(DAY1, meters=4, log=site.journal, daily=5)
    await after.resume()
    readings = after.readings(5)
    assert len(readings) == 16
    assert {(meter, slot) for meter, slot, _ in readings} == {
        (meter, last_read + day * DAY) for meter in range(1, 5) for day in range(1, 5)
    }
