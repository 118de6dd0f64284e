"""What happens at a site, day by day: chosen once, deterministic, and known to the judge."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from host_tools.site import BUSES, DAY_S, Site

PERIOD_S = 900
POWER_OFF_S = 3600
_BEGIN = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
_END_S = 300  # into the slot that nobody expects any more
_EARLY_S = 3  # before a slot; the clock is wrong by less
_BAUD = 9600


@dataclass(frozen=True)
class Faults:
    """Of one line: answers in a million that are damaged, missing or late, and its answer delay.

    A meter takes `delay_ms` to twice as much to answer; `echo`: we hear ourselves.
    """

    bad: int = 10_000
    silent: int = 1_000
    late: int = 200
    delay_ms: int = 20
    echo: bool = False


@dataclass(frozen=True)
class Scenario:
    """A run of `days` with `meters` on two lines. All moments are UTC seconds.

    `power_cuts` has (moment, kind of flash operation, which of them from then on is torn),
    `clock_steps` (moment, seconds), `outages` (from, to, whether the modem says so), `babble`
    (from, to) for each line. In the
    power cut of number `rtc_lost` (from 0) the real-time clock loses its time.
    """

    days: int
    meters: int
    seed: int
    dead: frozenset[int]
    power_cuts: tuple[tuple[int, str, int], ...]
    clock_steps: tuple[tuple[int, int], ...]
    outages: tuple[tuple[int, int, bool], ...]
    babble: tuple[tuple[int, int], ...]
    rtc_lost: int
    begin: int = _BEGIN
    drift_ppm: int = 20
    blocks: int = 64
    faults: tuple[Faults, ...] = field(default=(Faults(), Faults(echo=True)))

    @property
    def end(self) -> int:
        """When the run ends, in an orderly way."""
        return self.begin + self.days * DAY_S + _END_S

    def site(self) -> Site:
        """The site's configuration."""
        return Site(meters=self.meters, baud=_BAUD, period=PERIOD_S, heartbeat=PERIOD_S)

    def line_of(self) -> dict[int, int]:
        """The number of the line that each meter is on."""
        return {meter.number: meter.bus for meter in self.site().spread_meters()}

    def as_dict(self) -> dict[str, object]:
        """What device/virtual_board.py reads; it counts in milliseconds."""
        return {
            "seed": self.seed,
            "end": self.end,
            "blocks": self.blocks,
            "drift_ppm": self.drift_ppm,
            "power_cuts": [[1000 * moment, *what] for moment, *what in self.power_cuts],
            "outages": [[1000 * a, 1000 * b, told] for a, b, told in self.outages],
            "lines": [self._line(number) for number in range(1, BUSES + 1)],
        }

    def _line(self, number: int) -> dict[str, object]:
        begin, end = self.babble[number - 1]
        meters = [meter for meter in self.site().spread_meters() if meter.bus == number]
        return {
            "meters": {meter.address: meter.number for meter in meters},
            "dead": [meter.number for meter in meters if meter.number in self.dead],
            "faults": vars(self.faults[number - 1]),
            "babble": [[1000 * begin, 1000 * end]],
        }


def reference(days: int, meters: int, seed: int = 645) -> Scenario:
    """Everything that happens at a site, spread over so many days: 1 % of frames bad, 2 dead
    meters, 3 power cuts of an hour, both kinds of outages, clock steps, babble on both lines."""

    def moment(tenths: float) -> int:
        """A moment at that part of the run, just before a slot."""
        later = int(tenths * days * DAY_S / 10)
        return _BEGIN + later - later % PERIOD_S + PERIOD_S - _EARLY_S

    return Scenario(
        days=days,
        meters=meters,
        seed=seed,
        dead=frozenset((2, meters)),
        power_cuts=(
            (moment(2), "program", 4),
            (moment(5), "erase", 1),
            (moment(8), "program", 2),
        ),
        clock_steps=((moment(3.5) + 100, 1000), (moment(6.5) + 100, -1000)),
        outages=(
            (moment(1), moment(1) + 7200, True),
            (moment(4), moment(4) + 21600, False),
            (moment(9), moment(9) + 7200, True),
        ),
        babble=((moment(3), moment(3) + 60), (moment(5.8), moment(5.8) + 60)),
        rtc_lost=2,
    )
