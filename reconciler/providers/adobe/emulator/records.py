"""The record of a run, from its beginning to its end (§9)."""

from collections.abc import Mapping, Sequence

from reconciler.emulator import JsonObject, Switches
from reconciler.providers.adobe.emulator.calls import SERVICE_CLIENT, SERVICE_USER

_RUNNER = "aep_activation_batch"
# One of the audience flow specs: the tutorial's sample names another spec than the flow's (§9.2).
_OTHER_SPEC = {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
_FOREIGN_RECORDS = 1000


def begun(flow: JsonObject, *, id: str, reference: str, activity: str, etag: str, started: int) -> JsonObject:
    """A run that has just begun; times in milliseconds."""
    return {
        "id": id,
        "flowId": flow["id"],
        "flowSpec": flow["flowSpec"],
        "createdAt": started,
        "updatedAt": started,
        "createdBy": f"{_RUNNER}@AdobeID",
        "updatedBy": SERVICE_USER,
        "createdClient": _RUNNER,
        "updatedClient": SERVICE_CLIENT,
        "sandboxId": flow["sandboxId"],
        "sandboxName": flow["sandboxName"],
        "imsOrgId": flow["imsOrgId"],
        "providerRefId": reference,
        "etag": etag,
        "metrics": {
            "durationSummary": {"startedAtUTC": started},
            "sizeSummary": {"inputBytes": 0, "outputBytes": 0},
            "recordSummary": {
                "inputRecordCount": 0,
                "outputRecordCount": 0,
                "skippedRecordCount": 0,
                "failedRecordCount": 0,
                "sourceSummaries": [],
                "targetSummaries": [],
            },
            "fileSummary": {"inputFileCount": 0, "outputFileCount": 0},
            "statusSummary": {"status": "processing", "activityRefs": [activity]},
        },
        "activities": [
            {
                "id": activity,
                "name": "Activation Batch Publisher Activity",
                "updatedAtUTC": 0,
                "statusSummary": {"status": "processing", "extensions": {}},
            }
        ],
    }


def succeeded(
    row: JsonObject, flow: JsonObject, *, counts: Mapping[str, int], sizes: Sequence[int], stopped: int
) -> JsonObject:
    """A run that ended well: `counts` are rows by dataset, `sizes` the bytes of its files."""
    total = sum(counts.values())
    entities = [{"id": id, "inputRecordCount": count} for id, count in counts.items()]
    records = {
        "inputRecordCount": total,
        "outputRecordCount": total,
        "skippedRecordCount": 0,
        "failedRecordCount": 0,
        "sourceSummaries": [
            {"id": id, "inputRecordCount": total, "skippedRecordCount": 0, "entitySummaries": entities}
            for id in flow["sourceConnectionIds"]
        ],
        "targetSummaries": [{"id": id, "outputRecordCount": total} for id in flow["targetConnectionIds"]],
    }
    metrics = {
        "sizeSummary": {"inputBytes": 2 * sum(sizes), "outputBytes": sum(sizes)},
        "recordSummary": records,
        "fileSummary": {"inputFileCount": len(sizes), "outputFileCount": len(sizes)},
    }
    return _ended(row, "success", stopped, metrics, {})


def failed(row: JsonObject, *, message: str, stopped: int) -> JsonObject:
    """A run that failed, and why (§9.2)."""
    info = {"code": "ACTIVATION_BATCH-0000-FAILED", "message": message, "count": 1, "type": "Error"}
    records = {**row["metrics"]["recordSummary"], "failedInfo": [info]}
    errors = [{"code": info["code"], "message": message}]
    return _ended(row, "failed", stopped, {"recordSummary": records}, {"errors": errors})


def details(row: JsonObject) -> JsonObject:
    """What a flow says of its last run (§5.4)."""
    duration = row["metrics"]["durationSummary"]
    return {
        "id": row["id"],
        "state": row["metrics"]["statusSummary"]["status"],
        "startedAtUTC": duration["startedAtUTC"],
        "completedAtUTC": duration["completedAtUTC"],
    }


def shown(row: JsonObject, switches: Switches) -> JsonObject:
    """A run as the API shows it under the switches."""
    view = dict(row)
    if isinstance(row.get("metrics"), dict):
        view["metrics"] = _shown_metrics(row["metrics"], switches)
    if switches["run_state"] == "present":
        status = view.get("metrics", {}).get("statusSummary", {}).get("status", "")
        view["state"] = "inProgress" if status.lower() == "processing" else status.lower()
    if switches["run_flow_spec"] == "other":
        view["flowSpec"] = _OTHER_SPEC
    if switches["run_etag_key"] == "eTag" and "etag" in view:
        view["eTag"] = view.pop("etag")
    if switches.on("extra_fields"):
        view["newProperty"] = {"introduced": "later"}
    return view


def _shown_metrics(metrics: JsonObject, switches: Switches) -> JsonObject:
    view = dict(metrics)
    duration = dict(metrics["durationSummary"])
    if switches["run_stop_key"] == "stoppedAtUTC" and "completedAtUTC" in duration:
        duration["stoppedAtUTC"] = duration.pop("completedAtUTC")
    status = dict(metrics["statusSummary"])
    if switches["run_status_case"] == "capitalized":
        status["status"] = status["status"].capitalize()
    records = dict(metrics["recordSummary"])
    prefix = "" if switches["run_dataset_prefix"] == "none" else "dataset:"
    records["sourceSummaries"] = [
        {
            **source,
            "entitySummaries": [{**one, "id": f"{prefix}{one['id']}"} for one in source["entitySummaries"]],
        }
        for source in records["sourceSummaries"]
    ]
    if switches["run_counts"] == "mixed":
        for name in ("inputRecordCount", "outputRecordCount"):
            records[name] += _FOREIGN_RECORDS
    return {**view, "durationSummary": duration, "statusSummary": status, "recordSummary": records}


def _ended(row: JsonObject, status: str, stopped: int, metrics: JsonObject, more: JsonObject) -> JsonObject:
    before = row["metrics"]
    metrics = {
        **before,
        **metrics,
        "durationSummary": {**before["durationSummary"], "completedAtUTC": stopped},
        "statusSummary": {**before["statusSummary"], "status": status, **more},
    }
    activities = [
        {**one, "updatedAtUTC": stopped, "statusSummary": {"status": status, "extensions": {}}}
        for one in row["activities"]
    ]
    return {**row, "updatedAt": stopped, "metrics": metrics, "activities": activities}
