"""What the owner of the repository wants."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
class Lifecycle:
    """Rules of one resource that outlive its manifest; `None` leaves the choice to the kind."""

    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    on_removal: OnRemoval | None = None
    create_anyway: bool = False
    replace: ReplaceOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """
    One object as its manifest describes it.

    `attributes` is the manifest's `spec` with references as `Ref` and secrets as `Secret`; `origin` is the
    composite it was expanded from; `mark` is where it is written.
    """

    address: Address
    attributes: Document
    mark: Mark | None = None
    lifecycle: Lifecycle = Lifecycle()
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: Address | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """Every resource of one project and environment, by address."""

    resources: Mapping[Address, Resource]

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Desired:
        """The resources in the order of their addresses; the caller has refused doubles."""
        return cls({each.address: each for each in sorted(resources, key=lambda resource: resource.address)})
