"""Mount the flash's first 128 blocks as the file system; it is made when there never was one."""

import os
import sys

import virtual

_BLOCKS = 128
_BLOCK_SIZE = 4096


def _never_used(flash):
    # Making a file system writes to its first two blocks only: power may have failed in that.
    block = bytearray(_BLOCK_SIZE)
    blank = b"\xff" * _BLOCK_SIZE
    for number in range(2, _BLOCKS):
        flash.readblocks(number, block)
        if block != blank:
            return False
    return True


def _mount(flash):
    try:
        os.mount(flash, "/")
        return
    except OSError as error:
        if not _never_used(flash):
            print(
                "the file system is damaged (error %s) and left as it is; to make a new one, "
                "which loses all files: os.VfsLfs2.mkfs(virtual.Flash(0, %d)), then reset"
                % (error.errno, _BLOCKS)
            )
            return
    os.VfsLfs2.mkfs(flash)
    os.mount(flash, "/")


_mount(virtual.Flash(0, _BLOCKS))
sys.path.append("/lib")
