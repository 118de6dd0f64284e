"""Reads what a plan wants of one meter: which transaction comes next, and what came of the last.

A machine of plain methods that waits for nothing and takes nothing from the heap (bus.py says
what that asks of them), but for a meter's address as text; who uses it does the waiting:

    reader.begin(meter, steps)
    while reader.next():
        reader.take(await bus.exchange(reader.transaction, reader.again))
"""

from micropython import const

from . import log, quality
from .doubts import Doubts

_NO_SUCH_DATA = const(0x02)  # bit of the error word, the same in both editions
_MOST_TARGETS = const(64)  # 8 tasks of 8 items
_MOST_IGNORED = const(32)  # at a time: a handful on a line that loses one answer of a hundred
_NEVER_ANSWERED = const(3)  # times in a row: then it does not have the item, or the block
_ANSWERS = (quality.GOOD, quality.REFUSED)
_NOT_FAILED = (quality.GOOD, quality.SUSPECT)

_log = log.get("reader")


class Row:
    """What becomes one reading: the values of a task's items, and how good they are."""

    def __init__(self, size):
        self.values = [None] * size
        self.quality = quality.GOOD

    def clear(self):
        """Begin a new reading."""
        self.quality = quality.GOOD
        for i in range(len(self.values)):
            self.values[i] = None

    def worsen(self, reason):
        """Something went wrong; the first reason counts, and any failure more than a doubt."""
        if self.quality in _NOT_FAILED:
            self.quality = reason


