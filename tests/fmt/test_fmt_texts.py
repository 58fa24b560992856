"""The one form: what it looks like, and that no file says anything else in it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from written_texts import NODES, ROOTS, Author

from reconciler.specs.formatting import WIDTH, formatted
from reconciler.specs.reader import read
from reconciler.specs.splicing import same
from reconciler.specs.tree import Node
from reconciler.specs.writer import write_manifest
from reconciler.values import Address, Value

ROOT = Path(__file__).parents[2]
_FOLDERS = ("examples", "specs", "policies", "reconciler/operations/demo_world")
OURS = [ROOT / "reconciler.yaml", *sorted(path for each in _FOLDERS for path in (ROOT / each).rglob("*.yaml"))]


def form(text: str) -> str:
    result = formatted(text.encode(), "file.yaml")
    assert result.problems == ()
    return result.text


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[Node], list[str]]:
    """A file as somebody wrote it, what it says, and its comments."""
    nodes = draw(st.lists(ROOTS, min_size=1, max_size=3))
    author = Author(Random(draw(st.integers(0, 10**9))))
    text = "---\n".join(author.document(each) for each in nodes)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return text, list(nodes), author.comments


@settings(max_examples=25)
@given(file=files())
def test_no_file_says_anything_else_afterwards(file: tuple[str, list[Node], list[str]]) -> None:
    text, nodes, _ = file
    before = [tree.data for tree in read(text.encode(), "before").trees]
    after = [tree.data for tree in read(form(text).encode(), "after").trees]

    assert same(before, nodes)
    assert same(after, nodes)


@settings(max_examples=25)
@given(file=files())
def test_every_other_reader_takes_the_same_from_both(file: tuple[str, list[Node], list[str]]) -> None:
    text, _, _ = file

    assert list(yaml.load_all(form(text), yaml.BaseLoader)) == list(yaml.load_all(text, yaml.BaseLoader))


@settings(max_examples=25)
@given(file=files())
def test_the_form_of_the_form_is_the_form(file: tuple[str, list[Node], list[str]]) -> None:
    once = form(file[0])

    assert form(once) == once


@settings(max_examples=25)
@given(file=files())
def test_every_comment_is_kept_once(file: tuple[str, list[Node], list[str]]) -> None:
    text, _, comments = file
    after = form(text)

    assert [after.count(each) for each in comments if comments.count(each) == 1] == [1] * len(comments)


@settings(max_examples=25)
@given(file=files())
def test_the_form_has_no_tab_no_trailing_space_and_ends_each_line_alike(
    file: tuple[str, list[Node], list[str]],
) -> None:
    lines = form(file[0]).split("\n")
    outside = [line for line in lines if "\t" in line.lstrip(" ")[:1]]

    assert lines[-1] == ""
    assert not any("\r" in line for line in lines)
    assert outside == []


def keys_in_order(node: Node) -> list[object]:
    """The keys as they stand, all the way down."""
    if isinstance(node, dict):
        return [each for key, value in node.items() for each in (key, keys_in_order(value))]
    return [keys_in_order(each) for each in node] if isinstance(node, list) else []


@settings(max_examples=40)
@given(
    spec=st.dictionaries(st.text("abcdef", min_size=1, max_size=3), NODES, min_size=1, max_size=5),
    seed=st.integers(0, 999),
)
def test_keys_within_spec_stay_in_the_authors_order(spec: dict[str, Node], seed: int) -> None:
    node: Node = {"spec": spec, "kind": "Destination", "apiVersion": "v", "metadata": {"labels": {}, "name": "n"}}
    text = Author(Random(seed)).document(node)
    [after] = read(form(text).encode(), "after").trees

    assert isinstance(after.data, dict)
    assert list(after.data) == ["apiVersion", "kind", "metadata", "spec"]
    assert isinstance(after.data["metadata"], dict)
    assert list(after.data["metadata"]) == ["name", "labels"]
    assert keys_in_order(after.data["spec"]) == keys_in_order(spec)


def as_value(node: Node) -> Value:
    if isinstance(node, dict):
        return {key: as_value(each) for key, each in node.items()}
    return tuple(as_value(each) for each in node) if isinstance(node, list) else node


@settings(max_examples=40)
@given(spec=st.dictionaries(st.text("abcdef", min_size=1, max_size=3), NODES, max_size=5))
def test_what_dump_writes_is_formatted_without_a_loss(spec: dict[str, Node]) -> None:
    written = write_manifest(Address("didomi", "Destination", "lake"), {k: as_value(v) for k, v in spec.items()})

    assert same(
        [tree.data["spec"] for tree in read(form(written).encode(), "a").trees if isinstance(tree.data, dict)], [spec]
    )


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_has_the_form_already(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert form(text) == text


def test_the_envelope_is_put_in_order_and_comments_go_along() -> None:
    text = """\
# What this is.

spec:  # the rest
    typeId: aws-s3-didomi
# A name of our own.
metadata: {labels: {team: data}, name: lake}  # short
kind: Destination
# end of kind
apiVersion: didomi.reconciler/v1
"""

    assert (
        form(text)
        == """\
