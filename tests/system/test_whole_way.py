"""The whole way, on real parts: simulated meters and modem, the firmware, mosquitto, receiver.

SIGKILL ends the firmware between two flash operations; that power may also fail inside one is
what tests/unit/test_journal.py is about.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.receiver import Reading
from host_tools.site import slot_at
from host_tools.stack import Stack, StackOptions

PERIOD_S = 10
IDENTIFIERS = {
    "energy.forward.total": "00010000",
    "voltage.a": "02010100",
    "current.a": "02020100",
}
GOOD = (0, 1)  # read in time, and read after a restart that came into the slot
# A slot takes about 4 s of these 10: time enough for a slow machine, and to die in the middle.
OPTIONS = StackOptions(
    meters=64, baud=19200, period=PERIOD_S, answer_delay="20", truth=True, linger=1
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", OPTIONS) as running:
        yield running


class Truth:
    """What the simulated meters really answered."""

    def __init__(self, path: Path) -> None:
        self._answers = defaultdict(list)
        for line in path.read_text(encoding="utf-8").splitlines():
            answer = json.loads(line)
            key = answer["address"], answer["di"]
            self._answers[key].append((answer["time"], answer["values"][0]))

    def held(self, reading: Reading, item: str) -> set[int]:
        """The values a meter gave for an item between a reading's slot and its read time."""
        assert reading.slot is not None
        assert reading.after_s is not None
        end = reading.slot + reading.after_s + 1
        answers = self._answers[f"{reading.meter:012d}", IDENTIFIERS[item]]
        return {value for moment, value in answers if reading.slot <= moment <= end}


def wait_into_slot(seconds: float) -> None:
    """Sleep until so many seconds after the beginning of the next slot."""
    now = time.time()
    begin = slot_at(now, PERIOD_S, OPTIONS.utc_offset) + PERIOD_S
    time.sleep(begin + seconds - now)


def test_nothing_is_lost_when_broker_and_concentrator_die_in_the_middle(stack: Stack) -> None:
    stack.wait_online(30)
    stack.wait_slots(1, 3 * PERIOD_S)

    wait_into_slot(1.5)
    stack.broker.kill()
    wait_into_slot(6)  # a slot begins and ends without a broker
    stack.broker.start()
    stack.wait_online(30, births=2)

    wait_into_slot(1.5)
    stack.kill_concentrator()
    stack.start_concentrator()
    stack.wait_online(30, births=3)
    stack.wait_slots(5, 5 * PERIOD_S)
    stack.stop_concentrator()
    stack.settle(30)

    device, store = stack.device, stack.store
    summary = stack.summary()
    assert summary.expected > 0
    assert (summary.lost, summary.missing, summary.reported) == (0, 0, 0)
    assert (summary.duplicated, summary.conflicting) == (0, 0)
    assert stack.summary("event").lost == 0
    assert store.rejected() == []
    names = [event.name for event in store.events(device, 1000)]
    assert names.count("boot") == 2
    assert names.count("slot.interrupted") == 2  # one a bus
    assert "uplink.lost" in names
    assert "slots.missed" not in names

    slots = sorted(slot.slot for slot in store.slots(device))
    assert slots == list(range(slots[0], slots[-1] + 1, PERIOD_S))
    readings = store.records(device)
    seen = sorted((reading.slot, reading.meter) for reading in readings)
    assert seen == [(slot, meter) for slot in slots for meter in range(1, 65)]

    truth = Truth(stack.truth_file)
    for reading in readings:
        assert reading.quality in GOOD, reading
        for item, value in zip(reading.items, reading.data, strict=True):
            assert value in truth.held(reading, item), (item, reading)
