"""Watches the clocks of the meters, and sets those that are a little off.

A meter's tariffs, freezes and load records go by its own clock. DL/T 645 lets anybody tell all
meters of a line the time (08H), and a meter heeds that once a day, if it is not off by more than
five minutes and midnight is not within five minutes. It says nothing to it: whether it helped, the
next look shows. What is off by more needs a password, and somebody who knows why.

Meters know nothing of summer time: their clocks are compared with the zone's standard time.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from . import dates, items, log, quality
from .clock import SYNCHRONISED
from .on_demand import let_go
from .protocols.dlt645 import ReadTransaction

_REPORT_S = const(60)
_SET_S = const(10)  # a meter is to be right to this
_MOST_SET_S = const(290)  # DL/T 645 says 5 minutes; some of it may pass until the meter hears it
_SLOWEST_MS = const(5000)  # an answer that took longer does not tell when the meter made it

# From 5 to 9 minutes after a quarter of an hour: then no clock that is off by less than five is
# moved over a quarter, at which tariffs change and load records are made.
_QUARTER_MIN = const(15)
_FIRST_MIN = const(5)
_LAST_MIN = const(8)
_DAY_MIN = const(1440)

_LONGEST = const(8)  # bytes of a date or a time
# Not dlt645_arguments, or there would be a second class Access for those who have the first.
_TO_TELL = ("protocols.dlt645_commands", "protocols.dlt645_requests")
_DATE_AND_TIME = {2007: (0x04000101, 0x04000102), 1997: (0xC010, 0xC011)}

_log = log.get("clocks")


class MeterClocks:
    """The clocks of all meters, sections of the configuration.

    `may_set`: whether they may be told the time. `off` has the numbers of the meters that were
    reported, `told` for every bus the day on which its meters were last told the time.
    """

    def __init__(self, buses, meters, clock, zone, events, may_set, off, told):
        self._buses = buses
        self._meters = meters
        self._clock = clock
        self._zone = zone
        self._events = events
        self._may_set = may_set
        self._off = off
        self._told = told
        self._asked = 0  # ticks: when the last attempt of a transaction began

    async def check(self):
        """Look at all clocks; tell the time if that helps a meter, and now is a time to."""
        for bus in self._buses:
            transaction = ReadTransaction(bus.preamble, _LONGEST)  # not kept: it takes a kilobyte
            self._time_attempts(transaction)
            wrong = {}  # by their speed: how many meters are to be set
            for meter in self._meters:
                if meter.bus == bus.number and await self._is_to_be_set(bus, meter, transaction):
                    baud = meter.baud or bus.own_baud
                    wrong[baud] = wrong.get(baud, 0) + 1
            if wrong and self._may_set:
                await self._tell(bus, wrong)

    def _time_attempts(self, transaction):
        """Have a transaction note when it is really sent: not when its turn is waited for."""
        listen = transaction.listen

        def note():
            self._asked = ticks_ms()
            listen()

        transaction.listen = note

    async def _is_to_be_set(self, bus, meter, transaction):
        """Whether a meter's clock is off by what it may be told; reports it if it is to be."""
        seconds = await self._deviation(bus, meter, transaction)
        if seconds is None:
            return False
        self._report(meter.number, seconds)
        return _SET_S < abs(seconds) < _MOST_SET_S

    async def _tell(self, bus, wrong):
        """Tell the time at every speed at which meters are wrong, once a day."""
        today = self._local() // dates.DAY
        if self._told[bus.number - 1] == today:
            return
        for baud in sorted(wrong):
            if not self._may_tell():
                _log.warning("bus %d: not the time of day to set clocks", bus.number)
                return
            telling = _Telling(bus.preamble, self._local)
            let_go(*_TO_TELL)
            if await bus.ask(telling, baud) == quality.GOOD:
                self._told[bus.number - 1] = today
                self._events.record("meters.time", bus=bus.number, baud=baud, meters=wrong[baud])

    def _local(self):
        """Standard time to the nearest second, in seconds since 1970 without a zone."""
        return (self._clock.now_ms() + 500) // 1000 + self._zone.standard

    def _may_tell(self):
        """Whether now is a time at which nothing of the meters' records is put in disorder."""
        if self._clock.quality != SYNCHRONISED:
            return False
        local = self._local()
        minute = local % dates.DAY // 60
        near_midnight = not _QUARTER_MIN <= minute < _DAY_MIN - _QUARTER_MIN
        in_time = _FIRST_MIN <= minute % _QUARTER_MIN <= _LAST_MIN
        return in_time and not near_midnight

    def _report(self, number, seconds):
        """Make events of a clock that goes wrong, and of one that is right again."""
        off = abs(seconds) > _REPORT_S
        if off and number not in self._off:
            self._off.add(number)
            self._events.record("meter.clock", meter=number, seconds=seconds)
        elif not off and number in self._off:
            self._off.remove(number)
            self._events.record("meter.clock_right", meter=number, seconds=seconds)

    async def _deviation(self, bus, meter, transaction):
        """By how many seconds a meter's clock is fast; None when that cannot be told."""
        if self._clock.quality != SYNCHRONISED:
            return None
        steps = self._clock.steps
        edition = items.EDITIONS[meter.protocol]
        date_of, time_of = _DATE_AND_TIME[edition]
        transaction.prepare(meter.address, date_of, edition)
        date = await self._digits(bus, meter, transaction)
        if date is None:  # a dead meter need not be waited for twice
            return None
        transaction.prepare(meter.address, time_of, edition)
        time = await self._digits(bus, meter, transaction)
        took_ms = ticks_diff(ticks_ms(), self._asked)
        now_ms = self._clock.now_ms() - took_ms // 2
        if time is not None and time[:2] == "00":  # it may have been midnight in between
            transaction.prepare(meter.address, date_of, edition)
            date = await self._digits(bus, meter, transaction)
        shown = _seconds(date, time)
        if shown is None or took_ms > _SLOWEST_MS or self._clock.steps != steps:
            _log.info("meter %d: no telling its clock from %s %s", meter.number, date, time)
            return None
        # Half a second of what a clock shows has passed, on average: to the nearest second.
        local_ms = now_ms + self._zone.standard * 1000
        return (shown * 1000 + 500 - local_ms + 500) // 1000

    async def _digits(self, bus, meter, transaction):
        """What a meter says to a transaction; None when it does not."""
        result = await bus.ask(transaction, meter.baud)
        return transaction.value(0) if result == quality.GOOD else None


