"""A network of our own: a Linux network namespace that anybody may make, or none for root.

Inside, programs have a loopback interface and whatever TUN device one of them makes, and nothing
of the machine's own network; in the file system nothing changes. So a broker there is reached
from outside by a unix socket.
"""

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Self

from host_tools.tun import Tun, TunError, bring_up

_ROOT_FOLDER = Path(__file__).absolute().parents[1]
_READY = "ready"
_END_S = 5.0
_PROBE = IPv4Interface("10.64.65.1/32")  # an address that nobody needs


class PrivateNetworkError(Exception):
    """There cannot be a network of our own here; the text says what is missing and what to do."""


class PrivateNetwork:
    """A network namespace, from `start()` to `stop()` or until this program ends, however.

    Where namespaces cannot be had, root works without one: `command()` then changes nothing, and
    everything happens in the machine's own network.
    """

    def __init__(self) -> None:
        """Prepare; nothing exists before `start()`."""
        self._holder: subprocess.Popen[str] | None = None
        self._prefix: list[str] | None = None

    def start(self) -> Self:
        """Make the namespace; PrivateNetworkError if that, or TUN in it, is impossible."""
        if self._prefix is not None:
            raise RuntimeError("The private network exists already.")
        complaints = []
        for options in (["--user", "--map-root-user", "--net"], ["--net"]):
            try:
                self._hold(options)
            except PrivateNetworkError as error:
                complaints.append(str(error))
            else:
                return self
        try:
            Tun(_PROBE).close()
        except TunError as error:
            raise PrivateNetworkError(
                f"no network namespace: {complaints[0]}; and without one: {error}"
            ) from None
        self._prefix = []
        return self

    def stop(self) -> None:
        """Let the namespace go; programs that are still in it keep it until they end."""
        holder, self._holder = self._holder, None
        self._prefix = None
        if holder is not None:
            _end(holder)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def separate(self) -> bool:
        """Whether there is a namespace; if not, programs are in the machine's own network."""
        return self._holder is not None

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """Return the command that runs a program in this network, by the same process id."""
        if self._prefix is None:
            raise RuntimeError("The private network does not exist yet.")
        return [*self._prefix, *(str(part) for part in arguments)]

    @staticmethod
    @cache
    def obstacle() -> str | None:
        """Return why there cannot be a private network on this machine; None if there can."""
        try:
            PrivateNetwork().start().stop()
        except PrivateNetworkError as error:
            return str(error)
        return None

    def _hold(self, options: list[str]) -> None:
        """Start the process that holds a namespace; PrivateNetworkError if it cannot."""
        command = ["unshare", *options, sys.executable, "-m", "host_tools.private_network"]
        try:
            holder = subprocess.Popen(
                command,
                cwd=_ROOT_FOLDER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                process_group=0,  # Ctrl-C is for us
            )
        except OSError as error:
            raise PrivateNetworkError(
                f"{command[0]} cannot be run ({error.strerror}); install util-linux"
            ) from None
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
        if said != _READY:
            said = said or holder.stdout.read().strip()
            _end(holder)
            raise PrivateNetworkError(said or "unshare has failed without a word")
        self._holder = holder
        kinds = [option for option in options if option in ("--user", "--net")]
        target = ["nsenter", f"--target={holder.pid}", *kinds, "--preserve-credentials", "--"]
        self._prefix = target


def _end(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.close()
    try:
        holder.wait(_END_S)
    except subprocess.TimeoutExpired:
        holder.kill()
        holder.wait()
    holder.stdout.close()


def _hold_until_told() -> int:
    """Live inside the namespace: set it up, say so, and end when our parent does."""
    try:
        bring_up(b"lo")
        Tun(_PROBE).close()
    except OSError as error:
        print(error.strerror or error, flush=True)
        return 1
    print(_READY, flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(_hold_until_told())
