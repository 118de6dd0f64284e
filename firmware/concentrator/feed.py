"""From journal to MQTT: cuts a stream of records into batches.

A batch is one message: a run of consecutive records that belong together, or the report of a gap.
"""

import json

from micropython import const

from . import journal, payloads, records

MAX_ROWS = const(64)
_MAX_BYTES = const(8000)  # a payload that every cloud takes
_HEAD_BYTES = const(400)  # of it, what is not rows


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

    def __init__(self, log, device, stream, kind, first, end=None):
        self._log = log
        self._device = device
        self._stream = stream
        self._kind = kind
        self._end = end
        self._reader = log.reader(stream)
        self._position = first  # the next record to put into a batch
        self._held = None  # (number, key, text): read, but of the batch after the present one
        self._clear()
        self._reader.seek(first)

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
            wanted = self._log.skip_acknowledged(self._stream, self._position)
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
        record = self._reader.read()
        if record is None:
            return None
        number, payload = record
        if self._end is not None and number >= self._end:
            return self._end, None, ""  # lost up to the end: a gap, and nothing behind it
        if self._stream == journal.EVENT:
            return number, None, str(payload, "utf-8")
        reading = records.unpack_reading(payload, len(payload))
        row = [reading.meter, reading.offset, reading.quality] + reading.values
        task = self._reader.context.get(reading.task)
        key = (task, reading.slot, reading.clock)
        return number, key, json.dumps(row, separators=(",", ":"))

    def _finish(self):
        epoch = self._log.epoch
        if self._stream == journal.EVENT:
            payload = payloads.events(self._device, epoch, self._first, self._texts)
        else:
            task, slot, clock = self._key
            payload = payloads.readings(
                self._device,
                epoch,
                self._first,
                records.unpack_task(task),
                slot,
                clock,
                self._texts,
            )
        batch = Batch(self._stream, self._kind, self._first, len(self._texts), payload)
        self._clear()
        return batch

    def _gap(self, found):
        first = self._position
        name = journal.STREAMS[self._stream]
        payload = payloads.gap(self._device, self._log.epoch, name, first, found - 1)
        self._position = found
        if self._end is not None and found >= self._end:
            self._held = None
        return Batch(self._stream, self._kind, first, found - first, payload)
