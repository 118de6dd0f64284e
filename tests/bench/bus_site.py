"""A site of 64 meters on one bus, and the firmware that reads them: as a whole, or its rounds."""

import ast
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from host_tools.child_process import ChildProcess
from host_tools.pseudo_terminal import PseudoTerminal
from host_tools.site import Site, SiteMeter
from host_tools.stack import MICROPYTHON
from host_tools.virtual_board import VirtualBoard
from tests.bench.bus_line import METERS, BusLineError, Cycle, Line

ITEMS = ("energy.forward.total", *(f"energy.forward.rate{rate}" for rate in range(1, 5)))
GOOD = 0  # quality of a reading

_DEVICE = Path(__file__).parent / "device"
_START_S = 20.0
_SCRIPT_S = 60.0


@contextmanager
def site(folder: Path, baud: int, period: int, **bus: int) -> Iterator[Line]:
    """Make a folder a site whose meters are served; `bus` are further settings of its buses."""
    folder.mkdir()
    with ExitStack() as stack:
        line = stack.enter_context(Line(folder / "bus1", baud))
        for unused in ("bus2", "modem"):
            stack.enter_context(PseudoTerminal(folder / unused))
        configuration = Site(baud=baud, period=period).as_dict() | {
            "buses": [{"baud": baud, **bus}] * 2,
            "meters": [
                SiteMeter(number, meter.address, 1).as_dict()
                for number, meter in enumerate(line.meters, 1)
            ],
            "tasks": [{"name": "energy", "items": ITEMS, "every": period}],
        }
        (folder / "config.json").write_text(json.dumps(configuration))
        yield line


def cycles(folder: Path, board: str, baud: int, period: int, count: int) -> list[Cycle]:
    """Have the whole firmware read so many slots on a board, "host" or "virtual"."""
    with site(folder, baud, period) as line:
        log = folder / "log"
        firmware: ChildProcess
        if board == "virtual":
            firmware = VirtualBoard(folder, log)
        else:
            firmware = ChildProcess(
                "concentrator",
                [MICROPYTHON, "-m", "concentrator"],
                log,
                environment={"CONCENTRATOR_SITE": str(folder)},
            )

        def check() -> None:
            if firmware.died:
                raise BusLineError(firmware.obituary())

        firmware.start()
        try:
            return line.wait_cycles(count, METERS, (count + 3) * period + _START_S, check)
        finally:
            firmware.kill()


class Rounds:
    """The firmware's rounds on the bus of a site: a slot whenever it is wanted, inside `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            _command("bus_slots"),
            env=_environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its log
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def read(self, left_out: list[int]) -> tuple[float, dict[int, int]]:
        """Read a slot but for some meters; returns seconds, and the quality of every reading."""
        _pipe(self._process.stdin).write(json.dumps(left_out) + "\n")
        _pipe(self._process.stdin).flush()
        answer = _pipe(self._process.stdout).readline()
        if not answer:
            raise BusLineError("the firmware's rounds have ended.")
        cycle_ms, readings = ast.literal_eval(answer)
        if len(readings) != METERS - len(left_out):
            raise BusLineError(f"{len(readings)} readings of {METERS - len(left_out)} meters.")
        return cycle_ms / 1000, dict(readings)


def on_demand_s(folder: Path, count: int) -> list[float]:
    """Read a meter out of turn so often while slots are read; returns how long each took."""
    result = subprocess.run(
        _command("bus_on_demand", f"COUNT = {count}\n"),
        env=_environment(folder),
        check=True,
        capture_output=True,
        text=True,
        timeout=_SCRIPT_S,
    )
    return [each / 1000 for each in ast.literal_eval(result.stdout)]


def _command(script: str, given: str = "") -> list[str]:
    texts = [(_DEVICE / f"{name}.py").read_text(encoding="utf-8") for name in ("bus_site", script)]
    return [str(MICROPYTHON), "-c", given + "\n".join(texts)]


def _environment(folder: Path) -> dict[str, str]:
    return {"CONCENTRATOR_SITE": str(folder), "MICROPYPATH": ".frozen"}


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
