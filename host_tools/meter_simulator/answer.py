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
