"""What whoever holds the lock has in hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.backend.holder import Holder

Waiting = Callable[[Holder | None], None]


def _nothing_to_check() -> None:
    """A lock that lives as long as its process cannot be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grip:
    """
    The lock, held.

    `interrupted` held it last and did not give it back; with `may_live` they may still be at work without knowing.
    `check` is called before each call to a vendor and raises `LockLost`.
    """

    interrupted: Holder | None = None
    may_live: bool = False
    check: Callable[[], None] = _nothing_to_check
