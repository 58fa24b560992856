"""What an export of Didomi should have delivered by now, and how its place is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from reconciler.deliveries import Contract, Level, S3Access
from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.collection import Collection
from reconciler.providers.didomi.contract import export_contract
from reconciler.providers.didomi.destination import S3
from reconciler.providers.didomi.integration import S3 as S3_INTEGRATION
from reconciler.providers.didomi.mapping import Row, instant
from reconciler.providers.didomi.settings import DELIVERY_OPTIONS, LOGS
from reconciler.sdk import Unreadable
from reconciler.values import (
    DeliveryRules,
    Expectation,
    Observed,
    Recognition,
    Record,
    RunStatus,
    Told,
    Value,
)

_DAY = timedelta(days=1)
# How long a run takes, and in which zone its day is meant, is undocumented: six hours of grace.
_GRACE = timedelta(hours=6)
# Objects in a bucket of Didomi's expire after seven days (Didomi, AWS S3 Bucket; documented).
_KEPT = timedelta(days=7)
_STATUSES = {"pending": RunStatus.RUNNING, "completed": RunStatus.COMPLETED, "failed": RunStatus.FAILED}
_PROOFS = "proof files: Didomi documents neither their folder nor their names"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drop:
    """One place that an export delivers to; `url` is `None` when Didomi does not say where, for the reason in `why`."""

    url: str | None
    kept: timedelta | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Export:
    """What decides about the deliveries of one export."""

    id: str
    created: datetime | None
    enabled: bool
    users: bool
    proofs: bool
    drops: tuple[_Drop, ...]


@dataclass(slots=True)
class _Log:
    """The run log by the day on which a run began; `silent` says that runs without a time may explain a day."""

    days: dict[date, Row] = field(default_factory=dict)
    may_have_been_empty: bool = False
    trouble: str | None = None


class Deliveries:
    """The deliveries of one organization; remembers by which role each of its buckets is read."""

    def __init__(self, client: Client, collections: Mapping[str, Collection]) -> None:
        self._client = client
        self._collections = collections
        self._roles: dict[str, str | None] = {}

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterator[Expectation]:
        """
        One for each day and destination: an export runs daily, first 24 hours after its creation (documented).

        Whether that hour stays the hour of all its runs is not, so a delivery is due at the end of its day.
        """
        if record.address.kind not in LOGS or record.id is None:
            return
        export = self._export(record, record.id)
        if export is None:
            text = f"Didomi has no export `{record.id}` any more, so nothing is expected of it"
            yield Expectation(address=record.address, name="export", unknown=(text,))
            return
        log = self._log(record.address.kind, export.id)
        for day in _days(export, log, since, now):
            for drop in export.drops:
                yield _expectation(record, export, drop, day, log)

    def access(self, expectation: Expectation) -> S3Access | None:
        """
        Didomi's own buckets are read by a role that trusts the customer's account, and whoever asks pays.

        Both documented (Didomi, AWS S3 Bucket). A bucket of the customer's is the project's business.
        """
        if expectation.place not in self._roles:
            return None
        return S3Access(role_arn=self._roles[expectation.place], requester_pays=True)

    def contract(self, expectation: Expectation, rules: DeliveryRules) -> Contract:
        """The record contract in the variant that the options choose. Raises `ValueError` for an unknown word."""
        for name, value in rules.options.items():
            if value not in DELIVERY_OPTIONS.get(name, ()):
                raise ValueError(f"`{name}` cannot be `{value}` for deliveries of Didomi")
        unique = rules.options.get("oneRecordPerUser", "ignore")
        return export_contract(
            guests=rules.options.get("guests") is True,
            one_record_per_user=None if unique == "ignore" else Level(unique),
            organization=self._client.organization,
            strict=rules.options.get("strict") is True,
        )

    # --- the export ---

    def _export(self, record: Record, id: str) -> _Export | None:
        collection = self._collections[record.address.kind]
        row = collection.row(id)
        if row is None:
            return None
        seen = collection.observed(row, id)
        created = instant(row.get("created_at"))
        if record.address.kind == "ExportConfig":
            users, proofs = _switch(seen, "users"), _switch(seen, "proofs")
            drops = tuple(self._destination(each) for each in _texts(seen.attributes.get("destinations")))
            enabled = seen.attributes.get("enabled") is not False
        else:
            content = _texts(_within(seen.attributes, "properties", "data"))
            users, proofs, enabled = "users" in content, "proofs" in content, True
            drops = (self._drop(seen, S3_INTEGRATION, "authentication", record.applied),)
        return _Export(id=id, created=created, enabled=enabled, users=users, proofs=proofs, drops=drops)

    def _destination(self, id: str) -> _Drop:
        seen = self._collections["Destination"].read(id)
        if seen is None:
            return _Drop(url=None, why=f"Didomi has no destination `{id}` any more")
        return self._drop(seen, S3, "config", {})

    def _drop(self, seen: Observed, s3: str, holder: str, applied: Mapping[str, Value]) -> _Drop:
        if seen.attributes.get("typeId") == s3:
            bucket, role = seen.outputs.get("bucketName"), seen.outputs.get("bucketAccessRoleArn")
            if not isinstance(bucket, str):
                return _Drop(url=None, why="Didomi has not said yet which bucket it made")
            url = f"s3://{bucket}/"
            self._roles[url] = role if isinstance(role, str) else None
            return _Drop(url=url, kept=_KEPT)
        found = _within(seen.attributes, holder, "bucketName") or _within(applied, holder, "bucketName")
        if not isinstance(found, str):
            return _Drop(url=None, why="Didomi does not say which bucket it delivers to")
        return _Drop(url=f"gs://{found}/")

    # --- its runs ---

    def _log(self, kind: str, id: str) -> _Log:
        """The log as far as it can be read; order, times and paging are undocumented, so each row speaks for itself."""
        query = [("export_id", id), ("organization_id", self._client.organization)]
        log = _Log()
        try:
            rows = self._client.page(LOGS[kind], query)
        except Unreadable as error:
            log.trouble = f"how the runs ended: {error.message}"
            log.may_have_been_empty = True
            return log
        timed: list[tuple[datetime, Row]] = []
        for row in rows:
            began = instant(row.get("created_at"))
            if row.get("export_id", id) != id:
                continue
            if began is None:
                log.trouble = "which run made which delivery: the run log has no times"
                log.may_have_been_empty = log.may_have_been_empty or not _users(row)
            else:
                timed.append((began, row))
        for began, row in sorted(timed, key=lambda each: each[0]):
            log.days[began.astimezone(UTC).date()] = row
        return log


def _days(export: _Export, log: _Log, since: datetime, now: datetime) -> Iterable[date]:
    """
    The days on which a run must have begun, or has.

    From the day after the creation on; without a time of creation from the first run in the log. An export that is
    switched off owes nothing, and since when is not told: only its logged runs count.
    """
    today = now.astimezone(UTC).date()
    begin = since.astimezone(UTC).date()
    logged = {day for day in log.days if begin <= day <= today}
    first = (
        (export.created + _DAY).astimezone(UTC).date() if export.created is not None else min(log.days, default=None)
    )
    if not export.enabled or first is None:
        return sorted(logged)
    start = max(begin, first)
    owed = {start + n * _DAY for n in range((today - start).days + 1)}
    return sorted(owed | logged)


def _expectation(record: Record, export: _Export, drop: _Drop, day: date, log: _Log) -> Expectation:
    begins = datetime.combine(day, time(), UTC)
    ends = begins + _DAY
    row = log.days.get(day)
    told, strange = _told(row)
    users = _users(row) if told is not None and told.status is RunStatus.COMPLETED else None
    unknown = [*([drop.why] if drop.why else []), *([strange] if strange else [])]
    if export.proofs:
        unknown.append(_PROOFS)
    if row is None and log.trouble is not None:
        unknown.append(log.trouble)
    return Expectation(
        address=record.address,
        name=day.isoformat(),
        begins=begins,
        ends=ends,
        due=ends,
        late=ends + _GRACE,
        missing=ends + _DAY + _GRACE,
        place=drop.url if export.users else None,
        # Folder, partitions and extension are documented (Didomi, Batch export), a leading slash is not meant as part
        # of the key (undocumented). `_SUCCESS` lies in one of two folders (undocumented which).
        recognition=Recognition(
            prefix=f"data/export-id={export.id}/date={day.isoformat()}/",
            pattern=r"users/.+\.json\.gz",
            markers=("users/_SUCCESS", "_SUCCESS"),
        ),
        # A file of the first minute of the day is thrown away first.
        kept_until=begins + drop.kept if drop.kept is not None else None,
        # Undocumented whether a day without changes leaves an empty partition or nothing.
        may_be_empty=not users if told is not None else log.may_have_been_empty,
        told=told,
        # A line holds one user and a run at least one line of each (Didomi, Batch export; that it is one is inferred).
        records_at_least=users if export.users else None,
        format="ndjson",
        unknown=tuple(unknown),
    )


def _told(row: Row | None) -> tuple[Told | None, str | None]:
    """What the log says of a run; and a status that the documentation does not know, as a sentence."""
    if row is None:
        return None, None
    status = _STATUSES.get(str(row.get("status")))
    result = row.get("result")
    reason = result if isinstance(result, str) else None
    if status is None:
        return None, f"what Didomi means by the status `{row.get('status')}` of this run"
    return Told(status=status, run=str(row.get("id")), reason=reason if status is RunStatus.FAILED else None), None


def _users(row: Row | None) -> int | None:
    metrics = row.get("metrics") if row is not None else None
    users = metrics.get("users") if isinstance(metrics, Mapping) else None
    return users if isinstance(users, int) and not isinstance(users, bool) and users >= 0 else None


def _switch(seen: Observed, name: str) -> bool:
    return _within(seen.attributes, "data", name, "enabled") is True


def _within(value: Value | Mapping[str, Value], *steps: str) -> Value:
    found: object = value
    for step in steps:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found  # type: ignore[return-value]  # what a document holds is a value


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, tuple | list) else ()
