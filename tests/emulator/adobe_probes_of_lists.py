"""Probes of the switches about the gateway, lists and answers."""

from adobe_probes import switch
from adobe_stage import CATALOG, LAKE, LOCATION, S3_AUTH, Stage, schedule

CONFIGS = {"outputType": "activationDatasets", "outputField": "datasets"}


@switch("token_ttl", {"86399": 86399, "3600": 3600, "60": 60})
def _(stage: Stage) -> object:
    reply = stage.login()
    lives = int(reply.body["expires_in"])
    headers = {"Authorization": f"Bearer {reply.body['access_token']}"}
    stage.emulator.advance(lives - 1)
    assert stage.call("GET", "/flows", headers=headers).status == 200
    stage.emulator.advance(1)
    assert stage.call("GET", "/flows", headers=headers).status == 401
    return lives


@switch("token_errors", {"401": [401, "invalid_client"], "400": [400, "invalid_client"]})
def _(stage: Stage) -> object:
    reply = stage.login(client_secret="wrong")
    return [reply.status, reply.body["error"]]


@switch("gateway_code", {"string": "403010", "number": 403010})
def _(stage: Stage) -> object:
    return stage.call("GET", "/flows", headers={"Authorization": None}).body["error_code"]


@switch("strict_sandbox_header", {"false": [200, None], "true": [400, "FLOW-2105-400"]})
def _(stage: Stage) -> object:
    reply = stage.call("GET", "/flows", headers={"x-sandbox-name": None})
    return [reply.status, None if reply.status == 200 else reply.code]


def allowed(stage: Stage) -> object:
    id = str(stage.emulator.insert("connections", {})["id"])
    return [
        stage.get("/connections").status,
        stage.get(f"{CATALOG}/dataSets").status,
        stage.post("/connections", stage.connection_body()).status,
        stage.delete(f"/connections/{id}").status,
    ]


@switch(
    "permissions",
    {
        "all": [200, 200, 201, 204],
        "no_view": [403, 200, 403, 403],
        "no_datasets": [200, 403, 201, 204],
        "no_activate": [200, 200, 403, 403],
        "activate_only": [200, 200, 201, 403],
    },
)
def _(stage: Stage) -> object:
    return allowed(stage)


@switch("delete_permission", {"manage": 403, "activate": 204}, permissions="activate_only")
def _(stage: Stage) -> object:
    return stage.delete(f"/connections/{stage.connection()}").status


@switch("labels", {"ignored": [200, 1, 200], "hidden": [404, 0, 403]})
def _(stage: Stage) -> object:
    flow = stage.flow()
    stage.emulator.edit("flows", flow, {"labels": ["core/C12"]})
    listed = len(stage.get("/flows").body["items"])
    return [stage.get(f"/flows/{flow}").status, listed, stage.replace(f"/flows/{flow}", "/name", "x").status]


@switch("rate_limit", {"off": 200, "5/15": 429})
def _(stage: Stage) -> object:
    replies = [stage.get("/flows") for _ in range(6)]
    stage.emulator.advance(15)
    assert stage.get("/flows").status == 200
    return replies[-1].status


@switch("retry_after", {"seconds": "15", "date": "Mon, 05 Jan 2026 08:00:15 GMT", "absent": None}, rate_limit="1/15")
def _(stage: Stage) -> object:
    stage.get("/flows")
    return stage.get("/flows").headers.get("retry-after")


@switch(
    "errors_shape",
    {
        "current": ["errorDetails", "errorMessage", "report", "status", "title", "type"],
        "older": ["errorDetails", "errorMessage"],
        "message": ["message"],
    },
)
def _(stage: Stage) -> object:
    return sorted(stage.get("/flows/none").body)


@switch("error_codes", {"coded": "FLOW-1439-404", "bare": "uri"})
def _(stage: Stage) -> object:
    return stage.get("/flows/none").code


