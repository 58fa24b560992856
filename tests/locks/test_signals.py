"""SIGINT and SIGTERM: the first lets the calls under way end, the second leaves at once; the state is consistent."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import CONTENT, Held, Project, RealTime, lake, manifest, until
from world import Theatre

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
DAILY = manifest("ExportConfig", "daily", {"data": CONTENT, "destinations": ["lake"]})
LAKE = "POST /exports/destinations"


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(tmp_path: Path, real_time: Theatre) -> Project:
    project = Project(tmp_path, real_time, "didomi")
    project.begin([lake(), DAILY])
    return project


def finishes(project: Project) -> None:
    """The next apply does the rest, and every object is there once."""
    project.run("apply", "-y")

    assert project.open_intents == ()
    there = [each["id"] for name in ("destinations", "configs") for each in project.vendor.objects(name)]
    assert sorted(there) == sorted(id for record in project.state.records.values() for id in record.ids)
    assert len(there) == 2
    assert project.run("plan", "--detailed-exitcode").returncode == 0


@SIGNALS
@pytest.mark.parametrize("after_write", [False, True], ids=["before-the-write", "after-the-write"])
def test_a_signal_during_a_call_waits_for_it_writes_it_down_and_begins_nothing_more(
    project: Project, number: signal.Signals, after_write: bool
) -> None:
    held = Held(project.vendor, LAKE, after_write=after_write)
    running = project.start("apply", "-y")
    held.arrives()

    running.send(number)
    running.says("stopping: waiting for calls under way; once more to leave at once")
    assert running.runs
    held.let_go()
    ended = running.end(expect=128 + number)

    assert project.open_intents == ()
    (record,) = project.state.records.values()
    assert [each["id"] for each in project.vendor.objects("destinations")] == [record.id]
    assert project.vendor.objects("configs") == []
    assert "didomi/ExportConfig/daily: not created: the run was stopped" in ended.stdout
    assert "Apply incomplete: 1 added, 0 changed, 0 replaced, 0 destroyed, 1 skipped." in ended.stdout
    assert "Traceback" not in ended.stderr
    finishes(project)


@SIGNALS
@pytest.mark.parametrize("after_write", [False, True], ids=["before-the-write", "after-the-write"])
def test_a_second_signal_leaves_at_once_and_the_next_apply_heals(
    project: Project, number: signal.Signals, after_write: bool
) -> None:
    held = Held(project.vendor, LAKE, after_write=after_write)
    running = project.start("apply", "-y")
    held.arrives()

    running.send(number)
    running.says("stopping")
    running.send(number)
    running.end(expect=128 + number, within=10)
    held.let_go()

    until(lambda: len(project.vendor.writes()) == 1, "the vendor had done what it was asked")
    assert len(project.open_intents) == 1
    finishes(project)


@SIGNALS
def test_a_signal_during_the_planning_of_an_apply_begins_nothing(project: Project, number: signal.Signals) -> None:
    held = Held(project.vendor, "GET /exports/destinations")
    running = project.start("apply", "-y")
    held.arrives()

    running.send(number)
    running.says("stopping")
    held.let_go()
    ended = running.end(expect=128 + number)

    assert "interrupted; the state is consistent" in ended.stderr
    assert project.vendor.writes() == ()
    assert project.state.records == {}
    finishes(project)


@SIGNALS
def test_a_signal_during_plan_leaves_at_once_and_nothing_was_written(project: Project, number: signal.Signals) -> None:
    held = Held(project.vendor, "GET /exports/destinations")
    running = project.start("plan", "-o", "plan.json")
    held.arrives()

    running.send(number)
    ended = running.end(expect=128 + number, within=10)
    held.let_go()

    assert ended.stderr == "interrupted; nothing was written\n"
    assert not (project.folder / "plan.json").exists()
    assert not (project.folder / ".reconciler").exists()
    assert project.vendor.writes() == ()


@pytest.mark.slow
@SIGNALS
def test_a_signal_while_a_lost_object_is_looked_for_leaves_its_intent_open(
    project: Project, number: signal.Signals
) -> None:
    project.vendor.words["settleSeconds"] = 50
    project.begin([lake(), DAILY])
    project.vendor.faults.cut_before_write(LAKE)
    running = project.start("apply", "-y")
    until(lambda: len(project.vendor.requests("GET", "/exports/destinations")) >= 3, "it looked for the object")

    running.send(number)
    ended = running.end(expect=128 + number, within=10)

    assert "interrupted while it was under way" in ended.stdout
    assert "the next run looks for it and carries on" in ended.stdout
    (intent,) = project.open_intents
    assert str(intent.address) == "didomi/Destination/lake"
    project.vendor.words["settleSeconds"] = 0.5
    project.begin([lake(), DAILY])
    finishes(project)


@pytest.mark.slow
@SIGNALS
def test_a_signal_while_lists_cannot_be_believed_yet_writes_nothing(project: Project, number: signal.Signals) -> None:
    held = Held(project.vendor, LAKE)
    running = project.start("apply", "-y")
    held.arrives()
    running.send(signal.SIGKILL)
    running.end()
    project.vendor.words["settleSeconds"] = 50
    project.begin([lake(), DAILY])
    project.vendor.emulator.reset()
    held.let_go()
    second = project.start("apply", "-y")
    second.says("until the vendor's lists can be believed")

    second.send(number)
    ended = second.end(expect=128 + number, within=10)

    assert "interrupted; the state is consistent" in ended.stderr
    assert len(project.open_intents) == 1


@SIGNALS
def test_a_signal_during_the_proof_still_says_what_was_done(project: Project, number: signal.Signals) -> None:
    held = Held(project.vendor, "GET /exports/configs", nth=2)
    running = project.start("apply", "-y")
    held.arrives()

    running.send(number)
    running.says("stopping")
    held.let_go()
    ended = running.end(expect=128 + number)

    assert "Apply complete: 2 added, 0 changed, 0 replaced, 0 destroyed." in ended.stdout
    assert len(project.state.records) == 2
    finishes(project)


@SIGNALS
def test_a_signal_at_the_question_leaves_at_once_and_nothing_was_written(
    project: Project, number: signal.Signals
) -> None:
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "apply"],
        cwd=project.folder,
        env=project.environ,
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
    )
    os.close(other_end)
    said = b""
    ends = time.monotonic() + 50
    try:
        while b"Only `yes` is accepted" not in said:
            assert time.monotonic() < ends, said
            if select.select([terminal], [], [], 0.1)[0]:
                said += os.read(terminal, 4096)
        process.send_signal(number)
        code = process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)

    assert code == 128 + number
    assert project.vendor.writes() == ()
    assert project.state.records == {}
    finishes(project)
