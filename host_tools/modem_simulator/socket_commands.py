"""The commands of the modem's own TCP and UDP: contexts (AT+QIACT) and sockets (AT+QIOPEN)."""

from .at import Answer, Command
from .commands import handles, integer, only
from .counters import SEGMENT_BYTES
from .errors import AtError, SocketCommandError, TcpError
from .modem import Context, Modem
from .sockets import MAX_SOCKETS, ModemSocket, SocketState

MAX_READ = 1500
"""Most bytes one AT+QIRD gives."""
DEFAULT_CLOSE_S = 10

_CONTEXTS = range(1, 17)
_SOCKETS = range(MAX_SOCKETS)
_BUFFER_MODE = 0
_KINDS = ("TCP", "UDP")


def _context(modem: Modem, number: int) -> Context:
    return modem.settings.contexts.setdefault(number, Context())


def _text(command: Command, index: int) -> str:
    return command.arguments[index] if index < len(command.arguments) else ""


def _socket(modem: Modem, command: Command) -> ModemSocket:
    """Return the socket that the first argument names."""
    which = modem.sockets.get(integer(command, 0, _SOCKETS))
    if which is None or which.state is SocketState.OPENING:
        raise SocketCommandError(TcpError.SOCKET_CLOSED)
    return which


@handles("+CGDCONT")
async def _define_context(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if command.form == "?":
        contexts = sorted(modem.settings.contexts.items())
        return Answer([f'+CGDCONT: {n},"IP","{c.apn}","0.0.0.0",0,0' for n, c in contexts])
    number = integer(command, 0, _CONTEXTS)
    if _text(command, 1).upper() not in ("", "IP"):
        raise AtError
    _context(modem, number).apn = _text(command, 2)
    return Answer()


@handles("+QICSGP")
async def _define_login(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    context = _context(modem, integer(command, 0, _CONTEXTS))
    integer(command, 1, range(1, 2))  # IPv4
    context.apn, context.user, context.password = (_text(command, n) for n in (2, 3, 4))
    integer(command, 5, range(4), default=0)  # PAP, CHAP or both: the network takes any
    return Answer()


@handles("+QIACT")
async def _activate(modem: Modem, command: Command) -> Answer:
    only(command, "?", "=")
    if command.form == "?":
        contexts = sorted(modem.settings.contexts.items())
        return Answer([f'+QIACT: {n},1,1,"10.64.0.{n}"' for n, c in contexts if c.active])
    number = integer(command, 0, _CONTEXTS)
    context = _context(modem, number)
    if context.active or not modem.attached:
        raise SocketCommandError(TcpError.CONTEXT_NOT_OPENED)
    await modem.link.round_trip()
    wanted = modem.conditions
    if wanted.user and (context.user, context.password) != (wanted.user, wanted.password):
        raise SocketCommandError(TcpError.CONTEXT_NOT_OPENED)
    context.active = True
    return Answer()


@handles("+QIDEACT")
async def _deactivate(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    number = integer(command, 0, _CONTEXTS)
    for which in modem.sockets.all():
        if which.context == number:
            await modem.sockets.close(which.number, timeout_s=0)
    _context(modem, number).active = False
    return Answer()


@handles("+QIOPEN")
async def _open(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    context = integer(command, 0, _CONTEXTS)
    number = integer(command, 1, _SOCKETS)
    host = _text(command, 3)
    port = integer(command, 4, range(1, 65536))
    integer(command, 5, range(65536), default=0)  # the local port is left to the system
    kind = _text(command, 2).upper()
    if kind not in _KINDS:
        raise SocketCommandError(TcpError.NOT_SUPPORTED)
    if integer(command, 6, range(3), default=_BUFFER_MODE) != _BUFFER_MODE:
        raise SocketCommandError(TcpError.NOT_SUPPORTED)
    if not host:
        raise SocketCommandError(TcpError.INVALID_PARAMETER)
    if not _context(modem, context).active:
        raise SocketCommandError(TcpError.CONTEXT_NOT_OPENED)
    return Answer(then=lambda: modem.sockets.open(number, context, kind, host, port))


@handles("+QISEND")
async def _send(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    which = _socket(modem, command)
    if len(command.arguments) < 2:
        raise SocketCommandError(TcpError.NOT_SUPPORTED)  # data ended by Ctrl-Z
    size = integer(command, 1, range(SEGMENT_BYTES + 1))
    if size == 0:
        waiting = which.sent - which.acknowledged
        return Answer([f"+QISEND: {which.sent},{which.acknowledged},{waiting}"])
    if which.state is not SocketState.CONNECTED:
        raise SocketCommandError(TcpError.SOCKET_CLOSED)
    data = await modem.port.prompt(size)
    if which.state is not SocketState.CONNECTED or not which.send(data):
        modem.sockets.last_error = TcpError.WRITE_FAILED
        return Answer(final="SEND FAIL")
    return Answer(final="SEND OK")


@handles("+QIRD")
async def _read(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    which = _socket(modem, command)
    limit = integer(command, 1, range(MAX_READ + 1), default=MAX_READ)
    if limit == 0:
        return Answer([f"+QIRD: {which.received},{which.fetched},{which.unread()}"])
    data = await which.read(limit)
    head = f"+QIRD: {len(data)}"
    return Answer([head, data] if data else [head])


@handles("+QICLOSE")
async def _close(modem: Modem, command: Command) -> Answer:
    only(command, "=")
    number = integer(command, 0, _SOCKETS)
    timeout_s = integer(command, 1, range(65536), default=DEFAULT_CLOSE_S)
    await modem.sockets.close(number, timeout_s)
    return Answer()


@handles("+QISTATE")
async def _state(modem: Modem, command: Command) -> Answer:
    only(command, "", "?", "=")
    sockets = modem.sockets.all()
    if command.form == "=":
        by_socket = integer(command, 0, range(2)) == 1
        wanted = integer(command, 1, _SOCKETS if by_socket else _CONTEXTS)
        sockets = [s for s in sockets if (s.number if by_socket else s.context) == wanted]
    return Answer(
        [
            f'+QISTATE: {s.number},"{s.kind}","{s.remote_address or s.host}",{s.port},'
            f'{s.local_port},{s.state.value},{s.context},{s.number},{_BUFFER_MODE},"uart1"'
            for s in sockets
        ]
    )


@handles("+QIGETERROR")
async def _last_error(modem: Modem, command: Command) -> Answer:
    only(command, "")
    error = modem.sockets.last_error
    return Answer([f"+QIGETERROR: {error.value},{error.text}"])
