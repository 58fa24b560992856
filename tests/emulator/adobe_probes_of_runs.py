"""Probes of the switches about runs and files."""

import gzip
from pathlib import Path

from adobe_probes import switch
from adobe_stage import DAY, FORM, HOUR, LOCATION, NOW, Stage, once

from reconciler.emulator import FolderDrop, JsonObject

JSON = {**FORM, **LOCATION, "datasetFileType": "JSON"}


def ran(stage: Stage, seconds: float = 2 * HOUR) -> JsonObject:
    """The newest run of a new flow, some time later."""
    flow = stage.flow()
    stage.emulator.advance(seconds)
    return stage.runs(flow)[0]


def root(stage: Stage) -> Path:
    drop = stage.emulator.runs.drop
    assert isinstance(drop, FolderDrop)
    return drop.root


def names(stage: Stage, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in root(stage).rglob(pattern) if path.is_file())


def status(run: JsonObject) -> str:
    return str(run["metrics"]["statusSummary"]["status"])


def json_target(stage: Stage, **changes: object) -> str:
    return stage.target(params={**JSON, **changes})


@switch("runs", {"success": ["success", True], "failed": ["failed", False], "stuck": ["processing", False]})
def _(stage: Stage) -> object:
    run = ran(stage)
    return [status(run), bool(names(stage))]


@switch("run_seconds", {"300": ["processing", "success"], "0": ["success", "success"]})
def _(stage: Stage) -> object:
    early = ran(stage, HOUR)
    stage.emulator.advance(300)
    return [status(early), status(stage.runs(early["flowId"])[0])]


@switch("run_stop_key", {"completedAtUTC": ["completedAtUTC"], "stoppedAtUTC": ["stoppedAtUTC"]})
def _(stage: Stage) -> object:
    return [name for name in ran(stage)["metrics"]["durationSummary"] if name != "startedAtUTC"]


@switch("run_etag_key", {"etag": [True, False], "eTag": [False, True]})
def _(stage: Stage) -> object:
    run = ran(stage)
    return ["etag" in run, "eTag" in run]


@switch("run_status_case", {"lower": "success", "capitalized": "Success"})
def _(stage: Stage) -> object:
    return status(ran(stage))


@switch("run_state", {"absent": None, "present": "success"})
def _(stage: Stage) -> object:
    return ran(stage).get("state")


@switch("run_dataset_prefix", {"dataset:": True, "none": False})
def _(stage: Stage) -> object:
    (source,) = ran(stage)["metrics"]["recordSummary"]["sourceSummaries"]
    (entity,) = source["entitySummaries"]
    assert entity["id"].removeprefix("dataset:") == stage.dataset()
    return entity["id"].startswith("dataset:")


@switch("run_flow_spec", {"same": True, "other": False})
def _(stage: Stage) -> object:
    run = ran(stage)
    return run["flowSpec"] == stage.get(f"/flows/{run['flowId']}").item["flowSpec"]


@switch("run_counts", {"exact": 12, "mixed": 1012})
def _(stage: Stage) -> object:
    return ran(stage)["metrics"]["recordSummary"]["outputRecordCount"]


@switch("run_retention", {"off": [1, 200], "30": [0, 404]})
def _(stage: Stage) -> object:
    flow = stage.flow(scheduleParams=once())
    stage.emulator.advance(2 * HOUR)
    (run,) = stage.runs(flow)
    stage.emulator.advance(31 * DAY)
    return [len(stage.runs(flow)), stage.get(f"/runs/{run['id']}").status]


@switch("run_bumps_etag", {"false": False, "true": True})
def _(stage: Stage) -> object:
    flow = stage.flow()
    before = stage.get(f"/flows/{flow}").item["etag"]
    stage.emulator.advance(2 * HOUR)
    after = stage.get(f"/flows/{flow}").item
    assert after["lastRunDetails"]["state"] == "success"
    return after["etag"] != before


