# What a slot leaves in the journal, whatever the meters do. Bus and schedule are scripted.

import asyncio

import dlt645
from concentrator import bus as buses
from concentrator import collector, journal, quality, records
from concentrator.collector import Collector
from concentrator.items import Catalogue
from concentrator.journal import Journal
from concentrator.meters import Meters
from concentrator.timezone import TimeZone
from concentrator.turns import Turns
from fakes import Clock, Events, RamFlash, Settings, until

SLOT = 1788220800


def task(name, items, every=900, meters=None):
    return Settings(
        name=name, items=items, every=every, daily=None, monthly=None, windows=(), meters=meters
    )


ENERGY = task("load15", ["energy.forward.total", "voltage.a"])
POWER = task("power", ["power.active.total", "current.a"])
BLOCK = {0x00010000: b"\x78\x56\x34\x12", 0x02010100: b"\x01\x23"}
BLOCK[0x02030000] = b"\x78\x56\x80"
BLOCK[0x02020100] = b"\xff\xff\xff"


class Bus:
    # Meters that do what `behaviour` {address: function(di)} says: data bytes or a quality.

    def __init__(self, number, behaviour):
        self.number = number
        self.preamble = 4
        self.timeout_ms = 700
        self.baud = self.own_baud = 2400
        self.delay_ms = 30
        self.turns = Turns()
        self.cycle_ms = 0
        self.behaviour = behaviour
        self.asked = []  # (address, di)
        self.recalled = []  # the same, and the speed, for what they may have frozen,
        self.frozen = {}  # and what they have
        self.speeds = []  # at which they were asked
        self.again = []  # for each: whether it may be repeated,
        self.reopened = 0
        self.limits = []  # and how long is waited

    def set_speed(self, baud):
        self.reopened += baud != self.baud
        self.baud = baud

    converse = buses.Bus.converse

    async def exchange(self, transaction, again, limit_ms=None):
        request = dlt645.parse(transaction.request[: transaction.request_size])
        address, control, data = request
        wire_di = data[: 2 if control < 0x10 else 4]
        di = int.from_bytes(wire_di, "little")
        await asyncio.sleep_ms(0)
        if di >> 24 == 5:
            self.recalled.append((address, di, self.baud))
            result = self.frozen.get(di, quality.REFUSED)
        else:
            self.speeds.append(self.baud)
            self.again.append(again)
            self.limits.append(limit_ms)
            self.asked.append((address, di))
            result = self.behaviour.get(address, BLOCK.get)(di)
        if result == quality.REFUSED:
            frame = dlt645.frame(address, control | 0xC0, b"\x02")
        elif isinstance(result, bytes):
            frame = dlt645.frame(address, control | 0x80, wire_di + result)
        elif isinstance(result, list):  # in parts, the first and one for every SEQ
            part = data[4] if len(data) > 4 else 0
            more = 0x20 if part < len(result) - 1 else 0
            frame = dlt645.frame(address, control | 0x80 | more, wire_di + result[part] + data[4:])
        else:
            return result
        transaction.listen()
        result = transaction.receive(frame, len(frame))
        return transaction.why_not() if result > 0 else transaction.accept(result)


class Schedule:
    # Gives one bus the scripted slots, then waits for ever.

    def __init__(self, slots, tasks, known):
        self.slots = list(slots)
        self.tasks = tasks
        self.resumed = None
        self.time_known = known

    async def ready(self):
        await self.time_known.wait()

    async def wait(self):
        if not self.slots:
            await asyncio.Event().wait()
        slot, due, missed, late = self.slots.pop(0)
        return slot, [self.tasks[number] for number in due], missed, late

    def resume(self, task, slot):
        self.resumed = slot


