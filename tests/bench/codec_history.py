"""Whether the firmware believes a value at once, by what it has read of the meter before.

The judges are the firmware's own, concentrator/plausibility.py and concentrator/doubts.py, which
need nothing of MicroPython but `micropython.const`. They read sites of four meters (codec_load.py)
from power-on, slot after slot, as the meter reader does; in the last weeks answers are also asked
about that were damaged.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

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


@dataclass(frozen=True)
class Answer:
    """What the firmware asks of a transaction; damage beside it would have been seen before."""

    values: list[int | None]

    @property
    def count(self) -> int:
        """How many values it has."""
        return len(self.values)

    def value(self, index: int) -> int | None:
        """One of them."""
        return self.values[index]

    def noisy(self) -> bool:
        """Whether damage was seen."""
        return False


def _firmware() -> tuple[ModuleType, ModuleType]:
    shim = ModuleType("micropython")
    shim.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules.setdefault("micropython", shim)
    folder = str(FIRMWARE)
    sys.path.insert(0, folder)
    try:
        from concentrator import doubts, plausibility  # type: ignore[import-not-found]
    finally:
        sys.path.remove(folder)
    return doubts, plausibility


class Reader:
    """Judges the answers of a site's meters as the meter reader does."""

    def __init__(self) -> None:
        """Nothing is learned."""
        doubts, plausibility = _firmware()
        rules = [plausibility.Rule(*item, False) for item in ITEMS]
        self.history = plausibility.History([MAX_POWER] * len(METERS), [rules])
        self.doubts = doubts.Doubts(len(METERS))

    def is_odd(self, meter: int, identifier: str, answer: Answer) -> bool:
        """Whether an answer is to be read a second time."""
        places = ANSWERS[identifier][0]
        number = int.from_bytes(bytes.fromhex(identifier), "little")
        block = number if self.history.is_register(0, places[0]) else 0
        return self.doubts.any(meter, block, answer) or any(
            value is not None and self.history.is_odd(0, meter, place, value)
            for place, value in zip(places, answer.values, strict=False)
        )

    def keep(self, meter: int, numbers: tuple[int, ...]) -> None:
        """Judge what follows by these."""
        for item, value in enumerate(numbers):
            self.history.keep(0, meter, item, value)


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
            reader = Reader()
            for slot, values in enumerate(zip(*site, strict=True)):
                reader.history.begin(BEGIN + slot * SLOT_SECONDS)
                if slot in MOMENTS:
                    moment = MOMENTS.index(slot) * SITES + number
                    found += [answer for answer in asked[moment] if _is_believed(reader, answer)]
                for meter, numbers in enumerate(values):
                    self._read(reader, meter, numbers)
        return found

    def twice(self, identifiers: Iterable[str]) -> float:
        """Return how many of a thousand good answers with these items looked odd."""
        chosen = list(identifiers)
        good = sum(self._good[identifier] for identifier in chosen)
        return 1000 * sum(self._odd[identifier] for identifier in chosen) / good

    def _read(self, reader: Reader, meter: int, numbers: tuple[int, ...]) -> None:
        """Read all of a meter, and what is odd a second time."""
        for identifier, (places, _, _) in ANSWERS.items():
            answer = Answer([numbers[place] for place in places])
            self._good[identifier] += 1
            self._odd[identifier] += reader.is_odd(meter, identifier, answer)
        reader.keep(meter, numbers)


def _is_believed(reader: Reader, wrong: Wrong) -> bool:
    places, size, signed = ANSWERS[wrong.identifier]
    if len(wrong.taken) != size * len(places):
        return True
    parts = [wrong.taken[at * size : (at + 1) * size] for at in range(len(places))]
    # All bits set: not available.
    values = [None if part == b"\xff" * size else _number(part, signed) for part in parts]
    return not reader.is_odd(wrong.meter, wrong.identifier, Answer(values))


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
