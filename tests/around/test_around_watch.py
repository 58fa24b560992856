"""`watch`: round after round in real processes, which end when they are told to and write nothing twice."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from around_stage import Receiver
from hypothesis import given
from hypothesis import strategies as st
from program import CONTENT, Held, Project, RealTime, Running, lake, manifest, until
from prometheus_client.parser import text_string_to_metric_families
from world import Theatre

from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Misused
from reconciler.operations.watch import LONGEST_REST, Book, Round, address_of, next_rest, watch

DAILY = manifest("ExportConfig", "daily", {"data": CONTENT, "destinations": ["lake"]})
LAKE_SPEC = {"typeId": "aws-s3-didomi", "config": {"accountId": "999988887777"}}
FAST = ("watch", "--interval", "1s")
LISTED = "GET /exports/destinations"


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(project_folder: Path, real_time: Theatre) -> Project:
    project = Project(project_folder, real_time, "didomi")
    project.begin([lake()])
    return project


# --- rounds ---


def test_without_apply_it_says_what_it_finds_once_and_writes_nothing(project: Project) -> None:
    ended = project.run(*FAST, "--rounds", "2")

    assert ended.stdout.count("Plan: 1 to add, 0 to change, 0 to replace, 0 to destroy.") == 1
    assert "round 2: something to do (1 create)" in ended.stderr
    assert project.vendor.writes() == ()


def test_with_apply_a_manifest_that_comes_later_is_applied_by_a_later_round(project: Project) -> None:
    running = project.start(*FAST, "--apply")
    running.says("round 1: applied")
    project.write([lake(), DAILY])
    until(lambda: len(project.vendor.objects("configs")) == 1, "the new manifest was applied")
    running.says("nothing to do")
    running.send(signal.SIGTERM)
    ended = running.end(expect=143)

    assert len(project.vendor.objects("destinations")) == 1
    assert project.open_intents == ()
    assert "Traceback" not in ended.stderr


def test_a_mistake_in_a_manifest_is_said_and_the_next_rounds_go_on(project: Project) -> None:
    project.write("kind: Nothing\n")
    running = project.start(*FAST, "--apply")
    running.says("round 1: invalid; the next one in 2 s")
    project.write([lake()])
    running.says("applied")
    running.send(signal.SIGINT)
    running.end(expect=130)

    assert len(project.vendor.objects("destinations")) == 1


def test_a_limit_holds_and_is_the_exit_code_of_the_last_round(project: Project) -> None:
    sea = manifest("Destination", "sea", {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}})
    project.settings["limits"] = {"maxDeletes": 1, "maxDeletePercent": 1}
    project.write([lake(), sea])
    project.run("apply", "-y")
    project.write([lake("999988887777"), {**sea, "spec": LAKE_SPEC}])
    ended = project.run(*FAST, "--apply", "--rounds", "1", expect=5)

    assert "round 1: refused" in ended.stderr
    assert {each["config"]["account_id"] for each in project.vendor.objects("destinations")} == {"210987654321"}


def test_a_round_that_finds_the_lock_taken_leaves_everything_alone(project: Project) -> None:
    held = Held(project.vendor, "POST /exports/destinations")
    other = project.start("apply", "-y")
    held.arrives()
    ended = project.run(*FAST, "--apply", "--rounds", "1", expect=6)
    held.let_go()
    other.end(expect=0)

    assert "round 1: locked" in ended.stderr
    assert len(project.vendor.objects("destinations")) == 1


# --- the end ---


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_waits_for_the_write_under_way_and_begins_nothing_more(
    project: Project, number: signal.Signals
) -> None:
    project.write([lake(), DAILY])
    held = Held(project.vendor, "POST /exports/destinations", after_write=True)
    running = project.start(*FAST, "--apply")
    held.arrives()
    running.send(number)
    running.says("stopping")
    assert running.runs
    held.let_go()
    running.end(expect=128 + number)

    assert len(project.vendor.objects("destinations")) == 1
    assert project.vendor.objects("configs") == []
    assert project.open_intents == ()


def test_a_signal_while_the_vendors_are_read_ends_with_the_call_under_way(project: Project) -> None:
    held = Held(project.vendor, LISTED)
    running = project.start(*FAST, "--apply")
    held.arrives()
    running.send(signal.SIGTERM)
    running.says("stopping")
    asked = len(project.vendor.requests())
    held.let_go()
    running.end(expect=143)

    assert len(project.vendor.requests()) <= asked + 1
    assert project.vendor.writes() == ()


# --- who asks how it is ---


def asked(url: str) -> tuple[int, str]:
    """Status and text."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - on this machine
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def health_of(running: Running) -> str:
    """Where it answers."""
    running.says("/metrics\n")
    return running.err.partition("health: ")[2].partition("/healthz")[0]


