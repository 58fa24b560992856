"""YAML files in one form: order, indentation and quotes alike, comments where they belong, values untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.specs.envelope import KEYS, METADATA_KEYS
from reconciler.specs.layout import Comment, Document, Entry, comments, document, has_directives
from reconciler.specs.reader import read
from reconciler.specs.scalars import plain_value
from reconciler.specs.splicing import same
from reconciler.specs.spots import Spot, Written, documents
from reconciler.specs.styles import is_plain, scalar
from reconciler.values import Mark, Problem

WIDTH: Final = 100
"""Columns within which what was written between brackets stays in one line."""
_SEPARATOR: Final = "---\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """A file's text in the one form; with problems it is not given, and the file is best left alone."""

    text: str
    problems: tuple[Problem, ...] = ()


def formatted(data: bytes, file: str) -> Formatted:
    """
    The file in the one form.

    Keys of the envelope stand in the order of the documentation, those within `spec` stay where they are. What is
    written between brackets stays so while it fits into a line. The result is read again: a file of which another form
    would say something else, or lack a comment, is a problem.
    """
    reading = read(data, file, nulls=True)
    if reading.problems:
        return Formatted(text="", problems=reading.problems)
    text = data.decode()
    if not reading.trees:
        return Formatted(text=text)
    if has_directives(text):
        return _refused(file, "it has a directive (`%YAML` or `%TAG`)")
    parts = [text[begin:end] for begin, end, *_ in documents(text)]
    taken = [document(each) for each in parts]
    if sum(each.root.value.kind in {"mapping", "sequence"} for each in taken) != len(reading.trees):
        return _refused(file, "one of its documents is a single value")
    result = _SEPARATOR.join(_Writer(each).text() for each in _without_empty(taken))
    again = read(result.encode(), file, nulls=True)
    if (
        again.problems
        or not same([tree.data for tree in reading.trees], [tree.data for tree in again.trees])
        or _remarks(text) != _remarks(result)
    ):
        return _refused(file, "in the one form it would say something else")
    return Formatted(text=result)


def _refused(file: str, why: str) -> Formatted:
    problem = Problem(
        code="not-formatted",
        message=f"the file stays as it is: {why}",
        mark=Mark(file, 1, 1),
        help="write it by hand, or leave it out",
    )
    return Formatted(text="", problems=(problem,))


def _remarks(text: str) -> Counter[str]:
    """The comments of a file."""
    found: Counter[str] = Counter()
    for begin, end, *_ in documents(text):
        written = Written(text[begin:end])
        found.update(each.text for each in comments(text[begin:end], written.root, written))
    return found


def _without_empty(taken: Sequence[Document]) -> list[Document]:
    """The documents that say something; comments of those that say nothing go to their neighbours."""
    kept: list[Document] = []
    waiting: list[Comment] = []
    for each in taken:
        if each.root.value.kind not in {"mapping", "sequence"}:
            waiting += [*each.head, *each.root.above, *each.root.below]
            continue
        each.head[:0] = waiting
        waiting = []
        kept.append(each)
    if waiting:
        kept[-1].root.below += waiting
    return kept


