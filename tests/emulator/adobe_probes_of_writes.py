"""Probes of the switches about writes, deletions, flows and schedules."""

from adobe_probes import switch
from adobe_stage import DAY, DESTINATIONS, FORM, HOUR, LOCATION, NOW, S3_AUTH, Stage, once, schedule

REPLACEMENT = {"s3AccessKey": "EXAMPLEKEY765432DCBA", "s3SecretKey": "9876543210abcdefghijABCDEFGHIJ0123456789"}


@switch("settle", {"0": ["enabled", 200, "enabled"], "5": ["initializing", 400, "enabled"]})
def _(stage: Stage) -> object:
    flow = stage.flow()
    early = stage.get(f"/flows/{flow}").item["state"]
    patched = stage.replace(f"/flows/{flow}", "/name", "x").status
    stage.emulator.advance(5)
    item = stage.get(f"/flows/{flow}").item
    assert item["lastOperation"]["percentCompleted"] == 100
    return [early, patched, item["state"]]


@switch("etag_bump", {"true": [True, 412], "false": [False, 200]})
def _(stage: Stage) -> object:
    reply = stage.post("/connections", stage.connection_body())
    id, etag = reply.id, reply.body["etag"]
    moved = stage.get(f"/connections/{id}").item["etag"] != etag
    patched = stage.patch(f"/connections/{id}", {"op": "replace", "path": "/name", "value": "x"}, etag=etag)
    return [moved, patched.status]


@switch("version_missing", {"422": 422, "latest": 201})
def _(stage: Stage) -> object:
    spec = {"id": DESTINATIONS["s3"].spec}
    return stage.post("/connections", stage.connection_body(connectionSpec=spec)).status


@switch("unique_names", {"false": [201, 201], "409": [201, 409]})
def _(stage: Stage) -> object:
    return [stage.post("/connections", stage.connection_body()).status for _ in range(2)]


@switch("strict_json_none", {"false": 201, "true": 400})
def _(stage: Stage) -> object:
    params = {**LOCATION, "datasetFileType": "JSON", "compression": "NONE"}
    return stage.post("/targetConnections", stage.target_body(params=params)).status


@switch("dataset_check", {"exists": [400, 201], "eligible": [400, 400], "none": [201, 201]})
def _(stage: Stage) -> object:
    ids = ("f" * 24, stage.dataset(eligible=False))
    return [stage.post("/sourceConnections", stage.source_body(id)).status for id in ids]


@switch("dataset_names", {"optional": 201, "required": 400})
def _(stage: Stage) -> object:
    params = {"datasets": [{"dataSetId": stage.dataset()}]}
    return stage.post("/sourceConnections", stage.source_body(params=params)).status


@switch("empty_datasets", {"400": 400, "accepted": 201})
def _(stage: Stage) -> object:
    return stage.post("/sourceConnections", stage.source_body(params={"datasets": []})).status


@switch("datasets_most", {"off": 201, "2": 400})
def _(stage: Stage) -> object:
    return stage.post("/sourceConnections", stage.source_body(*[stage.dataset(n) for n in range(3)])).status


@switch("source_patch", {"ok": [200, 404], "400": [400, 404], "405": [405, 405]})
def _(stage: Stage) -> object:
    path = f"/sourceConnections/{stage.source()}"
    op = {"op": "replace", "path": "/name", "value": "x"}
    return [stage.patch(path, op).status, stage.patch("/sourceConnections/none", op, etag="x").status]


@switch("target_patch", {"ok": 200, "400": 400})
def _(stage: Stage) -> object:
    path = f"/targetConnections/{stage.target()}"
    return stage.replace(path, "/params", {**FORM, **LOCATION, "path": "elsewhere"}).status


@switch("rebase_target", {"400": 400, "ok": 200})
def _(stage: Stage) -> object:
    return stage.replace(f"/targetConnections/{stage.target()}", "/baseConnectionId", stage.connection()).status


