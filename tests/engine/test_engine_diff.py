from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from deepdiff import DeepDiff
from generators import examples
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.engine.diff import agree, compared_form, covered, differences, form, has_unknown, plain, same_document
from reconciler.engine.shape import shape_of
from reconciler.values import (
    HIDDEN,
    MISSING,
    UNKNOWN,
    Address,
    Document,
    FieldChange,
    Identity,
    Path,
    Ref,
    Secret,
    Traits,
    Value,
)

PLAIN = Traits(type="sim/Plain", identity=Identity.MARK)
RICH = Traits(
    type="sim/Rich",
    identity=Identity.MARK,
    immutable=frozenset({("region",), ("config", "zone"), ("config", "deep", "zone")}),
    references={("source",): "sim/Source"},
    secrets=frozenset({("token",), ("rules", "*", "token"), ("tags", "*", "token")}),
    write_only=frozenset({("config", "role")}),
    unordered=frozenset({("tags",)}),
    keyed={("rules",): "name"},
    defaults={("mode",): "safe", ("config", "retries"): 3, ("schedule",): {"every": "1d"}},
)
ONE, TWO = Secret(source="env", name="T", version="1"), Secret(source="env", name="T", version="2")


def changed(
    path: Path, before: Value, after: Value, *, forces: bool = False, hidden: bool = False
) -> tuple[FieldChange, ...]:
    return (FieldChange(path=path, before=before, after=after, forces_replacement=forces, hidden=hidden),)


# --- one behaviour each: wanted, applied, observed, what differs ---

