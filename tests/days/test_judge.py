"""The judge sees what he is there for: a run in which all is well is changed in one thing."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from host_tools.receiver import Event, Reading, Store
from host_tools.receiver.payload import Batch
from host_tools.site import DEVICE
from tests.days.device import load
from tests.days.judge import Judge
from tests.days.play import Boot, Run
from tests.days.scenario import PERIOD_S, Scenario, reference

ALIVE = 1
DEAD = 2
TIMEOUT = 20
AFTER_S = 1
SCENARIO = reference(days=2, meters=4)
QUIET = replace(SCENARIO, power_cuts=(), clock_steps=(), babble=((0, 0), (0, 0)))
LAST = QUIET.begin + QUIET.days * 86400

Change = Callable[[list[Reading]], Iterable[Reading]]


def reading(scenario: Scenario, meter: int, slot: int) -> Reading:
    """What the meter held, or that it is dead."""
    second = slot + AFTER_S
    dead = meter in scenario.dead
    held = (load.energy(meter, second), load.voltage(meter, second), load.current(meter, second))
    return Reading(
        *("load", slot, None, 1, ("energy", "voltage", "current"), (-2, -1, -3)),
        *(meter, AFTER_S, TIMEOUT if dead else 0, (None, None, None) if dead else held),
    )


def complaints(
    change: Change = lambda readings: readings,
    events: tuple[Event, ...] = (),
    heap: tuple[int, ...] = (90, 100, 100, 100),
) -> list[str]:
    """What the judge says of a run that is all right but for these."""
    slots = range(QUIET.begin + PERIOD_S, LAST + 1, PERIOD_S)
    readings = [reading(QUIET, meter, slot) for slot in slots for meter in QUIET.line_of()]
    store = Store()
    store.add(Batch(DEVICE, 1, "reading", 1, tuple(change(readings))))
    boot = Event(QUIET.begin, 1, "boot", {})
    store.add(Batch(DEVICE, 1, "event", 1, (boot, *events)))
    run = Run(QUIET, store, [Boot(QUIET.begin, QUIET.end, list(heap))], 0)
    return Judge(run).complaints()


def without_first_of_alive(readings: list[Reading]) -> list[Reading]:
    """One reading is not made."""
    first = next(one for one in readings if one.meter == ALIVE)
    return [one for one in readings if one is not first]


def changed(meter: int, **fields: object) -> Change:
    """The tenth reading of a meter is another."""

    def change(readings: list[Reading]) -> list[Reading]:
        place = [i for i, one in enumerate(readings) if one.meter == meter][10]
        return [
            replace(one, **fields) if i == place else one  # type: ignore[arg-type]
            for i, one in enumerate(readings)
        ]

    return change


def test_a_run_in_which_all_is_well() -> None:
    assert complaints() == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_first_of_alive, "1 readings missing without a word"),
        (lambda readings: [*readings, readings[-1]], "1 records of stream reading duplicated"),
        (changed(ALIVE, data=(1, 2, 3)), "1 values were never true"),
        (changed(ALIVE, quality=10), "1 true values are suspect"),
        (changed(DEAD, quality=0, data=(1, 2, 3)), "1 values of dead meters"),
        (changed(ALIVE, slot=LAST + PERIOD_S), "1 readings of slots that never were"),
        (
            lambda readings: [
                replace(one, quality=TIMEOUT, data=(None, None, None)) for one in readings
            ],
            "readings failed for no cause",
        ),
    ],
)
def test_a_reading_that_is_wrong(change: Change, complaint: str) -> None:
    assert any(complaint in one for one in complaints(change))


def test_a_slot_that_was_reported_missed_may_be_missing_but_not_be_there() -> None:
    missed = Event(LAST, 1, "slots.missed", {"bus": 1, "count": 1, "next": LAST})
    slot = LAST - PERIOD_S
    on_line = [meter for meter, line in QUIET.line_of().items() if line == 1]

    def leave_out(readings: list[Reading]) -> list[Reading]:
        return [one for one in readings if one.slot != slot or one.meter not in on_line]

    assert complaints(leave_out, (missed,)) == []
    assert "1 slots reported missed that have readings" in complaints(events=(missed,))[0]


def test_a_part_that_died_and_a_heap_that_grows() -> None:
    assert complaints(events=(Event(LAST, 1, "failed", {"part": "bus"}),)) == [
        "1 times a part of the firmware died"
    ]
    assert complaints(heap=(90, 100, 100, 103)) == ["the heap in use grew from 100 to 103 bytes"]
