"""What a schedule costs on the wire, and whether it can fit.

The floor is what no concentrator can do without: the bits of requests and answers, the time that
every meter may take before it answers, and the pause that is set before a request.
Sources: DL/T 645-2007, physical and data link layer.
"""

import dlt645
from micropython import const

from . import items
from .settings import ConfigError
from .tasks import bits_of, make_tasks, steps

_BITS = const(11)  # a character: start, 8 data, even parity, stop
_FRAME = const(12)  # bytes around the data
_ANSWER_PREAMBLE = const(4)
_RATES = const(4)
_PHASES = const(3)
_OLD = items.EDITIONS["dlt645-1997"]
_OLD_VARIABLES = const(0xB)
_QUICKEST_MS = const(20)  # a meter answers at the soonest; at the latest after 500


class Cost:
    """What the tasks of a bus cost when all are due at once: `ms`, and `every` so many seconds.

    `every` is the shortest slot length of those tasks; None when all are daily or monthly.
    """

    def __init__(self, bus, ms, every):
        self.bus = bus
        self.ms = ms
        self.every = every


def costs(config, answer_ms=_QUICKEST_MS):
    """A Cost for every bus, if each meter takes `answer_ms` before it answers."""
    tasks = make_tasks(config)
    found = []
    for number, bus in enumerate(config.buses, 1):
        ms = bits = 0
        for meter in config.meters:
            if meter.bus == number:
                own = bits_of(tasks, meter.number)
                bits |= own
                edition = items.EDITIONS[meter.protocol]
                for step in steps(tasks, own, edition):
                    size = _wire_bytes(step, edition, bus.preamble)
                    ms += -(-size * _BITS * 1000 // (meter.baud or bus.baud))
                    ms += answer_ms + bus.pause_ms
        lengths = [
            task.every
            for i, task in enumerate(config.tasks)
            if bits >> i & 1 and task.every is not None
        ]
        found.append(Cost(number, ms, min(lengths) if lengths else None))
    return found


def check(config):
    """ConfigError when a bus cannot read everything within a slot, however quick meters are."""
    for cost in costs(config):
        if cost.every is not None and cost.ms > cost.every * 1000:
            raise ConfigError(
                "tasks: bus %d needs %s s at least when all of them are due, %s s more than the "
                "shortest every, %d s; read fewer items or meters, or less often, or faster"
                % (
                    cost.bus,
                    _seconds(cost.ms),
                    _seconds(cost.ms - cost.every * 1000),
                    cost.every,
                )
            )


def _seconds(ms):
    """Milliseconds as seconds with a tenth, rounded up."""
    tenths = -(-ms // 100)
    return "%d.%d" % (tenths // 10, tenths % 10)


def _wire_bytes(step, edition, preamble):
    """Bytes of a request and its answer."""
    identifier = 2 if edition == _OLD else 4
    overhead = preamble + _ANSWER_PREAMBLE + 2 * (_FRAME + identifier)
    return overhead + _data_bytes(step, edition)


def _data_bytes(step, edition):
    """Bytes of data in an answer, of a meter with four rates."""
    values = max([target[2] for target in step.targets]) + 1
    if step.form is not None:
        return step.form[1] * values
    if step.singles:
        values = max(values, _typical(step.identifier, edition))
    size = index = 0
    while True:
        described = dlt645.item(edition, step.identifier, index)
        if described is None or (described[4] and index >= values):
            return size
        size += described[1]
        index += 1


def _typical(identifier, edition):
    """How many values a block has."""
    if edition == _OLD:
        return _PHASES if identifier >> 12 == _OLD_VARIABLES else 1 + _RATES
    values = (1 + _RATES, 2 * (1 + _RATES))  # energies, demands with their times
    kind = identifier >> 24
    return values[kind] if kind < len(values) else _PHASES