class Site:
    # A collector with `meters` meters on one or two buses, and what came of it.

    def __init__(
        self,
        slots,
        tasks=(ENERGY,),
        meters=3,
        buses=1,
        behaviour=None,
        log=None,
        old=(),
        speeds=None,
    ):
        self.behaviour = behaviour or {}
        self.tasks = list(tasks)
        self.slots = slots
        self.schedules = []
        self.time_known = asyncio.Event()
        self.time_known.set()
        collector.Schedule = self.schedule
        self.buses = [Bus(n + 1, self.behaviour) for n in range(buses)]
        settings = [
            Settings(
                number=i + 1,
                address=address(i + 1),
                bus=i % buses + 1,
                protocol="dlt645-1997" if i + 1 in old else "dlt645-2007",
                max_power=100,
                baud=(speeds or {}).get(i + 1),
            )
            for i in range(meters)
        ]
        self.clock = Clock(SLOT + 7)
        self.events = Events()
        if log is None:
            log = Journal(RamFlash(8))
            log.mount(1)
        self.journal = log
        config = Settings(
            meters=Meters(settings), tasks=self.tasks, zone=TimeZone(0), catalogue=Catalogue()
        )
        self.collector = Collector(self.buses, config, self.clock, log, self.events)

    def schedule(self, clock, tasks):
        slots = [
            (slot, [self.tasks.index(t) for t in due], missed, late)
            for slot, due, missed, late in self.slots
        ]
        self.schedules.append(Schedule(slots, tasks, self.time_known))
        return self.schedules[-1]

    async def run(self):
        # Until all scripted slots are read.
        slots = len(self.slots)
        running = asyncio.create_task(self.collector.run())
        assert await until(lambda: self.collector.slots() >= slots)
        await asyncio.sleep_ms(1)
        self.collector.stop()
        await running
        return self.readings()

    def readings(self):
        reader = self.journal.reader(journal.READING)
        found = []
        while True:
            record = reader.read()
            if record is None:
                return found
            found.append(records.unpack_reading(record[1], len(record[1])))


def address(number):
    return "%012d" % number


def plain(readings):
    return [(r.task, r.meter, r.quality, r.values) for r in readings]


def silent(di):
    return quality.TIMEOUT


def slots(site_tasks, count):
    return [(SLOT + 900 * i, list(site_tasks), 0, False) for i in range(count)]


async def test_every_meter_gives_a_reading():
    site = Site(slots([ENERGY], 1))
    readings = await site.run()
    good = [12345678, 2301]
    assert plain(readings) == [(0, m, quality.GOOD, good) for m in (1, 2, 3)]
    assert all(r.slot == SLOT and r.offset == 7 and r.clock == 1 for r in readings)
    assert site.events.all == []
    assert site.collector.failing() == 0


async def test_values_land_at_their_items_places():
    site = Site(slots([ENERGY, POWER], 1), [ENERGY, POWER], meters=1)
    assert plain(await site.run()) == [
        (0, 1, quality.GOOD, [12345678, 2301]),
        (1, 1, quality.GOOD, [-5678, None]),  # the meter has no current: FF
    ]
    di = [di for _, di in site.buses[0].asked]
    assert di == [0x00010000, 0x02010100, 0x02030000, 0x02020100]


async def test_only_due_tasks_are_read():
    site = Site([(SLOT, [POWER], 0, False)], [ENERGY, POWER], meters=2)
    assert [(r.task, r.meter) for r in await site.run()] == [(1, 1), (1, 2)]


async def test_a_task_may_be_for_some_meters():
    some = task("some", ["voltage.a"], meters=[3])
    site = Site(slots([ENERGY, some], 1), [ENERGY, some], meters=3)
    assert plain(await site.run()) == [
        (0, 1, quality.GOOD, [12345678, 2301]),
        (0, 2, quality.GOOD, [12345678, 2301]),
        (0, 3, quality.GOOD, [12345678, 2301]),
        (1, 3, quality.GOOD, [2301]),
    ]
    assert [di for _, di in site.buses[0].asked] == [0x00010000, 0x02010100] * 3  # shared
    site = Site(slots([some], 1), [ENERGY, some], meters=3)
    assert plain(await site.run()) == [(1, 3, quality.GOOD, [2301])]


async def test_who_wants_the_bus_has_it_after_the_transaction_under_way():
    site = Site(slots([ENERGY], 1), meters=8)
    bus = site.buses[0]
    had_it_after = []

    async def command():
        for _ in range(2):
            async with bus.turns:
                had_it_after.append(len(bus.asked))
                await asyncio.sleep_ms(5)
                had_it_after.append(len(bus.asked))

    def begin(di):
        asyncio.create_task(command())
        del site.behaviour[address(3)]
        return BLOCK[di]

    site.behaviour[address(3)] = begin
    assert len(await site.run()) == 8
    # Alone while it has it; then it is the schedule's turn again.
    begun, ended, begun_again, ended_again = had_it_after
    assert 5 <= begun <= 6
    assert ended == begun
    assert begun_again == ended_again == begun + 1


