"""What one step intends and what is remembered once it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.engine.records import disabled, made, settled, without_object
from reconciler.values import (
    Action,
    Address,
    Change,
    Document,
    Intent,
    Observed,
    Record,
    Step,
    Verb,
)


def intent_of(
    step: Step,
    change: Change,
    *,
    id: str,
    run: str,
    at: datetime,
    scope: str,
    applied: Document,
    seen: tuple[str, ...],
    memo: Document,
    records: Mapping[Address, Record],
) -> Intent:
    """
    What is written down before the step's call.

    `applied` is the wanted document with references as ids (empty for a deletion), `seen` the ids that the
    reading had under the same natural key, `records` the state as it is now.
    """
    before = records.get(step.address)
    record = None
    if step.verb in {Verb.CREATE, Verb.RUN}:
        assert change.resource is not None
        record = replace(made(change.resource, applied, id=None, scope=scope, at=at, before=before), memo=memo)
    elif step.verb is Verb.UPDATE:
        assert change.resource is not None
        assert step.id is not None
        record = made(change.resource, applied, id=step.id, scope=scope, at=at, before=before)
    return Intent(
        id=id,
        run=run,
        address=step.address,
        verb=step.verb.value,
        scope=scope,
        at=at,
        target=step.id,
        replaces=change.id if step.verb is Verb.CREATE and _outlives(change) else None,
        seen=seen,
        record=record,
        memo=memo,
    )


def _outlives(change: Change) -> bool:
    """Whether the old object is still there when the new one has been made."""
    return change.action is Action.REPLACE and not change.delete_first


def record_after(
    step: Step, intent: Intent, reply: Observed | None, before: Observed | None, records: Mapping[Address, Record]
) -> Record | None:
    """
    The record once the step's call has succeeded; `None` when the address has none any more.

    `reply` is the object as it is now, `before` as it was read (both absent for a deletion).
    """
    current = records.get(step.address)
    if step.verb is Verb.DELETE:
        assert step.id is not None
        return without_object(current, step.id) if current is not None else None
    assert reply is not None
    if step.verb is Verb.DISABLE:
        assert current is not None
        return disabled(current, before or reply, reply)
    assert intent.record is not None
    return settled(intent.record, reply, current, intent.replaces)


def record_of(change: Change, records: Mapping[Address, Record], applied: Document, at: datetime) -> Record | None:
    """The record after a change that only the state keeps; `None` when the address has no record any more."""
    current = records.get(change.address)
    if current is None:
        return None
    if change.action is Action.FORGET:
        assert change.id is not None
        return without_object(current, change.id)
    if change.action is Action.RETIRE:
        return replace(current, retired="report")
    if change.resource is None:
        return current
    return made(change.resource, applied, id=current.id, scope=current.scope, at=at, before=current)
