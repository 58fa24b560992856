"""Exit codes: what a script learns from a command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Of several the first in this order: 130 and 143, 6, 8, 7, 3, 5, 4, 1, 2."""

    DONE = 0
    FAILED = 1
    CHANGES = 2
    STALE = 3
    PARTLY = 4
    REFUSED = 5
    LOCKED = 6
    DENIED = 7
    INVALID = 8
    USAGE = 64
    SIGINT = 130
    SIGTERM = 143
