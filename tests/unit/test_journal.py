# SPDX-License-Identifier: MIT
# The journal on a flash that tears and refuses. Run by MicroPython, from the repository's root.

import binascii
import random
import struct

import flash
from concentrator import journal
from concentrator.journal import EVENT, FREEZE, READING, Journal, JournalError
from fakes import SEED, raises, seeded

STREAMS = (READING, FREEZE, EVENT)
EPOCH = 7
BLOCK = 512
HEADER_SIZE = 48
RECORD_SIZE = 4


def mounted(device, epoch=EPOCH):
    log = Journal(device)
    log.mount(epoch)
    return log


def fresh(blocks=4, block_size=BLOCK):
    device = flash.Flash(blocks, block_size)
    return device, mounted(device)


def text(stream, number, size=20):
    # A payload that tells whose it is.
    body = b"%d/%d " % (stream, number)
    return body + bytes((number + i) & 0xFF for i in range(size - len(body)))


def fill(log, count, stream=READING, size=20):
    for _ in range(count):
        number = log.append(stream, text(stream, log.next(stream), size))
        assert number == log.next(stream) - 1


def read_all(log, stream, first=1):
    reader = log.reader(stream)
    reader.seek(first)
    found = []
    while True:
        record = reader.read()
        if record is None:
            return found
        found.append((record[0], bytes(record[1])))


def numbers(log, stream, first=1):
    return [number for number, _ in read_all(log, stream, first)]


def per_block(size):
    return (BLOCK - HEADER_SIZE) // (RECORD_SIZE + size)


def header(serial, blocks, version=1, next_=(1, 1, 1), cursor=(1, 1, 1)):
    # The format as the docstring of journal.py has it.
    fields = (b"MRJ1", version, 3, blocks, EPOCH, serial, 1) + next_ + cursor
    data = struct.pack("<4sBBHIII3I3I", *fields)
    return data + struct.pack("<I", binascii.crc32(data))


# --- Appending and reading ---------------------------------------------------------------------


def test_what_was_appended_is_read_back_in_order_with_its_numbers():
    _, log = fresh()
    fill(log, 30)
    assert read_all(log, READING) == [(n, text(READING, n)) for n in range(1, 31)]
    assert numbers(log, READING, 12) == list(range(12, 31))
    assert numbers(log, READING, 31) == []


def test_the_three_streams_count_by_themselves():
    device, log = fresh()
    order = [EVENT, READING, READING, FREEZE, READING, EVENT]
    given = [log.append(stream, bytes([i])) for i, stream in enumerate(order)]
    assert given == [1, 1, 2, 1, 3, 2]
    for either in (log, mounted(device)):
        assert read_all(either, READING) == [(1, b"\x01"), (2, b"\x02"), (3, b"\x04")]
        assert read_all(either, FREEZE) == [(1, b"\x03")]
        assert read_all(either, EVENT) == [(1, b"\x00"), (2, b"\x05")]
        assert [either.next(stream) for stream in STREAMS] == [4, 2, 3]


def test_a_reader_at_the_end_goes_on_with_what_is_appended_later():
    _, log = fresh()
    reader = log.reader(EVENT)
    for n in range(1, 60):
        assert reader.read() is None
        fill(log, 1, EVENT)
        assert reader.read()[0] == n
    assert reader.read() is None


def test_append_takes_part_of_a_buffer_and_payloads_of_every_size():
    device, log = fresh(8)
    buffer = bytearray(range(250))
    sizes = [0, 1, 2, 249, 250, 0, 250]
    for size in sizes:
        log.append(READING, buffer, size)
    expected = [(i + 1, bytes(range(size))) for i, size in enumerate(sizes)]
    assert read_all(log, READING) == expected
    assert read_all(mounted(device), READING) == expected


def test_a_payload_of_ff_is_not_taken_for_the_end():
    device, log = fresh()
    for size in (0, 1, 250, 3):
        log.append(READING, b"\xff" * size)
    assert [len(p) for _, p in read_all(mounted(device), READING)] == [0, 1, 250, 3]


