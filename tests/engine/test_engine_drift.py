"""Who moved: reality against what was applied, with the manifests as witnesses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from generators import Genes, codes, examples, resource
from hypothesis import given
from scenes import of, reading, seen, state_of, wanted
from simulation import KINDS, address

from reconciler.engine.diff import differences
from reconciler.engine.drift import MOVED, Cause, Drift, Drifted, FieldDrift, drift
from reconciler.values import (
    MISSING,
    Desired,
    Document,
    Hold,
    HoldKind,
    LastChange,
    Lifecycle,
    Observed,
    Problem,
    Record,
    Ref,
    Resource,
    Secret,
    Snapshot,
)

LAKE: Document = {"name": "lake", "region": "eu", "mode": "fast", "tags": ("a", "b"), "pin": "1"}


def look(resource: Resource | None, record: Record, *found: Observed, snapshot: Snapshot | None = None) -> Drifted:
    kind = record.address.kind
    return drift(
        Desired.of([resource] if resource is not None else []),
        state_of(record),
        snapshot or reading({kind: found}),
        KINDS.__getitem__,
    )


def only(drifted: Drifted) -> Drift:
    [each] = drifted.objects
    return each


def test_nothing_is_said_of_what_stands_as_it_was_applied() -> None:
    lake = wanted("Account", LAKE)
    found = look(lake, of(lake), seen("account-a", {**LAKE, "tags": ("b", "a"), "novelty": 1}))

    assert found == Drifted(objects=(), looked_at=1, unreadable=1)
    assert not found.moved


def test_what_somebody_changed_at_the_vendor_is_the_vendors_move() -> None:
    lake = wanted("Account", LAKE)
    found = look(lake, of(lake), replace(seen("account-a", {**LAKE, "region": "us"}), revision="7"))

    assert found.moved
    assert only(found) == Drift(
        address=address("Account", "a"),
        id="account-a",
        fields=(FieldDrift(path=("region",), cause=Cause.VENDOR, applied="eu", observed="us", wanted="eu"),),
        unreadable=1,
        revision="7",
    )


def test_what_the_vendor_says_of_the_last_change_is_told() -> None:
    lake = wanted("Account", LAKE)
    last = LastChange(at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC), by="somebody@example.org")
    found = look(lake, of(lake), replace(seen("account-a", {**LAKE, "region": "us"}), last_change=last))

    assert only(found).last_change == last
    assert str(last) == "changed last at 2026-11-22 09:30:00 UTC by `somebody@example.org`, says the vendor"
    assert str(LastChange(at=last.at)) == "changed last at 2026-11-22 09:30:00 UTC, says the vendor"
    assert str(LastChange(by="x")) == "changed last by `x`, says the vendor"


def test_what_fell_back_to_the_vendors_default_is_told_apart() -> None:
    lake = wanted("Account", {**LAKE, "options": {"retries": 5}})
    found = look(lake, of(lake), seen("account-a", {**LAKE, "mode": "safe", "options": {"retries": 3}}))

    assert [(each.path, each.cause) for each in only(found).fields] == [
        (("mode",), Cause.SERVER_DEFAULT),
        (("options", "retries"), Cause.SERVER_DEFAULT),
    ]
    assert {Cause.VENDOR, Cause.SERVER_DEFAULT} == MOVED


def test_what_the_manifest_says_by_now_is_no_drift() -> None:
    applied = wanted("Account", LAKE)
    now = wanted("Account", {**LAKE, "mode": "slow", "pin": "2"})
    found = look(now, of(applied), seen("account-a", LAKE))

    assert not found.moved
    assert only(found).fields == (
        FieldDrift(path=("mode",), cause=Cause.MANIFEST, applied="fast", observed="fast", wanted="slow"),
        FieldDrift(path=("pin",), cause=Cause.SECRET, applied="1", observed="1", wanted="2"),
    )


def test_a_secret_of_another_version_is_told_as_one() -> None:
    old, new = (Secret(source="env", name="X", version=each) for each in ("1", "2"))
    applied, now = wanted("Account", {**LAKE, "token": old}), wanted("Account", {**LAKE, "token": new})
    found = look(now, of(applied), seen("account-a", LAKE))

    assert [(each.path, each.cause, each.wanted) for each in only(found).fields] == [(("token",), Cause.SECRET, new)]
    assert only(found).unreadable == 2


def test_a_field_that_both_moved_is_said_once_with_all_three_values() -> None:
    applied = wanted("Account", {**LAKE, "options": {"size": 1}})
    now = wanted("Account", {**LAKE, "mode": "slow", "options": {"size": 3, "more": 1}})
    found = look(now, of(applied), seen("account-a", {**LAKE, "mode": "odd", "options": {"size": 2}}))

    assert only(found).fields == (
        FieldDrift(path=("mode",), cause=Cause.VENDOR, applied="fast", observed="odd", wanted="slow"),
        FieldDrift(path=("options", "more"), cause=Cause.MANIFEST, applied=MISSING, observed=MISSING, wanted=1),
        FieldDrift(path=("options", "size"), cause=Cause.VENDOR, applied=1, observed=2, wanted=3),
    )


def test_a_mapping_that_is_gone_at_the_vendor_covers_what_the_manifest_says_of_its_inside() -> None:
    applied = wanted("Account", {**LAKE, "options": {"size": 1}})
    now = wanted("Account", {**LAKE, "options": {"size": 2}})
    found = look(now, of(applied), seen("account-a", {**LAKE, "options": "none"}))

    assert [(each.path, each.cause) for each in only(found).fields] == [(("options",), Cause.VENDOR)]


def test_an_object_without_a_manifest_is_looked_at_too() -> None:
    lake = wanted("Account", LAKE)
    found = only(look(None, of(lake), seen("account-a", {**LAKE, "region": "us"})))

    assert not found.managed
    assert [each.wanted for each in found.fields] == [MISSING]


def test_items_of_lists_are_named_by_position_or_by_their_key() -> None:
    rules: tuple[Document, ...] = ({"name": "x", "level": 1}, {"name": "y", "level": 2})
    document: Document = {"name": "f", "steps": ("one", "two"), "rules": rules}
    flow = wanted("Flow", document)
    real: Document = {
        **document,
        "steps": ("one", "zwei"),
        "rules": ({"name": "x", "level": 9}, {"name": "y", "level": 2}),
    }
    found = only(look(flow, of(flow), seen("flow-a", real)))

    assert [(each.path, each.applied, each.observed, each.wanted) for each in found.fields] == [
        (("rules", "x", "level"), 1, 9, MISSING),
        (("steps", 1), "two", "zwei", "two"),
    ]


def test_a_wanted_list_that_has_become_shorter_has_no_such_item() -> None:
    flow = wanted("Flow", {"name": "f", "steps": ("one", "two")})
    now = wanted("Flow", {"name": "f", "steps": ("one",)})
    found = only(look(now, of(flow), seen("flow-a", {"name": "f", "steps": ("one", "zwei")})))

    assert [(each.path, each.wanted) for each in found.fields] == [(("steps", 1), MISSING)]


def test_what_is_proven_gone_has_moved_whoever_wants_it() -> None:
    lake = wanted("Account", LAKE)
    managed, left = only(look(lake, of(lake))), only(look(None, of(lake)))

    assert managed == Drift(address=address("Account", "a"), id="account-a", gone=True)
    assert left == Drift(address=address("Account", "a"), id="account-a", gone=True, managed=False)
    assert managed.moved


def test_accepted_differences_are_nobodys_move() -> None:
    lake = wanted("Account", LAKE, lifecycle=Lifecycle(ignore_changes=("spec.region", "spec.mode")))
    now = replace(lake, attributes={**LAKE, "mode": "slow"})
    found = look(now, of(lake), seen("account-a", {**LAKE, "region": "us"}))

    assert found.objects == ()


def test_of_what_is_left_or_not_listed_yet_nothing_is_said() -> None:
    lake = wanted("Account", LAKE)
    young = reading({}, holds={address("Account", "a"): Hold(kind=HoldKind.WAIT, reason="young")})

    assert look(None, replace(of(lake), retired="report")).looked_at == 0
    assert look(lake, of(lake), snapshot=young) == Drifted(objects=(), looked_at=0, unreadable=0, young=1)
    held = replace(young, objects={**young.objects, "sim/Account": (seen("account-a", LAKE),)})
    assert look(lake, of(lake), snapshot=held) == Drifted(objects=(), looked_at=1, unreadable=1)


def test_each_record_is_looked_at_whatever_was_passed_over_before() -> None:
    names = ("a", "b", "c", "d", "e", "f")
    lakes = {name: wanted("Account", LAKE, name=name) for name in names}
    records = [
        replace(of(lakes["a"]), retired="report"),
        replace(of(lakes["b"]), id=None),
        *(of(lakes[name]) for name in "cdef"),
    ]
    hold = Hold(kind=HoldKind.WAIT, reason="young")
    real = [seen("account-e", LAKE), seen("account-f", {**LAKE, "region": "us"})]
    young = reading({"Account": real}, holds={address("Account", name): hold for name in "cd"})
    found = drift(Desired.of(lakes.values()), state_of(*records), young, KINDS.__getitem__)

    assert (found.looked_at, found.unreadable, found.young) == (2, 2, 2)
    assert [each.address.name for each in found.objects] == ["f"]


def test_a_reference_to_a_managed_object_is_the_id_that_is_recorded() -> None:
    account = of(wanted("Account", LAKE))
    source = wanted("Source", {"name": "s", "account": Ref(address("Account", "a")), "datasets": ("d1",)})
    record = of(source, applied={"name": "s", "account": "account-a", "datasets": ("d1",)})
    found = drift(
        Desired.of([source]),
        state_of(account, record),
        reading({"Account": [seen("account-a", LAKE)], "Source": [seen("source-a", record.applied)]}),
        KINDS.__getitem__,
    )

    assert found.objects == ()


def test_a_default_that_is_a_list_without_order_is_known_in_any_order() -> None:
    kind = replace(KINDS["sim/Account"], defaults={("tags",): ("x", "y")})
    lake = wanted("Account", LAKE)
    moved = {**LAKE, "tags": ("y", "x")}
    found = drift(
        Desired.of([lake]), state_of(of(lake)), reading({"Account": [seen("account-a", moved)]}), lambda _type: kind
    )

    assert [each.cause for each in only(found).fields] == [Cause.SERVER_DEFAULT]


def test_a_field_that_the_manifest_has_left_out_is_not_there() -> None:
    applied, now = wanted("Account", LAKE), wanted("Account", {"name": "lake", "region": "eu"})
    found = only(look(now, of(applied), seen("account-a", {**LAKE, "mode": "odd"})))

    assert [each.wanted for each in found.fields if each.path == ("mode",)] == [MISSING]


def test_of_what_cannot_be_read_nothing_is_known_and_that_is_said_once() -> None:
    trouble = Problem(code="cannot-read", message="no")
    lakes = [wanted("Account", LAKE, name=name) for name in "ab"]
    whole = replace(reading({}), unreadable={"sim/Account": trouble})
    one = replace(reading({"Account": [seen("account-b", LAKE)]}), unreadable={address("Account", "a"): trouble})
    seen_as = [
        drift(Desired.of(lakes), state_of(*map(of, lakes)), snapshot, KINDS.__getitem__) for snapshot in (whole, one)
    ]

    assert seen_as[0] == Drifted(objects=(), looked_at=0, unreadable=0, problems=(trouble,))
    assert seen_as[1] == Drifted(objects=(), looked_at=1, unreadable=1, problems=(trouble,))


@given(codes(20), codes(20))
@examples(300)
def test_what_moved_is_what_a_diff_of_applied_and_real_finds(one: Genes, other: Genes) -> None:
    lake, other_lake = (resource(each, address("Account", "a"), set(), strict=True) for each in (one, other))
    lake = replace(lake, lifecycle=Lifecycle())
    applied, real = lake.attributes, other_lake.attributes
    found = look(lake, of(lake), seen("account-a", real))
    expected = {each.path for each in differences(applied, applied, real, KINDS["sim/Account"])}

    assert {each.path for drifted in found.objects for each in drifted.fields} == expected
    assert found.moved is bool(expected)