async def test_meters_of_one_speed_are_read_one_after_the_other():
    site = Site(slots([ENERGY], 1), meters=5, speeds={1: 9600, 3: 1200, 5: 9600})
    assert [r.meter for r in await site.run()] == [2, 4, 3, 1, 5]
    bus = site.buses[0]
    assert bus.speeds == [2400] * 4 + [1200] * 2 + [9600] * 4
    # For whoever comes next it has its own speed again.
    assert (bus.baud, bus.reopened) == (2400, 3)


async def test_who_wants_the_bus_waits_neither_for_silent_meters_nor_gets_between_two_parts():
    dead = {address(n): silent for n in range(1, 9)}
    parts = [b"\x78\x56", b"\x34\x12"]
    dead[address(9)] = lambda di: parts if di == 0x00010000 else BLOCK[di]
    site = Site(slots([ENERGY], 1), meters=9, behaviour=dead)
    bus = site.buses[0]
    waited = []

    async def command():
        while site.collector.slots() == 0:
            before = len(bus.asked)
            async with bus.turns:
                waited.append(len(bus.asked) - before)
                assert bus.asked[-2:] != [(address(8), 0x02010100), (address(9), 0x00010000)]
            await asyncio.sleep_ms(0)

    commands = asyncio.create_task(command())
    await site.run()
    await commands
    assert len(waited) > 10
    assert max(waited) <= 2  # the transaction under way, and a second part of it


async def test_buses_are_read_side_by_side():
    site = Site(slots([ENERGY], 1), meters=4, buses=2)
    readings = await site.run()
    assert sorted(r.meter for r in readings) == [1, 2, 3, 4]
    assert [a for a, _ in site.buses[0].asked] == [address(1)] * 2 + [address(3)] * 2
    assert [a for a, _ in site.buses[1].asked] == [address(2)] * 2 + [address(4)] * 2


async def test_nobody_waits_for_a_silent_meter():
    for reason in (quality.TIMEOUT, quality.JAMMED):
        site = Site(slots([ENERGY], 1), behaviour={address(2): lambda di: reason})  # noqa: B023
        readings = await site.run()
        assert plain(readings) == [
            (0, 1, quality.GOOD, [12345678, 2301]),
            (0, 3, quality.GOOD, [12345678, 2301]),
            (0, 2, reason, [None, None]),
        ]
        # Once on the way, and once more, as often as is configured, when all others are read.
        twice = [2, 2] if reason == quality.TIMEOUT else [2]  # it may have been the item
        asked = [1, 1] + twice + [3, 3, 2]
        assert [a for a, _ in site.buses[0].asked] == [address(n) for n in asked]
        assert site.buses[0].again == [False] * (len(asked) - 1) + [True]


async def test_a_meter_is_waited_for_as_long_as_it_is_known_to_take():
    site = Site(slots([ENERGY], 20), meters=2)
    site.behaviour[address(1)] = lambda di: (
        quality.TIMEOUT if site.collector.slots() == 15 else BLOCK[di]
    )
    await site.run()
    limits = [
        limit
        for limit, (who, _) in zip(site.buses[0].limits, site.buses[0].asked)
        if who == address(1)
    ]
    known = 2 * 32 + 100
    assert limits[:33] == [700] * 16 + [known] * 14 + [known, 700, 700]  # silent from here on
    assert limits[33:] == [known] * 2 + [700] * 6  # as one that stays silent, then as a new one


async def test_what_failed_is_read_again_in_the_same_slot():
    for reason in (quality.TIMEOUT, quality.MALFORMED, quality.WRONG, quality.JAMMED):
        site = Site(slots([ENERGY], 1), meters=2)
        failures = [reason]
        site.behaviour[address(1)] = lambda di: failures.pop() if failures else BLOCK[di]  # noqa: B023
        assert plain(await site.run()) == [
            (0, 2, quality.GOOD, [12345678, 2301]),
            (0, 1, quality.GOOD, [12345678, 2301]),
        ]
        assert site.events.all == []


