"""Numbers that look like chance and are the same every time."""

import hashlib


class Noise:
    """Numbers that depend only on a seed, a purpose and an index."""

    def __init__(self, seed: str) -> None:
        """Begin with a seed, such as one with a meter's address in it."""
        self._seed = seed

    def below(self, limit: int, purpose: str, index: int = 0) -> int:
        """Give a number from 0 to limit - 1."""
        text = f"{self._seed}:{purpose}:{index}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") % limit
