"""The virtual board: QEMU's mps2-an385 with two RS485 lines, a modem and 4 MiB of NOR flash.

The names in this module are the same on every board; docs/board.md says what they mean.
"""

import asyncio
import os
import sys
import time

import machine
import network
import virtual
from micropython import const

NAME = "virtual"
BUSES = 2
PULSE_INPUTS = 4
PPP = network.PPP

_CONFIGURATION = "/config.json"
_MODEM = const(3)  # UART
_PULSES = const(4)  # UART
_MODEM_BAUD = const(115200)
_JOURNAL_FIRST = const(128)  # the blocks before are the file system's
_JOURNAL_BLOCKS = const(896)
_TO_1970_MS = 946684800000  # MicroPython's epoch here is 2000
_INTERRUPT = b"\x03"  # Ctrl-C
_END_OF_TRANSMISSION = b"\x04"  # Ctrl-D


class BoardError(Exception):
    """Something the board needs is missing or in use; the text says what and what to do."""


def claim():
    """Nobody else can use this board."""


def configuration():
    """Path of the configuration file; BoardError when there is none."""
    try:
        os.stat(_CONFIGURATION)
    except OSError:
        raise BoardError(
            "there is no configuration %s; write one (docs/configuration.md) and copy it with "
            "'mpremote connect <port> cp config.json :/config.json + reset'" % _CONFIGURATION
        )
    return _CONFIGURATION


def bus(number, baud):
    """Open RS485 line `number` (1 to BUSES) at `baud` bit/s, 8 data bits, even parity."""
    return machine.UART(number, baud, 8, 0, 1, timeout=0, rxbuf=512, txbuf=512)


def modem():
    """Open the modem's serial port."""
    return machine.UART(_MODEM, _MODEM_BAUD, timeout=0, rxbuf=4096, txbuf=8192)


def pulse_inputs(wanted):
    """Count pulses from now on; `wanted` is a list of (input from 1, least width in ms).

    Returns their counters, whose count() is the pulses since then, modulo 2 to the power of 30.
    """
    from .pulse_line import PulseLine  # which takes heap

    return PulseLine(machine.UART(_PULSES, timeout=0), PULSE_INPUTS).counters(wanted)


def journal_flash():
    """The block device that holds the journal."""
    try:
        return virtual.Flash(_JOURNAL_FIRST, _JOURNAL_BLOCKS)
    except OSError as error:
        raise BoardError("journal's flash: %s" % error)


def utc_ms():
    """Milliseconds since 1970-01-01 UTC by the real-time clock."""
    return time.time_ns() // 1000000 + _TO_1970_MS


def set_utc_ms(ms):
    """Set the real-time clock."""
    year, month, day, hour, minute, second, weekday, _ = time.gmtime((ms - _TO_1970_MS) // 1000)
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, ms % 1000 * 1000))


def random_bytes(count):
    """`count` bytes nobody can guess, for a new journal's epoch and for jitter."""
    return os.urandom(count)


def restart():
    """Start over after a failure."""
    machine.reset()


async def stop_requested():
    """Return when Ctrl-D comes at the console: an orderly stop, then MicroPython's prompt."""
    reader = asyncio.StreamReader(sys.stdin.buffer)
    key = None
    while key != _END_OF_TRANSMISSION:
        key = await reader.read(1)
        if key == _INTERRUPT:  # it came so early that it was no interrupt yet
            raise KeyboardInterrupt