async def test_a_line_that_is_jammed_is_not_tried_for_every_meter():
    jammed = {address(n): lambda di: quality.JAMMED for n in range(1, 33)}
    site = Site(slots([ENERGY], 2), meters=32, behaviour=jammed)
    assert [r.quality for r in await site.run()] == [quality.JAMMED] * 64
    assert len(site.buses[0].asked) == 8  # two meters in each of two rounds
    site = Site(slots([ENERGY], 3), meters=4)
    for n in range(1, 5):
        site.behaviour[address(n)] = lambda di: (
            BLOCK[di] if site.collector.slots() else quality.JAMMED
        )
    readings = await site.run()
    assert [r.quality for r in readings] == [quality.JAMMED] * 4 + [quality.GOOD] * 8


async def test_a_refused_item_leaves_the_others():
    def no_energy(di):
        return quality.REFUSED if di == 0x00010000 else BLOCK[di]

    site = Site(slots([ENERGY], 1), meters=1, behaviour={address(1): no_energy})
    assert plain(await site.run()) == [(0, 1, quality.REFUSED, [None, 2301])]


async def test_every_kind_of_failure_is_a_reading():
    for reason in (quality.MALFORMED, quality.WRONG, quality.REFUSED):
        site = Site(slots([ENERGY], 1), meters=2, behaviour={address(1): lambda di: reason})  # noqa: B023
        assert sorted(plain(await site.run())) == [
            (0, 1, reason, [None, None]),
            (0, 2, quality.GOOD, [12345678, 2301]),
        ]


async def test_an_answer_of_the_wrong_length_is_malformed():
    site = Site(slots([ENERGY], 1), meters=1, behaviour={address(1): lambda di: b"\x01\x02\x03"})
    assert plain(await site.run()) == [(0, 1, quality.MALFORMED, [None, None])]


async def test_64_dead_meters_are_64_readings():
    dead = {address(n): silent for n in range(1, 65)}
    site = Site(slots([ENERGY], 1), meters=64, buses=2, behaviour=dead)
    readings = await site.run()
    assert sorted(r.meter for r in readings) == list(range(1, 65))
    assert all(r.quality == quality.TIMEOUT for r in readings)
    assert site.collector.failing() == 64
    assert sum(len(bus.asked) for bus in site.buses) == 64 * 3


async def test_failing_and_recovered_are_one_event_each():
    site = Site(slots([ENERGY], 6), meters=2)
    answers = [True, False, False, True, True, False]  # slot by slot

    def moody(di):
        return BLOCK[di] if answers[site.collector.slots()] else quality.TIMEOUT

    site.behaviour[address(2)] = moody
    readings = await site.run()
    assert len(readings) == 12
    assert site.events.all == [
        ("meter.failing", {"meter": 2, "why": "timeout"}),
        ("meter.recovered", {"meter": 2}),
        ("meter.failing", {"meter": 2, "why": "timeout"}),
    ]
    assert site.collector.failing() == 1


async def test_a_task_that_works_does_not_hide_one_that_fails():
    # A meter without current: one event, not two in every slot.
    def no_current(di):
        return quality.REFUSED if di == 0x02020100 else BLOCK[di]

    site = Site(slots([ENERGY, POWER], 5), [ENERGY, POWER], 1, 1, {address(1): no_current})
    await site.run()
    assert site.events.names() == ["meter.failing"]
    assert site.collector.failing() == 1


async def test_a_meter_that_answers_again_has_recovered_whatever_the_task():
    # Silent when the daily task ran, it must not count as failing until the next day.
    daily = [(SLOT, [ENERGY, POWER], 0, False)] + slots([ENERGY], 2)
    site = Site(daily, [ENERGY, POWER], meters=1)
    site.behaviour[address(1)] = lambda di: (
        BLOCK[di] if site.collector.slots() else quality.TIMEOUT
    )
    await site.run()
    assert site.events.names() == ["meter.failing", "meter.recovered"]
    assert site.collector.failing() == 0


async def test_missed_slots_are_an_event():
    site = Site([(SLOT, [ENERGY], 0, False), (SLOT + 3600, [ENERGY], 3, True)], meters=1)
    # The one that is read late is good, but says so.
    assert [r.quality for r in await site.run()] == [quality.GOOD, quality.MADE_UP]
    assert site.events.all == [("slots.missed", {"bus": 1, "count": 3, "next": SLOT + 3600})]


