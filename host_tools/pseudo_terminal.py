"""A serial port without hardware: a pseudo terminal behind a stable path (Linux).

The simulator holds the master side; the program under test opens `link` as if it were a UART.
The slave side is held open here as well, so that the port, its settings and its number survive
a program that is killed and started again.
"""

import errno
import fcntl
import os
import struct
import termios
import zlib
from pathlib import Path
from typing import Self


class LinkInUseError(OSError):
    """The path wanted for the link belongs to somebody else; the text says to whom."""


class PseudoTerminal:
    """A raw 8N1 pseudo terminal and the symbolic link that names it.

    `fd` is the master side, non-blocking: reading raises BlockingIOError when nothing has
    arrived, writing raises it when nobody reads on the other side (some KiB fit in between).
    """

    def __init__(self, link: Path) -> None:
        """Open a terminal and point `link` to it; LinkInUseError or OSError if that fails."""
        self.link = Path(os.path.abspath(link))
        self.fd, self._slave = os.openpty()
        try:
            os.set_blocking(self.fd, False)
            _make_raw(self._slave)
            self.device = Path(os.ttyname(self._slave))
            _try_lock(self._slave, self.link)
            _create_link(self.link, self.device)
        except BaseException:
            os.close(self.fd)
            os.close(self._slave)
            raise
        self._closed = False

    def close(self) -> None:
        """Remove the link, unless it now points elsewhere, and close both sides."""
        if self._closed:
            return
        self._closed = True
        try:
            if os.readlink(self.link) == str(self.device):
                self.link.unlink()
        except OSError:
            pass  # somebody removed or replaced it: not ours any more
        os.close(self.fd)
        os.close(self._slave)

    def __enter__(self) -> Self:
        """Return the terminal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _make_raw(fd: int) -> None:
    """Set 8 data bits, no parity, 1 stop bit, 115200 baud, and no interpretation of any byte."""
    settings = termios.tcgetattr(fd)
    control_characters = settings[6]
    control_characters[termios.VMIN] = 1
    control_characters[termios.VTIME] = 0
    control = termios.CS8 | termios.CREAD | termios.CLOCAL
    baud = termios.B115200
    raw = [0, 0, control, 0, baud, baud, control_characters]
    termios.tcsetattr(fd, termios.TCSANOW, raw)


def _try_lock(fd: int, link: Path) -> bool:
    """Mark the terminal as the one served at `link`; False if another simulator has marked it so.

    The mark stands at a place of its own for every link: a link left over from a killed
    simulator may name a terminal whose number has since gone to another link's.

    The mark is an "open file description" lock: it goes away with the process however that
    ends, it works between two simulators in one process, and it does not collide with the
    flock() by which serial programs keep each other out of a port.
    """
    place = zlib.crc32(bytes(link))
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    # struct flock ends with padding after its 4-byte pid.
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock + bytes(4))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _create_link(link: Path, device: Path) -> None:
    """Create the symbolic link; a stale one, left by a simulator that was killed, is replaced."""
    if link.is_symlink():
        target = Path(os.path.realpath(link))
        if _is_in_use(link, target, device):
            raise LinkInUseError(
                f"{link} is in use: another simulator serves it on {target}; "
                "stop that one or choose another path."
            )
        link.unlink(missing_ok=True)
    elif link.is_dir():
        raise LinkInUseError(f"{link} is a directory; choose a path that does not exist yet.")
    elif link.exists():
        raise LinkInUseError(f"{link} exists and is not a link; choose another path.")
    if not link.parent.is_dir():
        raise LinkInUseError(f"{link.parent} is not a directory, so {link.name} cannot go there.")
    try:
        link.symlink_to(device)
    except FileExistsError:
        raise LinkInUseError(f"{link} was taken by another program just now.") from None


def _is_in_use(link: Path, target: Path, own_device: Path) -> bool:
    """Tell whether an existing link leads to something that must not be taken away from it."""
    if target == own_device or not target.exists():
        return False
    if not target.is_char_device():
        return True
    try:
        fd = os.open(target, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False  # a terminal of someone else got the number of one that is gone
    try:
        return not _try_lock(fd, link)
    finally:
        os.close(fd)
