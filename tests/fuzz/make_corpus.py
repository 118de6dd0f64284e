# SPDX-License-Identifier: MIT
"""Writes the fuzzers' first inputs, made of the test vectors: `python -m tests.fuzz.make_corpus`."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.codec_builds import ROOT
from tests.fuzz.fuzzer import CORPUS

VECTORS = ROOT / "tests" / "data" / "dlt645_vectors.json"


def inputs() -> Iterator[tuple[str, str, bytes]]:
    """Yield (target, name, bytes) of every input."""
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        name, line = vector["id"], bytes.fromhex(vector["frame_hex"])
        # In pieces without silence between them, which is what seed 0 stands for.
        yield "decoder", name, b"\0" + line


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