@switch("auth_spec_patch", {"400": [400, 400], "ok": [200, 200]})
def _(stage: Stage) -> object:
    role = DESTINATIONS["s3"].auths[1]
    path = f"/connections/{stage.connection()}"
    first = {"op": "replace", "path": "/auth/params", "value": role["params"]}
    second = {"op": "replace", "path": "/auth/specName", "value": role["specName"]}
    both = stage.patch(path, first, second).status
    return [both, stage.replace(path, "/auth", S3_AUTH).status]


@switch("encryption_patch", {"ok": 200, "400": 400})
def _(stage: Stage) -> object:
    value = {"specName": "File Encryption", "params": {"encryptionAlgo": "PGP/GPG", "publicKey": "TkVW"}}
    op = {"op": "add", "path": "/encryption", "value": value}
    return stage.patch(f"/connections/{stage.connection()}", op).status


@switch("replace_missing", {"400": [400, 200], "accepted": [200, 200]})
def _(stage: Stage) -> object:
    body = stage.connection_body()
    del body["description"]
    path = f"/connections/{stage.post('/connections', body).id}"
    seen = stage.replace(path, "/description", "x").status
    return [seen, stage.patch(path, {"op": "add", "path": "/description", "value": "y"}).status]


@switch("op_case", {"any": 200, "lower": 400})
def _(stage: Stage) -> object:
    path = f"/connections/{stage.connection()}"
    return stage.patch(path, {"op": "Replace", "path": "/name", "value": "x"}).status


@switch(
    "delete_status",
    {"mixed": [202, 204, 204, 204], "202": [202] * 4, "204": [204] * 4, "200": [200] * 4},
)
def _(stage: Stage) -> object:
    stage.flow()
    seen = []
    for name in ("flows", "targetConnections", "sourceConnections", "connections"):
        (row,) = stage.emulator.objects(name)
        seen.append(stage.delete(f"/{name}/{row['id']}").status)
        assert stage.get(f"/{name}/{row['id']}").status == 404
    return seen


@switch("delete_lag", {"0": [404, None, 404], "60": [200, "delete-finalizing", 404]})
def _(stage: Stage) -> object:
    path = f"/flows/{stage.flow()}"
    stage.delete(path)
    early = stage.get(path)
    state = early.item["state"] if early.status == 200 else None
    if state is not None:
        assert stage.delete(path).code == "FLOW-1457-400"
    stage.emulator.advance(60)
    return [early.status, state, stage.get(path).status]


@switch("delete_referenced", {"400": [400, "FLOW-1447-400", 0], "allow": [204, None, 1]})
def _(stage: Stage) -> object:
    source = stage.source()
    stage.flow(source)
    reply = stage.delete(f"/sourceConnections/{source}")
    code = reply.code if reply.status == 400 else None
    return [reply.status, code, len(stage.emulator.trouble)]


@switch("strict_dependents", {"false": 204, "true": 400})
def _(stage: Stage) -> object:
    base = stage.connection()
    stage.target(base)
    return stage.delete(f"/connections/{base}").status


@switch("cascade", {"none": [1, 1, 1], "connections": [0, 0, 1]})
def _(stage: Stage) -> object:
    stage.delete(f"/flows/{stage.flow()}")
    names = ("sourceConnections", "targetConnections", "connections")
    return [len(stage.emulator.objects(name)) for name in names]


@switch("destinations_most", {"100": [201, 201, 201], "2": [201, 201, 400]})
def _(stage: Stage) -> object:
    return [stage.post("/flows", stage.flow_body()).status for _ in range(3)]


@switch("spec_mismatch", {"400": 400, "accepted": 201})
def _(stage: Stage) -> object:
    other = {"id": DESTINATIONS["sftp"].flow_spec, "version": "1.0"}
    return stage.post("/flows", stage.flow_body(flowSpec=other)).status


@switch("flow_per_target", {"many": 201, "one": 400})
def _(stage: Stage) -> object:
    target = stage.target()
    stage.flow(target=target)
    return stage.post("/flows", stage.flow_body(target=target)).status


