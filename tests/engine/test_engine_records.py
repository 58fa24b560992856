from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scenes import of, recorded, seen, wanted
from simulation import KINDS, SCOPE, START, address

from reconciler.engine.records import (
    disabled,
    ignored_paths,
    made,
    needs_record,
    resolve,
    settled,
    to_send,
    with_reply,
    without_object,
)
from reconciler.engine.steps import intent_of, record_after, record_of
from reconciler.values import (
    HIDDEN,
    UNKNOWN,
    Action,
    Address,
    Change,
    Deposed,
    Document,
    Intent,
    Lifecycle,
    Mark,
    Record,
    Ref,
    Secret,
    Step,
    Verb,
)

ACCOUNT = address("Account")
ONE, TWO = Secret(source="env", name="T", version="1"), Secret(source="env", name="T", version="2")
RESOURCE = wanted("Account", {"name": "A"})
OLD, OLDER = Deposed(id="account-0", reason="it was replaced"), Deposed(id="account-9", reason="it was replaced")
FULL = replace(
    recorded("Account", {"name": "A"}),
    outputs={"url": "u"},
    memo={"m": 1},
    deposed=(OLD,),
    unsure=("token",),
    retired="report",
    touched=START,
)
LATER = START + timedelta(hours=1)


# --- documents ---


def test_references_become_ids_at_any_depth() -> None:
    document: Document = {"a": Ref(ACCOUNT), "b": ({"c": Ref(address("Flow"))},), "d": 1, "e": None, "f": HIDDEN}

    assert resolve(document, {ACCOUNT: "x"}.get) == {"a": "x", "b": ({"c": UNKNOWN},), "d": 1, "e": None, "f": HIDDEN}


def test_ignored_paths_may_be_written_with_or_without_spec() -> None:
    assert ignored_paths(Lifecycle(ignore_changes=("spec.a.b", "c")), START) == {"a.b", "c"}


def send(wanted_now: Document, applied: Document, observed: Document | None, *ignored: str) -> Document:
    resource = wanted("Account", wanted_now, lifecycle=Lifecycle(ignore_changes=ignored))
    return to_send(
        resource,
        {ACCOUNT: "x"}.get,
        KINDS["sim/Account"],
        now=START,
        record=recorded("Account", applied),
        observed=seen("account-a", observed) if observed is not None else None,
    )


def test_what_is_ignored_is_sent_as_it_is() -> None:
    sent = send(
        {"name": "A", "access": {"kind": "x", "more": 1}},
        {},
        {"name": "B", "access": {"kind": "y"}},
        "spec.access.kind",
        "name",
    )

    assert sent == {"name": "B", "access": {"kind": "y", "more": 1}}


def test_what_is_ignored_and_hidden_is_sent_as_it_was_sent_last() -> None:
    assert send({"token": TWO, "pin": 2}, {"token": ONE, "pin": 1}, {"pin": HIDDEN}, "token", "pin") == {
        "token": ONE,
        "pin": 1,
    }


def test_what_is_ignored_and_hidden_within_is_sent_as_it_was_sent_last() -> None:
    sent = send({"access": {"role": "new", "kind": "x"}}, {"access": {"role": "old"}}, {"access": {}}, "access.role")

    assert sent == {"access": {"role": "old", "kind": "x"}}


def test_what_is_ignored_and_hidden_for_once_is_sent_as_it_was_sent_last() -> None:
    assert send({"name": "B"}, {"name": "A"}, {"name": HIDDEN}, "name") == {"name": "A"}


def test_what_is_ignored_and_gone_at_the_vendor_is_left_out() -> None:
    assert send({"name": "A", "description": "d"}, {"description": "d"}, {"name": "A"}, "description") == {"name": "A"}


def test_what_is_ignored_and_written_no_more_stays() -> None:
    assert send({"name": "A"}, {"description": "d", "mode": "x"}, {"description": "e", "mode": "x"}, "description") == {
        "name": "A",
        "description": "e",
    }


def test_without_anything_ignored_the_manifest_is_sent() -> None:
    assert send({"name": "A", "account": Ref(ACCOUNT)}, {"mode": "x"}, {"name": "B"}) == {"name": "A", "account": "x"}


