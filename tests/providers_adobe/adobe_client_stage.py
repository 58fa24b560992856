"""Adobe's emulator on a real socket, and the real session before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator import Clock, Server
from reconciler.providers.adobe import PROVIDER
from reconciler.providers.adobe.emulator import Emulator, create
from reconciler.providers.adobe.settings import Settings
from reconciler.sdk import Connection, Handler, Order, Reply, SafeRequest, Session, owned
from reconciler.transport import Gate, Transport
from reconciler.values import Address, Document, FieldChange, Observed, Record, Secret, Value

ORGANIZATION = "EXAMPLE@AdobeOrg"
FLOW = "/data/foundation/flowservice"
ORDERS = "48aad6e13b470cd6d7be4089"
CUSTOMERS = "32bf8b308ed4c507d5927c54"
SECRETS = {
    "ADOBE_SECRET": "p8e-example-not-real",
    "RECONCILER_SECRET_S3": "0123456789abcdefghijABCDEFGHIJ0123456789",
    "RECONCILER_SECRET_NEXT": "9876543210jihgfedcbaJIHGFEDCBA9876543210",
    "RECONCILER_SECRET_SFTP": "sftp-example-not-real",
}

ZONE: Document = {"destination": "dataLandingZone", "name": "Zone"}
S3: Document = {
    "destination": "amazonS3",
    "name": "Lake",
    "auth": {
        "specName": "Access Key",
        "s3AccessKey": "EXAMPLEKEY234567ABCD",
        "s3SecretKey": Secret(source="env", name="RECONCILER_SECRET_S3"),
    },
}
SOURCE: Document = {"name": "Orders", "description": "what the shop sells", "datasets": ({"id": ORDERS},)}
SCHEDULE: Document = {"every": "6h", "start": "2026-02-01T00:00:00Z", "end": "2027-02-01T00:00:00Z"}


def target(base: str, **more: Value) -> Document:
    return {
        "destination": "dataLandingZone",
        "name": "Orders out",
        "baseConnection": base,
        "path": "orders",
        "datasetFileType": "PARQUET",
        "compression": "GZIP",
        **more,
    }


def flow(source: str, target: str, **more: Value) -> Document:
    return {"name": "Orders", "source": source, "target": target, "schedule": SCHEDULE, **more}


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    json: Any
    form: Mapping[str, str] | None
    headers: Mapping[str, str]


class Recording:
    """The real HTTP client, with a copy of everything that it is asked to send: secrets included, unlike any log."""

    def __init__(self, transport: Transport, sent: list[Sent]) -> None:
        self.transport = transport
        self.sent = sent

    def hide(self, secret: str) -> None:
        self.transport.hide(secret)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        self.sent.append(Sent(method, path, tuple(query), deepcopy(json), form, headers or {}))
        return self.transport.request(
            method, path, query=query, json=json, form=form, headers=headers, repeatable=repeatable
        )


@dataclass
class Stage:
    emulator: Emulator
    session: Session
    gate: Gate
    clock: Clock
    naps: list[float]
    sent: list[Sent]
    drawn: int = field(default=0)

    def handler(self, kind: str) -> Handler:
        return self.session.handler(kind)

    def order(self, kind: str, attributes: Document, name: str = "orders", **more: Any) -> Order:  # noqa: ANN401
        self.drawn += 1
        address = Address("adobe", kind, name)
        return Order(
            address=address,
            attributes=attributes,
            owner=owned(address, project="example", environment="prod", intent=f"i{self.drawn}"),
            now=self.clock.now(),
            **{"reveal": reveal, **more},
        )

    def create(self, kind: str, attributes: Document, name: str = "orders") -> Observed:
        order = self.order(kind, attributes, name)
        handler = self.handler(kind)
        made = handler.create(self.order(kind, attributes, name, memo=handler.prepare(order)))
        while (found := handler.read(made.id)) is None or found.settling is not None:
            self.clock.advance(1)
        return found

    def update(self, kind: str, before: Observed, attributes: Document, *keys: str, **more: Any) -> Observed:  # noqa: ANN401
        fields = tuple(FieldChange(path=(key,), before=None, after=None) for key in keys)
        order = self.order(kind, attributes, id=before.id, fields=fields, observed=before, **more)
        return self.handler(kind).update(order)

    def export(self) -> tuple[Observed, Observed, Observed, Observed]:
        """An account, a source, a target and a dataflow at Data Landing Zone."""
        base = self.create("BaseConnection", ZONE)
        source = self.create("SourceConnection", SOURCE)
        out = self.create("TargetConnection", target(base.id))
        return base, source, out, self.create("Dataflow", flow(source.id, out.id))

    def requests(self) -> list[str]:
        log = self.emulator.world.log
        return [f"{entry.method} {entry.path.removeprefix(FLOW)}" for entry in log.entries()]

    def switch(self, **positions: str) -> None:
        with self.emulator.world.lock:
            self.emulator.world.switches.set(positions)


def reveal(secret: Secret) -> str:
    return SECRETS[secret.name]


def record(kind: str, id: str, applied: Document | None = None) -> Record:
    scope = f"organization {ORGANIZATION}, sandbox prod"
    return Record(address=Address("adobe", kind, "orders"), id=id, scope=scope, applied=applied or {})


def settings(**more: Any) -> Settings:  # noqa: ANN401
    return Settings.model_validate(
        {
            "baseUrl": "http://127.0.0.1:1",
            "organization": ORGANIZATION,
            "sandbox": "prod",
            "credentials": {"clientId": "example-client-7731", "clientSecret": {"env": "ADOBE_SECRET"}},
            **more,
        }
    )


@contextmanager
def connected(
    url: str,
    clock: Clock,
    gate: Gate,
    naps: list[float],
    **more: Any,  # noqa: ANN401
) -> Iterator[tuple[Session, list[Sent]]]:
    sent: list[Sent] = []
    opened: list[Transport] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        clock.advance(seconds)

    def reach(base_url: str, safe: Sequence[SafeRequest]) -> Recording:
        transport = Transport(base_url, safe=safe, gate=gate, clock=clock.timestamp, now=clock.now, sleep=sleep)
        opened.append(transport)
        return Recording(transport, sent)

    connection = Connection(
        settings=settings(baseUrl=url, **more),
        http=reach(url, PROVIDER.safe),
        elsewhere=lambda base_url: reach(base_url, PROVIDER.safe_elsewhere),
        reveal=reveal,
        now=clock.now,
        sleep=sleep,
    )
    try:
        yield PROVIDER.connect(connection), sent
    finally:
        for each in opened:
            each.close()


@contextmanager
def stage(switches: Mapping[str, str] | None = None, *, opened: bool = True, **more: Any) -> Iterator[Stage]:  # noqa: ANN401
    clock, gate, naps = Clock.frozen(), Gate(), list[float]()
    emulator = create(switches=switches, clock=clock)
    if opened:
        gate.open()
    with Server(emulator.app) as server, connected(server.url, clock, gate, naps, **more) as (session, sent):
        yield Stage(emulator, session, gate, clock, naps, sent)
