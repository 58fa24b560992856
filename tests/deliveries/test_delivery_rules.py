"""Rules over one record, against the same said plainly."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import AlwaysNull, Disjoint, Distinct, Filled, NotEarlier, OneOf, Rule, SameAs, SharesOne
from reconciler.deliveries.checking import described
from reconciler.deliveries.paths import written

_IDS = st.lists(st.sampled_from(["a", "b", "c", "d"]) | st.integers(0, 3), max_size=6)


def places(rule: Rule, record: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [written(each.place) for each in rule.breaches(record)]


@given(_IDS, _IDS)
def test_disjoint_finds_every_item_of_the_second_list_that_is_in_the_first(
    left: list[object], right: list[object]
) -> None:
    rule = Disjoint(name="r", path="v", left="on", right="off")
    expected = [f"v.off[{at}]" for at, each in enumerate(right) if each in left]

    assert places(rule, {"v": {"on": left, "off": right}}) == expected


@given(_IDS)
def test_distinct_finds_every_later_item_with_the_same_value(ids: list[object]) -> None:
    rule = Distinct(name="r", path="items[].id")
    expected = [f"items[{at}].id" for at, each in enumerate(ids) if each in ids[:at]]

    assert places(rule, {"items": [{"id": each} for each in ids]}) == expected


def test_distinct_looks_within_each_list_alone() -> None:
    rule = Distinct(name="r", path="a[].b[].id")
    record = {"a": [{"b": [{"id": 1}, {"id": 2}]}, {"b": [{"id": 1}, {"id": 1}]}]}

    assert places(rule, record) == ["a[1].b[1].id"]


@given(st.datetimes(), st.datetimes(), st.integers(-12, 14), st.integers(-12, 14))
def test_times_are_compared_as_moments(first: datetime, second: datetime, east: int, west: int) -> None:
    rule = NotEarlier(name="r", path="", earlier="created", later="updated")
    try:
        begun = first.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=east)))
        ended = second.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=west)))
    except OverflowError:
        return
    record = {"created": begun.isoformat(), "updated": ended.isoformat()}

    assert places(rule, record) == (["updated"] if second < first else [])


def test_a_time_without_an_offset_is_utc_and_no_time_is_nobodys() -> None:
    rule = NotEarlier(name="r", path="", earlier="a", later="b")

    assert places(rule, {"a": "2026-11-21T10:00:00", "b": "2026-11-21T10:30:00+01:00"}) == ["b"]
    assert places(rule, {"a": "soon", "b": "2026-11-21T10:30:00Z"}) == []
    assert places(rule, {"a": None, "b": 3}) == []


@pytest.mark.parametrize(
    ("value", "filled"), [(None, False), ("", False), ([], False), ({}, False), (0, True), ("x", True), (False, True)]
)
def test_filled_and_always_null_are_about_what_is_there(value: object, filled: bool) -> None:
    assert places(Filled(name="r", path="a"), {"a": value}) == ([] if filled else ["a"])
    assert places(AlwaysNull(name="r", path="a"), {"a": value}) == ([] if value is None else ["a"])
    assert places(Filled(name="r", path="a"), {}) == []


def test_one_of_does_not_take_true_for_one() -> None:
    rule = OneOf(name="r", path="a", values=(1, "x", None))

    assert [places(rule, {"a": each}) for each in (1, "x", None, True, 1.0, "y")] == [[], [], [], ["a"], ["a"], ["a"]]


def test_same_as_and_shares_one_compare_with_another_place() -> None:
    same = SameAs(name="r", path="e[].org", other="u.org")
    shares = SharesOne(name="r", path="e[].u", other="u", keys=("id", "mail"))
    record = {
        "u": {"id": 1, "mail": None, "org": "x"},
        "e": [{"org": "x", "u": {"id": 1}}, {"org": "y", "u": {"id": 2, "mail": None}}, {"u": {}}],
    }

    assert places(same, record) == ["e[1].org"]
    assert places(shares, record) == ["e[1].u", "e[2].u"]
    assert places(same, {"e": [{"org": "x"}]}) == []
    assert places(shares, {"e": [{"u": {}}], "u": 7}) == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "on", "off"]), inner, max_size=3)
    ),
    max_leaves=10,
)
_RULES: list[Rule] = [
    Filled(name="r", path="a[].b"),
    AlwaysNull(name="r", path="a{}.b"),
    OneOf(name="r", path="a", values=("x", 1)),
    Disjoint(name="r", path="a", left="on", right="off"),
    Distinct(name="r", path="a[].b"),
    Distinct(name="r", path="[]"),
    NotEarlier(name="r", path="a", earlier="on", later="off"),
    SameAs(name="r", path="a[]", other="b"),
    SharesOne(name="r", path="a[]", other="b", keys=("a", "on")),
]


@given(_JSON, st.sampled_from(_RULES))
def test_no_record_is_an_exception_and_rules_travel(record: object, rule: Rule) -> None:
    there = pickle.loads(pickle.dumps(rule))  # noqa: S301 - our own

    assert there == rule
    assert places(there, record) == places(rule, record)


@given(_JSON)
def test_a_description_tells_the_kind_and_not_the_value(value: object) -> None:
    told = described(value, show=False)

    assert told.split()[0] in ("null", "boolean", "number", "text", "list", "object")
    if isinstance(value, str) and len(value) > 2:
        assert value not in told or value in "text of characters"
    assert len(described(value, show=True)) <= 81
