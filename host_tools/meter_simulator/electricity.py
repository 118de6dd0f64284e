"""Voltages, currents and powers at an instant: scaled integers that fit each other.

Units: voltage 0.1 V, current 0.001 A, power 0.1 W (var, VA), power factor thousandths, angle
0.1 degrees. Power that flows back is negative, and so are its current and its power factor.
"""

import math
from dataclasses import dataclass

from host_tools.meter_simulator.load_curve import TARIFFS
from host_tools.meter_simulator.quantities import quadrant


@dataclass(frozen=True)
class Phase:
    """One phase, or all together (then voltage, current and angle are those of phase A)."""

    voltage: int
    current: int
    active: int
    reactive: int
    apparent: int
    power_factor: int
    angle: int


def phase_of(power: int, index: int, voltage: int, power_factor: int) -> Phase:
    """Describe a phase by its power without a sign, the bin that counts in, and voltage."""
    forward = index < TARIFFS
    inductive = quadrant(index) in (0, 1)
    degrees = math.degrees(math.acos(power_factor / 1000))
    tangent = math.tan(math.acos(power_factor / 1000))
    current = round(power * 1_000_000 / (voltage * power_factor))
    sign = 1 if forward else -1
    from_axis = degrees if forward == inductive else -degrees
    return Phase(
        voltage=voltage,
        current=sign * current,
        active=sign * power,
        reactive=round(power * tangent) * (1 if inductive else -1),
        apparent=round(power * 1000 / power_factor),
        power_factor=sign * power_factor,
        angle=round(10 * ((from_axis + (0 if forward else 180)) % 360)) % 3600,
    )


def together(phases: list[Phase], power_factor: int) -> Phase:
    """Give the sums of powers over the phases."""
    first = phases[0]
    active = sum(phase.active for phase in phases)
    return Phase(
        voltage=first.voltage,
        current=first.current,
        active=active,
        reactive=sum(phase.reactive for phase in phases),
        apparent=sum(phase.apparent for phase in phases),
        power_factor=-power_factor if active < 0 else power_factor,
        angle=first.angle,
    )


def split(power: int, shares: tuple[int, ...]) -> list[int]:
    """Divide power among phases by thousandths, so that the parts sum up to the whole."""
    parts = [power * share // 1000 for share in shares[:-1]]
    return [*parts, power - sum(parts)]
