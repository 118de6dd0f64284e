"""The item catalogue: what can be read from a meter, and under which identifier.

An item's value is an integer; its unit and scale (power of ten) are here and go upstream once,
in the birth.
"""

from micropython import const

_DI = const(0)  # places in a catalogue entry
_INDEX = const(1)
_SCALE = const(2)
_UNIT = const(3)

# name: (DL/T 645-2007 data identifier, which value of its answer, scale, unit)
_CATALOGUE = {
    "energy.forward.total": (0x00010000, 0, -2, "kWh"),
    "energy.forward.rate1": (0x00010100, 0, -2, "kWh"),
    "energy.forward.rate2": (0x00010200, 0, -2, "kWh"),
    "energy.forward.rate3": (0x00010300, 0, -2, "kWh"),
    "energy.forward.rate4": (0x00010400, 0, -2, "kWh"),
    "voltage.a": (0x02010100, 0, -1, "V"),
    "current.a": (0x02020100, 0, -3, "A"),
    "power.active.total": (0x02030000, 0, -4, "kW"),
}


def names():
    """All item names, sorted."""
    return sorted(_CATALOGUE)


def identifier(name):
    """(data identifier, index of the value in its answer); KeyError for an unknown item."""
    entry = _CATALOGUE[name]
    return entry[_DI], entry[_INDEX]


def scale(name):
    """The power of ten a value is to be multiplied by: -2 means hundredths of the unit."""
    return _CATALOGUE[name][_SCALE]


def unit(name):
    """The unit, e.g. kWh."""
    return _CATALOGUE[name][_UNIT]
