"""The verbs of `DatasetExport`: exports are listed by dataset, judged when planning, and started one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.providers.domo import claim
from reconciler.providers.domo.aws import Cloud
from reconciler.providers.domo.body import Bodies, attempts, earlier
from reconciler.providers.domo.claim import Facts, at, fingerprint, observed_of
from reconciler.providers.domo.client import Client, digest, is_block_page, words
from reconciler.providers.domo.exports import Export, Phase, Row, export_of, moment
from reconciler.providers.domo.files import REGION, heads, missing
from reconciler.providers.domo.known import Known
from reconciler.providers.domo.manifest import normalised, seconds
from reconciler.providers.domo.preflight import dataset_problems
from reconciler.providers.domo.query import Column, mapping
from reconciler.providers.domo.settings import Settings
from reconciler.sdk import (
    Assessment,
    BlockedByVendor,
    Handler,
    Order,
    PermissionRefused,
    Refused,
    StillRunning,
    Uncertain,
    Unreadable,
    VendorError,
)
from reconciler.values import Document, Observed, Problem, Record, Resource, Severity, Value

_PAUSE = 2.0
"""Seconds between two looks at an export that must end first."""

_UNLISTED_LOOKS = 15
"""How often an export that no list shows is taken for one that is not listed yet."""

_LOOKS = 300
"""How often an export of ours that must end first is looked at, before another is called busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """An export that this session has started."""

    dataset: str
    region: str
    checks_objects: bool
    memo: Document


