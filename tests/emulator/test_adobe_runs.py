"""Runs and files of the Flow Service emulator: when they come, what they record, what they leave."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from adobe_stage import DAY, DESTINATIONS, FORM, HOUR, LOCATION, NOW, Stage, once, schedule, staged

from reconciler.emulator import BucketDrop, Clock, JsonObject, ObjectStore

NAME = re.compile(r"part-\d{5}-tid-\d+-[0-9a-f-]{36}-\d+-1-c000(\.json\.gz|\.gz\.parquet|\.parquet)")


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def folders(root: Path) -> list[str]:
    return sorted({path.rpartition("/")[0] for path in files(root)})


def numbers(path: Path) -> list[int]:
    """The numbers of a file's rows."""
    if path.name.endswith(".json.gz"):
        return [json.loads(line)["number"] for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [number for (number,) in duckdb.read_parquet(str(path)).select("number").fetchall()]


def exported(root: Path, dataset: str) -> list[int]:
    """The numbers of a dataset's rows in all files, as often as they came."""
    return sorted(n for path in root.rglob("part-*") if f"/{dataset}/" in path.as_posix() for n in numbers(path))


def starts(runs: list[JsonObject]) -> list[int]:
    """Seconds after the start of the clock."""
    return [run["metrics"]["durationSummary"]["startedAtUTC"] // 1000 - NOW for run in reversed(runs)]


def status(run: JsonObject) -> str:
    return str(run["metrics"]["statusSummary"]["status"])


def counts(runs: list[JsonObject]) -> list[int]:
    return [run["metrics"]["recordSummary"]["outputRecordCount"] for run in reversed(runs)]


# When.


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (schedule(), [1, 4, 7, 10, 13, 16, 19, 22, 25]),
        (schedule(interval=12), [1, 13, 25]),
        (schedule(timeUnit="day", interval=1), [1, 25]),
        (once(), [1]),
        (schedule(startTime=NOW - 2 * HOUR), [0, 1, 4, 7, 10, 13, 16, 19, 22, 25]),
        (once(startTime=NOW - DAY), [0]),
        (schedule(endTime=NOW + 7 * HOUR), [1, 4, 7]),
        (schedule(startTime=NOW + 2 * DAY, endTime=NOW + 9 * DAY), []),
    ],
)
def test_runs_come_when_the_schedule_says(sent: JsonObject, expected: list[int]) -> None:
    with staged() as stage:
        flow = stage.flow(scheduleParams=sent)
        stage.emulator.advance(25.5 * HOUR)

        assert starts(stage.runs(flow)) == [hours * HOUR for hours in expected]


def test_runs_come_at_the_same_times_however_the_clock_moves() -> None:
    with staged() as stage:
        flow = stage.flow()
        for _ in range(30):
            stage.emulator.advance(47 * 60)

        assert starts(stage.runs(flow)) == [hours * HOUR for hours in (1, 4, 7, 10, 13, 16, 19, 22)]


def test_a_month_of_runs_can_be_read_in_pages() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.advance(30 * DAY)
        runs = stage.all("/runs", property=f"flowId=={flow}", limit="100")

        assert len(runs) == 30 * 8
        assert starts(runs) == [HOUR + 3 * HOUR * n for n in range(240)]
        assert stage.get("/runs", count="true").body == {"count": 240}


def test_a_disabled_flow_does_not_run_until_it_is_enabled_again() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.action(flow, "disable")
        stage.emulator.advance(8 * HOUR)
        asleep = len(stage.runs(flow))
        stage.action(flow, "enable")
        stage.emulator.advance(3 * HOUR)

        assert asleep == 0
        assert starts(stage.runs(flow)) == [10 * HOUR]


def test_a_one_time_export_that_was_disabled_comes_when_it_is_enabled() -> None:
    with staged() as stage:
        flow = stage.flow(scheduleParams=once())
        stage.action(flow, "disable")
        stage.emulator.advance(DAY)
        stage.action(flow, "enable")
        stage.emulator.advance(DAY)
        stage.action(flow, "disable")
        stage.action(flow, "enable")
        stage.emulator.advance(DAY)

        assert starts(stage.runs(flow)) == [DAY]


