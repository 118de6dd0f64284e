"""What the simulated meters measure: whole numbers, a function of meter and time.

Meters (MicroPython) and the judge of the readings (CPython) have it in common.
"""

_EPOCH_S = 1735689600  # 2025-01-01 UTC: registers began then
_DAY_S = 86400
_HOUR_S = 3600
_UNIT_WS = 36000  # watt-seconds in 0.01 kWh
_MINUTE_S = 60
# Relative to the night, hour by hour.
_HOURS = (0, 0, 0, 0, 0, 1, 4, 6, 5, 4, 4, 5, 7, 5, 4, 4, 5, 8, 12, 14, 12, 9, 5, 2)
_HOURS_SUM = sum(_HOURS)


def power(number, second):
    """W of the meter of that number."""
    return _night(number) + _HOURS[second % _DAY_S // _HOUR_S] * _step(number)


def _night(number):
    return 100 + 40 * (number % 9)


def _step(number):
    return 60 + 15 * (number % 13)


def energy(number, second):
    """0.01 kWh: the integral of the power, rounded down."""
    days, rest = divmod(second - _EPOCH_S, _DAY_S)
    hours, rest = divmod(rest, _HOUR_S)
    weight = (days * _HOURS_SUM + sum(_HOURS[:hours])) * _HOUR_S + _HOURS[hours] * rest
    work = _night(number) * (second - _EPOCH_S) + _step(number) * weight
    return 1000 * number + work // _UNIT_WS


def voltage(number, second):
    """0.1 V, another one every minute."""
    return 2200 + (number * 31 + second // _MINUTE_S * 7) % 61 - 30


def current(number, second):
    """0.001 A, another one every hour."""
    return power(number, second) * 1000 // 220