CASES: dict[str, tuple[Document, Document, Document, tuple[FieldChange, ...]]] = {
    "what is as wanted": ({"a": 1}, {"a": 1}, {"a": 1}, ()),
    "a value that differs": ({"a": 1}, {"a": 1}, {"a": 2}, changed(("a",), 2, 1)),
    "a field that is not there": ({"a": 1}, {}, {}, changed(("a",), MISSING, 1)),
    "what nobody wrote": ({"a": 1}, {}, {"a": 1, "b": 2}, ()),
    "what was applied and is not wanted any more": ({}, {"b": 2}, {"b": 2}, changed(("b",), 2, MISSING)),
    "what was applied and went by itself": ({}, {"b": 2}, {}, ()),
    "null where nothing is": ({"a": None}, {}, {}, ()),
    "null where something is": ({"a": None}, {}, {"a": 1}, changed(("a",), 1, MISSING)),
    "null and an empty mapping": ({"a": None}, {}, {"a": {"b": {}, "c": None}}, ()),
    "an empty mapping that is not reported": ({"a": {}}, {}, {}, ()),
    "an empty mapping and what others wrote in it": ({"a": {}}, {}, {"a": {"b": 1}}, ()),
    "an empty mapping where text is": ({"a": {}}, {}, {"a": "x"}, changed(("a",), "x", {})),
    "an empty list that is not reported": ({"a": ()}, {}, {}, changed(("a",), MISSING, ())),
    "true and 1": ({"a": True}, {}, {"a": 1}, changed(("a",), 1, True)),
    "false and 0": ({"a": 0}, {}, {"a": False}, changed(("a",), False, 0)),
    "1 and 1.0": ({"a": 1}, {}, {"a": 1.0}, ()),
    "text and number": ({"a": "1"}, {}, {"a": 1}, changed(("a",), 1, "1")),
    "a nested value": ({"a": {"b": 1}}, {}, {"a": {"b": 2}}, changed(("a", "b"), 2, 1)),
    "a mapping where text is": ({"a": {"b": 1}}, {}, {"a": "x"}, changed(("a",), "x", {"b": 1})),
    "an applied mapping where text is": ({}, {"a": {"b": 1}}, {"a": "x"}, changed(("a",), "x", MISSING)),
    "an applied mapping, field by field": (
        {},
        {"a": {"b": 1}},
        {"a": {"b": 1, "theirs": 2}},
        changed(("a", "b"), 1, MISSING),
    ),
    "a list's item": ({"a": (1, 2)}, {}, {"a": (1, 3)}, changed(("a", 1), 3, 2)),
    "a list's length": ({"a": (1, 2)}, {}, {"a": (1,)}, changed(("a",), (1,), (1, 2))),
    "a list where text is": ({"a": (1,)}, {}, {"a": "1"}, changed(("a",), "1", (1,))),
    "a list's order": ({"a": (1, 2)}, {}, {"a": (2, 1)}, (*changed(("a", 0), 2, 1), *changed(("a", 1), 1, 2))),
    "fields that nobody wrote within items": ({"a": ({"b": 1},)}, {}, {"a": ({"b": 1, "c": 2},)}, ()),
    "fields removed within items": (
        {"a": ({"b": 1},)},
        {"a": ({"b": 1, "c": 2},)},
        {"a": ({"b": 1, "c": 2},)},
        changed(("a", 0, "c"), 2, MISSING),
    ),
    "a default that is in force": ({}, {"mode": "fast"}, {"mode": "safe"}, ()),
    "a field removed in favour of its default": (
        {},
        {"mode": "fast"},
        {"mode": "fast"},
        changed(("mode",), "fast", "safe"),
    ),
    "a default within a mapping": (
        {"config": {"x": 1}},
        {"config": {"retries": 4}},
        {"config": {"x": 1, "retries": 3}},
        (),
    ),
    "a mapping removed in favour of its default": (
        {},
        {"schedule": {"every": "6h"}},
        {"schedule": {"every": "6h"}},
        changed(("schedule",), {"every": "6h"}, {"every": "1d"}),
    ),
    "a mapping whose default is in force": ({}, {"schedule": {"every": "6h"}}, {"schedule": {"every": "1d"}}, ()),
    "an immutable value": ({"region": "eu"}, {}, {"region": "us"}, changed(("region",), "us", "eu", forces=True)),
    "an immutable value within": (
        {"config": {"zone": "a"}},
        {},
        {"config": {"zone": "b"}},
        changed(("config", "zone"), "b", "a", forces=True),
    ),
    "a mapping with an immutable value that goes as a whole": (
        {"config": None},
        {},
        {"config": {"zone": "b"}},
        changed(("config",), {"zone": "b"}, MISSING, forces=True),
    ),
    "a mapping with an immutable value that comes as a whole": (
        {"config": {"x": {}, "zone": "a"}},
        {},
        {"config": "x"},
        changed(("config",), "x", {"x": {}, "zone": "a"}, forces=True),
    ),
    "a mapping without one that goes as a whole": (
        {"config": None},
        {},
        {"config": {"x": {"y": 1}}},
        changed(("config",), {"x": {"y": 1}}, MISSING),
    ),
    "an unordered list's order": ({"tags": ("a", "b")}, {}, {"tags": ("b", "a")}, ()),
    "an unordered list's repetition": ({"tags": ("a", "b")}, {}, {"tags": ("b", "a", "b")}, ()),
    "an unordered list's item": ({"tags": ("a",)}, {}, {"tags": ("b",)}, changed(("tags",), ("b",), ("a",))),
    "a keyed list's order": (
        {"rules": ({"name": "a"}, {"name": "b"})},
        {},
        {"rules": ({"name": "b"}, {"name": "a"})},
        (),
    ),
    "a keyed list's item that differs": (
        {"rules": ({"name": "a", "x": 1},)},
        {},
        {"rules": ({"name": "a", "x": 2},)},
        changed(("rules", "a", "x"), 2, 1),
    ),
    "a keyed list's new item": (
        {"rules": ({"name": "a"},)},
        {},
        {"rules": ()},
        changed(("rules", "a"), MISSING, {"name": "a"}),
    ),
    "a keyed list's item too many": (
        {"rules": ()},
        {},
        {"rules": ({"name": "a"},)},
        changed(("rules", "a"), {"name": "a"}, MISSING),
    ),
    "a keyed list that is not there": (
        {"rules": ({"name": "a"},)},
        {},
        {},
        changed(("rules",), MISSING, ({"name": "a"},)),
    ),
    "a keyed list with a double at the vendor": (
        {"rules": ({"name": "a"}, {"name": "b"})},
        {},
        {"rules": ({"name": "a"}, {"name": "a"})},
        changed(("rules",), ({"name": "a"}, {"name": "a"}), ({"name": "a"}, {"name": "b"})),
    ),
    "a keyed list with a double in the manifest": (
        {"rules": ({"name": "a", "x": 1}, {"name": "a", "x": 2})},
        {},
        {"rules": ({"name": "a", "x": 1}, {"name": "a", "x": 3})},
        changed(("rules", 1, "x"), 3, 2),
    ),
    "a field removed from a keyed list's item": (
        {"rules": ({"name": "a"},)},
        {"rules": ({"name": "a", "x": 1},)},
        {"rules": ({"name": "a", "x": 1},)},
        changed(("rules", "a", "x"), 1, MISSING),
    ),
    "a secret that was sent": ({"token": ONE}, {"token": ONE}, {}, ()),
    "a secret that was not sent": ({"token": ONE}, {}, {}, changed(("token",), HIDDEN, ONE, hidden=True)),
    "a secret of another version": ({"token": TWO}, {"token": ONE}, {}, changed(("token",), ONE, TWO, hidden=True)),
    "a secret that the vendor echoes": ({"token": ONE}, {"token": ONE}, {"token": "***"}, ()),
    "a secret that is wanted no more": ({}, {"token": ONE}, {}, changed(("token",), ONE, MISSING, hidden=True)),
    "a secret that never was": ({"token": None}, {}, {}, ()),
    "a write-only mapping that is empty": ({"config": {"role": {}}}, {"config": {"role": None}}, {}, ()),
    "a value that the vendor hides for once": ({"a": 2}, {"a": 1}, {"a": HIDDEN}, changed(("a",), 1, 2, hidden=True)),
    "a secret within a keyed list": (
        {"rules": ({"name": "a", "token": TWO},)},
        {"rules": ({"name": "a", "token": ONE},)},
        {"rules": ({"name": "a"},)},
        changed(("rules", "a", "token"), ONE, TWO, hidden=True),
    ),
    "a secret within an unordered list": (
        {"tags": ({"n": 1, "token": TWO},)},
        {"tags": ({"n": 1, "token": ONE},)},
        {"tags": ({"n": 1},)},
        changed(("tags",), ({"n": 1, "token": ONE},), ({"n": 1, "token": TWO},), hidden=True),
    ),
    "a secret within an unordered list that was sent": (
        {"tags": ({"n": 1, "token": ONE}, {"n": 2})},
        {"tags": ({"n": 2}, {"n": 1, "token": ONE})},
        {"tags": ({"n": 2}, {"n": 1})},
        (),
    ),
    "a secret within an unordered list that the vendor gives back": (
        {"tags": ({"n": 1, "token": ONE},)},
        {"tags": ({"n": 1, "token": ONE},)},
        {"tags": ({"n": 1, "token": "veiled"},)},
        (),
    ),
    "a secret within an unordered list that was never sent": (
        {"tags": ({"n": 1, "token": ONE},)},
        {},
        {"tags": ({"n": 1},)},
        changed(("tags",), HIDDEN, ({"n": 1, "token": ONE},), hidden=True),
    ),
    "a secret within an unordered list that is not wanted any more": (
        {"tags": ({"n": 1},)},
        {"tags": ({"n": 1, "token": ONE},)},
        {"tags": ({"n": 1},)},
        changed(("tags",), ({"n": 1, "token": ONE},), ({"n": 1},), hidden=True),
    ),
    "a hidden field that the vendor gives back": (
        {"token": "x"},
        {"token": "y"},
        {"token": "x"},
        changed(("token",), "y", "x", hidden=True),
    ),
    "a mapping where a list is": ({"a": {"b": 1}}, {}, {"a": ("x",)}, changed(("a",), ("x",), {"b": 1})),
    "a mapping with an immutable field deep within where text is": (
        {"config": {"deep": {"zone": "z"}}},
        {},
        {"config": "x"},
        changed(("config",), "x", {"deep": {"zone": "z"}}, forces=True),
    ),
    "a default that is neither wanted nor reported": ({"mode": None}, {}, {}, ()),
    "an id that is only known after apply": (
        {"source": UNKNOWN},
        {},
        {"source": "s-1"},
        changed(("source",), "s-1", UNKNOWN),
    ),
}


