"""
The process is killed at every call of an apply, at every moment around it; the next apply carries on.

Each case proves from the vendor's own log that the process died at the call that was meant. Which calls there are is
written in `expected_calls.json`, and a test holds an undisturbed apply to it, so that no call goes unkilled. After a
deliberate change, write it anew with `python tests/kills/test_kills.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from kill_scenarios import (
    ADOBE_SWAP,
    CREATE,
    HARBOR_CHAIN,
    HARBOR_CREATE,
    QUARRY_AGAIN,
    QUARRY_RUN,
    REPLACE,
    SCENARIOS,
    Scenario,
)
from kill_stage import Case, Kill, Moment, Mortal, Undisturbed, safe_at, theatre_for
from world import Theatre

_EXPECTED = Path(__file__).parent / "expected_calls.json"
_CALLS: dict[str, dict[str, int]] = json.loads(_EXPECTED.read_text(encoding="utf-8")) if _EXPECTED.is_file() else {}

_LAGGING = tuple(
    scenario.under(**{switch: position})
    for scenario in (CREATE, REPLACE, HARBOR_CREATE, HARBOR_CHAIN, QUARRY_RUN, ADOBE_SWAP)
    for switch, position in (("list_lag", "2"), ("hidden", "404"))
)

Play = Callable[[Scenario], Case]


# --- the stage ---


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


@pytest.fixture
def play(tmp_path: Path, mortal: Mortal, theatres: Callable[[Scenario], Theatre]) -> Play:
    return lambda scenario: Case(tmp_path, theatres(scenario), mortal, scenario)


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


# --- what is killed ---


def _writes(scenario: Scenario, route: str) -> bool:
    method, _, path = route.partition(" ")
    return not any(each.method == method and each.path == path for each in safe_at(scenario.vendor))


def _fits_another(scenario: Scenario, route: str) -> bool:
    """Whether a reading's pattern, in which `*` stands for slashes too, would also meet a longer route."""
    return not _writes(scenario, route) and any(each.startswith(f"{route}/") for each in _CALLS[scenario.name])


def _kills(scenario: Scenario, *, writes_only: bool = False) -> Iterator[Kill]:
    """At each call: a reading before and after it, a call that changes something at every moment there is."""
    for route, count in sorted(_CALLS.get(scenario.name, {}).items()):
        writes = _writes(scenario, route)
        if (writes_only and not writes) or _fits_another(scenario, route):
            continue
        moments = [Moment.UNSENT, Moment.COMMITTED, *((Moment.LOST, Moment.ANSWERED) if writes else ())]
        for nth in range(1, count + 1):
            for moment in moments:
                yield Kill(moment=moment, route=route, nth=nth)


def _is_sample(scenario: Scenario, kill: Kill) -> bool:
    """What runs every day: the first of each call that changes something, once the vendor has done it."""
    chosen = scenario in (CREATE, REPLACE, HARBOR_CHAIN, QUARRY_AGAIN, ADOBE_SWAP)
    return chosen and kill.nth == 1 and kill.moment is Moment.COMMITTED and _writes(scenario, kill.route)


def _all() -> Iterator[object]:
    for scenario in (*SCENARIOS, *_LAGGING):
        for kill in _kills(scenario, writes_only=scenario in _LAGGING):
            marks = () if _is_sample(scenario, kill) else (pytest.mark.slow,)
            yield pytest.param(scenario, kill, marks=marks, id=f"{scenario}-{kill}")


@pytest.mark.parametrize(("scenario", "kill"), list(_all()))
def test_after_a_kill_at_this_call_the_next_apply_finishes_with_no_duplicate_and_no_orphan(
    play: Play, undisturbed: Callable[[Scenario], Undisturbed], scenario: Scenario, kill: Kill
) -> None:
    peace = undisturbed(scenario)
    case = play(scenario)

    case.apply_and_die(kill)
    case.converges()

    assert case.picture() == peace.picture
    assert case.made() == peace.made, "an object was made that nobody needed"


