"""What is to happen later: changes that settle, deletions that end, runs, files that vanish."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.emulator import World

Action = Callable[[datetime], None]


class Agenda:
    """Actions by the time they are due; those of one time are done in the order they came."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due: list[tuple[datetime, int, Action]] = []
        self._count = 0

    def at(self, when: datetime, action: Action) -> None:
        """Do `action` at `when`, or at the next occasion when that is over."""
        self._count += 1
        heapq.heappush(self._due, (when, self._count, action))

    def after(self, seconds: float, action: Action) -> None:
        """Do `action` after so many seconds."""
        self.at(self._world.clock.now() + timedelta(seconds=seconds), action)

    def happen(self) -> None:
        """Do everything that is due, in order of time."""
        now = self._world.clock.now()
        while self._due and self._due[0][0] <= now:
            when, _, action = heapq.heappop(self._due)
            action(when)

    def forget(self) -> None:
        """Do nothing any more."""
        self._due.clear()
