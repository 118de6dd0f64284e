"""The configuration: one JSON file, validated as a whole before anything uses it.

Every error names the field, the value it has and what is allowed. docs/configuration.md lists the
fields with their units and defaults; the tables at the end of this module are what is enforced.
"""

import binascii
import json
import re
from collections import namedtuple

from micropython import const

from . import items, strict_json
from .journal import MAX_PAYLOAD
from .records import MAX_METERS, pack_task
from .timezone import TimeZone, parse_change

VERSION = const(1)

_LARGEST = const(32768)  # characters: four times what 64 meters and all other fields take

_REQUIRED = object()


class ConfigError(Exception):
    """The configuration can't be used; the text says which field, why, and what is allowed."""


class Section:
    """One object of the configuration, its fields as attributes."""

    def __init__(self, fields):
        for name in fields:
            setattr(self, name, fields[name])


def load(path):
    """Read and validate the file at `path`; returns a Section. Raises ConfigError."""
    try:
        with open(path) as file:
            text = file.read(_LARGEST + 1)
    except OSError:
        raise ConfigError("%s: cannot be read; create it, docs/configuration.md says how" % path)
    except UnicodeError:
        raise ConfigError("%s: is not UTF-8 text" % path)
    if len(text) > _LARGEST:
        raise ConfigError("%s: is longer than %d characters" % (path, _LARGEST))
    return parse(text, path)


def parse(text, name="configuration"):
    """Validate the JSON text; returns a Section.

    Beside the fields it has `hash`, 8 hex digits of the text, `catalogue`, the items, and `zone`,
    the TimeZone of the site.
    """
    try:
        strict_json.check(text)
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError("%s: is not valid JSON: %s" % (name, error))
    try:
        config = Section(_fields(data, "", _TOP))
        config.zone = _zone(config)
        _check_meters(config)
        _check_items(config)
        _check_tasks(config)
        _check_credentials(config.uplink)
    except ConfigError as error:
        raise ConfigError("%s: %s" % (name, error))
    config.hash = "%08x" % binascii.crc32(text.encode())
    return config


# --- Checks of one value: each returns the value to use, or raises ConfigError ----------------


def _show(value):
    if value is _REQUIRED:
        return "missing"
    if isinstance(value, list):
        return "a list of %d" % len(value)
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _wrong(field, value, allowed):
    raise ConfigError("%s is %s; use %s" % (field, _show(value), allowed))


def _integer(low, high, unit=""):
    def check(value, field):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            _wrong(field, value, "a whole number from %d to %d%s" % (low, high, unit))
        return value

    return check


def _one_of(*allowed):
    def check(value, field):
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            one_of = "one of " if len(allowed) > 1 else ""
            _wrong(field, value, one_of + ", ".join(_show(a) for a in allowed))
        return value

    return check


def _word(*allowed):
    def check(value, field):
        if value not in allowed:
            _wrong(field, value, " or ".join(_show(word) for word in allowed))
        return value

    return check


def _text(pattern, meaning, longest=100, optional=False, secret=False):
    compiled = re.compile("^(?:" + pattern + ")$")
    allowed = "%s, at most %d characters" % (meaning, longest)

    def check(value, field):
        if value is None and optional:
            return None
        good = isinstance(value, str) and len(value) <= longest
        if not good or not compiled.match(value):
            _wrong(field, "***" if secret else value, allowed)
        return value

    return check


def _boolean(value, field):
    if not isinstance(value, bool):
        _wrong(field, value, "true or false")
    return value


def _hexadecimal(digits):
    def check(value, field):
        good = isinstance(value, str) and len(value) == digits
        if not good or any(c not in "0123456789abcdef" for c in value):
            _wrong(field, value, "%d hexadecimal digits, a to f in lower case" % digits)
        return value

    return check


def _address(value, field):
    digits = value.lstrip("A") if isinstance(value, str) and len(value) == 12 else ""
    if not digits or not all(c in "0123456789" for c in digits):
        _wrong(field, value, 'the 12 digits on the meter\'s plate, e.g. "000000000001"')
    if value == "9" * 12:
        _wrong(field, value, "a meter's own address; this one means all meters")
    return value


def _identifier(value, field):
    good = isinstance(value, str) and len(value) in (4, 8)
    if not good or not all(c in "0123456789ABCDEF" for c in value):
        _wrong(
            field, value, "8 hexadecimal digits (DL/T 645-2007) or 4 (-1997), A to F as capitals"
        )
    return value


