# Slots on the local wall clock, and the schedule that waits for them.

import asyncio

from concentrator import schedule as schedules
from concentrator.clock import NEVER_SET, SYNCHRONISED
from concentrator.grids import Daily, Every
from concentrator.schedule import Schedule
from concentrator.timezone import TimeZone
from fakes import Clock, Settings

NOON = 1788264000  # 2026-09-01 12:00:00 UTC
HOUR = 3600
DAY = 86400
CHINA = 8 * HOUR


class Time:
    # In the place of asyncio in the schedule: sleeping moves the clock on, at once.

    def __init__(self, clock):
        self.clock = clock
        self.slept = []
        self.meanwhile = None  # called once in the next sleep

    async def sleep_ms(self, ms):
        assert ms > 0
        self.slept.append(ms)
        self.clock.ms += ms
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        await asyncio.sleep_ms(0)


def task(every, offset=0):
    return Settings(grid=Every(every, TimeZone(offset)))


async def give(schedule):
    # The next (slot, missed, late).
    slot, _, missed, late = await schedule.wait()
    return slot, missed, late


def start(now, tasks):
    clock = Clock(now)
    time = Time(clock)
    schedules.asyncio = time
    return Schedule(clock, tasks), clock, time


async def test_wait_gives_slot_and_due_tasks():
    quarter, hour = task(900), task(HOUR)
    schedule, clock, time = start(NOON + 10, [quarter, hour])
    assert await schedule.wait() == (NOON + 900, [quarter], 0, False)
    assert clock.now_ms() == (NOON + 900) * 1000
    assert await schedule.wait() == (NOON + 1800, [quarter], 0, False)
    assert await schedule.wait() == (NOON + 2700, [quarter], 0, False)
    assert await schedule.wait() == (NOON + HOUR, [quarter, hour], 0, False)
    assert max(time.slept) <= 1000  # the clock may be stepped at any time


async def test_tasks_with_different_grids():
    tasks = [task(HOUR, CHINA), task(DAY, CHINA)]
    schedule, _, _ = start(NOON + 2 * HOUR, tasks)
    slots = []
    for _ in range(3):
        slots.append(await schedule.wait())
    assert (
        slots
        == [
            (NOON + 3 * HOUR, tasks[:1], 0, False),
            (NOON + 4 * HOUR, tasks, 0, False),  # midnight in China
            (NOON + 5 * HOUR, tasks[:1], 0, False),
        ]
    )


async def test_a_slot_that_begins_while_reading_is_given_late_and_those_before_it_are_counted():
    schedule, clock, _ = start(NOON, [task(60)])
    assert await give(schedule) == (NOON + 60, 0, False)
    clock.ms += 185 * 1000  # reading takes three slots and a little
    assert await give(schedule) == (NOON + 240, 2, True)
    assert await give(schedule) == (NOON + 300, 0, False)


async def test_no_task_hides_the_slot_of_another_that_passed_while_reading():
    quarter, daily = task(900), Settings(grid=Daily(12 * 60 + 5, TimeZone(0)))
    schedule, clock, _ = start(NOON - HOUR, [quarter, daily])
    schedule.resume(0, NOON - HOUR)
    schedule.resume(1, NOON - DAY + 300)
    assert await schedule.wait() == (NOON - HOUR + 900, [quarter], 0, False)
    clock.ms += (HOUR + 60) * 1000  # reading took an hour
    assert await schedule.wait() == (NOON + 300, [daily], 0, True)
    assert await schedule.wait() == (NOON + 900, [quarter], 3, True)
    assert await schedule.wait() == (NOON + 1800, [quarter], 0, False)


async def test_a_slot_is_given_once_to_each_task():
    quarter, hour = task(900), task(HOUR)
    schedule, _, _ = start(NOON + 10, [quarter, hour])
    schedule.resume(0, NOON)  # read before a reset; the hourly task was not
    schedule.resume(1, NOON - HOUR)
    assert await schedule.wait() == (NOON, [hour], 0, True)
    assert await schedule.wait() == (NOON + 900, [quarter], 0, False)


async def test_reading_that_ends_with_its_slot_makes_nothing_late():
    for end_ms, late in ((59999, False), (60000, False), (60001, True)):
        schedule, clock, _ = start(NOON, [task(60)])
        await schedule.wait()
        clock.ms += end_ms
        assert await give(schedule) == (NOON + 120, 0, late), end_ms


async def test_a_clock_that_was_never_set_has_no_slots():
    schedule, clock, _ = start(3, [task(5)])
    clock.quality = NEVER_SET
    waiting = asyncio.create_task(schedule.wait())
    for _ in range(100):
        await asyncio.sleep_ms(0)
    assert not waiting.done()
    assert clock.now() > 60
    clock.step(NOON * 1000)
    clock.quality = SYNCHRONISED
    slot, _, missed, late = await waiting
    assert slot > NOON
    assert (missed, late) == (0, False)


async def test_the_slot_in_which_power_returns_is_given_late_and_those_without_power_are_counted():
    schedule, _, _ = start(NOON + 10, [task(900)])
    schedule.resume(0, NOON - HOUR)
    assert await give(schedule) == (NOON, 3, True)
    assert await give(schedule) == (NOON + 900, 0, False)


async def test_after_a_reset_within_a_slot_it_is_not_given_again():
    schedule, _, _ = start(NOON + 10, [task(900)])
    schedule.resume(0, NOON)
    assert await give(schedule) == (NOON + 900, 0, False)


async def test_a_step_forward_while_waiting_skips_no_slot_that_lasts():
    schedule, clock, time = start(NOON, [task(900)])
    await schedule.wait()
    time.meanwhile = lambda: clock.step(HOUR * 1000)
    assert await give(schedule) == (NOON + HOUR + 900, 3, True)
    time.meanwhile = lambda: clock.step(900 * 1000)  # a second too far
    assert await give(schedule) == (NOON + HOUR + 1800, 0, True)


async def test_a_step_forward_while_waiting_does_not_stamp_a_slot_of_the_old_time():
    # The RTC began anew at a battery change; the network sets it while a slot is awaited.
    schedule, clock, time = start(3, [task(60)])

    def set_by_network():
        clock.step((NOON + 4) * 1000)

    time.meanwhile = set_by_network
    assert await give(schedule) == (NOON + 60, 0, False)
    assert await give(schedule) == (NOON + 120, 0, False)


async def test_a_step_of_years_while_reading_ends_counting_soon():
    schedule, clock, _ = start(3, [task(5)])
    await schedule.wait()
    clock.step((NOON - 4) * 1000)
    slot, missed, late = await give(schedule)
    assert slot == NOON
    assert missed <= 100
    assert late


async def test_a_step_back_does_not_stop_reading():
    for back in (1, 30, 3600, 10 * DAY):
        schedule, clock, _ = start(NOON, [task(60)])
        await schedule.wait()
        clock.step(-back * 1000)
        before = clock.now()
        slot, missed, late = await give(schedule)
        assert slot <= before + 120, (back, slot - before)
        assert (missed, late) == (0, False)


async def test_a_small_step_back_does_not_give_the_same_slot_again():
    schedule, clock, _ = start(NOON, [task(60)])
    first, _, _ = await give(schedule)
    clock.step(-3000)
    second, _, _ = await give(schedule)
    assert second == first + 60


async def test_a_step_back_while_waiting():
    schedule, clock, time = start(NOON, [task(60)])

    def set_back():
        clock.step(-DAY * 1000)

    time.meanwhile = set_back
    slot, _, _ = await give(schedule)
    assert slot <= NOON - DAY + 120, slot - NOON + DAY
    assert len(time.slept) < 200
