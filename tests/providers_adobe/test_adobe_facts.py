"""What the client sends, against what Adobe documents; and the same exchanges replayed against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from adobe_client_stage import FLOW, SECRETS, Sent, Stage, record, stage
from adobe_openapi import check_request

from reconciler.providers.adobe.destinations import BY_SPEC
from reconciler.providers.adobe.preflight import Preflight
from reconciler.sdk import VendorError, split_mark
from reconciler.values import Document, FieldChange, Secret, Value

FOLDER = Path(__file__).parents[1] / "facts" / "adobe"
FACTS: dict[str, dict[str, Any]] = {
    each.stem: json.loads(each.read_text(encoding="utf-8")) for each in sorted(FOLDER.glob("*.json"))
}
ACCOUNT, SOURCE, OTHER = (
    "2f4c3f8e-1a77-4a0b-8a55-30a3a2c9d001",
    "9a0d1f4e-6b1e-4a29-b7a4-7f1f0a5f1c22",
    "c0ffee00-0000-4000-8000-000000000002",
)
TARGET, DATAFLOW = "71c7a2c4-0d4e-4f39-9a0e-52f6a1a77a01", "5c1f0a52-7d0b-4a34-9a55-0f6f7c1f2b10"
HIDDEN = {"s3SecretKey", "connectionString", "servicePrincipalKey", "secretAccessKey", "password", "sshKey"}


# --- the client ---


def told(name: str, act: Callable[[Stage], object]) -> list[Sent]:
    """Everything that the client sends when it does the same as the documented exchange."""
    with stage(FACTS[name].get("switches")) as it:
        for step in FACTS[name].get("given", ()):
            it.emulator.insert(step["insert"], step["body"])
        with suppress(VendorError):  # what comes back is the other witness's business
            act(it)
        return it.sent


def plain(body: Any) -> Any:  # noqa: ANN401
    """A body without our mark, and a patch without the refreshing of it."""
    if isinstance(body, list):
        return [each for each in body if each["path"] != "/description"]
    if isinstance(body, dict) and "description" in body:
        text, owner = split_mark(body["description"])
        assert owner is not None
        return {**body, "description": text}
    return body


def same(sent: list[Sent], name: str) -> None:
    request = FACTS[name]["request"]
    (found,) = [
        each
        for each in sent
        if (each.method, each.path) == (request["method"], request["path"]) and dict(each.query) == request["query"]
    ]

    assert plain(found.json) == request["body"]
    for header, value in request["headers"].items():
        shown = found.headers[header]
        match value:
            case "Bearer <any-string>":
                assert shown.startswith("Bearer ")
            case "<etag>":
                assert shown.startswith('"')
                assert shown.endswith('"')
            case _:
                assert shown == value


def attributes(body: dict[str, Any]) -> Document:
    """A documented body as a manifest would hold it; written by hand here, so that it can disagree with the client."""
    found: dict[str, Value] = {"name": body["name"], "description": body["description"]}
    spec = body.get("connectionSpec", {}).get("id")
    if spec in BY_SPEC:
        found["destination"] = BY_SPEC[spec].name
    if "auth" in body:
        params = {
            key: Secret(source="env", name=each) if key in HIDDEN else each
            for key, each in body["auth"]["params"].items()
        }
        found["auth"] = {"specName": body["auth"]["specName"], **params}
    if "datasets" in body.get("params", {}):
        found["datasets"] = tuple({"id": each["dataSetId"]} for each in body["params"]["datasets"])
    elif "params" in body:
        found["baseConnection"] = body["baseConnectionId"]
        found |= {key: each for key, each in body["params"].items() if key != "mode"}
    if "scheduleParams" in body:
        found |= {"source": body["sourceConnectionIds"][0], "target": body["targetConnectionIds"][0]}
        found["schedule"] = {"every": "6h", "start": "2026-02-01T00:00:00Z", "end": "2027-02-01T00:00:00Z"}
        found["folderTemplate"] = body["scheduleParams"]["foldernameTemplate"]
    return found


KINDS = {"account": "BaseConnection", "source": "SourceConnection", "target": "TargetConnection", "flow": "Dataflow"}
CREATIONS = [name for name in FACTS if name.endswith("-create")]


@pytest.mark.parametrize("name", CREATIONS)
def test_a_creation_is_what_adobe_documents_and_a_mark(name: str) -> None:
    kind = KINDS[name.split("-", maxsplit=1)[0]]

    def create(it: Stage) -> None:
        wanted = attributes(FACTS[name]["request"]["body"])
        handler = it.handler(kind)
        memo = handler.prepare(it.order(kind, wanted, reveal=lambda secret: secret.name))
        handler.create(it.order(kind, wanted, memo=memo, reveal=lambda secret: secret.name))

    same(told(name, create), name)


def changing(kind: str, id: str, *keys: str, **changes: Value) -> Callable[[Stage], object]:
    def change(it: Stage) -> object:
        handler = it.handler(kind)
        seen = handler.read(id)
        assert seen is not None
        fields = tuple(FieldChange(path=(key,), before=None, after=None) for key in keys)
        wanted = {**seen.attributes, **changes}
        order = it.order(
            kind,
            wanted,
            id=id,
            fields=fields,
            observed=seen,
            reveal=lambda secret: SECRETS.get(secret.name, secret.name),
        )
        return handler.update(order)

    return change


NEXT_KEY: Document = {
    "specName": "Access Key",
    "s3AccessKey": "EXAMPLEKEY765432DCBA",
    "s3SecretKey": Secret(source="env", name="9876543210abcdefghijABCDEFGHIJ0123456789"),
}
TWELVE: Document = {"every": "12h", "start": "2026-02-01T00:00:00Z", "end": "2027-02-01T00:00:00Z"}


def count(it: Stage) -> object:
    """What the limit on destinations is compared with."""
    client = it.session._client  # type: ignore[attr-defined] # of this session alone
    return Preflight(client=client, datasets=it.session._datasets, specs=it.session._specs)._count()  # type: ignore[attr-defined] # as above


OTHERS: dict[str, Callable[[Stage], object]] = {
    "account-get": lambda it: it.handler("BaseConnection").read(ACCOUNT),
    "account-list": lambda it: it.handler("BaseConnection").list(),
    "account-rotate": changing("BaseConnection", ACCOUNT, "auth", auth=NEXT_KEY),
    "account-test": lambda it: it.handler("BaseConnection").test(ACCOUNT),
    "account-delete": lambda it: it.handler("BaseConnection").delete(ACCOUNT),
    "source-get": lambda it: it.handler("SourceConnection").read(SOURCE),
    "source-list": lambda it: it.handler("SourceConnection").list(),
    "source-delete": lambda it: it.handler("SourceConnection").delete(SOURCE),
    "target-get": lambda it: it.handler("TargetConnection").read(TARGET),
    "target-list": lambda it: it.handler("TargetConnection").list(),
    "target-patch": changing("TargetConnection", TARGET, "bucketName", bucketName="other-exports"),
    "target-delete": lambda it: it.handler("TargetConnection").delete(TARGET),
    "flow-get": lambda it: it.handler("Dataflow").read(DATAFLOW),
    "flow-list": lambda it: it.handler("Dataflow").list(),
    "flow-swap": changing("Dataflow", DATAFLOW, "source", "schedule", source=OTHER, schedule=TWELVE),
    "flow-disable": lambda it: it.handler("Dataflow").disable(DATAFLOW),
    "flow-enable": changing("Dataflow", DATAFLOW, "enabled", enabled=True),
    "flow-delete": lambda it: it.handler("Dataflow").delete(DATAFLOW),
    "flow-count": count,
    "runs": lambda it: list(it.session.runs(record("Dataflow", DATAFLOW))),
    "datasets": lambda it: list(it.session.doctor()),
}


def first_look(name: str, sent: list[Sent]) -> list[Sent]:
    """Without the readings that wait for the end of a deletion or begin a change."""
    request = FACTS[name]["request"]
    found = [
        each
        for each in sent
        if (each.method, each.path, dict(each.query)) == (request["method"], request["path"], request["query"])
    ]
    return found[:1]


@pytest.mark.parametrize("name", OTHERS)
def test_a_request_is_what_adobe_documents(name: str) -> None:
    same(first_look(name, told(name, OTHERS[name])), name)


def test_a_token_is_asked_for_as_documented() -> None:
    sent = told("token", lambda it: it.handler("BaseConnection").list())
    request = FACTS["token"]["request"]

    assert (sent[0].method, sent[0].path, sent[0].form) == (request["method"], request["path"], request["form"])


def test_no_documented_exchange_is_left_out() -> None:
    not_ours = {
        "account-in-use": "found out before, from the list of dataflows",
        "account-stale-etag": "etags are read just before",
        "account-no-etag": "every PATCH has one",
        "account-not-found": "a reading like any other",
        "flow-not-found": "a reading like any other",
        "spec-get": "a reading like any other",
        "token-invalid": "tokens come from Adobe",
        "key-missing": "every request has one",
        "organization-missing": "every request has one",
    }

    assert set(FACTS) - set(CREATIONS) - set(OTHERS) - {"token"} == set(not_ours)


@pytest.mark.parametrize(
    "name", [*CREATIONS, "account-rotate", "target-patch", "flow-swap", "flow-disable", "flow-list"]
)
def test_adobes_own_openapi_files_accept_what_is_sent(name: str) -> None:
    if name in OTHERS:
        sent = told(name, OTHERS[name])
    else:
        kind = KINDS[name.split("-", maxsplit=1)[0]]

        def create(it: Stage) -> None:
            wanted = attributes(FACTS[name]["request"]["body"])
            memo = it.handler(kind).prepare(it.order(kind, wanted, reveal=lambda secret: secret.name))
            it.handler(kind).create(it.order(kind, wanted, memo=memo, reveal=lambda secret: secret.name))

        sent = told(name, create)
    complaints = [
        complaint
        for each in sent
        if each.path.startswith(FLOW)
        for complaint in check_request(
            each.method,
            each.path,
            {**each.headers, **({"Content-Type": "application/json"} if each.json is not None else {})},
            list(each.query),
            each.json,
        )
    ]

    assert complaints == []


# --- the other witness ---


@pytest.mark.parametrize("name", FACTS)
def test_the_stand_in_answers_as_documented(name: str) -> None:
    fact = FACTS[name]
    request = fact["request"]
    with stage(fact.get("switches")) as it, urllib3.PoolManager() as pool:
        url = it.session._client.settings.base_url  # type: ignore[attr-defined] # of this session alone
        rows = [it.emulator.insert(step["insert"], step["body"]) for step in fact.get("given", ())]
        etags = {row["id"]: row["etag"] for row in rows}
        token = pool.request(
            "POST", f"{url}/ims/token/v3", fields=FACTS["token"]["request"]["form"], encode_multipart=False
        )
        headers = {
            key: value.replace("<any-string>", token.json()["access_token"]).replace(
                "<etag>", etags.get(request["path"].rpartition("/")[2], "")
            )
            for key, value in request["headers"].items()
        }
        body = urlencode(request["form"]) if "form" in request else json.dumps(request.get("body"))
        if request.get("body") is not None:
            headers["Content-Type"] = "application/json"
        query = f"?{urlencode(request['query'])}" if request["query"] else ""
        sends = request.get("body") is not None or "form" in request
        reply = pool.request(
            request["method"],
            f"{url}{request['path']}{query}",
            body=body if sends else None,
            headers=headers,
            retries=False,
        )
        answer = reply.json() if reply.data else None

    assert fits(fact["answer"]["status"], reply.status), answer
    assert differences(fact["answer"].get("body", "<any>"), answer) == []


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_names_its_source_and_its_certainty(name: str) -> None:
    assert FACTS[name]["title"]
    assert FACTS[name]["source"]
    assert FACTS[name]["certainty"].startswith(("documented", "inferred", "undocumented", "contradictory"))


def differences(expected: object, found: object, place: str = "") -> list[str]:
    """The places where an answer is not what it must be."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            wrong
            for name, value in expected.items()
            for wrong in differences(value, found.get(name, ...), f"{place}{name}.")
        ]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{place}length"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [wrong for index, (one, other) in pairs for wrong in differences(one, other, f"{place}{index}.")]
    return [] if fits(expected, found) else [place.rstrip(".") or "value"]


def fits(expected: object, found: object) -> bool:
    match expected:
        case "<any>":
            return True
        case "<any-string>":
            return isinstance(found, str) and found != ""
        case "<any-integer>":
            return isinstance(found, int) and not isinstance(found, bool)
        case "<any-2xx>":
            return isinstance(found, int) and 200 <= found < 300
        case _:
            return expected == found


def test_a_difference_is_found() -> None:
    assert differences({"a": [1, {"b": "<any-integer>"}]}, {"a": [1, {"b": "x"}], "c": 2}) == ["a.1.b"]
    assert differences({"a": 1}, {}) == ["a"]
    assert differences([1], [1, 2]) == ["length"]
