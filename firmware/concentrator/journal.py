"""The journal: an append-only ring of flash erase blocks.

Everything that happens is written here before anybody may see it, and stays until the uplink says
that it was acknowledged. Three streams share the ring, each with sequence numbers of its own.

A block begins with a header, a log of records follows, FFH is the end. Nothing is rewritten: the
way to change a thing is to append its new value. Blocks are used in ring order, each erased just
before its turn, and carry a serial number that counts up for ever, so the newest is found by a
binary search over the headers. Power may fail at any instant: a torn header makes its block free,
a torn record ends its block, and neither is ever read as data (CRC).

Header, 48 bytes, little-endian: magic "MRJ1", version (1 byte), streams (1), blocks in the ring
(2), epoch (4), serial (4), times erased (4), next sequence number of each stream (3 x 4), cursor
of each stream (3 x 4), CRC-32 of the foregoing (4). Magic, version, blocks and CRC keep their
places in every version.

Record: payload size (1 byte, at most 250), kind (1), CRC (2), payload. The CRC is the low half of
the CRC-32 over the block's serial (4 bytes), size, kind and payload. Kinds 0 to 2 are records of
that stream; their sequence numbers are not stored but counted from the header. Other kinds:

    10H  checkpoint: cursor of each stream (3 x 4), then for every range of records that were
         acknowledged ahead of the cursor: stream (1), first (4), count (4)
    11H  context: key (1 byte), body. Context says what records mean; the newest body of each key
         is repeated at the start of every block, so that every block can be read by itself.
         Keys from 80H on are no context but the latest value of something, kept the same way.
"""

import asyncio
import binascii
import struct

from micropython import const

from . import log

READING = const(0)
FREEZE = const(1)
EVENT = const(2)
STREAMS = ("reading", "freeze", "event")

MAX_PAYLOAD = const(250)

_MAGIC = b"MRJ1"
_VERSION = const(1)
_HEADER = "<4sBBHIII3I3II"
_HEADER_SIZE = const(48)
_RECORD_SIZE = const(4)  # header of a record
_CHECKPOINT = const(0x10)
_CONTEXT = const(0x11)
_VALUES = const(0x80)  # keys from here on say nothing about records
_BLANK = b"\xff" * (_RECORD_SIZE + MAX_PAYLOAD)
_MAX_RANGES = const(16)
_CHECKPOINT_SIZE = const(156)  # of the longest
_NEIGHBOURS = const(2)  # so many blocks in a row may be without a header inside the ring
_LOOK_BACK = const(8)  # so many blocks in a row may be without their context: see context()

_IOCTL_BLOCK_COUNT = const(4)  # of the extended block-device protocol
_IOCTL_BLOCK_SIZE = const(5)
_IOCTL_BLOCK_ERASE = const(6)

_log = log.get("journal")


class JournalError(Exception):
    """The flash cannot be used as a journal; the text says why and what to do."""


class _Header:
    """The header of one block, or what a block that was never written has in its place."""

    def __init__(self, data, blocks):
        fields = struct.unpack(_HEADER, data)
        check = binascii.crc32(memoryview(data)[: _HEADER_SIZE - 4])
        self.whole = fields[0] == _MAGIC and check == fields[13]
        self.valid = self.whole and fields[1] == _VERSION and fields[3] == blocks
        self.blank = data == _BLANK[:_HEADER_SIZE]
        self.version = fields[1]
        self.blocks = fields[3]
        self.epoch, self.serial, self.erased = fields[4:7]
        self.next = fields[7:10]
        self.cursor = fields[10:13]


