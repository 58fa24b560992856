"""Time as the shell sees it, so that tests and interruptions can pass it differently."""

from __future__ import annotations

import threading
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


class SystemClock:
    """The machine's clock. `stop` ends every rest at once, now and later."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Rest. Raises `Stopped` when the program is asked to stop meanwhile."""
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Wake everybody and let nobody rest again."""
        self._stopped.set()
