"""
Which secrets are others than were sent, and which cannot be told.

The planner compares references: two that differ are two secrets. So before it looks, a secret whose value is the same
as was recorded becomes the recorded reference, and afterwards every reference becomes what is to be remembered. All
but the asking is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeAlias

from reconciler.engine.diff import covered
from reconciler.engine.records import ignored_paths
from reconciler.engine.shape import Shape, by_key, secrets, shape_of
from reconciler.operations.secret_places import FINGERPRINT_KEY
from reconciler.secrets import SecretUnavailable, as_written, joined, rotated, same_value
from reconciler.values import (
    Action,
    Address,
    Change,
    Desired,
    Document,
    FieldChange,
    Path,
    Plan,
    Reason,
    ReasonCode,
    Record,
    Secret,
    Snapshot,
    Traits,
    Value,
    dotted,
)

AT_ONCE = 8
"""Secrets that are asked for at the same time."""

NOT_DETECTABLE = "rotation not detectable"
"""How the planner's own word about secrets without a version begins."""

NOT_CHECKED = "rotation not checked"
"""How the word about secrets that cannot be read begins."""

Ask: TypeAlias = Callable[[Secret, Secret | None], Secret]
"""The wanted reference, and the one that was recorded, to the wanted one with what can be told of its value."""


class Asked(Protocol):
    """The project's secrets."""

    def stamped(self, secret: Secret, recorded: Secret | None, *, with_fingerprint: bool) -> Secret:
        """The reference with what can be told of its present value. Raises `SecretUnavailable`."""

    def check_fingerprints(self) -> None:
        """Return if fingerprints can be made, or none are asked for. Raises `SecretUnavailable`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    A secret of a wanted document and what was recorded of it.

    `place` are the steps to it in the document, `path` the same with the keys of keyed lists, as changes name fields.
    """

    place: Path
    path: Path
    wanted: Secret
    recorded: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """
    What is known of the wanted secrets.

    `remembered` are the wanted documents with every secret as it is to be sent and recorded, where that is not as it
    is written; `rotated` are the paths of those whose values are proven to be others. `unchecked` says why some could
    not be told, by their reference. `blind` are addresses with a secret whose rotation would not be seen although it
    can be read.
    """

    desired: Desired
    remembered: Mapping[Address, Document] = field(default_factory=dict)
    rotated: Mapping[Address, tuple[Path, ...]] = field(default_factory=dict)
    unchecked: Mapping[str, str] = field(default_factory=dict)
    blind: frozenset[Address] = frozenset()


def look_at(
    desired: Desired,
    records: Mapping[Address, Record],
    traits: Callable[[str], Traits],
    asked: Asked,
    *,
    now: datetime,
) -> Secrets:
    """
    What can be told of every wanted secret; one that cannot be read stays as it is written.

    Secrets of jobs are not asked about: they are used when a job runs, and nothing at the vendor holds them afterwards.
    """
    pairs = {
        address: found
        for address, resource in desired.resources.items()
        if (rules := traits(address.type)).secrets
        and not rules.job
        and (
            found := tuple(
                _pairs_of(resource.attributes, records.get(address), rules, ignored_paths(resource.lifecycle, now))
            )
        )
    }
    if not pairs:
        return Secrets(desired=desired)
    unchecked: dict[str, str] = {}
    with_fingerprint = True
    try:
        asked.check_fingerprints()
    except SecretUnavailable as missing:
        with_fingerprint = False
        unchecked[FINGERPRINT_KEY] = missing.message

    def ask(question: tuple[Secret, Secret | None]) -> Secret | SecretUnavailable:
        try:
            return asked.stamped(*question, with_fingerprint=with_fingerprint)
        except SecretUnavailable as missing:
            return missing

    questions = tuple(dict.fromkeys((pair.wanted, pair.recorded) for each in pairs.values() for pair in each))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="secrets") as pool:
        answers = dict(zip(questions, pool.map(ask, questions), strict=True))
    unchecked.update(
        {str(wanted): found.message for (wanted, _), found in answers.items() if isinstance(found, SecretUnavailable)}
    )

    def answered(wanted: Secret, recorded: Secret | None) -> Secret:
        found = answers[wanted, recorded]
        return wanted if isinstance(found, SecretUnavailable) else found

    verdict = judged(desired, pairs, answered)
    blind = frozenset(
        address
        for address, each in pairs.items()
        for pair in each
        if isinstance(answer := answers[pair.wanted, pair.recorded], Secret) and answer.version is None
    )
    return replace(verdict, unchecked=unchecked, blind=blind)


def judged(desired: Desired, pairs: Mapping[Address, Sequence[Pair]], present: Ask) -> Secrets:
    """What to compare, what to remember and what was rotated, given what is known of each secret's present value."""
    resources = dict(desired.resources)
    remembered: dict[Address, Document] = {}
    moved: dict[Address, tuple[Path, ...]] = {}
    for address, each in pairs.items():
        compared: dict[Path, Secret] = {}
        kept: dict[Path, Secret] = {}
        paths: list[Path] = []
        for pair in each:
            now = present(pair.wanted, pair.recorded)
            if pair.recorded is not None and same_value(pair.recorded, now):
                compared[pair.place], kept[pair.place] = pair.recorded, joined(pair.recorded, now)
                continue
            compared[pair.place] = kept[pair.place] = now
            if pair.recorded is not None and rotated(pair.recorded, now):
                paths.append(pair.path)
        if all(compared[pair.place] == kept[pair.place] == pair.wanted for pair in each):
            continue  # as written, which is most often so where nothing more can be told
        document = resources[address].attributes
        resources[address] = replace(resources[address], attributes=_with(document, compared))
        remembered[address] = _with(document, kept)
        if paths:
            moved[address] = tuple(paths)
    return Secrets(desired=replace(desired, resources=resources), remembered=remembered, rotated=moved)


