"""Finds meters of unknown address, speed and edition on a bus, beside its scheduled readings.

Whoever is there answers a wildcard. One answer is a meter found. What several answer at once
collides: then those are asked whose addresses end in 00, in 01 ... in 99, and where answers still
collide, those with two more digits, until every meter has answered alone. Nothing is written.

docs/scan.md has what that costs, and which meters it cannot find.
"""

from micropython import const

from . import log, quality
from .protocols.dlt645 import ReadTransaction
from .protocols.dlt645_arguments import BROADCAST, WILDCARD, check_edition, check_meter
from .protocols.dlt645_probe import READ, READ_1997, Probe
from .protocols.dlt645_requests import READ_ADDRESS

BAUDS = (2400, 9600, 1200, 4800, 19200, 600)  # in the order of how often one meets them
EDITIONS = (2007, 1997)

_BITS = const(11)  # of a character on the line
_BRANCHES = const(100)
_DIGITS = const(12)
_TRIES = const(3)  # noise that comes every time is an answer's
_MOST_CROWDS = const(32)  # at one time: half of the meters that a bus may have
_MOST_JAMMED = const(2)  # questions in a row: then it is the line
_SPARE_MS = const(20)  # beside twice the time in which all have answered so far

_MODEL = const(0x0400040B)

# What meters have, by edition: its question for the search, and what it is in a reading.
_ENERGY = {2007: (READ, b"\x00\x00\x01\x00", 0x00010000), 1997: (READ_1997, b"\x10\x90", 0x9010)}
# What else whoever is there may answer: (address, function, data), the question above comes last.
_GREETINGS = {
    2007: ((WILDCARD, READ_ADDRESS, b""),),
    1997: ((BROADCAST, READ_1997, b"\x10\x90"), (WILDCARD, READ_1997, b"\x32\xc0")),
}

_log = log.get("scan")


class Found:
    """A meter: `address`, `edition` (2007 or 1997), `baud` in bit/s.

    `known`: the caller knew of it, so it was not read. `energy` is forward.total in 0.01 kWh and
    `model` a str; None where it has not, or did not say.
    """

    def __init__(self, address, edition, baud, known):
        self.address = address
        self.edition = edition
        self.baud = baud
        self.known = known
        self.energy = None
        self.model = None


class Report:
    """What came of a scan.

    `found` is a list of Found. `unresolved` are (baud, edition, address) at which something
    answers that could not be told apart, `babbling` (baud, edition) given up for noise that is no
    answers'. `questions` is how many were asked.
    """

    def __init__(self):
        self.found = []
        self.unresolved = []
        self.babbling = []
        self.questions = 0


class _BabbleError(Exception):
    """The line is never quiet, or noisy whatever is asked."""


