# SPDX-License-Identifier: MIT
"""libFuzzer on the codec, under the address and undefined-behaviour sanitizers.

`python -m tests.fuzz.fuzzer --seconds 60 --jobs 4` runs every fuzzer for so long; `make fuzz` is
that. A fuzzer begins with tests/fuzz/corpus/<target>; what it finds worth keeping stays in
build/fuzz/<target>, and so does an input that breaks something.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.codec_builds import CODEC_SOURCES, ROOT, compile_c

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FOUND = ROOT / "build" / "fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))

_FLAGS = ["-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
_LONGEST_INPUT = 1024  # bytes: two and a half decoder buffers
_HANG_S = 10  # for one input


def build(target: str, codec: Iterable[Path] = CODEC_SOURCES, name: str = "") -> Path:
    """Compile the fuzzer of one target, or of another codec under another name."""
    source = HERE / f"fuzz_{target}.c"
    return compile_c(name or f"fuzz_{target}", [source], [*_FLAGS, f"-I{HERE}"], "clang", codec)


def run(program: Path, target: str, found: Path, *options: str) -> subprocess.CompletedProcess:
    """Run a fuzzer with the committed corpus; what it finds goes into the folder `found`."""
    found.mkdir(parents=True, exist_ok=True)
    command = [
        program,
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_HANG_S}",
        f"-artifact_prefix={found}/broken-",
        *options,
        found,
        CORPUS / target,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzzer")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    arguments = parser.parse_args()
    for target in TARGETS:
        program = build(target)
        print(f"fuzz {target}: {arguments.seconds} s", flush=True)
        found = FOUND / target
        options = (f"-max_total_time={arguments.seconds}", f"-fork={arguments.jobs}")
        result = run(program, target, found, *options)
        if result.returncode != 0:
            print(result.stdout + result.stderr, file=sys.stderr)
            print(f"fuzz {target}: broken; run {program} with the input named above")
            return 1
        inputs = sum(1 for _ in found.iterdir())
        print(f"fuzz {target}: nothing broken, {inputs} inputs in {found.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
