"""What makes a whole answer doubtful, however plausible its values: it is read a second time.

That something came damaged beside it; and that the first register of a block is not the sum of the
others, which are its rates. Either can be a meter's habit: wake-up bytes that its driver spoils, a
total that counts more than the rates do. So both are learned, in a byte for each meter. Sums are
only asked for where they were right the last time, and what was noisy twice is not noise.
"""

from micropython import const

_NOISY = const(0x80)  # a meter whose answers always are
_BLOCKS = const(7)  # a bit for each whose sum is right; several may share one


class Doubts:
    """The habits of the meters of a bus, known by their places.

    An `answer` is a good one: its values are value(0) to value(count - 1), and it may be noisy().
    Its `block` is its identifier if it has registers, a total and its rates, or else 0.
    """

    def __init__(self, meters):
        self._habits = bytearray(meters)

    def any(self, meter, block, answer):
        """Whether a first answer is doubtful; what it shows of its meter is learned."""
        is_doubtful = False
        if answer.noisy():
            is_doubtful = not self._habits[meter] & _NOISY
        else:
            self._habits[meter] &= ~_NOISY
        if block and self._is_judged(answer):
            bit = 1 << block % _BLOCKS
            if self._is_sum(answer):
                self._habits[meter] |= bit
            elif self._habits[meter] & bit:
                return True
        return is_doubtful

    def any_again(self, meter, block, answer):
        """The same of a second answer, right after a first: a doubt that it has may be a habit."""
        is_doubtful = self.any(meter, block, answer)
        if answer.noisy():
            self._habits[meter] |= _NOISY
        if block and self._is_judged(answer) and not self._is_sum(answer):
            self._habits[meter] &= ~(1 << block % _BLOCKS)
        return is_doubtful

    def _is_judged(self, answer):
        """Whether a total and all its rates are there."""
        for i in range(answer.count):
            if answer.value(i) is None:
                return False
        return answer.count > 1

    def _is_sum(self, answer):
        """As far as the last digits tell, in a meter that drops or rounds what is behind them."""
        left = answer.value(0)
        for i in range(1, answer.count):
            left -= answer.value(i)
        return abs(left) < answer.count - 1
