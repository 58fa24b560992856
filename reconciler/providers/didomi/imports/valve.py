"""How many requests are under way: fewer when the vendor is slow or fails, more again when it is well."""

from __future__ import annotations

import threading

BEGIN = 4
"""At once at first, although `/consents` has no limit: it promises none either (Rate limiting; documented)."""

_SLOW = 4.0
"""Times the usual length of a request above which one counts as slow."""
_LEAST_SLOW = 1.0
"""Seconds below which nothing is slow."""
_GOOD_IN_A_ROW = 8


class Valve:
    """
    Lets so many in at a time: `most` at first, half after trouble, one more after eight good ones in a row.

    Safe to share between threads.
    """

    def __init__(self, most: int = BEGIN) -> None:
        self.most = most
        self._allowed = most
        self._inside = 0
        self._good = 0
        self._usual: float | None = None
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many may be inside now."""
        with self._changed:
            return self._allowed

    def enter(self) -> None:
        """Wait until there is room."""
        with self._changed:
            while self._inside >= self._allowed:
                self._changed.wait()
            self._inside += 1

    def leave(self, seconds: float, *, good: bool) -> None:
        """Make room again, and say how it went."""
        with self._changed:
            self._inside -= 1
            usual = self._usual
            slow = usual is not None and seconds > max(_LEAST_SLOW, _SLOW * usual)
            if not good or slow:
                self._allowed, self._good = max(1, self._allowed // 2), 0
            else:
                self._usual = seconds if usual is None else usual + (seconds - usual) / 8
                self._good += 1
                if self._good >= _GOOD_IN_A_ROW and self._allowed < self.most:
                    self._allowed, self._good = self._allowed + 1, 0
            self._changed.notify_all()
