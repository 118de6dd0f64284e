"""How the concentrator is: the heartbeat's content, and whether the event loop is on time."""

import asyncio
import gc
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import records
from .clock import SYNCHRONISED
from .journal import READING, STREAMS

_PROBE_MS = const(10)
_COLLECT_BYTES = const(16384)
_WEAK_SIGNAL = const(10)  # AT+CSQ: about -93 dBm

STATUS_CLOCK = const(1)  # bits of the status word; docs/mqtt.md
STATUS_METERS = const(2)
STATUS_SIGNAL = const(4)
STATUS_OVERRUN = const(8)


def collect_often():
    """Make the collector come after so many bytes asked for, not when the heap is full.

    Collected only when it is full, a small heap ends in shreds: objects that live long lie between
    the garbage of the moment they were made in, and no batch fits between them.

    The price: some collections a second, since asyncio alone asks for 160 bytes whenever a task
    sleeps. Each walks the heap in use, which takes milliseconds on a microcontroller.
    """
    gc.threshold(_COLLECT_BYTES)


class Health:
    """Collects the state of all parts, which app hands over, into one heartbeat."""

    def __init__(self, clock, journal, buses, collector, modem):
        self.uplink = None  # made after this object, which it needs
        self._clock = clock
        self._journal = journal
        self._buses = buses
        self._collector = collector
        self._modem = modem
        self._booted = ticks_ms()
        self._up = 0
        self._oldest = journal.reader(READING)
        self.stall_ms = 0  # longest time the event loop was held up, since boot

    async def watch(self):
        """Measure by how much a short sleep is too long: that is how long somebody blocked."""
        while True:
            before = ticks_ms()
            await asyncio.sleep_ms(_PROBE_MS)
            late = ticks_diff(ticks_ms(), before) - _PROBE_MS
            self.stall_ms = max(self.stall_ms, late)

    def status(self):
        """The status word: 0 when all is well."""
        word = 0
        if self._clock.quality != SYNCHRONISED:
            word |= STATUS_CLOCK
        if self._collector.failing():
            word |= STATUS_METERS
        if not _WEAK_SIGNAL < self._modem.signal <= 31:
            word |= STATUS_SIGNAL
        if self._journal.overrun:
            word |= STATUS_OVERRUN
        return word

    def snapshot(self):
        """The heartbeat as a dict, in the words of docs/mqtt.md."""
        journal = self._journal
        streams = range(len(STREAMS))
        self._count_seconds()
        snapshot = {
            "time": self._clock.now(),
            "clock": self._clock.quality,
            "source": self._clock.source,
            "drift": self._clock.drift_ppm,
            "up": self._up,
            "status": self.status(),
            "signal": self._modem.signal,
            "operator": self._modem.operator,
            "slots": self._collector.slots(),
            "journal": {
                "records": sum(journal.next(s) - 1 for s in streams),
                "written": {STREAMS[s]: journal.next(s) - 1 for s in streams},
                "unsent": journal.waiting(),
                "oldest": self._oldest_slot(),
                "overrun": journal.overrun,
                "erases": journal.erases,
                "blocks": journal.blocks_used(),
            },
            "buses": [
                {"cycle": b.cycle_ms, "good": b.good, "failed": b.failed, "retried": b.retried}
                for b in self._buses
            ],
            "uplink": {
                "state": self.uplink.state,
                "batches": self.uplink.batches,
                "bytes": self.uplink.bytes,
                "connects": self.uplink.connects,
            },
            "stall": self.stall_ms,
        }
        # "In use" is to mean what is needed, not what has not been swept yet; one collection more.
        gc.collect()
        snapshot["heap"] = [gc.mem_alloc(), gc.mem_free()]
        return snapshot

    def _oldest_slot(self):
        """Slot of the oldest reading that waits to be acknowledged; None when there is none."""
        if not self._journal.unsent(READING):
            return None
        self._oldest.seek(self._journal.cursor(READING))
        record = self._oldest.read()
        try:
            return records.unpack_reading(record[1], len(record[1])).slot if record else None
        except ValueError:
            return None  # damaged: the feed reports it

    def _count_seconds(self):
        # ticks_ms() wraps after days: count whole seconds whenever somebody asks.
        seconds = ticks_diff(ticks_ms(), self._booted) // 1000
        self._up += seconds
        self._booted = ticks_add(self._booted, seconds * 1000)
