"""Firmware tests as pytest items: those of tests/unit are run by MicroPython itself."""

import ast
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MICROPYTHON = ROOT / "build/host/micropython"
RUNNER = ROOT / "tests/unit/run.py"
UNIT_TIMEOUT_S = 60


def pytest_collect_file(
    file_path: pathlib.Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Take the files of tests/unit before pytest's own collector would import them."""
    if file_path.parent == RUNNER.parent and file_path.name.startswith("test_"):
        return MicroPythonFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(
    module_path: pathlib.Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Keep CPython away from the same files: they import what only MicroPython has."""
    if module_path.parent == RUNNER.parent:
        return NoTests.from_parent(parent, path=module_path)
    return None


class NoTests(pytest.Module):
    """A module that CPython is not to import."""

    def collect(self) -> Iterator[pytest.Item]:
        """Nothing: MicroPythonFile has the tests."""
        return iter(())


class MicroPythonFile(pytest.File):
    """One file of tests/unit."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for every test function at the top of the file."""
        for node in ast.parse(self.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                yield MicroPythonTest.from_parent(self, name=node.name)


class UnitFailureError(Exception):
    """A firmware test failed; the text is what MicroPython printed."""


class MicroPythonTest(pytest.Item):
    """One test function, in a fresh interpreter with the frozen firmware."""

    def runtest(self) -> None:
        """Run it; any exit code but 0 is a failure."""
        result = subprocess.run(
            [MICROPYTHON, "-X", "heapsize=768k", RUNNER, self.path.stem, self.name],
            cwd=ROOT,
            env={**os.environ, "MICROPYPATH": f"{RUNNER.parent}:.frozen"},
            capture_output=True,
            text=True,
            timeout=UNIT_TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            raise UnitFailureError(result.stdout + result.stderr)
        self.add_report_section("call", "stdout", result.stdout)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        """What MicroPython printed, instead of this file's own traceback."""
        if isinstance(excinfo.value, UnitFailureError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[pathlib.Path, None, str]:
        """Where pytest says that the test is."""
        return self.path, None, f"{self.path.stem}::{self.name}"
