from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import decide, of, only, reading, recorded, refusal, seen, state_of, wanted
from simulation import KINDS, SCOPE, START, address

from reconciler.engine.planner import is_refused, plan, to_do
from reconciler.engine.safety import Limits
from reconciler.values import (
    MISSING,
    UNKNOWN,
    Action,
    Address,
    Change,
    Deposed,
    Desired,
    Document,
    FieldChange,
    Hold,
    HoldKind,
    Lifecycle,
    OnRemoval,
    Options,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Ref,
    ReplaceOrder,
    Resource,
    Secret,
    Severity,
    Snapshot,
    State,
    Taint,
)

ACCOUNT = wanted("Account", {"name": "A", "region": "eu"})
SOURCE = wanted("Source", {"name": "S", "account": Ref(address("Account")), "datasets": ("d",)})
FLOW = wanted("Flow", {"name": "F", "source": Ref(address("Source"))})
SECRET = Secret(source="env", name="T", version="1")
DIGEST = "sha256:0751d4265d2dd437ba7bf01cf7be590677a551754ff96dd9a5bb55ae7ba7c70a"
CHAIN = (ACCOUNT, SOURCE, FLOW)
CHAIN_RECORDS = (
    of(ACCOUNT),
    of(SOURCE, {"name": "S", "account": "account-a", "datasets": ("d",)}),
    of(FLOW, {"name": "F", "source": "source-a"}),
)
ACCOUNT_SEEN = seen("account-a", {"name": "A", "region": "eu"})
SOURCE_SEEN = seen("source-a", {"name": "S", "account": "account-a", "datasets": ("d",)})
FLOW_SEEN = seen("flow-a", {"name": "F", "source": "source-a"})
CHAIN_SEEN = reading({"Account": [ACCOUNT_SEEN], "Source": [SOURCE_SEEN], "Flow": [FLOW_SEEN]})


def codes(change: Change) -> list[tuple[ReasonCode, str]]:
    return [(reason.code, reason.text) for reason in change.reasons]


def actions(resources: tuple[Resource, ...], records: tuple[Record, ...], snapshot: Snapshot) -> dict[str, str]:
    decision = decide(resources, records, snapshot)
    assert decision.plan.problems == ()
    return {str(change.address): change.action.value for change in decision.plan.changes}


# --- what is wanted ---


def test_what_does_not_exist_is_created() -> None:
    assert only(decide([ACCOUNT], [], reading({}))) == Change(
        address=address("Account"),
        action=Action.CREATE,
        resource=ACCOUNT,
        reasons=(Reason(code=ReasonCode.NEW, text="it does not exist yet"),),
    )


def test_what_is_as_wanted_is_left_alone() -> None:
    decision = decide(CHAIN, CHAIN_RECORDS, CHAIN_SEEN)

    assert [(change.action, change.id, change.reasons) for change in decision.plan.changes] == [
        (Action.NOOP, "account-a", ()),
        (Action.NOOP, "flow-a", ()),
        (Action.NOOP, "source-a", ()),
    ]
    assert to_do(decision.plan) == ()
    assert decision.plan.notes == ()


def test_a_no_op_says_whom_the_object_points_at() -> None:
    decision = decide(CHAIN, CHAIN_RECORDS, CHAIN_SEEN)

    assert [(change.points_at, change.revision) for change in decision.plan.changes] == [
        ((), "1"),
        ((address("Source"),), "1"),
        ((address("Account"),), "1"),
    ]


def test_the_plan_names_its_project_and_state() -> None:
    planned = decide([], [], reading({}), state=replace(state_of(), serial=9)).plan

    assert (planned.project, planned.environment, planned.lineage, planned.serial, planned.taken) == (
        "p",
        "e",
        "l",
        9,
        START,
    )


def test_what_is_gone_at_the_vendor_is_made_again() -> None:
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({})))

    assert (change.action, change.id) == (Action.CREATE, None)
    assert codes(change) == [(ReasonCode.GONE, "gone at the vendor: `account-a` does not exist any more")]


def test_one_field_that_differs_is_an_update() -> None:
    object = seen("account-a", {"name": "B", "region": "eu"})
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]})))

    assert (change.action, change.id, change.revision) == (Action.UPDATE, "account-a", "1")
    assert change.fields == (FieldChange(path=("name",), before="B", after="A"),)
    assert codes(change) == [(ReasonCode.CHANGED, "1 field differs")]
    assert change.digest is not None
    assert change.digest.startswith("sha256:")


def test_two_fields_that_differ_are_counted() -> None:
    resource = wanted("Account", {"name": "A", "mode": "fast"})
    change = only(decide([resource], [of(resource)], reading({"Account": [seen("account-a", {})]})))

    assert codes(change) == [(ReasonCode.CHANGED, "2 fields differ")]


def test_the_digest_moves_with_a_compared_field_and_not_with_another() -> None:
    def digest(**more: str) -> str | None:
        object = seen("account-a", {"name": "B", "region": "eu", **more})
        return only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]}))).digest

    assert digest() == digest(theirs="x")
    assert digest() != digest(name="C")


def test_the_digest_moves_with_what_was_applied_and_is_not_wanted_any_more() -> None:
    def digest(note: str) -> str | None:
        record = of(ACCOUNT, {**ACCOUNT.attributes, "note": "x"})
        return only(
            decide(
                [ACCOUNT],
                [record],
                reading({"Account": [replace(ACCOUNT_SEEN, attributes={**ACCOUNT_SEEN.attributes, "note": note})]}),
            )
        ).digest

    assert digest("x") != digest("y")


def test_a_hidden_reference_that_was_sent_still_points() -> None:
    kinds = {"sim/Source": replace(KINDS["sim/Source"], write_only=frozenset({("account",)}))}
    snapshot = reading({"Account": [ACCOUNT_SEEN], "Source": [seen("source-a", {"name": "S"})]})
    records = [of(ACCOUNT), of(SOURCE, {"name": "S", "account": "account-a"})]
    (_, change) = decide([ACCOUNT, SOURCE], records, snapshot, kinds=kinds).plan.changes

    assert change.points_at == (address("Account"),)


def test_the_digest_is_the_same_in_every_version() -> None:
    object = seen("account-a", {"name": "Ä", "region": "eu", "access": {"kind": "x", "note": 1.5}, "tags": ("b", True)})
    resource = wanted("Account", {"name": "A", "region": "eu", "access": {"kind": "y"}, "tags": (), "mode": None})
    change = only(decide([resource], [of(resource)], reading({"Account": [object]})))

    assert change.digest == DIGEST


