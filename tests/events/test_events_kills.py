"""Imports that are killed, interrupted and taken up again by processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from event_stage import Event, Shell, events, importing, is_whole, rejects, write
from program import Held, Project, RealTime
from world import Theatre

from kill_scenarios import Scenario  # isort: skip
from kill_stage import Case, Kill, Moment, theatre_for  # isort: skip

POST = "POST /consents/events"
NUMBER = 300
BAD = (7, 150)

Play = Callable[..., Case]


@pytest.fixture(scope="module")
def stage() -> Iterator[Theatre]:
    theatre = theatre_for(Scenario(name="import", vendor="didomi", after=(), collections={}))
    yield theatre
    theatre.close()


@pytest.fixture
def play(tmp_path: Path, shell: Shell, stage: Theatre) -> Play:
    def play(found: list[Event], **switches: str) -> Case:
        manifests = importing(write(tmp_path, found), onRejects="quarantine")
        scenario = Scenario(name="import", vendor="didomi", after=manifests, collections={}, switches=switches)
        return Case(tmp_path, stage, shell.mortal, scenario.one_by_one())

    return play


_SLOW = pytest.mark.slow


def _kills() -> Iterator[object]:
    """A kill around each of the requests of an import in peace, and while its progress is written down."""
    for moment in (Moment.UNSENT, Moment.LOST, Moment.COMMITTED, Moment.ANSWERED):
        for nth in (1, 2, 3):
            marks = () if (moment, nth) in {(Moment.UNSENT, 1), (Moment.COMMITTED, 2)} else (_SLOW,)
            kill = Kill(moment=moment, route=POST, nth=nth)
            yield pytest.param(kill, marks=marks, id=str(kill))
    for nth in range(1, 8):
        kill = Kill(moment=Moment.STORING, route="os.link", nth=nth)
        yield pytest.param(kill, marks=() if nth == 5 else (_SLOW,), id=str(kill))


@pytest.mark.parametrize("kill", list(_kills()))
def test_after_a_kill_the_next_apply_finishes_and_doubles_nothing(play: Play, kill: Kill) -> None:
    found = events(NUMBER)
    case = play(found)

    case.apply_and_die(kill)
    case.converges()

    is_whole(case.stage, found)


@pytest.mark.slow
@pytest.mark.parametrize("dup", ["ack", "conflict_item", "conflict_batch"])
@pytest.mark.parametrize("failure", ["atomic", "prefix", "best_effort"])
def test_after_a_kill_bad_events_are_kept_once_however_a_batch_fails(play: Play, failure: str, dup: str) -> None:
    found = events(NUMBER, refused=BAD)
    case = play(found, import_failure=failure, dup=dup)

    case.apply_and_die(Kill(moment=Moment.UNSENT, route=POST, nth=4))
    case.converges()

    is_whole(case.stage, [each for number, each in enumerate(found) if number not in BAD])
    assert sorted(each["line"] for each in rejects(case.folder)) == [each + 1 for each in BAD]


def test_a_plan_after_a_kill_says_where_it_goes_on_and_writes_nothing(play: Play) -> None:
    case = play(events(NUMBER))
    case.apply_and_die(Kill(moment=Moment.COMMITTED, route=POST, nth=2))
    before = case.stored

    said = case.go("plan", "--detailed-exitcode")

    assert said.code == 2, said.err
    assert "it was stopped after 0 of 300 lines" in said.out
    assert case.stored == before


# --- interrupted ---


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    theatre = RealTime()
    yield Project(tmp_path, theatre, "didomi")
    theatre.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=_SLOW)])
def test_a_signal_ends_an_import_cleanly_and_the_next_one_goes_on(project: Project, number: int, code: int) -> None:
    found = events(NUMBER)
    project.settings["parallelism"] = 1
    project.begin(importing(write(project.folder, found)))
    held = Held(project.vendor, POST, nth=2)
    running = project.start("apply", "-y")
    held.arrives()
    running.send(number)
    running.says("stopping")
    held.let_go()
    ended = running.end(expect=code)
    project.vendor.forget_requests()
    project.run("events", "import", "didomi/EventImport/crm", "--resume", "-y")

    assert "interrupted while it was under way" in ended.stdout + ended.stderr
    assert len(project.vendor.requests("POST", "/consents/events")) == 2
    is_whole(project.vendor, found)


@pytest.mark.slow
def test_a_signal_after_a_reject_is_an_interruption_and_no_refusal(project: Project) -> None:
    found = events(NUMBER, refused=[7])
    project.settings["parallelism"] = 1
    project.begin(importing(write(project.folder, found), onRejects="quarantine"))
    held = Held(project.vendor, POST, nth=16)
    running = project.start("apply", "-y")
    held.arrives()
    running.send(signal.SIGINT)
    running.says("stopping")
    held.let_go()
    ended = running.end(expect=130)
    project.run("apply", "-y")

    assert "interrupted while it was under way" in ended.stdout + ended.stderr
    is_whole(project.vendor, [each for number, each in enumerate(found) if number != 7])
    assert [each["line"] for each in rejects(project.folder)] == [8]
