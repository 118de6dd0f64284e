"""Carrying out requests: what meters of both editions do alike."""

from host_tools.meter_simulator.answer import Answer, refused, said
from host_tools.meter_simulator.works import Works


class Commands:
    """The requests to one meter; it answers to the function that is being carried out."""

    def __init__(self, works: Works, function: int) -> None:
        """Act on the works of a meter; `function` until there is another one."""
        self._works = works
        self._function = function

    def _say(
        self, data: bytes = b"", *, more: bool = False, new_baud: int | None = None
    ) -> Answer:
        return said(self._address, self._function, data, more=more, new_baud=new_baud)

    def _refuse(self, error_word: int, further: bytes = b"") -> Answer:
        return refused(self._address, self._function, error_word, further)

    @property
    def _address(self) -> str:
        """The address that it answers from."""
        return self._works.address
