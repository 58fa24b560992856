"""What manifests and settings may say of Adobe, offline."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from reconciler.providers import load, names
from reconciler.providers.adobe import PROVIDER
from reconciler.providers.adobe.destinations import BY_FLOW, BY_SPEC, DESTINATIONS
from reconciler.providers.adobe.settings import Settings
from reconciler.sdk import Catalog
from reconciler.values import Address, Document, Lifecycle, Mark, OnRemoval, Problem, Ref, Resource, Secret, Severity

CATALOG = Catalog(names(), load)
SECRET = {"env": "RECONCILER_SECRET_STORAGE"}
KEY = {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": SECRET}
ROLE = {"specName": "Assumed Role", "s3Role": "arn:aws:iam::111122223333:role/export-role"}
PRINCIPAL = {
    "specName": "Azure Service Principal Auth",
    "url": "abfss://exports@example.dfs.core.windows.net",
    "tenant": "example-tenant",
    "servicePrincipalId": "example-principal",
    "servicePrincipalKey": SECRET,
}
GOOGLE = {
    "specName": "Google Cloud Storage authentication credentials",
    "accessKeyId": "GOOG1E" + "A" * 55,
    "secretAccessKey": SECRET,
}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "key": {"destination": "amazonS3", "auth": KEY},
    "role": {"destination": "amazonS3", "auth": ROLE},
    "blob": {"destination": "azureBlob", "auth": {"specName": "ConnectionString", "connectionString": SECRET}},
    "adls": {"destination": "adlsGen2", "auth": PRINCIPAL},
    "zone": {"destination": "dataLandingZone"},
    "google": {"destination": "googleCloudStorage", "auth": GOOGLE},
    "password": {
        "destination": "sftp",
        "auth": {"specName": "SFTP with Password", "domain": "sftp.example.com", "username": "aep", "password": SECRET},
    },
    "ssh": {
        "destination": "sftp",
        "auth": {"specName": "SFTP with SSH Key", "domain": "sftp.example.com", "username": "aep", "sshKey": SECRET},
    },
}
FORMAT = {"datasetFileType": "PARQUET", "compression": "GZIP"}
TARGET = {"destination": "amazonS3", "baseConnection": "lake", "bucketName": "example-exports", "path": "aep/orders"}
SCHEDULE = {"every": "6h", "start": "2026-12-01T06:00:00Z", "end": "2027-12-01T00:00:00Z"}
FLOW = {"source": "orders", "target": "orders-lake", "schedule": SCHEDULE}
DATASET = {"id": "64b0c1d2e3f4a5b6c7d8e9f0"}
EXPORT = {
    **{key: each for key, each in TARGET.items() if key != "baseConnection"},
    **FORMAT,
    "auth": KEY,
    "datasets": [DATASET],
    "schedule": SCHEDULE,
}


def model(kind: str) -> TypeAdapter[Any]:
    spec: Any = CATALOG.kind(f"adobe/{kind}").spec
    return TypeAdapter(spec)


def accepted(kind: str, spec: dict[str, Any]) -> bool:
    model(kind).validate_json(json.dumps(spec))
    return True


def refusal(kind: str, spec: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        accepted(kind, spec)
    return str(caught.value)


def resource(kind: str, attributes: Document, **more: Any) -> Resource:  # noqa: ANN401
    where = Mark("specs/a.yaml", 1, 1)
    return Resource(address=Address("adobe", kind, "orders"), attributes=attributes, mark=where, **more)


def problems(kind: str, attributes: Document) -> list[Problem]:
    check = CATALOG.kind(f"adobe/{kind}").check
    assert check is not None
    return list(check(resource(kind, attributes)))


def test_the_folder_is_the_registration() -> None:
    assert load("adobe") is PROVIDER
    assert set(CATALOG.kinds("adobe")) >= {"BaseConnection", "SourceConnection", "TargetConnection", "Dataflow"}


@pytest.mark.parametrize("kind", [each.name for each in PROVIDER.kinds if each.example])
def test_examples_of_kinds_are_valid_manifests(kind: str) -> None:
    example = yaml.load(CATALOG.kind(f"adobe/{kind}").example, yaml.BaseLoader)  # noqa: S506 - text alone

    assert accepted(kind, example["spec"])
    assert (example["apiVersion"], example["kind"]) == ("adobe.reconciler/v1", kind)
    assert model(kind).json_schema()


def test_there_are_six_destinations_with_seven_ways_to_authenticate() -> None:
    ways = [each.name for destination in DESTINATIONS.values() for each in destination.authentications]

    assert len(DESTINATIONS) == len(BY_SPEC) == len(BY_FLOW) == 6
    assert len(ways) == len(set(ways)) == 7
    assert not DESTINATIONS["dataLandingZone"].authentications


# --- accounts ---


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_documented_way_to_authenticate_can_be_written(account: str) -> None:
    assert accepted("BaseConnection", ACCOUNTS[account])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({**ACCOUNTS["key"], "destination": "ftp"}, "amazonS3"),
        ({"destination": "amazonS3"}, "auth"),
        ({"destination": "amazonS3", "auth": {**KEY, "specName": "Basic Authentication for sftp"}}, "Assumed Role"),
        ({"destination": "amazonS3", "auth": {**KEY, "s3AccessKey": "AKIA1"}}, "should match pattern"),
        ({"destination": "amazonS3", "auth": {**KEY, "s3SecretKey": "in the open"}}, "a manifest holds a reference"),
        ({"destination": "amazonS3", "auth": {**ROLE, "s3Role": "export-role"}}, "should match pattern"),
        ({"destination": "amazonS3", "auth": {**ROLE, "s3AccessKey": "EXAMPLEKEY234567ABCD"}}, "s3AccessKey"),
        ({"destination": "azureBlob", "auth": KEY}, "ConnectionString"),
        ({"destination": "dataLandingZone", "auth": KEY}, "auth"),
        ({"destination": "dataLandingZone", "encryption": {"publicKey": "a2V5"}}, "encryption"),
        ({**ACCOUNTS["password"], "auth": {**ACCOUNTS["password"]["auth"], "port": 22}}, "port"),
        ({**ACCOUNTS["key"], "name": ""}, "at least 1 character"),
        ({**ACCOUNTS["key"], "nmae": "x"}, "nmae"),
    ],
)
def test_an_account_that_cannot_be_is_refused(spec: dict[str, Any], words: str) -> None:
    assert words in refusal("BaseConnection", spec)


def test_what_only_a_page_of_the_catalog_says_is_a_warning() -> None:
    url = {**ACCOUNTS["adls"], "auth": {**PRINCIPAL, "url": "https://example.blob.core.windows.net"}}
    short = {**ACCOUNTS["google"], "auth": {**GOOGLE, "accessKeyId": "GOOG1EXAMPLE"}}

    for spec, path in ((url, ("auth", "url")), (short, ("auth", "accessKeyId"))):
        (found,) = problems("BaseConnection", spec)
        assert (found.code, found.path, found.severity) == ("unusual-credentials", path, Severity.WARNING)
    assert problems("BaseConnection", ACCOUNTS["adls"]) == problems("BaseConnection", ACCOUNTS["google"]) == []


@pytest.mark.parametrize("kind", ["BaseConnection", "SourceConnection", "TargetConnection", "Dataflow"])
def test_a_description_must_not_look_like_a_mark(kind: str) -> None:
    found = problems(kind, {"description": "text [reconciler:shop/prod/Dataflow/orders#i1]"})

    assert [each.code for each in found] == ["mark-in-description"]


# --- sources ---


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ([], "at least 1 item"),
        ([{"id": "64B0"}], "should match pattern"),
        ([{}], "a dataset is written as"),
        ([{**DATASET, "name": "Orders"}], "a dataset is written as"),
        (["64b0c1d2e3f4a5b6c7d8e9f0"], "should be an object"),
    ],
)
def test_datasets_are_written_by_id_or_by_name(datasets: list[Any], words: str) -> None:
    assert accepted("SourceConnection", {"datasets": [DATASET, {"name": "Orders"}]})
    assert words in refusal("SourceConnection", {"datasets": datasets})


def test_a_dataset_is_listed_once() -> None:
    (found,) = problems("SourceConnection", {"datasets": (DATASET, {"name": "Orders"}, DATASET)})

    assert (found.code, found.path) == ("repeated-dataset", ("datasets", 2))


# --- targets ---

LOCATIONS: dict[str, dict[str, Any]] = {
    "amazonS3": {"bucketName": "example-exports", "path": "aep/orders"},
    "azureBlob": {"container": "exports", "path": "aep/orders"},
    "adlsGen2": {"path": "aep/orders"},
    "dataLandingZone": {"path": "orders"},
    "googleCloudStorage": {"bucketName": "example_exports", "path": "aep/orders"},
    "sftp": {"remotePath": "/upload/aep"},
}


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_destination_has_its_location(destination: str) -> None:
    location = LOCATIONS[destination]
    target = {"destination": destination, "baseConnection": "lake", **FORMAT}

    assert set(location) == set(DESTINATIONS[destination].location)
    assert accepted("TargetConnection", {**target, **location})
    for key in location:
        assert key in refusal(
            "TargetConnection", {**target, **{each: location[each] for each in location if each != key}}
        )


@pytest.mark.parametrize("name", ["abc", "example-exports", "exports.example.com", "1-2", "a" * 63])
def test_buckets_at_s3(name: str) -> None:
    assert accepted("TargetConnection", {**TARGET, **FORMAT, "bucketName": name})


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Example", "example_exports", "-abc", "abc-", "a..b", "a.-b", "192.168.5.4"]
)
def test_names_that_no_bucket_at_s3_can_have(name: str) -> None:
    assert "the name of a bucket" in refusal("TargetConnection", {**TARGET, **FORMAT, "bucketName": name})


@pytest.mark.parametrize("name", ["exports", "a-b-c", "abc", "a" * 63])
def test_containers_at_azure(name: str) -> None:
    spec = {**FORMAT, "destination": "azureBlob", "baseConnection": "lake", "container": name, "path": "a"}

    assert accepted("TargetConnection", spec)


@pytest.mark.parametrize("name", ["ab", "a" * 64, "a--b", "-abc", "abc-", "Exports", "a.b.c", "a_b"])
def test_names_that_no_container_can_have(name: str) -> None:
    spec = {**FORMAT, "destination": "azureBlob", "baseConnection": "lake", "container": name, "path": "a"}

    assert "the name of a container" in refusal("TargetConnection", spec)


@pytest.mark.parametrize("name", ["exports", "example_exports", "a.b", ".".join(["a" * 60] * 3), "a" * 63])
def test_buckets_at_google(name: str) -> None:
    spec = {**FORMAT, "destination": "googleCloudStorage", "baseConnection": "lake", "bucketName": name, "path": "a"}

    assert accepted("TargetConnection", spec)


@pytest.mark.parametrize(
    "name", ["goog-exports", "my-google-exports", "my-g00gle", "ab", "a" * 64, "a" * 64 + ".b", "_ab", "10.0.0.1", "A"]
)
def test_names_that_no_bucket_at_google_can_have(name: str) -> None:
    spec = {**FORMAT, "destination": "googleCloudStorage", "baseConnection": "lake", "bucketName": name, "path": "a"}

    assert "the name of a bucket" in refusal("TargetConnection", spec)


@pytest.mark.parametrize("path", ["aep orders", "aep\\orders", "50%", "a+b", "%DATASET%"])
def test_paths_at_s3_that_the_connection_spec_does_not_allow(path: str) -> None:
    assert accepted("TargetConnection", {**TARGET, **FORMAT, "path": "aep/(new)!-_.*'/%SEGMENT_NAME%/"})
    assert "should match pattern" in refusal("TargetConnection", {**TARGET, **FORMAT, "path": path})


def test_json_is_exported_compressed_only() -> None:
    uncompressed = {**TARGET, "datasetFileType": "JSON", "compression": "NONE"}
    (found,) = problems("TargetConnection", uncompressed)

    assert (found.code, found.path) == ("uncompressed-json", ("compression",))
    assert problems("TargetConnection", {**uncompressed, "datasetFileType": "PARQUET"}) == []
    assert problems("TargetConnection", {**uncompressed, "compression": "GZIP"}) == []


# --- dataflows ---


@pytest.mark.parametrize("every", ["3h", "6h", "8h", "9h", "12h", "1d"])
def test_rhythms_as_people_say_them(every: str) -> None:
    assert accepted("Dataflow", {**FLOW, "schedule": {**SCHEDULE, "every": every}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"every": "1h"}, "Input should be"),
        ({"every": "24h"}, "Input should be"),
        ({"once": True}, "either"),
        ({"every": None}, "either"),
        ({"end": None}, "end"),
        ({"start": "2028-01-01T00:00:00Z"}, "`end` is not after `start`"),
        ({"start": "2026-12-01"}, "a moment is written like"),
        ({"start": "2026-12-01T06:00:00"}, "a moment is written like"),
        ({"start": 1796104800}, "a moment is written like"),
        ({"start": "2026-12-01T06:00:00.5Z"}, "a moment is written like"),
        ({"start": "2026-13-01T06:00:00Z"}, "a moment is written like"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    schedule = {key: each for key, each in {**SCHEDULE, **change}.items() if each is not None}

    assert words in refusal("Dataflow", {**FLOW, "schedule": schedule})


def test_one_export_is_written_as_once() -> None:
    schedule = {key: each for key, each in SCHEDULE.items() if key != "every"}

    assert accepted("Dataflow", {**FLOW, "schedule": {**schedule, "once": True}})


@pytest.mark.parametrize(
    "template",
    ["%DESTINATION%/%DATASET_ID%/%DATETIME(YYYYMMdd_HHmmss)%", "%SANDBOX_NAME%/%EXPORT_TIME%", "/", "exports"],
)
def test_folders_may_hold_known_macros(template: str) -> None:
    assert accepted("Dataflow", {**FLOW, "folderTemplate": template})


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("%DATASET%", "is no macro"),
        ("%dataset_id%", "is no macro"),
        ("%DATETIME()%", "is no macro"),
        ("%DATASET_ID", "one is missing"),
    ],
)
def test_an_unknown_macro_is_refused(template: str, words: str) -> None:
    assert words in refusal("Dataflow", {**FLOW, "folderTemplate": template})


# --- the four in one ---


def parts(attributes: Document, **more: Any) -> dict[str, Resource]:  # noqa: ANN401
    expand = CATALOG.kind("adobe/DatasetExport").expand
    assert expand is not None
    return {each.address.kind: each for each in expand(resource("DatasetExport", attributes, **more))}


def frozen(value: Any) -> Any:  # noqa: ANN401
    match value:
        case dict() if value == SECRET:
            return Secret(source="env", name=SECRET["env"])
        case dict():
            return {key: frozen(each) for key, each in value.items()}
        case list():
            return tuple(frozen(each) for each in value)
        case _:
            return value


def test_an_export_expands_into_the_four() -> None:
    found = parts(frozen({**EXPORT, "name": "Orders", "description": "every six hours", "folderTemplate": "/"}))
    shown = {"name": "Orders", "description": "every six hours"}

    assert found["BaseConnection"].attributes == {**shown, "destination": "amazonS3", "auth": frozen(KEY)}
    assert found["SourceConnection"].attributes == {**shown, "datasets": (DATASET,)}
    assert found["TargetConnection"].attributes == {
        **shown,
        **TARGET,
        **FORMAT,
        "baseConnection": Ref(Address("adobe", "BaseConnection", "orders")),
    }
    assert found["Dataflow"].attributes == {
        **shown,
        "source": Ref(Address("adobe", "SourceConnection", "orders")),
        "target": Ref(Address("adobe", "TargetConnection", "orders")),
        "schedule": SCHEDULE,
        "folderTemplate": "/",
    }
    assert {str(each.origin) for each in found.values()} == {"adobe/DatasetExport/orders"}


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_the_parts_of_an_export_are_valid_manifests(destination: str) -> None:
    account = next(each for each in ACCOUNTS.values() if each["destination"] == destination)
    export = {**account, **LOCATIONS[destination], **FORMAT, "datasets": [DATASET], "schedule": SCHEDULE}
    assert accepted("DatasetExport", export)
    assert problems("DatasetExport", frozen(export)) == []

    for kind, part in parts(frozen(export)).items():
        assert accepted(kind, written(part.attributes))
        assert problems(kind, part.attributes) == []


def written(value: Any) -> Any:  # noqa: ANN401
    match value:
        case Secret():
            return {value.source: value.name}
        case Ref():
            return value.to.name
        case dict():
            return {key: written(each) for key, each in value.items()}
        case tuple():
            return [written(each) for each in value]
        case _:
            return value


def test_a_shared_account_is_no_part() -> None:
    shared = Ref(Address("adobe", "BaseConnection", "lake"))
    export = {**{key: each for key, each in frozen(EXPORT).items() if key != "auth"}, "baseConnection": shared}
    found = parts(export)

    assert problems("DatasetExport", export) == []
    assert set(found) == {"SourceConnection", "TargetConnection", "Dataflow"}
    assert found["TargetConnection"].attributes["baseConnection"] == shared


def test_an_export_has_one_account() -> None:
    shared = Ref(Address("adobe", "BaseConnection", "lake"))
    both = problems("DatasetExport", {**frozen(EXPORT), "baseConnection": shared})
    neither = problems("DatasetExport", {key: each for key, each in frozen(EXPORT).items() if key != "auth"})

    assert [(each.code, each.path) for each in both] == [("two-accounts", ("auth",))]
    assert [each.code for each in neither] == ["no-account"]


def test_only_the_dataflow_of_an_export_can_be_disabled() -> None:
    found = parts(frozen(EXPORT), lifecycle=Lifecycle(on_removal=OnRemoval.DISABLE, prevent_destroy=True))

    removals = {kind: part.lifecycle.on_removal for kind, part in found.items()}
    assert removals.pop("Dataflow") is OnRemoval.DISABLE
    assert set(removals.values()) == {OnRemoval.REPORT}
    assert all(part.lifecycle.prevent_destroy for part in found.values())


# --- settings ---

SETTINGS: dict[str, Any] = {
    "organization": "example@AdobeOrg",
    "sandbox": "prod",
    "credentials": {"clientId": "example-client", "clientSecret": {"env": "ADOBE_SECRET"}},
}


def test_settings_need_organization_sandbox_and_credentials() -> None:
    found = Settings.model_validate(SETTINGS)

    assert found.base_url == "https://platform.adobe.io"
    assert found.tokens_at == "https://ims-na1.adobelogin.com"
    assert ",".join(found.scopes) == "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"
    assert (found.destinations_limit, found.end_warning_days, found.allow_every_eight_hours) == (100, 30, False)


def test_a_stand_in_on_this_machine_issues_its_own_tokens() -> None:
    found = Settings.model_validate({**SETTINGS, "baseUrl": "http://127.0.0.1:8700/adobe"})
    other = Settings.model_validate({**SETTINGS, "baseUrl": "http://127.0.0.1:1", "tokenUrl": "http://127.0.0.1:2"})

    assert found.tokens_at == "http://127.0.0.1:8700/adobe"
    assert other.tokens_at == "http://127.0.0.1:2"


@pytest.mark.parametrize(
    "change",
    [
        {"organization": "example"},
        {"sandbox": "Prod"},
        {"sandbox": ""},
        {"baseUrl": "http://platform.adobe.io"},
        {"tokenUrl": "http://ims.example.com"},
        {"credentials": {"clientId": "a", "clientSecret": "in the open"}},
        {"destinationsLimit": 0},
        {"scopes": []},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**SETTINGS, **change})
