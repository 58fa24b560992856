"""A plan as JSON for programs, in the shape that `plan.schema.json` describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, assert_never

from reconciler.reports.actions import by_danger
from reconciler.reports.counts import summary
from reconciler.reports.fields import path_order
from reconciler.reports.problems import ascii_json, in_order, problem_object
from reconciler.reports.sentences import FROM_SNAPSHOT, is_refused
from reconciler.reports.shown import Reading, reading_of
from reconciler.values import (
    MISSING,
    Action,
    Blank,
    Change,
    FieldChange,
    Path,
    Plan,
    Ref,
    Secret,
    Traits,
    Value,
    dotted,
)

FORMAT_VERSION = "1.2"
"""Grows in the second place when something is added, in the first when a reader could break."""


def plan_json(plan: Plan, *, traits: Callable[[str], Traits]) -> str:
    """
    The whole plan as one JSON document, sorted by address.

    A reference, a secret's place and a blank are objects with one key that begins with `$`; a mapping of the user's
    with such a key is wrapped in `$literal`. A text in a field for secrets is `{"$secret": null}`. The text is ASCII.
    """
    counts = summary(plan)
    return ascii_json(
        {
            "format_version": FORMAT_VERSION,
            "project": plan.project,
            "environment": plan.environment,
            "lineage": plan.lineage,
            "serial": plan.serial,
            "taken": plan.taken.isoformat(),
            "digest": plan.digest,
            "applicable": not is_refused(plan) and not any(each.startswith(FROM_SNAPSHOT) for each in plan.notes),
            "partial": plan.partial,
            "summary": counts.line,
            "counts": asdict(counts),
            "changes": [
                _change(each, reading_of(each.address.type, traits))
                for each in sorted(plan.changes, key=lambda change: (change.address, by_danger(change)))
            ],
            "problems": [problem_object(each) for each in in_order(plan.problems)],
            "notes": list(plan.notes),
        }
    )


def plan_schema() -> str:
    """The JSON Schema (draft 2020-12) of what `plan_json` gives."""
    from importlib.resources import files  # noqa: PLC0415 - slow to import, and seldom needed

    return files("reconciler.reports").joinpath("plan.schema.json").read_text(encoding="utf-8")


def _change(change: Change, reading: Reading) -> dict[str, Any]:
    origin = change.resource.origin if change.resource else change.record.origin if change.record else None
    mark = change.resource.mark if change.resource else None
    return {
        "address": str(change.address),
        "vendor": change.address.vendor,
        "kind": change.address.kind,
        "name": change.address.name,
        "action": change.action.value,
        "id": change.id,
        "origin": str(origin) if origin else None,
        "place": {"file": mark.file, "line": mark.line, "column": mark.column} if mark else None,
        "freshness": change.is_freshness,
        "reasons": [{"code": each.code.value, "text": each.text} for each in change.reasons],
        "fields": [_field(each, reading) for each in _fields(change)],
        "delete_first": change.delete_first,
        "discard": sorted(change.discard),
        "points_at": [str(each) for each in sorted(change.points_at)],
        "hold": {"kind": change.hold.kind.value, "reason": change.hold.reason} if change.hold else None,
        "notes": list(change.notes),
    }


def _fields(change: Change) -> list[FieldChange]:
    """The fields that differ; of a creation all that are wanted, of a deletion all that go."""
    found = list(change.fields)
    if not found and change.resource and (change.action is Action.CREATE or not change.record) and not change.id:
        found = [
            FieldChange(path=(key,), before=MISSING, after=each) for key, each in change.resource.attributes.items()
        ]
    elif not found and change.action is Action.DELETE and change.record and change.record.id == change.id:
        found = [FieldChange(path=(key,), before=each, after=MISSING) for key, each in change.record.applied.items()]
    return sorted(found, key=lambda each: path_order(each.path))


def _field(change: FieldChange, reading: Reading) -> dict[str, Any]:
    return {
        "path": list(change.path),
        "text": dotted(change.path),
        "before": encoded(change.before, change.path, reading),
        "after": encoded(change.after, change.path, reading),
        "forces_replacement": change.forces_replacement,
        "hidden": change.hidden,
    }


def encoded(value: Value, path: Path, reading: Reading) -> Any:  # noqa: ANN401 - JSON data
    """The value as JSON data; nothing that JSON has no word for is lost, and no secret is told."""
    if value is None:
        return None
    if isinstance(value, Blank):
        return {"$blank": value.name.lower()}
    if isinstance(value, Ref):
        return {"$ref": str(value.to)}
    if isinstance(value, Secret):
        parts = {value.source: value.name, "key": value.key, "version": value.version}
        return {"$secret": {name: each for name, each in parts.items() if each is not None}}
    if reading.is_secret(path):
        return {"$secret": None}
    if isinstance(value, float) and value - value != 0:
        return {"$number": str(value)}
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [encoded(each, (*path, position), reading) for position, each in enumerate(value)]
    if isinstance(value, Mapping):
        inner = {key: encoded(each, (*path, key), reading) for key, each in sorted(value.items())}
        return {"$literal": inner} if any(key.startswith("$") for key in inner) else inner
    assert_never(value)
