"""Adobe, connected: handlers, checks before a plan is carried out, runs, and the state of the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.providers.adobe.base_connection import BaseConnections
from reconciler.providers.adobe.client import SANDBOXES, TOKEN, Client, segment
from reconciler.providers.adobe.connection_specs import ConnectionSpecs
from reconciler.providers.adobe.dataflow import Dataflows
from reconciler.providers.adobe.datasets import Datasets
from reconciler.providers.adobe.mapping import within
from reconciler.providers.adobe.preflight import Preflight
from reconciler.providers.adobe.runs import read_runs
from reconciler.providers.adobe.settings import Settings
from reconciler.providers.adobe.source_connection import SourceConnections
from reconciler.providers.adobe.target_connection import TargetConnections
from reconciler.sdk import (
    Check,
    Connection,
    CredentialsRefused,
    Handler,
    PermissionRefused,
    Run,
    Session,
    VendorError,
)
from reconciler.values import Expectation, Plan, Problem, Record, Snapshot

if TYPE_CHECKING:
    from reconciler.providers.adobe.deliveries import Deliveries


class AdobeSession(Session):
    """One sandbox of one organization."""

    def __init__(self, connection: Connection) -> None:
        assert isinstance(connection.settings, Settings), "the settings are of this provider's model"
        self._client = Client(connection.settings, connection)
        self._datasets = Datasets(self._client)
        self._specs = ConnectionSpecs(self._client)
        accounts = BaseConnections(self._client)
        self._handlers: dict[str, Handler] = {
            "BaseConnection": accounts,
            "SourceConnection": SourceConnections(self._client, self._datasets),
            "TargetConnection": TargetConnections(self._client, accounts),
            "Dataflow": Dataflows(self._client),
        }

    @property
    def scope(self) -> str:
        """Every object lies in one sandbox of one organization for good (Destinations API; documented)."""
        return f"organization {self._client.settings.organization}, sandbox {self._client.settings.sandbox}"

    def handler(self, kind: str) -> Handler:
        """The handler of a kind."""
        return self._handlers[kind]

    def preflight(self, plan: Plan, snapshot: Snapshot) -> Iterable[Problem]:
        """Adobe's own schemas, datasets that may not be exported, and the limit on destinations."""
        found = Preflight(client=self._client, datasets=self._datasets, specs=self._specs)
        return tuple(found.problems(plan, snapshot))

    def runs(self, record: Record) -> Iterable[Run]:
        """The last runs of a dataflow, newest first. Connections have none."""
        if record.id is None or record.address.kind != "Dataflow":
            return ()
        return read_runs(self._client, record.id)

    @cached_property
    def _deliveries(self) -> Deliveries:
        # Only `verify` pays for the room that reads files.
        from reconciler.providers.adobe.deliveries import Deliveries  # noqa: PLC0415

        return Deliveries(self._client)

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterable[Expectation]:
        """Every time that the schedule of a dataflow names, and every run."""
        return self._deliveries.expectations(record, since, now)

    def access(self, expectation: Expectation) -> object | None:
        """What opens a landing zone, and who signs in at an SFTP server."""
        return self._deliveries.access(expectation)

    def manifested(self, expectation: Expectation, key: str, body: bytes) -> Expectation:
        """The files that a manifest lists."""
        return self._deliveries.manifested(expectation, body)

    def doctor(self) -> Iterable[Check]:
        """The token, the sandbox, and what each permission shows."""
        return tuple(self._checks())

    def _checks(self) -> Iterator[Check]:
        settings = self._client.settings
        name = settings.sandbox
        path = f"{SANDBOXES}/{segment(name)}"
        try:
            body = self._client.body(self._client.send("GET", path), f"GET {path}")
        except CredentialsRefused as error:
            help = "make a new secret in Adobe's Developer Console, and compare organization and scopes"
            yield Check(subject="credentials", well=False, detail=error.message, help=help)
            return
        except VendorError as error:
            if error.request == f"POST {TOKEN.path}":
                help = "check `tokenUrl` and the network"
                yield Check(subject="credentials", well=False, detail=error.message, help=help)
                return
            yield Check(subject="credentials", well=True, detail=f"accepted for {settings.organization}")
            yield _of_sandbox(error)
        else:
            yield Check(subject="credentials", well=True, detail=f"accepted for {settings.organization}")
            state, kind = within(body, "state"), within(body, "type") or "sandbox"
            well = state == "active"
            yield Check(
                subject="sandbox",
                well=well,
                detail=f"`{name}` is {state or 'in no known state'}, a {kind} sandbox",
                help=None if well else "only an active sandbox can be worked with",
            )
        yield self._look("connections", "View Destinations", lambda: self._one("/connections"))
        yield self._look("dataflows", "View Destinations", lambda: self._one("/flows"))
        yield self._look("datasets", "View Datasets", lambda: self._datasets.page(0, 1))

    def _one(self, path: str) -> object:
        return self._client.body(self._client.send("GET", path, query=[("limit", "1")]), f"GET {path}")

    @staticmethod
    def _look(subject: str, permission: str, ask: Callable[[], object]) -> Check:
        try:
            ask()
        except (PermissionRefused, CredentialsRefused) as error:
            help = f"give the credential's role the permission `{permission}`"
            return Check(subject=subject, well=False, detail=error.message, help=help)
        except VendorError as error:
            return Check(subject=subject, well=False, detail=error.message, help="check `baseUrl` and the network")
        return Check(subject=subject, well=True, detail="readable")


def _of_sandbox(error: VendorError) -> Check:
    """The sandbox's own route is another service: that we may not ask it does no harm by itself."""
    well = error.status == 403
    help = None if well else "check `sandbox`; names are all lower-case"
    return Check(subject="sandbox", well=well, detail=error.message, help=help)
