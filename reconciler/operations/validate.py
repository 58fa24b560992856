"""`validate`: everything that can be known offline, all problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.operations.contracts import contract_problems
from reconciler.operations.policies import judged_manifests
from reconciler.operations.workspace import Workspace
from reconciler.values import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What was looked at and what was found."""

    files: int
    resources: int
    problems: tuple[Problem, ...]


def validate(workspace: Workspace, paths: Sequence[Path] | None = None) -> Validated:
    """Load the manifests under the paths (by default the project's) and say all that is wrong. Opens no connection."""
    loaded = workspace.read(paths, outputs=workspace.outputs.offline)
    named = (
        loaded.fill(problem)
        for resource in loaded.desired.resources.values()
        if (look := workspace.catalog.kind(resource.address.type).files) is not None
        for problem in look(resource, workspace.project.root)
    )
    return Validated(
        files=loaded.files,
        resources=len(loaded.desired.resources),
        problems=(
            *loaded.problems,
            *named,
            *contract_problems(workspace.project.root, loaded),
            *judged_manifests(workspace, loaded),
        ),
    )
