"""A bundle is whole, the same every time, and runs without the frozen application."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.stack import MICROPYTHON

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
FIRMWARE = ROOT / "firmware"
SCRIPT = ROOT / "host_tools/toolchain/bundle.py"

BOARD = """
class BoardError(Exception):
    pass

def claim():
    raise BoardError("no bus here")
"""


def make_bundle(target: Path, **changes: str) -> subprocess.CompletedProcess:
    options = {
        "board": "virtual",
        "architecture": "armv7m",
        "codec": BUILD / "codec/armv7m/dlt645.mpy",
        "micropython": (BUILD / ".micropython-source").read_text().strip(),
        "lib": BUILD / "micropython-lib",
        "mpy-cross": BUILD / "mpy-cross/mpy-cross",
        **changes,
    }
    return subprocess.run(
        [sys.executable, SCRIPT, target, *(f"--{name}={options[name]}" for name in options)],
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle") / "virtual"
    result = make_bundle(target)
    assert result.returncode == 0, result.stdout + result.stderr
    return target


def test_it_has_every_module_of_the_application_and_the_board(bundle: Path) -> None:
    for source in (FIRMWARE / "concentrator", ROOT / "boards/virtual/board"):
        for module in source.rglob("*.py"):
            assert (bundle / module.relative_to(source.parent).with_suffix(".mpy")).is_file()


def test_package_installs_every_file_and_main_last_where_it_is_run(bundle: Path) -> None:
    package = json.loads((bundle / "package.json").read_text())
    *modules, main = package["urls"]
    assert {source for _, source in modules} == set(content(bundle)) - {"package.json", "main.py"}
    assert all(place == source for place, source in modules)
    assert main == ["../main.py", "main.py"]
    text = (FIRMWARE / "concentrator/__init__.py").read_text()
    assert package["version"] == re.search(r'^VERSION = "(.+)"$', text, re.MULTILINE)[1]


def test_codec_is_for_the_board(bundle: Path) -> None:
    assert (bundle / "dlt645.mpy").read_bytes() == (BUILD / "codec/armv7m/dlt645.mpy").read_bytes()


def test_same_input_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert make_bundle(again).returncode == 0
    first = content(again)
    assert first == content(bundle)
    # What is no longer made does not stay.
    (again / "old.mpy").touch()
    assert make_bundle(again).returncode == 0
    assert content(again) == first


def test_a_folder_that_is_no_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    result = make_bundle(tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"Bundle: {tmp_path} is there and is no bundle: not overwritten\n"
    assert list(content(tmp_path)) == ["precious"]


def test_an_unknown_board_is_named(tmp_path: Path) -> None:
    result = make_bundle(tmp_path / "bundle", board="nowhere")
    assert result.returncode == 1
    assert "boards/nowhere" in result.stderr
    assert not (tmp_path / "bundle").exists()


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess:
    """MicroPython that finds modules in `folder` before it looks at the frozen ones."""
    return subprocess.run(
        [MICROPYTHON, *arguments],
        env={**os.environ, "MICROPYPATH": f"{folder}:.frozen"},
        timeout=30,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def installed(bundle: Path, tmp_path: Path) -> Path:
    """The bundle with a board that cannot run; the codec is the one of this machine's image."""
    folder = tmp_path / "lib"
    shutil.copytree(bundle, folder)
    shutil.rmtree(folder / "board")
    (folder / "board.py").write_text(BOARD)
    return folder


def test_every_module_runs_from_the_bundle(installed: Path) -> None:
    modules = [
        name.removesuffix(".mpy").removesuffix("/__init__").replace("/", ".")
        for name in content(installed)
        if name.startswith(("concentrator/", "logging/", "umqtt/")) and "__main__" not in name
    ]
    program = f"""
import sys
for name in {sorted(modules)}:
    __import__(name)
    assert sys.modules[name].__file__.startswith({str(installed)!r}), name
"""
    result = run(installed, "-c", program)
    assert result.returncode == 0, result.stdout + result.stderr


def test_main_says_why_it_cannot_run_and_leaves_the_console(installed: Path) -> None:
    result = run(installed, installed / "main.py")
    assert (result.returncode, result.stderr) == (0, "concentrator: no bus here\n")
