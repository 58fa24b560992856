"""What is still to happen, in order of time."""

import heapq
from collections.abc import Callable
from datetime import datetime

Action = Callable[[datetime], None]


class Agenda:
    """Actions at instants of the world's clock; those of one instant in the order they were planned."""

    def __init__(self) -> None:
        self._planned: list[tuple[datetime, int, Action]] = []
        self._count = 0

    def at(self, when: datetime, action: Action) -> None:
        """Plan an action; it is handed its own instant, which may be earlier than the clock's."""
        self._count += 1
        heapq.heappush(self._planned, (when, self._count, action))

    def happen(self, now: datetime) -> None:
        """Do everything that is due."""
        while self._planned and self._planned[0][0] <= now:
            when, _, action = heapq.heappop(self._planned)
            action(when)

    def clear(self) -> None:
        """Nothing is planned any more."""
        self._planned.clear()
