"""An hour of slots over PPP, with what mobile networks do: nothing is lost, and no heap.

Only the wall clock is faster, so the slots are: an hour of them passes in three minutes. All
else, every time-out of PPP, TCP and MQTT too, takes its own time.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from whole_way import check_everything_arrived_once, reported_missed

from host_tools.stack import Stack, StackOptions

PASSWORD = "secret"
OPTIONS = StackOptions(
    board="virtual",
    transport="ppp",
    account=("meter", PASSWORD),
    meters=32,  # half of them: a slot is to be read within three seconds on a busy machine too
    baud=115200,
    period=60,
    answer_delay="5",
    linger=1,
    heartbeat=1,
    lapse=20,
)
BIRTH_S = 120
DROP_S = 120  # lwIP asks for an echo every 10 s and gives up at the fourth time
HALF_OPEN_S = 150  # a full send buffer, of which nothing is acknowledged for 60 s
REFUSAL_S = 60
CATCH_UP_S = 120
HEALTHY = f"set rate_bit_s=none address_policy=give password={PASSWORD}"
SLOW = "set rate_bit_s=4800"  # less than the readings need: there is always something under way


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory: a disk may keep a writer waiting for longer than a slot takes here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name) / "stack"
        yield folder
        shutil.copytree(folder / "logs", tmp_path / "logs")


class Outage:
    """What the board says of a fault, and that it gets over it."""

    def __init__(self, stack: Stack, *faults: str) -> None:
        self._stack = stack
        self._said = len(stack.concentrator.output())
        self._births = stack.store.births(stack.device)
        for fault in faults:
            stack.tell_modem(fault)

    def makes_it_say(self, text: str, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self._stack.concentrator.output()[self._said :]:
            self._stack.check()
            assert time.monotonic() < deadline, self._stack.concentrator.last_words()
            time.sleep(0.05)

    def ends(self) -> None:
        """Everything is as it was, and a slot after it is here, and everything before that."""
        stack = self._stack
        stack.tell_modem(HEALTHY)
        stack.wait_online(BIRTH_S, self._births + 1)
        newest = max(slot.slot for slot in stack.store.slots(stack.device))

        def caught_up() -> bool:
            beat = stack.store.beat(stack.device)
            nothing_waits = beat is not None and not beat.get("journal", "unsent")
            return nothing_waits and newest_complete_slot(stack) > newest

        assert stack.receiver.wait_for(caught_up, CATCH_UP_S), stack.concentrator.last_words()
        assert stack.summary().duplicated == 0


def newest_complete_slot(stack: Stack) -> int:
    """The newest slot that all meters have been read for."""
    slots = stack.store.slots(stack.device)
    return max((slot.slot for slot in slots if slot.meters == stack.options.meters), default=0)


def is_under_load(stack: Stack) -> bool:
    """Whether bytes have been on the air just now; the modem's status is of every second."""
    before = stack.bytes_on_air() or 0
    return stack.receiver.wait_for(lambda: (stack.bytes_on_air() or 0) > before, 5)


@pytest.mark.timeout(480)  # it has several time-outs of minutes to wait for
def test_an_hour_of_slots_costs_no_heap_and_no_reading_whatever_the_network_does(
    folder: Path,
) -> None:
    needs.private_network()
    with Stack(folder, OPTIONS) as stack:
        early = stack.heap_in_use(10)

        stack.tell_modem(SLOW)
        assert is_under_load(stack)
        outage = Outage(stack, "set address_policy=reject", "drop")
        outage.makes_it_say("WARNING uplink: ", DROP_S)
        outage.makes_it_say("uplink: PPP: the link was ended, or did not come about", REFUSAL_S)
        outage.ends()

        outage = Outage(stack, "set password=other", "half-open")
        outage.makes_it_say("WARNING uplink: ", HALF_OPEN_S)
        outage.makes_it_say("uplink: PPP: user name or password wrong", REFUSAL_S)
        outage.ends()

        late = stack.heap_in_use(60)
        stack.stop_concentrator()
        stack.settle(30)
        check_everything_arrived_once(stack)
        missed = reported_missed(stack)
    # When this machine had other things to do, and a slot was missed, what fills gaps is loaded.
    assert abs(late - early) <= (4096 if missed else 1024), (early, late)
