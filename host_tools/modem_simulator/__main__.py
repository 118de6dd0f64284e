"""`python -m host_tools.modem_simulator`: a modem on a pseudo terminal, until it is stopped."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from .conditions import Conditions, SimState
from .simulator import ModemSimulator

STATUS_INTERVAL_S = 1.0

app = typer.Typer(add_completion=False)


@app.command()
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
    """Simulate an LTE modem whose AT sockets are real TCP connections of this machine."""
    conditions = Conditions(
        latency_ms=latency,
        rate_bit_s=rate,
        registration_delay_s=registration_delay,
        rssi=rssi,
        sim=sim,
    )
    stop = threading.Event()
    try:
        simulator = ModemSimulator(link, conditions, power_pin, _log if trace else None)
        if status is not None and not status.parent.is_dir():
            raise ValueError(f"{status.parent} is not a directory, so no status can go there.")
        with simulator:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            print(f"modem: {link} -> {simulator.device}", flush=True)
            _write_status_until(stop, simulator, status)
    except (ValueError, OSError) as error:
        typer.echo(f"modem simulator: {error}", err=True)
        raise typer.Exit(1) from None


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
