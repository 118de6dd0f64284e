# SPDX-License-Identifier: MIT
# The host's NOR flash in a file. Run by MicroPython, from the root of the repository.

import os
import time

from board.nor_flash import NorFile
from concentrator.journal import READING, Journal
from fakes import raises

BLOCK = 4096
ERASE = 6


def fresh_path():
    folder = "build/test-nor-flash"
    try:
        os.mkdir(folder)
    except OSError:
        pass
    path = "%s/%d" % (folder, time.time_ns())
    remove(path)
    return path


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def read(flash, block, offset, size):
    buffer = bytearray(size)
    flash.readblocks(block, buffer, offset)
    return bytes(buffer)


def test_a_missing_file_becomes_blank_flash():
    path = fresh_path()
    flash = NorFile(path, 3)
    assert (flash.ioctl(4, 0), flash.ioctl(5, 0)) == (3, BLOCK)
    assert os.stat(path)[6] == 3 * BLOCK
    for block in range(3):
        assert read(flash, block, 0, BLOCK) == b"\xff" * BLOCK
    remove(path)


def test_programming_only_clears_bits():
    path = fresh_path()
    flash = NorFile(path, 2)
    flash.writeblocks(1, b"\xf0\x0f\xff\x00", 10)
    assert read(flash, 1, 8, 8) == b"\xff\xff\xf0\x0f\xff\x00\xff\xff"
    flash.writeblocks(1, memoryview(b"\xff\xff\xaa\xff"), 10)
    assert read(flash, 1, 10, 4) == b"\xf0\x0f\xaa\x00"
    flash.writeblocks(1, b"", 10)
    assert read(flash, 1, 10, 4) == b"\xf0\x0f\xaa\x00"
    assert read(flash, 0, 0, BLOCK) == b"\xff" * BLOCK
    remove(path)


def test_any_two_bytes_programmed_over_each_other_give_their_common_bits():
    path = fresh_path()
    flash = NorFile(path, 1)
    for old in range(0, 256, 15):
        flash.ioctl(ERASE, 0)
        flash.writeblocks(0, bytes([old] * 256), 0)
        flash.writeblocks(0, bytes(range(256)), 0)
        assert read(flash, 0, 0, 256) == bytes(old & new for new in range(256))
    remove(path)


def test_erasing_makes_one_whole_block_blank():
    path = fresh_path()
    flash = NorFile(path, 3)
    for block in range(3):
        flash.writeblocks(block, bytes(BLOCK), 0)
    assert flash.ioctl(ERASE, 1) == 0
    assert read(flash, 0, 0, BLOCK) == read(flash, 2, 0, BLOCK) == bytes(BLOCK)
    assert read(flash, 1, 0, BLOCK) == b"\xff" * BLOCK
    remove(path)


def test_writing_without_an_offset_erases_first():
    path = fresh_path()
    flash = NorFile(path, 3)
    flash.writeblocks(1, bytes(BLOCK), 0)
    flash.writeblocks(1, b"\x5a" * (2 * BLOCK))
    assert read(flash, 0, 0, BLOCK) == b"\xff" * BLOCK
    assert read(flash, 1, 0, BLOCK) == read(flash, 2, 0, BLOCK) == b"\x5a" * BLOCK
    remove(path)


def test_content_survives_reopening_without_a_close():
    path = fresh_path()
    flash = NorFile(path, 2)
    flash.writeblocks(0, b"kept", 100)
    flash.writeblocks(1, bytes(10), 0)
    flash.ioctl(ERASE, 1)
    flash.writeblocks(1, b"too", BLOCK - 3)
    again = NorFile(path, 2)
    assert read(again, 0, 99, 6) == b"\xffkept\xff"
    assert read(again, 1, 0, 10) == b"\xff" * 10
    assert read(again, 1, BLOCK - 3, 3) == b"too"
    remove(path)


def test_a_file_of_another_size_is_refused_and_left_alone():
    path = fresh_path()
    for size in (0, 1, 2 * BLOCK - 1, 2 * BLOCK + 1, 4 * BLOCK):
        with open(path, "wb") as file:
            file.write(b"x" * size)
        message = raises(OSError, NorFile, path, 2)
        assert path in message and str(size) in message, message
        with open(path, "rb") as file:
            assert file.read() == b"x" * size
    remove(path)


def test_what_is_outside_of_the_flash_or_the_block_is_refused():
    path = fresh_path()
    flash = NorFile(path, 2)
    for block, offset, size in ((2, 0, 1), (-1, 0, 1), (0, BLOCK, 1), (1, BLOCK - 3, 4)):
        raises(ValueError, flash.writeblocks, block, bytes(size), offset)
        raises(ValueError, flash.readblocks, block, bytearray(size), offset)
    raises(ValueError, flash.ioctl, ERASE, 2)
    raises(ValueError, flash.writeblocks, 1, bytes(2 * BLOCK))
    assert os.stat(path)[6] == 2 * BLOCK
    assert read(flash, 1, 0, BLOCK) == b"\xff" * BLOCK
    remove(path)


def test_a_file_whose_making_was_interrupted_is_not_in_the_way():
    path = fresh_path()
    with open(path + ".new", "wb") as file:
        file.write(b"\xff" * 100)
    assert read(NorFile(path, 2), 1, 0, 4) == b"\xff" * 4
    raises(OSError, os.stat, path + ".new")
    remove(path)


def test_a_journal_lives_in_it():
    path = fresh_path()
    for turn in range(8):
        log = Journal(NorFile(path, 4))
        log.mount(5 + turn)
        for n in range(50 * turn + 1, 50 * turn + 51):
            assert log.append(READING, b"%050d" % n) == n
    log = Journal(NorFile(path, 4))
    log.mount(99)
    reader = log.reader(READING)
    number = None
    while True:
        record = reader.read()
        if record is None:
            break
        number = record[0]
        assert record[1] == b"%050d" % number
    assert (number, log.epoch) == (400, 5)
    remove(path)
