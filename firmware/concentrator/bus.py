"""One RS485 line: one owner, one transaction at a time, every wait bounded.

The line is half-duplex: request, then the meter's answer after its answer delay (20 to 500 ms by
DL/T 645-2007), bytes at most 500 ms apart. Instead of polling the port all the time, the
bus sleeps for as long as the bytes that must still come need on the wire, which costs next to
nothing and still sees the end of a frame within a millisecond.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import log, quality

_BITS = const(11)  # a character: start, 8 data, even parity, stop
_GAP_MS = const(500)  # longest pause between two bytes of a frame
_LONGEST_FRAME = const(228)  # 212 and 16 wake-up bytes: more in one answer is babble
_CHUNK = const(64)
_ANSWERS = (quality.GOOD, quality.REFUSED)  # made once: a tuple in the code is made every time

_log = log.get("bus")


class Bus:
    """Owns a serial port. `settings` has baud, timeout_ms, retries and preamble.

    `timeout_ms` runs from the end of the request to the first byte of the answer.
    """

    def __init__(self, number, port, settings):
        self.number = number
        self.preamble = settings.preamble  # wake-up bytes before a request
        self.good = 0  # transactions that ended with an answer, also a refusal
        self.failed = 0
        self.retried = 0
        self.cycle_ms = 0  # how long the last slot kept this bus busy; the collector's to set
        self._port = port
        self._port_lost = False
        self._baud = settings.baud
        self._timeout_ms = settings.timeout_ms
        self._attempts = 1 + settings.retries
        self._chunk = bytearray(_CHUNK)
        self._view = memoryview(self._chunk)
        self._poll_ms = max(1, self._wire_ms(1))

    def _wire_ms(self, count):
        """Time that `count` characters take on the line, in milliseconds, rounded down."""
        return count * _BITS * 1000 // self._baud

    async def exchange(self, transaction, again=True):
        """Send a transaction's request, `again` as often as set if need be; returns a quality.

        Quality.GOOD and quality.REFUSED are answers. Never raises for what happens on the line.
        """
        reason = quality.TIMEOUT
        for attempt in range(self._attempts if again else 1):
            if attempt:
                self.retried += 1
            try:
                reason = await self._attempt(transaction)
            except OSError as error:  # the port itself is gone
                if not self._port_lost:
                    _log.warning("bus %d: serial port lost: %s", self.number, error)
                self._port_lost = True
                reason = quality.JAMMED
                await asyncio.sleep_ms(self._timeout_ms)
            if reason in _ANSWERS:
                self._port_lost = False
                self.good += 1
                return reason
        self.failed += 1
        return reason

    async def _attempt(self, transaction):
        port = self._port
        decoder = transaction.decoder
        decoder.reset()
        rejected = decoder.rejected  # counts on and on
        if not await self._quiet():
            return quality.JAMMED
        size = transaction.request_size
        sent = port.write(transaction.request, size)
        give_up = ticks_add(ticks_ms(), self._wire_ms(_LONGEST_FRAME) + _GAP_MS)
        while sent < size:
            if ticks_diff(give_up, ticks_ms()) <= 0:
                return quality.JAMMED
            await asyncio.sleep_ms(1)
            sent += port.write(memoryview(transaction.request)[sent:], size - sent)
        await asyncio.sleep_ms(self._wire_ms(size))
        reason = await self._listen(transaction, ticks_ms())
        if reason in _ANSWERS:
            return reason
        # A false start may have swallowed the answer: what is buffered is looked at once more.
        if decoder.timeout():
            verdict = self._judge(transaction)
            if verdict is not None:
                reason = verdict
        if reason == quality.TIMEOUT and decoder.rejected != rejected:
            return quality.MALFORMED
        return reason

    async def _listen(self, transaction, sent):
        """Take in what comes after the request went out at `sent` (ticks); returns a quality."""
        decoder = transaction.decoder
        answer_by = ticks_add(sent, self._timeout_ms)
        end_by = ticks_add(answer_by, self._wire_ms(_LONGEST_FRAME) + _GAP_MS)
        reason = quality.TIMEOUT
        nap_ms = self._poll_ms
        while True:
            count = self._port.readinto(self._chunk)
            now = ticks_ms()
            if count:
                verdict = self._digest(transaction, count)
                if verdict in _ANSWERS:
                    return verdict
                if verdict is not None:
                    reason = verdict
                if ticks_diff(end_by, now) <= 0:
                    return quality.JAMMED
                answer_by = self._later(answer_by, ticks_add(now, _GAP_MS))
                # A byte less than needed: part of the last wait may have been for this one.
                nap_ms = 1
                await asyncio.sleep_ms(max(1, self._wire_ms(decoder.needed() - 1)))
            elif ticks_diff(answer_by, now) <= 0:
                return reason
            else:
                await asyncio.sleep_ms(nap_ms)

    @staticmethod
    def _later(one, other):
        return one if ticks_diff(one, other) >= 0 else other

    def _digest(self, transaction, count):
        """Feed `count` received bytes; the best verdict on the frames they complete, or None."""
        decoder = transaction.decoder
        taken = 0
        result = None
        while taken < count:
            taken += decoder.feed(self._view[taken:count] if taken else self._chunk, count - taken)
            if decoder.next():
                verdict = self._judge(transaction)
                if verdict is not None:
                    result = verdict
                    if verdict in _ANSWERS:
                        break
        return result

    @staticmethod
    def _judge(transaction):
        """Verdict on the decoder's present frame and those behind it, until one is an answer."""
        result = None
        while True:
            verdict = transaction.accept()
            if verdict is not None:
                result = verdict
                if verdict in _ANSWERS:
                    break
            if not transaction.decoder.next():
                break
        return result

    async def _quiet(self):
        """Throw away what is still arriving; False when the line never falls silent."""
        give_up = ticks_add(ticks_ms(), self._wire_ms(_LONGEST_FRAME) + _GAP_MS)
        while self._port.readinto(self._chunk):
            if ticks_diff(give_up, ticks_ms()) <= 0:
                return False
            # Longer than between two characters, or their pause would pass for the end.
            await asyncio.sleep_ms(self._wire_ms(3) + 1)
        return True
