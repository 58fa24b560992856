"""Every kind of exchange with the Flow Service emulator, written down to be checked against Adobe's own files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from adobe_stage import BASE, CATALOG, DESTINATIONS, FORM, HOUR, LAKE, LOCATION, S3_AUTH, Reply, Stage, once, schedule

from reconciler.emulator import Clock, Server
from reconciler.providers.adobe.emulator import create

CONFIGS = {"outputType": "activationDatasets", "outputField": "datasets"}
ENCRYPTION = {"specName": "File Encryption", "params": {"encryptionAlgo": "PGP/GPG", "publicKey": "TkVW"}}


@dataclass(frozen=True)
class Exchange:
    method: str
    path: str
    headers: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: Any
    status: int
    answer: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path} {json.dumps(self.body)[:300]} -> {self.status}"


class Recorder(Stage):
    """A stage that writes down what is said."""

    exchanges: list[Exchange]

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
        reply = super().call(method, path, body, query=query, headers=headers, raw=raw)
        sent = {**self.headers(), "Content-Type": "application/json", **(headers or {})}
        plain, _, text = path.partition("?")
        pairs = [*parse_qsl(text), *(query.items() if isinstance(query, Mapping) else query)]
        self.exchanges.append(
            Exchange(
                method,
                plain if plain.startswith("/data/") else BASE + plain,
                {name: value for name, value in sent.items() if value is not None},
                pairs,
                body,
                reply.status,
                reply.body,
            )
        )
        return reply


@cache
def exchanges() -> tuple[Exchange, ...]:
    """Everything an account can be made to say, with the emulator as it is by default."""
    emulator = create(switches={"token_ttl": "999999999"}, clock=Clock.frozen())
    with Server(emulator.app) as server:
        stage = Recorder(emulator, server, "prod")
        stage.exchanges = []
        for kind in DESTINATIONS:
            _life(stage, kind)
        _special(stage)
        _refusals(stage)
        stage.close()
        return tuple(stage.exchanges)


def _life(stage: Recorder, kind: str) -> None:
    """One chain from its creation to its end."""
    for which in range(1, len(DESTINATIONS[kind].auths)):
        stage.get(f"/connections/{stage.post('/connections', stage.connection_body(kind, which)).id}")
    base = stage.connection(kind)
    source, target = stage.source(), stage.target(base, kind)
    flow = stage.flow(source, target, kind)
    stage.emulator.advance(5 * HOUR)
    ids = {"connections": base, "sourceConnections": source, "targetConnections": target, "flows": flow}
    for name, id in ids.items():
        stage.get(f"/{name}/{id}")
        stage.get(f"/{name}", limit="2", orderby="-name", count="false")
        stage.get(f"/{name}", property="state==enabled")
        stage.get(f"/{name}", count="true")
        stage.replace(f"/{name}/{id}", "/name", "renamed")
        stage.patch(f"/{name}/{id}", {"op": "add", "path": "/description", "value": "said"})
        stage.patch(f"/{name}/{id}", {"op": "remove", "path": "/description"})
        stage.get(f"/{name}/{id}")
    stage.get(f"/connections/{base}/test")
    if DESTINATIONS[kind].auths:
        stage.replace(f"/connections/{base}", "/auth/params", DESTINATIONS[kind].auths[0]["params"])
    stage.replace(f"/targetConnections/{target}", "/params", {**FORM, **DESTINATIONS[kind].location})
    new = stage.source(stage.dataset(1))
    stage.patch(
        f"/flows/{flow}",
        {"op": "replace", "path": "/sourceConnectionIds", "value": [new]},
        {"op": "replace", "path": "/scheduleParams", "value": schedule(interval=12)},
    )
    stage.action(flow, "disable")
    stage.action(flow, "enable")
    stage.get("/runs", property=f"flowId=={flow}", limit="1")
    stage.get(f"/runs/{stage.runs(flow)[0]['id']}")
    for name, id in (("flows", flow), ("targetConnections", target), ("sourceConnections", new), ("connections", base)):
        stage.delete(f"/{name}/{id}")
        stage.get(f"/{name}/{id}")


def _special(stage: Recorder) -> None:
    """What is not part of a chain's life."""
    encrypted = stage.post("/connections", stage.connection_body(encryption=ENCRYPTION)).id
    stage.get(f"/connections/{encrypted}")
    plain = {**LOCATION, "datasetFileType": "JSON", "compression": "GZIP"}
    stage.get(f"/targetConnections/{stage.target(params=plain)}")
    stage.emulator.fail_next_run()
    for sent in (
        once(foldernameTemplate="%DATASET_ID%/%EXPORT_TIME%"),
        schedule(timeUnit="day", interval=1),
        schedule(interval=9),
    ):
        flow = stage.flow(scheduleParams=sent)
        stage.get(f"/flows/{flow}")
    stage.emulator.advance(5 * HOUR)
    stage.get("/runs", limit="100")
    for kind in ("connections", "flows", "flowSpecs"):
        stage.post(f"/{kind}/search", {"queryString": "name==x", "limit": 10, "orderby": "name", "count": False})
        stage.post(f"/{kind}/search", {"count": True})
    for kind, id in (("connectionSpecs", DESTINATIONS["s3"].spec), ("flowSpecs", DESTINATIONS["s3"].flow_spec)):
        stage.get(f"/{kind}")
        stage.get(f"/{kind}/{id}")
    stage.get(f"/connectionSpecs/{LAKE['id']}/configs", **CONFIGS, start="0", limit="5")
    stage.get(f"/connectionSpecs/{LAKE['id']}/configs", **CONFIGS, properties="name,state")
    stage.get(f"{CATALOG}/dataSets", limit="5", start="5", properties="name")
    stage.get(f"{CATALOG}/dataSets/{stage.dataset()}")


def _refusals(stage: Recorder) -> None:
    """Errors of every kind."""
    stage.call("GET", "/flows", headers={"Authorization": "Bearer nonsense"})
    stage.call("GET", "/flows", headers={"x-api-key": "nobody"})
    stage.get("/flows/none")
    stage.get("/connections/none")
    stage.patch(f"/flows/{stage.flow()}", {"op": "replace", "path": "/name", "value": "x"}, etag='"old"')
    stage.post("/connections", stage.connection_body(connectionSpec={"id": "none", "version": "1.0"}))
    stage.post("/connections", stage.connection_body(connectionSpec={"id": DESTINATIONS["s3"].spec}))
    stage.post("/connections", stage.connection_body(auth={**S3_AUTH, "specName": "none"}))
    stage.get(f"{CATALOG}/dataSets/none")
    stage.get("/flows", limit="500")
