"""Pulse inputs without hardware: a pseudo-terminal tells how the contacts move.

A byte is one change of a contact: bit 7 is set when it closes, bits 5 and 6 are the number of the
input less 1, bits 0 to 4 how long it is until the next change of any contact, in units of 5 ms.
These are times of the contacts' own clock, so what counts as a pulse does not depend on how busy
the machine is.
"""

from time import ticks_add

from concentrator.contact import Contact
from micropython import const

_CLOSED = const(0x80)
_UNIT_MS = const(5)


class PulseLine:
    """The contacts behind `port`, a serial port. It is read whenever somebody asks for a count."""

    def __init__(self, port, inputs):
        self._port = port
        self._contacts = [None] * inputs
        self._buffer = bytearray(64)
        self._ticks = 0

    def counters(self, wanted):
        """Count from now on; `wanted` is a list of (input from 1, least width in ms)."""
        self.read()
        found = [_Input(self, width_ms) for _, width_ms in wanted]
        for (number, _), contact in zip(wanted, found):
            self._contacts[number - 1] = contact
        return found

    def read(self):
        """Follow the contacts up to now."""
        while True:
            size = self._port.readinto(self._buffer)
            if not size:
                return
            for i in range(size):
                change = self._buffer[i]
                contact = self._contacts[change >> 5 & 3]
                if contact is not None:
                    contact.change(change >= _CLOSED, self._ticks)
                self._ticks = ticks_add(self._ticks, (change & 31) * _UNIT_MS)


class _Input(Contact):
    """A contact on the line."""

    def __init__(self, line, width_ms):
        super().__init__(width_ms)
        self._line = line

    def count(self):
        self._line.read()
        return super().count()
