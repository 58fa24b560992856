"""Didomi, connected: handlers, checks before a plan is carried out, runs, and the state of the connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.collection import Collection
from reconciler.providers.didomi.destination import Destinations
from reconciler.providers.didomi.export_config import ExportConfigs
from reconciler.providers.didomi.imports.handler import EventImports
from reconciler.providers.didomi.integration import Integrations
from reconciler.providers.didomi.mapping import Row, instant
from reconciler.providers.didomi.preflight import preflight, read_features, read_quotas
from reconciler.providers.didomi.settings import LOGS, Settings
from reconciler.sdk import Check, Connection, CredentialsRefused, Handler, Run, Session, VendorError
from reconciler.values import DeliveryRules, Expectation, Plan, Problem, Record, Snapshot

if TYPE_CHECKING:
    from reconciler.providers.didomi.deliveries import Deliveries

_STATUSES = frozenset({"pending", "completed", "failed"})

# A token lives for an hour and is renewed five minutes early, so a minute is far from doing harm.
_MOST_SKEW = 60.0


class DidomiSession(Session):
    """One organization."""

    def __init__(self, connection: Connection) -> None:
        assert isinstance(connection.settings, Settings), "the settings are of this provider's model"
        self._client = Client(connection.settings, connection.http, connection.reveal, connection.now)
        collections: dict[str, Collection] = {
            "Destination": Destinations(self._client),
            "ExportConfig": ExportConfigs(self._client),
            "Integration": Integrations(self._client, connection.settings.gcp_fields_in),
        }
        imports = EventImports(self._client, connection.root, connection.sleep, connection.at_once)
        self._handlers: dict[str, Handler] = {**collections, "EventImport": imports}
        self._collections = collections

    @property
    def scope(self) -> str:
        """The organization."""
        return f"organization {self._client.organization}"

    def handler(self, kind: str) -> Handler:
        """The handler of a kind."""
        return self._handlers[kind]

    def preflight(self, plan: Plan, snapshot: Snapshot) -> Iterable[Problem]:
        """Products that must be enabled, and quotas."""
        return tuple(preflight(self._client, plan, snapshot))

    def runs(self, record: Record) -> Iterable[Run]:
        """
        The run log of an export, newest first. Destinations have none.

        `pending` is running, `completed` delivered, `failed` says why (Didomi, Batch export: Logs; documented). Order,
        times and paging are not documented.
        """
        route = LOGS.get(record.address.kind)
        if route is None or record.id is None:
            return ()
        query = [("export_id", record.id), ("organization_id", self._client.organization)]
        rows = [row for row in self._client.page(route, query) if row.get("export_id", record.id) == record.id]
        newest_first = sorted(rows, key=lambda row: str(row.get("created_at") or ""), reverse=True)
        return tuple(_run(row) for row in newest_first)

    @cached_property
    def _deliveries(self) -> Deliveries:
        # Only `verify` pays for the room that reads files.
        from reconciler.providers.didomi.deliveries import Deliveries  # noqa: PLC0415

        return Deliveries(self._client, self._collections)

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterable[Expectation]:
        """One partition of each day and destination. Destinations deliver nothing by themselves."""
        return self._deliveries.expectations(record, since, now)

    def access(self, expectation: Expectation) -> object | None:
        """The role of a bucket that Didomi owns."""
        return self._deliveries.access(expectation)

    def contract(self, expectation: Expectation, rules: DeliveryRules) -> object | None:
        """Didomi's export record."""
        return self._deliveries.contract(expectation, rules)

    def doctor(self) -> Iterable[Check]:
        """The session, the clock, the organization, its products and quotas, and the export routes."""
        return tuple(self._checks())

    def _checks(self) -> Iterator[Check]:
        features: tuple[Row, ...] = ()
        trouble: VendorError | None = None
        try:
            features = read_features(self._client)
        except CredentialsRefused as error:
            yield Check(subject="API key", well=False, detail=error.message, help="make a new key in Didomi's console")
            return
        except VendorError as error:
            trouble = error
        yield from self._session_checks(trouble)
        yield from self._feature_checks(features, trouble)
        yield self._quota_check()
        yield from self._route_checks()

    def _session_checks(self, trouble: VendorError | None) -> Iterator[Check]:
        if trouble is not None and trouble.request == "POST /sessions":
            yield Check(subject="API key", well=False, detail=trouble.message, help="check `baseUrl` and the network")
            return
        yield Check(subject="API key", well=True, detail=f"accepted for {self.scope}")
        ahead = self._client.clock_ahead
        if ahead is not None:
            well = abs(ahead) <= _MOST_SKEW
            word = "ahead of" if ahead > 0 else "behind"
            yield Check(
                subject="clock",
                well=well,
                detail="agrees with Didomi's" if well else f"{abs(ahead):.0f} s {word} Didomi's",
                help=None if well else "set this machine's clock by NTP",
            )

    def _feature_checks(self, features: tuple[Row, ...], trouble: VendorError | None) -> Iterator[Check]:
        if trouble is not None:
            yield Check(
                subject="organization",
                well=False,
                detail=trouble.message,
                help="check `organizationId`; a key belongs to one organization",
            )
            return
        mine = [
            row
            for row in features
            if row.get("organization_id", self._client.organization) == self._client.organization
        ]
        yield Check(
            subject="organization",
            well=bool(mine),
            detail=f"`{self._client.organization}` is {'visible' if mine else 'not visible'} with this key",
            help=None if mine else "check `organizationId`; a key belongs to one organization",
        )
        products = (("batch_exports", "batch exports"), ("consents_api", "consents API"))
        for key, title in products if mine else ():
            enabled = any(row.get(key) is True for row in mine)
            yield Check(
                subject=title,
                well=enabled,
                detail="enabled" if enabled else "not enabled",
                help=None if enabled else f"ask Didomi's support to enable `{key}`",
            )

    def _quota_check(self) -> Check:
        try:
            rows = read_quotas(self._client)
        except VendorError as error:
            return Check(
                subject="quotas", well=False, detail=error.message, help="plans are not checked against quotas"
            )
        known = [
            f"{row[key]} {words}"
            for row in rows[:1]
            for key, words in (
                ("exports_configs", "enabled configurations"),
                ("exports_destinations", "destinations for each"),
            )
            if key in row
        ]
        return Check(subject="quotas", well=True, detail=", ".join(known) or "none given for exports")

    def _route_checks(self) -> Iterator[Check]:
        """Undocumented whether every organization has both generations: it is enough that one answers."""
        kinds = {"Destination": "older", "Integration": "current"}
        answers: dict[str, str | None] = {}
        for kind in kinds:
            try:
                self._handlers[kind].list()
                answers[kind] = None
            except VendorError as error:
                answers[kind] = error.message
        any_well = None in answers.values()
        for kind, generation in kinds.items():
            trouble = answers[kind]
            yield Check(
                subject=f"{generation} export API",
                well=trouble is None or any_well,
                detail="readable" if trouble is None else trouble,
                help=None if trouble is None else f"kinds of the {generation} generation cannot be used here",
            )


def _run(row: Row) -> Run:
    status = str(row.get("status"))
    metrics = row.get("metrics")
    figures = (
        {str(key): each for key, each in metrics.items() if isinstance(each, int) and not isinstance(each, bool)}
        if isinstance(metrics, Mapping)
        else {}
    )
    result = row.get("result")
    message = result if isinstance(result, str | None) else json.dumps(result)
    known = status in _STATUSES
    return Run(
        id=str(row.get("id")),
        # The sample in Didomi's page contradicts its own table of statuses; the table is followed.
        status=status if known else "pending",
        started=instant(row.get("created_at")),
        finished=instant(row.get("updated_at")) if status in ("completed", "failed") else None,
        figures=figures,
        message=message if known else f"Didomi says `{status}`{f': {message}' if message else ''}",
    )
