"""Whatever happens that an operator may want to know later: recorded, then published."""

import json

from micropython import const

from . import log
from .journal import EVENT, MAX_PAYLOAD

_CUT = const(40)  # characters that are kept of details too long for a record

_log = log.get("event")


class Events:
    """Writes events to the journal. Their names and details are in docs/mqtt.md."""

    def __init__(self, journal, clock):
        self._journal = journal
        self._clock = clock

    def record(self, name, **detail):
        """Record that `name` happened; `detail` holds small JSON values, 200 bytes in all."""
        _log.info("%s %s", name, detail)
        event = [self._clock.now(), self._clock.quality, name, detail]
        record = self._pack(event)
        if len(record) > MAX_PAYLOAD:
            event[3] = {"cut": str(detail)[:_CUT]}
            record = self._pack(event)
        self._journal.append(EVENT, record)

    @staticmethod
    def _pack(event):
        return json.dumps(event, separators=(",", ":")).encode()
