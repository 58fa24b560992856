from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scenes import decide, of, only, reading, recorded, refusal, seen, state_of, wanted
from simulation import KINDS, SCOPE, START, address

from reconciler.engine.recovery import Recovery, may_be, natural_key, recover, traces
from reconciler.values import (
    HIDDEN,
    MISSING,
    Action,
    Address,
    Deposed,
    Document,
    Hold,
    HoldKind,
    Intent,
    Lifecycle,
    Ownership,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Resource,
    Secret,
    Settlement,
    SettlementStatus,
    Severity,
    Snapshot,
    State,
)

ACCOUNT, SLOT = address("Account"), address("Slot")

ONE = Secret(source="env", name="T", version="1")
LONG_AGO = START - timedelta(minutes=5)
JUST_NOW = START - timedelta(seconds=10)


def opened(
    verb: str, record: Record | None, *, target: str | None = None, id: str = "i1", to: Address = ACCOUNT
) -> Intent:
    """An intent of which nobody knows the end."""
    return Intent(id=id, run="r", address=to, verb=verb, scope=SCOPE, at=LONG_AGO, target=target, record=record)


def creation(kind: str = "Account", document: Document | None = None, *, id: str = "i1") -> Intent:
    record = recorded(kind, document if document is not None else {"name": "A"})
    return opened("create", replace(record, id=None), to=address(kind), id=id)


def recovered(state: State, intents: tuple[Intent, ...], snapshot: Snapshot, *wanted: Address) -> Recovery:
    return recover(
        state, intents, snapshot, KINDS.__getitem__, {each: Resource(address=each, attributes={}) for each in wanted}
    )


def settlement(intent: Intent, status: SettlementStatus, record: Record | None = None) -> Settlement:
    return Settlement(intent=intent.id, status=status, at=START, address=intent.address, record=record)


MARKED = seen("account-1", {"name": "A"}, owner=ACCOUNT, intent="i1")


# --- creations ---


@pytest.mark.parametrize("verb", ["create", "run"])
def test_a_creation_whose_mark_is_found_is_adopted(verb: str) -> None:
    intent = replace(creation(), verb=verb)
    found = recovered(state_of(), (intent,), reading({"Account": [replace(MARKED, outputs={"url": "u"})]}))
    record = replace(recorded("Account", {"name": "A"}, id="account-1"), outputs={"url": "u"}, touched=START)

    assert found == Recovery(
        state=state_of(record),
        settlements=(settlement(intent, SettlementStatus.DONE, record),),
        reasons={ACCOUNT: Reason(code=ReasonCode.RECOVERED, text="an interrupted run had made `account-1`")},
        holds={},
        problems=(),
    )


def test_what_was_replaced_by_an_adopted_object_is_still_to_be_deleted() -> None:
    before = replace(recorded("Account", {"name": "A"}), deposed=(Deposed(id="account-0", reason="it was replaced"),))
    intent = replace(
        creation(),
        replaces="account-a",
        record=replace(before, id=None, deposed=(*before.deposed, Deposed(id="account-9", reason="it was replaced"))),
    )
    found = recovered(state_of(before), (intent,), reading({"Account": [MARKED]}))

    assert [each.id for each in found.state.records[ACCOUNT].deposed] == ["account-0", "account-a"]


def test_hidden_fields_of_an_adopted_object_have_arrived_with_it() -> None:
    account = wanted("Account", {"name": "A", "token": ONE})
    intent = creation(document={"name": "A", "token": ONE})
    change = only(decide([account], [], reading({"Account": [MARKED]}), intents=(intent,)))

    assert change.action is Action.RECOVER


def test_a_creation_without_trace_is_void_once_lists_can_be_believed() -> None:
    intent = replace(creation(), at=START - timedelta(seconds=30))
    found = recovered(state_of(), (intent,), reading({}))

    assert found == Recovery(
        state=state_of(), settlements=(settlement(intent, SettlementStatus.VOID),), reasons={}, holds={}, problems=()
    )


def test_a_creation_without_trace_waits_until_lists_can_be_believed() -> None:
    intent = replace(creation(), at=JUST_NOW)
    found = recovered(state_of(), (intent,), reading({}))

    assert found.settlements == ()
    assert found.holds == {
        ACCOUNT: Hold(kind=HoldKind.WAIT, reason="its creation was interrupted and may show up within 20 s")
    }


