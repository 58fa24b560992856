"""What a command says about itself while it works."""

from __future__ import annotations

from typing import Protocol

from reconciler.values import Outcome, Step


class Progress(Protocol):
    """Called from the main thread alone."""

    def phase(self, text: str) -> None:
        """A part of the work begins, such as `reading didomi/Destination`."""
        ...

    def planned(self, total: int) -> None:
        """So many steps are about to be made."""
        ...

    def started(self, step: Step) -> None:
        """A step begins."""
        ...

    def moved(self, step: Step, done: int, total: int) -> None:
        """A step that is made in parts has come so far."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """A step has ended."""
        ...


class Silent:
    """Says nothing."""

    def phase(self, text: str) -> None:
        """Nothing."""

    def planned(self, total: int) -> None:
        """Nothing."""

    def started(self, step: Step) -> None:
        """Nothing."""

    def moved(self, step: Step, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, outcome: Outcome) -> None:
        """Nothing."""
