"""The meters of a site: sections of the configuration, twelve bytes each.

Objects would take eight times as much, and there is nothing of which there are more. A Meter is
made when it is asked for, so who needs one for long keeps its place here instead.
"""

import struct
from binascii import hexlify, unhexlify
from collections import namedtuple

from micropython import const

from . import items

_ROW = "<BB6sBHB"
_SIZE = struct.calcsize(_ROW)
_ADDRESS = const(2)  # where fields are in a row
_ADDRESS_SIZE = const(6)
_PROTOCOL = const(8)
_BAUD = const(11)
_BAUD_STEP = const(600)

Meter = namedtuple("Meter", ("number", "address", "bus", "protocol", "max_power", "baud"))


class Meters:
    """A sequence of Meters, made of anything with such attributes."""

    def __init__(self, entries):
        self._protocols = sorted(items.EDITIONS)
        entries = list(entries)
        self._rows = bytearray(_SIZE * len(entries))
        for place, entry in enumerate(entries):
            struct.pack_into(
                _ROW,
                self._rows,
                place * _SIZE,
                entry.number,
                entry.bus,
                unhexlify(entry.address),
                self._protocols.index(entry.protocol),
                entry.max_power,
                (entry.baud or 0) // _BAUD_STEP,
            )

    def __len__(self):
        """How many there are."""
        return len(self._rows) // _SIZE

    def __getitem__(self, place):
        """The Meter at a place; IndexError behind the last."""
        if not 0 <= place < len(self):
            raise IndexError("no meter at place %d" % place)
        number, bus, _, protocol, power, steps = struct.unpack_from(
            _ROW, self._rows, place * _SIZE
        )
        baud = steps * _BAUD_STEP or None
        return Meter(number, self.address(place), bus, self._protocols[protocol], power, baud)

    # The same of one field: a Meter is garbage soon, and these are asked for often.

    def number(self, place):
        """The number of a meter."""
        return self._rows[place * _SIZE]

    def address(self, place):
        """The address, 12 digits; in front of a shorter one of 1997 there are A."""
        at = place * _SIZE + _ADDRESS
        return hexlify(self._rows[at : at + _ADDRESS_SIZE]).decode().upper()

    def edition(self, place):
        """The edition of DL/T 645."""
        return items.EDITIONS[self._protocols[self._rows[place * _SIZE + _PROTOCOL]]]

    def baud(self, place):
        """The speed in bit/s; None for that of the bus."""
        return self._rows[place * _SIZE + _BAUD] * _BAUD_STEP or None