def test_an_address_that_waits_is_not_created_again_and_its_dependents_wait() -> None:
    account = wanted("Account", {"name": "A"})
    intent = replace(creation(), at=JUST_NOW)
    decision = decide([account], [], reading({}), intents=(intent,))

    assert only(decision).action is Action.WAIT
    assert decision.settlements == ()


def test_several_objects_with_one_mark_wait_for_a_human() -> None:
    snapshot = reading({"Account": [MARKED, replace(MARKED, id="account-0")]})
    decision = decide([wanted("Account", {"name": "A"})], [], snapshot, intents=(creation(),))

    assert refusal(decision) == Problem(
        code="several-candidates",
        message="an interrupted creation may have made any of `account-0`, `account-1`",
        address=ACCOUNT,
        help="look at them at the vendor, delete those that are not wanted, and run again",
    )
    assert decision.settlements == ()


def test_without_a_mark_the_one_new_object_with_the_natural_key_is_adopted() -> None:
    intent = replace(creation("Slot"), seen=("slot-0",))
    objects = [seen("slot-0", {"name": "A"}), seen("slot-1", {"name": "A"}), seen("slot-2", {"name": "B"})]
    found = recovered(state_of(), (intent,), reading({"Slot": objects}))

    assert found.state.records[SLOT].id == "slot-1"


def test_without_a_mark_several_new_objects_wait_for_a_human() -> None:
    objects = [seen("slot-1", {"name": "A"}), seen("slot-2", {"name": "A"})]
    found = recovered(state_of(), (creation("Slot"),), reading({"Slot": objects}))

    assert [(problem.code, problem.address) for problem in found.problems] == [("several-candidates", SLOT)]
    assert found.settlements == ()


def test_an_object_that_is_recorded_is_no_candidate() -> None:
    other = replace(recorded("Slot", {"name": "A"}, name="b", id="slot-1"), deposed=(Deposed(id="slot-2", reason="x"),))
    objects = [seen("slot-1", {"name": "A"}), seen("slot-2", {"name": "A"})]
    found = recovered(state_of(other), (creation("Slot"),), reading({"Slot": objects}))

    assert [each.status for each in found.settlements] == [SettlementStatus.VOID]


def test_two_creations_do_not_adopt_one_object() -> None:
    first = creation("Slot")
    second = replace(creation("Slot", id="i2"), address=address("Slot", "b"))
    second = replace(second, record=replace(recorded("Slot", {"name": "A"}, name="b"), id=None))
    found = recovered(state_of(), (second, first), reading({"Slot": [seen("slot-1", {"name": "A"})]}))

    assert [(each.intent, each.status) for each in found.settlements] == [
        ("i1", SettlementStatus.DONE),
        ("i2", SettlementStatus.VOID),
    ]


def test_traces_of_a_mark_are_found_by_the_attempt() -> None:
    other = seen("account-2", {"name": "A"}, owner=ACCOUNT, intent="i0")

    assert traces(creation(), [MARKED, other, seen("account-3", {"name": "A"})], KINDS["sim/Account"]) == (MARKED,)


# --- deletions ---


def test_a_deletion_that_took_effect_ends_the_record() -> None:
    intent = opened("delete", None, target="account-a")
    found = recovered(state_of(recorded("Account", {})), (intent,), reading({}))

    assert found == Recovery(
        state=state_of(),
        settlements=(settlement(intent, SettlementStatus.DONE),),
        reasons={ACCOUNT: Reason(code=ReasonCode.RECOVERED, text="an interrupted run had deleted `account-a`")},
        holds={},
        problems=(),
    )


def test_a_deletion_that_took_effect_is_printed_although_the_address_is_gone() -> None:
    intent = opened("delete", None, target="account-a")
    change = only(decide([], [recorded("Account", {})], reading({}), intents=(intent,)))

    assert (change.address, change.action, change.id) == (ACCOUNT, Action.RECOVER, None)
    assert [each.text for each in change.reasons] == ["an interrupted run had deleted `account-a`"]


def test_a_deletion_that_took_effect_is_no_second_change_of_what_is_wanted_again() -> None:
    intent = opened("delete", None, target="account-a")
    decision = decide([wanted("Account", {"name": "A"})], [recorded("Account", {})], reading({}), intents=(intent,))

    assert only(decision).action is Action.CREATE
    assert decision.state == state_of()


