"""What a benchmark prints and keeps: rows of figures, each beside the floor it cannot go below.

A row over its budget is there to be read and beaten; it does not make the command fail.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parents[2] / "build" / "bench"


@dataclass(frozen=True)
class Row:
    """One figure: `ours` in `unit`; the physical floor, a peer's figure and the budget if any.

    The budget is for the figure itself, or for its ratio to the floor if there is a floor.
    """

    what: str
    ours: float
    unit: str
    floor: float | None = None
    peer: str = ""
    budget: float | None = None

    @property
    def ratio(self) -> float | None:
        """The figure over its floor."""
        return self.ours / self.floor if self.floor else None

    @property
    def over(self) -> bool:
        """Whether the figure is over its budget."""
        measured = self.ours if self.ratio is None else self.ratio
        return self.budget is not None and measured > self.budget


def report(part: str, rows: list[Row]) -> None:
    """Print the rows of one part of the benchmarks and write them to build/bench/<part>.json."""
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    for column in ("ours", "floor", "ratio", "budget"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("peer")
    for row in rows:
        table.add_row(
            row.what,
            f"{_number(row.ours)} {row.unit}",
            _number(row.floor),
            "" if row.ratio is None else f"{row.ratio:.4f}",
            _number(row.budget, 4),
            "over" if row.over else "",
            row.peer,
        )
    Console(width=130).print(table)
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = [asdict(row) | {"ratio": row.ratio, "over": row.over} for row in rows]
    (FOLDER / f"{part}.json").write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    print(f"bench {part}: {len(rows)} rows, {sum(row.over for row in rows)} over budget")


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.{digits}g}"
