# SPDX-License-Identifier: MIT
"""The C tests of the codec, built with the sanitizers; one pytest item per C test."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "native"
CODEC = ROOT / "firmware" / "native" / "dlt645"
SOURCE = Path(__file__).with_name("test_dlt645.c")

# Read from the source, so that collecting needs no compiler.
NAMES = re.findall(r"^ +TEST\((\w+)\),$", SOURCE.read_text(), re.MULTILINE)

FLAGS = [
    "-std=c99",
    "-O1",
    "-g",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
]


@pytest.fixture(scope="session")
def program():
    """Compile the test program once per session."""
    BUILD.mkdir(parents=True, exist_ok=True)
    built = BUILD / f"test_dlt645.{os.getpid()}"
    command = ["gcc", *FLAGS, f"-I{CODEC}", "-o", built, SOURCE, CODEC / "dlt645.c"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # Two sessions at once must not run each other's half-written program.
    return built.replace(BUILD / "test_dlt645")


def run(program, *arguments):
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("name", NAMES)
def test_dlt645(program, name):
    result = run(program, "--run", name)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_c_test_is_an_item_here(program):
    assert run(program, "--list").stdout.split() == NAMES
    # ... and every test function is in the list.
    defined = re.findall(r"^static void (test_\w+)\(void\)", SOURCE.read_text(), re.MULTILINE)
    assert sorted(defined) == sorted(NAMES)


def test_an_unknown_name_is_a_failure(program):
    assert run(program, "--run", "test_of_nothing").returncode != 0
