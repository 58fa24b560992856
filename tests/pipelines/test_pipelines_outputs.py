"""Values that another project's objects have at the vendor: read from its state, planned as plain values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from bucket_servers import server
from jsonschema import Draft202012Validator
from secret_search import hits
from world import CANARY, Run, Status, Theatre, World, catalog

from reconciler.operations.failures import Invalid
from reconciler.operations.snapshot import publish, write
from reconciler.operations.snapshot_plan import plan_from, read_published
from reconciler.operations.validate import validate
from reconciler.operations.writing_back import write_back
from reconciler.specs import load
from reconciler.specs.schema import json_schema
from reconciler.values import Action, Problem, Severity

LAKE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  typeId: aws-s3-didomi
  config: {accountId: "210987654321"}
"""
ARCHIVE = """---
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: archive}
spec:
  typeId: gcp-storage
  config:
    projectId: example-archive
    bucketName: example-consent-archive
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
"""
USER = """apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata: {name: daily, labels: {bucket: plain}}
spec:
  name: Daily
  description: {output: platform, address: didomi/Destination/lake, name: bucketName}
  data: {users: {enabled: true}, proofs: {enabled: false}}
  destinations: [{id: {output: platform, address: didomi/Destination/lake, name: id}}]
"""
BUCKET = "name: bucketName"


@pytest.fixture
def platform(theatre: Theatre, tmp_path: Path) -> World:
    """The project that owns the destination."""
    world = World(tmp_path / "platform", theatre, ("didomi",))
    world.folder.mkdir()
    world.vendor.switch(rate_limit="off")
    world.settings = {"project": "platform"}
    return world


@pytest.fixture
def user(platform: World, theatre: Theatre, tmp_path: Path) -> World:
    """The project that uses it."""
    world = World(tmp_path / "user", theatre, ())
    world.folder.mkdir()
    world.vendors = platform.vendors
    world.environ = platform.environ
    world.settings = {"projects": {"platform": {"state": "file://../platform/.reconciler/state"}}}
    return world


def only(run: Run) -> Problem:
    """The one problem."""
    assert run.status is Status.INVALID
    (found,) = run.problems
    return found


def test_an_output_is_planned_as_a_plain_value(platform: World, user: World) -> None:
    platform.apply(LAKE)
    user.apply(USER)
    (lake,) = platform.vendor.objects("destinations")
    (daily,) = platform.vendor.objects("configs")

    assert str(daily["description"]).startswith("didomi-exports-")
    assert daily["destinations_id"] == [lake["id"]]
    assert user.plan().changes_to_make == ()


def test_a_change_there_is_an_ordinary_change_here(platform: World, user: World) -> None:
    platform.apply(LAKE)
    pool = LAKE.replace("lake", "pool").replace(
        "spec:", "spec:\n  name: {output: platform, address: didomi/Destination/lake, name: bucketName}"
    )
    user.apply(pool)
    platform.apply(LAKE.replace("210987654321", "999988887777"))
    (change,) = user.plan().changes_to_make

    assert change.action is Action.UPDATE
    assert [(each.path, each.before == each.after) for each in change.fields] == [(("name",), False)]
    assert str(change.fields[0].after).startswith("didomi-exports-")


def test_what_another_project_points_at_is_not_replaced_under_it(platform: World, user: World) -> None:
    platform.apply(LAKE)
    user.apply(USER)
    run = platform.apply(LAKE.replace("210987654321", "999988887777"), expect=Status.REFUSED)

    assert "points at it" in run.problems[0].message


def test_the_state_of_the_other_project_is_only_read(platform: World, user: World) -> None:
    platform.apply(LAKE)
    before = platform.stored
    user.apply(USER)

    assert platform.stored == before


def test_it_is_read_while_the_other_project_is_locked(platform: World, user: World) -> None:
    platform.apply(LAKE)
    with platform.workspace() as workspace, workspace.locked("apply"):
        assert user.plan(USER).status is Status.DONE


