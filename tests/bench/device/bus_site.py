"""Runs on the host board: bus 1 of the site and what reads its meters, for scripts behind it."""

import board
from concentrator.bus import Bus
from concentrator.catch_up import CatchUp
from concentrator.clock import Clock
from concentrator.config import load
from concentrator.events import Events
from concentrator.journal import Journal
from concentrator.rounds import Rounds
from concentrator.tasks import items_of, make_tasks

SLOT = 1788220800

config = load(board.configuration())
bus = Bus(1, board.bus(1, config.buses[0].baud), config.buses[0], board.bus)
clock = Clock(board.utc_ms)
journal = Journal(board.journal_flash())
journal.mount(1)
tasks = make_tasks(config)
for task in tasks:
    journal.set_context(task.number, task.context)
rules = [config.catalogue.rule(name) for name in items_of(config.tasks)]
events = Events(journal, clock)
catch_up = CatchUp(bus, tasks, config, clock, journal, events)
rounds = Rounds(bus, config.meters, tasks, rules, catch_up, clock, journal, events)