def test_the_digest_leaves_out_what_is_ignored() -> None:
    resource = replace(ACCOUNT, lifecycle=Lifecycle(ignore_changes=("region",)))

    def digest(region: str) -> str | None:
        object = seen("account-a", {"name": "B", "region": region})
        return only(decide([resource], [of(resource)], reading({"Account": [object]}))).digest

    assert digest("eu") == digest("us")


def test_several_immutable_fields_are_named_with_their_paths() -> None:
    kinds = {"sim/Account": replace(KINDS["sim/Account"], immutable=frozenset({("access", "kind"), ("region",)}))}
    resource = wanted("Account", {"access": {"kind": "x"}, "region": "eu"})
    object = seen("account-a", {"access": {"kind": "y"}, "region": "us"})
    change = only(decide([resource], [of(resource)], reading({"Account": [object]}), kinds=kinds))

    assert codes(change) == [(ReasonCode.IMMUTABLE, "`access.kind`, `region` cannot be changed in place")]


def test_an_immutable_field_that_differs_is_a_replacement_create_first() -> None:
    object = seen("account-a", {"name": "A", "region": "us"})
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]})))

    assert (change.action, change.id, change.delete_first, change.notes) == (Action.REPLACE, "account-a", False, ())
    assert codes(change) == [(ReasonCode.IMMUTABLE, "`region` cannot be changed in place")]


def test_a_replacement_says_what_it_costs() -> None:
    resource = wanted("Target", {"name": "T", "path": "/in"})
    object = seen("target-a", {"name": "T", "path": "/out"})
    change = only(decide([resource], [of(resource)], reading({"Target": [object]})))

    assert change.notes == ("files start again in the new path",)


def test_two_that_cannot_coexist_are_replaced_delete_first() -> None:
    resource = wanted("Slot", {"name": "S", "size": 2})
    change = only(decide([resource], [of(resource)], reading({"Slot": [seen("slot-a", {"name": "S", "size": 1})]})))

    assert (change.action, change.delete_first) == (Action.REPLACE, True)


def test_the_owner_may_choose_the_order_of_a_replacement() -> None:
    first = wanted("Slot", {"size": 2}, lifecycle=Lifecycle(replace=ReplaceOrder.CREATE_FIRST))
    last = wanted("Account", {"region": "eu"}, lifecycle=Lifecycle(replace=ReplaceOrder.DELETE_FIRST))
    slot = only(decide([first], [of(first)], reading({"Slot": [seen("slot-a", {"size": 1})]})))
    account = only(decide([last], [of(last)], reading({"Account": [seen("account-a", {"region": "us"})]})))

    assert (slot.delete_first, account.delete_first) == (False, True)


def test_a_kind_without_update_is_replaced() -> None:
    resource = wanted("Token", {"name": "T", "use": "a"})
    change = only(decide([resource], [of(resource)], reading({"Token": [seen("token-a", {"name": "T", "use": "b"})]})))

    assert change.action is Action.REPLACE
    assert codes(change) == [(ReasonCode.NOT_UPDATABLE, "the vendor cannot change a `Token`")]


def test_a_job_that_differs_is_run_again() -> None:
    resource = wanted("Backfill", {"days": 1})
    object = seen("backfill-a", {"days": 2})
    change = only(decide([resource], [of(resource)], reading({"Backfill": [object]})))

    assert (change.action, change.id) == (Action.RUN, "backfill-a")
    assert codes(change) == [
        (ReasonCode.CHANGED, "1 field differs"),
        (ReasonCode.NOT_UPDATABLE, "a job cannot be changed, it is run again"),
    ]


def test_a_new_job_is_run() -> None:
    assert only(decide([wanted("Backfill", {"days": 1})], [], reading({}))).action is Action.RUN


def test_a_job_with_an_immutable_field_is_run_again_for_that_reason_alone() -> None:
    resource = wanted("Backfill", {"days": 1})
    kinds = {"sim/Backfill": replace(KINDS["sim/Backfill"], immutable=frozenset({("days",)}))}
    object = seen("backfill-a", {"days": 2})
    change = only(decide([resource], [of(resource)], reading({"Backfill": [object]}), kinds=kinds))

    assert change.action is Action.RUN
    assert codes(change) == [(ReasonCode.IMMUTABLE, "`days` cannot be changed in place")]


@pytest.mark.parametrize(("freshness", "code"), [(False, ReasonCode.TAINTED), (True, ReasonCode.STALE)])
def test_a_tainted_object_is_replaced_although_its_fields_agree(freshness: bool, code: ReasonCode) -> None:
    object = replace(ACCOUNT_SEEN, taint=Taint(reason="its key has expired", freshness=freshness))
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]})))

    assert (change.action, change.fields) == (Action.REPLACE, ())
    assert codes(change) == [(code, "its key has expired")]


def test_a_replacement_can_be_asked_for() -> None:
    options = Options(replace=frozenset({address("Account")}))
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [ACCOUNT_SEEN]}), options=options))

    assert change.action is Action.REPLACE
    assert codes(change) == [(ReasonCode.REQUESTED, "`--replace` asks for it")]


def test_a_replacement_of_a_composite_is_one_of_its_parts() -> None:
    part = replace(ACCOUNT, origin=address("Composite"))
    options = Options(replace=frozenset({address("Composite")}))
    change = only(decide([part], [of(part)], reading({"Account": [ACCOUNT_SEEN]}), options=options))

    assert change.action is Action.REPLACE


def test_secrets_are_sent_again_when_that_is_asked_for() -> None:
    resource = wanted("Account", {"name": "A", "token": SECRET})
    options = Options(resend=frozenset({address("Account")}))
    object = seen("account-a", {"name": "A"})
    change = only(decide([resource], [of(resource)], reading({"Account": [object]}), options=options))

    assert change.action is Action.UPDATE
    assert [each.path for each in change.fields] == [("token",)]
    assert codes(change) == [(ReasonCode.RESEND, "`--resend-secrets` asks for it")]


def test_a_secret_that_was_sent_is_not_sent_again() -> None:
    resource = wanted("Account", {"name": "A", "token": SECRET})
    change = only(decide([resource], [of(resource)], reading({"Account": [seen("account-a", {"name": "A"})]})))

    assert change.action is Action.NOOP


def test_a_secret_of_another_version_is_a_change_like_any_other() -> None:
    resource = wanted("Account", {"name": "A", "token": replace(SECRET, version="2")})
    record = of(resource, {"name": "A", "token": SECRET})
    change = only(decide([resource], [record], reading({"Account": [seen("account-a", {"name": "A"})]})))

    assert codes(change) == [(ReasonCode.CHANGED, "1 field differs")]


@pytest.mark.parametrize("applied", [SECRET, replace(SECRET, version="2")])
def test_a_secret_that_the_owner_ignores_is_never_sent_again(applied: Secret) -> None:
    resource = wanted("Account", {"name": "A", "token": SECRET}, lifecycle=Lifecycle(ignore_changes=("token",)))
    record = replace(of(resource, {"name": "A", "token": applied}), unsure=("token",))
    change = only(decide([resource], [record], reading({"Account": [seen("account-a", {"name": "A"})]})))

    assert change.action is Action.NOOP


