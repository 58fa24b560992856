"""An Adobe sandbox under git: what is not given back is filled in by hand, and the plan is empty afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from world import Stage, World

from reconciler.engine.shape import Shape
from reconciler.operations.adopt import adopt_all
from reconciler.operations.dump import Dumped, _named, dump
from reconciler.operations.failures import Invalid
from reconciler.values import HIDDEN, Address, Value

S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
LAKE = {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"}
ROLE = "arn:aws:iam::111122223333:role/export-role"
SECRET = "RECONCILER_SECRET_KEYED_S3_SECRET_KEY"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of("adobe")


@pytest.fixture
def vendor(world: World) -> Stage:
    """A sandbox in which somebody has been at work in the UI, with the two ways to authenticate at Amazon S3."""
    stage = world.vendors["adobe"]
    params = {"s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": "0123456789abcdefghijABCDEFGHIJ0123456789"}
    account(stage, "Keyed", {"specName": "Access Key", "params": params})
    account(stage, "Assumed", {"specName": "Assumed Role", "params": {"s3Role": ROLE}})
    return stage


def account(stage: Stage, name: str, auth: dict[str, Any]) -> None:
    """An account with everything that exports through it."""
    insert = stage.emulator.insert
    base = insert("connections", {"name": name, "connectionSpec": S3, "auth": auth})
    datasets = [{"dataSetId": "32bf8b308ed4c507d5927c54", "name": "Customers"}]
    source = insert("sourceConnections", {"name": name, "connectionSpec": LAKE, "params": {"datasets": datasets}})
    where = {"mode": "Server-to-server", "bucketName": "example-exports", "path": name.lower()}
    files = {"datasetFileType": "PARQUET", "compression": "GZIP"}
    body = {"name": name, "baseConnectionId": base["id"], "connectionSpec": S3, "params": {**where, **files}}
    target = insert("targetConnections", body)
    schedule = {"exportMode": "FIRST_FULL_THEN_INCREMENTAL", "timeUnit": "hour", "interval": 6}
    insert(
        "flows",
        {
            "name": name,
            "flowSpec": {"id": "269ba276-16fc-47db-92b0-c1049a3c131f", "version": "1.0"},
            "sourceConnectionIds": [source["id"]],
            "targetConnectionIds": [target["id"]],
            "transformations": [],
            "scheduleParams": {**schedule, "startTime": 3786912000, "endTime": 3944678400},
        },
    )


def dumped(world: World) -> Dumped:
    world.write([])
    with world.workspace() as workspace:
        return dump(workspace, world.folder / "specs")


def specs(world: World, kind: str) -> dict[str, Any]:
    text = (world.folder / "specs" / "adobe" / f"{kind}.yaml").read_text(encoding="utf-8")
    return {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(text)}


def test_accounts_are_filled_in_and_imported_and_nothing_is_left_to_do(world: World, vendor: Stage) -> None:
    found = dumped(world)

    assert found.passed_over == {}
    assert found.to_fill_in == {
        Address("adobe", "BaseConnection", "keyed"): ("auth.s3SecretKey",),
        Address("adobe", "BaseConnection", "assumed"): ("auth.s3Role",),
    }
    assert specs(world, "BaseConnection") == {
        "keyed": {
            "name": "Keyed",
            "destination": "amazonS3",
            "auth": {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": {"env": SECRET}},
        },
        "assumed": {
            "name": "Assumed",
            "destination": "amazonS3",
            "auth": {"specName": "Assumed Role", "s3Role": {"var": "assumed_s3_role"}},
        },
    }
    assert {each["baseConnection"] for each in specs(world, "TargetConnection").values()} == {"keyed", "assumed"}

    with world.workspace() as workspace, pytest.raises(Invalid) as caught:
        workspace.load()
    assert [each.code for each in caught.value.problems] == ["unknown-variable"]

    path = world.folder / "specs" / "adobe" / "BaseConnection.yaml"
    path.write_text(path.read_text("utf-8").replace("{var: assumed_s3_role}", ROLE), encoding="utf-8")
    world.environ[SECRET] = "0123456789abcdefghijABCDEFGHIJ0123456789"
    vendor.forget_requests()
    with world.workspace() as workspace:
        result = adopt_all(workspace, ())

    assert len(result.adopted) == 8
    assert result.left == {}
    assert world.plan().changes_to_make == ()
    assert vendor.writes() == ()


def test_what_no_manifest_describes_is_named_by_its_id(world: World, vendor: Stage) -> None:
    (keyed,) = [each for each in vendor.objects("connections") if each["name"] == "Keyed"]
    vendor.emulator.edit("connections", keyed["id"], {"auth": {"specName": "Access Key", "params": {}}})
    found = dumped(world)

    assert "no manifest can describe it" in found.passed_over[f"adobe/BaseConnection {keyed['id']}"]
    assert specs(world, "BaseConnection").keys() == {"assumed"}
    assert specs(world, "TargetConnection")["keyed"]["baseConnection"] == {"id": keyed["id"]}
    assert specs(world, "TargetConnection")["assumed"]["baseConnection"] == "assumed"
    assert specs(world, "Dataflow")["keyed"]["target"] == "keyed"
    assert found.to_fill_in == {Address("adobe", "BaseConnection", "assumed"): ("auth.s3Role",)}


def test_only_what_lost_all_that_it_held_is_left_out() -> None:
    document: dict[str, Value] = {"a": {}, "b": {"c": HIDDEN, "d": {"e": HIDDEN}}, "f": {"g": HIDDEN, "h": 1}}

    assert _named(document, Shape(), {}) == {"a": {}, "f": {"h": 1}}
