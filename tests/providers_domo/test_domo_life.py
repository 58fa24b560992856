"""An export's life: when it is made anew, with whose credentials, how it is adopted and forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest
from domo_scene import NAME, NORTH, ORDERS, Scene, codes, elsewhere, manifest, only, query
from world import Status

from reconciler.operations.adopt import adopt
from reconciler.operations.failures import Failure
from reconciler.operations.runs import runs
from reconciler.sdk import Run as VendorRun
from reconciler.values import Action, Address, OutcomeStatus, ReasonCode

pytest_plugins = ("domo_fixtures",)


def adopted(scene: Scene, id: str, *manifests: dict[str, Any]) -> None:
    scene.world.write(manifests)
    with scene.world.workspace() as workspace:
        adopt(workspace, NAME, id)


def past_export(scene: Scene, **changes: object) -> str:
    """An export that somebody made by hand and that covers the data."""
    scene.world.later()
    row = {"dataSourceId": ORDERS, "bucket": "example-lake", "path": "domo/orders", **changes}
    return str(scene.domo.insert("exports", row)["id"])


# --- when it is made anew ---


@pytest.mark.parametrize(
    ("refresh", "due"),
    [("onDataChange", True), ("onDefinitionChange", False), ("manual", False), ({"maxAge": "1h"}, True)],
)
def test_newer_data_is_exported_when_the_manifest_says_so(plain: Scene, refresh: object, due: bool) -> None:
    plain.apply(manifest(refresh=refresh))
    plain.new_data()
    changes = plain.plan().changes_to_make

    assert [each.action for each in changes] == ([Action.RUN] if due else [])
    assert all(each.is_freshness for each in changes)


def test_an_export_that_is_young_enough_waits_for_its_age(plain: Scene) -> None:
    plain.apply(manifest(refresh={"maxAge": "1d"}))
    plain.new_data()
    young = plain.plan().changes_to_make
    plain.world.later(24 * 3600)

    assert young == ()
    assert only(plain.plan()).is_freshness


def test_an_old_export_of_unchanged_data_is_good(plain: Scene) -> None:
    plain.apply(manifest(refresh={"maxAge": "1h"}))
    plain.world.later(24 * 3600)

    assert plain.plan().changes_to_make == ()


def test_data_that_changed_a_moment_ago_is_left_to_settle(plain: Scene) -> None:
    plain.apply(manifest(settle="10m"))
    plain.world.later()
    plain.domo.append_rows(ORDERS, [[102, 1, "West", 1.0, "2026-01-05", None]])
    hold = only(plain.plan()).hold
    plain.world.later(601)

    assert "settles" in str(hold)
    assert only(plain.plan()).action is Action.RUN


def test_a_changed_definition_is_no_freshness_even_when_the_data_is_newer(plain: Scene) -> None:
    plain.apply(manifest())
    plain.new_data()
    change = only(plain.plan(manifest(query=query(filter=NORTH))))

    assert not change.is_freshness
    assert ReasonCode.STALE not in {each.code for each in change.reasons}
    assert [each.path[:2] for each in change.fields] == [("query", "filter")]


@pytest.mark.parametrize(
    "changes",
    [
        {"destination": elsewhere(path="domo/other")},
        {"destination": elsewhere(bucket="example-lake-us", region="us-east-1")},
        {"destination": elsewhere(kmsKey="alias/example")},
        {"includeBom": True},
        {"query": query("region", "order_id")},
    ],
)
def test_every_part_of_the_definition_makes_it_another_export(plain: Scene, changes: dict[str, Any]) -> None:
    plain.apply(manifest())
    change = only(plain.plan(manifest(**changes)))

    assert change.action is Action.RUN
    assert change.fields


@pytest.mark.parametrize(
    "changes", [{"refresh": "manual"}, {"settle": "5m"}, {"source": "nightly"}, {"useCache": False}]
)
def test_what_is_no_part_of_the_definition_is_only_remembered(plain: Scene, changes: dict[str, Any]) -> None:
    plain.apply(manifest())
    planned = only(plain.plan(manifest(**changes)))
    plain.apply()

    assert planned.action is Action.RECORD
    assert plain.started == 1
    assert plain.plan().changes_to_make == ()


def test_other_credentials_are_no_reason_and_are_used_next_time(plain: Scene) -> None:
    plain.world.environ["RECONCILER_SECRET_OTHER"] = "another-secret-41aa"
    other = {
        "static": {
            "accessKeyId": {"env": "RECONCILER_SECRET_OTHER"},
            "secretAccessKey": {"env": "RECONCILER_SECRET_OTHER"},
        }
    }
    plain.apply(manifest())
    quiet = plain.plan(manifest(credentials=other)).changes_to_make
    plain.new_data()
    plain.apply()

    assert quiet == ()
    assert "RECONCILER_SECRET_OTHER" in str(plain.record.applied["credentials"])


def test_a_failed_export_is_tried_again_and_then_ever_more_slowly(plain: Scene) -> None:
    plain.vendor.switch(runs="failed")
    first = plain.apply(manifest(), expect=Status.FAILED)
    soon = only(plain.plan())
    plain.apply(expect=Status.FAILED)
    resting = only(plain.plan())
    plain.world.later(600)
    plain.vendor.switch(runs="ok")
    plain.apply()

    assert [each.status for each in first.report.outcomes] == [OutcomeStatus.FAILED]
    assert soon.action is Action.RUN
    assert resting.action is Action.WAIT
    assert "2 times in a row" in str(resting.hold)
    assert plain.record.memo["attempts"] == 3
    assert plain.plan().changes_to_make == ()


def test_a_corrected_manifest_does_not_wait_for_the_failures_of_the_wrong_one(plain: Scene) -> None:
    plain.vendor.switch(runs="failed")
    plain.apply(manifest(), expect=Status.FAILED)
    plain.apply(manifest(), expect=Status.FAILED)

    assert only(plain.plan(manifest(destination=elsewhere(path="domo/right")))).action is Action.RUN


def test_fifty_nightly_exports_are_fifty_runs_and_no_deletion(plain: Scene) -> None:
    wanted = []
    for number in range(50):
        columns = [{"name": "order_id", "type": "LONG"}, {"name": "region", "type": "STRING"}]
        row = plain.domo.create_dataset(f"table-{number}", columns, [[number, "North"]])
        spec = {"dataset": {"id": row["id"]}, "destination": elsewhere(path=f"domo/{number}")}
        wanted.append(manifest(f"table-{number}", **spec))
    plain.world.later()
    plain.world.settings["limits"] = {"maxDeletes": 1, "maxDeletePercent": 1}
    plain.apply(*wanted)
    plain.world.later()
    for row in plain.vendor.objects("datasets"):
        if str(row["name"]).startswith("table-"):
            plain.domo.append_rows(row["id"], [[99, "West"]])
    plain.world.later()
    planned = plain.plan()
    plain.vendor.forget_requests()
    plain.apply()

    assert len(planned.changes_to_make) == 50
    assert all(each.is_freshness for each in planned.changes_to_make)
    assert planned.problems == ()
    # Lists are read once when planning, twice for the start, once or twice while it runs, and once for the proof.
    assert len(plain.vendor.requests("GET", "/api/query/v1/export/*")) <= 50 * 12
    assert plain.plan().changes_to_make == ()


# --- credentials of a role ---


def test_domo_gets_credentials_of_a_role_that_may_write_where_the_files_go(cloud: Scene) -> None:
    assert cloud.store is not None
    cloud.world.environ["EXAMPLE_AWS_KEY"] = cloud.store.keys.key
    cloud.world.environ["EXAMPLE_AWS_SECRET"] = cloud.store.keys.secret
    role = {"assumeRole": {"roleArn": cloud.store.role_arn}}
    cloud.apply(manifest(credentials=role))

    assert len(cloud.delivered(cloud.id)) == 24
    assert b"ASIA" not in cloud.world.stored, "keys of temporary credentials begin so"


def test_a_role_that_may_not_be_assumed_is_said_and_nothing_is_sent(cloud: Scene) -> None:
    assert cloud.store is not None
    nobody = cloud.store.make_user("stranger", ["s3:GetObject"])
    cloud.world.environ["EXAMPLE_AWS_KEY"] = nobody.key
    cloud.world.environ["EXAMPLE_AWS_SECRET"] = nobody.secret
    role = {"assumeRole": {"roleArn": cloud.store.role_arn}}
    run = cloud.apply(manifest(credentials=role), expect=Status.DENIED)

    assert cloud.store.role_arn in run.messages
    assert cloud.started == 0
    assert cloud.world.open_intents == ()


def test_temporary_credentials_that_somebody_keeps_are_sent_with_their_token(cloud: Scene) -> None:
    assert cloud.store is not None
    temporary = cloud.store.assume_role()
    environ = {"KEY": temporary.key, "SECRET": temporary.secret, "TOKEN": str(temporary.session_token)}
    cloud.world.environ.update({f"RECONCILER_SECRET_AWS_{name}": each for name, each in environ.items()})
    words = {"accessKeyId": "KEY", "secretAccessKey": "SECRET", "sessionToken": "TOKEN"}
    static = {word: {"env": f"RECONCILER_SECRET_AWS_{name}"} for word, name in words.items()}
    cloud.apply(manifest(credentials={"static": static}))

    assert len(cloud.delivered(cloud.id)) == 24


# --- adopting, looking back, forgetting ---


def test_a_past_export_is_pointed_out_and_may_be_adopted(plain: Scene) -> None:
    id = past_export(plain)
    planned = plain.plan(manifest())
    adopted(plain, id, manifest())
    after = plain.plan()

    assert codes(planned) <= {"export-exists"}
    assert plain.id == id
    assert after.changes_to_make == ()
    assert codes(after) == {"assumed"}
    assert plain.started == 0


def test_an_adopted_export_goes_stale_by_the_clock_of_domo(plain: Scene) -> None:
    adopted(plain, past_export(plain), manifest())
    plain.new_data()
    plain.apply()

    assert plain.started == 1
    assert plain.plan().problems == ()


def test_an_export_that_nobody_lists_cannot_be_adopted(plain: Scene) -> None:
    with pytest.raises(Failure, match="has no `DatasetExport`"):
        adopted(plain, "6b0f2d5e-1c1b-4a58-9d39-0a2f4f6c7e11", manifest())


def test_exports_of_everybody_are_told_newest_first(plain: Scene) -> None:
    plain.apply(manifest())
    plain.world.later()
    plain.domo.insert("exports", {"dataSourceId": ORDERS, "exportStatus": "error", "message": "no such bucket"})
    with plain.world.workspace() as workspace:
        found: list[tuple[Address, VendorRun]] = list(runs(workspace))

    assert [(address, each.status) for address, each in found] == [(NAME, "failed"), (NAME, "completed")]
    assert found[0][1].message == "no such bucket"
    assert found[1][1].figures == {"rows": 24, "files": 1}


def test_an_export_without_a_manifest_is_forgotten_and_its_files_stay(plain: Scene) -> None:
    plain.apply(manifest())
    before = plain.files()
    run = plain.world.apply([])

    assert only(run).action is Action.FORGET
    assert plain.world.state.records == {}
    assert plain.files() == before


def test_destroy_forgets(plain: Scene) -> None:
    plain.apply(manifest())
    plain.world.destroy()

    assert plain.world.state.records == {}
    assert plain.started == 1


# --- telling freshness apart ---


def test_a_plan_with_nothing_but_newer_data_is_told_apart(plain: Scene) -> None:
    plain.apply(manifest())
    plain.new_data()
    both = plain.world.command("plan", "--detailed-exitcode", expect=2)
    plain.world.command("plan", "--detailed-exitcode", "--ignore-freshness", expect=0)
    written = json.loads(plain.world.command("plan", "--format", "json").stdout)
    plain.world.write([manifest(query=query(filter=NORTH))])
    plain.world.command("plan", "--detailed-exitcode", "--ignore-freshness", expect=2)

    assert "1 to run" in both.stdout.splitlines()[-1]
    assert "for freshness alone" in both.stdout
    assert (written["counts"]["freshness"], written["changes"][0]["freshness"]) == (1, True)


def test_blocked_alone_exits_with_four(plain: Scene) -> None:
    plain.apply(manifest())
    plain.world.write([manifest(query=query(filter=NORTH))])
    ended = plain.world.command("apply", "-y", expect=4)

    assert "gave back the export" in ended.stdout + ended.stderr