def test_ignoring_one_field_does_not_hide_another() -> None:
    resource = wanted("Account", {"name": "A", "mode": "x"}, lifecycle=Lifecycle(ignore_changes=("mode",)))
    object = seen("account-a", {"name": "B", "mode": "y"})
    change = only(decide([resource], [of(resource)], reading({"Account": [object]})))

    assert [each.path for each in change.fields] == [("name",)]


def test_a_secret_of_which_nobody_knows_is_sent_again() -> None:
    resource = wanted("Account", {"name": "A", "token": SECRET})
    record = replace(of(resource), unsure=("token",))
    change = only(decide([resource], [record], reading({"Account": [seen("account-a", {"name": "A"})]})))

    assert change.action is Action.UPDATE
    assert codes(change) == [(ReasonCode.UNSURE, "nobody knows whether the last change arrived")]


def test_secrets_whose_rotation_cannot_be_seen_are_counted_once() -> None:
    one = wanted("Account", {"name": "A", "token": Secret(source="env", name="T")})
    two = wanted("Account", {"name": "B", "rules": ({"x": Secret(source="env", name="U")},)}, name="b")
    fine = wanted("Account", {"name": "C", "token": SECRET}, name="c")
    objects = [
        seen("account-a", {"name": "A"}),
        seen("account-b", {"name": "B", "rules": ({},)}),
        seen("account-c", {"name": "C"}),
    ]

    def notes(*resources: Resource) -> tuple[str, ...]:
        return decide(resources, [of(each) for each in resources], reading({"Account": objects})).plan.notes

    assert notes(fine) == ()
    job = wanted("Backfill", {"name": "D", "key": Secret(source="env", name="B")})
    assert notes(job) == (), "a job uses its secrets when it runs, and nothing holds them afterwards"
    assert notes(one, fine) == (
        (
            "rotation not detectable: 1 resource has secrets without a `version`; "
            "after rotating one, use `--resend-secrets ADDRESS`"
        ),
    )
    assert notes(one, two) == (
        (
            "rotation not detectable: 2 resources have secrets without a `version`; "
            "after rotating one, use `--resend-secrets ADDRESS`"
        ),
    )


def test_an_id_that_is_only_known_after_apply_makes_a_dependent_change() -> None:
    account = seen("account-a", {"name": "A", "region": "us"})
    snapshot = reading({"Account": [account], "Source": [SOURCE_SEEN], "Flow": [FLOW_SEEN]})
    decision = decide(CHAIN, CHAIN_RECORDS, snapshot)
    _, flow, source = decision.plan.changes

    assert [(change.action, change.fields) for change in (source, flow)] == [
        (
            Action.REPLACE,
            (FieldChange(path=("account",), before="account-a", after=UNKNOWN, forces_replacement=True),),
        ),
        (Action.UPDATE, (FieldChange(path=("source",), before="source-a", after=UNKNOWN),)),
    ]


def test_a_change_of_labels_alone_is_recorded() -> None:
    resource = replace(ACCOUNT, labels={"team": "crm"})
    change = only(decide([resource], [of(ACCOUNT)], reading({"Account": [ACCOUNT_SEEN]})))

    assert change.action is Action.RECORD
    assert codes(change) == [(ReasonCode.STATE_ONLY, "only what is remembered of it changes")]


@pytest.mark.parametrize(
    "resource",
    [
        replace(ACCOUNT, lifecycle=Lifecycle(prevent_destroy=True)),
        replace(ACCOUNT, origin=address("Composite")),
        replace(ACCOUNT, attributes={**ACCOUNT.attributes, "description": None, "tags": None}),
    ],
    ids=["lifecycle", "origin", "nothing"],
)
def test_what_only_the_state_keeps_is_no_change_at_the_vendor(resource: Resource) -> None:
    change = only(decide([resource], [of(ACCOUNT)], reading({"Account": [ACCOUNT_SEEN]})))

    assert change.action is (Action.NOOP if resource.attributes != ACCOUNT.attributes else Action.RECORD)


def test_an_edit_at_the_vendor_that_the_manifest_adopts_is_recorded() -> None:
    record = of(ACCOUNT, {"name": "old", "region": "eu"})

    assert only(decide([ACCOUNT], [record], reading({"Account": [ACCOUNT_SEEN]}))).action is Action.RECORD


def test_a_retired_object_that_is_wanted_again_returns() -> None:
    record = replace(of(ACCOUNT), retired="report")
    decision = decide([ACCOUNT], [record], reading({"Account": [ACCOUNT_SEEN]}))

    assert only(decision).action is Action.RECORD
    assert codes(only(decision)) == [(ReasonCode.RETURNED, "it is wanted again")]
    assert decision.plan.retired == 0


def test_what_the_owner_ignores_is_left_as_it_is() -> None:
    resource = replace(ACCOUNT, lifecycle=Lifecycle(ignore_changes=("spec.name", "region")))
    object = seen("account-a", {"name": "theirs", "region": "us"})

    assert only(decide([resource], [of(resource)], reading({"Account": [object]}))).action is Action.NOOP


# --- holds ---


@pytest.mark.parametrize(("kind", "action"), [(HoldKind.WAIT, Action.WAIT), (HoldKind.BLOCKED, Action.BLOCKED)])
def test_an_object_that_is_held_is_not_changed_now(kind: HoldKind, action: Action) -> None:
    hold = Hold(kind=kind, reason="a run is under way")
    object = replace(seen("account-a", {"name": "B", "region": "eu"}), hold=hold)
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]})))

    assert (change.action, change.hold, change.id) == (action, hold, "account-a")
    assert codes(change) == [(ReasonCode.HELD, "a run is under way"), (ReasonCode.CHANGED, "1 field differs")]


def test_an_existing_object_may_be_held_by_an_extra_reading() -> None:
    hold = Hold(kind=HoldKind.BLOCKED, reason="the quota is used up")
    snapshot = reading(
        {"Account": [seen("account-a", {"name": "B", "region": "eu"})]}, holds={address("Account"): hold}
    )

    assert only(decide([ACCOUNT], [of(ACCOUNT)], snapshot)).action is Action.BLOCKED


def test_a_held_object_that_is_as_wanted_is_a_no_op() -> None:
    object = replace(ACCOUNT_SEEN, hold=Hold(kind=HoldKind.WAIT, reason="x"))

    assert only(decide([ACCOUNT], [of(ACCOUNT)], reading({"Account": [object]}))).action is Action.NOOP


