"""How long to wait for each meter of a bus: as long as it may take, until it is known better."""

from micropython import const

_STEP_MS = const(4)  # of what is kept: a byte holds a second
_ENOUGH = const(16)  # answers in a row, and what they took is what can be expected
_MARGIN_MS = const(100)


class Patience:
    """Learns from answers; `longest_ms` is what a meter is given of which too little is known.

    A meter that is known gets twice as long as it has lately taken at most, and a margin; once it
    does not answer in that time, everything is open again. One that stays silent is mostly given
    what is enough for any other on the line: it is likely to be as quick if it comes back.
    """

    def __init__(self, meters, longest_ms):
        self._longest_ms = longest_ms
        self._slowest = bytearray(meters)  # lately, in steps
        self._answers = bytearray(meters)  # in a row

    def limit_ms(self, meter):
        """How long a meter may take to begin its answer, in milliseconds."""
        if self._answers[meter] < _ENOUGH:
            return self._longest_ms
        return self._ample_ms(self._slowest[meter])

    def probe_ms(self):
        """How long is enough for all meters that are known; as long as may be if none is."""
        slowest = -1
        for meter in range(len(self._slowest)):
            if self._answers[meter] >= _ENOUGH:
                slowest = max(slowest, self._slowest[meter])
        return self._longest_ms if slowest < 0 else self._ample_ms(slowest)

    def _ample_ms(self, steps):
        return min(2 * _STEP_MS * steps + _MARGIN_MS, self._longest_ms)

    def answered(self, meter, delay_ms):
        """A meter has begun its answer so long after the request."""
        steps = min(-(-delay_ms // _STEP_MS), 0xFF)
        self._slowest[meter] = max(self._slowest[meter], steps)
        if self._answers[meter] < 0xFF:
            self._answers[meter] += 1
        else:  # what was slow long ago is forgotten, bit by bit
            self._answers[meter] = _ENOUGH
            self._slowest[meter] = max(self._slowest[meter] - 1, 0)

    def silent(self, meter):
        """A meter did not answer."""
        self._answers[meter] = 0
