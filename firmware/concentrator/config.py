"""The configuration: one JSON file, validated as a whole before anything uses it.

Every error names the field, the value it has and what is allowed. docs/configuration.md lists the
fields with their units and defaults; config_fields.py is what is enforced.
"""

import binascii
import json
import os

from micropython import const

from . import budget, config_fields, items, strict_json
from . import field_checks as check
from .journal import MAX_PAYLOAD
from .meters import Meters
from .records import pack_task
from .settings import ConfigError, Section
from .tasks import reads_input
from .timezone import TimeZone

_LARGEST = const(32768)  # bytes: four times what 64 meters and all other fields take


def of_board(board):
    """The configuration of a board, which must have what it asks for; see load()."""
    path = board.configuration()
    config = load(path)
    try:
        _check_board(config, board)
    except ConfigError as error:
        raise ConfigError("%s: %s" % (path, error))
    return config


def load(path):
    """Read and validate the file at `path`; returns a Section. Raises ConfigError."""
    try:
        too_long = os.stat(path)[6] > _LARGEST
        with open(path) as file:
            # As much as there is: room for the largest would be a third of a small board's heap.
            text = "" if too_long else file.read()
    except OSError:
        raise ConfigError("%s: cannot be read; create it, docs/configuration.md says how" % path)
    except UnicodeError:
        raise ConfigError("%s: is not UTF-8 text" % path)
    if too_long:
        raise ConfigError("%s: is longer than %d bytes" % (path, _LARGEST))
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
        config = Section(check.fields(data, "", config_fields.site()))
        config.zone = _zone(config)
        _check_meters(config)
        _check_items(config)
        _check_tasks(config)
        _check_pulses(config)
        _check_credentials(config.uplink)
        config.meters = Meters(config.meters)
        budget.check(config)
    except ConfigError as error:
        raise ConfigError("%s: %s" % (name, error))
    config.hash = "%08x" % binascii.crc32(text.encode())
    return config


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
            check.wrong("meters[%d].bus" % i, meter.bus, "1 to %d" % len(config.buses))
        if meter.address[0] == "A" and meter.protocol != "dlt645-1997":
            allowed = "12 digits; only dlt645-1997 has addresses filled up with A"
            check.wrong("meters[%d].address" % i, meter.address, allowed)
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
    counted = [one.item for one in config.pulses.inputs] if config.pulses else ()
    config.catalogue = items.Catalogue()
    for i, item in enumerate(config.items):
        if _is_number(config.catalogue, item.name) is not None:
            allowed = "a name of your own; this item is known already"
            check.wrong("items[%d].name" % i, item.name, allowed)
        if item.identifier is None and item.name not in counted:
            raise ConfigError(
                "items[%d].identifier is missing, and no pulse input counts this item; give "
                "the identifier, or list the input" % i
            )
    config.catalogue = items.Catalogue(config.items)
    for i, item in enumerate(config.items):
        if not _is_number(config.catalogue, item.name):
            allowed = "one of a number, or give size, kind, scale and unit"
            check.wrong("items[%d].identifier" % i, item.identifier, allowed)


def _check_tasks(config):
    _check_names("tasks", config.tasks)
    catalogue = config.catalogue
    for i, task in enumerate(config.tasks):
        _check_times("tasks[%d]" % i, task)
        _check_members("tasks[%d].meters" % i, task, config)
        for j, name in enumerate(task.items):
            number = _is_number(catalogue, name)
            if not number:
                allowed = "an item" if number is None else "an item that is a number"
                check.wrong(
                    "tasks[%d].items[%d]" % (i, j), name, allowed + "; " + config_fields.LISTED
                )
        scales = [catalogue.scale(name) for name in task.items]
        size = len(pack_task(task.name, task.items, scales))
        if size >= MAX_PAYLOAD:  # the journal needs a byte of it
            raise ConfigError(
                "tasks[%d].items is too long with all its names: %d bytes, %d at most; "
                "divide the task" % (i, size, MAX_PAYLOAD - 1)
            )


def _check_times(field, task):
    """One schedule, and windows that let slots of it through."""
    given = [name for name in ("every", "daily", "monthly") if getattr(task, name) is not None]
    if len(given) != 1:
        raise ConfigError(
            "%s has %s; give one of every, daily and monthly"
            % (field, " and ".join(given) or "no schedule")
        )
    if not task.windows:
        return
    if task.every is None:
        raise ConfigError("%s.windows are for a task with every; leave them out" % field)
    for i, (begin, end) in enumerate(task.windows):
        length = (end - begin) % 1440 * 60
        if -begin * 60 % task.every >= length:
            raise ConfigError(
                "%s.windows[%d] has no slot in it: there is one every %d s from midnight; "
                "give a longer window" % (field, i, task.every)
            )


def _check_members(field, task, config):
    inputs = config.pulses.inputs if config.pulses else []
    numbers = [meter.number for meter in list(config.meters) + list(inputs)]
    for i, number in enumerate(task.meters or ()):
        if number not in numbers:
            check.wrong("%s[%d]" % (field, i), number, "the number of a meter")


def _check_pulses(config):
    """Inputs have numbers that no meter has, and count what a task reads."""
    numbers = {meter.number: "meters[%d]" % i for i, meter in enumerate(config.meters)}
    inputs = {}
    for i, one in enumerate(config.pulses.inputs if config.pulses else ()):
        here = "pulses.inputs[%d]" % i
        for name, value, others in (("number", one.number, numbers), ("input", one.input, inputs)):
            if value in others:
                raise ConfigError(
                    "%s.%s is %d, which %s has already; give every one its own"
                    % (here, name, value, others[value])
                )
            others[value] = here
        if not any(reads_input(task, one) for task in config.tasks):
            raise ConfigError(
                '%s.item is "%s", which no task reads; use an item of a task' % (here, one.item)
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
                % (field, i, check.show(name), field, names.index(name))
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


def _check_board(config, board):
    """That the board has as many buses, and everything else."""
    if len(config.buses) > board.BUSES:
        raise ConfigError(
            "buses is a list of %d; use 1 to %d, as many as board %s has"
            % (len(config.buses), board.BUSES, board.NAME)
        )
    if config.uplink.transport == "ppp" and getattr(board, "PPP", None) is None:
        raise ConfigError(
            'uplink.transport is "ppp", which board %s does not have; use "at"' % board.NAME
        )
    present = getattr(board, "PULSE_INPUTS", 0)
    for i, one in enumerate(config.pulses.inputs if config.pulses else ()):
        if one.input > present:
            has = "has inputs 1 to %d" % present if present else "has none"
            raise ConfigError(
                "pulses.inputs[%d].input is %d; board %s %s" % (i, one.input, board.NAME, has)
            )