def test_a_creation_that_is_held_lets_its_dependents_wait_and_theirs() -> None:
    hold = Hold(kind=HoldKind.BLOCKED, reason="the quota is used up")
    decision = decide(CHAIN, [], reading({}, holds={address("Account"): hold}))
    account, flow, source = decision.plan.changes

    assert [change.action for change in (account, source, flow)] == [Action.BLOCKED, Action.WAIT, Action.WAIT]
    assert codes(source) == [(ReasonCode.HELD, "it waits for `sim/Account/a`")]
    assert codes(flow) == [(ReasonCode.HELD, "it waits for `sim/Source/a`")]
    assert to_do(decision.plan) == ()


def test_a_hold_on_an_existing_object_does_not_hold_its_dependents() -> None:
    hold = Hold(kind=HoldKind.WAIT, reason="x")
    account = replace(seen("account-a", {"name": "B", "region": "eu"}), hold=hold)
    decision = decide([ACCOUNT, SOURCE], [of(ACCOUNT)], reading({"Account": [account]}))

    assert [change.action for change in decision.plan.changes] == [Action.WAIT, Action.CREATE]


def test_a_recorded_object_that_cannot_be_found_just_now_is_held() -> None:
    hold = Hold(kind=HoldKind.WAIT, reason="made seconds ago")
    change = only(decide([ACCOUNT], [of(ACCOUNT)], reading({}, holds={address("Account"): hold})))

    assert (change.action, change.id) == (Action.WAIT, "account-a")


# --- what is not wanted any more ---


def removal(policy: OnRemoval | None, *, kind: str = "Flow", retired: str | None = None) -> tuple[Record, Snapshot]:
    record = replace(recorded(kind, {"name": "F"}), lifecycle=Lifecycle(on_removal=policy), retired=retired)
    return record, reading({kind: [seen(f"{kind.lower()}-a", {"name": "F"})]})


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        (None, Action.DELETE),
        (OnRemoval.REPORT, Action.RETIRE),
        (OnRemoval.DISABLE, Action.DISABLE),
        (OnRemoval.DELETE, Action.DELETE),
        (OnRemoval.FORGET, Action.FORGET),
    ],
)
def test_the_recorded_policy_rules_when_the_manifest_is_gone(policy: OnRemoval | None, action: Action) -> None:
    record, snapshot = removal(policy)
    change = only(decide([], [record], snapshot))

    assert change.digest is not None, "a saved plan holds the object to what it was"
    assert replace(change, digest=None) == Change(
        address=address("Flow"),
        action=action,
        id="flow-a",
        record=record,
        revision="1",
        reasons=(Reason(code=ReasonCode.REMOVED, text="its manifest is gone"),),
    )


def test_a_retired_object_is_counted_and_left() -> None:
    record, snapshot = removal(OnRemoval.REPORT, retired="report")
    decision = decide([], [record], snapshot)

    assert (only(decision).action, decision.plan.retired) == (Action.NOOP, 1)


def test_what_is_not_wanted_and_gone_already_is_forgotten() -> None:
    record, _ = removal(None)
    change = only(decide([], [record], reading({})))

    assert change.action is Action.FORGET
    assert codes(change) == [(ReasonCode.GONE, "`flow-a` does not exist any more")]


@pytest.mark.parametrize("policy", [*OnRemoval, None])
@pytest.mark.parametrize("retired", [None, "report"])
def test_destroying_deletes_whatever_the_policy_says(policy: OnRemoval | None, retired: str | None) -> None:
    record, snapshot = removal(policy, retired=retired)
    change = only(decide([FLOW], [record], snapshot, options=Options(destroy=True)))

    assert change.action is Action.DELETE
    assert codes(change) == [(ReasonCode.REMOVED, "`destroy` asks for it")]


def test_destroying_forgets_what_the_vendor_cannot_delete_and_is_to_be_forgotten() -> None:
    record, snapshot = removal(None, kind="Label")

    assert only(decide([], [record], snapshot, options=Options(destroy=True))).action is Action.FORGET


def test_what_the_vendor_cannot_delete_is_a_problem() -> None:
    record, snapshot = removal(OnRemoval.DELETE, kind="Label")

    assert refusal(decide([], [record], snapshot)) == Problem(
        code="not-deletable",
        message="the vendor deletes no `Label`",
        address=address("Label"),
        help="set `onRemoval: forget` in its manifest and apply that first",
    )


def test_a_recorded_prevent_destroy_outlives_its_manifest() -> None:
    record, snapshot = removal(OnRemoval.DELETE)
    record = replace(record, lifecycle=replace(record.lifecycle, prevent_destroy=True))

    assert refusal(decide([], [record], snapshot)) == Problem(
        code="prevent-destroy",
        message="it would be deleted, which its recorded `lifecycle.preventDestroy` forbids",
        address=address("Flow"),
        help="bring its manifest back without `preventDestroy` and apply that first",
    )


def test_prevent_destroy_forbids_a_replacement() -> None:
    resource = replace(ACCOUNT, lifecycle=Lifecycle(prevent_destroy=True))
    decision = decide(
        [resource], [of(resource)], reading({"Account": [seen("account-a", {"name": "A", "region": "us"})]})
    )

    assert refusal(decision) == Problem(
        code="prevent-destroy",
        message="the change can only be made by replacing the object, which `lifecycle.preventDestroy` forbids",
        address=address("Account"),
        help="undo the change, or remove `preventDestroy` in a commit of its own",
    )
    assert is_refused(decision.plan)


def test_what_cannot_be_deleted_cannot_be_replaced() -> None:
    resource = wanted("Label", {"name": "L", "color": "red"})
    decision = decide([resource], [of(resource)], reading({"Label": [seen("label-a", {"name": "L", "color": "blue"})]}))

    assert refusal(decision) == Problem(
        code="not-replaceable",
        message="only a replacement could make the change, and the vendor deletes no `Label`",
        address=address("Label"),
        help="give the new one another name and set `onRemoval: forget` on this one",
    )


# --- objects that a replacement left ---


def test_what_a_replacement_left_is_deleted_or_dropped() -> None:
    record = replace(
        of(SOURCE, {"name": "S", "account": "account-a", "datasets": ("d",)}),
        deposed=(Deposed(id="source-0", reason="it was replaced"), Deposed(id="source-9", reason="it was replaced")),
    )
    snapshot = reading({"Account": [ACCOUNT_SEEN], "Source": [SOURCE_SEEN, seen("source-0", {"account": "account-a"})]})
    changes = decide([ACCOUNT, SOURCE], [of(ACCOUNT), record], snapshot).plan.changes[1:]

    assert [change.revision for change in changes] == ["1", "1", None]
    assert [(change.action, change.id, change.resource, change.points_at) for change in changes] == [
        (Action.NOOP, "source-a", SOURCE, (address("Account"),)),
        (Action.DELETE, "source-0", None, (address("Account"),)),
        (Action.FORGET, "source-9", None, ()),
    ]
    assert codes(changes[1]) == codes(changes[2]) == [(ReasonCode.DEPOSED, "left over: it was replaced")]


