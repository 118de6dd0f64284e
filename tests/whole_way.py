"""What the tests of the whole way share: waiting for slots, and what must be true at the end."""

import json
import time
from collections import defaultdict
from pathlib import Path

from host_tools.receiver import Reading
from host_tools.site import SiteMeter, slot_at
from host_tools.stack import Stack

# Under which identifier a meter of an edition has an item, and its steps in those of the reading.
IDENTIFIERS = {
    2007: {
        "energy.forward.total": ("00010000", 1),
        "voltage.a": ("02010100", 1),
        "current.a": ("02020100", 1),
    },
    1997: {
        "energy.forward.total": ("9010", 1),
        "voltage.a": ("B611", 10),
        "current.a": ("B621", 10),
    },
}
FROZEN = 2
GOOD = (0, 1)  # read in time, and read after a restart that came into the slot


class Truth:
    """What the simulated meters really answered."""

    def __init__(self, path: Path, meters: list[SiteMeter]) -> None:
        """Read what the meter simulator has written of these meters."""
        self._meters = {meter.number: meter for meter in meters}
        self._answers = defaultdict(list)
        for line in path.read_text(encoding="utf-8").splitlines():
            answer = json.loads(line)
            key = answer["address"], answer["di"]
            self._answers[key].append((answer["time"], answer["values"][0]))

    def held(self, reading: Reading, item: str, behind_s: float) -> set[int]:
        """The values a meter gave for an item between a reading's slot and its read time.

        The concentrator's clock may have been behind by `behind_s`.
        """
        assert reading.slot is not None
        assert reading.after_s is not None
        end = reading.slot + reading.after_s + 1 + behind_s
        meter = self._meters[reading.meter]
        identifier, steps = IDENTIFIERS[meter.edition][item]
        answers = self._answers[meter.address, identifier]
        return {value * steps for moment, value in answers if reading.slot <= moment <= end}


def wait_into_slot(stack: Stack, seconds: float) -> None:
    """Sleep until so many seconds after the beginning of the next slot."""
    options = stack.options
    now = time.time()
    begin = slot_at(now, options.period, options.utc_offset) + options.period
    time.sleep(begin + seconds - now)


def reported_missed(stack: Stack) -> set[tuple[int, int]]:
    """Bus and slot of all that the concentrator says it missed: whatever else this machine has to
    do may keep it waiting for longer than a slot takes here.
    """
    return {
        (event.detail["bus"], event.detail["next"] - back * stack.options.period)
        for event in stack.store.events(stack.device, 1000)
        if event.name == "slots.missed"
        for back in range(1, event.detail["count"] + 1)
    }


def read_in_time(stack: Stack) -> list[Reading]:
    """All readings but those filled in later, at full hours, from what meters had frozen."""
    return [one for one in stack.store.records(stack.device) if one.quality != FROZEN]


def check_everything_arrived_once(stack: Stack) -> None:
    """Nothing was lost, nothing came twice, and no slot is missing that isn't reported so."""
    device, store, options = stack.device, stack.store, stack.options
    summary = stack.summary()
    assert summary.expected > 0
    assert (summary.lost, summary.missing, summary.reported) == (0, 0, 0)
    assert (summary.duplicated, summary.conflicting) == (0, 0)
    assert stack.summary("event").lost == 0
    assert store.rejected() == []
    missed = reported_missed(stack)
    seen = defaultdict(list)
    for reading in read_in_time(stack):
        seen[reading.meter].append(reading.slot)
    first = min(slot.slot for slot in store.slots(device))
    for bus in {meter.bus for meter in stack.site.spread_meters()}:
        meters = [meter.number for meter in stack.site.spread_meters() if meter.bus == bus]
        # A stop may come when a slot has begun on one bus only.
        last = max(seen[meters[0]], default=0)
        slots = [
            slot for slot in range(first, last + 1, options.period) if (bus, slot) not in missed
        ]
        assert slots
        for meter in meters:
            assert sorted(seen.pop(meter)) == slots, meter
    assert not seen


def check_values_are_true(stack: Stack, behind_s: float = 0) -> None:
    """Every reading is good, and is what the meter said; `behind_s` as for `Truth.held()`."""
    truth = Truth(stack.truth_file, stack.site.spread_meters())
    for reading in read_in_time(stack):
        assert reading.quality in GOOD, reading
        for item, value in zip(reading.items, reading.data, strict=True):
            assert value in truth.held(reading, item, behind_s), (item, reading)
