"""The whole chain on one machine: meters, buses, concentrator, modem, broker, receiver."""

import fcntl
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from host_tools.broker import HOST, Broker, BrokerError
from host_tools.child_process import ChildProcess
from host_tools.modem_simulator.packet_network import GATEWAY
from host_tools.private_network import PrivateNetwork, PrivateNetworkError
from host_tools.pulse_source import PulseSource
from host_tools.receiver import Receiver, ReceiverError, Store, StoreError, Summary
from host_tools.site import BUSES, DEVICE, ROOT, Site, SiteMeter, offset_seconds, spread
from host_tools.virtual_board import IMAGE, VirtualBoard, VirtualBoardError

ROOT_FOLDER = Path(__file__).absolute().parents[1]
MICROPYTHON = ROOT_FOLDER / "build" / "host" / "micropython"
BOARDS = ("host", "virtual")

_READY_S = 10.0
_STOP_MARGIN_S = 30.0
_LAST_WORDS_S = 3.0
_SETTLE_S = 10.0
_QUIET_S = 0.5
_POLL_S = 0.1
_VIRTUAL_MODEM_BAUD = 115200  # of the virtual board's port for the modem, which paces nothing
_MARK = ".stack"
_STORE = "receiver.sqlite"
_TRUTH = "truth.jsonl"
_STATUS = "modem.json"
_MADE_BY_A_RUN = frozenset(
    {_MARK, "broker", "logs", "site", _STATUS, _TRUTH, _STORE, f"{_STORE}-journal"}
)


class StackError(Exception):
    """A part of the chain cannot be started or has died; the text says which and why."""


@dataclass(frozen=True)
class StackOptions:
    """What is simulated, and how; the defaults are those of `make run`.

    `board` is what the concentrator runs on: "host", the MicroPython of this machine, or
    "virtual", an image for a microcontroller in QEMU. Its `transport` is "at", the modem's own
    TCP, or on the virtual board "ppp", IP packets, for which broker and modem get a private
    network. `dead` of the `meters` never answer, `of_1997` speak the edition of that year.
    `period` is the slot length in seconds, `baud` bit/s on both buses, `answer_delay`
    the meters' in ms ("40" or "20-120"), `heartbeat` and `linger` seconds. `account` is user and
    password that the mobile network asks for. `concentrator` replaces the command of the firmware
    on the host, `image` what the virtual board runs; the wall clocks, the board's and the
    network's, run `lapse` times as fast as everything else from the making of the stack on.
    """

    board: str = "host"
    transport: str = "at"

    meters: int = 64
    baud: int = 2400
    period: int = 30
    dead: int = 0
    of_1997: int = 0
    account: tuple[str, str] | None = None
    answer_delay: str = "40"
    truth: bool = False
    utc_offset: str = "+08:00"
    heartbeat: int = 2
    linger: int = 5
    concentrator: tuple[str, ...] = (str(MICROPYTHON), "-m", "concentrator")
    image: Path = IMAGE
    lapse: int = 1
    pulse_inputs: int = 0

    def site(self, broker_port: int) -> Site:
        """Return the site these options describe; ValueError if it cannot be read in time."""
        if self.board not in BOARDS:
            raise ValueError(f"board {self.board!r} is not one of {', '.join(BOARDS)}.")
        if self.board == "host" and self.transport == "ppp":
            raise ValueError("board host has no PPP; use transport at, or board virtual.")
        if not 0 <= self.dead <= self.meters:
            raise ValueError(f"{self.dead} dead meters are not in the range 0 to {self.meters}.")
        site = Site(
            meters=self.meters,
            baud=self.baud,
            period=self.period,
            broker_host=str(GATEWAY.ip) if self.transport == "ppp" else HOST,
            broker_port=broker_port,
            transport=self.transport,
            utc_offset=self.utc_offset,
            heartbeat=self.heartbeat,
            linger=self.linger,
            account=self.account,
            dead=self.dead,
            of_1997=self.of_1997,
            # Time does not lapse for the simulated meters.
            meter_clocks="check" if self.lapse == 1 else "ignore",
            pulse_inputs=self.pulse_inputs,
        )
        site.check()
        return site

    def dead_meters(self) -> list[SiteMeter]:
        """Return the meters that never answer, spread evenly over all."""
        meters = Site(self.meters, of_1997=self.of_1997).spread_meters()
        return [meters[i] for i in spread(self.dead, self.meters)]


