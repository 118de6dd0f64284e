"""Command line: python -m host_tools.meter_simulator --help."""

import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from host_tools.meter_simulator import household
from host_tools.meter_simulator.bus import BAUD_MAX, BAUD_MIN, BusError, SimulatedBus
from host_tools.meter_simulator.faults import WAKE_UP_MAX
from host_tools.meter_simulator.models import MODELS
from host_tools.meter_simulator.script import Script
from host_tools.meter_simulator.truth import TruthLog

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    link: Annotated[
        list[Path], typer.Option(help="Path by which the master opens a bus; once per bus.")
    ],
    meters: Annotated[
        int, typer.Option(help="Number of meters on all buses together, spread evenly.")
    ] = 8,
    first_address: Annotated[
        str, typer.Option(help="Address of the first meter, up to 12 digits; then upward.")
    ] = "1",
    baud: Annotated[
        int, typer.Option(help=f"Speed in bit/s, {BAUD_MIN} to {BAUD_MAX}; 11 bits a character.")
    ] = 2400,
    answer_delay: Annotated[
        str, typer.Option(help="Milliseconds from request to answer: 40, or a range 20-120.")
    ] = "40",
    silent: Annotated[
        list[str] | None,
        typer.Option(help="Meters that are dead; repeatable, as are those below."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"<meters>=<model>. Models: {', '.join(MODELS)}."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="<meters>:<fault>,<fault>... as in docs/meter-simulator.md."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="<meters>:<identifier>=<value> that they are to say."),
    ] = None,
    meter_baud: Annotated[
        list[str] | None, typer.Option(help="<meters>=<bit/s>: a speed of their own.")
    ] = None,
    clock: Annotated[
        list[str] | None, typer.Option(help="<meters>=<seconds> by which their clocks are fast.")
    ] = None,
    programming_key: Annotated[
        list[str] | None, typer.Option(help="Meters whose programming key is pressed.")
    ] = None,
    password: Annotated[
        list[str] | None,
        typer.Option(help="<meters>:<level>=<6 digits as on the wire>. All are 000000."),
    ] = None,
    heed_terminal: Annotated[
        bool,
        typer.Option(help="Meters hear only what is sent at their speed, as the port was set."),
    ] = False,
    script: Annotated[
        Path | None,
        typer.Option(help="File of commands that change meters as time goes by; - is stdin."),
    ] = None,
    wake_up: Annotated[
        int, typer.Option(help="Number of FE bytes before an answer.", min=0, max=WAKE_UP_MAX)
    ] = 4,
    truth: Annotated[
        Path | None, typer.Option(help="File to which one JSON line per answer is added.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Number from which all registers, delays and errors follow.")
    ] = 645,
    utc_offset: Annotated[
        float | None,
        typer.Option(help="Hours by which the meters' time is ahead of UTC. Default: as here."),
    ] = None,
) -> None:
    """Serve simulated DL/T 645 meters on pseudo terminals until Ctrl-C or SIGTERM.

    <meters> is a number (they count from 1 in the order of addresses), a range like 3-7, an
    address of 12 digits, or *.
    """
    stop = threading.Event()
    try:
        plan = household.Plan(meters, first_address, seed, _utc_offset_s(utc_offset))
        everybody = household.build(plan, model or [])
        household.silence(everybody, silent or [])
        household.set_values(everybody, values or [])
        household.set_speeds(everybody, meter_baud or [])
        household.set_clocks(everybody, clock or [])
        household.press_keys(everybody, programming_key or [])
        household.set_passwords(everybody, password or [])
        household.set_faults(everybody, fault or [])
        events = Script(script, everybody, stop) if script is not None else None
        delay_ms = _parse_range(answer_delay)
        with ExitStack() as stack:
            truth_log = _open_truth(truth, stack)
            per_bus = -(-len(everybody) // len(link))
            buses = [
                SimulatedBus(
                    path,
                    everybody[index * per_bus : (index + 1) * per_bus],
                    baud=baud,
                    answer_delay_ms=delay_ms,
                    number=index + 1,
                    wake_up=wake_up,
                    seed=seed,
                    truth=truth_log,
                    heed_terminal=heed_terminal,
                )
                for index, path in enumerate(link)
            ]
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signal_number, lambda *_: stop.set())
            for bus in buses:
                stack.enter_context(bus)
            for bus in buses:
                typer.echo(_describe(bus))
            typer.echo(f"seed {seed}")
            if events is not None:
                events.start()
            _wait(stop, buses)
        if events is not None and events.failure:
            raise ValueError(events.failure)
    except (BusError, ValueError) as error:
        typer.echo(f"meter simulator: {error}", err=True)
        raise typer.Exit(2) from None
    for bus in buses:
        typer.echo(f"bus {bus.number}: {bus.counters}")


def _parse_range(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        return float(low), float(high if dash else low)
    except ValueError:
        raise ValueError(f"--answer-delay {text!r} is neither like 40 nor like 20-120.") from None


def _utc_offset_s(hours: float | None) -> int:
    if hours is None:
        return time.localtime().tm_gmtoff
    if not -24 < hours < 24:
        raise ValueError(f"--utc-offset {hours} is not in the range -23.99 to 23.99.")
    return round(hours * 3600)


def _open_truth(path: Path | None, stack: ExitStack) -> TruthLog | None:
    if path is None:
        return None
    try:
        log = TruthLog(path)
    except OSError as error:
        raise ValueError(f"--truth {path} cannot be written: {error.strerror}.") from None
    stack.callback(log.close)
    return log


def _describe(bus: SimulatedBus) -> str:
    addresses = list(bus.meters)
    meters = f"{len(addresses)} meters" if len(addresses) != 1 else "1 meter"
    if addresses:
        meters += f" {addresses[0]}..{addresses[-1]}"
    return f"bus {bus.number}: {bus.link} -> {bus.device}, {meters}, {bus.baud} baud"


def _wait(stop: threading.Event, buses: list[SimulatedBus]) -> None:
    """Return when asked to stop; BusError if a bus has failed."""
    while not stop.wait(0.2):
        for bus in buses:
            if not bus.running:
                reason = bus.error or "internal error"
                raise BusError(f"bus {bus.number} has stopped: {reason}.") from bus.error


if __name__ == "__main__":
    app(prog_name="python -m host_tools.meter_simulator")
