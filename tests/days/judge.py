"""What must be true of every run, whatever happened in it."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from statistics import median

from host_tools.receiver import Reading
from host_tools.site import DAY_S, DEVICE
from tests.days.device import load
from tests.days.play import Run
from tests.days.scenario import PERIOD_S, POWER_OFF_S

_SLACK_S = 3  # a clock may be off by 2 s, and readings have whole seconds
_NOTICED_S = 120  # so long after it was moved a clock is right again
_SUSPECT = 10
_HEAP_GROWTH = 1.02  # what fills gaps is loaded when there is one: 2 KB of 135, once
_BEATS_A_DAY = DAY_S // PERIOD_S
_EVENTS = 1_000_000  # more than any run has
_SHOWN = 5  # examples in a sentence


class Judge:
    """Looks at a run that is over."""

    def __init__(self, run: Run) -> None:
        """Take what came upstream."""
        self._run = run
        self._scenario = run.scenario
        self._readings = run.store.records(DEVICE)
        self._events = run.store.events(DEVICE, _EVENTS)

    def complaints(self) -> list[str]:
        """Everything that is wrong, one sentence each."""
        checks = (self.ending, self.records, self.slots, self.reasons, self.values, self.heap)
        return [complaint for check in checks for complaint in check()]

    def summary(self) -> str:
        """The run in one line."""
        qualities = Counter(reading.quality for reading in self._readings)
        return (
            f"days={self._scenario.days} meters={self._scenario.meters} seed={self._scenario.seed}"
            f" boots={len(self._run.boots)} readings={len(self._readings)}"
            f" missed={len(self._missed)}"
            + "".join(f" quality{quality}={count}" for quality, count in sorted(qualities.items()))
        )

    def ending(self) -> Iterator[str]:
        """An orderly stop, everything sent; as many boots as there was power; no part died."""
        if self._run.code != 0:
            yield f"the firmware ended with exit code {self._run.code}"
        boots = len(self._scenario.power_cuts) + 1
        if len(self._run.boots) != boots:
            yield f"{len(self._run.boots)} boots instead of {boots}"
        names = Counter(event.name for event in self._events)
        if names["boot"] != boots:
            yield f"{names['boot']} events of a boot instead of {boots}"
        if names["failed"]:
            yield f"{names['failed']} times a part of the firmware died"

    def records(self) -> Iterator[str]:
        """Every sequence number arrived, nothing differs from its copy, nothing is told twice."""
        for stream in ("reading", "event"):
            summary = self._run.store.summary(DEVICE, stream)
            for fault in ("lost", "conflicting", "duplicated"):
                count = getattr(summary, fault)
                if count and (stream, fault) != ("event", "duplicated"):
                    yield f"{count} records of stream {stream} {fault}"

    def slots(self) -> Iterator[str]:
        """Every meter has a reading of every slot, unless its bus has reported the slot missed."""
        scenario = self._scenario
        last = scenario.begin + scenario.days * DAY_S
        expected = range(scenario.begin + PERIOD_S, last + 1, PERIOD_S)
        there = {(reading.meter, reading.slot) for reading in self._readings}
        lines = scenario.line_of()
        strange = sorted(slot for _, slot in there if slot not in expected)
        if strange:
            yield f"{len(strange)} readings of slots that never were, as {strange[:_SHOWN]}"
        absent = [
            (meter, slot)
            for meter, line in lines.items()
            for slot in expected
            if (meter, slot) not in there and (line, slot) not in self._missed
        ]
        if absent:
            yield f"{len(absent)} readings missing without a word, as {absent[:_SHOWN]}"
        denied = [(lines[meter], slot) for meter, slot in there if meter in lines]
        both = sorted(set(denied) & self._missed)
        if both:
            yield f"{len(both)} slots reported missed that have readings, as {both[:_SHOWN]}"

    def reasons(self) -> Iterator[str]:
        """Dead meters give nothing but reasons; others fail where there was a cause, or seldom."""
        dead = self._scenario.dead
        lively = [r for r in self._readings if r.meter in dead and not r.failed]
        if lively:
            yield f"{len(lively)} values of dead meters, as {lively[:1]}"
        good = {(r.meter, r.slot) for r in self._readings if not r.failed}
        failed = {
            (r.meter, r.slot): r.quality
            for r in self._readings
            if r.failed and r.meter not in dead and (r.meter, r.slot) not in good
        }
        groundless = {key: why for key, why in failed.items() if not self._troubled(*key)}
        if len(groundless) > 1 + len(self._readings) // 10_000:
            shown = list(groundless.items())[:_SHOWN]
            yield f"{len(groundless)} readings failed for no cause, as {shown}"
        suspects = [r for r in self._readings if r.quality == _SUSPECT]
        if suspects:
            yield f"{len(suspects)} true values are suspect, as {suspects[:1]}"

    def values(self) -> Iterator[str]:
        """Each value is one that its meter held when it says it was read."""
        wrong = [r for r in self._readings if not r.failed and not self._true(r)]
        if wrong:
            yield f"{len(wrong)} values were never true, as {wrong[:1]}"

    def heap(self) -> Iterator[str]:
        """The heap in use is no larger at the end of the longest time without a reset."""
        boot = max(self._run.boots, key=lambda boot: boot.end - boot.begin)
        # The very first heartbeat comes before anything was read.
        beats = boot.heap[1:]
        few = max(1, min(_BEATS_A_DAY, len(beats) // 4))
        first, last = median(beats[:few]), median(beats[-few:])
        if last > first * _HEAP_GROWTH:
            yield f"the heap in use grew from {first:.0f} to {last:.0f} bytes"

    @cached_property
    def _missed(self) -> set[tuple[int, int]]:
        """(line, slot) of every slot that was reported missed."""
        return {
            (event.detail["bus"], event.detail["next"] - PERIOD_S * back)
            for event in self._events
            if event.name == "slots.missed"
            for back in range(1, event.detail["count"] + 1)
        }

    def _troubled(self, meter: int, slot: int) -> bool:
        """Whether babble or a power cut came into the reading of a slot."""
        begin, end = self._scenario.babble[self._scenario.line_of()[meter] - 1]
        spans = [(begin, end)] + [
            (boot.end, boot.end + POWER_OFF_S) for boot in self._run.boots[:-1]
        ]
        return any(begin < slot + PERIOD_S and slot < end for begin, end in spans)

    def _true(self, reading: Reading) -> bool:
        if reading.slot is None or reading.after_s is None:
            return False
        moment = reading.slot + reading.after_s
        slack = _SLACK_S + sum(
            abs(step)
            for at, step in self._scenario.clock_steps
            if abs(moment - at) < abs(step) + _NOTICED_S
        )
        energy, voltage, current = reading.data
        held = range(moment - slack, moment + slack + 1)
        number = reading.meter
        return (
            load.energy(number, held[0]) <= energy <= load.energy(number, held[-1])
            and voltage in {load.voltage(number, second) for second in held}
            and current in {load.current(number, second) for second in held}
        )
