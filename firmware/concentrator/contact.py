"""A contact that gives pulses: S0 or open collector outputs, reed contacts. Bounce is left out."""

from time import ticks_diff

from micropython import const

COUNT_MASK = const(0x3FFFFFFF)  # a small integer on every board


class Contact:
    """Counts how often a contact has closed and opened again.

    It has closed, or opened, when it has been so for `width_ms` at a stretch; what is shorter is
    bounce, or noise. So a pulse counts when its end comes, and two need such a pause between them.
    """

    def __init__(self, width_ms):
        self._width = width_ms
        self._closed = False  # as it is
        self._settled = False  # as it last was for long enough
        self._since = 0  # ticks in ms
        self._count = 0

    def change(self, closed, ticks):
        """From `ticks` (ms) on the contact is `closed`, or not.

        May be called in an interrupt: allocates nothing.
        """
        if closed == self._closed:
            return
        # A contact may rest for longer than ticks take to wrap: then their difference is negative.
        if self._closed != self._settled and not 0 <= ticks_diff(ticks, self._since) < self._width:
            self._settled = self._closed
            if self._closed:
                self._count = (self._count + 1) & COUNT_MASK
        self._closed = closed
        self._since = ticks

    def count(self):
        """Pulses since the contact was opened here, modulo 2 to the power of 30."""
        return self._count
