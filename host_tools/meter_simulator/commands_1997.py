"""What a DL/T 645-1997 meter does at each control code."""

from collections.abc import Callable
from dataclasses import replace

from host_tools.meter_simulator import addresses
from host_tools.meter_simulator.access import ERROR_PASSWORD, LEVEL_CONTROL, LEVEL_WRITE
from host_tools.meter_simulator.answer import MORE, Answer
from host_tools.meter_simulator.baud import SPEEDS_1997
from host_tools.meter_simulator.commands import Commands
from host_tools.meter_simulator.follow_ups import FollowUps
from host_tools.meter_simulator.formats import (
    MONTH_TO_MINUTE,
    join,
    moment_from_bcd,
    stamp,
    values,
)
from host_tools.meter_simulator.frame import BODY_MAX, Frame
from host_tools.meter_simulator.identifiers_1997 import (
    DATE,
    DEMAND_CLEARED,
    PROGRAMMED,
    TIME,
    Identifiers1997,
)
from host_tools.meter_simulator.works import Works

READ, FOLLOW_UP, READ_AGAIN, WRITE, SET_TIME = 0x01, 0x02, 0x03, 0x04, 0x08
WRITE_ADDRESS, CHANGE_BAUD, CHANGE_PASSWORD, CLEAR_DEMAND = 0x0A, 0x0C, 0x0F, 0x10

ERROR_ILLEGAL_DATA, ERROR_NO_SUCH_DATA = 0x01, 0x02

_IDENTIFIER_SIZE = 2
_PASSWORD_SIZE = 4
_WRITE_HEAD = _IDENTIFIER_SIZE + _PASSWORD_SIZE


