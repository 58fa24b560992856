"""Events that were not imported, kept for people in a file that only its owner may read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One event that is not imported: where it stands, why, and what it is, as far as it could be read."""

    file: str
    line: int
    reasons: tuple[str, ...] = field(repr=False)
    event: Any = field(default=None, repr=False)


class Quarantine:
    """
    A file of rejects, one JSON object a line, made when the first one comes.

    It holds personal data: mode 0600, in a folder of mode 0700 that git ignores, never in the state store. A line that
    is there already, from a run that was cut short, is not written twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[tuple[str, int]] | None = None

    def add(self, rejects: Iterable[Reject]) -> None:
        """Append them, and have them on the disk before returning. Raises `OSError`."""
        rejects = [each for each in rejects if (each.file, each.line) not in self._there()]
        if not rejects:
            return
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            os.fchmod(descriptor, 0o600)
            for each in rejects:
                line = {"file": each.file, "line": each.line, "reasons": list(each.reasons), "event": each.event}
                file.write(json.dumps(line).encode("ascii") + b"\n")
                self._there().add((each.file, each.line))
            file.flush()
            os.fsync(descriptor)

    def _there(self) -> set[tuple[str, int]]:
        if self._known is None:
            self._known = set()
            if self.path.is_file():
                self._mend()
        assert self._known is not None
        return self._known

    def _mend(self) -> None:
        """Learn what is there; half a line at the end, which a kill left behind, goes."""
        assert self._known is not None
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    found = json.loads(line)
                    self._known.add((str(found["file"]), int(found["line"])))
                except (ValueError, KeyError, TypeError):
                    continue
        os.truncate(self.path, whole)
