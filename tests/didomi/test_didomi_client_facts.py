"""What the client sends, against what Didomi documents: the same files that the emulator is held to."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from didomi_stage import Sent, Stage, record, stage

from reconciler.sdk import VendorError, split_mark
from reconciler.values import Document, Secret, Value

FACTS = Path(__file__).parents[1] / "facts" / "didomi"


def fact(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FACTS / f"{name}.json").read_text())
    return loaded


def told(documented: dict[str, Any], act: Callable[[Stage], object]) -> list[Sent]:
    """Everything that the client sends when it does the same as the documented exchange."""
    with stage(documented.get("switches"), organizationId=documented["organization"]) as it:
        for step in documented.get("given", ()):
            if "insert" in step:
                it.emulator.insert(step["insert"], step["body"])
        with suppress(VendorError):  # what comes back is the other witness's business
            act(it)
        return it.sent


def same(sent: Sent, documented: dict[str, Any]) -> None:
    request = documented["request"]
    body = sent.json
    if isinstance(body, dict) and "description" in body:
        text, owner = split_mark(body["description"])
        body = {key: each for key, each in {**body, "description": text}.items() if key != "description" or each}
        assert owner is not None

    assert sent.method == request["method"]
    assert f"/v1{sent.path}" in (request["path"], f"/v1{request['path']}")
    assert dict(sent.query) == request["query"]
    assert body == request["body"]
    if "Authorization" in request["headers"]:
        assert sent.headers["Authorization"].startswith("Bearer ")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def manifest(documented: Any) -> Value:  # noqa: ANN401
    """A documented body as a manifest would hold it; written by hand here, so that it can disagree with the client."""
    match documented:
        case dict():
            found = {camel(key): manifest(each) for key, each in documented.items()}
            for key in ("organizationId", "mappings"):
                found.pop(key, None)
            if "destinationsId" in found:
                found["destinations"] = found.pop("destinationsId")
            if "key" in found:
                found["key"] = Secret(source="env", name=str(found["key"]))
            return found
        case list():
            return tuple(manifest(each) for each in documented)
        case _:
            value: Value = documented
            return value


def attributes(documented: dict[str, Any]) -> Document:
    found = manifest(documented)
    assert isinstance(found, dict)
    return found


CREATIONS = {
    "tutorial-s3-destination": "Destination",
    "tutorial-gcp-destination": "Destination",
    "tutorial-config": "ExportConfig",
    "destination-s3-create": "Destination",
    "destination-gcp-create": "Destination",
    "config-create": "ExportConfig",
    "integration-s3-create-earlier": "Integration",
}


@pytest.mark.parametrize("name", CREATIONS)
def test_a_creation_is_what_didomi_documents_and_a_mark(name: str) -> None:
    documented = fact(name)

    def create(it: Stage) -> None:
        order = it.order(CREATIONS[name], attributes(documented["request"]["body"]))
        it.handler(CREATIONS[name]).create(replace(order, reveal=lambda secret: secret.name))

    sent = [each for each in told(documented, create) if each.method == "POST" and each.path != "/sessions"]

    assert len(sent) == 1
    same(sent[0], documented)


@pytest.mark.parametrize("name", ["integration-s3-create", "integration-gcp-create"])
def test_an_integration_says_its_organization_once_more_than_the_current_tutorial(name: str) -> None:
    documented = fact(name)
    documented["request"]["body"]["organization_id"] = documented["organization"]

    def create(it: Stage) -> None:
        order = it.order("Integration", attributes(documented["request"]["body"]))
        it.handler("Integration").create(replace(order, reveal=lambda secret: secret.name))

    sent = [each for each in told(documented, create) if each.path == "/marketplace/integrations"]

    same(sent[0], documented)


def test_a_session_is_asked_for_as_documented() -> None:
    documented = fact("session")
    sent = told(documented, lambda it: it.handler("Destination").list())

    same(sent[0], documented)


OTHERS: dict[str, Callable[[Stage], object]] = {
    "destination-list": lambda it: it.handler("Destination").list(),
    "config-list": lambda it: it.handler("ExportConfig").list(),
    "integration-list": lambda it: it.handler("Integration").list(),
    "destination-get": lambda it: it.handler("Destination").read("7h2kq9x4pd"),
    "config-get": lambda it: it.handler("ExportConfig").read("c5t0m1z8"),
    "destination-delete": lambda it: it.handler("Destination").delete("7h2kq9x4pd"),
    "config-delete": lambda it: it.handler("ExportConfig").delete("c5t0m1z8"),
    "integration-delete": lambda it: it.handler("Integration").delete("m9v3b7q2"),
    "config-disable": lambda it: it.handler("ExportConfig").disable("c5t0m1z8"),
    "logs-completed": lambda it: list(it.session.runs(record("ExportConfig", "c5t0m1z8"))),
    "integration-logs": lambda it: list(it.session.runs(record("Integration", "m9v3b7q2"))),
    "premium-features": lambda it: list(it.session.doctor()),
    "quotas": lambda it: list(it.session.doctor()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_request_is_what_didomi_documents(name: str) -> None:
    documented = fact(name)
    path = documented["request"]["path"].removeprefix("/v1")
    sent = [each for each in told(documented, OTHERS[name]) if each.path == path]

    same(sent[0], documented)


def test_an_integration_is_changed_with_everything_that_belongs_to_its_properties() -> None:
    documented = fact("integration-patch")
    (given,) = [step["body"] for step in documented["given"]]
    wanted = attributes({**given, **documented["request"]["body"]})
    wanted = {key: each for key, each in wanted.items() if key != "id"}
    sent = told(documented, lambda it: it.update("Integration", "m9v3b7q2", wanted, ("properties", "data")))

    patch = sent[-1]
    # Whether PATCH merges is undocumented, so what Didomi put there is sent back.
    assert set(patch.json["properties"]) - set(documented["request"]["body"]["properties"]) == {
        "bucket_name",
        "bucket_access_role_arn",
    }
    assert {key: patch.json["properties"][key] for key in ("frequency", "data")} == documented["request"]["body"][
        "properties"
    ]
    assert (patch.method, dict(patch.query)) == ("PATCH", documented["request"]["query"])


def test_no_documented_export_is_left_out() -> None:
    known = {*CREATIONS, *OTHERS, "session", "integration-patch", "integration-s3-create", "integration-gcp-create"}
    not_ours = {
        "destination-patch": "changes an account id, which a new destination gets instead",
        "destination-put": "PUT is not used",
        "integration-analytics-create": "analytics exports are no kind of ours",
        "integration-webhook-create": "webhooks are no kind of ours",
    }
    exports = {
        path.stem
        for path in FACTS.glob("*.json")
        if path.stem.startswith(("destination-", "config-", "integration-", "tutorial-"))
    }

    assert exports - known - set(not_ours) == set()
