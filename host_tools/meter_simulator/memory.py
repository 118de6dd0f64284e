"""What a meter has stored: its parameters, and what a test has set in place of a register."""

from collections.abc import Mapping
from dataclasses import dataclass

from host_tools.meter_simulator.formats import BCD, TEXT, Field, decode, from_bcd

ERROR_OTHER = 0x01


@dataclass(frozen=True)
class Parameter:
    """One parameter: `size` bytes, or any multiple of `step` up to that.

    `default` is written like the standard writes values, most significant digit first; for text
    it is the text. `most` is the highest number that may be written, `beyond` the error word a
    higher one gets.
    """

    size: int
    default: str
    kind: str = BCD
    writable: bool = False
    step: int = 0
    most: int | None = None
    beyond: int = ERROR_OTHER


class Memory:
    """The parameters of one meter, and values that stand in place of what it would say."""

    def __init__(self, table: Mapping[int, Parameter]) -> None:
        """Begin with the defaults of a table, which maps identifiers to parameters."""
        self._table = table
        self._written: dict[int, bytes] = {}
        self._fixed: dict[int, bytes] = {}

    def field(self, identifier: int) -> Field | None:
        """Give a parameter as it is stored; None if there is no such parameter."""
        parameter = self._table.get(identifier)
        if parameter is None:
            return None
        raw = self._written.get(identifier)
        if raw is None:
            size = 0 if parameter.step else parameter.size
            raw = raw_value(parameter.default, parameter.kind, size)
        return decode(raw, parameter.kind)

    def raw(self, identifier: int) -> bytes:
        """Give the bytes of a parameter that the table has."""
        field = self.field(identifier)
        assert field is not None
        return field.raw

    def number(self, identifier: int) -> int:
        """Give a parameter that the table has as a number; 0 if its digits are none."""
        field = self.field(identifier)
        assert field is not None
        return field.value if isinstance(field.value, int) else 0

    def is_writable(self, identifier: int) -> bool:
        """Tell whether a master with the right password may write it."""
        parameter = self._table.get(identifier)
        return parameter is not None and parameter.writable

    def write(self, identifier: int, raw: bytes) -> int:
        """Store what a master has written; give 0, or the error word if it cannot be right."""
        parameter = self._table[identifier]
        if parameter.step:
            fits = 0 < len(raw) <= parameter.size and len(raw) % parameter.step == 0
        else:
            fits = len(raw) == parameter.size
        if not fits:
            return ERROR_OTHER
        if parameter.kind == BCD:
            value = from_bcd(raw)
            if value is None:
                return ERROR_OTHER
            if parameter.most is not None and value > parameter.most:
                return parameter.beyond
        self._written[identifier] = raw
        return 0

    def store(self, identifier: int, raw: bytes) -> None:
        """Store bytes without any check, as the meter itself does."""
        self._written[identifier] = raw

    def fixed(self, identifier: int) -> bytes | None:
        """Give the bytes that a test has put in place of an item, None if it has not."""
        return self._fixed.get(identifier)

    def fix(self, identifier: int, value: str) -> None:
        """Have an item say this from now on; ValueError if it cannot.

        `value` is written like the standard writes it, most significant digit first (text as it
        is). A parameter is changed, and keeps its size; anything else is taken as it is, and may
        be an identifier that nobody knows.
        """
        parameter = self._table.get(identifier)
        if parameter is None:
            self._fixed[identifier] = raw_value(value, BCD, 0)
            return
        raw = raw_value(value, parameter.kind, 0 if parameter.step else parameter.size)
        self._written[identifier] = raw


def raw_value(value: str, kind: str, size: int) -> bytes:
    """Give the bytes of a value as the standard writes it; `size` 0: as many as it has.

    ValueError if it does not fit.
    """
    if kind == TEXT:
        raw = value.encode("ascii")
        if len(raw) > size:
            raise ValueError(f"{value!r} is longer than {size} characters.")
        return raw.ljust(size, b"\0")[::-1]
    try:
        raw = bytes.fromhex(value)[::-1]
    except ValueError:
        raw = b""
    if not raw or (size and len(raw) != size):
        wanted = f"{2 * size} digits" if size else "pairs of digits"
        raise ValueError(f"{value!r} is not {wanted}.")
    return raw
