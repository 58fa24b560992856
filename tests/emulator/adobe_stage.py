"""A served Flow Service emulator and a plain HTTP caller that shares nothing with the product's client."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.emulator import Clock, Drop, JsonObject, Server
from reconciler.providers.adobe.emulator import Emulator, create

ORGANIZATION = "EXAMPLE@AdobeOrg"
CLIENT = "example-client-7731"
SECRET = "p8e-example-not-real"
BASE = "/data/foundation/flowservice"
CATALOG = "/data/foundation/catalog"
LAKE = {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"}
HOUR = 3600
DAY = 86_400
# What a clock that stands still shows at the start: 2026-01-05T08:00:00Z.
NOW = 1_767_600_000
LOCATION: JsonObject = {"bucketName": "example-drop", "path": "aep/orders"}
FORM: JsonObject = {"mode": "Server-to-server", "datasetFileType": "PARQUET", "compression": "GZIP"}
S3_AUTH: JsonObject = {
    "specName": "Access Key",
    "params": {"s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": "0123456789abcdefghijABCDEFGHIJ0123456789"},
}


@dataclass(frozen=True)
class Destination:
    """What differs between the six destinations."""

    spec: str
    flow_spec: str
    auths: tuple[JsonObject, ...]
    location: JsonObject
    bucket: str

    def reference(self) -> JsonObject:
        return {"id": self.spec, "version": "1.0"}


DESTINATIONS = {
    "s3": Destination(
        "4fce964d-3f37-408f-9778-e597338a21ee",
        "269ba276-16fc-47db-92b0-c1049a3c131f",
        (S3_AUTH, {"specName": "Assumed Role", "params": {"s3Role": "arn:aws:iam::111122223333:role/example"}}),
        LOCATION,
        "example-drop",
    ),
    "blob": Destination(
        "6d6b59bf-fb58-4107-9064-4d246c0e5bb2",
        "95bd8965-fc8a-4119-b9c3-944c2c2df6d2",
        (
            {
                "specName": "ConnectionString",
                "params": {
                    "connectionString": "DefaultEndpointsProtocol=https;AccountName=example;AccountKey=bm90LXJlYWw="
                },
            },
        ),
        {"container": "example-container", "path": "aep/orders"},
        "example-container",
    ),
    "adls": Destination(
        "be2c3209-53bc-47e7-ab25-145db8b873e1",
        "17be2013-2549-41ce-96e7-a70363bec293",
        (
            {
                "specName": "Azure Service Principal Auth",
                "params": {
                    "url": "abfss://example-lake@example.dfs.core.windows.net",
                    "tenant": "example-tenant",
                    "servicePrincipalId": "example-principal",
                    "servicePrincipalKey": "not-real-key",
                },
            },
        ),
        {"path": "aep/orders"},
        "example-lake",
    ),
    "dlz": Destination(
        "10440537-2a7b-4583-ac39-ed38d4b848e8",
        "cd2fc47e-e838-4f38-a581-8fff2f99b63a",
        (),
        {"path": "aep/orders"},
        "dlz-destination",
    ),
    "gcs": Destination(
        "c5d93acb-ea8b-4b14-8f53-02138444ae99",
        "585c15c4-6cbf-4126-8f87-e26bff78b657",
        (
            {
                "specName": "Google Cloud Storage authentication credentials",
                "params": {"accessKeyId": "GOOGEXAMPLE", "secretAccessKey": "not-real-secret"},
            },
        ),
        {"bucketName": "example_drop.data", "path": "aep/orders"},
        "example_drop.data",
    ),
    "sftp": Destination(
        "36965a81-b1c6-401b-99f8-22508f1e6a26",
        "354d6aad-4754-46e4-a576-1b384561c440",
        (
            {
                "specName": "SFTP with Password",
                "params": {"domain": "sftp.example", "username": "aep", "password": "not-real"},
            },
            {
                "specName": "SFTP with SSH Key",
                "params": {"domain": "sftp.example", "username": "aep", "sshKey": "Tk9ULVJFQUw="},
            },
        ),
        {"remotePath": "aep/orders"},
        "sftp.example",
    ),
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes

    @property
    def item(self) -> JsonObject:
        """The one object of a wrapped answer."""
        assert self.status == 200, self
        (found,) = self.body["items"]
        item: JsonObject = found
        return item

    @property
    def id(self) -> str:
        """The id of what was made."""
        assert self.status == 201, self
        return str(self.body["id"])

    @property
    def code(self) -> str:
        """`FLOW-1404-412` and the like."""
        return str(self.body["type"]).rpartition("/")[2]


class Stage:
    def __init__(self, emulator: Emulator, server: Server, sandbox: str) -> None:
        self.emulator = emulator
        self.server = server
        self.sandbox = sandbox
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self._token: str | None = None

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str | None] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """One request; `headers` change the usual ones, None leaves one out."""
        if not path.startswith(("/data/", "/ims/", "/_emulator/")):
            path = BASE + path
        path = quote(path, safe="/%?=&")
        if query:
            path = f"{path}?{urlencode(query)}"
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        usual: dict[str, str | None] = {**self.headers(), **(headers or {})}
        if content is not None and "Content-Type" not in usual:
            usual["Content-Type"] = "application/json"
        sent = {name: value for name, value in usual.items() if value is not None}
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

    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token()}",
            "x-api-key": CLIENT,
            "x-gw-ims-org-id": ORGANIZATION,
            "x-sandbox-name": self.sandbox,
        }

    def login(self, **changes: str) -> Reply:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": "openid,AdobeID",
            **changes,
        }
        sent: dict[str, str | None] = dict.fromkeys(self.headers())
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        return self.call("POST", "/ims/token/v3", headers=sent, raw=urlencode(form).encode())

    def token(self) -> str:
        if self._token is None:
            with self.emulator.world.lock:
                self._token = self.emulator.gate.issue(CLIENT)
        return self._token

    def get(self, path: str, **query: str) -> Reply:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: object = None, **query: str) -> Reply:
        return self.call("POST", path, body, query=query)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def patch(self, path: str, *ops: JsonObject, etag: str | None = None) -> Reply:
        """A patch with the present etag, or with the one given."""
        if etag is None:
            with self.emulator.world.lock:
                row = next(row for row in self.emulator.objects(path.split("/")[1]) if row["id"] == path.split("/")[2])
            etag = str(row["etag"])
        return self.call("PATCH", path, list(ops), headers={"If-Match": etag})

    def replace(self, path: str, field: str, value: object) -> Reply:
        return self.patch(path, {"op": "replace", "path": field, "value": value})

    def dataset(self, index: int = 0, *, eligible: bool = True) -> str:
        """The id of one of the datasets that the sandbox starts with."""
        rows = [
            row
            for row in self.emulator.objects("datasets")
            if row["sandboxName"] == self.sandbox and row["imsOrgId"] == ORGANIZATION and row["eligible"] == eligible
        ]
        return str(rows[index]["id"])

    def connection_body(self, kind: str = "s3", which: int = 0, **changes: object) -> JsonObject:
        destination = DESTINATIONS[kind]
        body: JsonObject = {
            "name": f"{kind} account",
            "description": "an account",
            "connectionSpec": destination.reference(),
        }
        if destination.auths:
            body["auth"] = destination.auths[which]
        return {**body, **changes}

    def connection(self, kind: str = "s3", **changes: object) -> str:
        return self.post("/connections", self.connection_body(kind, 0, **changes)).id

    def source_body(self, *datasets: str, **changes: object) -> JsonObject:
        listed = [{"dataSetId": id, "name": "a dataset"} for id in datasets or (self.dataset(),)]
        return {
            "name": "orders source",
            "description": "a source",
            "connectionSpec": LAKE,
            "params": {"datasets": listed},
            **changes,
        }

    def source(self, *datasets: str, **changes: object) -> str:
        return self.post("/sourceConnections", self.source_body(*datasets, **changes)).id

    def target_body(self, base: str | None = None, kind: str = "s3", **changes: object) -> JsonObject:
        destination = DESTINATIONS[kind]
        return {
            "name": "orders target",
            "description": "a target",
            "baseConnectionId": base or self.connection(kind),
            "connectionSpec": destination.reference(),
            "params": {**FORM, **destination.location},
            **changes,
        }

    def target(self, base: str | None = None, kind: str = "s3", **changes: object) -> str:
        return self.post("/targetConnections", self.target_body(base, kind, **changes)).id

    def flow_body(
        self, source: str | None = None, target: str | None = None, kind: str = "s3", **changes: object
    ) -> JsonObject:
        return {
            "name": "orders flow",
            "description": "a flow",
            "flowSpec": {"id": DESTINATIONS[kind].flow_spec, "version": "1.0"},
            "sourceConnectionIds": [source or self.source()],
            "targetConnectionIds": [target or self.target(kind=kind)],
            "transformations": [],
            "scheduleParams": schedule(),
            **changes,
        }

    def flow(self, source: str | None = None, target: str | None = None, kind: str = "s3", **changes: object) -> str:
        return self.post("/flows", self.flow_body(source, target, kind, **changes)).id

    def action(self, flow: str, op: str) -> Reply:
        return self.call("POST", f"/flows/{flow}/action", query={"op": op})

    def runs(self, flow: str) -> list[JsonObject]:
        found: list[JsonObject] = self.get("/runs", property=f"flowId=={flow}", limit="100").body["items"]
        return found

    def all(self, path: str, **query: str) -> list[JsonObject]:
        """Every page of a list."""
        found: list[JsonObject] = []
        reply = self.get(path, **query)
        while True:
            found += reply.body["items"]
            link = reply.body.get("_links", {}).get("next")
            if link is None:
                return found
            reply = self.call("GET", link["href"])

    def close(self) -> None:
        self._connection.close()


def schedule(**changes: object) -> JsonObject:
    """Every three hours, from an hour after the start of the clock for half a year."""
    return {
        "exportMode": "FIRST_FULL_THEN_INCREMENTAL",
        "timeUnit": "hour",
        "interval": 3,
        "startTime": NOW + HOUR,
        "endTime": NOW + 180 * DAY,
        **changes,
    }


def once(**changes: object) -> JsonObject:
    """One full export, an hour after the start of the clock."""
    return schedule(**{"exportMode": "DAILY_FULL_EXPORT", "timeUnit": "day", "interval": 0, **changes})


@contextmanager
def staged(
    positions: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    drop: Drop | None = None,
    clock: Clock | None = None,
    sandbox: str = "prod",
    **switches: str,
) -> Iterator[Stage]:
    """An emulator with a clock that stands still and tokens that last, unless told otherwise."""
    start = {"token_ttl": "999999999", **(positions or {}), **switches}
    emulator = create(switches=start, clock=clock or Clock.frozen(), folder=folder, drop=drop)
    with Server(emulator.app) as server:
        stage = Stage(emulator, server, sandbox)
        try:
            yield stage
        finally:
            stage.close()
