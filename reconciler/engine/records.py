"""What is sent for a resource and remembered after a step: built here alone, so that apply and recovery agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.engine.shape import Shape, at, references, resendable_paths, shape_of
from reconciler.values import (
    HIDDEN,
    MISSING,
    UNKNOWN,
    Address,
    Deposed,
    Document,
    Ignored,
    Intent,
    Lifecycle,
    Observed,
    Path,
    Record,
    Ref,
    Resource,
    Traits,
    Value,
    dotted,
)


def resolve(document: Document, id_of: Callable[[Address], str | None]) -> dict[str, Value]:
    """The document with every reference as the id behind it, or UNKNOWN where there is none yet."""

    def walk(value: Value) -> Value:
        match value:
            case str() | int() | float() | None:
                return value
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


def ignored_paths(lifecycle: Lifecycle, now: datetime) -> frozenset[str]:
    """The dotted paths within `spec` whose differences the owner accepts at this time."""
    lasting = (each.path for each in lifecycle.exceptions if not each.has_ended(now))
    return frozenset(each.removeprefix("spec.") for each in (*lifecycle.ignore_changes, *lasting))


def ended_exceptions(lifecycle: Lifecycle, now: datetime) -> Mapping[str, Ignored]:
    """The exceptions that count no longer, by dotted path within `spec`; where there are several, the last to end."""
    ended = (each for each in lifecycle.exceptions if each.has_ended(now))
    return {each.path.removeprefix("spec."): each for each in sorted(ended, key=lambda each: str(each.ends))}


def to_send(
    resource: Resource,
    id_of: Callable[[Address], str | None],
    traits: Traits,
    *,
    now: datetime,
    record: Record | None = None,
    observed: Observed | None = None,
) -> dict[str, Value]:
    """
    The document that a call sends and the record remembers: references as ids, ignored fields as they are.

    An ignored field is what the vendor reports, or what was sent last when the vendor hides it, even when it is not
    written any more. Without `observed` the object is made anew and gets everything that is written.
    """
    document = resolve(resource.attributes, id_of)
    ignored = ignored_paths(resource.lifecycle, now)
    if not ignored or observed is None:
        return document

    def walk(wanted: Document, sent: Value, real: Value, shape: Shape, path: Path) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key in {**wanted, **(sent if isinstance(sent, Mapping) else {})}:
            rules, here = shape.child(key), (*path, key)
            value, last, now = at(wanted, (key,)), at(sent, (key,)), at(real, (key,))
            if dotted(here) in ignored:
                found[key] = last if rules.hidden or now is HIDDEN else now
            else:
                found[key] = walk(value, last, now, rules, here) if isinstance(value, Mapping) else value
        return {key: value for key, value in found.items() if value is not MISSING}

    return walk(document, record.applied if record else {}, observed.attributes, shape_of(traits), ())


def made(
    resource: Resource,
    applied: Document,
    *,
    id: str | None,
    scope: str,
    at: datetime | None,
    before: Record | None = None,
) -> Record:
    """
    The record of a resource whose document `applied` the object `id` now holds, or will when it is made.

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


def settled(record: Record, observed: Observed, current: Record | None, replaces: str | None = None) -> Record:
    """
    What an intent's `record` becomes once its call is known to have led to `observed`.

    Objects still to be deleted are those that `current`, the record as it is by now, still knows of: some may have
    gone since the intent was written.
    """
    known = current.ids if current is not None else ()
    left = tuple(each for each in record.deposed if each.id in known and each.id != observed.id)
    record = with_reply(replace(record, deposed=left), observed)
    return depose(record, replaces) if replaces is not None and replaces in known else record


def depose(record: Record, id: str) -> Record:
    """The record that also remembers an old object which still has to be deleted."""
    return replace(record, deposed=(*record.deposed, Deposed(id=id, reason="it was replaced")))


def without_object(record: Record, id: str) -> Record | None:
    """
    The record once `id` is gone.

    When it was the object itself, all that was known of it is forgotten. With no other object left that still has to
    be deleted there is no record any more.
    """
    left = replace(record, deposed=tuple(each for each in record.deposed if each.id != id))
    if record.id == id:
        left = Record(
            address=record.address,
            id=None,
            scope=record.scope,
            applied={},
            needs=record.needs,
            labels=record.labels,
            source=record.source,
            origin=record.origin,
            deposed=left.deposed,
        )
    return left if left.ids else None


def interrupted(record: Record, intent: Intent, traits: Traits) -> Record:
    """
    The record of an object that an unsettled call may have changed.

    Every field of either document counts as applied, so that none that is wanted no more is overlooked, and what the
    vendor hides counts as unknown. A call that disables may have moved any field that has a default.
    """
    if intent.record is None:
        return replace(record, applied=_merged(_defaults(traits), record.applied))
    applied = _merged(intent.record.applied, record.applied)
    unsure = {*record.unsure, *resendable_paths(applied, traits)}
    return replace(record, applied=applied, unsure=tuple(sorted(unsure)))


def _merged(below: Document, above: Document) -> dict[str, Value]:
    """Every field of both; where both have one, that of `above`."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = _merged(under, value)  # noqa: PLW2901 - the same field, with what lies below it
        result[key] = value
    return result


def _defaults(traits: Traits) -> dict[str, Value]:
    """What the vendor sets by itself, as a document."""
    result: dict[str, Value] = {}
    for path, value in traits.defaults.items():
        nested: Value = value
        for step in reversed(path[1:]):
            nested = {step: nested}
        result = _merged({path[0]: nested}, result)
    return result


def disabled(record: Record, before: Observed, after: Observed) -> Record:
    """The record of an object that was disabled and kept: what disabling changed counts as applied."""
    changed = {key: value for key, value in after.attributes.items() if before.attributes.get(key) != value}
    return replace(record, applied={**record.applied, **changed}, retired="disable")


def needs_record(record: Record, resource: Resource, needs: tuple[Address, ...]) -> bool:
    """Whether something that only the state keeps (lifecycle, labels, origin) differs; `needs` is what it points at."""
    return (
        record.lifecycle != resource.lifecycle
        or dict(record.labels) != dict(resource.labels)
        or record.origin != resource.origin
        or record.needs != needs
        or record.retired is not None
    )
