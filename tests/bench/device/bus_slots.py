"""Runs on the host board, behind bus_site.py: reads a slot for every line of its input.

A line is the list of the meters that are to be left out. What is printed is for how many
milliseconds the bus was busy, and (meter, quality) of each reading that the journal has of it.
"""

import asyncio
import json
import sys

from concentrator import records
from concentrator.journal import READING


def readings(first):
    """(meter, quality) of the readings from that number on."""
    reader = journal.reader(READING)  # noqa: F821
    reader.seek(first)
    found = []
    while True:
        record = reader.read()
        if record is None:
            return found
        reading = records.unpack_reading(record[1], len(record[1]))
        found.append((reading.meter, reading.quality))


slot = SLOT  # noqa: F821
for line in sys.stdin:
    slot += 60
    left_out = {(0, number) for number in json.loads(line)}
    first = journal.next(READING)  # noqa: F821
    asyncio.run(rounds.read(slot, tasks, False, left_out))  # noqa: F821
    journal.prepare()  # noqa: F821
    print((bus.cycle_ms, readings(first)))  # noqa: F821
