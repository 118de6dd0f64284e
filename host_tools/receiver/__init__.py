"""Receiver: the master station's end of the uplink, reduced to taking, checking and counting.

`Store` keeps every record once and says what is missing; `Receiver` feeds it from a broker.
"""

from host_tools.receiver.payload import Event, Note, PayloadError, Reading, parse
from host_tools.receiver.receiver import Receiver, ReceiverError
from host_tools.receiver.store import Outcome, Store, StoreError, Summary

__all__ = [
    "Event",
    "Note",
    "Outcome",
    "PayloadError",
    "Reading",
    "Receiver",
    "ReceiverError",
    "Store",
    "StoreError",
    "Summary",
    "parse",
]
