# SPDX-License-Identifier: MIT
# Readings and tasks as the journal holds them. Run by MicroPython, from the repository's root.

from concentrator import journal, records
from concentrator.records import FIXED_SIZE, VALUE_SIZE, Reading
from fakes import raises

SLOT = 1788220800


def reading(values, offset=12):
    return Reading(3, 64, SLOT, offset, 1, 20, values)


def packed(values, offset=12):
    buffer = bytearray(FIXED_SIZE + VALUE_SIZE * len(values))
    return bytes(buffer[: records.pack_reading(reading(values, offset), buffer)])


def check_round_trip(values):
    data = packed(values)
    got = records.unpack_reading(data, len(data))
    assert got.values == values, (got.values, values)
    assert (got.task, got.meter, got.slot, got.offset) == (3, 64, SLOT, 12)
    assert (got.clock, got.quality) == (1, 20)


def test_readings_survive_the_round_trip():
    check_round_trip([])
    check_round_trip([None])
    check_round_trip([0])
    check_round_trip([None, 0, None, 1, -1, None])
    check_round_trip([2**31, -(2**31), 2**40, -(2**40), 2**63, -(2**63), 10**12, 5])


def test_values_around_every_length_survive_the_round_trip():
    for bits in range(64):
        for value in (2**bits - 1, 2**bits, 2**bits + 1):
            check_round_trip([value, -value, None, value])


def test_sizes_are_as_stated():
    assert FIXED_SIZE == 10
    assert len(packed([])) == FIXED_SIZE
    for value, size in ((None, 1), (0, 1), (-1, 1), (63, 1), (-63, 1), (64, 2), (-64, 2)):
        assert len(packed([value])) == FIXED_SIZE + size, value
    assert len(packed([8190])) == FIXED_SIZE + 2
    assert len(packed([99999999])) == FIXED_SIZE + 4  # the largest reading of most meters
    for value in (2**63, -(2**63)):
        assert len(packed([value])) == FIXED_SIZE + VALUE_SIZE
    assert FIXED_SIZE + 8 * VALUE_SIZE <= journal.MAX_PAYLOAD


def test_the_bytes_are_as_documented():
    expected = b"\x03\x40\x01\x14" + SLOT.to_bytes(4, "little") + b"\x0c\x00"
    assert packed([None, 0, -1, 1, 300]) == expected + b"\x00\x01\x02\x03\xd9\x04"


def test_truncated_bytes_are_refused():
    data = packed([2**40, 7, 2**40])
    whole = [i for i in range(len(data) + 1) if i in (FIXED_SIZE, FIXED_SIZE + 6, FIXED_SIZE + 7)]
    for size in range(len(data)):
        if size in whole:
            # Between values there is no telling; the journal's CRC covers that.
            assert records.unpack_reading(data, size).values == [2**40, 7][: whole.index(size)]
        else:
            raises(ValueError, records.unpack_reading, data, size)
            raises(ValueError, records.unpack_reading, data[:size], size)


def test_only_the_given_size_of_a_larger_buffer_counts():
    data = packed([1, 2])
    assert records.unpack_reading(data + b"\x80\x80", len(data)).values == [1, 2]
    assert records.unpack_reading(memoryview(data + b"\x09"), len(data)).values == [1, 2]


def test_a_reading_that_is_very_late_says_the_most_it_can():
    data = packed([1], offset=100000)
    assert records.unpack_reading(data, len(data)).offset == 65535


def test_tasks_survive_the_round_trip():
    items = ["energy.forward.total", "voltage.a"]
    data = records.pack_task("load15", items, [-2, -1])
    assert isinstance(data, bytes)
    assert list(records.unpack_task(data)) == ["load15", items, [-2, -1]]


def test_a_task_of_eight_items_fits_a_context_record():
    names = sorted(["energy.forward.rate%d" % i for i in range(1, 5)])
    names += ["energy.forward.total", "power.active.total", "voltage.a", "current.a"]
    data = records.pack_task("a-name-of-20-letters", names, [-2] * 8)
    assert len(data) + 1 <= journal.MAX_PAYLOAD, len(data)
