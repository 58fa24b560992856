"""What is said of each field of a change, before anybody decides how it is laid out."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.reports.escape import clip, plain
from reconciler.reports.shown import Reading, at
from reconciler.values import HIDDEN, MISSING, UNKNOWN, Action, Change, Document, FieldChange, Path, Ref, Value, dotted

FORCES = "forces replacement"
NOT_READABLE = "cannot be read back"
SENT_AGAIN = "sent again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a list or one line of a text: `+` comes, `-` goes, a space stays."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """
    One field in words.

    `before` and `after` are whole texts; a field that only comes or only goes has one of them. `items` shows a
    list or a text of several lines piece by piece; `same` counts the pieces that stay and are not shown.
    """

    sign: str
    path: str
    before: str | None = None
    after: str | None = None
    items: tuple[Item, ...] = ()
    same: int = 0
    comments: tuple[str, ...] = ()


def views_of(change: Change, reading: Reading) -> list[FieldView]:
    """
    The fields of a change, those that force replacement first, then by path.

    A creation shows everything that is wanted, a deletion everything that goes.
    """
    wanted = change.resource.attributes if change.resource else {}
    new = change.action is Action.CREATE or (change.action is Action.RUN and not change.fields and not change.record)
    if new and change.resource:
        return whole(wanted, "+", reading)
    if change.action is Action.DELETE and change.record and change.record.id == change.id and not change.fields:
        return whole(change.record.applied, "-", reading)
    ordered = sorted(change.fields, key=lambda each: (not each.forces_replacement, path_order(each.path)))
    return [view for each in ordered for view in field_views(each, reading, wanted)]


def whole(document: Document, sign: str, reading: Reading) -> list[FieldView]:
    """Every field of a document by its path, all with one sign."""
    return [_one(place, value, sign) for place, value in _leaves(_Place((), "", reading, {}), document)]


def field_views(change: FieldChange, reading: Reading, wanted: Document) -> Iterator[FieldView]:
    """One field change; a change of a mapping or of a list of mappings becomes one view for each part that differs."""
    comments = []
    if change.forces_replacement:
        comments.append(FORCES)
    if change.hidden or HIDDEN in (change.before, change.after):
        comments.append(SENT_AGAIN if change.before == change.after else NOT_READABLE)
    place = _Place(change.path, label_of(change.path, reading), reading, wanted)
    before, after = change.before, change.after
    key = reading.key_of(change.path[:-1]) if change.path else None
    if key and isinstance(change.path[-1], str):
        before, after = _without(key, before, after)
    for view in _differences(place, before, after):
        yield replace(view, comments=tuple(comments))


def label_of(path: Path, reading: Reading) -> str:
    """The path as people write it; an item of a keyed list is named by its key: `transformations[mask-email].kind`."""
    label = ""
    plain_steps: Path = ()
    for position, step in enumerate(path):
        if isinstance(step, str) and reading.key_of(path[:position]):
            label, plain_steps = f"{_joined(label, plain_steps)}[{plain(step)}]", ()
        else:
            plain_steps = (*plain_steps, step)
    return _joined(label, plain_steps)


def _joined(label: str, steps: Path) -> str:
    text = plain(dotted(steps))
    return f"{label}.{text}" if label and text and not text.startswith("[") else label + text


def path_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A sort key: keys by letters, positions by number."""
    return tuple((0, step, "") if isinstance(step, int) else (1, 0, step) for step in path)