@switch("swap_restart", {"incremental": 6, "full": 18})
def _(stage: Stage) -> object:
    flow = stage.flow()
    stage.emulator.advance(2 * HOUR)
    stage.replace(f"/flows/{flow}", "/sourceConnectionIds", [stage.source()])
    stage.emulator.advance(3 * HOUR)
    return stage.runs(flow)[0]["metrics"]["recordSummary"]["outputRecordCount"]


@switch("rows_per_hour", {"2": [6, 12], "0": [0, 10]})
def _(stage: Stage) -> object:
    runs = stage.runs(ran(stage, 5 * HOUR)["flowId"])
    return [run["metrics"]["recordSummary"]["outputRecordCount"] for run in runs]


@switch("empty_increment", {"file": [1, 0], "nothing": [0, 0]}, rows_per_hour="0")
def _(stage: Stage) -> object:
    flow = stage.flow(target=json_target(stage))
    stage.emulator.advance(2 * HOUR)
    before = set(names(stage))
    stage.emulator.advance(3 * HOUR)
    new = [path for path in root(stage).rglob("*.json.gz") if path.name not in before]
    assert len(stage.runs(flow)) == 2
    return [len(new), sum(len(gzip.decompress(path.read_bytes())) for path in new)]


@switch("parts", {"2": 2, "1": 1})
def _(stage: Stage) -> object:
    ran(stage)
    return len(names(stage))


@switch("manifest", {"asked": [0, 1], "always": [1, 1], "never": [0, 0]})
def _(stage: Stage) -> object:
    seen = []
    for asked in (False, True):
        before = set(names(stage, "manifest-*"))
        target = json_target(stage, includeFileManifest=asked)
        now = int(stage.emulator.world.clock.timestamp())
        stage.flow(target=target, scheduleParams=once(startTime=now))
        stage.emulator.advance(HOUR)
        seen.append(len(set(names(stage, "manifest-*")) - before))
    return seen


@switch("expiry", {"7d": [2, 0], "off": [2, 2]})
def _(stage: Stage) -> object:
    stage.flow(kind="dlz", scheduleParams=once())
    stage.emulator.advance(HOUR + 300)
    early = len(names(stage))
    stage.emulator.advance(7 * DAY)
    return [early, len(names(stage))]


@switch("run_lag", {"0": 0, "90": 90})
def _(stage: Stage) -> object:
    return ran(stage)["metrics"]["durationSummary"]["startedAtUTC"] // 1000 - NOW - HOUR


@switch(
    "folder_time",
    {"scheduled": "exportTime=202601050900", "begun": "exportTime=202601050901", "ended": "exportTime=202601050906"},
    run_lag="90",
)
def _(stage: Stage) -> object:
    ran(stage)
    (folder,) = {path.parent.name for path in root(stage).rglob("part-*")}
    return folder


@switch("files_seen", {"whole": [0, 2], "growing": [1, 2]})
def _(stage: Stage) -> object:
    run = ran(stage, HOUR)
    early = len(names(stage))
    stage.emulator.advance(300)
    assert status(stage.runs(run["flowId"])[0]) == "success"
    return [early, len(names(stage))]


@switch("failed_files", {"none": 0, "some": 1}, runs="failed")
def _(stage: Stage) -> object:
    assert status(ran(stage)) == "failed"
    return len(names(stage))


@switch("success_marker", {"absent": 0, "present": 1})
def _(stage: Stage) -> object:
    ran(stage)
    return len(names(stage, "_SUCCESS"))


@switch("manifest_place", {"path": "orders", "folder": "exportTime=202601050900"}, manifest="always")
def _(stage: Stage) -> object:
    ran(stage)
    (path,) = root(stage).rglob("manifest-*")
    return path.parent.name


@switch("manifest_name", {"flow": [True, False], "target": [False, True]}, manifest="always")
def _(stage: Stage) -> object:
    flow = stage.get(f"/flows/{ran(stage)['flowId']}").item
    (name,) = names(stage, "manifest-*")
    return [id in name for id in (flow["id"], flow["targetConnectionIds"][0])]
