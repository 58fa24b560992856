"""What the Flow Service emulator accepts and answers, held against the OpenAPI files that Adobe publishes."""

import hashlib

import adobe_openapi
import pytest
from adobe_exchanges import Exchange, exchanges
from adobe_openapi import FLOW_SERVICE, FOLDER, Defect, Documents, check_answer, check_request, corrected, defects
from adobe_stage import FORM, LOCATION, S3_AUTH, schedule

# The files as Adobe has them at commit 16c60cd7 of AdobeDocs/experience-platform-apis (June 2026, Apache-2.0).
UNCHANGED = {
    "adobe-catalog.yaml": "e8b3980c6dfb1db6ecf2b2bd314c092903feadd8fc133b4e2c35ad541a75dc3d",
    "adobe-flow-service-destinations.yaml": "11e92fbf774a46b75ca64afe422afa120506c2222be7f3f6ee291932f685d038",
    "adobe-flow-service.yaml": "f97b8f36a5ecb3282b9d65f1c3e0f283ed4afaf676053a1ef40b80857f660932",
}
HEADERS = {
    "Authorization": "Bearer x",
    "x-api-key": "x",
    "x-gw-ims-org-id": "EXAMPLE@AdobeOrg",
    "x-sandbox-name": "prod",
    "Content-Type": "application/json",
}

MATCHED = {**HEADERS, "If-Match": '"x"'}
S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
FLOW = {
    "name": "f",
    "flowSpec": {"id": "269ba276-16fc-47db-92b0-c1049a3c131f", "version": "1.0"},
    "sourceConnectionIds": ["s"],
    "targetConnectionIds": ["t"],
    "transformations": [],
    "scheduleParams": schedule(),
}
CONNECTION = {"name": "b", "connectionSpec": S3, "auth": S3_AUTH}
TARGET = {"name": "t", "baseConnectionId": "b", "connectionSpec": S3, "params": {**FORM, **LOCATION}}
WRONG: list[tuple[str, str, tuple[tuple[str, str], ...], object]] = [
    ("POST", "/connections", (), {"name": "b", "connectionSpec": S3}),
    ("POST", "/connections", (), {**CONNECTION, "connectionSpec": {"id": S3["id"]}}),
    ("POST", "/connections", (), {**CONNECTION, "auth": {"specName": "Access Key", "params": {}}}),
    ("POST", "/connections", (), None),
    ("POST", "/sourceConnections", (), {"name": "s"}),
    ("POST", "/targetConnections", (), {**TARGET, "params": LOCATION}),
    ("POST", "/targetConnections", (), {**TARGET, "params": {**FORM, **LOCATION, "datasetFileType": "CSV"}}),
    ("POST", "/flows", (), {**FLOW, "scheduleParams": schedule(interval=5)}),
    ("POST", "/flows", (), {**FLOW, "scheduleParams": {"interval": 3}}),
    ("POST", "/flows", (), {**FLOW, "flowSpec": {"id": "none"}}),
    ("PATCH", "/flows/f", (), [{"op": "move", "path": "/name", "value": "x"}]),
    ("PATCH", "/flows/f", (), {"op": "replace", "path": "/name", "value": "x"}),
    ("GET", "/flows", (("limit", "many"),), None),
    ("GET", "/flows", (("page", "2"),), None),
    ("GET", "/flows", (), {"a": "body"}),
    ("GET", "/connectionSpecs/x/configs", (("outputType", "activationDatasets"),), None),
]


def complaints(documents: Documents, exchange: Exchange) -> list[str]:
    """What is wrong with an exchange; a request that was refused need not be right."""
    asked: list[str] = []
    if exchange.status < 300:
        asked = documents.request(exchange.method, exchange.path, exchange.headers, exchange.query, exchange.body)
    return asked + documents.answer(exchange.method, exchange.path, exchange.status, exchange.answer)


def test_every_exchange_is_as_adobe_describes_it() -> None:
    wrong = {str(exchange): found for exchange in exchanges() if (found := complaints(corrected(), exchange))}

    assert wrong == {}


def test_every_route_that_both_describe_is_tried() -> None:
    tried = {
        (exchange.method, operation.file, operation.described["operationId"])
        for exchange in exchanges()
        if exchange.status < 300
        for operation in corrected().operations(exchange.method, exchange.path)
    }
    of_destinations = {found for _, file, found in tried if file == "adobe-flow-service-destinations.yaml"}
    described = {
        operation["operationId"]
        for item in adobe_openapi.document("adobe-flow-service-destinations.yaml")["paths"].values()
        for operation in item.values()
        if "operationId" in operation
    }

    assert of_destinations == described
    assert len(tried) > len(described) + 15


