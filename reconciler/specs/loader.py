"""Manifests to `Desired`: read, filled in, checked against their kinds and against each other."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.sdk import Catalog
from reconciler.specs.delivery import DeliveryBlock
from reconciler.specs.exemptions import Exemption
from reconciler.specs.manifests import Manifests
from reconciler.specs.place import Place
from reconciler.specs.project import Project
from reconciler.specs.sources import Sources
from reconciler.specs.variables import Outputs
from reconciler.values import Address, Desired, Mark, Path, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """
    What the manifests say.

    `desired` holds the resources in which nothing is wrong, composites as their parts; `problems` is in the order of
    the files; `files` counts those that were read. `sources` gives the lines that problems point at. `deliveries` is
    what the manifests say of the files that their objects leave, `exemptions` which rules they set aside.
    """

    desired: Desired
    problems: tuple[Problem, ...]
    files: int
    sources: Sources
    places: Mapping[Address, Place]
    deliveries: Mapping[Address, DeliveryBlock] = field(default_factory=dict)
    exemptions: Mapping[Address, tuple[Exemption, ...]] = field(default_factory=dict)

    def locate(self, address: Address, path: Path = ()) -> Mark | None:
        """
        Where the field `path` of the spec of `address` is written, or what should hold it; `None` for a stranger.

        A part of a composite is written where the composite is.
        """
        place = self.places.get(address)
        if place is None:
            return None
        return place.mark(("spec", *path)) if path else place.start

    def fill(self, problem: Problem) -> Problem:
        """The problem with its place, when it has none and its address is known here."""
        if problem.mark is not None or problem.address is None:
            return problem
        return replace(problem, mark=self.locate(problem.address, problem.path))


def load(
    project: Project,
    catalog: Catalog,
    paths: Sequence[str | pathlib.Path] | None = None,
    *,
    now: datetime | None = None,
    contents: Mapping[str, bytes] | None = None,
    outputs: Outputs | None = None,
) -> Loaded:
    """
    Everything that the manifests under `paths` (by default the project's) say, and everything that is wrong with them.

    Relative paths start at the project's root. Opens no connection. With `paths` a reference may also lead to a
    manifest elsewhere in the project. With `now` exceptions that have ended are warned of. `contents` are files, by
    name, that are to be taken as if they held these bytes. `outputs` gives those of other projects; without it each is
    an error.
    """
    manifests = Manifests(project, catalog, now=now, contents=contents, outputs=outputs)
    manifests.read(project.paths if paths is None else paths)
    manifests.connect(elsewhere=paths is not None)
    problems = tuple(sorted(manifests.problems, key=_order))
    return Loaded(
        desired=Desired.of(manifests.resources.values()),
        problems=problems,
        files=manifests.files,
        sources=Sources(project.root, problems, manifests.secret_keys()),
        places=manifests.places,
        deliveries=manifests.deliveries,
        exemptions=manifests.exemptions,
    )


def _order(problem: Problem) -> tuple[bool, Mark, str, str, str]:
    mark = problem.mark or Mark("", 0, 0)
    return problem.mark is None, mark, problem.code, problem.message, str(problem.address)
