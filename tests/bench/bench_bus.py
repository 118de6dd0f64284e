"""The bus: a cycle beside what the wire takes and another's; dead meters; reads out of turn.

Simulator and firmware run in real time, so a busy machine makes figures worse: of several cycles
the best counts, for it is the firmware that is measured. Heap is the part `image`.
"""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.bench import bus_peer
from tests.bench.bus_line import METERS, BusLineError, Cycle
from tests.bench.bus_site import GOOD, Rounds, cycles, on_demand_s, site
from tests.bench.table import Row

# bit/s: (seconds of a slot, how many are read)
SLOTS = {2400: (30, 2), 9600: (10, 3), 115200: (5, 4)}
SLOW, FAST = 2400, 115200
BUDGETS = {
    "host": {2400: 1.005, 9600: 1.01, 115200: 1.03},
    "virtual": {2400: 1.01, 9600: 1.03, 115200: 1.15},
}
PEER_BUDGET = 1 / 3.5
PEER_TIMEOUT_S = 200.0
DEAD_BUDGET = 1.05
BUDGETED_DEAD = (8,)
PROBED_IN = 8  # slots: in one of so many a silent meter is asked
MOST_SLOTS = 40  # until that is so
SHORT_TIMEOUT_MS = 100  # where nearly all are dead, or it would take too long to get there
ON_DEMAND_BUDGET_S = 0.2
ON_DEMAND_READS = 20


class Dead(NamedTuple):
    """What dead meters cost when nobody has heard of them for long.

    `alive_s` is a cycle before they died, `quiet_s` one in which they are not asked, `probed_s`
    one in which they are; `failed` how many readings of the others were not good in those two.
    """

    alive_s: float
    quiet_s: float
    probed_s: float
    failed: int

    @property
    def mean_s(self) -> float:
        """A cycle on average."""
        return ((PROBED_IN - 1) * self.quiet_s + self.probed_s) / PROBED_IN


def measure() -> list[Row]:
    """Run for about six minutes.

    What happens at 2400 bit/s leaves the machine idle, and goes on side by side.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        place = Path(folder)
        for board in BUDGETS:
            found[board, SLOW] = pool.submit(cycle, place, board, SLOW)
        peer = pool.submit(peer_cycle, place / "peer")
        slow_dead = pool.submit(dead_cycles, place / "dead8", SLOW, 8)
        latencies = pool.submit(on_demand, place / "on_demand")
        pool.shutdown()
        ratios = {key: future.result() for key, future in found.items()}
        for board in BUDGETS:
            for baud in (9600, FAST):
                ratios[board, baud] = cycle(place, board, baud)
        dead = {
            (SLOW, 8): slow_dead.result(),
            (FAST, 8): dead_cycles(place / "fast8", FAST, 8),
            (FAST, 1): dead_cycles(place / "fast1", FAST, 1),
            (FAST, METERS - 1): dead_cycles(
                place / "fast63", FAST, METERS - 1, timeout_ms=SHORT_TIMEOUT_MS
            ),
        }
    return [
        *cycle_rows(ratios),
        peer_row(ratios["host", SLOW], peer.result()),
        *dead_rows(dead),
        *latencies.result(),
    ]


def cycle(place: Path, board: str, baud: int) -> Cycle:
    """Return the best cycle of some that the whole firmware makes on a board."""
    period, count = SLOTS[baud]
    found = cycles(place / f"{board}{baud}", board, baud, period, count)
    return min(found, key=lambda one: one.ratio)


def cycle_rows(found: dict[tuple[str, int], Cycle]) -> list[Row]:
    """Return the cycles beside what bits and meters take."""
    return [
        Row(
            f"cycle of {METERS} meters, {baud} bit/s, {board}",
            found[board, baud].time_s,
            "s",
            floor=found[board, baud].floor_s,
            budget=budget,
        )
        for board, budgets in BUDGETS.items()
        for baud, budget in budgets.items()
    ]


def peer_cycle(folder: Path) -> Cycle:
    """Return a cycle of PyPI `dlt645`'s client."""
    answers = METERS * len(bus_peer.REGISTERS)
    with site(folder, SLOW, SLOTS[SLOW][0]) as line:
        command = [sys.executable, "-m", "tests.bench.bus_peer"]
        arguments = [str(line.link), str(SLOW), str(METERS)]
        subprocess.run([*command, *arguments], check=True, timeout=PEER_TIMEOUT_S)
        return line.wait_cycles(1, answers, PEER_TIMEOUT_S, lambda: None)[0]


