"""What a DL/T 645-2007 meter does at each control code (clause 7 and annex D)."""

from collections.abc import Callable
from datetime import datetime

from host_tools.meter_simulator.access import ERROR_PASSWORD, LEVEL_CONTROL, LEVEL_WRITE
from host_tools.meter_simulator.addresses import BROADCAST, WILDCARD, from_wire, matches
from host_tools.meter_simulator.answer import Answer
from host_tools.meter_simulator.baud import SPEEDS_2007
from host_tools.meter_simulator.commands import Commands
from host_tools.meter_simulator.events_2007 import Events2007
from host_tools.meter_simulator.formats import moment_from_bcd
from host_tools.meter_simulator.frame import Frame
from host_tools.meter_simulator.identifiers_2007 import ADDRESS as OWN_ADDRESS
from host_tools.meter_simulator.identifiers_2007 import (
    DATE,
    DATE_AND_TIME,
    REPORT_RESET,
    TIME,
)
from host_tools.meter_simulator.memory import ERROR_OTHER
from host_tools.meter_simulator.operations_2007 import Operations2007
from host_tools.meter_simulator.reads_2007 import (
    ERROR_NO_SUCH_DATA,
    FOLLOW_UP,
    IDENTIFIER_SIZE,
    READ,
    Reads2007,
)
from host_tools.meter_simulator.works import Works

READ_ADDRESS, WRITE, WRITE_ADDRESS = 0x13, 0x14, 0x15
FREEZE, CHANGE_BAUD, CHANGE_PASSWORD = 0x16, 0x17, 0x18
CLEAR_DEMAND, CLEAR_METER, CLEAR_EVENTS = 0x19, 0x1A, 0x1B
CONTROL, OUTPUT, SECURITY, SET_TIME = 0x1C, 0x1D, 0x03, 0x08

ERROR_BAUD = 0x08

_PASSWORD_SIZE = 4  # level and three bytes
_OPERATOR_SIZE = 4
_NOBODY = bytes(_OPERATOR_SIZE)
_WRITE_HEAD = IDENTIFIER_SIZE + _PASSWORD_SIZE + _OPERATOR_SIZE
_WRITE_MAX = 50
_PASSWORD_CHANGE_SIZE = 12
_CLEAR_SIZE = 8
_CONTROL_SIZE = 16
_PASSWORDS = 0x04000C01  # of level 0; those of the others behind it
_OUTPUTS = 3
_SECURITY_CLASS = 0x07
_SERR_OTHER, _SERR_SECURITY_MODULE, _SERR_IDENTITY = 1 << 0, 1 << 2, 1 << 3
_IDENTITY = 0x070000FF
# Ignored at the address AA...: what only one meter may be meant by.
_NOT_FOR_ANYBODY = frozenset(
    {WRITE, FREEZE, CHANGE_BAUD, CHANGE_PASSWORD, CLEAR_DEMAND, CLEAR_METER, CLEAR_EVENTS}
    | {CONTROL, OUTPUT}
)


