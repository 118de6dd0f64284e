"""DL/T 645, both editions: reading one item of one meter, and what its answer means.

The C module `dlt645` builds requests, judges frames and takes values apart; this module is what
the bus wants of a transaction. Sources: DL/T 645-2007 and -1997, data link layer.
"""

import dlt645
from micropython import const

from .. import quality

_MAX_REQUEST = const(40)  # 16 wake-up bytes, 12 of frame, identifier, and 6 or SEQ
_FEW_VALUES = const(100)
_LEAST_SIZE = const(4)  # bytes of a value in the items that have many: energies, records, days
_MAX_ITEM = const(1040)  # bytes: the longest record of events has 1026


def decode(di, data):
    """The values in an answer: one element each, integer, str, bytes, or None.

    `di` is the identifier as a number (0x02010100; 0x9010 of the 1997 edition), `data` the bytes
    behind it in wire order without the 33H offset. A str is text, or the digits of an address or
    a time, most significant first; bytes is what an identifier that isn't in the tables has. None
    stands for "not available" (FF-filled, digits that are none, or text without one printable
    character). Text loses its padding, 00 and FF, and has a "?" for every other byte that isn't
    printable ASCII, line ends among them. Raises ValueError for a length that does not fit the
    identifier, and for an identifier below 0 or of more than 32 bits.
    """
    return dlt645.values(1997 if 0x9000 <= di < 0xF000 else 2007, di, data)


class ReadTransaction:
    """Reads one item, in as many frames as it needs. Reused: nothing of it is made anew.

    No function called for an answer has a frame of more than 11 words; bus.py says why.

    The bus calls listen(), sends `request` (the first `request_size` bytes), and hands what
    arrives to receive(chunk, count). Above 0, that is how many bytes must still come; else an
    answer, whose quality accept() tells. cut() is the same when no frame can go on: the line is
    silent, or a character damaged. Without an answer why_not() tells the quality, and repeat()
    comes before the next attempt. quality.MORE means that `request` is now the one for the next
    part of the item, to be exchanged in turn; there is an end to that, with quality.MALFORMED,
    for an item that is none whenever its parts have come. After a good answer value() gives its
    `count` values.

    An item that is whole without the part that the meter announced is good, if that is refused or
    never comes: event_pending() tells that this was what the meter meant.
    """

    answered = True  # what the bus must know: there is an answer to wait for,
    repeatable = True  # to ask twice does no harm,
    silence_fails = True  # and no answer is a failure

    def __init__(self, preamble, longest=_MAX_ITEM):
        """For items of up to `longest` bytes; what is longer is malformed."""
        self.request = bytearray(_MAX_REQUEST)
        self.request_size = 0
        self.error = 0  # the error word of a refusal
        self.count = 0
        self._values = [None] * max(_FEW_VALUES, longest // _LEAST_SIZE)
        self._exchange = dlt645.Exchange(longest, dlt645.Decoder(), self._values)
        self._preamble = preamble
        self._form = None
        self._extra = b""
        # What comes goes straight into the C module.
        self.listen = self._exchange.listen
        self.receive = self._exchange.receive
        self.cut = self._exchange.cut

    def prepare(self, address, di, edition=2007, form=None, extra=b""):
        """Build the request for `di` (a number) to the meter `address` (12 digits).

        `form` is (kind, size, list) for a format that isn't the one of the tables. `extra` is what
        the request has behind the identifier: of load records, load_range() in dlt645_arguments.
        ValueError for what cannot be asked for, as an identifier of more bytes than the edition's.
        """
        self.count = 0
        self.error = 0
        self._form = form
        self._extra = extra
        self._begin(address, di, edition)

    def value(self, index):
        """Value `index` of the good answer; None when it has not so many."""
        return self._values[index] if index < self.count else None

    def event_pending(self):
        """Whether the meter said with its answer that it has an event to report."""
        return self._exchange.event_pending

    def noisy(self):
        """Whether something came damaged since prepare(): before the answer, or in its place."""
        return self._exchange.noisy

    def error_names(self):
        """What the bits of the error word mean, a tuple of str."""
        return self._exchange.error_names()

    def repeat(self):
        """There was no answer: make `request` ask for the same part again."""
        self.count = 0
        self._exchange.lost()
        self._encode()

    def accept(self, result):
        """The quality of the answer that receive() or cut() has found."""
        if result == dlt645.COMPLETE:
            self.count = self._exchange.count
            return quality.GOOD
        if result == dlt645.ASK:
            self._encode()
            return quality.MORE
        if result == dlt645.SPOILED:
            return quality.MALFORMED
        self.error = self._exchange.error
        return quality.REFUSED

    def why_not(self):
        """The quality of what has come instead of an answer."""
        heard = self._exchange.heard
        if heard == dlt645.NOTHING:
            if self._exchange.settle():
                self.count = self._exchange.count
                return quality.GOOD
            return quality.TIMEOUT
        return quality.WRONG if heard == dlt645.OTHERS else quality.MALFORMED

    def _begin(self, address, di, edition):
        # Here and not in prepare(), whose frame would have more than 11 words.
        self._exchange.begin(edition, address, di, self._form, self._extra)
        self._encode()

    def _encode(self):
        """Make the request for what is wanted now."""
        self.request_size = self._exchange.request(self.request, self._preamble)
