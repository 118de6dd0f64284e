"""What came from the concentrators, each record once, and what is missing: an SQLite file.

Two keys matter. (device, epoch, stream, seq) names a record: the second copy of one is counted
and dropped. (device, meter, task, slot) names a fact: of several records about it the newest
good one counts, so that a reading made up later replaces a failed one.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from host_tools.receiver.payload import Batch, Event, Gap, Message, Note, Reading

Hole = tuple[int, int, int]
"""Epoch, first and last sequence number of records that are not here."""

_FORMAT = 2  # of the file; another one is refused

_TABLES = f"""
CREATE TABLE record (
    device TEXT, epoch INTEGER, stream TEXT, seq INTEGER, task TEXT, slot INTEGER, meter INTEGER,
    failed INTEGER, content TEXT NOT NULL, received TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (device, epoch, stream, seq)
);
CREATE INDEX record_by_slot ON record (device, stream, task, slot, meter, failed);
CREATE INDEX record_by_meter ON record (device, stream, meter, slot, failed);
CREATE TABLE gap (
    device TEXT, epoch INTEGER, stream TEXT, first INTEGER, last INTEGER, why TEXT NOT NULL,
    received TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (device, epoch, stream, first, last)
);
CREATE TABLE note (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL,
    received TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX note_by_kind ON note (device, kind);
CREATE TABLE rejected (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL,
    received TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE tally (
    device TEXT, stream TEXT, batches INTEGER NOT NULL, redelivered INTEGER NOT NULL,
    conflicting INTEGER NOT NULL, PRIMARY KEY (device, stream)
);
PRAGMA user_version = {_FORMAT};
"""


class StoreError(Exception):
    """The store's file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """How many meters have a record, good or failed, for a slot (UTC seconds) of a task."""

    task: str
    slot: int
    meters: int


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
    fault. `duplicated` records tell a fact that another one, good or failed like them, tells.
    """

    expected: int
    received: int
    missing: int
    reported: int
    redelivered: int
    conflicting: int
    duplicated: int

    @property
    def lost(self) -> int:
        """Records that were made but are not here, explained or not."""
        return self.expected - self.received


class Store:
    """All that was received. Methods may be called from any thread."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        """Open or create the file; StoreError if that fails or it is something else."""
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(f"store {path} cannot be opened: {error}.") from None
        try:
            found = self._number("PRAGMA user_version")
            if found == 0 and self._number("SELECT count(*) FROM sqlite_master") == 0:
                with self._transaction():
                    self._db.executescript(_TABLES)
            elif found != _FORMAT:
                raise StoreError(
                    f"{path} is an SQLite file, but not a store of this version; "
                    "choose another file."
                )
        except StoreError:
            self._db.close()
            raise

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
            if isinstance(message, Batch):
                return self._add_batch(message)
            if isinstance(message, Gap):
                added = self._db.execute(
                    "INSERT OR IGNORE INTO gap (device, epoch, stream, first, last, why)"
                    " VALUES (:device, :epoch, :stream, :first, :last, :why)",
                    asdict(message),
                )
                return Outcome(new=added.rowcount, repeated=1 - added.rowcount)
            if message.kind == "beat":  # only the newest is of interest
                self._db.execute(
                    "DELETE FROM note WHERE device = ? AND kind = 'beat'", (message.device,)
                )
            self._db.execute(
                "INSERT INTO note (device, kind, content) VALUES (?, ?, ?)",
                (message.device, message.kind, json.dumps(message.content)),
            )
            return Outcome(new=1)

    def reject(self, topic: str, payload: bytes, reason: str) -> None:
        """Keep a message that breaks the contract, and the reason."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO rejected (topic, reason, payload) VALUES (?, ?, ?)",
                (topic, reason, payload),
            )

    def _add_batch(self, batch: Batch) -> Outcome:
        new = conflicting = 0
        for seq, record in enumerate(batch.records, batch.first):
            key = (batch.device, batch.epoch, batch.stream, seq)
            fact: tuple[object, ...] = (None, None, None, None)
            if isinstance(record, Reading):
                fact = (record.task, record.slot, record.meter, record.failed)
            content = json.dumps(asdict(record))
            added = self._db.execute(
                "INSERT OR IGNORE INTO record"
                " (device, epoch, stream, seq, task, slot, meter, failed, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *fact, content),
            )
            new += added.rowcount
            if not added.rowcount:
                conflicting += not self._number(
                    "SELECT content = ? FROM record"
                    " WHERE device = ? AND epoch = ? AND stream = ? AND seq = ?",
                    content,
                    *key,
                )
        outcome = Outcome(new, len(batch.records) - new - conflicting, conflicting)
        self._db.execute(
            "INSERT INTO tally VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET"
            " batches = batches + 1, redelivered = redelivered + excluded.redelivered,"
            " conflicting = conflicting + excluded.conflicting",
            (batch.device, batch.stream, outcome.repeated, outcome.conflicting),
        )
        return outcome

    # What is here

    def streams(self) -> list[tuple[str, str]]:
        """Return (device, stream) of everything that records or gaps have come from."""
        return self._all(
            "SELECT device, stream FROM tally UNION SELECT device, stream FROM gap ORDER BY 1, 2"
        )

    def rejected(self) -> list[tuple[str, str, bytes]]:
        """Return (topic, reason, payload) of the messages that broke the contract."""
        return self._all("SELECT topic, reason, payload FROM rejected ORDER BY id")

    def birth(self, device: str) -> Note | None:
        """Return a concentrator's newest birth, None before the first."""
        return self._newest_note(device, "birth")

    def births(self, device: str) -> int:
        """Return how often a concentrator came online."""
        return self._number(
            "SELECT count(*) FROM note WHERE device = ? AND kind = 'birth'", device
        )

    def beat(self, device: str) -> Note | None:
        """Return a concentrator's newest heartbeat, None before the first."""
        return self._newest_note(device, "beat")

    def events(self, device: str, limit: int = 10) -> list[Event]:
        """Return the events that came last, newest first."""
        rows = self._all(
            "SELECT content FROM record WHERE device = ? AND stream = 'event'"
            " ORDER BY rowid DESC LIMIT ?",
            device,
            limit,
        )
        return [Event(**json.loads(content)) for (content,) in rows]

    def gaps(self, device: str) -> list[Gap]:
        """Return the losses that a concentrator has reported."""
        rows = self._all(
            "SELECT device, epoch, stream, first, last, why FROM gap WHERE device = ?", device
        )
        return [Gap(*row) for row in rows]

    def latest(self, device: str) -> dict[int, Reading]:
        """Return the reading of the newest slot by meter number, a good one if there is one."""
        rows = self._all(
            "SELECT (SELECT content FROM record WHERE device = ?1 AND stream = 'reading'"
            "  AND meter = known.meter ORDER BY slot DESC, failed, rowid DESC LIMIT 1)"
            " FROM (SELECT DISTINCT meter FROM record WHERE device = ?1 AND stream = 'reading')"
            " AS known",
            device,
        )
        readings = [_reading(content) for (content,) in rows]
        return {reading.meter: reading for reading in readings}

    def slots(self, device: str) -> list[Slot]:
        """Return the slots that have readings, newest first."""
        rows = self._all(
            "SELECT task, slot, count(DISTINCT meter) FROM record WHERE device = ?"
            " AND stream = 'reading' AND slot IS NOT NULL GROUP BY task, slot ORDER BY slot DESC",
            device,
        )
        return [Slot(*row) for row in rows]

    def complete_slots(self, device: str, meters: int) -> int:
        """Return how many slots have a record, good or failed, of at least so many meters."""
        return sum(slot.meters >= meters for slot in self.slots(device))

    def records(self, device: str) -> list[Reading]:
        """Return every reading in the order they were made, replaced ones included."""
        rows = self._all(
            "SELECT content FROM record WHERE device = ? AND stream = 'reading'"
            " ORDER BY epoch, seq",
            device,
        )
        return [_reading(content) for (content,) in rows]

    def tally(self, device: str, stream: str) -> tuple[int, int, int]:
        """Return how many batches came, copies of records in them, and copies that differed."""
        rows = self._all(
            "SELECT batches, redelivered, conflicting FROM tally WHERE device = ? AND stream = ?",
            device,
            stream,
        )
        return rows[0] if rows else (0, 0, 0)

    # What is missing

    def missing(
        self, device: str, stream: str = "reading", written: Mapping[int, int] | None = None
    ) -> list[Hole]:
        """Return (epoch, first, last) of what neither came nor was reported as a gap.

        `written` holds, by epoch, the highest sequence number known from elsewhere to exist.
        """
        return self._account(device, stream, written)[1]

    def summary(
        self, device: str, stream: str = "reading", written: Mapping[int, int] | None = None
    ) -> Summary:
        """Return the totals of a stream over all epochs; `written` as for `missing()`."""
        with self._lock:
            expected, holes = self._account(device, stream, written)
            received = self._number(
                "SELECT count(*) FROM record WHERE device = ? AND stream = ?", device, stream
            )
            duplicated = self._number(
                "SELECT ifnull(sum(copies), 0) FROM"
                " (SELECT count(*) - count(DISTINCT failed) AS copies FROM record WHERE device = ?"
                "  AND stream = ? AND slot IS NOT NULL GROUP BY task, slot, meter)",
                device,
                stream,
            )
            _, redelivered, conflicting = self.tally(device, stream)
        missing = sum(last - first + 1 for _, first, last in holes)
        return Summary(
            expected=expected,
            received=received,
            missing=missing,
            reported=expected - received - missing,
            redelivered=redelivered,
            conflicting=conflicting,
            duplicated=duplicated,
        )

    def _account(
        self, device: str, stream: str, written: Mapping[int, int] | None
    ) -> tuple[int, list[Hole]]:
        """Return how many sequence numbers there are, and the unexplained holes among them."""
        covered = self._all(
            # Consecutive numbers minus their rank are equal: that makes runs into groups.
            "SELECT epoch, min(seq), max(seq) FROM (SELECT epoch, seq,"
            "  seq - row_number() OVER (PARTITION BY epoch ORDER BY seq) AS run"
            "  FROM record WHERE device = ?1 AND stream = ?2) GROUP BY epoch, run"
            " UNION SELECT epoch, first, last FROM gap WHERE device = ?1 AND stream = ?2"
            " ORDER BY 1, 2",
            device,
            stream,
        )
        ends = [(epoch, last + 1, last) for epoch, last in (written or {}).items()]
        seen: dict[int, int] = {}
        holes = []
        for epoch, first, last in (*covered, *ends):
            before = seen.get(epoch, 0)
            if first > before + 1:
                holes.append((epoch, before + 1, first - 1))
            seen[epoch] = max(before, last)
        return sum(seen.values()), holes

    # SQLite

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                with self._db:
                    yield
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

    def _newest_note(self, device: str, kind: str) -> Note | None:
        rows = self._all(
            "SELECT content FROM note WHERE device = ? AND kind = ? ORDER BY id DESC LIMIT 1",
            device,
            kind,
        )
        return Note(device, kind, json.loads(rows[0][0])) if rows else None


def _reading(content: str) -> Reading:
    fields = json.loads(content)
    lists = {name: tuple(fields[name]) for name in ("items", "scale", "data")}
    return Reading(**{**fields, **lists})