def test_a_record_of_251_bytes_is_refused_and_changes_nothing():
    device, log = fresh()
    fill(log, 3)
    before = bytes(device.data)
    assert "251" in raises(ValueError, log.append, READING, bytes(251))
    raises(ValueError, log.set_context, 1, bytes(250))
    assert bytes(device.data) == before
    assert log.next(READING) == 4
    fill(log, 60)
    assert numbers(mounted(device), READING)[-1] == 63


def test_appending_sets_the_event_that_readers_wait_for():
    _, log = fresh()
    assert not log.appended.is_set()
    log.set_context(1, b"context")
    assert not log.appended.is_set()
    log.append(READING, b"x")
    assert log.appended.is_set()


def test_little_is_programmed_besides_the_records():
    device, log = fresh(8, 4096)
    before = device.programmed
    for n in range(1000):
        log.append(READING, text(READING, n, 26))
    assert device.programmed - before <= 1.02 * 1000 * (26 + RECORD_SIZE)


# --- Mounting ----------------------------------------------------------------------------------


def check_every_length(size, turns):
    # Mount does not write to a journal that exists: a second one may look at any time.
    device, log = fresh()
    for n in range(1, turns * 4 * per_block(size) + 2):
        fill(log, 1, n % 3, size)
        operations = device.operations
        other = mounted(device)
        assert device.operations == operations
        for stream in STREAMS:
            assert other.next(stream) == log.next(stream), n
            found = numbers(other, stream)
            assert found == list(range(log.next(stream) - len(found), log.next(stream))), n
        assert log.blocks_used() == other.blocks_used(), n


def test_mount_finds_the_end_after_any_number_of_records():
    check_every_length(54, 4)  # 8 a block, exactly full
    check_every_length(60, 3)  # some bytes are left over
    check_every_length(250, 6)  # one a block


def test_mount_finds_the_end_with_the_next_block_erased_ahead():
    for blocks in (4, 5, 7):
        device, log = fresh(blocks)
        for n in range(1, blocks * 4 * per_block(150)):
            fill(log, 1, READING, 150)
            log.prepare()
            assert mounted(device).next(READING) == n + 1


def test_mount_goes_on_where_it_stopped_and_wastes_no_block():
    device, log = fresh()
    for _ in range(per_block(20)):
        fill(log, 1)
        log = mounted(device)
    assert log.blocks_used() == (1, 4)
    fill(log, 1)
    assert log.blocks_used() == (2, 4)
    assert read_all(log, READING) == [(n, text(READING, n)) for n in range(1, per_block(20) + 2)]


def test_blank_flash_becomes_a_journal_of_the_given_epoch_and_keeps_it():
    device, log = fresh()
    assert log.epoch == EPOCH
    assert [log.next(s) for s in STREAMS] == [log.cursor(s) for s in STREAMS] == [1, 1, 1]
    fill(log, 100)
    assert mounted(device, 8).epoch == EPOCH


def test_the_very_first_operations_may_be_torn():
    # The header behind its first bytes, as if programming had stopped there.
    whole = header(0, 4)
    for done in range(len(whole)):
        device = flash.Flash(4, BLOCK)
        device.data[:done] = whole[:done]
        log = mounted(device)
        fill(log, 1)
        assert numbers(mounted(device), READING) == [1]
    seeded()
    for _ in range(300):
        device = flash.Flash(4, BLOCK)
        for cut in (2, 2, 1, 2):
            device.cut_after = cut
            try:
                mounted(device)  # nothing was missing of the header when power failed
            except flash.PowerCut:
                pass
            device.power_on()
        fill(mounted(device), 1)
        assert numbers(mounted(device), READING) == [1]


def test_foreign_content_is_refused_and_left_alone():
    for block in (1, 2, 3):
        for offset in (0, 47, 48, BLOCK - 1):
            device = flash.Flash(4, BLOCK)
            device.damage(block, offset)
            before = bytes(device.data)
            message = raises(JournalError, mounted, device)
            assert "block %d" % block in message, message
            assert bytes(device.data) == before


def test_another_format_version_is_refused_by_its_number_and_left_alone():
    for block in (0, 1, 3):
        device = flash.Flash(4, BLOCK)
        device.writeblocks(block, header(block, 4, version=9), 0)
        before = bytes(device.data)
        message = raises(JournalError, mounted, device)
        assert "version 9" in message, message
        assert bytes(device.data) == before


