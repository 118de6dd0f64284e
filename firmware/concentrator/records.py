"""What the journal holds, byte by byte: readings, and the tasks they were made for.

A reading is: task number, meter number, clock quality, quality (1 byte each), slot (4, seconds
since 1970 UTC), seconds after the slot at which it was read (2), then one value per item. All
little-endian. A value is 00H for "none", else a varint (7 bits a byte, least significant first)
of its zig-zag code plus one, so that small values of either sign are short.

A task is JSON: its name, item names and their scales. It stands in the journal before the first
reading made for it, and again in every block, so that readings keep their meaning when the
configuration changes.
"""

import json
import struct

from micropython import const

_FIXED = "<BBBBIH"
FIXED_SIZE = struct.calcsize(_FIXED)  # bytes of a reading without values
MAX_METERS = const(64)
VALUE_SIZE = const(10)  # bytes of the longest value


class Reading:
    """One meter, one slot, one task: a value or None per item, and a quality."""

    __slots__ = ("clock", "meter", "offset", "quality", "slot", "task", "values")

    def __init__(self, task, meter, slot, offset, clock, quality, values):
        self.task = task
        self.meter = meter
        self.slot = slot
        self.offset = offset
        self.clock = clock
        self.quality = quality
        self.values = values


def pack_reading(reading, buffer):
    """Write a reading into `buffer` (FIXED_SIZE + VALUE_SIZE bytes a value); returns its size."""
    struct.pack_into(
        _FIXED,
        buffer,
        0,
        reading.task,
        reading.meter,
        reading.clock,
        reading.quality,
        reading.slot,
        min(reading.offset, 0xFFFF),
    )
    at = FIXED_SIZE
    for value in reading.values:
        code = 0
        if value is not None:
            code = (value << 1 if value >= 0 else (-value << 1) - 1) + 1
        while code > 0x7F:
            buffer[at] = code & 0x7F | 0x80
            code >>= 7
            at += 1
        buffer[at] = code
        at += 1
    return at


def unpack_reading(buffer, size):
    """The reading in the first `size` bytes of `buffer`; ValueError when they end too soon."""
    if size < FIXED_SIZE:
        raise ValueError("reading of only %d bytes" % size)
    task, meter, clock, quality, slot, offset = struct.unpack_from(_FIXED, buffer, 0)
    values = []
    code = shift = 0
    for at in range(FIXED_SIZE, size):
        byte = buffer[at]
        code |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            value = None
            if code:
                code -= 1
                value = -(code + 1 >> 1) if code & 1 else code >> 1
            values.append(value)
            code = shift = 0
    if shift:
        raise ValueError("reading ends inside a value")
    return Reading(task, meter, slot, offset, clock, quality, values)


def pack_task(name, items, scales):
    """The bytes that say what a task's readings mean."""
    return json.dumps([name, items, scales], separators=(",", ":")).encode()


def unpack_task(data):
    """(name, items, scales) of a task."""
    return json.loads(data)
