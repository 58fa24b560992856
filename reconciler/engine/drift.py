"""Reality against what was last applied, field by field; the manifests serve only to tell whose move it was."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.engine.diff import covered, differences, form
from reconciler.engine.records import ignored_paths, resolve
from reconciler.engine.shape import hidden_paths, shape_of
from reconciler.values import (
    MISSING,
    Address,
    Desired,
    Document,
    LastChange,
    Observed,
    Path,
    Problem,
    Record,
    Snapshot,
    State,
    Traits,
    Value,
)


class Cause(enum.Enum):
    """Who moved."""

    VENDOR = "vendor"
    """Somebody changed it at the vendor."""
    SERVER_DEFAULT = "server default"
    """What was applied is gone, and the vendor's own default stands in its place."""
    MANIFEST = "manifest"
    """The manifest says something else by now, and nobody has applied it: no drift, the next plan does it."""
    SECRET = "secret"  # noqa: S105 - a word of ours
    """The manifest refers to another secret or version by now; what the vendor holds cannot be read."""


MOVED = frozenset({Cause.VENDOR, Cause.SERVER_DEFAULT})
"""Causes that count as drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDrift:
    """One field: what was applied last, what the vendor reports, what the manifest says, and who moved."""

    path: Path
    cause: Cause
    applied: Value
    observed: Value
    wanted: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """
    What is to be said of one recorded object.

    `gone` says that it is proven not to exist any more, `managed` that a manifest still describes it, `unreadable`
    counts its fields that the vendor does not give back; `last_change` is the vendor's word on who touched it last.
    """

    address: Address
    id: str
    gone: bool = False
    managed: bool = True
    fields: tuple[FieldDrift, ...] = ()
    unreadable: int = 0
    revision: str | None = None
    last_change: LastChange | None = None

    @property
    def moved(self) -> bool:
        """Whether reality is not what was applied."""
        return self.gone or any(each.cause in MOVED for each in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """
    The drift of a whole project, sorted by address; objects about which there is nothing to say are only counted.

    `problems` name what could not be read: of that nothing is known. Nor is it of objects that are too `young` to be
    listed yet.
    """

    objects: tuple[Drift, ...]
    looked_at: int
    unreadable: int
    young: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether anything is not what was applied."""
        return any(each.moved for each in self.objects)


def drift(desired: Desired, state: State, snapshot: Snapshot, traits: Callable[[str], Traits]) -> Drifted:
    """Compare every record with the object that it remembers; those that are left on purpose are passed over."""
    found: list[Drift] = []
    problems: dict[str | Address, Problem] = {}
    looked_at = unreadable = young = 0
    objects = {(type, each.id): each for type, listed in snapshot.objects.items() for each in listed}
    ids = {address: record.id for address, record in state.records.items()}
    for address, record in sorted(state.records.items()):
        if record.retired is not None or record.id is None:
            continue
        if address in snapshot.holds and (address.type, record.id) not in objects:
            young += 1
            continue
        trouble = next((key for key in (address, address.type) if key in snapshot.unreadable), None)
        if trouble is not None:
            problems[trouble] = snapshot.unreadable[trouble]
            continue
        looked_at += 1
        wanted = desired.resources.get(address)
        document = resolve(wanted.attributes, ids.get) if wanted is not None else None
        ignored = ignored_paths(record.lifecycle, snapshot.taken)
        observed = objects.get((address.type, record.id))
        each = _of(record, record.id, document, observed, traits(address.type), ignored=ignored)
        unreadable += each.unreadable
        if each.gone or each.fields:
            found.append(each)
    return Drifted(
        objects=tuple(found),
        looked_at=looked_at,
        unreadable=unreadable,
        young=young,
        problems=tuple(problems.values()),
    )


def _of(
    record: Record,
    id: str,
    wanted: Document | None,
    observed: Observed | None,
    traits: Traits,
    *,
    ignored: frozenset[str],
) -> Drift:
    if observed is None:
        return Drift(address=record.address, id=id, gone=True, managed=wanted is not None)
    applied = record.applied
    moved = differences(applied, applied, observed.attributes, traits, ignored=ignored)
    fields = [
        FieldDrift(
            path=each.path,
            cause=_cause(each.before, each.path, traits),
            applied=each.after,
            observed=each.before,
            wanted=_at(wanted, each.path),
        )
        for each in moved
    ]
    if wanted is not None:
        said = {each.path for each in moved}
        fields += (each for each in _pending(record, wanted, traits, ignored) if not _within(each.path, said))
    return Drift(
        address=record.address,
        id=id,
        managed=wanted is not None,
        fields=tuple(sorted(fields, key=lambda each: [str(step) for step in each.path])),
        unreadable=len(hidden_paths(applied, traits)),
        revision=observed.revision,
        last_change=observed.last_change,
    )


def _cause(observed: Value, path: Path, traits: Traits) -> Cause:
    shape = shape_of(traits)
    for step in path:
        shape = shape.child(step)
    is_default = shape.default is not MISSING and form(observed, shape) == form(shape.default, shape)
    return Cause.SERVER_DEFAULT if is_default else Cause.VENDOR


def _pending(record: Record, wanted: Document, traits: Traits, ignored: frozenset[str]) -> Iterator[FieldDrift]:
    """What the manifest says by now, compared with what was applied."""
    hidden = frozenset(hidden_paths(wanted, traits))
    for each in differences(wanted, record.applied, record.applied, traits, ignored=ignored):
        cause = Cause.SECRET if covered(each.path, hidden) else Cause.MANIFEST
        yield FieldDrift(path=each.path, cause=cause, applied=each.before, observed=each.before, wanted=each.after)


def _within(path: Path, others: set[Path]) -> bool:
    """Whether one of the others is this field, holds it, or lies in it."""
    return any(path[: len(each)] == each or each[: len(path)] == path for each in others)


def _at(document: Value, path: Path) -> Value:
    """The value at a path, MISSING when nothing is there or a list's item is named by its key."""
    for step in path:
        if isinstance(document, Mapping) and isinstance(step, str):
            document = document.get(step, MISSING)
        elif isinstance(document, tuple) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return MISSING
    return document