def ends(items: tuple[Item, ...], limit: int) -> tuple[tuple[Item, ...], tuple[Item, ...], int]:
    """The first and the last items of a long list, and how many are left out between them."""
    if len(items) <= limit + 1:
        return items, (), 0
    return items[: limit // 2], items[-(limit // 2) :], len(items) - 2 * (limit // 2)


@dataclass(frozen=True, slots=True)
class _Place:
    """A field: its path for the traits, how the path is written, and the wanted document around it."""

    path: Path
    label: str
    reading: Reading
    wanted: Document

    def key(self, key: str) -> _Place:
        return replace(self, path=(*self.path, key), label=_joined(self.label, (key,)))

    def item(self, position: int, name: str | None = None) -> _Place:
        return replace(self, path=(*self.path, position), label=f"{self.label}[{position if name is None else name}]")

    def text(self, value: Value) -> str:
        return self.reading.text(value, self.path)

    def texts(self, values: tuple[Value, ...]) -> list[str]:
        return [self.item(position).text(each) for position, each in enumerate(values)]

    @property
    def is_secret(self) -> bool:
        return self.reading.is_secret(self.path)

    @property
    def is_reference(self) -> bool:
        return self.reading.reference(self.path) is not None

    @property
    def is_opaque(self) -> bool:
        return self.is_secret or self.is_reference

    @property
    def is_unordered(self) -> bool:
        return self.reading.is_unordered(self.path)

    @property
    def keyed_by(self) -> str | None:
        return self.reading.key_of(self.path)


def _differences(place: _Place, before: Value, after: Value) -> Iterator[FieldView]:
    both = (before, after)
    if place.is_opaque:
        yield _leaf(place, before, after)
    elif any(isinstance(each, Mapping) for each in both) and all(
        each is MISSING or isinstance(each, Mapping) for each in both
    ):
        yield from _mappings(place, before, after)
    elif any(isinstance(each, tuple) for each in both) and all(
        each is MISSING or isinstance(each, tuple) for each in both
    ):
        yield from _lists(place, before, after)
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        lines = [[_line(each) for each in text.split("\n")] for text in (before, after)]
        pieces = list(_by_order(*lines))
        near = tuple(_near(pieces))
        yield FieldView(sign="~", path=place.label, items=near, same=len(pieces) - len(near))
    else:
        yield _leaf(place, before, after)


def _mappings(place: _Place, before: Value, after: Value) -> Iterator[FieldView]:
    old: Document = before if isinstance(before, Mapping) else {}
    new: Document = after if isinstance(after, Mapping) else {}
    if not old and not new:
        yield _leaf(place, before, after)
    for key in sorted({*old, *new}):
        left, right = old.get(key, MISSING), new.get(key, MISSING)
        if left != right:
            yield from _differences(place.key(key), left, right)


def _lists(place: _Place, before: Value, after: Value) -> Iterator[FieldView]:
    old = before if isinstance(before, tuple) else ()
    new = after if isinstance(after, tuple) else ()
    items = [each for each in (*old, *new) if isinstance(each, Mapping)]
    mappings = bool(items) and len(items) == len(old) + len(new)
    key = place.keyed_by
    if key and mappings and all(key in each for each in items) and _distinct(key, old) and _distinct(key, new):
        yield from _keyed(place, key, old, new)
        return
    loose = place.is_unordered or key is not None
    if mappings and len(old) == len(new) and not loose:
        for position, (left, right) in enumerate(zip(old, new, strict=True)):
            if left != right:
                yield from _differences(place.item(position), left, right)
        return
    pieces = list(
        _by_set(place.texts(old), place.texts(new)) if loose else _by_order(place.texts(old), place.texts(new))
    )
    shown = tuple(each for each in pieces if each.sign != " ") if loose else tuple(_near(pieces))
    if not shown:
        yield _leaf(place, before, after)
        return
    if before is MISSING or after is MISSING:
        yield replace(_one(place, new or old, "+" if before is MISSING else "-"), items=shown)
        return
    yield FieldView(sign="~", path=place.label, items=shown, same=len(pieces) - len(shown))


def _distinct(key: str, items: tuple[Value, ...]) -> bool:
    names = [repr(each[key]) for each in items if isinstance(each, Mapping)]
    return len(set(names)) == len(names)


def _keyed(place: _Place, key: str, old: tuple[Value, ...], new: tuple[Value, ...]) -> Iterator[FieldView]:
    left = {_item_name(place, key, each): each for each in old}
    right = {_item_name(place, key, each): each for each in new}
    for name in sorted({*left, *right}):
        before, after = left.get(name, MISSING), right.get(name, MISSING)
        if before != after:
            yield from _differences(place.item(0, name), *_without(key, before, after))


def _item_name(place: _Place, key: str, item: Value) -> str:
    """The item's key as it is written between brackets: a text without its quotes."""
    value = item[key] if isinstance(item, Mapping) else item
    text = place.item(0).key(key).text(value)
    return text[1:-1] if isinstance(value, str) and text.startswith('"') else text


def _without(key: str, before: Value, after: Value) -> tuple[Value, Value]:
    """The two without the key that the label already shows, unless nothing else would be left."""
    if any(isinstance(each, Mapping) and len(each) == 1 for each in (before, after)):
        return before, after
    left, right = (
        {name: inner for name, inner in each.items() if name != key} if isinstance(each, Mapping) else each
        for each in (before, after)
    )
    return left, right


def _leaf(place: _Place, before: Value, after: Value) -> FieldView:
    left, right = place.text(before), place.text(after)
    if place.is_reference:
        target = at(place.wanted, place.path)
        if isinstance(target, Ref):
            right = plain(place.reading.name(target.to))
        if left == right:
            left = place.reading.text(before, place.path, detail=True)
            right += f" {place.reading.text(after)}" if isinstance(after, str) else ""
        if after is UNKNOWN and isinstance(target, Ref):
            right += f" ({UNKNOWN.value})"
    sign = "+" if before is MISSING else "-" if after is MISSING else "~"
    return FieldView(sign=sign, path=place.label, before=left, after=right)


def _leaves(place: _Place, value: Value) -> Iterator[tuple[_Place, Value]]:
    """Scalars, lists of scalars and empty things, each with its place."""
    if isinstance(value, Mapping) and value and not place.is_opaque:
        for key, each in sorted(value.items()):
            yield from _leaves(place.key(key), each)
    elif (
        isinstance(value, tuple) and value and all(isinstance(each, Mapping) for each in value) and not place.is_opaque
    ):
        by = place.keyed_by
        for position, each in enumerate(value):
            name = _item_name(place, by, each) if by and isinstance(each, Mapping) and by in each else None
            yield from _leaves(place.item(position, name), each)
    elif place.path:
        yield place, value


def _one(place: _Place, value: Value, sign: str) -> FieldView:
    texts: list[str] = []
    if isinstance(value, tuple) and not place.is_opaque:
        texts = sorted(place.texts(value)) if place.is_unordered else place.texts(value)
    elif isinstance(value, str) and "\n" in value and not place.is_opaque:
        texts = [_line(each) for each in value.split("\n")]
    items = tuple(Item(sign=sign, text=each) for each in texts)
    comments = (NOT_READABLE,) if value is HIDDEN else ()
    before, after = (place.text(value), None) if sign == "-" else (None, place.text(value))
    return FieldView(sign=sign, path=place.label, before=before, after=after, items=items, comments=comments)


def _line(text: str) -> str:
    if not text:
        return "(empty line)"
    return re.sub(r" +\Z", lambda end: "\\x20" * len(end.group()), plain(text))


def _by_set(old: list[str], new: list[str]) -> Iterator[Item]:
    left, right = Counter(old), Counter(new)
    for sign, counted in (("-", left - right), ("+", right - left), (" ", left & right)):
        for text in sorted(counted.elements()):
            yield Item(sign=sign, text=text)


def _by_order(old: list[str], new: list[str]) -> Iterator[Item]:
    if len(old) * len(new) > 250_000:  # the matcher's cost is their product at worst
        yield from _by_set(old, new)
        return
    for what, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (Item(sign=" ", text=each) for each in old[i1:i2])
        else:
            yield from (Item(sign="-", text=each) for each in old[i1:i2])
            yield from (Item(sign="+", text=each) for each in new[j1:j2])


def _near(pieces: list[Item]) -> Iterable[Item]:
    """What changes, with the line before and after it."""
    for position, each in enumerate(pieces):
        if any(other.sign != " " for other in pieces[max(0, position - 1) : position + 2]):
            yield each


def field_row(view: FieldView, *, items: int, longest: int) -> dict[str, object]:
    """A field as the pages show it: at most so many items, and so many characters of a text."""

    def text(value: str | None) -> str | None:
        return None if value is None or view.items else clip(value, longest)

    first, last, left_out = ends(view.items, items)
    return {
        "path": view.path,
        "tone": {"+": "good", "-": "bad"}.get(view.sign, "warn"),
        "sign": view.sign,
        "before": text(view.before),
        "after": text(view.after),
        "items": first,
        "left_out": left_out,
        "last": last,
        "same": view.same,
        "comments": view.comments,
    }