class _Writer:
    """One document's text."""

    def __init__(self, source: Document) -> None:
        self._source = source
        self._text = source.text

    def text(self) -> str:
        """The document, ending with a line break."""
        root = self._source.root
        head = _remark_lines(self._source.head, "")
        gap = bool(head) and bool(root.entries) and _gap(root.entries[0])
        if root.entries:
            root.entries[0].blank = False
        if not self._source.written.repeated:
            _put_in_order(root)
        body = self._children(root, 0) if root.entries else [self._flow(root)]
        tail = _remark_lines(root.below, "", after=not self._keeps_last(root))
        return "".join(f"{line}\n" for line in [*head, *([""] if gap else []), *body, *tail])

    def _children(self, entry: Entry, indent: int) -> list[str]:
        lines: list[str] = []
        for number, each in enumerate(entry.entries):
            made = self._entry(each, indent)
            if number > 0 and _gap(each) and not self._keeps(entry.entries[number - 1]):
                lines.append("")
            lines += made
        return lines

    def _entry(self, entry: Entry, indent: int) -> list[str]:
        """The lines of an entry, with the comments above it and without the blank line above those."""
        pad = " " * indent
        value = entry.value
        head = "-" if entry.key is None else f"{self._scalar(entry.key, flow=False)}:"
        if value.kind in {"mapping", "sequence"}:
            if not value.pairs:
                _raise(entry, entry.below)
                entry.below = []
            inline = self._inline(entry, indent + len(head) + 1)
            if inline is None:
                return self._broken(entry, head, indent)
            shown = [inline]
        elif value.kind == "alias":
            shown = [f"*{value.anchor}"]
        elif value.style in {"|", ">"}:
            return [*_above(entry, pad), *self._block_scalar(entry, f"{pad}{head} ", indent + 2)]
        else:
            shown = self._shown(value, indent + 2)
        beside = f"  {entry.beside}" if entry.beside else ""
        shown = [f"{pad}{head} {shown[0]}".rstrip(" "), *shown[1:]]
        shown[-1] += beside
        return [*_above(entry, pad), *shown]

    def _broken(self, entry: Entry, head: str, indent: int) -> list[str]:
        """A collection with a line for each entry."""
        pad = " " * indent
        props = self._properties(entry.value)
        first = entry.entries[0]
        moves_up = head == "-" and not props
        if moves_up:
            if entry.beside:
                _raise(entry, [_loose(entry.beside)])
                entry.beside = ""
            _raise(entry, first.above)
            first.above = []
        inner = self._children(entry, indent + 2)
        below = _remark_lines(entry.below, pad + "  ", after=not self._keeps_last(entry))
        if moves_up:
            # Comments above the first of the first entries have come along with it.
            skip = next(number for number, line in enumerate(inner) if line and line.lstrip()[0] != "#")
            raised = [f"{pad}{line.lstrip()}".rstrip() for line in inner[:skip]]
            return [*_above(entry, pad), *raised, f"{pad}- {inner[skip][indent + 2 :]}", *inner[skip + 1 :], *below]
        beside = f"  {entry.beside}" if entry.beside else ""
        return [*_above(entry, pad), f"{pad}{head}{f' {props}' if props else ''}{beside}", *inner, *below]

    def _keeps(self, entry: Entry) -> bool:
        """Whether a blank line behind the entry would be a part of its value."""
        if entry.entries:
            return not entry.below and self._keeps_last(entry)
        return entry.value.style in {"|", ">"} and "+" in self._header(entry.value)

    def _keeps_last(self, entry: Entry) -> bool:
        return bool(entry.entries) and self._keeps(entry.entries[-1])

    def _header(self, spot: Spot) -> str:
        """What stands behind a bar, without the comment."""
        line = self._text[self._source.written.content(spot) + 1 : spot.end].splitlines()[:1]
        return line[0].split("#", 1)[0].strip() if line else ""

    # --- in one line ---

    def _inline(self, entry: Entry, column: int) -> str | None:
        """The collection between brackets, when it was written so and has room; `None` when it gets several lines."""
        if not entry.value.pairs:
            return self._flow(entry)
        if not entry.value.flow or entry.holds_comments:
            return None
        shown = self._flow(entry)
        return shown if column + len(shown) <= WIDTH else None

    def _flow(self, entry: Entry) -> str:
        value = entry.value
        if value.kind == "alias":
            return f"*{value.anchor}"
        if value.kind == "scalar":
            return self._scalar(value, flow=True)
        props = self._properties(value)
        before = f"{props} " if props else ""
        if value.kind == "sequence":
            return f"{before}[{', '.join(self._flow(each) for each in entry.entries)}]"
        pairs = [f"{self._scalar(each.key, flow=True)}: {self._flow(each)}" for each in entry.entries if each.key]
        return f"{before}{{{', '.join(pairs)}}}"

    def _scalar(self, spot: Spot, *, flow: bool) -> str:
        """A scalar in one line."""
        written = self._text[self._source.written.content(spot) : spot.end]
        props = self._properties(spot)
        many = "\n" in written or "\r" in written
        if props:
            shown = scalar(spot.text, flow=flow, style='"') if many else written
            return f"{props} {shown}".rstrip()
        if many:
            return scalar(spot.text, flow=flow, style=spot.style or '"')
        if spot.style:
            return spot.text if is_plain(spot.text, flow=flow) else written
        value = plain_value(spot.text)
        if value is None:
            return "null" if flow or spot.text else ""
        return scalar(value) if isinstance(value, bool) else written

    def _properties(self, spot: Spot) -> str:
        """The anchor and the tag."""
        return " ".join(self._text[spot.start : self._source.written.content(spot)].split())

    # --- in several lines ---

    def _shown(self, spot: Spot, indent: int) -> list[str]:
        """A scalar without a bar; one of several lines keeps them."""
        written = self._text[self._source.written.content(spot) : spot.end]
        lines = written.splitlines()
        if len(lines) < 2:
            return [self._scalar(spot, flow=False)]
        props = self._properties(spot)
        pad = " " * indent
        kept = lines if spot.style == '"' else [each.rstrip(" \t") for each in lines]
        bare = [each.lstrip(" \t") for each in kept[1:]]
        body = [f"{pad}{each}" if each else "" for each in bare]
        return [f"{props} {kept[0]}".lstrip(), *body]

    def _block_scalar(self, entry: Entry, head: str, indent: int) -> list[str]:
        """A scalar below a bar: its lines, moved to the indentation."""
        spot, written = entry.value, self._source.written
        begin = written.content(spot)
        lines = self._text[begin : spot.end].splitlines()[1:]
        marks = self._header(spot)
        chomp = next((each for each in marks if each in "+-"), "")
        digit = "2" if any(each.isdigit() for each in marks) else ""
        if chomp != "+":
            while lines and not lines[-1].strip(" \t"):
                lines.pop()
        offset = _offset(lines, spot.text if digit else None)
        pad = " " * indent
        body = [f"{pad}{each[offset:]}" if each[offset:] or each.strip(" \t") else "" for each in lines]
        props = self._properties(spot)
        beside = f"  {entry.beside}" if entry.beside else ""
        return [f"{head}{f'{props} ' if props else ''}{spot.style}{digit}{chomp}{beside}", *body]


