"""Whether a value can follow the one before it; one that cannot is read a second time.

A frame can be damaged in such a way that its checksum and everything in it that is known
beforehand are right: then only its value shows it. What is odd is no proof (a meter may have been
replaced, a load switched on), so nothing is dropped: two readings that agree are believed.

Odd is what this meter seldom does. How far a value goes is learned from it, and kept in a byte: a
change that goes further doubles it, and as long as changes are less than half of it a little is
taken back, an eighth of the way to half of it every two hours. So a habit that is a thousand times
larger costs ten second readings, and one value is read twice 1.5 times a day at most, whatever it
does; power, which has no habit for longer than an evening, one time of nine. Of a register it is
a rate: it holds for any time between two readings.

Suspect is what a meter cannot do at all: a register that runs backwards, or faster than the
greatest power. That is believed when it is read twice, but marked.
"""

from array import array

from micropython import const

COUNTER = const(0)  # never runs backwards, nor faster than its meter's greatest power
LEVEL = const(1)  # changes by so much only when something was switched
STATE = const(2)  # bits, and values of the past: seldom change at all

_MOST = const(0x7FFFFFFF)  # what an array holds: more would be an OverflowError on 32 bits
_NONE = const(-0x80000000)  # no value yet
_SLACK = const(50)  # in the last digit, whatever the time between two readings
_ENERGIES = ("kWh", "kvarh", "kVAh")
_MINUTES = const(0xFFFF)  # of a time: it comes again after 45 days
_NETWORK = ("V", "Hz")  # of levels that the meter's own load does not make
_PART = const(25)  # of these a 25th up or down is odd while nothing is learned; of others, half

# What is usual is kept in a byte, as a logarithm with eight steps from a number to its double: 8
# is 2 last digits, 16 is 4... and 0 nothing learned.
_DOUBLE = const(8)
_MOST_USUAL = const(215)  # 126 million, worked out below 2 to the 30th
_CALM = const(120)  # minutes in which one step is taken back
_RESTLESS = const(15)  # the same of levels that go with the load


class Rule:
    """What to expect of an item."""

    def __init__(self, name, unit, scale, is_signed, is_bits):
        self._part = _PART if unit in _NETWORK else 2
        self._backwards = is_signed
        self._per_kwh = 10 ** max(0, -scale)
        if is_bits or "@" in name:
            self.kind = STATE
        elif unit in _ENERGIES:
            self.kind = COUNTER
        else:
            self.kind = LEVEL
        restless = self.kind == LEVEL and unit not in _NETWORK
        self._period = _RESTLESS if restless else _CALM

    def allows(self, last, value, most_kwh):
        """Whether `value` can follow `last`, both in the last digit of the item.

        In between the meter can have counted `most_kwh`, or as many kvarh or kVAh.
        """
        change = value - last
        if self.kind == STATE:
            return change == 0
        if self.kind == LEVEL:
            return abs(change) <= max(abs(last) // self._part, _SLACK)
        if change < 0 and not self._backwards:
            return False
        return abs(change) <= most_kwh * self._per_kwh + _SLACK

    def reach(self, usual, minutes):
        """How far a value usually goes in so many minutes, in the last digit of the item."""
        change = ((_DOUBLE + usual % _DOUBLE) << usual // _DOUBLE) // _DOUBLE
        if self.kind == COUNTER:
            # Learned of an hour. One more, as a register shows whole digits.
            return change * max(minutes, 1) // 60 + 1
        return change

    def learn(self, usual, change, now, then):
        """What is usual after a change between the minutes `then` and `now`; first it is 0."""
        minutes = (now - then) & _MINUTES
        if self.kind == STATE or (self.kind == COUNTER and minutes == 0):
            return usual
        if usual == 0:
            usual = _DOUBLE
            while change > self.reach(usual, minutes) and usual < _MOST_USUAL - _DOUBLE:
                usual += 1
            return usual + _DOUBLE
        reach = self.reach(usual, minutes)
        if change > reach:
            return min(usual + _DOUBLE, _MOST_USUAL)
        # A register that stood still says nothing of how fast it runs when it runs.
        is_far_less = change <= reach // 2 and (change or self.kind == LEVEL)
        if is_far_less and usual > 1 and now // self._period != then // self._period:
            return usual - 1
        return usual


class History:
    """The last value of every item of every meter of a bus, 7 bytes each; since power on.

    Tasks, meters and items are given by their places.
    """

    def __init__(self, powers, rules):
        """`powers` has the greatest power of every meter in kW, `rules` Rules for every task."""
        self._powers = powers
        self._rules = rules
        sizes = [len(powers) * len(task) for task in rules]
        self._values = [array("i", [_NONE] * size) for size in sizes]
        self._times = [array("H", [0] * size) for size in sizes]  # minutes, the lowest 16 bits
        self._usual = [bytearray(size) for size in sizes]
        self._now = 0

    def is_register(self, task, item):
        """Whether an item is a register of energy, as it is now."""
        return self._rules[task][item].kind == COUNTER

    def begin(self, slot):
        """What follows is of this slot, in s since 1970."""
        self._now = slot // 60 & _MINUTES

    def is_odd(self, task, meter, item, value):
        """Whether a value is to be read a second time."""
        at = self._place(task, meter, item)
        last = self._values[task][at]
        if last == _NONE:
            return False
        rule = self._rules[task][item]
        minutes = self._minutes(task, at)
        usual = self._usual[task][at]
        if usual:
            if abs(value - last) > rule.reach(usual, minutes):
                return True
            if rule.kind == LEVEL:  # what it allows is but a guess
                return False
        return not rule.allows(last, value, self._most_kwh(meter, minutes))

    def is_suspect(self, task, meter, item, value):
        """Whether a value is suspect even when two readings agree on it; ask before keep()."""
        rule = self._rules[task][item]
        at = self._place(task, meter, item)
        last = self._values[task][at]
        if rule.kind != COUNTER or last == _NONE:
            return False
        return not rule.allows(last, value, self._most_kwh(meter, self._minutes(task, at)))

    def agree(self, task, item, first, second):
        """Whether two readings, one right after the other, say the same."""
        return self._rules[task][item].allows(first, second, 1)

    def keep(self, task, meter, item, value):
        """Judge the next value by this one, unless it is too large to be kept."""
        at = self._place(task, meter, item)
        values, times, usual = self._values[task], self._times[task], self._usual[task]
        if values[at] != _NONE:
            change = abs(value - values[at])
            usual[at] = self._rules[task][item].learn(usual[at], change, self._now, times[at])
        values[at] = value if -_MOST <= value <= _MOST else _NONE
        times[at] = self._now

    def _place(self, task, meter, item):
        return meter * len(self._rules[task]) + item

    def _minutes(self, task, at):
        """How long ago a value was read."""
        return (self._now - self._times[task][at]) & _MINUTES

    def _most_kwh(self, meter, minutes):
        return minutes * self._powers[meter] // 60 + 1
