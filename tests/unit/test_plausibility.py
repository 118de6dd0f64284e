# What can follow what, at the ends of what an array holds: meters and networks may say anything.

from concentrator.plausibility import History, Rule

YEAR_2099 = 4070908800


def history(rule):
    return History([100], [[rule]])


def test_a_state_of_32_bits_is_no_different_when_it_comes_again():
    for value in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, -0x80000000, 10**10):
        one = history(Rule("own.flags", "", 0, False, True))
        one.begin(1788220800)
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
