# SPDX-License-Identifier: MIT
# Events on their way into the journal. Run by MicroPython, from the root of the repository.

import json

import flash
from concentrator.clock import Clock
from concentrator.events import Events
from concentrator.journal import EVENT, Journal


def recorded(name, **detail):
    log = Journal(flash.Flash(4, 1024))
    log.mount(1)
    Events(log, Clock(lambda: 1788220800123)).record(name, **detail)
    return json.loads(str(log.reader(EVENT).read()[1], "utf-8"))


def test_an_event_has_time_clock_quality_name_and_details():
    assert recorded("uplink.lost", why="x") == [1788220800, 2, "uplink.lost", {"why": "x"}]


def test_details_too_long_for_a_record_are_cut_in_any_script():
    for text in ("x" * 300, "\u7535" * 100, '"' * 300):
        event = recorded("uplink.lost", why=text)
        assert event[2] == "uplink.lost"
        assert list(event[3]) == ["cut"]
