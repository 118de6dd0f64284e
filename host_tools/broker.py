"""A real MQTT broker (mosquitto) of our own, on a port of this machine."""

import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Self

from host_tools.child_process import ChildProcess
from host_tools.private_network import PrivateNetwork

HOST = "127.0.0.1"

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
_START_S = 5.0
_SAVE_S = 3.0
_POLL_S = 0.02
_PORT_TRIES = 5
_SOCKET = "mosquitto.sock"
_MAX_SOCKET_PATH_BYTES = 107  # struct sockaddr_un, without the zero at the end


class BrokerError(Exception):
    """The broker cannot be started or has died; the text says why and what to do."""


class Broker:
    """Mosquitto on 127.0.0.1, for anybody on this machine, with its files in `folder`.

    In a private network it listens on all addresses there, and for programs outside on a unix
    socket in the folder: then `host` is that path.

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
        network: PrivateNetwork | None = None,
    ) -> None:
        """Prepare; without a port, `start()` takes a free one and keeps it from then on.

        What mosquitto says goes to `log`, by default a file in the folder. A private `network`
        must have been started before the broker is.
        """
        self.folder = folder.absolute()
        self.log = log.absolute() if log is not None else self.folder / "mosquitto.log"
        self.host = HOST if network is None else str(self._socket)
        self._network = network
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
        if self._network is not None and len(bytes(self._socket)) > _MAX_SOCKET_PATH_BYTES:
            raise BrokerError(
                f"{self._socket} is too long a path for a unix socket; "
                "choose a folder with a shorter one."
            )
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

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def _database(self) -> Path:
        return self.folder / "mosquitto.db"

    @property
    def _socket(self) -> Path:
        return self.folder / _SOCKET

    def _start_on(self, program: Path, port: int) -> None:
        if self._network is None and not _is_free(port):
            raise _PortBusyError(port)
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text(self._configuration(port))
        command: list[str | Path] = [program, "-c", configuration]
        if self._network is not None:
            command = [*self._network.command(command)]
            self._socket.unlink(missing_ok=True)  # a killed broker's leads nowhere
        child = ChildProcess("broker", command, self.log)
        self._child = child
        child.start()
        deadline = time.monotonic() + _START_S
        while not self._accepts(port):
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

    def _accepts(self, port: int) -> bool:
        try:
            if self._network is None:
                socket.create_connection((HOST, port), 0.5).close()
            else:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self._socket))
        except OSError:
            return False
        return True

    def _configuration(self, port: int) -> str:
        if self._network is None:
            listeners = [f"listener {port} {HOST}"]
        else:
            listeners = [f"listener {port}", f"listener 0 {self._socket}"]
        lines = [
            *listeners,
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
        if os.geteuid() == 0 or self._network is not None:
            # Else mosquitto becomes a user who cannot write to the folder. In a private network
            # it is root for itself, and there are no other users.
            lines.append("user root")
        if self._keep_sessions:
            lines += [
                "persistence true",
                f"persistence_location {self.folder}/",
                "autosave_interval 0",
            ]
        else:
            lines.append("persistence false")
        return "\n".join(lines) + "\n"


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
            "the MQTT broker mosquitto is not installed; install the Debian package mosquitto."
        )
    return Path(found).absolute()


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


def _version(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is written anew, None if there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
