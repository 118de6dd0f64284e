"""A simulated household meter: registers that are a pure function of time, and its answers.

Time is Unix time in seconds everywhere. Energy is computed in whole numbers of microwatt-hours
from a closed form, so that any instant can be asked for at the same small cost, and the energy
at a later instant is never less than at an earlier one.

How the closed form works: a meter uses every hour of the day at its own rate. Within an hour,
each minute's end is moved by a pseudo-random amount; what one minute gains, the next one loses.
Whole days vary in the same way. Sums over many minutes or days therefore need no loop: all
the amounts in between cancel out.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from host_tools.meter_simulator.frame import Frame

ADDRESS_DIGITS = 12
BROADCAST = "9" * ADDRESS_DIGITS
TARIFFS = 4

_WILDCARD = "AA"
_READ = 0x11
_READ_ADDRESS = 0x13
_NORMAL_ANSWER = 0x80
_REFUSAL = 0xC0
_ERR_OTHER = 0x01
_ERR_NO_SUCH_DATA = 0x02
_ERR_NOT_AUTHORISED = 0x04
_ERR_BAUD_FIXED = 0x08
# Functions that are understood but never granted, and the error word they get.
_REFUSED = {0x12: _ERR_NO_SUCH_DATA, 0x14: _ERR_NOT_AUTHORISED, 0x17: _ERR_BAUD_FIXED}

_MS_PER_MINUTE = 60_000
_MS_PER_DAY = 86_400_000
_UWH_PER_COUNT = 10_000_000  # the registers count 0.01 kWh
_COUNTS = 100_000_000  # 8 digits, then the register starts again from zero
_DAY_SWING = 300  # thousandths by which the end of a day moves
_FIRST_INSTALLATION = 14_610  # days since 1970: 2010-01-01
_INSTALLATION_SPAN = 3_650  # days

# Mean power of a household by hour of the day, in watts.
_HOURLY_W = (
    *(180, 150, 140, 140, 150, 200, 380, 520, 430, 350, 340, 380),
    *(450, 400, 360, 350, 420, 620, 900, 980, 860, 680, 450, 270),
)
# Tariff by hour of the day: 0 sharp, 1 peak, 2 flat, 3 valley.
_HOURLY_TARIFF = (
    *(3, 3, 3, 3, 3, 3, 3, 2, 1, 1, 1, 1),
    *(2, 2, 2, 2, 2, 1, 1, 0, 0, 2, 2, 3),
)


@dataclass
class Faults:
    """What is wrong with a meter; may be changed while its bus is running."""

    silent: bool = False
    """Dead: hears nothing, says nothing."""

    answer_delay_ms: tuple[float, float] | None = None
    """Range of its own answer delay in ms; None: the bus's."""

    error_rate: float = 0.0
    """Probability, 0 to 1, that a byte of an answer is replaced by another on the wire."""

    babble_period_s: float = 0.0
    """Seconds from one burst of noise to the next; 0: never."""

    babble_size: int = 40
    """Bytes in a burst of noise."""


@dataclass(frozen=True)
class Registers:
    """What a meter holds at one instant, as scaled integers."""

    energy_by_tariff: tuple[int, ...]
    """Forward active energy of tariffs 1 to 4, in 0.01 kWh."""

    voltage_a: int
    """In 0.1 V."""

    current_a: int
    """In 0.001 A."""

    active_power: int
    """In 0.1 W."""

    power_factor: int
    """In thousandths."""

    date: int
    """YYMMDDWW as a decimal number, WW 00 for Sunday."""

    time: int
    """The digits hhmmss as a decimal number."""

    @property
    def energy_total(self) -> int:
        """Forward active energy of all tariffs together, in 0.01 kWh."""
        return sum(self.energy_by_tariff)


@dataclass(frozen=True)
class Answer:
    """A frame to send, and the data identifier and the scaled values it carries, if any."""

    frame: Frame
    di: str = ""
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Item:
    size: int  # bytes per value
    read: Callable[[Registers], tuple[int, ...]]
    signed: bool = False


