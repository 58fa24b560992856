"""Webhooks are told what a command did, in words that hold no secret, and never fail it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from around_stage import Answer, Receiver
from hypothesis import given
from hypothesis import strategies as st
from program import INHERITED, Held, Project, RealTime, lake
from world import CANARY, Theatre, World

from reconciler.operations.failures import Invalid
from reconciler.operations.happenings import Happening, Touched, of_failure
from reconciler.operations.notify import document_of, notify, slack_text
from reconciler.operations.validate import validate
from reconciler.operations.workspace import open_workspace
from reconciler.values import Address, Problem, Secret, Severity

PATH = "/services/T0/B0/canary-hook-91d2c4"
KEY = "canary-signing-key-5f2e"
APPLIED = Happening(event="apply", command="apply", status="done", happened=True, failed=False, counts={"done": 1})
NOTHING = Happening(event="drift", command="drift", status="nothing", happened=False, failed=False)
FAILED = Happening(event="verify", command="verify", status="failed", happened=False, failed=True, message="no")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(project_folder: Path, real_time: Theatre) -> Project:
    return Project(project_folder, real_time, "didomi")


def told(world: World, receiver: Receiver, **more: object) -> None:
    """Have the project tell this receiver."""
    world.environ |= {"HOOK": receiver.url + PATH, "HOOK_KEY": KEY}
    world.settings["notify"] = [{"url": {"env": "HOOK"}, **more}]
    world.write(None)


def warnings(world: World, happening: Happening = APPLIED, longest: float = 20.0) -> tuple[str, ...]:
    """Tell it, and give what is said of those who could not be told."""
    with world.workspace() as workspace:
        found = notify(workspace, happening, longest=longest)
    assert all(each.severity is Severity.WARNING and each.code == "notification-failed" for each in found)
    return tuple(each.message for each in found)


# --- the command line ---


def test_an_apply_is_told_with_what_it_did_and_signed(project: Project, receiver: Receiver) -> None:
    told(project, receiver, signature={"env": "HOOK_KEY"})
    project.environ["CI_JOB_URL"] = "https://ci.example.com/jobs/7"
    project.begin([lake()])
    project.run("apply", "-y")
    (post,) = receiver.posts

    assert post.path == PATH
    assert post.headers["content-type"] == "application/json"
    assert post.headers["x-reconciler-event"] == "apply"
    signed = hmac.new(KEY.encode(), post.body, hashlib.sha256).hexdigest()
    assert post.headers["x-reconciler-signature"] == f"sha256={signed}"
    assert {key: post.document[key] for key in ("project", "environment", "command", "status", "counts", "run")} == {
        "project": "shop",
        "environment": "default",
        "command": "apply",
        "status": "done",
        "counts": {"done": 1},
        "run": "https://ci.example.com/jobs/7",
    }
    assert [(each["address"], each["what"], each["how"]) for each in post.document["objects"]] == [
        ("didomi/Destination/lake", "create", "done")
    ]


def test_what_failed_is_told_and_what_did_nothing_is_not(project: Project, receiver: Receiver) -> None:
    told(project, receiver)
    project.begin([lake()])
    project.run("apply", "-y")
    project.run("apply", "-y")
    (project.folder / "specs" / "all.yaml").write_text("kind: Nothing\n", encoding="utf-8")
    project.run("apply", "-y", expect=8)

    assert [each.document["status"] for each in receiver.posts] == ["done", "invalid"]
    assert receiver.posts[1].document["message"] == "the manifests have problems"
    assert receiver.posts[1].document["problems"][0]["severity"] == "error"


@pytest.mark.slow
def test_drift_is_told_by_the_names_of_fields_and_never_by_values(project: Project, receiver: Receiver) -> None:
    told(project, receiver, events=["drift"])
    project.begin([lake()])
    project.run("apply", "-y")
    (found,) = project.vendor.objects("destinations")
    project.vendor.emulator.edit("destinations", str(found["id"]), {"name": "Renamed by hand"})
    project.run("drift")
    (post,) = receiver.posts

    assert (post.document["status"], post.document["counts"]) == ("moved", {"looked at": 1, "moved": 1})
    assert post.document["objects"][0]["fields"] == ["name"]
    assert b"Renamed by hand" not in post.body


def test_a_webhook_that_is_not_there_is_a_warning_and_the_exit_code_stays(project: Project) -> None:
    project.environ["HOOK"] = f"http://127.0.0.1:9{PATH}"
    project.settings["notify"] = [{"url": {"env": "HOOK"}}]
    project.begin([lake()])
    ended = project.run("--log-level", "debug", "apply", "-y", expect=0)

    assert "warning[notification-failed]: `notify[0]` was not told: " in ended.stderr
    assert "Connection refused" in ended.stderr
    assert "canary-hook-91d2c4" not in ended.stdout + ended.stderr


# --- who is told what ---


@pytest.mark.parametrize(
    ("when", "happening", "expected"),
    [
        ("changes", APPLIED, 1),
        ("changes", NOTHING, 0),
        ("changes", FAILED, 1),
        ("failures", APPLIED, 0),
        ("failures", FAILED, 1),
        ("always", NOTHING, 1),
    ],
)
def test_a_webhook_hears_what_it_wants_to_know(
    world: World, receiver: Receiver, when: str, happening: Happening, expected: int
) -> None:
    told(world, receiver, when=when)

    assert warnings(world, happening) == ()
    assert len(receiver.posts) == expected


def test_an_event_that_is_not_wanted_is_not_told(world: World, receiver: Receiver) -> None:
    told(world, receiver, events=["verify"])

    assert warnings(world) == ()
    assert receiver.posts == []


def test_every_webhook_is_told_whatever_becomes_of_the_others(world: World, receiver: Receiver) -> None:
    told(world, receiver)
    world.environ["DEAD"] = "http://127.0.0.1:9/x"
    hooks = [{"url": {"env": each}} for each in ("MISSING", "DEAD", "HOOK")]
    world.settings["notify"] = hooks
    world.write(None)
    missing, dead = warnings(world)

    assert "`notify[0]`" in missing
    assert "MISSING" in missing
    assert "`notify[1]`" in dead
    assert len(receiver.posts) == 1


# --- how often, and how long ---


def test_an_overloaded_webhook_is_asked_again_with_the_same_id(world: World) -> None:
    with Receiver([Answer(503), Answer(502), Answer(200)]) as receiver:
        told(world, receiver)

        assert warnings(world) == ()
        assert len({each.document["id"] for each in receiver.posts}) == 1
        assert len(receiver.posts) == 3


def test_a_webhook_that_stays_overloaded_is_given_up(world: World) -> None:
    with Receiver([Answer(503)]) as receiver:
        told(world, receiver)
        (said,) = warnings(world)

        assert "the answer was 503, 4 times" in said
        assert len(receiver.posts) == 4


def test_a_refusal_is_not_repeated(world: World) -> None:
    with Receiver([Answer(410)]) as receiver:
        told(world, receiver)

        assert warnings(world) == ("`notify[0]` was not told: it answered 410",)
        assert len(receiver.posts) == 1


def test_nothing_is_sent_on_to_another_address(world: World, receiver: Receiver) -> None:
    with Receiver([Answer(307, {"Location": f"{receiver.url}/elsewhere"})]) as first:
        told(world, first)

        assert warnings(world) == (
            "`notify[0]` was not told: it answered 307, and nothing is sent on to another address",
        )
        assert receiver.posts == []


def test_a_webhook_that_never_answers_holds_nobody_up(world: World) -> None:
    with Receiver([Answer(None)]) as receiver:
        told(world, receiver)

        assert warnings(world, longest=0.3) == ("`notify[0]` was not told: there was no end of it within 0.3 s",)


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/x", "ftp://127.0.0.1/x", "nonsense", "https://a:b@h.example/"]
)
def test_an_address_that_would_not_be_safe_is_a_warning(world: World, receiver: Receiver, url: str) -> None:
    told(world, receiver)
    world.environ["HOOK"] = url

    assert warnings(world) == (
        "`notify[0]` was not told: its address is no `https://` URL, or what it needs cannot be sent in a header",
    )


# --- secrets ---


@pytest.mark.parametrize("format", ["json", "slack"])
def test_no_secret_is_told_even_if_a_vendor_repeats_it(world: World, receiver: Receiver, format: str) -> None:
    told(world, receiver, format=format, signature={"env": "HOOK_KEY"})
    with world.workspace() as workspace:
        workspace.reveal(Secret(source="env", name="RECONCILER_SECRET_CANARY"))
        error = RuntimeError(f"the vendor said {CANARY}, {KEY} and {world.environ['HOOK']}")
        notify(workspace, of_failure(error, event="apply", command="apply", code=1))
    (post,) = receiver.posts

    assert b"the vendor said ***" in post.body
    assert [each for each in (CANARY, KEY, "canary-hook-91d2c4") if each.encode() in post.body] == []


def test_an_address_may_stand_only_in_a_secret(tmp_path: Path) -> None:
    project = {"project": "shop", "notify": [{"url": "https://hooks.example.com/T0"}]}
    (tmp_path / "reconciler.yaml").write_text(json.dumps(project), encoding="utf-8")
    with pytest.raises(Invalid) as refused:
        open_workspace(tmp_path, environ={})
    (problem,) = refused.value.problems

    assert str(problem.mark) == "reconciler.yaml:1:40"
    assert "hooks.example.com" not in problem.message


def test_manifests_are_judged_as_without_webhooks(world: World, receiver: Receiver) -> None:
    told(world, receiver)
    world.write([lake()])
    with world.workspace() as workspace:
        found = validate(workspace)

    assert found.problems == ()
    assert receiver.posts == []


@pytest.mark.slow
def test_the_check_of_secrets_tries_the_webhooks(project: Project, receiver: Receiver) -> None:
    told(project, receiver, signature={"env": "HOOK_KEY"})
    project.begin([lake()])
    said = project.run("secrets", "check", "--format", "json").stdout

    assert "notify[0].url" in said
    assert "notify[0].signature" in said


# --- the texts ---

WORDS = st.text(max_size=400)
TOUCHED = st.builds(
    Touched,
    address=WORDS,
    what=WORDS,
    how=WORDS,
    message=st.none() | WORDS,
    fields=st.lists(WORDS, max_size=5).map(tuple),
)
PROBLEMS = st.builds(
    Problem,
    code=WORDS,
    message=WORDS,
    help=st.none() | WORDS,
    address=st.none() | st.just(Address("didomi", "Destination", "lake")),
)
HAPPENINGS = st.builds(
    Happening,
    event=st.sampled_from(["apply", "drift", "verify"]),
    command=st.just("apply"),
    status=WORDS,
    happened=st.booleans(),
    failed=st.booleans(),
    counts=st.dictionaries(WORDS, st.integers(0, 10_000), max_size=5),
    objects=st.lists(TOUCHED, max_size=70).map(tuple),
    problems=st.lists(PROBLEMS, max_size=5).map(tuple),
    message=st.none() | WORDS,
)


def document(happening: Happening, run: str | None = None) -> dict[str, object]:
    return document_of(happening, project="shop", environment="prod", id="1", at=NOW, commit="c" * 40, run=run)


@given(happening=HAPPENINGS, run=st.none() | WORDS)
def test_nothing_in_a_message_to_slack_is_obeyed_and_it_is_never_too_long(happening: Happening, run: str) -> None:
    text = slack_text(document(happening, run))
    without_link = text.replace(f"<{run}|the run>", "") if run else text

    assert len(text) <= 3_000
    assert "<" not in without_link
    assert ">" not in without_link


@given(happening=HAPPENINGS)
def test_what_is_left_out_of_a_body_is_counted(happening: Happening) -> None:
    found = document(happening)
    objects, problems = found["objects"], found["problems"]
    assert isinstance(objects, list)
    assert isinstance(problems, list)

    assert len(objects) <= 50
    assert found["leftOut"] == len(happening.objects) + len(happening.problems) - len(objects) - len(problems)
    json.dumps(found)


def test_a_message_to_slack_reads_like_this() -> None:
    happening = Happening(
        event="apply",
        command="apply",
        status="partly",
        happened=True,
        failed=True,
        counts={"done": 2, "failed": 1},
        objects=(
            Touched(address="didomi/Destination/lake", what="update", how="failed", message="no <bucket> & no key"),
            Touched(address="didomi/ExportConfig/daily", what="create", how="skipped"),
        ),
    )

    assert slack_text(document(happening, "https://ci.example.com/jobs/7")) == (
        ":red_circle: *reconciler apply* of `shop/prod`: partly\n"
        "2 done, 1 failed\n"
        "• `didomi/Destination/lake` failed update: no &lt;bucket&gt; &amp; no key\n"
        "• `didomi/ExportConfig/daily` skipped create\n"
        "<https://ci.example.com/jobs/7|the run> · commit `cccccccccccc`"
    )


@pytest.mark.slow
def test_an_apply_that_is_interrupted_is_told_too(project: Project, receiver: Receiver) -> None:
    told(project, receiver)
    project.begin([lake()])
    held = Held(project.vendor, "POST /exports/destinations")
    running = project.start("apply", "-y")
    held.arrives()
    running.send(signal.SIGTERM)
    running.says("stopping")
    held.let_go()
    running.end(expect=143)

    assert [(each.document["status"], each.document["counts"]) for each in receiver.posts] == [
        ("interrupted", {"done": 1})
    ]


@pytest.mark.slow
def test_what_nobody_reads_on_stdout_is_told_all_the_same(project: Project, receiver: Receiver) -> None:
    told(project, receiver, when="always", events=["drift"])
    project.begin([lake()])
    project.run("apply", "-y")
    nobody, out = os.pipe()
    os.close(nobody)
    ended = subprocess.run(
        [sys.executable, "-m", "reconciler", "drift"],
        cwd=project.folder,
        env={**INHERITED, **project.environ},
        stdin=subprocess.DEVNULL,
        stdout=out,
        check=False,
    )
    os.close(out)

    assert ended.returncode == 1
    assert [each.document["status"] for each in receiver.posts] == ["nothing"]
