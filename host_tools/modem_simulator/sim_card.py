"""The SIM card: PIN, PUK and how many tries are left."""

from .conditions import Conditions, SimState

PIN_TRIES = 3
PUK_TRIES = 10


class SimCard:
    """A card keeps its tries over power cycles, as a real one does; the PIN is asked again."""

    IMSI = "001010123456789"
    ICCID = "89860012345678901234"

    def __init__(self, conditions: Conditions) -> None:
        """Create the card that the conditions describe."""
        self.inserted = conditions.sim is not SimState.MISSING
        self._locked_at_power_on = conditions.sim is SimState.PIN
        self._pin = conditions.pin
        self._puk = conditions.puk
        self.pin_tries = PIN_TRIES
        self.puk_tries = PUK_TRIES
        self._locked = self._locked_at_power_on

    def power_on(self) -> None:
        """Ask for the PIN again, if this card asks for one."""
        self._locked = self._locked_at_power_on

    @property
    def ready(self) -> bool:
        """Whether the card lets the modem register."""
        return self.inserted and not self._locked

    @property
    def state(self) -> str:
        """What AT+CPIN? says about an inserted card."""
        if not self._locked:
            return "READY"
        return "SIM PIN" if self.pin_tries else "SIM PUK"

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN; a wrong one costs a try."""
        if pin == self._pin:
            self.pin_tries = PIN_TRIES
            self._locked = False
        else:
            self.pin_tries -= 1
        return not self._locked

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        """Try the PUK, which unblocks the card and sets a new PIN; a wrong one costs a try."""
        if self.puk_tries and puk == self._puk:
            self._pin = new_pin
            self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
            self._locked = False
        else:
            self.puk_tries = max(0, self.puk_tries - 1)
        return not self._locked
