"""What the words before the command say, and what follows from the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from reconciler.cli.log_lines import lines

if TYPE_CHECKING:
    from reconciler.operations.workspace import Workspace

Opening = Callable[..., "Workspace"]
"""What opens a project: `open_workspace`, or the same with some of its arguments given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that every command has."""

    directory: str
    environment: str | None
    log_level: str
    colour: bool | None
    environ: Mapping[str, str]
    opening: Opening | None = None

    @classmethod
    def of(cls, words: Mapping[str, Any], environ: Mapping[str, str], opening: Opening | None = None) -> Self:
        """From what the command line's parser found."""
        return cls(
            directory=words["directory"],
            environment=words["environment"],
            log_level=words["log_level"],
            colour=words["colour"],
            environ=environ,
            opening=opening,
        )

    @property
    def in_ci(self) -> bool:
        """Whether a CI job runs this."""
        return self.environ.get("CI", "").lower() in {"1", "true", "yes"}

    def coloured(self, *, stderr: bool = False) -> bool:
        """Whether to colour a stream: as asked, else only on a terminal and with neither `NO_COLOR` nor `CI` set."""
        if stderr and lines() is not None:
            return False
        if self.colour is not None:
            return self.colour
        stream = sys.stderr if stderr else sys.stdout
        return stream.isatty() and not self.environ.get("NO_COLOR") and not self.in_ci

    @property
    def width(self) -> int:
        """Columns to write in: the terminal's, at most 120, and 80 without one."""
        return min(120, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 80

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        return sys.stdin is not None and sys.stdin.isatty() and not self.in_ci
