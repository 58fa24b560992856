"""`events` as people type it: what it says, what it writes, and what it keeps to itself."""

from __future__ import annotations

import gzip
import hashlib
import json
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from event_stage import ADDRESS, Event, Shell, by_user, event, events, importing, is_whole, lines, stored, write
from program import Project, RealTime
from world import Theatre

Say = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def say(tmp_path: Path, shell: Shell) -> Say:
    """Runs `reconciler events` in a folder that is no project."""
    return partial(shell.run, tmp_path, "events")


@pytest.fixture(scope="module")
def real() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


class Forked(Project):
    """A project whose commands cost little."""

    shell: Shell

    def run(
        self, *words: str, expect: int | None = 0, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return self.shell.run(self.folder, *words, expect=expect, environ={**self.environ, **(environ or {})})


@pytest.fixture
def project(tmp_path: Path, real: Theatre, shell: Shell) -> Project:
    project = Forked(tmp_path, real, "didomi")
    project.shell = shell
    return project


# --- digest ---


def test_digest_prints_what_a_manifest_approves(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(3)))
    ended = say("digest", "a.jsonl")

    digest = hashlib.sha256((tmp_path / "a.jsonl").read_bytes()).hexdigest()
    assert ended.stdout == f"    - path: a.jsonl\n      sha256: {digest}\n"


# --- validate ---


def test_good_files_are_ok_plain_and_packed(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(30)))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines([event(number) for number in range(30, 40)])))
    ended = say("validate", "a.jsonl", "b.jsonl.gz")

    assert ended.stdout == f"ok   {tmp_path}/a.jsonl  30 events\nok   {tmp_path}/b.jsonl.gz  10 events\n"
    assert ended.stderr == "40 events, nothing wrong\n"


def test_rejects_are_named_by_line_path_and_reason_and_never_quoted(tmp_path: Path, say: Say) -> None:
    bad: list[object] = [event(1), {**event(2), "user": {"canary": 1}}, {"canary": "canary"}, event(1)]
    (tmp_path / "a.jsonl").write_bytes(lines(bad) + b"{canary\n")
    ended = say("validate", "a.jsonl", expect=1)
    said = " ".join(ended.stdout.split())

    assert "error[schema.anyOf:user]: 1" in said
    assert "a.jsonl:2 user has no allowed shape" in said
    assert "a.jsonl:4 id has the same value as line 1" in said
    assert "a.jsonl:5 the line is no JSON" in said
    assert "canary" not in ended.stdout.replace(str(tmp_path), "") + ended.stderr


def test_json_says_the_same_to_programs(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([event(1), {"id": "x"}]))
    found = json.loads(say("validate", "a.jsonl", "--format", "json", expect=1).stdout)

    assert (found["valid"], found["events"]) == (False, 2)
    assert {each["rule"]: each["total"] for each in found["counts"]} == {
        "schema.required:consents": 1,
        "schema.required:created_at": 1,
        "schema.required:user": 1,
    }
    assert {each["line"] for each in found["examples"]} == {2}


def test_a_file_that_is_not_there_is_a_reject_too(tmp_path: Path, say: Say) -> None:
    ended = say("validate", "nothing.jsonl", expect=1)

    assert "not-there" in ended.stdout


def test_missing_ids_are_fine_where_they_are_derived(tmp_path: Path, say: Say) -> None:
    bare = {key: each for key, each in event(1).items() if key != "id"}
    (tmp_path / "a.jsonl").write_bytes(lines([bare]))
    say("validate", "a.jsonl", expect=1)

    say("validate", "--derive-ids", "a.jsonl")


@pytest.mark.slow
def test_a_scheduler_finds_the_same_as_this_process(tmp_path: Path, say: Say) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - only who spreads the work pays

    names = []
    for number in range(3):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(lines([*events(50), {"id": str(number)}]))
        names.append(str(path))
    here = say("validate", "--format", "json", "--jobs", "1", *names, expect=1).stdout
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:  # type: ignore[no-untyped-call]  # the library is half typed
        there = say(
            "validate",
            "--format",
            "json",
            "--scheduler",
            str(cluster.scheduler_address),
            *names,
            expect=1,
        ).stdout

    assert here == there


# --- split ---


def _pieces(folder: Path) -> list[list[Event]]:
    return [
        [json.loads(line) for line in gzip.open(path).read().splitlines()] for path in sorted(folder.glob("*.jsonl.gz"))
    ]


def test_split_files_hold_every_event_and_tear_no_user_apart(tmp_path: Path, say: Say) -> None:
    found = events(500, users=60)
    (tmp_path / "a.jsonl").write_bytes(lines(found[:200]))
    (tmp_path / "b.jsonl").write_bytes(lines(found[200:]))
    say("split", "a.jsonl", "b.jsonl", "--out-dir", "out", "--size", "20KB")
    pieces = _pieces(tmp_path / "out")

    together: dict[str, list[str]] = {}
    for piece in pieces:
        users = by_user(piece)
        assert not users.keys() & together.keys()
        together |= users
    assert together == by_user(found)
    assert len(pieces) > 1


def test_split_files_keep_their_size_and_are_listed_with_their_digests(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(500, users=60)))
    say("split", "a.jsonl", "--out-dir", "out", "--size", "20KB", "--no-gzip")
    listed = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))

    for each in listed["files"]:
        content = (tmp_path / "out" / each["name"]).read_bytes()
        assert len(content) == each["bytes"] <= 20_000
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
        assert content.count(b"\n") == each["events"]
    assert listed["events"] == 500


def test_split_files_are_for_their_owner_alone(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(3)))
    say("split", "a.jsonl", "--out-dir", "out")

    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "out").iterdir()} == {0o600}


