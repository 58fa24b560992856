"""What is particular to a folder, to Google Cloud Storage and to Azure, and what is said when a library is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from bucket_servers import free_port
from bucket_stub import bucket_stub
from delivery_places import AZURITE_ACCOUNT, AZURITE_KEY, azure_stand, azurite, gcs_stand, local_stand

from reconciler.deliveries import (
    AzureAccess,
    Changed,
    Contract,
    Format,
    GcsAccess,
    LibraryMissing,
    NotAllowed,
    NotThere,
    SftpAccess,
    SourceError,
    Unreachable,
    check_pieces,
    open_source,
    parse_location,
)

BIG = bytes(range(256)) * 40_000


def test_no_name_and_no_link_leads_out_of_a_folder(tmp_path: Path) -> None:
    stand = local_stand(tmp_path)
    stand.put("part.json", b"content")
    root = tmp_path / "drop" / "daily"
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    with stand.open() as source:
        found = [each.key for each in source.list()]
        beyond = list(source.list("../"))
        for key in ("link", "../../secret", "folder/secret", "/etc/passwd", "a/../../x", "", "pipe", ".", "x\0y"):
            with pytest.raises(NotThere):
                list(source.stream(key))
            with pytest.raises(NotThere):
                source.head(key)

    assert found == ["part.json"]
    assert beyond == []


def test_a_file_that_is_written_while_it_is_read_is_said(tmp_path: Path) -> None:
    stand = local_stand(tmp_path)
    stand.put("part.json", BIG)
    with stand.open() as source:
        pieces = source.stream("part.json")
        next(pieces)
        stand.put("part.json", b"shorter")
        with pytest.raises(Changed):
            list(pieces)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    stand = local_stand(tmp_path)
    stand.put("part.json", b"content")
    (tmp_path / "drop" / "daily" / "part.json").chmod(0)
    with stand.open() as source, pytest.raises(NotAllowed):
        list(source.stream("part.json"))


def test_the_mode_of_a_folder_is_its_posture(tmp_path: Path) -> None:
    stand = local_stand(tmp_path)
    root = tmp_path / "drop" / "daily"
    with stand.open() as source:
        root.chmod(0o755)
        everybody = source.posture().public_policy
        root.chmod(0o750)
        group = source.posture().public_policy

    assert (everybody, group) == (True, False)


def test_an_object_of_gcs_that_is_written_anew_is_not_mixed_with_the_old(tmp_path: Path) -> None:
    stand = gcs_stand(tmp_path)
    stand.put("part.json", BIG)
    with stand.open() as source:
        pieces = source.stream("part.json")
        next(pieces)
        stand.put("part.json", bytes(len(BIG)))
        with pytest.raises(Changed):
            list(pieces)


@pytest.mark.parametrize(("status", "kind"), [(401, NotAllowed), (403, NotAllowed), (400, SourceError)])
def test_refusals_of_gcs_are_told_apart(status: int, kind: type[SourceError]) -> None:
    with bucket_stub(refusals=[(status, "Refused")] * 9) as stub:
        source = open_source(parse_location("gs://example-drop/x"), GcsAccess(endpoint=stub.endpoint))
        with pytest.raises(SourceError) as refused:
            list(source.list())

    assert type(refused.value) is kind
    assert "secret words" not in str(refused.value)


def test_a_key_of_gcs_that_is_none_is_not_repeated() -> None:
    for key in ("hunter2", '{"private_key": "hunter2"}', "[]"):
        source = open_source(parse_location("gs://example-drop/x"), GcsAccess(service_account=key))
        with pytest.raises(NotAllowed) as refused:
            list(source.list())

        assert "hunter2" not in str(refused.value)


@pytest.mark.slow
def test_azure_takes_a_key_a_connection_string_and_a_signature(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - for the one signature

    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas  # noqa: PLC0415

    stand = azure_stand(tmp_path)
    stand.put("part.json", b"content")
    endpoint = _endpoint()
    sas = generate_account_sas(
        AZURITE_ACCOUNT,
        AZURITE_KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    accesses = [
        AzureAccess(connection_string=azurite()),
        AzureAccess(account_key=AZURITE_KEY, endpoint=endpoint),
        AzureAccess(sas_token=sas, endpoint=endpoint),
        AzureAccess(sas_token=f"?{sas}", endpoint=endpoint),
        AzureAccess(connection_string=f"BlobEndpoint={endpoint};SharedAccessSignature={sas}"),
    ]

    for access in accesses:
        with open_source(stand.location, access) as source:
            assert [each.key for each in source.list()] == ["part.json"]
            assert b"".join(source.stream("part.json")) == b"content"


def _endpoint() -> str:
    return next(each for each in azurite().split(";") if each.startswith("BlobEndpoint=")).partition("=")[2]


@pytest.mark.slow
def test_azure_refuses_what_is_wrong_and_nothing_of_it_is_repeated(tmp_path: Path) -> None:
    stand = azure_stand(tmp_path)
    endpoint = _endpoint()
    accesses = [
        AzureAccess(account_key="aHVudGVyMg==", endpoint=endpoint),
        AzureAccess(account_key="!hunter2!", endpoint=endpoint),
        AzureAccess(sas_token="sv=2024-01-01&sig=hunter2", endpoint=endpoint),
        AzureAccess(anonymous=True, endpoint=endpoint),
    ]
    for access in accesses:
        with open_source(stand.location, access) as source, pytest.raises(NotAllowed) as refused:
            list(source.list())

        assert "hunter2" not in str(refused.value)
        assert "aHVudGVyMg" not in str(refused.value)


@pytest.mark.slow
def test_azure_tells_a_closed_container_from_an_open_one(tmp_path: Path) -> None:
    from azure.storage.blob import BlobServiceClient, PublicAccess  # noqa: PLC0415

    stand = azure_stand(tmp_path)
    container = str(stand.location).split("/")[3]
    with stand.open() as source:
        closed = source.posture().listed_by_anyone
        client = BlobServiceClient.from_connection_string(azurite()).get_container_client(container)
        client.set_container_access_policy({}, public_access=PublicAccess.CONTAINER)
        opened = source.posture().listed_by_anyone

    assert (closed, opened) == (False, True)


@pytest.mark.slow
def test_a_blob_that_is_written_anew_is_said(tmp_path: Path) -> None:
    stand = azure_stand(tmp_path)
    stand.put("part.json", BIG)
    with stand.open() as source:
        before = source.head("part.json").etag
        stand.put("part.json", bytes(len(BIG)))
        with pytest.raises(Changed):
            source._open("part.json", 100, before)  # type: ignore[attr-defined]  # as after a break


def test_an_azure_account_that_is_not_there_is_unreachable() -> None:
    access = AzureAccess(account_key=AZURITE_KEY, endpoint=f"http://127.0.0.1:{free_port()}/{AZURITE_ACCOUNT}")
    source = open_source(parse_location(f"az://{AZURITE_ACCOUNT}/drop/x"), access)
    with pytest.raises(Unreachable):
        list(source.list())


@pytest.mark.parametrize(
    ("library", "url", "access"),
    [
        ("obstore", f"az://{AZURITE_ACCOUNT}/drop/x", AzureAccess(account_key=AZURITE_KEY)),
        ("paramiko", "sftp://files.example.org/x", SftpAccess(user="reader", password="right")),
    ],
)
def test_a_missing_library_is_said_with_what_to_install(
    library: str, url: str, access: AzureAccess | SftpAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    source = open_source(parse_location(url), access)
    with pytest.raises(LibraryMissing, match=r"`reconciler\[verify\]`"):
        list(source.list())


@pytest.mark.parametrize(
    ("library", "contract"),
    [("duckdb", Contract(name="c", format=Format.PARQUET)), ("jsonschema_rs", Contract(name="c", schema="{}"))],
)
def test_a_missing_library_ends_the_check(library: str, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.deliveries.schemas import compiled  # noqa: PLC0415 - what it remembers

    compiled.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LibraryMissing, match="not installed"):
        check_pieces(iter([b"PAR1"]), "object", contract)


@pytest.mark.slow
def test_a_server_of_gcs_that_is_not_there_is_unreachable() -> None:
    source = open_source(parse_location("gs://example-drop/x"), GcsAccess(endpoint=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(Unreachable):
        list(source.list())
