# Pulse inputs: registers, what is left of them when power fails, and the alarm of too many pulses.

import random

from concentrator import pulses, quality
from concentrator.items import Catalogue
from concentrator.journal import EVENT, READING, Journal
from concentrator.pulses import Inputs
from fakes import Events, Settings, seeded
from flash import Flash, PowerCut

WRAP = 1 << 30  # of what a board counts
BLOCK_SIZE = 1024
SAVE_EVERY_S = 300
WATER = Settings(name="volume.total", identifier=None, size=None, kind="unsigned", scale=-3)
WATER.unit = "m3"


def an_input(number=201, item="energy.forward.total", constant=1000, start=0, max_rate=100):
    return Settings(
        number=number,
        input=number - 200,
        item=item,
        constant=constant,
        start=start,
        width_ms=20,
        max_rate=max_rate,
    )


class Counter:
    # What a board counts; the application sees it from where it stands now.

    def __init__(self, begin=0):
        self.pulses = begin

    def count(self):
        return self.pulses % WRAP


class Site:
    # A concentrator with pulse inputs, second by second. boot() is what power on does.

    def __init__(self, *inputs, flash=None, begin=0):
        self.flash = flash or Flash(8, BLOCK_SIZE)
        self.settings = Settings(save_every=SAVE_EVERY_S, inputs=inputs or [an_input()])
        self.begin = begin
        self.seconds = 0
        pulses.ticks_ms = self.ticks

    def ticks(self):
        return self.seconds * 1000 % WRAP

    def boot(self, cut_after=None):
        self.flash.power_on()
        self.flash.cut_after = cut_after
        self.events = Events()
        self.counters = {one.input: Counter(self.begin) for one in self.settings.inputs}
        self.journal = Journal(self.flash)
        self.journal.mount(1)
        self.inputs = Inputs(
            self.settings, Catalogue([WATER]), self.open, self.journal, self.events
        )
        return self

    def open(self, wanted):
        return [self.counters[number] for number, _ in wanted]

    def count(self, pulses, number=1):
        self.counters[number].pulses += pulses

    def run(self, seconds, each=0):
        # So many seconds with `each` pulses in every one of them.
        for _ in range(seconds):
            self.seconds += 1
            self.count(each)
            self.inputs.poll()

    def value(self, number=201):
        return self.inputs.reading(number)[0]

    def quality(self, number=201):
        return self.inputs.reading(number)[1]


# --- Registers --------------------------------------------------------------------------------


def test_a_register_is_its_start_value_and_the_pulses_since():
    for constant, start, counted, expected in (
        (1000, 0, 0, 0),
        (1000, 123456, 9, 123456),  # 0.009 kWh do not show
        (1000, 123456, 10, 123457),
        (1000, 99999900, 123456, 99999900 + 12345),
        (3200, 5, 32001, 5 + 1000),
        (1, 0, 7, 700),
        (1000000, 0, 999999, 99),
    ):
        site = Site(an_input(constant=constant, start=start)).boot()
        site.count(counted)
        assert site.value() == expected, (constant, counted)


def test_parts_of_a_digit_add_up():
    site = Site(an_input(constant=3)).boot()
    for pulse in range(1, 31):
        site.count(1)
        assert site.value() == pulse * 100 // 3


def test_items_of_the_site_have_their_own_scale():
    site = Site(an_input(item="volume.total", constant=10, start=1500)).boot()
    site.count(1)  # 0.1 m3
    assert site.value() == 1600
    # Thousands of the unit, should anybody want them.
    WATER.scale = 3
    try:
        site = Site(an_input(item="volume.total", constant=2, start=7)).boot()
        site.count(1999)
        assert site.value() == 7
        site.count(1)
        assert site.value() == 8
    finally:
        WATER.scale = -3


def test_every_input_has_its_own_register():
    site = Site(an_input(201), an_input(202, constant=100), an_input(203)).boot()
    site.count(1000, 1)
    site.count(1000, 2)
    assert [site.value(number) for number in (201, 202, 203)] == [100, 1000, 0]


def test_a_boards_counter_may_begin_anywhere_and_wrap():
    site = Site(begin=WRAP - 5).boot()
    site.count(20)
    assert site.value() == 2
    site.count(WRAP - 10)
    assert site.value() == (WRAP + 10) // 10


def test_ten_years_of_pulses_are_counted_to_the_last():
    site = Site(an_input(constant=10000)).boot()
    for _ in range(10):
        site.count(WRAP - 1)
        site.run(1)
    assert site.value() == 10 * (WRAP - 1) // 100
    site.boot()
    assert site.value() == 10 * (WRAP - 1) // 100


# --- Power ------------------------------------------------------------------------------------


def test_a_restart_loses_the_pulses_since_the_last_save_at_most():
    site = Site(an_input(constant=100)).boot()
    site.run(SAVE_EVERY_S, 1)
    site.run(SAVE_EVERY_S - 1, 1)
    site.boot()
    assert site.value() == SAVE_EVERY_S
    assert site.events.all == []


def test_an_orderly_stop_loses_nothing():
    site = Site(an_input(constant=100)).boot()
    site.run(77, 1)
    site.inputs.save()
    site.boot()
    assert site.value() == 77


