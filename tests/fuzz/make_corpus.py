# SPDX-License-Identifier: MIT
"""Makes the fuzzers' first inputs of the test vectors: `python -m tests.fuzz.make_corpus`."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.codec_builds import ROOT
from tests.fuzz.fuzzer import CORPUS

VECTORS = ROOT / "tests" / "data" / "dlt645_vectors.json"


FOLLOW_UP = 0x12
READS = (0x01, 0x02, 0x11, 0x12)
# Items that no vector has, but whose form is all their own: identifier, bytes in wire order.
TIME = "3010010826"
ENERGY = "01000000"
DEMAND = "010000" + TIME
POWERS = "010000" * 7 + "080080"
CLASS_1 = "0122 0222 0322 010000 020000 030080 0050"
ITEMS = {
    "load_record": (0x06000001, f"a0a02c {TIME} {CLASS_1} aaaaaa {4 * ENERGY} aaaaaa 5ae5"),
    "load_records_of_nothing": (0x06000000, 2 * f"a0a00b {TIME} aaaaaaaaaaaa 5ae5"),
    "load_record_bad": (0x06010001, f"e0e017 {TIME} {CLASS_1} 5ae5"),
    "freeze_block": (0x0506FF01, f"{TIME} {8 * ENERGY} {2 * DEMAND} {POWERS}"),
    "freeze_block_separated": (
        0x0506FF01,
        f"{TIME}aa" + 8 * f"{ENERGY}aa" + 2 * f"{DEMAND}aa" + f"{POWERS}aa",
    ),
    "freeze_block_hourly": (0x0504FF01, f"{TIME}aa{ENERGY}aa{ENERGY}aa"),
}
FIT_ALL = 0x0F  # a frame made to fit the request


def inputs() -> Iterator[tuple[str, str, bytes]]:
    """Yield (target, name, bytes) of every input."""
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        name, line = vector["id"], bytes.fromhex(vector["frame_hex"])
        # In pieces without silence between them, which is what seed 0 stands for.
        yield "decoder", name, b"\0" + line
        if vector["direction"] == "meter->master" and "frame_len" in vector:
            frame = line[vector["frame_offset"] :][: vector["frame_len"]]
            yield "answer", name, _exchange(frame, vector["version"] == "1997")
            if frame[8] & 0x5F in READS:  # not refused
                yield "values", name, _item(_plain(frame), vector["version"] == "1997")
    for name, (identifier, data) in ITEMS.items():
        yield "values", name, _item(identifier.to_bytes(4, "little") + bytes.fromhex(data), False)


def _plain(frame: bytes) -> bytes:
    return bytes(byte - 0x33 & 0xFF for byte in frame[10 : 10 + frame[9]])


def _item(data: bytes, edition_1997: bool) -> bytes:
    """Return the input of the fuzzer of values with an identifier and what is behind it."""
    size = 2 if edition_1997 else 4
    few = 3  # values that there is room for the second time
    return bytes([edition_1997 | few << 2]) + data[:size].ljust(5, b"\0") + data[size:]


def _exchange(frame: bytes, edition_1997: bool) -> bytes:
    """Return the input of the fuzzer of answers in which `frame` answers its request."""
    address, control, data = frame[1:7], frame[8], _plain(frame)
    function = control & 0x1F
    follow_up = not edition_1997 and function == FOLLOW_UP
    shape = edition_1997 | (1 if edition_1997 else 2) << 1 | follow_up << 3
    sequence = data[-1:] if follow_up else b""
    identifier = data[: 2 if edition_1997 else 4].ljust(4, b"\0")
    request = bytes([shape, function]) + sequence + address + identifier
    answer = address + bytes([control, len(data)]) + data
    # No extra data; the frame as it is; then, with room for 255 * 3 bytes and no size known, an
    # item of twice the same frame made to fit.
    return request + b"\0\0" + answer + b"\xff\0" + 2 * (bytes([FIT_ALL]) + answer)


def main() -> None:
    """Write them, and take away what is no longer made."""
    made: set[Path] = set()
    for target, name, content in inputs():
        path = CORPUS / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.add(path)
    for path in set(CORPUS.glob("*/*")) - made:
        path.unlink()
    print(f"{len(made)} inputs in {CORPUS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