def _utc_offset(value, field):
    match = isinstance(value, str) and re.match("^([+-])([0-9][0-9]):([0-9][0-9])$", value)
    seconds = (int(match.group(2)) * 60 + int(match.group(3))) * 60 if match else 99 * 3600
    if seconds > 14 * 3600 or int(match.group(3)) > 59:
        _wrong(field, value, 'local time minus UTC, "-14:00" to "+14:00", e.g. "+08:00"')
    return -seconds if match.group(1) == "-" else seconds


def _change(value, field):
    try:
        return parse_change(value)
    except (ValueError, AttributeError):
        allowed = "first, second, third, fourth or last, a day of the week, a month and a time"
        _wrong(field, value, allowed + ', e.g. "last sunday march 02:00"')


def _every(value, field):
    _integer(5, 86400, " (seconds)")(value, field)
    if 86400 % value:
        _wrong(field, value, "a number of seconds that divides a day, e.g. 60, 900 or 3600")
    return value


def _list(check, low, high, what, different=False):
    def check_list(value, field):
        good = isinstance(value, list) and low <= len(value) <= high
        if not good or (different and any(value.count(entry) > 1 for entry in value)):
            _wrong(field, value, "a list of %d to %d %s" % (low, high, what))
        return [check(entry, "%s[%d]" % (field, i)) for i, entry in enumerate(value)]

    return check_list


def _object(table):
    def check(value, field):
        return Section(_fields(value, field + ".", table))

    return check


def _entry(table):
    """As _object(), for one of many: a named tuple takes a third of a Section's memory."""
    kind = namedtuple("Entry", tuple(table))

    def check(value, field):
        return kind(**_fields(value, field + ".", table))

    return check


def _fields(data, prefix, table):
    """Check an object against a table {field: (check, default)}; unknown fields are errors."""
    if not isinstance(data, dict):
        _wrong(prefix.rstrip(".") or "the file", data, "an object: { ... }")
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
        elif default is _REQUIRED:
            check(_REQUIRED, prefix + name)  # which says what is allowed
        else:
            fields[name] = default
    return fields


# --- What no field can say by itself: what is unique, what exists, what fits -------------------


def _zone(config):
    summer = config.summer_time
    if summer is None:
        return TimeZone(config.utc_offset)
    month = 2  # of what parse_change() gives
    if summer.begins[month] == summer.ends[month]:
        raise ConfigError(
            "summer_time.begins and summer_time.ends are in the same month; "
            "give two months, as on the calendar"
        )
    return TimeZone(config.utc_offset, summer.begins, summer.ends, summer.shift * 60)


def _check_meters(config):
    numbers, addresses = {}, {}
    for i, meter in enumerate(config.meters):
        if meter.bus > len(config.buses):
            _wrong("meters[%d].bus" % i, meter.bus, "1 to %d" % len(config.buses))
        if meter.address[0] == "A" and meter.protocol != "dlt645-1997":
            allowed = "12 digits; only dlt645-1997 has addresses filled up with A"
            _wrong("meters[%d].address" % i, meter.address, allowed)
        if meter.number in numbers:
            raise ConfigError(
                "meters[%d].number is %d, which meters[%d] has already; give every meter its own"
                % (i, meter.number, numbers[meter.number])
            )
        if (meter.bus, meter.address) in addresses:
            raise ConfigError(
                "meters[%d].address is %s, which meters[%d] on the same bus has already; "
                "give the one that its plate says"
                % (i, meter.address, addresses[(meter.bus, meter.address)])
            )
        numbers[meter.number] = i
        addresses[(meter.bus, meter.address)] = i


def _check_items(config):
    """The site's own items: new names, and a format, their own or that of the tables."""
    _check_names("items", config.items)
    config.catalogue = items.Catalogue()
    for i, item in enumerate(config.items):
        if _is_number(config.catalogue, item.name) is not None:
            allowed = "a name of your own; this item is known already"
            _wrong("items[%d].name" % i, item.name, allowed)
    config.catalogue = items.Catalogue(config.items)
    for i, item in enumerate(config.items):
        if not _is_number(config.catalogue, item.name):
            allowed = "one of a number, or give size, kind, scale and unit"
            _wrong("items[%d].identifier" % i, item.identifier, allowed)


def _check_tasks(config):
    _check_names("tasks", config.tasks)
    catalogue = config.catalogue
    for i, task in enumerate(config.tasks):
        for j, name in enumerate(task.items):
            number = _is_number(catalogue, name)
            if not number:
                allowed = "an item" if number is None else "an item that is a number"
                _wrong("tasks[%d].items[%d]" % (i, j), name, allowed + "; " + _LISTED)
        scales = [catalogue.scale(name) for name in task.items]
        size = len(pack_task(task.name, task.items, scales))
        if size >= MAX_PAYLOAD:  # the journal needs a byte of it
            raise ConfigError(
                "tasks[%d].items is too long with all its names: %d bytes, %d at most; "
                "divide the task" % (i, size, MAX_PAYLOAD - 1)
            )


