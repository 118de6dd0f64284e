"""What happens to the modem and when: one command a line, from a file or as they are typed.

    # comment
    wait 30
    set registration_delay_s=5 rssi=3
    drop

Commands are listed in `HELP`; `set` takes the names of `Conditions`.
"""

import threading
import typing
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import Enum
from functools import partial
from types import NoneType

from .conditions import Conditions
from .simulator import SETTLED, ModemSimulator

_SETTABLE = (
    "latency_ms, rate_bit_s, registration_delay_s, rssi, carrier (yes or no), user, password, "
    "address_policy (give, reject or terminate) and the others of conditions.py"
)
HELP = "\n\n".join(
    (
        "The script has one command a line; what follows # is a comment:",
        "wait S - do nothing for S seconds.",
        f"set NAME=VALUE ... - change conditions: {_SETTABLE}.",
        "offline, online - no network, and again.",
        "drop - the data call loses its carrier: NO CARRIER at once.",
        "half-open - the network forgets the data call and tells nobody.",
        "end-context N - the network ends data connection N in an orderly way.",
        "hang - the modem is deaf and dumb until its power is cycled.",
        "power-cycle - power off and on.",
    )
)

_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_TYPES = {
    name: kind
    for name, kind in typing.get_type_hints(Conditions).items()
    if name in {field.name for field in fields(Conditions)} - SETTLED - {"host_names"}
}

Action = Callable[[ModemSimulator, threading.Event], None]
"""One command; ends early when the event is set."""


class ScriptError(ValueError):
    """A line of the script cannot be understood or done; the text says where and why."""


def parse(line: str) -> Action | None:
    """Return what a line asks for, None if that is nothing; ValueError if it makes no sense."""
    words = line.partition("#")[0].split()
    if not words:
        return None
    name, *arguments = words
    if name == "wait":
        return partial(_wait, seconds=_seconds(arguments))
    if name == "set":
        return partial(_set, changes=_changes(arguments))
    if name == "end-context":
        return partial(_end_context, number=_number(arguments))
    if name not in _SIMPLE:
        known = ", ".join(sorted([*_SIMPLE, "wait", "set", "end-context"]))
        raise ValueError(f"{name!r} is not a command; there are {known}.")
    if arguments:
        raise ValueError(f"{name} takes nothing behind it, not {' '.join(arguments)!r}.")
    return partial(_simple, method=_SIMPLE[name])


class Script:
    """Commands in their order, each tied to its place in a file."""

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        """Use lines that may come one by one; `name` is how errors call the file."""
        self._name = name
        self._lines = lines

    def check(self) -> None:
        """Raise ScriptError for the first line that makes no sense; reads all lines."""
        self._lines = list(self._lines)
        for number, line in enumerate(self._lines, 1):
            self._parse(number, line)

    def run(
        self, simulator: ModemSimulator, stop: threading.Event, tell: Callable[[str], None]
    ) -> None:
        """Do it all, until `stop` is set; `tell` gets each command that has taken effect."""
        for number, line in enumerate(self._lines, 1):
            action = self._parse(number, line)
            if action is None:
                continue
            try:
                action(simulator, stop)
            except ValueError as error:
                raise ScriptError(f"{self._name}:{number}: {error}") from None
            except RuntimeError:
                return  # the simulator has been stopped meanwhile
            if stop.is_set():
                return
            tell(" ".join(line.partition("#")[0].split()))

    def _parse(self, number: int, line: str) -> Action | None:
        try:
            return parse(line)
        except ValueError as error:
            raise ScriptError(f"{self._name}:{number}: {error}") from None


def _wait(_simulator: ModemSimulator, stop: threading.Event, *, seconds: float) -> None:
    stop.wait(seconds)


def _set(simulator: ModemSimulator, _stop: threading.Event, *, changes: dict[str, object]) -> None:
    simulator.change(**changes)


def _end_context(simulator: ModemSimulator, _stop: threading.Event, *, number: int) -> None:
    simulator.deactivate_context(number)


def _simple(
    simulator: ModemSimulator,
    _stop: threading.Event,
    *,
    method: Callable[[ModemSimulator], None],
) -> None:
    method(simulator)


_SIMPLE: dict[str, Callable[[ModemSimulator], None]] = {
    "offline": ModemSimulator.go_offline,
    "online": ModemSimulator.go_online,
    "drop": ModemSimulator.drop_call,
    "half-open": ModemSimulator.forget_call,
    "hang": ModemSimulator.hang,
    "power-cycle": ModemSimulator.power_cycle,
}


def _seconds(arguments: list[str]) -> float:
    try:
        (text,) = arguments
        seconds = float(text)
    except ValueError:
        raise ValueError("wait takes a number of seconds, as in: wait 30") from None
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise ValueError(f"{text} s cannot be waited for.")
    return seconds


def _number(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isascii() or not arguments[0].isdigit():
        raise ValueError("end-context takes the number of a data connection, as in: end-context 1")
    return int(arguments[0])


def _changes(arguments: list[str]) -> dict[str, object]:
    changes = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise ValueError(f"{argument!r} is not like name=value.")
        if name not in _TYPES:
            raise ValueError(f"{name!r} cannot be set; what can is {', '.join(sorted(_TYPES))}.")
        changes[name] = _value(name, text)
    if not changes:
        raise ValueError("set takes conditions, as in: set latency_ms=200 rssi=9")
    return changes


def _value(name: str, text: str) -> object:
    kinds = typing.get_args(_TYPES[name]) or (_TYPES[name],)
    if NoneType in kinds and text == "none":
        return None
    kind = kinds[0]
    if kind is bool:
        if text not in _YES:
            raise ValueError(f"{name} is yes or no, not {text!r}.")
        return _YES[text]
    try:
        return kind(text)
    except ValueError:
        wanted = "a number"
        if issubclass(kind, Enum):
            wanted = "one of " + ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{name} is {wanted}, not {text!r}.") from None
