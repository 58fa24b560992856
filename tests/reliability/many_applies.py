"""From two to sixteen applies at once, over a folder and over buckets, with a holder that is killed or falls asleep."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_servers import CREDENTIALS, server
from program import Held, Project, RealTime, Running, lake
from world import Theatre

LAKE = "POST /exports/destinations"
POND = {**lake(), "metadata": {"name": "pond"}}
OBJECTS = 2
RACERS = pytest.mark.parametrize("racers", [2, 4, 8, 16])
pytestmark = pytest.mark.timeout(600)
_PATIENT = ("apply", "-y", "--lock-timeout", "150")


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture(params=["file", "s3", "gs"])
def project(request: pytest.FixtureRequest, tmp_path: Path, real_time: Theatre) -> Project:
    project = Project(tmp_path, real_time, "didomi")
    project.settings["parallelism"] = 1
    if request.param != "file":
        bucket = server(request.param)
        project.environ |= CREDENTIALS
        # All must have started, and been turned away, while the call of whoever holds the lock is still under way: it
        # may take two thirds of a lease.
        lease = 20.0 + 3.0 * request.getfixturevalue("racers")
        project.settings["state"] = {"url": bucket.bucket(), "endpoint": bucket.endpoint, "leaseSeconds": lease}
    project.begin([lake(), POND])
    return project


def finishes(project: Project) -> None:
    """Every object is there once and remembered, and nothing is left to do."""
    there = [each["id"] for each in project.vendor.objects("destinations")]
    assert len(there) == OBJECTS
    assert sorted(there) == sorted(str(record.id) for record in project.state.records.values())
    assert project.open_intents == ()
    assert project.run("plan", "--detailed-exitcode").returncode == 0


def begun(project: Project) -> tuple[Running, Held]:
    """An apply whose first object the vendor has made, and which does not know it yet."""
    held = Held(project.vendor, LAKE, after_write=True)
    running = project.start("apply", "-y")
    held.arrives()
    return running, held


@RACERS
def test_of_many_that_start_at_once_one_at_a_time_has_the_lock(project: Project, racers: int) -> None:
    applies = [project.start(*_PATIENT) for _ in range(racers)]
    codes = [each.end(within=250).returncode for each in applies]

    assert set(codes) <= {0, 6}
    assert 0 in codes
    assert len(project.vendor.writes()) == OBJECTS
    finishes(project)


@RACERS
def test_while_one_holds_the_lock_all_others_are_turned_away(project: Project, racers: int) -> None:
    winner, held = begun(project)

    losers = [project.start("apply", "-y") for _ in range(racers - 1)]
    codes = [each.end(within=60).returncode for each in losers]
    held.let_go()
    winner.end(expect=0)

    assert codes == [6] * (racers - 1)
    assert len(project.vendor.writes()) == OBJECTS
    finishes(project)


@RACERS
def test_a_killed_holder_is_taken_over_by_one_of_those_who_wait(project: Project, racers: int) -> None:
    holder, held = begun(project)
    waiting = [project.start(*_PATIENT) for _ in range(racers - 1)]
    for each in waiting:
        each.says("waiting for", within=60)

    holder.send(signal.SIGKILL)
    holder.end(expect=-signal.SIGKILL)
    held.let_go()
    codes = [each.end(within=250).returncode for each in waiting]

    assert set(codes) <= {0, 6}
    assert 0 in codes
    assert len(project.vendor.writes()) == OBJECTS
    finishes(project)


@RACERS
@pytest.mark.parametrize("project", ["s3", "gs"], indirect=True)
def test_a_holder_that_slept_through_its_lease_sends_nothing_more(project: Project, racers: int) -> None:
    sleeper, held = begun(project)
    sleeper.send(signal.SIGSTOP)
    held.let_go()

    heirs = [project.start(*_PATIENT) for _ in range(racers - 1)]
    codes = [each.end(within=250).returncode for each in heirs]
    writes = project.vendor.writes()
    sleeper.send(signal.SIGCONT)
    sleeper.end(expect=1)

    assert set(codes) <= {0, 6}
    assert 0 in codes
    assert project.vendor.writes() == writes
    assert len(writes) == OBJECTS
    finishes(project)
