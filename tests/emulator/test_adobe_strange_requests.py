"""However strange a request is, the Flow Service emulator answers as a vendor would and never fails itself."""

import json
from collections.abc import Iterator

import pytest
from adobe_stage import BASE, CATALOG, CLIENT, DESTINATIONS, FORM, LAKE, NOW, ORGANIZATION, S3_AUTH, schedule, staged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Clock, JsonObject, Request
from reconciler.providers.adobe.emulator import SWITCHES, Emulator, create

ROUTES = [
    "/connections",
    "/connections/b",
    "/connections/b/test",
    "/connections/search",
    "/sourceConnections",
    "/sourceConnections/s",
    "/targetConnections",
    "/targetConnections/t",
    "/flows",
    "/flows/f",
    "/flows/f/action",
    "/flows/search",
    "/runs",
    "/runs/r",
    "/connectionSpecs",
    f"/connectionSpecs/{LAKE['id']}",
    f"/connectionSpecs/{LAKE['id']}/configs",
    "/flowSpecs",
    "/flowSpecs/search",
    f"{CATALOG}/dataSets",
    f"{CATALOG}/dataSets/d",
    "/data/foundation/sandbox-management/sandboxes/prod",
    "/data/foundation/connectors/landingzone/credentials",
    "/ims/token/v3",
]
S3 = DESTINATIONS["s3"]
BASE_CONNECTION: JsonObject = {"name": "b", "connectionSpec": S3.reference(), "auth": S3_AUTH}
SOURCE: JsonObject = {"name": "s", "connectionSpec": LAKE, "params": {"datasets": [{"dataSetId": "d", "name": "d"}]}}
TARGET: JsonObject = {
    "name": "t",
    "baseConnectionId": "b",
    "connectionSpec": S3.reference(),
    "params": {**FORM, **S3.location},
}
FLOW: JsonObject = {
    "name": "f",
    "flowSpec": {"id": S3.flow_spec, "version": "1.0"},
    "sourceConnectionIds": ["s"],
    "targetConnectionIds": ["t"],
    "transformations": [],
    "scheduleParams": schedule(),
}
PATCHES = [
    {"op": "replace", "path": path, "value": value}
    for path, value in (
        ("/name", "x"),
        ("/description", "x"),
        ("/auth/params", S3_AUTH["params"]),
        ("/params", TARGET["params"]),
        ("/params/path", "elsewhere"),
        ("/scheduleParams", schedule(interval=6)),
        ("/scheduleParams/endTime", NOW + 9_000_000),
        ("/sourceConnectionIds", ["s"]),
        ("/encryption", {"specName": "File Encryption", "params": {"encryptionAlgo": "PGP/GPG", "publicKey": "x"}}),
        ("/labels", ["core/C12"]),
    )
]
SAMPLES: list[object] = [
    BASE_CONNECTION,
    SOURCE,
    TARGET,
    FLOW,
    [PATCHES[0]],
    PATCHES,
    {"queryString": "name==f&state==enabled", "limit": 5, "orderby": "-name", "count": False, "projectionFields": "id"},
]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from(["", "x", "b", "d", "/name", "%", "2026-01-01", "\x00", "1e9", 10**30, 1.5, -1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "op", "path", "x"]), inner),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn) -> object:
    """A sample with some values, at any depth, replaced by anything."""
    body = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(0, 3))):
        holder = body
        while isinstance(holder, dict | list) and holder:
            keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.booleans()):
                holder = holder[key]
                continue
            holder[key] = draw(ANYTHING)
            break
    return body


QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "property",
                "limit",
                "orderby",
                "count",
                "continuationToken",
                "op",
                "outputType",
                "outputField",
                "start",
                "properties",
                "type",
                "name",
                "orderBy",
            ]
        ),
        st.sampled_from(
            [
                "",
                "1",
                "-1",
                "true",
                "name",
                "name==f",
                "createdAt>=0",
                "scheduleParams[]==x",
                "enable",
                "DISABLE",
                "activationDatasets",
                "datasets",
                "dlz_destination",
                "desc:name",
                "e30.0000",
                "%s",
            ]
        ),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    made = create(switches={"token_ttl": "999999999"}, clock=Clock.frozen())
    yield made
    made.reset()


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]),
    path=st.sampled_from(ROUTES),
    body=bodies() | ANYTHING,
    query=QUERIES,
    matched=st.booleans(),
    positions=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(switch.positions)
            for name, switch in SWITCHES.items()
            if name not in ("rate_limit", "token_ttl", "rows_per_hour")
        },
    ),
)
def test_no_request_makes_the_flow_service_emulator_fail(
    *,
    emulator: Emulator,
    method: str,
    path: str,
    body: object,
    query: list[tuple[str, str]],
    matched: bool,
    positions: dict[str, str],
) -> None:
    emulator.reset()
    emulator.insert("datasets", {"id": "d", "name": "d"})
    for collection, row in (
        ("connections", {**BASE_CONNECTION, "id": "b"}),
        ("sourceConnections", {**SOURCE, "id": "s"}),
        ("targetConnections", {**TARGET, "id": "t"}),
        ("flows", {**FLOW, "id": "f"}),
    ):
        emulator.insert(collection, row)
    emulator.insert("runs", {"id": "r", "imsOrgId": ORGANIZATION, "sandboxName": "prod"})
    emulator.world.switches.set(positions)
    headers = {
        "authorization": f"Bearer {emulator.gate.issue(CLIENT)}",
        "x-api-key": CLIENT,
        "x-gw-ims-org-id": ORGANIZATION,
        "x-sandbox-name": "prod",
        "content-type": "application/json",
    }

    def ask(method: str, path: str, raw: bytes = b"", query: tuple[tuple[str, str], ...] = ()) -> int:
        whole = path if path.startswith(("/data/", "/ims/")) else BASE + path
        answer = emulator.answer(Request(method=method, path=whole, query=query, headers=headers, body=raw))
        json.loads(answer.content() or b"null", parse_constant=pytest.fail)
        return answer.status

    if matched:
        found = [row for name in emulator.collections() for row in emulator.objects(name) if row["id"] == path[-1]]
        headers["if-match"] = str(found[0].get("etag", "")) if found else ""
    status = ask(method, path, json.dumps(body).encode(), tuple(query))
    emulator.advance(2 * 86_400)
    after = [
        ask("GET", f"/{kind}") for kind in ("connections", "sourceConnections", "targetConnections", "flows", "runs")
    ]

    assert 200 <= status < 500
    assert all(200 <= one < 500 for one in after)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"\\ud800": "x"}',
        b'{"name": [{"x": -Infinity}]}',
        b"9" * 5000,
    ],
)
@pytest.mark.parametrize(
    "path", ["/connections", "/sourceConnections", "/targetConnections", "/flows", "/flows/search"]
)
def test_a_body_that_is_no_object_is_refused(path: str, raw: bytes) -> None:
    with staged() as stage:
        reply = stage.call("POST", path, raw=raw)

        assert reply.status == 400
        assert stage.emulator.objects("connections") == []


@pytest.mark.parametrize("value", ["ünïcode", "日本", "🙂", "a" * 10_000, "line\nbreak", "<script>", "\x00"])
def test_any_text_comes_back_as_it_was_sent(value: str) -> None:
    with staged() as stage:
        id = stage.connection(name=value, description=value)
        item = stage.get(f"/connections/{id}").item

        assert [item["name"], item["description"]] == [value, value]


@pytest.mark.parametrize("id", ["ünïcode", "a b", "..", "%", "x" * 2000, "'; DROP TABLE flows"])
def test_any_id_that_is_not_there_is_not_found(id: str) -> None:
    with staged() as stage:
        assert stage.call("GET", f"/flows/{id.replace('%', '%25')}").status == 404


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&client_id=%FF&client_secret=%00&scope=x", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", "text/plain"),
    ],
)
def test_a_strange_login_is_refused(raw: bytes, kind: str) -> None:
    with staged() as stage:
        sent: dict[str, str | None] = dict.fromkeys(stage.headers())
        reply = stage.call("POST", "/ims/token/v3", raw=raw, headers={**sent, "Content-Type": kind})

        assert reply.status in (400, 401)
        assert reply.body["error"]