def test_a_new_object_gets_everything_that_is_written() -> None:
    assert send({"name": "A"}, {}, None, "name") == {"name": "A"}


def test_what_has_no_record_yet_is_sent_as_the_vendor_has_it() -> None:
    resource = wanted("Account", {"name": "A", "pin": 1}, lifecycle=Lifecycle(ignore_changes=("name", "pin")))

    assert to_send(resource, lambda _: None, KINDS["sim/Account"], now=START, observed=seen("x", {"name": "B"})) == {
        "name": "B"
    }


# --- records ---


def test_a_record_keeps_what_was_known_of_the_same_object() -> None:
    resource = replace(
        wanted("Source", {"account": Ref(ACCOUNT)}),
        labels={"team": "crm"},
        mark=Mark("specs/a.yaml", 3, 1),
        origin=address("Composite"),
        lifecycle=Lifecycle(prevent_destroy=True),
    )
    before = replace(FULL, address=resource.address, id="source-a")

    assert made(resource, {"account": "x"}, id="source-a", scope=SCOPE, at=LATER, before=before) == Record(
        address=resource.address,
        id="source-a",
        scope=SCOPE,
        applied={"account": "x"},
        needs=(ACCOUNT,),
        lifecycle=Lifecycle(prevent_destroy=True),
        labels={"team": "crm"},
        source="specs/a.yaml",
        origin=address("Composite"),
        outputs={"url": "u"},
        memo={"m": 1},
        deposed=(OLD,),
        touched=LATER,
    )


def test_a_record_of_another_object_keeps_only_what_is_still_to_be_deleted() -> None:
    assert made(RESOURCE, {"name": "A"}, id="new", scope=SCOPE, at=LATER, before=FULL) == replace(
        recorded("Account", {"name": "A"}, id="new"), deposed=(OLD,), touched=LATER
    )


def test_a_first_record_knows_nothing_of_before() -> None:
    assert made(RESOURCE, {"name": "A"}, id="new", scope=SCOPE, at=None) == recorded("Account", {"name": "A"}, id="new")


def test_a_reply_brings_the_id_and_what_the_vendor_computed() -> None:
    reply = replace(seen("new", {}), outputs={"arn": "x"})

    assert with_reply(FULL, reply) == replace(FULL, id="new", outputs={"arn": "x"})
    assert with_reply(FULL, replace(reply, memo={"n": 2})).memo == {"n": 2}


def test_a_settled_creation_remembers_only_what_is_still_known() -> None:
    intended = replace(recorded("Account", {"name": "A"}), id=None, deposed=(OLD, OLDER))
    current = replace(FULL, deposed=(OLD,))

    assert settled(intended, seen("new", {}), current, "account-a").deposed == (
        OLD,
        Deposed(id="account-a", reason="it was replaced"),
    )
    assert settled(intended, seen("new", {}), None, "account-a").deposed == ()
    assert settled(intended, seen("account-0", {}), current, "gone").deposed == ()
    assert settled(intended, seen("new", {}), replace(FULL, id="account-9", deposed=()), None).deposed == (OLDER,)


def test_without_its_object_there_is_no_record() -> None:
    assert without_object(replace(FULL, deposed=()), "account-a") is None


def test_without_a_left_over_object_the_record_stays() -> None:
    assert without_object(FULL, "account-0") == replace(FULL, deposed=())


def test_when_the_object_went_only_what_is_still_to_be_deleted_is_remembered() -> None:
    known = replace(
        FULL, needs=(address("Slot"),), labels={"team": "crm"}, source="a.yaml", origin=address("Composite")
    )
    record = replace(known, deposed=(OLD, OLDER))
    rest = without_object(record, "account-a")

    assert rest == Record(
        address=ACCOUNT,
        id=None,
        scope=record.scope,
        applied={},
        needs=record.needs,
        labels=record.labels,
        source=record.source,
        origin=record.origin,
        deposed=(OLD, OLDER),
    )
    assert rest.ids == ("account-0", "account-9")


def test_a_record_goes_with_the_last_object() -> None:
    rest = without_object(replace(FULL, deposed=(OLD,)), "account-a")

    assert rest is not None
    assert without_object(rest, "account-0") is None


