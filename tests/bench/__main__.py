"""`python -m tests.bench [part...]`: run benchmarks, all of them or those named."""

import importlib
import sys
from pathlib import Path

from tests.bench.table import report

PARTS = sorted(
    path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
)


def main() -> int:
    """Entry point; returns the exit code."""
    wanted = sys.argv[1:] or PARTS
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for part in wanted:
        report(part, importlib.import_module(f"tests.bench.bench_{part}").measure())
    return 0


if __name__ == "__main__":
    sys.exit(main())
