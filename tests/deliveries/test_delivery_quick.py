"""The walk that sees at once that a record is good: it may doubt a good one, and never believes a bad one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from didomi_exports import good_records
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.deliveries import (
    AlwaysNull,
    Breach,
    Disjoint,
    Distinct,
    Filled,
    Level,
    NotEarlier,
    OneOf,
    Rule,
    SameAs,
    SharesOne,
)
from reconciler.deliveries.quick import quick
from reconciler.providers.didomi.contract import export_contract

RULES: tuple[Rule, ...] = (
    Filled(name="a", path="user.id"),
    AlwaysNull(name="b", path="user.proof"),
    OneOf(name="c", path="user.of", values=("x", 1, True, None)),
    Disjoint(name="d", path="events[].vendors", left="on", right="off"),
    Distinct(name="e", path="events[].id"),
    Distinct(name="f", path="user.list[]"),
    Distinct(name="g", path="events[].list[].id"),
    NotEarlier(name="h", path="user", earlier="from", later="to"),
    SameAs(name="i", path="events[].of", other="user.of"),
    SharesOne(name="j", path="events[].user", other="user", keys=("id", "of")),
)

texts = st.sampled_from(["", "x", "y"])
times = st.sampled_from(
    [
        "2026-01-01T10:00:00Z",
        "2026-01-01T10:00:01Z",
        "2026-01-01T10:00:00.100Z",
        "2026-01-01T10:00:00,900Z",
        "2026-01-01T10:00:00+02:00",
        "2026-01-01T08:30:00+00:00",
        "2026-W01-1T10:00:00.0Z",
        "2026-01-01T100000.1000Z",
        "2026-01-01",
        "soon",
    ]
)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), texts, times, st.just([]), st.just({}), st.just([1]), st.just({"a": 1})
)
lists = st.one_of(scalars, st.lists(scalars, max_size=3))


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.fixed_dictionaries({}, optional=fields), scalars)


items = st.one_of(scalars, st.lists(objects(id=scalars), max_size=3))
users = objects(**{"id": scalars, "proof": scalars, "of": scalars, "list": lists, "from": times, "to": times})
events = objects(id=scalars, of=scalars, list=items, user=users, vendors=objects(on=lists, off=lists))
records = objects(user=users, events=st.one_of(scalars, st.lists(events, max_size=3)))


@settings(max_examples=400)
@given(record=records)
def test_what_is_believed_breaks_no_rule(record: Any) -> None:  # noqa: ANN401 - JSON
    for rule in RULES:
        walk = quick([rule])
        assert walk is not None
        if walk(record):
            assert list(rule.breaches(record)) == []


@settings(max_examples=100)
@given(record=records)
def test_all_rules_at_once_believe_no_more_than_each_alone(record: Any) -> None:  # noqa: ANN401 - JSON
    walk = quick(RULES)
    assert walk is not None

    if walk(record):
        assert [breach for rule in RULES for breach in rule.breaches(record)] == []


@pytest.mark.parametrize("shape", ["v1", "v2"])
def test_what_a_vendor_writes_is_believed_without_a_closer_look(shape: str) -> None:
    walk = quick(export_contract(organization="example-org").rules)
    assert walk is not None
    written = [json.loads(json.dumps(each)) for each in good_records(200, shape=shape)]

    assert all(walk(each) for each in written)


class Odd:
    """A rule of somebody else's."""

    name = "odd"
    level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        yield Breach((), "is odd", record)


@pytest.mark.parametrize(
    "rule",
    [
        Odd(),
        Filled(name="a", path="map{}.id"),
        SameAs(name="b", path="a", other="list[].id"),
        Distinct(name="c", path="list[].deep.id"),
    ],
)
def test_a_rule_that_the_walk_does_not_know_is_always_looked_at_closely(rule: Rule) -> None:
    assert quick([rule]) is None
