"""From journal to MQTT: cuts a stream of records into batches.

A batch is one message: a run of consecutive records that belong together, or the report of a gap.
"""

import json

from micropython import const

from . import log, payloads, quality, records
from .journal import EVENT, STREAMS

MAX_ROWS = const(64)
_MAX_BYTES = const(8000)  # a payload that every cloud takes
_HEAD_BYTES = const(400)  # of it, what is not rows

_log = log.get("feed")


class Batch:
    """Records `first` to `first + count - 1` of `stream`, as `payload` for the topic `kind`."""

    __slots__ = ("count", "first", "kind", "payload", "stream")

    def __init__(self, stream, kind, first, count, payload):
        self.stream = stream
        self.kind = kind
        self.first = first
        self.count = count
        self.payload = payload


class Feed:
    """Batches of one stream's records from number `first` to before `end` (None: no end).

    What was acknowledged already is left out.
    """

    def __init__(self, journal, device, stream, kind, first, end=None):
        self._journal = journal
        self._device = device
        self._stream = stream
        self._kind = kind
        self._begin = first
        self._end = end
        self._reader = journal.reader(stream)
        self._position = first  # the next record to put into a batch
        self._held = None  # (number, key, text): read, but of the batch after the present one
        self._clear()
        self._reader.seek(first)

    def recheck(self):
        """Go back to what was given out and has never been acknowledged; returns whether any was.

        To be called when nothing is under way: the journal remembers a limited number of ranges
        acknowledged ahead of its cursor, and what it had to forget is sent once more.
        """
        forgotten = self._journal.skip_acknowledged(self._stream, self._begin)
        if forgotten >= (self._first if self._texts else self._position):
            return False
        self._position = forgotten
        self._held = None
        self._clear()
        self._reader.seek(forgotten)
        return True

    def _clear(self):
        self._first = None
        self._key = None
        self._texts = []
        self._size = _HEAD_BYTES

    def next(self, flush):
        """The next batch, or None when there is nothing to send.

        A batch that might still grow is given only with `flush`.
        """
        while True:
            wanted = self._journal.skip_acknowledged(self._stream, self._position)
            if wanted > self._position:
                if self._texts:
                    return self._finish()
                self._position = wanted
                self._held = None
                self._reader.seek(wanted)
            record = self._held or self._read()
            if record is None:
                finished = self._end is not None and self._position >= self._end
                return self._finish() if self._texts and (flush or finished) else None
            self._held = record
            number, key, text = record
            if number > self._position:
                return self._finish() if self._texts else self._gap(number)
            if self._texts and (
                key != self._key
                or len(self._texts) >= MAX_ROWS
                or self._size + len(text) > _MAX_BYTES
            ):
                return self._finish()
            if not self._texts:
                self._first = number
                self._key = key
            self._texts.append(text)
            self._size += len(text) + 1
            self._held = None
            self._position = number + 1
            if len(self._texts) == MAX_ROWS:
                return self._finish()

    def _read(self):
        if self._end is not None and self._position >= self._end:
            return None
        while True:
            record = self._reader.read()
            if record is None:
                return None
            number, payload = record
            if self._end is not None and number >= self._end:
                return self._end, None, b""  # lost up to the end: a gap, and nothing behind it
            try:
                key, text = self._convert(payload)
                return number, key, text
            except ValueError as error:
                # It must not stop what comes behind it: it becomes a gap.
                _log.error("%s %d: %s", STREAMS[self._stream], number, error)

    def _convert(self, payload):
        """(what all rows of a batch have in common, the JSON of one row)."""
        if self._stream == EVENT:
            str(payload, "utf-8")  # or ValueError
            return None, bytes(payload)
        reading = records.unpack_reading(payload, len(payload))
        task = self._reader.context.get(reading.task)
        if task is None:
            raise ValueError("no task %d is known" % reading.task)
        row = [reading.meter, reading.offset, reading.quality] + reading.values
        text = json.dumps(row, separators=(",", ":")).encode()
        kind = "hist" if reading.quality == quality.FROZEN else self._kind
        return (task, reading.slot, reading.clock, kind), text

    def _finish(self):
        epoch = self._journal.epoch
        kind = self._kind
        if self._stream == EVENT:
            payload = payloads.events(self._device, epoch, self._first, self._texts)
        else:
            task, slot, clock, kind = self._key
            payload = payloads.readings(
                self._device,
                epoch,
                self._first,
                records.unpack_task(task),
                slot,
                clock,
                self._texts,
            )
        batch = Batch(self._stream, kind, self._first, len(self._texts), payload)
        self._clear()
        return batch

    def _gap(self, found):
        first = self._position
        name = STREAMS[self._stream]
        payload = payloads.gap(self._device, self._journal.epoch, name, first, found - 1)
        self._position = found
        if self._end is not None and found >= self._end:
            self._held = None
        return Batch(self._stream, self._kind, first, found - first, payload)