def test_a_journal_made_for_a_flash_of_another_size_is_refused():
    for made, given in ((4, 8), (8, 4)):
        for count in (5, 3 * per_block(20), 100, 200):
            device = flash.Flash(8, BLOCK)
            device.blocks = made
            fill(mounted(device), count)
            device.blocks = given
            before = bytes(device.data)
            message = raises(JournalError, mounted, device)
            assert "%d" % made in message, message
            assert bytes(device.data) == before


def test_blocks_too_small_for_the_largest_record_are_refused():
    assert "256" in raises(JournalError, mounted, flash.Flash(8, 256))


class HeadersOnly:
    """A ring of 4096 blocks of 4 KiB in which every block has a header and nothing else."""

    def __init__(self, newest, blocks=4096):
        self.blocks = blocks
        self.bad = set()
        self.headers = 0
        self._newest = newest

    def ioctl(self, operation, _argument):
        return self.blocks if operation == 4 else 4096

    def readblocks(self, block, buffer, offset):
        for i in range(len(buffer)):
            buffer[i] = flash.ERASED
        if offset == 0 and len(buffer) == HEADER_SIZE:
            self.headers += 1
            serial = self._newest - (self._newest - block) % self.blocks
            if serial >= 0:
                # The block behind the newest is erased ahead.
                if serial > self._newest - self.blocks + 1:
                    buffer[:] = header(serial, self.blocks)
                if block in self.bad:
                    buffer[9] ^= 1


def test_the_headers_read_to_mount_stay_logarithmic():
    most = 0
    edges = [0, 1, 2, 3, 4094, 4095, 4096, 4097, 4098, 6000, 8190, 8191, 8192, 8193, 99999]
    for newest in edges + list(range(1, 16000, 997)):
        device = HeadersOnly(newest)
        log = mounted(device)
        assert log.blocks_used()[0] == min(newest + 1, 4095), newest
        most = max(most, device.headers)
    print("at most %d headers read" % most)
    assert most <= 24, most


def test_bad_headers_do_not_make_an_older_block_the_newest():
    # One, some neighbours, or many; the newest itself is the last one that is good.
    seeded(1)
    for newest in (9, 15, 16, 17, 22, 23, 24, 25, 39, 40, 41):
        for first in range(16):
            for count in (1, 2, 3, 5):
                device = HeadersOnly(newest, 16)
                device.bad = {(first + i) % 16 for i in range(count)} - {newest % 16}
                log = mounted(device)
                assert log._serial == newest, (newest, first, count)
        device = HeadersOnly(newest, 64)
        device.bad = {random.randrange(64) for _ in range(12)} - {newest % 64}
        assert mounted(device)._serial == newest, (newest, device.bad)


# --- Damage ------------------------------------------------------------------------------------


def blocks_of_readings(blocks_filled, blocks=8):
    device, log = fresh(blocks)
    fill(log, blocks_filled * per_block(54), READING, 54)
    return device, log, per_block(54)


def test_a_damaged_record_costs_the_rest_of_its_block_and_shows_as_a_gap():
    for part in (0, 1, 2, 4, 30):  # size, kind, CRC, payload
        device, log, each = blocks_of_readings(5)
        device.damage(2, HEADER_SIZE + 3 * 58 + part, 4)
        lost = set(range(2 * each + 4, 3 * each + 1))
        for either in (log, mounted(device)):
            assert numbers(either, READING) == [n for n in range(1, 5 * each + 1) if n not in lost]


def test_a_damaged_record_in_the_newest_block_gives_no_number_away_twice():
    for part in (0, 1, 2, 4, 30):
        device, log, each = blocks_of_readings(3)
        fill(log, 6, READING, 54)
        fill(log, 2, EVENT)
        device.damage(3, HEADER_SIZE + 3 * 58 + part, 4)
        log = mounted(device)
        assert 3 * each + 6 < log.next(READING) < 3 * each + 30, log.next(READING)
        assert 2 < log.next(EVENT) < 30, log.next(EVENT)
        again = log.append(READING, b"after")
        found = read_all(log, READING)
        assert [n for n, _ in found] == list(range(1, 3 * each + 4)) + [again]
        assert read_all(mounted(device), READING) == found


