"""Names of items in DL/T 645-1997: under which identifier, and where in its answer.

What is the same quantity as in the 2007 edition has the same name. What the bytes mean is in the
tables of the C module `dlt645`. Source: DL/T 645-1997, data identification tables.
"""

from micropython import const

from .names import find, number, split_register

EDITION = const(1997)

_DEMAND = const(0x1000)  # from the energy of a quantity to its highest demand,
_DEMAND_TIME = const(0x2000)  # and to when that was
_MONTH = const(0x0400)  # one month back
_MOST_RATES = const(14)
_MOST_MONTHS = const(2)

# quantity: identifier of its energy, total. Names as in the 2007 edition; @1 and @2 for last month
# and the one before.
QUANTITIES = """
forward 9010
reverse 9020
reactive.forward 9110
reactive.reverse 9120
reactive.q1 9130
reactive.q2 9150
reactive.q3 9160
reactive.q4 9140
"""
BEFORE_QUANTITY = ("",)  # no registers by phase

# Names with .total, .a, .b or .c behind them.
PHASED = """
voltage B610
current B620
power.active B630
power.reactive B640
power.factor B650
count.phase_break B310
minutes.phase_break B320
phase_break.start B330
phase_break.end B340
"""
PHASE = const(1)

# Names with .1, .2 ... behind them: identifier of a number 0, and how many there are.
NUMBERED = """
zone C320 14
slots.first.1 C330 14
slots.first.2 C340 14
slots.first.3 C350 14
slots.first.4 C360 14
slots.first.5 C370 14
slots.first.6 C380 14
slots.first.7 C390 14
slots.first.8 C3A0 14
holiday C410 13
"""

PLAIN = """
voltage.ab B691
voltage.bc B692
voltage.ca B693
limit.forward B634
limit.reverse B635
programming.last B210
demand_clear.last B211
count.programming B212
count.demand_clear B213
battery.time B214
clock.date C010
clock.time C011
status.meter C020
status.grid C021
status.slots C022
constant.active C030
constant.reactive C031
number.meter C032
number.user C033
number.device C034
demand.period C111
demand.step C112
display.c113 C113
display.c114 C114
display.c115 C115
display.c116 C116
settlement.day.1 C117
display.c118 C118
initial.active C119
initial.reactive C11A
pulse.width C211
password.level C212
zones.count C310
slots.tables C311
slots.count C312
rates.count C313
holidays.count C314
rest_days.slots C41E
load.start C510
load.interval.1 C511
"""


def register(words, when):
    """Where a register of energy or demand is, or was: see names.locate()."""
    split = split_register(words, _MOST_RATES)
    months = number(when, "", _MOST_MONTHS) if when else 0
    if split is None or months is None:
        return None
    quantity, rate, of_time = split
    line = find(QUANTITIES, ".".join(quantity))
    if line is None:
        return None
    start = _DEMAND_TIME if of_time else _DEMAND if words[0] == "demand" else 0
    return int(line, 16) + start + months * _MONTH + rate, 0


past = None  # nothing else of what was
event = None  # phase breaks alone, and they are in PHASED
EVENTS = ""


def block(identifier):
    """(identifier that also gives its neighbours, index of its first value there), or None."""
    low = identifier & 0x0F
    if low == 0x0F or identifier in (0xB634, 0xB635):  # limits, which only look like powers
        return None
    group = identifier >> 8 & 0xF3
    if identifier >> 12 in (0x9, 0xA) or group in (0xB0, 0xB1):
        return identifier | 0x0F, low
    if identifier >> 4 in (0xB61, 0xB62, 0xB69):
        return identifier | 0x0F, low - 1
    if identifier >> 4 in (0xB63, 0xB64, 0xB65):
        return identifier | 0x0F, low
    return None
