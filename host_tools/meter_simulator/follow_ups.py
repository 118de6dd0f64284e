"""Answers that do not fit in one frame, and how the rest of them is asked for (12H, 02H).

The value is that of the first request, however long the master takes. A part that got lost may
be asked for again.
"""

SEQUENCE_MAX = 255


class FollowUps:
    """The parts of the last long answer."""

    def __init__(self) -> None:
        """Begin with nothing to follow."""
        self._identifier = b""
        self._parts: list[bytes] = []
        self._next = 0

    def begin(
        self, identifier: bytes, data: bytes, first: int, further: int
    ) -> tuple[bytes, bool]:
        """Keep a value; give its first `first` bytes, and whether more follows.

        Each part behind the first has at most `further` bytes.
        """
        rest = data[first:]
        self._identifier = identifier
        self._parts = [rest[at : at + further] for at in range(0, len(rest), further)]
        self._next = 0
        return data[:first], bool(rest)

    def numbered(self, identifier: bytes, sequence: int) -> tuple[bytes, bool] | None:
        """Give the part with a sequence number, and whether more follows; None if none such.

        Numbers begin with 1, and 1 comes behind 255. It is the next part, or the last once more.
        """
        if identifier != self._identifier:
            return None
        for index in (self._next, self._next - 1):
            if 0 <= index < len(self._parts) and index % SEQUENCE_MAX + 1 == sequence:
                self._next = index + 1
                return self._parts[index], self._next < len(self._parts)
        return None

    def following(self, identifier: bytes) -> tuple[bytes, bool] | None:
        """Give the next part, for the edition that does not number them."""
        if identifier != self._identifier or self._next >= len(self._parts):
            return None
        self._next += 1
        return self._parts[self._next - 1], self._next < len(self._parts)
