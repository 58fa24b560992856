"""Whole commands against a state in a bucket: locked out, killed, stopped, woken, unlocked."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_servers import CREDENTIALS, server
from program import Held, Project, RealTime, Running, lake
from world import Theatre

LAKE = "POST /exports/destinations"
POND = {**lake(), "metadata": {"name": "pond"}}
LEASE = 3.0
"""Seconds: long enough for processes that share two cores to make a heartbeat in."""

RUN = {
    "GITHUB_SERVER_URL": "https://example.com",
    "GITHUB_REPOSITORY": "example/exports",
    "GITHUB_RUN_ID": "4711",
}


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture(params=["s3", pytest.param("gs", marks=pytest.mark.slow)])
def project(request: pytest.FixtureRequest, tmp_path: Path, real_time: Theatre) -> Project:
    bucket = server(request.param)
    project = Project(tmp_path, real_time, "didomi")
    project.environ |= CREDENTIALS
    project.settings["state"] = {"url": bucket.bucket(), "endpoint": bucket.endpoint, "leaseSeconds": LEASE}
    project.settings["parallelism"] = 1
    project.begin([lake()])
    return project


def longer_lease(project: Project) -> None:
    """A lease under which the vendor may think for a while."""
    state = project.settings["state"]
    assert isinstance(state, dict)
    project.settings["state"] = {**state, "leaseSeconds": 45.0}
    project.write()


def finishes(project: Project, objects: int) -> None:
    """Every object is there once, is remembered, and nothing is left to do."""
    assert len(project.vendor.objects("destinations")) == objects
    assert {each["id"] for each in project.vendor.objects("destinations")} == {
        record.id for record in project.state.records.values()
    }
    assert project.open_intents == ()
    assert project.run("plan", "--detailed-exitcode").returncode == 0


def killed_while_it_writes(project: Project) -> Running:
    """An apply that dies when the vendor has made the object and not yet said so."""
    held = Held(project.vendor, LAKE, after_write=True)
    running = project.start("apply", "-y", environ=RUN)
    held.arrives()
    running.send(signal.SIGKILL)
    running.end(expect=-signal.SIGKILL)
    held.let_go()
    return running


def test_an_apply_keeps_its_state_in_the_bucket(project: Project) -> None:
    project.run("apply", "-y")

    finishes(project, 1)
    assert not (project.folder / ".reconciler").exists()


def test_the_second_apply_exits_6_and_says_who_holds_the_lock_since_when_and_in_which_run(project: Project) -> None:
    longer_lease(project)
    held = Held(project.vendor, LAKE, after_write=True)
    winner = project.start("apply", "-y", environ=RUN)
    held.arrives()

    loser = project.run("apply", "-y", expect=6)
    held.let_go()

    winner.end(expect=0)
    said = re.search(
        r"error: the state is locked by `apply` of nightly on (\S+) \(process (\d+)\) "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, https://example\.com/example/exports/actions/runs/4711, "
        r"lock id `[0-9a-f]{32}`; wait for it to end, or end it\n",
        loser.stderr,
    )
    assert said is not None, loser.stderr
    assert (said[1], int(said[2])) == (socket.gethostname(), winner.pid)
    finishes(project, 1)


@pytest.mark.slow
def test_a_second_apply_with_a_lock_timeout_waits_and_says_for_whom(project: Project) -> None:
    longer_lease(project)
    held = Held(project.vendor, LAKE, after_write=True)
    winner = project.start("apply", "-y")
    held.arrives()

    second = project.start("apply", "-y", "--lock-timeout", "50")
    second.says(f"waiting for `apply` of nightly on {socket.gethostname()} (process {winner.pid})")

    assert second.runs
    held.let_go()
    winner.end(expect=0)
    second.end(expect=0)
    finishes(project, 1)


def test_a_killed_holder_is_taken_over_when_its_lease_is_over_and_what_it_began_is_found(project: Project) -> None:
    killed_while_it_writes(project)
    began = time.monotonic()

    ended = project.run("apply", "-y")

    assert time.monotonic() - began >= LEASE
    assert "waiting for `apply` of nightly" in ended.stderr
    finishes(project, 1)


def test_a_stopped_holder_that_wakes_after_the_takeover_sends_nothing_more(project: Project) -> None:
    project.begin([lake(), POND])
    held = Held(project.vendor, LAKE, after_write=True)
    sleeper = project.start("apply", "-y")
    held.arrives()
    sleeper.send(signal.SIGSTOP)
    held.let_go()

    project.run("apply", "-y")
    writes = project.vendor.writes()
    sleeper.send(signal.SIGCONT)
    woken = sleeper.end(expect=1)

    assert "nothing more is sent from here. Run `reconciler plan` to see what is left to do" in woken.stderr
    assert project.vendor.writes() == writes
    finishes(project, 2)


@pytest.mark.slow
def test_a_stopped_holder_that_wakes_while_another_works_sends_nothing_more(project: Project) -> None:
    project.begin([lake(), POND])
    held = Held(project.vendor, LAKE, after_write=True)
    sleeper = project.start("apply", "-y")
    held.arrives()
    sleeper.send(signal.SIGSTOP)
    held.let_go()
    other = Held(project.vendor, "GET /exports/destinations")

    heir = project.start("apply", "-y")
    other.arrives()
    sleeper.send(signal.SIGCONT)
    sleeper.end(expect=1)
    before = len(project.vendor.writes())
    other.let_go()
    heir.end(expect=0)

    assert before == 1
    finishes(project, 2)


@pytest.mark.slow
def test_the_lock_of_a_dead_command_is_cleared_by_its_id_alone(project: Project) -> None:
    dead = killed_while_it_writes(project)
    refused = project.run("state", "unlock", "f" * 32, expect=1)
    id = re.search(r"lock id `([0-9a-f]{32})`", refused.stderr)
    assert id is not None

    cleared = project.run("state", "unlock", id[1])
    again = project.run("state", "unlock", id[1], expect=1)

    assert f"`apply` of nightly on {socket.gethostname()} (process {dead.pid})" in cleared.stdout
    assert "the state is not locked" in again.stderr
    project.run("apply", "-y")
    finishes(project, 1)


@pytest.mark.slow
def test_the_lock_of_a_living_command_cannot_be_cleared(project: Project) -> None:
    longer_lease(project)
    held = Held(project.vendor, LAKE, after_write=True)
    winner = project.start("apply", "-y")
    held.arrives()
    id = re.search(r"lock id `([0-9a-f]{32})`", project.run("state", "unlock", "f" * 32, expect=1).stderr)
    assert id is not None

    project.run("state", "unlock", id[1], expect=6)
    held.let_go()

    winner.end(expect=0)
    finishes(project, 1)


def test_of_several_applies_at_once_every_object_is_made_once(project: Project) -> None:
    longer_lease(project)
    project.begin([lake(), POND])

    applies = [project.start("apply", "-y", "--lock-timeout", "60") for _ in range(2)]
    applies += [project.start("apply", "-y") for _ in range(3)]
    codes = [each.end().returncode for each in applies]

    assert codes[:2] == [0, 0]
    assert set(codes[2:]) <= {0, 6}
    assert len(project.vendor.writes()) == 2
    finishes(project, 2)
