"""A simulated bus of 64 meters that keeps a record, and the cycles of whoever reads it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

from host_tools.meter_simulator import Meter, Passage, SimulatedBus

METERS = 64
ANSWER_DELAY_MS = 40.0

_CHARACTER_BITS = 11  # start, 8 data, even parity, stop
_PAUSE_S = 0.9  # without a byte, which no answer nor time-out takes: a cycle is over
_POLL_S = 0.05


class BusLineError(Exception):
    """The line has not carried what was to be measured; the text says what it has."""


@dataclass(frozen=True)
class Cycle:
    """What went over the line in one go: requests and answers, seconds and bytes of all of them.

    `time_s` is from the first bit of the first request to the last bit of the last answer;
    `floor_s` what of it the bits themselves take and the meters' thinking.
    """

    answers: int
    time_s: float
    floor_s: float

    @property
    def ratio(self) -> float:
        """The time over its floor."""
        return self.time_s / self.floor_s


class Line:
    """The bus, and its meters 000000000001 and upward; served inside `with`."""

    def __init__(self, link: Path, baud: int) -> None:
        self.baud = baud
        self.link = link
        self.meters = [Meter(f"{number:012d}") for number in range(1, METERS + 1)]
        self._record: list[Passage] = []
        self._bus = SimulatedBus(
            link,
            self.meters,
            baud=baud,
            answer_delay_ms=(ANSWER_DELAY_MS, ANSWER_DELAY_MS),
            record=self._record,
        )

    def __enter__(self) -> Self:
        """Serve it."""
        self._bus.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._bus.close()

    @property
    def requests(self) -> int:
        """How many requests have come."""
        return self._bus.counters.requests

    @property
    def transaction_s(self) -> float:
        """How long the longest request and answer took that came one behind the other."""
        record = list(self._record)
        return max(
            answer.end - request.begin
            for request, answer in pairwise(record)
            if request.delay_s is None and answer.delay_s is not None
        )

    def cycles(self, answers: int) -> list[Cycle]:
        """Return those that are over and have so many answers, in their order."""
        groups: list[list[Passage]] = []
        last = float("-inf")
        for passage in list(self._record):
            if passage.begin - last > _PAUSE_S:
                groups.append([])
            groups[-1].append(passage)
            last = passage.end
        if groups and time.monotonic() - last < _PAUSE_S:
            groups.pop()
        return [cycle for cycle in map(self._measure, groups) if cycle.answers == answers]

    def wait_cycles(
        self, count: int, answers: int, timeout_s: float, check: Callable[[], None]
    ) -> list[Cycle]:
        """Wait until there are so many of those; BusLineError if that takes longer.

        `check` is called meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        while len(found := self.cycles(answers)) < count:
            check()
            if time.monotonic() > deadline:
                raise BusLineError(
                    f"{self.baud} bit/s: {len(found)} cycles of {answers} answers "
                    f"within {timeout_s:.0f} s, not {count}."
                )
            time.sleep(_POLL_S)
        return found

    def _measure(self, passages: list[Passage]) -> Cycle:
        size = sum(passage.size for passage in passages)
        delays = [one.delay_s for one in passages if one.delay_s is not None]
        return Cycle(
            answers=len(delays),
            time_s=max(one.end for one in passages) - passages[0].begin,
            floor_s=size * _CHARACTER_BITS / self.baud + sum(delays),
        )
