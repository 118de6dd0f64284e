"""The commands that are not about sockets: identity, SIM, network, clock, power."""

import time
from collections.abc import Awaitable, Callable

from .at import Answer, Command
from .errors import CME_TEXTS, AtError, CmeError, SocketCommandError
from .modem import Modem
from .sim_card import SimCard

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


def require_card(modem: Modem) -> None:
    """Refuse what needs an inserted SIM card."""
    if not modem.sim.inserted:
        raise CmeError(10)


# Identity and the command line itself


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


@handles("+CGMR")
async def _firmware(modem: Modem, command: Command) -> Answer:
    only(command, "")
    return Answer([modem.FIRMWARE])


@handles("+CGSN", "+GSN")
async def _imei(modem: Modem, command: Command) -> Answer:
    only(command, "")
    return Answer([modem.IMEI])


# SIM card


@handles("+CIMI")
async def _imsi(modem: Modem, command: Command) -> Answer:
    only(command, "")
    require_card(modem)
    if not modem.sim.ready:
        raise CmeError(11 if modem.sim.pin_tries else 12)
    return Answer([SimCard.IMSI])


@handles("+QCCID")
async def _iccid(modem: Modem, command: Command) -> Answer:
    only(command, "")
    require_card(modem)
    return Answer([f"+QCCID: {SimCard.ICCID}"])


@handles("+CPIN")
async def _pin(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    require_card(modem)
    sim = modem.sim
    if command.form == "?":
        return Answer([f"+CPIN: {sim.state}"])
    if sim.state == "READY":
        raise CmeError(3)
    match sim.state, command.arguments:
        case "SIM PIN", (pin,):
            accepted = sim.enter_pin(pin)
        case "SIM PUK", (puk, new_pin):
            accepted = sim.enter_puk(puk, new_pin)
        case "SIM PUK", _:
            raise CmeError(12)
        case _:
            raise CmeError(50)
    if not accepted:
        raise CmeError(16 if sim.state == "SIM PIN" else 12)
    return Answer(then=modem.update_registration)


@handles("+QPINC")
async def _tries_left(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    require_card(modem)
    return Answer([f'+QPINC: "SC",{modem.sim.pin_tries},{modem.sim.puk_tries}'])


# Network


@handles("+CSQ")
async def _signal(modem: Modem, command: Command) -> Answer:
    only(command, "")
    heard = modem.conditions.online and modem.settings.function == 1
    return Answer([f"+CSQ: {modem.conditions.rssi if heard else 99},99"])


@handles("+COPS")
async def _operator(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    settings = modem.settings
    if command.form == "=":
        mode = integer(command, 0, range(5))
        if mode in (0, 2):
            settings.automatic_operator = mode == 0
            if mode == 2:
                modem.deactivate_contexts()
        elif mode != 3:
            raise CmeError(3)
        return Answer(then=modem.update_registration)
    if not settings.automatic_operator:
        return Answer(["+COPS: 2"])
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


def _format_time(seconds: float, quarter_hours: int, year: str) -> str:
    """Return the time `seconds` after 1970 with its distance from UTC, as the modem writes it."""
    text = time.strftime(f"{year}/%m/%d,%H:%M:%S", time.gmtime(seconds))
    return f"{text}{quarter_hours:+03d}"


@handles("+CCLK")
async def _clock(modem: Modem, command: Command) -> Answer:
    only(command, "?")
    zone = modem.conditions.time_zone_quarter_hours if modem.clock_is_set else 0
    return Answer([f'+CCLK: "{_format_time(modem.utc_s() + zone * 900, zone, "%y")}"'])


@handles("+CTZU")
async def _clock_update(_modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if command.form == "?":
        return Answer(["+CTZU: 1"])
    mode = integer(command, 0, range(4))
    if mode not in (1, 3):
        raise AtError  # this clock always follows the network
    return Answer()


@handles("+QLTS")
async def _network_time(modem: Modem, command: Command) -> Answer:
    only(command, "", "=")
    mode = integer(command, 0, range(3), default=0)
    if not modem.clock_is_set:
        return Answer(['+QLTS: ""'])
    zone = modem.conditions.time_zone_quarter_hours
    local = zone if mode == 2 else 0
    return Answer([f'+QLTS: "{_format_time(modem.utc_s() + local * 900, zone, "%Y")},0"'])


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


@handles("+QPOWD")
async def _power_down(modem: Modem, command: Command) -> Answer:
    only(command, "", "=")
    integer(command, 0, range(2), default=1)
    modem.deactivate_contexts()

    def say_goodbye() -> None:
        modem.port.announce("POWERED DOWN")
        modem.power_off()

    return Answer(then=say_goodbye)