async def test_stop_finishes_the_slot_under_way():
    site = Site(slots([ENERGY], 3), meters=8)

    def stop(di):
        site.collector.stop()
        return BLOCK[di]

    site.behaviour[address(5)] = stop
    await site.collector.run()
    assert len(site.readings()) == 8
    assert site.collector.slots() == 1


async def test_a_clock_stepped_during_a_slot_changes_neither_slot_nor_trust():
    for step_s in (-5000, 3600):
        site = Site(slots([ENERGY], 1), meters=2)
        site.clock.quality = 2

        def step(di):
            site.clock.ms += step_s * 1000  # noqa: B023
            site.clock.quality = 1  # noqa: B023
            return BLOCK[di]

        site.behaviour[address(1)] = step
        readings = await site.run()
        assert [(r.slot, r.offset, r.clock) for r in readings] == [(SLOT, 7, 2)] * 2


async def test_a_bus_that_is_cut_does_not_hold_up_the_other():
    site = Site(slots([ENERGY], 5), meters=2, buses=2)
    cut = asyncio.Event()
    exchange = site.buses[0].exchange

    async def slow(transaction, again, limit_ms):
        await cut.wait()
        return await exchange(transaction, again, limit_ms)

    site.buses[0].exchange = slow
    running = asyncio.create_task(site.collector.run())
    assert await until(lambda: len(site.readings()) == 5)
    assert {r.meter for r in site.readings()} == {2}
    cut.set()
    assert await until(lambda: site.collector.slots() == 5)
    site.collector.stop()
    await running


async def test_a_silent_meter_is_asked_last_once_and_ever_more_rarely():
    site = Site(slots([ENERGY], 24), meters=2)
    dead_until = 22
    asked_in = []

    def dead(di):
        asked_in.append(site.collector.slots())
        return BLOCK[di] if site.collector.slots() >= dead_until else quality.TIMEOUT

    site.behaviour[address(1)] = dead
    readings = await site.run()
    assert asked_in == [0, 0, 0, 1, 3, 7, 15, 23, 23]
    assert [r.quality for r in readings if r.meter == 1] == [quality.TIMEOUT] * 23 + [0]
    assert [r.quality for r in readings if r.meter == 2] == [quality.GOOD] * 24
    # Not repeated, but in the slot in which it fell silent.
    again = [
        a for a, (who, _) in zip(site.buses[0].again, site.buses[0].asked) if who == address(1)
    ]
    assert again == [False, False, True] + [False] * 6
    # It has frozen nothing of the slots that it missed.
    assert site.events.names() == ["meter.failing", "meter.recovered", "backfill.failed"]


async def test_a_meter_that_answers_again_is_read_as_before():
    site = Site(slots([ENERGY], 4), meters=1)
    answers = [False, True, True, False]
    site.behaviour[address(1)] = lambda di: (
        BLOCK[di] if answers[site.collector.slots()] else quality.TIMEOUT
    )
    await site.run()
    first, read = [False, False, True], [False, False]
    assert site.buses[0].again == first + read + read + first


async def test_what_a_reading_means_stands_in_the_journal():
    site = Site(slots([ENERGY, POWER], 1), [ENERGY, POWER], meters=1)
    await site.run()
    reader = site.journal.reader(journal.READING)
    reader.read()
    reader.read()
    name, items, scales = records.unpack_task(reader.context[1])
    assert (name, items, scales) == ("power", POWER.items, [-4, -3])


async def test_the_largest_reading_fits():
    full = task("full", ["voltage.a"] * 8)
    site = Site(slots([full], 1), [full], meters=1)
    assert plain(await site.run()) == [(0, 1, quality.GOOD, [2301] * 8)]


# --- A slot that a reset cut short ------------------------------------------------------------


async def interrupted(read, now, **options):
    # `read` of 4 meters were read when power failed; a new collector starts `now` after the slot.
    before = Site(slots([ENERGY], 1), meters=read)
    await before.run()
    site = Site([], meters=4, log=before.journal, **options)
    site.clock.ms = (SLOT + now) * 1000
    running = asyncio.create_task(site.collector.run())
    await asyncio.sleep_ms(20)
    site.collector.stop()
    await running
    return site


