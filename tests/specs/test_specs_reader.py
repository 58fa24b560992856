"""YAML to data with places."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from specs_stage import said

from reconciler.specs.reader import read
from reconciler.specs.scalars import Ambiguous, plain_value
from reconciler.specs.tree import Node, at
from reconciler.values import Path


def data(text: str) -> Node:
    reading = read(text.encode(), "f.yaml", nulls=True)
    assert said(reading.problems) == []
    return reading.trees[0].data


def problems(text: str | bytes) -> list[str]:
    return said(read(text.encode() if isinstance(text, str) else text, "f.yaml").problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("12:30:00", "12:30:00"),
        ("2026-12-01", "2026-12-01"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("0b11", "0b11"),
        ("=", "="),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 010", "010"),
        ("!!float 1", 1.0),
        ("! 12", "12"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: Node) -> None:
    found = data(f"a: {text}")

    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("text", ["010", "-08", "0o17", ".inf", "-.Inf", ".nan", "1e999", "9" * 5000, "0x" + "f" * 50])
def test_what_readers_of_yaml_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(Ambiguous):
        plain_value(text)


def test_every_fault_of_a_file_is_found_at_once_with_its_place() -> None:
    text = """\
a: 1
b: [x, {c: 010}]
a: 2
1: x
? [p, q]
: z
d: !!python/object:os.system {}
<<: {e: 1}
f:
g: [~]
"h\\u202e": 1
i: *nobody
*nobody : 1
"""

    assert problems(text) == [
        (
            "f.yaml:2:12 ambiguous-value `010` is a different number to different readers of YAML "
            "| quote it to mean the text"
        ),
        "f.yaml:3:1 duplicate-key the key `a` stands twice in one mapping | remove one of them",
        "f.yaml:4:1 invalid-key the key `1` is no text | quote it: `'1'`",
        "f.yaml:5:3 invalid-key a key is text, not a mapping or list | None",
        "f.yaml:7:4 tag the tag `!!python/object:os.system` is refused | leave the tag out; manifests hold plain data",
        "f.yaml:8:1 merge-key merge keys (`<<`) are not understood here | write the keys out",
        "f.yaml:9:3 null-value `f` has no value | leave the key out",
        "f.yaml:10:5 null-value `g[0]` has no value | leave the item out",
        "f.yaml:11:1 hidden-character the key holds an invisible character, `U+202E` | remove it",
        "f.yaml:12:4 alias no `&nobody` stands before this | None",
        "f.yaml:13:1 invalid-key a key is written out, not an alias | None",
    ]


def test_places_fit_also_behind_refused_keys_and_aliases() -> None:
    text = "x: &x [1, {y: 2}]\nx: [3, 4]\n? {p: q}\n: z\na: *x\nb: [5, 6]\n"
    tree = read(text.encode(), "f.yaml").trees[0]

    assert tree.data == {"x": [1, {"y": 2}], "a": [1, {"y": 2}], "b": [5, 6]}
    assert str(tree.mark(("b", 1))) == "f.yaml:6:8"
    assert str(tree.mark(("b",), key=True)) == "f.yaml:6:1"
    assert str(tree.mark(("a",))) == "f.yaml:5:4"
    assert str(tree.mark(("a", 1, "y"))) == "f.yaml:1:15"
    assert tree.mark(("b", 2)) is None
    assert str(tree.nearest(("b", 2))) == "f.yaml:6:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 'b\n", "f.yaml:1:4 syntax a quote is opened here and never closed | close the quote"),
        (
            "a: b: c",
            (
                "f.yaml:1:5 syntax a `:` makes a key where none can stand "
                "| check the indentation, or quote the text when the `:` belongs to it"
            ),
        ),
        ("a: [1\nb: 2", "f.yaml:2:2 syntax a `,` or the closing `]` is missing | None"),
        ("- a\nb: 1", "f.yaml:2:1 syntax this line does not fit the list above it | check the indentation"),
        ("a: 1\n---\nb: [\n", "f.yaml:4:1 syntax a value is missing here | None"),
        (b"\xff\xfea", "f.yaml:1:1 encoding the file is UTF-16 | save it as UTF-8"),
        (
            b"\xef\xbb\xbfa: 1",
            "f.yaml:1:1 encoding the file begins with a byte order mark | save it as UTF-8 without one",
        ),
        (b"a: 1\nb: \xff", "f.yaml:2:4 encoding byte `0xff` is no UTF-8 | save the file as UTF-8"),
        (
            "a: \0",
            (
                "f.yaml:1:4 hidden-character an invisible character, `U+0000`, stands here "
                "| remove it; in a text that needs it write it as an escape in double quotes"
            ),
        ),
        (
            "a: 1\nb: x\u202ey",
            (
                "f.yaml:2:5 hidden-character an invisible character, `U+202E`, stands here "
                "| remove it; in a text that needs it write it as an escape in double quotes"
            ),
        ),
        ("a: &x [*x]", "f.yaml:1:8 alias `*x` stands within the value it repeats | None"),
        ("%YAML 3.0\n---\na: 1", "f.yaml:1:1 syntax this version of YAML is not known | leave the `%YAML` line out"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(text: str | bytes, expected: str) -> None:
    assert problems(text) == [expected]


def test_what_stands_before_a_syntax_error_is_kept() -> None:
    reading = read(b"a: 1\n---\nb: [\n", "f.yaml")

    assert [tree.data for tree in reading.trees] == [{"a": 1}]
    assert not reading.complete


def test_empty_documents_are_none() -> None:
    assert read(b"# nothing\n---\n---\na: 1\n", "f.yaml").trees[0].data == {"a": 1}


_plain_text = (
    st.text("abcdefghij KLM_", min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda text: text.lower() not in {"", "null", "true", "false"})
)
_any_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn")), max_size=12
)
_scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(-1e9, 1e9, allow_nan=False), _plain_text
)


def _trees(leaves: st.SearchStrategy[object], keys: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=20,
    )


@settings(max_examples=40)
@given(value=st.dictionaries(_plain_text, _trees(_scalars, _plain_text)), flow=st.sampled_from([True, False, None]))
def test_ordinary_documents_read_as_with_any_other_reader(value: object, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    reading = read(text.encode(), "f.yaml")

    assert said(reading.problems) == []
    assert reading.trees[0].data == value == yaml.load(text, yaml.CSafeLoader)


@settings(max_examples=40)
@given(value=_trees(_any_text, _any_text.filter(lambda text: not text.startswith("<<"))))
def test_quoted_text_is_always_text(value: object) -> None:
    text = yaml.safe_dump(value, default_style='"', allow_unicode=False)

    assert read(text.encode(), "f.yaml").trees[0].data == value


@given(
    content=st.one_of(st.binary(max_size=200), st.text("ab:-[]{}'\"#&*!|>%@`?,\n \t~<0", max_size=60).map(str.encode))
)
def test_no_bytes_make_the_reader_fall(content: bytes) -> None:
    reading = read(content, "f.yaml")
    for problem in reading.problems:
        assert problem.mark is not None
        assert problem.mark.line >= 1
    for tree in reading.trees:
        for path in _paths(tree.data):
            assert tree.mark(path) is not None


@given(text=st.text("0123456789+-.eExo_:nofyNulTr ~", min_size=1, max_size=8))
def test_no_plain_scalar_is_guessed(text: str) -> None:
    """What we take for anything but text, the reader of YAML 1.1 takes for the same; else we refuse."""
    text = text.strip()
    try:
        ours = plain_value(text)
        theirs = yaml.load(text, yaml.CSafeLoader)
    except (Ambiguous, yaml.YAMLError, ValueError):
        return

    # YAML 1.1 wants a sign in exponents and a dot in floats; JSON, and so YAML 1.2, does not.
    assert isinstance(ours, str) or ours == theirs or ours == float(text)


@settings(max_examples=40)
@given(value=st.dictionaries(_plain_text, _trees(_scalars, _plain_text), min_size=1))
def test_every_place_is_where_the_value_is_written(value: object) -> None:
    text = yaml.safe_dump(value, default_flow_style=False)
    tree = read(text.encode(), "f.yaml").trees[0]
    lines = text.splitlines()
    for path in _paths(tree.data):
        found = at(tree.data, path)
        mark = tree.mark(path)
        key = tree.mark(path, key=True)
        assert mark is not None
        assert key is not None
        if isinstance(found, int) and not isinstance(found, bool):
            assert lines[mark.line - 1][mark.column - 1 :].startswith(str(found))
        if isinstance(path[-1], str) and path[-1].isalpha():
            assert lines[key.line - 1][key.column - 1 :].lstrip("'?").startswith(path[-1])


def _paths(node: Node, path: Path = ()) -> list[Path]:
    if isinstance(node, dict):
        return [each for key, child in node.items() for each in [(*path, key), *_paths(child, (*path, key))]]
    if isinstance(node, list):
        return [each for i, child in enumerate(node) for each in [(*path, i), *_paths(child, (*path, i))]]
    return []
