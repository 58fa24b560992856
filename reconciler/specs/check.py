"""Whether a document that was made by the program could stand in a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from reconciler.sdk import Catalog
from reconciler.specs.kinds import ReadyKind
from reconciler.specs.tree import Node
from reconciler.specs.writer import as_written
from reconciler.values import Address, Path, Resource, Severity, Value


def complaints(catalog: Catalog, address: Address, spec: Mapping[str, Value]) -> list[tuple[Path, str]]:
    """What the kind would say against `spec` as this address's: paths within the spec, and sentences."""
    ready = _ready(catalog, address.type)
    written = cast("dict[str, Node]", as_written(spec))  # a mapping is written as a mapping
    named = ready.named(written, address.name)
    found = [(each.path, each.message) for each in ready.findings(named)]
    if found or ready.kind.check is None:
        return found
    resource = Resource(address=address, attributes=ready.freeze(named).attributes)
    problems = (each for each in ready.kind.check(resource) if each.severity is Severity.ERROR)
    return [(each.path, each.message) for each in problems]


@lru_cache(maxsize=64)
def _ready(catalog: Catalog, type: str) -> ReadyKind:
    return ReadyKind(catalog, type)