# --- the second apply dies too ---

_FIRST = (
    (CREATE.one_by_one(), Kill(moment=Moment.COMMITTED, route="POST /marketplace/integrations", nth=1)),
    (CREATE.one_by_one(), Kill(moment=Moment.COMMITTED, route="POST /exports/destinations", nth=1)),
    (REPLACE.one_by_one(), Kill(moment=Moment.COMMITTED, route="PATCH /exports/configs/{}", nth=1)),
    (HARBOR_CHAIN, Kill(moment=Moment.ANSWERED, route="POST /routes", nth=1)),
    (QUARRY_RUN, Kill(moment=Moment.COMMITTED, route="POST /extracts", nth=1)),
)


def _second(scenario: Scenario, first: Kill) -> Iterator[Kill]:
    """Every call that changes something after the first death, which is to say, every one that is still to come."""
    for route, count in sorted(_CALLS.get(f"{scenario}+{first}", {}).items()):
        for nth in range(1, count + 1):
            yield Kill(moment=Moment.UNSENT, route=route, nth=nth)
            yield Kill(moment=Moment.COMMITTED, route=route, nth=nth)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "first", "second"),
    [
        pytest.param(scenario, first, second, id=f"{scenario}-{first}-{second}")
        for scenario, first in _FIRST
        for second in _second(scenario, first)
    ],
)
def test_after_a_kill_of_the_apply_that_recovers_the_third_one_finishes(
    play: Play, undisturbed: Callable[[Scenario], Undisturbed], scenario: Scenario, first: Kill, second: Kill
) -> None:
    peace = undisturbed(scenario)
    case = play(scenario)

    case.apply_and_die(first)
    case.apply_and_die(second)
    case.converges()

    assert case.picture() == peace.picture
    assert case.made() == peace.made, "an object was made that nobody needed"


# --- strangers ---


@pytest.mark.parametrize("moment", [Moment.LOST, Moment.COMMITTED], ids=lambda moment: moment.value)
def test_a_strangers_lookalike_is_never_taken_for_the_object_whose_reply_was_lost(play: Play, moment: Moment) -> None:
    case = play(CREATE)
    stranger = case.stage.emulator.insert(
        "integrations",
        {
            "type_id": "batch-exports-s3",
            "authentication": {"account_id": "999987654321"},
            "properties": {"frequency": 1, "data": ["users"]},
            "mappings": [],
        },
    )

    case.apply_and_die(Kill(moment=moment, route="POST /marketplace/integrations", nth=1))
    case.stage.faults.clear()
    case.apply_in_peace()

    ids = [each["id"] for each in case.stage.objects("integrations")]
    (ours,) = [record.id for address, record in case.state.records.items() if address.kind == "Integration"]
    assert ours != stranger["id"]
    assert sorted(ids) == sorted([ours, stranger["id"]])
    assert stranger in case.stage.objects("integrations")


def test_a_strangers_integration_with_the_same_account_is_called_a_lookalike(play: Play) -> None:
    case = play(CREATE)
    case.stage.emulator.insert(
        "integrations",
        {
            "type_id": "batch-exports-s3",
            "authentication": {"account_id": "110987654321"},
            "properties": {"frequency": 1, "data": ["users"]},
            "mappings": [],
        },
    )

    said = case.go("plan")

    assert said.code == 5
    assert "error[lookalike]" in said.out + said.err


# --- while the state is written ---


def _storings() -> Iterator[object]:
    for scenario in (CREATE, REPLACE, HARBOR_CHAIN):
        for event in ("os.link", "os.remove"):
            for nth in range(1, _CALLS.get(f"{scenario} files", {}).get(event, 0) + 1):
                marks = () if scenario is CREATE and event == "os.link" and nth == 3 else (pytest.mark.slow,)
                kill = Kill(moment=Moment.STORING, route=event, nth=nth)
                yield pytest.param(scenario, kill, marks=marks, id=f"{scenario}-{kill}")