async def test_the_rest_of_a_slot_is_read_after_a_restart():
    site = await interrupted(2, 60)
    assert [(r.meter, r.quality, r.offset) for r in site.readings()] == [
        (1, quality.GOOD, 7),
        (2, quality.GOOD, 7),
        (3, quality.MADE_UP, 60),
        (4, quality.MADE_UP, 60),
    ]
    assert site.events.all == [("slot.interrupted", {"bus": 1, "slot": SLOT, "read": 2})]
    assert site.schedules[0].resumed == SLOT


async def test_a_slot_that_is_over_is_completed_with_the_reason():
    site = await interrupted(3, 86400)
    last = site.readings()[-1]
    assert (last.meter, last.slot, last.quality) == (4, SLOT, quality.POWER_FAILED)
    assert last.values == [None, None]
    assert site.buses[0].asked == []
    assert site.events.names() == ["slot.interrupted"]  # and nothing of a meter that fails


async def test_a_complete_slot_is_left_alone():
    site = await interrupted(4, 60)
    assert len(site.readings()) == 4
    assert site.events.all == []


async def test_slots_of_a_clock_that_was_ahead_are_left_alone():
    site = await interrupted(2, -86400)
    assert len(site.readings()) == 2
    assert site.schedules[0].resumed is None
    assert site.events.all == []


async def test_only_the_newest_slot_of_a_task_is_completed():
    before = Site(slots([ENERGY], 2), meters=2)
    await before.run()
    later = Site([], meters=4, log=before.journal)
    later.clock.ms = (SLOT + 900 + 60) * 1000
    running = asyncio.create_task(later.collector.run())
    assert await until(lambda: len(later.readings()) == 6)
    later.collector.stop()
    await running
    assert [(r.meter, r.slot) for r in later.readings()[4:]] == [(3, SLOT + 900), (4, SLOT + 900)]


async def test_a_slot_that_begins_a_little_early_by_the_clock_is_read():
    site = Site(slots([ENERGY], 1), meters=1)
    site.clock.ms = (SLOT - 3) * 1000  # stepped back since it was due
    assert [(r.slot, r.offset, r.quality) for r in await site.run()] == [(SLOT, 0, quality.GOOD)]


async def test_what_was_refused_is_asked_for_again_the_next_day():
    refused = [(SLOT + 43200 * i, [ENERGY], 0, False) for i in range(4)]
    site = Site(refused, meters=1)
    site.behaviour[address(1)] = lambda di: quality.REFUSED if di == 0x00010000 else BLOCK[di]
    await site.run()
    asked = [di for _, di in site.buses[0].asked].count(0x00010000)
    assert asked == 2  # SLOT is midnight UTC: two days of two slots


async def test_a_silent_meter_gets_no_more_time_than_others_but_in_turns():
    site = Site(slots([ENERGY], 128), meters=2)
    site.behaviour[address(1)] = lambda di: quality.TIMEOUT
    await site.run()
    bus = site.buses[0]
    limits = [limit for limit, (who, _) in zip(bus.limits, bus.asked) if who == address(1)]
    known = 2 * 32 + 100  # of the other, which takes 30 ms
    assert set(limits) == {known, 700}
    assert sorted(limits[-4:]) == [known] * 3 + [700]


async def test_a_silent_meter_in_a_resumed_slot():
    site = await interrupted(3, 60, behaviour={address(4): silent})
    assert site.readings()[-1].quality == quality.TIMEOUT
    assert site.events.names() == ["slot.interrupted", "meter.failing"]


async def test_an_interrupted_slot_waits_for_the_time_on_a_board_without_a_clock():
    site = Site(slots([ENERGY], 1), meters=2)
    site.time_known.clear()
    running = asyncio.create_task(site.collector.run())
    await asyncio.sleep_ms(5)
    assert site.buses[0].asked == []
    site.time_known.set()
    assert await until(lambda: site.collector.slots() == 1)
    site.collector.stop()
    await running
    assert len(site.readings()) == 2


async def test_stop_ends_the_wait_for_the_time():
    site = Site([])
    site.time_known.clear()
    running = asyncio.create_task(site.collector.run())
    await asyncio.sleep_ms(5)
    site.collector.stop()
    await asyncio.wait_for_ms(running, 1000)


