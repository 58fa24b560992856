"""`history`: what auditors read, and what they can prove with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from world import CANARY, World

from reconciler.operations import history
from reconciler.operations.commit import commit_of
from reconciler.operations.history import Question
from reconciler.reports.history_text import render_history, render_record
from reconciler.reports.shown import Reading
from reconciler.reports.versions import versions
from reconciler.values import MISSING, Address, Document, Secret, Settlement, SettlementStatus, Traits
from reconciler.values.ledger import Ending, LedgerRecord

LAKE = Address("didomi", "Destination", "lake")
POND = Address("didomi", "Destination", "pond")
KEY = {"env": "RECONCILER_SECRET_CANARY"}


def destination(called: str, **spec: object) -> dict[str, Any]:
    config = {"projectId": "example", "bucketName": "example-drop", "key": KEY}
    return {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Destination",
        "metadata": {"name": called},
        "lifecycle": {"onRemoval": "delete"},
        "spec": {"typeId": "gcp-storage", "config": config, **spec},
    }


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    """Two are made, one is renamed at the vendor and the other taken away."""
    world = world_of("didomi")
    world.apply([destination("lake"), destination("pond")])
    world.apply([destination("lake", name="Sea")])
    return world


def records(world: World, question: Question | None = None) -> list[LedgerRecord]:
    with world.workspace() as workspace:
        return [leaf.record for leaf in history.listed(workspace, question) if leaf.record is not None]


def objects(world: World) -> list[Path]:
    return sorted((world.folder / ".reconciler/state/shop/default/ledger").iterdir())


def damage(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])


def masked(text: str) -> str:
    text = re.sub(r"sha256:[0-9a-f]{64}", "<digest>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<time>", text)
    return re.sub(r"\b\d\d:\d\d:\d\d\b", "<clock>", text)


# ---------------------------------------------------------------------------------------------------- listing


def test_the_list_says_who_did_what_newest_first(world: World) -> None:
    told = records(world)

    assert masked("\n".join(render_history((each.number, each) for each in told))) == (
        "2  <time>  unknown  apply done\n"
        "    1 updated, 1 deleted: didomi/Destination/lake, didomi/Destination/pond\n"
        "1  <time>  unknown  apply done\n"
        "    2 created: didomi/Destination/lake, didomi/Destination/pond"
    )


def test_the_list_fits_into_eighty_columns_whoever_wrote_it(world: World) -> None:
    (told, *_) = records(world)
    deeds = tuple(
        replace(told.deeds[0], address=Address("didomi", "Destination", f"a-very-long-name-of-a-lake-{number}"))
        for number in range(9)
    )
    command = replace(told.command, who="\x1b[31m" + "somebody" * 20, operation="state restore", commit="a" * 40)
    (block,) = render_history([(told.number, replace(told, deeds=deeds, command=command, how=Ending.INTERRUPTED))])

    assert max(map(len, block.splitlines())) <= 80
    assert "\x1b" not in block
    assert "3 more" in block


def test_a_record_that_cannot_be_read_is_listed_as_such() -> None:
    (block,) = render_history([(7, "ledger/7 cannot be used: it is empty")])

    assert block == "7  ledger/7 cannot be used: it is empty"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (Question(address=POND), [2, 1]),
        (Question(address=Address("didomi", "Destination", "sea")), []),
        (Question(who="unknown"), [2, 1]),
        (Question(who="ann"), []),
        (Question(since=datetime(2000, 1, 1, tzinfo=UTC)), [2, 1]),
        (Question(since=datetime(3000, 1, 1, tzinfo=UTC)), []),
        (Question(until=datetime(2000, 1, 1, tzinfo=UTC)), []),
        (Question(commit="abc"), []),
    ],
)
def test_the_list_can_be_asked_for_some(world: World, question: Question, found: list[int]) -> None:
    assert [each.number for each in records(world, question)] == found


def test_the_program_lists_as_text_and_as_json(world: World) -> None:
    text = world.command("history", "--limit", "1", "--since", "9999d")
    rows = json.loads(world.command("history", "--format", "json").stdout)

    assert text.stdout.startswith("2  ")
    assert "Older records are left out" in text.stderr
    assert [(row["number"], row["counts"]) for row in rows] == [
        (2, {"updated": 1, "deleted": 1}),
        (1, {"created": 2}),
    ]
    assert rows[0]["addresses"] == [str(LAKE), str(POND)]


# ---------------------------------------------------------------------------------------------------- one record


def test_one_record_says_field_by_field_what_changed_and_no_secret(world: World) -> None:
    said = world.command("history", "show", "2").stdout
    whole = world.command("history", "show", "2", "--format", "json").stdout

    assert masked(said).startswith("Record 2: apply done\n  who       unknown on ")
    assert '  ~ name  "lake" → "Sea"' in said
    assert "didomi/Destination/pond  delete" in said
    assert said.endswith("1 updated, 1 deleted\n")
    assert CANARY not in said + whole
    assert "env RECONCILER_SECRET_CANARY" in said or "RECONCILER_SECRET_CANARY" in said
    assert json.loads(whole)["number"] == 2
    assert max(map(len, said.splitlines())) <= 90  # a digest is wider than a line


def test_a_record_that_is_not_there_is_said(world: World) -> None:
    ended = world.command("history", "show", "9", expect=1)

    assert "the ledger has no record 9" in ended.stderr


def test_what_a_vendor_calls_the_requests_is_told(world_of: Callable[..., World]) -> None:
    world = world_of("harbor")
    cargo = {
        "apiVersion": "harbor.reconciler/v1",
        "kind": "Cargo",
        "metadata": {"name": "grain"},
        "spec": {"datasets": ["wheat"]},
    }
    world.apply([cargo])
    (told,) = records(world)

    assert [len(each.requests) for each in told.deeds] == [1]
    assert told.deeds[0].requests[0].startswith("hr-")
    assert f"requests  {told.deeds[0].requests[0]}" in render_record(told, "sha256:0", traits=_no_traits)


def _no_traits(type: str) -> Traits:
    raise KeyError(type)


def test_labels_and_lifecycle_are_told_when_they_change(world: World) -> None:
    manifest = destination("lake", name="Sea")
    manifest["metadata"] = {"name": "lake", "labels": {"team": "crm"}}
    manifest["lifecycle"] = {"onRemoval": "report", "preventDestroy": True}
    world.apply([manifest])
    said = render_record(records(world)[0], "sha256:0", traits=_no_traits)

    assert "labels    none to team=crm" in said
    assert "lifecycle on_removal delete to prevent_destroy True, on_removal report" in said


# ---------------------------------------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a",)]),
        ({"_private": 1}, {"_private": 2}, [("_private",)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("a", "b")]),
        ({"a": ({"x": 1}, {"x": 2})}, {"a": ({"x": 2}, {"x": 2})}, [("a",)]),
        ({}, {"a": 1}, [("a",)]),
        ({"a": 1}, {}, [("a",)]),
        ({"a": "1"}, {"a": 1}, [("a",)]),
        ({"a": Secret(source="env", name="A")}, {"a": Secret(source="env", name="B")}, [("a",)]),
        ({"a": Secret(source="env", name="A")}, {"a": "text"}, [("a",)]),
    ],
)
def test_two_versions_differ_in_exactly_these_fields(
    before: Document, after: Document, paths: list[tuple[str, ...]]
) -> None:
    assert [each.path for each in versions(before, after, Reading())] == paths


def test_a_field_that_comes_or_goes_has_only_one_side() -> None:
    (came,) = versions({}, {"a": 1}, Reading())
    (went,) = versions({"a": 1}, {}, Reading())

    assert (came.before, came.after) == (MISSING, 1)
    assert (went.before, went.after) == (1, MISSING)


# ------------------------------------------------------------------------------------------------------- proof


def test_a_whole_ledger_is_consistent_and_proven_against_any_earlier_head(world: World) -> None:
    plain = world.command("history", "verify").stdout
    heads = [row["digest"] for row in json.loads(world.command("history", "--format", "json").stdout)]
    with world.workspace() as workspace:
        proven = [history.verify(workspace, head).proven for head in heads]

    assert "2 records, and the state: consistent." in plain
    assert "unaltered, only a digest can say" in plain
    assert f"Ledger: record 2, {heads[0]}" in plain
    assert proven == [2, 1]


def test_a_head_that_no_record_has_is_an_alteration(world: World) -> None:
    ended = world.command("history", "verify", "--head", f"sha256:{'0' * 64}", "--format", "json", expect=1)

    assert json.loads(ended.stdout)["troubles"] == [
        f"no record has the digest sha256:{'0' * 64}: the record that had it was altered or taken away"
    ]


def test_a_text_that_is_no_digest_or_no_time_is_wrong_usage(world: World) -> None:
    world.command("history", "verify", "--head", "12", expect=64)
    world.command("history", "--since", "yesterday", expect=64)


def test_a_flipped_bit_is_named_and_what_came_before_is_still_proven(world: World) -> None:
    first = json.loads(world.command("history", "--format", "json").stdout)[1]["digest"]
    damage(objects(world)[1])
    with world.workspace() as workspace:
        verified = history.verify(workspace, first)

    assert [each.partition("ledger/")[2][:30] for each in verified.troubles] == ["000000000002.json cannot be us"]
    assert verified.proven == 1


def test_a_damaged_record_before_the_head_proves_nothing(world: World) -> None:
    head = json.loads(world.command("history", "--format", "json").stdout)[0]["digest"]
    damage(objects(world)[0])
    with world.workspace() as workspace:
        verified = history.verify(workspace, head)

    assert verified.proven is None
    assert len(verified.troubles) == 2


def test_a_tail_that_was_cut_off_is_noticed_because_the_state_is_further(world: World) -> None:
    objects(world)[1].unlink()
    with world.workspace() as workspace:
        (trouble,) = history.verify(workspace).troubles

    assert trouble.startswith("the state is further than the newest record: `apply` of unknown since ")
    assert "has no record 2" in trouble


def test_a_command_that_is_at_work_is_no_trouble(world: World) -> None:
    with world.workspace() as workspace, workspace.locked("state rm") as journal:
        journal.settle(*_forgotten())
        verified = history.verify(workspace)

    assert verified.troubles == ()
    assert "holds the lock; its record 3 is written when it ends" in verified.notes[0]


def _forgotten() -> tuple[Settlement, ...]:
    return (Settlement(intent="", status=SettlementStatus.DONE, at=datetime.now(UTC), address=LAKE, record=None),)


def test_a_state_that_cannot_be_used_is_said_and_the_records_are_read_all_the_same(world: World) -> None:
    for path in (world.folder / ".reconciler/state/shop/default/state").iterdir():
        path.write_bytes(b"")
    with world.workspace() as workspace:
        verified = history.verify(workspace)

    assert verified.count == 2
    assert [each.partition(":")[0] for each in verified.troubles] == [
        "the state cannot be used, so the records are not held against it"
    ]


def test_where_nothing_was_written_there_is_nothing_to_verify(world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.write([])

    assert "no command has written yet" in world.command("history", "verify").stdout
    assert "The ledger has no such record." in world.command("history").stderr


def test_after_damage_apply_refuses_and_seal_goes_on(world: World) -> None:
    damage(objects(world)[1])
    refused = world.command("apply", "-y", expect=1)
    world.command("history", "seal", expect=64)
    sealed = world.command("history", "seal", "-y")
    world.command("apply", "-y")
    verified = world.command("history", "verify", expect=1).stdout

    assert "`reconciler history seal`" in refused.stderr
    assert "Ledger: record 3, sha256:" in sealed.stdout
    assert "note: the ledger begins anew at record 3" in verified
    assert "the ledger is not whole" in verified


# ------------------------------------------------------------------------------------------------ endings, commits


def test_apply_prints_the_digest_to_keep(world: World) -> None:
    world.write([destination("lake", name="Lake again")])
    said = world.command("apply", "-y").stdout
    head = json.loads(world.command("history", "--format", "json", "--limit", "1").stdout)[0]["digest"]

    assert f"Ledger: record 3, {head}\n" in said


def test_commands_of_the_state_are_told_too(world: World) -> None:
    world.command("state", "mv", str(LAKE), "didomi/Destination/sea")
    world.command("state", "rm", "didomi/Destination/sea")

    assert [each.command.operation for each in records(world)] == ["state rm", "state mv", "apply", "apply"]
    assert [[each.verb for each in told.deeds] for told in records(world)[:2]] == [["forget"], ["record", "forget"]]


def test_the_commit_is_the_folders_own_or_what_ci_says(tmp_path: Path) -> None:
    said, other = "a" * 40, "b" * 40
    environ = {"PATH": os.environ["PATH"], "GITHUB_SHA": said}
    before = commit_of(tmp_path, environ)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), (*author, "commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    found = commit_of(tmp_path, environ)

    assert (before, commit_of(tmp_path.parent, {"CI_COMMIT_SHA": other})) == (said, other)
    assert found is not None
    assert re.fullmatch(r"[0-9a-f]{40}", found)
    assert found != said
    assert commit_of(tmp_path, {"PATH": "/nowhere"}) is None
    assert commit_of(tmp_path.parent, {"GITHUB_SHA": "main"}) is None


def test_a_period_ends_with_its_last_day(world: World) -> None:
    told = records(world)[0]
    day = told.command.since.date().isoformat()
    before = (told.command.since - timedelta(days=1)).date().isoformat()

    assert world.command("history", "--until", day).stdout.startswith("2  ")
    assert world.command("history", "--until", before).stdout == ""
