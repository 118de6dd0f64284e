"""What has gone through the modem, and an estimate of what that costs on air."""

from dataclasses import asdict, dataclass

SEGMENT_BYTES = 1460
"""Most payload one TCP segment carries over a 1500-byte link."""
HEADER_BYTES = 40
"""IPv4 header (20 bytes) and TCP header (20 bytes) without options, once per segment."""


@dataclass
class Counters:
    """Totals since the simulator started; a modem reboot does not reset them.

    Bytes and segments are those of the modem's own sockets, packets and packet bytes (headers
    included) those of data calls. They are counted when they cross the radio link: data still
    waiting in the modem's send buffer, or lost in it, is not in `bytes_up`.
    """

    bytes_up: int = 0
    bytes_down: int = 0
    segments_up: int = 0
    segments_down: int = 0
    packets_up: int = 0
    packets_down: int = 0
    packet_bytes_up: int = 0
    packet_bytes_down: int = 0
    boots: int = 0

    @property
    def bytes_on_air(self) -> int:
        """What an operator would bill, both directions.

        Exact for data calls. Of sockets it is the payload plus 40 bytes for every segment of up
        to 1460 bytes: pure acknowledgements, connection set-up and tear-down, retransmissions
        and name look-ups are left out, so that it is a lower bound.
        """
        segments = self.segments_up + self.segments_down
        of_sockets = self.bytes_up + self.bytes_down + HEADER_BYTES * segments
        return of_sockets + self.packet_bytes_up + self.packet_bytes_down

    def count_up(self, size: int) -> None:
        """Count one piece of `size` payload bytes on its way to the network."""
        self.bytes_up += size
        self.segments_up += segments(size)

    def count_down(self, size: int) -> None:
        """Count one piece of `size` payload bytes on its way from the network."""
        self.bytes_down += size
        self.segments_down += segments(size)

    def count_packet_up(self, size: int) -> None:
        """Count one IP packet of `size` bytes on its way to the network."""
        self.packets_up += 1
        self.packet_bytes_up += size

    def count_packet_down(self, size: int) -> None:
        """Count one IP packet of `size` bytes on its way from the network."""
        self.packets_down += 1
        self.packet_bytes_down += size

    def as_dict(self) -> dict[str, int]:
        """Return all counters, the estimate included, for JSON."""
        return asdict(self) | {"bytes_on_air": self.bytes_on_air}


def segments(size: int) -> int:
    """Return how many TCP segments `size` bytes of payload need."""
    return -(-size // SEGMENT_BYTES)
