"""What `make run` shows of the chain: a picture on a terminal, lines otherwise."""

import itertools
import os
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from host_tools.contract import ITEMS
from host_tools.receiver import Event, Note, Reading
from host_tools.site import BUSES, slot_at
from host_tools.stack import Stack

_COLLECT_S = 1.0
_PLAIN_S = 10.0
_PAGE_S = 5.0
_EVENTS = 4
_CELL = 25  # columns of one meter's reading
_BETWEEN = 2
_FIXED_LINES = 16 + _EVENTS  # of the view, readings apart
_UNKNOWN_SIGNAL = 99
_BARS = "▂▄▆█"
_NONE = "-"


@dataclass
class _Situation:
    """What the store and the modem know at one moment."""

    beat: Note | None = None
    latest: dict[int, Reading] = field(default_factory=dict)
    slots: int = 0
    events: list[Event] = field(default_factory=list)
    batches: int = 0
    redelivered: int = 0
    rejected: int = 0
    lost: int = 0
    bytes_on_air: int | None = None


class View:
    """Shows the situation: a picture on a terminal, lines otherwise."""

    def __init__(self, stack: Stack) -> None:
        """Prepare; nothing is shown outside of a `with` block."""
        self._stack = stack
        self._console = Console()
        self._live: Live | None = None
        self._message = ""
        self._situation = _Situation()
        self._begin = time.monotonic()
        self._next_collect = 0.0
        self._next_line = 0.0
        self._slot = 0
        self._written_before = 0  # readings written before the slot under way began
        self._board = _about_board(stack)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._begin = time.monotonic()
        self._next_line = self._begin + _PLAIN_S
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, auto_refresh=False, vertical_overflow="crop"
            ).__enter__()
        else:
            print(
                f"running {self._stack.options.meters} meters at {self._stack.options.baud} baud, "
                f"a slot every {self._stack.options.period} s; logs in {self._stack.logs}",
                flush=True,
            )
            if self._board:
                print(f"board {self._board}", flush=True)
        return self

    def __exit__(self, *reason: object) -> None:
        """Leave what was shown last."""
        if self._live is not None:
            self._live.__exit__(*reason)  # type: ignore[arg-type]

    def say(self, message: str) -> None:
        """Show what is being done."""
        self._message = message
        self._next_collect = 0.0
        if self._live is None:
            print(message, flush=True)

    def update(self) -> None:
        """Show the present situation, if it is time for that."""
        now = time.monotonic()
        if now >= self._next_collect:
            self._next_collect = now + _COLLECT_S
            self._collect()
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)
        elif now >= self._next_line:
            self._next_line += _PLAIN_S
            print(self._line(), flush=True)

    def _collect(self) -> None:
        store, device = self._stack.store, self._stack.device
        options = self._stack.options
        batches, redelivered, _ = store.tally(device, "reading")
        self._situation = _Situation(
            beat=store.beat(device),
            latest=store.latest(device),
            slots=store.complete_slots(device, options.meters),
            events=store.events(device, _EVENTS),
            batches=batches + store.tally(device, "event")[0],
            redelivered=redelivered,
            rejected=len(store.rejected()),
            lost=sum(gap.last - gap.first + 1 for gap in store.gaps(device)),
            bytes_on_air=self._stack.bytes_on_air(),
        )
        self._slot = slot_at(time.time(), options.period, options.utc_offset)
        if (self._number("time") or 0) < self._slot:
            self._written_before = self._number("journal", "written", "reading") or 0

    def _progress(self) -> int:
        """How many meters of the slot under way are read, as far as we know."""
        read = (self._number("journal", "written", "reading") or 0) - self._written_before
        return min(max(read, 0), self._stack.options.meters)

    def _number(self, *path: str | int) -> int | None:
        beat = self._situation.beat
        return beat.number(*path) if beat is not None else None

    # Lines

    def _line(self) -> str:
        situation = self._situation
        newest = max((r.slot for r in situation.latest.values() if r.slot), default=None)
        failed = sum(reading.failed for reading in situation.latest.values())
        parts = [
            datetime.now().strftime("%H:%M:%S"),
            f"slot {_clock(self._slot)} {self._progress()}/{self._stack.options.meters} meters",
            f"slots complete: {situation.slots}",
            f"newest {_clock(newest)}: {failed} failed",
            f"{_show(self._number('journal', 'unsent'))} unsent",
            self._uplink_state(),
        ]
        if situation.lost:
            parts.append(f"{situation.lost} LOST")
        return ", ".join(parts)

    def _uplink_state(self) -> str:
        beat = self._situation.beat
        if beat is None:
            return "concentrator not online yet"
        if not self._stack.receiver.connected:
            return "broker away"
        return f"uplink {beat.get('uplink', 'state') or 'unknown'}"

    # Picture

    def _picture(self) -> RenderableType:
        return Group(
            self._header(),
            self._slot_line(),
            Text(),
            self._buses(),
            Text(),
            self._facts(),
            Text(),
            *self._readings(),
            Text(),
            *self._events(),
        )

    def _header(self) -> RenderableType:
        options = self._stack.options
        seconds = int(time.monotonic() - self._begin)
        grid = Table.grid(expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        dead = f", {options.dead} dead" if options.dead else ""
        about = Text.assemble(
            ("Concentrator ", "bold"),
            self._stack.device,
            (f"  {options.meters} meters{dead}, {options.baud} baud", "dim"),
        )
        if self._message:
            grid.add_row(about[: len("Concentrator ") + 12], Text(self._message, "bold yellow"))
        else:
            clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            grid.add_row(about, clock)
        return grid

    def _slot_line(self) -> RenderableType:
        options = self._stack.options
        now = time.time()
        slot = slot_at(now, options.period, options.utc_offset)
        done = self._progress() if slot == self._slot else 0
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_row(
            Text.assemble("Slot ", (_clock(slot), "bold")),
            ProgressBar(total=options.meters, completed=done),
            Text.assemble(
                f"{done:2d}/{options.meters} meters read, next slot in ",
                (f"{slot + options.period - now:3.0f} s", "bold"),
            ),
        )
        return grid

    def _buses(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("bus", "meters", "dead", "cycle", "reads good", "failed", "retried"):
            table.add_column(name, justify="right", no_wrap=True)
        buses = [meter.bus for meter in self._stack.site.spread_meters()]
        dead = [meter.bus for meter in self._stack.options.dead_meters()]
        for bus in range(1, BUSES + 1):
            cycle_ms = self._number("buses", bus - 1, "cycle")
            failed = self._number("buses", bus - 1, "failed")
            table.add_row(
                str(bus),
                str(buses.count(bus)),
                str(dead.count(bus)),
                f"{cycle_ms / 1000:.2f} s" if cycle_ms else _NONE,
                _show(self._number("buses", bus - 1, "good")),
                Text(_show(failed), "red" if failed else ""),
                _show(self._number("buses", bus - 1, "retried")),
            )
        return table

    def _facts(self) -> RenderableType:
        situation = self._situation
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True, min_width=len("receiver"))
        grid.add_column(no_wrap=True, overflow="ellipsis")
        used = f"{_show(self._number('journal', 'blocks', 0))} of "
        used += f"{_show(self._number('journal', 'blocks', 1))} blocks used"
        grid.add_row(
            "journal",
            f"{_show(self._number('journal', 'records'))} records, "
            f"{_show(self._number('journal', 'unsent'))} unsent, {used}",
        )
        grid.add_row("uplink", self._uplink())
        receiver = Text(f"{situation.slots} complete slots, {situation.batches} batches")
        for name, count in (
            ("redelivered", situation.redelivered),
            ("lost", situation.lost),
            ("rejected", situation.rejected),
        ):
            receiver.append(f", {count} {name}", "red" if count and name != "redelivered" else "")
        grid.add_row("receiver", receiver)
        if self._board:
            grid.add_row("board", self._board)
        return grid

    def _uplink(self) -> Text:
        beat = self._situation.beat
        if beat is None:
            return Text("waiting for the concentrator to come online...", "yellow")
        if not self._stack.receiver.connected:
            return Text("the broker is away", "red")
        state = str(beat.get("uplink", "state") or "unknown")
        return Text.assemble(
            (state, "green" if state == "online" else "yellow"),
            "  ",
            _signal(beat.number("signal")),
            f"  {_show(beat.number('uplink', 'batches'))} batches, ",
            f"{_size(self._situation.bytes_on_air)} on air, ",
            f"connection {_show(beat.number('uplink', 'connects'))}",
        )

    def _readings(self) -> list[RenderableType]:
        latest = self._situation.latest
        if not latest:
            return [Text("no readings yet: the first come when a slot is finished", "dim")]
        columns = max(1, (self._console.width + _BETWEEN) // (_CELL + _BETWEEN))
        lines = max(3, self._console.height - _FIXED_LINES - bool(self._board))
        numbers = sorted(latest)
        lines = min(lines, -(-len(numbers) // columns))
        pages = [numbers[i : i + lines * columns] for i in range(0, len(numbers), lines * columns)]
        page = pages[int(time.monotonic() / _PAGE_S) % len(pages)]
        newest = max((reading.slot or 0 for reading in latest.values()), default=0)
        title = f"Readings of {_clock(newest)}"
        if len(pages) > 1:
            title += f", meters {page[0]} to {page[-1]} of {len(numbers)}"
        grid = Table.grid(padding=(0, _BETWEEN, 0, 0), pad_edge=False)
        for _ in range(columns):
            grid.add_column(width=_CELL, no_wrap=True, overflow="ellipsis")
        shown = -(-len(page) // lines)
        heading = Text(f"{'':2} {'kWh':>9} {'V':>5} {'A':>6}", "dim")
        grid.add_row(*[heading] * shown)
        by_column = [page[i : i + lines] for i in range(0, len(page), lines)]
        for row in itertools.zip_longest(*by_column):
            grid.add_row(*[_cell(latest[n], newest) if n else Text() for n in row])
        return [Text(title, "bold"), grid]

    def _events(self) -> list[RenderableType]:
        lines: list[RenderableType] = [Text("Events", "bold")]
        for event in self._situation.events:
            detail = " ".join(f"{name}={value}" for name, value in event.detail.items())
            line = Text(no_wrap=True, overflow="ellipsis")
            line.append(f"{_clock(event.time)} ", "dim")
            line.append(event.name)
            line.append(f" {detail}", "dim")
            lines.append(line)
        return lines


def _about_board(stack: Stack) -> str:
    """Return what a person needs to attach to the board, empty if nobody can."""
    if stack.console is None:
        return ""
    way = "PPP" if stack.options.transport == "ppp" else "AT"
    return f"{stack.options.board}, modem by {way}, console {os.path.relpath(stack.console)}"


def _cell(reading: Reading, newest: int) -> Text:
    """One meter's newest reading, grey if the others have a newer one."""
    number = f"{reading.meter:2d}"
    if reading.failed:
        return Text(f"{number} {reading.quality_name:>{_CELL - 3}}", "red")
    values = [_value(reading, item) for item in ITEMS]
    text = f"{number} {values[0]:>9} {values[1]:>5} {values[2]:>6}"
    style = "dim" if reading.slot != newest else "yellow" if reading.quality else ""
    return Text(text, style)


def _value(reading: Reading, item: str) -> str:
    value = reading.value(item)
    if value is None:
        return _NONE
    return f"{value:.{max(0, -reading.scale[reading.items.index(item)])}f}"


def _signal(csq: int | None) -> Text:
    """Return AT+CSQ's 0 to 31 as bars and dBm."""
    if csq is None or not 0 <= csq < _UNKNOWN_SIGNAL:
        return Text("no signal", "yellow")
    dbm = -113 + 2 * csq
    bars = sum(dbm >= limit for limit in (-105, -95, -85, -75))
    text = Text(_BARS[:bars], "green" if bars > 1 else "red")
    text.append(_BARS[bars:], "dim")
    return text.append(f" {dbm} dBm", "default")


def _size(count: int | None) -> str:
    if count is None:
        return _NONE
    return f"{count} B" if count < 10_000 else f"{count / 1000:.1f} kB"


def _clock(moment: int | None) -> str:
    """Return local time of day for UTC seconds."""
    return datetime.fromtimestamp(moment).strftime("%H:%M:%S") if moment else "--:--:--"


def _show(number: int | None) -> str:
    return _NONE if number is None else str(number)
