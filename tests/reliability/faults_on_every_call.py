"""
Whatever an API can do to one call, done to every call of every scenario: the next apply, unattended, finishes.

Each attempt plays the whole apply again with one call spoiled. The calls are those of the same apply in peace.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from kill_scenarios import SCENARIOS, Scenario
from scene import Peace, Scene
from tally import Tally, some
from world import Theatre

from reconciler.transport import Timeouts

Spoil = Callable[[Scene, str, int], object]

_PATIENCE = 0.25
"""Real seconds that a call may take where the vendor never answers in time."""


def _hang(scene: Scene, route: str, nth: int, *, committed: bool) -> None:
    scene.timeouts = Timeouts(connect=5.0, read=_PATIENCE, total=5.0)
    faults = scene.stage.faults
    faults.call(route, lambda: time.sleep(_PATIENCE * 1.8), after_write=committed, nth=nth)
    if not committed:
        faults.cut_before_write(route, nth=nth)


FAULTS: dict[str, Spoil] = {
    "500 before the write": lambda it, route, nth: it.stage.faults.answer(route, 500, nth=nth),
    "500 after the write": lambda it, route, nth: it.stage.faults.answer_after_write(route, 500, nth=nth),
    "503 that names a time": lambda it, route, nth: it.stage.faults.answer(route, 503, retry_after=3, nth=nth),
    "502 for ever": lambda it, route, nth: it.stage.faults.answer(route, 502, nth=nth, times=None),
    "429 with seconds": lambda it, route, nth: it.stage.faults.answer(route, 429, retry_after=7, nth=nth),
    "429 with a date": lambda it, route, nth: it.stage.faults.answer(
        route, 429, retry_after=it.clock.now() + timedelta(seconds=40), nth=nth
    ),
    "429 with an absurd time": lambda it, route, nth: it.stage.faults.answer(
        route, 429, headers={"Retry-After": "9" * 30}, nth=nth
    ),
    "429 with nonsense": lambda it, route, nth: it.stage.faults.answer(
        route, 429, headers={"Retry-After": "-1e9 soon"}, nth=nth
    ),
    "reset before the write": lambda it, route, nth: it.stage.faults.cut_before_write(route, nth=nth),
    "reset after the write": lambda it, route, nth: it.stage.faults.cut_after_write(route, nth=nth),
    "reset in the reply": lambda it, route, nth: it.stage.faults.cut_in_reply(route, nth=nth),
    "timeout before the write": lambda it, route, nth: _hang(it, route, nth, committed=False),
    "timeout after the write": lambda it, route, nth: _hang(it, route, nth, committed=True),
}

_SAMPLE = {("create", "500 after the write"), ("quarry-run", "reset after the write")}


def _all() -> list[object]:
    return [
        pytest.param(
            scenario,
            fault,
            id=f"{scenario}-{fault.replace(' ', '-')}",
            marks=[pytest.mark.sample] if (scenario.name, fault) in _SAMPLE else [],
        )
        for scenario in SCENARIOS
        for fault in FAULTS
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("scenario", "fault"), _all())
def test_whichever_call_is_spoiled_the_next_apply_finishes(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario, fault: str
) -> None:
    peace = Peace(Scene(project_folder / "peace", theatre, scenario))

    for number, (route, nth) in some(list(enumerate(peace.calls))):
        with tally.attempt(f"{route} {nth}"):
            scene = Scene(project_folder / str(number), theatre, scenario)
            FAULTS[fault](scene, route.replace("{}", "*"), nth)
            scene.apply(expect=None)
            scene.finishes()

            assert scene.picture() == peace.picture
            assert scene.made() == peace.made, "an object was made that nobody needed"

    tally.has_no_loss()
