# The clocks of meters: what is told of them, and when they are set. The meters are simulated.

import sys
from time import ticks_ms

import dlt645
from concentrator import dates, meter_clocks, slots
from concentrator.bus import Bus
from concentrator.clock import HELD_OVER
from concentrator.clock_watch import CHECK_AT, ClockWatch
from concentrator.timezone import TimeZone, parse_change
from fakes import Clock, Events, Port, Settings

CHINA = TimeZone(8 * 3600)
NOON = dates.utc_seconds(2026, 11, 21, 4)
CHECK = slots.next_daily(NOON, CHECK_AT, CHINA)
DAY = dates.DAY
EVERYBODY = "999999999999"


def bcd(*numbers):
    return bytes([number // 10 * 16 + number % 10 for number in numbers])


class Meters:
    # All meters of a line: {address: by how many seconds its clock is fast}.

    def __init__(self, clock, fast):
        self.clock = clock
        self.fast = fast
        self.told = []  # local times,
        self.told_at = []  # and speeds
        self.asked = 0
        self.dates = {}  # what an address says in place of its date
        self.before = lambda: None  # called before every answer
        self.heeded = {}  # address: day

    def answer(self, wire):
        address, control, data = dlt645.parse(wire)
        self.asked += 1
        self.before()
        if control == 0x08:
            assert address == EVERYBODY
            self.hear(data)
            return []
        if address not in self.fast:
            return []
        size = 4 if control == 0x11 else 2
        local = (self.clock.ms // 1000 + self.fast[address]) + 8 * 3600
        year, month, day, hour, minute, second = dates.civil(local)
        identifier = int.from_bytes(data[:size], "little")
        if identifier in (0x04000101, 0xC010):
            said = bcd(dates.weekday(local), day, month, year % 100)
            said = self.dates.get(address, said)
        else:
            assert identifier in (0x04000102, 0xC011)
            said = bcd(second, minute, hour)
        return [dlt645.frame(address, control | 0x80, data[:size] + said)]

    def hear(self, data):
        second, minute, hour, day, month, year = [byte // 16 * 10 + byte % 16 for byte in data]
        local = dates.utc_seconds(2000 + year, month, day, hour, minute, second)
        self.told.append(local)
        for address, fast in self.fast.items():
            own = self.clock.ms // 1000 + fast + 8 * 3600
            midnight = abs((own + DAY // 2) % DAY - DAY // 2)
            day = own // DAY
            if abs(own - local) <= 300 and midnight > 300 and self.heeded.get(address) != day:
                self.heeded[address] = day
                self.fast[address] = local - self.clock.ms // 1000 - 8 * 3600


def address_of(number):
    return "%012d" % number


class Site:
    def __init__(self, fast, may_set=True, zone=CHINA, protocols=(), silent=0, bauds=()):
        # `fast` is a list, one a meter, from number 1 on.
        self.clock = Clock(CHECK)
        self.clock.ms += 500
        self.meters = Meters(self.clock, {address_of(i): f for i, f in enumerate(fast, 1)})
        sections = [
            Settings(
                number=i,
                address=address_of(i),
                protocol=protocols[i - 1] if protocols else "dlt645-2007",
                baud=bauds[i - 1] if bauds else None,
                bus=1,
            )
            for i in range(1, len(fast) + silent + 1)
        ]
        settings = Settings(baud=9600, timeout_ms=10, retries=0, preamble=0, pause_ms=0)
        self.speeds = {each.address: each.baud or 9600 for each in sections}
        self.bus = Bus(1, self.open_port(1, 9600), settings, self.open_port)
        self.events = Events()
        self.clocks = meter_clocks.MeterClocks(
            [self.bus], sections, self.clock, zone, self.events, may_set, set(), [None]
        )

    def open_port(self, _number, baud):
        def answer(wire):
            address = dlt645.parse(wire)[0]
            if address == EVERYBODY:
                self.meters.told_at.append(baud)
            elif self.speeds[address] != baud:
                return []
            return self.meters.answer(wire)

        return Port(answer)

    async def check(self):
        self.events.all.clear()
        await self.clocks.check()
        return self.events.all


def told(baud, meters):
    return ("meters.time", {"bus": 1, "baud": baud, "meters": meters})


def off(number, seconds):
    return ("meter.clock", {"meter": number, "seconds": seconds})


async def test_clocks_that_are_right_are_left_alone():
    site = Site([0, 9, -10, 1])
    assert await site.check() == []
    assert site.meters.told == []


async def test_a_clock_that_is_wrong_is_reported_once_and_again_when_it_is_right():
    site = Site([61, 0, -3600], may_set=False)
    assert await site.check() == [off(1, 61), off(3, -3600)]
    assert await site.check() == []
    site.meters.fast[address_of(3)] = 2
    assert await site.check() == [("meter.clock_right", {"meter": 3, "seconds": 2})]
    assert site.meters.told == []


async def test_both_editions_are_read():
    site = Site([100, 100], False, protocols=("dlt645-2007", "dlt645-1997"))
    assert await site.check() == [off(1, 100), off(2, 100)]


async def test_a_difference_of_days_is_seen():
    site = Site([3 * DAY, -400 * DAY], may_set=False)
    assert await site.check() == [off(1, 3 * DAY), off(2, -400 * DAY)]


async def test_meters_are_told_the_time_when_that_helps_one_of_them():
    site = Site([0, 30, -289])
    assert await site.check() == [off(3, -289), told(9600, 2)]
    assert site.meters.fast == {address_of(1): 1, address_of(2): 1, address_of(3): 1}
    site.clock.ms += DAY * 1000
    assert await site.check() == [("meter.clock_right", {"meter": 3, "seconds": 1})]
    assert len(site.meters.told) == 1


async def test_meters_are_told_at_every_speed_at_which_one_is_wrong():
    site = Site([30, 0, 30, 30], bauds=(None, 1200, 2400, 2400))
    assert await site.check() == [told(2400, 2), told(9600, 1)]
    assert site.meters.told_at == [2400, 9600]


async def test_a_dead_meter_is_not_asked_twice():
    site = Site([], silent=1)
    await site.check()
    assert site.bus.failed == 1


async def test_a_wait_for_the_turn_is_no_part_of_the_answer():
    site = Site([61], may_set=False)
    ask = site.bus.ask
    late_ms = 0
    meter_clocks.ticks_ms = lambda: late_ms

    async def ask_late(transaction, baud=None):
        nonlocal late_ms
        late_ms += 60000
        return await ask(transaction, baud)

    site.bus.ask = ask_late
    try:
        assert await site.check() == [off(1, 61)]
    finally:
        meter_clocks.ticks_ms = ticks_ms


async def test_what_meters_would_not_heed_is_not_told():
    site = Site([0, 5, 290, -1000])
    await site.check()
    assert site.meters.told == []


async def test_the_time_is_told_once_a_day():
    site = Site([30])
    await site.check()
    site.meters.fast[address_of(1)] = -30
    site.clock.ms += 60000
    assert await site.check() == []
    assert len(site.meters.told) == 1
    site.clock.ms += DAY * 1000
    await site.check()
    assert len(site.meters.told) == 2
    assert abs(site.meters.fast[address_of(1)]) <= 1


async def test_the_time_is_told_only_where_no_meter_crosses_a_quarter_or_midnight():
    site = Site([290 - 1])
    midnight = CHECK - CHECK_AT * 60 + DAY
    told = []
    for minute in (0, 5, 8, 14, 15, 19, 20, 23, 24, 29, 715, 720, 1418, 1425, 1430, 1433, 1439):
        site.clock.ms = (midnight + minute * 60) * 1000 + 500
        midnight += DAY
        site.meters.fast[address_of(1)] = 290 - 1
        await site.check()
        if site.meters.told:
            site.meters.told.clear()
            told.append(minute)
            assert abs(site.meters.fast[address_of(1)]) <= 1, minute
    assert told == [20, 23, 1418]


async def test_a_clock_that_nobody_confirms_judges_no_meter():
    site = Site([1000])
    site.clock.quality = HELD_OVER
    assert await site.check() == []
    assert site.meters.asked == 0


async def test_a_clock_stepped_in_between_judges_no_meter():
    site = Site([0])
    site.meters.before = lambda: site.clock.step(100000)
    assert await site.check() == []


async def test_meters_without_an_answer_or_with_nonsense_do_not_stop_the_others():
    site = Site([0, 0, 0, 100], may_set=False, silent=1)
    site.meters.dates[address_of(1)] = b"\xff\xff\xff\xff"
    site.meters.dates[address_of(2)] = bcd(0, 31, 2, 26)
    site.meters.dates[address_of(3)] = bcd(0, 0, 0, 0)
    assert await site.check() == [off(4, 100)]


async def test_midnight_between_date_and_time_is_noticed():
    site = Site([0], may_set=False)
    site.clock.ms = (CHECK - CHECK_AT * 60) * 1000 - 500

    def pass_midnight():
        if site.meters.asked == 2:
            site.clock.ms += 1000

    site.meters.before = pass_midnight
    assert await site.check() == []
    assert site.meters.asked == 3


async def test_meters_have_no_summer_time():
    begins, ends = (
        parse_change("first sunday october 02:00"),
        parse_change("last sunday march 03:00"),
    )
    site = Site([0], zone=TimeZone(8 * 3600, begins, ends, 3600))
    assert await site.check() == []


async def test_the_time_told_is_that_of_the_moment_at_which_it_is_sent():
    site = Site([30])

    ask = site.bus.ask

    async def ask_late(transaction, baud=None):
        if not transaction.answered:
            site.clock.ms += 40000  # others have had the bus
        return await ask(transaction, baud)

    site.bus.ask = ask_late
    await site.clocks.check()
    assert site.meters.told == [(site.clock.ms + 500) // 1000 + 8 * 3600]


async def test_all_clocks_are_looked_at_once_a_day():
    site = Site([61, 0], may_set=False)
    site.clock.ms -= 12 * 3600 * 1000
    sections = site.clocks._meters
    watch = ClockWatch([site.bus], sections, site.clock, CHINA, site.events, False)
    looked = []
    for _ in range(3 * 24 * 60):
        site.clock.ms += 60 * 1000
        if watch.is_due():
            looked.append((site.clock.now() + 8 * 3600) % DAY // 60)
            await watch.look()
    assert len(looked) == 3, looked
    assert all(185 <= minute <= 186 for minute in looked), looked
    # It does not forget what it has reported.
    assert site.events.all == [off(1, 61)]
    assert "concentrator.meter_clocks" not in sys.modules