def peer_row(ours: Cycle, peer: Cycle) -> Row:
    """Return our time over the peer's, both for all registers of all meters."""
    return Row(
        f"the same registers at {SLOW}, over PyPI's time",
        ours.time_s / peer.time_s,
        "",
        peer=f"PyPI {peer.time_s:.1f} s, {peer.ratio:.4f} of its floor: "
        f"{peer.time_s / ours.time_s:.2f} x ours",
        budget=PEER_BUDGET,
    )


def dead_cycles(folder: Path, baud: int, count: int, **bus: int) -> Dead:
    """Let the first of the meters die, and return what they cost many slots later.

    Most of the slots until then are read without the living, which takes less time: the firmware
    does not get to know how quick they are, and grants the dead all that is set. With 8 dead at
    high speed, where that counts most, it does.
    """
    dead = range(1, count + 1)
    living = list(range(count + 1, METERS + 1))
    with site(folder, baud, SLOTS[baud][0], **bus) as line, Rounds(folder) as rounds:
        alive_s, _ = rounds.read([])
        for number in dead:
            line.meters[number - 1].faults.silent = True
        left_out, asked = ([], len(living)) if (baud, count) == (FAST, 8) else (living, 0)
        quiet_slots = 0
        for _ in range(MOST_SLOTS):
            before = line.requests
            rounds.read(left_out)
            quiet_slots = quiet_slots + 1 if line.requests == before + asked else 0
            if quiet_slots == PROBED_IN - 2:
                break
        quiet_s, quiet = rounds.read([])
        before = line.requests
        probed_s, probed = rounds.read([])
        if line.requests - before != METERS:
            raise BusLineError("dead meters are not asked in the slot that was expected.")
    failed = sum(found[number] != GOOD for found in (quiet, probed) for number in living)
    return Dead(alive_s, quiet_s, probed_s, failed)


def dead_rows(found: dict[tuple[int, int], Dead]) -> list[Row]:
    """Return what cycles with dead meters take beside those with none, and of the living's."""
    rows = []
    for (baud, count), dead in found.items():
        times = f"{dead.alive_s:.2f} s, then {dead.quiet_s:.2f} s, every {PROBED_IN}th "
        rows += [
            Row(
                f"cycle with {count} dead over none, {baud} bit/s",
                dead.mean_s / dead.alive_s,
                "",
                peer=times + f"{dead.probed_s:.2f} s",
                budget=DEAD_BUDGET if count in BUDGETED_DEAD else None,
            ),
            Row("... added to a cycle by the dead", dead.mean_s - dead.quiet_s, "s"),
            Row("... bad readings of the living", dead.failed, "", budget=0),
        ]
    return rows


def on_demand(folder: Path) -> list[Row]:
    """Return how long a read out of turn takes while a slot is read."""
    with site(folder, SLOW, SLOTS[SLOW][0]) as line:
        taken = on_demand_s(folder, ON_DEMAND_READS)
        one_s = line.transaction_s
    return [
        Row(f"read out of turn at {SLOW}, worst of {ON_DEMAND_READS}", max(taken), "s"),
        Row(
            "... less its own time and that of the one under way",
            max(taken) - 2 * one_s,
            "s",
            budget=ON_DEMAND_BUDGET_S,
        ),
    ]
