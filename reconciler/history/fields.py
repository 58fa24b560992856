"""A document taken apart so that each field can be followed through its versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.engine.shape import Shape, by_key
from reconciler.values import Blank, Document, Path, Ref, Secret, Value

Key: TypeAlias = tuple[str | int, ...]
"""What a field is called in every version, wherever it stands in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """
    One field at the end of a document.

    `path` names an item of a keyed list by its key, as differences do; `place` is where the field stands in this
    document, with positions alone.
    """

    key: Key
    path: Path
    place: Path
    value: Value


def leaves(document: Document, shape: Shape) -> dict[Key, Leaf]:
    """
    Every field of a document: scalars, references, secrets, and empty lists and mappings.

    The items of a list without mappings are told apart by what they are, so that one which only moves stays the same.
    """
    return {leaf.key: leaf for leaf in _leaves(document, shape, Leaf(key=(), path=(), place=(), value=None))}


def same(one: Value, other: Value) -> bool:
    """Whether two fields say the same; `true` is not `1`."""
    return type(one) is type(other) and one == other


def _leaves(value: Value, shape: Shape, at: Leaf) -> Iterator[Leaf]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            inside = Leaf(key=(*at.key, key), path=(*at.path, key), place=(*at.place, key), value=None)
            yield from _leaves(value[key], shape.child(key), inside)
    elif isinstance(value, tuple) and value:
        yield from _items(value, shape, at)
    else:
        yield Leaf(key=at.key, path=at.path, place=at.place, value=value)


def _items(items: tuple[Value, ...], shape: Shape, at: Leaf) -> Iterator[Leaf]:
    keyed = by_key(items, shape.key)
    names = list(keyed) if keyed is not None else None
    seen: dict[str, int] = {}
    for position, item in enumerate(items):
        step: str | int = position
        path = (*at.path, position)
        if names is not None:
            step = names[position]
            path = (*at.path, step)
        elif not isinstance(item, Mapping | tuple):
            text = _word(item)
            seen[text] = seen.get(text, 0) + 1
            step = f"{text}\0{seen[text]}"
        inside = Leaf(key=(*at.key, step), path=path, place=(*at.place, position), value=None)
        yield from _leaves(item, shape.child(step if names is not None else position), inside)


def _word(value: Value) -> str:
    match value:
        case Secret() | Ref() | Blank():
            return repr(value)
        case _:
            return f"{type(value).__name__} {value}"
