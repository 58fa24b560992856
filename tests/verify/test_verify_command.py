"""`reconciler verify` as people start it: what it prints, writes and exits with."""

from __future__ import annotations

import json

import pytest
from verify_stage import DAY, VerifyStage

LAKE = {
    "apiVersion": "didomi.reconciler/v1",
    "kind": "Destination",
    "metadata": {"name": "lake"},
    "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}},
}
EXPORT = {
    "apiVersion": "didomi.reconciler/v1",
    "kind": "ExportConfig",
    "metadata": {"name": "daily"},
    "spec": {"data": {"users": {"enabled": True}, "proofs": {"enabled": False}}, "destinations": ["lake"]},
}


@pytest.fixture
def delivered(didomi: VerifyStage) -> VerifyStage:
    didomi.world.apply([LAKE, EXPORT])
    didomi.world.later(2 * DAY + 3600)
    return didomi


def at(stage: VerifyStage) -> tuple[str, ...]:
    return ("--at", stage.now.isoformat())


def test_what_arrived_is_no_change_and_what_is_gone_is_one_when_asked(delivered: VerifyStage) -> None:
    world = delivered.world
    before = world.command("verify", "--detailed-exitcode", "--content", *at(delivered)).stdout
    bucket = str(world.vendor.objects("destinations")[0]["config"]["bucket_name"])
    delivered.remove(bucket, f"date={delivered.now.date()}/")

    after = world.command("verify", "--detailed-exitcode", "--format", "json", *at(delivered), expect=2).stdout
    world.command("verify", *at(delivered), expect=0)

    assert before.splitlines()[-1] == "Deliveries: 2 delivered."
    assert json.loads(after)["counts"] == {"delivered": 1, "missing": 1}


def test_refused_credentials_are_told_by_the_exit_code(delivered: VerifyStage) -> None:
    delivered.world.environ["STAGE_AWS_SECRET"] = "wrong-wrong-wrong"

    ended = delivered.world.command("verify", "--detailed-exitcode", *at(delivered), expect=7)

    assert "unreadable" in ended.stdout
    assert "wrong-wrong-wrong" not in ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("form", ["junit", "html", "markdown"])
def test_every_report_is_printed_alone(delivered: VerifyStage, form: str) -> None:
    ended = delivered.world.command("verify", "--content", "--format", form, *at(delivered))

    begins = {"junit": "<?xml", "html": "<!DOCTYPE html>", "markdown": "### Deliveries: 2 delivered."}
    assert ended.stdout.startswith(begins[form])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sample", "3"), "`--sample` says how content is read; add `--content`"),
        (("--content", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"), "give one of them"),
        (("--since", "yesterday"), "`yesterday` is neither a length of time (`7d`, `12h`) nor a day (`2026-11-21`)"),
        (("--at", "noon"), "`noon` is no time"),
    ],
    ids=["sample", "jobs", "since", "at"],
)
def test_words_that_do_not_go_together_are_wrong_usage(didomi: VerifyStage, words: tuple[str, ...], says: str) -> None:
    ended = didomi.world.command("verify", *words, expect=64)

    assert says in " ".join(ended.stderr.split())