class Scan:
    """A scan of one bus; to cancel it, cancel its task: `report` has what was found so far.

    `known` are addresses of meters that need not be looked for. `on_found(found)` is called for
    every Found at once, `on_progress(percent, baud, edition, address)` before every question.
    One question is one turn on the bus, which has its own speed again when the turn ends.
    """

    def __init__(self, bus, known=(), on_found=None, on_progress=None):
        self.report = Report()
        self._bus = bus
        self._known = {_plain(address) for address in known}
        self._seen = set()
        self._answered = set()  # who has answered the last question
        self._on_found = on_found
        self._on_progress = on_progress
        self._probe = Probe(bus.preamble)
        self._reading = ReadTransaction(bus.preamble)
        self._reading.silence_fails = False  # colliding answers may give the address of nobody
        self._baud = bus.baud
        self._edition = 2007
        self._limit_ms = None  # of a question: the bus's own
        self._latest_ms = 0  # behind a question: when something was heard, at most
        self._jammed = 0  # questions in a row
        self._part = 0  # of all speeds and editions
        self._parts = 1
        self._done = 0  # questions of this part,
        self._planned = 1  # and how many it will be, as far as known

    async def search(self, bauds=BAUDS, editions=EDITIONS, thorough=False):
        """Look for all meters at these speeds; the Report.

        `thorough`: with addresses in part also where nobody answers a wildcard, or one alone.
        """
        await self._each(bauds, editions, self._find_all, thorough)
        return self.report

    async def try_between(self, first, last, bauds=BAUDS, editions=EDITIONS):
        """Ask the address `first` (12 digits), the next one ... and `last`; the Report.

        For meters that answer no wildcard. ValueError when these are not addresses in order.
        """
        for address in (first, last):
            check_meter(address, 2007)
        if first > last:
            raise ValueError("the first address comes after the last")
        await self._each(bauds, editions, self._try, (int(first), int(last)))
        return self.report

    async def _each(self, bauds, editions, look, what):
        for edition in editions:
            check_edition(edition)
        self._part = 0
        self._parts = len(bauds) * len(editions)
        for self._baud in bauds:
            for self._edition in editions:
                self._begin_part()
                try:
                    await look(what)
                except _BabbleError:
                    _log.warning("babble at %d bit/s", self._baud)
                    self.report.babbling.append((self._baud, self._edition))
                self._part += 1

    def _begin_part(self):
        self._done = 0
        self._planned = 1
        self._jammed = 0
        self._latest_ms = 0
        self._limit_ms = None

    async def _try(self, addresses):
        first, last = addresses
        self._planned = last - first + 1
        function, data, _ = _ENERGY[self._edition]
        for number in range(first, last + 1):
            address = "%012d" % number
            if address in self._seen:
                self._done += 1
            elif await self._ask(address, function, data):
                self._leave(address)

    async def _find_all(self, thorough):
        """Greet everybody, and search with what several have answered."""
        question = _ENERGY[self._edition][:2]
        greetings = _GREETINGS[self._edition] + ((WILDCARD,) + question,)
        self._planned = len(greetings)
        crowds = {}  # address: what was asked last of those that several have answered
        meters = set()
        for address, function, data in greetings:
            if await self._ask(address, function, data):
                crowds[address] = (function, data)
            meters |= self._answered
        if BROADCAST in crowds and WILDCARD not in crowds:
            self._leave(BROADCAST)
        if WILDCARD in crowds or len(meters) > 1 or thorough:
            if self._latest_ms:
                limit_ms = 2 * self._latest_ms + _SPARE_MS
                self._limit_ms = min(self._bus.timeout_ms, limit_ms)
            await self._search(WILDCARD in crowds, *crowds.get(WILDCARD, question))

    async def _search(self, is_crowd, function, data):
        """Ask by the ends of addresses, two digits, then four ... where several answer.

        `is_crowd`: several have answered the wildcard.
        """
        crowds = [""]
        while crowds:
            known = crowds.pop(0)
            self._planned += _BRANCHES
            anybody = False
            for pair in range(_BRANCHES):
                ending = "%02d%s" % (pair, known)
                address = WILDCARD[len(ending) :] + ending
                several = await self._ask(address, function, data)
                anybody = anybody or several or bool(self._answered)
                if several:
                    if len(ending) == _DIGITS:
                        self._leave(address)
                    else:
                        crowds.append(ending)
                        if len(crowds) > _MOST_CROWDS:
                            raise _BabbleError
            if not anybody and (known or is_crowd):
                self._leave(WILDCARD[len(known) :] + known)

    def _leave(self, address):
        self.report.unresolved.append((self._baud, self._edition, address))

    async def _ask(self, address, function, data):
        """Ask a question and take who answers; whether there are several, or who cannot be read.

        What is noisy is asked again: babble hits a question by chance, colliding answers always.
        """
        self._tell(address)
        self._done += 1
        self._answered.clear()
        probe = self._probe
        for _ in range(_TRIES):
            probe.prepare(address, function, data)
            self.report.questions += 1
            result = await self._take_turn(probe, self._limit_ms)
            self._check_line(result)
            wire_ms = probe.request_size * _BITS * 1000 // self._baud
            self._latest_ms = max(self._latest_ms, probe.lasted_ms - wire_ms)
            for meter in probe.meters:
                if not await self._take(meter):
                    return True
                if _fits(meter, address):  # or it is late, and was asked something else
                    self._answered.add(meter)
            if not probe.is_noisy and result != quality.JAMMED:
                return len(self._answered) > 1
        return True

    def _check_line(self, result):
        self._jammed = self._jammed + 1 if result == quality.JAMMED else 0
        if self._jammed == _MOST_JAMMED:
            raise _BabbleError

    def _tell(self, address):
        if self._on_progress is not None:
            done = 100 * self._part + min(99, 100 * self._done // self._planned)
            self._on_progress(done // self._parts, self._baud, self._edition, address)

    async def _take(self, address):
        """Take a meter that has answered; False when it does not answer at its own address."""
        plain = _plain(address)
        if plain in self._seen:
            return True
        found = Found(address, self._edition, self._baud, plain in self._known)
        if not found.known:
            identifier = _ENERGY[self._edition][2]
            result = await self._read(address, identifier)
            if result not in (quality.GOOD, quality.REFUSED):
                return False
            found.energy = self._reading.value(0)
            if self._edition == 2007:
                await self._read(address, _MODEL)
                found.model = self._reading.value(0)
        self._seen.add(plain)
        self.report.found.append(found)
        if self._on_found is not None:
            self._on_found(found)
        return True

    async def _read(self, address, identifier):
        self._reading.prepare(address, identifier, self._edition)
        return await self._take_turn(self._reading)

    async def _take_turn(self, transaction, limit_ms=None):
        """Exchange a transaction at the speed that is looked at."""
        return await self._bus.ask(transaction, self._baud, limit_ms)


def _fits(meter, asked):
    """Whether a meter has an address that was asked."""
    return asked == BROADCAST or meter.endswith(asked.lstrip("A"))


def _plain(address):
    """An address by which meters are compared: some of 1997 fill theirs up with A, some with 0."""
    return address.replace("A", "0")
