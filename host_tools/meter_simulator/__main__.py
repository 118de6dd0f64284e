"""Command line: python -m host_tools.meter_simulator --help."""

import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from host_tools.meter_simulator.bus import BAUD_MAX, BAUD_MIN, BusError, SimulatedBus, TruthLog
from host_tools.meter_simulator.meter import ADDRESS_DIGITS, Meter, check_address

_METERS_MAX = 1024
_BABBLE_PERIOD_S = 5.0

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
        list[str] | None, typer.Option(help="Address (12 digits) of a dead meter; repeatable.")
    ] = None,
    babbling: Annotated[
        list[str] | None,
        typer.Option(help="Address (12 digits) of a meter that sends noise; repeatable."),
    ] = None,
    error_rate: Annotated[
        float, typer.Option(help="Probability, 0 to 1, that a byte of an answer is damaged.")
    ] = 0.0,
    wake_up: Annotated[
        int, typer.Option(help="Number of FE bytes before an answer.", min=0, max=16)
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
    """Serve simulated DL/T 645-2007 meters on pseudo terminals until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    try:
        household = _create_meters(
            count=meters,
            first_address=first_address,
            error_rate=error_rate,
            seed=seed,
            utc_offset_s=_utc_offset_s(utc_offset),
        )
        for address in silent or []:
            _find(address, household, "--silent").faults.silent = True
        for address in babbling or []:
            _find(address, household, "--babbling").faults.babble_period_s = _BABBLE_PERIOD_S
        delay_ms = _parse_range(answer_delay)
        with ExitStack() as stack:
            truth_log = _open_truth(truth, stack)
            per_bus = -(-len(household) // len(link))
            buses = [
                SimulatedBus(
                    path,
                    household[index * per_bus : (index + 1) * per_bus],
                    baud=baud,
                    answer_delay_ms=delay_ms,
                    number=index + 1,
                    wake_up=wake_up,
                    seed=seed,
                    truth=truth_log,
                )
                for index, path in enumerate(link)
            ]
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signal_number, lambda *_: stop.set())
            for bus in buses:
                stack.enter_context(bus)
            for bus in buses:
                typer.echo(_describe(bus))
            _wait(stop, buses)
    except (BusError, ValueError) as error:
        typer.echo(f"meter simulator: {error}", err=True)
        raise typer.Exit(2) from None
    for bus in buses:
        typer.echo(f"bus {bus.number}: {bus.counters}")


def _create_meters(
    *,
    count: int,
    first_address: str,
    error_rate: float,
    seed: int,
    utc_offset_s: int,
) -> list[Meter]:
    if not 1 <= count <= _METERS_MAX:
        raise ValueError(f"--meters {count} is not in the range 1 to {_METERS_MAX}.")
    if not 0 <= error_rate <= 1:
        raise ValueError(f"--error-rate {error_rate} is not in the range 0 to 1.")
    if not (first_address.isascii() and first_address.isdigit()):
        raise ValueError(f"--first-address {first_address!r} is not a number of up to 12 digits.")
    first = int(first_address)
    created = []
    for number in range(first, first + count):
        meter = Meter(f"{number:0{ADDRESS_DIGITS}d}", seed=seed, utc_offset_s=utc_offset_s)
        meter.faults.error_rate = error_rate
        created.append(meter)
    return created


def _find(address: str, household: list[Meter], option: str) -> Meter:
    check_address(address)
    for meter in household:
        if meter.address == address:
            return meter
    raise ValueError(f"{option} {address} is not one of the simulated meters.")


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