# What this is.

# end of kind
apiVersion: didomi.reconciler/v1
kind: Destination
# A name of our own.
metadata: {name: lake, labels: {team: data}}  # short
spec:  # the rest
  typeId: aws-s3-didomi
"""
    )


def test_lists_and_comments_stand_where_they_belong() -> None:
    text = """\
rules:
- id: one
  when:   [ a,b ]
  # below one

-   id: two
    # within
    then:
    - x   # beside
    -
        # above y
        y: 1
# after all
"""

    assert (
        form(text)
        == """\
rules:
  - id: one
    when: [a, b]
    # below one

  - id: two
    # within
    then:
      - x  # beside
      # above y
      - y: 1
# after all
"""
    )


def test_brackets_stay_while_they_fit_and_hold_no_comment() -> None:
    long = ", ".join(f"column_{number}" for number in range(12))
    text = f"a: {{ x: 1,y: [2,3] }}\nb: [{long}]\nc: [1, # one\n  2]\nd: {{}}\ne: [ ]\n"
    lines = form(text).splitlines()

    assert lines[:3] == ["a: {x: 1, y: [2, 3]}", "b:", "  - column_0"]
    assert lines[-6:] == ["  - column_11", "c:", "  - 1  # one", "  - 2", "d: {}", "e: []"]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"plain enough"', "plain enough"),
        ("'plain'", "plain"),
        ('"210987654321"', '"210987654321"'),
        ("'yes'", "'yes'"),
        ('"2031-01-01"', '"2031-01-01"'),
        ("2031-01-01T06:00:00Z", "2031-01-01T06:00:00Z"),
        ('"a: b"', '"a: b"'),
        ('"a:b"', "a:b"),
        ('"#a"', '"#a"'),
        ('" a"', '" a"'),
        ('""', '""'),
        ("1.50", "1.50"),
        ("TRUE", "true"),
        ("~", "null"),
        ("!!str 12", "!!str 12"),
        ("&anchor 'x'", "&anchor 'x'"),
        ('{k: "a:b"}', '{k: "a:b"}'),
    ],
)  # fmt: skip
def test_quotes_are_few_and_never_change_a_value(before: str, after: str) -> None:
    assert form(f"key: {before}\n") == f"key: {after}\n"


@pytest.mark.parametrize(
    "text",
    [
        "key: |\n  a\n   b\n\n  c\nnext: 1\n",
        "key: >-  # folded\n  a\n  b\nnext: 1\n",
        "key: |+\n  a\n\n\nnext: 1\n",
        "key: |2\n   a\n  b\n",
        "- |-\n  a\n- >\n  b\n",
        "key: first\n  second\n\n  third\n",
        'key: "first \\\n  second"\n',
        "key: &one\n  a: 1\nother: *one\n",
        "key: 1\n---\nkey: 2\n",
    ],
)
def test_text_of_several_lines_stays_as_it_is(text: str) -> None:
    assert form(text) == text


def test_blank_lines_that_belong_to_a_text_stay_the_only_ones_when_it_moves() -> None:
    text = "kind: |+\n  a\n\nspec: 1\n\nmetadata: {}\n\napiVersion: |+\n  b\n\n"

    assert form(text) == "apiVersion: |+\n  b\n\nkind: |+\n  a\n\nmetadata: {}\nspec: 1\n"


def test_lines_below_a_bar_move_with_their_key() -> None:
    assert form("a:\n    b: |\n          one\n            two\n") == "a:\n  b: |\n    one\n      two\n"


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "\n\n"])
def test_a_file_that_says_nothing_stays_as_it_is(text: str) -> None:
    assert form(text) == text


def test_documents_that_say_nothing_go_and_their_comments_stay() -> None:
    text = "---\n# before\n---\na: 1\n...\n---\n# behind\n---\nb: 2\n---\n# last\n"

    assert form(text) == "# before\na: 1\n---\n# behind\nb: 2\n# last\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1\n", "syntax"),
        ("a: 1\na: 2\n", "duplicate-key"),
        ("a: 012345678901\n", "ambiguous-value"),
        ("\tb: 1\n", "syntax"),
        ("%YAML 1.2\n---\na: 1\n", "not-formatted"),
        ("just a text\n", "not-formatted"),
        (">#", "not-formatted"),
    ],
)
def test_what_is_no_yaml_of_ours_is_left_alone_and_said(text: str, code: str) -> None:
    result = formatted(text.encode(), "file.yaml")

    assert [each.code for each in result.problems] == [code]
    assert result.problems[0].mark is not None


@given(data=st.one_of(st.binary(max_size=60), st.text("ab:-[]{}#|>&*!%'\"\n \t,?", max_size=60).map(str.encode)))
def test_no_file_breaks_the_program(data: bytes) -> None:
    result = formatted(data, "file.yaml")

    if not result.problems:
        again = formatted(result.text.encode(), "file.yaml")
        assert (again.text, again.problems) == (result.text, ())