class MeterReader:
    """Reads the meters of one bus, one at a time, into `rows`.

    `meters` are meters.Meters; a meter is known by its place among them, as
    `history` (a plausibility.History of one list of items) knows it.
    """

    def __init__(self, transaction, meters, history, rows):
        self.transaction = transaction
        self.again = True  # whether the bus may repeat the request
        self.in_parts = False  # an item has further parts, and the transaction asks for the next
        self._meters = meters
        self._history = history
        self._rows = rows
        self.answered = False  # whether the meter has answered anything at all
        self._doubts = Doubts(len(meters))
        self._refused = [None] * len(meters)  # sets of identifiers that they do not have
        # [meter, identifier, how often in a row it was not answered, though others were]
        self._ignored = []
        self._all_odd = False  # every value of the answer that was taken last
        self._odd = bytearray(_MOST_TARGETS)  # which values of a step are to be read twice
        self._meter = 0
        self._address = ""
        self._edition = 0
        self._patient = True
        self._steps = ()
        self._at = 0
        self._singles = ()  # in place of a block
        self._single = 0
        self._silences = 0  # requests in a row that were not answered
        self._doubtful = 0  # the identifier of the last of them, or 0
        self._step = None  # under way
        self._second = False  # reading: of a step with odd values
        self._cautious = False
        self._chances = 1

    def begin(self, meter, steps, patient=True, cautious=False, chances=2):
        """Read a meter; `patient`: requests may be repeated. `cautious`: ask for no blocks.

        After so many `chances` in a row that were not used it is the meter that is silent, and not
        some items that it does not have.
        """
        self._meter = meter
        self._address = self._meters.address(meter)
        self._edition = self._meters.edition(meter)
        self._steps = steps
        self._patient = patient
        self._cautious = cautious
        self._chances = chances
        self._at = 0
        self._singles = ()
        self._single = 0
        self._silences = 0
        self._doubtful = 0
        self.answered = False
        self.in_parts = False
        self._second = False

    def forget_refusals(self):
        """Ask all meters for everything again: one may have been replaced."""
        for meter in range(len(self._refused)):
            self._refused[meter] = None

    def next(self):
        """Prepare the next transaction; False when all has been asked for."""
        if self.in_parts:
            self.again = True
            return True
        if not self._second:
            self._step = self._next_step()
        step = self._step
        if step is None:
            return False
        self.transaction.prepare(self._address, step.identifier, self._edition, step.form)
        self.again = self._patient or self._second
        return True

    def take(self, reason):
        """What came of the transaction: a quality, or quality.MORE."""
        step = self._step
        self.in_parts = reason == quality.MORE
        if self.in_parts:
            return
        if reason in _ANSWERS:
            self._take_sign_of_life(step)
        if self._second:
            self._second = False
            self._compare(step, reason == quality.GOOD)
        elif reason == quality.GOOD:
            self._second = self._keep(step)
        elif reason == quality.REFUSED:
            self._take_refusal(step)
        elif reason == quality.JAMMED:
            self._give_up(reason)
        elif reason == quality.TIMEOUT:
            self._take_silence(step)
        elif step.singles:
            self._take_apart(step)
        else:
            self._fail(step, reason)

    def _next_step(self):
        """The next step that the meter is to be asked for, or None."""
        while True:
            if self._single < len(self._singles):
                step = self._singles[self._single]
                self._single += 1
            elif self._at < len(self._steps):
                step = self._steps[self._at]
                self._at += 1
                if step.singles and (self._cautious or self._is_refused(step)):
                    self._take_apart(step)
                    continue
            else:
                return None
            if not self._is_refused(step):
                return step
            self._fail(step, quality.REFUSED)

    def _take_apart(self, step):
        """Go on with the items of a block one by one."""
        self._singles = step.singles
        self._single = 0

    def _is_refused(self, step):
        refused = self._refused[self._meter]
        return refused is not None and step.identifier in refused

    def _refuse(self, identifier):
        """Remember that the meter does not have this."""
        if self._refused[self._meter] is None:
            self._refused[self._meter] = set()
        self._refused[self._meter].add(identifier)

    def _take_refusal(self, step):
        transaction = self.transaction
        if transaction.error & _NO_SUCH_DATA:
            self._refuse(step.identifier)
        if step.singles:
            self._take_apart(step)
            return
        _log.warning(
            "meter %d refuses %08X: error %02X %s",
            self._meters.number(self._meter),
            step.identifier,
            transaction.error,
            ", ".join(transaction.error_names()),
        )
        self._fail(step, quality.REFUSED)

    def _take_sign_of_life(self, step):
        """The meter is there: what it did not answer just before, it may not have."""
        self.answered = True
        self._silences = 0
        if self._doubtful:
            self._ignore(self._doubtful)
            self._doubtful = 0
        if self._ignored:
            entry = self._find_ignored(step.identifier)
            if entry is not None:
                self._ignored.remove(entry)

    def _take_silence(self, step):
        """It may be this item, or the meter; the next request tells."""
        self._silences += 1
        if self.answered:
            self._ignore(step.identifier)
        else:
            self._doubtful = step.identifier
        if step.singles:
            self._take_apart(step)
        else:
            self._fail(step, quality.TIMEOUT)
        if self._silences >= self._chances:
            self._give_up(quality.TIMEOUT)

    def _ignore(self, identifier):
        """The meter did not answer this, but something else."""
        entry = self._find_ignored(identifier)
        if entry is None:
            if len(self._ignored) == _MOST_IGNORED:
                self._ignored.pop(0)
            entry = [self._meter, identifier, 0]
            self._ignored.append(entry)
        entry[2] += 1
        if entry[2] == _NEVER_ANSWERED:
            self._ignored.remove(entry)
            self._refuse(identifier)

    def _find_ignored(self, identifier):
        for entry in self._ignored:
            if entry[0] == self._meter and entry[1] == identifier:
                return entry
        return None

    def _fail(self, step, reason):
        for target in step.targets:
            self._rows[target[0]].worsen(reason)

    def _give_up(self, reason):
        """Ask for nothing more."""
        self._fail(self._step, reason)
        while self._single < len(self._singles):
            self._fail(self._singles[self._single], reason)
            self._single += 1
        while self._at < len(self._steps):
            self._fail(self._steps[self._at], reason)
            self._at += 1

    def _value(self, target):
        """What was read, in the scale of the item; None when the meter has it not."""
        value = self.transaction.value(target[2])
        return None if value is None else value * target[3]

    def _keep(self, step):
        """Take the values of an answer; returns whether any is to be read a second time."""
        block = self._block_of(step)
        self._all_odd = self._doubts.any(self._meter, block, self.transaction)
        any_odd = False
        for i in range(len(step.targets)):
            self._odd[i] = self._keep_value(step.targets[i])
            if self._odd[i]:
                any_odd = True
        return any_odd

    def _keep_value(self, target):
        """Take a value; returns whether it is to be read a second time."""
        value = self._value(target)
        self._rows[target[0]].values[target[1]] = value
        return self._all_odd or not self._believe(target[4], value)

    def _block_of(self, step):
        """What its answer is to Doubts."""
        is_register = self._history.is_register(0, step.targets[0][4])
        return step.identifier if is_register else 0

    def _compare(self, step, is_good):
        """Judge the odd values of a step by their second reading."""
        if is_good:
            block = self._block_of(step)
            self._all_odd = self._doubts.any_again(self._meter, block, self.transaction)
        for i in range(len(step.targets)):
            if self._odd[i]:
                self._judge(step.targets[i], is_good)

    def _judge(self, target, is_good):
        """Take the second reading of a value that was odd."""
        row = self._rows[target[0]]
        first = row.values[target[1]]
        second = self._value(target) if is_good else None
        if second is not None:
            row.values[target[1]] = second
            if not self._is_explained(target[4], first, second):
                row.worsen(quality.SUSPECT)
        elif first is not None or not is_good:
            row.worsen(quality.SUSPECT)

    def _is_explained(self, kept, first, second):
        """Whether a second value is not odd, or agrees with the first; it is kept then."""
        if not self._all_odd and self._believe(kept, second):
            return True
        if first is None or not self._history.agree(0, kept, first, second):
            return False
        is_suspect = self._history.is_suspect(0, self._meter, kept, second)
        self._history.keep(0, self._meter, kept, second)
        return not is_suspect

    def _believe(self, kept, value):
        """Whether a value can follow the last one, or there is none."""
        if value is None:
            return True
        if self._history.is_odd(0, self._meter, kept, value):
            return False
        self._history.keep(0, self._meter, kept, value)
        return True