class Commands1997(Commands):
    """Carries out the requests to one meter."""

    def __init__(self, works: Works) -> None:
        """Act on the works of a meter."""
        super().__init__(works, READ)
        self._identifiers = Identifiers1997(works)
        self._follow_ups = FollowUps()
        self._last: Answer | None = None  # what was read last
        self._functions: dict[int, Callable[[bytes, float], Answer | None]] = {
            READ: self._read,
            FOLLOW_UP: self._follow_up,
            READ_AGAIN: self._read_again,
            WRITE: self._write,
            SET_TIME: self._set_time,
            WRITE_ADDRESS: self._write_address,
            CHANGE_BAUD: self._change_baud,
            CHANGE_PASSWORD: self._change_password,
            CLEAR_DEMAND: self._clear_demand,
        }

    def answer(self, request: Frame, time_s: float) -> Answer | None:
        """Carry out a request that has come in until an instant; None is silence."""
        act = self._functions.get(request.control)
        if act is None:
            return None
        if request.address == addresses.BROADCAST:
            if request.control != SET_TIME and not self._works.faults.answers_broadcast:
                return None
        elif not addresses.matches_1997(request.address, self._works.address):
            return None
        self._function = request.control
        return act(request.data, time_s)

    # Reading

    def _read(self, data: bytes, time_s: float) -> Answer:
        if len(data) != _IDENTIFIER_SIZE:
            return self._refuse(ERROR_ILLEGAL_DATA)
        fields = self._identifiers.read(int.from_bytes(data, "little"), time_s)
        if fields is None:
            return self._refuse(ERROR_NO_SUCH_DATA)
        limit = self._works.faults.split_at or BODY_MAX - _IDENTIFIER_SIZE
        part, more = self._follow_ups.begin(data, join(fields), limit, limit)
        di = data[::-1].hex().upper()
        said = self._say(data + part, more=more)
        self._last = replace(said, di=di, values=values(fields))
        return self._last

    def _follow_up(self, data: bytes, _: float) -> Answer:
        part = self._follow_ups.following(data)
        if part is None:
            return self._refuse(ERROR_NO_SUCH_DATA)
        self._last = self._say(data + part[0], more=part[1])
        return self._last

    def _read_again(self, data: bytes, _: float) -> Answer:
        if data:
            return self._refuse(ERROR_ILLEGAL_DATA)
        if self._last is None:
            return self._refuse(ERROR_NO_SUCH_DATA)
        last = self._last.frame
        said = self._say(last.data, more=bool(last.control & MORE))
        return replace(self._last, frame=said.frame)

    # Writing and commands

    def _write(self, data: bytes, time_s: float) -> Answer:
        works = self._works
        if len(data) <= _WRITE_HEAD:
            return self._refuse(ERROR_ILLEGAL_DATA)
        identifier = int.from_bytes(data[:_IDENTIFIER_SIZE], "little")
        is_clock = identifier in (DATE, TIME)
        if not is_clock and not works.memory.is_writable(identifier):
            return self._refuse(ERROR_NO_SUCH_DATA)
        if not self._may_program(data[_IDENTIFIER_SIZE:_WRITE_HEAD]):
            return self._refuse(ERROR_PASSWORD)
        value = data[_WRITE_HEAD:]
        if is_clock:
            error = self._write_clock(identifier, value, time_s)
        else:
            error = works.memory.write(identifier, value)
        if error:
            return self._refuse(error)
        self._log(PROGRAMMED, time_s)
        return self._say()

    def _write_clock(self, identifier: int, value: bytes, time_s: float) -> int:
        clock = self._works.clock
        now = bytes.fromhex(clock.local(time_s).strftime("%y%m%d%H%M%S"))[::-1]
        told = None
        if identifier == TIME and len(value) == 3:
            told = moment_from_bcd(value + now[3:])
        elif identifier == DATE and len(value) == 4:
            told = moment_from_bcd(now[:3] + value[1:])
        if told is None:
            return ERROR_ILLEGAL_DATA
        clock.set(time_s, told)
        return 0

    def _set_time(self, data: bytes, time_s: float) -> None:
        told = moment_from_bcd(data) if len(data) == 6 else None
        if told is not None:
            self._works.take_broadcast(told, time_s)

    def _write_address(self, data: bytes, _: float) -> Answer | None:
        """Take a new address, and answer from it; without the key pressed there is silence."""
        address = addresses.from_wire(data) if len(data) == 6 else None
        if address is None or not self._works.access.programming_key:
            return None
        self._works.address = address
        return self._say()

    def _change_baud(self, data: bytes, _: float) -> Answer:
        speed = SPEEDS_1997.get(data[0]) if len(data) == 1 else None
        if speed is None:
            return self._refuse(ERROR_ILLEGAL_DATA)
        return self._say(data, new_baud=speed)

    def _change_password(self, data: bytes, _: float) -> Answer:
        if len(data) != 2 * _PASSWORD_SIZE:
            return self._refuse(ERROR_ILLEGAL_DATA)
        old, new = data[:_PASSWORD_SIZE], data[_PASSWORD_SIZE:]
        if not self._works.access.change(old, new, new[0]):
            return self._refuse(ERROR_PASSWORD)
        return self._say(new)

    def _clear_demand(self, data: bytes, time_s: float) -> Answer:
        if len(data) != _PASSWORD_SIZE:
            return self._refuse(ERROR_ILLEGAL_DATA)
        if not self._works.access.permits(data, LEVEL_CONTROL):
            return self._refuse(ERROR_PASSWORD)
        self._works.registers.clear_demand(time_s)
        self._log(DEMAND_CLEARED, time_s)
        return self._say()

    def _may_program(self, password: bytes) -> bool:
        access = self._works.access
        return access.programming_key and access.permits(password, LEVEL_WRITE)

    def _log(self, kind: int, time_s: float) -> None:
        moment = stamp(self._works.clock.local(time_s), MONTH_TO_MINUTE)
        self._works.log.add(kind, moment.raw)

    @property
    def _address(self) -> str:
        address = self._works.address
        padded = self._works.faults.padded_with_a
        return addresses.padded_with_a(address) if padded else address
