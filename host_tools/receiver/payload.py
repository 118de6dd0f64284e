"""From topic and payload to a checked message; whatever does not fit is a PayloadError."""

import json
import re
from dataclasses import dataclass
from typing import Any

from host_tools.contract import FAILED_FROM, QUALITY_NAMES

_VERSION = 1
_LARGEST_INTEGER = 2**63 - 1  # what SQLite can hold
_LATEST_TIME = 2**36  # far away, but a date still
_STREAM_OF_KIND = {"live": "reading", "hist": "reading", "freeze": "freeze", "event": "event"}
_NOTES = ("birth", "beat", "answer")


class PayloadError(ValueError):
    """A payload breaks the contract; the text says where and how."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one meter gave for one slot, read `after_s` seconds after it; times are UTC seconds.

    A concentrator whose clock was never set sends `up`, seconds since its start, and no `slot`.
    `scale` holds a power of ten for each item.
    """

    task: str
    slot: int | None
    up: int | None
    clock: int
    items: tuple[str, ...]
    scale: tuple[int, ...]
    meter: int
    after_s: int | None
    quality: int
    data: tuple[int | str | None, ...]

    @property
    def failed(self) -> bool:
        """Whether there is a reason in place of values."""
        return self.quality >= FAILED_FROM

    @property
    def quality_name(self) -> str:
        """The quality in words."""
        return QUALITY_NAMES.get(self.quality, f"quality {self.quality}")

    def value(self, item: str) -> float | None:
        """Return an item's number in its unit, None if there is none."""
        if item not in self.items:
            return None
        index = self.items.index(item)
        found = self.data[index]
        return found * 10.0 ** self.scale[index] if isinstance(found, int) else None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `time` is UTC seconds, `clock` the clock's quality."""

    time: int | None
    clock: int
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one stream with consecutive numbers from `first` on."""

    device: str
    epoch: int
    stream: str
    first: int
    records: tuple[Reading, ...] | tuple[Event, ...]


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
class Note:
    """A birth, a beat (heartbeat) or an answer, as it came: its content grows with firmware."""

    device: str
    kind: str
    content: dict[str, Any]

    def get(self, *path: str | int) -> Any:
        """Return what is at a path like ("journal", "unsent"), None if there is no such thing."""
        found: Any = self.content
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


Message = Batch | Gap | Note


def parse(root: str, topic: str, payload: bytes) -> Message:
    """Check one publish; PayloadError if it breaks the contract."""
    device, kind = _split_topic(root, topic)
    content = _load(payload)
    # Answers to commands carry their command's id in place of version and device.
    if kind == "answer":
        return Note(device, kind, content)
    if content.get("v") != _VERSION or content["v"] is True:
        raise PayloadError(f"v is {_show(content.get('v'))} instead of {_VERSION}")
    if content.get("device") != device:
        raise PayloadError(f"device is {_show(content.get('device'))}, the topic says {device}")
    if kind == "beat":
        return Note(device, kind, content)
    epoch = _integer(content.get("epoch"), "epoch", 0)
    if kind == "birth":
        return Note(device, kind, content)
    stream = _STREAM_OF_KIND[kind]
    if "gap" in content:
        return _parse_gap(device, epoch, stream, content)
    records = _parse_events(content) if kind == "event" else _parse_readings(content)
    first, count = _list(content.get("seq"), "seq", 2)
    _integer(first, "the first number of seq", 1, _LARGEST_INTEGER - len(records))
    if not _is_integer(count) or count != len(records) or not records:
        raise PayloadError(f"seq announces {_show(count)} records, but {len(records)} are there")
    return Batch(device, epoch, stream, first, records)


def _split_topic(root: str, topic: str) -> tuple[str, str]:
    match = re.fullmatch(re.escape(root) + "/([0-9a-f]{12})/up/([a-z]+)", topic)
    if match is None or match[2] not in {*_STREAM_OF_KIND, *_NOTES}:
        kinds = "|".join((*_STREAM_OF_KIND, *_NOTES))
        raise PayloadError(f"the topic is not {root}/<12 hex digits>/up/<{kinds}>")
    return match[1], match[2]


def _load(payload: bytes) -> dict[str, Any]:
    try:
        content = json.loads(payload.decode())
        json.dumps(content, ensure_ascii=False).encode()  # fails for half a character
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the payload is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise PayloadError("the payload is not a JSON object")
    return content


def _parse_gap(device: str, epoch: int, stream: str, content: dict[str, Any]) -> Gap:
    if content.get("stream", stream) != stream:
        raise PayloadError(f"stream is {_show(content['stream'])}, but the topic is of {stream}")
    first, last = _list(content["gap"], "gap", 2)
    _integer(first, "the gap's first number", 1)
    _integer(last, "the gap's last number", first)
    return Gap(device, epoch, stream, first, last, _text(content.get("why"), "why"))


def _parse_events(content: dict[str, Any]) -> tuple[Event, ...]:
    events = []
    for event in _list(content.get("events"), "events"):
        time, clock, name, detail = _list(event, "an event", 4)
        if time is not None:
            _integer(time, "an event's time", 0, _LATEST_TIME)
        if not isinstance(detail, dict):
            raise PayloadError(f"the detail of event {_show(name)} is not an object")
        _integer(clock, "an event's clock", 0)
        events.append(Event(time, clock, _text(name, "an event's name"), detail))
    return tuple(events)


def _parse_readings(content: dict[str, Any]) -> tuple[Reading, ...]:
    items = tuple(_text(item, "an item") for item in _list(content.get("items"), "items"))
    scale = tuple(_list(content.get("scale"), "scale", len(items)))
    for power in scale:
        _integer(power, "a scale", -30, 30)
    unset = "up" in content
    task = _text(content.get("task"), "task")
    slot = None if unset else _integer(content.get("slot"), "slot", 1, _LATEST_TIME)
    up = _integer(content["up"], "up", 0) if unset else None
    clock = _integer(content.get("clock"), "clock", 0)
    readings = []
    for row in _list(content.get("rows"), "rows"):
        meter, after_s, quality, *values = _list(row, "a row", 3 + len(items))
        _integer(meter, "a row's meter", 1)
        _integer(quality, "a row's quality", 0)
        for number in (after_s, *(value for value in values if not isinstance(value, str))):
            if number is not None:
                _integer(number, "a number of a row", -_LARGEST_INTEGER)
        readings.append(
            Reading(task, slot, up, clock, items, scale, meter, after_s, quality, tuple(values))
        )
    return tuple(readings)


def _list(value: object, what: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        raise PayloadError(f"{what} is {_show(value)} instead of a list")
    if length is not None and len(value) != length:
        raise PayloadError(f"{what} is {_show(value)} instead of a list of {length}")
    return value


def _integer(value: object, what: str, least: int, most: int = _LARGEST_INTEGER) -> int:
    if not _is_integer(value):
        raise PayloadError(f"{what} is {_show(value)} instead of a whole number")
    assert isinstance(value, int)
    if not least <= value <= most:
        raise PayloadError(f"{what} is {value}, out of range")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise PayloadError(f"{what} is {_show(value)} instead of a text")
    return value


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _show(value: object) -> str:
    """Return the value as JSON has it, cut to a length that fits a sentence."""
    text = "missing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
