"""A manifest that says what the vendor reports, with as much as possible left as its owner wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from reconciler.engine.diff import form
from reconciler.engine.shape import Shape, by_key, shape_of
from reconciler.specs.tree import Node, Tree
from reconciler.values import HIDDEN, MISSING, Address, Document, Path, Traits, Value

_BY_HAND: Final = "change it by hand, or run `reconciler apply` to undo the move"


class CannotAdopt(Exception):
    """A value that cannot be written into the manifest: the end of a sentence, and what to do."""

    def __init__(self, reason: str, help: str = _BY_HAND) -> None:
        super().__init__(reason)
        self.reason = reason
        self.help = help


class _Absent:
    """Stands for a key that is not written."""


_ABSENT: Final = _Absent()
_Written: TypeAlias = "Node | _Absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    Where one resource is written.

    `wanted` is what the manifest says, with references as ids; `names` are the manifests of objects by type and id.
    """

    tree: Tree
    overlays: tuple[Tree, ...]
    wanted: Document
    traits: Traits
    names: Mapping[tuple[str, str], Address]


def adopted(source: Source, path: Path, observed: Value) -> Node:
    """
    The manifest's data with what the vendor reports at `path`.

    References become names. Raises `CannotAdopt` for what the environment or a secret's place decides, and for what is
    not written where it would have to be.
    """
    data = source.tree.data
    assert isinstance(data, dict)
    _refuse_overlays(source, path)
    spec = _Adopter(source.names).put(data.get("spec", {}), source.wanted, path, observed, shape_of(source.traits))
    return {**data, "spec": {} if isinstance(spec, _Absent) else spec}


def value_at(document: Value, path: Path, shape: Shape) -> tuple[Value, Shape]:
    """The value at a path, in which items of keyed lists go by their key, and its rules."""
    for step in path:
        if isinstance(document, Mapping):
            document = document.get(str(step), MISSING)
        elif isinstance(step, int):
            document = document[step] if isinstance(document, tuple) and step < len(document) else MISSING
        else:
            document = (by_key(document, shape.key) or {}).get(step, MISSING)
        shape = shape.child(step)
    return document, shape


def _refuse_overlays(source: Source, path: Path) -> None:
    for overlay in source.overlays:
        node = overlay.data.get("spec") if isinstance(overlay.data, dict) else None
        if node is None:
            continue
        for step in path:
            if not isinstance(node, dict) or step not in node:
                break
            node = node[str(step)]
        else:
            _refuse_overlay(overlay)
        if not isinstance(node, dict):  # what it replaces as a whole, it decides to its depths
            _refuse_overlay(overlay)


def _refuse_overlay(overlay: Tree) -> None:
    raise CannotAdopt(
        f"it comes from the environment's overlay `{overlay.file}`",
        "change it there: other environments have other values",
    )


