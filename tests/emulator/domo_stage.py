"""A served Domo emulator and a plain HTTP caller that shares nothing with the product's client."""

import csv
import gzip
import http.client
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from reconciler.emulator import Clock, JsonObject, MemoryDrop, Server
from reconciler.providers.domo.emulator import Emulator, create
from reconciler.providers.domo.emulator.example import ORDERS, TOKEN

START = 1_767_600_000_000  # 2026-01-05T08:00:00Z, where a clock that stands still stands
BUCKET = "example-lake"
REGION = "eu-west-3"
KEYS = {"awsAccessKey": "AKIAEXAMPLEKEYID0001", "awsAccessSecret": "not-a-real-secret"}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes


class Stage:
    def __init__(self, emulator: Emulator, server: Server) -> None:
        self.emulator = emulator
        self.server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        if query:
            path = f"{path}?{urlencode(query)}"
        sent = {} if token is None else {"X-DOMO-Developer-Token": token}
        sent = sent if headers is None else dict(headers)
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            self._connection.request(method, path, content, sent)
            response = self._connection.getresponse()
            answered = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        try:
            document = json.loads(answered) if answered else None
        except ValueError:
            document = None
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, document, headers, answered)

    def start(self, body: object = None, *, dataset: str = ORDERS, token: str = TOKEN) -> Reply:
        sent = export_body() if body is None else body
        return self.call("POST", f"/api/query/v1/export/{dataset}", sent, token=token)

    def listed(self, dataset: str = ORDERS) -> list[JsonObject]:
        found: list[JsonObject] = self.call("GET", f"/api/query/v1/export/{dataset}").body
        return found

    def exported(self, body: object = None, *, dataset: str = ORDERS, token: str = TOKEN) -> JsonObject:
        """Start an export, let it end, and read how."""
        id = self.start(body, dataset=dataset, token=token).body["exportId"]
        self.emulator.advance(100)
        return next(job for job in self.listed(dataset) if job["exportId"] == id)

    def execute(self, query: object, *, dataset: str = ORDERS, token: str = TOKEN, **more: object) -> Reply:
        return self.call("POST", f"/api/query/v1/execute/{dataset}", {"query": query, **more}, token=token)

    def selected(self, query: object, *, dataset: str = ORDERS) -> list[list[Any]]:
        reply = self.execute(query, dataset=dataset)
        assert reply.status == 200, reply
        rows: list[list[Any]] = reply.body["rows"]
        return rows

    def files(self) -> dict[str, bytes]:
        """What was delivered to memory, by key."""
        assert isinstance(self.emulator.drop, MemoryDrop)
        return {key: content for (_, key), content in self.emulator.drop.objects.items()}

    def only_file(self) -> bytes:
        (content,) = self.files().values()
        return content

    def close(self) -> None:
        self._connection.close()


def column(name: str) -> dict[str, object]:
    return {"exprType": "COLUMN", "column": name}


def text(value: str) -> dict[str, object]:
    return {"exprType": "STRING_VALUE", "value": value}


def number(value: object) -> dict[str, object]:
    return {"exprType": "NUMERIC_VALUE", "value": value}


def compared(kind: str, left: object, right: object, **more: object) -> dict[str, object]:
    return {"exprType": kind, "leftExpr": left, "rightExpr": right, **more}


def query_of(*names: str, **more: object) -> dict[str, object]:
    columns = [column(name) for name in names or ("order_id", "region")]
    return {"columns": columns, "groupByColumns": [], "orderByColumns": [], **more}


def export_body(query: object = None, *, bom: bool = False, **changes: object) -> dict[str, Any]:
    asked = {"includeBOM": bom, "useCache": True, "query": query or query_of()}
    body = {**KEYS, "bucket": BUCKET, "path": "domo/orders", "region": REGION, "queryRequest": asked, **changes}
    return {name: value for name, value in body.items() if value is not ...}


def rows_of(content: bytes) -> list[list[str]]:
    """The lines of a file, packed or not, without a mark in front."""
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return list(csv.reader(io.StringIO(plain.decode("utf-8-sig"), newline="")))


@contextmanager
def staged(
    positions: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    clock: Clock | None = None,
    s3_endpoint: str | None = None,
    seed: int = 0,
) -> Iterator[Stage]:
    """An emulator with a clock that stands still; files go to memory unless told otherwise."""
    emulator = create(
        switches=positions, clock=clock or Clock.frozen(), folder=folder, s3_endpoint=s3_endpoint, seed=seed
    )
    with Server(emulator.app) as server:
        stage = Stage(emulator, server)
        try:
            yield stage
        finally:
            stage.close()
