"""SFTP in particular: passwords, keys, and servers that must prove who they are."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import asyncssh
import pytest
from bucket_servers import free_port
from delivery_places import sftp_server, sftp_stand

from reconciler.deliveries import (
    Location,
    NotAllowed,
    SftpAccess,
    SourceError,
    Unreachable,
    UntrustedHost,
    open_source,
    parse_location,
)


@pytest.fixture
def where(tmp_path: Path) -> Location:
    stand = sftp_stand(tmp_path)
    stand.put("part.json", b"content")
    return stand.location


def keys(where: Location, access: SftpAccess) -> list[str]:
    with open_source(where, access) as source:
        return [each.key for each in source.list()]


def test_a_password_a_key_and_a_locked_key_let_in(where: Location) -> None:
    there = sftp_server()
    packed = base64.b64encode(there.key.encode()).decode()
    accesses = [
        SftpAccess(user="reader", password="right", host_key=there.host_key),
        SftpAccess(user="reader", private_key=there.key, host_key=there.host_key),
        SftpAccess(user="reader", private_key=packed, host_key=there.host_key),
        SftpAccess(user="reader", private_key=there.locked_key, passphrase="open sesame", host_key=there.host_key),
    ]

    assert [keys(where, each) for each in accesses] == [["part.json"]] * 4


def test_wrong_passwords_and_keys_are_not_allowed(where: Location) -> None:
    there = sftp_server()
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    accesses = [
        SftpAccess(user="reader", password="wrong", host_key=there.host_key),
        SftpAccess(user="other", password="right", host_key=there.host_key),
        SftpAccess(user="reader", private_key=stranger, host_key=there.host_key),
        SftpAccess(user="reader", private_key=there.locked_key, host_key=there.host_key),
        SftpAccess(user="reader", private_key=there.locked_key, passphrase="wrong", host_key=there.host_key),
        SftpAccess(user="reader", private_key="no key at all", host_key=there.host_key),
        SftpAccess(user="reader", host_key=there.host_key),
    ]
    for access in accesses:
        with pytest.raises(NotAllowed) as refused:
            keys(where, access)

        assert "wrong" not in str(refused.value)


def test_a_server_is_known_by_its_key_its_fingerprint_or_a_file(where: Location, tmp_path: Path) -> None:
    there = sftp_server()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{there.port} {there.host_key}")
    accesses = [
        SftpAccess(user="reader", password="right", host_key=there.host_key),
        SftpAccess(user="reader", password="right", host_key=f"127.0.0.1 {there.host_key}"),
        SftpAccess(user="reader", password="right", host_key=there.fingerprint),
        SftpAccess(user="reader", password="right", known_hosts=str(known)),
    ]

    assert [keys(where, each) for each in accesses] == [["part.json"]] * 4


def test_a_server_that_is_not_known_gets_no_password(where: Location, tmp_path: Path) -> None:
    there = sftp_server()
    other = asyncssh.generate_private_key("ssh-ed25519")
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{there.port} {other.export_public_key().decode()}")
    empty = tmp_path / "empty"
    empty.write_text("")
    accesses = [
        SftpAccess(user="reader", password="right", host_key=other.export_public_key().decode()),
        SftpAccess(user="reader", password="right", host_key=other.get_fingerprint()),
        SftpAccess(user="reader", password="right", known_hosts=str(known)),
        SftpAccess(user="reader", password="right", known_hosts=str(empty)),
        SftpAccess(user="reader", password="right", known_hosts=str(tmp_path / "missing")),
        SftpAccess(user="reader", password="right", host_key="ssh-ed25519 not-a-key"),
        SftpAccess(user="reader", password="right", host_key="hello"),
    ]
    for access in accesses:
        with pytest.raises(UntrustedHost):
            keys(where, access)


def test_an_unknown_servers_fingerprint_is_said_so_that_it_can_be_compared(where: Location, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    with pytest.raises(UntrustedHost) as refused:
        keys(where, SftpAccess(user="reader", password="right", known_hosts=str(empty)))

    assert sftp_server().fingerprint.rstrip("=") in str(refused.value)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    there = parse_location(f"sftp://127.0.0.1:{free_port()}/x")
    with pytest.raises(Unreachable):
        keys(there, SftpAccess(user="reader", password="right", host_key=sftp_server().host_key))


def test_links_are_neither_listed_nor_read_and_no_name_leads_out(tmp_path: Path) -> None:
    stand = sftp_stand(tmp_path)
    stand.put("part.json", b"content")
    home = sftp_server().root / str(stand.location).rpartition("/daily")[0].rpartition("/")[2]
    (home / "secret").write_text("secret")
    (home / "daily" / "link").symlink_to(home / "secret")
    (home / "daily" / "folder").symlink_to(home)
    with stand.open() as source:
        found = [each.key for each in source.list()]
        refused = []
        for key in ("link", "../secret", "/secret", "a/../../secret", ""):
            try:
                list(source.stream(key))
            except SourceError as error:
                refused.append(type(error).__name__)

    assert found == ["part.json"]
    assert refused == ["NotThere"] * 5


def test_a_source_works_again_after_it_was_closed(where: Location) -> None:
    source = open_source(where, SftpAccess(user="reader", password="right", host_key=sftp_server().host_key))
    first = [each.key for each in source.list()]
    source.close()

    assert [each.key for each in source.list()] == first
    source.close()


def test_the_home_is_a_place_too(where: Location) -> None:
    there = sftp_server()
    home = parse_location(f"sftp://127.0.0.1:{there.port}/~/{os.path.basename(str(where).rpartition('/')[0])}/daily")  # noqa: PTH119 - of a URL

    assert keys(home, SftpAccess(user="reader", password="right", host_key=there.host_key)) == ["part.json"]