def test_a_value_that_was_read_never_comes_back_smaller():
    site = Site(an_input(constant=100)).boot()
    site.run(77, 1)
    assert site.value() == 77
    site.boot()
    assert site.value() == 77


def test_a_new_start_value_or_constant_begins_anew_and_says_so():
    site = Site(an_input(start=500)).boot()
    assert site.events.all == [("pulses.begun", {"meter": 201, "value": 500})]
    site.count(1000)
    assert site.value() == 600
    site.boot()
    assert site.value() == 600
    assert site.events.all == []
    for changed in (an_input(start=501), an_input(start=501, constant=999)):
        site.settings.inputs = [changed]
        site.boot()
        assert site.events.all == [("pulses.begun", {"meter": 201, "value": 501})]
        assert site.value() == 501


def test_an_input_that_is_added_leaves_the_others_as_they_are():
    site = Site(an_input(202)).boot()
    site.count(1000, 2)
    site.inputs.save()
    site.settings.inputs = [an_input(201), an_input(202), an_input(203)]
    site.boot()
    assert [site.value(number) for number in (201, 202, 203)] == [0, 100, 0]
    assert [detail["meter"] for _, detail in site.events.all] == [201, 203]


def work(site):
    # Some hours: pulses, readings, what else is written, and the ring comes round.
    site.journal.append(EVENT, b"boot")
    site.journal.set_context(0, b"task" * 20)
    for _ in range(24):
        for _ in range(50):
            site.made += 1
            site.seconds += 9
            site.run(1, 1)
        site.journal.append(READING, bytes(60))
        site.journal.checkpoint()
        site.journal.prepare()
        site.shown = site.value()


def test_power_that_fails_in_any_flash_operation_costs_no_more_than_the_bound():
    seeded()
    cut = 0
    went_well = False
    while not went_well:
        cut += 1
        site = Site(an_input(constant=100), flash=Flash(4, BLOCK_SIZE))
        site.made = site.shown = 0
        for cut_after in (cut, random.randrange(1, 9), random.randrange(1, 9)):
            try:  # power fails again while it comes back, or soon after
                site.boot(cut_after)
                check_total(site)
                work(site)
                went_well = True
                break
            except PowerCut:
                pass
        site.boot()
        check_total(site)
    assert cut > 80


def check_total(site):
    value = site.value()
    assert site.shown <= value <= site.made, (site.shown, value, site.made)
    assert site.made - value <= SAVE_EVERY_S // 10, (value, site.made)
    site.made = value  # what is lost is lost


# --- Wear -------------------------------------------------------------------------------------


def test_a_day_of_pulses_costs_a_small_record_every_save_and_no_pulses_cost_nothing():
    flash = Flash(16, 4096)
    site = Site(*[an_input(number) for number in range(201, 205)], flash=flash).boot()
    for each, records, most_bytes in ((1, 86400 // SAVE_EVERY_S, 16000), (0, 1, 64)):
        operations, programmed = flash.operations, flash.programmed
        site.run(86400, each)
        # A block more is an erase, a header and the context.
        most_operations = records + 3 * (most_bytes // 4096 + 1)
        assert flash.operations - operations <= most_operations
        assert flash.programmed - programmed <= most_bytes


def test_a_slot_costs_one_save_for_all_inputs():
    site = Site(*[an_input(number) for number in range(201, 205)]).boot()
    for number in range(1, 5):
        site.count(10, number)
    operations = site.flash.operations
    assert [site.value(number) for number in range(201, 205)] == [1] * 4
    assert site.flash.operations == operations + 1


# --- Rate -------------------------------------------------------------------------------------


def test_pulses_that_come_too_fast_are_an_event_once_and_one_when_it_is_over():
    # 360 kW of 1000 pulses a kWh are 100 a second.
    site = Site(an_input(max_rate=360)).boot()
    site.events.all.clear()
    site.run(120, 100)
    assert site.events.all == []
    assert site.quality() == quality.GOOD
    site.run(180, 101)
    fast = ("pulses.fast", {"meter": 201, "pulses": 6060, "seconds": 60})
    assert site.events.all == [fast]
    assert site.quality() == quality.SUSPECT
    site.run(120, 99)
    assert site.events.all == [fast, ("pulses.normal", {"meter": 201})]
    assert site.quality() == quality.GOOD
    assert site.value() == (120 * 100 + 180 * 101 + 120 * 99) // 10  # they count all the same


def test_one_pulse_is_never_too_fast_and_two_may_be():
    for pulses_a_minute, names in ((1, []), (2, ["pulses.fast"])):
        site = Site(an_input(constant=1, max_rate=1)).boot()
        site.events.all.clear()
        site.count(pulses_a_minute)
        site.run(60)
        assert site.events.names() == names


def test_an_event_loop_that_was_held_up_gives_no_alarm():
    site = Site(an_input(max_rate=360)).boot()
    site.events.all.clear()
    site.run(30, 100)
    site.seconds += 900
    site.count(900 * 100)
    site.run(60, 100)
    assert site.events.all == []


def test_one_input_that_runs_too_fast_casts_no_doubt_on_another():
    site = Site(an_input(201), an_input(202)).boot()
    site.count(100000)
    site.run(60)
    assert (site.quality(201), site.quality(202)) == (quality.SUSPECT, quality.GOOD)
