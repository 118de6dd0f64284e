# SPDX-License-Identifier: MIT
# Log lines, with the `logging` that is frozen and with what a later one hands over.

import sys

from concentrator import log


class Console:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


class Sys:
    stderr = Console()


class LaterRecord:
    name = "bus"
    levelname = "WARNING"
    message = "line 1: 3 %"


def test_a_line_has_level_module_and_text():
    log.sys = Sys
    try:
        log.get("bus").info("line %d", 7)
        log.get("bus").debug("not this")
        log._handler.emit(LaterRecord())
    finally:
        log.sys = sys
    first, second, last = Sys.stderr.text.split("\n")
    assert first.endswith("Z INFO    bus: line 7"), first
    assert second.endswith("Z WARNING bus: line 1: 3 %"), second
    assert last == ""
