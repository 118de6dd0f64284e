"""What is wrong with a meter, or peculiar: faults on the wire, and freedoms that meters take.

A fault is asked for by its name, `name` or `name=value`. Those that spoil answers may be followed
by `/n`: every n-th answer only.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from host_tools.meter_simulator.frame import Frame, encode

CHECKSUM_SPANS = ("all", "body", "data", "none")
WAKE_UP_MAX = 7

_TRUNCATED_TO = 12  # bytes, wake-up not counted
_IDENTIFIER_SIZES = {0x11: 4, 0x12: 4, 0x01: 2, 0x02: 2, 0x03: 2}  # by function, of both editions
_FOLLOW_UP = 0x12
_FUNCTION = 0x1F
_REFUSED = 0x40


@dataclass
class Faults:
    """What is wrong with a meter; may be changed while its bus is running."""

    silent: bool = False
    """Dead: hears nothing, says nothing."""

    answer_delay_ms: tuple[float, float] | None = None
    """Range of its own answer delay in ms; None: the bus's."""

    wake_up: int | None = None
    """Number of FE bytes before its answers; None: the bus's."""

    error_rate: float = 0.0
    """Probability, 0 to 1, that a byte of an answer is replaced by another on the wire."""

    bit_error_rate: float = 0.0
    """Probability, 0 to 1, that a bit of an answer is turned over on the wire."""

    parity_checked: bool = False
    """The master's port throws away characters whose parity is damaged by a bit error."""

    babble_period_s: float = 0.0
    """Seconds from one burst of noise to the next; 0: never."""

    babble_size: int = 40
    """Bytes in a burst of noise."""

    echo: bool = False
    """The adapter hears itself: requests to this meter come back before the answer."""

    spoiled: dict[str, int] = field(default_factory=dict)
    """Names of what spoils answers (see SPOILERS), each with its n: every n-th answer."""

    truncated_to: int = _TRUNCATED_TO
    """Bytes that are left of a truncated answer."""

    event_pending: bool = False
    """Marks complete answers as if more followed, and then tells its report word instead."""

    no_blocks: bool = False
    """Knows no block reads: error word 02."""

    split_at: int = 0
    """Values longer than so many bytes are split into follow-up frames; 0: as late as possible."""

    wildcard_read: bool = True
    """Answers reads to the address AA...AA."""

    answers_broadcast: bool = False
    """Answers reads to the address 99...99, as some 1997 meters do."""

    padded_with_a: bool = False
    """Answers with A in place of leading zeros of its address, as 1997 meters may."""

    freeze_separators: bool = True
    """AA behind every item of a freeze block."""

    load_separators: bool = True
    """AA behind every class of a load record."""

    load_checksum: str = CHECKSUM_SPANS[0]
    """What a load record's checksum is of: one of CHECKSUM_SPANS."""

    load_bad: bool = False
    """Load records are marked as bad."""

    load_none_is_empty: bool = False
    """Without a load record the answer is empty instead of error word 02."""

    empty_is_ff: bool = False
    """Empty event records are filled with FF instead of 00."""

    long_control_errors: bool = False
    """Refusals of relay commands have two bytes."""

    keeps_speed: bool = False
    """Confirms a change of speed, and does not make it."""

    _answers: int = 0

    def to_wire(self, frame: Frame, wake_up: int, draw: random.Random) -> bytes:
        """Give the bytes of an answer as they arrive, with everything that spoils them."""
        self._answers += 1
        spoiled = [name for name, nth in self.spoiled.items() if self._answers % nth == 0]
        for name in spoiled:
            if name in _FRAME_SPOILERS:
                frame = _FRAME_SPOILERS[name](frame)
        data = encode(frame)
        for name in spoiled:
            if name in _BYTE_SPOILERS:
                data = _BYTE_SPOILERS[name](data)
        if "truncated" in spoiled:
            data = data[: self.truncated_to]
        count = wake_up if self.wake_up is None else self.wake_up
        return self._add_errors(b"\xfe" * count + data, draw)

    def _add_errors(self, data: bytes, draw: random.Random) -> bytes:
        if self.error_rate:
            data = bytes(
                byte ^ draw.randrange(1, 256) if draw.random() < self.error_rate else byte
                for byte in data
            )
        if self.bit_error_rate:
            data = self._turn_bits(data, draw)
        return data

    def _turn_bits(self, data: bytes, draw: random.Random) -> bytes:
        """Turn bits over, those of the parity (bit 8 here) as well."""
        heard = bytearray()
        for byte in data:
            errors = [bit for bit in range(9) if draw.random() < self.bit_error_rate]
            if not (self.parity_checked and len(errors) % 2):
                heard.append(byte ^ (sum(1 << bit for bit in errors) & 0xFF))
        return bytes(heard)


def _other_address(frame: Frame) -> Frame:
    digit = (int(frame.address[-1], 16) + 1) % 10
    return Frame(frame.address[:-1] + str(digit), frame.control, frame.data)


def _other_identifier(frame: Frame) -> Frame:
    """Change the identifier of an answer that has one."""
    size = _IDENTIFIER_SIZES.get(frame.control & _FUNCTION, 0)
    if frame.control & _REFUSED or len(frame.data) < size or not size:
        return frame
    changed = bytes([*frame.data[: size - 2], frame.data[size - 2] ^ 1])
    return Frame(frame.address, frame.control, changed + frame.data[size - 1 :])


def _other_sequence(frame: Frame) -> Frame:
    """Change the sequence number of a follow-up answer."""
    if frame.control & _FUNCTION != _FOLLOW_UP or frame.control & _REFUSED:
        return frame
    last = (frame.data[-1] + 1) & 0xFF
    return Frame(frame.address, frame.control, frame.data[:-1] + bytes([last]))


def _other_function(frame: Frame) -> Frame:
    return Frame(frame.address, frame.control ^ 0x04, frame.data)


_FRAME_SPOILERS: dict[str, Callable[[Frame], Frame]] = {
    "wrong-address": _other_address,
    "wrong-identifier": _other_identifier,
    "wrong-sequence": _other_sequence,
    "wrong-function": _other_function,
}
_BYTE_SPOILERS: dict[str, Callable[[bytes], bytes]] = {
    "wrong-checksum": lambda data: data[:-2] + bytes([data[-2] ^ 0x55]) + data[-1:],
    "no-end": lambda data: data[:-1],
    "double-start": lambda data: data[:1] + data,
}
SPOILERS = (*_FRAME_SPOILERS, *_BYTE_SPOILERS, "truncated")
