from __future__ import annotations

import pytest
from simulation import KINDS, address

from reconciler.engine.graph import cycle, downstream, in_order, reduced, upstream
from reconciler.engine.shape import (
    at,
    by_key,
    fields,
    hidden_paths,
    holds_hidden,
    pointed_ids,
    references,
    resendable_paths,
    secrets,
    shape_of,
    visible,
)
from reconciler.values import MISSING, Address, Document, Identity, Ref, Secret, Traits, Value

DEEP = Traits(
    type="sim/Deep",
    identity=Identity.MARK,
    immutable=frozenset({("fixed",), ("lists", "*", "fixed")}),
    references={("one",): "sim/A", ("many", "*"): "sim/B", ("map", "*", "to"): "sim/C"},
    secrets=frozenset({("hidden",), ("rules", "*", "token"), ("bag", "*", "token"), ("fixed", "token")}),
    unordered=frozenset({("bag",)}),
    keyed={("rules",): "name"},
    defaults={("a", "b"): 1},
)
ONE = Secret(source="env", name="T")


def test_what_is_immutable_or_hidden_is_so_to_its_depths() -> None:
    shape = shape_of(DEEP)
    fixed, hidden = shape.child("fixed").child("x").child(0), shape.child("hidden").child("x").child("y")

    assert (fixed.immutable, fixed.hidden) == (True, False)
    assert (hidden.immutable, hidden.hidden) == (False, True)
    assert (shape.child("fixed").child("token").immutable, shape.child("fixed").child("token").hidden) == (True, True)


def test_a_star_stands_for_any_key_and_any_position() -> None:
    shape = shape_of(DEEP)

    assert shape.child("lists").child(3).child("fixed").immutable
    assert shape.child("lists").child("key").child("fixed").immutable
    assert not shape.child("lists").child(3).child("other").immutable


def test_a_named_key_comes_before_a_star() -> None:
    traits = Traits(type="sim/X", identity=Identity.MARK, defaults={("a", "*"): 1, ("a", "b"): 2})
    shape = shape_of(traits).child("a")

    assert [shape.child(step).default for step in ("b", "c", 0)] == [2, 1, 1]


def test_rules_know_what_lies_below_them() -> None:
    shape = shape_of(DEEP)

    assert (shape.conceals, shape.points) == (True, True)
    assert (shape.child("rules").conceals, shape.child("rules").points) == (True, False)
    assert (shape.child("map").conceals, shape.child("map").points) == (False, True)
    assert (shape.child("a").conceals, shape.child("a").points) == (False, False)


def test_the_rules_are_built_once() -> None:
    assert shape_of(DEEP) is shape_of(DEEP)
    assert shape_of(DEEP) is not shape_of(KINDS["sim/Account"])


def test_every_leaf_has_its_path() -> None:
    document: Value = {"b": (1, ()), "a": {"y": {}, "x": None}, "c": Ref(address("Flow"))}

    assert list(fields(document)) == [
        (("a", "x"), None),
        (("a", "y"), {}),
        (("b", 0), 1),
        (("b", 1), ()),
        (("c",), Ref(address("Flow"))),
    ]


def test_references_are_found_once_each_and_sorted() -> None:
    one, two = Ref(address("Flow", "b")), Ref(address("Flow", "a"))

    assert references({"x": one, "y": ({"z": two}, one), "n": 1, "s": ONE}) == (two.to, one.to)
    assert references({}) == ()


def test_secrets_are_found_with_their_paths() -> None:
    assert secrets({"a": ONE, "b": ({"c": ONE},)}) == ((("a",), ONE), (("b", 0, "c"), ONE))


def test_pointed_ids_are_those_of_references() -> None:
    document: Value = {"one": "1", "many": ("2", "3"), "map": {"k": {"to": "4", "x": "5"}}, "other": "6"}

    assert list(pointed_ids(document, shape_of(DEEP))) == [
        ("sim/A", "1"),
        ("sim/B", "2"),
        ("sim/B", "3"),
        ("sim/C", "4"),
    ]
    assert list(pointed_ids({"one": None, "many": "2"}, shape_of(DEEP))) == []


