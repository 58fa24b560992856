"""An S3 server of a few lines that can be told to refuse, to cut and to change its mind; it notes what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Stub:
    """One bucket with one object, `drop/part.json`."""

    body: bytes = b""
    etag: str = '"e1"'
    requester_pays: bool = False
    cuts: list[int] = field(default_factory=list)
    """After how many bytes to hang up, one entry for each answer, oldest first; then no more cuts."""
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Status and code of the next answers."""
    change_after: int | None = None
    """After this many gets the object has another etag."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    endpoint: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        stub = self.stub
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(headers.get("content-length", 0)))
        stub.asked.append((self.command, self.path, headers))
        if stub.refusals:
            self._refuse(*stub.refusals.pop(0))
        elif stub.requester_pays and headers.get("x-amz-request-payer") != "requester":
            self._refuse(403, "AccessDenied")
        elif "list-type=2" in self.path:
            self._list()
        else:
            self._object(headers)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names of the library

    def _refuse(self, status: int, code: str) -> None:
        if code == "HTML":
            self._send(status, b"<html><body>secret words<br></body></html>", {"Content-Type": "text/html"})
            return
        body = f"<Error><Code>{code}</Code><Message>secret words</Message></Error>".encode()
        self._send(status, body, {"Content-Type": "application/xml"})

    def _list(self) -> None:
        stub = self.stub
        body = (
            "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>drop/part.json</Key>"
            f"<LastModified>2026-11-21T10:00:00.000Z</LastModified><ETag>{stub.etag}</ETag>"
            f"<Size>{len(stub.body)}</Size></Contents></ListBucketResult>"
        )
        self._send(200, body.encode(), {"Content-Type": "application/xml"})

    def _object(self, headers: dict[str, str]) -> None:
        stub = self.stub
        if stub.change_after is not None:
            if stub.change_after <= 0:
                stub.etag = '"e2"'
            stub.change_after -= 1
        if headers.get("if-match") not in (None, stub.etag):
            self._refuse(412, "PreconditionFailed")
            return
        start = 0
        if found := headers.get("range"):
            start = int(found.removeprefix("bytes=").partition("-")[0])
        told = {"ETag": stub.etag, "Last-Modified": formatdate(0, usegmt=True)}
        self._send(206 if found else 200, stub.body[start:], told)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.stub.cuts and "ETag" in headers:
            self.wfile.write(body[: self.stub.cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)


@contextmanager
def bucket_stub(**settings: object) -> Iterator[Stub]:
    """A server with one bucket, which ends with the block."""
    stub = Stub(**settings)  # type: ignore[arg-type]  # as the fields say
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": stub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    stub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
