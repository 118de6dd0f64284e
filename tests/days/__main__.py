"""`python -m tests.days`: play the reference scenario, show how far it is, and judge it."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from host_tools.site import DAY_S
from tests.days.judge import Judge
from tests.days.play import play
from tests.days.scenario import reference


def main(
    folder: Annotated[Path, typer.Argument(help="Made anew: log, flash and readings stay there.")],
    days: Annotated[int, typer.Option(help="Days to play.", min=2)] = 30,
    meters: Annotated[int, typer.Option(help="Meters on two lines.", min=3, max=64)] = 64,
    seed: Annotated[int, typer.Option(help="Of faults and everything else by chance.")] = 645,
) -> None:
    """Play so many days of the firmware's life; exit code 1 when something came out wrong."""
    scenario = reference(days, meters, seed)
    begun = time.monotonic()
    shown = -1

    def progress(moment: int) -> None:
        nonlocal shown
        day = (moment - scenario.begin) // DAY_S
        if day != shown:
            shown = day
            typer.echo(f"day {day} of {days}, {time.monotonic() - begun:.0f} s")

    shutil.rmtree(folder, ignore_errors=True)
    judge = Judge(play(scenario, folder, progress))
    complaints = judge.complaints()
    for complaint in complaints:
        typer.echo(f"wrong: {complaint}")
    typer.echo(f"{judge.summary()} seconds={time.monotonic() - begun:.0f} wrong={len(complaints)}")
    raise typer.Exit(1 if complaints else 0)


if __name__ == "__main__":
    typer.run(main)
