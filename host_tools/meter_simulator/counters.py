"""What has happened on a bus."""

from dataclasses import dataclass


@dataclass
class Counters:
    """What happened on a bus; written by the bus's thread only, readable from any."""

    requests: int = 0
    """Intact frames from the master."""

    answers: int = 0
    """Answers sent to their last byte."""

    ignored: int = 0
    """Intact requests that no meter had to answer, or could."""

    collisions: int = 0
    """Times that two spoke at once, and nobody was understood."""

    bytes_in: int = 0
    """Bytes heard from the master."""

    bytes_out: int = 0
    """Bytes sent, noise included."""

    def __str__(self) -> str:
        """Give all counters in one line."""
        return (
            f"{self.requests} requests, {self.answers} answers, {self.ignored} ignored, "
            f"{self.collisions} collisions, {self.bytes_in} bytes in, {self.bytes_out} bytes out"
        )
