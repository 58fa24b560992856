"""Small worlds written by hand, for tests of one decision each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypedDict, Unpack

from simulation import KINDS, SCOPE, START, VENDOR, address

from reconciler.engine.planner import Decision, plan
from reconciler.engine.safety import Limits
from reconciler.engine.shape import references
from reconciler.values import (
    Address,
    Change,
    Desired,
    Document,
    Hold,
    Intent,
    Lifecycle,
    Observed,
    Options,
    Ownership,
    Problem,
    Record,
    Resource,
    Snapshot,
    State,
    Traits,
)

WIDE = Limits(max_deletes=1000, max_delete_percent=100.0)


def wanted(kind: str, document: Document, *, name: str = "a", lifecycle: Lifecycle | None = None) -> Resource:
    """A manifest."""
    return Resource(address=address(kind, name), attributes=document, lifecycle=lifecycle or Lifecycle())


def recorded(kind: str, applied: Document, *, name: str = "a", id: str | None = None) -> Record:
    """What is remembered of an object called like its kind and name, such as `flow-a`."""
    return Record(address=address(kind, name), id=id or f"{kind.lower()}-{name}", scope=SCOPE, applied=applied)


def of(resource: Resource, applied: Document | None = None, *, id: str | None = None) -> Record:
    """The record that an apply of this manifest left."""
    return Record(
        address=resource.address,
        id=id or f"{resource.address.kind.lower()}-{resource.address.name}",
        scope=SCOPE,
        applied=resource.attributes if applied is None else applied,
        needs=references(resource.attributes),
        lifecycle=resource.lifecycle,
        labels=resource.labels,
        origin=resource.origin,
    )


def seen(id: str, document: Document, *, intent: str | None = None, owner: Address | None = None) -> Observed:
    """What the vendor reports; `intent` and `owner` are what its mark says."""
    mark = None
    if owner is not None:
        mark = Ownership(project="p", environment="e", kind=owner.kind, name=owner.name, intent=intent or "i0")
    return Observed(id=id, attributes=document, revision="1", owner=mark)


def reading(objects: Mapping[str, Iterable[Observed]], *, holds: Mapping[Address, Hold] | None = None) -> Snapshot:
    """One reading, by kind; kinds that are left out are empty."""
    found = {type: tuple(objects.get(type.partition("/")[2], ())) for type in KINDS}
    return Snapshot(
        taken=START,
        objects=found,
        scopes={VENDOR: SCOPE},
        listed={type: frozenset(each.id for each in group) for type, group in found.items()},
        holds=holds or {},
    )


def state_of(*records: Record) -> State:
    """A state that holds these records."""
    by_address = {each.address: each for each in records}
    return State(project="p", environment="e", lineage="l", serial=1, records=by_address)


class Circumstances(TypedDict, total=False):
    """What a test may add to a plan."""

    intents: tuple[Intent, ...]
    options: Options
    limits: Limits
    kinds: Mapping[str, Traits]
    state: State


def decide(
    resources: Iterable[Resource], records: Iterable[Record], snapshot: Snapshot, **more: Unpack[Circumstances]
) -> Decision:
    """The decision, with limits so wide that they do not matter unless the test says otherwise."""
    kinds = {**KINDS, **more.get("kinds", {})}
    return plan(
        Desired.of(resources),
        more.get("state", state_of(*records)),
        snapshot,
        kinds.__getitem__,
        project="p",
        environment="e",
        intents=more.get("intents", ()),
        options=more.get("options"),
        limits=more.get("limits", WIDE),
    )


def only(decision: Decision) -> Change:
    """The one change of a plan that has no problems."""
    assert decision.plan.problems == ()
    (change,) = decision.plan.changes
    return change


def refusal(decision: Decision) -> Problem:
    """The one problem of a plan."""
    (problem,) = decision.plan.problems
    return problem


def tuned(type: str, traits: Traits) -> Mapping[str, Traits]:
    """The kinds with one of another nature."""
    return {type: replace(traits, type=type)}
