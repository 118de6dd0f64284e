"""What a meter counts: the quantities, and how each follows from the bins of the load curve.

Quadrants: forward energy is inductive (quadrant 1) by day and capacitive (4) at night; energy
given back is in quadrant 2 in the peak tariff and in quadrant 3 otherwise.
"""

import math

from host_tools.meter_simulator.load_curve import BINS, TARIFFS, VALLEY

# A quantity as the terms it is the sum of: sign and name of what has a register of its own.
Terms = tuple[tuple[int, str], ...]

FORWARD, REVERSE = "forward", "reverse"
QUADRANTS = ("quadrant 1", "quadrant 2", "quadrant 3", "quadrant 4")
APPARENT_FORWARD, APPARENT_REVERSE = "apparent forward", "apparent reverse"
ASSOCIATED = "associated"
FUNDAMENTAL_FORWARD, FUNDAMENTAL_REVERSE = "fundamental forward", "fundamental reverse"
HARMONIC_FORWARD, HARMONIC_REVERSE = "harmonic forward", "harmonic reverse"
COPPER_LOSS, IRON_LOSS = "copper loss", "iron loss"

_HARMONIC_SHARE = 20  # thousandths of the energy
_COPPER_SHARE = 12
_IRON_SHARE = 5
_PEAK = 1


def only(name: str) -> Terms:
    """Give the terms of a quantity that has a register of its own."""
    return ((1, name),)


def combined_active(mode: int) -> Terms:
    """Give combined active energy by its mode word: bits add and subtract forward and reverse."""
    return _by_bits(mode, (FORWARD, REVERSE))


def combined_reactive(mode: int) -> Terms:
    """Give combined reactive energy by its mode word: bits add and subtract each quadrant."""
    return _by_bits(mode, QUADRANTS)


def quadrant(index: int) -> int:
    """Tell the quadrant, 0 to 3, that a bin of the load curve is in."""
    tariff = index % TARIFFS
    if index < TARIFFS:
        return 3 if tariff == VALLEY else 0
    return 1 if tariff == _PEAK else 2


def bin_weights(power_factor: int) -> dict[str, tuple[int, ...]]:
    """Give by how many thousandths each bin counts in each quantity; power factor likewise."""
    tangent = round(1000 * math.tan(math.acos(power_factor / 1000)))
    apparent = round(1_000_000 / power_factor)

    def weigh(name: str, index: int) -> int:
        forward = index < TARIFFS
        active = 1000 if name.endswith("forward") == forward else 0
        if name in QUADRANTS:
            return tangent if QUADRANTS.index(name) == quadrant(index) else 0
        if name.startswith("apparent"):
            return active * apparent // 1000
        if name.startswith("fundamental"):
            return active * (1000 - _HARMONIC_SHARE) // 1000
        if name.startswith("harmonic"):
            return active * _HARMONIC_SHARE // 1000
        fixed = {
            ASSOCIATED: 1000 + _COPPER_SHARE + _IRON_SHARE,
            COPPER_LOSS: _COPPER_SHARE,
            IRON_LOSS: _IRON_SHARE,
        }
        if name in fixed:
            return fixed[name] if forward else 0
        return active

    names = (
        *(FORWARD, REVERSE, *QUADRANTS, APPARENT_FORWARD, APPARENT_REVERSE, ASSOCIATED),
        *(FUNDAMENTAL_FORWARD, FUNDAMENTAL_REVERSE, HARMONIC_FORWARD, HARMONIC_REVERSE),
        *(COPPER_LOSS, IRON_LOSS),
    )
    return {name: tuple(weigh(name, index) for index in range(BINS)) for name in names}


def _by_bits(mode: int, names: tuple[str, ...]) -> Terms:
    terms = []
    for index, name in enumerate(names):
        for bit, sign in ((2 * index, 1), (2 * index + 1, -1)):
            if mode >> bit & 1:
                terms.append((sign, name))
    return tuple(terms)