async def test_only_its_own_meters_count_for_a_bus():
    before = Site(slots([ENERGY], 1), meters=1, buses=1)  # meter 1, on bus 1
    await before.run()
    site = Site([], meters=4, buses=2, log=before.journal)  # 1 and 3 on bus 1, 2 and 4 on bus 2
    site.clock.ms = (SLOT + 60) * 1000
    running = asyncio.create_task(site.collector.run())
    await asyncio.sleep_ms(20)
    site.collector.stop()
    await running
    assert sorted(r.meter for r in site.readings()) == [1, 3]


async def test_an_item_in_several_frames_is_asked_for_part_by_part():
    parts = [b"\x78", b"\x56\x34", b"\x12"]
    site = Site(
        [(SLOT, [ENERGY], 0, False)],
        meters=1,
        behaviour={address(1): lambda di: parts if di == 0x00010000 else BLOCK[di]},
    )
    (reading,) = await site.run()
    assert (reading.quality, reading.values) == (quality.GOOD, [12345678, 2301])
    assert site.buses[0].asked == [(address(1), 0x00010000)] * 3 + [(address(1), 0x02010100)]


async def test_meters_of_both_editions_give_the_same_items_in_the_same_scale():
    old = {0x9010: b"\x78\x56\x34\x12", 0xB611: b"\x30\x02"}
    site = Site([(SLOT, [ENERGY], 0, False)], meters=2, behaviour={address(2): old.get}, old=(2,))
    readings = await site.run()
    assert [reading.quality for reading in readings] == [quality.GOOD] * 2
    assert readings[0].values == [12345678, 2301]
    assert readings[1].values == [12345678, 2300]  # 230 V, in tenths
    assert site.buses[0].asked[2:] == [(address(2), 0x9010), (address(2), 0xB611)]


async def test_what_an_edition_has_not_is_not_asked_for():
    net = task("net", ["frequency", "energy.forward.total"])
    old = {0x9010: b"\x78\x56\x34\x12"}
    site = Site([(SLOT, [net], 0, False)], (net,), 1, behaviour={address(1): old.get}, old=(1,))
    (reading,) = await site.run()
    assert (reading.quality, reading.values) == (quality.GOOD, [None, 12345678])
    assert site.buses[0].asked == [(address(1), 0x9010)]


# --- What meters remember ---------------------------------------------------------------------

LAST_MIDNIGHT = {0x05060001: b"\x00\x00\x01\x09\x26", 0x05060101: b"\x11\x11\x11\x11"}


def read_badly(site):
    # Meter 2 gives nothing in the first slot.
    site.buses[0].frozen = LAST_MIDNIGHT
    site.behaviour[address(2)] = lambda di: (
        BLOCK[di] if site.collector.slots() else quality.MALFORMED
    )


async def test_what_failed_is_filled_from_what_the_meter_froze_when_the_slot_is_over():
    site = Site(slots([ENERGY], 1), meters=3)
    read_badly(site)
    running = asyncio.create_task(site.collector.run())
    assert await until(lambda: len(site.readings()) == 4)
    site.collector.stop()
    await running
    reading = site.readings()[-1]
    assert (reading.meter, reading.slot) == (2, SLOT)
    assert (reading.quality, reading.values) == (quality.FROZEN, [11111111, None])
    assert site.events.names()[-1] == "backfill.done"


async def test_nothing_is_filled_while_a_slot_is_near():
    site = Site(slots([ENERGY], 1), meters=3)
    read_badly(site)
    site.clock.ms = (SLOT + 897) * 1000
    running = asyncio.create_task(site.collector.run())
    assert await until(lambda: len(site.readings()) == 3)
    await asyncio.sleep_ms(20)
    assert site.buses[0].recalled == []
    site.clock.ms += 10000
    assert await until(lambda: len(site.readings()) == 4)
    site.collector.stop()
    await running


async def test_meters_are_asked_for_what_they_froze_at_their_own_speed():
    site = Site(slots([ENERGY], 1), meters=3, speeds={1: 9600})  # so meter 1 is read last
    read_badly(site)
    site.behaviour[address(1)] = site.behaviour[address(2)]
    running = asyncio.create_task(site.collector.run())
    assert await until(lambda: len(site.readings()) == 5)
    site.collector.stop()
    await running
    assert sorted(r.meter for r in site.readings()[3:]) == [1, 2]
    speeds = {(who, baud) for who, _, baud in site.buses[0].recalled}
    assert speeds == {(address(1), 9600), (address(2), 2400)}
    assert site.buses[0].baud == 2400


