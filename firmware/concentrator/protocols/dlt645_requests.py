"""What is sent to meters beside readings: one function a request, of both editions of DL/T 645.

Each gives a Request for a CommandTransaction (dlt645_commands.py), or raises ValueError, a
sentence that says what is wrong, before anything can be sent. Passwords are in no message.

`address` is 12 digits. What changes a meter goes to that one meter: never to a wildcard, and to
everybody only where it says so. `access` is an Access (dlt645_arguments.py), or TypeError says so.
`edition` is 2007 or 1997; what an edition hasn't is an error. Times are local, tuples that begin
with year, month, day, hour, minute, second, as time.gmtime() gives them.
Sources: DL/T 645-2007, clause 7 and annexes, and -1997, data link and application layer.
"""

from micropython import const

from .dlt645_arguments import (
    BROADCAST,
    SPEEDS,
    WILDCARD,
    bcd,
    check_2007,
    check_access,
    check_edition,
    check_meter,
    is_bytes,
    is_integer,
    wire_digits,
    wire_time,
)

READ_ADDRESS = const(0x13)
_SECURITY = const(0x03)
_SET_TIME = const(0x08)
_WRITE = const(0x14)
_WRITE_1997 = const(0x04)
_WRITE_ADDRESS = const(0x15)
_WRITE_ADDRESS_1997 = const(0x0A)
_FREEZE = const(0x16)
_CHANGE_SPEED = const(0x17)
_CHANGE_SPEED_1997 = const(0x0C)
_CHANGE_PASSWORD = const(0x18)
_CHANGE_PASSWORD_1997 = const(0x0F)
_CLEAR_DEMAND = const(0x19)
_CLEAR_DEMAND_1997 = const(0x10)
_CLEAR_METER = const(0x1A)
_CLEAR_EVENTS = const(0x1B)
_RELAY = const(0x1C)
_OUTPUT = const(0x1D)

_PASSWORDS = const(0x04000C01)  # of level 0; those of the others behind it
_MAX_DATA = const(200)
_MAX_WRITE = const(50)
_ANY = const(0x99)  # in a freeze: every month, day, hour, minute
_ALL = const(0xFF)  # the last byte of an identifier of a whole kind
_CIPHER_LEVELS = (0x98, 0x99)
_CIPHER_RELAY_SIZE = const(28)  # level, three zeros, operator, 20 bytes of cipher and its code

# What a wildcard may be asked for, by edition; more than one answer is noise, and does no harm.
_HARMLESS = {2007: (0x11, 0x12, READ_ADDRESS), 1997: (0x01, 0x02, 0x03)}

# Actions of the relay: their byte.
RELAY_ACTIONS = {
    "trip": 0x1A,
    "allow": 0x1B,  # the customer closes it, by a button
    "close": 0x1C,
    "trip-close": 0x1D,  # and it closes by itself after the pause
    "trip-allow": 0x1E,
    "alarm": 0x2A,
    "alarm-off": 0x2B,
    "keep": 0x3A,  # no trip is taken until keep-off
    "keep-off": 0x3B,
}
_PAUSING = ("trip-close", "trip-allow")
_PAUSE_UNIT_MIN = const(5)

OUTPUTS = ("second", "demand", "rate")  # signal of the clock, of a demand period, of a new rate


class Request:
    """One request, checked. `data` is plain. What a good answer is:

    it comes from `answerer`, begins with `identifier` unless that is None, and says `says` unless
    that is None. A request that is not `answered` has none. `repeatable`: to send it twice does no
    more than to send it once. `transparent`: any frame of that meter and function will do.
    """

    __slots__ = (
        "address",
        "answered",
        "answerer",
        "control",
        "data",
        "edition",
        "identifier",
        "repeatable",
        "says",
        "transparent",
    )

    def __init__(self, edition, address, control, data):
        self.edition = edition
        self.address = address
        self.control = control
        self.data = data
        self.answered = address != BROADCAST
        self.answerer = address
        self.identifier = None
        self.says = None
        self.repeatable = False
        self.transparent = False


def write(address, identifier, data, access, edition=2007):
    """Write an item (14H; 04H): `data` are its bytes in wire order, without the 33H offset."""
    check_meter(address, edition)
    check_access(access)
    size, rights, control = 4, access.rights, _WRITE
    if edition == 1997:
        size, rights, control = 2, access.password, _WRITE_1997
    if not is_integer(identifier) or not 0 <= identifier < 1 << 8 * size:
        raise ValueError("an identifier of DL/T 645-%d has %d bytes" % (edition, size))
    most = _MAX_WRITE - size - len(rights)
    if not is_bytes(data, 1, most):
        raise ValueError("data to write is not 1 to %d bytes" % most)
    return Request(edition, address, control, identifier.to_bytes(size, "little") + rights + data)


