"""The whole way, on real parts: simulated meters and modem, the firmware, mosquitto, receiver.

SIGKILL ends the firmware between two flash operations; that power may also fail inside one is
what tests/unit/test_journal.py is about.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from whole_way import check_everything_arrived_once, check_values_are_true, wait_into_slot

from host_tools.stack import Stack, StackOptions

PERIOD_S = 10
# A slot takes about 4 s of these 10: time enough for a slow machine, and to die in the middle.
OPTIONS = StackOptions(
    meters=64, of_1997=16, baud=19200, period=PERIOD_S, answer_delay="20", truth=True, linger=1
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", OPTIONS) as running:
        yield running


def test_nothing_is_lost_when_broker_and_concentrator_die_in_the_middle(stack: Stack) -> None:
    stack.wait_online(30)
    stack.wait_slots(1, 3 * PERIOD_S)

    wait_into_slot(stack, 1.5)
    stack.broker.kill()
    wait_into_slot(stack, 6)  # a slot begins and ends without a broker
    stack.broker.start()
    stack.wait_online(30, births=2)

    wait_into_slot(stack, 1.5)
    stack.kill_concentrator()
    stack.start_concentrator()
    stack.wait_online(30, births=3)
    stack.wait_slots(5, 5 * PERIOD_S)
    stack.stop_concentrator()
    stack.settle(30)

    check_everything_arrived_once(stack)
    check_values_are_true(stack)
    names = [event.name for event in stack.store.events(stack.device, 1000)]
    assert names.count("boot") == 2
    assert "slot.interrupted" in names
    assert "uplink.lost" in names
