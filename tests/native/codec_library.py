# SPDX-License-Identifier: MIT
"""The C codec for CPython, through a shared library of it: what properties are tried on."""

import ctypes
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.codec_builds import compile_c

DATA_MAX = 200
FRAME_MAX = 212
PREAMBLE_MAX = 16

# dlt645_verdict_t and dlt645_progress_t, in their order.
VERDICTS = (
    *("answer", "more", "refused", "echo", "other meter", "other function"),
    *("other identifier", "other sequence", "bad length"),
)
PROGRESS = ("complete", "ask", "again", "given up", "wrong size", "no room")


class Frame(NamedTuple):
    """A frame: 6 address bytes in wire order, control code, plain data."""

    address: bytes
    control: int
    data: bytes


@cache
def codec() -> ctypes.CDLL:
    """The shared library, compiled once per process."""
    source = Path(__file__).with_suffix(".c")
    flags = ["-O1", "-shared", "-fPIC"]
    library = ctypes.CDLL(str(compile_c("codec_library.so", [source], flags)))
    for name in ("encode", "encode_request", "decoder_feed", "decoder_needed"):
        getattr(library, f"dlt645_{name}").restype = ctypes.c_size_t
    for name in ("decoder_next", "decoder_timeout"):
        getattr(library, f"dlt645_{name}").restype = ctypes.c_bool
    library.library_find.restype = ctypes.c_bool
    for name in ("decoder_size", "request_size", "assembly_size", "assembled"):
        getattr(library, f"library_{name}").restype = ctypes.c_size_t
    return library


def encode(frame: Frame, preamble: int = 0) -> bytes:
    """The bytes of a frame, with wake-up bytes before it; ValueError if the codec refuses."""
    buffer = ctypes.create_string_buffer(FRAME_MAX + PREAMBLE_MAX)
    size = codec().dlt645_encode(
        *(buffer, ctypes.c_size_t(len(buffer)), frame.address, ctypes.c_uint8(frame.control)),
        *(frame.data, ctypes.c_size_t(len(frame.data)), ctypes.c_size_t(preamble)),
    )
    if not size:
        raise ValueError(f"the codec does not encode {frame}")
    return buffer.raw[:size]


def find_all(line: bytes) -> list[tuple[int, int]]:
    """(place, size) of the good frames in a line, one behind the other."""
    found, at = [], 0
    offset, size = ctypes.c_size_t(), ctypes.c_size_t()
    while codec().library_find(
        line[at:], ctypes.c_size_t(len(line) - at), ctypes.byref(offset), ctypes.byref(size)
    ):
        found.append((at + offset.value, size.value))
        at += offset.value + size.value
    return found


class Decoder:
    """The streaming decoder."""

    def __init__(self) -> None:
        self.struct = ctypes.create_string_buffer(codec().library_decoder_size())
        codec().dlt645_decoder_init(self.struct)

    def frames(self, pieces: Iterable[bytes]) -> list[Frame]:
        """The frames in what comes in pieces and is followed by silence."""
        found = []
        for piece in pieces:
            left = piece
            while left:
                taken = codec().dlt645_decoder_feed(self.struct, left, ctypes.c_size_t(len(left)))
                left = left[taken:]
                while codec().dlt645_decoder_next(self.struct):
                    found.append(self.frame())
        more = codec().dlt645_decoder_timeout(self.struct)
        while more:
            found.append(self.frame())
            more = codec().dlt645_decoder_next(self.struct)
        return found

    def find_one(self, line: bytes) -> None:
        """Make the one frame of the line the current one; AssertionError when it has none."""
        codec().dlt645_decoder_reset(self.struct)
        taken = codec().dlt645_decoder_feed(self.struct, line, ctypes.c_size_t(len(line)))
        assert taken == len(line)
        assert codec().dlt645_decoder_next(self.struct)

    def frame(self) -> Frame:
        """The current frame."""
        address, data = ctypes.create_string_buffer(6), ctypes.create_string_buffer(DATA_MAX)
        control = ctypes.c_uint8()
        length = codec().library_frame(self.struct, address, ctypes.byref(control), data)
        assert length >= 0, "no current frame"
        return Frame(address.raw, control.value, data.raw[:length])


