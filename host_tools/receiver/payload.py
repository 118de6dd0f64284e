"""From topic and payload to a checked message; whatever does not fit is a PayloadError."""

import json
import re
from dataclasses import dataclass
from typing import Any

Value = int | str | None

STREAMS = ("reading", "freeze", "event")
"""The streams of a concentrator; each counts its own records from 1."""

_VERSION = 1
_LARGEST_INTEGER = 2**63 - 1  # what SQLite can hold
_STREAM_OF_KIND = {"live": "reading", "hist": "reading", "freeze": "freeze", "event": "event"}
_DEVICE = re.compile(r"[0-9a-f]{12}")


class PayloadError(ValueError):
    """A payload breaks the contract; the text says where and how."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one meter gave for a slot; `after_s` is when it was read, seconds after the slot."""

    meter: int
    after_s: int | None
    quality: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """Consecutive records of the stream `reading` or `freeze`, all of one task and slot.

    `slot` is UTC seconds. A concentrator whose clock was never set sends `up` instead, seconds
    since its start; exactly one of the two is None. `scale` holds a power of ten per item.
    """

    device: str
    epoch: int
    stream: str
    kind: str
    first: int
    task: str
    slot: int | None
    up: int | None
    clock: int
    items: tuple[str, ...]
    scale: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `time` is UTC seconds, `clock` the clock's quality."""

    time: int | None
    clock: int
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Consecutive records of the stream `event`."""

    device: str
    epoch: int
    first: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Records `first` to `last` of a stream are lost, and the concentrator says so."""

    device: str
    epoch: int
    stream: str
    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class Birth:
    """Who the concentrator is: meters as (number, address, bus), items as name: (unit, scale)."""

    device: str
    epoch: int
    firmware: str
    meters: tuple[tuple[int, str, int], ...]
    items: dict[str, tuple[str, int]]
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, as it came: what is in it grows with the firmware."""

    device: str
    raw: dict[str, Any]

    def get(self, *path: str | int) -> Any:
        """Return what is at a path like ("journal", "unsent"), None if there is no such thing."""
        found: Any = self.raw
        for key in path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def number(self, *path: str | int) -> int | None:
        """Return the integer at a path, None if there is none."""
        found = self.get(*path)
        return found if _is_integer(found) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a command, as it came."""

    device: str
    raw: dict[str, Any]


Message = ReadingBatch | EventBatch | Gap | Birth | Beat | Answer


def parse(root: str, topic: str, payload: bytes) -> Message:
    """Check one publish; PayloadError if it breaks the contract."""
    device, kind = _split_topic(root, topic)
    content = _load(payload)
    version = content.get("v")
    # Answers to commands carry their command's id in place of version and device.
    if kind != "answer":
        if version != _VERSION or isinstance(version, bool):
            raise PayloadError(f"v is {_show(version)} instead of {_VERSION}")
        if content.get("device") != device:
            raise PayloadError(
                f"device is {_show(content.get('device'))}, but the topic says {device}"
            )
    if kind == "birth":
        return _parse_birth(device, content)
    if kind == "beat":
        return Beat(device, content)
    if kind == "answer":
        return Answer(device, content)
    if "gap" in content:
        return _parse_gap(device, _STREAM_OF_KIND[kind], content)
    if kind == "event":
        return _parse_events(device, content)
    return _parse_readings(device, kind, content)


def _split_topic(root: str, topic: str) -> tuple[str, str]:
    if not topic.startswith(root + "/"):
        raise PayloadError(f"the topic does not start with {root}/")
    device, _, rest = topic[len(root) + 1 :].partition("/")
    up, _, kind = rest.partition("/")
    if not _DEVICE.fullmatch(device):
        raise PayloadError(f"{_show(device)} in the topic is not a device of 12 hex digits")
    if up != "up" or kind not in {*_STREAM_OF_KIND, "birth", "beat", "answer"}:
        raise PayloadError(f"{_show(kind)} is not a kind of message this receiver knows")
    return device, kind