def statuses(stage: Stage, *, of_list: bool) -> object:
    flow = stage.flow()
    stage.emulator.advance(2 * 3600)
    run = stage.emulator.objects("runs")[0]["id"]
    row = stage.emulator.objects("flows")[0]
    ids = {
        "connections": stage.emulator.objects("connections")[0]["id"],
        "sourceConnections": row["sourceConnectionIds"][0],
        "targetConnections": row["targetConnectionIds"][0],
        "flows": flow,
        "runs": run,
    }
    return [stage.get(f"/{name}" if of_list else f"/{name}/{id}").status for name, id in ids.items()]


@switch("list", {"ok": [200] * 5, "404": [404] * 5, "405": [405] * 5})
def _(stage: Stage) -> object:
    return statuses(stage, of_list=True)


@switch("read", {"ok": [200] * 5, "404": [404] * 5, "405": [405] * 5})
def _(stage: Stage) -> object:
    return statuses(stage, of_list=False)


@switch("hidden", {"ok": [200, 1], "404": [404, 1]})
def _(stage: Stage) -> object:
    id = stage.connection()
    return [stage.get(f"/connections/{id}").status, len(stage.get("/connections").body["items"])]


@switch("list_lag", {"0": [1, 1, 200], "30": [0, 1, 200]})
def _(stage: Stage) -> object:
    id = stage.connection()
    early = len(stage.get("/connections").body["items"])
    read = stage.get(f"/connections/{id}").status
    stage.emulator.advance(30)
    return [early, len(stage.get("/connections").body["items"]), read]


@switch("list_ghosts", {"0": [0, 0, 404], "30": [1, 0, 404]})
def _(stage: Stage) -> object:
    id = stage.connection()
    stage.delete(f"/connections/{id}")
    early = len(stage.get("/connections").body["items"])
    read = stage.get(f"/connections/{id}").status
    stage.emulator.advance(30)
    return [early, len(stage.get("/connections").body["items"]), read]


def many(stage: Stage, count: int) -> None:
    for number in range(count):
        stage.emulator.insert("connections", {"name": f"account {number:03d}"})


@switch("default_limit", {"20": 20, "100": 100})
def _(stage: Stage) -> object:
    many(stage, 101)
    return len(stage.get("/connections").body["items"])


@switch("over_limit", {"400": [400, "FLOW-1452-400"], "clamp": [200, 100]})
def _(stage: Stage) -> object:
    many(stage, 101)
    reply = stage.get("/connections", limit="500")
    return [reply.status, len(reply.body["items"]) if reply.status == 200 else reply.code]


@switch("default_order", {"created": ["account 001", "account 000"], "updated": ["account 000", "account 001"]})
def _(stage: Stage) -> object:
    many(stage, 2)
    stage.emulator.advance(60)
    first = stage.emulator.objects("connections")[0]["id"]
    stage.emulator.edit("connections", first, {"description": "touched"})
    return [row["name"] for row in stage.get("/connections").body["items"]]


@switch("next_link", {"token": ["continuationToken"], "query": ["orderby", "property", "limit", "continuationToken"]})
def _(stage: Stage) -> object:
    many(stage, 3)
    reply = stage.get("/connections", limit="1", orderby="name", property="state==enabled")
    path, _, query = reply.body["_links"]["next"]["href"].partition("?")
    assert path == "/connections"
    return [pair.split("=")[0] for pair in query.split("&")]


@switch("last_links", {"empty": {}, "absent": None})
def _(stage: Stage) -> object:
    return stage.get("/connections").body.get("_links")


@switch("general_filters", {"honoured": [200, 200], "400": [200, 400]})
def _(stage: Stage) -> object:
    replies = [stage.get(path, property="description==x") for path in ("/flows", "/sourceConnections")]
    return [reply.status for reply in replies]


