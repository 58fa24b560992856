"""Changing values in a text: what is written, and that nothing else is."""

from __future__ import annotations

import copy
import random
import re

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from reconciler.specs.reader import read
from reconciler.specs.splicing import CannotSplice, same, spliced
from reconciler.specs.spots import Written
from reconciler.specs.styles import scalar
from reconciler.specs.tree import Node, at
from reconciler.specs.writer import write_manifest
from reconciler.values import Address


def data_of(text: str) -> Node:
    reading = read(text.encode(), "f")
    assert reading.problems == ()
    return reading.trees[0].data


def change(text: str, **values: Node) -> str:
    """The text with other values at its top, `None` for those that go."""
    data = data_of(text)
    assert isinstance(data, dict)
    new: Node = {key: each for key, each in {**data, **values}.items() if each is not None}
    begin = read(text.encode(), "f").trees[0].start
    return spliced(text, (begin.line, begin.column), new)


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        ("a: 1 # one\nb: 2\n", {"a": 3}, "a: 3 # one\nb: 2\n"),
        ("a: 'x' # q\n", {"a": "it's"}, "a: 'it''s' # q\n"),
        ('a: "x"\n', {"a": 'say "no"'}, 'a: "say \\"no\\""\n'),
        ("a: x\n", {"a": "NO"}, "a: 'NO'\n"),
        ("a: x\n", {"a": "2026-12-01"}, "a: '2026-12-01'\n"),
        ("a: x\n", {"a": "010"}, "a: '010'\n"),
        ("a: x\n", {"a": "1e3"}, "a: '1e3'\n"),
        ("a: x\n", {"a": " lead"}, "a: ' lead'\n"),
        ("a: x\n", {"a": ""}, "a: ''\n"),
        ("a: x\n", {"a": "two\nlines"}, 'a: "two\\nlines"\n'),
        ("a: x\n", {"a": "\u202e"}, 'a: "\\u202e"\n'),
        ("a: 'x'\n", {"a": 5}, "a: 5\n"),
        ("a: 1\n", {"a": 1e16}, "a: 1.0e+16\n"),
        ("a: 1\n", {"a": True}, "a: true\n"),
        ("a: !!str 12 # t\n", {"a": "13"}, "a: '13' # t\n"),
        ("a: &x 12 # t\n", {"a": 13}, "a: &x 13 # t\n"),
        ("a: plain\n  words # t\nb: 1\n", {"a": "other words"}, "a: other words # t\nb: 1\n"),
        ("a: | # why\n  one\n  two\n\nb: 1\n", {"a": "three\nfour\n"}, "a: | # why\n  three\n  four\n\nb: 1\n"),
        ("a: >-\n    one\n    two\nb: 1\n", {"a": "x\n\ny"}, "a: |-\n    x\n\n    y\nb: 1\n"),
        ("a: |\n  one\n# c\nb: 1\n", {"a": 7}, "a: 7\n# c\nb: 1\n"),
        ("a: {b: 1, c: x} # f\n", {"a": {"b": 2, "c": "x, y"}}, "a: {b: 2, c: 'x, y'} # f\n"),
        ("a: 1\nb: 2 # t\n\n# end\n", {"c": "new"}, "a: 1\nb: 2 # t\nc: new\n\n# end\n"),
        ("a: 1\nb: 2", {"c": 3}, "a: 1\nb: 2\nc: 3"),
        ("a: 1\r\nb: 2\r\n", {"c": 3}, "a: 1\r\nb: 2\r\nc: 3\r\n"),
        ("a:\n    b:\n    - 1\n", {"a": {"b": [1, 2], "c": 3}}, "a:\n    b:\n    - 1\n    - 2\n    c: 3\n"),
        ("a: 1\nb: 2 # gone\n# stays\nc: 3\n", {"b": None}, "a: 1\n# stays\nc: 3\n"),
        ("a: 1\nb: 2", {"b": None}, "a: 1"),
        ("a: 1\r\nb: 2", {"b": None}, "a: 1"),
        ("a:\n  - x # one\n  - y\n", {"a": ["y"]}, "a:\n  - y\n"),
        ("a:\n  -   x\n", {"a": ["x", "z"]}, "a:\n  -   x\n  -   z\n"),
        ("a:\n  - x\n", {"a": ["w", "x"]}, "a:\n  - w\n  - x\n"),
        ("a:\n  - x\n  # c\nb: 1\n", {"a": []}, "a: []\n  # c\nb: 1\n"),
        ("a: # c\n  b: 1\n", {"a": "x"}, None),
        ("a: []\n", {"a": ["x"]}, "a: [x]\n"),
        ("a: [x, y, z]\n", {"a": ["x", "z"]}, "a: [x, z]\n"),
        ("a: [x, y, z]\n", {"a": ["x", "y"]}, "a: [x, y]\n"),
        ("a: [x, y]\n", {"a": ["w", "x", "y", "z"]}, "a: [w, x, y, z]\n"),
        ("a: [\n  x, # one\n  y # two\n]\n", {"a": ["x", "y", "z"]}, "a: [\n  x, # one\n  y, # two\n  z\n]\n"),
        ("a: [\n  x, # one\n  y, # two\n]\n", {"a": ["x", "y", "z"]}, "a: [\n  x, # one\n  y, # two\n  z,\n]\n"),
        ("a: [\n  x, # one\n  y # two\n]\n", {"a": ["x"]}, "a: [\n  x, # one\n]\n"),
        ("a: {b: 1, c: 2}\n", {"a": {"c": 2, "d": 3}}, "a: {c: 2, d: 3}\n"),
        ("a:\n- b: 1 # t\n  c: 2\n", {"a": [{"c": 2}]}, "a:\n- c: 2\n"),
        (
            "a:\n- b: 1\n  c: 2\n",
            {"a": [{"b": 1, "c": 2}, {"b": 2, "c": [1]}]},
            "a:\n- b: 1\n  c: 2\n- b: 2\n  c:\n    - 1\n",
        ),
        ("--- # first\na: 1\n...\n---\nb: 2\n", {"a": 2}, "--- # first\na: 2\n...\n---\nb: 2\n"),
    ],
)
def test_what_changes_is_written_as_its_neighbours_are(before: str, values: dict[str, Node], after: str | None) -> None:
    if after is None:
        assert data_of(change(before, **values)) == {**values}
    else:
        assert change(before, **values) == after


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 2}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc: *x\n", {"c": {"b": 2}}),
        ("a: &x 1\nc: *x\n", {"c": 2}),
        ("a: &x 1\nc: *x\n", {"a": 2, "c": 1}),
        ("a: [b: 1]\n", {"a": [{"b": 1, "c": 2}]}),
        ("a: x\n", {"a": "\ud800"}),
        ("a:\n- b: 1\n  # about c\n  c: 2\n", {"a": [{"c": 2}]}),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str, values: dict[str, Node]) -> None:
    with pytest.raises(CannotSplice):
        change(text, **values)