def test_a_deleted_flow_does_not_run() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.delete(f"/flows/{flow}")
        stage.emulator.advance(DAY)

        assert stage.runs(flow) == []


def test_a_new_schedule_counts_from_now_on() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.advance(5 * HOUR)
        stage.replace(f"/flows/{flow}", "/scheduleParams", schedule(interval=12))
        stage.emulator.advance(20 * HOUR)

        assert starts(stage.runs(flow)) == [hours * HOUR for hours in (1, 4, 13, 25)]


def test_an_expired_flow_is_enabled_and_does_not_run() -> None:
    with staged() as stage:
        flow = stage.flow(scheduleParams=schedule(endTime=NOW + DAY))
        stage.emulator.advance(3 * DAY)
        item = stage.get(f"/flows/{flow}").item

        assert item["state"] == "enabled"
        assert len(stage.runs(flow)) == 8


# What is recorded.


def test_a_run_has_the_documented_shape() -> None:
    with staged() as stage:
        flow = stage.flow(scheduleParams=once())
        stage.emulator.advance(2 * HOUR)
        (run,) = stage.runs(flow)
        row = stage.emulator.objects("flows")[0]
        begun = (NOW + HOUR) * 1000
        (activity,) = run["activities"]

        assert stage.get(f"/runs/{run['id']}").item == run
        assert run == {
            "id": run["id"],
            "flowId": flow,
            "flowSpec": row["flowSpec"],
            "createdAt": begun,
            "updatedAt": begun + 300_000,
            "createdBy": "aep_activation_batch@AdobeID",
            "updatedBy": "acp_foundation_connectors@AdobeID",
            "createdClient": "aep_activation_batch",
            "updatedClient": "acp_foundation_connectors",
            "sandboxId": row["sandboxId"],
            "sandboxName": "prod",
            "imsOrgId": "EXAMPLE@AdobeOrg",
            "providerRefId": run["providerRefId"],
            "etag": run["etag"],
            "metrics": {
                "durationSummary": {"startedAtUTC": begun, "completedAtUTC": begun + 300_000},
                "sizeSummary": run["metrics"]["sizeSummary"],
                "recordSummary": {
                    "inputRecordCount": 12,
                    "outputRecordCount": 12,
                    "skippedRecordCount": 0,
                    "failedRecordCount": 0,
                    "sourceSummaries": [
                        {
                            "id": row["sourceConnectionIds"][0],
                            "inputRecordCount": 12,
                            "skippedRecordCount": 0,
                            "entitySummaries": [{"id": f"dataset:{stage.dataset()}", "inputRecordCount": 12}],
                        }
                    ],
                    "targetSummaries": [{"id": row["targetConnectionIds"][0], "outputRecordCount": 12}],
                },
                "fileSummary": {"inputFileCount": 1, "outputFileCount": 1},
                "statusSummary": {"status": "success", "activityRefs": [activity["id"]]},
            },
            "activities": [
                {
                    "id": activity["id"],
                    "name": "Activation Batch Publisher Activity",
                    "updatedAtUTC": begun + 300_000,
                    "statusSummary": {"status": "success", "extensions": {}},
                }
            ],
        }


def test_a_flow_tells_of_its_last_run() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.advance(HOUR)
        early = stage.get(f"/flows/{flow}").item
        stage.emulator.advance(300)
        late = stage.get(f"/flows/{flow}").item
        begun = (NOW + HOUR) * 1000

        assert "lastRunDetails" not in early
        assert late["lastRunDetails"] == {
            "id": stage.runs(flow)[0]["id"],
            "state": "success",
            "startedAtUTC": begun,
            "completedAtUTC": begun + 300_000,
        }


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("metrics.statusSummary.status==failed", 1),
        ("metrics.statusSummary.status==success", 2),
        (f"metrics.durationSummary.startedAtUTC>{(NOW + HOUR) * 1000}", 2),
        ("metrics.recordSummary.sourceSummaries[].inputRecordCount>=0", 2),
    ],
)
def test_runs_can_be_filtered_by_what_they_record(expression: str, count: int) -> None:
    with staged() as stage:
        stage.flow()
        stage.emulator.fail_next_run()
        stage.emulator.advance(8 * HOUR)

        assert len(stage.get("/runs", property=expression).body["items"]) == count


