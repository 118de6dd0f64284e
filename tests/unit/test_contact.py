# A contact's pulses: what counts as one, and what is only bounce.

import gc
import random

from concentrator.contact import Contact
from fakes import seeded

WIDTH_MS = 20
WRAP = 1 << 30  # of ticks


class Line:
    # A contact on which times pass: closed and open by turns.

    def __init__(self, ticks=0):
        self.contact = Contact(WIDTH_MS)
        self.ticks = ticks

    def hold(self, closed, ms):
        self.contact.change(closed, self.ticks)
        self.ticks = (self.ticks + ms) & (WRAP - 1)

    def pulse(self, closed_ms, open_ms):
        self.hold(True, closed_ms)
        self.hold(False, open_ms)

    def count(self):
        # A pause too long to be bounce, and its end: whatever came before is decided.
        self.hold(False, 1000)
        return self.contact.count()


def test_a_pulse_of_the_least_width_counts_and_a_shorter_one_does_not():
    for width, expected in ((WIDTH_MS, 1), (WIDTH_MS - 1, 0), (0, 0), (5000, 1)):
        line = Line()
        line.hold(False, 1000)
        line.pulse(width, 1000)
        assert line.count() == expected, width


def test_a_pause_shorter_than_the_least_width_parts_no_pulses():
    for pause, expected in ((WIDTH_MS, 2), (WIDTH_MS - 1, 1)):
        line = Line()
        line.hold(False, 1000)
        line.pulse(50, pause)
        line.pulse(50, 1000)
        assert line.count() == expected, pause


def test_bounce_at_both_ends_of_a_pulse_counts_for_nothing():
    seeded()
    line = Line()
    line.hold(False, 1000)
    for _ in range(200):
        for held in (40, 200):
            closed = held == 40
            for _ in range(random.randrange(8)):
                line.hold(closed, random.randrange(WIDTH_MS))
                line.hold(not closed, random.randrange(WIDTH_MS))
            line.hold(closed, held)
    assert line.count() == 200


def test_an_edge_told_twice_changes_nothing():
    line = Line()
    for closed in (False, False, True, True, True, False, False):
        line.hold(closed, 15)
    assert line.count() == 1


def test_a_meter_may_rest_for_longer_than_ticks_take_to_wrap():
    for rest in (WRAP // 2 - 1, WRAP // 2 + 5, WRAP - 1):
        line = Line()
        for _ in range(3):
            line.pulse(50, rest)
        assert line.count() == 3, rest
        line = Line(WRAP - 25)  # and wrap within a pulse
        line.pulse(50, 1000)
        assert line.count() == 1


def test_an_interrupt_allocates_nothing():
    contact = Contact(WIDTH_MS)
    change = contact.change
    change(True, 0)
    gc.collect()
    before = gc.mem_alloc()
    change(False, 100)
    change(True, 200)
    change(False, 300)
    assert gc.mem_alloc() == before
    assert contact.count() == 2