WRONG = {
    "another address": (
        "lake, name: bucketName",
        "lak, name: bucketName",
        "`platform/default` manages no `didomi/Destination/lak`",
        "did you mean `didomi/Destination/lake`?",
    ),
    "another name": (
        "bucketName",
        "bucketNam",
        "the output `bucketNam` of `didomi/Destination/lake` in `platform/default` does not exist",
        "did you mean `bucketName`?",
    ),
    "another project": (
        "{output: platform",
        "{output: plattform",
        "no project is called `plattform` here",
        "did you mean `platform`?",
    ),
    "no address": ("didomi/Destination/lake", "lake", "`lake` is not an address; write `vendor/Kind/name`", ""),
    "no name": (", name: bucketName", "", "an output is named by three texts", "write it like `{output: "),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_output_that_is_not_there_is_told_with_its_place(platform: World, user: World, wrong: str) -> None:
    old, new, message, help = WRONG[wrong]
    platform.apply(LAKE)
    problem = only(user.plan(USER.replace(old, new, 1)))

    assert problem.message.startswith(message)
    assert (problem.help or "").startswith(help)
    assert problem.mark is not None
    assert (problem.mark.file, problem.mark.line) == ("specs/all.yaml", 6)


def test_a_project_that_was_never_applied_is_told(user: World, platform: World) -> None:
    problems = user.plan(USER).problems

    assert {each.code for each in problems} == {"no-output"}
    assert all("has no state at that place: it was never applied" in each.message for each in problems)


def test_a_state_that_is_damaged_is_told_and_never_read_as_empty(platform: World, user: World) -> None:
    platform.apply(LAKE)
    for path in (platform.folder / ".reconciler").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-20])
    problems = user.plan(USER).problems

    assert all(each.message.startswith("the state of `platform/default` cannot be read: ") for each in problems)


def test_an_object_that_went_has_no_output_any_more(platform: World, user: World) -> None:
    platform.apply(LAKE)
    user.apply(USER)
    platform.destroy(expect=None)
    platform.vendor.emulator.reset()
    with platform.workspace() as workspace:
        assert workspace.backend.load().state is not None
    problems = user.plan(USER).problems

    assert all("manages no `didomi/Destination/lake`" in each.message for each in problems) or not problems


def test_a_project_cannot_use_its_own_outputs(user: World, platform: World) -> None:
    user.settings = {"projects": {"platform": {"project": "shop", "state": "file://.reconciler/state"}}}
    problems = user.plan(USER).problems

    assert {each.message for each in problems} == {"`platform` is this project itself"}


def test_secrets_of_another_project_cannot_be_had(platform: World, user: World) -> None:
    platform.apply(LAKE + ARCHIVE)
    wrong = USER.replace("Destination/lake, " + BUCKET, "Destination/archive, name: config", 1)
    key = USER.replace("Destination/lake, " + BUCKET, "Destination/archive, name: key", 1)
    said = [only(user.plan(each)).message for each in (wrong, key)]

    assert all("does not exist" in each for each in said)
    assert hits({"canary": CANARY}, {"said": "\n".join(said).encode(), "kept": user.stored}) == []


def test_an_output_is_no_secret_and_cannot_stand_for_one(platform: World, user: World) -> None:
    platform.apply(LAKE)
    inline = ARCHIVE.replace(
        '{env: RECONCILER_SECRET_CANARY, version: "1"}',
        "{output: platform, address: didomi/Destination/lake, name: bucketName}",
    )
    run = user.plan(inline)

    assert [each.code for each in run.problems] == ["inline-secret"]


def test_environments_choose_which_project_and_where(platform: World, user: World) -> None:
    platform.settings = {"project": "platform", "environments": {"blue": {}}}
    platform.apply(LAKE)
    place = "file://../platform/.reconciler/state"
    user.settings = {
        "environments": {
            "prod": {"projects": {"platform": {"project": "platform", "environment": "blue", "state": place}}}
        }
    }

    assert user.plan(USER).status is Status.DONE


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"state": "ftp://example"}, "invalid-value"),
        ({}, "missing-key"),
        ({"state": "s3://example", "project": "No Name"}, "invalid-name"),
        ({"state": "s3://example", "environment": "../prod"}, "invalid-name"),
        ({"state": {"url": "s3://example", "keep": 3}}, "unknown-key"),
    ],
)
def test_a_project_file_that_says_it_wrongly_is_refused(
    user: World, platform: World, more: dict[str, object], code: str
) -> None:
    user.settings = {"projects": {"platform": more}}
    user.write(USER)
    with pytest.raises(Invalid) as refused, user.workspace():
        pass

    assert [each.code for each in refused.value.problems] == [code]


