"""
`snapshot`: what was read, in a file, so that a plan can be made where nobody may ask.

The file is for those who may read the repository: it holds no secret, no fingerprint of one and no person's name, and
of objects that are not managed here only what lookalikes and dependents are told by.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from reconciler import __version__
from reconciler.engine.codec import digest, encode_sealed
from reconciler.operations.failures import Failure, Invalid
from reconciler.operations.plan import HERE
from reconciler.operations.reading import Reader
from reconciler.operations.rotation import without_stamps
from reconciler.operations.workspace import Workspace
from reconciler.values import (
    HIDDEN,
    MISSING,
    Address,
    Blank,
    Document,
    Hold,
    Intent,
    Observed,
    Ownership,
    Problem,
    Record,
    Ref,
    Secret,
    State,
    Traits,
    Value,
)

KIND = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was read of one type: its objects, and the ids that the list itself gave."""

    type: str
    objects: tuple[Observed, ...]
    listed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A type (`vendor/Kind`) or an address that could not be read."""

    what: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An address that was to be left alone."""

    address: Address
    hold: Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """
    What extra readings said of one resource, whose wanted document has the digest `manifest`.

    `resolved` is that document with what only the vendor knows filled in.
    """

    address: Address
    manifest: str
    resolved: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An output of another project, by the name that manifests give it, that the manifests used."""

    project: str
    address: Address
    name: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A snapshot as it lies in a file. `tool` is the version that wrote it."""

    project: str
    environment: str
    taken: datetime
    scopes: Mapping[str, str]
    state: State | None
    intents: tuple[Intent, ...] = ()
    listings: tuple[Listing, ...] = ()
    unread: tuple[Unread, ...] = ()
    holds: tuple[Held, ...] = ()
    looked: tuple[Looked, ...] = ()
    outputs: tuple[Given, ...] = ()
    problems: tuple[Problem, ...] = ()
    tool: str = __version__


def publish(workspace: Workspace) -> Published:
    """Read the state and the vendors, and keep what may be published. Sends no write."""
    desired = workspace.load().desired
    stored = workspace.backend.load()
    reader = Reader(
        catalog=workspace.catalog, session=workspace.session, clock=workspace.clock, progress=workspace.progress
    )
    workspace.learn(HERE)
    workspace.progress.phase("reading the vendors")
    try:
        snapshot = reader.read(desired, stored.state, stored.open_intents)
    except Invalid as invalid:
        raise Invalid(invalid.message, [workspace.place(each) for each in invalid.problems]) from None
    traits = workspace.catalog.traits
    records = stored.state.records if stored.state is not None else {}
    managed = {(address.type, id) for address, record in records.items() for id in record.ids}

    def is_ours(observed: Observed) -> bool:
        owner = observed.owner
        return owner is not None and (owner.project, owner.environment) == (
            workspace.project.name,
            workspace.project.environment,
        )

    return Published(
        project=workspace.project.name,
        environment=workspace.project.environment,
        taken=snapshot.taken,
        scopes=snapshot.scopes,
        state=_bare_state(stored.state, traits),
        intents=tuple(_bare_intent(each, traits) for each in stored.open_intents),
        listings=tuple(
            Listing(
                type=type,
                objects=tuple(
                    _bare_object(each, traits(type), whole=(type, each.id) in managed or is_ours(each))
                    for each in sorted(objects, key=lambda each: each.id)
                ),
                listed=snapshot.listed.get(type, frozenset()),
            )
            for type, objects in sorted(snapshot.objects.items())
        ),
        unread=tuple(
            Unread(what=str(what), problem=_redacted(problem, workspace.redact))
            for what, problem in sorted(snapshot.unreadable.items(), key=lambda each: str(each[0]))
        ),
        holds=tuple(
            Held(address=address, hold=replace(hold, reason=workspace.redact(hold.reason)))
            for address, hold in sorted(snapshot.holds.items())
        ),
        looked=tuple(
            Looked(
                address=address,
                manifest=digest(as_published(resource.attributes)),
                resolved=_bare(found, traits(address.type))
                if (found := snapshot.resolved.get(address)) is not None
                else None,
            )
            for address, resource in sorted(desired.resources.items())
        ),
        outputs=tuple(
            Given(project=project, address=address, name=name, value=value)
            for (project, address, name), value in sorted(workspace.outputs.given.items())
        ),
        problems=tuple(_redacted(each, workspace.redact) for each in snapshot.problems),
    )