LEFTOVER = replace(
    recorded("Account", {}),
    id=None,
    deposed=tuple(Deposed(id=id, reason="it was replaced") for id in ("1", "2")),
)
LEFTOVERS = reading({"Account": [seen("1", {"name": "A"}), seen("2", {"name": "A"})]})


def test_what_outlived_its_successor_goes_and_what_is_wanted_is_made() -> None:
    decision = decide([ACCOUNT], [LEFTOVER], LEFTOVERS)

    assert [(change.action, change.id, change.record) for change in decision.plan.changes] == [
        (Action.CREATE, None, LEFTOVER),
        (Action.DELETE, "1", LEFTOVER),
        (Action.DELETE, "2", LEFTOVER),
    ]
    assert [codes(change) for change in decision.plan.changes] == [
        [(ReasonCode.NEW, "it does not exist yet")],
        [(ReasonCode.DEPOSED, "left over: it was replaced")],
        [(ReasonCode.DEPOSED, "left over: it was replaced")],
    ]
    assert decision.plan.problems == ()


def test_what_outlived_its_successor_goes_without_a_manifest() -> None:
    decision = decide([], [LEFTOVER], LEFTOVERS)

    assert [(change.action, change.id) for change in decision.plan.changes] == [
        (Action.NOOP, None),
        (Action.DELETE, "1"),
        (Action.DELETE, "2"),
    ]
    assert decision.plan.problems == ()


def test_nothing_new_points_at_what_outlived_its_successor() -> None:
    options = Options(excludes=frozenset({address("Account")}))
    decision = decide([ACCOUNT, SOURCE], [LEFTOVER], LEFTOVERS, options=options)

    assert refusal(decision).code == "excluded-need"


def test_what_outlived_its_successor_in_another_scope_is_refused() -> None:
    decision = decide([ACCOUNT], [replace(LEFTOVER, scope="organization other")], LEFTOVERS)

    assert refusal(decision).code == "wrong-scope"
    assert [change.action for change in decision.plan.changes] == [Action.NOOP]


@pytest.mark.parametrize("broken", ["type", "address", "scope"])
def test_what_a_replacement_left_stays_when_nothing_is_known_of_it(broken: str) -> None:
    record = replace(of(ACCOUNT), deposed=(Deposed(id="account-0", reason="x"),))
    problem = Problem(code="unreadable", message="no such route")
    unreadable: dict[str | Address, Problem] = {}
    if broken != "scope":
        unreadable = {address("Account") if broken == "address" else "sim/Account": problem}
    snapshot = replace(
        reading({}), unreadable=unreadable, scopes={"sim": "another" if broken == "scope" else SCOPE}, listed={}
    )
    (change,) = decide([ACCOUNT], [record], snapshot).plan.changes

    assert (change.action, change.id) == (Action.NOOP, "account-a")


def test_what_a_replacement_left_goes_when_nobody_says_whose_objects_were_read() -> None:
    record = replace(of(ACCOUNT), deposed=(Deposed(id="account-0", reason="x"),))
    snapshot = replace(reading({"Account": [ACCOUNT_SEEN, seen("account-0", {})]}), scopes={})
    changes = decide([ACCOUNT], [record], snapshot).plan.changes

    assert [(change.action, change.id) for change in changes] == [
        (Action.NOOP, "account-a"),
        (Action.DELETE, "account-0"),
    ]


# --- what cannot be believed ---


def test_an_unreadable_type_is_said_once_and_nothing_is_done() -> None:
    other = wanted("Account", {"name": "B"}, name="b")
    problem = Problem(code="unreadable", message="no such route")
    snapshot = replace(reading({}), unreadable={"sim/Account": problem}, listed={})
    decision = decide([ACCOUNT, other, SOURCE], [of(ACCOUNT), of(other)], snapshot)

    assert decision.plan.problems == (problem,)
    assert [change.action for change in decision.plan.changes] == [Action.NOOP, Action.NOOP, Action.CREATE]


def test_an_unreadable_object_is_said_with_its_address() -> None:
    problem = Problem(code="unreadable", message="no such route")
    snapshot = replace(reading({}), unreadable={address("Account"): problem})
    decision = decide([ACCOUNT], [of(ACCOUNT)], snapshot)

    assert refusal(decision) == replace(problem, address=address("Account"))
    assert [change.action for change in decision.plan.changes] == [Action.NOOP]


def test_what_needs_an_unreadable_object_without_a_record_waits() -> None:
    snapshot = replace(reading({}), unreadable={"sim/Account": Problem(code="unreadable", message="x")}, listed={})
    _, source = decide([ACCOUNT, SOURCE], [], snapshot).plan.changes

    assert source.action is Action.WAIT


def test_a_record_of_another_scope_is_refused_and_never_planned() -> None:
    record = replace(of(ACCOUNT), scope="organization other")
    decision = decide([], [record], reading({}))

    assert refusal(decision) == Problem(
        code="wrong-scope",
        message="it was made in organization other, and the project now names organization sim",
        address=address("Account"),
        help="correct the settings of the vendor, or use another environment with a state of its own",
    )
    assert [change.action for change in decision.plan.changes] == [Action.NOOP]


def test_a_vendor_that_was_not_read_has_no_scope_to_differ() -> None:
    record = replace(of(ACCOUNT), scope="organization other")
    snapshot = replace(reading({"Account": [ACCOUNT_SEEN]}), scopes={})

    assert only(decide([ACCOUNT], [record], snapshot)).action is Action.NOOP


def test_problems_of_the_reading_are_problems_of_the_plan() -> None:
    problem = Problem(code="quota", message="no more flows", severity=Severity.WARNING)
    decision = decide([], [], replace(reading({}), problems=(problem,)))

    assert decision.plan.problems == (problem,)
    assert not is_refused(decision.plan)


STATE_LOST = Problem(
    code="state-lost",
    message="objects at the vendor carry the mark of `p/e`, but there is no state for it",
    help="check the state URL and `-e`; to take these objects back by their marks, run `reconciler state rebuild`",
)


@pytest.mark.parametrize("prior", [None, State(project="p", environment="e", lineage="", serial=0)])
def test_marks_of_ours_without_a_state_are_never_a_first_run(prior: State | None) -> None:
    snapshot = reading({"Account": [seen("account-a", {}, owner=address("Account"))]})
    decision = plan(Desired.of([ACCOUNT]), prior, snapshot, KINDS.__getitem__, project="p", environment="e")

    assert (decision.plan.problems, decision.plan.changes, decision.settlements) == ((STATE_LOST,), (), ())
    assert (decision.plan.project, decision.plan.environment, decision.plan.serial) == ("p", "e", 0)
    assert (decision.plan.lineage, decision.plan.taken) == ("", START)
    assert decision.state == State(project="p", environment="e", lineage="", serial=0)