# --- offline ---


def test_whoever_loads_manifests_without_asking_gets_an_error_and_not_a_resource_too_few(
    platform: World, user: World
) -> None:
    platform.apply(LAKE)
    user.write(USER)
    with user.workspace() as workspace:
        loaded = load(workspace.project, workspace.catalog)

    assert [(each.code, each.severity) for each in loaded.problems] == [("no-output", Severity.ERROR)] * 2


def test_validate_asks_nobody_and_says_what_it_left_open(platform: World, user: World) -> None:
    user.write(USER + "---\n" + USER.replace("daily", "weekly").replace("platform", "nowhere"))
    with user.workspace() as workspace:
        found = validate(workspace)
    warnings = [each for each in found.problems if each.severity is Severity.WARNING]

    assert found.resources == 0
    assert [each.code for each in warnings] == ["output-not-read"] * 2
    assert "`description` is an output of another project" in warnings[0].message
    assert {each.code for each in found.problems if each.severity is Severity.ERROR} == {"unknown-project"}


def test_validate_still_checks_the_rest_of_such_a_manifest(user: World, platform: World) -> None:
    user.write(USER.replace("enabled: true", "enabled: 7"))
    with user.workspace() as workspace:
        found = validate(workspace)

    assert "wrong-type" in {each.code for each in found.problems}


def test_a_plan_from_a_snapshot_uses_what_was_published(platform: World, user: World) -> None:
    platform.apply(LAKE)
    user.apply(USER)
    path = user.folder / "snapshot.json"
    with user.workspace() as workspace:
        write(workspace, publish(workspace), path)
    (platform.folder / ".reconciler").rename(platform.folder / "away")
    with user.workspace() as workspace:
        same = plan_from(workspace, read_published(workspace, path)).plan
    user.write(USER.replace(BUCKET, "name: bucketAccessRoleArn"))
    with pytest.raises(Invalid) as refused, user.workspace() as workspace:
        plan_from(workspace, read_published(workspace, path))

    assert {each.action for each in same.changes} == {Action.NOOP}
    assert "the snapshot does not hold the output `bucketAccessRoleArn`" in refused.value.problems[0].message
    assert len(json.loads(path.read_bytes())["outputs"]) == 2


# --- in a bucket ---


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_the_state_of_the_other_project_may_lie_in_a_bucket(platform: World, user: World, kind: str) -> None:
    there = server(kind)
    place = {"url": f"{there.bucket()}/state", "endpoint": there.endpoint}
    platform.settings = {"project": "platform", "state": place}
    platform.apply(LAKE)
    user.settings = {"projects": {"platform": {"state": place}}}

    assert user.plan(USER).status is Status.DONE


# --- who writes and who reads manifests ---


def test_what_comes_from_another_project_is_not_written_over(platform: World, user: World) -> None:
    platform.apply(LAKE)
    user.apply(USER)
    (daily,) = platform.vendor.objects("configs")
    platform.vendor.emulator.edit("configs", str(daily["id"]), {"description": "Somebody's"})
    with user.workspace() as workspace:
        adopted = write_back(workspace, [])
    text = (user.folder / "specs" / "all.yaml").read_text(encoding="utf-8")

    assert ["it is an output of another project" in each.message for each in adopted.problems] == [True]
    assert text == USER


def test_editors_know_outputs() -> None:
    schema = Draft202012Validator(json_schema(catalog()))
    manifest = yaml.safe_load(USER)
    half = yaml.safe_load(USER.replace(", name: bucketName", ""))

    assert schema.is_valid(manifest)
    assert not schema.is_valid(half)
