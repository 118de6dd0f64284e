"""An hour of slots over PPP, with what mobile networks do: nothing is lost, and no heap.

Only the wall clock is faster, so the slots are: an hour of them passes in two minutes. Everything
else, every time-out of PPP, TCP and MQTT too, takes its own time.
"""

import time
from pathlib import Path

import needs
from whole_way import check_everything_arrived_once

from host_tools.stack import Stack, StackOptions

PASSWORD = "secret"
OPTIONS = StackOptions(
    board="virtual",
    transport="ppp",
    account=("meter", PASSWORD),
    meters=32,  # half of them: a slot is to be read within two seconds on a busy machine too
    baud=115200,
    period=60,
    answer_delay="5",
    linger=1,
    heartbeat=1,
    lapse=30,
)
BIRTH_S = 40
DROP_S = 60  # lwIP asks for an echo every 10 s and gives up at the fourth time
HALF_OPEN_S = 90  # a full send buffer, of which nothing is acknowledged for 60 s
REFUSAL_S = 15
CATCH_UP_S = 30
HEALTHY = f"set rate_bit_s=none address_policy=give password={PASSWORD}"
SLOW = "set rate_bit_s=4800"  # less than the readings need: there is always something under way


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
        assert stack.receiver.wait_for(lambda: complete_until(stack) > newest, CATCH_UP_S)
        assert stack.summary().duplicated == 0


def complete_until(stack: Stack) -> int:
    """The last slot before the first that is missing or not complete."""
    last = 0
    for slot in reversed(stack.store.slots(stack.device)):
        if slot.meters < stack.options.meters or (
            last and slot.slot != last + stack.options.period
        ):
            break
        last = slot.slot
    return last


def is_under_load(stack: Stack) -> bool:
    """Whether bytes have been on the air just now; the modem's status is of every second."""
    before = stack.bytes_on_air() or 0
    return stack.receiver.wait_for(lambda: (stack.bytes_on_air() or 0) > before, 5)


def test_an_hour_of_slots_costs_no_heap_and_no_reading_whatever_the_network_does(
    tmp_path: Path,
) -> None:
    needs.private_network()
    with Stack(tmp_path / "stack", OPTIONS) as stack:
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
    assert abs(late - early) <= 1024, (early, late)
