"""The whole chain on one machine: meters, buses, concentrator, modem, broker, receiver."""

import fcntl
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from host_tools.broker import Broker, BrokerError
from host_tools.child_process import ChildProcess
from host_tools.receiver import Receiver, ReceiverError, Store, StoreError, Summary
from host_tools.site import (
    BUSES,
    Site,
    SiteMeter,
    SiteTask,
    SiteUplink,
    bus_time_s,
    offset_seconds,
    spread_meters,
)

ROOT = Path(__file__).absolute().parents[1]
MICROPYTHON = ROOT / "build" / "host" / "micropython"

_READY_S = 10.0
_STOP_MARGIN_S = 30.0
_LAST_WORDS_S = 3.0
_SETTLE_S = 10.0
_QUIET_S = 0.5
_POLL_S = 0.1
_SILENCE_S = 3.0  # what a meter that never answers may cost in a slot, at most
_MARK = ".stack"
_STORE = "receiver.sqlite"
_TRUTH = "truth.jsonl"
_STATUS = "modem.json"
_MADE_BY_A_RUN = frozenset(
    {_MARK, "broker", "logs", "site", _STATUS, _TRUTH, _STORE, f"{_STORE}-wal", f"{_STORE}-shm"}
)
_METER_SIMULATOR = "meter simulator"
_MODEM_SIMULATOR = "modem simulator"
_CONCENTRATOR = "concentrator"


class StackError(Exception):
    """A part of the chain cannot be started or has died; the text says which and why."""


