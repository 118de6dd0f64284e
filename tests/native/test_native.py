# SPDX-License-Identifier: MIT
"""The C tests of the codec, built with the sanitizers; one pytest item per C test."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.codec_builds import compile_c

SOURCES = sorted(Path(__file__).parent.glob("test_*.c"))
FLAGS = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def names(source):
    """The tests of a program, read from its source, so that collecting needs no compiler."""
    return re.findall(r"^ +TEST\((\w+)\),$", source.read_text(), re.MULTILINE)


ALL = [pytest.param(source, name, id=name) for source in SOURCES for name in names(source)]


@pytest.fixture(scope="session")
def program():
    """A function that gives the program made of a test source, compiled once per session."""
    built = {}

    def build(source):
        if source not in built:
            built[source] = compile_c(source.stem, [source], FLAGS)
        return built[source]

    return build


def run(program, *arguments):
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(("source", "name"), ALL)
def test_codec(program, source, name):
    result = run(program(source), "--run", name)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_c_test_is_an_item_here(program, source):
    assert run(program(source), "--list").stdout.split() == names(source)
    # ... and every test function is in the list.
    defined = re.findall(r"^static void (test_\w+)\(void\)", source.read_text(), re.MULTILINE)
    assert sorted(defined) == sorted(names(source))


def test_an_unknown_name_is_a_failure(program):
    assert run(program(SOURCES[0]), "--run", "test_of_nothing").returncode != 0
