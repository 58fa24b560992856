"""An example's folder, the stand-in Didomi on a real socket, and the program as people start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from reconciler.emulator import Server
from reconciler.providers.didomi.emulator import Emulator, create

ROOT = Path(__file__).parents[2]
KEY = '{"type":"service_account","project_id":"didomi-cmp"}'
TUTORIAL = "didomi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as it came over the wire, secrets included."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A copy of an example and the vendor that it talks to."""

    folder: Path
    emulator: Emulator
    environ: dict[str, str]

    def run(self, *words: str, expect: int = 0) -> str:
        """What the program prints on stdout."""
        ended = subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert ended.returncode == expect, f"{words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def objects(self) -> list[dict[str, Any]]:
        """All that the vendor holds of us."""
        collections = ("destinations", "configs", "integrations")
        return [each for name in collections for each in self.emulator.objects(name)]


@contextmanager
def example(name: str, folder: Path, *, organization: str = "example-org", url: str | None = None) -> Iterator[Example]:
    """A copy of the example `name`; `name` "." is the project at the top of the repository."""
    source = ROOT / name
    for part in ("reconciler.yaml", "specs", "overlays", "schemas"):
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part)
        elif (source / part).is_file():
            shutil.copy(source / part, folder / part)
    emulator = create(switches={"rate_limit": "off"})
    emulator.enrol(TUTORIAL, "k_tutorial", "s_tutorial_not_real")
    key, secret = emulator.credentials["key"], emulator.credentials["secret"]
    if organization == TUTORIAL:
        key, secret = "k_tutorial", "s_tutorial_not_real"
    with Server(emulator.app) as server:
        environ = {
            "PATH": os.environ["PATH"],
            "DIDOMI_URL": url or f"{server.url}/v1",
            "DIDOMI_ORGANIZATION": organization,
            "DIDOMI_KEY": key,
            "DIDOMI_SECRET": secret,
            "RECONCILER_SECRET_GCS_KEY": KEY,
            "RECONCILER_SECRET_ARCHIVE_KEY": KEY,
        }
        yield Example(folder=folder, emulator=emulator, environ=environ)


class _Recorder(BaseHTTPRequestHandler):
    """Passes every request on and keeps a copy."""

    protocol_version = "HTTP/1.1"
    upstream: str
    sent: list[Sent]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.sent.append(Sent(method=self.command, path=self.path.partition("?")[0], body=body))
        connection = HTTPConnection(self.upstream, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "content-length", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def recording(upstream: str) -> Iterator[tuple[str, list[Sent]]]:
    """The URL of a proxy before `upstream`, and what came through it: the stand-in's own log masks secrets."""
    sent: list[Sent] = []
    handler = type("Recorder", (_Recorder,), {"upstream": upstream.removeprefix("http://"), "sent": sent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
