"""PyPI `dlt645`, another author's codec in CPython, tried on what ours is tried on."""

import timeit
from typing import Any

from dlt645.common.transform import bcd_to_float
from dlt645.protocol.protocol import DLT645Protocol
from dlt645.service.clientsvc.client_service import MeterClientService
from dlt645.transport.client.rtu_client import RtuClient

_NUMBERS = (0x00, 0x02)  # classes whose values are numbers: energy, variables
_ENERGY_FORMAT = "XXXXXX.XX"
_METER = bytes.fromhex("129078563412")
_ENERGY = bytes.fromhex("0000010078563412")
_NUMBER = 123456.78
_READ_ANSWER = 0x91
_REPEATS = 5
_COUNT = 10_000


class _NoLine(RtuClient):
    """Its serial client, given what would have come from the line."""

    came = b""

    def _ensure_connection(self) -> bool:
        return True

    def send_request(self, data: bytes, retries: int = 1) -> bytes | None:
        self._read_buffer = bytearray(self.came)
        return self._take_complete_frame()


class Reader:
    """Its client of meters, without a line."""

    def __init__(self) -> None:
        self._line = _NoLine()
        self._service = MeterClientService(self._line)
        # Who reads nothing at all would read nothing wrong.
        assert self._take(_METER, _answer()) == _NUMBER

    def wrong(self, address: bytes, identifier: bytes, payload: bytes, line: bytes) -> bool:
        """Whether it takes a value from the line that is not the true one.

        `address` and `identifier` are what it has asked, all in wire order.
        """
        taken = self._take(address, line)
        return taken is not None and taken != self._true_value(identifier, payload)

    def _take(self, address: bytes, line: bytes) -> Any:
        self._service.address = bytearray(address)
        self._line.came = line
        item = self._service.send_and_handle_request(b"")
        return getattr(item, "value", item)

    def _true_value(self, identifier: bytes, payload: bytes) -> Any:
        """What it makes of the true answer; None for what it cannot read, such as a block."""
        item = self._service.data_map.get(int.from_bytes(identifier, "little"))
        if item is None:
            return None
        if identifier[3] in _NUMBERS:
            return bcd_to_float(payload, item.data_format, "little")
        return payload[::-1].hex()


def _answer() -> bytes:
    return bytes(DLT645Protocol.build_frame(_METER, _READ_ANSWER, _ENERGY, 4))


def encode_us() -> float:
    """Microseconds to make the energy answer, 4 wake-up bytes and 20."""
    return _best(_answer)


def decode_us() -> float:
    """Microseconds from the bytes of the energy answer to the number in it."""
    line = _answer()

    def decode() -> float:
        frame = DLT645Protocol.deserialize(line)
        return bcd_to_float(frame.data[4:8], _ENERGY_FORMAT, "little")

    assert decode() == _NUMBER
    return _best(decode)


def _best(function: Any) -> float:
    return min(timeit.repeat(function, number=_COUNT, repeat=_REPEATS)) / _COUNT * 1e6