@pytest.mark.parametrize(("wanted", "applied", "observed", "expected"), CASES.values(), ids=CASES)
def test_the_differences_are_those_that_somebody_wrote(
    wanted: Document, applied: Document, observed: Document, expected: tuple[FieldChange, ...]
) -> None:
    assert differences(wanted, applied, observed, RICH) == expected
    assert agree(wanted, applied, observed, RICH) == (expected == ())


def test_what_is_ignored_does_not_differ() -> None:
    wanted: Document = {"a": 1, "b": {"c": 1, "d": 1}, "rules": ({"name": "x"},)}
    observed: Document = {"a": 2, "b": {"c": 2, "d": 2}, "rules": ({"name": "x"}, {"name": "theirs"})}
    ignored = frozenset({"a", "b.c", "rules.theirs"})

    assert differences(wanted, {}, observed, RICH, ignored=ignored) == changed(("b", "d"), 2, 1)
    assert not agree(wanted, {}, observed, RICH, ignored=ignored)
    assert agree(wanted, {}, observed, RICH, ignored=ignored | {"b"})


def test_a_hidden_field_that_is_unsure_is_sent_again() -> None:
    wanted: Document = {"token": ONE, "rules": ({"name": "a", "token": ONE},)}

    assert differences(wanted, wanted, {"rules": ({"name": "a"},)}, RICH, unsure=frozenset({"token"})) == changed(
        ("token",), HIDDEN, ONE, hidden=True
    )
    assert not agree(wanted, wanted, {"rules": ({"name": "a"},)}, RICH, unsure=frozenset({"rules.a.token"}))
    assert not agree({"tags": (wanted,)}, {"tags": (wanted,)}, {"tags": (wanted,)}, RICH, unsure=frozenset({"tags"}))


