"""Whatever happens that an operator may want to know later: recorded, then published."""

import json

from . import journal as journals
from . import log

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
        text = json.dumps(event, separators=(",", ":"))
        if len(text) > journals.MAX_PAYLOAD:
            event[3] = {"cut": text[: journals.MAX_PAYLOAD // 2]}
            text = json.dumps(event, separators=(",", ":"))
        self._journal.append(journals.EVENT, text.encode())
