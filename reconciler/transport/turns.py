"""Whose turn it is under a rate limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.sdk import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Not now: wait this long, because of this, until this instant."""

    wait: float
    reason: str
    until: float
    status: int | None


class Turns:
    """
    Whose turn it is under a rate limit that all threads share.

    Requests on their way are counted as used, since the last answer may not know of them yet. Once a window is over
    nothing is known, so requests flow until the next answer tells.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._in_flight = 0
        self._remaining = 0
        self._reset: float | None = None
        self._reason = ""
        self._status: int | None = None

    def take(self) -> Turn | None:
        """Begin a request now (`None`), or wait and ask again."""
        with self._lock:
            now = self._clock()
            if self._reset is not None and now >= self._reset:
                self._reset = None
            if self._reset is not None and self._remaining <= 0:
                return Turn(wait=self._reset - now, reason=self._reason, until=self._reset, status=self._status)
            self._remaining -= 1
            self._in_flight += 1
            return None

    def done(self, pace: Pace | None) -> None:
        """A request has ended; `pace` is what its answer said."""
        with self._lock:
            self._in_flight -= 1
            if pace is None:
                return
            reset = self._clock() + pace.reset_seconds
            remaining = pace.remaining - self._in_flight
            # Resets are whole seconds: within a second it is the window we know, and answers may overtake each other.
            if self._reset is not None and abs(reset - self._reset) <= 1.0:
                remaining = min(remaining, self._remaining)
            elif self._reset is not None and reset < self._reset and self._status is not None:
                return  # an answer from before the 429
            self._remaining, self._reset, self._status = remaining, reset, None
            self._reason = f"the vendor's rate limit is used up for {pace.reset_seconds:.0f} s"

    def closed(self, wait: float, reason: str, *, status: int) -> None:
        """The vendor turned a request away: nobody asks again before `wait` seconds have passed."""
        with self._lock:
            self._remaining, self._reset = 0, self._clock() + wait
            self._reason, self._status = reason, status

    def over(self, turn: Turn) -> None:
        """The wait for this turn is over."""
        with self._lock:
            if self._reset == turn.until:
                self._reset = None