def test_a_failed_run_says_why_and_its_rows_come_with_the_next() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.advance(2 * HOUR)
        stage.emulator.fail_next_run(flow, "access denied")
        stage.emulator.advance(6 * HOUR)
        runs = stage.runs(flow)
        failed = runs[1]["metrics"]

        assert [status(run) for run in runs] == ["success", "failed", "success"]
        assert failed["statusSummary"]["errors"] == [
            {"code": "ACTIVATION_BATCH-0000-FAILED", "message": "access denied"}
        ]
        assert failed["recordSummary"]["failedInfo"] == [
            {"code": "ACTIVATION_BATCH-0000-FAILED", "message": "access denied", "count": 1, "type": "Error"}
        ]
        assert counts(runs) == [12, 0, 12]


def test_runs_of_other_sandboxes_are_not_seen() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.advance(2 * HOUR)
        (run,) = stage.runs(flow)
        other: dict[str, str | None] = {"x-sandbox-name": "dev"}

        assert stage.call("GET", "/runs", headers=other).body["items"] == []
        assert stage.call("GET", f"/runs/{run['id']}", headers=other).status == 404


def test_runs_can_be_written_by_hand() -> None:
    with staged() as stage:
        row = stage.emulator.insert("runs", {"flowId": "f", "imsOrgId": "EXAMPLE@AdobeOrg", "sandboxName": "prod"})
        id = str(row["id"])
        stage.emulator.edit("runs", id, {"flowId": "g"})

        assert [run["id"] for run in stage.runs("g")] == [id]
        stage.emulator.remove("runs", id)
        assert stage.runs("g") == []


# Trouble.


@pytest.mark.parametrize("kind", ["sourceConnections", "targetConnections", "connections"])
def test_a_run_without_its_connection_fails_and_is_trouble(kind: str) -> None:
    with staged() as stage:
        flow = stage.flow()
        (row,) = stage.emulator.objects(kind)
        stage.emulator.remove(kind, row["id"])
        stage.emulator.advance(2 * HOUR)
        (run,) = stage.runs(flow)

        assert status(run) == "failed"
        assert stage.emulator.trouble == (
            {"time": "2026-01-05T08:00:00.000Z", "flow": flow, "missing": kind, "id": row["id"], "run": None},
            {"time": "2026-01-05T09:00:00.000Z", "flow": flow, "missing": kind, "id": row["id"], "run": run["id"]},
        )


def test_a_disabled_flow_is_in_no_trouble() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.action(flow, "disable")
        (row,) = stage.emulator.objects("sourceConnections")
        stage.emulator.remove("sourceConnections", row["id"])
        stage.emulator.advance(DAY)

        assert stage.emulator.trouble == ()


def test_a_dataset_that_was_deleted_first_fails_the_run() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.remove("datasets", stage.dataset())
        stage.emulator.advance(2 * HOUR)

        assert status(stage.runs(flow)[0]) == "failed"
        assert [one["missing"] for one in stage.emulator.trouble] == ["datasets"]


# What is left.


@pytest.mark.parametrize(
    ("form", "extension"),
    [
        ({"datasetFileType": "JSON", "compression": "GZIP"}, ".json.gz"),
        ({"datasetFileType": "JSON", "compression": "NONE"}, ".json.gz"),
        ({"datasetFileType": "PARQUET", "compression": "GZIP"}, ".gz.parquet"),
        ({"datasetFileType": "PARQUET", "compression": "NONE"}, ".parquet"),
    ],
)
def test_files_have_the_documented_names_and_hold_every_row(
    form: dict[str, str], extension: str, tmp_path: Path
) -> None:
    with staged(folder=tmp_path) as stage:
        stage.flow(target=stage.target(params={**LOCATION, **form}), scheduleParams=once())
        stage.emulator.advance(2 * HOUR)
        names = [path.rpartition("/")[2] for path in files(tmp_path)]

        assert folders(tmp_path) == [f"example-drop/aep/orders/{stage.dataset()}/exportTime=202601050900"]
        assert len(names) == len(set(names)) == 2
        assert [found[1] for found in map(NAME.fullmatch, names) if found] == [extension] * 2
        assert exported(tmp_path, stage.dataset()) == list(range(12))