def test_every_answer_is_described_by_at_least_one_file() -> None:
    silent = {
        f"{exchange.method} {exchange.path}"
        for exchange in exchanges()
        if not list(corrected().operations(exchange.method, exchange.path))
    }

    assert silent == set()


@pytest.mark.parametrize("number", range(len(defects())))
def test_a_known_defect_is_still_needed(number: int) -> None:
    """Without its correction a right exchange is complained about, or a wrong request is not."""
    others = Documents([defect for index, defect in enumerate(defects()) if index != number])
    too_strict = any(complaints(others, exchange) for exchange in exchanges())
    too_lax = any(not others.request(one[0], FLOW_SERVICE + one[1], MATCHED, one[2], one[3]) for one in WRONG)

    assert too_strict or too_lax, defects()[number].place


@pytest.mark.parametrize("defect", defects(), ids=lambda defect: f"{defect.file} {defect.place}")
def test_a_defect_says_why_it_is_one(defect: Defect) -> None:
    assert len(defect.reason.split()) > 4
    assert defect.correction in ("add", "remove", "replace")
    assert (defect.value is None) == (defect.correction == "remove")


@pytest.mark.parametrize("name", UNCHANGED)
def test_the_files_are_as_adobe_published_them(name: str) -> None:
    content = (FOLDER / "openapi" / name).read_bytes()

    assert hashlib.sha256(content).hexdigest() == UNCHANGED[name]


def test_the_licence_lies_beside_the_files() -> None:
    assert "Apache License" in (FOLDER / "openapi/LICENSE-adobe-openapi.txt").read_text()
    assert "Adobe" in (FOLDER / "openapi/COPYRIGHT-adobe-openapi.txt").read_text()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/connections", CONNECTION),
        ("POST", "/targetConnections", TARGET),
        ("POST", "/flows", FLOW),
        ("PATCH", "/flows/f", [{"op": "replace", "path": "/name", "value": "x"}]),
        ("DELETE", "/flows/f", None),
        ("GET", "/flows", None),
    ],
)
def test_a_right_request_has_no_complaints(method: str, path: str, body: object) -> None:
    assert check_request(method, FLOW_SERVICE + path, MATCHED, (), body) == []


@pytest.mark.parametrize(("method", "path", "query", "body"), WRONG)
def test_a_wrong_request_is_complained_about(
    method: str, path: str, query: tuple[tuple[str, str], ...], body: object
) -> None:
    assert check_request(method, FLOW_SERVICE + path, MATCHED, query, body) != []


@pytest.mark.parametrize("missing", ["Authorization", "x-api-key", "x-gw-ims-org-id", "If-Match"])
def test_a_missing_header_is_complained_about(missing: str) -> None:
    headers = {name: value for name, value in {**HEADERS, "If-Match": '"x"'}.items() if name != missing}
    body = [{"op": "replace", "path": "/name", "value": "x"}]

    found = check_request("PATCH", f"{FLOW_SERVICE}/flows/f", headers, (), body)

    assert any(missing.lower() in one.lower() for one in found)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/flows/f", 200, {"items": [{"id": "f"}]}),
        ("GET", "/connections", 200, {"id": "b"}),
        ("GET", "/connections/b", 200, {"items": [{"id": "b"}]}),
        ("POST", "/flows", 201, {"id": 5}),
        ("POST", "/flows", 200, {"id": "f", "etag": "x"}),
        ("GET", "/runs", 200, {"items": [{"id": "r"}]}),
        ("GET", "/flows/f", 404, "not an object"),
    ],
)
def test_a_wrong_answer_is_complained_about(method: str, path: str, status: int, body: object) -> None:
    assert check_answer(method, FLOW_SERVICE + path, status, body) != []


def test_a_route_that_nobody_describes_has_no_complaints() -> None:
    assert check_request("GET", "/data/foundation/elsewhere", {}, (("x", "y"),), None) == []
    assert check_answer("GET", f"{FLOW_SERVICE}/nowhere", 200, "anything") == []


def test_a_correction_of_what_is_not_there_fails() -> None:
    for correction in ("replace", "remove"):
        defect = Defect(file="adobe-catalog.yaml", place="/paths/~1nowhere", reason="x", correction=correction)
        with pytest.raises(KeyError):
            Documents([defect])
