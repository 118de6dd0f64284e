"""Whether the firmware believes a value at once, by the one it read before.

The rules are the firmware's own, from concentrator/plausibility.py, which needs nothing of
MicroPython but `micropython.const`.
"""

import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FIRMWARE = Path(__file__).parents[2] / "firmware"
MOST_KWH = 26  # what 100 kW make in 900 s, and one more


def _firmware_rule() -> type[Any]:
    shim = ModuleType("micropython")
    shim.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules.setdefault("micropython", shim)
    folder = str(FIRMWARE)
    sys.path.insert(0, folder)
    try:
        from concentrator.plausibility import Rule  # type: ignore[import-not-found]
    finally:
        sys.path.remove(folder)
    return Rule


class Judge:
    """Knows what was read 900 s before: a little less energy, other levels a little different."""

    def __init__(self, seed: int) -> None:
        """Use the seed for the values before."""
        rule = _firmware_rule()
        energy = rule("energy.forward.total", "kWh", -2, False, False)
        # By identifier in wire order: rule, bytes of a value, whether the last has a sign.
        self._items = {
            "00000100": (energy, 4, False),
            "00ff0100": (energy, 4, False),
            "00010102": (rule("voltage.a", "V", -1, False, False), 2, False),
            "00000302": (rule("power.active.total", "kW", -4, True, False), 3, True),
        }
        self._random = random.Random(seed)

    def believes(self, identifier: str, true: bytes, taken: bytes) -> bool:
        """Whether no value of an answer looks odd. A date is no reading, and not believed here."""
        if identifier not in self._items:
            return False
        if len(true) != len(taken):
            return True
        rule, size, signed = self._items[identifier]
        for at in range(0, len(true), size):
            last = self._before(rule, _number(true[at : at + size], signed))
            value = taken[at : at + size]
            if value == b"\xff" * size:  # not available
                continue
            if not rule.allows(last, _number(value, signed), MOST_KWH):
                return False
        return True

    def _before(self, rule: Any, value: int) -> int:
        if rule.kind == 0:  # a counter
            return value - self._random.randint(5, 120)
        return value + round(value * self._random.uniform(-0.05, 0.05))


def _number(data: bytes, signed: bool) -> int:
    """Packed BCD, the lowest pair first."""
    digits = data[::-1].hex()
    if signed and data[-1] & 0x80:
        return -int(f"{data[-1] & 0x7F:02x}{digits[2:]}")
    return int(digits)
