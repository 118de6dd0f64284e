"""A question that several meters may answer, or none: who is there, and are they one or more?

Answers to a wildcard collide, and what is heard then is no frame, or only damaged characters; or
one comes after the other. So everybody is heard out: nothing that comes ends the transaction.
"""

from time import ticks_diff, ticks_ms

import dlt645
from micropython import const

from .. import quality
from .dlt645_arguments import BROADCAST

READ = const(0x11)
READ_1997 = const(0x01)

_AROUND = const(12)  # bytes of a frame beside its data
_MOST_DATA = const(4)
_FROM_METER = const(0x80)
_WAKE_UP = const(0xFE)
# Characters that are no answer: fewer are what drivers do when they take hold of a line or let go.
_NOISE = const(4)
_FILLER = "A"  # before a number of fewer than 12 digits, in the 1997 edition


class Probe:
    """One question, as the bus wants it. `meters` are the addresses that answered it.

    `is_noisy` tells whether there was more than their answers, `lasted_ms` how long after the
    transaction's begin something was heard. What the bus says of the transaction doesn't matter,
    unless it is quality.JAMMED.
    """

    answered = True
    repeatable = False
    silence_fails = False  # nobody need be there

    def __init__(self, preamble):
        self.request = bytearray(preamble + _AROUND + _MOST_DATA)
        self.request_size = 0
        self.meters = []
        self._decoder = dlt645.Decoder()
        self._preamble = preamble
        self._is_1997 = False
        self._skipped = 0  # by the decoder before this question
        self._wake_ups = 0  # bytes
        self._riddles = 0  # answers that do not tell from whom
        self._cuts = 0  # by silence or a damaged character,
        self._cut_ms = 0  # the last one when, in ticks as these:
        self._began_ms = 0
        self._heard_ms = 0

    def prepare(self, address, control, data):
        """Ask `address` (12 digits, A for any): function `control`, plain `data`."""
        self._is_1997 = control == READ_1997
        self.request_size = dlt645.encode(self.request, address, control, data, self._preamble)

    @property
    def is_noisy(self):
        """Whether more was heard than answers: collisions, damage, babble."""
        strays = max(0, self._decoder.skipped - self._skipped - self._wake_ups)
        return self._riddles > 0 or strays + max(0, self._cuts) >= _NOISE

    @property
    def lasted_ms(self):
        """Time from the begin of the transaction until something was heard for the last time."""
        return ticks_diff(self._heard_ms, self._began_ms)

    def repeat(self):
        """It is never repeated."""

    def listen(self):
        """Begin: forget what came before."""
        self._began_ms = self._heard_ms = ticks_ms()
        self._decoder.reset()
        self._skipped = self._decoder.skipped  # counts on and on
        self._wake_ups = 0
        self._riddles = 0
        self._cuts = -1  # the silence at the end is no damage
        self.meters.clear()

    def receive(self, chunk, count):
        """Take in what has come: the bytes that must still come; it is never the end."""
        if count:
            self._heard_ms = ticks_ms()
        for i in range(count):
            if chunk[i] == _WAKE_UP:
                self._wake_ups += 1
        self._decoder.feed(chunk, count)
        return self._look(self._decoder.next())

    def cut(self):
        """No frame reaches across this moment, of a damaged character or of silence at the end."""
        # The one before was damage, then, and not the end.
        if self._cuts >= 0 and ticks_diff(self._cut_ms, self._heard_ms) > 0:
            self._heard_ms = self._cut_ms
        self._cuts += 1
        self._cut_ms = ticks_ms()
        return self._look(self._decoder.timeout())

    def why_not(self):
        """How it ends, whoever has answered."""
        return quality.TIMEOUT

    def _look(self, found):
        """Keep who has sent the decoder's frames, of which it has found one or not."""
        while found:
            if self._decoder.control & _FROM_METER:
                self._keep(self._decoder.address)
            found = self._decoder.next()
        return self._decoder.needed()

    def _keep(self, address):
        digits = address.lstrip(_FILLER) if self._is_1997 else address
        if not digits.isdigit() or address == BROADCAST:
            self._riddles += 1
        elif address not in self.meters:
            self.meters.append(address)