@switch("lake_connection", {"hidden": [404, 0], "listed": [200, 1]})
def _(stage: Stage) -> object:
    base = stage.get(f"/sourceConnections/{stage.source()}").item["baseConnectionId"]
    listed = stage.get("/connections", property=f"connectionSpec.id=={LAKE['id']}").body["items"]
    return [stage.get(f"/connections/{base}").status, len(listed)]


@switch("configs_spec", {"any": [200, 200], "lake": [200, 404]})
def _(stage: Stage) -> object:
    specs = (LAKE["id"], stage.connection_body()["connectionSpec"]["id"])
    return [stage.get(f"/connectionSpecs/{spec}/configs", **CONFIGS).status for spec in specs]


@switch(
    "secrets_on_read",
    {"masked": "xxxx", "absent": "nothing", "null": None, "clear": S3_AUTH["params"]["s3SecretKey"]},
)
def _(stage: Stage) -> object:
    params = stage.get(f"/connections/{stage.connection()}").item["auth"]["params"]
    assert params["s3AccessKey"] == S3_AUTH["params"]["s3AccessKey"]
    return params.get("s3SecretKey", "nothing")


@switch("authorized_date", {"false": False, "true": True})
def _(stage: Stage) -> object:
    return "authorizedDate" in stage.get(f"/connections/{stage.connection()}").item["auth"]["params"]


@switch("extra_fields", {"false": [False] * 7, "true": [True] * 7})
def _(stage: Stage) -> object:
    flow = stage.flow()
    stage.emulator.advance(2 * 3600)
    seen = [
        "newProperty" in stage.get(f"/{name}").body["items"][0]
        for name in ("connections", "sourceConnections", "targetConnections", "flows", "runs")
    ]
    target = stage.get("/targetConnections").body["items"][0]
    return [
        *seen,
        "newParam" in target["params"],
        "newParam" in stage.get(f"/flows/{flow}").item["scheduleParams"],
    ]


@switch("numbers", {"ints": [3, int], "strings": ["3", str]})
def _(stage: Stage) -> object:
    shown = stage.get(f"/flows/{stage.flow()}").item["scheduleParams"]
    return [shown["interval"], type(shown["startTime"])]


@switch(
    "folder_template_key",
    {
        "foldernameTemplate": [["foldernameTemplate"], ["foldernameTemplate"]],
        "folderNameTemplate": [["folderNameTemplate"], ["folderNameTemplate"]],
        "only_folderNameTemplate": [[], ["folderNameTemplate"]],
    },
)
def _(stage: Stage) -> object:
    seen = []
    for spelling in ("foldernameTemplate", "folderNameTemplate"):
        flow = stage.flow(scheduleParams=schedule(**{spelling: "%DATASET_ID%"}))
        shown = stage.get(f"/flows/{flow}").item["scheduleParams"]
        seen.append([name for name in shown if "emplate" in name])
    return seen


@switch("dlz_provider", {"azure": ["SASToken", "SASUri", "containerName", "storageAccountName"], "aws": 4})
def _(stage: Stage) -> object:
    body = stage.get("/data/foundation/connectors/landingzone/credentials", type="dlz_destination").body
    return sorted(body) if "SASUri" in body else len(body)


@switch("connection_test", {"true": [200, True], "false": [200, False], "400": [400, None]})
def _(stage: Stage) -> object:
    reply = stage.get(f"/connections/{stage.connection()}/test")
    return [reply.status, reply.body.get("result")]


@switch("target_live", {"live": "elsewhere", "frozen": LOCATION["path"].split("/")[0]}, run_seconds="0")
def _(stage: Stage) -> object:
    flow = stage.flow()
    target = stage.emulator.objects("targetConnections")[0]
    stage.replace(f"/targetConnections/{target['id']}", "/params", {**target["params"], "path": "elsewhere"})
    stage.emulator.advance(3600)
    assert stage.runs(flow)
    drop = stage.emulator.runs.drop
    (root,) = {path.name for path in (drop.root / "example-drop").iterdir()}  # type: ignore[union-attr]
    return root
