# SPDX-License-Identifier: MIT
"""A NOR flash in RAM that counts, tears and refuses: what tests put under the journal."""

import random

ERASED = 0xFF


class PowerCut(Exception):
    """Power failed during this operation, or is still off."""


class NotErased(Exception):
    """Something was to be programmed over what is not blank."""


class Flash:
    """`blocks` erase blocks of `block_size` bytes, with the extended block-device protocol.

    `data` is what holds their content, if not a bytearray made here, which is blank.

    Set `cut_after` to n and the n-th program or erase from then on is torn and raises PowerCut, as
    does everything after it until power_on(). What a torn operation leaves comes from `random`,
    so seed that. Set `fail_after` likewise for an OSError, after which the flash works again.
    """

    def __init__(self, blocks, block_size, data=None):
        self.blocks = blocks
        self.block_size = block_size
        self.data = bytearray(b"\xff" * (blocks * block_size)) if data is None else data
        self.cut_after = None
        self.fail_after = None
        self.dead = False
        self.operations = 0  # programs and erases
        self.programmed = 0  # bytes
        self.erases = [0] * blocks
        self.reads = 0
        self._weak = set()  # blocks whose last erase was torn: whatever they look like
        self._blank = b"\xff" * block_size

    def power_on(self):
        self.dead = False
        self.cut_after = None

    def readblocks(self, block, buffer, offset=0):
        at = self._place(block, offset, len(buffer))
        self.reads += 1
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset):
        at = self._place(block, offset, len(buffer))
        blank = self.data[at : at + len(buffer)] == self._blank[: len(buffer)]
        if not blank or block in self._weak:
            raise NotErased("block %d offset %d, %d bytes" % (block, offset, len(buffer)))
        self._operate(self._tear_program, at, buffer)
        self.data[at : at + len(buffer)] = buffer
        self.programmed += len(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.block_size
        assert operation == 6, operation
        at = self._place(argument, 0, self.block_size)
        self._weak.add(argument)
        self._operate(self._tear_erase, at, None)
        self._weak.remove(argument)
        self.data[at : at + self.block_size] = self._blank
        self.erases[argument] += 1
        return 0

    def damage(self, block, offset, bits=1):
        """Flip bits of one byte, as cells do that lose their charge."""
        self.data[self._place(block, offset, 1)] ^= bits

    def _place(self, block, offset, size):
        if self.dead:
            raise PowerCut("power is off")
        assert 0 <= block < self.blocks, block
        assert offset >= 0 and offset + size <= self.block_size, (offset, size)
        return block * self.block_size + offset

    def _operate(self, tear, at, buffer):
        self.operations += 1
        if self.cut_after is not None:
            self.cut_after -= 1
            if self.cut_after <= 0:
                tear(at, buffer)
                self.dead = True
                raise PowerCut("operation %d" % self.operations)
        if self.fail_after is not None:
            self.fail_after -= 1
            if self.fail_after <= 0:
                self.fail_after = None
                tear(at, buffer)
                raise OSError(5)

    def _tear_program(self, at, buffer):
        data = self.data
        if random.getrandbits(1):  # byte after byte, as SPI NOR does, the last one in part
            done = random.randrange(len(buffer) + 1)
            data[at : at + done] = buffer[:done]
            if done < len(buffer):
                data[at + done] &= buffer[done] | random.getrandbits(8)
        else:  # all at once, some bits sooner than others
            for i in range(len(buffer)):
                data[at + i] &= buffer[i] | random.getrandbits(8)

    def _tear_erase(self, at, _buffer):
        data = self.data
        begin = at + random.randrange(self.block_size + 1)
        how = random.randrange(4)
        if how == 0:  # the front is blank
            data[at:begin] = self._blank[: begin - at]
        elif how == 1:  # the back is blank
            size = at + self.block_size - begin
            data[begin : begin + size] = self._blank[:size]
        elif how == 2:  # bits rise here and there
            for i in range(at, at + self.block_size):
                data[i] |= random.getrandbits(8) & random.getrandbits(8)
        else:  # anything
            for i in range(at, at + self.block_size):
                kind = random.getrandbits(2)
                if kind:
                    data[i] = ERASED if kind == 1 else random.getrandbits(8)
