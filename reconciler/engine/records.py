"""What is remembered of an object after a step: built here alone, so that apply, recovery and tests cannot disagree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.engine.shape import references
from reconciler.values import UNKNOWN, Address, Deposed, Document, Observed, Record, Ref, Resource, Value


def resolve(document: Document, id_of: Callable[[Address], str | None]) -> dict[str, Value]:
    """The document with every reference as the id behind it, or UNKNOWN where there is none yet."""

    def walk(value: Value) -> Value:
        match value:
            case Ref(to):
                id = id_of(to)
                return UNKNOWN if id is None else id
            case Mapping():
                return {key: walk(item) for key, item in value.items()}
            case tuple():
                return tuple(walk(item) for item in value)
            case _:
                return value

    return {key: walk(item) for key, item in document.items()}


def made(
    resource: Resource, applied: Document, *, id: str, scope: str, at: datetime | None, before: Record | None = None
) -> Record:
    """
    The record of a resource whose document `applied` the object `id` now holds.

    What `before` knew of the same object (outputs, memo, objects still to be deleted) is kept.
    """
    same = before is not None and before.id == id
    return Record(
        address=resource.address,
        id=id,
        scope=scope,
        applied=applied,
        needs=references(resource.attributes),
        lifecycle=resource.lifecycle,
        labels=dict(resource.labels),
        source=resource.mark.file if resource.mark else None,
        origin=resource.origin,
        outputs=before.outputs if before and same else {},
        memo=before.memo if before and same else {},
        deposed=before.deposed if before else (),
        touched=at,
    )


def with_reply(record: Record, observed: Observed) -> Record:
    """The record with what the vendor computed."""
    return replace(record, id=observed.id, outputs=observed.outputs, memo=observed.memo or record.memo)


def depose(record: Record, id: str, reason: str) -> Record:
    """The record that also remembers an old object which still has to be deleted."""
    if any(each.id == id for each in record.deposed):
        return record
    return replace(record, deposed=(*record.deposed, Deposed(id=id, reason=reason)))


def without_object(record: Record, id: str) -> Record | None:
    """
    The record once `id` is gone.

    When it was the object itself, one that is still to be deleted takes its place, or there is no record any more.
    """
    rest = tuple(each for each in record.deposed if each.id != id)
    if record.id != id:
        return replace(record, deposed=rest)
    return replace(record, id=rest[0].id, deposed=rest[1:], outputs={}) if rest else None


def disabled(record: Record, before: Observed, after: Observed) -> Record:
    """The record of an object that was disabled and kept: what disabling changed counts as applied."""
    changed = {key: value for key, value in after.attributes.items() if before.attributes.get(key) != value}
    return replace(record, applied={**record.applied, **changed}, retired="disable")


def needs_record(record: Record, resource: Resource) -> bool:
    """Whether something that only the state keeps (lifecycle, labels, origin) differs."""
    return (
        record.lifecycle != resource.lifecycle
        or dict(record.labels) != dict(resource.labels)
        or record.origin != resource.origin
        or record.needs != references(resource.attributes)
        or record.retired is not None
    )
