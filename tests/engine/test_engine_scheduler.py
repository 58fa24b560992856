from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from generators import examples
from hypothesis import given
from hypothesis import strategies as st
from scenes import of, recorded, wanted
from simulation import address

from reconciler.engine.scheduler import Schedule, deadlock, step_name, steps
from reconciler.values import Action, Address, Change, Ref, Resource, Step, Verb

ACCOUNT, SOURCE, FLOW = address("Account"), address("Source"), address("Flow")
ACCOUNT_FILE = wanted("Account", {"name": "A"})
SOURCE_FILE = wanted("Source", {"account": Ref(ACCOUNT)})
FLOW_FILE = wanted("Flow", {"source": Ref(SOURCE)})


def change(
    action: Action, resource: Resource | None = None, at: Address = ACCOUNT, *, points_at: tuple[Address, ...] = ()
) -> Change:
    at = resource.address if resource is not None else at
    id = None if action is Action.CREATE else f"{at.kind.lower()}-{at.name}"
    return Change(address=at, action=action, resource=resource, id=id, points_at=points_at)


def waits(*changes: Change) -> dict[str, tuple[str, ...]]:
    return {step.name: step.after for step in steps(changes)}


@pytest.mark.parametrize(
    ("action", "verb"),
    [
        (Action.CREATE, Verb.CREATE),
        (Action.UPDATE, Verb.UPDATE),
        (Action.RUN, Verb.RUN),
        (Action.DISABLE, Verb.DISABLE),
        (Action.RETIRE, Verb.RECORD),
        (Action.RECORD, Verb.RECORD),
        (Action.RECOVER, Verb.RECORD),
        (Action.IMPORT, Verb.RECORD),
    ],
)
def test_an_action_of_one_step(action: Action, verb: Verb) -> None:
    planned = change(action, ACCOUNT_FILE)

    assert steps([planned]) == (Step(name=f"{verb.value} sim/Account/a", address=ACCOUNT, verb=verb, id=planned.id),)


@pytest.mark.parametrize(("action", "verb"), [(Action.DELETE, Verb.DELETE), (Action.FORGET, Verb.RECORD)])
def test_a_step_that_ends_an_object_names_it(action: Action, verb: Verb) -> None:
    assert steps([change(action)]) == (
        Step(name=f"{verb.value} sim/Account/a account-a", address=ACCOUNT, verb=verb, id="account-a"),
    )


@pytest.mark.parametrize("action", [Action.NOOP, Action.WAIT, Action.BLOCKED])
def test_what_does_nothing_has_no_step(action: Action) -> None:
    assert steps([change(action)]) == ()


def test_a_replacement_makes_first_and_deletes_then() -> None:
    assert steps([change(Action.REPLACE, ACCOUNT_FILE)]) == (
        Step(name="create sim/Account/a", address=ACCOUNT, verb=Verb.CREATE),
        Step(
            name="delete sim/Account/a account-a",
            address=ACCOUNT,
            verb=Verb.DELETE,
            id="account-a",
            after=("create sim/Account/a",),
        ),
    )


def test_a_replacement_may_delete_first() -> None:
    assert waits(replace(change(Action.REPLACE, ACCOUNT_FILE), delete_first=True)) == {
        "create sim/Account/a": ("delete sim/Account/a account-a",),
        "delete sim/Account/a account-a": (),
    }


@pytest.mark.parametrize("making", [Action.CREATE, Action.UPDATE, Action.RUN])
@pytest.mark.parametrize("needing", [Action.CREATE, Action.UPDATE, Action.RUN, Action.RECORD])
def test_what_is_needed_is_made_first(making: Action, needing: Action) -> None:
    found = waits(change(making, ACCOUNT_FILE), change(needing, SOURCE_FILE))

    assert sorted(found.values()) == [(), (f"{making.value} sim/Account/a",)]


def test_what_is_remembered_waits_for_its_needs_and_what_is_forgotten_beside_it_does_not() -> None:
    forgotten = replace(change(Action.FORGET, at=SOURCE), id="old")
    found = waits(change(Action.CREATE, ACCOUNT_FILE), change(Action.RECORD, SOURCE_FILE), forgotten)

    assert found["record sim/Source/a"] == ("create sim/Account/a",)
    assert found["record sim/Source/a old"] == ()


