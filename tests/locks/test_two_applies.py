"""Two commands at once: one wins, the other says who holds the lock; a lock dies with its process."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Held, Project, RealTime, Running, lake
from world import Theatre

LAKE = "POST /exports/destinations"


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(tmp_path: Path, real_time: Theatre) -> Project:
    project = Project(tmp_path, real_time, "didomi")
    project.begin([lake()])
    return project


@pytest.fixture
def first(project: Project) -> Iterator[tuple[Running, Held]]:
    """An apply that waits in the middle of its first write."""
    held = Held(project.vendor, LAKE, after_write=True)
    running = project.start("apply", "-y")
    held.arrives()
    yield running, held
    held.let_go()
    running.end()


def test_the_second_apply_exits_6_and_says_who_holds_the_lock(project: Project, first: tuple[Running, Held]) -> None:
    winner, held = first

    loser = project.run("apply", "-y", expect=6)
    held.let_go()

    winner.end(expect=0)
    assert loser.stdout == ""
    said = re.fullmatch(
        r"error: the state is locked by `apply` of nightly on (\S+) \(process (\d+)\) "
        r"since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC), lock id `[0-9a-f]{32}`; wait for it to end, or end it\n",
        loser.stderr,
    )
    assert said is not None, loser.stderr
    assert (said[1], int(said[2])) == (socket.gethostname(), winner.pid)
    assert len(project.vendor.objects("destinations")) == 1
    assert len(project.vendor.writes()) == 1


@pytest.mark.parametrize("words", [("destroy", "-y"), ("state", "rm", "didomi/Destination/lake")], ids=" ".join)
def test_every_command_that_writes_the_state_exits_6_too(
    project: Project, first: tuple[Running, Held], words: tuple[str, ...]
) -> None:
    loser = project.run(*words, expect=6)

    assert "locked by `apply` of nightly" in loser.stderr


def test_the_lock_names_the_run_of_the_ci_that_holds_it(project: Project) -> None:
    held = Held(project.vendor, LAKE)
    ci = {
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_REPOSITORY": "shop/exports",
        "GITHUB_RUN_ID": "77",
        "GITHUB_ACTOR": "maria",
    }
    winner = project.start("apply", "-y", environ=ci)
    held.arrives()

    loser = project.run("apply", "-y", expect=6)
    held.let_go()

    winner.end(expect=0)
    assert "of maria on" in loser.stderr
    assert "https://git.example/shop/exports/actions/runs/77" in loser.stderr


def test_a_plan_needs_no_lock(project: Project, first: tuple[Running, Held]) -> None:
    said = project.run("plan", "--detailed-exitcode", expect=2)

    assert "didomi/Destination/lake" in said.stdout


def test_with_a_lock_timeout_the_second_waits_and_then_finds_nothing_to_do(
    project: Project, first: tuple[Running, Held]
) -> None:
    winner, held = first
    second = project.start("apply", "-y", "--lock-timeout", "50")
    second.says(f"waiting for `apply` of nightly on {socket.gethostname()} (process {winner.pid})")

    assert second.runs
    held.let_go()
    winner.end(expect=0)
    second.end(expect=0)
    assert len(project.vendor.objects("destinations")) == 1


def test_a_lock_timeout_that_runs_out_exits_6(project: Project, first: tuple[Running, Held]) -> None:
    began = time.monotonic()

    project.run("apply", "-y", "--lock-timeout", "1", expect=6)

    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_whoever_waits_for_the_lock_can_be_interrupted(
    project: Project, first: tuple[Running, Held], number: signal.Signals
) -> None:
    second = project.start("apply", "-y", "--lock-timeout", "50")
    second.says("waiting for `apply`")

    second.send(number)

    second.end(expect=128 + number, within=10)
    assert first[0].runs


def test_a_killed_holder_frees_the_lock(project: Project, first: tuple[Running, Held]) -> None:
    winner, held = first
    winner.send(signal.SIGKILL)
    winner.end(expect=-signal.SIGKILL)
    held.let_go()

    project.run("apply", "-y")

    assert len(project.vendor.objects("destinations")) == 1
    assert [record.id for record in project.state.records.values()] == [project.vendor.objects("destinations")[0]["id"]]
    assert project.run("plan", "--detailed-exitcode").returncode == 0


def _lock_id(project: Project) -> str:
    (file,) = (project.folder / ".reconciler").rglob(".lock.lock")
    found = re.search(r'"id":"([0-9a-f]{32})"', file.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def test_the_lock_of_a_living_process_cannot_be_cleared(project: Project, first: tuple[Running, Held]) -> None:
    refused = project.run("state", "unlock", _lock_id(project), expect=6)

    assert f"(process {first[0].pid})" in refused.stderr


def test_the_lock_of_a_dead_process_is_cleared_by_its_id_alone(project: Project, first: tuple[Running, Held]) -> None:
    winner, held = first
    winner.send(signal.SIGKILL)
    winner.end()
    held.let_go()
    id = _lock_id(project)

    wrong = project.run("state", "unlock", "f" * 32, expect=1)
    right = project.run("state", "unlock", id)
    again = project.run("state", "unlock", id, expect=1)

    assert f"the one left behind is `apply` of nightly on {socket.gethostname()} (process {winner.pid})" in wrong.stderr
    assert f"cleared the lock of `apply` of nightly on {socket.gethostname()} (process {winner.pid})" in right.stdout
    assert "not locked" in again.stderr
    project.run("apply", "-y")
    assert len(project.vendor.objects("destinations")) == 1


def test_ten_applies_at_once_make_every_object_once(project: Project) -> None:
    project.begin([lake(), {**lake(), "metadata": {"name": "pond"}}])

    applies = [project.start("apply", "-y", "--lock-timeout", "50") for _ in range(5)]
    applies += [project.start("apply", "-y") for _ in range(5)]
    codes = [each.end().returncode for each in applies]

    assert codes[:5] == [0] * 5
    assert set(codes[5:]) <= {0, 6}
    assert len(project.vendor.objects("destinations")) == 2
    assert len(project.vendor.writes()) == 2
    assert len(project.state.records) == 2
