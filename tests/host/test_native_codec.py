"""The codec as a native .mpy passes the tests of the codec in the image, and exists for boards."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from host_tools.stack import MICROPYTHON

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/codec"
UNIT = ROOT / "tests/unit"

# Read from the source: only MicroPython can import it.
TESTS = [
    (module, name)
    for module in ("test_dlt645_codec", "test_dlt645_exchange")
    for name in re.findall(r"^def (test_\w+)", (UNIT / f"{module}.py").read_text(), re.MULTILINE)
]

# The image has a dlt645 of its own, which an import would find first.
TAKE_NATIVE = """
import sys
import dlt645_native as dlt645
sys.modules["dlt645"] = dlt645
"""

# architecture -> its number in the header of a .mpy file
ARCHITECTURES = {"x64": 2, "armv7m": 5, "armv7emsp": 7, "rv32imc": 11}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native")
    (folder / "dlt645_native.mpy").symlink_to(BUILD / "x64/dlt645.mpy")
    return folder


def run(folder: Path, program: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [MICROPYTHON, "-X", "heapsize=512k", "-c", TAKE_NATIVE + program],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": f"{folder}:{UNIT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(("module", "name"), TESTS)
def test_native_codec(folder: Path, module: str, name: str) -> None:
    result = run(folder, f"import {module}\n{module}.{name}()")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_message_may_be_long(folder: Path) -> None:
    result = run(folder, "dlt645.frame('x' * 1000, 0x11, b'')")
    assert f"ValueError: address '{'x' * 1000}' is not 12 digits or A" in result.stderr


def test_garbage_collection_leaves_it_whole(folder: Path) -> None:
    program = """
import gc
Decoder, frame = dlt645.Decoder, dlt645.frame
del dlt645
gc.collect()
garbage = [bytearray(b"\\xff" * 64) for _ in range(2000)]
answer = frame("123456789012", 0x91, b"data")
decoder = Decoder()
assert decoder.feed(answer) == len(answer) and decoder.next() and decoder.control == 0x91
"""
    result = run(folder, program)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_built(architecture: str) -> None:
    letter, version, features, _ = (BUILD / architecture / "dlt645.mpy").read_bytes()[:4]
    assert (chr(letter), version, features >> 2) == ("M", 6, ARCHITECTURES[architecture])
