"""What is wrong, where, and what to do: the one shape in which every floor reports a user's mistake."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.values.address import Address
from reconciler.values.documents import Path


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file: path relative to the project, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(enum.Enum):
    """Whether a problem stops the command or is only said."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    One finding for a person.

    `code` is the rule's id in kebab case; `message` says what is wrong in one sentence without a full stop;
    `help` says what to do. `path` leads to the field within `spec` of `address`.
    """

    code: str
    message: str
    mark: Mark | None = None
    address: Address | None = None
    path: Path = ()
    help: str | None = None
    severity: Severity = Severity.ERROR
