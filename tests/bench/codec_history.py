"""Whether the firmware believes a value at once, by what it has read of the meter before.

The judge is the firmware's own, concentrator/plausibility.py, which needs nothing of MicroPython
but `micropython.const`. It reads sites of four meters (codec_load.py) from power-on, slot after
slot, as the meter reader does; in the last weeks answers are also asked about that were damaged.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench import codec_load
from tests.bench.codec_load import METERS, SLOTS_A_DAY

FIRMWARE = Path(__file__).parents[2] / "firmware"
BEGIN = 1788220800  # s since 1970, a midnight
SITES = 10
DAYS = 28
LEARNING_DAYS = 7  # no moment is in them
MOMENTS = range(LEARNING_DAYS * SLOTS_A_DAY, DAYS * SLOTS_A_DAY, 10)  # slots
SLOT_SECONDS = codec_load.SLOT_MINUTES * 60
MAX_POWER = 100  # kW, what the configuration says when it says nothing

# Name, unit, scale, signed: of all values; then where those of an answer are among them.
ITEMS = [
    ("energy.forward.total", "kWh", -2, False),
    *[(f"energy.forward.rate{n}", "kWh", -2, False) for n in (1, 2, 3, 4)],
    ("voltage.a", "V", -1, False),
    ("power.active.total", "kW", -4, True),
]
# By identifier in wire order: which of them, bytes of each, whether the last has a sign.
ANSWERS = {
    "00000100": (range(1), 4, False),
    "00ff0100": (range(5), 4, False),
    "00010102": (range(5, 6), 2, False),
    "00000302": (range(6, 7), 3, True),
}
NAMES = {
    "00000100": "energy",
    "00ff0100": "energy, total and four rates",
    "00010102": "voltage",
    "00000302": "power",
}


@dataclass(frozen=True)
class Wrong:
    """A damaged answer that the codec took: identifier and value bytes as on the wire."""

    kind: str  # of damage
    passes_parity: bool
    moment: int
    meter: int  # of the site
    identifier: str
    taken: bytes

    @classmethod
    def parse(cls, line: str) -> "Wrong":
        """Return what is in a line of native/false_acceptance.c."""
        kind, passes_parity, moment, meter, identifier, _, taken = line.split(" ")
        where = int(moment), int(meter)
        return cls(kind, passes_parity == "1", *where, identifier, bytes.fromhex(taken))


def _firmware() -> ModuleType:
    shim = ModuleType("micropython")
    shim.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules.setdefault("micropython", shim)
    folder = str(FIRMWARE)
    sys.path.insert(0, folder)
    try:
        from concentrator import plausibility  # type: ignore[import-not-found]
    finally:
        sys.path.remove(folder)
    return plausibility  # type: ignore[no-any-return]


class Judge:
    """Reads all sites. Their moments are counted together: the first of each, the second..."""

    def __init__(self, seed: int) -> None:
        """Use the seed for the loads."""
        self._sites = [
            [list(codec_load.readings(seed * SITES + site, meter, DAYS)) for meter in range(4)]
            for site in range(SITES)
        ]
        self._good: Counter[str] = Counter()  # answers, by identifier
        self._odd: Counter[str] = Counter()

    def moments(self) -> list[str]:
        """Return the values of every moment, as native/false_acceptance.c wants them."""
        return [
            " ".join(_encode(values[slot]) for values in site)
            for slot in MOMENTS
            for site in self._sites
        ]

    def believed(self, wrong: list[Wrong]) -> list[Wrong]:
        """Return those of the wrong answers in which nothing looks odd; reads all once."""
        asked = defaultdict(list)
        for answer in wrong:
            if answer.identifier in ANSWERS:  # a date is no reading, and not believed here
                asked[answer.moment].append(answer)
        found = []
        for number, site in enumerate(self._sites):
            history = _history()
            for slot, values in enumerate(zip(*site, strict=True)):
                history.begin(BEGIN + slot * SLOT_SECONDS)
                if slot in MOMENTS:
                    moment = MOMENTS.index(slot) * SITES + number
                    found += [answer for answer in asked[moment] if _is_believed(history, answer)]
                for meter, numbers in enumerate(values):
                    self._read(history, meter, numbers)
        return found

    def twice(self, identifiers: Iterable[str]) -> float:
        """Return how many of a thousand good answers with these items looked odd."""
        chosen = list(identifiers)
        good = sum(self._good[identifier] for identifier in chosen)
        return 1000 * sum(self._odd[identifier] for identifier in chosen) / good

    def _read(self, history: Any, meter: int, numbers: tuple[int, ...]) -> None:
        """Read all of a meter, and what is odd a second time."""
        odd = [history.is_odd(0, meter, item, value) for item, value in enumerate(numbers)]
        for item, value in enumerate(numbers):
            history.keep(0, meter, item, value)
        for identifier, (places, _, _) in ANSWERS.items():
            self._good[identifier] += 1
            self._odd[identifier] += any(odd[place] for place in places)


def _history() -> Any:
    plausibility = _firmware()
    rules = [plausibility.Rule(*item, False) for item in ITEMS]
    return plausibility.History([MAX_POWER] * len(METERS), [rules])


def _is_believed(history: Any, answer: Wrong) -> bool:
    places, size, signed = ANSWERS[answer.identifier]
    if len(answer.taken) != size * len(places):
        return True
    for at, place in enumerate(places):
        data = answer.taken[at * size : (at + 1) * size]
        if data == b"\xff" * size:  # not available
            continue
        if history.is_odd(0, answer.meter, place, _number(data, signed)):
            return False
    return True


def _encode(numbers: tuple[int, ...]) -> str:
    """All answers of a meter, in hex."""
    return " ".join(
        "".join(_bcd(numbers[place], size) for place in places)
        for places, size, _ in ANSWERS.values()
    )


def _bcd(number: int, size: int) -> str:
    return bytes.fromhex(f"{number:0{2 * size}d}")[::-1].hex()


def _number(data: bytes, signed: bool) -> int:
    """Packed BCD, the lowest pair first."""
    digits = data[::-1].hex()
    if signed and data[-1] & 0x80:
        return -int(f"{data[-1] & 0x7F:02x}{digits[2:]}")
    return int(digits)
