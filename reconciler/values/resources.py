"""What the owner of the repository wants."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.values.address import Address
from reconciler.values.documents import Document
from reconciler.values.problems import Mark


class OnRemoval(enum.Enum):
    """What happens to an object at the vendor when its manifest goes away."""

    REPORT = "report"
    DISABLE = "disable"
    DELETE = "delete"
    FORGET = "forget"


class ReplaceOrder(enum.Enum):
    """Whether the new object is made before or after the old one is deleted."""

    CREATE_FIRST = "createFirst"
    DELETE_FIRST = "deleteFirst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """
    A field whose differences the owner accepts, for a time.

    `path` is as in `ignore_changes`; from `ends` on it counts no longer, `reason` is the owner's own text.
    """

    path: str
    ends: datetime | None = None
    reason: str | None = None

    def has_ended(self, now: datetime) -> bool:
        """Whether the field is to be compared again."""
        return self.ends is not None and self.ends <= now

    @property
    def last(self) -> str:
        """When it counted last: a day, or the time when it does not end with a day; empty when it has no end."""
        if self.ends is None:
            return ""
        if (self.ends.hour, self.ends.minute, self.ends.second, self.ends.microsecond) == (0, 0, 0, 0):
            return f"{self.ends - timedelta(days=1):%Y-%m-%d}"
        return self.ends.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """
    Rules of one resource that outlive its manifest; `None` leaves the choice to the kind.

    `ignore_changes` are fields whose differences are accepted without end, `exceptions` those with one, or with a
    reason.
    """

    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    exceptions: tuple[Ignored, ...] = ()
    on_removal: OnRemoval | None = None
    create_anyway: bool = False
    replace: ReplaceOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    One object as its manifest describes it.

    `attributes` is the manifest's `spec` with references as `Ref` and secrets as `Secret`; `origin` is the
    composite it was expanded from; `mark` is where it is written; `renamed_from` is the address that it had before.
    """

    address: Address
    attributes: Document
    mark: Mark | None = None
    lifecycle: Lifecycle = Lifecycle()
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: Address | None = None
    renamed_from: Address | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """Every resource of one project and environment, by address."""

    resources: Mapping[Address, Resource]

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Desired:
        """The resources in the order of their addresses; the caller has refused doubles."""
        return cls({each.address: each for each in sorted(resources, key=lambda resource: resource.address)})