def test_what_disabling_changed_counts_as_applied() -> None:
    before, after = seen("x", {"name": "A", "enabled": True}), seen("x", {"name": "A", "enabled": False, "why": "r"})

    assert disabled(FULL, before, after) == replace(
        FULL, applied={"name": "A", "enabled": False, "why": "r"}, retired="disable"
    )


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({}, False),
        ({"lifecycle": Lifecycle(prevent_destroy=True)}, True),
        ({"labels": {"a": "b"}}, True),
        ({"origin": ACCOUNT}, True),
        ({"needs": (ACCOUNT,)}, True),
        ({"retired": "report"}, True),
        ({"source": "elsewhere.yaml"}, False),
    ],
)
def test_what_only_the_state_keeps(change: dict[str, object], stale: bool) -> None:
    record = replace(of(RESOURCE), **change)  # type: ignore[arg-type]  # each value is of its field's type

    assert needs_record(record, RESOURCE, ()) == stale


# --- steps ---


def intent(step: Step, change: Change, records: dict[Address, Record], applied: Document | None = None) -> Intent:
    return intent_of(
        step,
        change,
        id="i1",
        run="r",
        at=LATER,
        scope=SCOPE,
        applied=applied or {},
        seen=("x",),
        memo={"k": "v"},
        records=records,
    )


def step(verb: Verb, id: str | None = None) -> Step:
    return Step(name=verb.value, address=ACCOUNT, verb=verb, id=id)


def test_the_intent_of_a_creation() -> None:
    change = Change(address=ACCOUNT, action=Action.CREATE, resource=RESOURCE)

    assert intent(step(Verb.CREATE), change, {}, {"name": "A"}) == Intent(
        id="i1",
        run="r",
        address=ACCOUNT,
        verb="create",
        scope=SCOPE,
        at=LATER,
        seen=("x",),
        record=replace(recorded("Account", {"name": "A"}), id=None, touched=LATER, memo={"k": "v"}),
        memo={"k": "v"},
    )


def test_the_intent_of_a_replacement_names_what_becomes_obsolete() -> None:
    change = Change(address=ACCOUNT, action=Action.REPLACE, resource=RESOURCE, id="account-a", record=FULL)
    found = intent(step(Verb.CREATE), change, {ACCOUNT: FULL})

    assert (found.replaces, found.target) == ("account-a", None)
    assert found.record is not None
    assert found.record.deposed == (OLD,)


def test_the_intent_of_a_replacement_that_deletes_first_names_none() -> None:
    change = Change(
        address=ACCOUNT, action=Action.REPLACE, resource=RESOURCE, id="account-a", record=FULL, delete_first=True
    )
    rest = without_object(FULL, "account-a")
    assert rest is not None
    found = intent(step(Verb.CREATE), change, {ACCOUNT: rest})

    assert found.replaces is None
    assert found.record is not None
    assert found.record.deposed == (OLD,)


def test_the_intent_of_making_again_what_vanished_forgets_the_old_id() -> None:
    change = Change(address=ACCOUNT, action=Action.CREATE, resource=RESOURCE, record=FULL)
    found = intent(step(Verb.CREATE), change, {ACCOUNT: FULL})

    assert found.record is not None
    assert found.record.deposed == (OLD,)


def test_the_intent_of_another_run_of_a_job_forgets_the_old_id() -> None:
    change = Change(address=ACCOUNT, action=Action.RUN, resource=RESOURCE, id="account-a", record=FULL)
    found = intent(step(Verb.RUN, "account-a"), change, {ACCOUNT: replace(FULL, deposed=())})

    assert found.record is not None
    assert (found.record.id, found.record.deposed, found.replaces) == (None, (), None)


def test_the_intent_of_an_update() -> None:
    change = Change(address=ACCOUNT, action=Action.UPDATE, resource=RESOURCE, id="account-a", record=FULL)
    found = intent(step(Verb.UPDATE, "account-a"), change, {ACCOUNT: FULL}, {"name": "A"})

    assert (found.verb, found.target, found.replaces) == ("update", "account-a", None)
    assert found.record == replace(FULL, unsure=(), retired=None, touched=LATER)


@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.DISABLE])
def test_the_intent_of_what_sends_no_document_has_no_record(verb: Verb) -> None:
    change = Change(address=ACCOUNT, action=Action.DELETE, id="account-a", record=FULL)
    found = intent(step(verb, "account-a"), change, {ACCOUNT: FULL})

    assert (found.record, found.target) == (None, "account-a")


