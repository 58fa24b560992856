"""Lists that are not whole, for every kind of every vendor: nothing is deleted, and nothing is made a second time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conformance_cases import Case, all_cases
from conformance_play import Play
from world import World

from reconciler.values import Action

WorldOf = Callable[..., World]

CASES = [case for case in all_cases() if case.switch is None]
PAGED = [case for case in CASES if case.sample.paged]
FATAL = frozenset({Action.DELETE, Action.CREATE, Action.REPLACE, Action.RUN})
_MORE_THAN_A_PAGE = 120

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.sample))


@EACH
@pytest.mark.parametrize("consistent", [False, True], ids=["total-says-more", "total-lies-too"])
@pytest.mark.parametrize("drop", [1, 2, 99])
def test_no_list_that_lacks_objects_makes_a_plan_delete_or_make_anything(
    world_of: WorldOf, case: Case, drop: int, *, consistent: bool
) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.vendor.faults.short_page(f"GET {case.sample.route}", drop=drop, consistent=consistent, times=None)

    run = play.world.plan()

    planned = {str(each.address): each.action for each in run.changes_to_make if each.action in FATAL}
    assert not planned or run.problems, f"planned from a short list: {planned}"


@EACH
@pytest.mark.parametrize("consistent", [False, True], ids=["total-says-more", "total-lies-too"])
@pytest.mark.parametrize("drop", [1, 2, 99])
def test_an_apply_over_a_list_that_lacks_objects_harms_nothing(
    world_of: WorldOf, case: Case, drop: int, *, consistent: bool
) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    before = play.vendor.objects(case.sample.collection)
    play.vendor.faults.short_page(f"GET {case.sample.route}", drop=drop, consistent=consistent, times=None)
    play.make(expect=None)
    play.vendor.faults.clear()
    play.make()

    assert {each["id"] for each in play.vendor.objects(case.sample.collection)} == {each["id"] for each in before}
    assert play.books_balance()
    assert play.left_to_do() == []


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            each, id=str(each.sample), marks=[pytest.mark.sample] if str(each.sample) == "harbor/Cargo" else []
        )
        for each in PAGED
    ],
)
def test_an_object_of_a_lost_reply_is_found_on_whichever_page_it_is(world_of: WorldOf, case: Case) -> None:
    play = Play(case, world_of(case.sample.vendor))
    if case.sample.vendor == "adobe":  # which has agreed to more than its usual hundred
        play.vendor.switch(destinations_most=str(2 * _MORE_THAN_A_PAGE))
        play.vendor.words["destinationsLimit"] = 2 * _MORE_THAN_A_PAGE
    play.add_strangers(_MORE_THAN_A_PAGE)
    play.vendor.faults.cut_after_write(f"POST {case.sample.route}")
    play.make(expect=None)
    play.make()

    assert len(play.ours) == 1
    assert play.books_balance()
    assert play.left_to_do() == []
