"""Names of items in DL/T 645-2007: under which identifier, and where in its answer.

What the bytes mean is in the tables of the C module `dlt645`. Sources: DL/T 645-2007, data
identification tables, and the extensions that State Grid meters share.
"""

from micropython import const

from .names import find, number, split_register

EDITION = const(2007)

_ENERGY = const(0x00000000)
_DEMAND = const(0x01000000)
_MOST_RATES = const(63)
_MOST_SETTLEMENTS = const(12)
_EVENT = const(0x03000000)
_MOST_RECORDS = const(10)
_PHASE_STEP = const(0x140000)  # DI2, from the total to phase A, and on to B and C

# quantity: its DI2. Names: energy.[a.|b.|c.]<quantity>.<total|rate1...>, and demand in the same
# way, with .time behind it for when that was; "@" and what is in _WHEN for the past.
QUANTITIES = """
combined 00
forward 01
reverse 02
reactive.combined1 03
reactive.combined2 04
reactive.q1 05
reactive.q2 06
reactive.q3 07
reactive.q4 08
apparent.forward 09
apparent.reverse 0A
associated 80
fundamental.forward 81
fundamental.reverse 82
harmonic.forward 83
harmonic.reverse 84
loss.copper 85
loss.iron 86
"""
BEFORE_QUANTITY = ("", "a.", "b.", "c.")

# freeze: its DI2, how many a meter keeps. "@day1" is the last one.
_WHEN = """
timed 00 60
moment 01 3
zones 02 2
slots 03 2
hour 04 254
price 05 2
day 06 62
step 07 2
"""

# What else a freeze has: DI1, and which value.
_FROZEN = """
freeze.time 00 0
freeze.all FF 0
power.active.total 10 0
power.active.a 10 1
power.active.b 10 2
power.active.c 10 3
power.reactive.total 10 4
power.reactive.a 10 5
power.reactive.b 10 6
power.reactive.c 10 7
"""
_HOURLY = (0x00, 0x01, 0x02, 0xFF)  # DI1 of all that an hourly freeze has

# Names with .total, .a, .b or .c behind them: identifier with DI1 = 0.
PHASED = """
voltage 02010000
current 02020000
power.active 02030000
power.reactive 02040000
power.apparent 02050000
power.factor 02060000
angle 02070000
distortion.voltage 02080000
distortion.current 02090000
"""
PHASE = const(0x100)

# event: its DI2. Names: count.<event>.<a|b|c> and minutes.<event>.<a|b|c>, which are the values of
# one answer; record.<event>.<a|b|c>.<1...10>.
EVENTS = """
voltage_loss 01
under_voltage 02
over_voltage 03
phase_break 04
current_loss 0B
over_current 0C
current_break 0D
reversal 0E
overload 0F
"""

# Names with .1, .2 ... behind them: identifier of a number 0, and how many there are.
NUMBERED = """
harmonic.voltage.a 020A0100 21
harmonic.voltage.b 020A0200 21
harmonic.voltage.c 020A0300 21
harmonic.current.a 020B0100 21
harmonic.current.b 020B0200 21
harmonic.current.c 020B0300 21
record.all_loss 03050000 10
record.auxiliary_loss 03060000 10
record.voltage_sequence 03070000 10
record.current_sequence 03080000 10
record.voltage_unbalance 03090000 10
record.current_unbalance 030A0000 10
record.power_down 03110000 10
record.demand_exceeded.forward 03120100 10
record.demand_exceeded.reverse 03120200 10
record.demand_exceeded.reactive.q1 03120300 10
record.demand_exceeded.reactive.q2 03120400 10
record.demand_exceeded.reactive.q3 03120500 10
record.demand_exceeded.reactive.q4 03120600 10
record.programming 03300000 10
record.meter_clear 03300100 10
record.demand_clear 03300200 10
record.event_clear 03300300 10
record.clock_set 03300400 10
record.slots_set 03300500 10
record.zones_set 03300600 10
record.rest_days_set 03300700 10
record.holidays_set 03300800 10
record.active_mode_set 03300900 10
record.settlement_set 03300C00 10
record.cover_opened 03300D00 10
record.terminal_cover_opened 03300E00 10
record.trip 1D000100 10
record.close 1E000100 10
status 04000500 7
baud_word 04000700 5
load.interval 04000A01 6
settlement.day 04000B00 3
loss.coefficient 04000D00 12
slots.first 04010000 8
slots.second 04020000 8
holiday 04030000 254
"""

