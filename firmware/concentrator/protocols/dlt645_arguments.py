"""Arguments of requests to meters: what they may be, and the form that they have on the wire."""

from micropython import const

WILDCARD = "AAAAAAAAAAAA"  # whoever is alone on the line
BROADCAST = "999999999999"

_LEVELS = const(10)  # of passwords

# Speeds in bit/s: one bit each of the word, and not the same one in both editions.
SPEEDS = {2007: (600, 1200, 2400, 4800, 9600, 19200), 1997: (300, 600, 1200, 2400, 4800, 9600)}


class Access:
    """Who asks: a password level, its password as 3 bytes on the wire, 4 bytes of operator code.

    The order of a password's bytes differs between makers, so they are taken as they are sent.
    """

    def __init__(self, level, password, operator=b"\0\0\0\0"):
        if not is_integer(level) or not 0 <= level < _LEVELS:
            raise ValueError("the password's level is not 0 to 9")
        if not is_bytes(password, 3, 3):
            raise ValueError("the password is not 3 bytes")
        if not is_bytes(operator, 4, 4):
            raise ValueError("the operator code is not 4 bytes")
        self.level = level
        self.password = bytes([level]) + password  # PA P0 P1 P2
        self.rights = self.password + operator  # and C0 to C3

    def __repr__(self):
        """Without the password."""
        return "Access(level %d)" % self.level


def is_integer(value):
    """Whether it is a whole number, which True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_bytes(value, least, most):
    """Whether it is so many bytes."""
    return isinstance(value, (bytes, bytearray)) and least <= len(value) <= most


def check_edition(edition):
    """ValueError for an edition that there is not."""
    if edition not in SPEEDS:
        raise ValueError("edition is 2007 or 1997")


def check_2007(edition, what):
    """ValueError for a request that only the 2007 edition has."""
    check_edition(edition)
    if edition != 2007:
        raise ValueError("DL/T 645-1997 has no request for " + what)


def check_meter(address, edition):
    """ValueError for what is not one meter's own address; one of 1997 may be filled up with A."""
    check_edition(edition)
    digits = address if isinstance(address, str) and len(address) == 12 else ""
    if edition == 1997:
        digits = digits.lstrip("A")
    if not digits or not all("0" <= digit <= "9" for digit in digits) or digits == BROADCAST:
        raise ValueError("the address is not one meter's: 12 digits, no wildcard, not everybody's")


def check_access(access):
    """TypeError for what is no Access; the message does not show it."""
    if not isinstance(access, Access):
        raise TypeError("the access is not an Access: level, password and operator code")


def bcd(value):
    """The byte with these two digits."""
    return value // 10 << 4 | value % 10


def wire_digits(digits):
    """The bytes of an address, last digits first; an A stays one."""
    return bytes([int(digits[i : i + 2], 16) for i in range(10, -1, -2)])


def _days(year, month):
    if month == 2:
        return 29 if year % 4 == 0 else 28  # 2000 was a leap year, and there is no 2100 here
    return 30 if month in (4, 6, 9, 11) else 31


def wire_time(time, name):
    """ss mm hh DD MM YY; ValueError for what is no time from 2000 to 2099."""
    fields = tuple(time)[:6] if isinstance(time, (tuple, list)) else ()
    good = len(fields) == 6 and all(is_integer(field) for field in fields)
    if good:
        year, month, day, hour, minute, second = fields
        good = 2000 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= _days(year, month)
        good = good and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59
    if not good:
        raise ValueError(
            "the %s is no year (2000 to 2099), month, day, hour, minute, second" % name
        )
    return bytes([bcd(field % 100) for field in reversed(fields)])


def load_range(count, time=None):
    """What stands behind the identifier of load records: how many (1 to 99), and from when on.

    Without a `time` (year, month, day, hour, minute, second, which is not sent) it is for the
    earliest (06xx0000) or latest (06xx0002) ones; with one for those from then on (06xx0001), and
    for curves (0610xxxx).
    """
    if not is_integer(count) or not 1 <= count <= 99:
        raise ValueError("the number of load records is not 1 to 99")
    return bytes([bcd(count)]) + (b"" if time is None else wire_time(time, "time")[1:])