def read_address(address=WILDCARD, edition=2007):
    """Ask for the address (13H): at the wildcard, whoever is alone on the line tells."""
    check_2007(edition, "reading the address; read C032")
    if address != WILDCARD:
        check_meter(address, edition)
    request = Request(edition, address, READ_ADDRESS, b"")
    request.repeatable = True
    return request


def write_address(address, new, edition=2007):
    """Give a meter another address (15H, at the wildcard only; 0AH), from which it answers.

    Every meter on the line whose programming key is pressed takes it: there must be but one.
    """
    if edition == 1997:
        check_meter(address, edition)
    else:
        check_edition(edition)
        if address != WILDCARD:
            raise ValueError("a new address is only heard at %s, alone on the line" % WILDCARD)
    check_meter(new, edition)
    control = _WRITE_ADDRESS_1997 if edition == 1997 else _WRITE_ADDRESS
    request = Request(edition, address, control, wire_digits(new))
    request.answerer = new
    return request


def set_time(time, address=BROADCAST, edition=2007):
    """Tell everybody, or one meter, the time (08H). There is no answer: read the clock.

    Meters heed it once a day, for no more than 5 minutes, and not within 5 minutes of midnight or
    of a settlement.
    """
    if address != BROADCAST:
        check_meter(address, edition)
    check_edition(edition)
    request = Request(edition, address, _SET_TIME, wire_time(time, "time"))
    request.answered = False
    return request


def freeze(address, minute=None, hour=None, day=None, edition=2007):
    """Freeze the registers (16H): now, or with a minute every hour, with an hour every day at that
    time, with a day (1 to 28) every month. At BROADCAST there is no answer.
    """
    check_2007(edition, "freezing on command")
    if address != BROADCAST:
        check_meter(address, edition)
    if (hour is not None and minute is None) or (day is not None and hour is None):
        raise ValueError("a freeze at an hour needs its minute, one on a day its hour")
    for value, low, high, name in (
        (minute, 0, 59, "minute"),
        (hour, 0, 23, "hour"),
        (day, 1, 28, "day"),
    ):
        if value is not None and not (is_integer(value) and low <= value <= high):
            raise ValueError("the freeze's %s is not %d to %d" % (name, low, high))
    data = [_ANY if value is None else bcd(value) for value in (minute, hour, day)]
    return Request(edition, address, _FREEZE, bytes(data + [_ANY]))


def change_speed(address, baud, edition=2007):
    """Have a meter change to `baud` bit/s (17H; 0CH). It answers at the speed that it had."""
    check_meter(address, edition)
    speeds = SPEEDS[edition]
    if baud not in speeds:
        known = ", ".join([str(speed) for speed in speeds])
        raise ValueError("the speed is not one of %s bit/s" % known)
    control = _CHANGE_SPEED_1997 if edition == 1997 else _CHANGE_SPEED
    request = Request(edition, address, control, bytes([2 << speeds.index(baud)]))
    request.says = request.data
    return request


def change_password(address, old, new, edition=2007):
    """Change the password of new's level (18H; 0FH). `old` and `new` are Access."""
    check_meter(address, edition)
    check_access(old)
    check_access(new)
    data = old.password + new.password
    control = _CHANGE_PASSWORD_1997
    if edition == 2007:
        data = (_PASSWORDS + new.level).to_bytes(4, "little") + data
        control = _CHANGE_PASSWORD
    request = Request(edition, address, control, data)
    request.says = new.password
    return request


def clear_demand(address, access, edition=2007):
    """Set maximum demand to zero (19H; 10H)."""
    check_meter(address, edition)
    check_access(access)
    if edition == 1997:
        return Request(edition, address, _CLEAR_DEMAND_1997, access.password)
    return Request(edition, address, _CLEAR_DEMAND, access.rights)


def clear_meter(address, access, edition=2007):
    """Set all of a meter's registers to zero (1AH)."""
    check_2007(edition, "clearing a meter")
    check_meter(address, edition)
    check_access(access)
    return Request(edition, address, _CLEAR_METER, access.rights)


