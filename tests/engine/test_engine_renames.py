"""A manifest with another name: its record follows, and its object stays what it is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from generators import Genes, codes, examples, world
from hypothesis import given
from scenes import decide, of, only, reading, recorded, refusal, seen, wanted
from simulation import SCOPE, START, Chaos, Killed, Project, address, line, orphans, untruths

from reconciler.engine.planner import is_refused, to_do
from reconciler.engine.renames import known_as, moved, settlements
from reconciler.values import (
    Action,
    Address,
    Desired,
    Hold,
    HoldKind,
    Intent,
    Options,
    Problem,
    Ref,
    Resource,
    Settlement,
    SettlementStatus,
    State,
)

OLD = address("Account", "a")
NEW = address("Account", "b")
BEFORE = wanted("Account", {"name": "A"})
AFTER = replace(wanted("Account", {"name": "A"}, name="b"), renamed_from=OLD)
OBJECT = seen("account-a", {"name": "A"}, owner=OLD)
THERE = reading({"Account": [OBJECT]})


def test_the_record_moves_and_nothing_is_sent() -> None:
    decision = decide([AFTER], [of(BEFORE)], THERE)
    change = only(decision)

    assert (change.address, change.action, change.id) == (NEW, Action.RECORD, "account-a")
    assert [each.text for each in change.reasons] == ["renamed from `sim/Account/a`"]
    assert decision.state.records == {NEW: replace(of(BEFORE), address=NEW)}
    assert [(each.address, each.record is None) for each in decision.settlements] == [(NEW, False), (OLD, True)]


def test_what_else_changes_is_changed_under_the_new_name() -> None:
    change = only(decide([replace(AFTER, attributes={"name": "B"})], [of(BEFORE)], THERE))

    assert change.action is Action.UPDATE
    assert [each.text for each in change.reasons] == ["renamed from `sim/Account/a`", "1 field differs"]


def test_who_needs_the_old_name_needs_the_new_one_and_sees_the_same_id() -> None:
    before = wanted("Target", {"name": "T", "account": Ref(OLD), "path": "/in"})
    after = wanted("Target", {"name": "T", "account": Ref(NEW), "path": "/in"})
    record = replace(of(before), applied={"name": "T", "account": "account-a", "path": "/in"})
    target = seen("target-a", {"name": "T", "account": "account-a", "path": "/in"})
    decision = decide([AFTER, after], [of(BEFORE), record], reading({"Account": [OBJECT], "Target": [target]}))

    assert [(each.address.name, each.action) for each in decision.plan.changes] == [
        ("b", Action.RECORD),
        ("a", Action.NOOP),
    ]
    assert decision.state.records[record.address].needs == (NEW,)


def test_a_rename_that_was_done_is_harmless_and_said() -> None:
    decision = decide([AFTER], [of(AFTER)], reading({"Account": [replace(OBJECT, id="account-b")]}))

    assert only(decision).action is Action.NOOP
    assert decision.plan.notes == ("`renamedFrom` has been done and can be removed from `sim/Account/b`",)


def test_of_many_renames_that_were_done_a_few_are_named() -> None:
    resources = [
        replace(wanted("Account", {"name": name}, name=name), renamed_from=address("Account", f"x{name}"))
        for name in "abcde"
    ]
    there = reading({"Account": [seen(f"account-{name}", {"name": name}) for name in "abcde"]})

    assert decide(resources, map(of, resources), there).plan.notes[0].endswith("`sim/Account/c` and 2 more")


def test_with_nothing_under_the_old_name_the_object_is_made() -> None:
    decision = decide([AFTER], [], reading({}))

    assert only(decision).action is Action.CREATE
    assert decision.plan.notes == ()


def test_an_old_name_that_is_wanted_keeps_its_object() -> None:
    decision = decide([BEFORE, AFTER], [of(BEFORE)], reading({"Account": [OBJECT]}))

    assert decision.settlements == ()
    assert OLD in decision.state.records


def test_two_who_claim_one_object_get_none() -> None:
    other = replace(wanted("Account", {"name": "C"}, name="c"), renamed_from=OLD)

    assert decide([AFTER, other], [of(BEFORE)], THERE).settlements == ()


def test_two_objects_for_one_rename_are_refused() -> None:
    there = reading({"Account": [OBJECT, seen("account-b", {"name": "A"})]})
    problem = refusal(decide([AFTER], [of(BEFORE), of(AFTER)], there))

    assert problem.code == "rename-clash"
    assert problem.message == "it is to be renamed from `sim/Account/a`, and both have an object"


def test_a_clash_that_is_left_out_is_not_said() -> None:
    there = reading({"Account": [OBJECT, seen("account-b", {"name": "A"})], "Label": []})
    label = wanted("Label", {"name": "L", "color": "red"})
    chosen = Options(targets=frozenset({label.address}))

    assert decide([AFTER, label], [of(BEFORE), of(AFTER)], there, options=chosen).plan.problems == ()


def test_either_name_chooses_it() -> None:
    for name in (OLD, NEW):
        chosen = Options(targets=frozenset({name}), resend=frozenset({name}))

        assert only(decide([AFTER], [of(BEFORE)], THERE, options=chosen)).address == NEW


def test_a_rename_that_is_left_out_is_left_undone() -> None:
    decision = decide([AFTER], [of(BEFORE)], THERE, options=Options(excludes=frozenset({OLD})))

    assert (decision.plan.changes, decision.settlements) == ((), ())
    assert decision.state.records.keys() == {OLD}


def test_a_rename_that_is_left_out_is_done_when_somebody_needs_the_new_name() -> None:
    target = wanted("Target", {"name": "T", "account": Ref(NEW), "path": "/in"})
    decision = decide([AFTER, target], [of(BEFORE)], THERE, options=Options(excludes=frozenset({NEW})))

    assert [(str(each.address), each.action) for each in decision.plan.changes] == [
        ("sim/Account/b", Action.RECORD),
        ("sim/Target/a", Action.CREATE),
    ]
    assert decision.state.records.keys() == {NEW}


def test_destroying_deletes_it_under_the_name_that_is_remembered() -> None:
    change = only(decide([], [of(BEFORE)], THERE, options=Options(destroy=True)))

    assert (change.address, change.action) == (OLD, Action.DELETE)


def test_a_retired_object_is_wanted_again_under_the_new_name() -> None:
    change = only(decide([AFTER], [replace(of(BEFORE), retired="report")], THERE))

    assert [each.text for each in change.reasons] == ["renamed from `sim/Account/a`", "it is wanted again"]


def test_a_lost_state_takes_the_object_back_by_its_old_mark() -> None:
    decision = decide([AFTER], [], THERE, state=State(project="p", environment="e", lineage="l", serial=1))

    assert decision.state.records[NEW].id == "account-a"
    assert only(decision).action is Action.UPDATE or only(decision).action is Action.RECOVER


def test_marks_of_both_names_are_two_candidates() -> None:
    there = reading({"Account": [OBJECT, seen("account-b", {"name": "A"}, owner=NEW)]})
    problem = refusal(decide([AFTER], [], there, state=State(project="p", environment="e", lineage="l", serial=1)))

    assert problem.code == "several-candidates"


def creation(to: Address) -> Intent:
    record = replace(recorded("Account", {"name": "A"}), address=to, id=None)
    return Intent(id="i1", run="r", address=to, verb="create", scope=SCOPE, at=START, record=record)


def test_an_open_call_for_the_old_name_is_settled_first() -> None:
    found = seen("account-9", {"name": "A"}, owner=OLD, intent="i1")
    decision = decide([AFTER], [], reading({"Account": [found]}), intents=(creation(OLD),))
    change = only(decision)

    assert (change.address, change.action) == (NEW, Action.RECOVER)
    assert [each.text for each in change.reasons] == [
        "an interrupted run had made `account-9`",
        "renamed from `sim/Account/a`",
    ]
    assert [each.address for each in decision.settlements] == [OLD, NEW, OLD]


def test_a_rename_waits_while_nobody_knows_how_a_call_ended() -> None:
    for known in ([], [of(BEFORE)]):
        there = THERE if known else reading({})
        decision = decide([AFTER], known, there, intents=(creation(OLD),))

        assert {each.action for each in decision.plan.changes} == {Action.WAIT}
        assert decision.settlements == ()


def test_what_cannot_be_read_is_said_of_the_new_name() -> None:
    problem = Problem(code="cannot-read", message="no")
    decision = decide([AFTER], [of(BEFORE)], replace(reading({}), unreadable={OLD: problem}))

    assert refusal(decision) == replace(problem, address=NEW)


def test_a_kind_that_cannot_be_read_is_said_once() -> None:
    problem = Problem(code="cannot-read", message="no")

    assert refusal(decide([AFTER], [of(BEFORE)], replace(reading({}), unreadable={"sim/Account": problem}))) == problem


def test_what_is_too_young_to_be_listed_is_waited_for_under_the_new_name() -> None:
    young = Hold(kind=HoldKind.WAIT, reason="young")
    change = only(decide([AFTER], [of(BEFORE)], reading({}, holds={OLD: young})))

    assert (change.address, change.action) == (NEW, Action.WAIT)
    assert [each.text for each in change.reasons] == ["renamed from `sim/Account/a`", "young"]


def test_a_renamed_object_waits_for_what_it_needs() -> None:
    target = wanted("Target", {"name": "T", "account": Ref(OLD), "path": "/in"}, name="b")
    target = replace(target, renamed_from=address("Target", "a"))
    record = recorded("Target", {"name": "T", "account": "account-a", "path": "/in"})
    there = reading({"Target": [seen("target-a", {})]})
    decision = decide([BEFORE, target], [record], there, intents=(creation(OLD),))

    assert [each.action for each in decision.plan.changes] == [Action.WAIT, Action.WAIT]
    assert decision.plan.changes[1].reasons[0].text == "renamed from `sim/Target/a`"


def test_a_deletion_under_the_old_name_that_was_carried_out_leaves_nothing_to_rename() -> None:
    intent = replace(creation(OLD), verb="delete", target="account-a", record=None, at=START - timedelta(hours=1))
    decision = decide([AFTER], [of(BEFORE)], reading({}), intents=(intent,))

    assert [(each.address, each.action) for each in decision.plan.changes] == [
        (OLD, Action.RECOVER),
        (NEW, Action.CREATE),
    ]


def test_names_of_other_kinds_are_nobodys_former_names() -> None:
    strange = replace(AFTER, renamed_from=address("Label", "a"))

    assert known_as({NEW: strange}, {OLD: of(BEFORE)}) == {OLD: of(BEFORE)}


def test_the_new_name_stands_before_the_old_one_goes() -> None:
    holder = replace(recorded("Target", {}), needs=(OLD,))
    records = {OLD: of(BEFORE), holder.address: holder}
    entries = [
        Settlement(
            intent="", status=SettlementStatus.DONE, at=START, address=NEW, record=moved(records, {OLD: NEW})[NEW]
        ),
        Settlement(
            intent="",
            status=SettlementStatus.DONE,
            at=START,
            address=holder.address,
            record=replace(holder, needs=(NEW,)),
        ),
        Settlement(intent="", status=SettlementStatus.DONE, at=START, address=OLD),
    ]

    assert list(settlements(records, {OLD: NEW}, START)) == entries


def renamed_to(resource: Resource, old: Address, name: str, *, claims: bool) -> Resource:
    """The resource of a world in which one manifest got another name, and all references followed."""
    new = replace(old, name=name)
    document = {key: Ref(new) if value == Ref(old) else value for key, value in resource.attributes.items()}
    document = {
        key: tuple(Ref(new) if each == Ref(old) else each for each in value) if isinstance(value, tuple) else value
        for key, value in document.items()
    }
    if resource.address != old:
        return replace(resource, attributes=document)
    return replace(resource, address=new, attributes=document, renamed_from=old if claims else None)


@examples(40)
@given(genes=codes(900))
def test_ids_survive_one_new_name_after_another(genes: Genes) -> None:
    project, desired = Project(), world(genes, strict=True)
    project.apply(desired)
    ids = {address: record.id for address, record in project.records().items()}
    known = sorted(desired.resources)
    here = known[genes.pick(len(known))] if known else None
    for name in ("x", "y") if here is not None else ():
        assert here is not None
        resources = [renamed_to(each, here, name, claims=True) for each in desired.resources.values()]
        desired, there = Desired.of(resources), replace(here, name=name)
        made = len(project.vendor.log)
        project.vendor.now += timedelta(minutes=1)
        decision, _ = project.apply(desired)

        assert not is_refused(decision.plan)
        assert project.records()[there].id == ids[here]
        assert [each for each in project.vendor.log[made:] if each.startswith(("create", "delete"))] == []
        assert [line(change) for change in to_do(project.decide(desired).plan)] == []
        ids[there], here = ids.pop(here), there
    assert orphans(project) == []
    assert untruths(project, desired) == []


def test_a_kill_at_any_moment_loses_no_object() -> None:
    project = Project()
    project.apply(Desired.of([BEFORE]))
    for moment in range(3):
        with suppress(Killed):
            project.apply(Desired.of([AFTER]), chaos=Chaos(kill_at=moment))

        assert {record.id for record in project.records().values()} == {"account-1"}
    assert project.records().keys() == {NEW}
