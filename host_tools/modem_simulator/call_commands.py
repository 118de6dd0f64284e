"""The commands of data calls: dialling (ATD, AT+CGDATA), interrupting (ATO), hanging up (ATH)."""

import asyncio
import logging
import re

from host_tools.tun import TunError

from .at import Answer, Command
from .commands import handles, integer, only
from .data_call import NO_CARRIER
from .errors import AtError
from .modem import Modem

CONNECT = "CONNECT 150000000"
"""The highest rate of LTE category 4 in bit/s, which the modem's manuals always answer."""

_NUMBER = re.compile(r"[TP]?\*99(?:\*[^*#]*\*[^*#]*\*(\d{1,2}))?#;?", re.IGNORECASE)
_CONTEXTS = range(1, 17)
_DEFAULT_CONTEXT = 1

_log = logging.getLogger(__name__)


@handles("D")
async def _dial(modem: Modem, command: Command) -> Answer:
    match = _NUMBER.fullmatch(command.form)
    if match is None:
        return Answer(final=NO_CARRIER)
    return await _call(modem, int(match[1] or _DEFAULT_CONTEXT))


@handles("+CGDATA")
async def _enter_data_state(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    if not command.arguments or command.arguments[0].upper() != "PPP":
        raise AtError
    return await _call(modem, integer(command, 1, _CONTEXTS, default=_DEFAULT_CONTEXT))


async def _call(modem: Modem, context: int) -> Answer:
    if modem.call is not None or context not in _CONTEXTS:
        raise AtError
    if not modem.attached:
        return Answer(final=NO_CARRIER)
    try:
        await modem.packets.open()
        async with asyncio.timeout(modem.conditions.connect_timeout_s):
            await modem.link.round_trip()
    except TunError as error:
        _log.error("modem simulator: no data call: %s.", error)
        return Answer(final=NO_CARRIER)
    except TimeoutError:
        return Answer(final=NO_CARRIER)
    if not modem.conditions.carrier:
        return Answer(final=NO_CARRIER)
    return Answer(final=CONNECT, then=lambda: modem.connect_call(context))


@handles("O")
async def _return_to_data(modem: Modem, command: Command) -> Answer:
    only(command, "", "0")
    if modem.call is None:
        return Answer(final=NO_CARRIER)
    return Answer(final=CONNECT, then=modem.resume_call)


@handles("H")
async def _hang_up(modem: Modem, command: Command) -> Answer:
    only(command, "", "0")
    if modem.call is None:
        return Answer()
    modem.call.hang_up()
    return Answer([NO_CARRIER])
