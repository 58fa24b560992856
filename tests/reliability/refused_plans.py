"""Saved plans that no longer fit, or never did: each is refused, and nothing is sent that changes anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kill_scenarios import (
    ADOBE_UPDATE,
    DOMO_AGAIN,
    HARBOR_UPDATE,
    QUARRY_AGAIN,
    REMOVE,
    SCENARIOS,
    UPDATE,
    Scenario,
)
from scene import Scene
from tally import Tally, some
from world import Theatre

from reconciler.operations.apply import apply
from reconciler.operations.failures import Failure, NotSafe, Stale
from reconciler.operations.plan import make_plan
from reconciler.operations.saved import open_saved, save
from reconciler.operations.workspace import Workspace
from reconciler.values import Action

ONE_OF_EACH_VENDOR = (UPDATE, ADOBE_UPDATE, DOMO_AGAIN, HARBOR_UPDATE, QUARRY_AGAIN)
WITH_OBJECTS = tuple(each for each in SCENARIOS if each.before is not None and not each.jobs)

EDITS: Mapping[str, dict[str, Any]] = {
    "destinations": {"name": "Somebody was here"},
    "configs": {"name": "Somebody was here"},
    "integrations": {"properties": {"frequency": 1, "data": ["proofs"]}},
    "accounts": {"accessKey": "ELSEWHERE"},
    "cargoes": {"datasets": ["gravel"]},
    "routes": {"schedule": {"everyHours": 99}},
    "connections": {"name": "Somebody was here"},
    "sourceConnections": {"name": "Somebody was here"},
    "targetConnections": {"name": "Somebody was here"},
    "flows": {"name": "Somebody was here"},
}
"""What somebody changes behind our back, in each collection."""


def saved_in(scene: Scene) -> Path:
    """A plan for what the scene is about to do, in a file."""
    path = scene.folder / "plan.json"
    with scene.workspace() as workspace:
        save(make_plan(workspace), path)
    return path


def is_refused(scene: Scene, path: Path) -> None:
    """Applying the plan is refused, and the vendor and the stored bytes are as they were."""
    writes = scene.stage.writes()
    with scene.workspace() as workspace:
        try:
            apply(workspace, saved=path)
        except (Stale, NotSafe, Failure):
            pass
        else:
            raise AssertionError("it was applied")

    assert scene.stage.writes() == writes, "something was sent"


def is_no_plan(workspace: Workspace, path: Path) -> None:
    """The file is refused as soon as it is read."""
    try:
        open_saved(workspace, path)
    except (Stale, Failure):
        return
    raise AssertionError("it was read")


# --- reality has moved ---


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(each, id=str(each), marks=[pytest.mark.sample] if each is REMOVE else []) for each in WITH_OBJECTS],
)
def test_a_plan_is_refused_when_any_object_it_would_touch_was_edited(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario
) -> None:
    _after_each_object(
        theatre,
        project_folder,
        tally,
        scenario,
        lambda scene, where, it: scene.stage.emulator.edit(where, it, EDITS[where]),
    )


@pytest.mark.parametrize("scenario", WITH_OBJECTS, ids=str)
def test_a_plan_is_refused_when_any_object_it_would_touch_is_gone(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario
) -> None:
    _after_each_object(
        theatre, project_folder, tally, scenario, lambda scene, where, it: scene.stage.emulator.remove(where, it)
    )


def _after_each_object(
    theatre: Theatre,
    folder: Path,
    tally: Tally,
    scenario: Scenario,
    happens: Callable[[Scene, str, str], object],
) -> None:
    count = len(Scene(folder / "first", theatre, scenario).state.records)
    for number in some(range(count)):
        scene = Scene(folder / str(number), theatre, scenario)
        path = saved_in(scene)
        record = scene.state.records[sorted(scene.state.records)[number]]
        assert record.id is not None
        with tally.attempt(str(record.address)):
            happens(scene, scenario.collections[record.address.kind], record.id)
            is_refused(scene, path)
    tally.has_no_loss()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_plan_is_refused_when_it_was_applied_already(
    theatre: Theatre, project_folder: Path, scenario: Scenario
) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    scene.apply()

    is_refused(scene, path)


@pytest.mark.parametrize("scenario", ONE_OF_EACH_VENDOR, ids=str)
def test_a_plan_of_another_lineage_is_refused(theatre: Theatre, project_folder: Path, scenario: Scenario) -> None:
    other = Scene(project_folder / "other", theatre, scenario)
    path = saved_in(other)
    scene = Scene(project_folder / "it", theatre, scenario)

    is_refused(scene, path)


@pytest.mark.parametrize("scenario", ONE_OF_EACH_VENDOR, ids=str)
def test_a_plan_is_refused_when_the_state_was_lost(theatre: Theatre, project_folder: Path, scenario: Scenario) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    shutil.rmtree(scene.folder / ".reconciler")

    is_refused(scene, path)


# --- another one's plan ---


@pytest.mark.parametrize("scenario", ONE_OF_EACH_VENDOR, ids=str)
def test_a_plan_of_another_project_is_refused(theatre: Theatre, project_folder: Path, scenario: Scenario) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    scene.settings["project"] = "bank"
    scene.write()

    is_refused(scene, path)


@pytest.mark.parametrize("scenario", ONE_OF_EACH_VENDOR, ids=str)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"environment":"default"', '"environment":"prod"'),
        ('"project":"shop"', '"project":"bank"'),
        ('"action":"', '"action":"no'),
    ],
    ids=["environment", "project", "action"],
)
def test_a_plan_in_which_somebody_edited_a_word_is_refused(
    theatre: Theatre, project_folder: Path, scenario: Scenario, before: str, after: str
) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    text = path.read_text(encoding="utf-8")
    assert before in text.replace('": "', '":"'), text[:300]
    path.write_text(text.replace('": "', '":"').replace(before, after, 1), encoding="utf-8")

    is_refused(scene, path)


# --- another file ---


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(each, id=str(each), marks=[pytest.mark.sample] if each is UPDATE else [])
        for each in ONE_OF_EACH_VENDOR
    ],
)
def test_a_plan_with_any_byte_changed_is_refused(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario
) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    whole = path.read_bytes()

    with scene.workspace() as workspace:
        for position in some(range(len(whole))):
            damaged = whole[:position] + bytes([whole[position] ^ (1 << position % 8)]) + whole[position + 1 :]
            path.write_bytes(damaged)
            with tally.attempt(f"byte {position}"):
                is_no_plan(workspace, path)
    is_refused(scene, path)
    tally.has_no_loss()


@pytest.mark.parametrize("scenario", ONE_OF_EACH_VENDOR, ids=str)
def test_a_plan_cut_at_any_byte_is_refused(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario
) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    whole = path.read_bytes()

    with scene.workspace() as workspace:
        for length in range(len(whole.rstrip())):
            path.write_bytes(whole[:length])
            with tally.attempt(f"cut at {length}"):
                is_no_plan(workspace, path)
    is_refused(scene, path)
    tally.has_no_loss()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "plan", json.dumps({"plan": {}}), "\0" * 100])
def test_a_file_that_is_no_plan_is_refused(theatre: Theatre, project_folder: Path, text: str) -> None:
    scene = Scene(project_folder / "it", theatre, UPDATE)
    path = scene.folder / "plan.json"
    path.write_text(text, encoding="utf-8")

    is_refused(scene, path)


# --- the tests themselves ---


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_plan_that_fits_is_applied(theatre: Theatre, project_folder: Path, scenario: Scenario) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    path = saved_in(scene)
    with scene.workspace() as workspace:
        applied = apply(workspace, saved=path)

    assert [each for each in applied.plan.changes if each.action is not Action.NOOP]
    assert applied.carried_out
