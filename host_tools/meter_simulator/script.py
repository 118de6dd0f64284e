"""What happens to the meters and when: one command a line, from a file or as they are typed.

    # comment
    wait 30
    fault 3-5:silent,late=900
    set 2:02010100=1800
    well *

The commands are listed in `COMMANDS`; what they take is what the options of that name take.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from host_tools.meter_simulator import household
from host_tools.meter_simulator.meter import Meter

COMMANDS: dict[str, Callable[[list[Meter], list[str]], None]] = {
    "fault": household.set_faults,
    "well": household.heal,
    "set": household.set_values,
    "clock": household.set_clocks,
    "key": household.press_keys,
    "button": household.press_buttons,
}
_WAIT = "wait"


class Script:
    """Runs commands beside everything else, from `start()` on.

    `failure` has one sentence when a command made no sense; `stop` is set then. Every command is
    told when it has taken effect: `script: <line>`.
    """

    def __init__(self, path: Path, meters: list[Meter], stop: threading.Event) -> None:
        """Take a file, or stdin if the path is "-"; ValueError if it cannot be read."""
        self.failure = ""
        self._name = "stdin" if str(path) == "-" else str(path)
        self._lines: Iterable[str] = sys.stdin
        if str(path) != "-":
            try:
                self._lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeError) as error:
                raise ValueError(f"--script {path} cannot be read: {error}.") from None
        self._meters = meters
        self._stop = stop

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="script", daemon=True).start()

    def _run(self) -> None:
        for number, line in enumerate(self._lines, 1):
            words = line.partition("#")[0].split()
            if self._stop.is_set():
                return
            try:
                self._do(words)
            except ValueError as error:
                self.failure = f"{self._name}:{number}: {error}"
                self._stop.set()
                return
            if words:
                print("script:", " ".join(words), flush=True)

    def _do(self, words: list[str]) -> None:
        """Do what a line says; ValueError, one sentence, if it makes no sense."""
        if not words:
            return
        name, *arguments = words
        if name == _WAIT:
            self._stop.wait(_seconds(arguments))
        elif name not in COMMANDS:
            known = ", ".join(sorted((*COMMANDS, _WAIT)))
            raise ValueError(f"{name!r} is not a command; there are {known}.")
        elif not arguments:
            raise ValueError(f"{name} needs to know which meters.")
        else:
            COMMANDS[name](self._meters, arguments)


def _seconds(arguments: list[str]) -> float:
    try:
        (text,) = arguments
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise ValueError(f"wait needs a number of seconds, not {' '.join(arguments)!r}.")
    return seconds
