"""`graph`: who needs whom, from manifests and state."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.graph import reduced
from reconciler.engine.planner import to_do
from reconciler.engine.shape import references
from reconciler.operations.plan import Planned
from reconciler.values import Action, Address, Desired

Picture = tuple[Mapping[Address, Action | None], Mapping[Address, tuple[Address, ...]]]


def of_manifests(desired: Desired) -> Picture:
    """Every wanted resource and what it needs, with the fewest edges that say so."""
    needs = {address: references(resource.attributes) for address, resource in desired.resources.items()}
    return dict.fromkeys(needs), reduced(needs)


def of_plan(planned: Planned) -> Picture:
    """The same with what the plan does to each."""
    needs: dict[Address, tuple[Address, ...]] = {}
    for change in planned.plan.changes:
        known = references(change.resource.attributes) if change.resource is not None else change.points_at
        needs.setdefault(change.address, known)
    actions: dict[Address, Action | None] = dict.fromkeys(needs)
    actions.update({change.address: change.action for change in to_do(planned.plan)})
    return actions, reduced(needs)
