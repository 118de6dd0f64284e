"""Pulse inputs: counts what a meter's pulse output gives, and makes a register reading of it.

The totals are kept in the journal as a value, which stands in every block like context: a save is
one small record, nothing is rewritten in place, and the ring spreads the wear. A power cut loses
the pulses since the last save, at most `save_every` seconds of them, and none that a reading has
shown: there is a save before every reading, so that a register never runs backwards.
"""

import binascii
import struct
from time import ticks_diff, ticks_ms

from micropython import const

from . import quality
from .contact import COUNT_MASK

_KEY = const(0x80)  # of the totals among the journal's values
_ENTRY = "<BHII"  # number, check of the settings, whole units, pulses beyond them
_ENTRY_SIZE = struct.calcsize(_ENTRY)
_WINDOW_MS = const(60000)  # over which the rate is judged
_HOUR_MS = const(3600000)


class _Input:
    """One input: its total as whole units and pulses beyond them, which stay small integers."""

    def __init__(self, settings, scale, counter):
        self.settings = settings
        self.recent = 0  # pulses since the rate was last judged
        self.is_fast = False
        # A unit is so many steps of the register's last digit, and so many pulses.
        self._steps = 10 ** max(0, -scale)
        self._constant = settings.constant * 10 ** max(0, scale)
        self._units = 0
        self._rest = 0
        text = "%d %d %d" % (settings.start, settings.constant, scale)
        self._check = binascii.crc32(text.encode()) & 0xFFFF
        self._counter = counter
        self._seen = counter.count()

    def value(self):
        """The register: start value and all pulses since, in the scale of the item."""
        beyond = self._rest * self._steps // self._constant
        return self.settings.start + self._units * self._steps + beyond

    def poll(self):
        """Add what was counted since the last time."""
        count = self._counter.count()
        pulses = (count - self._seen) & COUNT_MASK
        if pulses:
            self._seen = count
            self.recent += pulses
            rest = self._rest + pulses
            self._units += rest // self._constant
            self._rest = rest % self._constant

    def exceeds(self, elapsed_ms):
        """Whether the recent pulses are more than `max_rate` allows in so many milliseconds."""
        per_hour = self.settings.constant * self.settings.max_rate
        # One more fits into any time, however short.
        return (self.recent - 1) * _HOUR_MS > per_hour * elapsed_ms

    def pack(self, body, at):
        number = self.settings.number
        struct.pack_into(_ENTRY, body, at, number, self._check, self._units, self._rest)

    def restore(self, body):
        """Go on from the saved total; False when there is none that was saved with these settings.

        Another start value or constant means another meter, or one that was set anew.
        """
        for at in range(0, len(body), _ENTRY_SIZE):
            number, check, units, rest = struct.unpack_from(_ENTRY, body, at)
            if number == self.settings.number and check == self._check:
                self._units, self._rest = units, rest
                return True
        return False


class Inputs:
    """All pulse inputs of a site.

    `settings` is the section of the configuration, `open_inputs` the board's pulse_inputs().
    What the journal has is restored; an input that it does not know begins at its start value,
    which is an event.
    """

    def __init__(self, settings, catalogue, open_inputs, journal, events):
        self._journal = journal
        self._events = events
        self._save_ms = settings.save_every * 1000
        self._saved_at = self._judged_at = ticks_ms()
        counters = open_inputs([(one.input, one.width_ms) for one in settings.inputs])
        self._inputs = [
            _Input(one, catalogue.scale(one.item), counter)
            for one, counter in zip(settings.inputs, counters)
        ]
        body = journal.context(_KEY) or b""
        begun = [one for one in self._inputs if not one.restore(body)]
        self.save()
        for one in begun:
            events.record("pulses.begun", meter=one.settings.number, value=one.value())

    def reading(self, number):
        """(register, quality) of the input with that meter number; in flash when this returns.

        While pulses come faster than `max_rate` allows the quality is SUSPECT.
        """
        self.save()
        one = next(one for one in self._inputs if one.settings.number == number)
        return one.value(), quality.SUSPECT if one.is_fast else quality.GOOD

    def save(self):
        """Write the totals to flash, unless they are there already."""
        body = bytearray(_ENTRY_SIZE * len(self._inputs))
        at = 0
        for one in self._inputs:
            one.poll()
            one.pack(body, at)
            at += _ENTRY_SIZE
        self._journal.set_context(_KEY, bytes(body))
        self._saved_at = ticks_ms()

    def poll(self):
        """Count, save when it is time, and watch the rates. Call it every second or so."""
        ticks = ticks_ms()
        for one in self._inputs:
            one.poll()
        if ticks_diff(ticks, self._saved_at) >= self._save_ms:
            self.save()
        elapsed = ticks_diff(ticks, self._judged_at)
        if elapsed >= _WINDOW_MS:
            self._judged_at = ticks
            for one in self._inputs:
                self._judge(one, elapsed)

    def _judge(self, one, elapsed_ms):
        fast = one.exceeds(elapsed_ms)
        if fast and not one.is_fast:
            seconds = elapsed_ms // 1000
            self._events.record(
                "pulses.fast", meter=one.settings.number, pulses=one.recent, seconds=seconds
            )
        elif one.is_fast and not fast:
            self._events.record("pulses.normal", meter=one.settings.number)
        one.is_fast = fast
        one.recent = 0
