"""The wire: what goes over it when, and what is heard when several speak at once."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from host_tools.meter_simulator.answer import Answer

BITS_PER_CHARACTER = 11  # start, 8 data, even parity, stop


@dataclass(frozen=True)
class Passage:
    """Bytes that went over the wire, from the first bit to the last on time.monotonic() in s.

    `delay_s` is how long the meter thought about an answer; None: it came from the master.
    """

    begin: float
    end: float
    size: int
    delay_s: float | None = None


@dataclass
class Transmission:
    """Bytes on their way to the master, or waiting for the answer delay to pass.

    `start` is on time.monotonic() in s; byte i is complete i + 1 characters later. `sampled_s` is
    the Unix time that the values of an answer are of, `delay_s` how long the meter thinks about
    it. `done` is called after the last byte.
    """

    start: float
    data: bytes
    baud: int
    answer: Answer | None = None  # None: noise or an echo
    sampled_s: float = 0.0
    delay_s: float = 0.0
    done: Callable[[], None] | None = None
    announced: bool = False
    sent: int = 0

    def deadline(self, index: int) -> float:
        """Tell when a byte is complete."""
        return self.start + (index + 1) * BITS_PER_CHARACTER / self.baud

    @property
    def end(self) -> float:
        """When the last byte is complete."""
        return self.deadline(len(self.data) - 1)


def collide(spoken: list[Transmission], draw: random.Random) -> Transmission:
    """Give what is heard when several speak: where they differ, nobody knows what."""
    first = min(spoken, key=lambda one: one.start)
    character_s = BITS_PER_CHARACTER / first.baud
    at_place: dict[int, set[int]] = {}
    for one in spoken:
        shift = round((one.start - first.start) / character_s)
        step = first.baud / one.baud
        for index, byte in enumerate(one.data):
            at_place.setdefault(shift + int(index * step), set()).add(byte)
    heard = [
        heard_here.pop() if len(heard_here) == 1 else draw.randrange(256)
        for _, heard_here in sorted(at_place.items())
    ]
    return Transmission(first.start, bytes(heard), first.baud)
