"""What has gone through the modem, and an estimate of what that costs on air."""

from dataclasses import asdict, dataclass

SEGMENT_BYTES = 1460
"""Most payload one TCP segment carries over a 1500-byte link."""
HEADER_BYTES = 40
"""IPv4 header (20 bytes) and TCP header (20 bytes) without options, once per segment."""


@dataclass
class Counters:
    """Totals since the simulator started; a modem reboot does not reset them.

    Payload is counted when it crosses the radio link: data still waiting in the modem's send
    buffer, or lost in it, is not in `bytes_up`.
    """

    bytes_up: int = 0
    bytes_down: int = 0
    segments_up: int = 0
    segments_down: int = 0
    boots: int = 0

    @property
    def bytes_on_air(self) -> int:
        """Payload plus 40 bytes for every segment of up to 1460 bytes, both directions.

        Pure acknowledgements, connection set-up and tear-down, retransmissions and name look-ups
        are left out: it is a lower bound of what an operator would bill.
        """
        segments = self.segments_up + self.segments_down
        return self.bytes_up + self.bytes_down + HEADER_BYTES * segments

    def count_up(self, size: int) -> None:
        """Count one piece of `size` payload bytes on its way to the network."""
        self.bytes_up += size
        self.segments_up += segments(size)

    def count_down(self, size: int) -> None:
        """Count one piece of `size` payload bytes on its way from the network."""
        self.bytes_down += size
        self.segments_down += segments(size)

    def as_dict(self) -> dict[str, int]:
        """Return all counters, the estimate included, for JSON."""
        return asdict(self) | {"bytes_on_air": self.bytes_on_air}


def segments(size: int) -> int:
    """Return how many TCP segments `size` bytes of payload need."""
    return -(-size // SEGMENT_BYTES)
