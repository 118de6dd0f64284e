"""The whole way on the virtual board: the image in QEMU, 64 meters, PPP, power that fails."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import needs
import pytest
from whole_way import check_everything_arrived_once, check_values_are_true, wait_into_slot

from host_tools.stack import Stack, StackOptions
from host_tools.virtual_board import VirtualBoard

PERIOD_S = 10
BIRTH_S = 40  # the modem is on-line when the board comes back, and must be told to listen


OPTIONS = StackOptions(
    board="virtual",
    meters=64,
    baud=38400,
    period=PERIOD_S,
    answer_delay="10",
    truth=True,
    linger=1,
)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", replace(OPTIONS, transport=needs.ppp())) as running:
        yield running


def kill_while_it_writes(stack: Stack) -> None:
    """SIGKILL while the board writes reading after reading; between two flash operations."""
    assert isinstance(stack.concentrator, VirtualBoard)
    flash = stack.concentrator.flash
    before = flash.stat().st_mtime_ns
    deadline = time.monotonic() + PERIOD_S
    while flash.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline, "nothing is written"
        time.sleep(0.001)
    stack.kill_concentrator()


def check(stack: Stack) -> list[str]:
    """What must be true at the end; returns the names of what happened."""
    check_everything_arrived_once(stack)
    # After power on the board's clock has only the host's whole seconds, for up to one second.
    check_values_are_true(stack, behind_s=1.1)
    events = stack.store.events(stack.device, 1000)
    assert not [event for event in events if "memory" in str(event.detail)]
    return [event.name for event in events]


def test_nothing_is_lost_when_the_broker_goes_and_power_fails_in_the_middle(stack: Stack) -> None:
    stack.wait_online(BIRTH_S)
    stack.wait_slots(1, 3 * PERIOD_S)

    wait_into_slot(stack, 0.8)
    stack.broker.kill()
    wait_into_slot(stack, 6)  # a slot begins and ends without a broker
    stack.broker.start()
    stack.wait_online(BIRTH_S, births=2)

    # What is left of a slot's 64 readings is more than 20 flash operations.
    for cut in (5, 20):
        wait_into_slot(stack, 0.8)
        kill_while_it_writes(stack)
        stack.start_concentrator(cut=cut)
        assert stack.concentrator.wait(PERIOD_S)
        assert stack.concentrator.exit_code == 0
        stack.start_concentrator()
    stack.wait_online(BIRTH_S, births=3)

    read = stack.store.complete_slots(stack.device, OPTIONS.meters)
    stack.wait_slots(read + 2, 6 * PERIOD_S)  # the interrupted one, and one after it
    stack.stop_concentrator()
    stack.settle(30)

    names = check(stack)
    assert names.count("boot") == 5
    assert "slot.interrupted" in names
    assert "uplink.lost" in names


def test_the_modems_own_tcp_goes_the_whole_way_too(tmp_path: Path) -> None:
    options = replace(OPTIONS, transport="at", meters=16, period=5)
    with Stack(tmp_path / "stack", options) as stack:
        stack.wait_online(BIRTH_S)
        stack.wait_slots(2, 4 * options.period)
        stack.stop_concentrator()
        stack.settle(30)
        names = check(stack)
    assert names == ["uplink.online", "boot"]
