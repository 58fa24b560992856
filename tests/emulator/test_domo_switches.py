"""Every switch of the Domo emulator, in every position, really changes what a caller sees."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from domo_stage import (
    BUCKET,
    START,
    Reply,
    Stage,
    column,
    compared,
    export_body,
    number,
    query_of,
    rows_of,
    staged,
    text,
)

from reconciler.emulator import JsonObject, UnknownSwitch
from reconciler.providers.domo.emulator import SWITCHES, create
from reconciler.providers.domo.emulator.example import CUSTOMERS, ORDERS, TOKEN

Probe = Callable[[Stage], object]

EXPORT = f"/api/query/v1/export/{ORDERS}"
DATASET = f"/api/data/v3/datasources/{ORDERS}"
ROW = [99, 1, "West", 1.0, "2026-01-01", None]
OR = compared(
    "OR", compared("EQUALS", column("order_id"), number(1)), compared("EQUALS", column("order_id"), number(2))
)


@dataclass(frozen=True)
class Expectation:
    probe: Probe
    seen: dict[str, object]
    others: dict[str, str]


EXPECTED: dict[str, Expectation] = {}


def switch(name: str, seen: dict[str, object], **others: str) -> Callable[[Probe], Probe]:
    """Register what a probe sees under each position; `others` are switches that must stand elsewhere for it."""

    def register(probe: Probe) -> Probe:
        EXPECTED[name] = Expectation(probe, seen, others)
        return probe

    return register


CASES = [(name, position) for name, switch in SWITCHES.items() for position in switch.positions]


@pytest.mark.parametrize(("name", "position"), CASES)
def test_a_switch_shows_in_each_of_its_positions(name: str, position: str) -> None:
    expectation = EXPECTED[name]

    with staged({**expectation.others, name: position}) as stage:
        seen = expectation.probe(stage)

    assert seen == expectation.seen[position]


def test_every_switch_has_a_probe() -> None:
    assert set(EXPECTED) == set(SWITCHES)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_position_has_an_expectation_of_its_own(name: str) -> None:
    seen = EXPECTED[name].seen

    assert set(seen) == set(SWITCHES[name].positions)
    assert len({json.dumps(value, default=str) for value in seen.values()}) == len(seen)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_says_what_it_means(name: str) -> None:
    assert SWITCHES[name].name == name
    assert SWITCHES[name].meaning.endswith(")")


def test_an_unknown_switch_or_position_is_refused() -> None:
    with pytest.raises(UnknownSwitch, match="`dedupe`"):
        create(switches={"dedup": "off"})
    with pytest.raises(UnknownSwitch, match="use `dataset`"):
        create(switches={"dedupe": "sometimes"})


# Jobs.


@switch(
    "status_vocabulary",
    {
        "internal": ["none", "exporting", "success", "error"],
        "hub": ["none", "running", "success", "failed"],
        "odd": ["ACCEPTED", "UPLOADING", "DELIVERED", "REJECTED"],
    },
)
def _(stage: Stage) -> object:
    words = [stage.start().body["exportStatus"]]
    for seconds in (1, 3):
        stage.emulator.advance(seconds)
        words.append(stage.listed()[0]["exportStatus"])
    return [*words, stage.exported(export_body(query_of("name"), bucket="none"), dataset=CUSTOMERS)["exportStatus"]]


@switch(
    "timestamps",
    {
        "ms": [START + 1000, START + 4000],
        "iso": ["2026-01-05T08:00:01.000Z", "2026-01-05T08:00:04.000Z"],
    },
)
def _(stage: Stage) -> object:
    job = stage.exported()
    return [job["started"], job["finished"]]


@switch("first_status", {"none": ["none", None, "none"], "exporting": ["exporting", START, "exporting"]})
def _(stage: Stage) -> object:
    job = stage.start().body
    return [job["exportStatus"], job["started"], stage.listed()[0]["exportStatus"]]


@switch("created_status", {"200": [200, 200], "201": [201, 200]})
def _(stage: Stage) -> object:
    return [stage.start().status, stage.start().status]


@switch("runs", {"ok": ["success", True], "failed": ["error", True], "stuck": ["none", False]})
def _(stage: Stage) -> object:
    job = stage.exported()
    return [job["exportStatus"], job["finished"] is not None]


@switch("start_delay_s", {"1": START + 1000, "0": START, "30": START + 30_000})
def _(stage: Stage) -> object:
    return stage.exported()["started"]


@switch("run_delay_s", {"3": 3000, "0": 0, "60": 60_000})
def _(stage: Stage) -> object:
    job = stage.exported()
    return job["finished"] - job["started"]


@switch(
    "dedupe",
    {
        "dataset": [True, True, True],
        "dataset+request": [True, False, True],
        "dataset+request+user": [True, False, False],
        "off": [False, False, False],
    },
)
def _(stage: Stage) -> object:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(ORDERS, reader)
    token = stage.emulator.add_token(reader)
    first = stage.exported()
    same = stage.exported()["exportId"] == first["exportId"]
    other = stage.exported(export_body(path="other"))["exportId"] == first["exportId"]
    stage.emulator.append_rows(ORDERS, [])
    mine = stage.exported()
    return [same, other, stage.exported(token=token)["exportId"] == mine["exportId"]]


@switch("dedupe_failed", {"off": False, "on": True})
def _(stage: Stage) -> object:
    stage.emulator.fail_next_export()
    return stage.exported()["exportId"] == stage.start().body["exportId"]


@switch("use_cache", {"ignored": [True, True], "lifts_dedupe": [True, False]})
def _(stage: Stage) -> object:
    def asked(*, cache: bool) -> JsonObject:
        return export_body(queryRequest={"useCache": cache, "query": query_of()})

    first = stage.exported()["exportId"]
    return [stage.start(asked(cache=cache)).body["exportId"] == first for cache in (True, False)]


@switch("on_active", {"return": [200, 1], "400": [400, 1], "409": [409, 1]})
def _(stage: Stage) -> object:
    stage.start()
    return [stage.start().status, len(stage.listed())]


# Requests.


def token_of(stage: Stage) -> str | None:
    """The session token that the running job took from its request."""
    (job,) = stage.emulator.exports._jobs.values()
    assert job.access is not None
    return job.access.session_token


@switch("session_token_field", {"sessionToken": "right", "awsSessionToken": "other"})
def _(stage: Stage) -> object:
    stage.start(export_body(sessionToken="right", awsSessionToken="other"))
    assert b"right" not in stage.call("GET", "/_emulator/log").raw
    return token_of(stage)


@switch("no_bucket", {"managed": [200, "domo-managed-exports"], "400": [400, None]})
def _(stage: Stage) -> object:
    reply = stage.start(export_body(bucket=...))
    return [reply.status, reply.body.get("bucket")]


@switch("no_path", {"dataset": 200, "400": 400})
def _(stage: Stage) -> object:
    return stage.start(export_body(path=...)).status


@switch("unknown_fields", {"ignored": [200, 200], "400": [400, 200]})
def _(stage: Stage) -> object:
    known = export_body(awsKmsKey="alias/example", source="a schedule", sessionToken="t")
    return [stage.start(export_body(colour="red")).status, stage.start(known).status]


@switch("s3_check", {"async": [200, "EMU_S3_NO_SUCH_BUCKET"], "sync400": [400, None]})
def _(stage: Stage) -> object:
    reply = stage.start(export_body(bucket="example-nowhere"))
    stage.emulator.advance(10)
    return [reply.status, next((job["errorCode"] for job in stage.listed()), None)]


@switch("query_check", {"async": [200, "EMU_QUERY_UNKNOWN_COLUMN"], "sync400": [400, None]})
def _(stage: Stage) -> object:
    reply = stage.start(export_body(query_of("nothing")))
    stage.emulator.advance(10)
    return [reply.status, next((job["errorCode"] for job in stage.listed()), None)]


@switch("allow_unverified_expr", {"off": [400, 400], "on": [200, 200]})
def _(stage: Stage) -> object:
    grouped = {"columns": [column("region")], "groupByColumns": [column("region")]}
    having = compared("EQUALS", column("region"), text("West"))
    return [stage.execute(query_of(where=OR)).status, stage.execute({**grouped, "having": having}).status]


@switch("column_match", {"exact": 400, "insensitive": 200})
def _(stage: Stage) -> object:
    return stage.execute(query_of("REGION")).status


@switch("export_limit", {"honoured": ["24", "23"], "ignored": [str(n) for n in range(1, 25)]})
def _(stage: Stage) -> object:
    order = [{"expression": column("order_id"), "order": "DESCENDING"}]
    stage.exported(export_body(query_of("order_id", orderByColumns=order, limit={"limit": 2})))
    return [row[0] for row in rows_of(stage.only_file())[1:]]


@switch("row_order", {"stored": [1, 24], "reversed": [24, 1]})
def _(stage: Stage) -> object:
    rows = stage.selected(query_of("order_id"))
    return [rows[0][0], rows[-1][0]]


# Files.


@switch("compression", {"gzip": ["gzip", "data.csv.gz", True], "none": ["none", "data.csv", False]})
def _(stage: Stage) -> object:
    job = stage.exported()
    (key,) = stage.files()
    return [job["compression"], key.rsplit("/", 1)[1], stage.only_file()[:2] == b"\x1f\x8b"]


@switch("csv_header", {"on": ["order_id", 25], "off": ["1", 24]})
def _(stage: Stage) -> object:
    stage.exported()
    rows = rows_of(stage.only_file())
    return [rows[0][0], len(rows)]


def third_customer(stage: Stage) -> list[bytes]:
    """Two lines of the customers: one with a city and no discount, one with no text for a city."""
    stage.exported(export_body(query_of("customer_id", "city", "discount")), dataset=CUSTOMERS)
    return gzip.decompress(stage.only_file()).splitlines()[2:4]


@switch("null_text", {"": [b"2,Turin,", b'3,"",0.10'], r"\N": [rb"2,Turin,\N", b'3,"",0.10']})
def _(stage: Stage) -> object:
    return third_customer(stage)


@switch("csv_line_end", {"lf": [25, 0], "crlf": [25, 25]})
def _(stage: Stage) -> object:
    stage.exported()
    content = gzip.decompress(stage.only_file())
    return [content.count(b"\n"), content.count(b"\r\n")]


@switch("bom_parts", {"each": [True, True, True], "first": [True, False, False]}, rows_per_file="10")
def _(stage: Stage) -> object:
    stage.exported(export_body(bom=True))
    return [gzip.decompress(content).startswith(b"\xef\xbb\xbf") for content in stage.files().values()]


@switch("rows_per_file", {"0": {"data.csv.gz": 24}, "5": {f"data_000{n}.csv.gz": 5 - (n == 5) for n in range(1, 6)}})
def _(stage: Stage) -> object:
    return {url.rsplit("/", 1)[1]: count for url, count in stage.exported()["urlRowCountMap"].items()}


@switch("failed_files", {"none": ["error", 0], "some": ["error", 1]}, rows_per_file="5")
def _(stage: Stage) -> object:
    stage.emulator.fail_next_export("the network was lost", "EMU_LOST")
    return [stage.exported()["exportStatus"], len(stage.files())]


@switch("row_counts", {"data": [24], "lines": [25]})
def _(stage: Stage) -> object:
    return list(stage.exported()["urlRowCountMap"].values())


@switch(
    "url_form",
    {
        "virtual": "https://example-lake.s3.eu-west-3.amazonaws.com/domo/orders/",
        "s3": "s3://example-lake/domo/orders/",
        "path": "https://s3.eu-west-3.amazonaws.com/example-lake/domo/orders/",
        "global": "https://example-lake.s3.amazonaws.com/domo/orders/",
        "key": "domo/orders/",
    },
)
def _(stage: Stage) -> object:
    job = stage.exported()
    (url,) = job["urlRowCountMap"]
    return url.partition(job["exportId"])[0]


@switch("include_temp_map", {"off": None, "on": {"s3://example-lake/?X-Amz-Expires=3600": 24}}, url_form="s3")
def _(stage: Stage) -> object:
    job = stage.exported()
    temporary = job.get("tempUrlRowCountMap")
    middle = f"domo/orders/{job['exportId']}/export/data.csv.gz"
    return temporary and {url.replace(middle, ""): count for url, count in temporary.items()}


# Lists.


@switch("list", {"ok": 200, "404": 404, "405": 405})
def _(stage: Stage) -> object:
    return stage.call("GET", EXPORT).status


@switch("list_order", {"newest": [3, 2, 1], "oldest": [1, 2, 3], "random": [1, 3, 2]}, dedupe="off")
def _(stage: Stage) -> object:
    ids = [stage.exported()["exportId"] for _ in range(3)]
    return [ids.index(job["exportId"]) + 1 for job in stage.listed()]


@switch("list_lag", {"0": [1, 1, 1], "2": [0, 0, 1]})
def _(stage: Stage) -> object:
    stage.start()
    return [len(stage.listed()) for _ in range(3)]


@switch("list_single", {"array": [list, list], "object": [list, dict]})
def _(stage: Stage) -> object:
    none = type(stage.call("GET", EXPORT).body)
    stage.start()
    return [none, type(stage.call("GET", EXPORT).body)]


@switch("history_limit", {"0": 4, "2": 2}, dedupe="off")
def _(stage: Stage) -> object:
    ids = [stage.exported()["exportId"] for _ in range(4)]
    listed = [job["exportId"] for job in stage.listed()]
    assert listed == ids[::-1][: len(listed)]
    return len(listed)


@switch("datasets_metadata", {"_metadata": ["_metadata"], "_metaData": ["_metaData"], "absent": []})
def _(stage: Stage) -> object:
    return sorted(set(stage.call("GET", "/api/data/v3/datasources").body) - {"dataSources"})


@switch("over_limit", {"clamp": [200, 200], "400": [400, 200]})
def _(stage: Stage) -> object:
    return [stage.call("GET", "/api/data/v3/datasources", query={"limit": size}).status for size in ("51", "50")]


# Datasets.


@switch("index_lag_s", {"0": [25, 25, 7], "60": [24, 25, 7]})
def _(stage: Stage) -> object:
    stage.emulator.advance(100)
    stage.emulator.append_rows(ORDERS, [ROW])
    counts = [len(stage.selected(query_of("order_id")))]
    stage.emulator.advance(60)
    counts.append(len(stage.selected(query_of("order_id"))))
    names = [column["name"] for column in stage.emulator.objects("datasets")[0]["columns"]]
    stage.emulator.change_schema(ORDERS, [*names, "extra"])
    stored = stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/schemas/latest").body["schema"]["columns"]
    indexed = stage.call("GET", f"/api/query/v1/datasources/{ORDERS}/schema/indexed").body["tables"][0]["columns"]
    assert len(indexed) == (7 if stage.emulator.world.switches["index_lag_s"] == "0" else 6)
    return [*counts, len(stored)]


@switch("data_versions", {"ok": [200, 1], "empty": [200, 0], "403": [403, None], "404": [404, None]})
def _(stage: Stage) -> object:
    replies = [
        stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/dataversions"),
        stage.call("GET", f"{DATASET}/dataversions/details"),
    ]
    shown = [[reply.status, len(reply.body) if reply.status == 200 else None] for reply in replies]
    assert shown[0] == shown[1]
    return shown[0]


@switch("deleted", {"404": [404, None], "stub": [200, True]})
def _(stage: Stage) -> object:
    stage.emulator.delete_dataset(ORDERS)
    reply = stage.call("GET", DATASET)
    assert stage.call("GET", EXPORT).status == 404
    return [reply.status, reply.body.get("deleted")]


@switch("cryo", {"ADRENALINE": "ADRENALINE", "VAULT": "VAULT"})
def _(stage: Stage) -> object:
    return stage.call("GET", DATASET).body["cryoStatus"]


@switch("count_text", {"off": [[24]], "on": [["24"]]})
def _(stage: Stage) -> object:
    return stage.selected({"columns": [{"exprType": "FUNCTION", "name": "COUNT", "arguments": [number(1)]}]})


# Policies.


@switch("pdp_bypass", {"owner+admin": [24, True], "nobody": [0, False]})
def _(stage: Stage) -> object:
    stage.emulator.set_pdp(ORDERS)
    full = stage.call("GET", DATASET).body["currentUserFullAccess"]
    return [len(stage.selected(query_of())), full]


@switch("pdp_read", {"ok": [200, 200], "403": [403, 403]})
def _(stage: Stage) -> object:
    path = f"/api/query/v1/data-control/{ORDERS}"
    admin = stage.emulator.add_token(stage.emulator.add_user(role="Admin")["id"])
    assert stage.call("GET", path, token=admin).status == 200
    return [stage.call("GET", path).status, stage.call("GET", f"{path}/filter-groups").status]


@switch("policies_shape", {"array": None, "filterGroups": ["filterGroups"], "groups": ["groups"]})
def _(stage: Stage) -> object:
    body = stage.call("GET", f"/api/query/v1/data-control/{ORDERS}/filter-groups").body
    return None if body == [] else sorted(body)


# Answers.


@switch("export_right", {"read": [200, 200], "dataset.export": [200, 403]})
def _(stage: Stage) -> object:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(ORDERS, reader)
    return [stage.start().status, stage.start(token=stage.emulator.add_token(reader)).status]


@switch("token_list", {"ok": 200, "403": 403})
def _(stage: Stage) -> object:
    return stage.call("GET", "/api/data/v1/accesstokens").status


@switch("token_ttl", {"none": [200, 200], "3600": [200, 401]})
def _(stage: Stage) -> object:
    statuses = []
    for seconds in (3599, 1):
        stage.emulator.advance(seconds)
        statuses.append(stage.call("GET", "/api/content/v2/users/me").status)
    return statuses


@switch("extra_fields", {"off": [False, False], "on": [True, True]})
def _(stage: Stage) -> object:
    return ["newProperty" in stage.call("GET", DATASET).body, "newProperty" in stage.start().body]


@switch(
    "errors_shape",
    {
        "platform": ["application/json", ["message", "status", "statusReason", "toe"]],
        "hub": ["application/json", ["errorCode", "message"]],
        "short": ["application/json", ["status", "toe"]],
        "html": ["text/html", None],
        "empty": [None, None],
    },
)
def _(stage: Stage) -> object:
    reply = stage.call("GET", "/api/data/v3/datasources/unknown")
    assert reply.status == 404
    kind = reply.headers.get("content-type")
    return [kind and kind.partition(";")[0], reply.body and sorted(reply.body)]


def third(stage: Stage) -> Reply:
    for _ in range(2):
        assert stage.call("GET", DATASET).status == 200
    return stage.call("GET", DATASET)


@switch("rate_limit", {"off": [200, 200], "60/60": [200, 429]})
def _(stage: Stage) -> object:
    statuses = [stage.call("GET", DATASET).status for _ in range(61)]
    stage.emulator.advance(60)
    assert stage.call("GET", DATASET).status == 200
    return [statuses[59], statuses[60]]


@switch(
    "retry_after",
    {"seconds": "60", "date": "Mon, 05 Jan 2026 08:01:00 GMT", "absent": None},
    rate_limit="2/60",
)
def _(stage: Stage) -> object:
    reply = third(stage)
    assert reply.status == 429
    return reply.headers.get("retry-after")


@switch(
    "fault",
    {
        "none": [200, "application/json", True, 1],
        "500": [500, "application/json", True, 0],
        "502": [502, "text/html", False, 0],
        "timeout_after_accept": [504, "text/html", False, 1],
        "html_blocked_200": [200, "text/html", False, 0],
        "invalid_json": [200, "application/json", False, 1],
    },
)
def _(stage: Stage) -> object:
    reply = stage.start()
    kind = reply.headers["content-type"].partition(";")[0]
    return [reply.status, kind, reply.body is not None, len(stage.emulator.objects("exports"))]


@switch("bucket_location", {"optional": "success", "required": "EMU_S3_ACCESS_DENIED"})
def _(stage: Stage) -> object:
    from s3_server import LAKE_REGION, object_store  # noqa: PLC0415 - the other switches need no store

    with object_store() as store:
        writer = store.make_user("writer", ["s3:PutObject"])
        stage.emulator.deliver_to(store.endpoint)
        body = export_body(bucket=BUCKET, region=LAKE_REGION, awsAccessKey=writer.key, awsAccessSecret=writer.secret)
        job = stage.exported(body)
    return job["errorCode"] or job["exportStatus"]


def test_a_blocked_address_sees_the_page_of_the_vendor() -> None:
    with staged({"fault": "html_blocked_200"}) as stage:
        reply = stage.call("GET", DATASET, token=TOKEN)

    assert b"<title>Domo - Blocked</title>" in reply.raw