class Request:
    """A request, and what frames are to it."""

    def __init__(
        self, edition: int, address: bytes, control: int, identifier: bytes = b"", sequence=0
    ) -> None:
        self.edition = edition
        self.struct = ctypes.create_string_buffer(codec().library_request_size())
        codec().library_request(
            *(self.struct, edition, address, ctypes.c_uint8(control), identifier),
            *(ctypes.c_uint8(len(identifier)), ctypes.c_uint8(sequence)),
        )

    def encode(self, preamble: int = 0) -> bytes:
        """The bytes to send."""
        buffer = ctypes.create_string_buffer(FRAME_MAX + PREAMBLE_MAX)
        size = codec().dlt645_encode_request(
            *(buffer, ctypes.c_size_t(len(buffer)), self.struct, None),
            *(ctypes.c_size_t(0), ctypes.c_size_t(preamble)),
        )
        return buffer.raw[:size]

    def judge(self, decoder: Decoder) -> tuple[str, bytes, int]:
        """The verdict on the decoder's current frame, its payload and its error word."""
        payload = ctypes.create_string_buffer(DATA_MAX)
        length, error = ctypes.c_size_t(), ctypes.c_uint()
        verdict = codec().library_judge(
            *(self.struct, decoder.struct, payload),
            *(ctypes.byref(length), ctypes.byref(error)),
        )
        return VERDICTS[verdict], payload.raw[: length.value], error.value


class Assembly:
    """An item that comes in several frames; `expected` is its size, 0 if nobody knows."""

    def __init__(self, room: int, expected: int = 0) -> None:
        self._buffer = ctypes.create_string_buffer(max(1, room))
        self._struct = ctypes.create_string_buffer(codec().library_assembly_size())
        codec().dlt645_assembly_begin(
            self._struct, self._buffer, ctypes.c_size_t(room), ctypes.c_size_t(expected)
        )

    def ask(self, request: Request) -> bytes:
        """Make the request that for the part wanted now; returns the bytes to send."""
        codec().dlt645_assembly_request(self._struct, request.struct)
        return request.encode()

    def take(self, request: Request, decoder: Decoder) -> str:
        """Take the decoder's current frame; returns the progress."""
        return PROGRESS[codec().library_take(self._struct, request.struct, decoder.struct)]

    def lost(self) -> None:
        """No answer came."""
        codec().dlt645_assembly_lost(self._struct)

    @property
    def item(self) -> bytes:
        """What has come."""
        return self._buffer.raw[: codec().library_assembled(self._struct)]


NOT_AVAILABLE, UNSIGNED, SIGNED = range(3)  # dlt645_kind_t, its first ones
NOT_IN_TABLES = "not in the tables"
_NO_VALUES = {-1: "wrong size", -2: "damaged", -3: "too many", -4: NOT_IN_TABLES}
_VALUES_MAX = 100


def values(edition: int, identifier: int, data: bytes) -> list[tuple[int, int, int]] | str:
    """(kind, number, scale) of every value of an item, or what is wrong."""
    kinds, numbers = (ctypes.c_uint8 * _VALUES_MAX)(), (ctypes.c_int32 * _VALUES_MAX)()
    scales = (ctypes.c_int8 * _VALUES_MAX)()
    count = codec().library_values(
        *(edition, ctypes.c_uint32(identifier), data, ctypes.c_size_t(len(data))),
        *(kinds, numbers, scales),
    )
    if count < 0:
        return _NO_VALUES[count]
    return list(zip(kinds[:count], numbers[:count], scales[:count], strict=True))


def number(data: bytes, *, has_sign: bool) -> int | str | None:
    """One number in packed decimal digits; None when it is not available, or what is wrong."""
    found = ctypes.c_int32()
    count = codec().library_number(
        ctypes.c_bool(has_sign), data, ctypes.c_size_t(len(data)), ctypes.byref(found)
    )
    return _NO_VALUES[count] if count < 0 else found.value if count else None
