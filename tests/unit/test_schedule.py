# Slots on the local wall clock, and the schedule that waits for them.

import asyncio

from concentrator import schedule as schedules
from concentrator.clock import NEVER_SET, SYNCHRONISED
from concentrator.schedule import Schedule, next_slot
from fakes import Clock, Settings

NOON = 1788264000  # 2026-09-01 12:00:00 UTC
HOUR = 3600
DAY = 86400
CHINA = 8 * HOUR
NEWFOUNDLAND = -(3 * HOUR + HOUR // 2)


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


def task(every):
    return Settings(every=every)


def start(now, tasks, offset=0):
    clock = Clock(now)
    time = Time(clock)
    schedules.asyncio = time
    return Schedule(clock, tasks, offset), clock, time


def test_slots_fall_on_the_wall_clock():
    assert next_slot(NOON + 1, 900, 0) == NOON + 900
    assert next_slot(NOON + 899, 900, 0) == NOON + 900
    # 12:00 UTC is 20:00 in China, 08:30 in Newfoundland.
    assert next_slot(NOON, HOUR, CHINA) == NOON + HOUR
    assert next_slot(NOON, HOUR, NEWFOUNDLAND) == NOON + HOUR // 2
    assert next_slot(NOON + 1, 900, NEWFOUNDLAND) == NOON + 900


def test_a_daily_slot_is_local_midnight():
    assert next_slot(NOON, DAY, 0) == NOON + 12 * HOUR
    assert next_slot(NOON, DAY, CHINA) == NOON + 4 * HOUR
    assert next_slot(NOON, DAY, NEWFOUNDLAND) == NOON + 15 * HOUR + HOUR // 2
    assert next_slot(NOON + 4 * HOUR, DAY, CHINA) == NOON + 28 * HOUR


def test_the_next_slot_is_strictly_later_and_on_the_grid():
    for offset in (0, CHINA, NEWFOUNDLAND, 14 * HOUR, -12 * HOUR):
        for every in (5, 60, 900, HOUR, 6 * HOUR, DAY):
            for now in (0, 1, every - 1, every, NOON - 1, NOON, NOON + 1, NOON + 86399):
                slot = next_slot(now, every, offset)
                assert now < slot <= now + every
                assert (slot + offset) % every == 0


async def test_wait_gives_slot_and_due_tasks():
    quarter, hour = task(900), task(HOUR)
    schedule, clock, time = start(NOON + 10, [quarter, hour])
    assert await schedule.wait() == (NOON + 900, [quarter], 0)
    assert clock.now_ms() == (NOON + 900) * 1000
    assert await schedule.wait() == (NOON + 1800, [quarter], 0)
    assert await schedule.wait() == (NOON + 2700, [quarter], 0)
    assert await schedule.wait() == (NOON + HOUR, [quarter, hour], 0)
    assert max(time.slept) <= 1000  # the clock may be stepped at any time


async def test_tasks_with_different_grids():
    tasks = [task(HOUR), task(DAY)]
    schedule, _, _ = start(NOON + 2 * HOUR, tasks, CHINA)
    slots = []
    for _ in range(3):
        slots.append(await schedule.wait())
    assert (
        slots
        == [
            (NOON + 3 * HOUR, tasks[:1], 0),
            (NOON + 4 * HOUR, tasks, 0),  # midnight in China
            (NOON + 5 * HOUR, tasks[:1], 0),
        ]
    )


async def test_slots_that_pass_while_reading_are_counted():
    schedule, clock, _ = start(NOON, [task(60)])
    await schedule.wait()
    clock.ms += 185 * 1000  # reading takes three slots and a little
    slot, _, missed = await schedule.wait()
    assert (slot, missed) == (NOON + 300, 3)
    slot, _, missed = await schedule.wait()
    assert (slot, missed) == (NOON + 360, 0)


async def test_reading_that_ends_within_its_slot_misses_nothing():
    schedule, clock, _ = start(NOON, [task(60)])
    await schedule.wait()
    clock.ms += 59999
    assert await schedule.wait() == (NOON + 120, [schedule._tasks[0]], 0)


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
    slot, _, missed = await waiting
    assert slot > NOON
    assert missed == 0


async def test_resume_counts_the_slots_that_passed_while_power_was_off():
    schedule, _, _ = start(NOON + 10, [task(900)])
    schedule.resume(NOON - HOUR)
    assert await schedule.wait() == (NOON + 900, schedule.due(NOON), 4)


async def test_a_step_forward_while_waiting_counts_what_it_jumps_over():
    schedule, clock, time = start(NOON, [task(900)])
    await schedule.wait()
    time.meanwhile = lambda: clock.step(HOUR * 1000)
    slot, _, missed = await schedule.wait()
    assert slot == NOON + HOUR + 1800
    assert missed == 4


async def test_a_step_forward_while_waiting_does_not_stamp_a_slot_of_the_old_time():
    # The RTC began anew at a battery change; the network sets it while a slot is awaited.
    schedule, clock, time = start(3, [task(60)])

    def set_by_network():
        clock.step((NOON + 4) * 1000)

    time.meanwhile = set_by_network
    slot, due, missed = await schedule.wait()
    assert slot == NOON + 60, slot
    assert len(due) == 1
    assert missed == 0, missed
    assert await schedule.wait() == (NOON + 120, due, 0)


async def test_a_step_of_years_while_reading_ends_counting_soon():
    schedule, clock, _ = start(3, [task(5)])
    await schedule.wait()
    clock.step((NOON - 5) * 1000)
    slot, _, missed = await schedule.wait()
    assert slot == NOON + 5
    assert missed <= 100


async def test_a_step_back_does_not_stop_reading():
    for back in (1, 30, 3600, 10 * DAY):
        schedule, clock, _ = start(NOON, [task(60)])
        await schedule.wait()
        clock.step(-back * 1000)
        before = clock.now()
        slot, _, missed = await schedule.wait()
        assert slot <= before + 120, (back, slot - before)
        assert missed == 0


async def test_a_small_step_back_does_not_give_the_same_slot_again():
    schedule, clock, _ = start(NOON, [task(60)])
    first, _, _ = await schedule.wait()
    clock.step(-3000)
    second, _, _ = await schedule.wait()
    assert second == first + 60


async def test_a_step_back_while_waiting():
    schedule, clock, time = start(NOON, [task(60)])

    def set_back():
        clock.step(-DAY * 1000)

    time.meanwhile = set_back
    slot, _, _ = await schedule.wait()
    assert slot <= NOON - DAY + 120, slot - NOON + DAY
    assert len(time.slept) < 200
