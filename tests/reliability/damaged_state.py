"""Whole commands over a state in which something is damaged: it is named, and nothing is planned from it or sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kill_scenarios import ADOBE_SWAP, CREATE, DOMO_RUN, HARBOR_CHAIN, QUARRY_RUN, Scenario
from scene import Scene
from tally import Tally, some
from world import Theatre

from reconciler.backend import BackendError
from reconciler.operations.failures import Failure

ONE_OF_EACH_VENDOR = (CREATE, ADOBE_SWAP, DOMO_RUN, HARBOR_CHAIN, QUARRY_RUN)

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "cut in the middle": lambda body: body[: len(body) // 2],
    "one byte short": lambda body: body[:-2],
    "a bit flipped at the beginning": lambda body: _flipped(body, 1),
    "a bit flipped in the middle": lambda body: _flipped(body, len(body) // 2),
    "a bit flipped near the end": lambda body: _flipped(body, len(body) - 3),
    "zeros": lambda body: bytes(len(body)),
    "a web page": lambda _: b"<!DOCTYPE html><title>Please wait</title>",
    "an empty object": lambda _: b"{}",
}


def _flipped(body: bytes, position: int) -> bytes:
    return body[:position] + bytes([body[position] ^ 4]) + body[position + 1 :] if body else b"?"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(each, id=str(each), marks=[pytest.mark.sample] if each is QUARRY_RUN else [])
        for each in ONE_OF_EACH_VENDOR
    ],
)
def test_no_damaged_object_of_the_state_is_read_as_nothing(
    theatre: Theatre, project_folder: Path, tally: Tally, scenario: Scenario
) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    scene.apply()
    files = sorted(each for each in (scene.folder / ".reconciler").rglob("*.json") if each.is_file())
    assert files
    writes = scene.stage.writes()

    for file in some(files):
        whole = file.read_bytes()
        for name, damage in DAMAGES.items():
            with tally.attempt(f"{file.parent.name}/{file.name} {name}"):
                _damage(file, damage(whole))
                _harms_nothing(scene)
                assert scene.stage.writes() == writes, "something was sent"
        _damage(file, whole)
    scene.is_right()
    tally.has_no_loss()


@pytest.mark.parametrize("scenario", [each for each in ONE_OF_EACH_VENDOR if not each.jobs], ids=str)
def test_a_state_that_is_gone_is_no_first_run(theatre: Theatre, project_folder: Path, scenario: Scenario) -> None:
    scene = Scene(project_folder / "it", theatre, scenario)
    scene.apply()
    writes = scene.stage.writes()
    for file in (scene.folder / ".reconciler").rglob("*.json"):
        file.unlink()

    run = scene.apply(expect=None)

    assert [each.code for each in run.problems if each.code in {"state-lost", "lookalike"}]
    assert scene.stage.writes() == writes


def _damage(file: Path, body: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(body)


def _harms_nothing(scene: Scene) -> None:
    """A plan is refused, or is as empty as it was: what is damaged is not needed any more."""
    try:
        run = scene.plan()
    except (BackendError, Failure):
        return
    assert run.changes_to_make == (), f"planned from a damaged state: {run.changes_to_make}"
