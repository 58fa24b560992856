"""The lock with a lease, in every order that chance finds: one holder, and nothing from one that was taken over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lock_play import Play

from reconciler.engine.codec import decode_page

EXAMPLES = 200
SCRIPTS = st.lists(st.integers(0, 10_000), min_size=20, max_size=250)
RATES = st.lists(st.floats(0.98, 1.02), min_size=2, max_size=4)
FAILURES = st.lists(st.sampled_from(["", "", "", "", "before", "after"]), max_size=40)


def writers(play: Play) -> list[str]:
    """Who wrote each page of the journal, in order."""
    names = sorted(name for name in play.memory.objects if "/journal/" in name)
    return [decode_page(play.memory.objects[name]).by for name in names]


def spells(found: list[str]) -> list[str]:
    """The same without repetitions of neighbours."""
    return [each for number, each in enumerate(found) if number == 0 or found[number - 1] != each]


@settings(max_examples=EXAMPLES)
@given(script=SCRIPTS, rates=RATES, failing=FAILURES)
def test_a_call_to_the_vendor_never_overlaps_another_holder(
    script: list[int], rates: list[float], failing: list[str]
) -> None:
    play = Play(script, rates=rates, failing=failing, timeout=10_000)

    play.run()  # it asserts that at every call and at every taking of the lock

    assert len(spells(writers(play))) == len(set(writers(play)))


@settings(max_examples=EXAMPLES)
@given(script=SCRIPTS, rates=RATES, failing=FAILURES)
def test_whoever_is_paused_between_check_and_call_makes_that_call_and_no_other(
    script: list[int], rates: list[float], failing: list[str]
) -> None:
    play = Play(script, rates=rates, failing=failing, careless=True, calls=4, timeout=10_000)

    play.run()

    assert max(each.late_calls for each in play.commands) <= 1
    assert len(spells(writers(play))) == len(set(writers(play)))


@given(script=SCRIPTS, rates=RATES)
def test_where_nobody_is_killed_and_nothing_fails_everybody_who_waits_gets_the_lock(
    script: list[int], rates: list[float]
) -> None:
    gentle = [each for each in script if each % 10 > 2]
    play = Play(gentle, rates=rates, timeout=10_000)

    play.run()

    assert [each.ended for each in play.commands] == [None] * len(rates)
    assert play.calls == 2 * len(rates)


@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_a_holder_killed_anywhere_is_taken_over(steps: int) -> None:
    play = Play([], rates=[1.0, 1.0], timeout=10_000)
    first, second = play.commands
    for _ in range(steps):
        if not first.done:
            play.now = max(play.now, first.wakes)
            first.go_on()
    first.killed = True
    began = play.now

    play.run()

    assert second.ended is None
    assert play.now - began <= 60 * 1.1 + 2 * 2 + 2 * 5 + 1
