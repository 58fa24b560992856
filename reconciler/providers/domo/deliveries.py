"""What an export of Domo's should have delivered, what its files must hold, and what newer data still owes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from reconciler.deliveries import Column as ContractColumn
from reconciler.deliveries import Contract, Format, Level, S3Access, S3Location
from reconciler.providers.domo.aws import Cloud
from reconciler.providers.domo.claim import PATIENCE, at, newer, started_of
from reconciler.providers.domo.client import Client
from reconciler.providers.domo.exports import Export, Phase, Place, moment, phase_of, place_of
from reconciler.providers.domo.files import REGION
from reconciler.providers.domo.handler import schema_of
from reconciler.providers.domo.manifest import normalised, refresh_of, seconds
from reconciler.providers.domo.query import Column, mapping, names
from reconciler.providers.domo.settings import DELIVERY_OPTIONS, Settings
from reconciler.sdk import VendorError
from reconciler.values import (
    DeliveryRules,
    Expectation,
    ExpectedColumn,
    Promised,
    Recognition,
    Record,
    RunStatus,
    Told,
)

_STATUSES = {
    Phase.ACTIVE: RunStatus.RUNNING,
    Phase.SUCCEEDED: RunStatus.COMPLETED,
    Phase.FAILED: RunStatus.FAILED,
}
# Types of columns (Domo's public API; documented). How exports print a number is not: 12 and 12.0 are both read.
_Type: TypeAlias = Literal["string", "number", "date", "datetime", "any"]
_TYPES: Mapping[str, _Type] = {
    "STRING": "string",
    "LONG": "number",
    "DOUBLE": "number",
    "DECIMAL": "number",
    "DATE": "date",
    "DATETIME": "datetime",
}
# Newer data is exported with the next `apply`, and how often that runs is nobody's to know: a day (assumed).
_GRACE = timedelta(days=1)
_NOTHING = r"(?!)"
"""An expression that no key matches: what is still owed lies nowhere yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a record says of its exports."""

    record: Record
    dataset: str
    bucket: str
    path: str
    region: str
    columns: tuple[ExpectedColumn, ...]
    same: frozenset[str]
    """Exports that were asked for with the same query, by the same user."""
    ours: frozenset[str]


class Deliveries:
    """The deliveries of one instance; remembers in which region each place is read."""

    def __init__(self, client: Client, cloud: Cloud, settings: Settings) -> None:
        self._client = client
        self._cloud = cloud
        self._settings = settings
        self._regions: dict[str, str] = {}
        self._kept: dict[tuple[str, str], timedelta | None] = {}

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterator[Expectation]:
        """One for each export that this manifest started since then, and one for data that is newer than those."""
        dataset = at(record.applied, ("dataset", "id"))
        if record.id is None or not isinstance(dataset, str):
            return
        exports = self._client.exports(dataset)
        row = self._client.dataset(dataset)
        if row is None:
            text = f"Domo has no dataset `{dataset}` any more, so nothing is expected of it"
            yield Expectation(address=record.address, name="dataset", unknown=(text,))
            return
        claim = self._claim(record, dataset)
        self._regions[_url(claim.bucket, claim.path)] = claim.region
        found = [each for each in exports or () if _is_ours(claim, each)]
        for export in reversed(found):
            begun = export.started or (record.touched if export.id == record.id else None)
            if begun is None or begun >= since or export.phase is Phase.ACTIVE:
                yield self._expected(claim, export, begun)
        recorded = next((each for each in found if each.id == record.id), None)
        if recorded is None:
            remembered = _remembered(claim)
            if remembered.started is None or remembered.started >= since:
                unlisted = self._expected(claim, remembered, remembered.started)
                text = f"what Domo says of `{record.id}` now: it is not listed any more, and the record is what it said"
                yield replace(unlisted, unknown=(*unlisted.unknown, text))
        owed = self._owed(claim, recorded, row)
        if owed is not None:
            yield owed

    def access(self, expectation: Expectation) -> S3Access | None:
        """The tool's own way to AWS, in the region that the manifest names."""
        return self._cloud.access(self._regions.get(expectation.place or ""))

    def contract(self, expectation: Expectation, rules: DeliveryRules) -> Contract:
        """
        CSV with the exported columns.

        Whether there is a header or a byte-order mark, how null is written and how values are printed is not
        documented for exports: all of it may be, and a text that does not read as its type is as bad as the option
        `types` says. Raises `ValueError` for other options.
        """
        for name, value in rules.options.items():
            if value not in DELIVERY_OPTIONS.get(name, ()):
                raise ValueError(f"`{name}` cannot be `{value}` for deliveries of Domo")
        types = str(rules.options.get("types", "warning"))
        promised = expectation.recognition.promised
        return Contract(
            name="Domo dataset export",
            format=Format.CSV,
            columns=tuple(ContractColumn(name=each.name, type=each.type) for each in expectation.columns),
            nulls=("", r"\N"),
            # Without rows and header nothing is left of a file.
            empty_files=bool(promised) and all(each.records == 0 for each in promised),
            levels=(("column-type", None if types == "ignore" else Level(types)),),
        )

    # --- the claim ---

    def _claim(self, record: Record, dataset: str) -> _Claim:
        whole = normalised(record.applied)
        destination = mapping(whole.get("destination"))
        known = record.memo.get("earlier")
        earlier = [mapping(each) for each in known] if isinstance(known, tuple) else []
        same = {str(each.get("id")) for each in earlier if each.get("claim") == record.memo.get("claim")}
        assert record.id is not None, "the caller has looked"
        return _Claim(
            record=record,
            dataset=dataset,
            bucket=str(destination.get("bucket")),
            path=str(destination.get("path")),
            region=str(at(whole, REGION)),
            columns=self._columns(record, dataset),
            same=frozenset({*same, record.id}),
            ours=frozenset({*(str(each.get("id")) for each in earlier), record.id}),
        )

    def _columns(self, record: Record, dataset: str) -> tuple[ExpectedColumn, ...]:
        """The columns that were asked for, in their order (inferred), with types while the dataset's are the same."""
        query = mapping(record.applied.get("query"))
        listed = names(query.get("columns"))
        if query.get("groupBy") or not listed:
            return ()
        types: Mapping[str, str] = {}
        try:
            columns: tuple[Column, ...] = self._client.columns(dataset)
        except VendorError:
            columns = ()
        if schema_of(columns) == record.memo.get("columns"):
            types = {each.id: each.type for each in columns}
        return tuple(ExpectedColumn(name=each, type=_type(types.get(each))) for each in listed)

    # --- what is expected ---

    def _expected(self, claim: _Claim, export: Export, begun: datetime | None) -> Expectation:
        bucket = export.bucket or claim.bucket
        path = export.path if export.path is not None else claim.path
        place, prefix = _url(bucket, path), f"{export.id}/export/"
        self._regions.setdefault(place, claim.region)
        promised, unknown = _promised(export, mapping(claim.record.memo.get("objects")), path, prefix)
        columns = claim.columns if export.id in claim.same else ()
        if export.id not in claim.same:
            unknown.append("which columns were asked for: it is not the export that is recorded")
        told = _told(export)
        if told is None:
            unknown.append(f"what Domo means by the status `{export.status}`")
        return Expectation(
            address=claim.record.address,
            name=export.id,
            ends=begun,
            due=begun,
            late=begun + PATIENCE if begun is not None else None,
            place=place,
            recognition=Recognition(prefix=prefix, promised=promised),
            kept_until=self._kept_until(claim, bucket, f"{path}/{prefix}", export.finished),
            may_be_empty=not export.files,
            told=told,
            # Whether a count holds the header is not documented, and an empty line may be a null of the one column.
            records_at_least=sum(max(each - 1, 0) for each in export.files.values()) if len(columns) > 1 else None,
            format="csv",
            columns=columns,
            unknown=tuple(unknown),
        )

    def _kept_until(self, claim: _Claim, bucket: str, prefix: str, finished: datetime | None) -> datetime | None:
        """From when on a rule of the bucket's own may have removed the files; Domo removes none (inferred)."""
        aws = self._settings.aws
        if finished is None or aws is None or not aws.look_at_buckets:
            return None
        if (bucket, prefix) not in self._kept:
            try:
                self._kept[bucket, prefix] = self._cloud.kept(bucket, prefix, claim.region)
            except VendorError:  # we may not know; then nothing is said to be removed
                self._kept[bucket, prefix] = None
        kept = self._kept[bucket, prefix]
        return finished + kept if kept is not None else None

    def _owed(self, claim: _Claim, export: Export | None, row: Mapping[str, object]) -> Expectation | None:
        """What the manifest promises of data that is newer than its last export."""
        record = claim.record
        policy, most = refresh_of(record.applied)
        if policy not in ("onDataChange", "maxAge") or (export is not None and export.phase is not Phase.SUCCEEDED):
            return None
        version = self._client.version(claim.dataset, row)
        if newer(record, export, version) is None:
            return None
        settle, started = timedelta(seconds=seconds(record.applied.get("settle"))), started_of(record, export)
        due = version.updated + settle if version.updated is not None else None
        if due is not None and policy == "maxAge" and started is not None:
            due = max(due, started + timedelta(seconds=most))
        return Expectation(
            address=record.address,
            name=f"data of {version.updated:%Y-%m-%dT%H:%MZ}" if version.updated is not None else "newer data",
            begins=started,
            due=due,
            late=due + _GRACE if due is not None else None,
            place=_url(claim.bucket, claim.path),
            recognition=Recognition(pattern=_NOTHING),
            unknown=("when the next `apply` runs, which exports it",),
        )


