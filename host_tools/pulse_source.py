"""What meters' pulse outputs do, without meters (`python -m host_tools.pulse_source`).

The board's pulse inputs are behind one pseudo terminal; boards/host/board/pulse_line.py says how a
byte tells of a contact that closes or opens, and of the time until the next change. The contacts'
time is their own: ten minutes of pulses can be sent at once.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Self

import typer

from host_tools.pseudo_terminal import LinkInUseError, PseudoTerminal

INPUTS = 4

_CLOSED = 0x80
_UNIT_MS = 5
_MOST_UNITS = 31
_PATIENCE_S = 10.0
_POLL_S = 0.01


class PulseSource:
    """All contacts of a board, driven through the terminal that the path `link` leads to."""

    def __init__(self, link: Path) -> None:
        """Make the terminal; LinkInUseError or OSError if that fails."""
        self._terminal = PseudoTerminal(link)

    def hold(self, number: int, closed: bool, ms: int) -> None:
        """Close or open the contact of input `number`, and leave it so for `ms`, in steps of 5."""
        if not 1 <= number <= INPUTS:
            raise ValueError(f"pulse input {number} is not in the range 1 to {INPUTS}.")
        self._send(_hold(number, closed, ms))

    def pulse(self, number: int, count: int = 1, closed_ms: int = 50, open_ms: int = 50) -> None:
        """Give pulses; they have been counted when the contact's next change has come."""
        for _ in range(count):
            self.hold(number, True, closed_ms)
            self.hold(number, False, open_ms)

    def close(self) -> None:
        """Take the terminal away."""
        self._terminal.close()

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _send(self, data: bytes) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while data:
            with suppress(BlockingIOError):
                data = data[os.write(self._terminal.fd, data) :]
                continue
            if time.monotonic() > deadline:
                raise TimeoutError("Nobody reads the pulses; is a pulse input configured?")
            time.sleep(_POLL_S)


def _hold(number: int, closed: bool, ms: int) -> bytes:
    state = (_CLOSED if closed else 0) | (number - 1) << 5
    units = ms // _UNIT_MS
    # A contact that closes when it is closed changes nothing, but takes its time.
    whole, rest = divmod(units, _MOST_UNITS)
    return bytes([state | _MOST_UNITS] * whole + ([state | rest] if rest or not whole else []))


def _main(
    link: Annotated[Path, typer.Option(help="Where the board finds its pulse inputs.")],
    number: Annotated[int, typer.Option("--input", help="Pulse input, 1 to 4.")] = 1,
    per_minute: Annotated[int, typer.Option(help="Pulses a minute.", min=1, max=600)] = 60,
) -> None:
    """Give pulses on one input until Ctrl-C."""
    try:
        source = PulseSource(link)
    except (LinkInUseError, OSError) as error:
        typer.echo(f"pulse source: {error}", err=True)
        raise typer.Exit(2) from None
    with source, suppress(KeyboardInterrupt):
        while True:
            source.pulse(number)
            time.sleep(60 / per_minute)


if __name__ == "__main__":
    typer.run(_main)
