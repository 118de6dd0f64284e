"""A real MQTT broker (mosquitto) of our own, on a port of this machine, and child processes."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
_START_S = 5.0
_STOP_S = 5.0
_SAVE_S = 3.0
_POLL_S = 0.02
_LAST_LINES = 5
_PORT_TRIES = 5


class BrokerError(Exception):
    """The broker cannot be started or has died; the text says why and what to do."""


class ChildProcess:
    """A program that runs beside us and writes what it says to a log file.

    It gets a process group of its own, so that Ctrl-C reaches only us, but no session of its
    own: a session leader without a terminal would adopt the first pseudo terminal it opens.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stdin: bool = False,
    ) -> None:
        """Prepare; `environment` adds to ours, `stdin` opens a pipe to the program."""
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._folder = folder
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._expected_to_end = False

    def start(self) -> None:
        """Start the program; OSError if that fails. What it says is added to the log."""
        if self.running:
            raise RuntimeError(f"The {self.name} runs already.")
        self._release_pipe()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._expected_to_end = False
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if self._stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                process_group=0,
            )

    @property
    def running(self) -> bool:
        """Whether the program runs at this moment."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the program ended (minus the number of the signal); None before it did."""
        return self._process.poll() if self._process is not None else None

    @property
    def pid(self) -> int | None:
        """The program's process id, None before the first start."""
        return self._process.pid if self._process is not None else None

    @property
    def died(self) -> bool:
        """Whether the program has ended without having been told to."""
        code = self.exit_code
        return code is not None and not self._expected_to_end

    def output(self) -> str:
        """Return what the program has said since its last start."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def last_words(self) -> str:
        """Return the last lines the program said, in one line."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return " | ".join(lines[-_LAST_LINES:]) or "nothing"

    def obituary(self) -> str:
        """Return a sentence on how the program ended."""
        code = self.exit_code
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"has ended with exit code {code}"
        return f"the {self.name} {how}; its last words: {self.last_words()} (log: {self.log})"

    def wait_for_line(self, pattern: str, count: int, timeout_s: float) -> bool:
        """Wait until so many lines match; False if the program ends before or it takes longer."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            if len(wanted.findall(self.output())) >= count:
                return True
            if not running or time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)

    def close_stdin(self) -> None:
        """Tell the program that nothing more will come, and that it may end."""
        self._expected_to_end = True
        self._release_pipe()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the program has ended; False if that takes longer."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal that does not end the program."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Ask the program to end, and end it if it does not."""
        self._expected_to_end = True
        if self._process is not None and self.running:
            self._process.terminate()
            if not self.wait(timeout_s):
                self._process.kill()
                self._process.wait()
        self._release_pipe()

    def kill(self) -> None:
        """End the program at once, as a power cut would (SIGKILL)."""
        self._expected_to_end = True
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()
        self._release_pipe()

    def _release_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


class Broker:
    """Mosquitto on 127.0.0.1, for anybody on this machine, with its files in `folder`.

    It keeps nothing when it ends, unless `keep_sessions` is given: then `save()` writes down
    who has subscribed to what, and a broker that is killed and started again goes on to queue
    for them. (Without it, whatever is published before a subscriber is back is acknowledged to
    the publisher and delivered to nobody.)
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        keep_sessions: bool = False,
        log: Path | None = None,
    ) -> None:
        """Prepare; without a port, `start()` takes a free one and keeps it from then on.

        What mosquitto says goes to `log`, by default a file in the folder.
        """
        self.folder = folder.absolute()
        self.log = log.absolute() if log is not None else self.folder / "mosquitto.log"
        self.host = HOST
        self._port = port
        self._keep_sessions = keep_sessions
        self._child: ChildProcess | None = None

    @property
    def port(self) -> int:
        """The TCP port; known from the first start on, unless it was given."""
        if self._port is None:
            raise RuntimeError("The broker has no port before its first start.")
        return self._port

    @property
    def running(self) -> bool:
        """Whether the broker runs at this moment."""
        return self._child is not None and self._child.running

    def start(self) -> Self:
        """Start and wait until connections are accepted; BrokerError if that fails."""
        if self.running:
            raise RuntimeError("The broker runs already.")
        program = find_mosquitto()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._child is None:
                self._database.unlink(missing_ok=True)
            tries = 1 if self._port is not None else _PORT_TRIES
            for left in reversed(range(tries)):
                port = self._port if self._port is not None else _free_port()
                try:
                    self._start_on(program, port)
                except _PortBusyError:
                    if left:
                        continue
                    raise
                self._port = port
                break
        except OSError as error:
            raise BrokerError(
                f"the broker cannot be started in {self.folder}: {error.strerror}."
            ) from None
        return self

    def check(self) -> None:
        """BrokerError if the broker has died of itself."""
        if self._child is not None and self._child.died:
            raise BrokerError(self._child.obituary())

    def save(self) -> None:
        """Write sessions down now; BrokerError if the broker does not do it."""
        if not self._keep_sessions:
            raise RuntimeError("The broker was not told to keep sessions.")
        if self._child is None or not self._child.running:
            raise BrokerError("the broker does not run, so it cannot write its sessions down.")
        before = _version(self._database)
        self._child.signal(signal.SIGUSR1)
        deadline = time.monotonic() + _SAVE_S
        while _version(self._database) == before:
            if time.monotonic() >= deadline:
                raise BrokerError(
                    f"the broker does not write {self._database}; "
                    f"its last words: {self._child.last_words()}"
                )
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the broker in an orderly way; it can be started again on the same port."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the broker at once; it can be started again on the same port."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def _database(self) -> Path:
        return self.folder / "mosquitto.db"

    def _start_on(self, program: Path, port: int) -> None:
        if not _is_free(port):
            raise _PortBusyError(port)
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(_configuration(port, self.folder, self._keep_sessions))
        child = ChildProcess("broker", [program, "-c", configuration], self.log)
        self._child = child
        child.start()
        deadline = time.monotonic() + _START_S
        while not _accepts(port):
            if not child.running:
                if "Address already in use" in child.output():
                    raise _PortBusyError(port)
                raise BrokerError(child.obituary())
            if time.monotonic() >= deadline:
                child.kill()
                raise BrokerError(
                    f"the broker accepts no connection on port {port} within {_START_S:.0f} s; "
                    f"its last words: {child.last_words()}"
                )
            time.sleep(_POLL_S)


class _PortBusyError(BrokerError):
    """Another program listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is in use by another program; stop that one or choose another port."
        )


def find_mosquitto() -> Path:
    """Return the broker's program; BrokerError if it is not installed."""
    folders = [*os.get_exec_path(), *_SYSTEM_FOLDERS]
    found = shutil.which("mosquitto", path=os.pathsep.join(folders))
    if found is None:
        raise BrokerError(
            "the MQTT broker mosquitto is not installed; "
            "install the Debian package mosquitto, or run make deps."
        )
    return Path(found).absolute()


def _configuration(port: int, folder: Path, keep_sessions: bool) -> str:
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        # A slow or absent subscriber must not cost data: no limits, and nothing held back.
        "max_inflight_messages 0",
        "max_queued_messages 0",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else mosquitto becomes a user who cannot write to the folder
    if keep_sessions:
        lines += [
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 0",
        ]
    else:
        lines.append("persistence false")
    return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the broker does: what an earlier broker's connections left behind does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return True  # a low port: let the broker say so itself
        except OSError:
            return False
        return True


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 0.5).close()
    except OSError:
        return False
    return True


def _version(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is written anew, None if there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
