"""A served Didomi emulator and a plain HTTP caller that shares nothing with the product's client."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from reconciler.emulator import Clock, JsonObject, Server
from reconciler.providers.didomi.emulator import Emulator, create

ORGANIZATION = "example-org"
S3 = {
    "organization_id": ORGANIZATION,
    "name": "consent-lake",
    "description": "daily consents",
    "type_id": "aws-s3-didomi",
    "config": {"account_id": "210987654321"},
}
GCP = {
    "organization_id": ORGANIZATION,
    "name": "consent-gcs",
    "description": "daily consents",
    "type_id": "gcp-storage",
    "config": {"project_id": "example-data", "bucket_name": "example-drop", "key": '{"type":"service_account"}'},
}
INTEGRATION = {
    "type_id": "batch-exports-s3",
    "authentication": {"account_id": "210987654321"},
    "properties": {"frequency": 1, "data": ["users"]},
    "mappings": [],
}
DAY = 86_400


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
        self._token: str | None = None

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        if query:
            path = f"{path}?{urlencode(query)}"
        sent = {"Authorization": f"Bearer {self.token()}"} if headers is None else dict(headers)
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
        return Reply(
            response.status, document, {name.lower(): value for name, value in response.getheaders()}, answered
        )

    def login(self) -> Reply:
        sent = {"type": "api-key", "key": "k_demo_7731", "secret": "s_demo_not_real"}
        return self.call("POST", "/v1/sessions", sent, headers={})

    def token(self) -> str:
        if self._token is None:
            with self.emulator.world.lock:
                self._token = self.emulator.sessions.issue("k_demo_7731", ORGANIZATION)
        return self._token

    def destination(self, **changes: object) -> JsonObject:
        reply = self.call("POST", "/v1/exports/destinations", {**S3, **changes})
        assert reply.status in (200, 201), reply
        row: JsonObject = reply.body
        return row

    def config_body(self, *destinations: str, **changes: object) -> dict[str, object]:
        return {
            "organization_id": ORGANIZATION,
            "name": "daily-consents",
            "description": "what changed",
            "data": {"users": {"enabled": True}, "proofs": {"enabled": False}},
            "destinations_id": list(destinations),
            **changes,
        }

    def config(self, **changes: object) -> JsonObject:
        body = self.config_body(self.destination()["id"], **changes)
        reply = self.call("POST", "/v1/exports/configs", body)
        assert reply.status in (200, 201), reply
        row: JsonObject = reply.body
        return row

    def listed(self, collection: str = "destinations", **query: str) -> list[JsonObject]:
        body = self.call("GET", f"/v1/exports/{collection}", query={"organization_id": ORGANIZATION, **query}).body
        found: list[JsonObject] = body if isinstance(body, list) else body["data"]
        return found

    def ids(self, collection: str = "destinations", **query: str) -> list[str]:
        return [row["id"] for row in self.listed(collection, **query)]

    def events(self, *events: object, single: bool = False, **query: str) -> Reply:
        body = events[0] if single else list(events)
        return self.call("POST", "/v1/consents/events", body, query={"organization_id": ORGANIZATION, **query})

    def consents(self, method: str, path: str, body: object = None, **query: str) -> Reply:
        return self.call(method, f"/v1/consents/{path}", body, query={"organization_id": ORGANIZATION, **query})

    def user(self, name: str = "user-1") -> JsonObject:
        row: JsonObject = self.consents("GET", f"users/{name}", **{"$by_organization_user_id": "true"}).body
        return row

    def logs(self, export: str) -> list[JsonObject]:
        body = self.call("GET", "/v1/exports/logs", query={"export_id": export, "organization_id": ORGANIZATION}).body
        found: list[JsonObject] = body if isinstance(body, list) else body["data"]
        return found

    def close(self) -> None:
        self._connection.close()


def event(id: str | None = "e-1", when: str = "2026-01-02T10:00:00Z", **changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "created_at": when,
        "user": {"organization_user_id": "user-1"},
        "consents": {"purposes": [{"id": "newsletter", "enabled": True}]},
        **changes,
    }
    return made if id is None else {"id": id, **made}


@contextmanager
def staged(
    positions: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    clock: Clock | None = None,
    **switches: str,
) -> Iterator[Stage]:
    """An emulator with a clock that stands still, no rate limit and tokens that last, unless told otherwise."""
    start = {"rate_limit": "off", "token_ttl": "999999999", **(positions or {}), **switches}
    emulator = create(switches=start, clock=clock or Clock.frozen(), folder=folder)
    with Server(emulator.app) as server:
        stage = Stage(emulator, server)
        try:
            yield stage
        finally:
            stage.close()
