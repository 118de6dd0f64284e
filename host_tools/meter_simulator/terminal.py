"""What the system knows of a terminal, and how exactly it wakes us."""

import array
import ctypes
import fcntl
import termios

_PR_SET_TIMERSLACK = 29
_TIMER_SLACK_NS = 1_000
# Constants of the system: speed in bit/s.
SPEEDS = {
    getattr(termios, f"B{speed}"): speed
    for speed in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


def unread(fd: int) -> int:
    """Tell how many bytes wait in a terminal for their reader."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def asked_speed(fd: int) -> int:
    """Give the constant of the output speed that a terminal was asked for."""
    return termios.tcgetattr(fd)[5]


def mark_speed(fd: int) -> int:
    """Ask a terminal for a speed that no master does, to see when one has; give its constant."""
    settings = termios.tcgetattr(fd)
    settings[4] = settings[5] = termios.B50
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    return termios.B50


def ask_for_exact_timers() -> None:
    """Have the calling thread woken on time, where Linux would allow itself 50 us by default."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_TIMER_SLACK_NS))
