"""What the meters of a building count: loads of everyday life, from which the codec is judged.

Made of appliances in steps of a minute, read every 15 minutes; nothing in it comes from the
firmware. A site has four meters:

* a family: refrigerator, standby, lights and television, a kettle six times a day, an oven or a
  hob with thermostat (2.5 kW) in the evening and often at noon, washing five days of seven;
* one person: the same appliances, used half as often, a smaller refrigerator;
* a workshop on three phases: lights and heating on workdays, a compressor, three machines of 2 to
  5.5 kW that run for minutes, welding in bursts of 7 kW;
* an empty flat: 3 W of standby, a hundredth of a kWh every few hours.

Voltage is the network's over the day (3 V up and down), its noise (1.2 V, slow, and 0.3 V from one
reading to the next) and what the meter's own load takes from it. The four rates of the register
change at 6, 8, 11, 18, 21 and 22 o'clock; the totals at the beginning are those of meters of some
years. Power is that of the minute of the reading.
"""

import math
import random
from collections.abc import Callable, Iterator

SLOT_MINUTES = 15
SLOTS_A_DAY = 96
DAY = 1440  # minutes
RATES = 4
# Rate, from each hour of the day on: 0 sharp, 1 peak, 2 flat, 3 valley.
TARIFF = [3] * 6 + [2] * 2 + [1] * 3 + [2] * 7 + [0] * 3 + [2] + [3] * 2
VOLTS_PER_WATT = 0.0004


class Appliances:
    """The power of every minute of a meter's days, in W."""

    def __init__(self, source: random.Random, days: int) -> None:
        self.source = source
        self.days = days
        self.watts = [0.0] * (days * DAY)

    def run(self, start: float, minutes: float, watts: float, duty: float = 1) -> None:
        """Let something run; with a thermostat for the `duty` of the time, a few minutes each."""
        at = max(0, round(start))
        end = min(len(self.watts), at + max(1, round(minutes)))
        while at < end:
            on = 2 if duty < 1 else end - at
            for minute in range(at, min(at + on, end)):
                self.watts[minute] += watts
            at += on + (round(on / duty) - on if duty < 1 else 0)

    def cycle(self, watts: float, on: float, off: float) -> None:
        """Let something run by its own thermostat, day and night."""
        at = self.source.uniform(0, on + off)
        while at < len(self.watts):
            lasts = on * self.source.uniform(0.8, 1.2)
            self.run(at, lasts, watts)
            at += lasts + off * self.source.uniform(0.8, 1.2)

    def flicker(self, part: float) -> None:
        """Let everything vary by about a part from minute to minute."""
        self.watts = [max(0, w * self.source.gauss(1, part)) for w in self.watts]


def household(source: random.Random, days: int, busy: float) -> Appliances:
    """A flat; `busy` is how often things are used, 1 for a family."""
    home = Appliances(source, days)
    home.run(0, days * DAY, 40 + 40 * busy)
    home.cycle(60 + 40 * busy, 18, 32)
    for day in range(days):
        midnight = day * DAY
        for _ in range(round(6 * busy)):
            home.run(midnight + source.uniform(6.5, 22) * 60, source.uniform(2, 4), 2200)
        home.run(midnight + source.gauss(6.75, 0.3) * 60, 70, 150 * busy)
        evening = source.gauss(17.75, 0.5) * 60
        for _ in range(4):
            begin = evening + source.uniform(0, 120)
            home.run(midnight + begin, source.uniform(60, 240), source.uniform(20, 120))
        if source.random() < 0.85 * busy:
            cooking = midnight + source.gauss(18.5, 0.6) * 60
            home.run(cooking, 8, 2500)
            home.run(cooking + 8, source.uniform(15, 50), 2500, 0.4)
        if source.random() < 0.5 * busy:
            home.run(midnight + source.gauss(12, 0.4) * 60, source.uniform(15, 30), 1500, 0.6)
        if source.random() < 0.7 * busy:
            washing = midnight + source.uniform(8, 20) * 60
            home.run(washing, 18, 2000)
            home.run(washing + 18, 60, 250)
    home.flicker(0.02)
    return home


def family(source: random.Random, days: int) -> Appliances:
    """A flat where somebody is at home most of the day."""
    return household(source, days, 1)


def one_person(source: random.Random, days: int) -> Appliances:
    """A flat where things are used half as often."""
    return household(source, days, 0.5)


def workshop(source: random.Random, days: int) -> Appliances:
    """A workshop with motors, at work from Monday to Friday."""
    shop = Appliances(source, days)
    shop.run(0, days * DAY, 150)
    shop.cycle(120, 20, 40)
    for day in range(days):
        if day % 7 >= 5:
            continue
        at = day * DAY + source.gauss(7.5, 0.2) * 60
        end = day * DAY + source.gauss(17, 0.4) * 60
        shop.run(at, end - at, 1200)
        for watts, runs, pause in ((4000, 3, 9), (5500, 6, 20), (3000, 10, 25), (2000, 15, 20)):
            start = at + source.uniform(0, pause)
            while start < end:
                lasts = source.expovariate(1 / runs)
                shop.run(start, lasts, watts * source.uniform(0.5, 1))
                start += lasts + source.expovariate(1 / pause)
        for _ in range(source.randrange(4)):
            begin = source.uniform(at, end)
            shop.run(begin, source.uniform(10, 40), 7000, 0.5)
    shop.flicker(0.03)
    return shop


def empty_flat(source: random.Random, days: int) -> Appliances:
    """A flat with nobody in it."""
    flat = Appliances(source, days)
    flat.run(0, days * DAY, 3)
    flat.flicker(0.05)
    return flat


METERS: list[Callable[[random.Random, int], Appliances]] = [
    family,
    one_person,
    workshop,
    empty_flat,
]


def readings(seed: int, meter: int, days: int) -> Iterator[tuple[int, ...]]:
    """What one of METERS has in every slot, from a midnight on, in the last digits of DL/T 645.

    The total and its four rates in 0.01 kWh, voltage in 0.1 V, power in 0.1 W.
    """
    source = random.Random(f"{seed}/{meter}")
    watts = METERS[meter](source, days).watts
    registers = [source.uniform(2e5, 1e7) for _ in range(RATES)]  # Wh
    total = sum(registers)
    noise = 0.0
    for minute, power in enumerate(watts):
        noise = 0.9 * noise + source.gauss(0, 0.52)  # 1.2 V in the long run
        if minute % SLOT_MINUTES == 0:
            network = 231 + 3 * math.sin(2 * math.pi * minute / DAY)
            volts = network + noise + source.gauss(0, 0.3) - power * VOLTS_PER_WATT
            energies = (int(wh / 10) for wh in (total, *registers))
            yield (*energies, round(volts * 10), round(power * 10))
        total += power / 60
        registers[TARIFF[minute // 60 % 24]] += power / 60
