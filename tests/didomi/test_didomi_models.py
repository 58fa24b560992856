"""What manifests and settings may say, offline."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from didomi_stage import settings
from pydantic import TypeAdapter, ValidationError

from reconciler.providers import load, names
from reconciler.providers.didomi import PROVIDER
from reconciler.sdk import Catalog, SafeRequest
from reconciler.values import Address, Document, Mark, Problem, Ref, Resource, Severity

CATALOG = Catalog(names(), load)


def model(kind: str) -> TypeAdapter[Any]:
    spec: Any = CATALOG.kind(f"didomi/{kind}").spec
    return TypeAdapter(spec)


def refusal(kind: str, spec: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model(kind).validate_python(spec)
    return str(caught.value)


def problems(kind: str, attributes: Document) -> list[Problem]:
    check = CATALOG.kind(f"didomi/{kind}").check
    assert check is not None
    where = Mark("specs/a.yaml", 1, 1)
    return list(check(Resource(address=Address("didomi", kind, "lake"), attributes=attributes, mark=where)))


def test_the_folder_is_the_registration() -> None:
    assert "didomi" in names()
    assert load("didomi") is PROVIDER
    assert set(CATALOG.kinds("didomi")) >= {"Destination", "ExportConfig", "Integration"}


@pytest.mark.parametrize("kind", [each.name for each in PROVIDER.kinds if each.example])
def test_examples_are_valid_manifests(kind: str) -> None:
    example = yaml.safe_load(CATALOG.kind(f"didomi/{kind}").example)
    model(kind).validate_python(example["spec"])

    assert (example["apiVersion"], example["kind"]) == ("didomi.reconciler/v1", kind)
    assert model(kind).json_schema()


S3 = {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}}
CONFIG = {"data": {"users": {"enabled": True}, "proofs": {"enabled": False}}, "destinations": ["lake"]}


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("Destination", {**S3, "typeId": "azure"}, "aws-s3-didomi"),
        ("Destination", {**S3, "config": {"accountId": 210987654321}}, "valid string"),
        ("Destination", {**S3, "config": {"accountId": "123"}}, "should match pattern"),
        ("Destination", {**S3, "config": {"accountId": "210987654321", "bucketName": "b"}}, "bucketName"),
        ("Destination", {**S3, "description": ""}, "at least 1 character"),
        ("Destination", {**S3, "nmae": "x"}, "nmae"),
        (
            "Destination",
            {"typeId": "gcp-storage", "config": {"projectId": "p", "bucketName": "b", "key": "{}"}},
            "a manifest holds a reference",
        ),
        ("ExportConfig", {**CONFIG, "data": {**CONFIG["data"], "events": {"enabled": True}}}, "events"),  # type: ignore[dict-item] # a mapping
        ("ExportConfig", {**CONFIG, "data": {"users": {"enabled": True}}}, "proofs"),
        ("ExportConfig", {**CONFIG, "destinations": []}, "at least 1 item"),
        ("ExportConfig", {**CONFIG, "destinations": ["Not A Name"]}, "name of a manifest"),
        ("ExportConfig", {**CONFIG, "frequency": 1}, "frequency"),
        ("ExportConfig", {**CONFIG, "enabled": "yes"}, "enabled"),
        (
            "Integration",
            {
                "typeId": "batch-exports-s3",
                "authentication": {"accountId": "210987654321"},
                "properties": {"frequency": 7, "data": ["users"]},
            },
            "frequency",
        ),
    ],
)
def test_what_didomi_would_not_take_is_refused(kind: str, spec: dict[str, Any], words: str) -> None:
    assert words in refusal(kind, spec)


def test_ten_digits_are_said_and_twelve_are_not() -> None:
    (said,) = problems("Destination", {"typeId": "aws-s3-didomi", "config": {"accountId": "0000000000"}})

    assert (said.code, said.severity, said.path) == ("account-id", Severity.WARNING, ("config", "accountId"))
    assert said.message == "`0000000000` has 10 digits; an AWS account id has 12"
    assert problems("Destination", {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}}) == []


def test_an_export_of_nothing_is_said() -> None:
    nothing: Document = {"users": {"enabled": False}, "proofs": {"enabled": False}}
    (said,) = problems("ExportConfig", {"data": nothing, "destinations": ("a",)})

    assert (said.code, said.severity) == ("exports-nothing", Severity.WARNING)


def test_a_destination_listed_twice_is_an_error() -> None:
    lake = Ref(Address("didomi", "Destination", "lake"))
    (said,) = problems("ExportConfig", {"data": {"users": {"enabled": True}}, "destinations": (lake, lake)})

    assert (said.code, said.severity, said.path) == ("repeated-destination", Severity.ERROR, ("destinations", 1))


def test_a_mark_written_by_hand_is_an_error() -> None:
    (said,) = problems("Destination", {"description": "x [reconciler:a/b/C/d#e]"})

    assert said.code == "mark-in-description"


def test_an_integration_of_proofs_alone_is_said() -> None:
    (said,) = problems("Integration", {"properties": {"data": ("proofs",)}, "authentication": {}})

    assert said.code == "undocumented-content"


def test_traits_say_what_the_engine_must_know() -> None:
    destination, config = CATALOG.traits("didomi/Destination"), CATALOG.traits("didomi/ExportConfig")

    assert destination.immutable == {
        ("typeId",), ("config", "accountId"), ("config", "projectId"), ("config", "bucketName")
    }  # fmt: skip
    assert destination.secrets == {("config", "key")}
    assert config.references == {("destinations", "*"): "didomi/Destination"}
    assert config.unordered == {("destinations",)}
    assert config.defaults == {("enabled",): True}
    assert config.disables


def test_settings_have_defaults_and_refuse_the_unknown() -> None:
    assert settings().base_url == "http://127.0.0.1:1"
    with pytest.raises(ValidationError):
        settings(organisationId="x")
    with pytest.raises(ValidationError, match="a manifest holds a reference"):
        settings(credentials={"key": "k", "secret": "s"})


def test_every_declared_request_reads() -> None:
    assert [each for each in PROVIDER.safe if each.method != "GET"] == [SafeRequest("POST", "/sessions")]