def told(plan: Plan, secrets: Secrets, snapshot: Snapshot) -> Plan:
    """The plan that sends and records what is to be remembered, and says which secrets were rotated or not checked."""
    unread = snapshot.unreadable.keys()
    changes = tuple(
        _told(change, secrets, unread={change.address, change.address.type} & unread != set())
        if change.resource is not None and change.address in secrets.remembered
        else change
        for change in plan.changes
    )
    notes = [
        note for note in plan.notes if secrets.blind or not secrets.unchecked or not note.startswith(NOT_DETECTABLE)
    ]
    if secrets.unchecked:
        name, why = min(secrets.unchecked.items())
        count = len(secrets.unchecked)
        rest = f", and {count - 1} more" if count > 1 else ""
        notes.append(f"{NOT_CHECKED}: {why} (`{name}`{rest})")
    return replace(plan, changes=changes, notes=tuple(notes))


def _told(change: Change, secrets: Secrets, *, unread: bool) -> Change:
    assert change.resource is not None
    remembered = secrets.remembered[change.address]
    differs = remembered != change.resource.attributes
    change = replace(change, resource=replace(change.resource, attributes=remembered))
    if change.action is Action.NOOP and change.record is not None and differs and not unread:
        reason = Reason(code=ReasonCode.STATE_ONLY, text="only what is remembered of a secret changes")
        return replace(change, action=Action.RECORD, reasons=(reason,))
    names = [path for path in secrets.rotated.get(change.address, ()) if _is_within(path, change.fields)]
    if not names:
        return change
    listed = ", ".join(f"`{dotted(path)}`" for path in names)
    reason = Reason(code=ReasonCode.CHANGED, text=f"secret rotated: {listed}")
    # A mere count of fields says nothing more when every field is a rotated secret.
    counted = all(any(name[: len(each.path)] == each.path for name in names) for each in change.fields)
    rest = tuple(each for each in change.reasons if not (counted and each.code is ReasonCode.CHANGED))
    return replace(change, reasons=(*rest, reason))


def _is_within(path: Path, fields: Sequence[FieldChange]) -> bool:
    return any(path[: len(each.path)] == each.path for each in fields)


def moved_since(planned: Document, present: Document) -> tuple[tuple[Path, Secret], ...]:
    """The secrets of a document that is sent whose values are proven to be others than when it was planned."""
    before = dict(secrets(planned))
    return tuple(
        (path, as_written(secret))
        for path, secret in secrets(present)
        if (planned_one := before.get(path)) is not None and rotated(planned_one, secret)
    )


def without_stamps(value: Value) -> Value:
    """The value with every secret as its owner wrote it."""
    match value:
        case Secret():
            return as_written(value)
        case Mapping():
            return {key: without_stamps(item) for key, item in value.items()}
        case tuple():
            return tuple(without_stamps(item) for item in value)
        case _:
            return value


# --- pairs of wanted and recorded ---


def _pairs_of(document: Document, record: Record | None, traits: Traits, ignored: frozenset[str]) -> Iterator[Pair]:
    """The secrets of a document but those whose differences the owner accepts."""
    applied: Value = record.applied if record is not None else None
    for pair in _pairs(document, applied, shape_of(traits), (), ()):
        if not covered(pair.path, ignored):
            yield pair


def _pairs(wanted: Value, recorded: Value, shape: Shape, place: Path, path: Path) -> Iterator[Pair]:
    match wanted:
        case Secret():
            yield Pair(
                place=place, path=path, wanted=wanted, recorded=recorded if isinstance(recorded, Secret) else None
            )
        case Mapping():
            for key, item in wanted.items():
                last = recorded.get(key) if isinstance(recorded, Mapping) else None
                yield from _pairs(item, last, shape.child(key), (*place, key), (*path, key))
        case tuple():
            yield from _pairs_in_list(wanted, recorded, shape, place, path)
        case _:
            return


def _pairs_in_list(wanted: tuple[Value, ...], recorded: Value, shape: Shape, place: Path, path: Path) -> Iterator[Pair]:
    before = recorded if isinstance(recorded, tuple) else ()
    names = by_key(wanted, shape.key) if shape.key is not None else None
    named = by_key(before, shape.key) if shape.key is not None else None
    left = list(before)
    for index, (item, name) in enumerate(zip(wanted, names or [None] * len(wanted), strict=True)):
        if name is not None:
            last = named.get(name) if named is not None else None
        elif shape.unordered:
            last = next((each for each in left if _bare(each) == _bare(item)), None)
            if last is not None:
                left.remove(last)
        else:
            last = before[index] if index < len(before) else None
        step = index if name is None else name
        yield from _pairs(item, last, shape.child(step), (*place, index), (*path, step))


def _bare(value: Value) -> Value:
    """The value with every secret as its place alone."""
    match value:
        case Secret():
            return replace(value, version=None)
        case Mapping():
            return {key: _bare(item) for key, item in value.items()}
        case tuple():
            return tuple(_bare(item) for item in value)
        case _:
            return value


def _with(document: Document, found: Mapping[Path, Secret]) -> dict[str, Value]:
    """The document with other secrets at these places."""

    def walk(value: Value, place: Path) -> Value:
        match value:
            case Secret():
                return found.get(place, value)
            case Mapping():
                return {key: walk(item, (*place, key)) for key, item in value.items()}
            case tuple():
                return tuple(walk(item, (*place, index)) for index, item in enumerate(value))
            case _:
                return value

    return {key: walk(value, (key,)) for key, value in document.items()}