def best_transport(board: str, tell: Callable[[str], None]) -> str:
    """Return "ppp" for a board that has it, "at" for others.

    Where this machine allows no private network, and so no PPP, `tell` gets the reason for it,
    and the answer is "at".
    """
    if board != "virtual":
        return "at"
    obstacle = PrivateNetwork.obstacle()
    if obstacle is None:
        return "ppp"
    tell(obstacle)
    return "at"


class Stack:
    """Starts and stops the chain, as a whole or part by part.

    All its files are in `folder`: `site/` is the concentrator's, `logs/` has what each process
    says, `receiver.sqlite` what arrived. What an earlier run left there is removed at the start;
    a folder that holds anything else is an error. `store`, `receiver` and, if it has pulse inputs,
    `pulses` are there once it runs.
    """

    pulses: PulseSource
    store: Store
    receiver: Receiver

    def __init__(self, folder: Path, options: StackOptions | None = None) -> None:
        """Prepare; ValueError for options that cannot work. Nothing runs before `start()`."""
        self.folder = folder.absolute()
        self.options = options or StackOptions()
        self.site = self.options.site(broker_port=1883)  # until the broker has its port
        self.device = DEVICE
        self._since = int(time.time())  # when the wall clocks were right
        self.logs = self.folder / "logs"
        self.truth_file = self.folder / _TRUTH
        self.site_folder = self.folder / "site"
        self._modem_status = self.folder / _STATUS
        self._network = PrivateNetwork() if self.options.transport == "ppp" else None
        # Sessions: a broker that is killed must not forget that the receiver has subscribed.
        self.broker = Broker(
            self.folder / "broker",
            keep_sessions=True,
            log=self.logs / "broker.log",
            network=self._network,
        )
        self.concentrator = self._make_concentrator()
        self._meters = self._child("meter simulator", self._meters_command())
        self._running = ExitStack()

    # The whole

    def start(self) -> Self:
        """Start everything and wait until it is ready; StackError if that fails."""
        try:
            self._start()
        except (BrokerError, PrivateNetworkError, ReceiverError, StoreError) as error:
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
        program = Path(self.options.concentrator[0])
        if self.options.board == "host" and not program.is_file():
            raise StackError(f"{program} is missing; run make host.")
        running = self._running
        running.enter_context(_claim(self.folder))
        self.logs.mkdir()
        if self._network is not None:
            running.enter_context(self._network)
        running.enter_context(self.broker)
        self.site = self.options.site(self.broker.port)
        self.site.write(self.site_folder)
        if self.options.pulse_inputs:
            self.pulses = running.enter_context(PulseSource(self.site_folder / "pulses"))
        running.callback(self._meters.stop)
        self._spawn(self._meters, r"^bus \d+: ", BUSES)
        self._modem = self._child("modem simulator", self._modem_command(), stdin=True)
        running.callback(self._modem.stop)
        self._spawn(self._modem, r"^modem: ", 1)
        self.store = running.enter_context(Store(self.folder / _STORE))
        self.receiver = running.enter_context(
            Receiver(self.store, self.broker.host, self.broker.port, ROOT)
        )
        self.broker.save()
        running.callback(self.kill_concentrator)
        self.start_concentrator()

    def stop(self) -> None:
        """Stop everything at once, in the order of the flow; does not raise, may be repeated."""
        self._running.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def check(self) -> None:
        """StackError if a part has died of itself."""
        for child in (self._meters, self._modem, self.concentrator):
            if child.died:
                raise StackError(child.obituary())
        try:
            self.broker.check()
        except BrokerError as error:
            raise StackError(str(error)) from None
        if self.receiver.failure is not None:
            raise StackError(f"the receiver has given up: {self.receiver.failure}")

    # The concentrator

    def start_concentrator(self, cut: int = 0) -> None:
        """Start the concentrator; it is online when its birth arrives.

        With `cut`, on the virtual board, power fails in the middle of that flash operation,
        counted from 1 and the start.
        """
        if isinstance(self.concentrator, VirtualBoard):
            try:
                self.concentrator.start(cut=cut)
            except VirtualBoardError as error:
                raise StackError(str(error)) from None
        elif cut:
            raise ValueError("Only on the virtual board can power fail in a flash operation.")
        else:
            self._spawn(self.concentrator)

    def stop_concentrator(self, pause: Callable[[], None] | None = None) -> None:
        """Let the concentrator finish the slot under way and end; StackError if it fails.

        `pause` is called while waiting.
        """
        self.concentrator.request_stop()
        options = self.options
        limit_s = self.site.cycle_s + options.linger + _STOP_MARGIN_S
        deadline = time.monotonic() + limit_s
        while not self.concentrator.wait(_POLL_S):
            self.check()
            if pause is not None:
                pause()
            if time.monotonic() >= deadline:
                self.concentrator.kill()
                raise StackError(
                    f"the concentrator has not ended within {limit_s:.0f} s and was killed; "
                    f"its last words: {self.concentrator.last_words()}"
                )
        if self.concentrator.exit_code != 0:
            raise StackError(self.concentrator.obituary())

    def kill_concentrator(self) -> None:
        """End the concentrator at once, as a power cut would (SIGKILL)."""
        self.concentrator.kill()

    @property
    def console(self) -> Path | None:
        """Where a person can attach to the concentrator; None if it has no console."""
        board = self.concentrator
        return board.console if isinstance(board, VirtualBoard) else None

    # The modem

    def tell_modem(self, command: str) -> None:
        """Give the modem simulator a command of its script; StackError if it is not done."""
        done = rf"^script: {re.escape(command)}$"
        before = len(re.findall(done, self._modem.output(), re.MULTILINE))
        with suppress(OSError):  # it has ended, which is seen at once
            self._modem.tell(command)
        if not self._modem.wait_for_line(done, before + 1, _READY_S):
            self.check()
            raise StackError(f"the modem simulator does not do {command!r}.")

    # What happens

    def bytes_on_air(self) -> int | None:
        """Return what went through the modem, as of a second ago; None before it has said so."""
        try:
            return json.loads(self._modem_status.read_text())["bytes_on_air"]
        except FileNotFoundError:
            return None

    def wait_online(self, timeout_s: float, births: int = 1) -> None:
        """Wait until the concentrator has said so often that it is online; StackError if not."""
        self._wait(
            lambda: self.store.births(self.device) >= births,
            timeout_s,
            "the concentrator does not come online",
        )

    def wait_slots(self, count: int, timeout_s: float) -> None:
        """Wait until so many slots have a record of every meter; StackError if that fails.

        A pulse input is a meter, too.
        """
        meters = self.options.meters + self.options.pulse_inputs
        self._wait(
            lambda: self.store.complete_slots(self.device, meters) >= count,
            timeout_s,
            f"fewer than {count} slots are complete",
        )

    def heap_in_use(self, slots: int) -> int:
        """Return the bytes of heap in use once so many slots are read and nothing waits.

        StackError if there are not so many in time.
        """
        found: list[int] = []

        def quiet() -> bool:
            beat = self.store.beat(self.device)
            if beat is None or beat.get("journal", "unsent") or (beat.get("slots") or 0) < slots:
                return False
            found.append(beat.get("heap", 0))
            return True

        per_slot_s = self.options.period / self.options.lapse
        limit_s = 4 * slots * per_slot_s + _READY_S
        self._wait(quiet, limit_s, f"fewer than {slots} slots are read")
        return found[-1]

    def _wait(self, condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.receiver.wait_for(condition, 0.2):
            self.check()
            if time.monotonic() >= deadline:
                raise StackError(
                    f"{complaint} within {timeout_s:.0f} s; the concentrator's last words: "
                    f"{self.concentrator.last_words()}"
                )

    def written(self, stream: str) -> dict[int, int]:
        """Return how many records the concentrator says it has ever written, by epoch."""
        birth = self.store.birth(self.device)
        beat = self.store.beat(self.device)
        epoch = birth.number("epoch") if birth is not None else None
        count = beat.number("journal", "written", stream) if beat is not None else None
        return {} if epoch is None or count is None else {epoch: count}

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
            patience_s = _QUIET_S if self.written("reading") else _LAST_WORDS_S
            if quiet_s >= patience_s and self.summary().lost == 0:
                return

    def summary(self, stream: str = "reading") -> Summary:
        """Return the totals of a stream, measured by what the concentrator has written."""
        return self.store.summary(self.device, stream, self.written(stream))

    # Inside

    def _make_concentrator(self) -> "_Program | VirtualBoard":
        name, log = "concentrator", self.logs / "concentrator.log"
        if self.options.board == "virtual":
            options = self.options
            return VirtualBoard(
                self.site_folder,
                log,
                image=options.image,
                name=name,
                lapse=options.lapse,
                since=self._since,
            )
        return _Program(
            name,
            self.options.concentrator,
            log,
            folder=ROOT_FOLDER,
            environment={"CONCENTRATOR_SITE": str(self.site_folder)},
            stdin=True,
        )

    def _meters_command(self) -> list[str | Path]:
        options = self.options
        return [
            *(sys.executable, "-m", "host_tools.meter_simulator"),
            *(f"--link={self.site_folder / f'bus{number}'}" for number in range(1, BUSES + 1)),
            *("--meters", str(options.meters), "--baud", str(options.baud)),
            *("--answer-delay", options.answer_delay),
            *("--utc-offset", str(offset_seconds(options.utc_offset) / 3600)),
            *(f"--silent={meter.address}" for meter in options.dead_meters()),
            *(
                f"--model={meter.address}=three-phase-1997"
                for meter in self.site.spread_meters()
                if meter.edition == 1997
            ),
            *(("--truth", self.truth_file) if options.truth else ()),
        ]

    def _modem_command(self) -> list[str]:
        command = [
            *(sys.executable, "-m", "host_tools.modem_simulator"),
            *("--link", str(self.site_folder / "modem"), "--status", str(self._modem_status)),
            *("--lapse", str(self.options.lapse), "--since", str(self._since)),
            *("--script", "-"),
        ]
        if self.options.board == "virtual":
            command += ["--baud", str(_VIRTUAL_MODEM_BAUD)]
        if self.options.account is not None:
            user, password = self.options.account
            command += ["--user", user, "--password", password]
        return command if self._network is None else self._network.command(command)

    def _child(
        self, name: str, command: Sequence[str | Path], *, stdin: bool = False
    ) -> ChildProcess:
        log = self.logs / f"{name.replace(' ', '-')}.log"
        return ChildProcess(name, command, log, folder=ROOT_FOLDER, stdin=stdin)

    def _spawn(self, child: ChildProcess, ready: str | None = None, count: int = 1) -> None:
        child.start()
        if ready is None or child.wait_for_line(ready, count, _READY_S):
            return
        if child.died:
            raise StackError(child.obituary())
        raise StackError(
            f"the {child.name} is not ready within {_READY_S:.0f} s; "
            f"its last words: {child.last_words()}"
        )


class _Program(ChildProcess):
    """The concentrator as a program of this machine."""

    def request_stop(self) -> None:
        """Let it finish what is under way and end."""
        self.close_stdin()


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
