from __future__ import annotations

from dataclasses import replace

import pytest
from generators import examples
from hypothesis import given
from hypothesis import strategies as st
from scenes import reading, recorded, seen
from simulation import KINDS, address

from reconciler.engine.safety import Limits, allowed, over_limits, short_lists, spends
from reconciler.values import Action, Address, Change, Deposed, Problem, Reason, ReasonCode, Record, Snapshot


def change(action: Action, code: ReasonCode = ReasonCode.CHANGED, name: str = "a") -> Change:
    return Change(address=address("Account", name), action=action, reasons=(Reason(code=code, text="x"),))


def records(count: int) -> dict[Address, Record]:
    found = [recorded("Account", {}, name=f"n{number}") for number in range(count)]
    return {each.address: each for each in found}


@pytest.mark.parametrize(
    ("recorded", "number"), [(0, 1), (1, 1), (9, 1), (10, 2), (14, 2), (15, 3), (24, 4), (25, 5), (1000, 5)]
)
def test_at_most_a_fifth_and_at_most_five_but_always_one_may_go(recorded: int, number: int) -> None:
    assert allowed(recorded, Limits()) == number


@pytest.mark.parametrize("action", list(Action))
def test_only_what_takes_away_spends(action: Action) -> None:
    assert spends(change(action)) == (action in {Action.DELETE, Action.REPLACE})


def test_making_again_what_vanished_spends() -> None:
    assert spends(change(Action.CREATE, ReasonCode.GONE))
    assert not spends(change(Action.RUN, ReasonCode.GONE))
    assert not spends(change(Action.FORGET, ReasonCode.GONE))


@examples(200)
@given(
    known=st.integers(0, 300),
    spent=st.integers(0, 60),
    most=st.integers(1, 50),
    percent=st.floats(0, 100, allow_nan=False),
)
def test_a_plan_is_refused_exactly_when_it_takes_more_than_is_allowed(
    known: int, spent: int, most: int, percent: float
) -> None:
    limits = Limits(max_deletes=most, max_delete_percent=percent)
    changes = [change(Action.DELETE, name=f"n{number}") for number in range(spent)]
    problems = over_limits(changes, records(known), limits)

    assert bool(problems) == (spent > 1 and (spent > most or spent > int(known * percent / 100)))


@examples(50)
@given(known=st.integers(0, 40), extra=st.integers(0, 5))
def test_as_many_as_there_are_may_go_when_the_limits_say_so(known: int, extra: int) -> None:
    found = records(known)
    left = tuple(Deposed(id=f"d{number}", reason="x") for number in range(extra))
    found = {at: replace(each, deposed=left if number == 0 else ()) for number, (at, each) in enumerate(found.items())}
    count = known + (extra if known else 0)
    changes = [change(Action.DELETE, name=f"n{number}") for number in range(count)]

    assert over_limits(changes, found, Limits(max_deletes=max(1, count), max_delete_percent=100)) == ()


def test_each_type_has_limits_of_its_own() -> None:
    changes = [
        change(Action.DELETE, name="a"),
        change(Action.REPLACE, name="b"),
        replace(change(Action.DELETE), address=address("Flow")),
    ]

    assert over_limits(changes, records(5), Limits()) == (
        Problem(
            code="too-many-deletes",
            message="2 of 5 recorded `sim/Account` would be deleted, replaced or made again, and at most 1 may "
            "(`maxDeletePercent` is 20)",
            help="look at each of them; `limits` in the project file says how many may go in one plan",
        ),
    )


@pytest.mark.parametrize(
    ("known", "limits", "which"),
    [
        (10, Limits(), "2 may (`maxDeletePercent` is 20)"),
        (24, Limits(), "4 may (`maxDeletePercent` is 20)"),
        (25, Limits(), "5 may (`maxDeletes` is 5)"),
        (90, Limits(), "5 may (`maxDeletes` is 5)"),
        (10, Limits(max_deletes=0), "1 may (`maxDeletes` is 0)"),
        (10, Limits(max_delete_percent=2.5), "1 may (`maxDeletePercent` is 2.5)"),
    ],
)
def test_the_message_names_the_limit_that_was_exceeded(known: int, limits: Limits, which: str) -> None:
    changes = [change(Action.DELETE, name=f"n{number}") for number in range(known)]
    (problem,) = over_limits(changes, records(known), limits)

    assert problem.message.endswith(f"and at most {which}")


def listing(count: int) -> Snapshot:
    return reading({"Account": [seen(f"account-n{number}", {}) for number in range(count)]})


@pytest.mark.parametrize(
    ("known", "listed", "short"),
    [(3, 0, False), (4, 1, True), (4, 2, False), (5, 2, True), (5, 3, False), (0, 0, False)],
)
def test_a_list_is_short_when_it_lacks_more_than_half_of_four_or_more(known: int, listed: int, short: bool) -> None:
    assert bool(short_lists(listing(listed), records(known), Limits(), KINDS.__getitem__)) == short


def test_strangers_do_not_lengthen_a_list() -> None:
    snapshot = reading({"Account": [seen(f"x-{number}", {}) for number in range(9)]})

    assert [problem.message for problem in short_lists(snapshot, records(4), Limits(), KINDS.__getitem__)] == [
        "the vendor's list of `sim/Account` holds 0 of 4 recorded objects"
    ]


def test_a_short_list_may_be_accepted() -> None:
    accepted = Limits(accept_short=frozenset({"sim/Account"}))

    assert short_lists(listing(0), records(4), accepted, KINDS.__getitem__) == ()


def test_a_list_that_was_not_read_is_not_short() -> None:
    unreadable = replace(listing(0), unreadable={"sim/Account": Problem(code="x", message="x")})
    unlisted = replace(listing(0), listed={})

    assert short_lists(unreadable, records(4), Limits(), KINDS.__getitem__) == ()
    assert short_lists(unlisted, records(4), Limits(), KINDS.__getitem__) == ()


def test_a_list_of_jobs_may_forget_old_ones() -> None:
    known = {each.address: each for each in (recorded("Backfill", {}, name=name) for name in "abcd")}

    assert short_lists(reading({}), known, Limits(), KINDS.__getitem__) == ()
    flows = {each.address: each for each in (recorded("Flow", {}, name=name) for name in "abcd")}
    assert len(short_lists(reading({}), {**known, **flows}, Limits(), KINDS.__getitem__)) == 1


def test_a_short_list_does_not_hide_another() -> None:
    flows = [recorded("Flow", {}, name=f"n{number}") for number in range(4)]
    both = {**records(4), **{each.address: each for each in flows}}
    accepted = Limits(accept_short=frozenset({"sim/Account"}))

    assert len(short_lists(listing(0), both, Limits(), KINDS.__getitem__)) == 2
    assert len(short_lists(listing(0), both, accepted, KINDS.__getitem__)) == 1
