"""The meters of a simulation, and how they are named on the command line.

Meters are named by their numbers, which count from 1 in the order of the addresses (`3`, `3-7`),
by address (12 digits), or all together (`*`). Every function raises ValueError, one sentence
that names the option, for what cannot be.
"""

import time
from dataclasses import dataclass

from host_tools.meter_simulator.access import LEVELS
from host_tools.meter_simulator.addresses import ADDRESS_DIGITS
from host_tools.meter_simulator.bus import BAUD_MAX, BAUD_MIN
from host_tools.meter_simulator.fault_words import set_fault
from host_tools.meter_simulator.faults import Faults
from host_tools.meter_simulator.meter import Meter
from host_tools.meter_simulator.models import DEFAULT_MODEL, MODELS

METERS_MAX = 1024

_ALL = "*"
_PASSWORD_DIGITS = 6


@dataclass(frozen=True)
class Plan:
    """How many meters there are, from which address on, and what they have in common."""

    count: int
    first_address: str
    seed: int
    utc_offset_s: int

    def addresses(self) -> list[str]:
        """Give the addresses of all meters."""
        if not 1 <= self.count <= METERS_MAX:
            raise ValueError(f"--meters {self.count} is not in the range 1 to {METERS_MAX}.")
        first = self.first_address
        if not (first.isascii() and first.isdigit()):
            raise ValueError(f"--first-address {first!r} is not a number of up to 12 digits.")
        return [
            f"{number:0{ADDRESS_DIGITS}d}" for number in range(int(first), int(first) + self.count)
        ]


def build(plan: Plan, model_options: list[str]) -> list[Meter]:
    """Build the meters; the options are `<meters>=<model>`."""
    addresses = plan.addresses()
    models = [DEFAULT_MODEL] * len(addresses)
    for option in model_options:
        meters, model = _halves(option, "--model", "=", "<meters>=<model>")
        if model not in MODELS:
            raise ValueError(f"--model {option}: {model!r} is not one of {', '.join(MODELS)}.")
        for place in _places(meters, addresses, f"--model {option}"):
            models[place] = model
    return [
        Meter(address, model=model, seed=plan.seed, utc_offset_s=plan.utc_offset_s)
        for address, model in zip(addresses, models, strict=True)
    ]


def silence(household: list[Meter], addresses: list[str]) -> None:
    """Have meters be dead; the options are addresses or numbers."""
    for option in addresses:
        for meter in _select(option, household, f"--silent {option}"):
            meter.faults.silent = True


def set_faults(household: list[Meter], options: list[str]) -> None:
    """Give meters faults; the options are `<meters>:<fault>[,<fault>...]`."""
    for option in options:
        meters, faults = _halves(option, "--fault", ":", "<meters>:<fault>[,<fault>...]")
        for meter in _select(meters, household, f"--fault {option}"):
            for fault in faults.split(","):
                set_fault(meter.faults, fault)


def heal(household: list[Meter], options: list[str]) -> None:
    """Have meters be without any fault; the options name meters."""
    for option in options:
        for meter in _select(option, household, f"well {option}"):
            meter.works.faults = Faults()


def press_buttons(household: list[Meter], options: list[str]) -> None:
    """Press the buttons that close relays which may be closed; the options name meters."""
    for option in options:
        for meter in _select(option, household, f"button {option}"):
            meter.works.relay.press_button(time.time())


def set_values(household: list[Meter], options: list[str]) -> None:
    """Have meters say something; the options are `<meters>:<identifier>=<value>`."""
    for option in options:
        form = "<meters>:<identifier>=<value>"
        meters, assignment = _halves(option, "--set", ":", form)
        identifier, value = _halves(assignment, "--set", "=", form)
        for meter in _select(meters, household, f"--set {option}"):
            try:
                meter.set(identifier, value)
            except ValueError as error:
                raise ValueError(f"--set {option}: {error}") from None


def set_speeds(household: list[Meter], options: list[str]) -> None:
    """Give meters speeds of their own; the options are `<meters>=<bit/s>`."""
    for option in options:
        meters, speed = _halves(option, "--meter-baud", "=", "<meters>=<bit/s>")
        if not speed.isdecimal() or not BAUD_MIN <= int(speed) <= BAUD_MAX:
            raise ValueError(
                f"--meter-baud {option}: {speed} is not in the range {BAUD_MIN} to {BAUD_MAX}."
            )
        for meter in _select(meters, household, f"--meter-baud {option}"):
            meter.baud = int(speed)


def set_clocks(household: list[Meter], options: list[str]) -> None:
    """Have clocks be wrong; the options are `<meters>=<seconds>`, positive for a fast clock."""
    for option in options:
        meters, offset = _halves(option, "--clock", "=", "<meters>=<seconds>")
        try:
            offset_s = float(offset)
        except ValueError:
            raise ValueError(f"--clock {option}: {offset!r} is not a number.") from None
        for meter in _select(meters, household, f"--clock {option}"):
            meter.works.clock.misplace(offset_s)


def press_keys(household: list[Meter], options: list[str]) -> None:
    """Have programming keys be pressed; the options name meters."""
    for option in options:
        for meter in _select(option, household, f"--programming-key {option}"):
            meter.works.access.programming_key = True


def set_passwords(household: list[Meter], options: list[str]) -> None:
    """Set passwords; the options are `<meters>:<level>=<6 digits in the order of the wire>`."""
    for option in options:
        form = "<meters>:<level>=<6 hexadecimal digits>"
        meters, assignment = _halves(option, "--password", ":", form)
        level, digits = _halves(assignment, "--password", "=", form)
        try:
            password = bytes.fromhex(digits)
        except ValueError:
            password = b""
        if len(digits) != _PASSWORD_DIGITS or not password:
            raise ValueError(f"--password {option} is not like {form}.")
        if not level.isdecimal() or int(level) >= LEVELS:
            raise ValueError(f"--password {option}: level {level} is not one from 0 to 9.")
        for meter in _select(meters, household, f"--password {option}"):
            meter.works.access.passwords[int(level)] = password


def _halves(option: str, name: str, mark: str, form: str) -> tuple[str, str]:
    left, found, right = option.partition(mark)
    if not (left and found and right):
        raise ValueError(f"{name} {option} is not like {form}.")
    return left, right


def _select(meters: str, household: list[Meter], option: str) -> list[Meter]:
    places = _places(meters, [meter.address for meter in household], option)
    return [household[place] for place in places]


def _places(meters: str, addresses: list[str], option: str) -> range:
    """Give the places of the meters that are named, counted from 0."""
    if meters == _ALL:
        return range(len(addresses))
    if meters.isdecimal() and len(meters) == ADDRESS_DIGITS:
        if meters not in addresses:
            raise ValueError(f"{option}: {meters} is not one of the simulated meters.")
        place = addresses.index(meters)
        return range(place, place + 1)
    first, dash, last = meters.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise ValueError(f"{option}: {meters!r} is no number, range, address of 12 digits or *.")
    if not 1 <= int(first) <= int(last) <= len(addresses):
        raise ValueError(f"{option}: meters are numbered from 1 to {len(addresses)}.")
    return range(int(first) - 1, int(last))
