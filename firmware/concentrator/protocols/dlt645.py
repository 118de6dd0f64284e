"""DL/T 645, both editions: reading one item of one meter, and what its answer means.

The C module `dlt645` builds requests, judges frames and takes values apart; this module is what
the bus wants of a transaction. Sources: DL/T 645-2007 and -1997, data link layer.
"""

import dlt645
from micropython import const

from .. import quality

_MAX_REQUEST = const(40)  # 16 wake-up bytes, 12 of frame, identifier, and 6 or SEQ
_MAX_VALUES = const(100)
_MAX_ITEM = const(1040)  # bytes: the longest record of events has 1026


def decode(di, data):
    """The values in an answer: one element each, integer, str, bytes, or None.

    `di` is the identifier as a number (0x02010100; 0x9010 of the 1997 edition), `data` the bytes
    behind it in wire order without the 33H offset. A str is text, or the digits of an address or
    a time, most significant first; bytes is what an identifier that isn't in the tables has. None
    stands for "not available" (FF-filled, or digits that are none). Raises ValueError for a length
    that does not fit the identifier.
    """
    return dlt645.values(1997 if 0x9000 <= di < 0xF000 else 2007, di, data)


class ReadTransaction:
    """Reads one item, in as many frames as it needs. Reused: nothing of it is made anew.

    No function called for an answer has a frame of more than 11 words; bus.py says why.

    The bus sends `request` (the first `request_size` bytes), feeds what arrives to `decoder`, asks
    accept() about every frame and calls repeat() before it sends once more. quality.MORE means
    that `request` is now the one for the next part of the item, to be exchanged in turn. After a
    good answer value() gives its `count` values.
    """

    answered = True  # what the bus must know: there is an answer to wait for,
    repeatable = True  # and to ask twice does no harm

    def __init__(self, preamble):
        self.decoder = dlt645.Decoder()
        self.request = bytearray(_MAX_REQUEST)
        self.request_size = 0
        self.error = 0  # the error word of a refusal
        self.count = 0
        self._exchange = dlt645.Exchange(_MAX_ITEM)
        self._values = [None] * _MAX_VALUES
        self._preamble = preamble
        self._edition = 2007
        self._address = ""
        self._di = 0
        self._form = None
        self._extra = b""

    def prepare(self, address, di, edition=2007, form=None, extra=b""):
        """Build the request for `di` (a number) to the meter `address` (12 digits).

        `form` is (kind, size, list) for a format that isn't the one of the tables. `extra` is what
        the request has behind the identifier: of load records, load_range() in dlt645_arguments.
        """
        self._address = address
        self._di = di
        self._edition = edition
        self._form = form
        self._extra = extra
        self.count = 0
        self.error = 0
        self._begin()

    def value(self, index):
        """Value `index` of the good answer; None when it has not so many."""
        return self._values[index] if index < self.count else None

    def event_pending(self):
        """Whether the meter said with its answer that it has an event to report."""
        return self._exchange.event_pending

    def error_names(self):
        """What the bits of the error word mean, a tuple of str."""
        return self._exchange.error_names()

    def repeat(self):
        """There was no answer: make `request` ask for the same part again."""
        self._exchange.lost()
        self._encode()

    def accept(self):
        """Judge the decoder's frame: a quality, or None for one that is no meter's (our echo)."""
        progress = self._exchange.take(self.decoder)
        if progress == dlt645.COMPLETE:
            return self._decode()
        if progress == dlt645.ASK:
            self._encode()
            return quality.MORE
        if progress == dlt645.GIVEN_UP:
            self.error = self._exchange.error
            return quality.REFUSED
        if progress == dlt645.AGAIN:
            return self._why_not()
        return self._spoil()

    def _begin(self):
        """Want the item, from its first part on."""
        self._exchange.begin(self._edition, self._address, self._di, self._form, self._extra)
        self._encode()

    def _encode(self):
        """Make the request for what is wanted now."""
        self.request_size = self._exchange.request(self.request, self._preamble)

    def _why_not(self):
        """The quality of a frame that is not the answer."""
        verdict = self._exchange.verdict
        if verdict == dlt645.ECHO:
            return None
        return quality.MALFORMED if verdict == dlt645.BAD_LENGTH else quality.WRONG

    def _decode(self):
        """Take the values of the complete item."""
        count = self._exchange.values(self._values)
        if count < 0:
            return self._spoil()
        self.count = count
        return quality.GOOD

    def _spoil(self):
        """What has come is no such item: it has to be read from its first part on."""
        self._begin()
        return quality.MALFORMED