def test_a_deletion_without_effect_is_void() -> None:
    record = recorded("Account", {})
    intent = opened("delete", None, target="account-a")
    found = recovered(state_of(record), (intent,), reading({"Account": [seen("account-a", {})]}))

    assert found.settlements == (settlement(intent, SettlementStatus.VOID),)
    assert found.state == state_of(record)


def test_a_deletion_of_what_is_recorded_no_more_is_void() -> None:
    intent = opened("delete", None, target="account-a")
    found = recovered(state_of(), (intent,), reading({}))

    assert found.settlements == (settlement(intent, SettlementStatus.VOID),)


def test_a_deletion_of_a_left_over_object_keeps_the_record() -> None:
    record = replace(recorded("Account", {}), deposed=(Deposed(id="account-0", reason="x"),))
    intent = opened("delete", None, target="account-0")
    found = recovered(state_of(record), (intent,), reading({}))

    assert found.state == state_of(replace(record, deposed=()))


# --- updates ---


def test_an_update_that_may_have_arrived_makes_hidden_fields_unsure() -> None:
    record = replace(recorded("Account", {"name": "A", "token": ONE}), unsure=("x",))
    sent = replace(record, applied={"name": "B", "access": {"role": "r"}})
    intent = opened("update", sent, target="account-a")
    found = recovered(state_of(record), (intent,), reading({}))
    after = replace(
        record, applied={"name": "A", "token": ONE, "access": {"role": "r"}}, unsure=("access.role", "token", "x")
    )

    assert found == Recovery(
        state=state_of(after),
        settlements=(settlement(intent, SettlementStatus.DONE, after),),
        reasons={ACCOUNT: Reason(code=ReasonCode.RECOVERED, text="an interrupted run may have changed it")},
        holds={},
        problems=(),
    )


def test_a_secret_that_an_interrupted_update_may_have_sent_is_taken_away_when_it_is_not_wanted() -> None:
    account = wanted("Account", {"name": "A"})
    intent = opened("update", of(account, {"name": "A", "token": ONE}), target="account-a")
    snapshot = reading({"Account": [seen("account-a", {"name": "A"})]})
    change = only(decide([account], [of(account)], snapshot, intents=(intent,)))

    assert change.action is Action.UPDATE
    assert [each.path for each in change.fields] == [("token",)]


def test_a_secret_that_an_interrupted_update_may_have_removed_is_sent_again() -> None:
    account = wanted("Account", {"name": "A", "token": ONE})
    intent = opened("update", of(account, {"name": "A"}), target="account-a")
    snapshot = reading({"Account": [seen("account-a", {"name": "A"})]})
    change = only(decide([account], [of(account)], snapshot, intents=(intent,)))

    assert [(each.path, each.before) for each in change.fields] == [(("token",), HIDDEN)]


def test_a_field_that_an_interrupted_update_may_have_set_is_taken_away_when_it_is_not_wanted() -> None:
    account = wanted("Account", {"name": "A"})
    intent = opened("update", of(account, {"name": "A", "access": {"kind": "x"}}), target="account-a")
    snapshot = reading({"Account": [seen("account-a", {"name": "A", "access": {"kind": "x"}})]})
    change = only(decide([account], [of(account)], snapshot, intents=(intent,)))

    assert [each.path for each in change.fields] == [("access", "kind")]


def test_a_mapping_and_a_text_of_an_interrupted_update_are_not_mixed() -> None:
    record = recorded("Account", {"name": "A", "access": {"kind": "x"}, "options": "none"})
    sent = recorded("Account", {"name": "A", "access": "all", "options": {"wait": 1}})
    found = recovered(state_of(record), (opened("update", sent, target="account-a"),), reading({}))

    assert found.state.records[ACCOUNT].applied == record.applied


def test_an_update_that_arrived_whole_leaves_nothing_but_its_record() -> None:
    account = wanted("Account", {"name": "B"})
    intent = opened("update", of(account), target="account-a")
    snapshot = reading({"Account": [seen("account-a", {"name": "B"})]})
    change = only(decide([account], [of(account, {"name": "A"})], snapshot, intents=(intent,)))

    assert change.action is Action.RECOVER
    assert [each.text for each in change.reasons] == [
        "an interrupted run may have changed it",
        "only what is remembered of it changes",
    ]


