"""
Stand-ins for Vault and Google Secret Manager, written from their public references and sharing nothing with the client.

Vault: developer.hashicorp.com, "KV Secrets Engine - Version 2 (API)": read secret version, read secret metadata.
Google: cloud.google.com, Secret Manager REST reference: projects.secrets.versions get and access; OAuth's token route.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


Answer = tuple[int, Mapping[str, object]]


@dataclass(slots=True)
class VaultStandIn:
    """Versions of each path, the newest last; None is a deleted version."""

    token: str = "hvs.canary-token-77"
    versions: dict[str, list[Mapping[str, object] | None]] = field(default_factory=dict)
    namespace: str | None = None
    hides_metadata: bool = False
    sealed: bool = False
    reply: Callable[[Asked], Answer] | None = None
    """What answers instead."""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def write(self, path: str, **entries: object) -> None:
        """Store a new version."""
        self.versions.setdefault(path, []).append(entries)

    def answer(self, asked: Asked) -> Answer:
        """What Vault says."""
        self.asked.append(asked)
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if asked.headers.get("x-vault-token") != self.token or asked.headers.get("x-vault-namespace") != self.namespace:
            return 403, {"errors": ["permission denied"]}
        version, mount, kind, *rest = asked.path.strip("/").split("/")
        assert version == "v1"
        held = self.versions.get("/".join([mount, *rest]), [])
        if kind == "metadata" and self.hides_metadata:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if not held or kind not in {"data", "metadata"}:
            return 404, {"errors": []}
        if kind == "metadata":
            versions = {str(number): _metadata(each) for number, each in enumerate(held, 1)}
            return 200, _wrapped({"current_version": len(held), "oldest_version": 0, "versions": versions})
        number = int(asked.query.get("version", len(held))) or len(held)
        if number > len(held):
            return 404, {"errors": []}
        found = held[number - 1]
        metadata = {**_metadata(found), "custom_metadata": None, "version": number}
        return 200 if found is not None else 404, _wrapped({"data": found, "metadata": metadata})


def _metadata(version: Mapping[str, object] | None) -> dict[str, object]:
    deleted = "" if version is not None else "2026-11-02T00:00:00.000000000Z"
    return {"created_time": "2026-11-01T00:00:00.000000000Z", "deletion_time": deleted, "destroyed": False}


def _wrapped(data: Mapping[str, object]) -> dict[str, object]:
    return {"request_id": "a1", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data, "warnings": None}


@dataclass(slots=True)
class GoogleStandIn:
    """Versions of each secret, the newest last; None is a disabled version."""

    token: str = "ya29.canary-token-88"
    number: str = "123456789"
    versions: dict[str, list[str | bytes | None]] = field(default_factory=dict)
    hides_metadata: bool = False
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def write(self, name: str, value: str | bytes) -> None:
        """Store a new version."""
        self.versions.setdefault(name, []).append(value)

    def answer(self, asked: Asked) -> Answer:
        """What Google says."""
        self.asked.append(asked)
        if asked.path == "/token":
            assert "grant-type%3Ajwt-bearer" in asked.body
            return 200, {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _google_error(401, "UNAUTHENTICATED")
        name, _, rest = asked.path.removeprefix("/v1/").rpartition("/versions/")
        wanted, _, verb = rest.partition(":")
        if not verb and self.hides_metadata:
            return _google_error(403, "PERMISSION_DENIED")
        held = self.versions.get(name, [])
        number = len(held) if wanted == "latest" else int(wanted)
        if not 1 <= number <= len(held):
            return _google_error(404, "NOT_FOUND")
        # The project's number stands in the answer whatever the request says.
        parts = name.split("/")
        full = f"projects/{self.number}/secrets/{parts[3]}/versions/{number}"
        value = held[number - 1]
        if not verb:
            return 200, {
                "name": full,
                "createTime": "2026-11-01T00:00:00Z",
                "state": "ENABLED" if value else "DISABLED",
            }
        if value is None:
            return _google_error(400, "FAILED_PRECONDITION")
        content = value if isinstance(value, bytes) else value.encode()
        return 200, {"name": full, "payload": {"data": base64.b64encode(content).decode(), "dataCrc32c": "1"}}

    def credentials(self, folder: Path) -> Path:
        """A service account's file whose token route is this server."""
        key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = folder / "account.json"
        account = {
            "type": "service_account",
            "project_id": "example",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "exports@example.iam.example.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(account), encoding="utf-8")
        return path


def _google_error(status: int, word: str) -> Answer:
    return status, {"error": {"code": status, "message": f"Secret Manager says {word}", "status": word}}


@contextmanager
def serving(stand_in: VaultStandIn | GoogleStandIn) -> Iterator[None]:
    """The stand-in at a loopback address, in its `url`."""

    def answer(asked: Asked) -> Answer:
        other = stand_in.reply if isinstance(stand_in, VaultStandIn) else None
        return (other or stand_in.answer)(asked)

    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(answer: Callable[[Asked], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, document = answer(Asked(method=method, path=parts.path, query=query, headers=headers, body=body))
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
