"""A site's configuration: which meters are where, what is read when, and how it goes upstream."""

import json
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

BAUDS = (600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
BUSES = 2
MAX_METERS = 64
DAY_S = 86400
ITEMS = ("energy.forward.total", "voltage.a", "current.a")

_REQUEST_BYTES = 20  # of a read, the four wake-up bytes included
_ANSWER_BYTES = 25  # of the longest of our items, likewise
_CHARACTER_BITS = 11  # start, 8 data, parity, stop
_ANSWER_DELAY_S = 0.04
_SHORTEST_PERIOD_S = 5  # that the firmware takes
_DEVICE = re.compile(r"[0-9a-f]{12}")
_ADDRESS = re.compile(r"[0-9]{12}")
_UTC_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")


@dataclass(frozen=True)
class SiteMeter:
    """A meter: its number upstream, its address (12 digits) and its bus (from 1)."""

    number: int
    address: str
    bus: int


@dataclass(frozen=True)
class SiteTask:
    """Items that are read from every meter each `every` seconds."""

    name: str = "load"
    items: tuple[str, ...] = ITEMS
    every: int = 30


@dataclass(frozen=True)
class SiteUplink:
    """The broker and how to use it; `keepalive`, `heartbeat` and `linger` are seconds."""

    port: int
    host: str = "127.0.0.1"
    root: str = "mr/v1"
    apn: str = "internet"
    keepalive: int = 120
    heartbeat: int = 2
    linger: int = 5


@dataclass(frozen=True)
class Site:
    """Everything a concentrator is told; `baud` is in bit/s and the same on all buses."""

    meters: tuple[SiteMeter, ...]
    uplink: SiteUplink
    baud: int = 2400
    tasks: tuple[SiteTask, ...] = field(default_factory=lambda: (SiteTask(),))
    device: str = "a1b2c3d4e5f6"
    utc_offset: str = "+08:00"
    buses: int = BUSES

    def check(self) -> None:
        """ValueError, one sentence, for the first thing that cannot work."""
        check_baud(self.baud)
        if not _DEVICE.fullmatch(self.device):
            raise ValueError(f"device {self.device!r} is not 12 hex digits in lower case.")
        offset_seconds(self.utc_offset)
        if not 1 <= self.uplink.port <= 65535:
            raise ValueError(f"broker port {self.uplink.port} is not in the range 1 to 65535.")
        self._check_meters()
        for task in self.tasks:
            check_period(task.every)
            if not task.items:
                raise ValueError(f"task {task.name!r} has no items.")
            for bus in range(1, self.buses + 1):
                check_slot_time(self.count_on(bus), len(task.items), self.baud, task.every)

    def _check_meters(self) -> None:
        check_meter_count(len(self.meters))
        for meter in self.meters:
            if not _ADDRESS.fullmatch(meter.address):
                raise ValueError(f"meter address {meter.address!r} is not 12 digits.")
            if not 1 <= meter.bus <= self.buses:
                raise ValueError(
                    f"meter {meter.number} is on bus {meter.bus}, but there are buses "
                    f"1 to {self.buses}."
                )
        for name in ("number", "address"):
            values = [getattr(meter, name) for meter in self.meters]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"two meters have the {name} {twice}.")

    def count_on(self, bus: int) -> int:
        """Return the number of meters on a bus (from 1)."""
        return sum(meter.bus == bus for meter in self.meters)

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as the firmware reads it."""
        return {
            "version": 1,
            "device": self.device,
            "utc_offset": self.utc_offset,
            "buses": [{"baud": self.baud} for _ in range(self.buses)],
            "meters": [
                {"number": meter.number, "address": meter.address, "bus": meter.bus}
                for meter in self.meters
            ],
            "tasks": [
                {"name": task.name, "items": list(task.items), "every": task.every}
                for task in self.tasks
            ],
            "uplink": {
                "host": self.uplink.host,
                "port": self.uplink.port,
                "root": self.uplink.root,
                "apn": self.uplink.apn,
                "keepalive": self.uplink.keepalive,
                "heartbeat": self.uplink.heartbeat,
                "linger": self.uplink.linger,
            },
        }

    def write(self, folder: Path) -> Path:
        """Check, then write `config.json` into the folder at once; returns its path."""
        self.check()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "config.json"
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        new.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        os.replace(new, path)
        return path


def write_site(
    folder: Path,
    meters: int,
    baud: int,
    period: int,
    broker_port: int,
    *,
    utc_offset: str = "+08:00",
    **uplink: Any,
) -> Site:
    """Write a site with so many meters, read every `period` seconds; ValueError if it can't be.

    `uplink` overrides fields of SiteUplink, for example `heartbeat=10`.
    """
    site = Site(
        meters=spread_meters(meters),
        uplink=SiteUplink(port=broker_port, **uplink),
        baud=baud,
        tasks=(SiteTask(every=period),),
        utc_offset=utc_offset,
    )
    site.write(folder)
    return site


def spread_meters(count: int, buses: int = BUSES) -> tuple[SiteMeter, ...]:
    """Return meters 1, 2, ... with those numbers as addresses, in equal runs on the buses."""
    check_meter_count(count)
    per_bus = -(-count // buses)
    return tuple(
        SiteMeter(number, f"{number:012d}", 1 + (number - 1) // per_bus)
        for number in range(1, count + 1)
    )


def check_meter_count(count: int) -> None:
    """ValueError unless a concentrator can have so many meters."""
    if not 1 <= count <= MAX_METERS:
        raise ValueError(f"{count} meters are not in the range 1 to {MAX_METERS}.")


def check_baud(baud: int) -> None:
    """ValueError unless meters know this speed (bit/s)."""
    if baud not in BAUDS:
        choice = ", ".join(str(one) for one in BAUDS)
        raise ValueError(f"{baud} baud is not one of {choice}.")


def check_period(period: int) -> None:
    """ValueError unless slots so many seconds apart fall on the same times every day."""
    if period < _SHORTEST_PERIOD_S:
        raise ValueError(
            f"a slot of {period} s is too short; use PERIOD={_SHORTEST_PERIOD_S} or more."
        )
    if DAY_S % period:
        raise ValueError(
            f"slots of {period} s do not fill a day evenly; use PERIOD={_next_period(period)}."
        )


def check_slot_time(meters: int, items: int, baud: int, period: int) -> None:
    """ValueError unless a bus can read its meters within one slot of `period` seconds."""
    needed_s = bus_time_s(meters, items, baud)
    if needed_s < period:
        return
    advice = f"PERIOD={_next_period(math.floor(needed_s) + 1)}"
    if baud < BAUDS[-1]:
        advice += " or a higher BAUD"
    raise ValueError(
        f"a slot of {period} s is too short: {_plural(meters, 'meter')} x "
        f"{_plural(items, 'item')} at {baud} baud take about {math.ceil(needed_s)} s; use {advice}"
    )


def bus_time_s(meters: int, items: int, baud: int) -> float:
    """Return how long a bus needs to read so many items of so many meters, in seconds."""
    bits = (_REQUEST_BYTES + _ANSWER_BYTES) * _CHARACTER_BITS
    return meters * items * (bits / baud + _ANSWER_DELAY_S)


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


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _main(
    folder: Annotated[Path, typer.Argument(help="Folder for config.json; made if need be.")],
    meters: Annotated[int, typer.Option(help="Number of meters, 1 to 64, on two buses.")] = 64,
    baud: Annotated[int, typer.Option(help="Speed of both buses in bit/s.")] = 2400,
    period: Annotated[int, typer.Option(help="Slot length in seconds; divides a day.")] = 60,
    broker_port: Annotated[int, typer.Option(help="TCP port of the broker on 127.0.0.1.")] = 1883,
    utc_offset: Annotated[str, typer.Option(help="Local time minus UTC.")] = "+08:00",
) -> None:
    """Write the configuration of a simulated site."""
    try:
        write_site(folder, meters, baud, period, broker_port, utc_offset=utc_offset)
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{folder / 'config.json'}: {meters} meters, {baud} baud, every {period} s")


if __name__ == "__main__":
    typer.run(_main)
