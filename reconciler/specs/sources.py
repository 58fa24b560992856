"""The source lines that problems point at, with what must not be shown masked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from reconciler.specs.reader import HIDDEN, MAX_BYTES
from reconciler.values import Mark, Problem

MASK: Final = "…"
_SECRETIVE = re.compile(
    r"secret|passw|passphrase|\bpass\b|pwd|token|credential|private|signature|sas|api[-_]?key|access[-_]?key|client[-_]?key",
    re.IGNORECASE,
)
"""Keys behind which nothing is shown, whatever the kinds say: a misspelt key must not give a secret away."""
_KEY = re.compile(r"(?P<key>\"[^\"]*\"|'[^']*'|[A-Za-z_][\w.-]*)\s*:(?=\s|$)\s*")
_REFERENCE = re.compile(r"\{\s*(?:[a-zA-Z]+\s*:\s*[\w./:@-]+\s*,?\s*)+\}[\s}\],]*(?:#.*)?\Z")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/=_-]{12,}(?!\s*:)")
_OPEN: Final = frozenset({"inline-secret", "secret-reference"})
_OF_KEYS: Final = frozenset({"unknown-key", "duplicate-key", "invalid-key", "merge-key"})
_OF_TEXT: Final = frozenset({"syntax", "encoding", "hidden-character", "tag", "too-deep", "ambiguous-value"})


def excerpt(problem: Problem, text: str, secret_keys: Collection[str] = ()) -> str | None:
    """The line of `text` that the problem points at, masked; `None` when there is no such line."""
    if problem.mark is None:
        return None
    lines = _lines(text)
    if not 1 <= problem.mark.line <= len(lines):
        return None
    return _shown(lines[problem.mark.line - 1], problem.mark.column, {problem.code}, secret_keys)


class Sources:
    """
    The lines of the project's files.

    A file is read when one of its lines is first asked for. `problems` say what is wrong at which place: with it the
    value behind an inline secret's caret is masked, and so is every value behind a key that sounds like a secret's.
    """

    def __init__(self, root: Path, problems: Iterable[Problem] = (), secret_keys: Collection[str] = ()) -> None:
        self._root = root
        self._secret_keys = frozenset(secret_keys)
        self._problems: dict[tuple[str, int], list[Problem]] = {}
        for each in problems:
            if each.mark is not None:
                self._problems.setdefault((each.mark.file, each.mark.line), []).append(each)
        self._files: dict[str, list[str]] = {}

    def line(self, mark: Mark) -> str | None:
        """The marked line without its end; `None` when the file cannot be read or has no such line."""
        lines = self._read(mark.file)
        if not 1 <= mark.line <= len(lines):
            return None
        beside = self._problems.get((mark.file, mark.line), [])
        codes = {each.code for each in beside}
        # An inline secret is masked from where it begins, whichever problem of its line is shown.
        begins = [each.mark.column for each in beside if each.code in _OPEN and each.mark is not None]
        return _shown(lines[mark.line - 1], min(begins, default=mark.column), codes, self._secret_keys)

    def _read(self, file: str) -> list[str]:
        if file not in self._files:
            try:
                with (self._root / file).open("rb") as opened:
                    self._files[file] = _lines(opened.read(MAX_BYTES).decode("utf-8", "replace"))
            except (OSError, ValueError):
                self._files[file] = []
        return self._files[file]


def without_secrets(line: str, secret_keys: Collection[str] = ()) -> str:
    """The line of a manifest with nothing behind a key that sounds like a secret's, or is one of `secret_keys`."""
    return _masked(line, secret_keys)


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def _shown(line: str, column: int, codes: Collection[str], secret_keys: Collection[str]) -> str:
    at = max(column - 1, 0)
    if _OPEN & set(codes):
        line = line[:at] + MASK
    elif _OF_KEYS & set(codes):
        key = _KEY.search(line, at)
        line = line[: key.end()] + MASK if key and key.end() < len(line) else line
    line = _masked(line, secret_keys)
    if _OF_TEXT & set(codes):
        line = _LONG_WORD.sub(MASK, line)
    return HIDDEN.sub("\ufffd", line[:at]) + HIDDEN.sub(_escape, line[at:])


def _masked(line: str, secret_keys: Collection[str]) -> str:
    """The line without what stands behind the first key that names a secret, references to secrets apart."""
    for match in _KEY.finditer(line):
        key = match["key"].strip("\"'")
        if key in secret_keys or _SECRETIVE.search(key):
            behind = line[match.end() :]
            if behind and not _REFERENCE.match(behind):
                return line[: match.end()] + MASK
    return line


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    if match[0] == "\t":
        return "\t"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