@pytest.mark.parametrize(("project", "environment"), [("q", "e"), ("p", "f")])
def test_marks_of_others_without_a_state_are_a_first_run(project: str, environment: str) -> None:
    snapshot = reading({"Account": [seen("account-a", {"name": "x"}, owner=address("Account"))]})
    decision = plan(Desired.of([ACCOUNT]), None, snapshot, KINDS.__getitem__, project=project, environment=environment)

    assert only(decision).action is Action.CREATE


def test_a_state_in_which_everything_was_forgotten_is_not_lost() -> None:
    snapshot = reading({"Label": [seen("label-a", {}, owner=address("Label"))]})
    decision = decide([], [], snapshot, state=replace(state_of(), serial=4))

    assert not is_refused(decision.plan)


def test_a_rebuild_takes_objects_back_by_their_marks() -> None:
    snapshot = reading({"Account": [replace(ACCOUNT_SEEN, owner=seen("", {}, owner=address("Account")).owner)]})
    decision = decide([ACCOUNT], [], snapshot, state=replace(state_of(), serial=0), options=Options(rebuild=True))

    assert only(decision).action is Action.RECOVER


# --- lookalikes ---


def test_a_lookalike_is_never_taken_over_silently() -> None:
    snapshot = reading(
        {"Flow": [seen("f-9", {"name": "F", "source": "source-a"}), seen("f-8", {"name": "F", "source": "source-a"})]}
    )
    resource = wanted("Flow", {"name": "F", "source": "source-a"})

    assert refusal(decide([resource], [], snapshot)) == Problem(
        code="lookalike",
        message="`f-8`, `f-9` at the vendor has the same `name` and `source` and is not managed here",
        address=address("Flow"),
        help="to manage it, run `reconciler import sim/Flow/a f-8`; to have both, write "
        "`lifecycle: {createAnyway: true}`",
    )


def test_what_is_made_again_may_have_a_lookalike() -> None:
    snapshot = reading({"Account": [seen("x", {"name": "A"})]})

    assert refusal(decide([ACCOUNT], [of(ACCOUNT)], snapshot)).code == "lookalike"


def test_a_natural_key_may_lie_deep() -> None:
    kinds = {"sim/Account": replace(KINDS["sim/Account"], natural_key=(("access", "kind"),))}
    resource = wanted("Account", {"access": {"kind": "x"}})
    decision = decide([resource], [], reading({"Account": [seen("x", {"access": {"kind": "x"}})]}), kinds=kinds)

    assert refusal(decision).message == "`x` at the vendor has the same `access.kind` and is not managed here"


def test_a_type_of_which_nothing_was_read_has_no_lookalikes() -> None:
    snapshot = Snapshot(taken=START, objects={}, scopes={})

    assert only(decide([ACCOUNT], [], snapshot)).action is Action.CREATE


def test_a_lookalike_that_the_owner_accepts_is_no_problem() -> None:
    resource = replace(ACCOUNT, lifecycle=Lifecycle(create_anyway=True))

    assert only(decide([resource], [], reading({"Account": [seen("x", {"name": "A"})]}))).action is Action.CREATE


@pytest.mark.parametrize("other", ["marked", "recorded", "deposed", "different", "keyless"])
def test_what_is_no_lookalike(other: str) -> None:
    record = recorded("Account", {"name": "A"}, name="b", id="x" if other == "recorded" else "y")
    record = replace(record, deposed=(Deposed(id="x", reason="r"),) if other == "deposed" else ())
    alike = seen("x", {"name": {"different": "B", "keyless": None}.get(other, "A")})
    if other == "marked":
        alike = seen("x", {"name": "A"}, owner=address("Account", "z"))
    snapshot = reading({"Account": [alike, seen("y", {"name": "C"})]})
    decision = decide([ACCOUNT], [record], snapshot)

    assert "lookalike" not in {problem.code for problem in decision.plan.problems}


def test_a_manifest_without_its_natural_key_has_no_lookalike() -> None:
    resource = wanted("Account", {"region": "eu"})

    assert only(decide([resource], [], reading({"Account": [seen("x", {"region": "eu"})]}))).action is Action.CREATE


def test_earlier_runs_of_a_job_are_no_lookalikes_of_the_next() -> None:
    kinds = {"sim/Backfill": replace(KINDS["sim/Backfill"], natural_key=(("name",),))}
    resource = wanted("Backfill", {"name": "B"})
    snapshot = reading({"Backfill": [seen("old", {"name": "B"})]})

    assert only(decide([resource], [of(resource)], snapshot, kinds=kinds)).action is Action.RUN
    assert only(decide([resource], [], snapshot, kinds=kinds)).action is Action.RUN


# --- who points at whom ---


def test_nothing_goes_while_an_object_that_stays_points_at_it() -> None:
    stays = replace(CHAIN_RECORDS[2], retired="report")
    snapshot = reading({"Source": [SOURCE_SEEN], "Flow": [FLOW_SEEN]})
    source = replace(CHAIN_RECORDS[1], needs=())

    assert refusal(decide([], [source, stays], snapshot)) == Problem(
        code="still-needed",
        message="`source-a` would be deleted while `sim/Flow/a` points at it",
        address=address("Source"),
        help="delete or change `sim/Flow/a` too; it was left as it is by its `lifecycle`",
    )


def test_nothing_goes_while_a_strangers_object_points_at_it() -> None:
    snapshot = reading({"Source": [SOURCE_SEEN], "Flow": [seen("f-9", {"source": "source-a"})]})

    assert refusal(decide([], [CHAIN_RECORDS[1]], snapshot)) == Problem(
        code="still-needed",
        message="`source-a` would be deleted while `f-9` (sim/Flow, not managed here) points at it",
        address=address("Source"),
        help="change that object at the vendor first",
    )


def test_nothing_goes_while_an_object_outside_the_selection_points_at_it() -> None:
    options = Options(targets=frozenset({address("Source")}))
    source = replace(SOURCE, attributes={**SOURCE.attributes, "datasets": ("e",)})
    decision = decide([ACCOUNT, source, FLOW], CHAIN_RECORDS, CHAIN_SEEN, options=options)

    assert refusal(decision) == Problem(
        code="still-needed",
        message="`source-a` would be deleted while `sim/Flow/a` points at it",
        address=address("Source"),
        help="add `--target sim/Flow/a`",
    )
    assert decision.plan.partial