def _seconds(date, time):
    """Seconds since 1970 of YYMMDDWW and hhmmss; None for what is no date and time."""
    if date is None or time is None:
        return None
    year, month, day = [int(date[i : i + 2]) for i in (0, 2, 4)]
    clock = [int(time[i : i + 2]) for i in (0, 2, 4)]
    seconds = dates.utc_seconds(2000 + year, month, day, *clock)
    # What is no date comes back as another one.
    same = dates.civil(seconds) == (2000 + year, month, day) + tuple(clock)
    return seconds if same else None


class _Telling:
    """Tells all meters the time: that of the moment in which the bus sends it.

    At 2400 baud the last byte has gone out a tenth of a second later.
    """

    answered = False
    repeatable = False
    silence_fails = True

    def __init__(self, preamble, local):
        from .protocols.dlt645_commands import CommandTransaction
        from .protocols.dlt645_requests import set_time

        self._set_time = set_time
        self._transaction = CommandTransaction(preamble)
        self._local = local
        self.listen = self._transaction.listen
        self.request = None

    @property
    def request_size(self):
        """Bytes of the request, which is made when the bus first asks for its size."""
        if self.request is None:
            self._transaction.prepare(self._set_time(dates.civil(self._local())))
            self.request = self._transaction.request
        return self._transaction.request_size
