"""Command line: python -m host_tools.receiver --help."""

import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from host_tools.receiver.payload import Batch, Event, Gap, Message, Reading
from host_tools.receiver.receiver import Receiver, ReceiverError
from host_tools.receiver.store import Outcome, Store, StoreError

app = typer.Typer(add_completion=False)


@app.command()
def receive(
    host: Annotated[
        str, typer.Option(help="Name or address of the MQTT broker, or path of its unix socket.")
    ] = "127.0.0.1",
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
    text = _describe(message, topic.rpartition("/")[2])
    if outcome.repeated:
        text += f", {outcome.repeated} here already"
    if outcome.conflicting:
        text += f", {outcome.conflicting} DIFFER from what came before"
    typer.echo(f"{now} {message.device} {text}")


def _describe(message: Message, kind: str) -> str:
    if isinstance(message, Gap):
        return f"gap in {message.stream} {message.first}..{message.last}: {message.why}"
    if not isinstance(message, Batch):
        return kind
    last = message.first + len(message.records) - 1
    span = f"seq {message.first}" if last == message.first else f"seq {message.first}..{last}"
    first = message.records[0]
    if isinstance(first, Reading):
        when = f"{first.up} s after start"
        if first.slot is not None:
            when = datetime.fromtimestamp(first.slot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{kind} {first.task} {when}, {len(message.records)} rows, {span}"
    names = " ".join(record.name for record in message.records if isinstance(record, Event))
    return f"event {names}, {span}"


def _print_summary(store: Store) -> None:
    for device, stream in store.streams():
        summary = store.summary(device, stream)
        typer.echo(
            f"{device} {stream}: received={summary.received} missing={summary.missing} "
            f"reported_lost={summary.reported} duplicated={summary.duplicated} "
            f"redelivered={summary.redelivered} conflicting={summary.conflicting}"
        )
    typer.echo(f"rejected={len(store.rejected())}")


if __name__ == "__main__":
    app(prog_name="python -m host_tools.receiver")