async def test_slots_that_were_missed_are_filled():
    hourly = [(SLOT - 3600, [ENERGY], 0, False), (SLOT + 3600, [ENERGY], 7, False)]
    site = Site(hourly, meters=3)
    site.buses[0].frozen = LAST_MIDNIGHT
    site.clock.ms = (SLOT + 3607) * 1000
    running = asyncio.create_task(site.collector.run())
    assert await until(lambda: len(site.readings()) == 9)
    site.collector.stop()
    await running
    filled = site.readings()[6:]
    assert [(r.meter, r.slot, r.quality) for r in filled] == [
        (meter, SLOT, quality.FROZEN) for meter in (1, 2, 3)
    ]


# --- Values that cannot follow the one before -------------------------------------------------


def energy(value):
    digits = "%08d" % value
    return bytes(int(digits[i : i + 2], 16) for i in (6, 4, 2, 0))


def voltage(value):
    digits = "%04d" % value
    return bytes(int(digits[i : i + 2], 16) for i in (2, 0))


async def read_in_turn(energies=(), voltages=(), after=900):
    """The second of two slots: its reading, and how often the meter was asked for something."""
    given = {0x00010000: list(energies), 0x02010100: list(voltages)}

    def behaviour(di):
        answers = given[di]
        return answers.pop(0) if answers else BLOCK[di]

    slots = [(SLOT, [ENERGY], 0, False), (SLOT + after, [ENERGY], 0, False)]
    site = Site(slots, meters=1, behaviour={address(1): behaviour})
    readings = await site.run()
    assert readings[0].quality == quality.GOOD
    return readings[1], len(site.buses[0].asked) - 2


async def test_what_a_meter_can_have_counted_since_is_believed_at_once():
    for counted in (0, 1, 2500):  # in 900 s 100 kW make 25 kWh
        reading, asked = await read_in_turn([energy(5000), energy(5000 + counted)])
        assert (reading.quality, asked) == (quality.GOOD, 2), counted
        assert reading.values[0] == 5000 + counted
    reading, asked = await read_in_turn([energy(5000), energy(245000)], after=86400)
    assert (reading.quality, asked) == (quality.GOOD, 2)


async def test_a_register_that_runs_backwards_or_too_fast_is_read_twice_and_marked():
    for now in (4999, 0, 7800, 99999999):
        reading, asked = await read_in_turn([energy(5000), energy(now), energy(now)])
        assert (reading.quality, asked) == (quality.SUSPECT, 3), now
        assert reading.values == [now, 2301]


async def test_a_damaged_value_that_looks_right_is_replaced_by_the_second_reading():
    reading, asked = await read_in_turn([energy(5000), energy(85010), energy(5010)])
    assert (reading.quality, asked) == (quality.GOOD, 3)
    assert reading.values[0] == 5010
    reading, asked = await read_in_turn(voltages=[voltage(2200), voltage(6200), voltage(2210)])
    assert (reading.quality, asked) == (quality.GOOD, 3)
    assert reading.values[1] == 2210


async def test_a_level_that_jumps_is_believed_when_it_is_read_twice():
    reading, asked = await read_in_turn(voltages=[voltage(2200), voltage(3), voltage(2)])
    assert (reading.quality, asked) == (quality.GOOD, 3)
    assert reading.values[1] == 2


async def test_two_odd_readings_that_differ_are_marked():
    for second in (voltage(1000), quality.TIMEOUT):
        reading, asked = await read_in_turn(voltages=[voltage(2200), voltage(6200), second])
        assert (reading.quality, asked) == (quality.SUSPECT, 3)
        assert reading.values[1] == (6200 if second == quality.TIMEOUT else 1000)


async def test_a_suspect_meter_does_not_count_as_failing():
    given = [energy(5000), energy(10), energy(10), energy(20)]
    slots = [(SLOT + 900 * i, [ENERGY], 0, False) for i in range(3)]
    site = Site(
        slots,
        meters=1,
        behaviour={address(1): lambda di: given.pop(0) if di == 0x00010000 else BLOCK[di]},
    )
    readings = await site.run()
    assert [r.quality for r in readings] == [quality.GOOD, quality.SUSPECT, quality.GOOD]
    assert site.collector.failing() == 0
