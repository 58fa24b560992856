"""
The kills of `tests/kills` with the state in a bucket: S3 (moto) and Google Cloud Storage (fake-gcs-server).

A dead holder's lock is taken over when its lease is over, so each kill takes longer than one in a folder. Unless
`RECONCILER_BUCKET_KILLS=all` asks for everything, the share is this, of every scenario: each call that changes
something when the vendor has done it and has not answered, and at one of the three other moments in turn; each
reading route once, before or after. Of three scenarios: each object that is about to be written to the bucket.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from bucket_servers import CREDENTIALS, server
from kill_scenarios import CREATE, HARBOR_CHAIN, QUARRY_RUN, REPLACE, SCENARIOS, Scenario
from kill_stage import WRITES, Case, Kill, Moment, Mortal, Place, Undisturbed, safe_at, theatre_for
from tally import Tally
from world import Theatre

STORES = ("s3", "gs")
EVERYTHING = os.environ.get("RECONCILER_BUCKET_KILLS") == "all"
_CALLS: dict[str, dict[str, int]] = json.loads(
    (Path(__file__).parent.parent / "kills" / "expected_calls.json").read_text(encoding="utf-8")
)

Play = Callable[[Scenario, str], Case]


@pytest.fixture(scope="session")
def mortal() -> Iterator[Mortal]:
    mortal = Mortal("reconciler.stores.s3", "reconciler.stores.gcs", "google.cloud.storage")
    yield mortal
    mortal.close()


@pytest.fixture(scope="session")
def theatres() -> Iterator[Callable[[Scenario], Theatre]]:
    made: dict[bool, Theatre] = {}

    def theatre(scenario: Scenario) -> Theatre:
        if scenario.hurried not in made:
            made[scenario.hurried] = theatre_for(scenario)
        return made[scenario.hurried]

    yield theatre
    for each in made.values():
        each.close()


def place(scenario: Scenario, store: str) -> Place:
    """A new bucket. Where time is hurried a long lease costs nothing."""
    bucket = server(store)
    settings = {"url": bucket.bucket(), "endpoint": bucket.endpoint, "leaseSeconds": 9 if scenario.hurried else 2}
    return Place(settings=settings, environ=CREDENTIALS)


@pytest.fixture
def play(tmp_path: Path, mortal: Mortal, theatres: Callable[[Scenario], Theatre]) -> Play:
    numbers = iter(range(1_000_000))
    return lambda scenario, store: Case(
        tmp_path / str(next(numbers)), theatres(scenario), mortal, scenario, place(scenario, store)
    )


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, mortal: Mortal, theatres: Callable[[Scenario], Theatre]
) -> Callable[[Scenario], Undisturbed]:
    """The scenario in peace; where the state lies makes no difference to the vendor."""
    made: dict[str, Undisturbed] = {}

    def of(scenario: Scenario) -> Undisturbed:
        if scenario.name not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            made[scenario.name] = Undisturbed(Case(folder, theatres(scenario), mortal, scenario))
        return made[scenario.name]

    return of


def _changes_something(scenario: Scenario, route: str) -> bool:
    method, _, path = route.partition(" ")
    return method in WRITES and not any(
        each.method == method and each.path == path for each in safe_at(scenario.vendor)
    )


def _kills(scenario: Scenario) -> Iterator[Kill]:
    routes = _CALLS[scenario.name]
    others = cycle((Moment.UNSENT, Moment.LOST, Moment.ANSWERED))
    sides = cycle((Moment.UNSENT, Moment.COMMITTED))
    for route, count in sorted(routes.items()):
        if _changes_something(scenario, route):
            for nth in range(1, count + 1):
                yield Kill(moment=Moment.COMMITTED, route=route, nth=nth)
                for moment in (Moment.UNSENT, Moment.LOST, Moment.ANSWERED) if EVERYTHING else (next(others),):
                    yield Kill(moment=moment, route=route, nth=nth)
        elif not any(each.startswith(f"{route}/") for each in routes):  # else its pattern would meet those too
            for nth in range(1, count + 1 if EVERYTHING else 2):
                for moment in (Moment.UNSENT, Moment.COMMITTED) if EVERYTHING else (next(sides),):
                    yield Kill(moment=moment, route=route, nth=nth)


_SAMPLE = {("gs", QUARRY_RUN.name, Kill(moment=Moment.COMMITTED, route="POST /extracts", nth=1))}


def _all() -> Iterator[object]:
    for scenario in SCENARIOS:
        for kill in _kills(scenario):
            for store in STORES:
                marks = [pytest.mark.sample] if (store, scenario.name, kill) in _SAMPLE else []
                yield pytest.param(scenario, kill, store, id=f"{store}-{scenario}-{kill}", marks=marks)


@pytest.mark.parametrize(("scenario", "kill", "store"), list(_all()))
def test_after_a_kill_at_this_call_the_next_apply_finishes_with_its_state_in_a_bucket(
    play: Play, undisturbed: Callable[[Scenario], Undisturbed], scenario: Scenario, kill: Kill, store: str
) -> None:
    peace = undisturbed(scenario)
    case = play(scenario, store)

    case.apply_and_die(kill)
    case.converges()

    assert case.picture() == peace.picture
    assert case.made() == peace.made, "an object was made that nobody needed"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", [CREATE, REPLACE, HARBOR_CHAIN], ids=str)
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("folder", ["journal", "state", "lock", "ledger"])
def test_after_a_kill_while_an_object_of_the_state_is_sent_the_next_apply_finishes(
    play: Play,
    undisturbed: Callable[[Scenario], Undisturbed],
    tally: Tally,
    *,
    scenario: Scenario,
    store: str,
    folder: str,
) -> None:
    peace = undisturbed(scenario)
    written = play(scenario, store).files_written().get(f"store {folder}", 0)
    if folder == "lock":
        written = min(written, 1)  # heartbeats come when they come

    for nth in range(1, written + 1):
        with tally.attempt(f"{folder} {nth}"):
            case = play(scenario, store)
            case.apply_and_die(Kill(moment=Moment.STORING, route=f"store {folder}", nth=nth))
            case.converges()

            assert case.picture() == peace.picture
            assert case.made() == peace.made, "an object was made that nobody needed"

    tally.has_no_loss()