def _offset(lines: list[str], value: str | None) -> int:
    """How far the lines of a block stand in; with `value`, of which the first word may stand further in."""
    first = next((each for each in lines if each.strip(" ")), "")
    stands = len(first) - len(first.lstrip(" "))
    if value is None:
        return stands
    within = next((each for each in value.split("\n") if each.strip(" ")), "")
    return stands - (len(within) - len(within.lstrip(" ")))


def _put_in_order(root: Entry) -> None:
    """Bring the keys of a manifest's envelope into their order; the rest is the author's."""
    keys = [each.key.text for each in root.entries if each.key is not None]
    if not {"apiVersion", "kind"} <= set(keys):
        return
    _sort(root, KEYS)
    for each in root.entries:
        if each.key is not None and each.key.text == "metadata" and each.value.kind == "mapping":
            _sort(each, METADATA_KEYS)


def _sort(entry: Entry, order: Sequence[str]) -> None:
    def place(each: Entry) -> int:
        return order.index(each.key.text) if each.key is not None and each.key.text in order else len(order)

    entry.entries.sort(key=place)


def _gap(entry: Entry) -> bool:
    """Whether a blank line stands above the entry and its comments."""
    return entry.above[0].blank if entry.above else entry.blank


def _above(entry: Entry, pad: str) -> list[str]:
    """The comments above an entry, and the blank line that may part it from them."""
    lines = _remark_lines(entry.above, pad)
    return [*lines, ""] if lines and entry.blank else lines


def _remark_lines(found: Sequence[Comment], pad: str, *, after: bool = False) -> list[str]:
    """Comments with the blank lines between them; `after` keeps the one above the first, too."""
    lines: list[str] = []
    for number, each in enumerate(found):
        if each.blank and (number > 0 or after):
            lines.append("")
        lines.append(f"{pad}{each.text}")
    return lines


def _raise(entry: Entry, found: Sequence[Comment]) -> None:
    """Put comments above the entry, and its blank line above them."""
    if found and not entry.above:
        found[0].blank, entry.blank = entry.blank, False
    entry.above += found


def _loose(text: str) -> Comment:
    return Comment(text=text, begin=0, line=0, column=0, blank=False)