@switch("relink_target", {"400": 400, "ok": 200})
def _(stage: Stage) -> object:
    return stage.replace(f"/flows/{stage.flow()}", "/targetConnectionIds", [stage.target()]).status


@switch("action_again", {"400": [400, "FLOW-1422-400"], "ok": [200, None]})
def _(stage: Stage) -> object:
    reply = stage.action(stage.flow(), "enable")
    return [reply.status, reply.code if reply.status == 400 else None]


@switch("operation_status", {"completed": "completed", "SUCCESS": "SUCCESS"})
def _(stage: Stage) -> object:
    return stage.get(f"/flows/{stage.flow()}").item["lastOperation"]["status"]["value"]


@switch("hourly", {"9": [201, 400], "8": [400, 201]})
def _(stage: Stage) -> object:
    bodies = [stage.flow_body(scheduleParams=schedule(interval=hours)) for hours in (9, 8)]
    return [stage.post("/flows", body).status for body in bodies]


@switch("schedule_merge", {"replace": [400, None], "merge": [200, 6]})
def _(stage: Stage) -> object:
    path = f"/flows/{stage.flow()}"
    reply = stage.replace(path, "/scheduleParams", {"interval": 6})
    return [reply.status, stage.get(path).item["scheduleParams"]["interval"] if reply.status == 200 else None]


@switch("schedule_fields", {"ok": 200, "400": 400})
def _(stage: Stage) -> object:
    return stage.replace(f"/flows/{stage.flow()}", "/scheduleParams/interval", 6).status


@switch("past_start", {"accepted": 201, "400": 400})
def _(stage: Stage) -> object:
    return stage.post("/flows", stage.flow_body(scheduleParams=schedule(startTime=NOW - DAY))).status


@switch("start_frozen", {"400": [200, 400], "ok": [200, 200]})
def _(stage: Stage) -> object:
    path = f"/flows/{stage.flow()}"
    early = stage.replace(path, "/scheduleParams", schedule(startTime=NOW + 2 * HOUR)).status
    stage.emulator.advance(3 * HOUR)
    return [early, stage.replace(path, "/scheduleParams", schedule(startTime=NOW + DAY)).status]


@switch("unknown_macro", {"kept": 201, "400": 400})
def _(stage: Stage) -> object:
    known = stage.flow_body(scheduleParams=schedule(foldernameTemplate="%DATASET_ID%/%DATETIME(YYYYMMdd)%"))
    assert stage.post("/flows", known).status == 201
    body = stage.flow_body(scheduleParams=schedule(foldernameTemplate="%DATASET_ID%/%WEATHER%"))
    return stage.post("/flows", body).status


@switch("expired_state", {"enabled": ["enabled", "enabled"], "disabled": ["enabled", "disabled"]})
def _(stage: Stage) -> object:
    path = f"/flows/{stage.flow(scheduleParams=schedule(endTime=NOW + DAY))}"
    early = stage.get(path).item["state"]
    stage.emulator.advance(2 * DAY)
    assert stage.get("/flows").body["items"][0]["state"] == stage.get(path).item["state"]
    return [early, stage.get(path).item["state"]]


@switch("extend_expired", {"resumes": [200, True], "400": [400, False]})
def _(stage: Stage) -> object:
    flow = stage.flow(scheduleParams=schedule(endTime=NOW + DAY))
    stage.emulator.advance(2 * DAY)
    before = len(stage.runs(flow))
    status = stage.replace(f"/flows/{flow}", "/scheduleParams", schedule(endTime=NOW + 9 * DAY)).status
    stage.emulator.advance(DAY)
    return [status, len(stage.runs(flow)) > before]


@switch("activation_delay", {"0": "08:00", "600": "08:10"})
def _(stage: Stage) -> object:
    flow = stage.flow(scheduleParams=once(startTime=NOW))
    stage.emulator.advance(DAY)
    (run,) = stage.runs(flow)
    minutes = (run["metrics"]["durationSummary"]["startedAtUTC"] // 60_000) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