def test_a_parquet_file_has_types_and_the_codec_that_was_asked_for(tmp_path: Path) -> None:
    with staged(folder=tmp_path, parts="1") as stage:
        for compression in ("GZIP", "NONE"):
            params = {**LOCATION, "datasetFileType": "PARQUET", "compression": compression, "path": compression}
            stage.flow(target=stage.target(params=params), scheduleParams=once())
        stage.emulator.advance(2 * HOUR)
        seen: dict[str, Any] = {}
        for path in tmp_path.rglob("*.parquet"):
            found = duckdb.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [str(path)])
            seen[path.relative_to(tmp_path).parts[1]] = found.fetchall()
        table = duckdb.read_parquet(str(path), hive_partitioning=False)

        assert seen == {"GZIP": [("GZIP",)], "NONE": [("UNCOMPRESSED",)]}
        assert [(name, str(kind)) for name, kind in zip(table.columns, table.types, strict=True)] == [
            ("_id", "VARCHAR"),
            ("number", "BIGINT"),
            ("timestamp", "TIMESTAMP"),
            ("customer", "VARCHAR"),
            ("country", "VARCHAR"),
            ("amount", "DOUBLE"),
        ]


def test_the_first_export_is_full_and_the_next_hold_what_came_since(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        flow = stage.flow()
        stage.emulator.advance(8 * HOUR)

        assert counts(stage.runs(flow)) == [12, 6, 6]
        assert exported(tmp_path, stage.dataset()) == list(range(24))
        assert len(folders(tmp_path)) == 3


def test_a_swap_loses_and_repeats_no_row(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        old = stage.source()
        flow = stage.flow(old)
        stage.emulator.advance(5 * HOUR)
        new = stage.source(stage.dataset(0), stage.dataset(1))
        stage.replace(f"/flows/{flow}", "/sourceConnectionIds", [new])
        stage.delete(f"/sourceConnections/{old}")
        stage.emulator.advance(6 * HOUR)

        assert exported(tmp_path, stage.dataset(0)) == list(range(30))
        assert exported(tmp_path, stage.dataset(1)) == list(range(30))
        assert stage.emulator.trouble == ()


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_files_go_to_the_bucket_container_or_host_of_the_target(kind: str, tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        flow = stage.flow(kind=kind, scheduleParams=once())
        stage.emulator.advance(2 * HOUR)

        assert status(stage.runs(flow)[0]) == "success"
        assert folders(tmp_path) == [
            f"{DESTINATIONS[kind].bucket}/aep/orders/{stage.dataset()}/exportTime=202601050900"
        ]


@pytest.mark.parametrize(
    ("template", "folder"),
    [
        ("/", ""),
        ("plain", "/plain"),
        ("%DATASET_ID%/%EXPORT_TIME%", "/{dataset}/exportTime=202601050900"),
        ("%DATASET_NAME%", "/Orders"),
        ("%DESTINATION%/x", "/Amazon S3/x"),
        ("%DESTINATION_NAME%", "/Amazon S3"),
        ("%DATETIME(YYYYMMdd_HHmmss)%", "/20260105_090000"),
        ("y=%DATETIME(yyyy-MM)%/d=%DATETIME(dd)%", "/y=2026-01/d=05"),
        ("%DESTINATION_INSTANCE_ID%/%DESTINATION_INSTANCE_NAME%", "/{flow}/orders flow"),
        ("%SANDBOX_NAME%/%ORGANIZATION_NAME%", "/prod/EXAMPLE"),
        ("%WEATHER%", "/%WEATHER%"),
        ("//a//b//", "/a/b"),
    ],
)
def test_the_folder_follows_the_template(template: str, folder: str, tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        flow = stage.flow(scheduleParams=once(foldernameTemplate=template))
        stage.emulator.advance(2 * HOUR)
        filled = folder.replace("{dataset}", stage.dataset()).replace("{flow}", flow)

        assert folders(tmp_path) == [f"example-drop/aep/orders{filled}"]


def test_a_manifest_lists_the_files_of_its_run(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        target = stage.target(params={**FORM, **LOCATION, "includeFileManifest": True})
        flow = stage.flow(target=target, scheduleParams=once())
        stage.emulator.advance(2 * HOUR)
        run = stage.runs(flow)[0]["id"]
        document = json.loads((tmp_path / f"example-drop/aep/orders/manifest-{flow}-{run}.json").read_text())
        listed = {f"example-drop/{one['sinkPath']}/{one['name']}": one["size"] for one in document["exportResults"]}

        assert document["flowRunId"] == run
        assert document["scheduledTime"] == "2026-01-05T09:00:00.000Z"
        assert listed == {path: (tmp_path / path).stat().st_size for path in files(tmp_path) if "/part-" in path}


def test_landing_zone_files_of_one_run_expire_and_others_stay(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        stage.flow(kind="dlz", scheduleParams=schedule(timeUnit="day", interval=1, foldernameTemplate="/"))
        stage.flow(kind="s3", scheduleParams=once())
        counted = []
        for days in (1, 6, 1, 1):
            stage.emulator.advance(days * DAY)
            found = [path.split("/")[0] for path in files(tmp_path)]
            counted.append([found.count("dlz-destination"), found.count("example-drop")])

        assert counted == [[2, 2], [14, 2], [14, 2], [14, 2]]


def test_a_place_that_cannot_be_written_to_fails_the_run(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        params = {**FORM, "path": "../../../../outside"}
        flow = stage.flow(kind="dlz", target=stage.target(kind="dlz", params=params), scheduleParams=once())
        auth = {**DESTINATIONS["adls"].auths[0]}
        auth["params"] = {**auth["params"], "url": "https://example.invalid"}
        lake = stage.flow(
            kind="adls", target=stage.target(stage.connection("adls", auth=auth), "adls"), scheduleParams=once()
        )
        stage.emulator.advance(2 * HOUR)
        errors = [stage.runs(one)[0]["metrics"]["statusSummary"]["errors"][0]["message"] for one in (flow, lake)]

        assert "leaves the folder" in errors[0]
        assert "names no container" in errors[1]
        assert files(tmp_path) == []


def test_another_sandbox_has_a_landing_zone_of_its_own(tmp_path: Path) -> None:
    with staged(folder=tmp_path, sandbox="dev") as stage:
        stage.flow(kind="dlz", scheduleParams=once())
        stage.emulator.advance(2 * HOUR)

        assert {path.split("/")[0] for path in files(tmp_path)} == {"dlz-destination-dev"}


def test_files_go_to_a_real_object_store_as_well() -> None:
    with ObjectStore.start() as store, staged(drop=BucketDrop(store.endpoint, store.administrator)) as stage:
        flow = stage.flow(scheduleParams=once())
        stage.flow(kind="dlz", scheduleParams=once())
        stage.emulator.advance(2 * HOUR)
        client = store.client()
        keys = {
            bucket: [one["Key"] for one in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
            for bucket in ("example-drop", "dlz-destination")
        }
        stage.emulator.advance(7 * DAY)
        left = client.list_objects_v2(Bucket="dlz-destination").get("KeyCount")

        assert status(stage.runs(flow)[0]) == "success"
        assert [len(found) for found in keys.values()] == [2, 2]
        assert keys["example-drop"][0].startswith(f"aep/orders/{stage.dataset()}/exportTime=202601050900/part-00000-")
        assert left == 0


def test_two_worlds_of_one_seed_leave_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with staged(folder=tmp_path / name, clock=Clock.frozen()) as stage:
            stage.flow(target=stage.target(params={**FORM, **LOCATION, "datasetFileType": "JSON"}))
            stage.emulator.advance(5 * HOUR)

    assert files(tmp_path / "one") == files(tmp_path / "two") != []
    assert all(
        (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
        for path in files(tmp_path / "one")
    )


def test_no_folder_means_counts_and_no_files(stage_without_files: Stage) -> None:
    flow = stage_without_files.flow()
    stage_without_files.emulator.advance(2 * HOUR)
    (run,) = stage_without_files.runs(flow)

    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 12
    assert run["metrics"]["sizeSummary"] == {"inputBytes": 2400, "outputBytes": 1200}


@pytest.fixture
def stage_without_files() -> Any:  # noqa: ANN401 - a generator
    with staged() as stage:
        yield stage
