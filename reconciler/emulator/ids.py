"""Identifiers that look random and are not: the same seed gives the same ids in the same order."""

import random
import string
from uuid import UUID

_ALPHABET = string.ascii_lowercase + string.digits


class Ids:
    """A seeded source of identifiers. Not thread-safe by itself: used under the world's lock."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - predictable on purpose

    def short(self, length: int = 10) -> str:
        """Lower-case letters and digits."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def hexadecimal(self, length: int = 32) -> str:
        """Lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def uuid(self) -> str:
        """A version 4 UUID in its usual form."""
        return str(UUID(int=self._random.getrandbits(128), version=4))
