"""However strange a request is, the emulator answers as a vendor would and never fails itself."""

import json
from collections.abc import Iterator

import pytest
from emulator_stage import GCP, INTEGRATION, ORGANIZATION, S3, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Clock, JsonObject, Request
from reconciler.providers.didomi.emulator import SWITCHES, Emulator, create

ROUTES = [
    "/sessions",
    "/exports/destinations",
    "/exports/destinations/d",
    "/exports/configs",
    "/exports/configs/c",
    "/exports/logs",
    "/exports/execute",
    "/marketplace/integrations",
    "/marketplace/integrations/i",
    "/metadata/purposes",
    "/metadata/purposes/newsletter",
    "/quotas",
    "/premium-features",
    "/consents/events",
    "/consents/events/e-1",
    "/consents/users",
    "/consents/users/user-1",
    "/consents/proofs",
    "/consents/tokens",
]
SAMPLES: list[JsonObject] = [
    S3,
    GCP,
    {**INTEGRATION, "organization_id": ORGANIZATION},
    {"name": "c", "organization_id": ORGANIZATION, "data": {"users": {"enabled": True}}, "destinations_id": ["d"]},
    event("e-2"),
    {"type": "api-key", "key": "k_demo_7731", "secret": "s_demo_not_real"},
    {"id": "u", "organization_user_id": "user-2", "metadata": {}, "consents": {}},
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from(["", "x", "d", "newsletter", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "enabled", "x"]), inner),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn) -> object:
    """A sample with some properties replaced by anything, one level deep or two."""
    body = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(body)))
        if isinstance(body[name], dict) and body[name] and draw(st.booleans()):
            body[name][draw(st.sampled_from(sorted(body[name])))] = draw(ANYTHING)
        else:
            body[name] = draw(ANYTHING)
    return draw(st.sampled_from([body, [body], [body, body]])) if draw(st.booleans()) else body


QUERIES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "$limit",
                "$skip",
                "$sort[name]",
                "$cursor",
                "name",
                "id",
                "organization_user_id",
                "status",
                "$by_organization_user_id",
                "metadata.x.y",
            ]
        ),
        st.sampled_from(["", "1", "-1", "true", "user-1", "pending_approval", "MTA="]),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    made = create(switches={"rate_limit": "off", "token_ttl": "999999999"}, clock=Clock.frozen())
    yield made
    made.reset()


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]),
    path=st.sampled_from(ROUTES),
    body=bodies() | ANYTHING,
    query=QUERIES,
    positions=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(switch.positions)
            for name, switch in SWITCHES.items()
            if name not in ("rate_limit", "token_ttl")
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
    emulator.insert("destinations", {**S3, "id": "d"})
    emulator.insert("configs", {"id": "c", "name": "c", "data": {}, "destinations_id": ["d"]})
    emulator.insert("integrations", {**INTEGRATION, "id": "i"})
    emulator.world.switches.set(positions)
    token = emulator.sessions.issue("k_demo_7731", ORGANIZATION)
    headers = {"authorization": f"Bearer {token}"}

    def ask(method: str, path: str, body: object, query: list[tuple[str, str]]) -> int:
        named = (*query, ("organization_id", ORGANIZATION))
        raw = json.dumps(body).encode()
        return emulator.answer(Request(method=method, path=path, query=named, headers=headers, body=raw)).status

    ask("POST", "/consents/events", event(), [])
    status = ask(method, path, body, query)
    emulator.advance(2 * 86_400)
    after = [ask("GET", known, None, []) for known in ("/exports/destinations", "/exports/configs", "/consents/users")]

    assert 200 <= status < 500
    assert all(200 <= one < 500 for one in after)
