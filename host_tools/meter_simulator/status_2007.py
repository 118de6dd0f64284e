"""The seven status words (04000501 to 04000507) and the report word (04001501), annex C."""

from host_tools.meter_simulator.events import OVER_VOLTAGE, UNDER_VOLTAGE, VOLTAGE_LOSS
from host_tools.meter_simulator.formats import Field, bits
from host_tools.meter_simulator.works import Works

STATUS_WORDS = range(1, 8)
_REPORT_SIZE = 12

_BLOCK_DEMAND = 1 << 1
_ACTIVE_REVERSED = 1 << 4
_REACTIVE_REVERSED = 1 << 5
_PROGRAMMING = 1 << 3
_RELAY_OPEN = 1 << 4
_RELAY_COMMAND = 1 << 6
_ALARM = 1 << 7
_PREPAID_BY_AMOUNT = 2 << 8
_KEEPS_POWER = 1 << 12
_DISTURBANCES = ((VOLTAGE_LOSS, 1 << 0), (UNDER_VOLTAGE, 1 << 1), (OVER_VOLTAGE, 1 << 2))
_REVERSED = 1 << 6


def status_word(works: Works, number: int, time_s: float) -> Field:
    """Give status word 1 to 7."""
    if number == 1:
        return bits(_operation(works, time_s), 2)
    if number == 2:
        return bits(_directions(works, time_s), 2)
    if number == 3:
        return bits(_switches(works), 2)
    if number <= 6:
        return bits(_phase(works, number - 3, time_s), 2)
    return bits(0, 2)


def report_word(works: Works) -> Field:
    """Give what the meter wants to report: a bit in the last byte while an event is pending."""
    word = bytearray(_REPORT_SIZE)
    word[-1] = 1 if works.faults.event_pending else 0
    return Field(bytes(word), int.from_bytes(word, "little"))


def _operation(works: Works, time_s: float) -> int:
    total = works.total(time_s)
    word = _BLOCK_DEMAND
    word |= _ACTIVE_REVERSED if total.active < 0 else 0
    return word | (_REACTIVE_REVERSED if total.reactive < 0 else 0)


def _directions(works: Works, time_s: float) -> int:
    word = 0
    for index, phase in enumerate(works.phases(time_s)):
        word |= (phase.active < 0) << index | (phase.reactive < 0) << (index + 4)
    return word


def _switches(works: Works) -> int:
    relay = works.relay
    word = _PROGRAMMING if works.access.programming_key else 0
    word |= _RELAY_OPEN if relay.is_open else 0
    word |= _RELAY_COMMAND if relay.told_to_open else 0
    word |= _ALARM if relay.alarm else 0
    word |= _KEEPS_POWER if relay.keeps_power else 0
    return word | (_PREPAID_BY_AMOUNT if works.model.prepaid else 0)


def _phase(works: Works, phase: int, time_s: float) -> int:
    word = sum(bit for kind, bit in _DISTURBANCES if works.disturbances.is_on(kind, phase, time_s))
    phases = works.phases(time_s)
    reversed_ = phase <= len(phases) and phases[phase - 1].active < 0
    return word | (_REVERSED if reversed_ else 0)