def test_an_interrupted_disabling_is_seen_when_the_manifest_comes_back() -> None:
    flow = wanted("Flow", {"name": "F", "source": "s"})
    intent = opened("disable", None, target="flow-a", to=address("Flow"))
    object = seen("flow-a", {"name": "F", "source": "s", "enabled": False, "schedule": {"every": "1d"}})
    change = only(decide([flow], [of(flow)], reading({"Flow": [object]}), intents=(intent,)))

    assert [(each.path, each.before, each.after) for each in change.fields] == [(("enabled",), False, True)]


def test_an_interrupted_disabling_counts_nested_defaults_too() -> None:
    record = recorded("Account", {"options": {"wait": 1}})
    found = recovered(state_of(record), (opened("disable", None, target="account-a"),), reading({}))

    assert found.state.records[ACCOUNT].applied == {"mode": "safe", "options": {"retries": 3, "wait": 1}}


@pytest.mark.parametrize("records", [(), (recorded("Account", {}, id="another"),)])
def test_an_update_of_what_is_recorded_no_more_is_void(records: tuple[Record, ...]) -> None:
    intent = opened("update", recorded("Account", {}), target="account-a")
    found = recovered(state_of(*records), (intent,), reading({}))

    assert found.settlements == (settlement(intent, SettlementStatus.VOID),)
    assert (found.state, found.reasons) == (state_of(*records), {})


# --- what cannot be read ---


@pytest.mark.parametrize("what", ["sim/Account", ACCOUNT])
def test_what_cannot_be_read_stays_open(what: str | Address) -> None:
    snapshot = replace(reading({}), unreadable={what: Problem(code="unreadable", message="x")})
    found = recovered(state_of(), (creation(),), snapshot)

    assert (found.settlements, found.holds, found.problems) == ((), {}, ())


# --- marks without a record ---


def test_a_wanted_object_with_our_mark_and_no_record_is_adopted() -> None:
    found = recovered(state_of(), (), reading({"Account": [MARKED]}), ACCOUNT)
    record = Record(address=ACCOUNT, id="account-1", scope=SCOPE, applied={}, touched=START)

    assert found == Recovery(
        state=state_of(record),
        settlements=(Settlement(intent="", status=SettlementStatus.DONE, at=START, address=ACCOUNT, record=record),),
        reasons={ACCOUNT: Reason(code=ReasonCode.RECOVERED, text="`account-1` carries its ownership mark")},
        holds={},
        problems=(),
    )


def test_an_object_with_our_mark_joins_what_is_only_left_over() -> None:
    left = (Deposed(id="account-0", reason="it was replaced"),)
    record = replace(recorded("Account", {}), id=None, deposed=left)
    found = recovered(state_of(record), (), reading({"Account": [MARKED]}), ACCOUNT)

    assert found.problems == ()
    assert found.state == state_of(replace(record, id="account-1", touched=START))


def test_several_wanted_objects_with_our_mark_wait_for_a_human() -> None:
    snapshot = reading({"Account": [MARKED, replace(MARKED, id="account-0")]})
    found = recovered(state_of(), (), snapshot, ACCOUNT)

    assert [(problem.code, problem.address) for problem in found.problems] == [("several-candidates", ACCOUNT)]
    assert found.state == state_of()


def test_what_is_held_or_an_earlier_run_does_not_hide_another_stray() -> None:
    job, last = address("Backfill"), address("Target")
    snapshot = reading(
        {
            "Account": [seen("account-2", {}, owner=ACCOUNT, intent="i0")],
            "Backfill": [seen("backfill-0", {}, owner=job)],
            "Target": [seen("target-9", {}, owner=last)],
        }
    )
    found = recovered(state_of(recorded("Backfill", {})), (replace(creation(), at=JUST_NOW),), snapshot)

    assert [(problem.code, problem.address) for problem in found.problems] == [("stray-object", last)]


@pytest.mark.parametrize(
    ("records", "whose"),
    [((), "has neither a manifest nor a record"), ((recorded("Account", {}),), "is not the recorded object")],
)
def test_a_stray_object_with_our_mark_is_left_alone_and_said(records: tuple[Record, ...], whose: str) -> None:
    found = recovered(state_of(*records), (), reading({"Account": [MARKED]}))

    assert found.problems == (
        Problem(
            code="stray-object",
            message=f"`account-1` carries the ownership mark of `sim/Account/a` and {whose}",
            address=ACCOUNT,
            help="it is left alone; delete it at the vendor, or remove the mark from its description",
            severity=Severity.WARNING,
        ),
    )


