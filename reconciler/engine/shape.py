"""Traits as a tree that is walked beside a document, so that each field meets its rules without a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from reconciler.values import MISSING, Address, Document, Path, Ref, Secret, Traits, Value, dotted


@dataclass(slots=True)
class Shape:
    """
    The rules of one field and, below it, of the fields within.

    `conceals` says that a field below is hidden, `points` that this field or one below is a reference.
    """

    immutable: bool = False
    hidden: bool = False
    conceals: bool = False
    points: bool = False
    unordered: bool = False
    key: str | None = None
    default: Value = MISSING
    reference: str | None = None
    children: dict[str, Shape] = field(default_factory=dict)

    def child(self, step: str | int) -> Shape:
        """The rules of the field `step` within; what is immutable or hidden is so to its depths."""
        children = self.children
        if not children:
            return _HEIRS[self.immutable, self.hidden]
        found = children.get(step) if isinstance(step, str) else None
        return found or children.get("*") or _HEIRS[self.immutable, self.hidden]


_HEIRS: dict[tuple[bool, bool], Shape] = {
    (immutable, hidden): Shape(immutable=immutable, hidden=hidden)
    for immutable in (False, True)
    for hidden in (False, True)
}


def shape_of(traits: Traits) -> Shape:
    """The tree for these traits; built once per type."""
    return _shape(_Key(traits))


@dataclass(frozen=True, slots=True)
class _Key:
    traits: Traits

    def __hash__(self) -> int:
        return id(self.traits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.traits is other.traits


@lru_cache(maxsize=256)
def _shape(key: _Key) -> Shape:
    traits = key.traits
    root = Shape()
    for path in sorted(traits.immutable):
        _at(root, path).immutable = True
    for path in sorted(traits.secrets | traits.write_only):
        _at(root, path).hidden = True
    for path in sorted(traits.unordered):
        _at(root, path).unordered = True
    for path, name in sorted(traits.keyed.items()):
        _at(root, path).key = name
    for path, value in sorted(traits.defaults.items(), key=lambda item: item[0]):
        _at(root, path).default = value
    for path, type in sorted(traits.references.items()):
        _at(root, path).reference = type
        _at(root, path).points = True
    _pass_down(root)
    return root


def _at(root: Shape, path: tuple[str, ...]) -> Shape:
    for step in path:
        root = root.children.setdefault(step, Shape())
    return root


def _pass_down(shape: Shape) -> None:
    for child in shape.children.values():
        child.immutable = child.immutable or shape.immutable
        child.hidden = child.hidden or shape.hidden
        _pass_down(child)
        shape.conceals = shape.conceals or child.hidden or child.conceals
        shape.points = shape.points or child.points


def fields(document: Value, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Every leaf of a document with its path: scalars, references, secrets, blanks, and empty lists and mappings."""
    if isinstance(document, Mapping) and document:
        for key in sorted(document):
            yield from fields(document[key], (*path, key))
    elif isinstance(document, tuple) and document:
        for index, item in enumerate(document):
            yield from fields(item, (*path, index))
    else:
        yield path, document


def references(document: Document) -> tuple[Address, ...]:
    """The addresses that a wanted document points at, sorted, each once."""
    found: set[Address] = set()
    _collect_references(document, found)
    return tuple(sorted(found)) if found else ()


def _collect_references(value: Value, found: set[Address]) -> None:
    if isinstance(value, str | int | None):
        return
    if isinstance(value, Ref):
        found.add(value.to)
    elif isinstance(value, Mapping):
        for item in value.values():
            _collect_references(item, found)
    elif isinstance(value, tuple):
        for item in value:
            _collect_references(item, found)


def secrets(document: Document) -> tuple[tuple[Path, Secret], ...]:
    """The secrets of a document with their paths."""
    return tuple((path, value) for path, value in fields(document) if isinstance(value, Secret))


def by_key(items: Value, key: str | None) -> dict[str, Value] | None:
    """The items of a keyed list by their key, or `None` when one has no such text, two share it, or there is no key."""
    if key is None or not isinstance(items, tuple):
        return None
    found: dict[str, Value] = {}
    for item in items:
        name = item.get(key) if isinstance(item, Mapping) else None
        if not isinstance(name, str) or name in found:
            return None
        found[name] = item
    return found


def pointed_ids(document: Value, shape: Shape) -> Iterator[tuple[str, str]]:
    """(type, id) of every object that an observed or applied document points at."""
    if not shape.points:
        return
    if shape.reference is not None and isinstance(document, str):
        yield shape.reference, document
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield from pointed_ids(value, shape.child(key))
    elif isinstance(document, tuple):
        for index, value in enumerate(document):
            yield from pointed_ids(value, shape.child(index))


def hidden(document: Value, shape: Shape, path: Path = ()) -> Iterator[tuple[Path, Shape, Value]]:
    """
    The outermost fields of a document that the vendor does not give back, each with its rules.

    Items of a keyed list are named by their key; an unordered list that conceals something counts as a whole, since
    its positions mean nothing.
    """
    if shape.hidden or (shape.unordered and holds_hidden(document, shape)):
        yield path, shape, document
    elif not shape.conceals:
        return
    elif isinstance(document, Mapping):
        for key in sorted(document):
            yield from hidden(document[key], shape.child(key), (*path, key))
    elif isinstance(document, tuple):
        named = by_key(document, shape.key)
        for step, item in enumerate(document) if named is None else sorted(named.items()):
            yield from hidden(item, shape.child(step), (*path, step))


def hidden_paths(document: Document, traits: Traits) -> tuple[str, ...]:
    """Dotted paths of the fields of this document that the vendor does not give back."""
    return tuple(dotted(path) for path, _, _ in hidden(document, shape_of(traits)))


def resendable_paths(document: Document, traits: Traits) -> tuple[str, ...]:
    """Those of the hidden fields that could be sent again without making the object anew."""
    if not traits.updates or traits.job:
        return ()
    return tuple(dotted(path) for path, shape, _ in hidden(document, shape_of(traits)) if not shape.immutable)


def holds_hidden(value: Value, shape: Shape) -> bool:
    """Whether some field of this value is one that the vendor does not give back."""
    return shape.conceals and visible(value, shape) != value


def visible(value: Value, shape: Shape) -> Value:
    """The value without the fields that the vendor does not give back."""
    if shape.conceals and isinstance(value, Mapping):
        inner = {key: (item, shape.child(key)) for key, item in value.items()}
        return {key: visible(item, rules) for key, (item, rules) in inner.items() if not rules.hidden}
    if shape.conceals and isinstance(value, tuple):
        return tuple(visible(item, shape.child(index)) for index, item in enumerate(value))
    return value


def at(document: Value, path: tuple[str, ...]) -> Value:
    """The value at a path of keys, or MISSING."""
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return MISSING
        document = document[step]
    return document
