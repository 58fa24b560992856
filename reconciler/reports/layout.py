"""Fields as lines of a terminal: aligned while they fit, one below the other when they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.reports.escape import columns, pad, plural, shorten, shorten_pair
from reconciler.reports.fields import FieldView, Item, ends
from reconciler.reports.paint import Style, paint

_STYLES = {"+": Style.GOOD, "-": Style.BAD, "~": Style.CHANGED}
_PATH_LIMIT = 36
_BEFORE_LIMIT = 30
_ITEM_LIMIT = 12
ARROW = "→"


def lay_out(
    views: Sequence[FieldView], *, width: int, indent: int, colour: bool, verbose: bool = False
) -> Iterator[str]:
    """
    The lines of some fields of one object.

    Long values are shortened to the width and long lists to a dozen items unless `verbose`.
    """
    paths = max((columns(each.path) for each in views if columns(each.path) <= _PATH_LIMIT), default=0)
    before = max(
        (
            columns(each.before)
            for each in views
            if each.before is not None and each.after is not None and columns(each.before) <= _BEFORE_LIMIT
        ),
        default=0,
    )
    for view in views:
        comment = "".join(f"  # {each}" for each in view.comments)
        start = f"{' ' * indent}{paint(view.sign, _STYLES.get(view.sign), colour=colour)} "
        room = width - indent - 2
        painted = paint(comment, Style.STRONG, colour=colour)
        line = _in_one_line(view, paths, before, room - columns(comment))
        if line is not None:
            yield (start + line + painted).rstrip()
            continue
        yield start + view.path + painted
        yield from _below(view, " " * (indent + 4), width - indent - 4, colour=colour, verbose=verbose)


def _in_one_line(view: FieldView, paths: int, before: int, room: int) -> str | None:
    """The field on one line, as well aligned as the room allows, or `None` when it does not fit."""
    if view.before is None and view.after is None:
        return None
    if view.items and "\\n" in f"{view.before}{view.after}":
        return None  # a text of several lines is read line by line
    value = tight = view.before or view.after or ""
    if view.before is not None and view.after is not None:
        value, tight = f"{pad(view.before, before)} {ARROW} {view.after}", f"{view.before} {ARROW} {view.after}"
    lines = (f"{pad(view.path, paths)}  {value}", f"{pad(view.path, paths)}  {tight}", f"{view.path}  {tight}")
    return next((each for each in lines if columns(each) <= room), None)


def _below(view: FieldView, margin: str, room: int, *, colour: bool, verbose: bool) -> Iterator[str]:
    if view.items:
        yield from _items(view, margin, room, colour=colour, verbose=verbose)
    elif view.before is not None and view.after is not None:
        before, after = (view.before, view.after) if verbose else shorten_pair(view.before, view.after, room - 2)
        yield f"{margin}  {before}"
        yield f"{margin}{ARROW} {after}"
    else:
        text = view.before if view.before is not None else view.after or ""
        yield margin + (text if verbose else _counted(text, room))


def _items(view: FieldView, margin: str, room: int, *, colour: bool, verbose: bool) -> Iterator[str]:
    first, last, left_out = ends(view.items, len(view.items) if verbose else _ITEM_LIMIT)

    def line(item: Item) -> str:
        text = item.text if verbose else shorten(item.text, room - 2)
        return f"{margin}{paint(item.sign, _STYLES.get(item.sign), colour=colour)} {text}"

    yield from map(line, first)
    if left_out:
        yield f"{margin}  … {left_out} more"
    yield from map(line, last)
    if view.same:
        yield f"{margin}  ({view.same} unchanged)"


def _counted(text: str, room: int) -> str:
    if columns(text) <= room:
        return text
    note = f" ({plural(len(text), 'character')})"
    return shorten(text, room - len(note)) + note
