"""Receiver: the master station's end of the uplink, reduced to taking, checking and counting.

`Store` keeps every record once and says what is missing; `Receiver` feeds it from a broker.
"""

from host_tools.receiver.payload import (
    STREAMS,
    Answer,
    Beat,
    Birth,
    Event,
    EventBatch,
    Gap,
    Message,
    PayloadError,
    ReadingBatch,
    Row,
    parse,
)
from host_tools.receiver.receiver import Receiver, ReceiverError, check_root
from host_tools.receiver.store import (
    QUALITY_NAMES,
    Outcome,
    Reading,
    Slot,
    Store,
    StoredEvent,
    StoreError,
    Summary,
    is_failed,
)

__all__ = [
    "QUALITY_NAMES",
    "STREAMS",
    "Answer",
    "Beat",
    "Birth",
    "Event",
    "EventBatch",
    "Gap",
    "Message",
    "Outcome",
    "PayloadError",
    "Reading",
    "ReadingBatch",
    "Receiver",
    "ReceiverError",
    "Row",
    "Slot",
    "Store",
    "StoreError",
    "StoredEvent",
    "Summary",
    "check_root",
    "is_failed",
    "parse",
]
