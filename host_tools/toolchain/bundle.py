"""Make a bundle: the application for a stock MicroPython board, to be installed over its console.

The bundle is what firmware/manifest.py freezes into images, as .mpy files, less asyncio, which
every stock board has; the board's `board` package; the codec as a native .mpy; and `package.json`,
by which mip installs all of it. The same input gives the same bytes.
"""

import argparse
import ast
import importlib
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION_FILE = ROOT / "firmware/concentrator/__init__.py"
CODEC = "dlt645.mpy"
MAIN = "main.py"  # by this name MicroPython runs it, so it stays source


class BundleError(Exception):
    """The bundle could not be made; the text says why."""


def version() -> str:
    """Version of the application, from the one place that has it."""
    for node in ast.parse(VERSION_FILE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return ast.literal_eval(node.value)
    raise BundleError(f"{VERSION_FILE} has no VERSION")


class Compiler:
    """mpy-cross for one architecture."""

    def __init__(self, program: pathlib.Path, architecture: str):
        # Numbers that fit a small int there are constants, those that do not are big integers.
        bits = 63 if architecture == "x64" else 31
        self._command = [str(program), f"-march={architecture}", f"-msmall-int-bits={bits}"]

    def compile(self, source: pathlib.Path, name: str, target: pathlib.Path) -> None:
        """Compile one file, called `name` in tracebacks; BundleError with what is wrong in it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(
            [*self._command, "-s", name, "-o", str(target), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise BundleError(f"compiling {name}:\n{result.stderr.strip()}")


def compile_packages(
    compiler: Compiler,
    board: pathlib.Path,
    micropython: pathlib.Path,
    libraries: pathlib.Path,
    target: pathlib.Path,
) -> None:
    """Compile what the images' manifest names, and the board's package, to `target`."""
    sys.path.insert(0, str(micropython / "tools"))
    manifestfile = importlib.import_module("manifestfile")
    manifest = manifestfile.ManifestFile(
        manifestfile.MODE_FREEZE, {"MPY_DIR": str(micropython), "MPY_LIB_DIR": str(libraries)}
    )
    try:
        manifest.execute(str(ROOT / "firmware/manifest.py"))
        manifest.package("board", base_path=str(board))
    except manifestfile.ManifestFileError as error:
        raise BundleError(str(error)) from error
    for file in manifest.files():
        if pathlib.Path(file.full_path).is_relative_to(micropython / "extmod"):
            continue  # MicroPython's own asyncio, which stock boards have
        if file.target_path == MAIN:
            shutil.copyfile(file.full_path, target / MAIN)
            continue
        name = pathlib.PurePosixPath(file.target_path)
        with manifestfile.tagged_py_file(file.full_path, file.metadata) as source:
            compiler.compile(source, str(name), target / name.with_suffix(".mpy"))


def write_package(target: pathlib.Path) -> None:
    """Write mip's package.json for every .mpy below `target`, and main.py.

    mip installs to the folder lib, beside which MicroPython looks for main.py. That comes last:
    what is installed by half is not started.
    """
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.mpy"))
    urls = [[name, name] for name in names] + [[f"../{MAIN}", MAIN]]
    package = {"version": version(), "urls": urls}
    (target / "package.json").write_text(json.dumps(package, indent=1) + "\n", encoding="utf-8")


def print_sizes(target: pathlib.Path) -> None:
    """A line for each package or file at the top of the bundle, and the sum."""
    total = 0
    for path in sorted(target.iterdir()):
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        total += size
        print(f"{size:8}  {path.name}{'/' if path.is_dir() else ''}")
    print(f"{total:8}  bytes in {target}, version {version()}")


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=pathlib.Path, help="folder to fill")
    parser.add_argument("--board", required=True, help="name of a folder of boards/")
    parser.add_argument("--architecture", required=True, help="as mpy-cross calls it: armv7m")
    parser.add_argument("--codec", type=pathlib.Path, required=True, help="the native dlt645.mpy")
    parser.add_argument("--micropython", type=pathlib.Path, required=True, help="its sources")
    parser.add_argument("--lib", type=pathlib.Path, required=True, help="micropython-lib")
    parser.add_argument("--mpy-cross", type=pathlib.Path, required=True, help="the compiler")
    arguments = parser.parse_args()
    target = arguments.target
    board = ROOT / "boards" / arguments.board
    making = target.with_name(target.name + ".making")  # half a bundle is none
    try:
        if target.exists() and not (target / "package.json").exists():
            raise BundleError(f"{target} is there and is no bundle: not overwritten")
        if not (board / "board").is_dir():
            raise BundleError(f"{board} is no board: it has no package board (docs/board.md)")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        compiler = Compiler(arguments.mpy_cross, arguments.architecture)
        micropython = arguments.micropython.resolve()
        compile_packages(compiler, board, micropython, arguments.lib.resolve(), making)
        shutil.copyfile(arguments.codec, making / CODEC)
        write_package(making)
        shutil.rmtree(target, ignore_errors=True)
        making.rename(target)
    except (BundleError, OSError) as error:
        print(f"Bundle: {error}", file=sys.stderr)
        return 1
    print_sizes(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
