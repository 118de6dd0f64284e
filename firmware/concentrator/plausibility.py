"""Whether a value can follow the one before it; one that cannot is read a second time.

A frame can be damaged in such a way that its checksum and everything in it that is known
beforehand are right: then only its value shows it. What is odd is no proof (a meter may have been
replaced, a load switched on), so nothing is dropped: two readings that agree are believed, and a
register that runs backwards or faster than its meter can is believed to say so, but is marked.
"""

from array import array

from micropython import const

COUNTER = const(0)  # never runs backwards, nor faster than its meter's greatest power
LEVEL = const(1)  # changes by so much only when something was switched
STATE = const(2)  # bits, and values of the past: seldom change at all

_YEAR_2020 = const(1577836800)  # seconds counted from here take no memory until 2054
_MOST = const(0x7FFFFFFF)  # what an array holds: more would be an OverflowError on 32 bits
_NONE = const(-0x80000000)  # no value yet
_SLACK = const(50)  # in the last digit, whatever the time between two readings
_ENERGIES = ("kWh", "kvarh", "kVAh")
_PART_OF = {"V": 25, "Hz": 25}  # a 25th up or down is odd; of anything else, half


class Rule:
    """What to expect of an item."""

    def __init__(self, name, unit, scale, is_signed, is_bits):
        self._part = _PART_OF.get(unit, 2)
        self._backwards = is_signed
        self._per_kwh = 10 ** max(0, -scale)
        if is_bits or "@" in name:
            self.kind = STATE
        elif unit in _ENERGIES:
            self.kind = COUNTER
        else:
            self.kind = LEVEL

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


class History:
    """The last value of every item of every meter of a bus, 8 bytes each; since power on.

    Tasks, meters and items are given by their places.
    """

    def __init__(self, powers, rules):
        """`powers` has the greatest power of every meter in kW, `rules` Rules for every task."""
        self._powers = powers
        self._rules = rules
        self._values = [array("i", [_NONE] * (len(powers) * len(task))) for task in rules]
        self._slots = [array("i", [0] * (len(powers) * len(task))) for task in rules]
        self._slot = 0

    def begin(self, slot):
        """What follows is of this slot, in s since 1970."""
        self._slot = min(slot - _YEAR_2020, _MOST)  # a clock may be wrong by decades

    def is_odd(self, task, meter, item, value):
        """Whether a value is to be read a second time."""
        at = meter * len(self._rules[task]) + item
        last = self._values[task][at]
        if last == _NONE:
            return False
        elapsed = max(0, self._slot - self._slots[task][at])
        most_kwh = elapsed * self._powers[meter] // 3600 + 1
        return not self._rules[task][item].allows(last, value, most_kwh)

    def agree(self, task, item, first, second):
        """Whether two readings, one right after the other, say the same."""
        return self._rules[task][item].allows(first, second, 1)

    def is_suspect(self, task, item):
        """Whether an odd value is still suspect when two readings agree on it."""
        return self._rules[task][item].kind == COUNTER

    def keep(self, task, meter, item, value):
        """Judge the next value by this one, unless it is too large to be kept."""
        at = meter * len(self._rules[task]) + item
        self._values[task][at] = value if -_MOST <= value <= _MOST else _NONE
        self._slots[task][at] = self._slot
