# How long a meter is waited for.

from concentrator.patience import Patience


def known(delays, longest_ms=700):
    # The limit of a meter that has taken so many ms each time.
    patience = Patience(2, longest_ms)
    for delay in delays:
        patience.answered(1, delay)
    assert patience.limit_ms(0) == longest_ms  # of which nothing is known
    return patience.limit_ms(1)


def test_a_meter_has_its_time_until_it_is_known():
    assert known([]) == 700
    assert known([20] * 15) == 700
    assert known([20] * 16) == 2 * 20 + 100


def test_the_slowest_answer_counts():
    assert known([20] * 15 + [120]) == 340
    assert known([120] + [20] * 100) == 340


def test_it_is_never_more_than_without_learning():
    assert known([400] * 16) == 700
    assert known([5000] * 16, 3000) == 2 * 1020 + 100  # a byte holds a second


def test_what_was_slow_long_ago_is_forgotten():
    patience = Patience(1, 700)
    patience.answered(0, 200)
    for _ in range(20000):
        patience.answered(0, 20)
    assert patience.limit_ms(0) <= 2 * 24 + 100


def test_silence_opens_everything_again():
    patience = Patience(1, 700)
    for _ in range(100):
        patience.answered(0, 20)
    patience.silent(0)
    assert patience.limit_ms(0) == 700
    for _ in range(16):
        patience.answered(0, 20)
    assert patience.limit_ms(0) < 700


def test_who_is_silent_gets_what_is_enough_for_the_slowest_other():
    patience = Patience(3, 700)
    assert patience.probe_ms() == 700
    for _ in range(16):
        patience.answered(0, 20)
        patience.answered(1, 60)
    patience.silent(2)
    assert patience.probe_ms() == 2 * 60 + 100
    patience.silent(1)
    assert patience.probe_ms() == 2 * 20 + 100