@pytest.mark.parametrize("before", [{"source": "source-b"}, {}])
def test_nothing_goes_while_an_update_begins_to_point_at_it(before: Document) -> None:
    flow = wanted("Flow", {"name": "F", "source": "source-a"})
    record = of(flow, {"name": "F", **before})
    snapshot = reading(
        {"Source": [SOURCE_SEEN, seen("source-b", {})], "Flow": [seen("flow-a", {"name": "F", **before})]}
    )

    assert refusal(decide([flow], [CHAIN_RECORDS[1], record], snapshot)).code == "still-needed"


def test_every_holder_is_looked_at() -> None:
    going = [recorded("Source", {"name": name}, name=name) for name in "abc"]
    flows = [recorded("Flow", {}, name="a"), replace(recorded("Flow", {}, name="b"), retired="report")]
    snapshot = reading(
        {
            "Source": [seen(id, {}) for record in going for id in record.ids],
            "Flow": [seen("flow-a", {"source": "source-a"}), seen("flow-b", {"source": "source-b"}), seen("x", {})],
        }
    )
    problems = decide([], [*going, *flows], snapshot).plan.problems

    assert [(problem.code, str(problem.address)) for problem in problems] == [("still-needed", "sim/Source/b")]


def test_a_job_does_not_hold_what_it_once_used() -> None:
    snapshot = reading({"Source": [SOURCE_SEEN], "Backfill": [seen("b-9", {"source": "source-a"})]})

    assert only(decide([], [CHAIN_RECORDS[1]], snapshot)).action is Action.DELETE


def test_an_update_lets_go_only_of_what_it_moves_away_from() -> None:
    kept = wanted("Flow", {"name": "F", "targets": (Ref(address("Target", "b")),)})
    record = of(kept, {"name": "F", "targets": ("target-a", "target-b")})
    target, other = recorded("Target", {"name": "T"}), wanted("Target", {"name": "U"}, name="b")
    objects = {
        "Flow": [seen("flow-a", {"name": "F", "targets": ("target-b", "target-a"), "source": "source-a"})],
        "Target": [seen("target-a", {"name": "T"}), seen("target-b", {"name": "U"})],
        "Source": [seen("source-a", {"name": "S"})],
    }
    source = recorded("Source", {"name": "S"})
    decision = decide([kept, other], [record, target, of(other), source], reading(objects))

    assert refusal(decision).message == "`source-a` would be deleted while `sim/Flow/a` points at it"


def test_a_reference_that_the_vendor_hides_still_orders_the_deletions() -> None:
    kinds = {"sim/Flow": replace(KINDS["sim/Flow"], write_only=frozenset({("source",)}))}
    flow = of(FLOW, {"name": "F", "source": "source-a"})
    snapshot = reading({"Source": [SOURCE_SEEN], "Flow": [seen("flow-a", {"name": "F"})]})
    _, change = sorted(
        decide([], [CHAIN_RECORDS[1], flow], snapshot, kinds=kinds).plan.changes,
        key=lambda each: each.address.kind == "Flow",
    )

    assert change.points_at == (address("Source"),)


def test_a_hidden_reference_that_moves_lets_go_of_nothing_that_is_seen() -> None:
    kinds = {"sim/Flow": replace(KINDS["sim/Flow"], write_only=frozenset({("source",)}))}
    flow = wanted("Flow", {"name": "F", "source": Ref(address("Source", "b"))})
    other = wanted("Source", {"name": "B"}, name="b")
    snapshot = reading(
        {
            "Source": [seen("source-a", {"name": "S"}), seen("source-b", {"name": "B"})],
            "Flow": [seen("flow-a", {"name": "F"})],
        }
    )
    records = [recorded("Source", {"name": "S"}), of(other), of(flow, {"name": "F", "source": "source-a"})]

    assert decide([flow, other], records, snapshot, kinds=kinds).plan.problems == ()


# --- limits and cycles ---


def test_too_many_deletions_are_refused() -> None:
    records = [recorded("Account", {"name": name}, name=name) for name in "abcdef"]
    snapshot = reading({"Account": [seen(f"account-{name}", {"name": name}) for name in "abcdef"]})
    decision = decide([], records, snapshot, limits=Limits())

    assert refusal(decision) == Problem(
        code="too-many-deletes",
        message="6 of 6 recorded `sim/Account` would be deleted, replaced or made again, and at most 1 may "
        "(`maxDeletePercent` is 20)",
        help="look at each of them; `limits` in the project file says how many may go in one plan",
    )


def test_destroying_is_not_held_by_the_limits() -> None:
    records = [recorded("Account", {"name": name}, name=name) for name in "abcdef"]
    snapshot = reading({"Account": [seen(f"account-{name}", {"name": name}) for name in "abcdef"]})
    decision = decide([], records, snapshot, limits=Limits(), options=Options(destroy=True))

    assert decision.plan.problems == ()


def test_a_short_list_is_refused() -> None:
    resources = [wanted("Account", {"name": name}, name=name) for name in "abcd"]
    decision = decide(
        resources, [of(each) for each in resources], reading({"Account": [seen("account-a", {"name": "a"})]})
    )

    assert refusal(decision) == Problem(
        code="short-list",
        message="the vendor's list of `sim/Account` holds 1 of 4 recorded objects",
        help="check the organization and the permissions of the credentials; if the others are really gone, "
        "run with `--accept-short-list sim/Account`",
    )


def test_steps_that_wait_for_each_other_are_a_problem() -> None:
    source = replace(SOURCE, lifecycle=Lifecycle(replace=ReplaceOrder.DELETE_FIRST))
    changed = replace(source, attributes={**source.attributes, "datasets": ("e",)})
    decision = decide([ACCOUNT, changed, FLOW], CHAIN_RECORDS, CHAIN_SEEN)

    assert refusal(decision) == Problem(
        code="replacement-cycle",
        message="steps wait for each other: create sim/Source/a → delete sim/Source/a source-a → "
        "update sim/Flow/a → create sim/Source/a",
        help="a replacement that deletes first waits until everybody lets go; leave out `replace: deleteFirst`",
    )


def test_problems_without_an_address_come_first() -> None:
    found = [
        Problem(code=code, message=message, address=at)
        for code, message, at in [
            ("b", "2", None),
            ("b", "1", None),
            ("a", "3", address("Flow")),
            ("z", "0", address("Account")),
            ("a", "9", None),
        ]
    ]
    problems = decide([], [], replace(reading({}), problems=tuple(found))).plan.problems

    assert [problem.message for problem in problems] == ["9", "1", "2", "0", "3"]