def test_a_bad_header_costs_its_block_and_nothing_before_it():
    device, log, each = blocks_of_readings(7)
    for bad in (1, 2, 3, 4, 5):
        copy = flash.Flash(8, BLOCK)
        copy.data[:] = device.data
        copy.damage(bad, 9)
        log = mounted(copy)
        kept = [n for n in range(1, 7 * each + 1) if not bad * each < n <= (bad + 1) * each]
        for first in range(1, 7 * each + 1, 3):
            expected = [n for n in kept if n >= first]
            assert numbers(log, READING, first) == expected, (bad, first)


def test_a_bad_header_of_the_newest_block_gives_no_number_away_twice():
    device, log, each = blocks_of_readings(4)
    fill(log, 3, READING, 54)
    used = log.next(READING) - 1
    device.damage(4, 9)
    log = mounted(device)
    again = log.append(READING, b"after")
    assert again > used, (again, used)
    assert numbers(mounted(device), READING) == list(range(1, 4 * each + 1)) + [again]


def test_a_write_that_fails_spoils_nothing_and_gives_no_number_away_twice():
    seeded(2)
    device = flash.Flash(32, BLOCK)
    for _ in range(100):
        device.fail_after = None
        for block in range(device.blocks):
            device.ioctl(6, block)
        log = mounted(device)
        log.set_context(1, b"context")
        written = {}
        for _ in range(40):
            device.fail_after = random.randrange(1, 20)
            payload = bytes(random.getrandbits(8) for _ in range(random.randrange(60)))
            try:
                written[log.append(READING, payload)] = payload
            except OSError:
                pass
            assert mounted(device).next(READING) > max(written, default=0)
            if random.randrange(8) == 0:
                try:
                    log.prepare()
                except OSError:
                    pass
        for either in (log, mounted(device)):
            for number, payload in read_all(either, READING):
                assert written.get(number, payload) == payload
            assert set(written) <= set(numbers(either, READING))


# --- Acknowledging -----------------------------------------------------------------------------


def test_acknowledging_in_order_moves_the_cursor():
    device, log = fresh()
    fill(log, 10)
    log.acknowledge(READING, 1, 4)
    assert (log.cursor(READING), log.unsent(READING)) == (5, 6)
    log.acknowledge(READING, 5, 6)
    assert (log.cursor(READING), log.unsent(READING)) == (11, 0)
    log.acknowledge(READING, 2, 3)  # twice, as QoS 1 may
    assert log.cursor(READING) == 11
    assert log.cursor(FREEZE) == log.cursor(EVENT) == 1
    assert mounted(device).cursor(READING) == 1
    log.checkpoint()
    log = mounted(device)
    assert log.cursor(READING) == 11
    assert log.reader(READING).read() is None


def test_acknowledging_out_of_order_is_remembered_over_a_remount():
    device, log = fresh()
    fill(log, 30)
    fill(log, 10, EVENT)
    for first, count in ((21, 5), (11, 3), (14, 2), (22, 6)):
        log.acknowledge(READING, first, count)
    log.acknowledge(EVENT, 3, 2)
    log.checkpoint()
    for either in (log, mounted(device)):
        assert [either.cursor(s) for s in STREAMS] == [1, 1, 1]
        skipped = [n for n in range(1, 31) if either.skip_acknowledged(READING, n) != n]
        assert skipped == list(range(11, 16)) + list(range(21, 28))
        assert either.skip_acknowledged(READING, 12) == 16
        assert either.skip_acknowledged(EVENT, 3) == 5
        assert either.unsent(READING) == 18
        assert either.unsent(EVENT) == 8
    log = mounted(device)
    log.acknowledge(READING, 1, 10)
    assert log.cursor(READING) == 16
    log.acknowledge(READING, 16, 5)
    assert log.cursor(READING) == 28
    assert log.cursor(EVENT) == 1


