"""Fields that others may change for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scenes import decide, of, only, reading, seen, state_of, wanted
from simulation import KINDS, START

from reconciler.engine.codec import decode_record, encode_record
from reconciler.engine.diff import overlaps
from reconciler.engine.drift import drift
from reconciler.engine.records import ended_exceptions, ignored_paths
from reconciler.values import Action, Desired, Document, Ignored, Lifecycle, Path, Resource

SECOND = timedelta(seconds=1)


def ignoring(*exceptions: Ignored) -> Resource:
    document: Document = {"name": "A", "region": "eu", "options": {"wait": 1, "depth": 2}}
    return wanted("Account", document, lifecycle=Lifecycle(exceptions=exceptions))


def until(path: str, ends: timedelta, reason: str | None = None) -> Ignored:
    return Ignored(path=path, ends=START + ends, reason=reason)


EDITED: Document = {"name": "B", "region": "eu", "options": {"wait": 9, "depth": 2}}


def test_an_exception_counts_up_to_its_end_and_not_at_it() -> None:
    lifecycle = Lifecycle(
        ignore_changes=("spec.a",),
        exceptions=(until("spec.b", SECOND), until("spec.c", timedelta()), Ignored(path="spec.d", reason="words")),
    )

    assert ignored_paths(lifecycle, START) == {"a", "b", "d"}
    assert ignored_paths(lifecycle, START + SECOND) == {"a", "d"}
    assert ended_exceptions(lifecycle, START).keys() == {"c"}


def test_of_several_ends_of_one_field_the_last_is_told() -> None:
    first, last = until("spec.a", -2 * SECOND), until("spec.a", -SECOND)

    assert ended_exceptions(Lifecycle(exceptions=(last, first)), START) == {"a": last}


def test_what_is_ignored_for_a_time_is_no_change() -> None:
    resource = ignoring(until("spec.name", SECOND), until("spec.options", SECOND))

    assert only(decide([resource], [of(resource)], reading({"Account": [seen("account-a", EDITED)]}))).action is (
        Action.NOOP
    )


def test_after_its_end_the_field_is_compared_and_the_plan_says_why() -> None:
    resource = ignoring(until("spec.name", -SECOND, "tried"), until("spec.options", timedelta(hours=-12)))
    change = only(decide([resource], [of(resource)], reading({"Account": [seen("account-a", EDITED)]})))

    assert change.action is Action.UPDATE
    assert change.notes == (
        "`name` is compared again: its exception ended on 2026-11-01T11:59:59Z (tried)",
        "`options` is compared again: its exception ended on 2026-10-31",
    )


def test_an_exception_that_ended_and_whose_field_agrees_is_not_told() -> None:
    resource = ignoring(until("spec.region", -SECOND))
    there = reading({"Account": [seen("account-a", EDITED)]})

    assert only(decide([resource], [of(resource)], there)).notes == ()


def test_a_field_that_is_ignored_without_end_too_stays_ignored() -> None:
    resource = ignoring(until("spec.name", -SECOND), until("spec.options", SECOND))
    resource = replace(resource, lifecycle=replace(resource.lifecycle, ignore_changes=("spec.name",)))
    there = reading({"Account": [seen("account-a", EDITED)]})

    assert only(decide([resource], [of(resource)], there)).action is Action.NOOP


def test_a_replacement_tells_its_cost_and_the_exception() -> None:
    resource = wanted(
        "Target", {"name": "T", "path": "/in"}, lifecycle=Lifecycle(exceptions=(until("spec.path", -SECOND),))
    )
    there = reading({"Target": [seen("target-a", {"name": "T", "path": "/out"})]})
    change = only(decide([resource], [of(resource)], there))

    assert change.action is Action.REPLACE
    assert len(change.notes) == 2


@pytest.mark.parametrize(("ends", "moved"), [(SECOND, False), (timedelta(), True)])
def test_drift_follows_the_recorded_exception_when_the_manifest_is_gone(ends: timedelta, *, moved: bool) -> None:
    record = of(ignoring(until("spec.name", ends), until("spec.options", SECOND)))
    there = reading({"Account": [seen("account-a", EDITED)]})

    assert drift(Desired({}), state_of(record), there, KINDS.__getitem__).moved is moved


def test_the_state_keeps_the_end_and_the_reason() -> None:
    record = of(ignoring(until("spec.name", SECOND, "tried"), Ignored(path="spec.options")))

    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize(
    ("path", "other", "overlap"),
    [
        (("a",), "a", True),
        (("a", "b"), "a", True),
        (("a",), "a.b", True),
        (("a",), "a[0]", True),
        (("a",), "ab", False),
        (("a", "b"), "a.c", False),
        (("a",), "b", False),
    ],
)
def test_fields_overlap_when_one_lies_in_the_other(path: Path, other: str, *, overlap: bool) -> None:
    assert overlaps(path, other) is overlap


def test_an_end_is_told_as_a_day_or_as_a_time() -> None:
    midnight = START.replace(hour=0)

    assert Ignored(path="spec.a").last == ""
    assert Ignored(path="spec.a", ends=midnight).last == "2026-10-31"
    assert Ignored(path="spec.a", ends=START).last == "2026-11-01T12:00:00Z"
    assert not Ignored(path="spec.a").has_ended(START)
