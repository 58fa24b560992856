"""Places as values read from URLs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import (
    AzureAccess,
    AzureLocation,
    GcsAccess,
    GcsLocation,
    LocalFolder,
    NotAllowed,
    NotALocation,
    S3Access,
    S3Location,
    SftpAccess,
    SftpLocation,
    open_source,
    parse_location,
)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://example-drop", S3Location(bucket="example-drop")),
        ("s3://example-drop/", S3Location(bucket="example-drop")),
        ("s3://example-drop/a b/c%20d", S3Location(bucket="example-drop", prefix="a b/c%20d/")),
        ("s3://example-drop//a", S3Location(bucket="example-drop", prefix="/a/")),
        ("gs://example_drop.example.org/x/", GcsLocation(bucket="example_drop.example.org", prefix="x/")),
        ("az://exampleaccount/drop/x", AzureLocation(account="exampleaccount", container="drop", prefix="x/")),
        (
            "abfss://drop@exampleaccount.dfs.core.windows.net/x/y",
            AzureLocation(account="exampleaccount", container="drop", prefix="x/y/"),
        ),
        (
            "abfss://drop@exampleaccount.dfs.core.usgovcloudapi.net",
            AzureLocation(account="exampleaccount", container="drop", suffix="core.usgovcloudapi.net"),
        ),
        ("sftp://files.example.org/in/box", SftpLocation(host="files.example.org", path="/in/box")),
        ("sftp://files.example.org", SftpLocation(host="files.example.org", path="/")),
        ("sftp://files.example.org:2222/%C3%A9", SftpLocation(host="files.example.org", port=2222, path="/é")),
        ("sftp://[::1]:2222/x", SftpLocation(host="[::1]", port=2222, path="/x")),
        ("sftp://[::1]/x", SftpLocation(host="[::1]", path="/x")),
        ("sftp://files.example.org/~/in", SftpLocation(host="files.example.org", path="in")),
        ("sftp://files.example.org/~", SftpLocation(host="files.example.org", path=".")),
        ("file:///var/drop%20box", LocalFolder(path=Path("/var/drop box"))),
    ],
)
def test_an_address_is_a_place(url: str, location: object) -> None:
    found = parse_location(url)

    assert found == location
    assert parse_location(str(found)) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3",
        "s3://",
        "s3:///prefix",
        "s3://Bucket_With_CAPS/x",
        "s3://bucket\n/x",
        "gs://b",
        "az://account",
        "az://account/c",
        "az://Account/container",
        "abfss://container@account.blob.core.windows.net/x",
        "abfss://account.dfs.core.windows.net/x",
        "sftp://user@files.example.org/x",
        "sftp://user:hunter2@files.example.org/x",
        "sftp://files.example.org:0/x",
        "sftp://files.example.org:99999/x",
        "sftp://files.example.org:x/x",
        "sftp://-host/x",
        "sftp:///x",
        "sftp://files.example.org/a%00b",
        "file://relative",
        "file:///a%0Ab",
        "https://hunter2:hunter2@example.org/x",
        "ftp://files.example.org/x",
    ],
)
def test_what_is_no_place_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(NotALocation) as refused:
        parse_location(url)

    assert "hunter2" not in str(refused.value)


def test_a_relative_folder_is_one_of_the_project() -> None:
    assert parse_location("file://drop/daily", Path("/project")) == LocalFolder(path=Path("/project/drop/daily"))


_NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
_PATHS = st.lists(_NAMES, max_size=4).map("/".join)
_BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True)
_LOCATIONS = st.one_of(
    st.builds(S3Location, bucket=_BUCKETS, prefix=_PATHS.map(lambda path: f"{path}/" if path else "")),
    st.builds(GcsLocation, bucket=_BUCKETS, prefix=_PATHS.map(lambda path: f"{path}/" if path else "")),
    st.builds(
        AzureLocation,
        account=st.from_regex(r"[a-z0-9]{3,24}", fullmatch=True),
        container=st.from_regex(r"[a-z0-9]{3,20}", fullmatch=True),
        prefix=_PATHS.map(lambda path: f"{path}/" if path else ""),
        suffix=st.sampled_from(["core.windows.net", "core.chinacloudapi.cn"]),
    ),
    st.builds(
        SftpLocation,
        host=st.just("files.example.org"),
        path=_PATHS.map(lambda path: f"/{path}"),
        port=st.integers(1, 65535),
    ),
    st.builds(LocalFolder, path=_PATHS.map(lambda path: Path(f"/{path}"))),
)


@given(_LOCATIONS)
def test_a_place_is_read_back_from_what_it_prints(location: S3Location) -> None:
    assert parse_location(str(location)) == location


@given(st.text(max_size=60), st.sampled_from(["", "s3://", "gs://", "az://", "abfss://", "sftp://", "file://"]))
def test_any_text_is_a_place_or_refused(text: str, scheme: str) -> None:
    try:
        location = parse_location(scheme + text)
    except NotALocation:
        return

    assert str(location).partition("://")[0] in ("s3", "gs", "az", "abfss", "sftp", "file")


def test_access_to_another_kind_of_place_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError):
        open_source(parse_location("s3://example-drop"), GcsAccess())
    with pytest.raises(TypeError):
        open_source(parse_location("file:///x"), S3Access())
    with pytest.raises(NotAllowed, match="who signs in"):
        open_source(parse_location("sftp://files.example.org/x"))


def test_secrets_are_in_no_repr() -> None:
    accesses = [
        S3Access(access_key_id="AK", secret_access_key="hunter2", session_token="hunter2", external_id="hunter2"),
        GcsAccess(service_account="hunter2"),
        AzureAccess(connection_string="hunter2", account_key="hunter2", sas_token="hunter2", client_secret="hunter2"),
        SftpAccess(user="reader", password="hunter2", private_key="hunter2", passphrase="hunter2"),
    ]

    assert "hunter2" not in repr(accesses)
