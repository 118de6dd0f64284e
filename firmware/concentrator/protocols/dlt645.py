"""DL/T 645-2007: reading one data identifier of one meter, and what its answer means.

Frames are built and parsed by the C module `dlt645`; this module matches answers to requests and
decodes values. Sources: DL/T 645-2007, data link layer and data identification tables.
"""

import struct

import dlt645
from micropython import const

from .. import quality

_READ = const(0x11)
_FUNCTION = const(0x1F)  # control code: bits 4-0 function, 7 from meter, 6 error, 5 more follows
_FROM_METER = const(0x80)
_ERROR = const(0x40)
_DI_SIZE = const(4)
_MAX_DATA = const(200)  # L of a read
_MAX_VALUES = const(100)  # of two bytes, in the longest answer
_MAX_REQUEST = const(40)  # 16 wake-up bytes, 12 of frame, DI

_UNSIGNED = const(0)
_SIGNED = const(1)
_DIGITS = const(2)

# identifier with every block's FF taken as it is: (bytes a value, format)
_FORMATS = {
    0x00010000: (4, _UNSIGNED),
    0x00010100: (4, _UNSIGNED),
    0x00010200: (4, _UNSIGNED),
    0x00010300: (4, _UNSIGNED),
    0x00010400: (4, _UNSIGNED),
    0x0001FF00: (4, _UNSIGNED),
    0x02010100: (2, _UNSIGNED),
    0x02020100: (3, _SIGNED),
    0x02030000: (3, _SIGNED),
    0x04000101: (4, _DIGITS),
    0x04000102: (3, _DIGITS),
}


def _digits(data, first, size):
    """Packed BCD, least significant pair first, as a string, most significant digit first.

    None when a digit is none, as for _number().
    """
    text = ""
    for at in range(first + size - 1, first - 1, -1):
        text += "%02x" % data[at]
    return text if text.isdigit() else None


def _number(data, first, size, signed):
    """Packed BCD as an integer; None when a digit is none (FF fills what a meter has not)."""
    value = 0
    sign = 1
    while size:
        size -= 1
        byte = data[first + size]
        if signed and byte & 0x80:
            sign = -1
            byte &= 0x7F
        signed = False  # only the most significant byte has a sign
        if byte >> 4 > 9 or byte & 0x0F > 9:
            return None
        value = value * 100 + (byte >> 4) * 10 + (byte & 0x0F)
    return sign * value


def _value(data, first, size, form):
    """One value: an integer, a string of digits, or None."""
    if form == _DIGITS:
        return _digits(data, first, size)
    return _number(data, first, size, form == _SIGNED)


def _fits(di, length, size):
    """Whether `length` bytes are one value of `di`, or if it is a block's, one or more."""
    return length == size or (di >> 8 & 0xFF == 0xFF and length > 0 and length % size == 0)


def decode(di, data):
    """The values in an answer: one element each, integer, string of digits, or None.

    `di` is the identifier as a number, `data` the bytes behind it in wire order without the 33H
    offset. None stands for "not available" (FF-filled, or digits that are none). Raises KeyError
    for an identifier that isn't in the tables, ValueError for a length that does not fit it.
    """
    size, form = _FORMATS[di]
    if not _fits(di, len(data), size):
        raise ValueError("identifier %08X takes %d bytes a value, got %d" % (di, size, len(data)))
    return tuple(_value(data, first, size, form) for first in range(0, len(data), size))


class ReadTransaction:
    """One request for one identifier, and its answer. Reused: nothing of it is made anew.

    No function called for an answer has a frame of more than 11 words; bus.py says why.

    The bus sends `request` (the first `request_size` bytes), feeds what arrives to `decoder` and
    asks accept() about every frame. After a good answer value() gives its `count` values.
    """

    def __init__(self, preamble):
        self.decoder = dlt645.Decoder()
        self.request = bytearray(_MAX_REQUEST)
        self.request_size = 0
        self.error = 0  # the error word of a refusal
        self.count = 0
        self._values = [None] * _MAX_VALUES
        self._preamble = preamble
        self._address = ""
        self._di = 0
        self._size = 0  # of a value
        self._form = _UNSIGNED
        self._di_bytes = bytearray(_DI_SIZE)
        self._answer = bytearray(_MAX_DATA)

    def prepare(self, address, di):
        """Build the request for `di` (a number) to the meter `address` (12 digits).

        Raises KeyError for an identifier that isn't in the tables.
        """
        self._address = address
        self._di = di
        self._size, self._form = _FORMATS[di]
        struct.pack_into("<I", self._di_bytes, 0, di)
        self.request_size = dlt645.encode(
            self.request, address, _READ, self._di_bytes, self._preamble
        )
        self.count = 0
        self.error = 0

    def value(self, index):
        """Value `index` of the good answer; None when it has not so many."""
        return self._values[index] if index < self.count else None

    def accept(self):
        """Judge the decoder's frame: a quality, or None for one that is no meter's (our echo)."""
        decoder = self.decoder
        control = decoder.control
        if not control & _FROM_METER:
            return None
        if control & _FUNCTION != _READ or not decoder.is_from(self._address):
            return quality.WRONG
        size = decoder.data(self._answer)
        if control & _ERROR:
            if size != 1:
                return quality.MALFORMED
            self.error = self._answer[0]
            return quality.REFUSED
        if size < _DI_SIZE:
            return quality.MALFORMED
        for i in range(_DI_SIZE):
            if self._answer[i] != self._di_bytes[i]:
                return quality.WRONG
        return self._decode(size - _DI_SIZE)

    def _decode(self, length):
        """Take the values behind the identifier."""
        if not _fits(self._di, length, self._size):
            return quality.MALFORMED
        count = length // self._size
        for place in range(count):
            if not self._take(place):
                return quality.MALFORMED
        self.count = count
        return quality.GOOD

    def _take(self, place):
        """Take value `place`; False when it is damaged."""
        first = _DI_SIZE + place * self._size
        value = _value(self._answer, first, self._size, self._form)
        self._values[place] = value
        return value is not None or self._is_blank(first)

    def _is_blank(self, first):
        """FF stands for what a meter has not; any other digit that is none is damage."""
        for at in range(first, first + self._size):  # noqa: SIM110 - all() takes a generator
            if self._answer[at] != 0xFF:
                return False
        return True
