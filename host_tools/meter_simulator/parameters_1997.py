"""Parameters of a DL/T 645-1997 meter (identifiers C...), as a meter leaves the factory."""

from host_tools.meter_simulator.formats import BITS
from host_tools.meter_simulator.memory import Parameter

METER_NUMBER, USER_NUMBER, DEVICE_CODE = 0xC032, 0xC033, 0xC034
SETTLEMENT_DAY = 0xC117
RATES = 0xC313

ERROR_ZONES, ERROR_SLOTS, ERROR_RATES = 0x10, 0x20, 0x40

_SLOTS = ("000004", "070003", "080002", "120003", "170002", "190001", "210003", "230004")


def _writable(default: str, kind: str = "bcd", **options: int) -> Parameter:
    return Parameter(len(default) // 2, default, kind, writable=True, **options)


PARAMETERS: dict[int, Parameter] = {
    0xC022: Parameter(1, "00", BITS),  # slot table and zone table in use
    0xC030: _writable("001200"),
    0xC031: _writable("001200"),
    METER_NUMBER: _writable("000000000000"),  # in fact the address, until it is written
    USER_NUMBER: _writable("000000000000"),
    DEVICE_CODE: _writable("000000000000"),
    0xC111: _writable("15", most=60),
    0xC112: _writable("15", most=60),
    0xC113: _writable("05"),
    0xC114: _writable("10"),
    0xC115: _writable("02"),
    0xC116: _writable("02"),
    SETTLEMENT_DAY: _writable("0100"),
    0xC118: _writable("01"),
    0xC119: _writable("00000000"),
    0xC11A: _writable("00000000"),
    0xC211: _writable("0080"),
    0xC310: _writable("01", most=14, beyond=ERROR_ZONES),
    0xC311: _writable("01", most=8, beyond=ERROR_SLOTS),
    0xC312: _writable("08", most=14, beyond=ERROR_SLOTS),
    RATES: _writable("04", most=14, beyond=ERROR_RATES),
    0xC314: _writable("00"),
    **{0xC320 + zone: _writable("010101") for zone in range(1, 15)},
    **{
        0xC330 + 16 * table + slot: _writable(_SLOTS[min(slot, len(_SLOTS)) - 1])
        for table in range(8)
        for slot in range(1, 15)
    },
    **{0xC410 + holiday: _writable("000000") for holiday in range(1, 14)},
    0xC41E: _writable("01"),
    0xC510: _writable("01010000"),
    0xC511: _writable("0015"),
}
