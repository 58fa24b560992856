"""Where every value of a YAML document begins and ends, and how it is written."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from reconciler.values import Path

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*(?:\s+|(?=[,\]}])))*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK_LINES = re.compile(r"(?:(?:\r\n|\r|\n)[ \t]*)+\Z")


@dataclass(slots=True)
class Spot:
    """
    One value: `start` and `end` count characters from the beginning of the text, `column` from 0.

    `pairs` are the entries of a mapping, and those of a list with no key. `flow` says that it is written between
    brackets. `style` is the quote or the bar of a scalar.
    """

    kind: str
    start: int
    end: int
    column: int
    flow: bool = False
    style: str = ""
    anchor: str | None = None
    text: str = ""
    pairs: list[tuple[Spot | None, Spot]] = field(default_factory=list)

    def within(self) -> Iterator[Spot]:
        """It, and all below."""
        waiting = [self]
        while waiting:
            spot = waiting.pop()
            yield spot
            for key, value in spot.pairs:
                waiting += [value] if key is None else [key, value]


@dataclass(frozen=True, slots=True)
class Step:
    """An entry on the way to a value: the collection and the number of the entry in it."""

    holder: Spot
    number: int

    @property
    def key(self) -> Spot | None:
        """The key, in a mapping."""
        return self.holder.pairs[self.number][0]

    @property
    def value(self) -> Spot:
        """The value."""
        return self.holder.pairs[self.number][1]


class Written:
    """
    The text of one document.

    Raises `yaml.YAMLError` for what is not YAML.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = _root(text)
        self._dashes: list[int] = []
        self._colons: list[int] = []
        for token in yaml.scan(text, Loader=yaml.CSafeLoader):
            if isinstance(token, yaml.BlockEntryToken):
                self._dashes.append(token.start_mark.index)
            elif isinstance(token, yaml.ValueToken):
                self._colons.append(token.start_mark.index)
        self.repeated = frozenset(each.anchor for each in self.root.within() if each.kind == "alias")

    def way(self, path: Path) -> list[Step] | None:
        """The entries that lead to the value at the path; `None` when there is no such value, or behind an alias."""
        steps: list[Step] = []
        spot = self.root
        for step in path:
            found = next(
                (
                    number
                    for number, (key, _) in enumerate(spot.pairs)
                    if (number == step if key is None else key.text == step)
                ),
                None,
            )
            if found is None:
                return None
            steps.append(Step(spot, found))
            spot = steps[-1].value
        return steps

    def dash(self, spot: Spot) -> int:
        """Where the dash of a list's item stands."""
        return self._dashes[bisect_left(self._dashes, spot.start) - 1]

    def colon(self, key: Spot) -> int:
        """Where the colon behind a key stands."""
        return self._colons[bisect_left(self._colons, key.end)]

    def content(self, spot: Spot) -> int:
        """Where a scalar begins behind its anchor and its tag."""
        found = _PROPERTIES.match(self.text, spot.start)
        return found.end() if found else spot.start

    def last(self, spot: Spot) -> int:
        """Where the last sign of a value ends; blank lines and comments behind it do not count."""
        while spot.kind in {"mapping", "sequence"} and not spot.flow and spot.pairs:
            spot = spot.pairs[-1][1]
        if spot.style in {"|", ">"}:
            return spot.start + len(_BLANK_LINES.sub("", self.text[spot.start : spot.end]))
        return spot.end

    def line_start(self, place: int) -> int:
        """Where the line begins that holds the place."""
        return max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1

    def line_end(self, place: int) -> tuple[int, int]:
        """Where the line ends that holds the place, before and behind its break."""
        found = _LINE_END.search(self.text, place)
        return found.span() if found else (len(self.text), len(self.text))

    def without_lines(self, begin: int, place: int) -> tuple[int, int]:
        """What to cut so that the lines from the one that begins at `begin` to that of `place` are gone."""
        end, after = self.line_end(place)
        if end == after and begin > 0:  # the text ends without a break, and will end so again
            broken = self.text[:begin]
            begin -= 2 if broken.endswith("\r\n") else 1
        return begin, after


def documents(text: str) -> list[tuple[int, int, int, int]]:
    """Begin and end of every document in the text, and line and column from 0 of its first value."""
    found: list[list[int]] = []
    expects_root = False
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            found.append([_at(event.start_mark).index, 0, 0])
            expects_root = True
        elif expects_root:
            found[-1][1:] = [_at(event.start_mark).line, _at(event.start_mark).column]
            expects_root = False
    begins = [0, *(each[0] for each in found[1:])]
    ends = [*begins[1:], len(text)]
    return [(begin, end, line, column) for begin, end, (_, line, column) in zip(begins, ends, found, strict=True)]


def _root(text: str) -> Spot:
    """The document's first value with all below; not recursive."""
    root = Spot(kind="nothing", start=0, end=0, column=0)
    open_spots: list[tuple[Spot, list[Spot]]] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        match event:
            case yaml.CollectionStartEvent():
                kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
                open_spots.append((_spot(kind, event, flow=bool(event.flow_style)), []))
                continue
            case yaml.ScalarEvent():
                spot = _spot("scalar", event)
                spot.style, spot.text = event.style or "", event.value
            case yaml.AliasEvent():
                spot = _spot("alias", event)
            case yaml.CollectionEndEvent():
                spot, parts = open_spots.pop()
                spot.end = _at(event.end_mark).index
                if spot.kind == "mapping":
                    spot.pairs = list(zip(parts[::2], parts[1::2], strict=True))
                else:
                    spot.pairs = [(None, each) for each in parts]
            case _:
                continue
        if open_spots:
            open_spots[-1][1].append(spot)
        else:
            root = spot
    return root


def _spot(kind: str, event: yaml.NodeEvent, *, flow: bool = False) -> Spot:
    start, end = _at(event.start_mark), _at(event.end_mark)
    return Spot(kind=kind, start=start.index, end=end.index, column=start.column, flow=flow, anchor=event.anchor)


class _Mark(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def _at(mark: _Mark | None) -> _Mark:
    assert mark is not None  # a parser that reads a text knows where it is
    return mark