@pytest.mark.parametrize(("scenario", "kill"), list(_storings()))
def test_after_a_kill_while_a_file_of_the_state_is_written_the_next_apply_finishes(
    play: Play, undisturbed: Callable[[Scenario], Undisturbed], scenario: Scenario, kill: Kill
) -> None:
    peace = undisturbed(scenario)
    case = play(scenario)

    case.apply_and_die(kill)
    case.converges()

    assert case.picture() == peace.picture
    assert case.made() == peace.made, "an object was made that nobody needed"
    assert not [each.name for each in (case.folder / ".reconciler").rglob(".tmp-*")], "a leftover stays for ever"


# --- what the plan says in between ---


def test_after_a_kill_the_plan_says_what_was_recovered_and_writes_nothing(play: Play) -> None:
    case = play(CREATE)
    case.apply_and_die(Kill(moment=Moment.COMMITTED, route="POST /exports/configs", nth=1))
    before = case.stored

    said = case.go("plan", "--detailed-exitcode")

    assert said.code == 2, said.err
    assert "an interrupted run had made" in said.out
    assert case.stored == before


def test_after_a_kill_the_doctor_names_the_open_calls(play: Play) -> None:
    case = play(CREATE.one_by_one())
    case.apply_and_die(Kill(moment=Moment.COMMITTED, route="POST /exports/configs", nth=1))

    said = case.go("doctor")

    assert said.code == 1
    assert "1 call of unknown outcome" in said.out
    assert "run `reconciler apply`" in said.out


# --- the tests themselves ---


@pytest.mark.parametrize("scenario", [pytest.param(each, id=str(each)) for each in (*SCENARIOS, *_LAGGING)])
def test_every_call_of_the_apply_is_killed(undisturbed: Callable[[Scenario], Undisturbed], scenario: Scenario) -> None:
    found = dict(undisturbed(scenario).calls)

    assert found == _CALLS[scenario.name], "was that meant? Then run `python tests/kills/test_kills.py`"


def test_a_kill_at_a_call_that_never_comes_is_noticed(play: Play) -> None:
    case = play(QUARRY_RUN)

    with pytest.raises(AssertionError, match="it was not killed"):
        case.apply_and_die(Kill(moment=Moment.UNSENT, route="POST /extracts", nth=3))


def test_a_duplicate_and_an_orphan_are_noticed(play: Play) -> None:
    case = play(CREATE)
    case.apply_in_peace()
    case.stage.emulator.insert("integrations", dict(case.stage.objects("integrations")[0], id="another"))

    with pytest.raises(AssertionError, match="duplicates or orphans"):
        case.is_right()


def _write_expected() -> None:
    """Look at every apply in peace, and at every recovery, and write down the calls."""
    mortal = Mortal()
    calls: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number, scenario in enumerate((*SCENARIOS, *_LAGGING)):
            theatre = theatre_for(scenario)
            case = Case(Path(name) / str(number), theatre, mortal, scenario)
            calls[scenario.name] = dict(sorted(Undisturbed(case).calls.items()))
            theatre.close()
        for number, (scenario, first) in enumerate(_FIRST):
            theatre = theatre_for(scenario)
            case = Case(Path(name) / f"first-{number}", theatre, mortal, scenario)
            case.apply_and_die(first)
            case.stage.forget_requests()
            case.apply_in_peace()
            found = {route: count for route, count in case.calls().items() if _writes(scenario, route)}
            calls[f"{scenario}+{first}"] = dict(sorted(found.items()))
            theatre.close()
        for number, scenario in enumerate((CREATE, REPLACE, HARBOR_CHAIN)):
            theatre = theatre_for(scenario)
            case = Case(Path(name) / f"files-{number}", theatre, mortal, scenario)
            calls[f"{scenario} files"] = case.files_written()
            theatre.close()
    mortal.close()
    _EXPECTED.write_text(json.dumps(calls, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_expected()
