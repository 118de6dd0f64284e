"""The names of faults, as they are asked for on the command line."""

from collections.abc import Callable

from host_tools.meter_simulator.faults import CHECKSUM_SPANS, SPOILERS, WAKE_UP_MAX, Faults

_BABBLE_PERIOD_S = "5"
_SPLIT_MIN, _SPLIT_MAX = 1, 195
_TRUNCATED_MAX = 211


def set_fault(faults: Faults, word: str) -> None:
    """Set one fault by its word: `name`, `name=value` or, if it spoils answers, `name/n`.

    ValueError, one sentence, if there is none such.
    """
    name_and_value, slash, nth = word.partition("/")
    name, equals, value = name_and_value.partition("=")
    if name in SPOILERS:
        faults.spoiled[name] = int(_number(nth, 1, 1000, word)) if slash else 1
        if name == "truncated" and equals:
            faults.truncated_to = int(_number(value, 1, _TRUNCATED_MAX, word))
            return
    elif name in _SETTERS:
        takes_value, setter = _SETTERS[name]
        if takes_value != bool(equals) and not (name == "babble" and not equals):
            wanted = f"{name}=<value>" if takes_value else f"{name} alone"
            raise ValueError(f"fault {word!r} is not known; it is {wanted}.")
        if slash:
            raise ValueError(f"fault {word!r} cannot be for every n-th answer.")
        setter(faults, value, word)
        return
    else:
        known = ", ".join(sorted((*SPOILERS, *_SETTERS)))
        raise ValueError(f"fault {word!r} is not known; choose from {known}.")
    if equals:
        raise ValueError(f"fault {word!r} takes no value.")


def _number(text: str, least: float, most: float, word: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ValueError(f"fault {word!r} needs a number from {least:g} to {most:g}.")
    return value


def _flag(name: str, on: bool = True) -> tuple[bool, Callable[[Faults, str, str], None]]:
    return False, lambda faults, value, word: setattr(faults, name, on)


def _valued(
    name: str, least: float, most: float, convert: Callable[[float], object]
) -> tuple[bool, Callable[[Faults, str, str], None]]:
    return True, lambda faults, value, word: setattr(
        faults, name, convert(_number(value, least, most, word))
    )


def _babble(faults: Faults, value: str, word: str) -> None:
    faults.babble_period_s = _number(value or _BABBLE_PERIOD_S, 0.1, 3600, word)


def _checksum(faults: Faults, value: str, word: str) -> None:
    if value not in CHECKSUM_SPANS:
        raise ValueError(f"fault {word!r} needs one of {', '.join(CHECKSUM_SPANS)}.")
    faults.load_checksum = value


# name: whether it has a value, and what sets it
_SETTERS: dict[str, tuple[bool, Callable[[Faults, str, str], None]]] = {
    "silent": _flag("silent"),
    "late": _valued("answer_delay_ms", 0, 60_000, lambda ms: (ms, ms)),
    "wake-up": _valued("wake_up", 0, WAKE_UP_MAX, int),
    "byte-errors": _valued("error_rate", 0, 1, float),
    "bit-errors": _valued("bit_error_rate", 0, 1, float),
    "parity-checked": _flag("parity_checked"),
    "babble": (True, _babble),
    "echo": _flag("echo"),
    "event-pending": _flag("event_pending"),
    "no-blocks": _flag("no_blocks"),
    "split": _valued("split_at", _SPLIT_MIN, _SPLIT_MAX, int),
    "no-wildcard-read": _flag("wildcard_read", on=False),
    "answers-broadcast": _flag("answers_broadcast"),
    "padded-with-a": _flag("padded_with_a"),
    "freeze-without-separators": _flag("freeze_separators", on=False),
    "load-without-separators": _flag("load_separators", on=False),
    "load-checksum": (True, _checksum),
    "load-bad": _flag("load_bad"),
    "load-none-is-empty": _flag("load_none_is_empty"),
    "empty-is-ff": _flag("empty_is_ff"),
    "long-control-errors": _flag("long_control_errors"),
    "keeps-speed": _flag("keeps_speed"),
}
FAULT_NAMES = tuple(sorted((*SPOILERS, *_SETTERS)))
