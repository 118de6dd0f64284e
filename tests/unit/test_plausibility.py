# What can follow what: what a meter usually does is learned, and meters and networks may say
# anything.

from concentrator.plausibility import History, Rule

BEGIN = 1788220800
QUARTER = 900
HOUR = 3600
DAY = 86400
YEAR_2099 = 4070908800


def history(rule):
    return History([100], [[rule]])


def test_a_state_of_32_bits_is_no_different_when_it_comes_again():
    for value in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, -0x80000000, 10**10):
        one = history(Rule("own.flags", "", 0, False, True))
        one.begin(BEGIN)
        for _ in range(2):
            assert not one.is_odd(0, 0, 0, value), value
            one.keep(0, 0, 0, value)


def test_a_clock_that_is_far_ahead_judges_as_one_that_is_right():
    one = history(Rule("energy.forward.total", "kWh", -2, False, False))
    one.begin(YEAR_2099)
    one.keep(0, 0, 0, 5000)
    one.begin(YEAR_2099 + 900)
    assert not one.is_odd(0, 0, 0, 5010)
    assert one.is_odd(0, 0, 0, 85010)
    assert one.is_odd(0, 0, 0, 4999)


# --- What is usual ----------------------------------------------------------------------------


def energy():
    return Rule("energy.forward.total", "kWh", -2, False, False)


def voltage():
    return Rule("voltage.a", "V", -1, False, False)


def power():
    return Rule("power.active.total", "kW", -4, True, False)


class Meter:
    # A meter with one item that is read in slot after slot, as the collector does it.

    def __init__(self, rule, value=500000):
        self.history = history(rule)
        self.now = BEGIN
        self.value = value
        self.history.begin(self.now)
        self.history.keep(0, 0, 0, value)

    def wait(self, seconds):
        self.now += seconds
        self.history.begin(self.now)

    def is_odd(self, change):
        return self.history.is_odd(0, 0, 0, self.value + change)

    def is_suspect(self, change):
        return self.history.is_suspect(0, 0, 0, self.value + change)

    def read(self, changes, every=QUARTER):
        # Returns how many were read twice.
        twice = 0
        for change in changes:
            self.wait(every)
            twice += self.is_odd(change)
            self.value += change
            self.history.keep(0, 0, 0, self.value)
        return twice


def there_and_back(size, count):
    return [size, -size] * (count // 2)


def test_a_register_that_runs_unusually_fast_is_odd_but_not_suspect():
    meter = Meter(energy())
    assert meter.read([8, 10, 9, 12] * 24) == 0
    meter.wait(QUARTER)
    for change, odd, suspect in (
        (0, False, False),
        (12, False, False),
        (100, True, False),
        (2500, True, False),  # 100 kW
        (2900, True, True),
        (-1, True, True),
    ):
        assert (meter.is_odd(change), meter.is_suspect(change)) == (odd, suspect), change


def test_before_anything_is_learned_a_register_may_run_as_fast_as_its_meter_can():
    meter = Meter(energy())
    meter.wait(QUARTER)
    assert not meter.is_odd(2500)
    assert meter.is_odd(2900)


def test_what_is_usual_of_a_register_is_a_rate():
    meter = Meter(energy())
    meter.read([90] * 96)
    assert meter.read([6] * 60, every=60) == 0
    assert meter.read([360 * 12, 90, 360 * 24 * 30, 90], every=12 * HOUR) <= 2
    meter.wait(60)
    assert meter.is_odd(90)


def test_after_hours_or_weeks_without_a_reading_a_register_is_believed_at_once():
    for gap in (3 * HOUR, 3 * DAY, 30 * DAY):
        meter = Meter(energy())
        meter.read([90] * 96)
        assert meter.read([90 * (gap // QUARTER)], every=gap) == 0, gap


def test_a_register_that_hardly_moves_is_believed_when_it_does():
    meter = Meter(energy())
    assert meter.read(([0] * 400 + [1]) * 3) == 0
    meter.wait(QUARTER)
    assert not meter.is_odd(1)
    assert meter.is_odd(4)


def test_a_register_that_stands_still_is_not_forgotten():
    meter = Meter(energy())
    meter.read([40] * 96)
    meter.read([0] * 96 * 21)  # holidays
    assert meter.read([40]) == 0


def test_a_new_meter_in_the_place_of_one_is_suspect_once():
    meter = Meter(energy())
    meter.read([10] * 96)
    meter.wait(QUARTER)
    assert meter.is_suspect(-400000)
    assert meter.read([-400000, 10, 10, 10]) == 1
    meter.wait(QUARTER)
    assert meter.is_odd(200)


def test_a_load_that_is_a_hundred_times_larger_is_soon_believed():
    for rule in (energy(), power()):
        meter = Meter(rule)
        meter.read(there_and_back(10, 96) if rule.kind else [10] * 96)
        assert 1 <= meter.read(there_and_back(1000, 96) if rule.kind else [1000] * 96) <= 10


def test_a_level_is_odd_when_it_goes_further_than_usual():
    meter = Meter(voltage(), 2300)
    meter.read([5, -12, 20, -8, -5] * 20)
    meter.wait(QUARTER)
    assert not meter.is_odd(-20)
    assert meter.is_odd(-80)  # less than a 25th
    assert not meter.is_suspect(-80)


def test_a_level_that_becomes_calm_is_held_to_that():
    for rule, hours in ((power(), 12), (voltage(), 96)):
        meter = Meter(rule, 3000)
        meter.read(there_and_back(500, 96))
        meter.wait(QUARTER)
        assert not meter.is_odd(400)
        meter.read(there_and_back(10, hours * 4))
        meter.wait(QUARTER)
        assert meter.is_odd(400)


def test_what_is_unusual_every_day_is_read_twice_less_than_twice_a_day():
    meter = Meter(energy())
    meter.read(([4] * 92 + [100, 110, 90, 95]) * 7)
    assert meter.read(([4] * 92 + [100, 110, 90, 95]) * 14) <= 28


def test_the_largest_changes_are_learned_without_harm():
    for rule in (energy(), voltage()):
        meter = Meter(rule, -0x7FFFFFFF)
        meter.read([0xFFFFFFFE, -0xFFFFFFFE] * 100)
        assert meter.value == -0x7FFFFFFF
