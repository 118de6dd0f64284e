"""Who may change a meter: passwords by level, the programming key, the levels with a cipher.

A password is a level and three bytes, in the order they have on the wire. Level 0 may do
everything; a higher number may do less.
"""

from dataclasses import dataclass, field

LEVELS = 10
LEVEL_CONTROL = 2  # clears, relay
LEVEL_WRITE = 4  # ordinary writes; the programming key must be pressed as well

ERROR_PASSWORD = 0x04

_PASSWORD_SIZE = 3


@dataclass
class Access:
    """The passwords of a meter and its key."""

    programming_key: bool = False
    """Whether somebody has pressed the key under the seal that allows programming."""

    passwords: list[bytes] = field(default_factory=lambda: [bytes(_PASSWORD_SIZE)] * LEVELS)

    def permits(self, given: bytes, level: int) -> bool:
        """Tell whether a level byte and a password open what needs this level or a better one.

        Levels 98 and 99, which go with a cipher, open nothing: there is no security module.
        """
        claimed = given[0]
        return claimed <= level and self.passwords[claimed] == given[1:]

    def change(self, old: bytes, new: bytes, level: int) -> bool:
        """Replace the password of a level by a new one (level byte and password); tell if so.

        `old` may be the password of that level or a better one.
        """
        if new[0] != level or level >= LEVELS or not self.permits(old, level):
            return False
        self.passwords[level] = new[1:]
        return True
