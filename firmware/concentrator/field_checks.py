"""What fields of the configuration may be: an error says what is wrong, and what is allowed.

A check is called with a value and the field's name; it returns the value to use, or raises
ConfigError. Those that take parameters return such a function.
"""

import json
import re
from collections import namedtuple

from .settings import ConfigError, Section
from .timezone import parse_change

REQUIRED = object()  # the default of a field that must be given


def show(value):
    """How a value looks in an error."""
    if value is REQUIRED:
        return "missing"
    if isinstance(value, list):
        return "a list of %d" % len(value)
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def wrong(field, value, allowed):
    """Raise ConfigError: the field has this value, which is not what is allowed."""
    raise ConfigError("%s is %s; use %s" % (field, show(value), allowed))


def whole(low, high, unit=""):
    """A whole number; `unit` is what stands behind it in an error."""

    def check(value, field):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            wrong(field, value, "a whole number from %d to %d%s" % (low, high, unit))
        return value

    return check


def one_of(*allowed):
    """One of some whole numbers."""

    def check(value, field):
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            one_of = "one of " if len(allowed) > 1 else ""
            wrong(field, value, one_of + ", ".join(show(a) for a in allowed))
        return value

    return check


def word(*allowed):
    """One of some words."""

    def check(value, field):
        if value not in allowed:
            wrong(field, value, " or ".join(show(word) for word in allowed))
        return value

    return check


def text(pattern, meaning, longest=100, optional=False, secret=False):
    """Text that matches a regular expression; a secret one is not shown in errors."""
    compiled = re.compile("^(?:" + pattern + ")$")
    allowed = "%s, at most %d characters" % (meaning, longest)

    def check(value, field):
        if value is None and optional:
            return None
        good = isinstance(value, str) and len(value) <= longest
        if not good or not compiled.match(value):
            wrong(field, "***" if secret else value, allowed)
        return value

    return check


def boolean(value, field):
    """True or false."""
    if not isinstance(value, bool):
        wrong(field, value, "true or false")
    return value


def hexadecimal(digits):
    """So many hexadecimal digits."""

    def check(value, field):
        good = isinstance(value, str) and len(value) == digits
        if not good or any(c not in "0123456789abcdef" for c in value):
            wrong(field, value, "%d hexadecimal digits, a to f in lower case" % digits)
        return value

    return check


def address(value, field):
    """A meter's own address."""
    digits = value.lstrip("A") if isinstance(value, str) and len(value) == 12 else ""
    if not digits or not all(c in "0123456789" for c in digits):
        wrong(
            field,
            value,
            'the 12 digits on the meter\'s plate, e.g. "000000000001", '
            'or for dlt645-1997 fewer, 12 characters with A in front, e.g. "AAAAAAAAAA34"',
        )
    if value == "9" * 12:
        wrong(field, value, "a meter's own address; this one means all meters")
    return value


def identifier(value, field):
    """A data identifier of DL/T 645."""
    good = isinstance(value, str) and len(value) in (4, 8)
    if not good or not all(c in "0123456789ABCDEF" for c in value):
        wrong(
            field, value, "8 hexadecimal digits (DL/T 645-2007) or 4 (-1997), A to F as capitals"
        )
    return value


def utc_offset(value, field):
    """Local time minus UTC; gives seconds."""
    match = isinstance(value, str) and re.match("^([+-])([0-9][0-9]):([0-9][0-9])$", value)
    seconds = (int(match.group(2)) * 60 + int(match.group(3))) * 60 if match else 99 * 3600
    if seconds > 14 * 3600 or int(match.group(3)) > 59:
        wrong(field, value, 'local time minus UTC, "-14:00" to "+14:00", e.g. "+08:00"')
    return -seconds if match.group(1) == "-" else seconds


def change_of_clocks(value, field):
    """When clocks are changed; gives what timezone.parse_change() does."""
    try:
        return parse_change(value)
    except (ValueError, AttributeError):
        allowed = "first, second, third, fourth or last, a day of the week, a month and a time"
        wrong(field, value, allowed + ', e.g. "last sunday march 02:00"')


def every(value, field):
    """A slot length in seconds."""
    whole(5, 86400, " (seconds)")(value, field)
    if 86400 % value:
        wrong(field, value, "a number of seconds that divides a day, e.g. 60, 900 or 3600")
    return value


def time_of_day(value, field):
    """A local time; gives minutes after midnight."""
    match = isinstance(value, str) and re.match("^([0-2][0-9]):([0-5][0-9])$", value)
    minutes = int(match.group(1)) * 60 + int(match.group(2)) if match else 1440
    if minutes >= 1440:
        wrong(field, value, 'a local time from "00:00" to "23:59"')
    return minutes


def window(value, field):
    """A part of the day; gives (first minute, minute before which it ends)."""
    if not isinstance(value, list) or len(value) != 2 or value[0] == value[1]:
        wrong(field, value, 'two different local times, e.g. ["22:00", "06:00"]')
    return time_of_day(value[0], field + "[0]"), time_of_day(value[1], field + "[1]")


def list_of(check, low, high, what, different=False):
    """A list of `low` to `high` values that `check` takes."""

    def check_list(value, field):
        good = isinstance(value, list) and low <= len(value) <= high
        if not good or (different and any(value.count(entry) > 1 for entry in value)):
            wrong(field, value, "a list of %d to %d %s" % (low, high, what))
        return [check(entry, "%s[%d]" % (field, i)) for i, entry in enumerate(value)]

    return check_list


def section(table):
    """An object with the fields of a table; gives a Section."""

    def check(value, field):
        return Section(fields(value, field + ".", table))

    return check


def entry(table):
    """As section(), for one of many: a named tuple takes a third of a Section's memory."""
    kind = namedtuple("Entry", tuple(table))

    def check(value, field):
        return kind(**fields(value, field + ".", table))

    return check


def fields(data, prefix, table):
    """Check an object against a table {field: (check, default)}; unknown fields are errors."""
    if not isinstance(data, dict):
        wrong(prefix.rstrip(".") or "the file", data, "an object: { ... }")
    for name in data:
        if name not in table:
            raise ConfigError(
                "%s%s is not known; use %s" % (prefix, name, ", ".join(sorted(table)))
            )
    fields = {}
    for name in table:
        check, default = table[name]
        if name in data:
            fields[name] = check(data[name], prefix + name)
        elif default is REQUIRED:
            check(REQUIRED, prefix + name)  # which says what is allowed
        else:
            fields[name] = default
    return fields