class Journal:
    """The ring on a block device with the extended protocol. Call mount() before all else.

    `appended` is an asyncio.Event set at every append, for the one task that publishes: it waits
    for the event and clears it.
    """

    def __init__(self, flash):
        self._flash = flash
        self._blocks = flash.ioctl(_IOCTL_BLOCK_COUNT, 0)
        self._block_size = flash.ioctl(_IOCTL_BLOCK_SIZE, 0)
        self._buffer = bytearray(_RECORD_SIZE + MAX_PAYLOAD)
        self._view = memoryview(self._buffer)
        self._seed = bytearray(4)
        self._context = {}
        self._context_room = (  # what a block has besides the largest checkpoint and record
            self._block_size
            - _HEADER_SIZE
            - (_RECORD_SIZE + _CHECKPOINT_SIZE)
            - (_RECORD_SIZE + MAX_PAYLOAD)
        )
        self._ranges = []  # [stream, first, count] acknowledged ahead of the cursor
        self._dirty = False  # cursor or ranges differ from the newest checkpoint
        self._prepared = None  # serial whose block was erased ahead
        self.appended = asyncio.Event()
        self.epoch = 0
        self.erases = 0  # since mount
        self.overrun = 0  # records erased before they were acknowledged, since mount

    # --- Mounting -----------------------------------------------------------------------------

    def mount(self, epoch):
        """Find the end of the log. Blank flash becomes a new journal of that epoch.

        JournalError when the flash holds something else: it is never erased silently.
        """
        if self._context_room < 0:
            raise JournalError("blocks of %d bytes are too small" % self._block_size)
        newest = self._find_newest()
        if newest is None:
            self._refuse_foreign()
            _log.info("blank flash, new journal with epoch %d", epoch)
            self.epoch = epoch
            self._next = [1, 1, 1]
            self._cursor = [1, 1, 1]
            self._tail = 0
            self._oldest = [1, 1, 1]
            self._open(0)
            return
        self.epoch = newest.epoch
        self._serial = newest.serial
        self._next = list(newest.next)
        self._cursor = list(newest.cursor)
        self._tail, oldest = self._next_header(max(0, newest.serial - self._blocks + 1))
        self._oldest = oldest.next  # numbers of the first records of the tail
        self._scan(newest)
        _log.info(
            "mounted, epoch %d, blocks %d to %d, next %s, cursor %s",
            self.epoch,
            self._tail,
            self._serial,
            self._next,
            self._cursor,
        )

    def _header(self, serial):
        """The header in the block that has, or would have, this serial; None if not valid."""
        header = self._read_header(serial % self._blocks)
        return header if header.valid and header.serial == serial else None

    def _read_header(self, block):
        data = bytearray(_HEADER_SIZE)
        self._flash.readblocks(block, data, 0)
        return _Header(data, self._blocks)

    def _next_header(self, serial):
        """(serial, header) of the first block from `serial` on that has its header."""
        header = self._header(serial)
        while header is None and serial < self._serial:
            serial += 1  # without its header a block's records have no numbers: they are lost
            header = self._header(serial)
        return serial, header

    def _find_newest(self):
        # Serials rise by one from block to block, up to the newest; behind it they are older by
        # one turn of the ring, or the block is blank or torn. At most two neighbours are without
        # a header: the one being opened and the one erased ahead of it. More are damage, which
        # does not end the search.
        newest = None
        base = 0
        while base < self._blocks:
            first = self._read_header(base)
            if first.valid and (newest is None or first.serial > newest.serial):
                low, high = base, self._blocks - 1
                while low < high:
                    middle = (low + high + 1) // 2
                    header = self._read_header(middle)
                    if header.valid and header.serial == first.serial + middle - base:
                        low = middle
                    else:
                        high = middle - 1
                newest = self._read_header(low)
                base = low  # behind a header that went bad the log may go on: look further
                tries = 0
            elif newest is None:
                tries = base
            else:
                tries += 1
            if tries > _NEIGHBOURS and (first.valid or first.blank):
                break
            base += 1
        return newest

    def _refuse_foreign(self):
        for block in range(self._blocks):
            header = self._read_header(block)
            if header.whole:
                raise JournalError(
                    "the journal in flash has format version %d and %d blocks, this firmware "
                    "has version %d and %d blocks; use the firmware that wrote it, or format the "
                    "flash if its records are not needed"
                    % (header.version, header.blocks, _VERSION, self._blocks)
                )
            # The first block may hold what a power cut left of the very first header.
            if block and not self._is_blank(block, 0):
                raise JournalError(
                    "block %d of the journal's flash holds something that is no journal; format "
                    "the flash if that is not needed" % block
                )

    def _is_blank(self, block, offset):
        view = self._view
        while offset < self._block_size:
            size = min(len(view), self._block_size - offset)
            self._flash.readblocks(block, view[:size], offset)
            if view[:size] != _BLANK[:size]:
                return False
            offset += size
        return True

    def _scan(self, header):
        """Read the newest block to its end: sequence numbers, checkpoint, where to go on."""
        block = header.serial % self._blocks
        offset = _HEADER_SIZE
        while True:
            size, kind = self._read_record(header.serial, offset, self._view)
            if size < 0:
                break
            if kind < len(STREAMS):
                self._next[kind] += 1
            elif kind == _CHECKPOINT:
                self._load_checkpoint(size)
            elif kind == _CONTEXT:
                self._context[self._buffer[0]] = bytes(self._view[1:size])
            offset += _RECORD_SIZE + size
        self._offset = offset
        if not self._is_blank(block, offset):
            # Behind a torn record there is no telling what was programmed: take a fresh block.
            self._offset = self._block_size
            if not self._is_torn(block, offset):
                self._skip_lost(header.serial, offset)
        newer = header.serial + 1
        size = self._read_record(newer, _HEADER_SIZE, self._view)[0]
        second = _HEADER_SIZE + _RECORD_SIZE + size
        # Two records with its serial are no chance: there was a newer block, its header is bad.
        if size >= 0 and self._read_record(newer, second, self._view)[0] >= 0:
            self._skip_lost(newer, _HEADER_SIZE)

    def _is_torn(self, block, offset):
        """Whether the record at `offset` was the last; a size torn while written is too large."""
        self._flash.readblocks(block, self._view[:1], offset)
        return self._is_blank(block, offset + _RECORD_SIZE + min(self._view[0], MAX_PAYLOAD))

    def _skip_lost(self, serial, offset):
        """Count the records behind damage: their numbers were used, they are to be a gap."""
        damaged = offset
        while offset + _RECORD_SIZE <= self._block_size:
            size, kind = self._read_record(serial, offset, self._view)
            if size < 0 or not (kind < len(STREAMS) or kind in (_CHECKPOINT, _CONTEXT)):
                offset += 1
                continue
            for stream in range(len(STREAMS)):
                # As many as there can have been: better a number lost than one used twice.
                self._next[stream] += (offset - damaged) // _RECORD_SIZE + (kind == stream)
            offset += _RECORD_SIZE + size
            damaged = offset

    def _load_checkpoint(self, size):
        self._cursor = list(struct.unpack_from("<3I", self._buffer, 0))
        self._ranges = [
            list(struct.unpack_from("<BII", self._buffer, at)) for at in range(12, size, 9)
        ]

    # --- Writing ------------------------------------------------------------------------------

    def append(self, stream, payload, size=-1):
        """Write one record; when this returns it is in flash. Returns its sequence number.

        ValueError when it is longer than MAX_PAYLOAD.
        """
        self._write(stream, payload, len(payload) if size < 0 else size)
        self.appended.set()
        return self._next[stream] - 1

    def set_context(self, key, body):
        """Say what records written from now on mean. `key` 0 to 255, `body` at most 249 bytes.

        ValueError when all context together leaves no room for records in a block.
        """
        if self._context.get(key) == body:
            return
        size = _RECORD_SIZE + 1 + len(body)
        for other in self._context:
            if other != key:
                size += _RECORD_SIZE + 1 + len(self._context[other])
        if size > self._context_room:
            raise ValueError(
                "all context has at most %d bytes, not %d" % (self._context_room, size)
            )
        self._write(_CONTEXT, bytes([key]) + body, len(body) + 1)
        self._context[key] = body

    def context(self, key):
        """The newest body of a key, None when there is none.

        Power may have failed when the newest block had its header but not yet all context; then
        the blocks before have it. Who wants to keep it sets it before anything else is written.
        """
        body = self._context.get(key)
        serial = self._serial
        last = max(self._tail, serial - _LOOK_BACK)
        while body is None and serial > last:
            serial -= 1
            if self._header(serial):
                body = self._find_context(serial, key)
        return body

    def _find_context(self, serial, key):
        body = None
        offset = _HEADER_SIZE
        while True:
            size, kind = self._read_record(serial, offset, self._view)
            if size < 0:
                return body
            if kind == _CONTEXT and self._buffer[0] == key:
                body = bytes(self._view[1:size])
            offset += _RECORD_SIZE + size

    def _write(self, kind, payload, size):
        if size > MAX_PAYLOAD:
            raise ValueError("a record has at most %d bytes, not %d" % (MAX_PAYLOAD, size))
        if self._offset + _RECORD_SIZE + size > self._block_size:
            self._open(self._serial + 1)
        buffer = self._buffer
        buffer[0] = size
        buffer[1] = kind
        buffer[_RECORD_SIZE : _RECORD_SIZE + size] = memoryview(payload)[:size]
        check = self._check(
            self._serial, size, kind, self._view[_RECORD_SIZE : _RECORD_SIZE + size]
        )
        struct.pack_into("<H", buffer, 2, check)
        block = self._serial % self._blocks
        offset = self._offset
        # Should the flash fail now, the rest of the block and the number count as used.
        self._offset = self._block_size
        if kind < len(STREAMS):
            self._next[kind] += 1
        self._flash.writeblocks(block, self._view[: _RECORD_SIZE + size], offset)
        self._offset = offset + _RECORD_SIZE + size

    def _check(self, serial, size, kind, payload):
        struct.pack_into("<I", self._seed, 0, serial)
        check = binascii.crc32(self._seed)
        self._seed[0] = size
        self._seed[1] = kind
        check = binascii.crc32(memoryview(self._seed)[:2], check)
        return binascii.crc32(payload, check) & 0xFFFF

    def prepare(self):
        """Erase the block that comes next when it will soon be needed. Call in idle moments.

        Returns whether a block was erased (which takes tens of milliseconds on real flash). Not
        before the present block is half full: a device that boots again and again would wear out
        one block.
        """
        if self._prepared == self._serial + 1 or self._offset < self._block_size // 2:
            return False
        self._erase(self._serial + 1)
        return True

    def _erase(self, serial):
        block = serial % self._blocks
        old = self._read_header(block)
        self._wear = (old.erased if old.valid else serial // self._blocks) + 1
        self._prepared = None
        if serial - self._blocks >= self._tail:
            self._leave(serial - self._blocks)
        self._flash.ioctl(_IOCTL_BLOCK_ERASE, block)
        self._prepared = serial
        self.erases += 1

    def _leave(self, serial):
        """The block of that serial goes: move the tail on, count what was not acknowledged."""
        self._tail, header = self._next_header(serial + 1)
        for stream in range(len(STREAMS)):
            self.overrun += self._unacknowledged(stream, self._oldest[stream], header.next[stream])
        self._oldest = header.next

    def _open(self, serial):
        # Never trusted across a mount: a block whose erase was cut short can look blank.
        if self._prepared != serial:
            self._erase(serial)
        self._prepared = None
        self._offset = self._block_size  # whatever comes now, the block before is closed
        header = bytearray(_HEADER_SIZE)
        fields = [_MAGIC, _VERSION, len(STREAMS), self._blocks, self.epoch, serial, self._wear]
        struct.pack_into(_HEADER, header, 0, *fields, *self._next, *self._cursor, 0)
        check = binascii.crc32(memoryview(header)[: _HEADER_SIZE - 4])
        struct.pack_into("<I", header, _HEADER_SIZE - 4, check)
        self._flash.writeblocks(serial % self._blocks, header, 0)
        self._serial = serial
        self._offset = _HEADER_SIZE
        for key in self._context:
            body = self._context[key]
            self._write(_CONTEXT, bytes([key]) + body, len(body) + 1)
        if self._ranges:
            self._dirty = True
            self.checkpoint()

    # --- Acknowledging ------------------------------------------------------------------------

    def acknowledge(self, stream, first, count):
        """Records `first` to `first + count - 1` have arrived: they need not be kept any more.

        Order doesn't matter; what is ahead of the cursor is remembered as ranges. Takes effect
        in flash with the next checkpoint(); power failing before it means sending again.
        """
        if first + count > self._cursor[stream]:
            self._dirty = True
            self._ranges.append([stream, first, count])
            self._merge()

    def _merge(self):
        """Sort the ranges, join neighbours, move cursors over ranges that they have reached."""
        self._ranges.sort()
        merged = []
        for stream, first, count in self._ranges:
            last = first + count
            if first <= self._cursor[stream]:
                self._cursor[stream] = max(self._cursor[stream], last)
            elif merged and merged[-1][0] == stream and first <= merged[-1][1] + merged[-1][2]:
                merged[-1][2] = max(merged[-1][1] + merged[-1][2], last) - merged[-1][1]
            else:
                merged.append([stream, first, count])
        # What is forgotten here is merely sent again: the receiver knows it by its number.
        self._ranges = merged[:_MAX_RANGES]

    def checkpoint(self):
        """Write cursors and ranges to flash if they have changed."""
        if not self._dirty:
            return
        payload = bytearray(12 + 9 * len(self._ranges))
        struct.pack_into("<3I", payload, 0, *self._cursor)
        at = 12
        for entry in self._ranges:
            struct.pack_into("<BII", payload, at, *entry)
            at += 9
        self._write(_CHECKPOINT, payload, at)
        self._dirty = False

    # --- State --------------------------------------------------------------------------------

    def cursor(self, stream):
        """First record of a stream that was not acknowledged yet."""
        return self._cursor[stream]

    def next(self, stream):
        """Sequence number that the stream's next record will get."""
        return self._next[stream]

    def unsent(self, stream):
        """How many records of the stream wait to be acknowledged."""
        return self._unacknowledged(stream, 1, self._next[stream])

    def waiting(self):
        """How many records of all streams wait to be acknowledged."""
        return sum(self.unsent(stream) for stream in range(len(STREAMS)))

    def _unacknowledged(self, stream, first, end):
        first = max(first, self._cursor[stream])
        count = max(0, end - first)
        for entry_stream, entry_first, entry_count in self._ranges:
            if entry_stream == stream:
                common = min(end, entry_first + entry_count) - max(first, entry_first)
                count -= max(0, common)
        return count

    def skip_acknowledged(self, stream, sequence):
        """The first number from `sequence` on that was not acknowledged."""
        sequence = max(sequence, self._cursor[stream])
        for entry_stream, first, count in self._ranges:
            if entry_stream == stream and first <= sequence < first + count:
                sequence = first + count
        return sequence

    def blocks_used(self):
        """(blocks that hold records, blocks in all)."""
        return self._serial - self._tail + 1, self._blocks

    # --- Reading ------------------------------------------------------------------------------

    def _read_record(self, serial, offset, view):
        """Read the record at `offset` into `view`; (size, kind), size -1 at the end of the log."""
        if offset + _RECORD_SIZE > self._block_size:
            return -1, 0
        block = serial % self._blocks
        head = bytearray(_RECORD_SIZE)
        self._flash.readblocks(block, head, offset)
        size, kind, check = struct.unpack("<BBH", head)
        if size > MAX_PAYLOAD or offset + _RECORD_SIZE + size > self._block_size:
            return -1, 0
        payload = view[:size]
        self._flash.readblocks(block, payload, offset + _RECORD_SIZE)
        if self._check(serial, size, kind, payload) != check:
            return -1, 0
        return size, kind

    def reader(self, stream):
        """A Reader of one stream, at its cursor."""
        return Reader(self, stream)


class Reader:
    """Goes through the records of one stream in order; several may read at a time.

    `context` has what was valid for the record read last: {key: body}.
    """

    def __init__(self, journal, stream):
        self._journal = journal
        self._stream = stream
        self._view = memoryview(bytearray(MAX_PAYLOAD))
        self.context = {}
        self.seek(journal.cursor(stream))

    def seek(self, sequence):
        """Go to a sequence number: the next read() gives that record, or the first after it."""
        self._wanted = sequence
        low, high = self._journal._tail, self._journal._serial
        found = low
        while low < high:
            middle = whole = (low + high + 1) // 2
            header = self._journal._header(whole)
            while header is None and whole > low:
                whole -= 1
                header = self._journal._header(whole)
            if header is not None and header.next[self._stream] > sequence:
                high = whole - 1
            else:
                low = middle
                found = found if header is None else whole
        self._enter(found)

    def _enter(self, serial):
        self._serial, header = self._journal._next_header(serial)
        self._offset = _HEADER_SIZE
        self._sequence = header.next[self._stream]

    def read(self):
        """The next record: (sequence number, payload), or None at the end of the journal.

        The payload is a memoryview that the next read() overwrites. A number larger than the one
        expected means that the records between were lost: overrun, or damaged flash.
        """
        journal = self._journal
        if self._serial < journal._tail:
            self.seek(self._wanted)  # the ring has come round: what was here is gone
        while True:
            size, kind = journal._read_record(self._serial, self._offset, self._view)
            if size < 0:
                if self._serial >= journal._serial:
                    return None
                self._enter(self._serial + 1)
                continue
            self._offset += _RECORD_SIZE + size
            if kind == _CONTEXT:
                if self._view[0] < _VALUES:
                    self.context[self._view[0]] = bytes(self._view[1:size])
            elif kind == self._stream:
                sequence = self._sequence
                self._sequence += 1
                if sequence >= self._wanted:
                    self._wanted = sequence + 1
                    return sequence, self._view[:size]
