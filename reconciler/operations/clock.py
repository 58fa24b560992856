"""Time as the shell sees it, so that tests and interruptions can pass it differently."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Stopped(Exception):
    """The program was asked to stop while it rested."""


class Clock(Protocol):
    """What time it is, and rest."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Rest. Raises `Stopped` when the program is asked to stop meanwhile."""
        ...


_LOOK = 0.1
"""Seconds of rest after which a thread looks whether it is to stop."""


class SystemClock:
    """
    The machine's clock. `stop` ends every rest, now and later.

    A plain flag and no event: `stop` is called by the handler of a signal, which may strike while the very thread
    that it interrupts holds an event's lock.
    """

    def __init__(self) -> None:
        self._stopped = False

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Rest. Raises `Stopped` when the program is asked to stop meanwhile."""
        until = time.monotonic() + seconds
        while not self._stopped and (rest := until - time.monotonic()) > 0:
            time.sleep(min(rest, _LOOK))
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """Wake everybody and let nobody rest again."""
        self._stopped = True
