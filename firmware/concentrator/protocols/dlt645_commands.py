"""Sending a request of dlt645_requests.py on a bus, and judging what comes back.

Commands are rare, so unlike a ReadTransaction this one takes from the heap.
"""

import dlt645
from micropython import const

from .. import quality
from .dlt645_requests import READ_ADDRESS

_AROUND = const(12)  # bytes of a frame beside its data
_MAX_ANSWER = const(200)
_FROM_METER = const(0x80)
_FUNCTION = const(0x1F)


class CommandTransaction:
    """One request, as the bus wants it; prepare() makes it another one.

    After quality.GOOD `data` is what the meter said (plain, without an identifier), `address` the
    meter that said it, and `control` its control code. After quality.REFUSED `error` is the error
    word, and error_names() tells what it means.
    """

    silence_fails = True

    def __init__(self, preamble):
        self.request = b""
        self.request_size = 0
        self.answered = True
        self.repeatable = False
        self.error = 0
        self.data = b""
        self.address = ""
        self.control = 0
        self._decoder = dlt645.Decoder()
        self._exchange = dlt645.Exchange(_MAX_ANSWER, self._decoder)
        self._preamble = preamble
        self._wanted = None
        self._rejected = 0  # by the decoder, before this attempt
        self._reason = quality.TIMEOUT  # the attempt's, unless there is an answer

    def prepare(self, request):
        """Make this the transaction of a Request."""
        self._wanted = request
        self.answered = request.answered
        self.repeatable = request.repeatable
        self.error = 0
        self.data = b""
        self.address = ""
        self.control = 0
        self._exchange.expect(
            request.edition, request.answerer, request.control, request.identifier
        )
        self.request = bytearray(self._preamble + _AROUND + len(request.data))
        self.request_size = dlt645.encode(
            self.request, request.address, request.control, request.data, self._preamble
        )

    def error_names(self):
        """What the bits of the error word mean, a tuple of str."""
        return self._exchange.error_names()

    def repeat(self):
        """There was no answer, and the same is sent again: it is as it was."""

    def listen(self):
        """Begin an attempt: forget what came before."""
        self._decoder.reset()
        self._rejected = self._decoder.rejected  # counts on and on
        self._reason = quality.TIMEOUT

    def receive(self, chunk, count):
        """Take in what has come: the bytes that must still come, or 0 for an answer."""
        self._decoder.feed(chunk, count)
        return self._look(self._decoder.next())

    def cut(self):
        """No frame reaches across this moment: as receive(), for what comes to light."""
        return self._look(self._decoder.timeout())

    def accept(self, _result):
        """The quality of the answer."""
        return self._reason

    def why_not(self):
        """The quality of what has come instead of an answer."""
        if self._reason == quality.TIMEOUT and self._decoder.rejected != self._rejected:
            return quality.MALFORMED
        return self._reason

    def _look(self, found):
        """Judge the decoder's frames, of which it has found one or not, until one is an answer."""
        while found:
            verdict = self._judge()
            if verdict is not None:
                self._reason = verdict
            if verdict in (quality.GOOD, quality.REFUSED):
                return 0
            found = self._decoder.next()
        return self._decoder.needed()

    def _judge(self):
        """The decoder's frame: a quality, or None for one that is no meter's (our echo)."""
        if self._wanted.transparent:
            return self._accept_any()
        verdict = self._exchange.judge()
        if verdict == dlt645.ECHO:
            return None
        if verdict == dlt645.REFUSED:
            self.error = self._exchange.error
            return quality.REFUSED
        if verdict != dlt645.ANSWER:
            return quality.MALFORMED if verdict == dlt645.BAD_LENGTH else quality.WRONG
        data = self._exchange.data()
        return self._take(data) if self._says_what_it_must(data) else quality.WRONG

    def _says_what_it_must(self, data):
        if self._wanted.control == READ_ADDRESS:
            return "".join(["%02X" % byte for byte in reversed(data)]) == self._decoder.address
        return self._wanted.says is None or data == self._wanted.says

    def _accept_any(self):
        """As _judge(), for a frame that is only passed on: what it says is not looked at."""
        decoder = self._decoder
        if not decoder.control & _FROM_METER:
            return None
        same = decoder.control & _FUNCTION == self._wanted.control
        if not same or not decoder.is_from(self._wanted.answerer):
            return quality.WRONG
        data = bytearray(decoder.length)
        decoder.data(data)
        return self._take(bytes(data))

    def _take(self, data):
        self.data = data
        self.address = self._decoder.address
        self.control = self._decoder.control
        return quality.GOOD


async def perform(bus, request, baud=None):
    """Exchange a Request on a bus; returns (quality, the transaction, which has the answer).

    `baud` is the meter's speed in bit/s, if it is not the bus's.
    """
    transaction = CommandTransaction(bus.preamble)
    transaction.prepare(request)
    return await bus.converse(transaction, baud or bus.baud), transaction
