"""An approval holds for exactly the plan that was looked at, limits included, and for no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from world import World

from reconciler.engine.codec import decode_saved_plan, encode_saved_plan
from reconciler.operations.apply import apply
from reconciler.operations.approval import digest_of_plan
from reconciler.operations.failures import Stale
from reconciler.operations.plan import make_plan
from reconciler.operations.saved import save
from reconciler.values import Document

OTHER = "sha256:" + "0" * 64


def destination(number: int, account: str = "210987654321") -> str:
    return f"""---
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {{name: lake-{number}}}
lifecycle: {{onRemoval: delete}}
spec:
  name: Lake {number}
  typeId: aws-s3-didomi
  config: {{accountId: "{account}"}}
"""


def destinations(count: int, account: str = "210987654321") -> str:
    return "".join(destination(number, account) for number in range(count))


@pytest.fixture
def didomi(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.settings = {"limits": {}}
    return world


def digest(world: World) -> str:
    printed = json.loads(world.command("plan", "--format", "json", expect=0).stdout)["digest"]
    assert isinstance(printed, str)
    return printed


def names(world: World) -> set[str]:
    return {str(each["name"]) for each in world.vendor.objects("destinations")}


def test_the_approved_plan_is_carried_out_without_a_question(didomi: World) -> None:
    didomi.write(destinations(2))
    didomi.command("apply", "--approve", digest(didomi))

    assert names(didomi) == {"Lake 0", "Lake 1"}


def test_the_digest_stands_in_every_form_of_the_plan(didomi: World) -> None:
    didomi.write(destinations(1))
    known = digest(didomi)

    assert f"digest `{known}`" in didomi.command("plan", "--format", "markdown").stdout
    assert f"\nDigest: {known}\n" in didomi.command("plan", "--verbose").stdout
    assert didomi.command("plan", "-o", "plan.json").stderr.endswith(f"saved to plan.json, digest {known}\n")
    assert json.loads(didomi.command("show", "plan.json", "--format", "json").stdout)["digest"] == known


def test_another_plan_than_the_approved_one_is_refused_before_anything_is_sent(didomi: World) -> None:
    didomi.write(destinations(1))
    approved = digest(didomi)
    didomi.write(destinations(2))
    didomi.vendor.forget_requests()
    ended = didomi.command("apply", "--approve", approved, expect=3)

    assert "the plan is not the one that was approved" in ended.stderr
    assert digest(didomi) in ended.stderr
    assert didomi.vendor.writes() == ()


@pytest.mark.slow
def test_what_moved_at_the_vendor_since_the_approval_makes_it_void(didomi: World) -> None:
    didomi.write(destinations(1))
    didomi.command("apply", "-y")
    didomi.write(destinations(1).replace("Lake 0", "Lake zero"))
    approved = digest(didomi)
    (row,) = didomi.vendor.objects("destinations")
    didomi.vendor.emulator.edit("destinations", str(row["id"]), {"name": "Renamed by hand"})
    didomi.command("apply", "--approve", approved, expect=3)

    assert names(didomi) == {"Renamed by hand"}


def test_a_limit_is_answered_by_approving_exactly_the_plan_that_exceeds_it(didomi: World) -> None:
    didomi.write(destinations(6))
    didomi.command("apply", "-y")
    didomi.write(destinations(2))
    refused = didomi.command("plan", expect=5)
    sentence = " ".join((refused.stdout + refused.stderr).split())
    told = re.search(r"`reconciler apply --approve (sha256:[0-9a-f]{64})` approves exactly this plan", sentence)
    didomi.command("apply", "-y", expect=5)
    assert told is not None
    didomi.command("apply", "--approve", told[1])

    assert "4 of 6 recorded `didomi/Destination` would be deleted" in sentence
    assert "at most 1 may (`maxDeletePercent` is 20)" in sentence
    assert names(didomi) == {"Lake 0", "Lake 1"}


@pytest.mark.slow
def test_an_approval_answers_no_other_problem(didomi: World) -> None:
    didomi.write(destinations(1))
    didomi.command("apply", "-y")
    (row,) = didomi.vendor.objects("destinations")
    copied = ("name", "type_id", "config", "organization_id")
    didomi.vendor.emulator.insert("destinations", {**{key: row[key] for key in copied}, "name": "Lake 1"})
    didomi.write(destinations(3))
    refused = json.loads(didomi.command("plan", "--format", "json", expect=5).stdout)
    ended = didomi.command("apply", "--approve", refused["digest"], expect=5)

    assert [each["code"] for each in refused["problems"]] == ["lookalike"]
    assert "the plan is refused" in ended.stderr
    assert names(didomi) == {"Lake 0", "Lake 1"}


@pytest.mark.slow
def test_a_destruction_is_approved_like_an_apply(didomi: World) -> None:
    didomi.write(destinations(3))
    didomi.command("apply", "-y")
    wanted = json.loads(didomi.command("plan", "--destroy", "--format", "json").stdout)["digest"]
    didomi.command("destroy", "--approve", OTHER, expect=3)
    assert len(names(didomi)) == 3
    didomi.command("destroy", "--approve", wanted)

    assert names(didomi) == set()


def test_with_nothing_to_do_there_is_no_digest_and_an_old_approval_does_no_harm(didomi: World) -> None:
    didomi.write(destinations(1))
    approved = digest(didomi)
    didomi.command("apply", "--approve", approved)

    assert json.loads(didomi.command("plan", "--format", "json").stdout)["digest"] is None
    didomi.command("apply", "--approve", approved)


@pytest.mark.parametrize("text", ["", "sha256:12", "SHA256:" + "0" * 64, "sha256:" + "g" * 64])
def test_what_is_no_digest_is_wrong_usage(didomi: World, text: str) -> None:
    didomi.write(destinations(1))

    assert "is no digest of a plan" in didomi.command("apply", "--approve", text, expect=64).stderr


# ------------------------------------------------------------------------------------------- saved plans


def saved(world: World) -> Path:
    path = world.folder / "plan.json"
    with world.workspace() as workspace:
        save(make_plan(workspace), path)
    return path


def test_a_saved_plan_is_applied_under_its_own_approval_only(didomi: World) -> None:
    didomi.write(destinations(1))
    path = saved(didomi)
    with didomi.workspace() as workspace:
        with pytest.raises(Stale, match="not the one that was approved"):
            apply(workspace, saved=path, approved=OTHER)
        apply(workspace, saved=path, approved=decode_saved_plan(path.read_bytes()).plan.digest)

    assert names(didomi) == {"Lake 0"}


def test_an_edit_that_is_sealed_again_is_found_by_the_digest_of_what_would_be_done(didomi: World) -> None:
    didomi.write(destinations(1))
    path = saved(didomi)
    contract = decode_saved_plan(path.read_bytes())
    (change,) = contract.plan.changes
    assert change.resource is not None
    attributes: Document = {**change.resource.attributes, "name": "Somebody else's"}
    edited = replace(
        contract.plan, changes=(replace(change, resource=replace(change.resource, attributes=attributes)),)
    )
    path.write_bytes(encode_saved_plan(edited, contract.desired, contract.options, contract.meta))
    with didomi.workspace() as workspace, pytest.raises(Stale, match="was edited"):
        apply(workspace, saved=path)

    assert names(didomi) == set()


def test_a_saved_plan_names_commit_and_manifests(didomi: World) -> None:
    didomi.environ["GITHUB_SHA"] = "a" * 40
    didomi.write(destinations(1))
    didomi.command("plan", "-o", "one.json")
    didomi.write(destinations(2))
    didomi.command("plan", "-o", "two.json")
    one, two = (decode_saved_plan((didomi.folder / name).read_bytes()).meta for name in ("one.json", "two.json"))

    assert one["commit"] == two["commit"] == "a" * 40
    assert one["manifests"] != two["manifests"]


def test_a_record_that_another_apply_has_changed_makes_a_saved_plan_stale(didomi: World) -> None:
    didomi.write(destinations(1))
    didomi.command("apply", "-y")
    didomi.write(destinations(1).replace("Lake 0", "Lake zero"))
    path = saved(didomi)
    didomi.write(destinations(1).replace("onRemoval: delete", "preventDestroy: true"))
    didomi.command("apply", "-y")
    with didomi.workspace() as workspace, pytest.raises(Stale) as stale:
        apply(workspace, saved=path)

    assert [each.message for each in stale.value.problems] == [
        "what is remembered of it has changed: another apply has been at it since the plan was made"
    ]


# ------------------------------------------------------------------------------------------- the digest


def test_time_and_order_are_not_in_the_digest_and_everything_else_is(didomi: World) -> None:
    didomi.write(destinations(2))
    with didomi.workspace() as workspace:
        plan = make_plan(workspace).plan
    known = digest_of_plan(plan)
    first, second = plan.changes
    assert first.resource is not None
    moved = replace(first.resource, attributes={**first.resource.attributes, "name": "x"})

    assert digest_of_plan(replace(plan, taken=plan.taken + timedelta(days=1), serial=7)) == known
    assert digest_of_plan(replace(plan, changes=(second, first))) == known
    assert digest_of_plan(replace(plan, changes=(first,))) != known
    assert digest_of_plan(replace(plan, project="another")) != known
    assert digest_of_plan(replace(plan, changes=(replace(first, id="7"), second))) != known
    assert digest_of_plan(replace(plan, changes=(replace(first, resource=moved), second))) != known
    assert digest_of_plan(replace(plan, changes=(replace(first, discard=("7",)), second))) != known