def test_the_same_events_make_the_same_bytes(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(50)))
    for name in ("one", "other"):
        say("split", "a.jsonl", "--out-dir", name)

    one, other = ((tmp_path / name / "events-0001.jsonl.gz").read_bytes() for name in ("one", "other"))
    assert one == other


def test_split_writes_nothing_when_an_event_cannot_be_imported(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([event(1), {"id": "x"}]))
    ended = say("split", "a.jsonl", "--out-dir", "out", expect=1)

    assert "1 events cannot be imported (`a.jsonl` line 2" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_split_writes_over_nothing(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(2)))
    ended = say("split", "a.jsonl", "--out-dir", ".", expect=1)

    assert "`.` is not empty" in ended.stderr


def test_a_user_with_more_than_a_file_holds_is_not_torn_apart(tmp_path: Path, say: Say) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(events(100, users=1)))
    ended = say("split", "a.jsonl", "--out-dir", "out", "--size", "1KB", expect=1)

    assert "raise `--size`" in ended.stderr


# --- import and undo ---


def test_a_dry_run_says_what_would_come_and_sends_nothing(project: Project) -> None:
    project.begin(importing(write(project.folder, events(20))))
    ended = project.run("events", "import", ADDRESS, "--dry-run")

    assert "content.events   20" in ended.stdout
    assert project.vendor.writes() == ()


def test_resume_begins_nothing(project: Project) -> None:
    project.begin(importing(write(project.folder, events(20))))
    ended = project.run("events", "import", ADDRESS, "--resume", "-y", expect=1)

    assert "has nothing to go on with" in ended.stderr
    assert stored(project.vendor) == []


def test_an_undone_import_leaves_what_was_there_before(project: Project) -> None:
    earlier, found = events(10), events(60)
    project.begin(importing(write(project.folder, earlier), batch="earlier"))
    project.run("apply", "-y")
    project.begin(importing(write(project.folder, found), batch="later"))
    project.run("events", "import", ADDRESS, "-y")
    is_whole(project.vendor, found)
    ended = project.run("events", "import", "--undo", "later", "-y")

    is_whole(project.vendor, earlier)
    assert "the batch `later`, 60 events at most" in ended.stderr
    assert "import-undone" in project.run("plan", "--detailed-exitcode").stdout


def test_an_undone_import_can_be_made_once_more(project: Project) -> None:
    found = events(20)
    project.begin(importing(write(project.folder, found)))
    project.run("apply", "-y")
    project.run("events", "import", "--undo", ADDRESS, "-y")
    assert stored(project.vendor) == []
    project.run("apply", "-y", "--replace", ADDRESS)

    is_whole(project.vendor, found)


def test_an_undoing_that_broke_off_goes_on_and_nothing_else_happens_before(project: Project) -> None:
    project.begin(importing(write(project.folder, events(30))))
    project.run("apply", "-y")
    project.vendor.faults.answer("DELETE /consents/events", 400, nth=5)
    project.run("events", "import", "--undo", ADDRESS, "-y", expect=1)
    plan = project.run("plan")
    project.vendor.faults.clear()
    project.run("events", "import", "--undo", ADDRESS, "-y")

    assert "its undoing was cut short" in plan.stdout
    assert stored(project.vendor) == []


def test_undoing_asks_and_says_what_stays(project: Project) -> None:
    project.begin(importing(write(project.folder, events(3))))
    project.run("apply", "-y")
    ended = project.run("events", "import", "--undo", ADDRESS, expect=64)

    assert "there is no terminal to ask on" in ended.stderr
    assert len(stored(project.vendor)) == 3


def test_what_nobody_imported_cannot_be_undone(project: Project) -> None:
    project.begin(importing(write(project.folder, events(3))))
    ended = project.run("events", "import", "--undo", "nothing", "-y", expect=1)

    assert "the state has no import `nothing`" in ended.stderr


# --- what a plan in a project says ---


def test_validate_compares_the_digest_without_looking_into_the_file(project: Project) -> None:
    project.begin(importing(write(project.folder, events(20))))
    project.run("validate")
    write(project.folder, events(21))
    ended = project.run("validate", expect=8)

    assert "error[file-changed]" in ended.stdout + ended.stderr
    assert "spec.files[0].sha256" in ended.stdout + ended.stderr


def test_apply_refuses_a_changed_file_as_an_invalid_manifest(project: Project) -> None:
    project.begin(importing(write(project.folder, events(20))))
    write(project.folder, events(21))
    ended = project.run("apply", "-y", expect=8)

    assert "error[file-changed]" in ended.stderr
    assert project.vendor.writes() == ()


def test_no_command_says_who_or_what_stands_in_the_files(project: Project) -> None:
    bad = [*events(30, refused=[4]), {"id": "canary-user-x", "canary-user-y": 1}]
    project.environ["RECONCILER_LOG_LEVEL"] = "info"
    project.begin(importing(write(project.folder, bad), onRejects="quarantine"))
    said = ""
    for words in (("validate",), ("plan",), ("apply", "-y"), ("state", "show", ADDRESS), ("events", "validate")):
        files = (str(project.folder / "specs" / "events.jsonl"),) if words[-1] == "validate" and len(words) > 1 else ()
        ended = project.run(*words, *files, expect=None)
        said += ended.stdout + ended.stderr
    project.begin([])
    ended = project.run("apply", "-y")
    said += ended.stdout + ended.stderr + project.run("plan").stdout

    assert "30" in said
    assert "canary-user" not in said
    assert _only_in_quarantine(project)


def _only_in_quarantine(project: Project) -> bool:
    return all(
        b"canary-user" not in path.read_bytes()
        for path in (project.folder / ".reconciler").rglob("*")
        if path.is_file() and "quarantine" not in path.parts
    )
