"""Plays a scenario: the firmware in virtual time, started anew after every power cut."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from host_tools.receiver import Note, Store, parse
from host_tools.receiver.payload import Message
from host_tools.site import ROOT as TOPIC_ROOT
from tests.days.scenario import POWER_OFF_S, Scenario

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = ROOT / "build/host/micropython"
_DEVICE = Path(__file__).parent / "device"
_POWER_CUT = 75  # exit code of device/virtual_board.py
_HEAP = "1m"
_BLOCK_SIZE = 4096


@dataclass
class Boot:
    """From power on to power off; `heap` has the bytes in use, of every heartbeat that came."""

    begin: int
    end: int
    heap: list[int] = field(default_factory=list)


@dataclass
class Run:
    """What came of a scenario. Moments are UTC seconds."""

    scenario: Scenario
    store: Store
    boots: list[Boot] = field(default_factory=list)
    code: int | None = None  # exit code of the last boot


def play(scenario: Scenario, folder: Path, progress: Callable[[int], None]) -> Run:
    """Run the scenario in a folder that is made; `progress` is told the moment of each message.

    Log lines of the firmware go to `log` in the folder.
    """
    folder.mkdir(parents=True)
    scenario.site().write(folder)
    (folder / "scenario.json").write_text(json.dumps(scenario.as_dict()))
    (folder / "flash").write_bytes(b"\xff" * (scenario.blocks * _BLOCK_SIZE))
    steps = [[1000 * moment, 1000 * seconds] for moment, seconds in scenario.clock_steps]
    _write_clock(folder, {"ms": 0, "since": 1000 * scenario.begin, "steps": steps})
    clock = _compile_clock(folder)
    run = Run(scenario, Store(folder / "readings.sqlite"))
    begin = scenario.begin
    with (folder / "log").open("wb") as log:
        while True:
            boot = Boot(begin, begin)
            run.boots.append(boot)
            for moment, message in _messages(folder, clock, begin, log, run):
                boot.end = moment
                if message is not None:
                    run.store.add(message)
                if isinstance(message, Note) and message.kind == "beat":
                    boot.heap.append(message.get("heap", 0))
                progress(moment)
            if run.code != _POWER_CUT:
                return run
            begin = boot.end + POWER_OFF_S
            if len(run.boots) - 1 == scenario.rtc_lost:
                _write_clock(folder, {**_read_clock(folder), "ms": None})


def _compile_clock(folder: Path) -> Path:
    path = folder / "virtual_time.so"
    source = Path(__file__).with_name("virtual_time.c")
    flags = ["-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", path, source], check=True)
    return path


def _read_clock(folder: Path) -> dict[str, object]:
    state: dict[str, object] = json.loads((folder / "rtc.json").read_text())
    return state


def _write_clock(folder: Path, state: dict[str, object]) -> None:
    (folder / "rtc.json").write_text(json.dumps(state))


def _messages(
    folder: Path, clock: Path, begin: int, log: IO[bytes], run: Run
) -> Iterator[tuple[int, Message | None]]:
    """Start the firmware at a moment; gives what it publishes and when, None for the power cut."""
    variables = {
        "DAYS_FOLDER": str(folder),
        "LD_PRELOAD": str(clock),
        "MICROPYPATH": f"{_DEVICE}:{ROOT / 'tests/unit'}:.frozen",
        "VIRTUAL_TIME_MS": str(1000 * begin),
    }
    with subprocess.Popen(
        [MICROPYTHON, "-X", f"heapsize={_HEAP}", _DEVICE / "start.py"],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                ms, topic, payload = line.split(b" ", 2)
                message = None
                if topic != b"power":
                    message = parse(TOPIC_ROOT, topic.decode(), payload)
                yield int(ms) // 1000, message
        except BaseException:
            process.kill()
            raise
    run.code = process.returncode