def test_the_fields_come_sorted_by_path() -> None:
    wanted: Document = {"b": (1, 2, 3), "a": {"y": 1, "x": 1}}
    found = differences(wanted, {}, {"b": (3, 1, 2), "a": {}}, PLAIN)

    assert [each.path for each in found] == [("a", "x"), ("a", "y"), ("b", 0), ("b", 1), ("b", 2)]


def test_a_path_is_covered_by_itself_and_by_what_it_lies_within() -> None:
    ignored = frozenset({"a.b"})

    assert [covered(path, ignored) for path in (("a",), ("a", "b"), ("a", "b", 0), ("b",))] == [
        False,
        True,
        True,
        False,
    ]
    assert not covered(("a",), frozenset())
    assert not covered(("a",), frozenset({""}))


def test_documents_that_mean_the_same_are_the_same() -> None:
    one: Document = {"tags": ("a", "b"), "mode": None, "x": {"y": {}}}

    assert same_document(one, {"tags": ("b", "a")}, RICH)
    assert not same_document(one, {"tags": ("b",)}, RICH)
    assert same_document(
        {"a": 1, "b": {"c": 1, "d": (1,)}}, {"b": {"c": 2, "d": (1,)}}, RICH, ignored=frozenset({"a", "b.c"})
    )
    assert not same_document({"a": 1, "b": 1}, {"a": 1, "b": 2}, RICH, ignored=frozenset({"a"}))


def test_unknown_is_found_at_any_depth() -> None:
    assert has_unknown({"a": ({"b": UNKNOWN},)})
    assert not has_unknown({"a": ({"b": HIDDEN}, MISSING, 1)})


def test_the_compared_form_covers_what_is_compared_and_nothing_else() -> None:
    wanted: Document = {"a": 1, "token": ONE, "rules": ({"name": "x"},), "i": 1}
    observed: Document = {"a": 2, "rules": ({"name": "y", "z": 1},), "theirs": 1, "i": 3}

    def compared(real: Document) -> object:
        return compared_form(wanted, {"token": ONE}, real, RICH, ignored=frozenset({"i"}))

    assert compared(observed) == compared({**observed, "theirs": 2, "i": 4})
    assert compared(observed) != compared({**observed, "a": 3})
    assert compared(observed) != compared({**observed, "rules": ({"name": "y", "z": 2},)})
    assert compared(observed) != compared({**observed, "rules": "none"})
    assert compared({"rules": "none"}) != compared({"rules": "any"})


def test_the_compared_form_says_of_a_hidden_field_what_was_sent() -> None:
    assert compared_form({"token": ONE}, {}, {}, RICH) == frozenset({("token", HIDDEN)})
    assert compared_form({"token": ONE}, {"token": TWO}, {}, RICH) == frozenset({("token", TWO)})


def test_the_order_of_a_keyed_list_means_nothing_and_that_of_another_does() -> None:
    one: Document = {"name": "a"}
    other: Document = {"name": "b"}
    again: Document = {"name": "a", "x": 1}

    assert same_document({"rules": (one, other)}, {"rules": (other, one)}, RICH)
    assert not same_document({"rules": (one, again)}, {"rules": (again, one)}, RICH)
    assert not same_document({"other": (one, other)}, {"other": (other, one)}, RICH)