def _tariff_reader(tariff: int) -> Callable[[Registers], tuple[int, ...]]:
    return lambda registers: (registers.energy_by_tariff[tariff],)


_ITEMS = {
    "00010000": _Item(4, lambda registers: (registers.energy_total,)),
    **{f"00010{tariff + 1}00": _Item(4, _tariff_reader(tariff)) for tariff in range(TARIFFS)},
    "0001FF00": _Item(4, lambda registers: (registers.energy_total, *registers.energy_by_tariff)),
    "02010100": _Item(2, lambda registers: (registers.voltage_a,)),
    "02020100": _Item(3, lambda registers: (registers.current_a,), signed=True),
    "02030000": _Item(3, lambda registers: (registers.active_power,), signed=True),
    "04000101": _Item(4, lambda registers: (registers.date,)),
    "04000102": _Item(3, lambda registers: (registers.time,)),
}


@dataclass
class Meter:
    """One meter. Two meters with the same seed and address hold the same at the same instant.

    `utc_offset_s` makes local time out of Unix time: it decides the tariff and the clock.
    `clock_offset_s` is how much the meter's clock is fast; it moves nothing but the clock.
    """

    address: str
    seed: int = 645
    utc_offset_s: int = 0
    clock_offset_s: float = 0.0
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        """Check the address and derive the household's habits from seed and address."""
        check_address(self.address)
        digest = hashlib.blake2b(f"{self.seed}:{self.address}".encode(), digest_size=8).digest()
        self._key = int.from_bytes(digest, "big")
        self._installed = _FIRST_INSTALLATION + self._noise("installed", 0, _INSTALLATION_SPAN)
        self._power_factor = 920 + self._noise("power factor", 0, 70)
        self._mean_voltage = 2170 + self._noise("voltage", 0, 80)
        size = 400 + self._noise("size", 0, 1200)  # thousandths of the mean household
        self._minute_mwh = [
            watts * size * (700 + self._noise("hour", hour, 600)) // 60_000
            for hour, watts in enumerate(_HOURLY_W)
        ]
        self._before_hour_mwh = []  # energy of each tariff from midnight to the hour
        used = [0] * TARIFFS
        for hour, minute_mwh in enumerate(self._minute_mwh):
            self._before_hour_mwh.append(tuple(used))
            used[_HOURLY_TARIFF[hour]] += 60 * minute_mwh
        self._day_mwh = tuple(used)

    def registers(self, time_s: float) -> Registers:
        """Give what the meter holds at an instant, before its installation with zero energy."""
        day, in_day = divmod(math.floor(time_s * 1000) + self.utc_offset_s * 1000, _MS_PER_DAY)
        minute, in_minute = divmod(in_day, _MS_PER_MINUTE)
        hour = minute // 60
        swing = self._noise("day", day, _DAY_SWING)
        # Thousandths of the usual day, between 0.7 and 1.3.
        day_factor = 1000 + self._noise("day", day + 1, _DAY_SWING) - swing
        usual_mwh = self._minute_mwh[hour]
        gained = self._minute_swing(day, minute)
        minute_mwh = usual_mwh + self._minute_swing(day, minute + 1) - gained
        in_hour_mwh = (minute % 60) * usual_mwh + gained + minute_mwh * in_minute // _MS_PER_MINUTE

        energy = []
        for tariff in range(TARIFFS):
            today_mwh = self._before_hour_mwh[hour][tariff]
            if tariff == _HOURLY_TARIFF[hour]:
                today_mwh += in_hour_mwh
            days = 1000 * (day - self._installed) + swing
            total_uwh = self._day_mwh[tariff] * days + day_factor * today_mwh
            energy.append(total_uwh // _UWH_PER_COUNT % _COUNTS if day >= self._installed else 0)

        voltage = self._mean_voltage + self._noise("volt", day * 1440 + minute, 40) - 20
        power = day_factor * minute_mwh * 600 // 1_000_000  # 0.1 W out of microwatt-hours/minute
        current = round(power * 1_000_000 / (voltage * self._power_factor))
        clock = datetime.fromtimestamp(time_s + self.utc_offset_s + self.clock_offset_s, UTC)
        return Registers(
            energy_by_tariff=tuple(energy),
            voltage_a=voltage,
            current_a=current,
            active_power=power,
            power_factor=self._power_factor,
            date=int(clock.strftime("%y%m%d0%w")),
            time=int(clock.strftime("%H%M%S")),
        )

    def matches(self, address: str) -> bool:
        """Tell whether a request is for this meter: its address, or AA pairs from the top on."""
        known = address
        while known.startswith(_WILDCARD):
            known = known[len(_WILDCARD) :]
        return self.address.endswith(known)

    def answer(self, request: Frame, time_s: float) -> Answer | None:
        """Answer a request at an instant; None is silence.

        Whether several meters match a wildcard, and collide, is the bus's business.
        """
        if request.from_meter or self.faults.silent or not self.matches(request.address):
            return None
        if request.control == _READ:
            return self._read(request.data, time_s)
        if request.control == _READ_ADDRESS and not request.data:
            return self._say(_READ_ADDRESS, bytes.fromhex(self.address)[::-1])
        if request.control in _REFUSED:
            return self._refuse(request.control, _REFUSED[request.control])
        return None

    def _read(self, data: bytes, time_s: float) -> Answer:
        if len(data) < 4:
            return self._refuse(_READ, _ERR_OTHER)
        di = data[3::-1].hex().upper()
        item = _ITEMS.get(di)
        if item is None or len(data) > 4:
            return self._refuse(_READ, _ERR_NO_SUCH_DATA)
        values = item.read(self.registers(time_s))
        body = b"".join(_to_bcd(value, item.size, signed=item.signed) for value in values)
        return Answer(Frame(self.address, _READ | _NORMAL_ANSWER, data + body), di, values)

    def _refuse(self, function: int, error_word: int) -> Answer:
        return Answer(Frame(self.address, function | _REFUSAL, bytes([error_word])))

    def _say(self, function: int, data: bytes) -> Answer:
        return Answer(Frame(self.address, function | _NORMAL_ANSWER, data))

    def _minute_swing(self, day: int, minute: int) -> int:
        """Tell how far the end of the minute before this one is moved, in mWh; 0 on the hour."""
        if minute % 60 == 0:
            return 0
        limit = self._minute_mwh[minute // 60] * 6 // 10
        return self._noise("minute", day * 1440 + minute, limit)

    def _noise(self, purpose: str, index: int, limit: int) -> int:
        """Give a number from 0 to limit - 1 that depends only on meter, purpose and index."""
        text = f"{self._key}:{purpose}:{index}".encode()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return int.from_bytes(digest, "big") % limit


def check_address(address: str) -> None:
    """Raise ValueError, with the reason, if this cannot be a meter's address."""
    if len(address) != ADDRESS_DIGITS or not (address.isascii() and address.isdigit()):
        raise ValueError(f"Meter address {address!r} does not have exactly 12 digits.")
    if address == BROADCAST:
        raise ValueError(f"Meter address {address} is the broadcast address; no meter has it.")


def _to_bcd(value: int, size: int, *, signed: bool) -> bytes:
    """Encode as binary-coded decimal, low pair first; the top bit of the last byte is the sign."""
    digits = bytearray(bytes.fromhex(f"{abs(value):0{2 * size}d}")[::-1])
    if len(digits) != size or (value < 0 and not signed) or (signed and digits[-1] & 0x80):
        raise ValueError(f"{value} does not fit in {size} bytes.")
    if value < 0:
        digits[-1] |= 0x80
    return bytes(digits)