class Exports(Handler):
    """
    The exports of every dataset that a document names.

    `known` are these datasets. Lists are kept while an export is being started: fifty exports of fifty datasets would
    otherwise read every list fifty times.
    """

    def __init__(self, client: Client, cloud: Cloud, settings: Settings, known: Known) -> None:
        self._client = client
        self._cloud = cloud
        self._settings = settings
        self._bodies = Bodies(client, cloud, settings)
        self._known = known
        self._lock = threading.Lock()
        self._lists: dict[str, tuple[Export, ...]] = {}
        self._starting: set[str] = set()
        self._uncertain: set[str] = set()
        self._denied: dict[str, Unreadable] = {}
        self._begun: dict[str, _Begun] = {}
        self._queues: dict[str, threading.Lock] = {}

    # --- reading ---

    def concern(self, documents: Iterable[Document]) -> None:
        """From now on readings are about these documents too: wanted, recorded or intended."""
        self._known.add(documents)

    def list(self) -> Sequence[Observed]:
        """
        Every export of every dataset that a document names. A dataset that is gone has none.

        One that may not be read is left out and says nothing about the others: what is asked of it later is refused.
        """
        with self._lock:
            kept = set(self._lists) - self._uncertain if self._starting else set()
        found: list[Observed] = []
        for dataset in self._known.datasets:
            try:
                exports = self._kept(dataset) if dataset in kept else self._fresh(dataset)
            except Unreadable as error:
                if error.status != 403 or self._is_ours(dataset):
                    raise
                with self._lock:
                    self._denied[dataset] = error
                continue
            with self._lock:
                self._denied.pop(dataset, None)
            found += [self._observed(each) for each in exports]
        return found

    def _is_ours(self, dataset: str) -> bool:
        """Whether this session starts or has started an export of the dataset, which must not be thought missing."""
        with self._lock:
            begun = {each.dataset for each in self._begun.values()}
            return dataset in self._starting | self._uncertain | begun

    def read(self, id: str) -> Observed | None:
        """
        The export as its dataset's list has it; `None` when no known dataset has it.

        Where the last list left out a dataset, an export that no other has may be one of its: nothing is told of it.
        """
        export = self._find(id)
        if export is None:
            with self._lock:
                may_exist = bool(self._denied)
            return Observed(id=id, attributes={}) if may_exist else None
        observed = self._observed(export)
        return self._delivered(export, observed) if export.phase is Phase.SUCCEEDED else observed

    def _find(self, id: str) -> Export | None:
        begun = self._begun.get(id)
        with self._lock:
            last = next((dataset for dataset, rows in self._lists.items() if any(each.id == id for each in rows)), None)
        likely = [each for each in (begun.dataset if begun else None, last) if each is not None]
        for dataset in dict.fromkeys((*likely, *(() if likely else self._known.datasets))):
            with self._lock:
                denied = dataset in self._denied
            for export in () if denied and not likely else self._fresh(dataset):
                if export.id == id:
                    return export
        return None

    def _fresh(self, dataset: str) -> tuple[Export, ...]:
        """The dataset's exports as Domo lists them now."""
        try:
            found = self._client.exports(dataset)
            if found is None:
                # The list says 404 for an unknown dataset (documented); for a known one it cannot be believed.
                if self._client.dataset(dataset) is not None:
                    raise Unreadable(f"Domo has no list of exports of the dataset `{dataset}`", status=404)
                found = ()
        except PermissionRefused as error:
            # One dataset that may not be read says nothing about the others.
            raise Unreadable(error.message, status=403, request=error.request) from None
        with self._lock:
            self._lists[dataset] = found
        return found

    def _kept(self, dataset: str) -> tuple[Export, ...]:
        """The dataset's exports as they were read last, or now if they never were."""
        with self._lock:
            found = self._lists.get(dataset)
        return self._fresh(dataset) if found is None else found

    def _observed(self, export: Export) -> Observed:
        return observed_of(export, self._known.path(export.dataset, export.bucket, export.id))

    # --- planning ---

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Whether the claim holds, and everything about the dataset that would make an export fail."""
        self._known.add([resource.attributes])
        wanted = normalised(resource.attributes)
        dataset = str(at(wanted, ("dataset", "id")))
        with self._lock:
            denied = self._denied.get(dataset)
        if denied is not None:
            raise Unreadable(denied.message, status=denied.status, request=denied.request)
        unknown = Assessment(observed=observed)
        try:
            row = self._client.dataset(dataset)
        except PermissionRefused as error:
            return replace(unknown, problems=(_problem(resource, "no-read-right", error.message, ("dataset", "id")),))
        if row is None:
            problem = _problem(
                resource,
                "no-such-dataset",
                f"the instance `{self._settings.instance}` has no dataset `{dataset}`",
                ("dataset", "id"),
                "copy the id from the address of the dataset's page in Domo",
            )
            return replace(unknown, problems=(problem,))
        try:
            columns = self._client.columns(dataset)
        except PermissionRefused as error:
            raise Unreadable(error.message, status=error.status, request=error.request) from None
        policies = self._client.policies(dataset)
        problems = tuple(dataset_problems(resource, row, columns, policies, self._settings.checks))
        if any(each.severity is Severity.ERROR and each.code not in _SETTINGS_DECIDE for each in problems):
            return replace(unknown, problems=problems)
        resolved = _with_columns(wanted, columns)
        version = self._client.version(dataset, row)
        settle = seconds(wanted.get("settle"))
        foreign = self._foreign(dataset, record)
        if record is None or record.id is None:
            hold = claim.waiting_for(foreign) if foreign else claim.settling(version, settle, now)
            notes = tuple(self._adoptable(resource, wanted, row)) if observed is None else ()
            return Assessment(
                observed=observed, attributes=resolved, hold=hold, problems=(*_errors_first(problems), *notes)
            )
        export = self._recorded(record)
        gone, unchecked = missing(self._cloud, resource, record, export, self._settings.checks.bucket_unread)
        facts = Facts(
            version=version,
            user=self._client.me(),
            policies=policies,
            columns=schema_of(columns),
            missing=gone,
        )
        verdict = claim.judge(resolved, record, export, foreign, facts, settle=settle, now=now)
        if verdict.is_settled:
            resolved = claim.with_kept_credentials(resolved, record)
            problems = ()
        notes = (*(_note(resource, each) for each in verdict.notes), *unchecked)
        seen = self._observed(export) if export is not None else Observed(id=record.id, attributes={})
        return Assessment(
            observed=replace(seen, attributes=claim.compared(resolved, record, export), taint=verdict.taint),
            attributes=resolved,
            hold=verdict.hold,
            problems=(*_errors_first(problems), *notes),
        )

    def _foreign(self, dataset: str, record: Record | None) -> Export | None:
        """An export of the dataset that is under way and not the recorded one."""
        return next(
            (
                each
                for each in self._kept(dataset)
                if each.phase is Phase.ACTIVE and (record is None or each.id != record.id)
            ),
            None,
        )

    def _recorded(self, record: Record) -> Export | None:
        """The recorded export; `None` when Domo does not list it any more."""
        dataset = at(record.applied, ("dataset", "id"))
        exports = self._kept(dataset) if isinstance(dataset, str) else ()
        return next((each for each in exports if each.id == record.id), None)

    def _adoptable(self, resource: Resource, wanted: Document, row: Row) -> Iterator[Problem]:
        """A past export that may be what the manifest wants: nobody can prove with which query it was made."""
        bucket, path = (at(wanted, ("destination", each)) for each in ("bucket", "path"))
        updated = moment(row.get("lastUpdated"))
        for each in self._kept(str(at(wanted, ("dataset", "id")))):
            fits = each.phase is Phase.SUCCEEDED and each.bucket == bucket and each.path == path
            if fits and each.started is not None and updated is not None and each.started > updated:
                yield Problem(
                    code="export-exists",
                    message=(
                        f"the export `{each.id}` of {each.started:%Y-%m-%d %H:%M} UTC covers the dataset's data and"
                        " lies where this one would; Domo may give it back instead of making a new one"
                    ),
                    address=resource.address,
                    help=f"if it was made with this query, run `reconciler import {resource.address} {each.id}`",
                    severity=Severity.WARNING,
                )
                return

    # --- starting ---

    def prepare(self, order: Order) -> Document:
        """
        What the export will cover at least, and which exports there are before it.

        The version is read before the export begins: data that changes meanwhile causes one more export later, and is
        never missed.
        """
        dataset = _dataset(order)
        with self._lock:
            self._starting.add(dataset)
        try:
            return self._prepared(order, dataset)
        except BaseException:
            with self._lock:
                self._starting.discard(dataset)
            raise

    def _prepared(self, order: Order, dataset: str) -> Document:
        row = self._client.dataset(dataset) or {}
        version = self._client.version(dataset, row)
        before = tuple(sorted(each.id for each in self._fresh(dataset)))
        self._known.intend(order.attributes, before)
        found: dict[str, Value] = {
            "before": before,
            "version": version.value,
            "versionKind": version.kind,
            "user": self._client.me(),
            "policies": self._client.policies(dataset),
            "columns": schema_of(self._client.columns(dataset)),
            "attempts": attempts(order),
        }
        asked = fingerprint(self._settings.instance, order.attributes)
        return {
            **found,
            "fingerprint": asked,
            "claim": digest([asked, found["user"], found["policies"]]),
            "earlier": earlier(order.record),
        }

    def create(self, order: Order) -> Observed:
        """
        One POST.

        Raises `BlockedByVendor` when Domo gives back an old export, `StillRunning` while another one is under way.
        """
        dataset = _dataset(order)
        try:
            with self._queue(dataset):
                self._after_our_own(dataset)
                found = self._start(order, dataset)
        except Uncertain:
            with self._lock:
                self._uncertain.add(dataset)
            raise
        finally:
            with self._lock:
                self._starting.discard(dataset)
        return found

    def _start(self, order: Order, dataset: str) -> Observed:
        reply = self._client.start(dataset, self._bodies.of(order))
        if reply.status not in (200, 201):
            self._say_refusal(dataset, reply.status, words(reply))
        export = export_of(reply.body, dataset) if not is_block_page(reply) else None
        if export is None:
            raise Uncertain("Domo's answer describes no export: it may or may not have begun", status=reply.status)
        before = order.memo.get("before")
        if export.id in self._begun or (isinstance(before, tuple) and export.id in before):
            return self._given_back(order, export)
        if export.phase is Phase.ACTIVE and export.bucket not in (None, at(order.attributes, _BUCKET)):
            raise StillRunning(f"another export of the dataset, `{export.id}`, has begun meanwhile")
        memo = {key: each for key, each in order.memo.items() if key != "before"}
        with self._lock:
            self._begun[export.id] = _Begun(
                dataset=dataset,
                region=str(at(order.attributes, REGION)),
                checks_objects=order.attributes.get("checkObjects") is True,
                memo=memo,
            )
        observed = replace(self._observed(export), memo=memo)
        return self._delivered(export, observed) if export.phase is Phase.SUCCEEDED else observed

    def _say_refusal(self, dataset: str, status: int, said: str) -> None:
        """What a POST while an export is under way is answered with is not documented, so the list decides."""
        busy: Export | None = None
        if status in (400, 409):
            with suppress(VendorError):
                busy = next((each for each in self._fresh(dataset) if each.phase is Phase.ACTIVE), None)
        if busy is not None:
            raise StillRunning(f"another export of the dataset, `{busy.id}`, is under way: {said}", status=status)
        raise Refused(f"Domo refuses the export ({status}): {said}", status=status)

    def _given_back(self, order: Order, export: Export) -> Observed:
        """
        Domo answers with an export that was there before: there is one at a time, and nothing new for the same data.

        It is what was wanted only if it is one of our own, for the same query, user and policies, and whole.
        """
        if export.phase is Phase.ACTIVE:
            raise StillRunning(f"another export of the dataset, `{export.id}`, is under way")
        taint = order.observed.taint if order.observed is not None else None
        is_recorded = order.record is not None and order.record.id == export.id
        is_broken = is_recorded and taint is not None and not taint.freshness
        known = order.memo.get("earlier")
        ours = {"id": export.id, "claim": order.memo["claim"]}
        if isinstance(known, tuple) and ours in known and not is_broken:
            memo = {key: each for key, each in order.memo.items() if key != "before"}
            kept = order.record.memo.get("objects") if order.record is not None and is_recorded else None
            return replace(self._observed(export), memo={**memo, "objects": kept})
        when = f" of {export.started:%Y-%m-%d %H:%M} UTC" if export.started else ""
        where = f" to s3://{export.bucket}/{export.path or ''}".rstrip("/") if export.bucket else ""
        raise BlockedByVendor(
            f"Domo gave back the export `{export.id}`{when}{where} instead of making a new one: the dataset's data has"
            " not changed since, and Domo cannot be told otherwise. It is tried again with every apply and succeeds"
            " once the data has changed; an export that cannot wait needs a dataset or view of its own"
        )

    def _queue(self, dataset: str) -> threading.Lock:
        with self._lock:
            return self._queues.setdefault(dataset, threading.Lock())

    def _after_our_own(self, dataset: str) -> None:
        """Wait for an export of the same dataset that this run has started: Domo runs one at a time (documented)."""
        with self._lock:
            ours = {id for id, each in self._begun.items() if each.dataset == dataset}
        for look in range(_LOOKS if ours else 0):
            phases = {each.id: each.phase for each in self._fresh(dataset)}
            # The list may show a new export a while later, and old ones no more (both undocumented).
            unlisted = Phase.ACTIVE if look < _UNLISTED_LOOKS else Phase.SUCCEEDED
            if all(phases.get(id, unlisted) is not Phase.ACTIVE for id in ours):
                return
            self._client.sleep(_PAUSE)

    def _delivered(self, export: Export, observed: Observed) -> Observed:
        """The finished export with what its bucket says of its files, where somebody asked for that."""
        begun = self._begun.get(export.id)
        if begun is None or not begun.checks_objects:
            return observed
        return replace(observed, memo={**begun.memo, "objects": heads(self._cloud, export, begun.region)})


_BUCKET = ("destination", "bucket")

_SETTINGS_DECIDE = frozenset({"row-policies", "masked", "not-loaded"})
"""Problems that the project file may make heavier: the plan is refused, and is made all the same."""


def _dataset(order: Order) -> str:
    return str(at(order.attributes, ("dataset", "id")))


def _with_columns(wanted: dict[str, Value], columns: Sequence[Column]) -> dict[str, Value]:
    """The document with `columns: all` as the list that it means now."""
    query = mapping(wanted.get("query"))
    if query.get("columns") != "all":
        return wanted
    return {**wanted, "query": {**query, "columns": tuple(each.id for each in columns)}}


def schema_of(columns: Sequence[Column]) -> str:
    """A digest of names and types in their order."""
    return digest([[each.id, each.type] for each in columns])


def _errors_first(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda each: each.severity is not Severity.ERROR))


def _note(resource: Resource, note: tuple[str, str, str | None]) -> Problem:
    code, message, help = note
    return Problem(code=code, message=message, address=resource.address, help=help, severity=Severity.WARNING)


def _problem(resource: Resource, code: str, message: str, path: tuple[str, ...], help: str | None = None) -> Problem:
    return Problem(code=code, message=message, address=resource.address, path=path, help=help)