def test_an_item_of_a_keyed_list_may_have_rules_of_its_own() -> None:
    keyed = replace(PLAIN, keyed={("rules",): "name"})
    wanted: Document = {"rules": ({"name": "a", "b": ("x", "y")},)}
    observed: Document = {"rules": ({"name": "a", "b": ("y", "x")},)}
    named = replace(keyed, unordered=frozenset({("rules", "a", "b")}))
    other = replace(keyed, unordered=frozenset({("rules", "b")}))

    assert [agree(wanted, {}, observed, each) for each in (keyed, named, other)] == [False, True, False]
    assert [differences(wanted, {}, observed, each) == () for each in (keyed, named, other)] == [False, True, False]
    inner = replace(PLAIN, keyed={("x", "rules"): "name"}, unordered=frozenset({("x", "rules", "a", "b")}))
    none: Document = {"x": {"rules": ()}}
    assert agree({"x": wanted}, {}, {"x": observed}, inner)
    assert compared_form(none, {}, {"x": wanted}, inner) == compared_form(none, {}, {"x": observed}, inner)
    assert compared_form({"rules": ()}, {}, wanted, named) == compared_form({"rules": ()}, {}, observed, named)
    assert compared_form({"rules": ()}, {}, wanted, other) != compared_form({"rules": ()}, {}, observed, other)


def test_an_item_of_a_keyed_list_that_nobody_wants_differs_even_when_its_kind_is_hidden() -> None:
    traits = replace(PLAIN, keyed={("rules",): "name"}, secrets=frozenset({("rules", "*")}))

    wanted: Document = {"rules": ({"name": "a"},)}
    never_sent = changed(("rules", "a"), HIDDEN, {"name": "a"}, hidden=True)

    assert not agree(wanted, wanted, {"rules": ({"name": "a"}, {"name": "b"})}, traits)
    assert differences(wanted, {}, wanted, traits) == never_sent
    assert compared_form(wanted, {}, wanted, traits) == frozenset({("rules", frozenset({("a", HIDDEN)}))})


def test_the_compared_form_covers_a_list_of_another_length_whole() -> None:
    def compared(real: Document) -> object:
        return compared_form({"a": (1,)}, {}, real, RICH)

    assert compared({"a": (1, 2)}) != compared({"a": (1, 3)})
    assert compared({"a": (1, 2)}) == frozenset({("a", ("other", ("list", (1, 2))))})
    assert compared_form({"rules": ()}, {}, {"rules": "x"}, RICH) == frozenset({("rules", ("other", "x"))})


def test_the_compared_form_covers_what_was_applied_and_is_not_wanted() -> None:
    def compared(old: int, token: Secret) -> object:
        return compared_form({"token": ONE}, {"old": 1, "token": token}, {"old": old}, RICH)

    assert len({compared(1, ONE), compared(2, ONE), compared(1, TWO)}) == 3


def test_items_of_every_type_have_a_fixed_order() -> None:
    shape = shape_of(RICH)

    assert plain(form({"tags": ("x", 1, True, None, "a")}, shape)) == plain(
        form({"tags": ("a", None, True, 1, "x")}, shape)
    )


def test_a_form_as_plain_data_is_the_same_whatever_the_order() -> None:
    shape = shape_of(RICH)
    source = Ref(Address("sim", "Source", "a"))
    one = plain(form({"a": True, "tags": ("x", "y"), "b": (1, 2.5, None), "c": ONE, "d": HIDDEN, "e": source}, shape))
    other = plain(form({"e": source, "d": HIDDEN, "c": ONE, "b": (1, 2.5, None), "tags": ("y", "x"), "a": True}, shape))

    assert one == other
    assert one == [
        ["a", ["bool", True]],
        ["b", ["list", [1, 2.5, {"$blank": "MISSING"}]]],
        ["c", "{env: T, version: 1}"],
        ["d", {"$blank": "HIDDEN"}],
        ["e", str(source)],
        ["tags", ["set", ["x", "y"]]],
    ]


# --- any documents ---

KEYS = st.sampled_from(["a", "b", "name"])
SCALARS: st.SearchStrategy[Value] = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 2.5, "", "x", "1", ONE, TWO, UNKNOWN]
)


def values(scalars: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.dictionaries(KEYS, inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.lists(
                st.fixed_dictionaries({"name": st.sampled_from(["p", "q", "r"])}, optional={"a": inner}), max_size=3
            ).map(tuple),
        ),
        max_leaves=6,
    )


def documents(scalars: st.SearchStrategy[Value] = SCALARS) -> st.SearchStrategy[Document]:
    return st.dictionaries(KEYS, values(scalars), max_size=3)


