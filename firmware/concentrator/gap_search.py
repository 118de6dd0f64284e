"""Finds in the journal what was missing before a reset."""

from micropython import const

from . import log, quality, records
from .journal import READING
from .tasks import is_present

_LOOK_BACK = const(20000)  # readings: three days of 64 meters every quarter of an hour
_AT_ONCE = const(4)  # of them, then others have a turn: some milliseconds

_log = log.get("gaps")


async def search(gaps, journal, meters, tasks, resumed, now, idle):
    """Tell `gaps` by note() and miss() what the newest readings of a bus's meters show.

    `resumed` has the tasks whose last slot it knows already: of the others, slots up to `now` are
    missing. `idle()` waits until nothing more urgent is to be done.
    """
    end = journal.next(READING)
    reader = journal.reader(READING)
    reader.seek(max(1, end - _LOOK_BACK))
    numbers = bytes([meter.number for meter in meters])
    last = [0] * len(tasks)
    sequence = 0
    while sequence < end:
        await idle()
        for _ in range(_AT_ONCE):
            record = reader.read()
            sequence = record[0] if record else end
            if sequence >= end:
                break
            reading = _unpack(record[1])
            if reading is None or not is_present(tasks, reading.task, reader.context):
                continue
            meter = numbers.find(bytes([reading.meter]))
            if meter < 0:
                continue
            number = reading.task
            if reading.slot > last[number]:
                # One that was filled since had no reading of its time, of any meter.
                missed = reading.slot + (reading.quality == quality.FROZEN)
                if last[number] and tasks[number].grid.following(last[number]) < missed:
                    gaps.miss(number, last[number], missed)
                last[number] = reading.slot
            gaps.note(meter, reading)
    for task in tasks:
        newest = last[task.number]
        if newest and task.number not in resumed and task.grid.following(newest) <= now:
            gaps.miss(task.number, newest, now + 1)


def _unpack(payload):
    try:
        return records.unpack_reading(payload, len(payload))
    except ValueError as error:
        _log.error("%s", error)
        return None