def _is_number(catalogue, name):
    """As Catalogue.is_number(), and None for an item that is not known."""
    try:
        return catalogue.is_number(name)
    except KeyError:
        return None


def _check_names(field, sections):
    names = [section.name for section in sections]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ConfigError(
                "%s[%d].name is %s, which %s[%d] has already; give every one its own"
                % (field, i, _show(name), field, names.index(name))
            )


def _check_credentials(uplink):
    for prefix, user, password in (
        ("", uplink.user, uplink.password),
        ("apn_", uplink.apn_user, uplink.apn_password),
    ):
        if (user is None) != (password is None):
            raise ConfigError(
                "uplink.%suser and uplink.%spassword need each other; give both or neither"
                % (prefix, prefix)
            )


# --- The fields: name: (check, default) ---------------------------------------------------------

_SUMMER_TIME = {
    "begins": (_change, _REQUIRED),
    "ends": (_change, _REQUIRED),
    "shift": (_integer(10, 120, " (minutes)"), 60),
}

_BUS = {
    "baud": (_one_of(600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200), 2400),
    "timeout_ms": (_integer(100, 10000, " (milliseconds)"), 700),
    "retries": (_integer(0, 5), 2),
    "preamble": (_integer(0, 16, " (bytes)"), 4),
}

_METER = {
    "number": (_integer(1, 255), _REQUIRED),
    "address": (_address, _REQUIRED),
    "bus": (_integer(1, 8, ", a place in the list of buses"), _REQUIRED),
    "protocol": (_word(*items.EDITIONS), "dlt645-2007"),
    "max_power": (_integer(1, 10000, " (kW)"), 100),
}

_NAME = "[A-Za-z0-9_.-]+"
_SECRET = '[^"\r\n]+'

_LISTED = "docs/configuration.md lists them"
_ITEM_NAME = _text(_NAME + "(@[a-z]*[0-9]+)?", "an item's name; " + _LISTED, 48)

_OWN_ITEM = {
    "name": (_text(_NAME, "letters, digits, _ . and -", 32), _REQUIRED),
    "identifier": (_identifier, _REQUIRED),
    "index": (_integer(0, 99), 0),
    "size": (_integer(1, 4, " (bytes)"), None),
    "kind": (_word(*items.KINDS), "unsigned"),
    "scale": (_integer(-6, 3), 0),
    "unit": (_text('[^"]*', "a unit", 8), ""),
}

_TASK = {
    "name": (_text(_NAME, "letters, digits, _ . and -", 16), _REQUIRED),
    "items": (_list(_ITEM_NAME, 1, 8, "different item names", True), _REQUIRED),
    "every": (_every, _REQUIRED),
}

_UPLINK = {
    "host": (_text(_NAME, "the broker's name or address"), _REQUIRED),
    "port": (_integer(1, 65535), 1883),
    # With "/a1b2c3d4e5f6/up/freeze" behind it a topic has at most 64 characters.
    "root": (_text(_NAME + "(/" + _NAME + ")*", "a topic prefix, e.g. mr/v1", 41), "mr/v1"),
    "user": (_text(_SECRET, "a user name", 255, optional=True), None),
    "password": (_text(_SECRET, "a password", 255, optional=True, secret=True), None),
    "transport": (_word("at", "ppp"), "at"),
    "apn": (_text(_NAME, "the operator's access point name"), _REQUIRED),
    "apn_user": (_text(_SECRET, "a user name", 64, optional=True), None),
    "apn_password": (_text(_SECRET, "a password", 64, optional=True, secret=True), None),
    "time_server": (_text(_NAME, "the name or address of an NTP server", optional=True), None),
    "keepalive": (_integer(10, 1200, " (seconds)"), 120),
    "heartbeat": (_integer(1, 86400, " (seconds)"), 900),
    "linger": (_integer(1, 300, " (seconds)"), 5),
    "will": (_boolean, False),
}

_TOP = {
    "version": (_one_of(VERSION), _REQUIRED),
    "device": (_hexadecimal(12), _REQUIRED),
    "utc_offset": (_utc_offset, _REQUIRED),
    "summer_time": (_object(_SUMMER_TIME), None),
    "buses": (_list(_object(_BUS), 1, 8, "buses"), _REQUIRED),
    "meters": (_list(_entry(_METER), 1, MAX_METERS, "meters"), _REQUIRED),
    "items": (_list(_entry(_OWN_ITEM), 0, 32, "items"), ()),
    "tasks": (_list(_object(_TASK), 1, 8, "tasks"), _REQUIRED),
    "uplink": (_object(_UPLINK), _REQUIRED),
}
