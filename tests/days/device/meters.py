"""Meters of DL/T 645-2007 that answer reads: data identifiers and formats of its annex A."""

import dlt645
import load

_READ = 0x11
_ANSWER = 0x91
_REFUSAL = 0xC0  # added to the control code
_NO_DATA = b"\x02"
_WAKE_UP = b"\xfe\xfe\xfe\xfe"


def _digits(value, size):
    """`size` bytes of BCD, least significant first."""
    return bytes([value // 100**i % 10 + value // 100**i // 10 % 10 * 16 for i in range(size)])


def _energy(number, second):
    return _digits(load.energy(number, second), 4)


def _energies(number, second):
    """Total and four rates: all of it is of the first one."""
    total = _energy(number, second)
    return total + total + bytes(12)


def _voltage(number, second):
    return _digits(load.voltage(number, second), 2)


def _current(number, second):
    return _digits(load.current(number, second), 3)


_ITEMS = {
    b"\x00\x00\x01\x00": _energy,
    b"\x00\xff\x01\x00": _energies,
    b"\x00\x01\x01\x02": _voltage,
    b"\x00\xff\x01\x02": lambda *which: _voltage(*which) + bytes(4),
    b"\x00\x01\x02\x02": _current,
    b"\x00\xff\x02\x02": lambda *which: _current(*which) + bytes(6),
}


class Meters:
    """The meters of one line: {address: number}; those in `dead` never answer."""

    def __init__(self, numbers, dead):
        self._numbers = numbers
        self._dead = dead

    def answer(self, request, second):
        """The bytes on the wire in answer to a request at a time; None for silence."""
        try:
            address, control, data = dlt645.parse(request)
        except ValueError:
            return None
        number = self._numbers.get(address)
        if number is None or number in self._dead:
            return None
        item = _ITEMS.get(data[:4]) if control == _READ else None
        if item is None:
            return _WAKE_UP + dlt645.frame(address, control | _REFUSAL, _NO_DATA)
        return _WAKE_UP + dlt645.frame(address, _ANSWER, data[:4] + item(number, second))
