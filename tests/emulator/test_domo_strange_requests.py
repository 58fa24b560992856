"""However strange a request is, the emulator answers as a vendor would and never fails itself."""

import json
from collections.abc import Iterator

import pytest
from domo_stage import Stage, column, compared, export_body, number, query_of, staged, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Clock, Request
from reconciler.providers.domo.emulator import SWITCHES, Emulator, create
from reconciler.providers.domo.emulator.example import CUSTOMERS, ORDERS, TOKEN

ROUTES = [
    "/api/content/v2/users/me",
    "/api/data/v1/accesstokens",
    "/api/data/v1/accesstokens/1",
    "/api/data/v3/datasources",
    "/api/data/v3/datasources/bulk",
    *(
        template.format(id=id)
        for id in (ORDERS, "no-uuid")
        for template in (
            "/api/data/v3/datasources/{id}",
            "/api/data/v3/datasources/{id}/permissions",
            "/api/data/v2/datasources/{id}/schemas/latest",
            "/api/query/v1/datasources/{id}/schema/indexed",
            "/api/data/v2/datasources/{id}/dataversions",
            "/api/data/v3/datasources/{id}/dataversions/details",
            "/api/query/v1/data-control/{id}",
            "/api/query/v1/data-control/{id}/filter-groups",
            "/api/query/v1/execute/{id}",
            "/api/query/v1/export/{id}",
        )
    ),
    "/api/nothing",
]
COUNT = {"exprType": "FUNCTION", "name": "COUNT", "arguments": [number(1)]}
BETWEEN = {
    "exprType": "BETWEEN",
    "leftExpr": column("ordered_on"),
    "betweenStart": text("2026-01-01 00:00:00"),
    "betweenEnd": text("2026-01-31 00:00:00"),
}
WHERE = compared("AND", {"exprType": "IN", "leftExpr": column("region"), "selectSet": ["West", 1, None]}, BETWEEN)
QUERY = query_of(
    "region",
    where=WHERE,
    groupByColumns=[column("region")],
    orderByColumns=[{"expression": COUNT, "order": "DESCENDING"}],
    limit={"limit": 2, "offset": 1},
)
SAMPLES: list[object] = [
    export_body(QUERY),
    export_body(query_of(), path="a/../../b", awsKmsKey="alias/example"),
    export_body(query_of(), bucket=..., path=...),
    {"query": {"columns": [COUNT], "fromQuery": QUERY, "limit": {"limit": 1}}, "context": {"dataControlContext": {}}},
    {"name": "token", "ownerId": 1001, "expires": 1},
    [ORDERS, CUSTOMERS],
]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**30)
    | st.floats()
    | st.sampled_from(["", "x", "region", "COLUMN", "AND", "1e999999999", "\ud800", "\x00", ORDERS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["exprType", "value", "x"]), inner),
    max_leaves=6,
)


def places(value: object, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*before, name)
        yield from places(item, (*before, name))


@st.composite
def bodies(draw: st.DrawFn) -> object:
    """A sample with something else in up to three places of any depth, or a word of a query in place of another."""
    body = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(sorted(places(body), key=str)))
        holder = body
        for step in way:
            holder = holder[step]
        words = st.sampled_from([QUERY, WHERE, COUNT, column("amount"), number(1)])
        holder[last] = json.loads(json.dumps(draw(ANYTHING | words)))
    return body


QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["limit", "offset", "orderBy", "nameLike", "ownerId", "options", "part", "displayType"]),
        st.sampled_from(["", "1", "-1", "50", "²", "99999999999", "name", "lastUpdatedDescending", "orders"]),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return create(clock=Clock.frozen())


@pytest.mark.slow
@settings(max_examples=900, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "DELETE"]),
    path=st.sampled_from([*ROUTES, *[route for route in ROUTES if route.endswith(f"/{ORDERS}")]]),
    body=bodies() | ANYTHING,
    query=QUERIES,
    positions=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(switch.positions)
            for name, switch in SWITCHES.items()
            if name not in ("rate_limit", "fault")
        },
    ),
)
def test_no_request_makes_the_emulator_fail(
    *,
    emulator: Emulator,
    method: str,
    path: str,
    body: object,
    query: list[tuple[str, str]],
    positions: dict[str, str],
) -> None:
    emulator.reset()
    emulator.set_pdp(ORDERS)
    emulator.world.switches.set(positions)

    def ask(method: str, path: str, body: object = None) -> int:
        headers = {"x-domo-developer-token": TOKEN}
        raw = b"" if body is None else json.dumps(body).encode()
        answer = emulator.answer(Request(method=method, path=path, query=tuple(query), headers=headers, body=raw))
        content = answer.content()
        if answer.raw is None and content:
            json.dumps(json.loads(content), allow_nan=False)
        return answer.status

    status = ask(method, path, body)
    emulator.advance(200)
    after = ask("GET", f"/api/query/v1/export/{ORDERS}")

    assert 200 <= status < 500
    assert 200 <= after < 500


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000, b"NaN"],
)
@pytest.mark.parametrize("route", ["export", "execute"])
def test_a_body_that_is_no_object_is_refused(stage: Stage, route: str, raw: bytes) -> None:
    reply = stage.call("POST", f"/api/query/v1/{route}/{ORDERS}", raw=raw)

    assert reply.status == 400
    assert reply.body["statusReason"] == "Bad Request"


def test_a_query_that_is_nested_too_deeply_is_refused(stage: Stage) -> None:
    where = compared("EQUALS", column("region"), text("West"))
    for _ in range(100):
        where = compared("AND", where, where if _ == 0 else compared("EQUALS", column("region"), text("West")))

    assert stage.execute(query_of(where=where)).status == 400


def test_queries_within_queries_end_somewhere(stage: Stage) -> None:
    query = query_of()
    for _ in range(30):
        query = query_of(fromQuery=query)

    assert stage.execute(query).status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_no_document_names_gets_405(stage: Stage, method: str) -> None:
    assert stage.call(method, f"/api/query/v1/export/{ORDERS}", {}).status == 405


def test_an_unknown_route_gets_404_in_the_vendors_shape(stage: Stage) -> None:
    reply = stage.call("GET", "/api/nothing")

    assert reply.status == 404
    assert sorted(reply.body) == ["message", "status", "statusReason", "toe"]
