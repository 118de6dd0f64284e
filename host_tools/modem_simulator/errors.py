"""The ways in which a command fails, with the numbers that the modem's manuals give them."""

from enum import IntEnum

CME_TEXTS = {
    3: "operation not allowed",
    10: "SIM not inserted",
    16: "incorrect password",
    30: "no network service",
}


class AtError(Exception):
    """The command is answered with plain ERROR."""


class CmeError(AtError):
    """The command is answered as AT+CMEE asks: ERROR, a number or a text."""

    def __init__(self, number: int) -> None:
        """Fail with a +CME ERROR number."""
        super().__init__(CME_TEXTS[number])
        self.number = number


class TcpError(IntEnum):
    """What +QIOPEN and AT+QIGETERROR report."""

    NONE = 0
    INVALID_PARAMETER = 552
    NOT_SUPPORTED = 555
    WRITE_FAILED = 558
    CONTEXT_NOT_OPENED = 561
    ID_IN_USE = 563
    DNS_FAILED = 565
    CONNECT_FAILED = 566
    SOCKET_CLOSED = 567

    @property
    def text(self) -> str:
        """Words for AT+QIGETERROR."""
        if self is TcpError.NONE:
            return "operate successfully"
        return self.name.lower().replace("_", " ")


class SocketCommandError(AtError):
    """A socket command failed: ERROR, with the reason kept for AT+QIGETERROR."""

    def __init__(self, reason: TcpError) -> None:
        """Fail for a reason that AT+QIGETERROR can name."""
        super().__init__(reason.text)
        self.reason = reason
