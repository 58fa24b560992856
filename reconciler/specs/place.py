"""Where a manifest is written: in its own document and in the overlays that were laid over it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.specs.tree import Tree
from reconciler.values import Mark, Path


@dataclass(frozen=True, slots=True)
class Place:
    """One manifest's document, and its overlays in the order in which they were applied."""

    tree: Tree
    overlays: tuple[Tree, ...] = ()
    name_field: str | None = None

    @property
    def start(self) -> Mark:
        """Where the manifest begins."""
        return self.tree.start

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """
        Where the field at `path` (from the root of the manifest) is written, or what should hold it.

        The overlay that was applied last counts.
        """
        for tree in (*reversed(self.overlays), self.tree):
            found = tree.mark(path, key=key)
            if found is not None:
                return found
        if path == ("spec", self.name_field):  # left out, so it is the manifest's name
            return self.tree.nearest(("metadata", "name"))
        return self.tree.nearest(path)
