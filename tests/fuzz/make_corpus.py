# SPDX-License-Identifier: MIT
"""Makes the fuzzers' first inputs of the test vectors: `python -m tests.fuzz.make_corpus`."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.codec_builds import ROOT
from tests.fuzz.fuzzer import CORPUS

VECTORS = ROOT / "tests" / "data" / "dlt645_vectors.json"


FOLLOW_UP = 0x12
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


def _exchange(frame: bytes, edition_1997: bool) -> bytes:
    """Return the input of the fuzzer of answers in which `frame` answers its request."""
    address, control, length = frame[1:7], frame[8], frame[9]
    data = bytes(byte - 0x33 & 0xFF for byte in frame[10 : 10 + length])
    function = control & 0x1F
    follow_up = not edition_1997 and function == FOLLOW_UP
    shape = edition_1997 | (1 if edition_1997 else 2) << 1 | follow_up << 3
    sequence = data[-1:] if follow_up else b""
    identifier = data[: 2 if edition_1997 else 4].ljust(4, b"\0")
    request = bytes([shape, function]) + sequence + address + identifier
    answer = address + bytes([control, length]) + data
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
