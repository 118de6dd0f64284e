"""Command line: python -m host_tools.receiver --help."""

import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from host_tools.receiver.payload import (
    Beat,
    Birth,
    EventBatch,
    Gap,
    Message,
    ReadingBatch,
)
from host_tools.receiver.receiver import Receiver, ReceiverError
from host_tools.receiver.store import Outcome, Store, StoreError

app = typer.Typer(add_completion=False)


@app.command()
def receive(
    host: Annotated[str, typer.Option(help="Name or address of the MQTT broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port of the broker.", min=1, max=65535)] = 1883,
    root: Annotated[str, typer.Option(help="Topic root of the concentrators.")] = "mr/v1",
    store: Annotated[
        Path, typer.Option(help="SQLite file that keeps everything; created if need be.")
    ] = Path("receiver.sqlite"),
    seconds: Annotated[
        float, typer.Option(help="Stop by itself after so many seconds; 0: at Ctrl-C.", min=0)
    ] = 0,
) -> None:
    """Receive what concentrators publish, until Ctrl-C or SIGTERM, and say what is missing."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Store(store.absolute()) as kept:
            receiver = Receiver(kept, host, port, root, observer=_print_message)
            with receiver:
                typer.echo(f"receiving {root}/+/up/# from {host} port {port}, Ctrl-C stops")
                _wait(stop, receiver, seconds)
            if receiver.failure is not None:
                raise StoreError(receiver.failure)
            _print_summary(kept)
    except (ReceiverError, StoreError, ValueError) as error:
        typer.echo(f"receiver: {error}", err=True)
        raise typer.Exit(1) from None


def _wait(stop: threading.Event, receiver: Receiver, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not stop.wait(0.2) and receiver.failure is None:
        if seconds and time.monotonic() >= deadline:
            break


def _print_message(message: Message | None, outcome: Outcome, topic: str) -> None:
    now = datetime.now().strftime("%H:%M:%S")
    if message is None:
        typer.echo(f"{now} {topic}: rejected, see the table `rejected` of the store")
        return
    text = _describe(message)
    if outcome.repeated:
        text += f", {outcome.repeated} here already"
    if outcome.conflicting:
        text += f", {outcome.conflicting} DIFFER from what came before"
    typer.echo(f"{now} {message.device} {text}")


def _describe(message: Message) -> str:
    if isinstance(message, ReadingBatch):
        span = _span(message.first, len(message.rows))
        if message.slot is None:
            when = f"{message.up} s after start"
        else:
            when = datetime.fromtimestamp(message.slot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{message.kind} {message.task} {when}, {len(message.rows)} rows, {span}"
    if isinstance(message, EventBatch):
        names = " ".join(event.name for event in message.events)
        return f"event {names}, {_span(message.first, len(message.events))}"
    if isinstance(message, Gap):
        return f"gap in {message.stream} {message.first}..{message.last}: {message.why}"
    if isinstance(message, Birth):
        return (
            f"birth, firmware {message.firmware}, epoch {message.epoch}, "
            f"{len(message.meters)} meters"
        )
    if isinstance(message, Beat):
        return f"beat, {message.number('journal', 'unsent')} records unsent"
    return "answer"


def _span(first: int, count: int) -> str:
    return f"seq {first}" if count == 1 else f"seq {first}..{first + count - 1}"


def _print_summary(store: Store) -> None:
    for device in store.devices():
        for stream in ("reading", "freeze", "event"):
            summary = store.summary(device, stream)
            if not summary.expected:
                continue
            typer.echo(
                f"{device} {stream}: received={summary.received} missing={summary.missing} "
                f"reported_lost={summary.reported} duplicated={summary.duplicated} "
                f"redelivered={summary.redelivered} conflicting={summary.conflicting}"
            )
    typer.echo(f"rejected={store.rejected_count()}")


if __name__ == "__main__":
    app(prog_name="python -m host_tools.receiver")
