"""Pulse inputs without pins: QEMU's machine has no GPIO, so a UART tells how the contacts move.

A byte is one change of a contact, in the code of the host board's pulse line. Each is an
interrupt, in which Python counts as it does in that of a pin.
"""

from time import ticks_add

from concentrator.contact import Contact
from micropython import const

_CLOSED = const(0x80)
_UNIT_MS = const(5)


class PulseLine:
    """The contacts behind `uart`."""

    def __init__(self, uart, inputs):
        self._contacts = [None] * inputs
        self._byte = bytearray(1)
        self._ticks = 0
        self._uart = uart

    def counters(self, wanted):
        """Count from now on; `wanted` is a list of (input from 1, least width in ms)."""
        found = [Contact(width_ms) for _, width_ms in wanted]
        for (number, _), contact in zip(wanted, found):
            self._contacts[number - 1] = contact
        self._uart.irq(self._changed, self._uart.IRQ_RX, hard=True)
        return found

    def _changed(self, uart):
        # In the interrupt: nothing may be allocated here.
        while uart.readinto(self._byte):
            change = self._byte[0]
            contact = self._contacts[change >> 5 & 3]
            if contact is not None:
                contact.change(change >= _CLOSED, self._ticks)
            self._ticks = ticks_add(self._ticks, (change & 31) * _UNIT_MS)