# --- any text, any change ---

_ODD = (
    "x", "NO", "y", "2026-12-01", "010", "0o17", "1e3", "12:30:00", " a", "a ", "a: b", "a #b", "- x", "it's", '"q"',
    "two\nlines", "two\nlines\n", "\n", "\t", "é", "\u202e", "\x00", "\ufeff", "~", "null", "", "<<", "=", "[a", "a,b",
    "{", "1_000", "0x1f", "*a", "&a", "!t", "%", "@", "`", "...", "---", "https://example.com/a?b=c#d", "a:",
)  # fmt: skip
_TEXTS = st.one_of(st.sampled_from(_ODD), st.text(max_size=12))
_SCALARS = st.one_of(
    _TEXTS, st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
_KEYS = st.sampled_from(["name", "config", "every", "a b", "key-1", "12", "no", "É"])
_TREES: st.SearchStrategy[Node] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)
_DOCUMENTS = st.dictionaries(_KEYS, _TREES, min_size=1, max_size=4)


class Writer:
    """Writes a document as people might: every style, comments, blank lines, any indentation."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.eol = self.chance.choice(["\n", "\n", "\r\n"])
        self.step = self.chance.choice([2, 2, 4])

    def comment(self) -> str:
        return self.chance.choice(["", "", "", " # why: {x}", "   # it's"])

    def scalar(self, value: Node, *, in_flow: bool) -> str:
        assert not isinstance(value, dict | list)
        style = self.chance.choice(["", "'", '"'])
        return scalar(value, flow=in_flow, style=style)

    def flow(self, value: Node) -> str:
        space = self.chance.choice(["", " "])
        if isinstance(value, dict):
            inner = [f"{scalar(key, flow=True)}: {self.flow(each)}" for key, each in value.items()]
            end = "," if inner and self.chance.random() < 0.2 else ""
            return "{" + space + f",{space or ' '}".join(inner) + end + space + "}"
        if isinstance(value, list):
            return "[" + space + ", ".join(map(self.flow, value)) + space + "]"
        return self.scalar(value, in_flow=True)

    def lines(self, head: str, value: Node, indent: str) -> list[str]:
        before = self.chance.choice([[], [], [], [f"{indent}# above"], [""]])
        if not isinstance(value, dict | list) or not value or self.chance.random() < 0.3:
            if isinstance(value, str) and re.fullmatch(r"[a-z]+(\n[a-z]+)*\n?", value) and self.chance.random() < 0.7:
                chomp = "" if value.endswith("\n") else "-"
                body = [f"{indent}   {line}" for line in value.removesuffix("\n").split("\n")]
                return [*before, f"{indent}{head} |{chomp}{self.comment()}", *body]
            shown = self.flow(value) if isinstance(value, dict | list) else self.scalar(value, in_flow=False)
            return [*before, f"{indent}{head} {shown}{self.comment()}"]
        inner = indent + " " * self.step
        if isinstance(value, dict):
            found = [line for key, each in value.items() for line in self.lines(f"{scalar(key)}:", each, inner)]
        else:
            found = [line for each in value for line in self.lines("-", each, inner)]
        return [*before, f"{indent}{head}{self.comment()}", *found]

    def document(self, value: dict[str, Node]) -> str:
        lines = [line for key, each in value.items() for line in self.lines(f"{scalar(key)}:", each, "")]
        start = self.chance.choice([[], ["---"], ["# top", "--- # here"]])
        text = self.eol.join([*start, *lines])
        return text + self.chance.choice([self.eol, self.eol, "", self.eol * 2, f"{self.eol}# end"])


def leaves(node: Node, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(node, dict) and node:
        return [found for key, each in node.items() for found in leaves(each, (*path, key))]
    if isinstance(node, list) and node:
        return [found for number, each in enumerate(node) for found in leaves(each, (*path, number))]
    return [] if isinstance(node, dict | list) else [path]


def put(node: Node, path: tuple[str | int, ...], value: Node) -> Node:
    if not path:
        return value
    result = copy.copy(node)
    assert isinstance(result, dict | list)
    result[path[0]] = put(result[path[0]], path[1:], value)  # type: ignore[index]  # the path is the node's own
    return result


def around(text: str, paths: list[tuple[str | int, ...]]) -> str:
    """The text with a sign in place of the values at these paths, which are in the order of the text."""
    written, place, found = Written(text), 0, ""
    for path in paths:
        way = written.way(path)
        assert way is not None
        spot = way[-1].value
        # The comment behind the bar of a block is no part of the value.
        header = re.match(r"\|-?([^\r\n]*)", text[spot.start :]) if spot.style == "|" else None
        found += text[place : spot.start] + "\0" + (header[1] if header is not None else "")
        place = written.last(spot)
    return found + text[place:]


@settings(max_examples=80)
@given(document=_DOCUMENTS, seed=st.integers(0, 1 << 16), data=st.data())
def test_only_the_values_that_changed_are_written_and_the_text_says_exactly_them(
    document: dict[str, Node], seed: int, data: st.DataObject
) -> None:
    text = Writer(seed).document(document)
    begin = read(text.encode(), "f").trees[0].start
    all_leaves = leaves(document)
    chosen = [path for path in all_leaves if data.draw(st.booleans())]
    new: Node = document
    for path in chosen:
        new = put(new, path, data.draw(_SCALARS))
    after = spliced(text, (begin.line, begin.column), new)

    assert same(data_of(after), new)
    changed = [path for path in chosen if not same(at(document, path), at(new, path))]
    assert around(text, changed) == around(after, changed)


@settings(max_examples=80)
@given(document=_DOCUMENTS, other=_DOCUMENTS, seed=st.integers(0, 1 << 16))
def test_any_document_becomes_any_other_or_nothing_is_changed(
    document: dict[str, Node], other: dict[str, Node], seed: int
) -> None:
    text = Writer(seed).document(document)
    begin = read(text.encode(), "f").trees[0].start
    new: dict[str, Node] = {**document, **other} if seed % 2 else other
    try:
        after = spliced(text, (begin.line, begin.column), new)
    except CannotSplice:
        event("refused")
        return

    event("changed")
    assert same(data_of(after), new)


def test_hardly_any_change_is_refused() -> None:
    chance, refused = random.Random(5), 0
    for number in range(150):
        document: dict[str, Node] = {"a": 1, "b": [1, {"c": "x", "d": "y"}], "e": {"f": "two\nlines", "g": 2}}
        text = Writer(number).document(document)
        begin = read(text.encode(), "f").trees[0].start
        first: list[Node] = [1, [1], {"x": 1}]
        second: list[Node] = [[1], [{"c": "x"}], [], [2, {"c": "z", "d": "y"}, 3]]
        third: list[Node] = [{"f": "x"}, {"g": 2, "h": {"i": 1}}, {}, {"f": "three\nlines\n", "g": 2}]
        new: Node = {"a": chance.choice(first), "b": chance.choice(second), "e": chance.choice(third)}
        try:
            spliced(text, (begin.line, begin.column), new)
        except CannotSplice:
            refused += 1

    assert refused < 8


@given(value=_SCALARS, in_flow=st.booleans(), style=st.sampled_from(["", "'", '"']))
def test_every_value_reads_as_itself(value: Node, *, in_flow: bool, style: str) -> None:
    assert not isinstance(value, dict | list)
    shown = scalar(value, flow=in_flow, style=style)

    assert same(data_of(f"a: [{shown}]\n" if in_flow else f"a: {shown}\n"), {"a": [value] if in_flow else value})


@given(text=_TEXTS)
def test_a_text_in_a_whole_manifest_reads_as_itself(text: str) -> None:
    data = data_of(write_manifest(Address("v", "Kind", "a"), {"text": text, "list": (text, 1)}))

    assert isinstance(data, dict)
    assert same(data["spec"], {"text": text, "list": [text, 1]})