def _load(payload: bytes) -> dict[str, Any]:
    if not payload:
        raise PayloadError("the payload is empty")
    if payload[0] & 0xE0 == 0xA0:  # a CBOR map; JSON can never start so
        raise PayloadError("the payload is CBOR, which this receiver cannot read")
    try:
        content = json.loads(payload.decode())
    except UnicodeDecodeError:
        raise PayloadError("the payload is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the payload is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise PayloadError("the payload is not a JSON object")
    return content


def _parse_birth(device: str, content: dict[str, Any]) -> Birth:
    meters = []
    for meter in _list(content, "meters"):
        if not (isinstance(meter, list) and len(meter) == 3):
            raise PayloadError(f"meter {_show(meter)} is not [number, address, bus]")
        number, address, bus = meter
        meters.append(
            (
                _check_integer(number, "a meter's number", 1),
                _check_text(address, "a meter's address"),
                _check_integer(bus, "a meter's bus", 1),
            )
        )
    if len({number for number, _, _ in meters}) < len(meters):
        raise PayloadError("two meters have the same number")
    items = content.get("items", {})
    if not isinstance(items, dict):
        raise PayloadError("items is not an object")
    units = {}
    for name, item in items.items():
        if not (isinstance(item, list) and len(item) == 2):
            raise PayloadError(f"item {_show(name)} is not [unit, scale]")
        unit = _check_text(item[0], f"the unit of {_show(name)}")
        units[name] = (unit, _check_integer(item[1], f"the scale of {_show(name)}", -30))
    return Birth(
        device=device,
        epoch=_integer(content, "epoch", 0),
        firmware=_check_text(content.get("firmware"), "firmware"),
        meters=tuple(meters),
        items=units,
        raw=content,
    )


def _parse_gap(device: str, stream: str, content: dict[str, Any]) -> Gap:
    said = content.get("stream", stream)
    if said != stream:
        raise PayloadError(f"stream is {_show(said)}, but the topic is one of {stream}")
    gap = content["gap"]
    if not (isinstance(gap, list) and len(gap) == 2):
        raise PayloadError(f"gap {_show(gap)} is not [first, last]")
    first = _check_integer(gap[0], "the gap's first number", 1)
    last = _check_integer(gap[1], "the gap's last number", first)
    why = _check_text(content.get("why"), "why")
    return Gap(device, _integer(content, "epoch", 0), stream, first, last, why)


def _parse_events(device: str, content: dict[str, Any]) -> EventBatch:
    events = []
    for event in _list(content, "events"):
        if not (isinstance(event, list) and len(event) in (3, 4)):
            raise PayloadError(f"event {_show(event)} is not [time, clock, name, detail]")
        moment, clock, name, *rest = event
        detail = rest[0] if rest else {}
        if not isinstance(detail, dict):
            raise PayloadError(f"the detail of event {_show(name)} is not an object")
        if moment is not None:
            _check_integer(moment, "an event's time", 0)
        _check_integer(clock, "an event's clock", 0)
        events.append(Event(moment, clock, _check_text(name, "an event's name"), detail))
    first = _parse_sequence(content, len(events))
    return EventBatch(device, _integer(content, "epoch", 0), first, tuple(events))


def _parse_readings(device: str, kind: str, content: dict[str, Any]) -> ReadingBatch:
    items = tuple(_check_text(item, "an item's name") for item in _list(content, "items"))
    scale = tuple(_check_integer(one, "a scale", -30) for one in _list(content, "scale"))
    if len(scale) != len(items):
        raise PayloadError(f"{len(items)} items have {len(scale)} scales")
    clock = _integer(content, "clock", 0)
    rows = tuple(_parse_row(row, len(items)) for row in _list(content, "rows"))
    return ReadingBatch(
        device=device,
        epoch=_integer(content, "epoch", 0),
        stream=_STREAM_OF_KIND[kind],
        kind=kind,
        first=_parse_sequence(content, len(rows)),
        task=_check_text(content.get("task"), "task"),
        slot=_integer(content, "slot", 1) if "up" not in content else None,
        up=_integer(content, "up", 0) if "up" in content else None,
        clock=clock,
        items=items,
        scale=scale,
        rows=rows,
    )


def _parse_row(row: object, items: int) -> Row:
    if not isinstance(row, list) or len(row) != 3 + items:
        raise PayloadError(f"row {_show(row)} is not [meter, seconds, quality] and {items} values")
    meter, after_s, quality, *values = row
    _check_integer(meter, "a row's meter", 1)
    if after_s is not None:
        _check_integer(after_s, "a row's seconds", -_LARGEST_INTEGER)
    _check_integer(quality, "a row's quality", 0)
    for value in values:
        if isinstance(value, str):
            _check_text(value, "a value")
        elif value is not None:
            _check_integer(value, "a value", -_LARGEST_INTEGER)
    return Row(meter, after_s, quality, tuple(values))


def _parse_sequence(content: dict[str, Any], records: int) -> int:
    """Check `seq` against the number of records and return the first sequence number."""
    sequence = _list(content, "seq")
    if len(sequence) != 2:
        raise PayloadError(f"seq {_show(sequence)} is not [first, count]")
    first = _check_integer(sequence[0], "the first number of seq", 1)
    count = _check_integer(sequence[1], "the count of seq", 1)
    if count != records:
        raise PayloadError(f"seq announces {count} records, but {records} are there")
    _check_integer(first + count, "the last number of seq", 1)
    return first


def _list(content: dict[str, Any], key: str) -> list[Any]:
    found = content.get(key)
    if not isinstance(found, list):
        raise PayloadError(f"{key} is {_show(found)} instead of a list")
    return found


def _integer(content: dict[str, Any], key: str, least: int) -> int:
    return _check_integer(content.get(key), key, least)


def _check_integer(value: object, what: str, least: int) -> int:
    if not _is_integer(value):
        raise PayloadError(f"{what} is {_show(value)} instead of a whole number")
    assert isinstance(value, int)
    if not least <= value <= _LARGEST_INTEGER:
        raise PayloadError(f"{what} is {value}, out of range")
    return value


def _check_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise PayloadError(f"{what} is {_show(value)} instead of a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PayloadError(f"{what} has half a character in it") from None
    return value


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _show(value: object) -> str:
    """Return the value as JSON has it, cut to a length that fits a sentence."""
    text = "missing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
