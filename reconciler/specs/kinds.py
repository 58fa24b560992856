"""A kind made ready for reading many manifests: its validator once, and its marked fields as a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from reconciler.sdk import Catalog, Kind
from reconciler.sdk.fields import SECRET_SOURCES
from reconciler.specs.guide import spec_keys
from reconciler.specs.translate import Finding, findings
from reconciler.specs.tree import Node
from reconciler.values import Address, Path, Ref, Secret, Traits, Value
from reconciler.values.address import is_name


@dataclass(slots=True)
class Marked:
    """What is special about a field, and below it about the fields within; `*` is any key or position."""

    reference: str | None = None
    secret: bool = False
    within: dict[str, Marked] = field(default_factory=dict)

    def child(self, step: str | int) -> Marked | None:
        """What is special about the field `step` within."""
        return self.within.get(step if isinstance(step, str) else "*") or self.within.get("*")


@dataclass(slots=True)
class Frozen:
    """
    A manifest's attributes, and where in them references and secrets stand.

    `inline` are places of secrets that hold something else than a reference.
    """

    attributes: dict[str, Value] = field(default_factory=dict)
    references: list[tuple[Path, Address]] = field(default_factory=list)
    secrets: list[tuple[Path, Secret]] = field(default_factory=list)
    inline: list[Path] = field(default_factory=list)


class ReadyKind:
    """One kind of one vendor."""

    def __init__(self, catalog: Catalog, type: str) -> None:
        self.type = type
        self.kind: Kind = catalog.kind(type)
        self.traits: Traits = catalog.traits(type)
        self.keys = spec_keys(self.kind.spec)
        self._adapter: TypeAdapter[Any] = TypeAdapter(self.kind.spec)
        self._marked = _marked(self.traits)

    def named(self, spec: dict[str, Node], name: str) -> dict[str, Node]:
        """The spec with the name that vendors show filled in when it is left out."""
        key = self.kind.name_field
        if key is None or key in spec or (self.keys is not None and key not in self.keys):
            return spec
        return {**spec, key: name}

    def findings(self, spec: Node) -> list[Finding]:
        """What the kind's model finds wrong."""
        try:
            # As JSON, because YAML here means what JSON means: lists also stand for tuples, text for dates.
            self._adapter.validate_json(to_json(spec))
        except ValidationError as error:
            return findings(error, self.kind.spec, spec)
        return []

    def freeze(self, spec: Mapping[str, Node]) -> Frozen:
        """The attributes: lists as tuples, references as `Ref`, secrets as `Secret`; what is none stays as it is."""
        frozen = Frozen()
        for key, value in spec.items():
            marked = self._marked.child(key)
            if marked is not None:
                frozen.attributes[key] = self._special(value, marked, (key,), frozen)
            else:
                frozen.attributes[key] = plain(value)
        return frozen

    def _special(self, node: Node, marked: Marked, path: Path, into: Frozen) -> Value:
        if marked.secret:
            secret = secret_of(node)
            if secret is None:
                if not isinstance(node, dict):
                    into.inline.append(path)
                return plain(node)
            into.secrets.append((path, secret))
            return secret
        if marked.reference is not None:
            if isinstance(node, str):
                vendor, _, kind = marked.reference.partition("/")
                address = Address(vendor, kind, node)
                if is_name(node):
                    into.references.append((path, address))
                return Ref(address)
            if isinstance(node, dict) and len(node) == 1 and isinstance(node.get("id"), str):
                return plain(node["id"])
        if isinstance(node, dict):
            return {
                key: plain(each)
                if (inner := marked.child(key)) is None
                else self._special(each, inner, (*path, key), into)
                for key, each in node.items()
            }
        if isinstance(node, list):
            inner = marked.child("*")
            if inner is None:
                return plain(node)
            return tuple(self._special(each, inner, (*path, position), into) for position, each in enumerate(node))
        return node


def plain(node: Node) -> Value:
    """The node with its lists as tuples."""
    if isinstance(node, dict):
        return {key: plain(each) for key, each in node.items()}
    if isinstance(node, list):
        return tuple(plain(each) for each in node)
    return node


def secret_of(node: Node) -> Secret | None:
    """The reference that a mapping writes, or `None` when it is none."""
    if not isinstance(node, dict):
        return None
    sources = [each for each in node if each in SECRET_SOURCES]
    parts = {key: each for key, each in node.items() if isinstance(each, str) and each}
    if len(sources) != 1 or len(parts) != len(node) or not set(node) <= {*SECRET_SOURCES[sources[0]], sources[0]}:
        return None
    return Secret(source=sources[0], name=parts[sources[0]], key=parts.get("key"), version=parts.get("version"))


def _marked(traits: Traits) -> Marked:
    root = Marked()

    def leaf(path: tuple[str, ...]) -> Marked:
        here = root
        for step in path:
            here = here.within.setdefault(step, Marked())
        return here

    for path, type in traits.references.items():
        leaf(path).reference = type
    for path in traits.secrets:
        leaf(path).secret = True
    return root