def test_a_replacement_that_deletes_first_makes_at_the_same_address() -> None:
    planned = replace(change(Action.REPLACE, ACCOUNT_FILE), delete_first=True)

    assert {step.address for step in steps([planned])} == {ACCOUNT}


def test_what_is_needed_and_stays_is_not_waited_for() -> None:
    assert waits(change(Action.NOOP, ACCOUNT_FILE), change(Action.CREATE, SOURCE_FILE)) == {"create sim/Source/a": ()}


def test_a_deletion_waits_until_the_last_holder_is_deleted() -> None:
    assert waits(change(Action.DELETE), change(Action.DELETE, at=SOURCE, points_at=(ACCOUNT,))) == {
        "delete sim/Account/a account-a": ("delete sim/Source/a source-a",),
        "delete sim/Source/a source-a": (),
    }


def test_the_swap_of_an_immutable_source_keeps_the_flow() -> None:
    found = waits(change(Action.REPLACE, SOURCE_FILE), change(Action.UPDATE, FLOW_FILE, points_at=(SOURCE,)))

    assert found == {
        "create sim/Source/a": (),
        "update sim/Flow/a": ("create sim/Source/a",),
        "delete sim/Source/a source-a": ("create sim/Source/a", "update sim/Flow/a"),
    }


def test_a_chain_of_replacements_goes_down_and_comes_back_up() -> None:
    found = waits(
        change(Action.REPLACE, ACCOUNT_FILE),
        change(Action.REPLACE, SOURCE_FILE, points_at=(ACCOUNT,)),
        change(Action.REPLACE, FLOW_FILE, points_at=(SOURCE,)),
    )

    assert found == {
        "create sim/Account/a": (),
        "create sim/Source/a": ("create sim/Account/a",),
        "create sim/Flow/a": ("create sim/Source/a",),
        "delete sim/Flow/a flow-a": ("create sim/Flow/a",),
        "delete sim/Source/a source-a": ("create sim/Source/a", "delete sim/Flow/a flow-a"),
        "delete sim/Account/a account-a": ("create sim/Account/a", "delete sim/Source/a source-a"),
    }


def test_every_object_of_an_address_waits_for_its_holders() -> None:
    left_over = replace(change(Action.DELETE), id="account-0")
    found = waits(
        change(Action.REPLACE, ACCOUNT_FILE), left_over, change(Action.DELETE, at=SOURCE, points_at=(ACCOUNT,))
    )

    assert found["delete sim/Account/a account-0"] == ("delete sim/Source/a source-a",)


def test_a_job_that_runs_again_holds_nothing_back() -> None:
    found = waits(change(Action.DELETE), change(Action.RUN, wanted("Backfill", {}), points_at=(ACCOUNT,)))

    assert found["delete sim/Account/a account-a"] == ()


def test_two_that_swap_the_direction_of_their_reference_do_not_wait_for_each_other() -> None:
    changes = [
        change(Action.REPLACE, SOURCE_FILE),
        change(Action.REPLACE, ACCOUNT_FILE, points_at=(SOURCE,)),
    ]

    assert deadlock(steps(changes)) == ()
    assert waits(*changes)["delete sim/Source/a source-a"] == (
        "create sim/Source/a",
        "delete sim/Account/a account-a",
    )


def test_what_points_at_itself_does_not_wait_for_itself() -> None:
    itself = wanted("Account", {"account": Ref(ACCOUNT)})

    assert waits(
        change(Action.UPDATE, itself),
    ) == {"update sim/Account/a": ()}
    assert waits(change(Action.DELETE, points_at=(ACCOUNT,))) == {"delete sim/Account/a account-a": ()}


def test_a_step_that_ends_nothing_is_named_by_verb_and_address() -> None:
    assert step_name(Verb.CREATE, ACCOUNT) == "create sim/Account/a"
    assert step_name(Verb.DELETE, ACCOUNT, "x") == "delete sim/Account/a x"


def test_records_of_the_test_helpers_know_what_they_need() -> None:
    assert of(SOURCE_FILE).needs == (ACCOUNT,)
    assert recorded("Source", {}).needs == ()


# --- the schedule ---


def step(name: str, *after: str, verb: Verb = Verb.CREATE) -> Step:
    return Step(name=name, address=ACCOUNT, verb=verb, after=after)


