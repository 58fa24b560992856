"""A polite signal at every call that changes something: the call is finished and written down, the rest is left."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kill_scenarios import ADOBE_SWAP, CREATE, DOMO_RUN, HARBOR_CHAIN, QUARRY_RUN, REMOVE, REPLACE, UPDATE, Scenario
from kill_stage import WRITES, Case, Mortal, Undisturbed, safe_at, theatre_for
from world import Theatre

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CALLS: dict[str, dict[str, int]] = json.loads(
    (Path(__file__).parent.parent / "kills" / "expected_calls.json").read_text(encoding="utf-8")
)
_SCENARIOS = (CREATE, UPDATE, REPLACE, REMOVE, HARBOR_CHAIN, QUARRY_RUN, ADOBE_SWAP, DOMO_RUN)

Play = Callable[[Scenario], Case]


@pytest.fixture(scope="session")
def mortal() -> Iterator[Mortal]:
    mortal = Mortal()
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


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, mortal: Mortal, theatres: Callable[[Scenario], Theatre]
) -> Callable[[Scenario], Undisturbed]:
    made: dict[str, Undisturbed] = {}

    def of(scenario: Scenario) -> Undisturbed:
        if scenario.name not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            made[scenario.name] = Undisturbed(Case(folder, theatres(scenario), mortal, scenario))
        return made[scenario.name]

    return of


def _all() -> Iterator[object]:
    for scenario in _SCENARIOS:
        for route, count in sorted(_CALLS[scenario.name].items()):
            method, _, path = route.partition(" ")
            known = any(each.method == method and each.path == path for each in safe_at(scenario.vendor))
            if method not in WRITES or known:
                continue
            for nth in range(1, count + 1):
                for after_write in (False, True):
                    when = "after" if after_write else "before"
                    sample = scenario is QUARRY_RUN and nth == 1 and after_write
                    marks = [pytest.mark.sample] if sample else []
                    id = f"{scenario}-{route.replace(' ', '').replace('/', '.')}-{nth}-{when}"
                    yield pytest.param(scenario, route, nth, after_write, id=id, marks=marks)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda each: each.name)
@pytest.mark.parametrize(("scenario", "route", "nth", "after_write"), list(_all()))
def test_after_a_signal_at_this_call_it_ends_in_order_and_the_next_apply_finishes(
    tmp_path: Path,
    mortal: Mortal,
    theatres: Callable[[Scenario], Theatre],
    undisturbed: Callable[[Scenario], Undisturbed],
    *,
    scenario: Scenario,
    route: str,
    nth: int,
    after_write: bool,
    number: signal.Signals,
) -> None:
    peace = undisturbed(scenario)
    case = Case(tmp_path, theatres(scenario), mortal, scenario)
    sent: list[int] = []

    def interrupt() -> None:
        sent.append(mortal.pid)
        os.kill(mortal.pid, number)

    case.stage.faults.call(route.replace("{}", "*"), interrupt, after_write=after_write, nth=nth)
    ended = case.go("apply", "-y")
    interrupted = case.state
    case.died += 1  # the ledger calls a stopped command interrupted, too

    assert sent, "the call never came"
    assert ended.code in {128 + number, 0}, f"{ended.code}\n{ended.out}\n{ended.err}"
    assert "Traceback" not in ended.err
    assert interrupted is not None
    case.converges()
    assert case.picture() == peace.picture
    assert case.made() == peace.made, "an object was made that nobody needed"
