"""Counting within one test: many attempts, each of which may be lost, and a name for each that was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