class Commands2007(Commands):
    """Carries out the requests to one meter."""

    def __init__(self, works: Works) -> None:
        """Act on the works of a meter."""
        super().__init__(works, READ)
        reads = Reads2007(works)
        self._events = Events2007(works)
        self._operations = Operations2007(works)
        self._functions: dict[int, Callable[[bytes, float], Answer | None]] = {
            READ: reads.read,
            FOLLOW_UP: reads.follow_up,
            READ_ADDRESS: self._read_address,
            WRITE: self._write,
            FREEZE: self._freeze,
            CHANGE_BAUD: self._change_baud,
            CHANGE_PASSWORD: self._change_password,
            CLEAR_DEMAND: self._clear,
            CLEAR_METER: self._clear,
            CLEAR_EVENTS: self._clear,
            CONTROL: self._control,
            OUTPUT: self._output,
            SECURITY: self._security,
            SET_TIME: self._set_time,
        }

    def answer(self, request: Frame, time_s: float) -> Answer | None:
        """Carry out a request that has come in until an instant; None is silence."""
        function = request.control
        if request.address == BROADCAST:
            self._hear_broadcast(function, request.data, time_s)
            return None
        if function == WRITE_ADDRESS:
            return self._write_address(request)
        if not matches(request.address, self._works.address):
            return None
        if request.address == WILDCARD and not self._heeds_wildcard(function):
            return None
        act = self._functions.get(function)
        if act is None:
            return None
        self._function = function
        moved_s = self._works.relay.catch_up(time_s)
        if moved_s is not None:
            self._operations.relay_moved(self._works.relay.is_open, _NOBODY, moved_s)
        return act(request.data, time_s)

    def _hear_broadcast(self, function: int, data: bytes, time_s: float) -> None:
        if function == SET_TIME:
            self._set_time(data, time_s)
        elif function == FREEZE and len(data) == 4:
            self._works.freezes.command(data, time_s)
        elif function == OUTPUT and len(data) == 1 and data[0] < _OUTPUTS:
            self._works.output = data[0]

    def _heeds_wildcard(self, function: int) -> bool:
        if function in (READ, FOLLOW_UP):
            return self._works.faults.wildcard_read
        return function not in _NOT_FOR_ANYBODY

    def _read_address(self, data: bytes, _: float) -> Answer | None:
        return None if data else self._say(bytes.fromhex(self._works.address)[::-1])

    # Writing

    def _write(self, data: bytes, time_s: float) -> Answer:
        if not _WRITE_HEAD < len(data) <= _WRITE_MAX:
            return self._refuse(ERROR_OTHER)
        identifier = int.from_bytes(data[:IDENTIFIER_SIZE], "little")
        password = data[IDENTIFIER_SIZE : IDENTIFIER_SIZE + _PASSWORD_SIZE]
        operator = data[_WRITE_HEAD - _OPERATOR_SIZE : _WRITE_HEAD]
        return self._done_or(
            self._write_as(identifier, password, operator, data[_WRITE_HEAD:], time_s)
        )

    def _write_as(
        self, identifier: int, password: bytes, operator: bytes, value: bytes, time_s: float
    ) -> int:
        """Write, if that is allowed and possible; give 0 or the error word."""
        works = self._works
        special = {
            DATE: self._write_clock,
            TIME: self._write_clock,
            DATE_AND_TIME: self._write_clock,
            OWN_ADDRESS: self._write_own_address,
            REPORT_RESET: self._reset_report,
        }
        act = special.get(identifier)
        if act is None and not works.memory.is_writable(identifier):
            return ERROR_NO_SUCH_DATA
        if not works.access.programming_key or not works.access.permits(password, LEVEL_WRITE):
            return ERROR_PASSWORD
        if act is not None:
            return act(identifier, operator, value, time_s)
        before = works.memory.raw(identifier)
        error = works.memory.write(identifier, value)
        if not error:
            self._operations.written(identifier, before, operator, time_s)
        return error

    def _write_clock(self, identifier: int, operator: bytes, value: bytes, time_s: float) -> int:
        before = self._works.clock.local(time_s)
        told = _clock_value(identifier, value, before)
        if told is None:
            return ERROR_OTHER
        self._works.clock.set(time_s, told)
        self._operations.clock_set(operator, before, told)
        return 0

    def _write_own_address(self, _: int, operator: bytes, value: bytes, time_s: float) -> int:
        address = from_wire(value) if len(value) == 6 else None
        if address is None:
            return ERROR_OTHER
        self._works.address = address
        return 0

    def _reset_report(self, _: int, operator: bytes, value: bytes, time_s: float) -> int:
        self._works.faults.event_pending = False
        return 0

    def _write_address(self, request: Frame) -> Answer | None:
        """Take a new address, and answer from it; without the key pressed there is silence."""
        address = from_wire(request.data) if len(request.data) == 6 else None
        known = request.address == WILDCARD or matches(request.address, self._works.address)
        if address is None or not known or not self._works.access.programming_key:
            return None
        self._works.address = address
        self._function = WRITE_ADDRESS
        return self._say()

    def _change_password(self, data: bytes, _: float) -> Answer:
        if len(data) != _PASSWORD_CHANGE_SIZE:
            return self._refuse(ERROR_OTHER)
        level = int.from_bytes(data[:IDENTIFIER_SIZE], "little") - _PASSWORDS
        old, new = data[4:8], data[8:]
        if not 0 <= level < 10:
            return self._refuse(ERROR_NO_SUCH_DATA)
        if not self._works.access.change(old, new, level):
            return self._refuse(ERROR_PASSWORD)
        return self._say(new)

    # Commands

    def _set_time(self, data: bytes, time_s: float) -> None:
        told = moment_from_bcd(data) if len(data) == 6 else None
        if told is not None:
            self._works.take_broadcast(told, time_s)

    def _freeze(self, data: bytes, time_s: float) -> Answer:
        if len(data) != 4 or not self._works.freezes.command(data, time_s):
            return self._refuse(ERROR_OTHER)
        return self._say()

    def _change_baud(self, data: bytes, _: float) -> Answer:
        speed = SPEEDS_2007.get(data[0]) if len(data) == 1 else None
        if speed is None:
            return self._refuse(ERROR_BAUD)
        return self._say(data, new_baud=speed)

    def _clear(self, data: bytes, time_s: float) -> Answer:
        wanted = _CLEAR_SIZE + (IDENTIFIER_SIZE if self._function == CLEAR_EVENTS else 0)
        if len(data) != wanted:
            return self._refuse(ERROR_OTHER)
        if not self._works.access.permits(data[:_PASSWORD_SIZE], LEVEL_CONTROL):
            return self._refuse(ERROR_PASSWORD)
        operator = data[_PASSWORD_SIZE:_CLEAR_SIZE]
        if self._function == CLEAR_EVENTS:
            identifier = int.from_bytes(data[_CLEAR_SIZE:], "little")
            if not self._events.forget(identifier, time_s):
                return self._refuse(ERROR_NO_SUCH_DATA)
            self._operations.events_cleared(identifier, operator, time_s)
        elif self._function == CLEAR_DEMAND:
            self._operations.demand_to_be_cleared(operator, time_s)
            self._works.registers.clear_demand(time_s)
        else:
            self._operations.meter_to_be_cleared(operator, time_s)
            self._works.registers.clear(time_s)
            self._events.forget(0xFFFFFFFF, time_s)
        return self._say()

    def _control(self, data: bytes, time_s: float) -> Answer:
        works = self._works
        if len(data) < _CONTROL_SIZE or not works.model.prepaid:
            return self._refuse_control(ERROR_OTHER)
        if not works.access.permits(data[:_PASSWORD_SIZE], LEVEL_CONTROL):
            return self._refuse_control(ERROR_PASSWORD)
        deadline = moment_from_bcd(data[10:16])
        if len(data) != _CONTROL_SIZE or deadline is None:
            return self._refuse_control(ERROR_PASSWORD)
        if deadline < works.clock.local(time_s):
            return self._refuse_control(ERROR_PASSWORD)
        operator = data[_PASSWORD_SIZE:_CLEAR_SIZE]
        was_open = works.relay.is_open
        if not works.relay.act(data[8], data[9], time_s):
            return self._refuse_control(ERROR_OTHER)
        if works.relay.is_open != was_open:
            self._operations.relay_moved(works.relay.is_open, operator, time_s)
        return self._say()

    def _refuse_control(self, error_word: int) -> Answer:
        filling = b"\0" if self._works.faults.long_control_errors else b""
        return self._refuse(error_word, filling)

    def _output(self, data: bytes, _: float) -> Answer:
        if len(data) != 1 or data[0] >= _OUTPUTS:
            return self._refuse(ERROR_OTHER)
        self._works.output = data[0]
        return self._say(data)

    def _security(self, data: bytes, _: float) -> Answer:
        """Refuse: there is no security module. What follows identification misses that."""
        error = _SERR_OTHER
        if len(data) >= 2 * IDENTIFIER_SIZE and data[3] == _SECURITY_CLASS:
            identity = int.from_bytes(data[:IDENTIFIER_SIZE], "little") == _IDENTITY
            error = _SERR_SECURITY_MODULE if identity else _SERR_IDENTITY
        return self._refuse(error & 0xFF, bytes([error >> 8]))

    def _done_or(self, error_word: int) -> Answer:
        return self._refuse(error_word) if error_word else self._say()


def _clock_value(identifier: int, value: bytes, now: datetime) -> datetime | None:
    """Give the time that a written date, time, or both make; None if it is none."""
    now_raw = bytes.fromhex(now.strftime("%y%m%d%H%M%S"))[::-1]
    if identifier == TIME and len(value) == 3:
        return moment_from_bcd(value + now_raw[3:])
    if identifier == DATE and len(value) == 4:
        return moment_from_bcd(now_raw[:3] + value[1:])
    if identifier == DATE_AND_TIME and len(value) == 7:
        return moment_from_bcd(value[:3] + value[4:])
    return None
