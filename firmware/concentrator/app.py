"""The composition root: makes every part, knows them all, and watches over them."""

import asyncio
import random
import struct
import sys

from micropython import const

from . import log
from .bus import Bus
from .clock import Clock
from .clock_watch import ClockWatch
from .collector import Collector
from .events import Events
from .health import Health, collect_often
from .journal import Journal, JournalError
from .on_demand import let_go
from .settings import ConfigError
from .timekeeper import Timekeeper
from .uplink import Uplink

_DRAIN_S = const(20)  # at an orderly stop, how long to wait for acknowledgements
_EXIT_OK = const(0)
_EXIT_UNSENT = const(1)  # stopped in an orderly way, but not all of it was acknowledged
_EXIT_INTERRUPTED = const(130)
_EXIT_UNUSABLE = const(2)  # configuration, flash or a port: it says what to mend
_EXIT_FAILED = const(3)

_log = log.get("app")


class Application:
    """All parts of one concentrator, on a board (see boards/*/board)."""

    def __init__(self, board):
        collect_often()
        self._board = board
        config = _load_configuration(board)
        self.buses = [
            Bus(number, board.bus(number, settings.baud), settings, board.bus)
            for number, settings in enumerate(config.buses, 1)
        ]
        modem_port = board.modem()
        random.seed(struct.unpack("<I", board.random_bytes(4))[0])
        self.clock = Clock(board.utc_ms, board.set_utc_ms)
        self.journal = Journal(board.journal_flash())
        self.journal.mount(struct.unpack("<I", board.random_bytes(4))[0] >> 2)
        self.events = Events(self.journal, self.clock)
        self.timekeeper = Timekeeper(self.clock, self.events)
        self.pulses = None
        if config.pulses:
            from .pulses import Inputs  # which takes heap

            self.pulses = Inputs(
                config.pulses, config.catalogue, board.pulse_inputs, self.journal, self.events
            )
        self.collector = Collector(
            self.buses, config, self.clock, self.journal, self.events, self.pulses
        )
        self.clock_watch = None
        if config.meter_clocks != "ignore":
            may_set = config.meter_clocks == "set"
            self.clock_watch = ClockWatch(
                self.buses, config.meters, self.clock, config.zone, self.events, may_set
            )
        self.modem = _modem(config.uplink, modem_port, self.timekeeper.set_by_network, board)
        self.health = Health(self.clock, self.journal, self.buses, self.collector, self.modem)
        self.uplink = Uplink(config, self.journal, self.modem, self.events, self.health.snapshot)
        self.health.uplink = self.uplink
        self._time_server = None
        if config.uplink.time_server:
            from .sntp import TimeServer  # what no site has needs no memory

            self._time_server = TimeServer(
                config.uplink.time_server, self.modem, self.uplink, self.timekeeper.set_by_server
            )

    async def run(self):
        """Run until an orderly stop is asked for; returns the exit code."""
        self.events.record("boot", journal=self.journal.epoch)
        self._failed = None
        self._over = asyncio.Event()
        parts = {
            "housekeeping": self._keep_house(),
            "health": self.health.watch(),
            "modem": self.modem.run(),
            "uplink": self.uplink.run(),
            "collector": self.collector.run(),
        }
        if self._time_server:
            parts["time server"] = self._time_server.run()
        for name, part in parts.items():
            asyncio.create_task(self._supervise(name, part))
        asyncio.create_task(self._stop_when_asked())
        await self._over.wait()
        if self._failed:
            try:
                self.events.record("failed", part=self._failed)
            except Exception as error:  # noqa: BLE001 - it may be the journal that failed
                sys.print_exception(error, sys.stderr)
            return _EXIT_FAILED
        if self.pulses:
            self.pulses.save()
        drained = await self.uplink.drain(_DRAIN_S)
        await self.uplink.close()
        return _EXIT_OK if drained else _EXIT_UNSENT

    async def _supervise(self, name, part, is_endless=True):
        """A part that dies takes everything with it: half a concentrator would go unnoticed.

        So does one that ends, if it is to be endless.
        """
        try:
            await part
        except Exception as error:  # noqa: BLE001 - whatever it was, it is reported
            _log.error("%s died", name)
            sys.print_exception(error, sys.stderr)
            self._failed = name
            is_endless = True
        finally:
            if is_endless:
                self._over.set()

    async def _stop_when_asked(self):
        await self._board.stop_requested()
        _log.info("stopping: the slot under way is read to its end, what is unsent is published")
        self.collector.stop()

    async def _keep_house(self):
        """What comes round every second, apart from the paths that must be quick: erase ahead,
        write checkpoints and the totals of pulse inputs.
        """
        reported = 0
        while True:
            if self.pulses:
                self.pulses.poll()
            self.journal.checkpoint()
            self.journal.prepare()
            if self.journal.overrun > reported:
                reported = self.journal.overrun
                self.events.record("journal.overrun", lost=reported)
            if self.clock_watch and self.clock_watch.is_due():
                look = self.clock_watch.look()
                asyncio.create_task(self._supervise("clock watch", look, is_endless=False))
            await asyncio.sleep(1)


def _load_configuration(board):
    """The configuration of the board; what reads and checks it takes 3 KB, and is let go again."""
    from . import config

    loaded = config.of_board(board)
    let_go("config", "config_fields", "field_checks", "budget", "strict_json")
    return loaded


def _modem(settings, port, on_time, board):
    """The modem with the transport of the configuration; the other one is not even loaded."""
    if settings.transport == "ppp":
        from .modem.ppp import Modem

        return Modem(port, settings, on_time, board.PPP)
    from .modem.quectel import Modem

    return Modem(port, settings, on_time)


def main(board):
    """Start the application on `board` and run it; returns the exit code.

    Whatever nobody has thought of ends in a restart: in the field nobody is there to do it.
    """
    application = None
    try:
        board.claim()
        application = Application(board)
        code = asyncio.run(application.run())
    except KeyboardInterrupt:
        print("concentrator: interrupted; the journal is complete up to here", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - reported below
        expected = (ConfigError, JournalError, board.BoardError)
        if application is None and isinstance(error, expected):
            print("concentrator: %s" % error, file=sys.stderr)
            return _EXIT_UNUSABLE
        sys.print_exception(error, sys.stderr)
        code = _EXIT_FAILED
    if code == _EXIT_FAILED:
        board.restart()
    else:
        unsent = application.journal.waiting()
        print("concentrator: stopped; %d records unsent" % unsent, file=sys.stderr)
    return code
