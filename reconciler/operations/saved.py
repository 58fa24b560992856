"""Saved plans: what `plan -o` writes and `apply PLANFILE` holds reality to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TypeAlias

from reconciler.engine.codec import (
    CodecError,
    SavedPlan,
    decode_saved_plan,
    digest_of,
    encode_object,
    encode_saved_plan,
    to_json,
)
from reconciler.engine.planner import to_do
from reconciler.operations.approval import with_digest
from reconciler.operations.failures import Failure, Stale
from reconciler.operations.plan import Planned
from reconciler.operations.rotation import NOT_CHECKED, moved_since, without_stamps
from reconciler.operations.workspace import Workspace
from reconciler.values import Address, Change, Desired, Document, FieldChange, Observed, Path, Problem, Record, dotted

Objects: TypeAlias = Mapping[tuple[str, str], Observed]
"""What was read, by type and id."""


def save(planned: Planned, path: FilePath, *, commit: str | None = None) -> None:
    """
    Write the plan to a new file of mode 0600, or over an old one.

    Commit and digest of the manifests are recorded and never compared: what counts is what would be done. Raises
    `Failure` when the file cannot be written.
    """
    meta: Document = {"manifests": digest_of(to_json(encode_object(Desired, planned.desired)))}
    if commit:
        meta = {**meta, "commit": commit}
    body = encode_saved_plan(planned.plan, planned.desired, planned.options, meta)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(body)
    except OSError as error:
        raise Failure(f"the plan cannot be written to `{path}`: {error.strerror}") from None


def open_saved(workspace: Workspace, path: FilePath) -> SavedPlan:
    """The plan in the file. Raises `Failure` when it is not one, and `Stale` when it is of another project."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise Failure(f"the plan `{path}` cannot be read: {error.strerror}") from None
    try:
        saved = decode_saved_plan(body)
    except CodecError as error:
        raise Stale(f"the plan `{path}` cannot be used: {error}", help="make it again with `plan -o`") from None
    theirs, ours = (saved.plan.project, saved.plan.environment), (workspace.project.name, workspace.project.environment)
    if theirs != ours:
        raise Stale(f"the plan is of `{'/'.join(theirs)}`, and this is `{'/'.join(ours)}`")
    if saved.plan.digest != with_digest(saved.plan).digest:
        raise Stale(
            f"the plan `{path}` was edited: it does not do what its digest names", help="make it again with `plan -o`"
        )
    return saved


def moved(saved: SavedPlan, planned: Planned) -> tuple[Problem, ...]:
    """
    Every object and field in which a fresh plan from the saved manifests does not do the same as the saved one.

    Raises `Stale` when the state is another one altogether.
    """
    if saved.plan.lineage and saved.plan.lineage != planned.plan.lineage:
        raise Stale("the state is not the one that the plan was made from: its lineage differs")
    before = {_key(change): change for change in to_do(saved.plan)}
    now = {_key(change): change for change in to_do(planned.plan)}
    # A secret that cannot be read here looks like one that was not rotated.
    unread = next((note for note in planned.plan.notes if note.startswith(NOT_CHECKED)), None)
    objects = {(type, each.id): each for type, found in planned.snapshot.objects.items() for each in found}
    return tuple(
        replace(problem, help=unread) if key not in now else problem
        for key in sorted({*before, *now}, key=str)
        for problem in _moved(key[0], before.get(key), now.get(key), objects)
    )


def _touched(objects: Objects, change: Change) -> str | None:
    """Who has touched the object, where the vendor tells."""
    observed = objects.get((change.address.type, change.id)) if change.id is not None else None
    last = observed.last_change if observed is not None else None
    return f"it was {last}" if last is not None else None


def _key(change: Change) -> tuple[Address, str | None]:
    return change.address, change.id if change.resource is None else None


def _moved(address: Address, before: Change | None, now: Change | None, objects: Objects) -> list[Problem]:
    def stale(message: str, field: FieldChange | None = None, help: str | None = None) -> Problem:
        path = field.path if field else ()
        return Problem(code="stale-plan", message=message, address=address, path=path, help=help)

    if before is None:
        assert now is not None
        return [stale(f"the plan did nothing to it, and now it needs: {now.action.value}")]
    if now is None:
        return [stale(f"the plan would {before.action.value} it, and now nothing is left to do")]
    if before.action is not now.action:
        return [stale(f"the plan would {before.action.value} it, and now it needs: {now.action.value}")]
    if before.id != now.id:
        return [stale(f"the plan was made for `{before.id}`, and now it is `{now.id}`")]
    if before.resource is not None and now.resource is not None:
        moved = moved_since(before.resource.attributes, now.resource.attributes)
        if moved:
            return [
                Problem(
                    code="stale-plan",
                    message=f"the secret `{secret}` is not what it was when the plan was made",
                    address=address,
                    path=path,
                )
                for path, secret in moved
            ]
    then, later, who = _by_path(before), _by_path(now), _touched(objects, now)
    moved_fields = [
        stale(
            f"`{dotted(path)}` at the vendor is not what it was when the plan was made",
            then.get(path) or later[path],
            who,
        )
        for path in sorted({*then, *later}, key=str)
        if then.get(path) != later.get(path)
    ]
    if not moved_fields and before.resource is None and before.digest != now.digest:
        return [stale("at the vendor it is not what it was when the plan was made", help=who)]
    if not moved_fields and _remembered(before.record) != _remembered(now.record):
        return [stale("what is remembered of it has changed: another apply has been at it since the plan was made")]
    return moved_fields


def _remembered(record: Record | None) -> Record | None:
    """A record without what changes by being looked at."""
    if record is None:
        return None
    applied = {key: without_stamps(value) for key, value in record.applied.items()}
    return replace(record, applied=applied, touched=None, memo={}, outputs={})


def _by_path(change: Change) -> dict[Path, FieldChange]:
    """The fields that differ; whether a secret is still the same is a question of its own."""
    return {
        each.path: replace(each, before=without_stamps(each.before), after=without_stamps(each.after))
        for each in change.fields
    }
