"""Reading items and blocks by their identifiers: what meters of both editions do alike."""

from abc import ABC, abstractmethod

from host_tools.meter_simulator.formats import Field, decode_like
from host_tools.meter_simulator.works import Works


class Identifiers(ABC):
    """Reads items and blocks of one meter."""

    def __init__(self, works: Works) -> None:
        """Read from the works of a meter."""
        self._works = works

    def read(self, identifier: int, time_s: float) -> list[Field] | None:
        """Give what the meter holds at an instant, item behind item for a block.

        None if there is none such.
        """
        fixed = self._works.memory.fixed(identifier)
        held = self._held(identifier, time_s)
        return held if fixed is None else decode_like(fixed, held or [])

    def _held(self, identifier: int, time_s: float) -> list[Field] | None:
        """Give what the registers have, whatever a test wants to be said."""
        parts = self._expand(identifier)
        if not parts:
            return self._single(identifier, time_s)
        if self._works.faults.no_blocks:
            return None
        fields: list[Field] = []
        for part in parts:
            found = self.read(part, time_s)
            if found is None:
                return None
            fields += found
        return fields

    @abstractmethod
    def _expand(self, identifier: int) -> list[int]:
        """Give the items that a block is made of; nothing if it is a single item."""

    @abstractmethod
    def _single(self, identifier: int, time_s: float) -> list[Field] | None:
        """Give an item, all its fields; None if there is none such."""
