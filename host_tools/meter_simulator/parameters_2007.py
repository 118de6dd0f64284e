"""Parameters of a DL/T 645-2007 meter (identifiers 04...), as a meter leaves the factory.

Marked "extension" are items that State Grid meters have beyond the standard.
"""

from host_tools.meter_simulator.formats import BITS, TEXT
from host_tools.meter_simulator.memory import Parameter

DEMAND_PERIOD = 0x04000103
ZONE_SWITCH, SLOT_SWITCH = 0x04000106, 0x04000107
PRICE_SWITCH, STEP_SWITCH = 0x04000108, 0x04000109
RATES = 0x04000204
METER_NUMBER = 0x04000402
MODE_ACTIVE, MODE_REACTIVE_1, MODE_REACTIVE_2 = 0x04000601, 0x04000602, 0x04000603
LOAD_MODE, FREEZE_MODE = 0x04000901, 0x04000902
LOAD_START, LOAD_INTERVAL = 0x04000A01, 0x04000A02  # intervals of classes 1 to 6 from there on
SETTLEMENT_DAYS = (0x04000B01, 0x04000B02, 0x04000B03)
PRICE, STEP_PRICE, RATE_PRICE = 0x02800020, 0x0280000B, 0x02800021
VOLTAGE_UPPER, VOLTAGE_LOWER = 0x04000E03, 0x04000E04
ZONES = (0x04010000, 0x04020000)
SLOT_TABLES = tuple(first + table for first in ZONES for table in range(1, 9))
HOLIDAYS = range(0x04030001, 0x040300FF)
REST_DAY_TABLE = 0x04000802

ERROR_ZONES, ERROR_SLOTS, ERROR_RATES = 0x10, 0x20, 0x40

_SLOTS = "230004210003190001170002120003080002070003000004"  # hhmmNN, the last one first


def _writable(size: int, default: str, kind: str = "bcd", **options: int) -> Parameter:
    return Parameter(size, default, kind, writable=True, **options)


def _count(default: str, most: int, beyond: int) -> Parameter:
    return _writable(len(default) // 2, default, most=most, beyond=beyond)


PARAMETERS: dict[int, Parameter] = {
    DEMAND_PERIOD: _writable(1, "15", most=60),
    0x04000104: _writable(1, "15", most=60),
    0x04000105: _writable(2, "0080"),
    ZONE_SWITCH: _writable(5, "2401010000"),
    SLOT_SWITCH: _writable(5, "2401010000"),
    PRICE_SWITCH: _writable(5, "2407010000"),  # extension
    STEP_SWITCH: _writable(5, "2407010000"),  # extension
    0x04000201: _count("01", 14, ERROR_ZONES),
    0x04000202: _count("01", 8, ERROR_SLOTS),
    0x04000203: _count("08", 14, ERROR_SLOTS),
    RATES: _count("04", 63, ERROR_RATES),
    0x04000205: _count("0000", 254, 0x01),
    0x04000206: _writable(1, "21", most=21),
    0x04000301: _writable(1, "10"),
    0x04000302: _writable(1, "05"),
    0x04000303: _writable(1, "02", most=4),
    0x04000304: _writable(1, "04", most=4),
    0x04000305: _writable(1, "40"),
    0x04000306: _writable(3, "000001"),  # extension
    0x04000307: _writable(3, "000001"),  # extension
    METER_NUMBER: _writable(6, "000000000000"),  # in fact the address, until it is written
    0x04000403: _writable(32, "SIMULATED METER", TEXT),
    0x04000404: Parameter(6, "220.0V", TEXT),
    0x04000405: Parameter(6, "5A", TEXT),
    0x04000406: Parameter(6, "60A", TEXT),
    0x04000407: Parameter(4, "2.0", TEXT),
    0x04000408: Parameter(4, "2.0", TEXT),
    0x04000409: Parameter(3, "001200"),
    0x0400040A: Parameter(3, "001200"),
    0x0400040B: Parameter(10, "SIM-1", TEXT),
    0x0400040C: Parameter(10, "2010-01-01", TEXT),
    0x0400040D: Parameter(16, "DL/T645-2007", TEXT),
    MODE_ACTIVE: _writable(1, "05", BITS),
    MODE_REACTIVE_1: _writable(1, "05", BITS),
    MODE_REACTIVE_2: _writable(1, "50", BITS),
    **{0x04000700 + port: _writable(1, "08", BITS) for port in range(1, 6)},
    0x04000801: _writable(1, "FF", BITS),
    REST_DAY_TABLE: _writable(1, "01", most=8),
    LOAD_MODE: _writable(1, "3F", BITS),
    FREEZE_MODE: _writable(1, "FF", BITS),
    LOAD_START: _writable(4, "01010000"),
    **{LOAD_INTERVAL + index: _writable(2, "0015", most=1440) for index in range(6)},
    SETTLEMENT_DAYS[0]: _writable(2, "0100"),
    SETTLEMENT_DAYS[1]: _writable(2, "9999"),
    SETTLEMENT_DAYS[2]: _writable(2, "9999"),
    **{0x04000D00 + index: _writable(2, "0000") for index in range(1, 13)},
    0x04000E01: _writable(3, "120000"),
    0x04000E02: _writable(3, "120000"),
    VOLTAGE_UPPER: _writable(2, "2354"),
    VOLTAGE_LOWER: _writable(2, "1980"),
    0x04001101: _writable(1, "00", BITS),  # extension
    0x04001104: _writable(1, "FF", BITS),  # extension
    **{zones: _writable(42, "010101", step=3) for zones in ZONES},
    **{table: _writable(42, _SLOTS, step=3) for table in SLOT_TABLES},
    **{holiday: _writable(4, "00000000") for holiday in HOLIDAYS},
    0x04800001: Parameter(32, "SIM FIRMWARE 1.0", TEXT),
    0x04800002: Parameter(32, "SIM HARDWARE 1.0", TEXT),
    0x04800003: Parameter(32, "SIM", TEXT),
}

PREPAID_PARAMETERS: dict[int, Parameter] = {
    0x00900100: Parameter(4, "00012345"),  # remaining energy, 0.01 kWh; extension
    0x00900101: Parameter(4, "00000000"),
    0x00900200: Parameter(4, "00006789"),  # remaining amount, 0.01 yuan; extension
    0x00900201: Parameter(4, "00000000"),
    STEP_PRICE: Parameter(4, "00005583"),
    PRICE: Parameter(4, "00005583"),
    RATE_PRICE: Parameter(4, "00005583"),
}
