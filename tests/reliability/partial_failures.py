"""Every call that changes something is refused once: what does not depend on it is done, the rest is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from kill_scenarios import SCENARIOS, Scenario
from scene import Peace, Scene
from tally import Tally, some
from world import Run, Theatre

from reconciler.values import Outcome, OutcomeStatus, Step

SURE = (400, 403, 404, 409, 422)
"""Answers by which a vendor says that it did nothing."""

_SAMPLE = {("create", 400), ("adobe-swap", 403)}


def _twin(manifest: Mapping[str, object]) -> Mapping[str, object]:
    """The same export once more, under another name."""
    return {**manifest, "metadata": {"name": "twin"}}


# The parts of one Adobe export depend on one another; a second export depends on none of them.
WIDE = tuple(
    replace(each, after=(*each.after, *map(_twin, each.after)), before=each.before) if each.vendor == "adobe" else each
    for each in SCENARIOS
)


def _all() -> list[object]:
    return [
        pytest.param(
            scenario,
            status,
            id=f"{scenario}-{status}",
            marks=[pytest.mark.sample] if (scenario.name, status) in _SAMPLE else [],
        )
        for scenario in WIDE
        for status in SURE
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("scenario", "status"), _all())
def test_what_does_not_depend_on_a_refused_step_is_done(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario, status: int
) -> None:
    first = Scene(project_folder / "peace", theatre, scenario)
    peace = Peace(first)
    writes = [(route, nth) for route, nth in peace.calls if first.changes_something(route)]

    for number, (route, nth) in some(list(enumerate(writes))):
        with tally.attempt(f"{route} {nth}"):
            scene = Scene(project_folder / str(number), theatre, scenario)
            scene.stage.faults.answer(route.replace("{}", "*"), status, nth=nth)
            run = scene.apply(expect=None)
            _only_dependents_are_left(run)
            scene.finishes()

            assert scene.picture() == peace.picture

    tally.has_no_loss()


def _only_dependents_are_left(run: Run) -> None:
    """Every step has an outcome; what was skipped waits for what was not done, and nothing else was skipped."""
    outcomes = {each.step.name: each for each in run.report.outcomes}
    steps = {each.step.name: each.step for each in run.report.outcomes}
    not_done = {name for name, each in outcomes.items() if each.status is not OutcomeStatus.DONE}
    skipped = {name for name, each in outcomes.items() if each.status is OutcomeStatus.SKIPPED}
    roots = not_done - skipped

    assert run.plan is not None, run.messages
    assert skipped == _downstream(roots, steps.values()), "skipped is not what depends on what failed"
    for name in skipped:
        assert _names_a_culprit(outcomes[name], not_done), f"{name} was skipped and does not say why"


def _downstream(roots: set[str], steps: Iterable[Step]) -> set[str]:
    listed = list(steps)
    found: set[str] = set()
    while True:
        more = {each.name for each in listed if set(each.after) & (roots | found)} - found - roots
        if not more:
            return found
        found |= more


def _names_a_culprit(outcome: Outcome, not_done: set[str]) -> bool:
    return any(f"`{name}`" in (outcome.message or "") for name in not_done)
