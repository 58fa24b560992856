"""What every company's exports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

PER_FILE = 10
"""Documents of one file."""
PROJECT = "benchmark"
ENVIRONMENT = "default"
BEGINNING = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
"""When everything was made and applied."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One manifest, and the objects that the vendor holds for it: each with its collection, in order of creation."""

    manifest: str
    rows: tuple[tuple[str, Row], ...]


def marked(description: str, kind: str, name: str, number: int) -> str:
    """A description with the ownership mark behind it."""
    return f"{description} [reconciler:{PROJECT}/{ENVIRONMENT}/{kind}/{name}#{number:032x}]"
