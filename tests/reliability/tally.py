"""Counting within one test: many attempts, each of which may be lost, and a name for each that was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_FEW = 3


def some(items: Sequence[T]) -> Sequence[T]:
    """All of them; in the sample of every day a few from the beginning to the end."""
    if not os.environ.get("RECONCILER_SAMPLE") or len(items) <= _FEW:
        return items
    return [items[len(items) * number // _FEW] for number in range(_FEW)]


class Tally:
    """How often a promise was put to the test, and when it was broken."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record
        self.attempts = 0
        self.losses: list[str] = []

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """One attempt; whatever goes wrong within is a loss of this name, and the next attempt is made all the same."""
        self.attempts += 1
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the name of the loss says what it was
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            self.losses.append(f"{name}: {said[:300]}")

    def has_no_loss(self) -> None:
        """Say how many attempts and losses there were, and fail if there was one."""
        self._record("attempts", self.attempts)
        if self.losses:
            self._record("losses", len(self.losses))

        assert self.attempts, "nothing was attempted"
        assert not self.losses, "\n".join(self.losses)
