"""One instance of Domo, connected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.providers.domo.aws import Cloud
from reconciler.providers.domo.claim import at
from reconciler.providers.domo.client import Client, secret_of
from reconciler.providers.domo.exports import Export, Phase, moment
from reconciler.providers.domo.handler import Exports
from reconciler.providers.domo.known import Known
from reconciler.providers.domo.preflight import plan_problems
from reconciler.providers.domo.settings import Settings
from reconciler.sdk import Check, Connection, Handler, Run, Session, VendorError
from reconciler.values import DeliveryRules, Expectation, Plan, Problem, Record, Snapshot

if TYPE_CHECKING:
    from reconciler.providers.domo.deliveries import Deliveries

_STATUS = {Phase.ACTIVE: "pending", Phase.SUCCEEDED: "completed", Phase.FAILED: "failed"}


class DomoSession(Session):
    """One instance."""

    def __init__(self, connection: Connection, known: Known) -> None:
        assert isinstance(connection.settings, Settings), "the settings are of this provider's model"
        self._settings = connection.settings
        self._client = Client(connection.settings, connection.http, connection.reveal, connection.now, connection.sleep)
        reveal = connection.reveal
        self._cloud = Cloud(connection.settings.aws, lambda each: reveal(secret_of(each)), connection.http.hide)
        self._exports = Exports(self._client, self._cloud, connection.settings, known)

    @property
    def scope(self) -> str:
        """The instance."""
        return f"instance {self._settings.instance}"

    def handler(self, kind: str) -> Handler:
        """There is one kind."""
        assert kind == "DatasetExport"
        return self._exports

    def preflight(self, plan: Plan, snapshot: Snapshot) -> Iterable[Problem]:
        """Manifests that compete for a dataset, and how buckets are guarded."""
        return tuple(plan_problems(self._cloud, self._settings, plan))

    def runs(self, record: Record) -> Iterable[Run]:
        """Every export of the record's dataset, newest first: those of other people and tools too."""
        dataset = at(record.applied, ("dataset", "id"))
        exports = self._client.exports(dataset) if isinstance(dataset, str) else ()
        return tuple(map(_run, exports or ()))

    @cached_property
    def _deliveries(self) -> Deliveries:
        # Only `verify` pays for the room that reads files.
        from reconciler.providers.domo.deliveries import Deliveries  # noqa: PLC0415

        return Deliveries(self._client, self._cloud, self._settings)

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterable[Expectation]:
        """Every export that the manifest started, and what newer data owes."""
        return self._deliveries.expectations(record, since, now)

    def access(self, expectation: Expectation) -> object | None:
        """The tool's own way to AWS."""
        return self._deliveries.access(expectation)

    def contract(self, expectation: Expectation, rules: DeliveryRules) -> object | None:
        """The exported columns as CSV."""
        return self._deliveries.contract(expectation, rules)

    def doctor(self) -> Iterable[Check]:
        """The token, how long it lasts, and our own way to AWS."""
        return tuple(self._checks())

    def _checks(self) -> Iterator[Check]:
        try:
            user = self._client.me()
        except VendorError as error:
            yield Check(
                subject="token", well=False, detail=error.message, help="make an access token in Domo's admin area"
            )
            return
        yield Check(subject="token", well=True, detail=f"accepted for {self.scope}, as user {user}")
        yield from self._token_checks(user)
        if self._settings.aws is not None:
            yield self._cloud_check()

    def _token_checks(self, user: str) -> Iterator[Check]:
        """A list of tokens holds no values, so ours is known by its name, or is any of its owner's."""
        try:
            rows = self._client.tokens()
        except VendorError:
            return  # only administrators may list tokens
        name = self._settings.token_name
        soon = self._client.now() + timedelta(days=self._settings.token_warning_days)
        for row in rows:
            if str(row.get("ownerId")) != user or (name is not None and row.get("name") != name):
                continue
            ends = moment(row.get("expires"))
            if ends is not None and (ends <= soon or name is not None):
                yield Check(
                    subject="token's end",
                    well=ends > soon,
                    detail=f"`{row.get('name')}` ends on {ends:%Y-%m-%d}",
                    help=None if ends > soon else "make a new token before that day",
                )

    def _cloud_check(self) -> Check:
        try:
            return Check(subject="AWS", well=True, detail=f"we are `{self._cloud.identity()}`")
        except VendorError as error:
            return Check(subject="AWS", well=False, detail=error.message, help="roles and buckets cannot be used")


def _run(export: Export) -> Run:
    return Run(
        id=export.id,
        status=_STATUS[export.phase],
        started=export.started,
        finished=export.finished,
        figures={"rows": export.rows, "files": len(export.files)} if export.phase is Phase.SUCCEEDED else {},
        message=export.message,
    )
