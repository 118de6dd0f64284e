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
    """Packed BCD, least significant pair first, as a string, most significant digit first."""
    text = ""
    for at in range(first + size - 1, first - 1, -1):
        text += "%02x" % data[at]
    return text


def _number(data, first, size, signed):
    """Packed BCD as an integer; None when a digit is none (FF fills what a meter has not)."""
    value = 0
    negative = False
    for at in range(first + size - 1, first - 1, -1):
        byte = data[at]
        if signed and at == first + size - 1 and byte & 0x80:
            if byte == 0xFF:
                return None
            negative = True
            byte &= 0x7F
        if byte >> 4 > 9 or byte & 0x0F > 9:
            return None
        value = value * 100 + (byte >> 4) * 10 + (byte & 0x0F)
    return -value if negative else value


def decode(di, data):
    """The values in an answer: one element each, integer, string of digits, or None.

    `di` is the identifier as a number, `data` the bytes behind it in wire order without the 33H
    offset. None stands for "not available" (FF-filled, or digits that are none). Raises KeyError
    for an identifier that isn't in the tables, ValueError for a length that does not fit it.
    """
    values = [None] * _MAX_VALUES
    return tuple(values[: _decode(di, data, 0, len(data), values)])


def _decode(di, data, first, end, values):
    """Put the values in data[first:end] into the list `values`; returns how many.

    Errors as decode(); takes nothing from the heap but texts.
    """
    size, form = _FORMATS[di]
    length = end - first
    block = (di >> 8) & 0xFF == 0xFF
    if length <= 0 or length % size or (length != size and not block):
        raise ValueError("identifier %08X takes %d bytes a value, got %d" % (di, size, length))
    count = 0
    while first < end:
        if form != _DIGITS:
            values[count] = _number(data, first, size, form == _SIGNED)
        else:
            text = _digits(data, first, size)
            values[count] = text if text.isdigit() else None
        count += 1
        first += size
    return count


class ReadTransaction:
    """One request for one identifier, and its answer. Reused: nothing of it is made anew.

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
        self._di_bytes = bytearray(_DI_SIZE)
        self._answer = bytearray(_MAX_DATA)

    def prepare(self, address, di):
        """Build the request for `di` (a number) to the meter `address` (12 digits)."""
        self._address = address
        self._di = di
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
        return self._decode(size)

    def _decode(self, size):
        values = self._values
        try:
            count = _decode(self._di, self._answer, _DI_SIZE, size, values)
        except ValueError:
            return quality.MALFORMED
        step = (size - _DI_SIZE) // count
        for place in range(count):
            # FF stands for what a meter has not; any other digit that is none is damage.
            if values[place] is None:
                first = _DI_SIZE + place * step
                if self._answer[first : first + step] != b"\xff" * step:
                    return quality.MALFORMED
        self.count = count
        return quality.GOOD
