"""The lock with a lease, in every order that chance finds: one holder, and nothing from one that was taken over."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from bucket_servers import server
from hypothesis import given, settings
from hypothesis import strategies as st
from lock_play import LAKE, NOW, Play

from reconciler.backend import Backend, Holder, Locked, LockLost
from reconciler.backend.leases import LeasedLock
from reconciler.engine.codec import decode_page
from reconciler.values import Intent

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


@pytest.mark.parametrize("kind", ["s3", "gs", pytest.param("ceph", marks=pytest.mark.slow)])
@pytest.mark.parametrize("racers", [2, 16])
def test_of_many_that_begin_at_once_one_wins_and_the_others_know_who(kind: str, racers: int) -> None:
    store = server(kind).store()
    ready = threading.Barrier(racers)
    inside: list[int] = []
    beside: list[int] = []
    lease = 5.0

    def race(number: int) -> str:
        backend = Backend.over(store, project="shop", environment="prod", lease=lease)
        ready.wait()
        try:
            with backend.lock(holder(number)) as journal:
                inside.append(number)
                beside.append(len(inside))
                journal.intend(intent(f"{number}"))
                time.sleep(lease / 2)
                inside.remove(number)
        except Locked as locked:
            return f"locked by {locked.holder.id if locked.holder else None}"
        return "won"

    with ThreadPoolExecutor(racers) as pool:
        ended = list(pool.map(race, range(racers)))

    (winner,) = [number for number, end in enumerate(ended) if end == "won"]
    assert set(ended) - {"won"} <= {f"locked by h-{winner}"}
    assert beside == [1]


def test_a_holder_whose_process_died_is_fenced_off_by_whoever_comes_next() -> None:
    store = server("s3").store()
    backend = Backend.over(store, project="shop", environment="prod", lease=1.0)
    dead = LeasedLock(store, "shop/prod/lock/", 1.0)
    before, holding = dead._acquire(
        holder(0), timeout=0, clock=time.monotonic, sleep=time.sleep, waiting=lambda _: None
    )  # it never beats and never releases
    began = time.monotonic()

    with backend.lock(holder(1)) as journal:
        took = time.monotonic() - began

    assert before is None
    assert 1.0 <= took <= 1.0 * 1.1 + 2
    assert journal.interrupted == holder(0)
    assert [page.by for page in backend.pages()] == ["h-1"]
    with pytest.raises(LockLost, match="was taken over by another command"):
        holding.check()


def holder(number: int) -> Holder:
    return Holder(id=f"h-{number}", who="ann", operation="apply", host="example", pid=1, since=NOW)


def intent(id: str) -> Intent:
    return Intent(id=id, run="r-1", address=LAKE, verb="create", scope="org", at=NOW)
