"""What a meter says to a request."""

from dataclasses import dataclass

from host_tools.meter_simulator.formats import Value
from host_tools.meter_simulator.frame import Frame

NORMAL = 0x80
REFUSAL = 0xC0
MORE = 0x20


@dataclass(frozen=True)
class Answer:
    """A frame to send, and the data identifier and the scaled values it carries, if any.

    `new_baud` is the speed the meter changes to when the answer has been sent.
    """

    frame: Frame
    di: str = ""
    values: tuple[Value, ...] = ()
    new_baud: int | None = None


def said(
    address: str,
    function: int,
    data: bytes = b"",
    *,
    more: bool = False,
    di: str = "",
    told: tuple[Value, ...] = (),
    new_baud: int | None = None,
) -> Answer:
    """Give the normal answer of a function; `told` are the values of the identifier `di`."""
    control = function | NORMAL | (MORE if more else 0)
    return Answer(Frame(address, control, data), di, told, new_baud)


def refused(address: str, function: int, error_word: int, further: bytes = b"") -> Answer:
    """Give the refusal of a function."""
    return Answer(Frame(address, function | REFUSAL, bytes([error_word]) + further))
