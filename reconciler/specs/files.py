"""Which files hold manifests: YAML below the given paths, nothing hidden and nothing outside the project."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.specs.reader import MAX_BYTES
from reconciler.specs.words import shown
from reconciler.values import Mark, Problem

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A file: its name for people, relative to the project, and where it is."""

    name: str
    path: Path


def find(
    root: Path, paths: Sequence[str | Path], reserved: frozenset[str]
) -> tuple[tuple[Found, ...], tuple[Problem, ...]]:
    """
    The files under `paths`, sorted, each once.

    Relative paths start at `root`. A path that matches nothing is a problem, never an empty project. Links are
    followed as long as they stay in the project.
    """
    search = _Search(root.resolve(), reserved)
    for each in paths:
        search.add(each)
    return tuple(sorted(search.found.values())), tuple(search.problems)


def read_bytes(found: Found) -> bytes | Problem:
    """The file's bytes, not much more than may be read of it at most."""
    try:
        with found.path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"the file cannot be read: {(error.strerror or 'unknown reason').lower()}"
        return Problem(code="unreadable-file", message=message, mark=Mark(found.name, 1, 1))


class _Search:
    def __init__(self, root: Path, reserved: frozenset[str]) -> None:
        self.root = root
        self.reserved = reserved
        self.found: dict[str, Found] = {}
        self.problems: list[Problem] = []
        self._folders: set[Path] = set()

    def add(self, given: str | Path) -> None:
        path = Path(os.path.normpath(self.root / given))
        if not path.is_relative_to(self.root) or not _real(path).is_relative_to(self.root):
            self._outside(given, None)
        elif path.is_dir():
            self._folders.clear()
            if not self._walk(path):
                self._nothing(f"no manifest lies under `{_named(given)}`")
        elif path.is_file() and path.suffix in _ENDINGS:
            self._keep(path)
        elif path.exists():
            self._nothing(f"`{_named(given)}` is no YAML file")
        else:
            self._nothing(f"`{_named(given)}` does not exist")

    def _walk(self, start: Path) -> bool:
        """Whether any file was found. Not recursive, because folders may be nested as deep as anybody likes."""
        waiting, any_file = [start], False
        while waiting:
            folder = waiting.pop()
            real = _real(folder)
            if real in self._folders:
                continue
            self._folders.add(real)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                message = f"the folder cannot be read: {(error.strerror or 'unknown reason').lower()}"
                mark = Mark(self._name(folder), 1, 1)
                self.problems.append(Problem(code="unreadable-file", message=message, mark=mark))
                any_file = True
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = Path(entry.path)
                is_yaml = path.suffix in _ENDINGS
                is_folder = _is_folder(entry)
                if entry.is_symlink() and (is_yaml or is_folder) and not _real(path).is_relative_to(self.root):
                    self._outside(self._name(path), Mark(self._name(path), 1, 1))
                    any_file = True
                elif is_folder:
                    waiting.append(path)
                elif is_yaml and path.is_file():
                    any_file = self._keep(path) or any_file
        return any_file

    def _keep(self, path: Path) -> bool:
        name = self._name(path)
        if name in self.reserved:
            return False
        real = str(_real(path)) if path.is_symlink() else str(path)
        if real not in self.found or name < self.found[real].name:
            self.found[real] = Found(name, path)
        return True

    def _name(self, path: Path) -> str:
        # A name that is no UTF-8 must still be printable.
        return os.fsencode(path.relative_to(self.root).as_posix()).decode("utf-8", "backslashreplace")

    def _outside(self, given: str | Path, mark: Mark | None) -> None:
        self.problems.append(
            Problem(
                code="outside-project",
                message=f"`{_named(given)}` leads out of the project",
                help="manifests lie in the folder of the project file or below",
                mark=mark,
            )
        )

    def _nothing(self, message: str) -> None:
        help = "name folders or files that hold manifests, here or under `manifests` in `reconciler.yaml`"
        self.problems.append(Problem(code="no-manifests", message=message, help=help))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself: nowhere in the project
        return Path("/dev/null")


def _named(given: str | Path) -> str:
    return shown(os.fsencode(str(given)).decode("utf-8", "backslashreplace"))


def names(found: Iterable[Found]) -> frozenset[str]:
    """The files' names."""
    return frozenset(each.name for each in found)
