"""Didomi's emulator on a real socket, and the real client before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator import Clock, Server
from reconciler.providers.didomi import PROVIDER
from reconciler.providers.didomi.emulator import Emulator, create
from reconciler.providers.didomi.settings import Settings
from reconciler.sdk import Connection, Handler, Order, Reply, Session, owned
from reconciler.transport import Gate, Transport
from reconciler.values import Address, Document, FieldChange, Observed, Record, Secret

ORGANIZATION = "example-org"
KEY = '{"type":"service_account","project_id":"example-data","private_key":"s3cret-s3cret-s3cret"}'
SECRETS = {"RECONCILER_SECRET_GCP": KEY, "RECONCILER_SECRET_NEXT": KEY.replace("s3cret", "n3xt00")}

S3: Document = {
    "typeId": "aws-s3-didomi",
    "name": "Consent lake",
    "description": "Daily consents",
    "config": {"accountId": "210987654321"},
}
GCP: Document = {
    "typeId": "gcp-storage",
    "name": "Consent drop",
    "config": {
        "projectId": "example-data",
        "bucketName": "example-drop",
        "key": Secret(source="env", name="RECONCILER_SECRET_GCP"),
    },
}
INTEGRATION: Document = {
    "typeId": "batch-exports-s3",
    "authentication": {"accountId": "210987654321"},
    "properties": {"frequency": 1, "data": ("users",)},
}


def config(*destinations: str, **more: Any) -> Document:  # noqa: ANN401
    return {
        "name": "Daily consents",
        "description": "What changed yesterday",
        "data": {"users": {"enabled": True}, "proofs": {"enabled": False}},
        "destinations": destinations,
        **more,
    }


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    json: Any
    headers: Mapping[str, str]


class Recording:
    """The real HTTP client, with a copy of everything that it is asked to send: secrets included, unlike any log."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.sent: list[Sent] = []

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
        self.sent.append(Sent(method, path, tuple(query), deepcopy(json), headers or {}))
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

    def order(self, kind: str, attributes: Document, name: str = "lake", **more: Any) -> Order:  # noqa: ANN401
        self.drawn += 1
        address = Address("didomi", kind, name)
        return Order(
            address=address,
            attributes=attributes,
            reveal=reveal,
            owner=owned(address, project="example", environment="prod", intent=f"i{self.drawn}"),
            now=self.clock.now(),
            **more,
        )

    def create(self, kind: str, attributes: Document, name: str = "lake") -> Observed:
        return self.handler(kind).create(self.order(kind, attributes, name))

    def update(self, kind: str, id: str, attributes: Document, *paths: tuple[str, ...]) -> Observed:
        fields = tuple(FieldChange(path=path, before=None, after=None) for path in paths)
        return self.handler(kind).update(self.order(kind, attributes, id=id, fields=fields))

    def bodies(self, method: str, path: str) -> list[dict[str, Any]]:
        return [entry.body for entry in self.emulator.world.log.entries(method, f"*{path}")]

    def requests(self) -> list[str]:
        return [f"{entry.method} {entry.path.removeprefix('/v1')}" for entry in self.emulator.world.log.entries()]


def reveal(secret: Secret) -> str:
    return {**SECRETS, "RECONCILER_SECRET_KEY": "k_demo_7731", "RECONCILER_SECRET_SECRET": "s_demo_not_real"}[
        secret.name
    ]


def record(kind: str, id: str, name: str = "lake") -> Record:
    return Record(address=Address("didomi", kind, name), id=id, scope=f"organization {ORGANIZATION}", applied={})


def settings(**more: Any) -> Settings:  # noqa: ANN401
    return Settings.model_validate(
        {
            "baseUrl": "http://127.0.0.1:1",
            "organizationId": ORGANIZATION,
            "credentials": {"key": {"env": "RECONCILER_SECRET_KEY"}, "secret": {"env": "RECONCILER_SECRET_SECRET"}},
            **more,
        }
    )


def connected(
    url: str,
    clock: Clock,
    gate: Gate,
    naps: list[float],
    **more: Any,  # noqa: ANN401
) -> tuple[Session, Recording]:
    def sleep(seconds: float) -> None:
        naps.append(seconds)
        clock.advance(seconds)

    transport = Transport(
        url, safe=PROVIDER.safe, gate=gate, pace=PROVIDER.pace, clock=clock.timestamp, now=clock.now, sleep=sleep
    )
    http = Recording(transport)
    connection = Connection(
        settings=settings(**more),
        http=http,
        elsewhere=lambda base_url: Transport(base_url, safe=PROVIDER.safe_elsewhere, gate=gate),
        reveal=reveal,
        now=clock.now,
        sleep=sleep,
    )
    return PROVIDER.connect(connection), http


@contextmanager
def stage(switches: Mapping[str, str] | None = None, *, opened: bool = True, **more: Any) -> Iterator[Stage]:  # noqa: ANN401
    clock, gate, naps = Clock.frozen(), Gate(), list[float]()
    emulator = create(switches=switches, clock=clock)
    if opened:
        gate.open()
    with Server(emulator.app) as server:
        session, http = connected(f"{server.url}/v1", clock, gate, naps, **more)
        with http.transport:
            yield Stage(emulator, session, gate, clock, naps, http.sent)