def test_any_order_of_acknowledgements_ends_at_the_same_cursor():
    seeded(3)
    for _ in range(100):
        _, log = fresh(8)
        fill(log, 60, READING, 8)
        pieces = []
        first = 1
        while first <= 60:
            count = min(61 - first, random.randrange(1, 6))
            pieces.append((first, count))
            first += count
        # Only so far out of order that the ranges are not more than are remembered.
        for at in range(0, len(pieces), 10):
            part = pieces[at : at + 10]
            while part:
                log.acknowledge(READING, *part.pop(random.randrange(len(part))))
        assert (log.cursor(READING), log.unsent(READING), log._ranges) == (61, 0, [])


def test_ranges_and_cursor_outlive_the_block_that_they_were_written_in():
    device, log = fresh(6)
    fill(log, 20)
    log.acknowledge(READING, 1, 2)
    log.acknowledge(READING, 10, 5)
    log.checkpoint()
    fill(log, 30)
    log = mounted(device)
    assert log.cursor(READING) == 3
    assert log.skip_acknowledged(READING, 10) == 15


def test_too_many_ranges_are_forgotten_towards_sending_again():
    device, log = fresh(8)
    fill(log, 100, READING, 8)
    for first in range(2, 100, 2):
        log.acknowledge(READING, first, 1)
        log.checkpoint()
    log = mounted(device)
    assert log.cursor(READING) == 1
    for n in range(1, 101, 2):
        assert log.skip_acknowledged(READING, n) == n
    assert log.unsent(READING) >= 50


def test_a_checkpoint_without_news_writes_nothing():
    device, log = fresh()
    fill(log, 3)
    log.acknowledge(READING, 1, 2)
    log.checkpoint()
    operations = device.operations
    log.checkpoint()
    log.acknowledge(READING, 1, 2)
    log.checkpoint()
    assert device.operations == operations


# --- Context -----------------------------------------------------------------------------------


def test_context_is_there_for_every_record_in_every_block():
    device, log = fresh(8, 1024)
    for n in range(1, 400):
        if n % 50 == 1:
            log.set_context(1, b"from %d" % n)
        log.set_context(2, b"always")
        fill(log, 1)
    for either in (log, mounted(device)):
        oldest = numbers(either, READING)[0]
        for first in range(oldest, 400, 7):
            reader = either.reader(READING)
            reader.seek(first)
            while True:
                record = reader.read()
                if record is None:
                    break
                since = (record[0] - 1) // 50 * 50 + 1
                assert reader.context == {1: b"from %d" % since, 2: b"always"}, record[0]


def test_context_that_is_known_is_not_written_again():
    device, log = fresh()
    log.set_context(1, b"one")
    log = mounted(device)
    operations = device.operations
    log.set_context(1, b"one")
    assert device.operations == operations
    log.set_context(1, b"other")
    assert device.operations == operations + 1


def test_more_context_than_leaves_room_for_records_is_refused():
    device, log = fresh(8, 1024)
    log.set_context(0, bytes(240))
    log.set_context(1, bytes(240))
    fill(log, 1)
    assert "context" in raises(ValueError, log.set_context, 2, bytes(240))
    log.set_context(1, bytes(10))
    log.set_context(2, bytes(200))
    fill(log, 30, READING, 250)
    found = numbers(mounted(device), READING)
    assert found == list(range(found[0], 32)), found


# --- The ring ----------------------------------------------------------------------------------


def test_overrun_shows_as_a_jump_in_numbers_and_is_counted():
    _, log = fresh()
    reader = log.reader(READING)
    seen = 0
    for _ in range(5):
        fill(log, 1)
        seen = reader.read()[0]
    fill(log, 200)
    oldest = reader.read()[0]
    assert oldest > seen + 1
    assert oldest == numbers(log, READING)[0]
    assert log.overrun == oldest - 1  # nothing was acknowledged
    assert log.cursor(READING) == 1


def test_what_was_acknowledged_does_not_count_as_overrun():
    _, log = fresh()
    for _ in range(300):
        fill(log, 1)
        log.acknowledge(READING, log.next(READING) - 1, 1)
    assert log.overrun == 0
    # Nor does what was acknowledged ahead of the cursor.
    _, log = fresh()
    fill(log, 30)
    log.acknowledge(READING, 11, 20)
    fill(log, 200)
    assert log.overrun == numbers(log, READING)[0] - 1 - 20


