"""`make run`: the whole chain on this machine, and a live view of what happens in it."""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Self

import typer

from host_tools.receiver import Summary
from host_tools.site import offset_text
from host_tools.stack import Stack, StackError, StackOptions, best_transport
from host_tools.view import View

_REFRESH_S = 0.25

app = typer.Typer(add_completion=False)


@app.command()
def demonstrate(
    seconds: Annotated[
        int, typer.Option(help="Stop by itself after so many seconds; 0: at Ctrl-C.")
    ] = 0,
    meters: Annotated[int, typer.Option(help="Meters, spread over two buses; 1 to 64.")] = 64,
    baud: Annotated[int, typer.Option(help="Speed of the buses in bit/s.")] = 2400,
    period: Annotated[int, typer.Option(help="Slot length in s; a divisor of one day.")] = 30,
    dead: Annotated[int, typer.Option(help="So many of the meters never answer.")] = 0,
    board: Annotated[
        str, typer.Option(help="What the concentrator runs on: host, or virtual (QEMU).")
    ] = "host",
    transport: Annotated[
        str | None,
        typer.Option(help="How it uses its modem: at or ppp; if not given, ppp where it can be."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Folder for what the run writes; an earlier run's is removed.")
    ] = Path("build/run"),
) -> None:
    """Run simulated meters, concentrator, simulated modem, broker and receiver, and show them."""
    options = StackOptions(
        board=board,
        transport=transport or best_transport(board, _say_no_ppp),
        meters=meters,
        baud=baud,
        period=period,
        dead=dead,
        utc_offset=offset_text(time.localtime().tm_gmtoff),
    )
    try:
        if seconds < 0:
            raise ValueError(f"{seconds} s cannot be waited for; use SECONDS=0 or more.")
        stack = Stack(folder, options)
    except ValueError as error:
        _complain(str(error))
        raise typer.Exit(2) from None
    raise typer.Exit(Demonstration(stack, seconds).run())


def _say_no_ppp(obstacle: str) -> None:
    _complain(f"no PPP, so the modem's own TCP is used: {obstacle}")


def _complain(text: str) -> None:
    typer.echo(f"demonstration: {text}", err=True)


class _StopAtOnceError(Exception):
    """Somebody has lost patience."""


class _Interrupts:
    """Ctrl-C (and SIGTERM): the first asks for an orderly stop, the second does not wait."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in self._SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """From now on nothing interrupts: the end is near anyway."""
        for number in self._SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.asked or number == signal.SIGHUP:
            self.ignore()
            raise _StopAtOnceError
        self.asked = True


class Demonstration:
    """One run of the chain: start, watch, stop in an orderly way, sum up."""

    def __init__(self, stack: Stack, seconds: int) -> None:
        """Prepare a run of so many seconds, 0 for no end."""
        self._stack = stack
        self._seconds = seconds
        self._view = View(stack)

    def run(self) -> int:
        """Run; returns the exit code: 0 if nothing was lost, 1 if not, 130 if interrupted."""
        with _Interrupts() as interrupts:
            try:
                with self._stack:
                    try:
                        return self._run(interrupts)
                    finally:
                        interrupts.ignore()
            except StackError as error:
                _complain(str(error))
                return 1
            except _StopAtOnceError:
                _complain("stopped at once; what was under way is lost.")
                return 130

    def _run(self, interrupts: _Interrupts) -> int:
        failure = None
        with self._view:
            self._watch(interrupts)
            self._view.say("finishing the slot under way... (Ctrl-C: stop at once)")
            try:
                self._stack.stop_concentrator(pause=self._view.update)
            except StackError as error:
                failure = str(error)
            self._view.say("waiting for what is on its way...")
            self._stack.settle(pause=self._view.update)
            self._view.update()
        if failure is not None:
            _complain(failure)
        return self._sum_up(failure)

    def _watch(self, interrupts: _Interrupts) -> None:
        end = time.monotonic() + self._seconds
        while not interrupts.asked and not (self._seconds and time.monotonic() >= end):
            self._stack.check()
            self._view.update()
            time.sleep(_REFRESH_S)

    def _sum_up(self, failure: str | None) -> int:
        summary = self._stack.summary()
        meters = self._stack.options.meters
        slots = self._stack.store.complete_slots(self._stack.device, meters)
        missed = self._missed(slots)
        print(summary_line(meters, slots, summary), flush=True)
        if summary.expected == 0 and failure is None:
            _complain(
                f"no slot was read; one begins every {self._stack.options.period} s, "
                "so use a longer SECONDS."
            )
        if summary.conflicting:
            _complain(f"{summary.conflicting} records came twice with different content.")
        if missed:
            _complain(f"{missed} slots were missed or are not complete.")
        good = summary.expected > 0 and summary.lost == missed == summary.duplicated == 0
        return 0 if good and failure is None and not summary.conflicting else 1

    def _missed(self, complete: int) -> int:
        """How many slots from the first to the last were not read, or not from every meter."""
        slots = [slot.slot for slot in self._stack.store.slots(self._stack.device)]
        if not slots:
            return 0
        return (max(slots) - min(slots)) // self._stack.options.period + 1 - complete


def summary_line(meters: int, slots: int, summary: Summary) -> str:
    """Return the line by which a run is judged."""
    return (
        f"meters={meters} slots={slots} readings={summary.expected} "
        f"acknowledged={summary.received} lost={summary.lost} duplicated={summary.duplicated}"
    )


if __name__ == "__main__":
    app(prog_name="python -m host_tools.demonstration")
