"""NOR flash kept in a file: programming only clears bits, erasing sets a whole block to FFH.

Implements MicroPython's extended block-device protocol (ioctl 4, 5 and 6; offsets in readblocks
and writeblocks), as boards' SPI NOR does. Every operation reaches the operating system before it
returns, so a process killed at any moment leaves what a power cut would.
"""

import os

from micropython import const

_BLOCK_SIZE = const(4096)
_IOCTL_BLOCK_COUNT = const(4)
_IOCTL_BLOCK_SIZE = const(5)
_IOCTL_BLOCK_ERASE = const(6)


class NorFile:
    """`blocks` erase blocks of 4 KiB in the file `path`, which is created blank if missing.

    OSError when the file exists with another size: it is some other flash's content. ValueError
    for what lies outside of the flash, or of the block when an offset is given.
    """

    def __init__(self, path, blocks):
        self._blocks = blocks
        self._erased = b"\xff" * _BLOCK_SIZE
        try:
            size = os.stat(path)[6]
        except OSError:
            with open(path + ".new", "wb") as file:
                for _ in range(blocks):
                    file.write(self._erased)
            os.rename(path + ".new", path)
            size = blocks * _BLOCK_SIZE
        if size != blocks * _BLOCK_SIZE:
            raise OSError("%s has %d bytes, not %d" % (path, size, blocks * _BLOCK_SIZE))
        self._file = open(path, "r+b")

    def _seek(self, block, offset, size):
        end = self._blocks * _BLOCK_SIZE if offset is None else (block + 1) * _BLOCK_SIZE
        start = block * _BLOCK_SIZE + (offset or 0)
        if not (0 <= block < self._blocks and start + size <= end):
            raise ValueError("block %d, %d bytes at offset %s" % (block, size, offset))
        self._file.seek(start)

    def readblocks(self, block, buffer, offset=None):
        """Fill `buffer` from `offset` bytes into `block`, or with whole blocks."""
        self._seek(block, offset, len(buffer))
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        """Program `buffer` at `offset` of `block`; without offset erase the block(s) first."""
        self._seek(block, offset, len(buffer))
        if offset is None:
            for i in range(len(buffer) // _BLOCK_SIZE):
                self.ioctl(_IOCTL_BLOCK_ERASE, block + i)
        old = bytearray(len(buffer))
        self.readblocks(block, old, offset)
        new = int.from_bytes(old, "little") & int.from_bytes(buffer, "little")
        self._seek(block, offset, len(buffer))
        self._file.write(new.to_bytes(len(buffer), "little"))

    def ioctl(self, operation, argument):
        """Block count, block size and erase, numbered as the extended protocol does."""
        if operation == _IOCTL_BLOCK_COUNT:
            return self._blocks
        if operation == _IOCTL_BLOCK_SIZE:
            return _BLOCK_SIZE
        if operation == _IOCTL_BLOCK_ERASE:
            self._seek(argument, 0, _BLOCK_SIZE)
            self._file.write(self._erased)
        return 0
