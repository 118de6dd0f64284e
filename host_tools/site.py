"""A site's configuration: which meters are where, what is read when, and how it goes upstream."""

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from host_tools.contract import BAUDS, ITEMS, MAX_METERS, TRANSPORTS

BUSES = 2
DEVICE = "a1b2c3d4e5f6"
ROOT = "mr/v1"
DAY_S = 86400
FIRST_PULSE_NUMBER = 201  # as a meter, of pulse input 1
PULSES_A_UNIT = 1000
PULSE_START = 123456  # hundredths of a kWh

_REQUEST_BYTES = 20  # of a read, the four wake-up bytes included
_ANSWER_BYTES = 25  # of the longest of our items, likewise
_CHARACTER_BITS = 11  # start, 8 data, parity, stop
_ANSWER_DELAY_S = 0.04
_TIMEOUT_S = 0.7  # the firmware's default, as are its attempts at a meter that begins to be silent
_ATTEMPTS = 3
_SHORTEST_PERIOD_S = 5  # that the firmware takes
_UTC_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")


@dataclass(frozen=True)
class SiteMeter:
    """A meter: its number upstream, address (12 digits), bus (from 1) and edition of DL/T 645."""

    number: int
    address: str
    bus: int
    edition: int = 2007

    def as_dict(self) -> dict[str, int | str]:
        """Return the meter as the firmware's configuration has it; 2007 goes without saying."""
        meter = asdict(self)
        edition = meter.pop("edition")
        return meter if edition == 2007 else {**meter, "protocol": f"dlt645-{edition}"}


