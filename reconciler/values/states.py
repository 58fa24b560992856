"""What is remembered between two runs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.values.address import Address
from reconciler.values.documents import Document
from reconciler.values.resources import Lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposed:
    """An object that was replaced and still has to be deleted."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    The object behind one address as this tool last left it.

    `id` is `None` when there is no such object: it is about to be made, or it is gone while others, that it had
    replaced, still have to be deleted. `applied` is the document that was sent, references as ids and secrets as
    references; `needs` are the addresses it pointed at; `unsure` are dotted paths of write-only fields of which nobody
    knows whether they arrived; `retired` says that its manifest is gone and the object was left, and how (`report` or
    `disable`).
    """

    address: Address
    id: str | None
    scope: str
    applied: Document
    needs: tuple[Address, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    labels: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    origin: Address | None = None
    outputs: Document = field(default_factory=dict)
    memo: Document = field(default_factory=dict)
    deposed: tuple[Deposed, ...] = ()
    unsure: tuple[str, ...] = ()
    retired: str | None = None
    touched: datetime | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every object that is remembered: the present one, if any, then those that still have to be deleted."""
        return (*(() if self.id is None else (self.id,)), *(each.id for each in self.deposed))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    All records of one project and environment.

    `lineage` is drawn once, at the first apply; `serial` counts writes.
    """

    project: str
    environment: str
    lineage: str
    serial: int
    records: Mapping[Address, Record] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    A mutating call that is about to be made, written down before it is made.

    `id` is drawn at random and, for kinds that carry a mark, travels in it. `target` is the object's id for a
    call on an existing object, `replaces` the id that a creation makes obsolete, `seen` the ids that already had the
    same natural key, `record` the record as it will be if the call succeeds (for a creation without an id),
    `memo` what the kind asked to remember.
    """

    id: str
    run: str
    address: Address
    verb: str
    scope: str
    at: datetime
    target: str | None = None
    replaces: str | None = None
    seen: tuple[str, ...] = ()
    record: Record | None = None
    memo: Document = field(default_factory=dict)


class SettlementStatus(enum.Enum):
    """How an intent ended."""

    DONE = "done"
    REFUSED = "refused"
    """The vendor said no, or the call was never sent: nothing happened."""
    VOID = "void"
    """A later look found no trace of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    The end of an intent. An intent without one is open: nobody knows whether its call took effect.

    With DONE, `record` is the record from then on, and `None` says that the address has no record any more. `requests`
    are the vendor's own names of the requests that were sent for it, as far as it gave any.
    """

    intent: str
    status: SettlementStatus
    at: datetime
    address: Address
    record: Record | None = None
    requests: tuple[str, ...] = ()
