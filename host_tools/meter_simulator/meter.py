"""A simulated meter: its works, and the protocol it speaks."""

from host_tools.meter_simulator import parameters_1997, parameters_2007
from host_tools.meter_simulator.addresses import BROADCAST, check_address, matches, matches_1997
from host_tools.meter_simulator.answer import Answer
from host_tools.meter_simulator.commands_1997 import Commands1997
from host_tools.meter_simulator.commands_2007 import Commands2007
from host_tools.meter_simulator.faults import Faults
from host_tools.meter_simulator.formats import Value, values
from host_tools.meter_simulator.frame import Frame
from host_tools.meter_simulator.identifiers_1997 import Identifiers1997
from host_tools.meter_simulator.identifiers_2007 import Identifiers2007
from host_tools.meter_simulator.models import DEFAULT_MODEL, EDITION_1997, MODELS
from host_tools.meter_simulator.works import Works


class Meter:
    """One meter. Two of a model with the same seed and address hold the same at any instant.

    Time is Unix time in seconds. `utc_offset_s` makes local time out of it: it decides the tariff
    and the clock. `clock_offset_s` is how much the meter's clock is fast; it moves nothing but
    the clock, and what goes by it. `baud` is the speed it speaks at in bit/s, None: its bus's.
    `works` has all its parts, `faults` what is wrong with it: both may be changed at any time.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str = DEFAULT_MODEL,
        seed: int = 645,
        utc_offset_s: int = 0,
        clock_offset_s: float = 0.0,
        baud: int | None = None,
    ) -> None:
        """Build a meter; ValueError for an address or a model that cannot be."""
        check_address(address)
        if model not in MODELS:
            raise ValueError(f"model {model!r} is not one of {', '.join(MODELS)}.")
        self.model = MODELS[model]
        self.baud = baud
        old = self.model.edition == EDITION_1997
        table = dict(parameters_1997.PARAMETERS if old else parameters_2007.PARAMETERS)
        if self.model.prepaid:
            table |= parameters_2007.PREPAID_PARAMETERS
        self.works = Works(
            address,
            self.model,
            table,
            seed=seed,
            utc_offset_s=utc_offset_s,
            clock_offset_s=clock_offset_s,
            rates_at=parameters_1997.RATES if old else parameters_2007.RATES,
            settlement_days_at=(
                (parameters_1997.SETTLEMENT_DAY,) if old else parameters_2007.SETTLEMENT_DAYS
            ),
        )
        number = parameters_1997.METER_NUMBER if old else parameters_2007.METER_NUMBER
        self.works.memory.store(number, bytes.fromhex(address)[::-1])
        identifiers = Identifiers1997 if old else Identifiers2007
        self._identifiers = identifiers(self.works)
        self._commands = (Commands1997 if old else Commands2007)(self.works)
        self._matches = matches_1997 if old else matches
        self._identifier_digits = 4 if old else 8

    @property
    def address(self) -> str:
        """The address as 12 digits; a master may have changed it."""
        return self.works.address

    @property
    def faults(self) -> Faults:
        """What is wrong with it."""
        return self.works.faults

    def matches(self, address: str) -> bool:
        """Tell whether a request with this address is to be looked at by this meter."""
        return address == BROADCAST or self._matches(address, self.address)

    def answer(self, request: Frame, time_s: float) -> Answer | None:
        """Answer a request at an instant; None is silence.

        Whether several meters answer, and collide, is the bus's business.
        """
        if request.from_meter or self.faults.silent:
            return None
        return self._commands.answer(request, time_s)

    def values(self, di: str, time_s: float) -> tuple[Value, ...] | None:
        """Give the values that an identifier has at an instant; None if it has none such."""
        fields = self._identifiers.read(int(di, 16), time_s)
        return None if fields is None else values(fields)

    def set(self, di: str, value: str) -> None:
        """Have an identifier say this from now on; ValueError if it cannot.

        `value` is written like the standard writes it: digits, most significant first, or text.
        """
        if len(di) != self._identifier_digits or not _is_hexadecimal(di):
            raise ValueError(
                f"{di!r} is not an identifier of {self._identifier_digits} hexadecimal digits."
            )
        self.works.memory.fix(int(di, 16), value)


def _is_hexadecimal(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False