def test_several_strays_are_said_together() -> None:
    other = replace(MARKED, id="account-0")
    (problem,) = recovered(state_of(), (), reading({"Account": [MARKED, other]})).problems

    assert problem.message.startswith("`account-0`, `account-1` carries")


def test_a_type_of_which_nothing_was_read_is_as_good_as_empty() -> None:
    snapshot = Snapshot(taken=START, objects={}, scopes={})
    deletion = opened("delete", None, target="slot-a", to=SLOT, id="i2")
    found = recovered(state_of(recorded("Slot", {})), (creation(), deletion), snapshot)

    assert [(each.address, each.status) for each in found.settlements] == [
        (ACCOUNT, SettlementStatus.VOID),
        (SLOT, SettlementStatus.DONE),
    ]


def test_earlier_runs_of_a_job_are_no_strays() -> None:
    job = address("Backfill")
    snapshot = reading({"Backfill": [seen("backfill-0", {}, owner=job)]})

    assert recovered(state_of(recorded("Backfill", {})), (), snapshot, job).problems == ()


@pytest.mark.parametrize(
    "change",
    [{"project": "q"}, {"environment": "f"}, {"kind": "Flow"}],
    ids=["project", "environment", "kind"],
)
def test_a_mark_that_is_not_ours_is_never_adopted(change: dict[str, str]) -> None:
    words = {"project": "p", "environment": "e", "kind": "Account", "name": "a", "intent": "i1", **change}
    snapshot = reading({"Account": [replace(MARKED, owner=Ownership(**words))]})
    found = recovered(state_of(), (), snapshot, ACCOUNT, address("Flow"))

    assert (found.settlements, found.problems) == ((), ())


def test_a_stray_of_an_address_that_waits_is_not_said() -> None:
    other = seen("account-2", {"name": "A"}, owner=ACCOUNT, intent="i0")
    found = recovered(state_of(), (replace(creation(), at=JUST_NOW),), reading({"Account": [other]}), ACCOUNT)

    assert found.problems == ()
    assert list(found.holds) == [ACCOUNT]


# --- natural keys ---


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"name": "A", "source": "s"}, ("A", "s")),
        ({"name": "A"}, ("A", MISSING)),
        ({"name": None, "source": {}}, None),
        ({}, None),
    ],
)
def test_a_natural_key_is_none_when_nothing_of_it_is_set(document: Document, key: tuple[object, ...] | None) -> None:
    assert natural_key(document, KINDS["sim/Flow"]) == key


def test_a_natural_key_may_be_more_than_text() -> None:
    traits = replace(KINDS["sim/Account"], natural_key=(("tags",),))

    assert natural_key({"tags": ({"n": 1},)}, traits) == natural_key({"tags": ({"n": 1.0, "m": None},)}, traits)


def test_a_kind_without_natural_key_has_none() -> None:
    assert natural_key({"name": "A"}, KINDS["sim/Backfill"]) is None


def test_the_lifecycle_of_the_interrupted_run_is_the_recorded_one() -> None:
    intent = creation()
    assert intent.record is not None
    intent = replace(intent, record=replace(intent.record, lifecycle=Lifecycle(prevent_destroy=True)))
    found = recovered(state_of(), (intent,), reading({"Account": [MARKED]}))

    assert found.state.records[ACCOUNT].lifecycle.prevent_destroy


@pytest.mark.parametrize(
    ("key", "other", "perhaps"),
    [
        (("a", "b"), ("a", "b"), True),
        (("a", HIDDEN), ("a", "b"), True),
        (("a", "b"), ("a", HIDDEN), True),
        (("c", HIDDEN), ("a", "b"), False),
        (("a", "c"), ("a", "b"), False),
        (None, None, True),
        (None, ("a",), False),
        (("a",), None, False),
    ],
)
def test_two_keys_may_be_the_same_as_far_as_can_be_seen(
    key: tuple[object, ...] | None, other: tuple[object, ...] | None, perhaps: bool
) -> None:
    assert may_be(key, other) is perhaps