STEPS = st.lists(st.sampled_from(["a", "b", "name", "*"]), min_size=1, max_size=3).map(tuple)
PATHS = st.frozensets(STEPS, max_size=2)


@st.composite
def any_traits(draw: st.DrawFn) -> Traits:
    return Traits(
        type="sim/Any",
        identity=Identity.MARK,
        immutable=draw(PATHS),
        secrets=draw(PATHS),
        write_only=draw(PATHS),
        unordered=draw(PATHS),
        keyed=dict.fromkeys(draw(PATHS), "name"),
        defaults=draw(st.dictionaries(STEPS, SCALARS, max_size=2)),
    )


DOTTED = st.frozensets(st.sampled_from(["a", "b", "a.b", "a.p", "a[0]", "b.p.a", "name"]), max_size=2)


@examples(600)
@given(
    wanted=documents(),
    applied=documents(),
    observed=documents(st.one_of(SCALARS, st.just(HIDDEN))),
    traits=any_traits(),
    paths=st.tuples(DOTTED, DOTTED),
)
def test_decision_and_explanation_agree(
    wanted: Document,
    applied: Document,
    observed: Document,
    traits: Traits,
    paths: tuple[frozenset[str], frozenset[str]],
) -> None:
    unsure, ignored = paths
    explained = differences(wanted, applied, observed, traits, unsure=unsure, ignored=ignored)

    assert agree(wanted, applied, observed, traits, unsure=unsure, ignored=ignored) == (explained == ())


@examples(300)
@example(
    wanted={"a": ({"name": "p", "a": True},)},
    traits=replace(PLAIN, write_only=frozenset({("a", "*", "a")}), unordered=frozenset({("a",)})),
)
@given(wanted=documents(), traits=any_traits())
def test_what_was_sent_and_is_reported_as_sent_agrees(wanted: Document, traits: Traits) -> None:
    assert agree(wanted, wanted, wanted, traits)
    assert same_document(wanted, wanted, traits)


@examples(300)
@given(wanted=documents(), applied=documents(), observed=documents())
def test_making_the_differences_true_makes_the_documents_agree(
    wanted: Document, applied: Document, observed: Document
) -> None:
    keyed = Traits(type="sim/Keyed", identity=Identity.MARK, keyed={("a",): "name"})
    result: Value = observed
    for each in differences(wanted, applied, observed, keyed):
        result = put(result, each.path, each.after)

    assert agree(wanted, applied, cast("Document", result), keyed)


def put(value: Value, path: Path, new: Value) -> Value:
    """The value with what lies at the path exchanged; an item of a keyed list is found by its name."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, tuple) and isinstance(step, int):
        return tuple(put(item, rest, new) if index == step else item for index, item in enumerate(value))
    if isinstance(value, tuple):
        names = [cast("Document", item)["name"] for item in value]
        items = list(value)
        if step not in names:
            items.append(new)
        elif not rest and new is MISSING:
            del items[names.index(step)]
        else:
            items[names.index(step)] = put(items[names.index(step)], rest, new)
        return tuple(items)
    known = dict(cast("Document", value)) if isinstance(value, dict) else {}
    assert isinstance(step, str)
    known[step] = put(known.get(step, MISSING), rest, new)
    return {key: item for key, item in known.items() if item is not MISSING}


PLAIN_SCALARS: st.SearchStrategy[Value] = st.sampled_from([True, False, 0, 1, 2.5, "x", "1", ""])


def plain_documents() -> st.SearchStrategy[Document]:
    """Without null and empty mappings, which mean the same as nothing to us and not to others."""
    inner = st.recursive(
        PLAIN_SCALARS,
        lambda each: st.one_of(
            st.dictionaries(KEYS, each, min_size=1, max_size=3), st.lists(each, max_size=3).map(tuple)
        ),
        max_leaves=6,
    )
    return st.dictionaries(KEYS, inner, max_size=3)


@examples(400)
@given(one=plain_documents(), other=plain_documents())
def test_another_differ_finds_the_same_documents_equal(one: Document, other: Document) -> None:
    oracle = DeepDiff(
        other,
        one,
        ignore_private_variables=False,
        zip_ordered_iterables=True,
        threshold_to_diff_deeper=0,
        ignore_numeric_type_changes=False,
    )
    ours = differences(one, other, other, PLAIN)

    assert (ours == ()) == (not oracle)
