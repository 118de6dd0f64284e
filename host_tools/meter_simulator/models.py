"""The kinds of meters that can be simulated."""

from dataclasses import dataclass

EDITION_1997 = 1997
EDITION_2007 = 2007


@dataclass(frozen=True)
class Model:
    """A kind of meter: the edition it speaks, its phases, and the load it is made for."""

    edition: int = EDITION_2007
    phases: int = 1
    scale: int = 1
    """So many households are behind it."""

    solar: bool = False
    """Whether energy flows back around noon."""

    prepaid: bool = False
    """Whether it has a relay and an account."""


DEFAULT_MODEL = "single-phase"
MODELS = {
    DEFAULT_MODEL: Model(),
    "single-phase-prepaid": Model(prepaid=True),
    "three-phase": Model(phases=3, scale=6),
    "three-phase-solar": Model(phases=3, scale=6, solar=True),
    "single-phase-1997": Model(edition=EDITION_1997),
    "three-phase-1997": Model(edition=EDITION_1997, phases=3, scale=6),
}