def test_problems_come_sorted_by_address() -> None:
    resources = [wanted("Label", {"name": name, "color": "red"}, name=name) for name in "ba"]
    objects = [seen(f"label-{name}", {"name": name, "color": "blue"}) for name in "ab"]
    problems = decide(resources, [of(each) for each in resources], reading({"Label": objects})).plan.problems

    assert [str(problem.address) for problem in problems] == ["sim/Label/a", "sim/Label/b"]


# --- selections ---


def selected(options: Options, *, records: tuple[Record, ...] = CHAIN_RECORDS) -> tuple[list[str], bool]:
    planned = decide(CHAIN, records, CHAIN_SEEN, options=options).plan
    return [change.address.kind for change in planned.changes], planned.partial


def test_without_a_selection_everything_is_planned() -> None:
    assert selected(Options()) == (["Account", "Flow", "Source"], False)


def test_a_target_brings_what_it_needs() -> None:
    assert selected(Options(targets=frozenset({address("Source")}))) == (["Account", "Source"], True)


def test_several_targets_are_all_planned() -> None:
    one, two = wanted("Label", {"name": "1"}), wanted("Label", {"name": "2"}, name="b")
    options = Options(targets=frozenset({one.address, two.address}))
    planned = decide([one, two, ACCOUNT], [], reading({}), options=options).plan

    assert [change.address for change in planned.changes] == [one.address, two.address]
    assert planned.partial is True


def test_a_target_that_needs_everything_is_not_partial() -> None:
    assert selected(Options(targets=frozenset({address("Flow")}))) == (["Account", "Flow", "Source"], False)


def test_an_exclusion_leaves_out_only_itself() -> None:
    assert selected(Options(excludes=frozenset({address("Source")}))) == (["Account", "Flow"], True)


def test_a_label_selects_manifests_and_records() -> None:
    resources = [replace(ACCOUNT, labels={"team": "crm", "x": "y"}), SOURCE]
    record = replace(recorded("Target", {"name": "T"}), labels={"team": "crm"})
    options = Options(labels={"team": "crm"})
    planned = decide(resources, [record], reading({}), options=options).plan

    assert [change.address.kind for change in planned.changes] == ["Account", "Target"]


def test_every_label_of_the_selector_must_be_there() -> None:
    resources = [replace(ACCOUNT, labels={"team": "crm"})]
    planned = decide(resources, [], reading({}), options=Options(labels={"team": "crm", "x": "y"})).plan

    assert planned.changes == ()


def test_a_target_may_be_a_composite_that_only_the_state_remembers() -> None:
    record = replace(recorded("Account", {"name": "A"}), origin=address("Composite"))
    options = Options(targets=frozenset({address("Composite")}))
    planned = decide([], [record], reading({"Account": [ACCOUNT_SEEN]}), options=options).plan

    assert [change.address for change in planned.changes] == [address("Account")]


def test_a_part_that_has_left_its_composite_is_no_part_of_it() -> None:
    record = replace(of(ACCOUNT), origin=address("Composite"))
    decision = decide([ACCOUNT], [record], reading({}), options=Options(targets=frozenset({address("Composite")})))

    assert refusal(decision).code == "unknown-address"


TYPO = frozenset({address("Flow", "typo")})


@pytest.mark.parametrize(
    "options", [Options(targets=TYPO), Options(excludes=TYPO), Options(replace=TYPO), Options(resend=TYPO)]
)
def test_an_address_that_nobody_knows_is_a_problem(options: Options) -> None:
    assert decide(CHAIN, CHAIN_RECORDS, CHAIN_SEEN, options=options).plan.problems == (
        Problem(
            code="unknown-address",
            message="no manifest and no record has this address",
            address=address("Flow", "typo"),
        ),
    )


def test_destroying_a_target_destroys_who_needs_it() -> None:
    options = Options(destroy=True, targets=frozenset({address("Source")}))
    planned = decide(CHAIN, CHAIN_RECORDS, CHAIN_SEEN, options=options).plan

    assert [(change.address.kind, change.action) for change in planned.changes] == [
        ("Flow", Action.DELETE),
        ("Source", Action.DELETE),
    ]


def test_what_is_needed_and_left_out_is_a_problem() -> None:
    options = Options(excludes=frozenset({address("Account")}))
    decision = decide([ACCOUNT, SOURCE], [], reading({}), options=options)

    assert refusal(decision) == Problem(
        code="excluded-need",
        message="it needs `sim/Account/a`, which does not exist and is left out",
        address=address("Source"),
        help="leave out `--exclude sim/Account/a`, or exclude `sim/Source/a` too",
    )


def test_what_is_needed_left_out_and_gone_is_a_problem_only_for_what_changes() -> None:
    options = Options(excludes=frozenset({address("Account")}))
    snapshot = reading({"Source": [SOURCE_SEEN]})
    unchanged = decide([ACCOUNT, SOURCE], CHAIN_RECORDS[:2], snapshot, options=options)
    renamed = replace(SOURCE, attributes={**SOURCE.attributes, "name": "new"})

    assert unchanged.plan.problems == ()
    assert refusal(decide([ACCOUNT, renamed], CHAIN_RECORDS[:2], snapshot, options=options)).code == "excluded-need"


def test_every_change_is_looked_at_for_what_it_needs() -> None:
    flow = wanted("Flow", {"source": Ref(address("Source"))})
    options = Options(excludes=frozenset({address("Source")}))
    decision = decide([ACCOUNT, SOURCE, flow], CHAIN_RECORDS[:1], reading({"Account": [ACCOUNT_SEEN]}), options=options)

    assert [(problem.code, problem.address) for problem in decision.plan.problems] == [
        ("excluded-need", address("Flow"))
    ]


def test_what_is_needed_left_out_and_there_is_no_problem() -> None:
    options = Options(excludes=frozenset({address("Account")}))
    decision = decide([ACCOUNT, SOURCE], CHAIN_RECORDS[:1], reading({"Account": [ACCOUNT_SEEN]}), options=options)

    assert only(decision).action is Action.CREATE


def test_records_that_need_each_other_are_still_planned() -> None:
    one = replace(recorded("Account", {"name": "A"}), needs=(address("Source"),))
    two = replace(recorded("Source", {"name": "S"}), needs=(address("Account"),))
    snapshot = reading({"Account": [seen("account-a", {"name": "A"})], "Source": [seen("source-a", {"name": "S"})]})

    assert actions((), (one, two), snapshot) == {"sim/Account/a": "delete", "sim/Source/a": "delete"}


def test_a_field_that_is_gone_from_the_manifest_is_taken_away() -> None:
    record = of(ACCOUNT, {**ACCOUNT.attributes, "description": "old"})
    object = seen("account-a", {**ACCOUNT.attributes, "description": "old"})
    change = only(decide([ACCOUNT], [record], reading({"Account": [object]})))

    assert change.fields == (FieldChange(path=("description",), before="old", after=MISSING),)
