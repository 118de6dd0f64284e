"""DL/T 645 framing for the meter's end of the wire.

Written from the protocol and not from the firmware's C codec, so that each checks the other.
"""

from dataclasses import dataclass
from typing import Self

WAKE_UP = 0xFE
BODY_MAX = 200  # bytes in the data field

_START = 0x68
_END = 0x16
_DATA_OFFSET = 0x33  # added to every byte of the data field on the wire
_FROM_METER = 0x80
_SECOND_START = 7  # position of the second start mark
_HEADER_SIZE = 10  # start, address, start, control, length
_TRAILER_SIZE = 2  # checksum, end


@dataclass(frozen=True)
class Frame:
    """One frame; `data` is plain, without the offset that it has on the wire.

    `address` has 12 hexadecimal digits, most significant first; a request may have AA pairs
    in it, which stand for any digits.
    """

    address: str
    control: int
    data: bytes = b""

    @property
    def from_meter(self) -> bool:
        """Whether a meter sent this frame, and not the master."""
        return bool(self.control & _FROM_METER)

    @classmethod
    def from_wire(cls, raw: bytes) -> Self | None:
        """Decode exactly one frame without wake-up bytes; None if anything in it is wrong."""
        if _size(raw) != len(raw) or raw[0] != _START or raw[-1] != _END:
            return None
        if sum(raw[:-_TRAILER_SIZE]) & 0xFF != raw[-_TRAILER_SIZE]:
            return None
        return cls(
            address=raw[_SECOND_START - 1 : 0 : -1].hex().upper(),
            control=raw[_SECOND_START + 1],
            data=bytes((byte - _DATA_OFFSET) & 0xFF for byte in raw[_HEADER_SIZE:-_TRAILER_SIZE]),
        )


def encode(frame: Frame, wake_up: int = 0) -> bytes:
    """Give the bytes of a frame as they go over the wire, behind `wake_up` bytes of FE."""
    if len(frame.data) > BODY_MAX:
        raise ValueError(f"{len(frame.data)} data bytes do not fit in a frame: {BODY_MAX} do.")
    body = bytes([_START]) + bytes.fromhex(frame.address)[::-1]
    body += bytes([_START, frame.control, len(frame.data)])
    body += bytes((byte + _DATA_OFFSET) & 0xFF for byte in frame.data)
    return bytes([WAKE_UP]) * wake_up + body + bytes([sum(body) & 0xFF, _END])


class FrameScanner:
    """Finds the frames in a byte stream, whatever noise is around them.

    No byte value is reserved, so a start mark is only a candidate: when what follows it does
    not hold, the search goes on at the very next byte. Nothing that was heard is thrown away
    while it can still turn out to be part of a frame.
    """

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._heard = bytearray()

    @property
    def pending(self) -> bool:
        """Whether the beginning of a frame has been heard whose end is missing."""
        return bool(self._heard)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take bytes as they arrive and give the frames they complete."""
        self._heard += chunk
        return self._scan(more_may_come=True)

    def expire(self) -> list[Frame]:
        """Give up waiting for missing bytes; give the frames hidden behind a false start."""
        return self._scan(more_may_come=False)

    def clear(self) -> None:
        """Forget everything heard so far."""
        self._heard.clear()

    def _scan(self, *, more_may_come: bool) -> list[Frame]:
        frames: list[Frame] = []
        heard = self._heard
        while (start := heard.find(_START)) >= 0:
            del heard[:start]
            size = _size(heard)
            if size is None or size > len(heard):
                if more_may_come:
                    return frames
                del heard[0]
                continue
            frame = Frame.from_wire(bytes(heard[:size]))
            if frame is None:
                del heard[0]
            else:
                frames.append(frame)
                del heard[:size]
        heard.clear()
        return frames


def _size(raw: bytes | bytearray) -> int | None:
    """Tell the size in bytes of the frame that begins here; None: unknown yet; 0: not a frame."""
    if len(raw) > _SECOND_START and raw[_SECOND_START] != _START:
        return 0
    if len(raw) < _HEADER_SIZE:
        return None
    length = raw[_HEADER_SIZE - 1]
    return _HEADER_SIZE + length + _TRAILER_SIZE if length <= BODY_MAX else 0
