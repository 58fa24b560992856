"""What differs between environments: values and overlays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from specs_stage import LAKE, Stage, manifest

from reconciler.specs.merge import merged
from reconciler.specs.tree import Node
from reconciler.values import Mark

PROJECT = """\
project: demo
vendors: {example: {organization: example}}
values: {dataset: orders, count: 3, active: false}
environments:
  prod: {values: {dataset: orders-prod}, overlays: [over/prod.yaml, over/more.yaml]}
  test: {}
"""
ORDERS = manifest(
    "Export",
    "orders",
    "target: lake\ndatasets: [{var: dataset}, b]\nretries: {var: count}\nenabled: {var: active}\ndescription: plain",
)
OVERLAY = "apiVersion: example.reconciler/v1\nkind: Export\nmetadata: {name: orders}\nspec:\n"


def project(stage: Stage, first: str = "", second: str = "") -> None:
    stage.write("reconciler.yaml", PROJECT)
    stage.write("over/prod.yaml", first)
    stage.write("over/more.yaml", second)


def test_a_variable_is_replaced_by_its_typed_value(stage: Stage) -> None:
    project(stage)
    test = stage.resource("example/Export/orders", LAKE, ORDERS, environment="test")
    prod = stage.resource("example/Export/orders", LAKE, ORDERS, environment="prod")

    assert test.attributes["datasets"] == ("orders", "b")
    assert prod.attributes["datasets"] == ("orders-prod", "b")
    assert (test.attributes["retries"], test.attributes["enabled"]) == (3, False)


def test_a_value_of_the_wrong_type_is_refused_where_it_is_used(stage: Stage) -> None:
    project(stage)
    text = manifest("Export", "orders", "target: lake\ndatasets: [a]\nretries: {var: dataset}\nenabled: {var: aktive}")

    assert stage.problems(LAKE, text, environment="test") == [
        "specs/a.yaml:13:12 wrong-type `retries` must be a whole number, not text | None",
        (
            "specs/a.yaml:14:18 unknown-variable no value is called `aktive` in this environment "
            "| did you mean `active`?"
        ),
    ]


def test_names_and_kinds_are_no_variables(stage: Stage) -> None:
    project(stage)

    assert stage.problems(LAKE.replace("{name: lake}", "{name: {var: dataset}}"), environment="test") == [
        "specs/a.yaml:3:18 wrong-type `metadata.name` must be text | None",
    ]


def test_overlays_are_laid_over_in_their_order(stage: Stage) -> None:
    first = OVERLAY + "  retries: 4\n  description: null\n  columns: {a: text, b: text}\n"
    second = OVERLAY + "  retries: 5\n  columns: {a: null}\n  datasets: [{var: dataset}]\n"
    project(stage, first, second)
    loaded = stage.load(LAKE, ORDERS, environment="prod")
    orders = next(each for each in loaded.desired.resources.values() if each.address.kind == "Export")

    assert loaded.problems == ()
    assert dict(orders.attributes) | {"target": None} == {
        "name": "orders",
        "target": None,
        "datasets": ("orders-prod",),
        "retries": 5,
        "enabled": False,
        "columns": {"b": "text"},
    }
    assert loaded.locate(orders.address, ("retries",)) == Mark("over/more.yaml", 5, 12)
    assert loaded.locate(orders.address, ("columns", "b")) == Mark("over/prod.yaml", 7, 25)
    assert loaded.locate(orders.address, ("enabled",)) == Mark("specs/a.yaml", 14, 12)


def test_mistakes_of_an_overlay_are_placed_there(stage: Stage) -> None:
    project(stage, OVERLAY + "  retires: 4\n  ratio: x\n  datasets: null\n", "kind: Export\n")

    assert stage.problems(LAKE, ORDERS, environment="prod") == [
        (
            "over/more.yaml:1:1 missing-key an overlay needs `apiVersion`, `kind` and `metadata.name` of the "
            "manifest that it changes "
            "| None"
        ),
        "over/prod.yaml:5:3 unknown-key `spec` has no key `retires` | did you mean `retries`?",
        "over/prod.yaml:6:10 wrong-type `ratio` must be a number, not text | None",
        "over/prod.yaml:7:13 missing-key `spec` lacks the key `datasets` | None",
    ]


def test_an_overlay_of_nothing_is_a_problem(stage: Stage) -> None:
    project(stage, OVERLAY.replace("orders", "ordres") + "  retries: 4\n")

    assert stage.problems(LAKE, ORDERS, environment="prod") == [
        (
            "over/prod.yaml:3:18 idle-overlay no manifest is a `Export` called `ordres` of "
            "`example.reconciler/v1`, so this overlay changes nothing "
            "| an overlay repeats `apiVersion`, `kind` and `metadata.name` of the manifest that it changes"
        ),
    ]


_documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from("ab")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)),
    max_leaves=12,
)


def _rfc_7396(target: Node, patch: Node) -> Node:
    """The pseudo code of the RFC, section 2, word for word."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = _rfc_7396(target.get(name), value)
        return target
    return patch


@given(target=_documents, patch=_documents)
def test_overlays_follow_rfc_7396_and_change_nothing_in_place(target: Node, patch: Node) -> None:
    before = repr((target, patch))
    result = merged(target, patch)

    assert repr((target, patch)) == before
    assert result == _rfc_7396(target, patch)
