"""Programs that run in the firmware's image, on the site of a test."""

import ast
import os
import subprocess
from pathlib import Path
from typing import Any

from host_tools.stack import MICROPYTHON


def run_in_firmware(site: Path, program: str) -> list[Any]:
    """Run a program on the host board; each line that it prints is a literal, and returned."""
    result = subprocess.run(
        [MICROPYTHON, "-c", program],
        env={**os.environ, "CONCENTRATOR_SITE": str(site), "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [ast.literal_eval(line) for line in result.stdout.splitlines()]
