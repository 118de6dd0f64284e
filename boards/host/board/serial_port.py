"""A pseudo-terminal with the interface of a board's UART: nothing here ever waits."""

import select
import termios

from micropython import const

_VTIME = const(5)  # indices into the control characters of termios.tcgetattr()
_VMIN = const(6)
_ISPEED = const(4)  # indices into what termios.tcgetattr() gives
_OSPEED = const(5)
_CHUNK = const(256)  # a terminal that polls as writable takes at least so many bytes at once

# Linux' words for speeds in bit/s; MicroPython's termios does not have them all.
_SPEEDS = {
    300: 7,
    600: 8,
    1200: 9,
    2400: 11,
    4800: 12,
    9600: 13,
    19200: 14,
    38400: 15,
    57600: 0x1001,
    115200: 0x1002,
}


class SerialPort:
    """Non-blocking serial port at `baud` bit/s. Raises OSError when `path` cannot be opened.

    A pseudo-terminal is as fast as ever, but its other end can see the speed that was asked for.
    """

    def __init__(self, path, baud):
        self._path = path
        self._speed = _SPEEDS[baud]
        self._file = None
        self._open()

    def _open(self):
        file = open(self._path, "r+b")
        termios.setraw(file.fileno())
        attributes = termios.tcgetattr(file.fileno())
        attributes[6][_VMIN] = 0  # read() returns at once with what is there
        attributes[6][_VTIME] = 0
        attributes[_ISPEED] = attributes[_OSPEED] = self._speed
        termios.tcsetattr(file.fileno(), termios.TCSANOW, attributes)
        self._poll = select.poll()
        self._poll.register(file, select.POLLOUT)
        self._file = file

    def write(self, buffer, count):
        """Start sending the first `count` bytes; returns how many were taken.

        OSError when the other end of the line is gone and cannot be opened again.
        """
        if self._file is None:
            self._open()
        if not self._poll.poll(0):
            return 0
        try:
            return self._file.write(buffer, min(count, _CHUNK)) or 0
        except OSError:
            self.close()
            raise

    def readinto(self, buffer):
        """Read what has arrived, up to the size of `buffer`; returns the number of bytes."""
        if self._file is None:
            return 0
        try:
            return self._file.readinto(buffer) or 0
        except OSError:
            self.close()  # the other end is gone; a later write opens the port again
            return 0

    def damaged(self):
        """Whether a character behind those read was damaged: a pseudo-terminal has no parity."""
        return False

    def close(self):
        """Give the terminal back; a write opens it again."""
        if self._file is not None:
            self._file.close()
        self._file = None
