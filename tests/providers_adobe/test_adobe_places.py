"""Where a target's files lie, as far as what Adobe gives back tells, and what a manifest of files says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from adobe_client_stage import Stage, record, stage

from reconciler.deliveries import SftpAccess
from reconciler.providers.adobe.deliveries import Deliveries
from reconciler.providers.adobe.destinations import DESTINATIONS
from reconciler.providers.adobe.places import Lies, Places, below
from reconciler.sdk import Session
from reconciler.values import Expectation, Promised, Recognition, RunStatus, Told


@pytest.fixture(scope="module")
def it() -> Iterator[Stage]:
    with stage() as here:
        yield here


def of(it: Stage, destination: str, params: dict[str, object], auth: dict[str, object] | None = None) -> Lies:
    target = {"connectionSpec": {"id": DESTINATIONS[destination].spec}, "params": params}
    account = {"auth": {"params": auth or {}}}
    return Places(client_of(it.session)).of(target, account)


def client_of(session: Session):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the session's own
    return session._client  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("destination", "params", "auth", "url"),
    [
        (
            "amazonS3",
            {"bucketName": "example-exports", "path": "/aep//orders/"},
            {},
            "s3://example-exports/aep/orders/",
        ),
        ("googleCloudStorage", {"bucketName": "example_drop.a", "path": "aep"}, {}, "gs://example_drop.a/aep/"),
        (
            "adlsGen2",
            {"path": "aep/orders"},
            {"url": "abfss://example-lake@example.dfs.core.windows.net"},
            "az://example/example-lake/aep/orders/",
        ),
        ("sftp", {"remotePath": "aep/orders"}, {"domain": "sftp.example"}, "sftp://sftp.example/~/aep/orders"),
        (
            "sftp",
            {"remotePath": "/aep/orders/"},
            {"domain": "sftp.example:2222"},
            "sftp://sftp.example:2222/aep/orders",
        ),
    ],
)
def test_a_place_is_read_from_target_and_account(
    it: Stage, destination: str, params: dict[str, object], auth: dict[str, object], url: str
) -> None:
    assert of(it, destination, params, auth).url == url


@pytest.mark.parametrize(
    ("destination", "params", "auth"),
    [
        ("amazonS3", {"bucketName": "No Bucket", "path": "aep"}, {}),
        ("amazonS3", {"path": "aep"}, {}),
        ("azureBlob", {"container": "example-container", "path": "aep"}, {}),
        ("adlsGen2", {"path": "aep"}, {}),
        ("adlsGen2", {"path": "aep"}, {"url": "xxxx"}),
        ("adlsGen2", {"path": "aep"}, {"url": "https://example"}),
        ("adlsGen2", {"path": "aep"}, {"url": "s3://example-exports"}),
        ("sftp", {"remotePath": "aep"}, {"domain": "xxxx"}),
        ("sftp", {"remotePath": "aep"}, {"domain": "user@sftp.example"}),
        ("sftp", {"remotePath": 7}, {"domain": "sftp.example"}),
    ],
)
def test_what_adobe_does_not_give_back_leaves_the_place_open_with_a_reason(
    it: Stage, destination: str, params: dict[str, object], auth: dict[str, object]
) -> None:
    found = of(it, destination, params, auth)

    assert found.url is None
    assert found.why


def test_whoever_signs_in_at_a_server_is_known_and_the_password_is_not(it: Stage) -> None:
    found = of(it, "sftp", {"remotePath": "aep"}, {"domain": "sftp.example", "username": "aep", "password": "xxxx"})

    assert found.access == SftpAccess(user="aep")


def test_folders_below_a_server_are_escaped_and_those_in_a_bucket_are_not() -> None:
    assert below("sftp://sftp.example/~/aep", "a b/") == "sftp://sftp.example/~/aep/a%20b/"
    assert below("s3://example-exports/aep/", "a%20b/") == "s3://example-exports/aep/a%20b/"


def test_connections_deliver_nothing_by_themselves(it: Stage) -> None:
    found = it.session.expectations(record("TargetConnection", "id"), it.clock.now(), it.clock.now())

    assert tuple(found) == ()


# --- manifests ---

EXPECTATION = Expectation(
    address=record("Dataflow", "id").address,
    name="2026-11-20T06:00Z",
    recognition=Recognition(pattern=r"64b0/exportTime=202611200600/[^/]+\.json\.gz"),
    told=Told(status=RunStatus.COMPLETED, run="run-1"),
)


def manifested(it: Stage, results: object, run: str = "run-1") -> tuple[Promised, ...]:
    body = json.dumps({"flowRunId": run, "exportResults": results}).encode()
    return Deliveries(client_of(it.session)).manifested(EXPECTATION, body).recognition.promised


@pytest.mark.parametrize(
    "root", ["", "/", "aep/orders/", "/example-exports/aep/orders/", "s3://example-exports/aep/orders/"]
)
def test_a_manifest_names_the_files_wherever_their_paths_begin(it: Stage, root: str) -> None:
    listed = [
        {"sinkPath": f"{root}64b0/exportTime=202611200600", "name": "part-0.json.gz", "size": 12},
        {"sinkPath": f"{root}75b0/exportTime=202611200600", "name": "part-1.json.gz", "size": 13},
    ]

    assert manifested(it, listed) == (Promised(key="64b0/exportTime=202611200600/part-0.json.gz", size=12),)


@pytest.mark.parametrize(
    ("results", "run"), [([], "run-2"), ([{}], "run-1"), ([{"name": 7}], "run-1"), (["part"], "run-1")]
)
def test_a_manifest_of_something_else_is_refused(it: Stage, results: object, run: str) -> None:
    with pytest.raises(ValueError, match=r"flowRunId|name"):
        manifested(it, results, run)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(it: Stage, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"it (is no JSON|has no list)"):
        Deliveries(client_of(it.session)).manifested(EXPECTATION, body)