# All others: identifier, and which value of its answer.
PLAIN = """
prepaid.energy.remaining 00900100 0
prepaid.energy.overdrawn 00900101 0
prepaid.amount.remaining 00900200 0
prepaid.amount.overdrawn 00900201 0
current.neutral 02800001 0
frequency 02800002 0
power.active.average 02800003 0
demand.active.present 02800004 0
demand.reactive.present 02800005 0
demand.apparent.present 02800006 0
temperature 02800007 0
battery.clock 02800008 0
battery.outage 02800009 0
battery.time 0280000A 0
price.step 0280000B 0
price.present 02800020 0
price.rate 02800021 0
count.all_loss 03050000 0
minutes.all_loss 03050000 1
count.auxiliary_loss 03060000 0
minutes.auxiliary_loss 03060000 1
count.voltage_sequence 03070000 0
minutes.voltage_sequence 03070000 1
count.current_sequence 03080000 0
minutes.current_sequence 03080000 1
count.voltage_unbalance 03090000 0
minutes.voltage_unbalance 03090000 1
count.current_unbalance 030A0000 0
minutes.current_unbalance 030A0000 1
count.power_down 03110000 0
count.demand_exceeded.forward 03120000 0
count.demand_exceeded.reverse 03120000 1
count.demand_exceeded.reactive.q1 03120000 2
count.demand_exceeded.reactive.q2 03120000 3
count.demand_exceeded.reactive.q3 03120000 4
count.demand_exceeded.reactive.q4 03120000 5
voltage.quality 03100000 0
voltage.quality.a 03100100 0
voltage.quality.b 03100200 0
voltage.quality.c 03100300 0
count.programming 03300000 0
count.meter_clear 03300100 0
count.demand_clear 03300200 0
count.event_clear 03300300 0
count.clock_set 03300400 0
count.slots_set 03300500 0
count.zones_set 03300600 0
count.rest_days_set 03300700 0
count.holidays_set 03300800 0
count.active_mode_set 03300900 0
count.settlement_set 03300C00 0
count.cover_opened 03300D00 0
count.terminal_cover_opened 03300E00 0
count.trip 1D000001 0
count.close 1E000001 0
clock.date 04000101 0
clock.time 04000102 0
clock.date_time 0400010C 0
demand.period 04000103 0
demand.step 04000104 0
pulse.width 04000105 0
zones.switch 04000106 0
slots.switch 04000107 0
zones.count 04000201 0
slots.tables 04000202 0
slots.count 04000203 0
rates.count 04000204 0
holidays.count 04000205 0
harmonic.highest 04000206 0
display.items 04000301 0
display.seconds 04000302 0
display.energy.decimals 04000303 0
display.power.decimals 04000304 0
display.key.items 04000305 0
ratio.current 04000306 0
ratio.voltage 04000307 0
address 04000401 0
number.meter 04000402 0
number.asset 04000403 0
rated.voltage 04000404 0
rated.current 04000405 0
rated.current.highest 04000406 0
class.active 04000407 0
class.reactive 04000408 0
constant.active 04000409 0
constant.reactive 0400040A 0
model 0400040B 0
produced 0400040C 0
protocol 0400040D 0
mode.active 04000601 0
mode.reactive1 04000602 0
mode.reactive2 04000603 0
mode.rest_days 04000801 0
rest_days.slots 04000802 0
mode.load 04000901 0
mode.freeze 04000902 0
mode.freeze.moment 04000903 0
mode.freeze.switch 04000904 0
mode.freeze.hour 04000905 0
mode.freeze.day 04000906 0
mode.freeze.month 04000907 0
mode.running 04001101 0
load.start 04000A01 0
limit.forward 04000E01 0
limit.reverse 04000E02 0
limit.voltage.upper 04000E03 0
limit.voltage.lower 04000E04 0
report.status 04001501 0
zones.first 04010000 0
zones.second 04020000 0
firmware 04800001 0
hardware 04800002 0
vendor 04800003 0
"""


def register(words, when):
    """Where a register of energy or demand is, or was: see names.locate()."""
    split = split_register(words, _MOST_RATES)
    if split is None:
        return None
    name, rate, of_time = split
    demand = words[0] == "demand"
    phase = "abc".find(name[0]) + 1 if name and len(name[0]) == 1 else 0
    line = find(QUANTITIES, ".".join(name[1:] if phase else name))
    if line is None:
        return None
    quantity = int(line, 16)
    if (demand and not 1 <= quantity <= 10) or (phase and not quantity):
        return None
    if when and not when[0].isdigit():
        if phase or not 1 <= quantity <= (2 if demand else 8):
            return None
        freeze = _frozen(quantity + 8 if demand else quantity, when)
        if not freeze or (rate and when.startswith("hour")):
            return None
        return freeze, of_time + (2 * rate if demand else rate)
    settlement = number(when, "", _MOST_SETTLEMENTS) if when else 0
    if settlement is None:
        return None
    start = (_DEMAND if demand else _ENERGY) + phase * _PHASE_STEP
    return start + (quantity << 16 | rate << 8 | settlement), int(of_time)


def past(base, when):
    """Where what else a freeze has is: see names.locate()."""
    line = find(_FROZEN, base)
    freeze = line and _frozen(int(line[:2], 16), when)
    return (freeze, int(line[3:])) if freeze else None


def event(words):
    """Where a count, the minutes or a record of an event of a phase is: see names.locate()."""
    line = find(EVENTS, words[1]) if len(words) > 2 else None
    phase = "abc".find(words[2]) + 1 if line and len(words[2]) == 1 else 0
    if not phase:
        return None
    start = _EVENT | int(line, 16) << 16
    if words[0] == "record":
        count = number(".".join(words[3:]), "", _MOST_RECORDS)
        return (start | phase << 8 | count, 0) if count else None
    return (start, 2 * phase - (2 if words[0] == "count" else 1)) if len(words) == 3 else None


def _frozen(part, when):
    """The identifier of a part (DI1) of a freeze such as "day1", or None."""
    kind = when.rstrip("0123456789")
    line = find(_WHEN, kind)
    count = number(when, kind, int(line[3:])) if line else None
    if not count or (kind == "hour" and part not in _HOURLY):
        return None
    return 0x05000000 | int(line[:2], 16) << 16 | part << 8 | count


def block(identifier):
    """(identifier that also gives its neighbours, index of its first value there), or None."""
    data_class = identifier >> 24
    group = identifier >> 16
    part = identifier >> 8 & 0xFF
    if part == 0xFF or identifier & 0xFF == 0xFF:
        return None
    if data_class == 0 and group != 0x0090:
        return identifier | 0xFF00, part
    if data_class == 1:
        return identifier | 0xFF00, 2 * part
    if 0x0201 <= group <= 0x0209:
        return identifier | 0xFF00, part - (0 if 0x0203 <= group <= 0x0206 else 1)
    if identifier >> 8 == 0x040005:
        return identifier | 0xFF, (identifier & 0xFF) - 1
    return None
