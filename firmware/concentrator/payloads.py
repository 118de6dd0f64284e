"""The JSON that goes up, one function a kind of message. docs/mqtt.md is the contract."""

import json

from . import VERSION

_COMPACT = (",", ":")


def _message(device, fields):
    fields["v"] = 1
    fields["device"] = device
    return json.dumps(fields, separators=_COMPACT).encode()


def _with_list(device, fields, name, texts):
    """A message whose last field is a list of elements that are JSON already, as bytes."""
    head = _message(device, fields)
    return head[:-1] + (',"%s":[' % name).encode() + b",".join(texts) + b"]}"


def birth(config, epoch):
    """Who this is and what its readings mean: firmware, meters, items, tasks."""
    used = {}
    for task in config.tasks:
        for name in task.items:
            used[name] = [config.catalogue.unit(name), config.catalogue.scale(name)]
    fields = {
        "epoch": epoch,
        "firmware": VERSION,
        "config": {"version": config.version, "hash": config.hash},
        "meters": [[meter.number, meter.address, meter.bus] for meter in config.meters],
        "items": used,
        "tasks": [[task.name, _times(task), task.items] for task in config.tasks],
    }
    if config.pulses:
        inputs = config.pulses.inputs
        fields["pulses"] = [[one.number, one.input, one.item, one.constant] for one in inputs]
    return _message(config.device, fields)


def _times(task):
    """When a task is due: seconds, or a text."""
    if task.every is not None:
        return task.every
    at = task.daily if task.monthly is None else task.monthly.at
    text = "%02d:%02d" % (at // 60, at % 60)
    return "daily " + text if task.monthly is None else "monthly %d %s" % (task.monthly.day, text)


def readings(device, epoch, first, task, slot, clock, rows):
    """Readings of one task and slot with consecutive sequence numbers from `first` on.

    `task` is (name, items, scales). A row is [meter, seconds after the slot, quality, value...]
    as JSON.
    """
    fields = {
        "epoch": epoch,
        "seq": [first, len(rows)],
        "task": task[0],
        "slot": slot,
        "clock": clock,
        "items": task[1],
        "scale": task[2],
    }
    return _with_list(device, fields, "rows", rows)


def events(device, epoch, first, entries):
    """Events with consecutive sequence numbers; an entry is the JSON the journal holds."""
    fields = {"epoch": epoch, "seq": [first, len(entries)]}
    return _with_list(device, fields, "events", entries)


def gap(device, epoch, stream, first, last):
    """Records `first` to `last` of a stream are gone: overwritten before they were sent."""
    return _message(
        device, {"epoch": epoch, "stream": stream, "gap": [first, last], "why": "ring"}
    )


def beat(device, status):
    """The heartbeat: `status` is health's snapshot."""
    return _message(device, status)
