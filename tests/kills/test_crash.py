"""A mistake of the program in one step: what others had under way is waited for and written down."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Held, Project, RealTime, Running, lake, manifest
from world import Theatre

_COMPOSED = Path(__file__).parent.parent / "reading" / "composed.py"


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


def test_a_step_that_crashes_loses_no_other_that_is_under_way(tmp_path: Path, real_time: Theatre) -> None:
    project = Project(tmp_path, real_time, "didomi")
    settings = {"didomi": project.vendor.settings(), "rogue": {"place": "create"}}
    thing = manifest("Thing", "thing", {"title": "A", "key": {"env": "RECONCILER_SECRET_CANARY"}}, vendor="rogue")
    project.settings["vendors"] = settings
    project.begin([lake(), thing])
    held = Held(project.vendor, "POST /exports/destinations")
    running = Running([sys.executable, str(_COMPOSED), "apply", "-y"], folder=tmp_path, environ=project.environ)
    held.arrives()
    running.says("it went wrong")
    assert running.runs
    held.let_go()
    ended = running.end(expect=1)
    del project.settings["vendors"]
    project.begin([lake()])

    assert "a mistake of the program" in ended.stderr
    (record,) = project.state.records.values()
    assert record.id == project.vendor.objects("destinations")[0]["id"]
    assert [str(each.address) for each in project.open_intents] == ["rogue/Thing/thing"]


def test_a_proof_that_cannot_be_made_does_not_hide_what_was_done(tmp_path: Path, real_time: Theatre) -> None:
    project = Project(tmp_path, real_time, "didomi")
    project.begin([lake()])
    project.vendor.faults.answer("GET /exports/destinations", 400, nth=2)

    ended = project.run("apply", "-y", expect=1)

    assert "Apply complete: 1 added, 0 changed, 0 replaced, 0 destroyed." in ended.stdout
    assert "cannot be read" in ended.stdout
    assert project.run("plan", "--detailed-exitcode").returncode == 0
