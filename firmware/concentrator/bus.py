"""One RS485 line: one owner, one transaction at a time, every wait bounded.

The line is half-duplex: request, then the meter's answer after its answer delay (20 to 500 ms by
DL/T 645-2007), bytes at most 500 ms apart. Instead of polling the port all the time, the
bus sleeps for as long as the bytes that must still come need on the wire, which costs next to
nothing and still sees the end of a frame within a millisecond.

A transaction takes nothing from the heap. A coroutine would, every time it is called: so it is a
state machine of plain methods, and the bus itself is what its owner awaits. A function would, too,
if its frame (locals, stack, three for each level of try) had more than 11 words: freed at once,
but counted towards the next collection. So no function on this path has, down to the protocol's.
What is left: slices, for a request that the port takes in parts; and asyncio, whose loop has such
a frame for every time that somebody sleeps.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import log, quality
from .turns import Turns

_BITS = const(11)  # a character: start, 8 data, even parity, stop
_GAP_MS = const(500)  # longest pause between two bytes of a frame
_REST_MS = const(500)  # longest answer delay: who answers what nobody may is heard out
_LEAST_FRAME = const(12)  # bytes; as many must come when none has begun
_LONGEST_FRAME = const(228)  # 212 and 16 wake-up bytes: more in one answer is babble
_CHUNK = const(64)
_MOST_OWED_MS = const(20000)

_IDLE = const(0)  # states: no transaction,
_QUIET = const(1)  # waiting until nothing arrives any more,
_SEND = const(2)  # handing the request to the port,
_SENT = const(3)  # until the request has gone out,
_LISTEN = const(4)  # taking in what comes,
_LOST = const(5)  # waiting for a port that is gone,
_REST = const(6)  # keeping quiet behind a request that nobody answers
_DONE = const(-1)  # what a step returns at the end instead of a time

_log = log.get("bus")


class Bus:
    """Owns a serial port. `settings` has baud, timeout_ms, retries, preamble and pause_ms.

    `timeout_ms` runs from the end of the request to the answer's first byte behind its wake-up
    bytes. The attribute `baud` is the speed at present, in bit/s; `turns` is for those who share
    the bus. `open_port(number, baud)`, the board's bus(), is what another speed needs.
    """

    def __init__(self, number, port, settings, open_port=None):
        self.number = number
        self.turns = Turns()
        self.preamble = settings.preamble  # wake-up bytes before a request
        self.good = 0  # transactions that ended with an answer, also a refusal
        self.failed = 0
        self.retried = 0
        self.timeout_ms = settings.timeout_ms
        self.delay_ms = 0  # from the last request to the first byte of its answer
        self.cycle_ms = 0  # how long the last slot kept this bus busy; the collector's to set
        self._port_lost = False
        self._pause_ms = settings.pause_ms
        self._attempts = 1 + settings.retries
        self._chunk = bytearray(_CHUNK)
        self._state = _IDLE
        self._open_port = open_port
        self.own_baud = settings.baud
        self._port = port
        self._port_baud = settings.baud  # 0: it could not be opened
        self._set_baud(settings.baud)
        # The transaction under way.
        self._transaction = None
        self._attempts_left = 0
        self._sent = 0  # bytes
        self._limit_ms = 0
        self._give_up = 0  # ticks, as all below
        self._free_at = ticks_ms()  # nothing is sent before that
        self._sent_at = 0
        self._answer_by = 0
        self._listen_until = 0  # later than that once an answer has begun
        self._end_by = 0
        self._nap_ms = 0
        self._needed = 0  # bytes that must still come
        self._reason = quality.TIMEOUT  # why it ended, or its answer
        self._results = {}  # quality: the exception by which an iterator says so, made once

    def _wire_ms(self, count):
        """Time that `count` characters take on the line, in milliseconds, rounded down."""
        return count * _BITS * 1000 // self.baud

    def set_speed(self, baud):
        """Go on at `baud` bit/s. RuntimeError while a transaction is under way.

        The port is opened anew by the next transaction, when nothing is on the line any more; if
        it cannot be, that one is JAMMED, and the next one tries again.
        """
        if self.baud != baud:
            self._must_be_idle()
            self._set_baud(baud)

    def _set_baud(self, baud):
        self.baud = baud
        self._poll_ms = max(1, self._wire_ms(1))

    def _must_be_idle(self):
        if self._state != _IDLE:
            raise RuntimeError("bus %d: a transaction is under way" % self.number)

    def exchange(self, transaction, again=True, limit_ms=None):
        """Send a transaction's request, `again` as often as set if need be; await it: a quality.

        Quality.GOOD and quality.REFUSED are answers; quality.MORE is one part of an answer, and
        the transaction is to be exchanged again, for the next one. What is not `repeatable` is
        sent once, whatever `again` says. What is not `answered` is GOOD when it has gone out:
        nobody is waited for, but the line is kept quiet for half a second. Silence counts as
        `failed` if the transaction says `silence_fails`.

        `limit_ms` is the time-out, if it is to be another one than configured; the attribute
        `delay_ms` then tells how long the meter took to begin.

        Never raises for what happens on the line; RuntimeError while another one is under way.
        What it returns is no coroutine, and good for `await` alone, not for wait_for().
        """
        self._must_be_idle()
        self._transaction = transaction
        self._limit_ms = limit_ms or self.timeout_ms
        self._attempts_left = self._attempts if again and transaction.repeatable else 1
        return self

    async def ask(self, transaction, baud=None, limit_ms=None):
        """Wait for a turn, and converse() in it."""
        async with self.turns:
            return await self.converse(transaction, baud, limit_ms=limit_ms)

    async def converse(self, transaction, baud=None, again=True, limit_ms=None):
        """Exchange a transaction, all parts, for who has the turn; the last one's quality.

        At `baud` bit/s, or as configured; whoever gave way finds the bus at the speed of before.
        The others as of exchange().
        """
        before = self.baud
        try:
            self.set_speed(baud or self.own_baud)
            reason = quality.MORE
            while reason == quality.MORE:
                reason = await self.exchange(transaction, again, limit_ms)
            return reason
        finally:
            self.set_speed(before)

    def __iter__(self):
        """What `await` asks of an awaitable: the transaction begins."""
        self._begin()
        return self

    def __next__(self):
        """Go on with the transaction, and come back when there may be more to do."""
        wait_ms = self._step()
        if wait_ms == _DONE:
            self._state = _IDLE
            result = self._results.get(self._reason)
            if result is None:
                result = self._results[self._reason] = StopIteration(self._reason)
            result.__traceback__ = None
            raise result
        next(asyncio.sleep_ms(wait_ms))  # puts the owner's task to sleep

    def throw(self, error):
        """What a cancelled task calls; the next one waits for what may still come of it."""
        self._state = _IDLE
        raise error

    def _begin(self):
        """Begin an attempt."""
        self._attempts_left -= 1
        self._transaction.listen()
        wait_ms = max(self._pause_ms, self._owed_ms())
        self._free_at = ticks_add(ticks_ms(), wait_ms)
        self._wait_for(_QUIET, wait_ms)

    def _owed_ms(self):
        """How long something may still come of a transaction that was cut short."""
        owed_ms = ticks_diff(self._free_at, ticks_ms())
        return owed_ms if owed_ms < _MOST_OWED_MS else 0  # or it was days ago

    def _wait_for(self, state, wait_ms):
        """Enter a state that may last so long, and as the longest frame, but not longer."""
        self._state = state
        self._give_up = ticks_add(ticks_ms(), wait_ms + self._wire_ms(_LONGEST_FRAME) + _GAP_MS)

    def _step(self):
        """Do what can be done at once; returns the milliseconds until the next step, or _DONE."""
        try:
            return self._advance()
        except OSError:  # the port itself is gone; a name for the error would need a larger frame
            return self._lose_port()
        except BaseException:  # a fault of the program's: not the bus's end, too
            self._state = _IDLE
            raise

    def _advance(self):
        if self._state == _QUIET:
            wait_ms = self._quiet_in_ms()
            if wait_ms > 0:
                return self._later_ms(wait_ms)
            self._sent = 0
            self._wait_for(_SEND, 0)
        if self._state == _SEND:
            return self._send()
        if self._state == _SENT:
            if not self._transaction.answered:
                self._state = _REST
                return _REST_MS
            self._port.damaged()  # that was before
            self._sent_at = ticks_ms()
            self.delay_ms = -1
            self._answer_by = ticks_add(self._sent_at, self._limit_ms)
            self._listen_until = self._answer_by
            self._end_by = ticks_add(self._answer_by, self._wire_ms(_LONGEST_FRAME) + _GAP_MS)
            self._needed = _LEAST_FRAME
            self._nap_ms = self._poll_ms
            self._state = _LISTEN
        if self._state == _LISTEN:
            return self._listen()
        if self._state == _REST:
            return self._end(quality.GOOD)
        return self._fail(quality.JAMMED)  # the port is not back

    def _quiet_in_ms(self):
        """How long to wait for a line that is free, and open at its speed."""
        wait_ms = ticks_diff(self._free_at, ticks_ms())
        if self._port_baud != self.baud and wait_ms <= 0:
            self._open()
        if self._port.readinto(self._chunk):
            # Longer than between two characters, or their pause would pass for the end.
            return max(wait_ms, self._pause_ms, self._wire_ms(3) + 1)
        return wait_ms

    def _open(self):
        """Open the port at its speed; OSError when the board cannot."""
        self._port_baud = 0
        try:
            self._port = self._open_port(self.number, self.baud)
        except Exception as error:  # which one is the board's business
            if not self._port_lost:
                _log.warning("bus %d: %s", self.number, error)
            raise OSError from error
        self._port_baud = self.baud

    def _later_ms(self, wait_ms):
        """Wait on, unless it has taken too long."""
        if ticks_diff(self._give_up, ticks_ms()) <= 0:
            return self._fail(quality.JAMMED)
        return wait_ms

    def _send(self):
        transaction = self._transaction
        size = transaction.request_size
        request = transaction.request
        if self._sent:
            request = memoryview(request)[self._sent :]
        self._sent += self._port.write(request, size - self._sent) or 0
        self._reserve()
        if self._sent < size:
            return self._later_ms(1)
        self._state = _SENT
        return self._wire_ms(size)

    def _reserve(self):
        """Keep the line for what was sent and its answer, even if nobody listens."""
        wait_ms = self._limit_ms if self._transaction.answered else _REST_MS
        self._free_at = ticks_add(ticks_ms(), self._wire_ms(self._sent) + wait_ms)

    def _lose_port(self):
        if not self._port_lost:
            _log.warning("bus %d: serial port lost", self.number)
        self._port_lost = True
        self._state = _LOST
        return self.timeout_ms

    def _listen(self):
        """Take in what has come."""
        count = self._port.readinto(self._chunk) or 0
        now = ticks_ms()
        if count and self.delay_ms < 0:
            self.delay_ms = ticks_diff(now, self._sent_at)
        result = self._digest(count)
        if result <= 0:
            return self._succeed(result)
        if count:
            if ticks_diff(self._end_by, now) <= 0:
                return self._fail(quality.JAMMED)
            self._extend(now, result, count)
            # A byte less than needed: part of the last wait may have been for this one.
            self._nap_ms = 1
            return max(1, self._wire_ms(result - 1))
        if ticks_diff(self._listen_until, now) <= 0:
            return self._judge_silence()
        return self._nap_ms

    def _extend(self, now, needed, count):
        """Give what has begun the time for its next byte.

        If it turns out to be no answer (our echo, noise, another one's frame), it did not count.
        """
        self._listen_until = self._answer_by
        # Not a frame that has just as many still to come: that goes on as was expected.
        if needed == _LEAST_FRAME and self._needed - count != needed:
            self.delay_ms = -1
        elif ticks_diff(ticks_add(now, _GAP_MS), self._answer_by) > 0:
            self._listen_until = ticks_add(now, _GAP_MS)
        self._needed = needed

    def _digest(self, count):
        """Hand on `count` received bytes; what the transaction says to them.

        An answer that is whole counts although something behind it is damaged: drivers of RS485
        lines do that when they let go.
        """
        result = self._transaction.receive(self._chunk, count)
        if result > 0 and self._port.damaged():
            result = self._transaction.cut()
        return result

    def _judge_silence(self):
        """Nothing more comes: an answer may be hidden behind a false start, or there is none."""
        result = self._transaction.cut()
        if result <= 0:
            return self._succeed(result)
        return self._fail(self._transaction.why_not())

    def _succeed(self, result):
        self._port_lost = False
        self.good += 1
        return self._end(self._transaction.accept(result))

    def _fail(self, reason):
        """End the attempt; the next one begins at once, if there is one."""
        self._free_at = ticks_ms()
        if self._attempts_left:
            self.retried += 1
            self._transaction.repeat()
            self._begin()
            return 0
        if reason != quality.TIMEOUT or self._transaction.silence_fails:
            self.failed += 1
        return self._end(reason)

    def _end(self, reason):
        self._free_at = ticks_ms()  # whoever has been asked has answered, or won't
        self._reason = reason
        return _DONE
