"""A YAML document as entries, each with the comments and the blank line that belong to it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

import yaml

from reconciler.specs.spots import Spot, Written

_COMMENT = re.compile(r"#[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_WORD = re.compile(r"\S")


@dataclass(slots=True)
class Comment:
    """One comment; `blank` says that a blank line stands above it, `begin` where it begins in the text."""

    text: str
    begin: int
    line: int
    column: int
    blank: bool


@dataclass(slots=True)
class Entry:
    """
    A key with its value, or an item of a list, which has no key.

    `above` are the comments over it, `beside` the one behind it, `below` those at the end of its collection. `blank`
    says that a blank line stands between it and what is above. `entries` are those of a collection.
    """

    key: Spot | None
    value: Spot
    above: list[Comment] = field(default_factory=list)
    beside: str = ""
    below: list[Comment] = field(default_factory=list)
    blank: bool = False
    entries: list[Entry] = field(default_factory=list)

    @property
    def is_commented(self) -> bool:
        """Whether a comment stands within it."""
        return bool(self.above or self.beside or self.below) or any(each.is_commented for each in self.entries)

    @property
    def holds_comments(self) -> bool:
        """Whether a comment stands within its value."""
        return bool(self.below) or any(each.is_commented for each in self.entries)


@dataclass(slots=True)
class Document:
    """One document: comments at its beginning, and its root as an entry that has no key."""

    text: str
    written: Written
    head: list[Comment]
    root: Entry


def comments(text: str, root: Spot, written: Written) -> list[Comment]:
    """All comments of a document, in order; what only looks like one within a value is none."""
    closed: list[tuple[int, int]] = []
    for spot in root.within():
        begin = written.content(spot)
        if spot.kind == "scalar" and spot.style in {"|", ">"}:
            # The line of the bar may end with a comment.
            line = _LINE_END.search(text, begin)
            closed.append((line.end() if line else spot.end, spot.end))
        else:
            closed.append((spot.start, begin if spot.kind in {"mapping", "sequence"} else spot.end))
    starts = _lines(text)
    found = []
    place = 0
    for begin, end in [*sorted(closed), (len(text), len(text))]:
        while place < begin and (match := _COMMENT.search(text, place, begin)):
            found.append(_comment(text, match, starts))
            place = match.end()
        place = max(place, end)
    return found


def document(text: str) -> Document:
    """The text of one document, taken apart. Raises `yaml.YAMLError` for what is not YAML."""
    written = Written(text)
    root = Entry(key=None, value=written.root)
    builder = _Builder(text, written, comments(text, written.root, written))
    head = builder.until(written.root.start)
    builder.fill(root, column=-1, end=len(text))
    root.below += builder.until(len(text))
    return Document(text, written, head, root)


class _Builder:
    """Gives every comment to an entry, walking the document in its order."""

    def __init__(self, text: str, written: Written, found: list[Comment]) -> None:
        self.text = text
        self.written = written
        self.starts = _lines(text)
        self._kept = [
            (spot.start, spot.end)
            for spot in written.root.within()
            if spot.style in {"|", ">"}
            and "+" in _LINE_END.split(text[written.content(spot) : spot.end], maxsplit=1)[0]
        ]
        for each in found:
            each.blank = each.blank and not self._is_kept(each.line)
        self.waiting = deque(found)

    def until(self, end: int) -> list[Comment]:
        """The comments that begin before `end` and have no entry yet."""
        found = []
        while self.waiting and self.waiting[0].begin < end:
            found.append(self.waiting.popleft())
        return found

    def fill(self, entry: Entry, *, column: int, end: int) -> None:
        """Make the entries of a collection that begins in `entry`; `column` is its holder's, `end` where it stops."""
        holder = entry.value
        begins = [key.start if key is not None else value.start for key, value in holder.pairs]
        for number, (key, value) in enumerate(holder.pairs):
            above = self.until(begins[number])
            top = self.written.dash(value) if key is None and not holder.flow else begins[number]
            made = Entry(key=key, value=value, above=above, blank=self._blank(top))
            if above and above[0].line == self._line(top) and not holder.flow:  # behind a dash
                above[0].blank, made.blank = made.blank, False
            following = begins[number + 1] if number + 1 < len(begins) else min(end, holder.end) if holder.flow else end
            self._value(made, column=holder.column, end=following)
            entry.entries.append(made)
        if holder.flow:
            entry.below += self.until(holder.end)
        else:
            while holder.pairs and self.waiting and self.waiting[0].begin < end and self.waiting[0].column > column:
                entry.below.append(self.waiting.popleft())

    def _value(self, entry: Entry, *, column: int, end: int) -> None:
        value = entry.value
        is_block = bool(value.pairs) and not value.flow
        if entry.key is not None:
            first = self._first(value) if is_block else self.written.content(value)
            here = {self._line(entry.key.start), self._line(value.start)}
            while self.waiting and self.waiting[0].begin < first and (not is_block or self.waiting[0].line in here):
                comment = self.waiting.popleft()
                if comment.line in here:
                    self._beside(entry, comment)
                else:
                    entry.above.append(comment)
        if value.kind in {"mapping", "sequence"}:
            self.fill(entry, column=column, end=end)
        if not is_block:
            self._behind(entry, end)

    def _first(self, value: Spot) -> int:
        """Where the first entry of a block begins."""
        key, inner = value.pairs[0]
        return key.start if key is not None else inner.start

    def _behind(self, entry: Entry, end: int) -> None:
        """What stands behind the value in its line; behind a bar, in the line of the bar."""
        value = entry.value
        at = self.written.content(value) if value.style in {"|", ">"} else max(value.end - 1, value.start)
        line = self._line(at)
        while self.waiting and self.waiting[0].begin < end and self.waiting[0].line == line:
            self._beside(entry, self.waiting.popleft())

    def _beside(self, entry: Entry, comment: Comment) -> None:
        if entry.beside:
            entry.above.append(comment)
        else:
            entry.beside = comment.text

    def _line(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1

    def _blank(self, place: int) -> bool:
        """Whether the line above is blank, and not a part of a value."""
        line = self._line(place)
        return not self._is_kept(line) and _is_blank(self.text, self.starts, line - 1)

    def _is_kept(self, line: int) -> bool:
        """Whether the line follows a value that keeps the blank lines at its end."""
        return any(begin < self.starts[line] <= end for begin, end in self._kept)


def _comment(text: str, match: re.Match[str], starts: list[int]) -> Comment:
    line = bisect_right(starts, match.start()) - 1
    is_own = not _WORD.search(text, starts[line], match.start())
    return Comment(
        text=match[0].rstrip(),
        begin=match.start(),
        line=line,
        column=match.start() - starts[line],
        blank=is_own and _is_blank(text, starts, line - 1),
    )


def _is_blank(text: str, starts: list[int], line: int) -> bool:
    return line >= 0 and not text[starts[line] : starts[line + 1]].strip()


def _lines(text: str) -> list[int]:
    """Where each line begins."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def has_directives(text: str) -> bool:
    """Whether a document of the text begins with `%YAML` or `%TAG`."""
    return any(
        isinstance(event, yaml.DocumentStartEvent) and bool(event.version or event.tags)
        for event in yaml.parse(text, Loader=yaml.CSafeLoader)
    )
