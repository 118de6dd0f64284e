"""`python -m host_tools.modem_simulator`: a modem on a pseudo terminal, until it is stopped."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from .conditions import Conditions, SimState
from .script import HELP, Script, ScriptError
from .simulator import ModemSimulator

STATUS_INTERVAL_S = 1.0

app = typer.Typer(add_completion=False)


@app.command(epilog=HELP)
def main(
    link: Annotated[Path, typer.Option(help="Where to put the link to the terminal.")],
    latency: Annotated[float, typer.Option(help="Round trip of the radio link in ms.")] = 0,
    rate: Annotated[
        int | None, typer.Option(help="Rate of the radio link in bit/s; unlimited if not given.")
    ] = None,
    registration_delay: Annotated[
        float, typer.Option(help="Time until the network is found in s.")
    ] = 0,
    rssi: Annotated[int, typer.Option(help="Signal as AT+CSQ gives it, 0 to 31.")] = 24,
    sim: Annotated[SimState, typer.Option(help="SIM card; the PIN is 1234.")] = SimState.READY,
    baud: Annotated[
        int | None,
        typer.Option(help="Speed of the serial line in bit/s; unlimited if not given."),
    ] = None,
    user: Annotated[
        str, typer.Option(help="User the network asks for in a data call; not asked if not given.")
    ] = "",
    password: Annotated[str, typer.Option(help="The user's password.")] = "",
    lapse: Annotated[
        int,
        typer.Option(help="The network's clock runs so many times as fast as time itself.", min=1),
    ] = 1,
    since: Annotated[
        float | None,
        typer.Option(
            help="When that clock was right, in s since 1970 UTC; at the start if not given."
        ),
    ] = None,
    host_name: Annotated[
        list[str] | None,
        typer.Option(help="Name that the network knows, as broker.test=10.64.64.1; repeatable."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(help="File of commands, see below, that decide what happens; -: stdin."),
    ] = None,
    status: Annotated[
        Path | None, typer.Option(help="File to rewrite with counters (JSON) every 1 s.")
    ] = None,
    power_pin: Annotated[
        Path | None,
        typer.Option(help='File that switches the power: off while its text is "0".'),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Log every AT line both ways to stderr.")
    ] = False,
) -> None:
    """Simulate an LTE modem whose AT sockets are real TCP connections of this machine.

    Data calls (ATD*99#) need /dev/net/tun and a network namespace, or root.
    """
    stop = threading.Event()
    since_s = time.time() if since is None else since
    try:
        conditions = Conditions(
            latency_ms=latency,
            rate_bit_s=rate,
            registration_delay_s=registration_delay,
            rssi=rssi,
            sim=sim,
            uart_bit_s=baud,
            user=user,
            password=password,
            now=lambda: since_s + (time.time() - since_s) * lapse,
            host_names=_host_names(host_name or []),
        )
        commands = _script(script) if script is not None else None
        simulator = ModemSimulator(link, conditions, power_pin, _log if trace else None)
        if status is not None and not status.parent.is_dir():
            raise ValueError(f"{status.parent} is not a directory, so no status can go there.")
        with simulator:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            print(f"modem: {link} -> {simulator.device}", flush=True)
            director = Director(commands, simulator, stop) if commands is not None else None
            _write_status_until(stop, simulator, status)
            if director is not None and director.failure is not None:
                raise director.failure
    except (ValueError, OSError) as error:
        typer.echo(f"modem simulator: {error}", err=True)
        raise typer.Exit(1) from None


class Director:
    """Runs a script beside everything else; stops the simulator if that fails."""

    def __init__(self, script: Script, simulator: ModemSimulator, stop: threading.Event) -> None:
        """Begin."""
        self.failure: ScriptError | None = None
        thread = threading.Thread(
            target=self._run, args=(script, simulator, stop), name="script", daemon=True
        )
        thread.start()

    def _run(self, script: Script, simulator: ModemSimulator, stop: threading.Event) -> None:
        try:
            script.run(simulator, stop, lambda line: print(f"script: {line}", flush=True))
        except ScriptError as error:
            self.failure = error
            stop.set()


def _script(path: Path) -> Script:
    """Return a script: a file's, checked as a whole, or stdin's, whose lines come one by one."""
    if str(path) == "-":
        return Script("stdin", _typed_lines())
    try:
        script = Script(str(path), path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeError) as error:
        raise ValueError(f"script {path} cannot be read: {error}.") from None
    script.check()
    return script


def _typed_lines() -> Iterator[str]:
    """Return the lines of stdin as they come.

    Not by sys.stdin: a thread that waits there when the program ends is a fatal error.
    """
    rest = b""
    while data := os.read(0, 4096):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    yield rest.decode(errors="replace")


def _host_names(pairs: list[str]) -> dict[str, str]:
    names = {}
    for pair in pairs:
        name, equals, address = pair.partition("=")
        if not equals:
            raise ValueError(f"--host-name {pair!r} is not like broker.test=10.64.64.1.")
        names[name.lower()] = address
    return names


def _write_status_until(
    stop: threading.Event, simulator: ModemSimulator, path: Path | None
) -> None:
    while True:
        if path is not None:
            write_status(path, simulator.status())
        if stop.wait(STATUS_INTERVAL_S):
            break
    if path is not None:
        write_status(path, simulator.status())


def write_status(path: Path, status: dict[str, object]) -> None:
    """Replace the file at once, so that a reader never sees half of it."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(json.dumps(status) + "\n")
    os.replace(new, path)


def _log(direction: str, line: str) -> None:
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    text = line.encode("ascii", "backslashreplace").decode()
    print(f"{clock}.{int(now * 1000) % 1000:03d} {direction} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    app(prog_name="python -m host_tools.modem_simulator")
