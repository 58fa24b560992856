"""What the engine may know of a kind: the value in which engine and vendors meet."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.values.documents import Value
from reconciler.values.resources import OnRemoval


class Identity(enum.Enum):
    """How an object is found again when the reply to its creation was lost."""

    MARK = "mark"
    """By an ownership mark in a field that lists give back."""
    DIFFERENCE = "difference"
    """By being the one new object with the same natural key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """
    One kind's nature.

    Field paths are tuples of keys in which `*` stands for any key or list position. `references` maps a
    path to the type (`vendor/Kind`) it points at; `keyed` maps a list's path to the key of its items;
    `defaults` maps a path to what the vendor sets when the field is not sent.
    `settle_seconds` is how long after a write the vendor's lists may lack it.
    """

    type: str
    identity: Identity
    immutable: frozenset[tuple[str, ...]] = frozenset()
    references: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    secrets: frozenset[tuple[str, ...]] = frozenset()
    write_only: frozenset[tuple[str, ...]] = frozenset()
    unordered: frozenset[tuple[str, ...]] = frozenset()
    keyed: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    defaults: Mapping[tuple[str, ...], Value] = field(default_factory=dict)
    natural_key: tuple[tuple[str, ...], ...] = ()
    updates: bool = True
    deletes: bool = True
    disables: bool = False
    job: bool = False
    coexists: bool = True
    on_removal: OnRemoval = OnRemoval.REPORT
    settle_seconds: float = 30.0
    replacement_cost: str | None = None
