"""What cellular modems have in common: answering AT, SIM card, registration, signal and time.

Sources: 3GPP TS 27.007; ITU-T V.250 for data mode and the way out of it.
"""

import asyncio
import re

from micropython import const

from .. import log
from ..dates import utc_seconds
from . import ModemError
from .at import CommandLine

CONTEXT = const(1)  # the data connection to the operator

LARGEST_SEND = const(1460)  # bytes that a modem is given at once, if it has sockets of its own

_ATTEMPTS = const(4)
_ANSWER_MS = const(500)
_GUARD_MS = const(1100)  # silence before and after "+++"; V.250 has 1 s
_REGISTRATION_S = const(90)
_UNKNOWN_SIGNAL = const(99)
_FIRST_YEAR = const(26)  # of the century: this firmware is not older, so no time can be

_log = log.get("modem")


class Cellular:
    """A modem on a serial port. `on_time(utc_ms)` is called with the network's time.

    `settings` is the section `uplink` of the configuration. run() must be running as a task
    before start() is called. A class for one kind of modem adds connect() and hang_up(), and gives
    the `prefixes` of the lines that its modem sends unasked.
    """

    def __init__(self, port, settings, on_time, prefixes):
        self.signal = _UNKNOWN_SIGNAL  # AT+CSQ: 0 to 31, 99 unknown
        self.operator = ""
        self._settings = settings
        self._on_time = on_time
        self._at = CommandLine(port, prefixes, self._unsolicited)

    async def run(self):
        """Read the modem's port for ever."""
        await self._at.run()

    async def start(self):
        """Bring the modem into the network. ModemError says at which step it failed, and why."""
        await self._synchronise()
        _log.info("%s", " ".join((await self._at.command("ATI"))[:3]))
        await self._check_sim()
        await self._register()
        await self.refresh()

    async def refresh(self):
        """Ask for signal, operator and the network's time."""
        signal = _field(await self._at.command("AT+CSQ"), "+CSQ: ", 0, "")
        self.signal = int(signal) if signal.isdigit() else _UNKNOWN_SIGNAL
        self.operator = _field(await self._at.command("AT+COPS?"), "+COPS: ", 2, "").strip('"')
        await self._take_time()

    async def _synchronise(self):
        """Make the modem answer commands, whatever a reset of ours has left it in.

        It may be on-line, and take commands for data. Or it may be waiting for the rest of a
        send: line ends complete that and are nothing as commands.
        """
        for attempt in range(_ATTEMPTS):
            try:
                await self._at.command("AT", _ANSWER_MS)
                await self._at.command("ATE0")
                return
            except ModemError:
                if attempt % 2 == 0:
                    await self._leave_data_mode()
                else:
                    await self._at.write_raw(b"\r" * LARGEST_SEND)
        raise ModemError("does not answer AT; check its power and serial cable")

    async def _leave_data_mode(self):
        await asyncio.sleep_ms(_GUARD_MS)
        await self._at.write_raw(b"+++")
        await asyncio.sleep_ms(_GUARD_MS)
        try:
            await self._at.command("ATH")
        except ModemError as error:
            _log.info("hanging up: %s", error)
        self._at.resume()  # some say NO CARRIER and OK

    async def _check_sim(self):
        try:
            state = _field(await self._at.command("AT+CPIN?"), "+CPIN: ", 0, "unknown")
        except ModemError as error:
            raise ModemError("no SIM card, or it is not readable (%s)" % error)
        if state != "READY":
            raise ModemError("SIM card is locked: %s" % state)

    async def _register(self):
        state = "0"
        for _ in range(_REGISTRATION_S):
            for query, prefix in (("AT+CEREG?", "+CEREG: "), ("AT+CREG?", "+CREG: ")):
                state = _field(await self._at.command(query), prefix, 1, "0")
                if state in ("1", "5"):  # home network, roaming
                    return
            if state == "3":
                raise ModemError("the network denies registration; is the SIM card paid for?")
            await asyncio.sleep(1)
        raise ModemError(
            "no network within %d s (registration state %s)" % (_REGISTRATION_S, state)
        )

    async def _set_access_point(self):
        await self._at.command('AT+CGDCONT=%d,"IP","%s"' % (CONTEXT, self._settings.apn))

    async def _take_time(self):
        """Network time: local time with its zone in quarters of an hour, 3GPP TS 27.007 8.8."""
        lines = await self._at.command("AT+CCLK?")
        pattern = '"(\\d\\d)/(\\d\\d)/(\\d\\d),(\\d\\d):(\\d\\d):(\\d\\d)([+-])(\\d\\d)"'
        match = re.search(pattern, lines[0]) if lines else None
        if match is None:
            _log.warning("no network time in %s", lines)
            return
        year, month, day, hour, minute, second = [int(match.group(i)) for i in range(1, 7)]
        quarters = int(match.group(8)) * (-1 if match.group(7) == "-" else 1)
        if not _FIRST_YEAR <= year < 80:  # the modem's start value: the network gave no time yet
            return
        local = utc_seconds(2000 + year, month, day, hour, minute, second)
        self._on_time((local - quarters * 900) * 1000)

    def _unsolicited(self, line):
        """Take a line that nobody asked for; one kind of modem has a use for it."""


def _field(lines, prefix, index, default):
    """Field `index` of the line that begins with `prefix`, without blanks; or the default."""
    for line in lines:
        if line.startswith(prefix):
            fields = line[len(prefix) :].split(",")
            if index < len(fields):
                return fields[index].strip()
    return default
