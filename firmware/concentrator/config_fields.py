"""The fields of the configuration: tables {name: (check, default)}, a function for each.

Functions, because the tables are wanted once: kept, their many checks would take 6 KB of heap.
docs/configuration.md explains the fields.
"""

from micropython import const

from . import field_checks as check
from . import items
from .records import MAX_METERS

VERSION = const(1)
LISTED = "docs/configuration.md lists them"

_NAME = "[A-Za-z0-9_.-]+"
_SECRET = '[^"\r\n]+'


def site():
    """The whole file."""
    return {
        "version": (check.one_of(VERSION), check.REQUIRED),
        "device": (check.hexadecimal(12), check.REQUIRED),
        "utc_offset": (check.utc_offset, check.REQUIRED),
        "summer_time": (check.section(_summer_time()), None),
        "meter_clocks": (check.word("ignore", "check", "set"), "check"),
        "buses": (check.list_of(check.section(_bus()), 1, 8, "buses"), check.REQUIRED),
        "meters": (check.list_of(check.entry(_meter()), 1, MAX_METERS, "meters"), check.REQUIRED),
        "items": (check.list_of(check.entry(_own_item()), 0, 32, "items"), ()),
        "tasks": (check.list_of(check.section(_task()), 1, 8, "tasks"), check.REQUIRED),
        "pulses": (check.section(_pulses()), None),
        "uplink": (check.section(_uplink()), check.REQUIRED),
    }


def _summer_time():
    """When clocks are changed."""
    return {
        "begins": (check.change_of_clocks, check.REQUIRED),
        "ends": (check.change_of_clocks, check.REQUIRED),
        "shift": (check.whole(10, 120, " (minutes)"), 60),
    }


def _baud():
    return check.one_of(600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


def _bus():
    """An RS485 line."""
    return {
        "baud": (_baud(), 2400),
        "timeout_ms": (check.whole(100, 10000, " (milliseconds)"), 700),
        "retries": (check.whole(0, 5), 2),
        "preamble": (check.whole(0, 16, " (bytes)"), 4),
        "pause_ms": (check.whole(0, 500, " (milliseconds)"), 0),
    }


def _meter():
    """A meter."""
    return {
        "number": (check.whole(1, 255), check.REQUIRED),
        "address": (check.address, check.REQUIRED),
        "bus": (check.whole(1, 8, ", a place in the list of buses"), check.REQUIRED),
        "protocol": (check.word(*items.EDITIONS), "dlt645-2007"),
        "baud": (_baud(), None),
        "max_power": (check.whole(1, 10000, " (kW)"), 100),
    }


def _own_item():
    """An item of the site's own."""
    return {
        "name": (check.text(_NAME, "letters, digits, _ . and -", 32), check.REQUIRED),
        "identifier": (check.identifier, None),
        "index": (check.whole(0, 99), 0),
        "size": (check.whole(1, 4, " (bytes)"), None),
        "kind": (check.word(*items.KINDS), "unsigned"),
        "scale": (check.whole(-6, 3), 0),
        "unit": (check.text('[^"]*', "a unit", 8), ""),
    }


def _item_name():
    return check.text(_NAME + "(@[a-z]*[0-9]+)?", "an item's name; " + LISTED, 48)


def _task():
    """What is read when."""
    return {
        "name": (check.text(_NAME, "letters, digits, _ . and -", 16), check.REQUIRED),
        "items": (check.list_of(_item_name(), 1, 8, "different item names", True), check.REQUIRED),
        "every": (check.every, None),
        "daily": (check.time_of_day, None),
        "monthly": (check.section(_monthly()), None),
        "windows": (check.list_of(check.window, 1, 8, "windows"), ()),
        "meters": (
            check.list_of(check.whole(1, 255), 1, MAX_METERS, "different meters", True),
            None,
        ),
    }


def _monthly():
    """The day and time of a monthly task."""
    return {
        "day": (check.whole(1, 31), check.REQUIRED),
        "at": (check.time_of_day, check.REQUIRED),
    }


def _pulses():
    """All pulse inputs."""
    inputs = check.list_of(check.entry(_pulse_input()), 1, 8, "pulse inputs")
    return {
        "save_every": (check.whole(10, 3600, " (seconds)"), 300),
        "inputs": (inputs, check.REQUIRED),
    }


def _pulse_input():
    """A pulse input."""
    return {
        "number": (check.whole(1, 255), check.REQUIRED),
        "input": (check.whole(1, 8, ", as the board numbers them"), check.REQUIRED),
        "item": (_item_name(), check.REQUIRED),
        "constant": (check.whole(1, 1000000, " (pulses a unit)"), check.REQUIRED),
        "start": (check.whole(0, 999999999, ", in the last digit of the item"), 0),
        "width_ms": (check.whole(1, 1000, " (milliseconds)"), 20),
        "max_rate": (check.whole(1, 100000, " (units an hour)"), 100),
    }


def _uplink():
    """Modem and broker."""
    return {
        "host": (check.text(_NAME, "the broker's name or address"), check.REQUIRED),
        "port": (check.whole(1, 65535), 1883),
        # With "/a1b2c3d4e5f6/up/freeze" behind it a topic has at most 64 characters.
        "root": (
            check.text(_NAME + "(/" + _NAME + ")*", "a topic prefix, e.g. mr/v1", 41),
            "mr/v1",
        ),
        "user": (check.text(_SECRET, "a user name", 255, optional=True), None),
        "password": (check.text(_SECRET, "a password", 255, optional=True, secret=True), None),
        "transport": (check.word("at", "ppp"), "at"),
        "apn": (check.text(_NAME, "the operator's access point name"), check.REQUIRED),
        "apn_user": (check.text(_SECRET, "a user name", 64, optional=True), None),
        "apn_password": (check.text(_SECRET, "a password", 64, optional=True, secret=True), None),
        "time_server": (
            check.text(_NAME, "the name or address of an NTP server", optional=True),
            None,
        ),
        "keepalive": (check.whole(10, 1200, " (seconds)"), 120),
        "heartbeat": (check.whole(1, 86400, " (seconds)"), 900),
        "linger": (check.whole(1, 300, " (seconds)"), 5),
        "will": (check.boolean, False),
    }
