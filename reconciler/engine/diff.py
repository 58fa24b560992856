"""
Two documents and what differs between them, led by the kind's traits.

`agree` decides by comparing canonical forms, `differences` explains field by field; a property test holds the
two together. Only fields that somebody wrote are compared: those wanted now or applied last time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconciler.engine.shape import Shape, by_key, holds_hidden, shape_of, visible
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
    left, right = _Forms(unsure, ignored, brief=True).pair(shape_of(traits), (), wanted, applied, observed)
    return left == right


def compared_form(
    wanted: Document,
    applied: Document,
    observed: Document,
    traits: Traits,
    *,
    ignored: frozenset[str] = frozenset(),
) -> Form:
    """The canonical form of the compared fields as observed: what a saved plan relies on."""
    return _Forms(frozenset(), ignored).pair(shape_of(traits), (), wanted, applied, observed)[1]


def same_document(one: Document, other: Document, traits: Traits, *, ignored: frozenset[str] = frozenset()) -> bool:
    """Whether two wanted or applied documents mean the same, order of unordered lists and ignored fields apart."""
    if one == other and not ignored:
        return True
    shape = shape_of(traits)
    return form(without(one, ignored), shape) == form(without(other, ignored), shape)


def without(document: Document, ignored: frozenset[str]) -> Document:
    """The document without the fields at these dotted paths; within lists nothing is left out."""

    def walk(inner: Document, path: Path) -> dict[str, Value]:
        kept = ((key, (*path, key), value) for key, value in inner.items() if dotted((*path, key)) not in ignored)
        return {key: walk(value, here) if isinstance(value, Mapping) else value for key, here, value in kept}

    return walk(document, ()) if ignored else document


def form(value: Value, shape: Shape) -> Form:
    """
    The canonical form of a value by itself.

    Null, an empty mapping and a field that is not there mean the same; `true` is not 1, but 1 is 1.0. In an
    unordered list it does not matter how often an item occurs.
    """
    match value:
        case bool():
            return ("bool", value)
        case None:
            return MISSING
        case Mapping():
            inner = ((key, form(item, shape.child(key))) for key, item in value.items())
            return frozenset((key, each) for key, each in inner if each is not MISSING) or MISSING
        case tuple():
            items = tuple(form(item, shape.child(index)) for index, item in enumerate(value))
            if shape.unordered or by_key(value, shape.key) is not None:
                return ("set", frozenset(items))
            return ("list", items)
        case _:
            return value


def _get(document: Value, key: str) -> Value:
    return document.get(key, MISSING) if isinstance(document, Mapping) else MISSING


def _nth(items: Value, index: int, length: int) -> Value:
    return items[index] if isinstance(items, tuple) and len(items) == length else MISSING


def _unset(value: Value) -> bool:
    return value is None or value is MISSING


def _empty(value: Value) -> bool:
    """Whether the canonical form is that of a field which is not there."""
    return _unset(value) or (isinstance(value, Mapping) and all(_empty(item) for item in value.values()))


def _is_removal(shape: Shape, wanted: Value, applied: Value, observed: Value) -> bool:
    """Whether a mapping that was applied and is not wanted any more is to be looked at field by field."""
    return (
        wanted is MISSING
        and isinstance(applied, Mapping)
        and _empty(shape.default)
        and (isinstance(observed, Mapping) or _unset(observed))
    )


def covered(path: Path, ignored: frozenset[str]) -> bool:
    """Whether the path, or a field that it lies within, is among the dotted paths."""
    return bool(ignored) and any(dotted(path[:length]) in ignored for length in range(1, len(path) + 1))


def overlaps(path: Path, other: str) -> bool:
    """Whether the field is the one at this dotted path, holds it, or lies within it."""
    own = dotted(path)
    return covered(path, frozenset({other})) or (other.startswith(own) and other[len(own) :][:1] in {".", "["})


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
        elif _is_removal(shape, wanted, applied, observed):
            yield from self._compare_mapping(shape, path, {}, applied, observed)
        elif _unset(wanted):
            if not _empty(observed) and form(observed, shape) != form(shape.default, shape):
                yield _change(shape, path, observed, shape.default, forced=_fixes(shape, observed))
        elif isinstance(wanted, Mapping):
            if isinstance(observed, Mapping) or _unset(observed):
                yield from self._compare_mapping(shape, path, wanted, applied, observed)
            else:
                yield _change(shape, path, observed, wanted, forced=_fixes(shape, wanted))
        elif isinstance(wanted, tuple) and not shape.unordered:
            yield from self._compare_list(shape, path, wanted, applied, observed)
        elif form(visible(wanted, shape), shape) != form(visible(observed, shape), shape):
            yield _change(shape, path, observed, wanted)
        elif holds_hidden(wanted, shape) or holds_hidden(applied, shape):
            yield from self._compare_hidden(shape, path, wanted, applied)

    def _compare_mapping(
        self, shape: Shape, path: Path, wanted: Mapping[str, Value], applied: Value, observed: Value
    ) -> Iterator[FieldChange]:
        sent: Mapping[str, Value] = applied if isinstance(applied, Mapping) else {}
        for key in sorted({*wanted, *sent}):
            here = (*path, key)
            yield from self.compare(shape.child(key), here, _get(wanted, key), _get(sent, key), _get(observed, key))

    def _compare_hidden(self, shape: Shape, path: Path, wanted: Value, applied: Value) -> Iterator[FieldChange]:
        if _empty(wanted):
            if not _empty(applied):
                yield _change(shape, path, applied, shape.default, hidden=True)
            return
        before = self.last_sent(path, applied)
        if form(wanted, shape) != form(before, shape):
            yield _change(shape, path, before, wanted, hidden=True)

    def _compare_list(
        self, shape: Shape, path: Path, wanted: tuple[Value, ...], applied: Value, observed: Value
    ) -> Iterator[FieldChange]:
        named = by_key(wanted, shape.key)
        if named is not None:
            seen = by_key(observed, shape.key)
            if seen is None:
                yield _change(shape, path, observed, wanted)
                return
            before = by_key(applied, shape.key) or {}
            for name in sorted({*named, *seen}):
                here = (*path, name)
                if name in named and name in seen:
                    sent = before.get(name, MISSING)
                    yield from self.compare(shape.child(name), here, named[name], sent, seen[name])
                elif not self.is_ignored(here):
                    yield _change(shape, here, seen.get(name, MISSING), named.get(name, MISSING))
        elif not isinstance(observed, tuple) or len(observed) != len(wanted):
            yield _change(shape, path, observed, wanted)
        else:
            for index, item in enumerate(wanted):
                sent = _nth(applied, index, len(wanted))
                yield from self.compare(shape.child(index), (*path, index), item, sent, observed[index])


def _change(
    shape: Shape, path: Path, before: Value, after: Value, *, hidden: bool = False, forced: bool = False
) -> FieldChange:
    forced = forced or shape.immutable
    return FieldChange(path=path, before=before, after=after, forces_replacement=forced, hidden=hidden)


def _fixes(shape: Shape, value: Value) -> bool:
    """Whether a mapping that comes or goes as a whole holds a field that cannot be changed in place."""
    return isinstance(value, Mapping) and any(
        shape.child(key).immutable or _fixes(shape.child(key), item) for key, item in value.items()
    )


_SCALARS = frozenset({str, int, float, bool})


class _Forms(_Rules):
    """
    The decision: a pair of canonical forms of the compared fields, wanted and real.

    `brief` forms leave out what is plainly equal on both sides, which is nearly everything nearly always.
    """

    def __init__(self, unsure: frozenset[str], ignored: frozenset[str], *, brief: bool = False) -> None:
        super().__init__(unsure, ignored)
        self._brief = brief

    def pair(self, shape: Shape, path: Path, wanted: Value, applied: Value, observed: Value) -> tuple[Form, Form]:
        if self.is_ignored(path):
            return MISSING, MISSING
        if shape.hidden or observed is HIDDEN:
            return self._hidden(shape, path, wanted, applied)
        if _is_removal(shape, wanted, applied, observed):
            return self._mapping(shape, path, {}, applied, observed)
        if _unset(wanted):
            real = form(observed, shape)
            return MISSING if real is MISSING else form(shape.default, shape), real
        if isinstance(wanted, Mapping):
            if isinstance(observed, Mapping) or _unset(observed):
                return self._mapping(shape, path, wanted, applied, observed)
            return MISSING, form(observed, shape)
        if isinstance(wanted, tuple) and not shape.unordered:
            return self._list(shape, path, wanted, applied, observed)
        if holds_hidden(wanted, shape) or holds_hidden(applied, shape):
            left, right = self._hidden(shape, path, wanted, applied)
            return (form(visible(wanted, shape), shape), left), (form(visible(observed, shape), shape), right)
        return form(wanted, shape), form(observed, shape)

    def _hidden(self, shape: Shape, path: Path, wanted: Value, applied: Value) -> tuple[Form, Form]:
        left = form(wanted, shape)
        return left, form(applied if left is MISSING else self.last_sent(path, applied), shape)

    def _mapping(
        self, shape: Shape, path: Path, wanted: Mapping[str, Value], applied: Value, observed: Value
    ) -> tuple[Form, Form]:
        left: list[tuple[str, Form]] = []
        right: list[tuple[str, Form]] = []
        real: Mapping[str, Value] = observed if isinstance(observed, Mapping) else {}
        sent: Mapping[str, Value] = applied if isinstance(applied, Mapping) else {}
        for key in {*wanted, *sent}:
            value, now = wanted.get(key, MISSING), real.get(key, MISSING)
            kind = type(value)
            plainly_equal = kind in _SCALARS and kind is type(now) and value == now
            if self._brief and plainly_equal and not (shape.conceals and shape.child(key).hidden):
                continue
            one, other = self.pair(shape.child(key), (*path, key), value, sent.get(key, MISSING), now)
            left.append((key, one))
            right.append((key, other))
        return frozenset(left), frozenset(right)

    def _list(
        self, shape: Shape, path: Path, wanted: tuple[Value, ...], applied: Value, observed: Value
    ) -> tuple[Form, Form]:
        named = by_key(wanted, shape.key)
        if named is not None:
            seen = by_key(observed, shape.key)
            if seen is None:
                return MISSING, ("other", form(observed, shape))
            before = by_key(applied, shape.key) or {}
            inner = {
                name: self._item(shape, (*path, name), named.get(name), before.get(name, MISSING), seen.get(name))
                for name in {*named, *seen}
            }
            return (
                frozenset((name, left) for name, (left, _) in inner.items()),
                frozenset((name, right) for name, (_, right) in inner.items()),
            )
        if not isinstance(observed, tuple) or len(observed) != len(wanted):
            return MISSING, ("other", form(observed, shape))
        pairs = [
            self.pair(shape.child(index), (*path, index), item, _nth(applied, index, len(wanted)), observed[index])
            for index, item in enumerate(wanted)
        ]
        return tuple(left for left, _ in pairs), tuple(right for _, right in pairs)

    def _item(self, shape: Shape, path: Path, wanted: Value, applied: Value, observed: Value) -> tuple[Form, Form]:
        """An item of a keyed list, `None` where it is not."""
        if wanted is not None and observed is not None:
            return self.pair(shape.child(path[-1]), path, wanted, applied, observed)
        if self.is_ignored(path):
            return MISSING, MISSING
        return wanted is not None, form(observed, shape.child(path[-1]))


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
            return sorted((plain(each) for each in value), key=json.dumps)
        case tuple():
            return [plain(each) for each in value]
        case Blank():
            return {"$blank": value.name}
        case str() | int() | float() | bool():
            return value
        case _:
            return str(value)
