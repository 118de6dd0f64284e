"""What came from the concentrators, each record once, and what is missing: an SQLite file.

Two keys matter. (device, epoch, stream, seq) names a record: the second copy of one is counted
and dropped. (device, meter, task, slot) names a fact: of several records about it the best one
counts, so that a reading made up later replaces a failed one.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from host_tools.receiver.payload import (
    Answer,
    Beat,
    Birth,
    EventBatch,
    Gap,
    Message,
    ReadingBatch,
    Value,
)

HighWater = Mapping[tuple[str, int, str], int]
"""Highest sequence number ever given out, by (device, epoch, stream)."""

QUALITY_NAMES = {
    0: "good",
    1: "made up later",
    2: "from frozen data",
    10: "suspect",
    20: "timeout",
    21: "malformed",
    22: "wrong answer",
    23: "refused",
    24: "bus jammed",
    25: "disabled",
    30: "power failed",
}

_FAILED_FROM = 20
_SUSPECT_FROM = 10
_BUSY_S = 5.0
_FORMAT = 1  # of the file; another one is refused

_TABLES = """
CREATE TABLE layout (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, clock INTEGER NOT NULL, items TEXT NOT NULL,
    scale TEXT NOT NULL, UNIQUE (task, clock, items, scale)
);
CREATE TABLE reading (
    device TEXT, epoch INTEGER, stream TEXT, seq INTEGER,
    layout INTEGER NOT NULL REFERENCES layout, task TEXT NOT NULL, slot INTEGER, up INTEGER,
    meter INTEGER NOT NULL, after_s INTEGER, quality INTEGER NOT NULL, rank INTEGER NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL, received REAL NOT NULL,
    PRIMARY KEY (device, epoch, stream, seq)
) WITHOUT ROWID;
CREATE INDEX reading_by_slot ON reading (device, stream, task, slot, meter);
CREATE INDEX reading_by_meter ON reading (device, stream, meter, slot);
CREATE TABLE slot (
    device TEXT, stream TEXT, task TEXT, slot INTEGER, meters INTEGER NOT NULL,
    failed INTEGER NOT NULL, PRIMARY KEY (device, stream, task, slot)
) WITHOUT ROWID;
CREATE TABLE event (
    device TEXT, epoch INTEGER, seq INTEGER, time INTEGER, clock INTEGER NOT NULL,
    name TEXT NOT NULL, detail TEXT NOT NULL, received REAL NOT NULL,
    PRIMARY KEY (device, epoch, seq)
);
CREATE TABLE gap (
    device TEXT, epoch INTEGER, stream TEXT, first INTEGER, last INTEGER, why TEXT NOT NULL,
    received REAL NOT NULL, PRIMARY KEY (device, epoch, stream, first, last)
);
CREATE TABLE birth (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, epoch INTEGER NOT NULL, content TEXT NOT NULL,
    received REAL NOT NULL
);
CREATE TABLE beat (device TEXT PRIMARY KEY, content TEXT NOT NULL, received REAL NOT NULL);
CREATE TABLE answer (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, content TEXT NOT NULL, received REAL NOT NULL
);
CREATE TABLE rejected (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL,
    received REAL NOT NULL
);
CREATE TABLE tally (name TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""

_READING_COLUMNS = """
SELECT device, epoch, stream, seq, kind, reading.task, slot, up, meter, after_s, quality, clock,
       items, scale, data, received
FROM reading JOIN layout ON layout.id = reading.layout
"""
# Best first: a usable value, then a suspect one, then a reason; among equals the newest record.
_BEST_FIRST = "rank, epoch DESC, seq DESC"


class StoreError(Exception):
    """The store's file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one meter gave for one slot; times are UTC seconds, `received` by our own clock."""

    device: str
    epoch: int
    stream: str
    seq: int
    kind: str
    task: str
    slot: int | None
    up: int | None
    meter: int
    after_s: int | None
    quality: int
    clock: int
    items: tuple[str, ...]
    scale: tuple[int, ...]
    data: tuple[Value, ...]
    received: float

    @property
    def failed(self) -> bool:
        """Whether there is a reason in place of values."""
        return is_failed(self.quality)

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
class Slot:
    """How many meters have a record for a slot, and how many of those are failed reads."""

    task: str
    slot: int
    meters: int
    failed: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was received; `time` is UTC seconds."""

    device: str
    epoch: int
    seq: int
    time: int | None
    clock: int
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: records added, copies dropped, copies that differ."""

    new: int = 0
    repeated: int = 0
    conflicting: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals over one stream.

    `expected` counts the sequence numbers given out, as far as known; `received` the records
    that are here; `missing` those neither here nor reported as a gap; `reported` those lost with
    a gap that says so. `redelivered` copies were dropped by the key of the record, as MQTT
    intends; `conflicting` copies were dropped too but differ from what came first, which is a
    fault. `duplicated` records tell a fact that another record of the same worth tells already.
    """

    stream: str
    expected: int
    received: int
    failed: int
    missing: int
    reported: int
    redelivered: int
    conflicting: int
    duplicated: int

    @property
    def lost(self) -> int:
        """Records that were made but are not here, explained or not."""
        return self.expected - self.received


def is_failed(quality: int) -> bool:
    """Tell whether a quality is a reason why there are no values."""
    return quality >= _FAILED_FROM


class Store:
    """All that was received. Methods may be called from any thread."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        """Open or create the file; StoreError if that fails or it is something else."""
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=_BUSY_S
            )
        except sqlite3.Error as error:
            raise StoreError(f"store {path} cannot be opened: {error}.") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise StoreError(f"{path} cannot be used as a store: {error}.") from None
        except StoreError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # NORMAL: a crash of this program loses nothing, one of the machine the last moments.
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            found = self._number("PRAGMA user_version")
            tables = self._number("SELECT count(*) FROM sqlite_master")
            if found == 0 and tables == 0:
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_FORMAT}")
            elif found != _FORMAT:
                raise StoreError(
                    f"{self.path} is an SQLite file, but not a store of this version; "
                    "choose another file."
                )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    # What comes in

    def add(self, message: Message) -> Outcome:
        """Take a message; it is on file when this returns. StoreError if it cannot be."""
        with self._transaction():
            now = time.time()
            if isinstance(message, ReadingBatch):
                outcome = self._add_readings(message, now)
            elif isinstance(message, EventBatch):
                outcome = self._add_events(message, now)
            elif isinstance(message, Gap):
                outcome = self._add_gap(message, now)
            else:
                outcome = self._add_state(message, now)
            self._count("messages", 1)
        return outcome

    def reject(self, topic: str, payload: bytes, reason: str) -> None:
        """Keep a message that breaks the contract, and the reason."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO rejected (topic, reason, payload, received) VALUES (?, ?, ?, ?)",
                (topic.encode("utf-8", "replace").decode(), reason, payload, time.time()),
            )

    def _add_readings(self, batch: ReadingBatch, now: float) -> Outcome:
        layout = self._layout(batch)
        tally = _Tally()
        for seq, row in enumerate(batch.rows, batch.first):
            key = (batch.device, batch.epoch, batch.stream, seq)
            content = (
                layout,
                batch.task,
                batch.slot,
                batch.up,
                row.meter,
                row.after_s,
                row.quality,
                _rank(row.quality),
                json.dumps(row.values, separators=(",", ":")),
            )
            added = self._db.execute(
                "INSERT OR IGNORE INTO reading (device, epoch, stream, seq, layout, task, slot,"
                " up, meter, after_s, quality, rank, data, kind, received)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *content, batch.kind, now),
            )
            if added.rowcount:
                tally.new += 1
                continue
            stored = self._db.execute(
                "SELECT layout, task, slot, up, meter, after_s, quality, rank, data FROM reading"
                " WHERE device = ? AND epoch = ? AND stream = ? AND seq = ?",
                key,
            ).fetchone()
            tally.repeat(stored == content)
        if tally.new and batch.slot is not None:
            self._refresh_slot(batch.device, batch.stream, batch.task, batch.slot)
        return self._settle(batch.stream, tally)

    def _layout(self, batch: ReadingBatch) -> int:
        """Return the number under which what all rows of a batch share is kept."""
        shared = (batch.task, batch.clock, json.dumps(batch.items), json.dumps(batch.scale))
        self._db.execute(
            "INSERT OR IGNORE INTO layout (task, clock, items, scale) VALUES (?, ?, ?, ?)", shared
        )
        return self._number(
            "SELECT id FROM layout WHERE task = ? AND clock = ? AND items = ? AND scale = ?",
            *shared,
        )

    def _refresh_slot(self, device: str, stream: str, task: str, slot: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO slot"
            " SELECT ?1, ?2, ?3, ?4, count(*), sum(best >= ?5) FROM ("
            "  SELECT min(rank) AS best FROM reading"
            "  WHERE device = ?1 AND stream = ?2 AND task = ?3 AND slot = ?4 GROUP BY meter)",
            (device, stream, task, slot, _rank(_FAILED_FROM)),
        )

    def _add_events(self, batch: EventBatch, now: float) -> Outcome:
        tally = _Tally()
        for seq, event in enumerate(batch.events, batch.first):
            key = (batch.device, batch.epoch, seq)
            content = (event.time, event.clock, event.name, json.dumps(event.detail))
            added = self._db.execute(
                "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *content, now),
            )
            if added.rowcount:
                tally.new += 1
                continue
            stored = self._db.execute(
                "SELECT time, clock, name, detail FROM event"
                " WHERE device = ? AND epoch = ? AND seq = ?",
                key,
            ).fetchone()
            tally.repeat(stored == content)
        return self._settle("event", tally)

    def _add_gap(self, gap: Gap, now: float) -> Outcome:
        added = self._db.execute(
            "INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?, ?, ?, ?)",
            (gap.device, gap.epoch, gap.stream, gap.first, gap.last, gap.why, now),
        )
        return Outcome(new=added.rowcount, repeated=1 - added.rowcount)

    def _add_state(self, message: Birth | Beat | Answer, now: float) -> Outcome:
        content = json.dumps(message.raw)
        if isinstance(message, Birth):
            self._db.execute(
                "INSERT INTO birth (device, epoch, content, received) VALUES (?, ?, ?, ?)",
                (message.device, message.epoch, content, now),
            )
        elif isinstance(message, Beat):
            self._db.execute(
                "INSERT OR REPLACE INTO beat VALUES (?, ?, ?)", (message.device, content, now)
            )
        else:
            self._db.execute(
                "INSERT INTO answer (device, content, received) VALUES (?, ?, ?)",
                (message.device, content, now),
            )
        return Outcome(new=1)

    def _settle(self, stream: str, tally: "_Tally") -> Outcome:
        self._count(f"{stream} batches", 1)
        self._count(f"{stream} redelivered", tally.repeated)
        self._count(f"{stream} conflicting", tally.conflicting)
        return Outcome(tally.new, tally.repeated, tally.conflicting)

    def _count(self, name: str, more: int) -> None:
        if more:
            self._db.execute(
                "INSERT INTO tally VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
                (name, more),
            )

    # What is here

    def devices(self) -> list[str]:
        """Return every concentrator that was heard of."""
        rows = self._all(
            "SELECT device FROM birth UNION SELECT device FROM beat UNION"
            " SELECT DISTINCT device FROM slot UNION SELECT DISTINCT device FROM event ORDER BY 1"
        )
        return [device for (device,) in rows]

    def counts(self) -> dict[str, int]:
        """Return running totals: messages, "<stream> batches", "<stream> redelivered", ..."""
        return dict(self._all("SELECT name, count FROM tally"))

    def rejected(self) -> list[tuple[str, str, bytes]]:
        """Return (topic, reason, payload) of the messages that broke the contract."""
        return self._all("SELECT topic, reason, payload FROM rejected ORDER BY id")

    def rejected_count(self) -> int:
        """Return how many messages broke the contract."""
        return self._number("SELECT count(*) FROM rejected")

    def birth(self, device: str) -> dict[str, Any] | None:
        """Return a concentrator's newest birth as it came, None before the first."""
        return self._content(
            "SELECT content FROM birth WHERE device = ? ORDER BY id DESC LIMIT 1", device
        )

    def births(self, device: str) -> int:
        """Return how often a concentrator came online."""
        return self._number("SELECT count(*) FROM birth WHERE device = ?", device)

    def beat(self, device: str) -> Beat | None:
        """Return a concentrator's newest heartbeat, None before the first."""
        content = self._content("SELECT content FROM beat WHERE device = ?", device)
        return Beat(device, content) if content is not None else None

    def events(self, device: str, limit: int = 10) -> list[StoredEvent]:
        """Return the newest events, newest first."""
        rows = self._all(
            "SELECT device, epoch, seq, time, clock, name, detail FROM event"
            " WHERE device = ? ORDER BY received DESC, epoch DESC, seq DESC LIMIT ?",
            device,
            limit,
        )
        return [StoredEvent(*row[:-1], json.loads(row[-1])) for row in rows]

    def gaps(self, device: str) -> list[Gap]:
        """Return the losses that a concentrator has reported."""
        rows = self._all(
            "SELECT device, epoch, stream, first, last, why FROM gap WHERE device = ?"
            " ORDER BY epoch, stream, first",
            device,
        )
        return [Gap(*row) for row in rows]

    def latest(
        self, device: str, task: str | None = None, stream: str = "reading"
    ) -> dict[int, Reading]:
        """Return the reading of the newest slot by meter number."""
        found = {}
        wanted = (device, stream) if task is None else (device, stream, task)
        with self._lock:
            for (meter,) in self._all(
                "SELECT DISTINCT meter FROM reading WHERE device = ? AND stream = ?"
                + (" AND task = ?" if task is not None else "")
                + " ORDER BY meter",
                *wanted,
            ):
                rows = self._readings(
                    "WHERE device = ? AND stream = ?"
                    + (" AND reading.task = ?" if task is not None else "")
                    + f" AND meter = ? ORDER BY slot DESC, {_BEST_FIRST} LIMIT 1",
                    *wanted,
                    meter,
                )
                found[meter] = rows[0]
        return found

    def slots(self, device: str, stream: str = "reading", limit: int = -1) -> list[Slot]:
        """Return the slots that have records, newest first, at most `limit` unless negative."""
        rows = self._all(
            "SELECT task, slot, meters, failed FROM slot WHERE device = ? AND stream = ?"
            " ORDER BY slot DESC, task LIMIT ?",
            device,
            stream,
            limit,
        )
        return [Slot(*row) for row in rows]

    def complete_slots(self, device: str, meters: int, stream: str = "reading") -> int:
        """Return how many slots have a record, good or failed, of at least so many meters."""
        return self._number(
            "SELECT count(*) FROM slot WHERE device = ? AND stream = ? AND meters >= ?",
            device,
            stream,
            meters,
        )

    def rows(self, device: str, task: str, slot: int, stream: str = "reading") -> list[Reading]:
        """Return the best record per meter for a slot, by meter number."""
        best: dict[int, Reading] = {}
        for reading in self._readings(
            "WHERE device = ? AND stream = ? AND reading.task = ? AND slot = ?"
            f" ORDER BY meter, {_BEST_FIRST}",
            device,
            stream,
            task,
            slot,
        ):
            best.setdefault(reading.meter, reading)
        return list(best.values())

    def records(self, device: str, stream: str = "reading") -> list[Reading]:
        """Return every record of a stream in the order it was made, replaced ones included."""
        return self._readings(
            "WHERE device = ? AND stream = ? ORDER BY epoch, seq", device, stream
        )

    # What is missing

    def missing(
        self, device: str, epoch: int, stream: str = "reading", high_water: int = 0
    ) -> list[tuple[int, int]]:
        """Return ranges (first, last) that neither came nor were reported as a gap.

        `high_water` is the highest sequence number that is known, from elsewhere, to exist.
        """
        with self._lock:
            end = self._highest(device, epoch, stream, high_water)
            holes = list(self._holes(device, epoch, stream, end))
            gaps = self._gap_ranges(device, epoch, stream)
        return list(_subtract(holes, gaps))

    def summary(
        self, device: str, stream: str = "reading", high_water: HighWater | None = None
    ) -> Summary:
        """Return the totals of a stream over all epochs."""
        marks = high_water or {}
        table = "event" if stream == "event" else "reading"
        where = "device = ?" if stream == "event" else "device = ? AND stream = ?"
        key = (device,) if stream == "event" else (device, stream)
        expected = missing = absent = 0
        with self._lock:
            counts = self.counts()
            epochs = {
                epoch
                for (epoch,) in self._all(
                    f"SELECT DISTINCT epoch FROM {table} WHERE {where}"
                    " UNION SELECT epoch FROM gap WHERE device = ? AND stream = ?",
                    *key,
                    device,
                    stream,
                )
            }
            epochs |= {e for d, e, s in marks if (d, s) == (device, stream)}
            for epoch in epochs:
                end = self._highest(device, epoch, stream, marks.get((device, epoch, stream), 0))
                expected += end
                holes = list(self._holes(device, epoch, stream, end))
                gaps = self._gap_ranges(device, epoch, stream)
                absent += _length(holes)
                missing += _length(_subtract(holes, gaps))
            return Summary(
                stream=stream,
                expected=expected,
                received=self._number(f"SELECT count(*) FROM {table} WHERE {where}", *key),
                failed=self._failed(device, stream),
                missing=missing,
                reported=absent - missing,
                redelivered=counts.get(f"{stream} redelivered", 0),
                conflicting=counts.get(f"{stream} conflicting", 0),
                duplicated=self._duplicated(device, stream),
            )

    def _failed(self, device: str, stream: str) -> int:
        """Return how many facts are only known as failed."""
        return self._number(
            "SELECT ifnull(sum(failed), 0) FROM slot WHERE device = ? AND stream = ?",
            device,
            stream,
        )

    def _duplicated(self, device: str, stream: str) -> int:
        """Return how many records repeat, under another number, what one of equal rank told."""
        return self._number(
            "SELECT ifnull(sum(copies), 0) FROM"
            " (SELECT count(*) - count(DISTINCT rank) AS copies FROM reading"
            "  WHERE device = ? AND stream = ? AND slot IS NOT NULL GROUP BY task, slot, meter)",
            device,
            stream,
        )

    def _highest(self, device: str, epoch: int, stream: str, high_water: int) -> int:
        table, where, key = _key(device, epoch, stream)
        here = self._number(f"SELECT ifnull(max(seq), 0) FROM {table} WHERE {where}", *key)
        reported = self._number(
            "SELECT ifnull(max(last), 0) FROM gap WHERE device = ? AND epoch = ? AND stream = ?",
            device,
            epoch,
            stream,
        )
        return max(here, reported, high_water)

    def _holes(self, device: str, epoch: int, stream: str, end: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges from 1 to `end` of which no record is here, in order."""
        table, where, key = _key(device, epoch, stream)
        before = 0
        for first, last in self._all(
            # Consecutive numbers minus their rank are equal: that makes runs into groups.
            "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq)"
            f" AS run FROM {table} WHERE {where}) GROUP BY run ORDER BY 1",
            *key,
        ):
            if first > before + 1:
                yield before + 1, first - 1
            before = last
        if before < end:
            yield before + 1, end

    def _gap_ranges(self, device: str, epoch: int, stream: str) -> list[tuple[int, int]]:
        return self._all(
            "SELECT first, last FROM gap WHERE device = ? AND epoch = ? AND stream = ?"
            " ORDER BY first",
            device,
            epoch,
            stream,
        )

    # SQLite

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # SQLite rolls back by itself on some errors
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(f"store {self.path} cannot be written: {error}.") from error

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"store {self.path} cannot be read: {error}.") from error

    def _number(self, query: str, *values: object) -> int:
        return self._all(query, *values)[0][0]

    def _content(self, query: str, device: str) -> dict[str, Any] | None:
        rows = self._all(query, device)
        return json.loads(rows[0][0]) if rows else None

    def _readings(self, condition: str, *values: object) -> list[Reading]:
        return [
            Reading(
                *row[:-4],
                items=tuple(json.loads(row[-4])),
                scale=tuple(json.loads(row[-3])),
                data=tuple(json.loads(row[-2])),
                received=row[-1],
            )
            for row in self._all(_READING_COLUMNS + condition, *values)
        ]


@dataclass(slots=True)
class _Tally:
    """Outcome of one batch while it is being taken."""

    new: int = 0
    repeated: int = 0
    conflicting: int = 0

    def repeat(self, equal: bool) -> None:
        """Count a record whose key is here already."""
        if equal:
            self.repeated += 1
        else:
            self.conflicting += 1


def _rank(quality: int) -> int:
    """Return 0 for values to be trusted, 1 for suspect ones, 2 for a failed read."""
    return 0 if quality < _SUSPECT_FROM else 1 if quality < _FAILED_FROM else 2


def _key(device: str, epoch: int, stream: str) -> tuple[str, str, tuple[str | int, ...]]:
    """Return table, condition and values that select one numbered series."""
    if stream == "event":
        return "event", "device = ? AND epoch = ?", (device, epoch)
    return "reading", "device = ? AND epoch = ? AND stream = ?", (device, epoch, stream)


def _subtract(
    holes: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield what is left of the holes without the gaps; both are sorted, gaps may overlap."""
    for first, last in holes:
        start = first
        for gap_first, gap_last in gaps:
            if gap_last < start:
                continue
            if gap_first > last:
                break
            if gap_first > start:
                yield start, gap_first - 1
            start = gap_last + 1
        if start <= last:
            yield start, last


def _length(ranges: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)