def clear_events(address, access, identifier=0xFFFFFFFF, edition=2007):
    """Forget the events of one kind (1BH), an identifier of events that ends in FF, or all."""
    check_2007(edition, "clearing events")
    check_meter(address, edition)
    check_access(access)
    events = is_integer(identifier) and 0 <= identifier <= 0xFFFFFFFF
    if not events or identifier & 0xFF != _ALL or not _is_of_events(identifier >> 24):
        raise ValueError("the identifier is not one of events that ends in FF, nor FFFFFFFF")
    data = access.rights + identifier.to_bytes(4, "little")
    return Request(edition, address, _CLEAR_EVENTS, data)


def switch_relay(address, access, action, deadline, pause_min=0, edition=2007):
    """Have the relay do one of RELAY_ACTIONS (1CH); the meter refuses it after the deadline.

    `pause_min`, 5 to 1275 in steps of 5, is how long a trip that ends by itself lasts. The answer
    says that the command is accepted, not that it is done: dlt645_procedures.switch_relay() looks.
    """
    check_2007(edition, "a relay")
    check_meter(address, edition)
    check_access(access)
    if action not in RELAY_ACTIONS:
        known = ", ".join(sorted(RELAY_ACTIONS))
        raise ValueError("the relay's action is not one of %s" % known)
    steps = 0
    if action in _PAUSING:
        good = is_integer(pause_min) and 0 < pause_min <= 255 * _PAUSE_UNIT_MIN
        if not good or pause_min % _PAUSE_UNIT_MIN:
            raise ValueError("the pause is not 5 to 1275 minutes in steps of 5")
        steps = pause_min // _PAUSE_UNIT_MIN
    elif pause_min != 0:
        raise ValueError("only %s have a pause" % " and ".join(_PAUSING))
    data = access.rights + bytes([RELAY_ACTIONS[action], steps])
    return Request(edition, address, _RELAY, data + wire_time(deadline, "deadline"))


def set_output(address, output, edition=2007):
    """Switch the multi-function output (1DH) to one of OUTPUTS."""
    check_2007(edition, "a multi-function output")
    check_meter(address, edition)
    if output not in OUTPUTS:
        raise ValueError("the output is not one of %s" % ", ".join(OUTPUTS))
    request = Request(edition, address, _OUTPUT, bytes([OUTPUTS.index(output)]))
    request.says = request.data
    return request


def pass_security(address, control, data, edition=2007):
    """Pass on a frame that a cipher protects: 03H, or 14H or 1CH of level 98 or 99.

    Only the place of things is looked at: identifier, level and length. What is in them is between
    the master station and the meter.
    """
    check_2007(edition, "security frames")
    check_meter(address, edition)
    if not is_bytes(data, 0, _MAX_DATA):
        raise ValueError("a security frame's data is not bytes, %d at most" % _MAX_DATA)
    if control == _SECURITY:
        good = len(data) >= 8 and data[0] == _ALL and data[3] == 0x07
    elif control == _WRITE:
        good = len(data) > 12 and data[4] in _CIPHER_LEVELS
    elif control == _RELAY:
        good = len(data) == _CIPHER_RELAY_SIZE and data[0] in _CIPHER_LEVELS
    else:
        raise ValueError("a security frame's control code is not 03, 14 or 1C")
    if not good:
        raise ValueError("no security frame: identifier 07xxxxFF, or level 98 or 99 is missing")
    request = Request(edition, address, control, data)
    if control == _SECURITY:
        request.identifier = int.from_bytes(data[:4], "little")
    return request


def pass_frame(address, control, data, edition=2007):
    """Pass on any frame of a master; any answer of that meter to that function is a good one."""
    check_edition(edition)
    if not is_integer(control) or not 0 <= control <= 0x1F:
        raise ValueError("the control code is not one of a master's, 00 to 1F")
    if control == (_WRITE_ADDRESS_1997 if edition == 1997 else _WRITE_ADDRESS):
        raise ValueError("a frame that changes the address is not passed on; use write_address()")
    if address == BROADCAST:
        if control != _SET_TIME and (control != _FREEZE or edition == 1997):
            raise ValueError("this control code is not for everybody")
    elif address != WILDCARD or control not in _HARMLESS[edition]:
        check_meter(address, edition)
    if not is_bytes(data, 0, _MAX_DATA):
        raise ValueError("the frame's data is not bytes, %d at most" % _MAX_DATA)
    request = Request(edition, address, control, data)
    request.transparent = True
    request.answered = request.answered and control != _SET_TIME
    return request


def _is_of_events(kind):
    """Whether DI3 is one of events: 03 by the standard, 10H and above in extensions."""
    return kind == 0x03 or kind >= 0x10
