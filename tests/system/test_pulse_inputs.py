"""Pulse inputs, the whole way: contacts, registers, what a power cut leaves, the receiver."""

from pathlib import Path

from host_tools.site import FIRST_PULSE_NUMBER, PULSE_START, PULSES_A_UNIT
from host_tools.stack import Stack, StackOptions

PERIOD_S = 5
OPTIONS = StackOptions(
    meters=2, baud=19200, period=PERIOD_S, answer_delay="20", linger=1, pulse_inputs=2
)
FIRST, SECOND = FIRST_PULSE_NUMBER, FIRST_PULSE_NUMBER + 1
STEPS = PULSES_A_UNIT // 100  # pulses of the register's last digit


def registers(stack: Stack, number: int) -> list[int | str | None]:
    """All registers of a pulse input that have arrived, in the order they were made."""
    found = []
    for reading in stack.store.records(stack.device):
        if reading.meter == number:
            assert reading.quality in (0, 1)
            assert reading.data[1:] == (None, None)  # of the task's items it has the first
            found.append(reading.data[0])
    return found


def wait_for_slots(stack: Stack, more: int) -> None:
    """Wait until so many more slots have all their readings."""
    meters = OPTIONS.meters + OPTIONS.pulse_inputs
    done = stack.store.complete_slots(stack.device, meters)
    stack.wait_slots(done + more, (more + 3) * PERIOD_S)


def test_pulses_arrive_as_registers_and_survive_a_power_cut(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", OPTIONS) as stack:
        stack.wait_online(30)
        stack.pulses.pulse(1, 20 * STEPS)
        stack.pulses.pulse(2, 3 * STEPS, closed_ms=200)
        stack.pulses.pulse(2, 5 * STEPS, closed_ms=10)  # bounce
        wait_for_slots(stack, 2)
        assert registers(stack, FIRST)[-1] == PULSE_START + 20
        assert registers(stack, SECOND)[-1] == PULSE_START + 3

        stack.kill_concentrator()
        stack.start_concentrator()
        stack.wait_online(30, births=2)
        stack.pulses.pulse(1, 7 * STEPS)
        wait_for_slots(stack, 2)
        stack.stop_concentrator()
        stack.settle()
        found = registers(stack, FIRST)
        assert found == sorted(found)
        assert found[-1] == PULSE_START + 27
        assert registers(stack, SECOND)[-1] == PULSE_START + 3
        names = [event.name for event in stack.store.events(stack.device)]
        assert names.count("pulses.begun") == 2
        birth = stack.store.birth(stack.device)
        assert birth is not None
        item = "energy.forward.total"
        assert birth.get("pulses") == [
            [FIRST, 1, item, PULSES_A_UNIT],
            [SECOND, 2, item, PULSES_A_UNIT],
        ]
        assert stack.summary().lost == 0
