"""Mount the flash's first 64 blocks as the file system; they are formatted when blank."""

import os
import sys

import virtual

_flash = virtual.Flash(0, 64)
try:
    os.mount(_flash, "/")
except OSError:
    os.VfsLfs2.mkfs(_flash)
    os.mount(_flash, "/")
os.chdir("/")
sys.path.append("/lib")
