# SPDX-License-Identifier: MIT
"""The codec's portable C compiled for this machine: for fuzzers, properties and benchmarks."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "native"
CODEC = ROOT / "firmware" / "native" / "dlt645"
# Not the MicroPython binding beside them.
CODEC_SOURCES = sorted(CODEC.glob("dlt645*.c"))

_FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", f"-I{CODEC}"]


def compile_c(
    name: str,
    sources: Iterable[Path],
    flags: Iterable[str] = (),
    compiler: str = "gcc",
    codec: Iterable[Path] = CODEC_SOURCES,
) -> Path:
    """Compile `sources` together with the codec to build/native/<name>, and return its path.

    Raises AssertionError with the compiler's words when it fails.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    # Two sessions at once must not run each other's half-written program.
    unfinished = BUILD / f"{name}.{os.getpid()}"
    command = [compiler, *_FLAGS, *flags, "-o", unfinished, *sources, *codec]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return unfinished.replace(BUILD / name)