@dataclass(frozen=True)
class StackOptions:
    """What is simulated, and how; the defaults are those of `make run`.

    `period` is the slot length in seconds, `baud` bit/s on both buses, `answer_delay` the
    meters' in ms ("40" or "20-120"), `heartbeat` and `linger` seconds. The extra arguments go
    to the simulators as they are. `concentrator` replaces the command of the firmware.
    """

    meters: int = 64
    baud: int = 2400
    period: int = 30
    dead: int = 0
    answer_delay: str = "40"
    seed: int = 645
    truth: bool = False
    utc_offset: str = "+08:00"
    heartbeat: int = 2
    linger: int = 5
    broker_port: int | None = None
    meter_arguments: tuple[str, ...] = ()
    modem_arguments: tuple[str, ...] = ()
    concentrator: tuple[str, ...] | None = None

    def site(self, broker_port: int) -> Site:
        """Return the site these options describe; ValueError if it cannot be read in time."""
        if not 0 <= self.dead <= self.meters:
            raise ValueError(f"{self.dead} dead meters are not in the range 0 to {self.meters}.")
        site = Site(
            meters=spread_meters(self.meters),
            uplink=SiteUplink(port=broker_port, heartbeat=self.heartbeat, linger=self.linger),
            baud=self.baud,
            tasks=(SiteTask(every=self.period),),
            utc_offset=self.utc_offset,
        )
        site.check()
        return site

    def check(self) -> None:
        """ValueError, one sentence, if these options cannot work."""
        self.site(broker_port=1883)

    def dead_meters(self) -> list[SiteMeter]:
        """Return the meters that never answer, spread evenly over all."""
        meters = spread_meters(self.meters)
        return [meters[(2 * i + 1) * self.meters // (2 * self.dead)] for i in range(self.dead)]


class Stack:
    """Starts and stops the chain, as a whole or part by part.

    All its files are in `folder`: `site/` is the concentrator's, `logs/` has what each process
    says, `receiver.sqlite` what arrived. What an earlier run left there is removed at the start;
    a folder that holds anything else is an error.
    """

    def __init__(self, folder: Path, options: StackOptions | None = None) -> None:
        """Prepare; ValueError for options that cannot work. Nothing runs before `start()`."""
        self.folder = folder.absolute()
        self.options = options or StackOptions()
        self.options.check()
        self.site: Site | None = None
        self.logs = self.folder / "logs"
        self.site_folder = self.folder / "site"
        self.truth_file = self.folder / _TRUTH
        self._modem_status = self.folder / _STATUS
        self._lock: TextIO | None = None
        self._broker: Broker | None = None
        self._store: Store | None = None
        self._receiver: Receiver | None = None
        self._children: dict[str, ChildProcess] = {}

    # The whole

    def start(self) -> Self:
        """Start everything and wait until it is ready; StackError if that fails."""
        try:
            self._start()
        except (BrokerError, ReceiverError, StoreError) as error:
            self.stop()
            raise StackError(str(error)) from None
        except OSError as error:
            self.stop()
            raise StackError(f"the chain cannot be started in {self.folder}: {error}.") from None
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        self._lock = _claim(self.folder)
        self.logs.mkdir()
        self.site_folder.mkdir()
        # Sessions: a broker that is killed must not forget that the receiver has subscribed.
        self._broker = Broker(
            self.folder / "broker",
            self.options.broker_port,
            keep_sessions=True,
            log=self.logs / "broker.log",
        ).start()
        self.site = self.options.site(self._broker.port)
        self.site.write(self.site_folder)
        self._prepare_children()
        self.start_meters()
        self.start_modem()
        self._store = Store(self.folder / _STORE)
        self._receiver = Receiver(
            self._store, self._broker.host, self._broker.port, self.site.uplink.root
        ).start()
        self._broker.save()
        self.start_concentrator()

    def stop(self) -> None:
        """Stop everything at once, in the order of the flow; does not raise, may be repeated."""
        self._kill(_CONCENTRATOR)
        if self._receiver is not None:
            self._receiver.stop()
        for name in (_MODEM_SIMULATOR, _METER_SIMULATOR):
            if name in self._children:
                self._children[name].stop()
        if self._broker is not None:
            self._broker.stop()
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def check(self) -> None:
        """StackError if a part has died of itself."""
        for child in self._children.values():
            if child.died:
                raise StackError(child.obituary())
        try:
            self.broker.check()
        except BrokerError as error:
            raise StackError(str(error)) from None
        if self.receiver.failure is not None:
            raise StackError(f"the receiver has given up: {self.receiver.failure}")

    # Its parts

    @property
    def broker(self) -> Broker:
        """The broker; `kill()`, `stop()` and `start()` it as you like."""
        if self._broker is None:
            raise RuntimeError("The stack has not been started.")
        return self._broker

    @property
    def receiver(self) -> Receiver:
        """The receiver, in this process."""
        if self._receiver is None:
            raise RuntimeError("The stack has not been started.")
        return self._receiver

    @property
    def store(self) -> Store:
        """What has arrived; closed by `stop()`."""
        if self._store is None:
            raise RuntimeError("The stack does not run.")
        return self._store

    @property
    def device(self) -> str:
        """The concentrator's 12 hex digits."""
        if self.site is None:
            raise RuntimeError("The stack has not been started.")
        return self.site.device

    @property
    def concentrator(self) -> ChildProcess:
        """The concentrator's process."""
        return self._children[_CONCENTRATOR]

    def start_concentrator(self) -> None:
        """Start the concentrator; it is online when its birth arrives."""
        self._spawn(_CONCENTRATOR)

    def close_concentrator(self) -> None:
        """Tell the concentrator to finish the slot under way and end; returns at once."""
        self.concentrator.close_stdin()

    def stop_concentrator(self, timeout_s: float | None = None) -> None:
        """Let the concentrator end in an orderly way; StackError if it doesn't, or fails."""
        self.close_concentrator()
        limit_s = self.stop_limit_s if timeout_s is None else timeout_s
        if not self.concentrator.wait(limit_s):
            self.concentrator.kill()
            raise StackError(
                f"the concentrator has not ended within {limit_s:.0f} s and was killed; "
                f"its last words: {self.concentrator.last_words()}"
            )
        if self.concentrator.exit_code != 0:
            raise StackError(self.concentrator.obituary())

    def kill_concentrator(self) -> None:
        """End the concentrator at once, as a power cut would (SIGKILL)."""
        self._kill(_CONCENTRATOR)

    def restart_concentrator(self) -> None:
        """Kill the concentrator if it runs, and start it again on the same site."""
        self.kill_concentrator()
        self.start_concentrator()

    def start_meters(self) -> None:
        """Start the meter simulator and wait until all its buses are there."""
        self._spawn(_METER_SIMULATOR, r"^bus \d+: ", BUSES)

    def kill_meters(self) -> None:
        """End the meter simulator: all meters fall silent."""
        self._kill(_METER_SIMULATOR)

    def start_modem(self) -> None:
        """Start the modem simulator and wait until its port is there."""
        self._spawn(_MODEM_SIMULATOR, r"^modem: ", 1)

    def kill_modem(self) -> None:
        """End the modem simulator, as if its cable had been pulled."""
        self._kill(_MODEM_SIMULATOR)

    # What happens

    @property
    def stop_limit_s(self) -> float:
        """How long an orderly stop of the concentrator may take, in seconds."""
        options = self.options
        per_bus = -(-options.meters // BUSES)
        cycle_s = bus_time_s(per_bus, len(SiteTask().items), options.baud)
        return cycle_s + options.dead * _SILENCE_S + options.linger + _STOP_MARGIN_S

    def modem_status(self) -> dict[str, Any]:
        """Return the modem's counters, as of a second ago; empty before there are any."""
        try:
            status = json.loads(self._modem_status.read_text())
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    def wait_online(self, timeout_s: float, births: int = 1) -> None:
        """Wait until the concentrator has said so often that it is online; StackError if not."""
        self._wait(
            lambda: self.store.births(self.device) >= births,
            timeout_s,
            "the concentrator does not come online",
        )

    def wait_slots(self, count: int, timeout_s: float) -> None:
        """Wait until so many slots have a record of every meter; StackError if that fails."""
        self._wait(
            lambda: self.store.complete_slots(self.device, self.options.meters) >= count,
            timeout_s,
            f"fewer than {count} slots are complete",
        )

    def _wait(self, condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.receiver.wait_for(condition, 0.2):
            self.check()
            if time.monotonic() >= deadline:
                raise StackError(
                    f"{complaint} within {timeout_s:.0f} s; the concentrator's last words: "
                    f"{self.concentrator.last_words()}"
                )

    def high_water(self) -> dict[tuple[str, int, str], int]:
        """Return how many records the concentrator says it has ever written, by stream."""
        birth = self.store.birth(self.device)
        beat = self.store.beat(self.device)
        if birth is None or beat is None:
            return {}
        marks = {}
        for stream in ("reading", "freeze", "event"):
            written = beat.number("journal", "written", stream)
            if written is not None:
                marks[self.device, birth["epoch"], stream] = written
        return marks

    def settle(
        self, timeout_s: float = _SETTLE_S, pause: Callable[[], None] | None = None
    ) -> None:
        """Wait until the receiver has everything the concentrator says it has written.

        Call it after the concentrator has ended; `pause` is called while waiting. It does not
        raise: what has not come then is seen in `summary()`.
        """
        start = quiet_since = time.monotonic()
        messages = self.receiver.messages
        while time.monotonic() - start < timeout_s:
            if pause is not None:
                pause()
            self.receiver.wait_for(lambda seen=messages: self.receiver.messages > seen, _POLL_S)
            if self.receiver.messages > messages:
                messages = self.receiver.messages
                quiet_since = time.monotonic()
            # The last heartbeat says what was written; it comes last, and without a guarantee.
            quiet_s = time.monotonic() - quiet_since
            patience_s = _QUIET_S if self.high_water() else _LAST_WORDS_S
            if quiet_s >= patience_s and self.summary().lost == 0:
                return

    def summary(self, stream: str = "reading") -> Summary:
        """Return the totals of a stream, measured by what the concentrator has written."""
        return self.store.summary(self.device, stream, self.high_water())

    # Inside

    def _prepare_children(self) -> None:
        options = self.options
        links = [f"--link={self.site_folder / f'bus{number}'}" for number in range(1, BUSES + 1)]
        meters: list[str | Path] = [
            sys.executable,
            *("-m", "host_tools.meter_simulator", *links),
            *("--meters", str(options.meters), "--baud", str(options.baud)),
            *("--answer-delay", options.answer_delay, "--seed", str(options.seed)),
            *("--utc-offset", str(offset_seconds(options.utc_offset) / 3600)),
            *(f"--silent={meter.address}" for meter in options.dead_meters()),
            *(("--truth", self.truth_file) if options.truth else ()),
            *options.meter_arguments,
        ]
        modem: list[str | Path] = [
            sys.executable,
            *("-m", "host_tools.modem_simulator", "--link", self.site_folder / "modem"),
            *("--status", self._modem_status),
            *options.modem_arguments,
        ]
        self._add(_METER_SIMULATOR, meters)
        self._add(_MODEM_SIMULATOR, modem)
        if options.concentrator is None and not MICROPYTHON.is_file():
            raise StackError(f"{MICROPYTHON.relative_to(ROOT)} is missing; run make host.")
        self._add(
            _CONCENTRATOR,
            options.concentrator or (MICROPYTHON, "-m", "concentrator"),
            environment={"CONCENTRATOR_SITE": str(self.site_folder)},
            stdin=True,
        )

    def _add(self, name: str, command: Sequence[str | Path], **settings: Any) -> None:
        log = self.logs / f"{name.replace(' ', '-')}.log"
        self._children[name] = ChildProcess(name, command, log, folder=ROOT, **settings)

    def _spawn(self, name: str, ready: str | None = None, count: int = 1) -> None:
        child = self._children[name]
        try:
            child.start()
        except OSError as error:
            raise StackError(
                f"the {name} cannot be started: {child.command[0]}: {error.strerror}."
            ) from None
        if ready is None or child.wait_for_line(ready, count, _READY_S):
            return
        if child.died:
            raise StackError(child.obituary())
        raise StackError(
            f"the {name} is not ready within {_READY_S:.0f} s; "
            f"its last words: {child.last_words()}"
        )

    def _kill(self, name: str) -> None:
        if name in self._children:
            self._children[name].kill()


def _claim(folder: Path) -> TextIO:
    """Make the folder ours, without what an earlier run left in it, and keep others out of it.

    Nothing is removed but what a run makes, and only where a run has been: a folder with
    anything else in it is refused as it is.
    """
    mark = folder / _MARK
    if folder.exists() and not folder.is_dir():
        raise StackError(f"{folder} is not a folder; choose another one.")
    foreign = _foreign_entry(folder)
    if foreign is not None:
        raise StackError(
            f"{folder} holds {foreign}, which is not of an earlier run; choose another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = mark.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StackError(
            f"another run uses {folder}; stop that one or choose another folder."
        ) from None
    for name in _MADE_BY_A_RUN - {_MARK}:
        entry = folder / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    return lock


def _foreign_entry(folder: Path) -> str | None:
    """Return the name of something in a folder that no run has put there, None if all is ours."""
    if not folder.is_dir():
        return None
    names = sorted(entry.name for entry in folder.iterdir())
    ours = _MADE_BY_A_RUN if _MARK in names else frozenset()
    return next((name for name in names if name not in ours), None)
