"""PPP frames on a serial line (RFC 1662): bytes in, packets out, and back."""

import binascii
import re

LCP = 0xC021
PAP = 0xC023
CHAP = 0xC223
IPCP = 0x8021
IP = 0x0021

ACCM_ALL = 0xFFFFFFFF
"""Every control character escaped: the rule for link control, and for all before it is done."""
_FLAG = b"\x7e"
_ESCAPE = 0x7D
_ADDRESS_CONTROL = b"\xff\x03"
_CHECK_BYTES = 2
_MAX_BYTES = 4096  # a packet of 1500 bytes, every one escaped, and a margin

_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)
_ESCAPE_CODES = {bytes([byte]): bytes([_ESCAPE, byte ^ 0x20]) for byte in range(256)}
_UNESCAPE_CODES = {code[1:]: plain for plain, code in _ESCAPE_CODES.items()}


def check_sequence(data: bytes) -> bytes:
    """Return the 16-bit frame check sequence as it stands on the wire."""
    # FCS-16 sends the lowest bit first, crc_hqx() counts from the highest; the polynomial is one.
    crc = binascii.crc_hqx(data.translate(_BITS_REVERSED), 0xFFFF) ^ 0xFFFF
    return crc.to_bytes(2, "big").translate(_BITS_REVERSED)


def encode(
    protocol: int,
    packet: bytes,
    accm: int = ACCM_ALL,
    *,
    short_protocol: bool = False,
    short_header: bool = False,
) -> bytes:
    """Return a packet as a frame, its flags included.

    `accm` has a bit for every control character to escape; `short_protocol` and `short_header`
    leave out what the other side has agreed to miss.
    """
    short = short_protocol and protocol < 0x100 and protocol & 1
    head = protocol.to_bytes(1 if short else 2, "big")
    body = (b"" if short_header else _ADDRESS_CONTROL) + head + packet
    body += check_sequence(body)
    body = body.replace(b"\x7d", b"\x7d\x5d").replace(_FLAG, b"\x7d\x5e")
    if accm:
        controls = bytes(byte for byte in range(32) if accm >> byte & 1)
        pattern = b"[" + re.escape(controls) + b"]"
        body = re.sub(pattern, lambda match: _ESCAPE_CODES[match[0]], body)
    return _FLAG + body + _FLAG


class Deframer:
    """Cuts a stream of bytes into packets; damaged frames are counted and dropped.

    Nothing on this line inserts control characters of its own, so none are removed.
    """

    def __init__(self) -> None:
        """Begin between two frames."""
        self.damaged = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes as they come; return (protocol, packet) of every frame they complete."""
        *frames, rest = (self._rest + data).split(_FLAG)
        self._rest = rest[:_MAX_BYTES]  # too long: its check will fail
        return [packet for frame in frames if frame and (packet := self._open(frame)) is not None]

    def _open(self, frame: bytes) -> tuple[int, bytes] | None:
        body = _ESCAPED.sub(lambda match: _UNESCAPE_CODES[match[1]], frame)
        data, check = body[:-_CHECK_BYTES], body[-_CHECK_BYTES:]
        data = data.removeprefix(_ADDRESS_CONTROL)
        if frame[-1] == _ESCAPE or not data or check_sequence(body[:-_CHECK_BYTES]) != check:
            self.damaged += 1
            return None
        size = 1 if data[0] & 1 else 2  # the last byte of a protocol number is odd
        return int.from_bytes(data[:size], "big"), data[size:]
