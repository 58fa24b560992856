"""What the vendor reports."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.values.address import Address
from reconciler.values.documents import Document
from reconciler.values.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The mark by which an object at a vendor says which manifest made it, and in which attempt."""

    project: str
    environment: str
    kind: str
    name: str
    intent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """
    Why an object must be made anew although its fields agree.

    `freshness` says that this is the passing of time and data, not somebody's change of a definition.
    """

    reason: str
    freshness: bool = False


class HoldKind(enum.Enum):
    """Why nothing is done now about an object that differs."""

    WAIT = "wait"
    """Something is under way at the vendor; ask again later."""
    BLOCKED = "blocked"
    """The vendor will not do it until something outside changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A reason to leave an object alone in this run."""

    kind: HoldKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """When an object was changed last, and by whom, as far as the vendor tells: also by a service of its own."""

    at: datetime | None = None
    by: str | None = None

    def __str__(self) -> str:
        at = f" at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.at is not None else ""
        by = f" by `{self.by}`" if self.by is not None else ""
        return f"changed last{at}{by}, says the vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """
    One object as the vendor reports it, in the manifests' vocabulary and without its ownership mark.

    `revision` is an etag or a digest, `owner` the mark found on it, `outputs` what the vendor computed;
    `settling` names the transient state of an object that is not ready yet. `memo` is what the kind
    wants recorded of it.
    """

    id: str
    attributes: Document
    revision: str | None = None
    owner: Ownership | None = None
    outputs: Document = field(default_factory=dict)
    taint: Taint | None = None
    hold: Hold | None = None
    settling: str | None = None
    memo: Document = field(default_factory=dict)
    last_change: LastChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    One reading of the vendors.

    `objects` holds, per type (`vendor/Kind`), all that its list gave plus recorded objects that only a
    reading by id found. A type or an address that could not be read is in `unreadable`, never "empty";
    a recorded id that is in neither is proven gone. `listed` are the ids that the lists themselves gave. `scopes`
    names, per vendor, whose objects were read. `holds`, `problems` and `resolved` come from a kind's extra readings;
    `resolved` is what was wanted with what only the vendor knows filled in.
    """

    taken: datetime
    objects: Mapping[str, tuple[Observed, ...]]
    scopes: Mapping[str, str]
    unreadable: Mapping[str | Address, Problem] = field(default_factory=dict)
    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    holds: Mapping[Address, Hold] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    resolved: Mapping[Address, Document] = field(default_factory=dict)
