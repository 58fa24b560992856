"""Whole projects at Adobe: what is planned, applied and left behind, through the product's own operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from adobe_client_stage import CUSTOMERS, ORDERS, SECRETS
from test_adobe_kinds import KEY
from world import Run, Status, World, catalog

from reconciler.engine.records import made, resolve
from reconciler.operations.adopt import adopt
from reconciler.operations.apply import apply
from reconciler.operations.explain import explain
from reconciler.operations.failures import Stale
from reconciler.operations.plan import make_plan
from reconciler.operations.runs import runs
from reconciler.operations.saved import save
from reconciler.reports.plan_text import render_plan
from reconciler.sdk import Check
from reconciler.values import Action, Address, Options, Settlement, SettlementStatus, Severity

WorldOf = Callable[..., World]

SCHEDULE = {"every": "6h", "start": "2090-01-01T00:00:00Z", "end": "2095-01-01T00:00:00Z"}
FORMAT = {"datasetFileType": "PARQUET", "compression": "GZIP"}
KINDS = ("BaseConnection", "SourceConnection", "TargetConnection", "Dataflow")
COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")


def secret(name: str, version: str | None = None) -> dict[str, str]:
    return {"env": f"RECONCILER_SECRET_{name}", **({"version": version} if version else {})}


def key(version: str | None = None) -> dict[str, Any]:
    return {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": secret("S3", version)}


def role(name: str = "export-role") -> dict[str, Any]:
    return {"specName": "Assumed Role", "s3Role": f"arn:aws:iam::111122223333:role/{name}"}


def blob(version: str | None = None) -> dict[str, Any]:
    return {"specName": "ConnectionString", "connectionString": secret("BLOB", version)}


def principal(version: str | None = None) -> dict[str, Any]:
    return {
        "specName": "Azure Service Principal Auth",
        "url": "abfss://exports@example.dfs.core.windows.net",
        "tenant": "example-tenant",
        "servicePrincipalId": "example-principal",
        "servicePrincipalKey": secret("CANARY", version),
    }


def hmac(version: str | None = None) -> dict[str, Any]:
    return {
        "specName": "Google Cloud Storage authentication credentials",
        "accessKeyId": "GOOG1E" + "A" * 55,
        "secretAccessKey": secret("GOOGLE", version),
    }


def sftp(name: str, version: str | None = None) -> dict[str, Any]:
    field, where = ("password", "CANARY") if name == "SFTP with Password" else ("sshKey", "SSH")
    return {"specName": name, "domain": "sftp.example.com", "username": "aep", field: secret(where, version)}


WAYS: dict[str, tuple[str, Any, Any, Any, dict[str, str], dict[str, str], dict[str, str]]] = {
    # destination, credentials, rotated, switched, location, another path, another bucket
    "key": (
        "amazonS3",
        key(),
        key("2"),
        role(),
        {"bucketName": "example-exports", "path": "aep"},
        {"path": "elsewhere"},
        {"bucketName": "other-exports"},
    ),
    "role": (
        "amazonS3",
        role(),
        role("other-role"),
        key(),
        {"bucketName": "example-exports", "path": "aep"},
        {"path": "elsewhere"},
        {"bucketName": "other-exports"},
    ),
    "blob": (
        "azureBlob",
        blob(),
        blob("2"),
        None,
        {"container": "exports", "path": "aep"},
        {"path": "elsewhere"},
        {"container": "others"},
    ),
    "adls": ("adlsGen2", principal(), principal("2"), None, {"path": "aep"}, {"path": "elsewhere"}, {}),
    "zone": ("dataLandingZone", None, None, None, {"path": "aep"}, {"path": "elsewhere"}, {}),
    "google": (
        "googleCloudStorage",
        hmac(),
        hmac("2"),
        None,
        {"bucketName": "example_exports", "path": "aep"},
        {"path": "elsewhere"},
        {"bucketName": "other_exports"},
    ),
    "password": (
        "sftp",
        sftp("SFTP with Password"),
        sftp("SFTP with Password", "2"),
        sftp("SFTP with SSH Key"),
        {"remotePath": "upload"},
        {"remotePath": "elsewhere"},
        {},
    ),
    "ssh": (
        "sftp",
        sftp("SFTP with SSH Key"),
        sftp("SFTP with SSH Key", "2"),
        sftp("SFTP with Password"),
        {"remotePath": "upload"},
        {"remotePath": "elsewhere"},
        {},
    ),
}


@pytest.fixture
def world(world_of: WorldOf) -> World:
    found = world_of("adobe")
    found.environ |= {
        "RECONCILER_SECRET_S3": SECRETS["RECONCILER_SECRET_S3"],
        "RECONCILER_SECRET_BLOB": "DefaultEndpointsProtocol=https;AccountName=example;AccountKey=bm90LXJlYWw=",
        "RECONCILER_SECRET_GOOGLE": SECRETS["RECONCILER_SECRET_NEXT"],
        "RECONCILER_SECRET_SSH": KEY,
    }
    return found


def manifest(kind: str, name: str, spec: Mapping[str, Any], **lifecycle: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "apiVersion": "adobe.reconciler/v1",
        "kind": kind,
        "metadata": {"name": name},
        **({"lifecycle": lifecycle} if lifecycle else {}),
        "spec": {each: value for each, value in spec.items() if value is not None},
    }


def export(name: str = "orders", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    whole = {
        "destination": "dataLandingZone",
        "path": None if "remotePath" in spec else "orders",
        **FORMAT,
        "datasets": [{"id": ORDERS}],
        "schedule": SCHEDULE,
        **spec,
    }
    return manifest("DatasetExport", name, whole, onRemoval="delete")


def actions(run: Run) -> dict[str, Action]:
    return {each.address.kind: each.action for each in run.changes_to_make}


def nothing_left(world: World) -> bool:
    run = world.plan()
    assert run.status is Status.DONE, run.messages
    return not run.changes_to_make and not run.problems


def held(world: World) -> dict[str, list[str]]:
    return {each: [row["id"] for row in world.vendor.objects(each)] for each in COLLECTIONS}


def problem(run: Run, code: str) -> Any:  # noqa: ANN401
    (found,) = [each for each in run.problems if each.code == code]
    return found


# --- every destination, every way to authenticate ---


@pytest.mark.parametrize("way", WAYS)
def test_the_life_of_an_export(way: str, world: World) -> None:
    destination, auth, rotated, switched, location, path, bucket = WAYS[way]
    wanted = {"destination": destination, "auth": auth, **location}
    made = world.apply([export(**wanted)])
    flow = held(world)["flows"]
    assert actions(made) == dict.fromkeys(KINDS, Action.CREATE)
    assert nothing_left(world)

    if rotated is not None:
        wanted["auth"] = rotated
        assert actions(world.apply([export(**wanted)])) == {"BaseConnection": Action.UPDATE}
        assert nothing_left(world)
    for change in (path, bucket):
        wanted |= change
        assert actions(world.apply([export(**wanted)])) == ({"TargetConnection": Action.UPDATE} if change else {})
        assert nothing_left(world)
    assert held(world)["flows"] == flow

    if switched is not None:
        run = world.apply([export(**{**wanted, "auth": switched})])
        assert actions(run) == {
            "BaseConnection": Action.REPLACE,
            "TargetConnection": Action.REPLACE,
            "Dataflow": Action.REPLACE,
        }
        assert nothing_left(world)
        assert held(world)["flows"] != flow

    assert all(len(each) == 1 for each in held(world).values())
    world.apply([])
    assert not any(held(world).values())
    assert nothing_left(world)


def test_a_chain_is_made_anew_before_the_old_one_goes_from_the_top(world: World) -> None:
    destination, auth, _, switched, location, _, _ = WAYS["key"]
    world.apply([export(destination=destination, auth=auth, **location)])
    world.vendor.forget_requests()
    world.apply([export(destination=destination, auth=switched, **location)])

    writes = [f"{each.method} {each.path.split('/')[4]}" for each in world.vendor.writes()]
    assert writes == [
        "POST connections",
        "POST targetConnections",
        "POST flows",
        "DELETE flows",
        "DELETE targetConnections",
        "DELETE connections",
    ]
    tested = [each.path for each in world.vendor.requests("GET", "/test")]
    assert tested


def test_what_a_replacement_costs_is_in_the_plan(world: World) -> None:
    destination, auth, _, switched, location, _, _ = WAYS["key"]
    world.apply([export(destination=destination, auth=auth, **location)])
    run = world.plan([export(destination=destination, auth=switched, **location)])

    assert run.plan is not None
    text = " ".join(render_plan(run.plan, colour=False, width=120, traits=catalog().traits).split())
    assert "begins with a full export of every dataset" in text
    assert "adobe/Dataflow/orders" in text


def test_a_chain_whose_new_account_does_not_work_leaves_the_old_one_alone(world: World) -> None:
    destination, auth, _, switched, location, _, _ = WAYS["key"]
    world.apply([export(destination=destination, auth=auth, **location)])
    before = held(world)
    world.vendor.switch(connection_test="false")
    world.apply([export(destination=destination, auth=switched, **location)], expect=Status.FAILED)

    after = held(world)
    assert all(set(before[each]) <= set(after[each]) for each in COLLECTIONS)
    world.vendor.switch(connection_test="true")
    world.apply()
    assert nothing_left(world)
    assert all(len(each) == 1 for each in held(world).values())


# --- datasets ---


@pytest.mark.parametrize("switches", [{}, {"settle": "5"}, {"numbers": "strings"}, {"schedule_merge": "merge"}])
def test_another_dataset_replaces_the_source_and_keeps_the_dataflow(switches: dict[str, str], world: World) -> None:
    world.vendor.switch(**switches)
    world.apply([export()])
    (before,) = world.vendor.objects("flows")
    run = world.apply([export(datasets=[{"id": ORDERS}, {"name": "Customers"}])])
    (after,) = world.vendor.objects("flows")
    (source,) = world.vendor.objects("sourceConnections")

    assert actions(run) == {"SourceConnection": Action.REPLACE, "Dataflow": Action.UPDATE}
    assert after["id"] == before["id"]
    assert after["scheduleParams"] == before["scheduleParams"]
    assert after["sourceConnectionIds"] == [source["id"]] != before["sourceConnectionIds"]
    assert {each["dataSetId"] for each in source["params"]["datasets"]} == {ORDERS, CUSTOMERS}
    assert not world.vendor.emulator.trouble  # type: ignore[attr-defined] # of this emulator alone
    assert nothing_left(world)


def test_the_order_of_datasets_and_their_names_mean_nothing(world: World) -> None:
    world.apply([export(datasets=[{"id": ORDERS}, {"id": CUSTOMERS}])])

    assert world.plan([export(datasets=[{"name": "Customers"}, {"id": ORDERS}])]).changes_to_make == ()


def test_a_dataset_that_may_not_be_exported_is_a_problem(world: World) -> None:
    strange = "0123456789abcdef01234567"
    world.vendor.emulator.edit("datasets", CUSTOMERS, {"eligible": False})
    run = world.apply([export(datasets=[{"id": strange}, {"id": CUSTOMERS}])], expect=Status.REFUSED)

    found = [each for each in run.problems if each.code == "dataset-not-eligible"]
    assert [each.path for each in found] == [("datasets", 0), ("datasets", 1)]
    assert world.vendor.writes() == ()


# --- composite ---


def the_four() -> list[dict[str, Any]]:
    return [
        manifest("BaseConnection", "orders", {"destination": "dataLandingZone"}, onRemoval="delete"),
        manifest("SourceConnection", "orders", {"datasets": [{"id": ORDERS}]}, onRemoval="delete"),
        manifest(
            "TargetConnection",
            "orders",
            {"destination": "dataLandingZone", "baseConnection": "orders", "path": "orders", **FORMAT},
            onRemoval="delete",
        ),
        manifest(
            "Dataflow", "orders", {"source": "orders", "target": "orders", "schedule": SCHEDULE}, onRemoval="delete"
        ),
    ]


def test_an_export_in_place_of_its_four_manifests_touches_nothing(world: World) -> None:
    world.apply([export()])
    world.vendor.forget_requests()
    run = world.apply(the_four())

    assert set(actions(run).values()) == {Action.RECORD}
    assert world.vendor.writes() == ()
    assert nothing_left(world)


def test_the_expansion_is_visible_in_plan_and_explanation(world: World) -> None:
    run = world.plan([export()])
    with world.workspace() as workspace:
        found = explain(workspace, Address("adobe", "DatasetExport", "orders"))

    assert run.plan is not None
    assert {str(each.resource.origin) for each in run.plan.changes if each.resource} == {"adobe/DatasetExport/orders"}
    assert "DatasetExport/orders" in render_plan(run.plan, colour=False, width=120, traits=catalog().traits)
    assert {each.change.address.kind for each in found} == set(KINDS)


def test_a_problem_of_a_part_is_shown_where_the_export_says_it(world: World) -> None:
    run = world.apply([export(datasetFileType="JSON", compression="NONE")], expect=Status.INVALID)

    found = problem(run, "uncompressed-json")
    assert str(found.address) == "adobe/TargetConnection/orders"
    assert found.mark is not None


# --- shared accounts and strangers ---


def shared(*names: str) -> list[dict[str, Any]]:
    account = manifest("BaseConnection", "zone", {"destination": "dataLandingZone"}, onRemoval="delete")
    return [account, *(export(name, baseConnection="zone", path=name) for name in names)]


def test_a_shared_account_stays_while_anybody_uses_it(world: World) -> None:
    world.apply(shared("orders", "customers"))
    world.apply(shared("orders"))
    assert {each: len(ids) for each, ids in held(world).items()} == dict.fromkeys(COLLECTIONS, 1)

    world.apply([])
    assert not any(held(world).values())


@pytest.mark.parametrize("collection", ["targetConnections", "flows"])
def test_what_a_stranger_uses_is_never_deleted(collection: str, world: World) -> None:
    world.apply([export()])
    emulator = world.vendor.emulator
    (ours,) = world.vendor.objects(collection)
    kept = ("name", "baseConnectionId", "connectionSpec", "params", "flowSpec", "sourceConnectionIds")
    stranger = {each: ours[each] for each in (*kept, "targetConnectionIds", "scheduleParams") if each in ours}
    id = emulator.insert(collection, {**stranger, "name": "Stranger", "transformations": []})["id"]
    world.vendor.forget_requests()
    run = world.apply([], expect=Status.REFUSED)

    assert any(each.code == "still-needed" and id in each.message for each in run.problems)
    assert world.vendor.writes() == ()


def test_a_target_must_be_where_its_account_is(world: World) -> None:
    target = {"destination": "adlsGen2", "baseConnection": "zone", "path": "orders", **FORMAT}
    run = world.apply([*shared(), manifest("TargetConnection", "orders", target)], expect=Status.REFUSED)

    assert "`adlsGen2` and its account at `dataLandingZone`" in problem(run, "destination-mismatch").message


def test_a_target_on_an_unmanaged_account_must_be_where_that_is(world: World) -> None:
    spec = {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"}
    id = world.vendor.emulator.insert("connections", {"name": "Stranger", "connectionSpec": spec})["id"]
    target = {"destination": "adlsGen2", "baseConnection": {"id": id}, "path": "orders", **FORMAT}
    run = world.apply([manifest("TargetConnection", "orders", target)], expect=Status.REFUSED)

    assert problem(run, "destination-mismatch").path == ("destination",)


# --- before a plan is carried out ---


def test_more_destinations_than_allowed_are_a_problem(world: World) -> None:
    world.vendor.words["destinationsLimit"] = 2
    world.apply(shared("first", "second"))
    run = world.apply(shared("first", "second", "third"), expect=Status.REFUSED)
    assert "would hold 3 destinations, and 2 are allowed" in problem(run, "too-many-destinations").message

    swapped = world.apply(shared("second", "third"), expect=Status.REFUSED)
    assert "3 destinations for a moment" in problem(swapped, "too-many-destinations").message
    world.vendor.words["destinationsLimit"] = 3
    world.apply(shared("second", "third"))
    assert nothing_left(world)


def test_adobes_own_schema_is_asked_before_anything_is_sent(world: World) -> None:
    spec = world.vendor.emulator.world.faults
    answer = {
        "items": [
            {
                "id": "10440537-2a7b-4583-ac39-ed38d4b848e8",
                "targetSpec": {
                    "spec": {
                        "type": "object",
                        "properties": {"path": {"pattern": "^[a-z]+$"}, "compression": {"enum": ["NONE"]}},
                        "required": ["path", "fileType", "region"],
                    }
                },
            }
        ]
    }
    spec.answer("GET /connectionSpecs/*", 200, body=answer)
    run = world.apply([export(path="orders/2026")], expect=Status.REFUSED)

    found = [each for each in run.problems if each.code == "refused-by-connection-spec"]
    assert {each.path for each in found} == {("path",), ("compression",), ()}
    assert {str(each.address) for each in found} == {"adobe/TargetConnection/orders"}
    assert all(each.mark is not None for each in found)
    assert world.vendor.writes() == ()


def test_a_way_to_authenticate_that_adobe_does_not_offer_is_a_problem(world: World) -> None:
    auth = {"name": "Access Key", "spec": {"properties": {}, "required": []}}
    answer = {"items": [{"id": "4fce964d-3f37-408f-9778-e597338a21ee", "authSpec": [auth]}]}
    world.vendor.faults.answer("GET /connectionSpecs/*", 200, body=answer)
    account = manifest("BaseConnection", "lake", {"destination": "amazonS3", "auth": role()})
    run = world.apply([account], expect=Status.REFUSED)

    found = problem(run, "authentication-not-offered")
    assert found.path == ("auth", "specName")
    assert "`Access Key`" in (found.help or "")


def test_parameters_of_an_account_are_held_against_adobes_schema(world: World) -> None:
    properties = {
        "s3AccessKey": {"type": "string", "pattern": "^A"},
        "s3SecretKey": {"type": "string", "format": "password"},
    }
    auth = {"name": "Access Key", "spec": {"properties": properties, "required": ["s3AccessKey", "s3SecretKey"]}}
    answer = {"items": [{"id": "4fce964d-3f37-408f-9778-e597338a21ee", "authSpec": [auth]}]}
    world.vendor.faults.answer("GET /connectionSpecs/*", 200, body=answer)
    account = manifest("BaseConnection", "lake", {"destination": "amazonS3", "auth": key()})
    run = world.apply([account], expect=Status.REFUSED)

    found = problem(run, "refused-by-connection-spec")
    assert found.path == ("auth", "s3AccessKey")
    assert "EXAMPLEKEY" not in found.message


@pytest.mark.parametrize("route", ["GET /connectionSpecs/*", "GET /connectionSpecs/*/configs"])
def test_what_cannot_be_checked_is_a_warning(route: str, world: World) -> None:
    world.vendor.faults.answer(route, 400, body={"errorMessage": "not today"}, times=None)
    run = world.plan([export()])

    assert {each.code for each in run.problems} == {"preflight-unread"}
    assert {each.severity for each in run.problems} == {Severity.WARNING}
    world.apply()


def test_a_destination_that_the_organization_does_not_have_is_a_problem(world: World) -> None:
    world.vendor.faults.answer("GET /connectionSpecs/*", 404, body={"errorMessage": "no"}, times=None)
    world.vendor.faults.answer("GET /connectionSpecs", 200, body={"items": [], "_links": {}}, times=None)
    run = world.plan([export()])

    assert "destination-not-offered" in {each.code for each in run.problems}


@pytest.mark.parametrize("position", ["no_view", "no_datasets", "no_activate"])
def test_a_missing_permission_is_named(position: str, world: World) -> None:
    world.vendor.switch(permissions=position)
    run = world.apply([export()], expect=Status.DENIED)

    assert "`View Destinations`, `View Datasets` and `Manage and Activate Dataset Destinations`" in run.messages
    assert held(world)["flows"] == []


def test_the_permission_to_delete_is_named(world: World) -> None:
    world.apply([export()])
    world.vendor.switch(permissions="activate_only")
    run = world.apply([], expect=Status.DENIED)

    assert "`Manage Destinations`" in run.messages
    assert len(held(world)["flows"]) == 1


# --- wrong secrets ---


def test_a_secret_that_was_wrong_from_the_beginning_is_sent_again_as_the_message_says(world: World) -> None:
    wanted = export(destination="amazonS3", auth=key(), bucketName="example-exports", path="aep")
    world.vendor.switch(connection_test="false")
    run = world.apply([wanted], expect=Status.FAILED)
    assert "reconciler apply --resend-secrets adobe/BaseConnection/orders" in run.messages

    world.environ["RECONCILER_SECRET_S3"] = SECRETS["RECONCILER_SECRET_NEXT"]
    world.vendor.switch(connection_test="true")
    world.apply(options=Options(resend=frozenset({Address("adobe", "BaseConnection", "orders")})))
    params = world.vendor.objects("connections")[0]["auth"]["params"]
    assert params["s3SecretKey"] == SECRETS["RECONCILER_SECRET_NEXT"]
    assert nothing_left(world)


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_rotation_is_done_although_it_cannot_be_tried(status: int, world: World) -> None:
    wanted = {"destination": "amazonS3", "bucketName": "example-exports", "path": "aep"}
    world.apply([export(**wanted, auth=key())])
    world.vendor.faults.answer("GET /connections/*/test", status, body={"errorMessage": "not today"}, times=None)
    world.apply([export(**wanted, auth=key("2"))])

    assert nothing_left(world)


# --- what Adobe accepts and does not make ---


def test_a_dataflow_that_adobe_failed_to_make_is_not_done(world: World) -> None:
    status = {"value": "FAILED", "errors": [{"message": "no such source"}]}

    def fail() -> None:
        (flow,) = world.vendor.objects("flows")
        world.vendor.emulator.edit("flows", flow["id"], {"lastOperation": {"operation": "create", "status": status}})

    world.vendor.faults.call("POST /flows", fail, after_write=True)
    run = world.apply([export()], expect=Status.FAILED)
    assert "failed to make it: no such source" in run.messages

    assert "operation-failed" in {each.code for each in world.plan().problems}


# --- what others do ---


def test_an_edit_between_plan_and_apply_makes_a_saved_plan_stale(world: World, tmp_path: Path) -> None:
    world.apply([export()])
    (flow,) = world.vendor.objects("flows")
    saved = tmp_path / "plan.json"
    world.write([export(name="orders", schedule={**SCHEDULE, "every": "12h"})])
    with world.workspace() as workspace:
        save(make_plan(workspace), saved)
    edited = {**flow["scheduleParams"], "interval": 9}
    world.vendor.emulator.edit("flows", flow["id"], {"scheduleParams": edited})

    with world.workspace() as workspace, pytest.raises(Stale):
        apply(workspace, saved=saved)


def test_a_dataset_added_in_the_ui_is_named_and_the_unrelated_rest_is_applied_when_that_is_allowed(
    world: World, tmp_path: Path
) -> None:
    world.apply([export(), export("stores", datasets=[{"name": "Stores"}])])
    saved = tmp_path / "plan.json"
    wider = [{"id": ORDERS}, {"name": "Consents"}]
    other = export("stores", datasets=[{"name": "Stores"}], schedule={**SCHEDULE, "every": "12h"})
    world.write([export(datasets=wider), other])
    with world.workspace() as workspace:
        save(make_plan(workspace), saved)
    flow = next(each for each in world.vendor.objects("flows") if each["name"] == "orders")
    theirs = world.vendor.emulator.insert(
        "sourceConnections",
        {
            "name": "by hand",
            "connectionSpec": {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"},
            "params": {"datasets": [{"dataSetId": ORDERS, "name": "Orders"}, {"dataSetId": CUSTOMERS, "name": "C"}]},
        },
    )
    world.vendor.emulator.edit("flows", flow["id"], {"sourceConnectionIds": [theirs["id"]]})
    world.vendor.forget_requests()

    with world.workspace() as workspace, pytest.raises(Stale) as stale:
        apply(workspace, saved=saved)
    assert world.vendor.writes() == ()
    assert ("adobe/Dataflow/orders", ("source",)) in {(str(each.address), each.path) for each in stale.value.problems}
    (help,) = {each.help for each in stale.value.problems if str(each.address) == "adobe/Dataflow/orders"}
    assert help is not None
    assert re.fullmatch(r"it was changed last at 20[-\d: ]+ UTC by `[^`]+`, says the vendor", help)
    with world.workspace() as workspace:
        done = apply(workspace, saved=saved, allow_partial=True)
    assert {str(each.address) for each in done.left_out} >= {"adobe/Dataflow/orders"}
    assert [each.method for each in world.vendor.writes() if "/flows/" in each.path] == ["PATCH"]
    intervals = {each["name"]: each["scheduleParams"]["interval"] for each in world.vendor.objects("flows")}
    assert intervals == {"orders": 6, "stores": 12}


def test_an_etag_that_moved_alone_makes_no_saved_plan_stale(world: World, tmp_path: Path) -> None:
    world.apply([export()])
    (flow,) = world.vendor.objects("flows")
    saved = tmp_path / "plan.json"
    world.write([export(name="orders", schedule={**SCHEDULE, "every": "12h"})])
    with world.workspace() as workspace:
        save(make_plan(workspace), saved)
    world.vendor.emulator.edit("flows", flow["id"], {"labels": ["core/C12"]})
    assert world.vendor.objects("flows")[0]["etag"] != flow["etag"]
    with world.workspace() as workspace:
        done = apply(workspace, saved=saved)

    assert done.proven
    assert world.vendor.objects("flows")[0]["scheduleParams"]["interval"] == 12


def test_a_deletion_that_takes_the_shared_source_with_it_is_healed(world: World) -> None:
    world.vendor.switch(cascade="connections")
    world.apply([export()])
    moved = export(destination="adlsGen2", auth=principal())
    world.apply([moved], expect=None)
    world.later()
    world.apply([moved])

    assert nothing_left(world)
    assert all(len(each) == 1 for each in held(world).values())


def test_objects_made_in_the_ui_can_be_taken_over(world: World) -> None:
    world.apply([export()])
    manifests = the_four()
    ids = {str(each.address): each.id or "" for each in world.state.records.values()}
    for collection in COLLECTIONS:
        for row in world.vendor.objects(collection):
            world.vendor.emulator.edit(collection, row["id"], {"description": ""})
    for file in sorted((world.folder / ".reconciler").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    run = world.plan(manifests)
    assert {each.code for each in run.problems} == {"lookalike"}

    with world.workspace() as workspace:
        for kind in KINDS:  # what is pointed at comes first
            address = Address("adobe", kind, "orders")
            adopt(workspace, address, ids[str(address)])
    assert world.plan().changes_to_make == ()
    assert not world.plan().problems


def test_an_import_reads_names_of_datasets_too(world: World) -> None:
    spec = {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"}
    params = {"datasets": [{"dataSetId": CUSTOMERS, "name": "Customers"}]}
    body = {"name": "customers", "connectionSpec": spec, "params": params}
    row = world.vendor.emulator.insert("sourceConnections", body)
    world.write([manifest("SourceConnection", "customers", {"datasets": [{"name": "Customers"}]})])
    with world.workspace() as workspace:
        adopt(workspace, Address("adobe", "SourceConnection", "customers"), row["id"])

    assert nothing_left(world)


# --- how much is asked ---


def test_a_plan_of_a_thousand_dataflows_asks_for_lists_alone(world: World) -> None:
    emulator = world.vendor.emulator
    spec = {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"}
    manifests = []
    count = 1000
    base = emulator.insert("connections", {"name": "zone", "connectionSpec": spec})["id"]
    lake = {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"}
    start, end = 3786912000, 3944678400
    for number in range(count):
        name = f"export-{number}"
        datasets = {"datasets": [{"dataSetId": CUSTOMERS, "name": "Customers"}]}
        source = emulator.insert("sourceConnections", {"name": name, "connectionSpec": lake, "params": datasets})
        params = {"mode": "Server-to-server", "path": name, **FORMAT}
        body = {"name": name, "baseConnectionId": base, "connectionSpec": spec, "params": params}
        target = emulator.insert("targetConnections", body)
        schedule = {
            "exportMode": "FIRST_FULL_THEN_INCREMENTAL",
            "timeUnit": "hour",
            "interval": 6,
            "startTime": start,
            "endTime": end,
        }
        flow = emulator.insert(
            "flows",
            {
                "name": name,
                "flowSpec": {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a", "version": "1.0"},
                "sourceConnectionIds": [source["id"]],
                "targetConnectionIds": [target["id"]],
                "transformations": [],
                "scheduleParams": schedule,
            },
        )
        manifests.append((name, source["id"], target["id"], flow["id"]))
    written = [manifest("BaseConnection", "zone", {"destination": "dataLandingZone"})]
    for name, *_ in manifests:
        written += [
            manifest("SourceConnection", name, {"datasets": [{"name": "Customers"}]}),
            manifest(
                "TargetConnection",
                name,
                {"destination": "dataLandingZone", "baseConnection": "zone", "path": name, **FORMAT},
            ),
            manifest(
                "Dataflow",
                name,
                {
                    "source": name,
                    "target": name,
                    "schedule": {"every": "6h", "start": "2090-01-01T00:00:00Z", "end": "2095-01-01T00:00:00Z"},
                },
            ),
        ]
    world.write(written)
    ids = {"zone": base}
    take_over(world, ids, manifests)
    world.vendor.forget_requests()
    run = world.plan()

    objects = 3 * count + 1
    pages_of_datasets = 3
    asked = len(world.vendor.requests())
    assert run.changes_to_make == ()
    assert not run.problems
    assert asked <= objects // 100 + pages_of_datasets + 0 + len(KINDS) + 5, asked


def take_over(world: World, ids: Mapping[str, str], rows: list[tuple[str, str, str, str]]) -> None:
    """Records as a thousand imports would have written them, in one go."""
    with world.workspace() as workspace:
        desired = workspace.load().desired.resources
        known = {("BaseConnection", name): id for name, id in ids.items()}
        for name, source, target, flow in rows:
            known |= {
                ("SourceConnection", name): source,
                ("TargetConnection", name): target,
                ("Dataflow", name): flow,
            }
        scope = workspace.session("adobe").scope
        now = workspace.clock.now()
        settlements = []
        for address, resource in desired.items():
            document = resolve(resource.attributes, lambda each: known[each.kind, each.name])
            if address.kind == "SourceConnection":
                document["datasets"] = ({"id": CUSTOMERS},)
            record = made(resource, document, id=known[address.kind, address.name], scope=scope, at=now)
            settlements.append(
                Settlement(intent="", status=SettlementStatus.DONE, at=now, address=address, record=record)
            )
        with workspace.backend.lock(
            workspace.holder("import"), timeout=0, clock=workspace.clock.monotonic, sleep=workspace.clock.sleep
        ) as journal:
            journal.settle(*settlements)
            journal.compact()


# --- runs and doctor ---


def test_runs_say_how_exports_went(world: World) -> None:
    start = world.clock.now().strftime("%Y-%m-%dT%H:00:00Z")
    world.apply([export(schedule={"every": "6h", "start": start, "end": "2095-01-01T00:00:00Z"})])
    world.later(13 * 3600)
    with world.workspace() as workspace:
        found = [run for address, run in runs(workspace) if address.kind == "Dataflow"]

    assert len(found) >= 2
    assert {each.status for each in found} <= {"completed", "pending"}
    assert found == sorted(found, key=lambda run: run.started or world.clock.now(), reverse=True)
    finished = next(each for each in found if each.status == "completed")
    assert finished.finished is not None
    assert finished.started is not None
    assert finished.figures["filesWritten"] > 0
    assert set(finished.figures) >= {"recordsRead", "recordsWritten", "filesWritten", "bytesWritten"}


@pytest.mark.parametrize(
    "switches",
    [
        {"run_stop_key": "stoppedAtUTC", "run_etag_key": "eTag", "run_status_case": "capitalized"},
        {"run_state": "present", "run_dataset_prefix": "none", "run_flow_spec": "other"},
    ],
)
def test_runs_are_read_in_either_spelling(switches: dict[str, str], world: World) -> None:
    world.vendor.switch(**switches)
    start = world.clock.now().strftime("%Y-%m-%dT%H:00:00Z")
    world.apply([export(schedule={"every": "6h", "start": start, "end": "2095-01-01T00:00:00Z"})])
    world.later(7 * 3600)
    with world.workspace() as workspace:
        (first, *_) = [run for _, run in runs(workspace)]

    assert first.status == "completed"
    assert first.finished is not None


def test_a_failed_run_says_why(world: World) -> None:
    world.vendor.switch(runs="failed")
    start = world.clock.now().strftime("%Y-%m-%dT%H:00:00Z")
    world.apply([export(schedule={"every": "6h", "start": start, "end": "2095-01-01T00:00:00Z"})])
    world.later(3600)
    with world.workspace() as workspace:
        (first, *_) = [run for _, run in runs(workspace)]

    assert first.status == "failed"
    assert first.message


def checks(world: World) -> dict[str, Check]:
    world.write([])
    with world.workspace() as workspace:
        return {each.subject: each for each in workspace.session("adobe").doctor()}


def test_doctor_looks_at_credentials_sandbox_and_permissions(world: World) -> None:
    found = checks(world)

    assert set(found) == {"credentials", "sandbox", "connections", "dataflows", "datasets"}
    assert all(each.well for each in found.values()), found


def test_doctor_names_the_permission_that_is_missing(world: World) -> None:
    world.vendor.switch(permissions="no_datasets")
    found = checks(world)

    assert not found["datasets"].well
    assert "View Datasets" in (found["datasets"].help or "")


def test_doctor_says_that_credentials_or_sandbox_are_wrong(world: World) -> None:
    world.vendor.words["sandbox"] = "nowhere"
    assert not checks(world)["sandbox"].well

    world.environ["ADOBE_SECRET"] = "wrong"
    found = checks(world)
    assert list(found) == ["credentials"]
    assert not found["credentials"].well