def test_the_record_after_a_creation_that_replaced_another() -> None:
    change = Change(address=ACCOUNT, action=Action.REPLACE, resource=RESOURCE, id="account-a", record=FULL)
    opened = intent(step(Verb.CREATE), change, {ACCOUNT: FULL}, {"name": "A"})
    reply = replace(seen("new", {}), outputs={"url": "v"})

    assert record_after(step(Verb.CREATE), opened, reply, None, {ACCOUNT: FULL}) == replace(
        recorded("Account", {"name": "A"}, id="new"),
        outputs={"url": "v"},
        memo={"k": "v"},
        deposed=(OLD, Deposed(id="account-a", reason="it was replaced")),
        touched=LATER,
    )


def test_a_left_over_object_that_went_during_an_update_does_not_come_back() -> None:
    change = Change(address=ACCOUNT, action=Action.UPDATE, resource=RESOURCE, id="account-a", record=FULL)
    opened = intent(step(Verb.UPDATE, "account-a"), change, {ACCOUNT: FULL})
    now = {ACCOUNT: replace(FULL, deposed=())}
    after = record_after(step(Verb.UPDATE, "account-a"), opened, seen("account-a", {}), None, now)

    assert after is not None
    assert after.deposed == ()


def test_the_record_after_a_deletion() -> None:
    change = Change(address=ACCOUNT, action=Action.DELETE, id="account-a", record=FULL)
    opened = intent(step(Verb.DELETE, "account-a"), change, {ACCOUNT: FULL})
    alone = {ACCOUNT: replace(FULL, deposed=())}

    assert record_after(step(Verb.DELETE, "account-a"), opened, None, None, alone) is None
    assert record_after(step(Verb.DELETE, "account-a"), opened, None, None, {}) is None
    assert record_after(step(Verb.DELETE, "account-0"), opened, None, None, {ACCOUNT: FULL}) == replace(
        FULL, deposed=()
    )


def test_the_record_after_disabling() -> None:
    change = Change(address=ACCOUNT, action=Action.DISABLE, id="account-a", record=FULL)
    opened = intent(step(Verb.DISABLE, "account-a"), change, {ACCOUNT: FULL})
    before, after = seen("account-a", {"enabled": True}), seen("account-a", {"enabled": False})

    def applied(known: bool) -> Document:
        record = record_after(
            step(Verb.DISABLE, "account-a"), opened, after, before if known else None, {ACCOUNT: FULL}
        )
        assert record is not None
        assert record.retired == "disable"
        return record.applied

    assert applied(known=True) == {"name": "A", "enabled": False}
    assert applied(known=False) == {"name": "A"}


def test_the_record_of_a_change_that_only_the_state_keeps() -> None:
    resource = replace(RESOURCE, labels={"team": "crm"})
    change = Change(address=ACCOUNT, action=Action.RECORD, resource=resource, id="account-a", record=FULL)

    assert record_of(change, {ACCOUNT: FULL}, {"name": "B"}, LATER) == replace(
        FULL, applied={"name": "B"}, labels={"team": "crm"}, unsure=(), retired=None, touched=LATER
    )


def test_the_record_of_what_is_retired() -> None:
    change = Change(address=ACCOUNT, action=Action.RETIRE, id="account-a", record=FULL)

    assert record_of(change, {ACCOUNT: replace(FULL, retired=None)}, {}, LATER) == FULL


@pytest.mark.parametrize(("id", "left"), [("account-0", ("account-a", ())), ("account-a", (None, (OLD,)))])
def test_the_record_of_what_is_forgotten(id: str, left: tuple[str | None, tuple[Deposed, ...]]) -> None:
    change = Change(address=ACCOUNT, action=Action.FORGET, id=id, record=FULL)
    record = record_of(change, {ACCOUNT: FULL}, {}, LATER)

    assert record is not None
    assert (record.id, record.deposed) == left


def test_the_record_of_a_recovery_without_a_manifest_is_as_recovered() -> None:
    change = Change(address=ACCOUNT, action=Action.RECOVER)

    assert record_of(change, {ACCOUNT: FULL}, {}, LATER) == FULL
    assert record_of(change, {}, {}, LATER) is None