def _is_ours(claim: _Claim, export: Export) -> bool:
    """
    Whether the manifest started the export.

    A record remembers its last twenty; older ones lie where no other manifest's may.
    """
    return export.id in claim.ours or (export.bucket == claim.bucket and export.path == claim.path)


def _remembered(claim: _Claim) -> Export:
    """The recorded export as Domo last described it."""
    outputs, record = claim.record.outputs, claim.record
    status = str(outputs.get("status") or "none")
    files = mapping(outputs.get("files"))
    assert record.id is not None, "the caller has looked"
    return Export(
        id=record.id,
        dataset=claim.dataset,
        status=status,
        phase=phase_of(status) or Phase.ACTIVE,
        bucket=claim.bucket,
        started=moment(outputs.get("started")),
        finished=moment(outputs.get("finished")),
        message=None,
        files={url: rows for url, rows in files.items() if isinstance(rows, int)},
    )


def _told(export: Export) -> Told | None:
    """What Domo says of an export; `None` for a word that nobody has seen and no failure explains."""
    if export.phase is Phase.ACTIVE and phase_of(export.status) is None:
        return None
    return Told(
        status=_STATUSES[export.phase],
        run=export.id,
        reason=(export.message or f"Domo says `{export.status}`") if export.phase is Phase.FAILED else None,
        ended=export.finished,
    )


def _promised(
    export: Export, recorded: Mapping[str, object], path: str, prefix: str
) -> tuple[tuple[Promised, ...], list[str]]:
    """The files that Domo names, with the sizes and tags that they had when the export was recorded."""
    found: list[Promised] = []
    unknown: list[str] = []
    for url, rows in export.files.items():
        place: Place | None = place_of(url, export.bucket)
        below = f"{path}/{prefix}"
        if place is None or not place.key.startswith(below):
            unknown.append(f"where the file `{url.partition('?')[0]}` lies: nobody documents such an address")
            continue
        size, _, tag = str(recorded.get(url) or "").partition(" ")
        found.append(
            Promised(
                key=place.key.removeprefix(below),
                size=int(size) if size.isdecimal() else None,
                # No row is none, with a header or without one; other counts may hold the header.
                records=0 if rows == 0 else None,
                etag=f'"{tag}"' if tag else None,
            )
        )
    return tuple(found), unknown


def _url(bucket: str, path: str) -> str:
    return str(S3Location(bucket=bucket, prefix=f"{path}/"))


def _type(type: str | None) -> _Type:
    return _TYPES.get(type or "", "any")
