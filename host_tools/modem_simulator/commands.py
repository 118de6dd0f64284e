"""The commands that are not about sockets: identity, SIM, network, clock, power."""

import time
from collections.abc import Awaitable, Callable

from .at import Answer, Command
from .conditions import SimState
from .errors import CME_TEXTS, AtError, CmeError, SocketCommandError
from .modem import PIN, PIN_TRIES, Modem

Handler = Callable[[Modem, Command], Awaitable[Answer]]

HANDLERS: dict[str, Handler] = {}
"""Every command by its name, without "AT"."""


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Enter the decorated function into `HANDLERS`."""

    def enter(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return enter


async def execute(modem: Modem, command: Command | None) -> Answer:
    """Run a command and turn whatever happens into an answer."""
    handler = HANDLERS.get(command.name) if command is not None else None
    if command is None or handler is None:
        return Answer(final="ERROR")
    if command.form == "=?":
        return Answer()
    try:
        return await handler(modem, command)
    except CmeError as error:
        match modem.settings.error_format:
            case 1:
                return Answer(final=f"+CME ERROR: {error.number}")
            case 2:
                return Answer(final=f"+CME ERROR: {CME_TEXTS[error.number]}")
        return Answer(final="ERROR")
    except SocketCommandError as error:
        modem.sockets.last_error = error.reason
        return Answer(final="ERROR")
    except AtError:
        return Answer(final="ERROR")


def integer(command: Command, index: int, allowed: range, default: int | None = None) -> int:
    """Return a number argument; without it the default; AtError if it is not in `allowed`."""
    text = command.arguments[index] if index < len(command.arguments) else ""
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) not in allowed:
        raise AtError
    return int(text)


def only(command: Command, *forms: str) -> None:
    """Refuse the other forms of a command."""
    if command.form not in forms:
        raise AtError


# The command line itself


@handles("")
async def _attention(_modem: Modem, command: Command) -> Answer:
    only(command, "")
    return Answer()


@handles("E")
async def _echo(modem: Modem, command: Command) -> Answer:
    only(command, "", "0", "1")
    modem.port.echo = command.form == "1"
    return Answer()


@handles("I")
async def _identification(modem: Modem, command: Command) -> Answer:
    only(command, "", "0")
    return Answer(["Quectel", "EC21", f"Revision: {modem.FIRMWARE}"])


@handles("+CMEE")
async def _error_format(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if command.form == "?":
        return Answer([f"+CMEE: {modem.settings.error_format}"])
    modem.settings.error_format = integer(command, 0, range(3))
    return Answer()


# SIM card


@handles("+CPIN")
async def _pin(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if modem.conditions.sim is SimState.MISSING:
        raise CmeError(10)
    if command.form == "?":
        return Answer([f"+CPIN: {modem.pin_state}"])
    if modem.pin_state != "SIM PIN" or len(command.arguments) != 1:
        raise CmeError(3)
    if command.arguments[0] != PIN:
        modem.pin_tries -= 1
        raise CmeError(16)
    modem.pin_tries = PIN_TRIES
    modem.sim_ready = True
    return Answer(then=modem.update_registration)


# Network


@handles("+CSQ")
async def _signal(modem: Modem, command: Command) -> Answer:
    only(command, "")
    heard = modem.conditions.online and modem.settings.function == 1
    return Answer([f"+CSQ: {modem.conditions.rssi if heard else 99},99"])


@handles("+COPS")
async def _operator(modem: Modem, command: Command) -> Answer:
    only(command, "?")
    if modem.registration != 1:
        return Answer(["+COPS: 0"])
    return Answer([f'+COPS: 0,0,"{modem.OPERATOR}",7'])


@handles("+CREG", "+CGREG", "+CEREG")
async def _registration(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    modes = modem.settings.report_registration
    if command.form == "=":
        modes[command.name] = integer(command, 0, range(3))
        return Answer()
    mode = modes[command.name]
    return Answer([f"{command.name}: {mode},{modem.registration_fields(mode)}"])


@handles("+CGATT")
async def _attach(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if command.form == "?":
        return Answer([f"+CGATT: {int(modem.attached)}"])
    wanted = integer(command, 0, range(2)) == 1
    if wanted and modem.registration != 1:
        raise CmeError(30)
    modem.settings.attach = wanted
    if not wanted:
        modem.deactivate_contexts()
    return Answer()


# Clock


@handles("+CCLK")
async def _clock(modem: Modem, command: Command) -> Answer:
    only(command, "?")
    zone = modem.conditions.time_zone_quarter_hours if modem.clock_is_set else 0
    local = time.strftime("%y/%m/%d,%H:%M:%S", time.gmtime(modem.utc_s() + zone * 900))
    return Answer([f'+CCLK: "{local}{zone:+03d}"'])


# Power


@handles("+CFUN")
async def _functionality(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    settings = modem.settings
    if command.form == "?":
        return Answer([f"+CFUN: {settings.function}"])
    function = integer(command, 0, range(5))
    if function not in (0, 1, 4):
        raise AtError
    if integer(command, 1, range(2), default=0) == 1:
        if function != 1:
            raise AtError
        return Answer(then=modem.reboot)
    settings.function = function
    if function != 1:
        modem.deactivate_contexts()
    return Answer(then=modem.update_registration)
