"""What the vendor reports, put into a manifest's data: references by name, lists item by item, the rest as it was."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.engine.diff import agree, differences
from reconciler.engine.shape import shape_of
from reconciler.specs.adoption import CannotAdopt, Source, adopted, value_at
from reconciler.specs.kinds import plain
from reconciler.specs.reader import read
from reconciler.specs.splicing import spliced
from reconciler.specs.styles import block, flow
from reconciler.specs.tree import Node, Tree
from reconciler.values import HIDDEN, MISSING, Address, Document, Identity, Path, Traits, Value

LAKE = Address("v", "Lake", "lake")
TRAITS = Traits(
    type="v/Flow",
    identity=Identity.MARK,
    references={("target",): "v/Lake", ("targets", "*"): "v/Lake"},
    secrets=frozenset({("key",), ("rules", "*", "token")}),
    keyed={("rules",): "name"},
    unordered=frozenset({("targets",)}),
)
NAMES = {("v/Lake", "lake-1"): LAKE}


def tree_of(text: str) -> Tree:
    (tree,) = read(text.encode(), "a.yaml").trees
    return tree


def meant(node: Node) -> Value:
    """What the data of a spec means: ids in place of names."""
    if node == "lake":
        return "lake-1"
    if isinstance(node, dict):
        return str(node["id"]) if set(node) == {"id"} else {key: meant(each) for key, each in node.items()}
    if isinstance(node, list):
        return tuple(map(meant, node))
    return plain(node)


def document(tree: Tree) -> Document:
    assert isinstance(tree.data, dict)
    found = meant(tree.data["spec"])
    assert isinstance(found, Mapping)
    return found


def adopt(spec: str, path: Path, observed: Value, *, overlay: str = "") -> Node:
    tree = tree_of(f"spec: {spec}\n")
    overlays = (tree_of(f"spec: {overlay}\n"),) if overlay else ()
    source = Source(tree=tree, overlays=overlays, wanted=document(tree), traits=TRAITS, names=NAMES)
    data = adopted(source, path, observed)
    assert isinstance(data, dict)
    return data["spec"]


@pytest.mark.parametrize(
    ("spec", "path", "observed", "after"),
    [
        ("{a: 1}", ("a",), 2, {"a": 2}),
        ("{a: 1}", ("b",), {"c": (1, None), "d": None}, None),
        ("{a: 1}", ("b", "c"), "x", {"a": 1, "b": {"c": "x"}}),
        ("{a: 1, b: {c: 2}}", ("b", "c"), MISSING, {"a": 1}),
        ("{a: 1}", ("a",), None, {}),
        ("{target: lake}", ("target",), "lake-2", {"target": {"id": "lake-2"}}),
        ("{target: {id: lake-2}}", ("target",), "lake-1", {"target": "lake"}),
        (
            "{targets: [{id: x}, lake]}",
            ("targets",),
            ("lake-1", "y", "x"),
            {"targets": [{"id": "x"}, "lake", {"id": "y"}]},
        ),
        ("{targets: [{id: x}, lake]}", ("targets",), ("lake-1",), {"targets": ["lake"]}),
        (
            "{rules: [{name: a, n: 1}, {name: b}]}",
            ("rules", "a", "n"),
            2,
            {"rules": [{"name": "a", "n": 2}, {"name": "b"}]},
        ),
        ("{rules: [{name: a}, {name: b}]}", ("rules", "a"), MISSING, {"rules": [{"name": "b"}]}),
        ("{rules: [{name: a}]}", ("rules", "c"), {"name": "c"}, {"rules": [{"name": "a"}, {"name": "c"}]}),
        ("{steps: [{r: a, x: 1}, b]}", ("steps", 0, "r"), "c", {"steps": [{"r": "c", "x": 1}, "b"]}),
        ("{steps: [a, b]}", ("steps",), ("b", "c", "d"), {"steps": ["b", "c", "d"]}),
        ("{steps: [{r: a}]}", ("steps",), ({"r": "b", "more": 1}, "x"), {"steps": [{"r": "b"}, "x"]}),
        ("{a: [{rules: [{name: a}]}]}", ("a",), (), {"a": []}),
    ],
)
def test_a_value_is_put_where_it_belongs(spec: str, path: Path, observed: Value, after: Node) -> None:
    if after is None:
        with pytest.raises(CannotAdopt, match="no manifest can say it"):
            adopt(spec, path, observed)
    else:
        assert adopt(spec, path, observed) == after


@pytest.mark.parametrize(
    ("spec", "path", "observed", "overlay", "why"),
    [
        ("{a: {var: x}}", ("a",), 2, "", "it comes from `{var: x}`, which other environments use too"),
        ("{a: {b: {var: x}}}", ("a",), "y", "", "it comes from `{var: x}`"),
        ("{a: [{var: x}]}", ("a",), MISSING, "", "it comes from `{var: x}`"),
        ("{a: 1}", ("a",), 2, "{a: 3}", "it comes from the environment's overlay `a.yaml`"),
        ("{a: {b: 1}}", ("a", "b"), 2, "{a: [1]}", "it comes from the environment's overlay"),
        ("{key: {env: X}}", ("key",), "x", "", "the vendor does not give it back"),
        ("{rules: [{name: a}]}", ("rules", "b"), {"name": "b", "token": "t"}, "", "does not give back"),
        ("{a: 1}", ("a",), HIDDEN, "", "does not give back"),
        ("{a: 1}", ("a", "b"), 1, "", "the manifest has something else in its place"),
        ("{a: {b: 1}}", ("a", 0), 1, "", "the manifest has something else in its place"),
        ("{a: [1]}", ("a", "b"), 1, "", "the manifest has something else in its place"),
    ],
)
def test_what_others_decide_is_not_put(spec: str, path: Path, observed: Value, overlay: str, why: str) -> None:
    with pytest.raises(CannotAdopt) as refused:
        adopt(spec, path, observed, overlay=overlay)

    assert why in refused.value.reason
    assert refused.value.help


def test_an_overlay_of_something_else_is_no_hindrance() -> None:
    assert adopt("{a: {b: 1}}", ("a", "b"), 2, overlay="{a: {c: 3}, d: 1}") == {"a": {"b": 2}}


_LEAVES: st.SearchStrategy[Any] = st.sampled_from(["x", "NO", "2026-12-01", "two\nlines", 1, 2.5, True, "a: b"])
_ITEMS: st.SearchStrategy[Any] = st.lists(_LEAVES, max_size=3)
_RULES = st.lists(st.sampled_from("abc"), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(*(st.fixed_dictionaries({"name": st.just(name), "n": _LEAVES}) for name in names))
)
_DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": _LEAVES},
    optional={
        "target": st.sampled_from(["lake-1", "lake-2"]),
        "targets": st.lists(st.sampled_from(["lake-1", "lake-2", "lake-3"]), unique=True, max_size=3),
        "rules": _RULES.map(list),
        "steps": st.lists(st.fixed_dictionaries({"run": _LEAVES}, optional={"args": _ITEMS}), max_size=3),
        "schedule": st.dictionaries(st.sampled_from(["every", "start"]), _LEAVES, min_size=1),
    },
)


def as_written(document: Mapping[str, Node]) -> dict[str, Node]:
    """The data of a manifest that means the document."""

    def reference(id: Node) -> Node:
        return "lake" if id == "lake-1" else {"id": id}

    found = dict(document)
    if "target" in found:
        found["target"] = reference(found["target"])
    if isinstance(targets := found.get("targets"), list):
        found["targets"] = [reference(each) for each in targets]
    return found


@settings(max_examples=120)
@given(wanted=_DOCUMENTS, reported=_DOCUMENTS, seed=st.integers(0, 1 << 16))
def test_after_every_difference_is_adopted_nothing_differs(
    wanted: dict[str, Node], reported: dict[str, Node], seed: int
) -> None:
    chance = random.Random(seed)
    spec = as_written(wanted)
    lines = block("spec:", spec, "") if chance.random() < 0.6 else [f"spec: {flow(spec)} # in one line"]
    text = (
        "# above\n"
        + "\n".join(line + chance.choice(["", " # why"]) if ": |" not in line else line for line in lines)
        + "\n"
    )
    applied = document(tree_of(text))
    found = plain(reported)
    assert isinstance(found, Mapping)
    observed: Document = found
    for each in differences(applied, applied, observed, TRAITS):
        tree = tree_of(text)
        source = Source(tree=tree, overlays=(), wanted=document(tree), traits=TRAITS, names=NAMES)
        text = spliced(text, (tree.start.line, tree.start.column), adopted(source, each.path, each.before))
    after = document(tree_of(text))

    assert agree(after, applied, observed, TRAITS)
    assert text.startswith("# above\n")


def test_values_are_found_by_the_key_of_their_item() -> None:
    document: Document = {"rules": ({"name": "a", "n": 1},), "steps": ("x",)}
    shape = shape_of(TRAITS)

    assert value_at(document, ("rules", "a", "n"), shape)[0] == 1
    assert value_at(document, ("rules", "b", "n"), shape)[0] is MISSING
    assert value_at(document, ("steps", 0), shape)[0] == "x"
    assert value_at(document, ("steps", 1), shape)[0] is MISSING