@dataclass(frozen=True)
class Site:
    """What a simulated site's concentrator is told.

    `baud` is in bit/s on both buses; `period` (slot length), `heartbeat` and `linger` are
    seconds; `dead` meters are known not to answer, which takes time; `of_1997` meters speak the
    edition of that year, and the others that of 2007. `transport` says how the modem is used to
    reach the broker, "at" or "ppp"; `account` is user and password for the mobile network.
    `meter_clocks` is whether those are looked at. `pulse_inputs` count energy beside the meters.
    """

    meters: int = 64
    baud: int = 2400
    period: int = 60
    broker_port: int = 1883
    broker_host: str = "127.0.0.1"
    transport: str = "at"
    utc_offset: str = "+08:00"
    heartbeat: int = 2
    linger: int = 5
    account: tuple[str, str] | None = None
    dead: int = 0
    of_1997: int = 0
    meter_clocks: str = "check"
    pulse_inputs: int = 0

    def check(self) -> None:
        """ValueError, one sentence, for the first thing that cannot work."""
        if not 1 <= self.meters <= MAX_METERS:
            raise ValueError(f"{self.meters} meters are not in the range 1 to {MAX_METERS}.")
        if self.baud not in BAUDS:
            choice = ", ".join(str(one) for one in BAUDS)
            raise ValueError(f"{self.baud} baud is not one of {choice}.")
        if not 0 <= self.of_1997 <= self.meters:
            raise ValueError(
                f"{self.of_1997} meters of 1997 are not in the range 0 to {self.meters}."
            )
        offset_seconds(self.utc_offset)
        if self.transport not in TRANSPORTS:
            raise ValueError(
                f"transport {self.transport!r} is not one of {', '.join(TRANSPORTS)}."
            )
        if not 1 <= self.broker_port <= 65535:
            raise ValueError(f"broker port {self.broker_port} is not in the range 1 to 65535.")
        self._check_period()

    def _check_period(self) -> None:
        """Slots must fall on the same times every day, and be long enough for a bus."""
        if self.period < _SHORTEST_PERIOD_S:
            raise ValueError(
                f"a slot of {self.period} s is too short; use PERIOD={_SHORTEST_PERIOD_S} or more."
            )
        if DAY_S % self.period:
            raise ValueError(
                f"slots of {self.period} s do not fill a day evenly; "
                f"use PERIOD={_next_period(self.period)}."
            )
        if self.cycle_s >= self.period:
            dead = f", {self._dead_per_bus} of them dead," if self.dead else ""
            advice = f"PERIOD={_next_period(math.floor(self.cycle_s) + 1)}"
            if self.baud < BAUDS[-1]:
                advice += " or a higher BAUD"
            raise ValueError(
                f"a slot of {self.period} s is too short: {self._per_bus} meters x {len(ITEMS)} "
                f"items{dead} at {self.baud} baud take about {math.ceil(self.cycle_s)} s; "
                f"use {advice}"
            )

    @property
    def _per_bus(self) -> int:
        return -(-self.meters // BUSES)

    @property
    def cycle_s(self) -> float:
        """How long the fuller bus needs at most to read all its meters once, in seconds."""
        character_s = _CHARACTER_BITS / self.baud
        read_s = (_REQUEST_BYTES + _ANSWER_BYTES) * character_s + _ANSWER_DELAY_S
        silence_s = _ATTEMPTS * (_REQUEST_BYTES * character_s + _TIMEOUT_S)
        dead = self._dead_per_bus
        return (self._per_bus - dead) * len(ITEMS) * read_s + dead * silence_s

    @property
    def _dead_per_bus(self) -> int:
        return min(self._per_bus, -(-self.dead // BUSES))

    def spread_meters(self) -> list[SiteMeter]:
        """Return meters 1, 2, ... with those numbers as addresses, in equal runs on the buses."""
        old = spread(self.of_1997, self.meters)
        return [
            SiteMeter(
                number,
                f"{number:012d}",
                1 + (number - 1) // self._per_bus,
                1997 if number - 1 in old else 2007,
            )
            for number in range(1, self.meters + 1)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as the firmware reads it."""
        return {
            "version": 1,
            "device": DEVICE,
            "utc_offset": self.utc_offset,
            "meter_clocks": self.meter_clocks,
            "buses": [{"baud": self.baud}] * BUSES,
            "meters": [meter.as_dict() for meter in self.spread_meters()],
            "tasks": [{"name": "load", "items": list(ITEMS), "every": self.period}],
            **self._pulses(),
            "uplink": {
                "host": self.broker_host,
                "port": self.broker_port,
                "root": ROOT,
                "transport": self.transport,
                "apn": "internet",
                **self._account(),
                "keepalive": 120,
                "heartbeat": self.heartbeat,
                "linger": self.linger,
            },
        }

    def _pulses(self) -> dict[str, Any]:
        if not self.pulse_inputs:
            return {}
        inputs = [
            {
                "number": FIRST_PULSE_NUMBER + i,
                "input": 1 + i,
                "item": ITEMS[0],
                "constant": PULSES_A_UNIT,
                "start": PULSE_START,
            }
            for i in range(self.pulse_inputs)
        ]
        return {"pulses": {"inputs": inputs}}

    def _account(self) -> dict[str, str]:
        if self.account is None:
            return {}
        user, password = self.account
        return {"apn_user": user, "apn_password": password}

    def write(self, folder: Path) -> Path:
        """Check, then write `config.json` into the folder; returns its path."""
        self.check()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "config.json"
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        return path


def spread(count: int, among: int) -> list[int]:
    """Return so many of the numbers 0 to `among` - 1, evenly spread."""
    return [(2 * i + 1) * among // (2 * count) for i in range(count)]


def offset_seconds(utc_offset: str) -> int:
    """Return seconds for an offset like +08:00; ValueError if it is not like that."""
    match = _UTC_OFFSET.fullmatch(utc_offset)
    if match is None or int(match[2]) > 14:
        raise ValueError(f"UTC offset {utc_offset!r} is not like +08:00.")
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds


def offset_text(seconds: int) -> str:
    """Return an offset as the configuration has it, for example +08:00."""
    sign = "-" if seconds < 0 else "+"
    minutes = abs(seconds) // 60
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def slot_at(moment: float, period: int, utc_offset: str) -> int:
    """Return the slot (UTC seconds) under way at a moment; slots align to the local clock."""
    offset = offset_seconds(utc_offset)
    local = math.floor(moment) + offset
    return local - local % period - offset


# Divisors of a day that people think in; longer than an hour is never needed.
_ROUND_PERIODS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600)


def _next_period(least: int) -> int:
    return next((p for p in _ROUND_PERIODS if p >= least), DAY_S)


def _main(
    folder: Annotated[Path, typer.Argument(help="Folder for config.json; made if need be.")],
    meters: Annotated[int, typer.Option(help="Number of meters, 1 to 64, on two buses.")] = 64,
    baud: Annotated[int, typer.Option(help="Speed of both buses in bit/s.")] = 2400,
    period: Annotated[int, typer.Option(help="Slot length in seconds; divides a day.")] = 60,
    of_1997: Annotated[int, typer.Option(help="So many speak the edition of 1997.")] = 0,
    broker_host: Annotated[str, typer.Option(help="Name or address of the broker.")] = "127.0.0.1",
    broker_port: Annotated[int, typer.Option(help="TCP port of the broker.")] = 1883,
    transport: Annotated[str, typer.Option(help="How the modem is used: at or ppp.")] = "at",
    utc_offset: Annotated[str, typer.Option(help="Local time minus UTC.")] = "+08:00",
) -> None:
    """Write the configuration of a simulated site."""
    site = Site(
        meters=meters,
        baud=baud,
        period=period,
        of_1997=of_1997,
        broker_host=broker_host,
        broker_port=broker_port,
        transport=transport,
        utc_offset=utc_offset,
        heartbeat=60,
    )
    try:
        path = site.write(folder)
    except OSError as error:
        typer.echo(f"site: {folder} cannot be used: {error.strerror}; choose another.", err=True)
        raise typer.Exit(2) from None
    except ValueError as error:
        typer.echo(f"site: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{path}: {meters} meters, {baud} baud, every {period} s")


if __name__ == "__main__":
    typer.run(_main)