def test_creations_come_before_updates_and_deletions_last() -> None:
    schedule = Schedule(
        [
            step("a", verb=Verb.DELETE),
            step("b", verb=Verb.UPDATE),
            step("d", verb=Verb.CREATE),
            step("c", verb=Verb.CREATE),
        ]
    )

    assert [found.name for _ in range(4) if (found := schedule.next())] == ["c", "d", "b", "a"]
    assert schedule.next() is None


def test_a_step_starts_when_all_before_it_have_succeeded() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b")])
    first, second = schedule.next(), schedule.next()
    assert first is not None
    assert second is not None
    schedule.succeeded(first)
    early = schedule.next()
    schedule.succeeded(second)

    assert early is None
    assert schedule.next() == step("c", "a", "b")


def test_a_failed_step_skips_its_dependents_once() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b"), step("d", "c"), step("e", "b")])
    first, second = schedule.next(), schedule.next()
    assert first is not None
    assert second is not None

    assert [each.name for each in schedule.failed(first)] == ["c", "d"]
    assert [each.name for each in schedule.failed(second)] == ["e"]
    assert schedule.next() is None


def test_no_step_is_skipped_twice_however_many_fail() -> None:
    schedule = Schedule([step("a"), step("b"), step("c"), step("d", "a", "c"), step("e", "b")])
    ready = [schedule.next(), schedule.next(), schedule.next()]
    lost = [[each.name for each in schedule.failed(found)] for found in ready if found is not None]

    assert lost == [["d"], ["e"], []]


def test_what_was_skipped_does_not_start_when_the_rest_succeeds() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b")])
    first, second = schedule.next(), schedule.next()
    assert first is not None
    assert second is not None
    schedule.succeeded(first)
    schedule.failed(second)

    assert schedule.next() is None


def test_steps_that_wait_for_each_other_are_named_as_a_path() -> None:
    assert deadlock([step("x"), step("c", "b", "x"), step("b", "a"), step("a", "c"), step("z", "a")]) == (
        "a",
        "c",
        "b",
        "a",
    )


def test_steps_that_can_all_run_are_no_deadlock() -> None:
    assert deadlock([step("a"), step("b", "a")]) == ()
    assert deadlock([]) == ()


GRAPHS = st.lists(st.frozensets(st.integers(0, 9), max_size=3), max_size=10)


@examples(150)
@given(edges=GRAPHS, seed=st.integers(0, 1 << 16))
def test_any_order_respects_what_must_come_before(edges: list[frozenset[int]], seed: int) -> None:
    found = [
        step(f"s{number}", *(f"s{each}" for each in sorted(after) if each < number), verb=list(Verb)[number % 5])
        for number, after in enumerate(edges)
    ]
    chance = random.Random(seed)
    schedule, under_way, ended = Schedule(found), list[Step](), list[str]()
    bad, skipped = set[str](), set[str]()
    while True:
        ready = schedule.next() if chance.random() < 0.6 or not under_way else None
        if ready is not None:
            assert set(ready.after) <= set(ended)
            under_way.append(ready)
        elif under_way:
            over = under_way.pop(chance.randrange(len(under_way)))
            if chance.random() < 0.2:
                bad.add(over.name)
                skipped |= {each.name for each in schedule.failed(over)}
            else:
                ended.append(over.name)
                schedule.succeeded(over)
        else:
            break
    lost = set[str]()
    for each in found:
        if (bad | lost) & set(each.after):
            lost.add(each.name)

    assert skipped == lost
    assert sorted([*ended, *bad, *skipped]) == sorted(each.name for each in found)


@examples(150)
@given(edges=GRAPHS)
def test_a_deadlock_is_reported_exactly_when_there_is_a_cycle(edges: list[frozenset[int]]) -> None:
    known = range(len(edges))
    found = [step(f"s{number}", *(f"s{each}" for each in after if each in known)) for number, after in enumerate(edges)]
    after = {each.name: set(each.after) for each in found}
    reach = {name: set(names) for name, names in after.items()}
    for _ in found:
        reach = {name: names.union(*(reach[each] for each in names)) for name, names in reach.items()}
    path = deadlock(found)

    assert bool(path) == any(name in names for name, names in reach.items())
    assert all(later in after[earlier] for earlier, later in pairwise(path))
    assert not path or path[0] == path[-1] == min(path)
