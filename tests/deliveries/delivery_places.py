"""Places with files, on loopback sockets: what a test puts there, a source of ours must find."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import asyncssh
import pytest
from bucket_servers import free_port, s3_client, server

from reconciler.deliveries import (
    Access,
    AzureAccess,
    GcsAccess,
    Location,
    Place,
    S3Access,
    SftpAccess,
    Source,
    open_source,
    parse_location,
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stand:
    """A place of one kind with nothing in it, and how to put something there."""

    location: Location
    access: Access | None
    put: Callable[[str, bytes], None]
    missing: Location
    """The same server, and a bucket, container or folder that it does not have."""

    def open(self) -> Source:
        return open_source(self.location, self.access)

    @property
    def place(self) -> Place:
        return Place(location=self.location, access=self.access)


def local_stand(folder: Path) -> Stand:
    root = folder / "drop" / "daily"
    root.mkdir(parents=True)
    return Stand(parse_location(f"file://{root}"), None, _writer(root), parse_location(f"file://{folder}/nowhere"))


def s3_stand(folder: Path) -> Stand:
    there = server("s3")
    url = there.bucket()
    client = s3_client(there.endpoint)

    def put(key: str, body: bytes) -> None:
        client.put_object(Bucket=url.removeprefix("s3://"), Key=f"daily/{key}", Body=body)

    access = S3Access(access_key_id="AK", secret_access_key="SK", endpoint=there.endpoint)
    return Stand(parse_location(f"{url}/daily"), access, put, parse_location("s3://example-nowhere/daily"))


def gcs_stand(folder: Path) -> Stand:
    there = server("gs")
    url = there.bucket()

    def put(key: str, body: bytes) -> None:
        name = urllib.parse.quote(f"daily/{key}", safe="")
        bucket = url.removeprefix("gs://")
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{there.endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", body, method="POST"
        )
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - as above

    access = GcsAccess(endpoint=there.endpoint)
    return Stand(parse_location(f"{url}/daily"), access, put, parse_location("gs://example-nowhere/daily"))


def sftp_stand(folder: Path) -> Stand:
    there = sftp_server()
    root = there.root / f"home-{next(_numbers)}" / "daily"
    root.mkdir(parents=True)
    base = f"sftp://127.0.0.1:{there.port}/{root.parent.name}"
    access = SftpAccess(user="reader", password="right", host_key=there.host_key)
    return Stand(parse_location(f"{base}/daily"), access, _writer(root), parse_location(f"{base}/nowhere"))


def azure_stand(folder: Path) -> Stand:
    connection = azurite()
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 - half a second, for one kind of place

    service = BlobServiceClient.from_connection_string(connection)
    container = f"example-{os.getpid()}-{next(_numbers)}"
    service.create_container(container)

    def put(key: str, body: bytes) -> None:
        service.get_blob_client(container, f"daily/{key}").upload_blob(body, overwrite=True)

    access = AzureAccess(connection_string=connection)
    location = parse_location(f"az://{AZURITE_ACCOUNT}/{container}/daily")
    return Stand(location, access, put, parse_location(f"az://{AZURITE_ACCOUNT}/example-nowhere/daily"))


STANDS: dict[str, Callable[[Path], Stand]] = {
    "local": local_stand,
    "s3": s3_stand,
    "gcs": gcs_stand,
    "sftp": sftp_stand,
    "azure": azure_stand,
}
EVERYWHERE = [pytest.param(each, marks=pytest.mark.slow) if each == "azure" else each for each in STANDS]


def _writer(root: Path) -> Callable[[str, bytes], None]:
    def put(key: str, body: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    return put


@dataclass(frozen=True)
class SftpServer:
    """A server in this process. `reader` signs in with the password `right` or with `key`."""

    port: int
    root: Path
    host_key: str
    fingerprint: str
    key: str
    locked_key: str


@cache
def sftp_server() -> SftpServer:
    """One for the whole test process; its thread and folder end with it."""
    root = Path(_kept(TemporaryDirectory(prefix="reconciler-sftp-")).name)
    host = asyncssh.generate_private_key("ssh-ed25519")
    user = asyncssh.generate_private_key("ssh-ed25519")
    authorized = asyncssh.import_authorized_keys(user.export_public_key().decode())
    started: list[int] = []
    ready = threading.Event()

    class Gate(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("reader", "right")

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:  # type: ignore[type-arg]  # its own alias
            super().__init__(channel, chroot=str(root).encode())

    async def serve() -> None:
        listening = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Gate,
            server_host_keys=[host],
            authorized_client_keys=authorized,
            sftp_factory=Files,
        )
        started.append(listening.get_port())
        ready.set()
        await listening.wait_closed()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    assert ready.wait(10)
    return SftpServer(
        port=started[0],
        root=root,
        host_key=host.export_public_key().decode(),
        fingerprint=host.get_fingerprint(),
        key=user.export_private_key().decode(),
        locked_key=user.export_private_key(passphrase="open sesame").decode(),
    )


AZURITE_ACCOUNT = "devstoreaccount1"
# Published by Microsoft for this emulator, so no secret.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def _azurite_command() -> list[str] | None:
    """`azurite-blob` from the path or from the folder that RECONCILER_AZURITE names (where npm has put it)."""
    folder = os.environ.get("RECONCILER_AZURITE")
    found = shutil.which("azurite-blob", path=f"{folder}/node_modules/.bin" if folder else None)
    return [found] if found else None


@cache
def azurite() -> str:
    """The connection string of an Azurite that ends with this process."""
    command = _azurite_command()
    if command is None:
        pytest.skip("`azurite-blob` is not installed (`npm install azurite`, and RECONCILER_AZURITE=<that folder>)")
    port = free_port()
    words = ["--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--blobHost", "127.0.0.1"]
    process = subprocess.Popen([*command, *words, "--blobPort", str(port)], stdout=subprocess.DEVNULL)
    _kept(_Ended(process))
    endpoint = f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"
    ends = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            break
        except OSError:
            assert time.monotonic() < ends, "Azurite does not answer"
            time.sleep(0.1)
    return (
        f"DefaultEndpointsProtocol=http;AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};BlobEndpoint={endpoint};"
    )


class _Ended:
    """A process that is ended with what keeps it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def cleanup(self) -> None:
        self._process.terminate()
        self._process.wait()


class _Cleaned(Protocol):
    def cleanup(self) -> None: ...


_keeping: list[_Cleaned] = []
_Kept = TypeVar("_Kept", bound=_Cleaned)


def _end() -> None:
    for each in _keeping:
        each.cleanup()


def _kept(what: _Kept) -> _Kept:
    if not _keeping:
        import atexit  # noqa: PLC0415 - only when there is something to end

        atexit.register(_end)
    _keeping.append(what)
    return what


@contextmanager
def public_bucket(name: str) -> Iterator[None]:
    """Everybody may list and read the bucket of the S3 server while the block runs."""
    client = s3_client(server("s3").endpoint)
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}],
    }
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    try:
        yield
    finally:
        client.delete_bucket_policy(Bucket=name)
