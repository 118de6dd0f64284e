"""A board in virtual time: the names of docs/board.md.

The folder that DAYS_FOLDER in the environment names has `config.json`, `scenario.json` (see
scenario.py), and what outlives a power cut: `flash` and `rtc.json`.
"""

import asyncio
import json
import os
import random
import sys
from time import time_ns

from flash import Flash, PowerCut
from line import Line
from meters import Meters

NAME = "virtual time"
POWER_CUT = 75  # exit code

_BLOCK_SIZE = 4096
_NAP_S = 3600
_MILLION = 1000000
_ERASE = 6  # of the extended block-device protocol

_folder = os.getenv("DAYS_FOLDER")


class BoardError(Exception):
    """Never raised here."""


def _load(name):
    with open(_folder + "/" + name) as file:
        return json.load(file)


_scenario = _load("scenario.json")
BUSES = len(_scenario["lines"])


def _true_ms():
    return time_ns() // _MILLION


class _RTC:
    """Off by `ms` since true time `since`, and further by the drift; None for `ms`: not set."""

    def __init__(self):
        self._state = _load("rtc.json")

    def now_ms(self):
        true, state = _true_ms(), self._state
        while state["steps"] and true >= state["steps"][0][0]:
            step = state["steps"].pop(0)[1]
            if state["ms"] is not None:
                state["ms"] += step
        if state["ms"] is None:
            return None
        drift = (true - state["since"]) * _scenario["drift_ppm"] // _MILLION
        return true + state["ms"] + drift

    def set_ms(self, ms):
        true = _true_ms()
        self._state["ms"] = ms - true
        self._state["since"] = true

    def save(self):
        with open(_folder + "/rtc.json", "w") as file:
            json.dump(self._state, file)


class _Content:
    """The bytes of a file: on the heap the garbage collector would search them."""

    def __init__(self, path):
        self._file = open(path, "r+b")

    def __getitem__(self, key):
        if isinstance(key, int):
            return self[key : key + 1][0]
        self._file.seek(key.start)
        return self._file.read(key.stop - key.start)

    def __setitem__(self, key, value):
        if isinstance(key, int):
            self[key : key + 1] = bytes([value])
        else:
            self._file.seek(key.start)
            self._file.write(value)


class _Flash(Flash):
    """A flash at whose operations power fails, which ends the process."""

    def __init__(self):
        super().__init__(_scenario["blocks"], _BLOCK_SIZE, _Content(_folder + "/flash"))
        self._cuts = [cut for cut in _scenario["power_cuts"] if cut[0] > _true_ms()]

    def readblocks(self, block, buffer, offset=0):
        at = block * _BLOCK_SIZE + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset):
        self._arm("program")
        try:
            super().writeblocks(block, buffer, offset)
        except PowerCut:
            self._end()

    def ioctl(self, operation, argument):
        if operation == _ERASE:
            self._arm("erase")
        try:
            return super().ioctl(operation, argument)
        except PowerCut:
            self._end()

    def _arm(self, operation):
        if self._cuts and _true_ms() >= self._cuts[0][0] and operation == self._cuts[0][1]:
            self._cuts[0][2] -= 1
            if not self._cuts[0][2]:
                self.cut_after = 1

    def _end(self):
        _rtc.save()
        print(_true_ms(), "power cut")
        sys.exit(POWER_CUT)


_rtc = _RTC()
utc_ms = _rtc.now_ms
set_utc_ms = _rtc.set_ms
journal_flash = _Flash
random.seed(_scenario["seed"] ^ _true_ms())


def claim():
    """Nobody else can have it."""


def configuration():
    return _folder + "/config.json"


def bus(number, baud):
    line = _scenario["lines"][number - 1]
    meters = Meters(line["meters"], line["dead"])
    seed = (_scenario["seed"] << 4) + number + _true_ms()
    return Line(meters, baud, line["faults"], line["babble"], seed)


def modem():
    """What network.Modem takes for a port."""
    return _scenario["outages"]


def random_bytes(count):
    return bytes([random.getrandbits(8) for _ in range(count)])


def restart():
    """A failure is the end of the run, by its exit code."""


async def stop_requested():
    """At the end of the scenario."""
    while True:
        left_s = _scenario["end"] - _true_ms() // 1000
        if left_s <= 0:
            return
        await asyncio.sleep(min(left_s, _NAP_S))
