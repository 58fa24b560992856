"""One comment on a pull request, at both forges: over real sockets, against what others do there at the same time."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from forge_stage import ForgeStage, Instant
from world import CANARY, World

from reconciler.operations.comment import Commented, Done, comment, marker, room
from reconciler.operations.failures import Denied, Failure, Misused
from reconciler.operations.forges import forge_of
from reconciler.reports.plan_markdown import render_plan_markdown
from reconciler.sdk import VendorError
from reconciler.values import Action, Address, Change, Plan, Traits

MARK = marker("shop", "prod", "plan")
Environ = Callable[[str], Mapping[str, str]]


@pytest.fixture
def stage() -> Iterator[ForgeStage]:
    with ForgeStage() as stage:
        yield stage


@pytest.fixture(params=["github", "gitlab"])
def environ(request: pytest.FixtureRequest, stage: ForgeStage) -> Environ:
    """What a job of the pull request sees, for a token."""
    return stage.github if request.param == "github" else stage.gitlab


def say(environ: Mapping[str, str], text: str, clock: Instant | None = None, author: str | None = None) -> Commented:
    return comment(forge_of(environ, clock or Instant(), author=author), MARK, text)


# --- one comment ---


def test_a_comment_is_made_once_and_then_says_something_else(stage: ForgeStage, environ: Environ) -> None:
    ends = [say(environ("token-of-robot"), text).done for text in ("one", "two", "two")]

    assert ends == [Done.CREATED, Done.UPDATED, Done.UNCHANGED]
    assert stage.by("robot") == [f"{MARK}\ntwo"]


@pytest.mark.slow
def test_a_comment_is_found_on_the_seventh_page(stage: ForgeStage, environ: Environ) -> None:
    before = [stage.say("somebody", f"{each}") for each in range(650)]
    say(environ("token-of-robot"), "one")
    for each in range(300):
        stage.say("somebody", f"later {each}")
    say(environ("token-of-robot"), "two")

    assert len(stage.comments) == len(before) + 301
    assert stage.by("robot") == [f"{MARK}\ntwo"]
    assert any("page=7" in each for each in stage.asked)


def test_what_others_write_is_left_alone_even_with_our_marker(stage: ForgeStage, environ: Environ) -> None:
    theirs = [f"{MARK}\nforged", f"look:\n> {MARK}\n> quoted"]
    for each in theirs:
        stage.say("somebody", each)
    stage.say("robot", f"I quote {MARK}")
    stage.say("robot", f"{marker('shop', 'test', 'plan')}\nanother environment")
    stage.say("", "of an account that is gone")
    say(environ("token-of-robot"), "one")

    assert stage.by("somebody") == theirs
    assert len(stage.by("robot")) == 3
    assert not any(each.startswith(("PATCH", "PUT", "DELETE")) for each in stage.asked)


def test_of_doubles_the_oldest_stays(stage: ForgeStage, environ: Environ) -> None:
    oldest = stage.say("robot", f"{MARK}\r\nold")
    stage.say("robot", f"{MARK}\nolder")
    ended = say(environ("token-of-robot"), "new")

    assert ended.doubles == 1
    assert [(each["id"], each["body"]) for each in stage.comments] == [(oldest, f"{MARK}\nnew")]


def test_two_runs_at_once_leave_one_comment(stage: ForgeStage, environ: Environ) -> None:
    stage.together = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda text: say(environ("token-of-robot"), text), ("left", "right")))

    assert len(stage.comments) == 1
    assert stage.comments[0]["body"] in {f"{MARK}\nleft", f"{MARK}\nright"}


# --- whose it is ---


def test_a_token_of_actions_knows_its_own_comment(stage: ForgeStage) -> None:
    for text in ("one", "two"):
        say(stage.github("token-of-actions"), text)

    assert stage.by("github-actions[bot]") == [f"{MARK}\ntwo"]
    assert not any(each.startswith("DELETE") for each in stage.asked)


@pytest.mark.parametrize("author", [None, "exports-app[bot]"])
def test_a_token_of_another_app_never_leaves_two(stage: ForgeStage, author: str | None) -> None:
    for text in ("one", "two"):
        say(stage.github("token-of-other-app"), text, author=author)

    assert stage.by("exports-app[bot]") == [f"{MARK}\ntwo"]
    assert any(each.startswith("DELETE") for each in stage.asked) == (author is None)


# --- what may go wrong ---


def test_a_token_without_permission_is_denied_with_what_it_needs(stage: ForgeStage, environ: Environ) -> None:
    with pytest.raises(Denied) as denied:
        say(environ("token-that-reads"), "one")

    assert "the token may not comment" in denied.value.message
    assert str(denied.value.help).startswith("the token needs ")


def test_a_token_that_is_none_is_denied_and_not_shown(stage: ForgeStage, environ: Environ) -> None:
    with pytest.raises(Denied) as denied:
        say(environ("canary-token"), "one")

    assert "does not accept the token" in denied.value.message
    assert "canary" not in f"{denied.value}{denied.value.help}"


@pytest.mark.parametrize(
    ("headers", "least"),
    [({"Retry-After": "30"}, 30), ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000060"}, 60)],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rate_limit_that_looks_like_a_refusal_is_waited_out(
    stage: ForgeStage, headers: Mapping[str, str], least: float, method: str
) -> None:
    clock = Instant()
    stage.faults[method] = [(403, headers)]
    say(stage.github(), "one", clock)

    assert stage.by("robot") == [f"{MARK}\none"]
    assert sum(clock.rested) >= least


def test_a_rate_limit_of_an_hour_is_not_waited_out(stage: ForgeStage) -> None:
    stage.faults["GET"] = [(403, {"Retry-After": "3600"})]

    with pytest.raises(Failure, match="rate limit"):
        say(stage.github(), "one")
    assert stage.comments == []


def test_too_many_requests_are_waited_out(stage: ForgeStage, environ: Environ) -> None:
    clock = Instant()
    stage.faults["POST"] = [(429, {"Retry-After": "20"})]
    say(environ("token-of-robot"), "one", clock)

    assert stage.by("robot") == [f"{MARK}\none"]
    assert sum(clock.rested) >= 20


def test_a_reading_that_fails_for_a_moment_is_repeated(stage: ForgeStage, environ: Environ) -> None:
    stage.faults["GET"] = [(502, {}), (503, {})]
    say(environ("token-of-robot"), "one")

    assert stage.by("robot") == [f"{MARK}\none"]


def test_a_comment_whose_reply_was_lost_is_not_written_again(stage: ForgeStage, environ: Environ) -> None:
    stage.faults["POST"] = ["lost"]
    ended = say(environ("token-of-robot"), "one")

    assert ended.done is Done.CREATED
    assert stage.by("robot") == [f"{MARK}\none"]


def test_a_comment_that_nobody_wrote_is_a_failure(stage: ForgeStage, environ: Environ) -> None:
    stage.faults["POST"] = [(500, {})]

    with pytest.raises(VendorError, match="may or may not"):
        say(environ("token-of-robot"), "one")


def test_a_text_that_no_comment_holds_is_refused_before_anything_is_sent(stage: ForgeStage, environ: Environ) -> None:
    forge = forge_of(environ("token-of-robot"), Instant())

    with pytest.raises(Misused, match="a comment may have"):
        comment(forge, MARK, "x" * (room(forge, MARK) + 1))
    assert stage.asked == []


# --- where ---


def test_the_number_comes_from_the_event(stage: ForgeStage, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}), encoding="utf-8")
    say({**stage.github(), "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(event)}, "one")

    assert stage.by("robot") == [f"{MARK}\none"]


@pytest.mark.parametrize(
    "changed",
    [
        {"GITHUB_REPOSITORY": ""},
        {"GITHUB_REPOSITORY": "../user"},
        {"GITHUB_REPOSITORY": "a/b/c"},
        {"GITHUB_REF": "refs/heads/main"},
        {"GITHUB_API_URL": "http://api.example"},
    ],
)
def test_a_job_that_is_of_no_pull_request_says_so(stage: ForgeStage, changed: Mapping[str, str]) -> None:
    with pytest.raises(Misused):
        forge_of({**stage.github(), **changed}, Instant())


@pytest.mark.parametrize("changed", [{"CI_PROJECT_ID": "../x"}, {"CI_MERGE_REQUEST_IID": ""}])
def test_a_pipeline_of_no_merge_request_says_so(stage: ForgeStage, changed: Mapping[str, str]) -> None:
    with pytest.raises(Misused):
        forge_of({**stage.gitlab(), **changed}, Instant())


# --- the command ---


@pytest.mark.slow
def test_a_huge_plan_fits_into_the_comment_with_its_marker(stage: ForgeStage) -> None:
    changes = tuple(
        Change(address=Address("didomi", "Destination", f"n{each:05}"), action=Action.DELETE, id=f"id{each}")
        for each in range(10_000)
    )
    plan = Plan(
        project="shop",
        environment="prod",
        lineage="l",
        serial=1,
        taken=datetime(2026, 11, 20, tzinfo=UTC),
        changes=changes,
        digest="sha256:" + "0" * 64,
    )
    forge = forge_of(stage.github(), Instant())

    def traits(type: str) -> Traits:
        raise KeyError(type)

    text = render_plan_markdown(plan, traits=traits, limit=room(forge, MARK))
    comment(forge, MARK, text)

    (body,) = stage.by("robot")
    assert len(body) <= 65_536
    assert "10000 to destroy" in body
    assert f"digest `{plan.digest}`" in body


def test_the_command_comments_on_a_saved_plan_without_a_secret(
    stage: ForgeStage, world_of: Callable[..., World]
) -> None:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.write(
        [
            {
                "apiVersion": "didomi.reconciler/v1",
                "kind": "Destination",
                "metadata": {"name": "archive"},
                "spec": {
                    "name": "Archive @everybody <img src=x>",
                    "typeId": "gcp-storage",
                    "config": {
                        "projectId": "example-archive",
                        "bucketName": "example-archive",
                        "key": {"env": "RECONCILER_SECRET_CANARY"},
                    },
                },
            }
        ]
    )
    world.command("plan", "-o", "plan.json")
    vendors = world.environ
    world.environ = {"PATH": os.environ["PATH"], **stage.github()}
    first = world.command("comment", "--plan", "plan.json")
    second = world.command("comment", "--plan", "plan.json")

    (body,) = stage.by("robot")
    assert first.stderr.startswith("comment created: https://github.example/pull/7#issuecomment-")
    assert second.stderr == "comment unchanged\n"
    assert (first.stdout, second.stdout) == ("", "")
    assert "`Plan: 1 to add, 0 to change, 0 to replace, 0 to destroy.`" in body
    assert CANARY not in body
    assert vendors["RECONCILER_SECRET_CANARY"] == CANARY


@pytest.mark.slow
def test_the_command_says_what_a_file_says_and_keeps_one_comment_for_each_name(
    stage: ForgeStage, world_of: Callable[..., World]
) -> None:
    world = world_of("didomi")
    world.write([])
    (world.folder / "drift.md").write_text("### Drift: none\n", encoding="utf-8")
    world.environ = {**world.environ, **stage.gitlab()}
    world.command("comment", "--from", "drift.md", "--name", "drift")
    world.command("comment", "--from", "drift.md")
    world.command("comment", "--from", "drift.md", "--name", "drift")

    assert [each.split("\n", 1)[1] for each in stage.by("robot")] == ["### Drift: none\n"] * 2


@pytest.mark.parametrize(
    ("token", "words", "end"),
    [
        ("token-that-reads", ("--from", "drift.md"), (7, "the token may not comment")),
        ("", ("--from", "drift.md"), (7, "`GITHUB_TOKEN` is not set")),
        ("token-of-robot", (), (64, "name one")),
        ("token-of-robot", ("--plan", "drift.md"), (3, "cannot be used")),
    ],
)
def test_the_command_ends_with_a_sentence_and_a_code(
    stage: ForgeStage, world_of: Callable[..., World], token: str, words: tuple[str, ...], end: tuple[int, str]
) -> None:
    world = world_of("didomi")
    world.write([])
    (world.folder / "drift.md").write_text("none", encoding="utf-8")
    world.environ = {**world.environ, **stage.github(token)}
    ended = world.command("comment", *words, expect=end[0])

    assert end[1] in ended.stderr
    assert stage.comments == []
