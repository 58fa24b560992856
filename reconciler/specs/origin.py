"""Where the value of a field is written: in its manifest, in an overlay, or in the project file as a named value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath

from reconciler.specs.place import Place
from reconciler.specs.project import PROJECT_FILE, Project
from reconciler.specs.reader import MAX_BYTES, read
from reconciler.specs.tree import Node, at
from reconciler.values import Mark, Path, Value


@dataclass(frozen=True, slots=True)
class Origin:
    """The place, and the name of the value when the manifest only names it."""

    mark: Mark
    variable: str | None = None


class Origins:
    """Finds origins; the project file is read once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._values: dict[str, Mark] | None = None

    def of(self, place: Place, path: Path) -> Origin | None:
        """Where the field at `path` of a spec is written; `None` when it is not, and has its usual value."""
        whole = ("spec", *path)
        for tree in (*reversed(place.overlays), place.tree):
            mark = tree.mark(whole)
            if mark is None:
                continue
            written = at(tree.data, whole)
            name = written.get("var") if isinstance(written, dict) and len(written) == 1 else None
            if isinstance(name, str) and name in self._project.values:
                return Origin(self._value(name) or mark, name)
            return Origin(mark)
        if whole == ("spec", place.name_field):  # left out, so it is the manifest's name
            named = place.tree.mark(("metadata", "name"))
            return Origin(named) if named is not None else None
        return None

    def of_part(self, place: Place, path: Path, value: Value) -> Origin:
        """
        Where the composite at `place` says what its part has at `path`; where it begins, unless it says it there too.

        Which field of a composite makes which of a part, only the kind knows.
        """
        found = self.of(place, path)
        if found is None:
            return Origin(place.start)
        written = self._project.values[found.variable] if found.variable is not None else self._written(place, path)
        return found if type(written) is type(value) and written == value else Origin(place.start)

    def _written(self, place: Place, path: Path) -> Node:
        whole = ("spec", *path)
        for tree in (*reversed(place.overlays), place.tree):
            if tree.mark(whole) is not None:
                return at(tree.data, whole)
        return at(place.tree.data, ("metadata", "name"))

    def _value(self, name: str) -> Mark | None:
        if self._values is None:
            self._values = _values_of(self._project.root, self._project.environment)
        return self._values.get(name)


def _values_of(root: FilePath, environment: str) -> dict[str, Mark]:
    """Where each value of the environment is written."""
    try:
        with (root / PROJECT_FILE).open("rb") as file:
            reading = read(file.read(MAX_BYTES + 1), PROJECT_FILE)
    except OSError:
        return {}
    found: dict[str, Mark] = {}
    for tree in reading.trees[:1]:
        for path in (("values",), ("environments", environment, "values")):
            try:
                values = at(tree.data, path)
            except KeyError:
                continue
            for name in values if isinstance(values, dict) else ():
                mark = tree.mark((*path, name))
                if mark is not None:
                    found[name] = mark
    return found
