"""The uplink: takes records out of the journal and gives them to the broker, most urgent first.

After every connect: birth, events, live readings, then the backlog; live never waits for the
backlog. A number of batches is under way at any time; each PUBACK releases its records in the
journal. RAM holds only the numbers of what is under way: what must be sent again is read again.
"""

import asyncio
import random
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from . import log, payloads
from .feed import Feed
from .journal import EVENT, READING
from .modem import ModemError
from .mqtt import MQTTError, Session

_WINDOW_BATCHES = const(20)
_WINDOW_BYTES = const(32768)
_ACKNOWLEDGE_MS = const(60000)  # a batch without PUBACK for so long: the connection is dead
_SIGNAL_MS = const(60000)  # how often the modem is asked for signal and operator
_RETRY_MIN_S = const(2)
_RETRY_MAX_S = const(120)
_STABLE_MS = const(60000)  # a connection that held for so long was a good one
_REPORT_MS = const(600000)  # losses become an event at most so often

_log = log.get("uplink")


class Uplink:
    """Owns modem and session. `heartbeat()` returns the status that goes up as heartbeat."""

    def __init__(self, config, journal, modem, events, heartbeat):
        self.state = "offline"  # offline, connecting, online
        self.connects = 0
        self.batches = 0  # acknowledged since boot
        self.bytes = 0  # payload bytes published since boot
        self._config = config
        self._settings = config.uplink
        self._journal = journal
        self._modem = modem
        self._events = events
        self._heartbeat = heartbeat
        self._wake = journal.appended
        self._window = {}  # pid: (stream, first, count, bytes, when sent); stream None: no record
        self._pid = 0
        self._flush = False
        self._task = None  # that of run()
        self._leaving = False
        self._failure = None
        self._session = None  # while online
        self._online_since = None  # ticks
        self._reported_online = False
        self._reported = None  # ticks when a loss was last made an event
        self._losses = 0  # since then

    async def run(self):
        """Connect, publish, and connect again after whatever goes wrong, until close()."""
        self._task = asyncio.current_task()
        delay = _RETRY_MIN_S
        while True:
            self.state = "connecting"
            self._online_since = None
            try:
                await self._connection()
            except (ModemError, MQTTError, MemoryError) as error:
                if self._leaving:
                    return
                _log.warning("%s", error)
                if self._online_since is not None:
                    self._report_lost(str(error))
                    # Not at once: a broker may take every connection and hang up soon after.
                    if ticks_diff(ticks_ms(), self._online_since) > _STABLE_MS:
                        delay = _RETRY_MIN_S
            self.state = "offline"
            # Jitter: thousands of devices that lost one broker must not come back in step.
            await asyncio.sleep_ms(delay * 500 + random.randrange(delay * 1000))
            delay = min(2 * delay, _RETRY_MAX_S)

    def _report_online(self):
        if not self._reported_online:
            self._reported_online = True
            self._events.record("uplink.online", connects=self.connects, signal=self._modem.signal)

    def _report_lost(self, why):
        """Make an event of a lost connection; a link that flaps must not fill the journal."""
        self._losses += 1
        now = ticks_ms()
        if self._reported is None or ticks_diff(now, self._reported) > _REPORT_MS:
            self._events.record("uplink.lost", why=why[:120], times=self._losses)
            self._reported = now
            self._losses = 0
            self._reported_online = False

    async def drain(self, limit_s):
        """Publish all that is waiting, without lingering; returns whether it was acknowledged."""
        self._flush = True
        self._wake.set()
        end = ticks_add(ticks_ms(), limit_s * 1000)
        while self._journal.waiting() and ticks_diff(end, ticks_ms()) > 0:
            await asyncio.sleep_ms(50)
        self._journal.checkpoint()
        return not self._journal.waiting()

    async def close(self):
        """Send a last heartbeat, take leave of the broker, if it is there, and hang up.

        Whatever run() is doing, dialling for instance, is cancelled first.
        """
        self._leaving = True
        if self._session is not None:
            try:
                await self._beat(self._session)
                await self._session.disconnect()
            except (ModemError, MQTTError) as error:
                _log.warning("taking leave: %s", error)
        if self._task is not None:
            self._task.cancel()
            try:
                await self._task
            except asyncio.CancelledError:
                pass
        try:
            await self._modem.hang_up()
        except ModemError as error:
            _log.warning("hanging up: %s", error)

    async def _connection(self):
        settings = self._settings
        await self._modem.start()
        transport = await self._modem.connect(settings.host, settings.port)
        receiver = None
        try:
            will = (self._topic("state"), b"offline") if settings.will else None
            session = Session(transport, settings, self._config.device, self._acknowledged, will)
            await session.connect()
            self._session = session
            self.connects += 1
            self.state = "online"
            self._online_since = ticks_ms()
            self._window = {}
            self._failure = None
            receiver = asyncio.create_task(self._receive(session))
            self._report_online()
            await self._publish_all(session)
        finally:
            self._session = None
            if receiver is not None:
                receiver.cancel()
            await transport.close()

    async def _receive(self, session):
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - raised again by the task that publishes
            self._failure = error
            self._wake.set()

    def _topic(self, kind):
        return "%s/%s/%s" % (self._settings.root, self._config.device, kind)

    async def _publish_all(self, session):
        if self._settings.will:
            await self._send(session, "state", b"online", None, 0, 0, retain=True)
        birth = payloads.birth(self._config, self._journal.epoch)
        await self._send(session, "up/birth", birth, None, 0, 0)
        feeds = self._feeds()
        live = feeds[1]
        beat_due = ticks_ms()
        signal_due = ticks_add(beat_due, _SIGNAL_MS)
        grown = ticks_ms()  # when the journal last grew
        seen = self._journal.next(READING)
        while True:
            if self._failure is not None:
                raise self._failure
            now = ticks_ms()
            self._check_alive(session, now)
            if self._journal.next(READING) != seen:
                seen = self._journal.next(READING)
                grown = now
            if ticks_diff(now, beat_due) >= 0:
                beat_due = ticks_add(now, self._settings.heartbeat * 1000)
                await self._beat(session)
                continue
            if ticks_diff(now, signal_due) >= 0:
                signal_due = ticks_add(now, _SIGNAL_MS)
                await self._ask_signal()
                continue
            lingered = ticks_diff(now, grown) >= self._settings.linger * 1000
            batch = self._next_batch(feeds, live, lingered or self._flush)
            if batch is not None:
                await self._send(
                    session,
                    "up/" + batch.kind,
                    batch.payload,
                    batch.stream,
                    batch.first,
                    batch.count,
                )
                continue
            if not self._window and self._forgotten(feeds):
                continue
            await session.keep_alive()
            self._wake.clear()
            await self._pause(1000)

    async def _ask_signal(self):
        try:
            await self._modem.refresh()
        except ModemError as error:
            _log.warning("%s", error)  # whether the connection lives, its data will show

    async def _beat(self, session):
        status = payloads.beat(self._config.device, self._heartbeat())
        await session.publish(self._topic("up/beat"), status)

    def _feeds(self):
        """The feeds of one connection, most urgent first."""
        journal = self._journal
        device = self._config.device
        border = journal.next(READING)
        events = journal.cursor(EVENT)
        backlog = journal.cursor(READING)
        return (
            Feed(journal, device, EVENT, "event", events),
            Feed(journal, device, READING, "live", border),
            Feed(journal, device, READING, "hist", backlog, border),
        )

    def _next_batch(self, feeds, live, flush):
        if len(self._window) >= _WINDOW_BATCHES:
            return None
        if sum(entry[3] for entry in self._window.values()) >= _WINDOW_BYTES:
            return None
        for feed in feeds:
            batch = feed.next(flush or feed is not live)
            if batch is not None:
                return batch
        return None

    @staticmethod
    def _forgotten(feeds):
        """Whether any feed has something to send that was given out before."""
        found = False
        for feed in feeds:
            found = feed.recheck() or found
        return found

    async def _send(self, session, kind, payload, stream, first, count, retain=False):
        pid = self._next_pid()
        self._window[pid] = (stream, first, count, len(payload), ticks_ms())
        self.bytes += len(payload)
        await session.publish(self._topic(kind), payload, pid, retain=retain)

    def _next_pid(self):
        while True:
            self._pid = self._pid % 65535 + 1
            if self._pid not in self._window:
                return self._pid

    def _acknowledged(self, pid):
        entry = self._window.pop(pid, None)
        if entry is None:
            return
        self.batches += 1
        if entry[0] is not None:
            self._journal.acknowledge(entry[0], entry[1], entry[2])
        self._wake.set()

    def _check_alive(self, session, now):
        for entry in self._window.values():
            if ticks_diff(now, entry[4]) > _ACKNOWLEDGE_MS:
                raise MQTTError("no acknowledgement for %d s" % (_ACKNOWLEDGE_MS // 1000))

    async def _pause(self, limit_ms):
        try:
            await asyncio.wait_for_ms(self._wake.wait(), limit_ms)
        except asyncio.TimeoutError:
            pass
