"""
Two documents and what differs between them, led by the kind's traits.

`agree` decides by comparing canonical forms, `differences` explains field by field; a property test holds the
two together. Only fields that somebody wrote are compared: those wanted now or applied last time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconciler.engine.shape import Shape, shape_of
from reconciler.values import HIDDEN, MISSING, UNKNOWN, Blank, Document, FieldChange, Path, Traits, Value, dotted

Form: TypeAlias = object
"""A canonical form: hashable, equal exactly when the values mean the same to the vendor."""


def differences(
    wanted: Document,
    applied: Document,
    observed: Document,
    traits: Traits,
    *,
    unsure: frozenset[str] = frozenset(),
    ignored: frozenset[str] = frozenset(),
) -> tuple[FieldChange, ...]:
    """
    The fields in which reality differs from what is wanted, sorted by path.

    `applied` is what was sent last (empty when nothing was). `unsure` are dotted paths of hidden fields to be
    treated as never sent, `ignored` dotted paths whose differences the owner accepts.
    """
    found = _Walk(unsure, ignored).compare(shape_of(traits), (), wanted, applied, observed)
    return tuple(sorted(found, key=lambda change: [(isinstance(step, int), step) for step in change.path]))


def agree(
    wanted: Document,
    applied: Document,
    observed: Document,
    traits: Traits,
    *,
    unsure: frozenset[str] = frozenset(),
    ignored: frozenset[str] = frozenset(),
) -> bool:
    """Whether nothing differs: equality of the canonical forms of what is wanted and of what is."""
    left, right = _Forms(unsure, ignored).pair(shape_of(traits), (), wanted, applied, observed)
    return left == right


def compared_form(wanted: Document, applied: Document, observed: Document, traits: Traits) -> Form:
    """The canonical form of the compared fields as observed: what a saved plan relies on."""
    return _Forms(frozenset(), frozenset()).pair(shape_of(traits), (), wanted, applied, observed)[1]


def same_document(one: Document, other: Document, traits: Traits) -> bool:
    """Whether two wanted or applied documents mean the same, order of unordered lists apart."""
    shape = shape_of(traits)
    return form(one, shape) == form(other, shape)


def form(value: Value, shape: Shape) -> Form:
    """The canonical form of a value by itself."""
    match value:
        case bool():
            return ("bool", value)
        case None:
            return MISSING
        case Mapping():
            inner = ((key, form(item, shape.child(key))) for key, item in value.items())
            return frozenset((key, each) for key, each in inner if each is not MISSING and each != frozenset())
        case tuple():
            items = tuple(form(item, shape.child(index)) for index, item in enumerate(value))
            if shape.unordered or (shape.key is not None and _by_key(value, shape.key) is not None):
                return ("set", frozenset(items))
            return ("list", items)
        case _:
            return value


def _by_key(items: Value, key: str) -> dict[str, Value] | None:
    """The items of a keyed list by their key, or `None` when one has no such text or two share it."""
    if not isinstance(items, tuple):
        return None
    found: dict[str, Value] = {}
    for item in items:
        name = item.get(key) if isinstance(item, Mapping) else None
        if not isinstance(name, str) or name in found:
            return None
        found[name] = item
    return found


def _get(document: Value, key: str) -> Value:
    return document.get(key, MISSING) if isinstance(document, Mapping) else MISSING


def _nth(items: Value, index: int, length: int) -> Value:
    return items[index] if isinstance(items, tuple) and len(items) == length else MISSING


def _absent(value: Value) -> bool:
    return value is None or value is MISSING


def covered(path: Path, ignored: frozenset[str]) -> bool:
    """Whether the path, or a field that it lies within, is among the dotted paths."""
    return bool(ignored) and any(dotted(path[:length]) in ignored for length in range(1, len(path) + 1))


class _Rules:
    """What the walk and the forms must see alike before they look at values."""

    def __init__(self, unsure: frozenset[str], ignored: frozenset[str]) -> None:
        self._unsure = unsure
        self._ignored = ignored

    def is_ignored(self, path: Path) -> bool:
        return bool(self._ignored) and bool(path) and dotted(path) in self._ignored

    def last_sent(self, path: Path, applied: Value) -> Value:
        """What is known of a hidden field: what was sent, or HIDDEN when nobody knows."""
        if applied is MISSING or (self._unsure and covered(path, self._unsure)):
            return HIDDEN
        return applied


class _Walk(_Rules):
    """The explanation."""

    def compare(
        self, shape: Shape, path: Path, wanted: Value, applied: Value, observed: Value
    ) -> Iterator[FieldChange]:
        if self.is_ignored(path):
            return
        if shape.hidden or observed is HIDDEN:
            yield from self._compare_hidden(shape, path, wanted, applied)
        elif wanted is MISSING and isinstance(applied, Mapping):
            for key in sorted(applied):
                yield from self.compare(shape.child(key), (*path, key), MISSING, applied[key], _get(observed, key))
        elif _absent(wanted):
            if not _absent(observed) and (
                _absent(shape.default) or form(observed, shape) != form(shape.default, shape)
            ):
                yield _change(shape, path, observed, shape.default)
        elif isinstance(wanted, Mapping):
            for key in sorted({*wanted, *(applied if isinstance(applied, Mapping) else ())}):
                yield from self.compare(
                    shape.child(key), (*path, key), _get(wanted, key), _get(applied, key), _get(observed, key)
                )
        elif isinstance(wanted, tuple) and not shape.unordered:
            yield from self._compare_list(shape, path, wanted, applied, observed)
        elif form(wanted, shape) != form(observed, shape):
            yield _change(shape, path, observed, wanted)

    def _compare_hidden(self, shape: Shape, path: Path, wanted: Value, applied: Value) -> Iterator[FieldChange]:
        if _absent(wanted):
            if not _absent(applied):
                yield _change(shape, path, applied, shape.default, hidden=True)
            return
        before = self.last_sent(path, applied)
        if form(wanted, shape) != form(before, shape):
            yield _change(shape, path, before, wanted, hidden=True)

    def _compare_list(
        self, shape: Shape, path: Path, wanted: tuple[Value, ...], applied: Value, observed: Value
    ) -> Iterator[FieldChange]:
        if shape.key is not None:
            named, seen = _by_key(wanted, shape.key), _by_key(observed, shape.key)
            if named is not None and seen is not None:
                before = _by_key(applied, shape.key) or {}
                for name in sorted({*named, *seen}):
                    if name not in named:
                        yield _change(shape, (*path, name), seen[name], MISSING)
                    elif name not in seen:
                        yield _change(shape, (*path, name), MISSING, named[name])
                    else:
                        yield from self.compare(
                            shape.child(0), (*path, name), named[name], before.get(name, MISSING), seen[name]
                        )
                return
        if not isinstance(observed, tuple) or len(observed) != len(wanted):
            yield _change(shape, path, observed, wanted)
            return
        for index, item in enumerate(wanted):
            sent = _nth(applied, index, len(wanted))
            yield from self.compare(shape.child(index), (*path, index), item, sent, observed[index])


def _change(shape: Shape, path: Path, before: Value, after: Value, *, hidden: bool = False) -> FieldChange:
    return FieldChange(path=path, before=before, after=after, forces_replacement=shape.immutable, hidden=hidden)


class _Forms(_Rules):
    """The decision: a pair of canonical forms of the compared fields, wanted and real."""

    def pair(self, shape: Shape, path: Path, wanted: Value, applied: Value, observed: Value) -> tuple[Form, Form]:
        if self.is_ignored(path):
            return MISSING, MISSING
        if shape.hidden or observed is HIDDEN:
            if _absent(wanted):
                return MISSING, MISSING if _absent(applied) else form(applied, shape)
            return form(wanted, shape), form(self.last_sent(path, applied), shape)
        if wanted is MISSING and isinstance(applied, Mapping):
            return self._mapping(shape, path, {}, applied, observed)
        if _absent(wanted):
            real = form(observed, shape)
            expected = MISSING if _absent(observed) else form(shape.default, shape)
            return expected, real
        if isinstance(wanted, Mapping):
            return self._mapping(shape, path, wanted, applied, observed)
        if isinstance(wanted, tuple) and not shape.unordered:
            return self._list(shape, path, wanted, applied, observed)
        return form(wanted, shape), form(observed, shape)

    def _mapping(
        self, shape: Shape, path: Path, wanted: Mapping[str, Value], applied: Value, observed: Value
    ) -> tuple[Form, Form]:
        left: dict[str, Form] = {}
        right: dict[str, Form] = {}
        for key in {*wanted, *(applied if isinstance(applied, Mapping) else ())}:
            left[key], right[key] = self.pair(
                shape.child(key), (*path, key), _get(wanted, key), _get(applied, key), _get(observed, key)
            )
        return frozenset(left.items()), frozenset(right.items())

    def _list(
        self, shape: Shape, path: Path, wanted: tuple[Value, ...], applied: Value, observed: Value
    ) -> tuple[Form, Form]:
        if shape.key is not None:
            named, seen = _by_key(wanted, shape.key), _by_key(observed, shape.key)
            if named is not None and seen is not None:
                before = _by_key(applied, shape.key) or {}
                if set(named) != set(seen):
                    return frozenset(named), frozenset(seen)
                inner = {
                    name: self.pair(shape.child(0), (*path, name), item, before.get(name, MISSING), seen[name])
                    for name, item in named.items()
                }
                return (
                    frozenset((name, left) for name, (left, _) in inner.items()),
                    frozenset((name, right) for name, (_, right) in inner.items()),
                )
        if not isinstance(observed, tuple) or len(observed) != len(wanted):
            return ("length", len(wanted)), ("other", form(observed, shape))
        pairs = [
            self.pair(shape.child(index), (*path, index), item, _nth(applied, index, len(wanted)), observed[index])
            for index, item in enumerate(wanted)
        ]
        return tuple(left for left, _ in pairs), tuple(right for _, right in pairs)


def has_unknown(value: Value) -> bool:
    """Whether anything within is only known after apply."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, tuple):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def plain(value: Form) -> object:
    """A canonical form as JSON data in a fixed order, for digests."""
    match value:
        case frozenset():
            return sorted((plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
        case tuple():
            return [plain(each) for each in value]
        case Blank():
            return {"$blank": value.name}
        case str() | int() | float() | bool():
            return value
        case _:
            return str(value)
