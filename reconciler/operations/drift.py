"""`drift`: reality against what was last applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.engine.drift import Drifted
from reconciler.engine.drift import drift as compare
from reconciler.engine.renames import known_as
from reconciler.operations.failures import Invalid
from reconciler.operations.plan import HERE, resolved
from reconciler.operations.reading import Reader
from reconciler.operations.workspace import Workspace
from reconciler.values import Desired, Document, Problem, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What moved, the state it was compared with, and what is wrong with the manifests.

    `objects` is what the vendors reported, by type and id, at the time `taken`.
    """

    drifted: Drifted
    state: State
    desired: Desired
    objects: Mapping[tuple[str, str], Document]
    taken: datetime
    manifests: tuple[Problem, ...] = ()


def find_drift(workspace: Workspace) -> Found:
    """
    What moved since the last apply; sends no write.

    Manifests with mistakes are no hindrance: then nothing is said of them. Raises `Denied` for refused credentials
    and `Failure` when a vendor cannot be reached.
    """
    wrong: tuple[Problem, ...] = ()
    try:
        desired = workspace.load().desired
    except Invalid as invalid:
        desired, wrong = Desired({}), invalid.problems
    stored = workspace.backend.load()
    state = stored.state or State(
        project=workspace.project.name, environment=workspace.project.environment, lineage="", serial=0
    )
    # A name that was changed and not applied yet is followed: the manifest is there.
    state = replace(state, records=known_as(desired.resources, state.records))
    managed = Desired({each: resource for each, resource in desired.resources.items() if each in state.records})
    reader = Reader(
        catalog=workspace.catalog, session=workspace.session, clock=workspace.clock, progress=workspace.progress
    )
    workspace.learn(HERE)
    workspace.progress.phase("reading the vendors")
    snapshot = reader.read(managed, state, stored.open_intents)
    managed = resolved(managed, snapshot)
    found = compare(managed, state, snapshot, workspace.catalog.traits)
    objects = {(type, each.id): each.attributes for type, listed in snapshot.objects.items() for each in listed}
    return Found(
        drifted=found,
        state=state,
        desired=managed,
        objects=objects,
        taken=snapshot.taken,
        manifests=wrong,
    )