def test_health_is_told_from_the_first_moment_and_readiness_after_a_good_round(project: Project) -> None:
    held = Held(project.vendor, LISTED)
    running = project.start(*FAST, "--health-address", "0")
    url = health_of(running)
    held.arrives()

    assert url.startswith("http://127.0.0.1:")
    assert asked(f"{url}/healthz")[0] == 200
    assert asked(f"{url}/readyz")[0] == 503
    held.let_go()
    until(lambda: asked(f"{url}/readyz")[0] == 200, "a round was good")
    assert asked(f"{url}/nothing")[0] == 404
    assert json.loads(asked(f"{url}/readyz")[1])["last"] == "changes"
    metrics = {each.name: each for each in text_string_to_metric_families(asked(f"{url}/metrics")[1])}
    changes = metrics["reconciler_watch_changes"].samples
    requests = metrics["reconciler_watch_requests"].samples
    running.send(signal.SIGTERM)
    running.end(expect=143)
    assert [(each.labels, each.value) for each in changes] == [({"action": "create"}, 1.0)]
    assert {each.labels["vendor"] for each in requests} == {"didomi"}
    assert sum(each.value for each in requests) >= 2


@pytest.mark.slow
def test_an_address_in_use_is_said_before_the_first_round(project: Project) -> None:
    with Receiver() as receiver:
        ended = project.run(*FAST, "--health-address", receiver.url.removeprefix("http://"), expect=1)

    assert "Address already in use" in ended.stderr
    assert project.vendor.requests() == ()


# --- webhooks ---


@pytest.mark.slow
def test_what_stays_the_same_is_told_once(project: Project) -> None:
    with Receiver() as receiver:
        project.environ["HOOK"] = receiver.url
        project.settings["notify"] = [{"url": {"env": "HOOK"}}]
        project.write([lake()])
        project.run(*FAST, "--rounds", "2")
        (post,) = receiver.posts

        assert (post.document["event"], post.document["command"], post.document["status"]) == (
            "drift",
            "watch",
            "changes",
        )


# --- without processes ---


@given(interval=st.floats(1, 1e6), failures=st.integers(0, 2000), draw=st.floats(0, 1))
def test_rests_grow_with_failures_and_stay_bounded(interval: float, failures: int, draw: float) -> None:
    rest = next_rest(interval, failures, draw)

    assert interval <= rest <= max(interval, LONGEST_REST) * 1.1 + 1
    assert next_rest(interval, failures, 0) <= next_rest(interval, failures + 1, 0)
    assert next_rest(interval, 0, 0) == interval


class Sand:
    """A clock whose time passes only while somebody rests; it stops after so many rests."""

    def __init__(self, rests: int = 100) -> None:
        self.rests: list[float] = []
        self._left = rests

    def now(self) -> datetime:
        """The present moment."""
        return datetime(2026, 12, 1, tzinfo=UTC) + timedelta(seconds=sum(self.rests))

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return sum(self.rests)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.rests.append(seconds)
        self._left -= 1
        if self._left < 0:
            raise Stopped


def played(outcomes: list[Round], clock: Sand, book: Book | None = None) -> Round:
    """Rounds that end so, one after the other."""
    rounds = iter(outcomes)
    return watch(
        lambda: next(rounds),
        book or Book(mode="plan"),
        interval=60,
        clock=clock,
        draw=lambda: 0.0,
        rounds=len(outcomes),
    )


GOOD = Round(outcome="nothing", code=0, failed=False)
BAD = Round(outcome="failed", code=1, failed=True)


def test_rests_double_after_failures_and_a_good_round_ends_that() -> None:
    clock = Sand()

    assert played([GOOD, BAD, BAD, BAD, GOOD, GOOD], clock) is GOOD
    assert clock.rests == [60, 120, 240, 480, 60]


def test_a_stop_during_a_rest_ends_it() -> None:
    clock = Sand(rests=1)

    assert played([GOOD, BAD, GOOD, GOOD], clock) is BAD


@given(outcomes=st.lists(st.sampled_from([GOOD, BAD]), min_size=1, max_size=8))
def test_the_figures_are_what_happened_and_prometheus_reads_them(outcomes: list[Round]) -> None:
    book = Book(mode="plan")
    book.request("didomi", 200)
    book.request(None, None)
    played(outcomes, Sand(), book)
    families = {each.name: each.samples for each in text_string_to_metric_families(book.exposition())}
    rounds = {each.labels["outcome"]: each.value for each in families["reconciler_watch_rounds"]}

    assert rounds == {each.outcome: outcomes.count(each) for each in outcomes}
    assert book.is_ready is not outcomes[-1].failed
    assert {tuple(each.labels.values()) for each in families["reconciler_watch_requests"]} == {
        ("didomi", "200"),
        ("other", "none"),
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 - read, not listened on
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_a_port_alone_means_this_machine(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "1:2:3", ":٣"])
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(Misused):
        address_of(text)