def write(workspace: Workspace, published: Published, path: Path) -> None:
    """
    Write the snapshot to a file of mode 0600.

    Raises `Failure` when the file cannot be written, or when any secret that is known stands in it.
    """
    body = encode_sealed(KIND, Published, published)
    text = body.decode("utf-8")
    if workspace.redact(text) != text:
        raise Failure(
            "the snapshot would hold the text of a secret; it was not written",
            help="a vendor shows the secret in a field that it should not: look at `reconciler state list` and there",
        )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(body)
    except OSError as error:
        raise Failure(f"the snapshot cannot be written to `{path}`: {error.strerror}") from None


def as_published(document: Document) -> Document:
    """The document with every secret as its owner wrote it."""
    return {key: without_stamps(value) for key, value in document.items()}


def _bare(document: Document, traits: Traits) -> Document:
    """The document without any value in a field for secrets, and without what is known of the values of secrets."""

    def walk(value: Value, path: tuple[str, ...]) -> Value:
        if isinstance(value, Blank | Ref | Secret):
            return value
        if any(_fits(path, each) for each in traits.secrets):
            return HIDDEN
        match value:
            case Mapping():
                return {key: walk(item, (*path, key)) for key, item in value.items()}
            case tuple():
                return tuple(walk(item, (*path, "*")) for item in value)
            case _:
                return value

    return {key: walk(value, (key,)) for key, value in as_published(document).items()}


def _fits(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path is of this pattern, in which `*` is any key or position."""
    return len(path) == len(pattern) and all(each in (step, "*") for step, each in zip(path, pattern, strict=True))


_ANOTHER = Ownership(project="another", environment="", kind="", name="", intent="")


def _bare_object(observed: Observed, traits: Traits, *, whole: bool) -> Observed:
    """Of a stranger's object only what tells lookalikes and what it points at; of nobody's who changed it last."""
    attributes = _bare(observed.attributes, traits)
    if whole:
        return replace(observed, attributes=attributes, last_change=None)
    return Observed(
        id=observed.id,
        attributes=_pruned(attributes, {*traits.natural_key, *traits.references}, ()),
        owner=_ANOTHER if observed.owner is not None else None,
    )


def _pruned(document: Mapping[str, Value], telling: Iterable[tuple[str, ...]], path: tuple[str, ...]) -> Document:
    def walk(value: Value, path: tuple[str, ...]) -> Value:
        if any(_fits(path, each) for each in telling):
            return value
        inner = [each for each in telling if len(each) > len(path) and _fits(path, each[: len(path)])]
        match value:
            case Mapping() if inner:
                return _pruned(value, inner, path)
            case tuple() if inner:
                return tuple(walk(item, (*path, "*")) for item in value)
            case _:
                return MISSING

    found = {key: walk(value, (*path, key)) for key, value in document.items()}
    return {key: value for key, value in found.items() if value is not MISSING}


def _bare_state(state: State | None, traits: Callable[[str], Traits]) -> State | None:
    if state is None:
        return None
    return replace(state, records={address: _bare_record(each, traits) for address, each in state.records.items()})


def _bare_record(record: Record, traits: Callable[[str], Traits]) -> Record:
    return replace(record, applied=_bare(record.applied, traits(record.address.type)))


def _bare_intent(intent: Intent, traits: Callable[[str], Traits]) -> Intent:
    return replace(intent, record=_bare_record(intent.record, traits)) if intent.record is not None else intent


def _redacted(problem: Problem, redact: Callable[[str], str]) -> Problem:
    return replace(
        problem, message=redact(problem.message), help=redact(problem.help) if problem.help is not None else None
    )
