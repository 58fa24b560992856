"""With `--log-format json` stderr is one JSON object a line, whatever happens, and stdout is as always."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Held, Project, RealTime, lake, manifest
from world import CANARY, Theatre

from reconciler.cli.log_lines import JsonLines

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
ARCHIVE = manifest(
    "Destination",
    "archive",
    {
        "typeId": "gcp-storage",
        "config": {
            "projectId": "example",
            "bucketName": "example-archive",
            "key": {"env": "RECONCILER_SECRET_CANARY", "version": "1"},
        },
    },
)
JSON = ("--log-format", "json")


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(project_folder: Path, real_time: Theatre) -> Project:
    project = Project(project_folder, real_time, "didomi")
    project.begin([lake(), ARCHIVE])
    return project


def objects(text: str) -> list[dict[str, Any]]:
    """Every line as an object that says when, how grave, what, and in words; none is anything else."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "event", "message"} <= each.keys() for each in found), text
    return found


def test_every_line_of_an_apply_at_its_most_talkative_is_an_object_without_a_secret(project: Project) -> None:
    ended = project.run(*JSON, "--log-level", "debug", "apply", "-y")
    found = objects(ended.stderr)

    assert {each["event"] for each in found} == {"phase", "planned", "step", "log", "ended"}
    assert all((each["command"], each.get("project", "shop")) == ("apply", "shop") for each in found)
    ended_steps = [each for each in found if each["event"] == "step" and "seconds" in each]
    assert {(each["address"], each["status"]) for each in ended_steps} == {
        ("didomi/Destination/archive", "done"),
        ("didomi/Destination/lake", "done"),
    }
    assert found[-1] | {"time": ""} == {
        "time": "",
        "level": "info",
        "event": "ended",
        "message": "apply ended with exit code 0",
        "command": "apply",
        "project": "shop",
        "environment": "default",
        "exitCode": 0,
    }
    assert CANARY not in ended.stderr
    assert "Apply complete" in ended.stdout


@pytest.mark.slow
def test_problems_are_objects_with_their_places_and_the_variable_is_enough(project: Project) -> None:
    specs = project.folder / "specs" / "all.yaml"
    specs.write_text(specs.read_text(encoding="utf-8").replace("accountId", "acountId"), encoding="utf-8")
    ended = project.run("plan", environ={"RECONCILER_LOG_FORMAT": "json"}, expect=8)
    found = objects(ended.stderr)
    problems = [each["problem"] for each in found if each["event"] == "problem"]
    (error,) = (each for each in found if each["event"] == "error")

    assert {each["code"] for each in problems} == {"unknown-key"}
    assert {each["file"] for each in problems} == {"specs/all.yaml"}
    assert (error["message"], error["exitCode"]) == ("the manifests have problems", 8)
    assert ended.stdout == ""


@pytest.mark.parametrize("words", [("plan", "--nonsense"), ("nonsense",), ("--nonsense",), ("apply",)], ids=" ".join)
def test_wrong_usage_is_an_object_too(project: Project, words: tuple[str, ...]) -> None:
    found = objects(project.run("--log-format=json", *words, expect=64).stderr)

    assert [each["exitCode"] for each in found if each["event"] == "error"] == [64]


def test_what_a_signal_says_is_an_object_too(project: Project) -> None:
    held = Held(project.vendor, "POST /exports/destinations")
    running = project.start(*JSON, "apply", "-y")
    held.arrives()
    running.send(signal.SIGTERM)
    running.says('"event": "signal"')
    held.let_go()
    found = objects(running.end(expect=143).stderr)

    assert found[-1]["exitCode"] == 143


@pytest.mark.slow
def test_text_is_the_default_and_holds_no_objects(project: Project) -> None:
    ended = project.run("apply", "-y")

    assert "[1/2]" in ended.stderr
    assert "{" not in ended.stderr


# --- the stream ---


def spoken(pieces: list[str], hidden: str = "") -> list[str]:
    """The messages that come of texts that are written one after the other."""
    target = io.StringIO()
    out = JsonLines(target, now=lambda: NOW)
    if hidden:
        out.redact = lambda text: text.replace(hidden, "***")
    for piece in pieces:
        out.write(piece)
    out.flush()
    return [json.loads(line)["message"] for line in target.getvalue().splitlines()]


@given(pieces=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=8))
def test_whatever_is_written_is_said_and_nothing_else(pieces: list[str]) -> None:
    said = "".join(spoken(pieces))

    assert (
        said.replace("\n", "").strip()
        == "".join(each for each in _writings(pieces) if each.strip()).replace("\n", "").strip()
    )


def _writings(pieces: list[str]) -> list[str]:
    found = [""]
    for piece in pieces:
        found[-1] += piece
        if piece.endswith("\n"):
            found.append("")
    return found


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1, max_size=60))
def test_a_secret_is_hidden_however_it_would_be_written(text: str) -> None:
    assert CANARY not in "".join(spoken([f"{text}{CANARY}{text}\n"], hidden=CANARY))


def test_a_question_is_said_before_its_answer() -> None:
    target = io.StringIO()
    out = JsonLines(target, now=lambda: NOW)
    out.write("Apply this plan?")
    out.flush()

    assert json.loads(target.getvalue()) == {
        "time": "2026-12-01T06:00:00.000000Z",
        "level": "info",
        "event": "message",
        "message": "Apply this plan?",
    }


def test_an_object_holds_no_secret_at_any_depth() -> None:
    out = JsonLines(io.StringIO(), now=lambda: NOW)
    out.redact = lambda text: text.replace(CANARY, "***")

    line = out.line("info", "test", CANARY, deep={CANARY: [CANARY, {"a": (CANARY,)}]}, absent=None)

    assert json.loads(line)["deep"] == {"***": ["***", {"a": ["***"]}]}
    assert "absent" not in line
