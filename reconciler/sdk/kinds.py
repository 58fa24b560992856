"""A kind of object as data: what the rest of the product needs to know of it without asking the vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from reconciler.sdk.fields import (
    Immutable,
    Keyed,
    RefersTo,
    Sensitive,
    ServerDefault,
    Unordered,
    WriteOnly,
    marked_fields,
)
from reconciler.values import Identity, OnRemoval, Problem, Resource, Traits, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    One kind.

    `spec` is the pydantic model of the manifest's `spec` (or a discriminated union of models) and carries the field
    markers. `natural_key` are paths whose equal values make two objects lookalikes. `name_field` is the spec key
    that is `metadata.name` when left out. `expand` turns a composite into its parts, which share its name; a
    composite has no handler. `delivers` says that its objects leave files, so that a manifest may have `delivery`,
    whose `options` may be as in `delivery_options`. `check` finds offline what a model cannot say, `together` what
    no manifest has wrong by itself: it is given all resources of the kind. `files` finds what is wrong with files
    of this machine that a manifest names, given the project's folder. `in_parts` says that its handler is a
    `BatchHandler`. `example` is a whole manifest.
    """

    name: str
    summary: str
    spec: Any
    identity: Identity = Identity.MARK
    natural_key: tuple[tuple[str, ...], ...] = ()
    name_field: str | None = "name"
    updates: bool = True
    deletes: bool = True
    disables: bool = False
    job: bool = False
    coexists: bool = True
    on_removal: OnRemoval = OnRemoval.REPORT
    settle_seconds: float = 30.0
    replacement_cost: str | None = None
    expand: Callable[[Resource], Iterable[Resource]] | None = None
    delivers: bool = False
    delivery_options: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict)
    check: Callable[[Resource], Iterable[Problem]] | None = None
    together: Callable[[Sequence[Resource]], Iterable[Problem]] | None = None
    files: Callable[[Resource, Path], Iterable[Problem]] | None = None
    in_parts: bool = False
    example: str = ""

    def traits(self, vendor: str) -> Traits:
        """What the engine may know of this kind at this vendor."""
        immutable: set[tuple[str, ...]] = set()
        references: dict[tuple[str, ...], str] = {}
        secrets: set[tuple[str, ...]] = set()
        write_only: set[tuple[str, ...]] = set()
        unordered: set[tuple[str, ...]] = set()
        keyed: dict[tuple[str, ...], str] = {}
        defaults: dict[tuple[str, ...], Value] = {}
        for path, marker in marked_fields(self.spec):
            match marker:
                case Immutable():
                    immutable.add(path)
                case RefersTo(kind):
                    references[path] = f"{vendor}/{kind}"
                case Sensitive():
                    secrets.add(path)
                case WriteOnly():
                    write_only.add(path)
                case Unordered():
                    unordered.add(path)
                case Keyed(by):
                    keyed[path] = by
                case ServerDefault(value):
                    defaults[path] = value
                case _:  # pragma: no cover - counted in tests/engine/coverage_exceptions.md
                    assert_never(marker)
        return Traits(
            type=f"{vendor}/{self.name}",
            identity=self.identity,
            immutable=frozenset(immutable),
            references=references,
            secrets=frozenset(secrets),
            write_only=frozenset(write_only),
            unordered=frozenset(unordered),
            keyed=keyed,
            defaults=defaults,
            natural_key=self.natural_key,
            updates=self.updates,
            deletes=self.deletes,
            disables=self.disables,
            job=self.job,
            coexists=self.coexists,
            on_removal=self.on_removal,
            settle_seconds=self.settle_seconds,
            replacement_cost=self.replacement_cost,
        )
