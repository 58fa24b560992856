"""Manifests as they were: read from bytes that a commit holds, by today's rules, as far as these can read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from reconciler.sdk import Catalog
from reconciler.specs.manifests import Manifests
from reconciler.specs.merge import merged
from reconciler.specs.overlay import read_overlays
from reconciler.specs.project import PROJECT_FILE, Project
from reconciler.specs.reader import read
from reconciler.specs.tree import Node
from reconciler.specs.variables import Outputs, from_environment
from reconciler.values import Address, Resource

ENDINGS = (".yaml", ".yml")


class Undecided(Exception):
    """The files cannot be read well enough to tell whether they describe the address."""


def project_as_of(content: bytes, project: Project, environ: Mapping[str, str]) -> Project | None:
    """
    The project with the manifests' paths, values and overlays that a former project file gave its environment.

    `None` when the file cannot be read so far.
    """
    reading = read(content, PROJECT_FILE)
    if reading.problems or len(reading.trees) != 1 or not isinstance(reading.trees[0].data, dict):
        return None
    written = reading.trees[0].data
    declared = written.get("environments")
    own = declared.get(project.environment) if isinstance(declared, dict) else None
    sections = [each for each in (declared.values() if isinstance(declared, dict) else ()) if isinstance(each, dict)]
    base: Node = {key: written[key] for key in _KEYS & written.keys()}
    whole, _ = from_environment(merged(base, own if isinstance(own, dict) else {}), environ)
    assert isinstance(whole, dict)  # a mapping laid over a mapping
    paths, values, overlays = (whole.get(key) for key in ("manifests", "values", "overlays"))
    return replace(
        project,
        paths=_texts(paths) or ("specs/",),
        values={key: each for key, each in values.items() if isinstance(each, str | bool | int | float)}
        if isinstance(values, dict)
        else {},
        overlays=_texts(overlays),
        reserved=frozenset(
            {PROJECT_FILE, *(name for each in (written, *sections) for name in _texts(each.get("overlays")))}
        ),
    )


_KEYS = frozenset({"manifests", "values", "overlays"})


def _texts(node: Node) -> tuple[str, ...]:
    return (
        tuple(PurePosixPath(each).as_posix() for each in node if isinstance(each, str))
        if isinstance(node, list)
        else ()
    )


def is_manifest(name: str, project: Project) -> bool:
    """Whether a file, named from the project's folder, is one of those that hold its manifests."""
    if not name.endswith(ENDINGS) or name in project.reserved:
        return False
    path = PurePosixPath(name)
    return any(path.is_relative_to(PurePosixPath(each)) for each in project.paths)


def resource_as_of(
    address: Address,
    project: Project,
    catalog: Catalog,
    files: Mapping[str, bytes],
    overlays: Mapping[str, bytes],
    *,
    outputs: Outputs | None = None,
) -> Resource | None:
    """
    What the files say of an address, its values and overlays included; `None` when they do not describe it.

    `outputs` gives those of other projects, as they are now: what they were then nobody knows.

    Raises `Undecided` when a manifest of that name cannot be read, or breaks rules that hold today.
    """
    manifests = Manifests(project, catalog, free=True, outputs=outputs)
    laid = read_overlays(project.root, [name for name in project.overlays if name in overlays], overlays)
    if laid.problems:
        raise Undecided
    manifests.lay_over(laid)
    for name, content in sorted(files.items()):
        manifests.read_text(content, name)
    found = manifests.resources.get(address)
    if found is None and manifests.is_unsure(address):
        raise Undecided
    return found