def test_overrun_is_counted_past_a_bad_header():
    device, log = fresh(8)
    fill(log, 7 * per_block(20))
    device.damage(2, 9)
    log = mounted(device)
    fill(log, 10 * per_block(20))
    oldest = numbers(log, READING)[0]
    assert log.overrun == oldest - 1, (log.overrun, oldest)
    assert log.blocks_used() == (8, 8)


def test_a_reader_left_behind_goes_on_at_the_oldest_record():
    for ahead in range(1, 300):
        _, log = fresh()
        log.set_context(1, b"context")
        fill(log, 3)
        reader = log.reader(READING)
        assert reader.read()[0] == 1
        fill(log, ahead)
        if ahead % 2:
            log.prepare()
        rest = []
        while True:
            record = reader.read()
            if record is None:
                break
            assert record[1] == text(READING, record[0])
            rest.append(record[0])
        assert rest == numbers(log, READING, 2), ahead
        assert reader.context == {1: b"context"}


def test_prepare_erases_once_and_the_block_is_used_next():
    device, log = fresh()
    fill(log, per_block(20) * 3 // 4)
    assert log.prepare()
    assert not log.prepare()
    erases = list(device.erases)
    fill(log, per_block(20))
    assert device.erases == erases
    assert log.prepare()


def test_booting_again_and_again_does_not_wear_out_a_block():
    device, log = fresh()
    erases = list(device.erases)
    for _ in range(20):
        log = Journal(device)
        log.mount(EPOCH)
        assert not log.prepare()
    assert device.erases == erases


def test_all_blocks_wear_alike():
    device, log = fresh(5)
    for n in range(2000):
        fill(log, 1)
        if n % 7 == 0:
            log.prepare()
        if n % 501 == 0:
            log = mounted(device)
    assert max(device.erases) - min(device.erases) <= 4, device.erases
    for block in range(5):
        stored = struct.unpack_from("<I", device.data, block * BLOCK + 16)[0]
        assert stored == 0xFFFFFFFF or abs(stored - device.erases[block]) <= 4, (block, stored)


# --- Power cuts --------------------------------------------------------------------------------


class Ledger:
    """What a journal owes: kept beside it through a random workload and all its power cuts."""

    CONTEXT = 12  # bytes

    def __init__(self, blocks):
        self.device = flash.Flash(blocks, BLOCK)
        self.written = [{}, {}, {}]  # stream: {number: (payload, serial of its block, context)}
        self.under_way = None  # (stream, number, payload) when power failed
        self.acknowledged = [set(), set(), set()]
        self.safe_cursor = [1, 1, 1]  # of the last checkpoint that returned
        self.context = None
        self.generation = 0
        self.log = None

    def mount(self):
        self.device.power_on()
        self.log = mounted(self.device, EPOCH if self.log is None else EPOCH + 1)
        assert self.log.epoch == EPOCH

    def work(self, steps):
        # As the application does: context first, then whatever happens.
        self.set_context()
        for _ in range(steps):
            what = random.randrange(20)
            if what < 12:
                self.append()
            elif what < 15:
                self.acknowledge()
            elif what < 17:
                self.checkpoint()
            elif what < 19:
                self.log.prepare()
            else:
                self.generation += 1
                self.set_context()

    def set_context(self):
        body = b"g%011d" % self.generation
        self.log.set_context(3, body)
        self.context = body

    def append(self):
        stream = random.randrange(3)
        size = random.choice((0, 5, 20, 20, 20, 60, 120, 250))
        payload = bytes(random.getrandbits(8) for _ in range(size))
        number = self.log.next(stream)
        self.under_way = (stream, number, payload)
        assert self.log.append(stream, payload) == number
        self.under_way = None
        self.enter(stream, number, payload)

    def enter(self, stream, number, payload):
        assert number not in self.written[stream], (stream, number)
        self.written[stream][number] = (payload, self.log._serial, self.context)

    def acknowledge(self):
        stream = random.randrange(3)
        log = self.log
        first = log.skip_acknowledged(stream, log.cursor(stream)) + random.choice((0, 0, 1, 3))
        count = min(random.randrange(1, 8), log.next(stream) - first)
        if count > 0:
            self.acknowledged[stream].update(range(first, first + count))
            log.acknowledge(stream, first, count)

    def checkpoint(self):
        self.log.checkpoint()
        self.safe_cursor = [self.log.cursor(stream) for stream in STREAMS]

    def check(self):
        # What was under way when power failed is there or it is not, but never in part.
        for stream in STREAMS:
            found = self.read(stream)
            written = self.written[stream]
            if self.under_way and self.under_way[0] == stream:
                number, payload = self.under_way[1:]
                if number in found:
                    assert found[number][0] == payload
                    self.enter(stream, number, payload)
                self.under_way = None
            for number, (payload, context) in found.items():
                assert number in written, (stream, number)
                assert written[number][0] == payload, (stream, number)
                assert written[number][2] == context, (stream, number)
            self.check_missing(written, found)
            assert self.log.next(stream) == len(written) + 1, (self.log._next, len(written))
            self.check_cursor(stream)

    def read(self, stream):
        reader = self.log.reader(stream)
        reader.seek(1)
        found = {}
        last = 0
        while True:
            record = reader.read()
            if record is None:
                return found
            assert record[0] > last
            last = record[0]
            found[last] = (bytes(record[1]), reader.context.get(3))

    def check_missing(self, written, found):
        # The block behind the newest is erased ahead, maybe in part; all others are whole.
        oldest = self.log._serial - self.device.blocks + 2
        for number, (_, serial, _) in written.items():
            assert number in found or serial < oldest, number

    def check_cursor(self, stream):
        log = self.log
        acknowledged = self.acknowledged[stream]
        assert log.cursor(stream) >= self.safe_cursor[stream]
        for number in range(1, log.next(stream)):
            if number not in acknowledged:
                assert log.cursor(stream) <= number
                assert log.skip_acknowledged(stream, number) == number
        assert log.unsent(stream) >= log.next(stream) - 1 - len(acknowledged)


def live_through(blocks, cuts, steps, seed):
    # One life with power cuts after so many operations each; how many of them took place.
    random.seed(seed)
    ledger = Ledger(blocks)
    done = 0
    for cut in cuts:
        try:
            if ledger.log is None:
                ledger.device.cut_after = cut
                ledger.log = mounted(ledger.device)
            ledger.device.cut_after = cut
            ledger.work(steps)
            ledger.device.power_on()
        except flash.PowerCut:
            done += 1
        ledger.mount()
        ledger.check()
    ledger.work(25)
    ledger.mount()
    ledger.check()
    return done


def test_power_may_fail_at_every_single_operation():
    seeded(4)
    for life in range(4):
        cut = 1
        while live_through(4 + life, (cut,), 140, SEED + life):
            cut += 1
        assert cut > 90, cut


def test_power_may_fail_again_soon_after_it_came_back():
    seeded(5)
    for first in range(2, 120, 2):
        for second in range(1, 6):
            seed = SEED + 1000 * first + second
            cuts = (first, second, 1 + first % 3)
            assert live_through(4, cuts, 140, seed), (cuts, seed)


def test_power_may_fail_all_the_time():
    seeded(6)
    for life in range(12):
        cuts = [1 + random.randrange(25) for _ in range(40)]
        seed = SEED + life
        assert live_through(4 + life % 5, cuts, 60, seed) > 30, seed
        random.seed(seed)


def test_a_life_without_power_cuts_keeps_all_its_promises():
    seeded(7)
    for blocks in (4, 5, 8):
        ledger = Ledger(blocks)
        ledger.mount()
        for _ in range(12):
            ledger.work(40)
            ledger.check()
            ledger.mount()
            ledger.check()
        assert min(ledger.device.erases) > 3


def test_stream_names_fit_the_numbers():
    assert [journal.STREAMS[s] for s in STREAMS] == ["reading", "freeze", "event"]


# --- Values -----------------------------------------------------------------------------------


def test_a_value_is_the_latest_in_every_block_and_no_business_of_readers():
    device, log = fresh()
    assert log.context(0x80) is None
    for n in range(20 * BLOCK // 50):
        log.set_context(0x80, b"%d" % n)
        log.append(READING, bytes(46))
        assert mounted(device).context(0x80) == b"%d" % n
    reader = log.reader(READING)
    assert reader.read()
    assert reader.context == {}
