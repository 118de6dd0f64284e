# Which answers are read a second time whatever their values are; a meter's habits are learned.

from concentrator.doubts import Doubts

BLOCK, OTHER = 0x0001FF00, 0x0002FF00  # two blocks of registers
RIGHT = (1003, 400, 300, 200, 100)  # what the rates do not show adds up
WRONG = (1004, 400, 300, 200, 100)


class Answer:
    def __init__(self, values=(5,), noisy=False):
        self.values = values
        self.count = len(values)
        self._noisy = noisy

    def value(self, index):
        return self.values[index]

    def noisy(self):
        return self._noisy


class Meters:
    # As the meter reader asks.

    def __init__(self):
        self.doubts = Doubts(2)

    def read(self, values, noisy=False, again=None, meter=0, block=BLOCK):
        # Whether an answer is read twice; the second is the same unless it is said.
        answer = Answer(values, noisy)
        twice = self.doubts.any(meter, block, answer)
        if twice:
            self.doubts.any_again(meter, block, again or answer)
        return twice


def test_an_answer_with_damage_beside_it_is_doubtful():
    meters = Meters()
    quiet = Answer()
    for block in (0, BLOCK):
        assert not meters.read((5,), block=block)
        assert meters.read((5,), noisy=True, again=quiet, block=block)
        assert meters.read((5,), noisy=True, again=quiet, block=block)


def test_what_is_always_noisy_is_doubtful_once():
    meters = Meters()
    assert [meters.read((5,), noisy=True, block=0) for _ in range(4)] == [
        True,
        False,
        False,
        False,
    ]
    assert meters.read((5,), noisy=True, block=0, meter=1)
    # Until it is quiet.
    assert not meters.read((5,), block=0)
    assert meters.read((5,), noisy=True, block=0)


def test_a_total_that_is_not_the_sum_of_its_rates_is_doubtful_where_it_always_was():
    meters = Meters()
    right = Answer(RIGHT)
    assert not meters.read(RIGHT)
    for wrong in (WRONG, (996, 400, 300, 200, 100), (1003, 400, 300, 210, 100)):
        assert meters.read(wrong, again=right), wrong
    assert not meters.read((997, 400, 300, 200, 100))  # rounded
    # Another meter, another block and what is no block are not known.
    assert not meters.read(WRONG, meter=1)
    assert not meters.read(WRONG, block=OTHER)
    assert not meters.read(WRONG, block=0)


def test_one_rate_is_the_total():
    meters = Meters()
    assert not meters.read((1000, 1000))
    assert meters.read((1000, 1001), again=Answer((1000, 1000)))


def test_a_meter_whose_total_never_is_the_sum_is_not_judged():
    meters = Meters()
    assert not any(meters.read((5000 + i, 400, 300)) for i in range(9))
    # Nor one that ceases to have such a total: it costs one second reading.
    assert not meters.read((700, 400, 300))
    assert [meters.read((5000 + i, 400, 300)) for i in range(9)] == [True] + [False] * 8


def test_a_total_without_all_its_rates_is_not_judged():
    meters = Meters()
    assert not meters.read(RIGHT)
    for values in ((1003,), (1003, 400, None, 200, 100), (None, 400, 300, 200, 100), ()):
        assert not meters.read(values), values
    assert meters.read(WRONG)
