"""How values look in a data field: BCD, signs, text, bits, times (clause 6 and annex A).

A field is a value and its bytes in wire order. Numbers go low pair first; the sign of a signed
number is the top bit of its last byte; text goes last character first, padded with 00.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

BCD = "bcd"
SIGNED = "signed"
TEXT = "text"
BITS = "bits"

MINUTES = "%y%m%d%H%M"
SECONDS = "%y%m%d%H%M%S"
MONTH_TO_MINUTE = "%m%d%H%M"

Value = int | str | None


@dataclass(frozen=True)
class Field:
    """Bytes in wire order and what they say; None: not available, and the bytes are FF.

    `kind` is how the bytes say it; `counts` is False for what has no value, such as a separator.
    """

    raw: bytes
    value: Value
    kind: str = BCD
    counts: bool = True


SEPARATOR = Field(b"\xaa", None, counts=False)


def number(value: int | None, size: int) -> Field:
    """Give an unsigned BCD number of `size` bytes; ValueError if it does not fit."""
    if value is None:
        return missing(size)
    return Field(_digits(value, size), value)


def signed(value: int, size: int) -> Field:
    """Give a BCD number with a sign in its top bit; ValueError if it does not fit."""
    raw = bytearray(_digits(abs(value), size))
    if raw[-1] & 0x80:
        raise ValueError(f"{value} does not fit in {size} bytes with a sign.")
    if value < 0:
        raw[-1] |= 0x80
    return Field(bytes(raw), value, SIGNED)


def text(value: str, size: int) -> Field:
    """Give text of at most `size` ASCII characters."""
    raw = value.encode("ascii")
    if len(raw) > size:
        raise ValueError(f"{value!r} is longer than {size} characters.")
    return Field(raw.ljust(size, b"\0")[::-1], value, TEXT)


def bits(value: int, size: int) -> Field:
    """Give a word of bits, low byte first."""
    return Field(value.to_bytes(size, "little"), value, BITS)


def stamp(moment: datetime | None, layout: str) -> Field:
    """Give a time in one of the layouts; None is the all-zero time of an empty record."""
    digits = "0" * (2 * layout.count("%")) if moment is None else moment.strftime(layout)
    return Field(bytes.fromhex(digits)[::-1], int(digits))


def date_and_weekday(moment: datetime) -> Field:
    """Give YYMMDDWW, WW 00 for Sunday."""
    digits = moment.strftime("%y%m%d0%w")
    return Field(bytes.fromhex(digits)[::-1], int(digits))


def time_of_day(moment: datetime) -> Field:
    """Give hhmmss."""
    return stamp(moment, "%H%M%S")


def missing(size: int) -> Field:
    """Give the filling that says a value is not available."""
    return Field(b"\xff" * size, None)


def decode(raw: bytes, kind: str) -> Field:
    """Give the field that stored bytes are; None for what is no BCD where BCD belongs."""
    if kind == TEXT:
        return Field(raw, raw[::-1].rstrip(b"\0").decode("ascii", "replace"), kind)
    if kind == BITS:
        return Field(raw, int.from_bytes(raw, "little"), kind)
    negative = kind == SIGNED and bool(raw[-1] & 0x80)
    magnitude = bytes([*raw[:-1], raw[-1] & 0x7F]) if negative else raw
    value = from_bcd(magnitude)
    return Field(raw, -value if negative and value is not None else value, kind)


def decode_like(raw: bytes, fields: list[Field]) -> list[Field]:
    """Give the fields that bytes are if they stand in place of others, which may be none."""
    if sum(len(field.raw) for field in fields) != len(raw):
        return [decode(raw, BCD)]
    decoded, at = [], 0
    for field in fields:
        part = raw[at : at + len(field.raw)]
        decoded.append(decode(part, field.kind) if field.counts else field)
        at += len(part)
    return decoded


def from_bcd(raw: bytes) -> int | None:
    """Give the number in BCD bytes, low pair first; None if a digit is none."""
    digits = raw[::-1].hex()
    return int(digits) if digits.isdecimal() else None


def moment_from_bcd(raw: bytes) -> datetime | None:
    """Give the time in six bytes ss mm hh DD MM YY, as on the wire; None if there is none such."""
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        return None
    pairs = [int(digits[at : at + 2]) for at in range(0, 12, 2)]
    try:
        return datetime(2000 + pairs[0], *pairs[1:])
    except ValueError:
        return None


def join(fields: Iterable[Field]) -> bytes:
    """Give the bytes of several fields behind each other."""
    return b"".join(field.raw for field in fields)


def values(fields: Iterable[Field]) -> tuple[Value, ...]:
    """Give the values of several fields."""
    return tuple(field.value for field in fields if field.counts)


def _digits(value: int, size: int) -> bytes:
    raw = bytes.fromhex(f"{value:0{2 * size}d}")[::-1] if value >= 0 else b""
    if len(raw) != size:
        raise ValueError(f"{value} does not fit in {size} bytes.")
    return raw