@dataclass(frozen=True, slots=True)
class _Adopter:
    names: Mapping[tuple[str, str], Address]

    def put(self, node: _Written, wanted: Value, path: Path, observed: Value, shape: Shape) -> _Written:
        """The node with another value at a path below it; a mapping that becomes empty goes."""
        _refuse_variable(node)
        if shape.hidden:
            raise CannotAdopt("the vendor does not give it back")
        if not path:
            return self.adopt(node, wanted, observed, shape)
        step, rest, rules = path[0], path[1:], shape.child(path[0])
        if isinstance(wanted, tuple):
            return self._put_item(node, wanted, path, observed, shape)
        if not isinstance(step, str) or not isinstance(node, dict | _Absent):
            raise CannotAdopt("the manifest has something else in its place")
        within = {} if isinstance(node, _Absent) else node
        below = wanted.get(step, MISSING) if isinstance(wanted, Mapping) else MISSING
        new = self.put(within.get(step, _ABSENT), below, rest, observed, rules)
        if isinstance(new, _Absent):
            left = {key: each for key, each in within.items() if key != step}
            return left or _ABSENT
        return {**within, step: new}

    def _put_item(
        self, node: _Written, wanted: tuple[Value, ...], path: Path, observed: Value, shape: Shape
    ) -> _Written:
        items = _aligned(node, wanted)
        named = by_key(wanted, shape.key)
        step, rest = path[0], path[1:]
        if named is not None and isinstance(step, str):
            place = list(named).index(step) if step in named else len(items)
        elif isinstance(step, int):
            place = step
        else:
            raise CannotAdopt("the manifest has something else in its place")
        if place >= len(items):
            return [*items, self.written(observed, shape.child(step))]
        new = self.put(items[place], wanted[place], rest, observed, shape.child(step))
        return [*items[:place], *([] if isinstance(new, _Absent) else [new]), *items[place + 1 :]]

    def adopt(self, node: _Written, wanted: Value, observed: Value, shape: Shape) -> _Written:
        """What says `observed`, made of what says `wanted` as far as the two agree."""
        if observed is MISSING or observed is None:
            _refuse_variables(node)
            return _ABSENT
        if not isinstance(node, _Absent) and form(wanted, shape) == form(observed, shape):
            return node
        _refuse_variable(node)
        if isinstance(node, dict) and isinstance(wanted, Mapping) and isinstance(observed, Mapping):
            inner = {
                key: self.adopt(each, wanted.get(key, MISSING), observed.get(key, MISSING), shape.child(key))
                for key, each in node.items()
            }
            return {key: each for key, each in inner.items() if not isinstance(each, _Absent)}
        if isinstance(node, list) and isinstance(wanted, tuple) and isinstance(observed, tuple):
            return list(self._items(_aligned(node, wanted), wanted, observed, shape))
        _refuse_variables(node)
        return self.written(observed, shape)

    def _items(
        self, items: list[Node], wanted: tuple[Value, ...], observed: tuple[Value, ...], shape: Shape
    ) -> Iterator[Node]:
        """The items of a list, in the order in which they were written where the vendor's own means nothing."""
        named, seen = by_key(wanted, shape.key), by_key(observed, shape.key)
        if named is not None and seen is not None:
            for item, (name, said) in zip(items, named.items(), strict=True):
                if name in seen:
                    yield from self._present(self.adopt(item, said, seen[name], shape.child(name)))
            yield from (self.written(each, shape.child(name)) for name, each in seen.items() if name not in named)
            return
        left = [form(each, shape.child(number)) for number, each in enumerate(wanted)]
        right = [form(each, shape.child(number)) for number, each in enumerate(observed)]
        if shape.unordered:
            yield from (item for item, each in zip(items, left, strict=True) if each in right)
            new = dict.fromkeys(each for each in right if each not in left)
            yield from (self.written(observed[right.index(each)], shape.child(0)) for each in new)
            return
        for tag, begin, end, start, stop in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            pairs = min(end - begin, stop - start)
            for number in range(pairs):
                if tag == "equal":
                    yield items[begin + number]
                else:
                    said, real = wanted[begin + number], observed[start + number]
                    yield from self._present(self.adopt(items[begin + number], said, real, shape.child(begin)))
            yield from (self.written(observed[number], shape.child(number)) for number in range(start + pairs, stop))

    @staticmethod
    def _present(node: _Written) -> Iterator[Node]:
        if not isinstance(node, _Absent):
            yield node

    def written(self, value: Value, shape: Shape) -> Node:
        """What the vendor reports as a manifest says it: objects that are managed by their names."""
        if value is HIDDEN or shape.hidden:
            raise CannotAdopt("it holds something that the vendor does not give back")
        if isinstance(value, Mapping):
            shown = {key: each for key, each in value.items() if each is not None and each is not MISSING}
            return {key: self.written(each, shape.child(key)) for key, each in shown.items()}
        if isinstance(value, tuple):
            return [self.written(each, shape.child(number)) for number, each in enumerate(value)]
        if shape.reference is not None and isinstance(value, str):
            address = self.names.get((shape.reference, value))
            return address.name if address is not None else {"id": value}
        if isinstance(value, bool | int | float | str):
            return value
        raise CannotAdopt("no manifest can say it")


def _aligned(node: _Written, wanted: tuple[Value, ...]) -> list[Node]:
    """The written items of a list, one for each of what it means."""
    if not isinstance(node, list) or len(node) != len(wanted):
        raise CannotAdopt("the manifest has something else in its place")
    return node


def _refuse_variable(node: _Written) -> None:
    if isinstance(node, dict) and len(node) == 1 and isinstance(name := node.get("var"), str):
        raise CannotAdopt(
            f"it comes from `{{var: {name}}}`, which other environments use too",
            f"change `{name}` under `values` of this environment in `reconciler.yaml`",
        )
    if isinstance(node, dict) and "output" in node and "address" in node:
        raise CannotAdopt("it is an output of another project", "apply that project, or write the value in its place")


def _refuse_variables(node: _Written) -> None:
    """For what would be written over as a whole."""
    _refuse_variable(node)
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in inner:
        _refuse_variables(each)
