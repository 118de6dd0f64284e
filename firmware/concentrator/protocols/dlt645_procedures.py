"""Requests that are not done when they are answered: relay, speed and address, with a look after.

Each is a coroutine that has several transactions on a bus, which is its caller's alone for so
long: whoever calls one has the bus's turn. `baud` is the meter's speed in bit/s, if it is not the
bus's, which goes on at its own. What changes a meter is sent once: a lost answer is made up for by
looking, not by sending again. Arguments are checked, by ValueError, before anything is sent.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from .. import quality
from . import dlt645_requests as requests
from .dlt645 import ReadTransaction
from .dlt645_arguments import WILDCARD, check_meter
from .dlt645_commands import perform

# Outcomes of a relay command.
NOT_SENT = "not sent"  # the meter's status could not be read first
ALREADY = "already"  # the status shows it, so nothing was sent
REFUSED = "refused"  # by the meter
DONE = "done"  # the status has changed to it
ACCEPTED = "accepted"  # by the meter, but its status does not tell that it was done
UNKNOWN = "unknown"  # no answer, and the status does not tell

_STATUS_3 = const(0x04000503)
_ENERGY = const(0x00010000)  # what every meter has
_ENERGY_1997 = const(0x9010)
_LOOK_MS = const(1000)

# Status word 3: bit 4 the relay is open, 6 it was told to open, 7 alarm, 12 (an extension) the
# power is kept. What it looks like after each action: (bits that matter, their state).
_SHOWS = {
    "trip": (0x50, 0x50),
    "trip-close": (0x50, 0x50),
    "trip-allow": (0x50, 0x50),
    "allow": (0x40, 0),
    "close": (0x50, 0),
    "alarm": (0x80, 0x80),
    "alarm-off": (0x80, 0),
    "keep": (0x1000, 0x1000),
    "keep-off": (0x1000, 0),
}
# Those that need not be sent to a meter that shows it: not what begins a new pause, nor what goes
# by a bit that the meter may not have.
_IDLE_WHEN_SHOWN = ("trip", "allow", "close", "alarm", "alarm-off")


class RelayReport:
    """What came of a relay command.

    `outcome` is one of those above, `status` word 3 as it was last read, None if it wasn't;
    `error` and `error_names` are those of a refusal.
    """

    def __init__(self, outcome, status, error=0, error_names=()):
        self.outcome = outcome
        self.status = status
        self.error = error
        self.error_names = error_names


async def read_relay_status(bus, address, baud=None):
    """(quality, status word 3 or None): bit 4 is 1 when the relay is open, 6 when it is to be."""
    transaction = ReadTransaction(bus.preamble)
    transaction.prepare(address, _STATUS_3)
    result = await bus.converse(transaction, baud or bus.baud)
    return result, transaction.value(0)


async def switch_relay(
    bus, address, access, action, deadline, now, pause_min=0, wait_ms=5000, baud=None
):
    """Have a meter's relay do something, and look for up to `wait_ms` if it did; a RelayReport.

    Arguments as of dlt645_requests.switch_relay(); `now` is the local time, which must be before
    the deadline. To call this again after UNKNOWN is safe: it begins with a look.
    """
    request = requests.switch_relay(address, access, action, deadline, pause_min)
    if tuple(deadline)[:6] <= tuple(now)[:6]:
        raise ValueError("the deadline has passed")
    bits, state = _SHOWS[action]
    _, before = await read_relay_status(bus, address, baud)
    if before is None:
        return RelayReport(NOT_SENT, None)
    changes = before & bits != state
    if not changes and action in _IDLE_WHEN_SHOWN:
        return RelayReport(ALREADY, before)
    result, transaction = await perform(bus, request, baud)
    if result == quality.REFUSED:
        return RelayReport(REFUSED, before, transaction.error, transaction.error_names())
    status = await _look(bus, address, bits, state, wait_ms, baud)
    if changes and status is not None and status & bits == state:
        return RelayReport(DONE, status)
    return RelayReport(ACCEPTED if result == quality.GOOD else UNKNOWN, status)


async def _look(bus, address, bits, state, wait_ms, baud):
    """Read the status until the bits are in that state, for a time; what was read last."""
    until = ticks_add(ticks_ms(), wait_ms)
    while True:
        _, status = await read_relay_status(bus, address, baud)
        if status is not None and status & bits == state:
            return status
        if ticks_diff(until, ticks_ms()) <= _LOOK_MS:
            return status
        await asyncio.sleep_ms(_LOOK_MS)


class SpeedReport:
    """What came of a change of speed.

    `found` is the speed in bit/s at which the meter answers now, None when it does at neither;
    `error` and `error_names` are those of a refusal.
    """

    def __init__(self, found, error=0, error_names=()):
        self.found = found
        self.error = error
        self.error_names = error_names


async def change_speed(bus, address, new, edition=2007, baud=None):
    """Have a meter change to `new` bit/s, and see at which speed it answers; a SpeedReport.

    A meter that has changed is not heard at the speed of before: who reads it has to know.
    """
    request = requests.change_speed(address, new, edition)
    old = baud or bus.baud
    if new == old:
        raise ValueError("the meter is at %d bit/s already" % old)
    result, transaction = await perform(bus, request, old)
    if result == quality.REFUSED:
        return SpeedReport(old, transaction.error, transaction.error_names())
    # Confirmed or not: only an answer at the new speed tells.
    for speed in (new, old):
        if await _answers(bus, address, edition, speed):
            return SpeedReport(speed)
    return SpeedReport(None)


async def write_address(bus, old, new, edition=2007, baud=None):
    """Give the meter `old` the address `new`; returns a quality.

    GOOD: it answers at the new one. REFUSED: it has kept the old one; most likely its programming
    key isn't pressed. A meter of the 2007 edition must be alone on the line, for this is heard by
    whoever is on it: WRONG, and nothing is sent, when another one answers for that.
    """
    check_meter(old, edition)
    if edition == 1997:
        return await _write_address_1997(bus, old, new, baud)
    request = requests.write_address(WILDCARD, new, edition)
    result, before = await perform(bus, requests.read_address(), baud)
    if result != quality.GOOD:
        return result
    if before.address != old:
        return quality.WRONG
    await perform(bus, request, baud)
    result, after = await perform(bus, requests.read_address(), baud)
    if result == quality.GOOD and after.address != new:
        return quality.REFUSED
    return result


async def _write_address_1997(bus, old, new, baud):
    result, _ = await perform(bus, requests.write_address(old, new, 1997), baud)
    if result == quality.REFUSED:
        return result
    if await _answers(bus, new, 1997, baud):
        return quality.GOOD
    return quality.REFUSED if await _answers(bus, old, 1997, baud) else quality.TIMEOUT


async def _answers(bus, address, edition, baud):
    """Whether a meter answers anything at all."""
    transaction = ReadTransaction(bus.preamble)
    transaction.prepare(address, _ENERGY_1997 if edition == 1997 else _ENERGY, edition)
    return await bus.converse(transaction, baud or bus.baud) in (quality.GOOD, quality.REFUSED)
