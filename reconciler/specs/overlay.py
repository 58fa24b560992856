"""Overlays: what an environment lays over its manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.specs.envelope import identify
from reconciler.specs.files import Found, read_bytes
from reconciler.specs.reader import read
from reconciler.specs.tree import Node, Tree
from reconciler.values import Mark, Problem

Identity = tuple[str, str, str]
"""`apiVersion`, `kind` and `metadata.name`."""


@dataclass(slots=True)
class Overlays:
    """Every overlay by the manifest it addresses, in the order of the files and of the documents within."""

    by_identity: dict[Identity, list[Tree]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    used: set[Identity] = field(default_factory=set)

    def of(self, data: Node) -> tuple[Tree, ...]:
        """The overlays of one manifest."""
        if not self.by_identity:
            return ()
        identity = identity_of(data)
        if identity is None or identity not in self.by_identity:
            return ()
        self.used.add(identity)
        return tuple(self.by_identity[identity])

    def idle(self) -> list[Problem]:
        """A problem for each overlay that no manifest answers."""
        return [
            Problem(
                code="idle-overlay",
                message=f"no manifest is a `{kind}` called `{name}` of `{version}`, so this overlay changes nothing",
                mark=tree.mark(("metadata", "name")),
                help="an overlay repeats `apiVersion`, `kind` and `metadata.name` of the manifest that it changes",
            )
            for (version, kind, name), trees in self.by_identity.items()
            if (version, kind, name) not in self.used
            for tree in trees
        ]


def identity_of(data: Node) -> Identity | None:
    """How overlays address the manifest, when it says it."""
    version, kind, name = identify(data)
    if isinstance(version, str) and isinstance(kind, str) and isinstance(name, str):
        return version, kind, name
    return None


def read_overlays(root: Path, names: Iterable[str], contents: Mapping[str, bytes] | None = None) -> Overlays:
    """The overlay files, read; `names` are relative to `root`, and `contents` are taken in place of the files."""
    result = Overlays()
    for name in names:
        content = contents[name] if contents and name in contents else read_bytes(Found(name, root / name))
        if isinstance(content, Problem):
            result.problems.append(content)
            continue
        reading = read(content, name, nulls=True)
        result.problems += reading.problems
        for tree in reading.trees:
            identity = identity_of(tree.data)
            if identity is None:
                result.problems.append(_without_identity(tree))
            else:
                result.by_identity.setdefault(identity, []).append(tree)
    return result


def _without_identity(tree: Tree) -> Problem:
    message = "an overlay needs `apiVersion`, `kind` and `metadata.name` of the manifest that it changes"
    mark: Mark = tree.start
    return Problem(code="missing-key", message=message, mark=mark)
