"""Changing a few values of a YAML document, and no other byte of its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import yaml

from reconciler.specs.reader import read
from reconciler.specs.spots import Spot, Step, Written, documents
from reconciler.specs.styles import block, flow, line_end_of, literal, scalar
from reconciler.specs.tree import Node
from reconciler.values import Path

_HEADER = re.compile(r"[|>][0-9+-]*(?P<comment>[ \t]+#[^\r\n]*)?")
_WIDE = 60
"""Characters up to which a new collection stands in one line."""


class CannotSplice(Exception):
    """The text cannot be changed so; `reason` is the end of a sentence, `path` the value that is concerned."""

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


@dataclass(frozen=True, slots=True)
class Edit:
    """
    One value to be written at a path, added there, or removed.

    A path that ends with a number adds an item before the one that has the number now.
    """

    verb: str
    path: Path
    value: Node = None


def spliced(text: str, start: tuple[int, int], new: Node) -> str:
    """
    The file's text in which the document whose first value stands at `start` (line and column from 1) says `new`.

    Only values that differ are written, each as it was written before as far as that goes; comments, order and line
    ends stay. The result is read again: raises `CannotSplice` when it does not say exactly that.
    """
    try:
        parts = documents(text)
        number = [(line + 1, column + 1) for _, _, line, column in parts].index(start)
        begin, end, *_ = parts[number]
        changed = text[:begin] + _document(text[begin:end], new) + text[end:]
        before, after = read(text.encode(), "before"), read(changed.encode(), "after")
    except (yaml.YAMLError, UnicodeEncodeError):
        raise CannotSplice("it cannot be written so that it can be read again") from None
    position = [(tree.start.line, tree.start.column) for tree in before.trees].index(start)
    wanted = [new if number == position else tree.data for number, tree in enumerate(before.trees)]
    if after.problems or not after.complete or not same([tree.data for tree in after.trees], wanted):
        raise CannotSplice("it cannot be written there without changing something else")
    return changed


def same(one: Node, other: Node) -> bool:
    """Whether two values are equal and of one type throughout: 1, 1.0 and true are three values."""
    return _canonical(one) == _canonical(other)


def _canonical(node: Node) -> str:
    return json.dumps(node, sort_keys=True)


def edits(old: Node, new: Node, path: Path = ()) -> Iterator[Edit]:
    """What leads from one value to the other, in an order in which no collection becomes empty on the way."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and old and new:
        for key in old:
            if key in new:
                yield from edits(old[key], new[key], (*path, key))
        for key in new:
            if key not in old:
                yield Edit("add", (*path, key), new[key])
        for key in old:
            if key not in new:
                yield Edit("remove", (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _edits_of_list(old, new, path)
    else:
        yield Edit("set", path, new)


def _edits_of_list(old: list[Node], new: list[Node], path: Path) -> Iterator[Edit]:
    """From the end to the beginning, so that the numbers of items still to come stay what they are."""
    left, right = [_canonical(each) for each in old], [_canonical(each) for each in new]
    matched = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    moves = sum(max(end - begin, stop - start) for tag, begin, end, start, stop in matched if tag != "equal")
    if len(left) == len(right) and sum(one != other for one, other in zip(left, right, strict=True)) <= moves:
        matched = [("replace", 0, len(left), 0, len(right))]  # item by item is no more than that
    for tag, begin, end, start, stop in reversed(matched):
        if tag == "equal":
            continue
        pairs = min(end - begin, stop - start)
        for offset in reversed(range(stop - start - pairs)):
            yield Edit("add", (*path, begin + pairs), new[start + pairs + offset])
        for position in reversed(range(begin + pairs, end)):
            yield Edit("remove", (*path, position))
        for offset in reversed(range(pairs)):
            yield from edits(old[begin + offset], new[start + offset], (*path, begin + offset))


def _document(text: str, new: Node) -> str:
    trees = read(text.encode(), "document").trees
    old = trees[0].data
    for edit in edits(old, new):
        text = _with(text, edit)
    return text


def _with(text: str, edit: Edit) -> str:
    written = Written(text)
    path = edit.path if edit.verb != "add" else edit.path[:-1]
    way = written.way(path)
    if way is None or (edit.verb != "add" and not way):
        raise CannotSplice("it is repeated from elsewhere through an alias", edit.path)
    _refuse_shared(written, way, edit)
    editor = _Editor(written, edit)
    match edit.verb:
        case "set":
            changed = editor.set(way)
        case "add":
            changed = editor.add(way[-1].value if way else written.root)
        case _:
            changed = editor.remove(way)
    return changed


def _refuse_shared(written: Written, way: list[Step], edit: Edit) -> None:
    """What other places repeat, or what is itself repeated from elsewhere, is not changed."""
    chain = [written.root, *(step.value for step in way)]
    below = chain[-1].within() if edit.verb != "add" else ()
    for spot in (*chain, *below):
        if (
            spot.anchor in written.repeated
            and spot.anchor is not None
            and (spot.kind != "alias" or any(spot is each for each in chain))
        ):
            raise CannotSplice(
                f"it is shared through the anchor `&{spot.anchor}`: others would change with it", edit.path
            )
    if any(
        step.holder.kind == "sequence"
        and step.value.kind == "mapping"
        and step.value.flow
        and written.text[step.value.start] != "{"
        for step in way
    ):
        raise CannotSplice("it stands in a list as `key: value` without braces", edit.path)


class _Editor:
    """One edit of one document's text; each method gives the changed text."""

    def __init__(self, written: Written, edit: Edit) -> None:
        self.written = written
        self.text = written.text
        self.edit = edit
        self.eol = line_end_of(written.text)

    def set(self, way: list[Step]) -> str:
        step, value = way[-1], self.edit.value
        spot, in_flow = step.value, step.holder.flow
        if spot.kind == "scalar" and not isinstance(value, dict | list):
            return self._set_scalar(step, in_flow=in_flow)
        if spot.kind == "scalar" or spot.flow:
            return self._instead_of(spot, flow(value))
        return self._instead_of_block(step, flow(value))

    def _set_scalar(self, step: Step, *, in_flow: bool) -> str:
        spot, value = step.value, self.edit.value
        assert not isinstance(value, dict | list)
        if spot.style in {"|", ">"} and isinstance(value, str):
            content = self.written.content(spot)
            header = _HEADER.match(self.text, content)
            lines = self.text[content : spot.end].splitlines()[1:]
            indent = next((line[: len(line) - len(line.lstrip(" "))] for line in lines if line.strip()), "")
            comment = (header["comment"] or "") if header is not None else ""
            shown = literal(value, comment, indent, self.eol) if indent else None
            if shown is not None:
                changed = self.text[:content] + shown + self.text[self.written.last(spot) :]
                if _says(changed, self.edit):
                    return changed
        style = spot.style if isinstance(value, str) else ""
        changed = self._instead_of(spot, scalar(value, flow=in_flow, style=style))
        if _says(changed, self.edit):
            return changed
        return self._instead_of(spot, scalar(value, flow=in_flow, style='"'))

    def _instead_of(self, spot: Spot, shown: str) -> str:
        """The text with another value in place of a scalar or of one between brackets; an anchor stays."""
        content = self.written.content(spot)
        kept = f"&{spot.anchor} " if spot.anchor is not None else ""
        comment = ""
        if spot.style in {"|", ">"}:
            header = _HEADER.match(self.text, content)
            comment = (header["comment"] or "") if header is not None else ""
        return self.text[: spot.start] + kept + shown + comment + self.text[self.written.last(spot) :]

    def _instead_of_block(self, step: Step, shown: str) -> str:
        """The text with a value in one line in place of a collection that has lines of its own."""
        spot, end = step.value, self.written.last(step.value)
        begin = self.written.line_start(spot.start)
        intro = (self.written.dash(spot) if step.key is None else self.written.colon(step.key)) + 1
        if begin <= intro:  # it begins behind its dash
            return self.text[: spot.start] + shown + self.text[end:]
        begin, after = self.written.without_lines(begin, end)
        return f"{self.text[:intro]} {shown}{self.text[intro:begin]}{self.text[after:]}"

    # --- something new ---

    def add(self, holder: Spot) -> str:
        last = self.edit.path[-1]
        head = "" if isinstance(last, int) else f"{scalar(last, flow=holder.flow)}: "
        number = last if isinstance(last, int) else len(holder.pairs)
        if holder.flow:
            return self._add_between_brackets(holder, number, head + flow(self.edit.value))
        if holder.kind == "scalar":
            raise CannotSplice("it is not written out where it is used", self.edit.path)
        return self._add_lines(holder, number, head.rstrip() or "-")

    def _add_lines(self, holder: Spot, number: int, head: str) -> str:
        first_key, first = holder.pairs[0]
        column = first_key.column if first_key is not None else self._column(self.written.dash(first))
        indent = " " * column
        lines = self._lines(holder, head, indent)
        if head == "-":
            gap = self._gap(first)
            lines = [f"{indent}-{gap}{lines[0][len(indent) + 2 :]}", *lines[1:]] if len(lines) == 1 else lines
        if number == 0:
            place = self.written.dash(first)
            shown = self.eol.join(lines)
            return f"{self.text[:place]}{shown[len(indent) :]}{self.eol}{indent}{self.text[place:]}"
        place, after = self.written.line_end(self.written.last(holder.pairs[number - 1][1]))
        eol = self.text[place:after] or self.eol
        return self.text[:place] + "".join(f"{eol}{line}" for line in lines) + self.text[place:]

    def _lines(self, holder: Spot, head: str, indent: str) -> list[str]:
        value = self.edit.value
        in_blocks = any(not each.flow and each.pairs for _, each in holder.pairs)
        shown = flow(value) if isinstance(value, dict | list) else scalar(value)
        if isinstance(value, dict | list) and value and (in_blocks or len(shown) > _WIDE):
            return block(head, value, indent)
        return [f"{indent}{head} {shown}"]

    def _gap(self, item: Spot) -> str:
        """The spaces behind the dash of a sibling."""
        between = self.text[self.written.dash(item) + 1 : item.start]
        return between if between and not between.strip(" ") else " "

    def _column(self, place: int) -> int:
        return place - self.written.line_start(place)

    def _add_between_brackets(self, holder: Spot, number: int, shown: str) -> str:
        if not holder.pairs:
            place = self.written.content(holder) + 1
            return self.text[:place] + shown + self.text[place:]
        key, value = holder.pairs[min(number, len(holder.pairs) - 1)]
        begin = (key or value).start
        if number < len(holder.pairs):
            return f"{self.text[:begin]}{shown}, {self.text[begin:]}"
        end = self.written.last(value)
        line = self.written.line_start(begin)
        if line <= holder.start or self.text[line:begin].strip():
            return f"{self.text[:end]}, {shown}{self.text[end:]}"
        # Each entry has a line of its own: so has the new one, behind the comment of the last.
        stop, after = self.written.line_end(end)
        rest = self.text[end:stop]
        eol = self.text[stop:after] or self.eol
        comma = rest.lstrip().startswith(",")
        if rest.strip() and not comma and not rest.lstrip().startswith("#"):
            return f"{self.text[:end]}, {shown}{self.text[end:]}"
        if comma and rest.lstrip()[1:].strip() and not rest.lstrip()[1:].lstrip().startswith("#"):
            return f"{self.text[:end]}, {shown}{self.text[end:]}"
        own = f"{eol}{self.text[line:begin]}{shown}{',' if comma else ''}"
        return f"{self.text[:end]}{'' if comma else ','}{rest}{own}{self.text[stop:]}"

    # --- something less ---

    def remove(self, way: list[Step]) -> str:
        step = way[-1]
        begin = step.key.start if step.key is not None else step.value.start
        if not step.holder.flow:
            return self._remove_lines(step, begin if step.key is not None else self.written.dash(step.value))
        end, pairs, number = self.written.last(step.value), step.holder.pairs, step.number
        line, (stop, _) = self.written.line_start(begin), self.written.line_end(end)
        behind = self.text[end:stop].lstrip()
        alone = re.fullmatch(r",?\s*(#.*)?", behind) is not None and not self.text[line:begin].strip()
        if alone and line > step.holder.start:
            line, after = self.written.without_lines(line, end)
            return self.text[:line] + self.text[after:]
        if number + 1 < len(pairs):
            key, value = pairs[number + 1]
            following = (key or value).start
            if "#" not in self.text[end:following]:
                return self.text[:begin] + self.text[following:]
        if number > 0:
            before = self.written.last(pairs[number - 1][1])
            if not re.search(r"[#\r\n]", self.text[before:begin]):
                return self.text[:before] + self.text[end:]
            if not self.text[end:].lstrip().startswith(","):
                return self.text[:begin] + self.text[end:]
        raise CannotSplice("comments stand around it in its line", self.edit.path)

    def _remove_lines(self, step: Step, begin: int) -> str:
        line, end = self.written.line_start(begin), self.written.last(step.value)
        if not self.text[line:begin].strip():
            line, after = self.written.without_lines(line, end)
            return self.text[:line] + self.text[after:]
        # The first entry behind a dash: the next one moves up to it.
        if step.number + 1 == len(step.holder.pairs):
            raise CannotSplice("nothing else would stand behind its dash", self.edit.path)
        key, value = step.holder.pairs[step.number + 1]
        following = key.start if key is not None else self.written.dash(value)
        stop, _ = self.written.line_end(end)
        if "#" in self.text[stop:following]:
            raise CannotSplice("comments stand between it and what follows", self.edit.path)
        return self.text[:begin] + self.text[following:]


def _says(text: str, edit: Edit) -> bool:
    """Whether the text reads as one document that has the value at the path."""
    reading = read(text.encode(), "document")
    if reading.problems or not reading.complete or len(reading.trees) != 1:
        return False
    node = reading.trees[0].data
    for step in edit.path:
        if isinstance(node, dict) and step in node:
            node = node[str(step)]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return False
    return same(node, edit.value)
