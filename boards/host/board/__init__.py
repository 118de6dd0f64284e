"""The host board: serial ports are pseudo-terminals, flash is a file with NOR behaviour.

Everything lives in one folder, the site, named by the environment variable CONCENTRATOR_SITE:
`bus1`, `bus2`, `modem` and, where there are pulse inputs, `pulses` (links to pseudo-terminals,
made by the simulators), `config.json`, and `journal.nor`, which is created. The names in this
module are the same on every board.
"""

import asyncio
import errno
import os
import sys
import time

from micropython import const

from .nor_flash import NorFile
from .serial_port import SerialPort

NAME = "host"
BUSES = 2  # number of RS485 lines
PULSE_INPUTS = 4

_EBUSY = const(16)  # not in MicroPython's errno
_MODEM_BAUD = const(115200)
_JOURNAL_BLOCKS = const(256)  # 1 MiB of 4 KiB erase blocks

_PIPE = const(0x1000)  # of st_mode
_PROCESS_GROUP = const(2)  # fields behind the name in /proc/<process>/stat
_TERMINAL_GROUP = const(5)

_site = os.getenv("CONCENTRATOR_SITE") or "site"
_lines = {}  # number of a bus: its port


class BoardError(Exception):
    """Something the board needs is missing or in use; the text says what and what to do."""


def claim():
    """Make sure that this process is the site's only concentrator; BoardError when it is not.

    Every process leaves its number in the site's folder before it looks for others', so that of
    two that start at the same moment at most one goes on.
    """
    with open("/proc/self/stat") as f:
        own = "running." + f.read().split(" ", 1)[0]
    try:
        with open(_site + "/" + own, "w"):
            pass
        others = [name for name in os.listdir(_site) if name.startswith("running.")]
    except OSError:
        raise BoardError(
            "site folder %s does not exist or cannot be written to; set CONCENTRATOR_SITE to the "
            "folder with config.json" % _site
        )
    for name in others:
        if name == own:
            continue
        process = name.split(".")[1]
        if _is_concentrator(process):
            os.remove(_site + "/" + own)
            raise BoardError(
                "site folder %s is in use by process %s; stop it first" % (_site, process)
            )
        os.remove(_site + "/" + name)  # of a process that was killed


def _is_concentrator(process):
    try:
        with open("/proc/%s/cmdline" % process, "rb") as f:
            return b"concentrator" in f.read()
    except OSError:
        return False


def _input_can_end():
    """Whether standard input is a pipe, or the terminal that this process is in front of."""
    try:
        kind, *identity = os.stat("/proc/self/fd/0")[:3]
    except OSError:
        return False  # closed
    if kind & 0xF000 == _PIPE:
        return True
    with open("/proc/self/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    # A process in the background that reads its terminal is stopped by the system.
    foreground = fields[_PROCESS_GROUP] == fields[_TERMINAL_GROUP]
    return foreground and tuple(identity) != os.stat("/dev/null")[1:3]


_stop_by_input = _input_can_end()  # now: a port opened later may get a closed input's number


def configuration():
    """Path of the configuration file."""
    return _site + "/config.json"


def bus(number, baud):
    """Open RS485 line `number` (1 to BUSES) at `baud` bit/s, 8 data bits.

    To change the speed, open it anew. A pseudo-terminal has no parity, and remembers its speed
    only: the simulator at its other end paces the bytes. BoardError when there is no such port.
    """
    advice = "start the meter simulator with --link %s/bus%d" % (_site, number)
    port = _open("bus%d" % number, advice, baud)
    if number in _lines:
        _lines[number].close()
    _lines[number] = port
    return port


def modem():
    """Open the modem's serial port; BoardError when there is none."""
    advice = "there is none; start the modem simulator with --link %s/modem" % _site
    return _open("modem", advice, _MODEM_BAUD)


def pulse_inputs(wanted):
    """Count pulses from now on; `wanted` is a list of (input from 1, least width in ms).

    Returns their counters, whose count() is the pulses since then, modulo 2 to the power of 30.
    BoardError when nothing drives the inputs.
    """
    from .pulse_line import PulseLine  # which takes heap

    advice = "start host_tools.pulse_source with --link %s/pulses" % _site
    return PulseLine(_open("pulses", advice, _MODEM_BAUD), PULSE_INPUTS).counters(wanted)


def _open(name, advice, baud):
    path = "%s/%s" % (_site, name)
    try:
        return SerialPort(path, baud)
    except OSError as error:
        if error.errno == _EBUSY:
            advice = "another program uses it: stop that one"
        elif error.errno == errno.EACCES:
            advice = "only its owner may: run as that user, or join its group"
        elif error.errno != errno.ENOENT:
            advice = "error %s" % error
        raise BoardError("cannot open serial port %s: %s" % (path, advice))


def journal_flash():
    """The block device that holds the journal; BoardError when its file is another's."""
    try:
        return NorFile(_site + "/journal.nor", _JOURNAL_BLOCKS)
    except OSError as error:
        raise BoardError("journal's flash: %s; move the file away for a new one" % error)


def utc_ms():
    """Milliseconds since 1970-01-01 UTC by the real-time clock; None when it is not set."""
    return time.time_ns() // 1000000


def set_utc_ms(ms):
    """Set the real-time clock. The machine's clock is not ours to set: this does nothing here."""


def random_bytes(count):
    """`count` bytes nobody can guess, for a new journal's epoch and for jitter."""
    return os.urandom(count)


def restart():
    """Start over after a failure; here the process ends, and may be started again."""


async def stop_requested():
    """Return when the operator asks for an orderly stop: end of file on standard input.

    Boards in the field never stop; there this waits for ever. So it does here when the input is
    neither a pipe nor the terminal that the process is in front of.
    """
    if not _stop_by_input:
        await asyncio.Event().wait()
    reader = asyncio.StreamReader(sys.stdin.buffer)
    while await reader.read(1):
        pass
