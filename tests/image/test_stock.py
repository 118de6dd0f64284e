"""A stock MicroPython (the virtual board without our C module and frozen code) runs the bundle."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.site import Site

from .conftest import Workbench

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "build/virtual-stock/firmware.elf"
BUNDLE = ROOT / "build/bundle/virtual"
UNIT = ROOT / "tests/unit"
BOOT = r" event: boot "

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
def stock(tmp_path: Path) -> Iterator[Workbench]:
    """A board with blank flash, at its prompt."""
    bench = Workbench(tmp_path, IMAGE)
    try:
        yield bench.start()
    finally:
        bench.close()


def test_native_codec_passes_the_tests_of_the_codec(stock: Workbench, tmp_path: Path) -> None:
    vectors = json.loads((ROOT / "tests/data/dlt645_vectors.json").read_text())
    slim = [{field: vector.get(field) for field in FIELDS} for vector in vectors]
    (tmp_path / "dlt645_vectors.json").write_text(json.dumps(slim))
    fakes = (UNIT / "fakes.py").read_text()
    (raises,) = (n for n in ast.parse(fakes).body if getattr(n, "name", None) == "raises")
    (tmp_path / "fakes.py").write_text(ast.unparse(raises))
    stock.mpremote("fs", "mkdir", ":lib", "+", "mkdir", ":tests", "+", "mkdir", ":tests/data")
    stock.mpremote("cp", BUNDLE / "dlt645.mpy", ":lib/")
    stock.mpremote("cp", tmp_path / "fakes.py", UNIT / "test_dlt645_codec.py", ":")
    stock.mpremote("cp", tmp_path / "dlt645_vectors.json", ":tests/data/")
    passed = stock.mpremote("exec", RUN_TESTS)
    source = (UNIT / "test_dlt645_codec.py").read_text()
    tests = re.findall(r"^def (test_\w+)", source, re.MULTILINE)
    assert sorted(re.findall(r"passed (\w+)", passed)) == sorted(tests)


def test_bundle_installs_and_starts_itself(stock: Workbench, tmp_path: Path) -> None:
    local = tmp_path / "copy" / "config.json"
    local.parent.mkdir()
    local.write_text(json.dumps(Site(meters=64).as_dict()))
    stock.mpremote("cp", local, ":/config.json")
    stock.mpremote("mip", "install", BUNDLE / "package.json", "+", "reset")
    stock.wait_for(BOOT)
    stock.type_at_the_prompt(b"\x03")  # Ctrl-C
    stock.wait_for(r"^concentrator: interrupted")
    stock.type_at_the_prompt(b"\x04")  # Ctrl-D: soft reset
    stock.wait_for(BOOT, 2)
