"""A stream that survives broken connections: taken up again where it broke, of the same object."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from reconciler.deliveries.source import Changed, Unreachable

ATTEMPTS = 4
"""Tries in a row that bring no byte before a stream is given up."""

PAUSE = 0.2

Opened = tuple[str | None, int, Iterator[bytes]]
"""Etag, size of the whole object in bytes, and the bytes from the asked position on."""


class Broken(Exception):
    """The connection ended before the object did."""


def resumed(
    open_at: Callable[[int, str | None], Opened], where: str, start: int = 0, rest: Callable[[float], None] = time.sleep
) -> Iterator[bytes]:
    """
    Every byte from `start` to the end, once.

    `open_at` gets a position and the etag that the object must still have; it and its pieces raise `Broken` for what
    is worth another try. Raises `Unreachable` when `ATTEMPTS` in a row bring nothing, `Changed` when the etag moved.
    """
    position, etag, failed = start, None, 0
    while True:
        try:
            found, size, pieces = open_at(position, etag)
            if etag is not None and found != etag:
                raise Changed(where, "it was written anew while it was read", "run again")
            etag = found
            for piece in pieces:
                if piece:
                    position += len(piece)
                    failed = 0
                    yield piece
            if position >= size:
                return
        except Broken:
            pass
        failed += 1
        if failed >= ATTEMPTS:
            raise Unreachable(where, "the connection breaks again and again", "check the network and run again")
        rest(PAUSE * failed)