def test_an_item_of_a_keyed_list_may_have_rules_of_its_own() -> None:
    traits = Traits(
        type="sim/One", identity=Identity.MARK, keyed={("rules",): "name"}, secrets=frozenset({("rules", "a", "token")})
    )
    document: Document = {"rules": ({"name": "a", "token": ONE}, {"name": "b", "token": ONE})}

    assert hidden_paths(document, traits) == ("rules.a.token",)


def test_hidden_paths_name_the_items_of_keyed_lists_by_their_key() -> None:
    document: dict[str, Value] = {
        "hidden": {"x": 1},
        "rules": ({"name": "b", "token": ONE}, {"name": "a", "token": ONE}, {"name": "c"}),
        "bag": ({"token": ONE},),
        "fixed": {"token": ONE},
        "plain": 1,
    }

    assert hidden_paths(document, DEEP) == ("bag", "fixed.token", "hidden", "rules.a.token", "rules.b.token")
    assert hidden_paths({"rules": ({"token": ONE}, {"token": ONE})}, DEEP) == ("rules[0].token", "rules[1].token")
    assert hidden_paths({"bag": ({"x": 1},), "rules": "none"}, DEEP) == ()
    assert resendable_paths(document, DEEP) == ("bag", "hidden", "rules.a.token", "rules.b.token")


@pytest.mark.parametrize(("type", "paths"), [("sim/Account", ("token",)), ("sim/Token", ()), ("sim/Backfill", ())])
def test_only_what_can_be_sent_in_place_is_resendable(type: str, paths: tuple[str, ...]) -> None:
    assert resendable_paths({"token": ONE, "secret": ONE, "key": ONE}, KINDS[type]) == paths


def test_the_visible_part_of_a_document() -> None:
    shape = shape_of(DEEP)
    document: Value = {"hidden": 1, "rules": ({"name": "a", "token": ONE},), "x": (1,)}

    assert visible(document, shape) == {"rules": ({"name": "a"},), "x": (1,)}
    assert visible("text", shape) == "text"
    assert (holds_hidden(document, shape), holds_hidden({"x": 1}, shape)) == (True, False)


@pytest.mark.parametrize(
    ("items", "found"),
    [
        (({"name": "a"}, {"name": "b"}), ["a", "b"]),
        ((), []),
        (({"name": "a"}, {"name": "a"}), None),
        (({"name": 1},), None),
        (({},), None),
        (("text",), None),
        ("text", None),
        (MISSING, None),
    ],
)
def test_items_are_found_by_key_when_each_has_one_of_its_own(items: Value, found: list[str] | None) -> None:
    named = by_key(items, "name")

    assert (named if named is None else list(named)) == found
    assert by_key(items, None) is None


def test_a_value_is_found_by_its_path() -> None:
    assert at({"a": {"b": 1}}, ("a", "b")) == 1
    assert at({"a": {"b": 1}}, ("a", "c")) is MISSING
    assert at({"a": 1}, ("a", "b")) is MISSING


# --- graphs ---

A, B, C, D = (Address("sim", "Flow", name) for name in "abcd")


def test_what_is_needed_comes_first() -> None:
    assert in_order({A: (B,), B: (C, D), C: ()}) == (C, B, A)


def test_what_needs_nothing_comes_in_the_order_of_addresses() -> None:
    assert in_order({C: (), A: (), B: ()}) == (A, B, C)


def test_an_order_of_a_cycle_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^the dependencies form a cycle$"):
        in_order({A: (B,), B: (A,)})


def test_a_cycle_is_a_path_back_to_its_smallest_name() -> None:
    assert cycle({"x": ("c",), "c": ("a",), "a": ("b",), "b": ("c",)}) == ("a", "b", "c", "a")
    assert cycle({"a": ("b",)}) == ()


def test_upstream_and_downstream_reach_any_distance() -> None:
    needs = {A: (B,), B: (C,), D: (C,)}

    assert upstream(needs, [A]) == {A, B, C}
    assert downstream(needs, [C]) == {A, B, C, D}
    assert downstream(needs, [A]) == {A}


def test_a_picture_has_the_fewest_edges() -> None:
    assert reduced({A: (B, C), B: (C,), C: ()}) == {A: (B,), B: (C,), C: ()}


def test_a_picture_of_a_cycle_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^the dependencies form a cycle$"):
        reduced({A: (B,), B: (A,)})
