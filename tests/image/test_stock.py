"""A stock MicroPython (the virtual board without our C module and frozen code) runs the bundle."""

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from host_tools.site import Site

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "build/virtual-stock/firmware.elf"
BUNDLE = ROOT / "build/bundle/virtual"
UNIT = ROOT / "tests/unit"

Mpremote = Callable[..., str]

# What the codec's tests read of a vector; all of it would not fit the board's heap.
FIELDS = ("id", "frame_hex", "frame_offset", "frame_len", "addr", "control", "data_hex")
RUN_TESTS = """
import gc, test_dlt645_codec as tests
for name in dir(tests):
    if name.startswith("test_"):
        gc.collect()
        getattr(tests, name)()
        print("passed", name)
"""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[str]:
    """The console's pseudo-terminal of a board with blank flash."""
    command = ["qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-monitor", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(IMAGE)]
    command += ["-serial", "pty", "-serial", "null", "-serial", "null", "-serial", "null"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as board:
        yield re.search(r"/dev/pts/\d+", board.stdout.readline())[0]
        board.kill()


@pytest.fixture
def mpremote(console: str) -> Mpremote:
    """Runs mpremote on the board; returns what it printed."""

    def run(*arguments: str | Path) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", console]
        result = subprocess.run(
            [*command, *map(str, arguments)],
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


def test_native_codec_passes_the_tests_of_the_codec(tmp_path: Path, mpremote: Mpremote) -> None:
    vectors = json.loads((ROOT / "tests/data/dlt645_vectors.json").read_text())
    slim = [{field: vector.get(field) for field in FIELDS} for vector in vectors]
    (tmp_path / "dlt645_vectors.json").write_text(json.dumps(slim))
    fakes = (UNIT / "fakes.py").read_text()
    (raises,) = (n for n in ast.parse(fakes).body if getattr(n, "name", None) == "raises")
    (tmp_path / "fakes.py").write_text(ast.unparse(raises))
    mpremote("fs", "mkdir", ":lib", "+", "mkdir", ":tests", "+", "mkdir", ":tests/data")
    mpremote("cp", BUNDLE / "dlt645.mpy", ":lib/")
    mpremote("cp", tmp_path / "fakes.py", UNIT / "test_dlt645_codec.py", ":")
    mpremote("cp", tmp_path / "dlt645_vectors.json", ":tests/data/")
    passed = mpremote("exec", RUN_TESTS)
    source = (UNIT / "test_dlt645_codec.py").read_text()
    tests = re.findall(r"^def (test_\w+)", source, re.MULTILINE)
    assert sorted(re.findall(r"passed (\w+)", passed)) == sorted(tests)


def read_until(port: serial.Serial, text: str) -> str:
    """What the console prints up to `text`, for at most ten seconds."""
    printed = ""
    deadline = time.monotonic() + 10
    while text not in printed and time.monotonic() < deadline:
        printed += port.read(port.in_waiting or 1).decode(errors="replace")
    return printed


def test_bundle_installs_and_starts_itself(
    tmp_path: Path, console: str, mpremote: Mpremote
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(Site(meters=64).as_dict()))
    mpremote("cp", tmp_path / "config.json", ":/config.json")
    mpremote("mip", "install", BUNDLE / "package.json", "+", "reset")
    with serial.Serial(console, timeout=1) as port:
        assert "event: boot" in read_until(port, "event: boot")
        port.write(b"\x03")  # Ctrl-C
        assert ">>>" in read_until(port, ">>>")
        port.write(b"\x04")  # Ctrl-D: soft reset
        assert "event: boot" in read_until(port, "event: boot")
