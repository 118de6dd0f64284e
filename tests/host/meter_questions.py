"""Asks a simulated meter without a bus."""

from host_tools.meter_simulator import Answer, Frame, Meter

NOW = 1_764_000_600.0  # 2025-11-24 16:10:00 UTC, a Monday
ADDRESS = "000000000001"
READ, FOLLOW_UP, WRITE = 0x11, 0x12, 0x14
PASSWORD, OPERATOR = b"\x02\0\0\0", b"\x11\x22\x33\x44"


def wire(di: str) -> bytes:
    """Give the bytes of an identifier, or of digits, as they go over the wire."""
    return bytes.fromhex(di)[::-1]


def ask(
    meter: Meter, control: int, data: bytes = b"", at: float = NOW, address: str = ""
) -> Answer | None:
    return meter.answer(Frame(address or meter.address, control, data), at)


def say(meter: Meter, control: int, data: bytes = b"", at: float = NOW) -> tuple[int, bytes]:
    """Give control code and data of the answer that there must be."""
    answer = ask(meter, control, data, at)
    assert answer is not None
    return answer.frame.control, answer.frame.data


def read(meter: Meter, di: str, at: float = NOW, more: bytes = b"") -> bytes:
    """Give the data of an item behind its identifier, with all follow-up frames."""
    control, data = say(meter, READ, wire(di) + more, at)
    value = data[4:]
    sequence = 0
    while control in (0xB1, 0xB2):
        sequence = sequence % 255 + 1
        control, data = say(meter, FOLLOW_UP, wire(di) + bytes([sequence]), at)
        assert data[:4] == wire(di)
        assert data[-1] == sequence
        value += data[4:-1]
    assert control in (0x91, 0x92)
    return value


def write(meter: Meter, di: str, value: str, at: float = NOW) -> tuple[int, bytes]:
    """Write digits, most significant first, with the password of level 2."""
    return say(meter, WRITE, wire(di) + PASSWORD + OPERATOR + wire(value), at)


def numbers(data: bytes, size: int) -> list[int]:
    """Give the BCD numbers of a block."""
    return [int(data[at : at + size][::-1].hex()) for at in range(0, len(data), size)]


def word(meter: Meter, number: int, at: float = NOW) -> int:
    """Give a status word."""
    return int.from_bytes(read(meter, f"0400050{number}", at), "little")
