"""What a dataflow should have delivered by now: each time that its schedule names, and each run that Adobe tells of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from reconciler.deliveries import Access
from reconciler.providers.adobe import schedule as when
from reconciler.providers.adobe.client import Client, Row
from reconciler.providers.adobe.collection import is_leaving, settling
from reconciler.providers.adobe.destinations import DESTINATIONS
from reconciler.providers.adobe.folders import MANIFEST, Folder, Span, folder_of, tells_apart
from reconciler.providers.adobe.mapping import only_id, within
from reconciler.providers.adobe.places import Lies, Places, below
from reconciler.providers.adobe.runs import instant, run_of
from reconciler.providers.adobe.slots import DAY, Export, Ran, Slot, began, slots
from reconciler.sdk import Run, VendorError
from reconciler.values import Expectation, Promised, Recognition, Record, RunStatus, Told

_STATUSES = {"pending": RunStatus.RUNNING, "completed": RunStatus.COMPLETED, "failed": RunStatus.FAILED}

# Nothing is promised about how long a run takes: late when at the shortest rhythm the next one would be due (assumed).
_GRACE = timedelta(hours=3)
# Files in a landing zone are deleted after seven days (Data Landing Zone; documented as strict).
_KEPT = timedelta(days=7)
_SLACK = timedelta(minutes=15)
_DATASET = re.compile(r"(?:.*[:/])?([0-9a-f]{24})")
_OF_ACCOUNT = frozenset(DESTINATIONS[each].spec for each in ("adlsGen2", "sftp"))
_FORMATS: Mapping[str, Literal["ndjson", "parquet"]] = {"JSON": "ndjson", "PARQUET": "parquet"}


class Deliveries:
    """The deliveries of one sandbox; remembers how each place is read where Adobe says so."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._places = Places(client)
        self._access: dict[str, Access | None] = {}

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterator[Expectation]:
        """One for each dataset, and each time that the schedule names or run that there was. Connections have none."""
        if record.id is None or record.address.kind != "Dataflow":
            return
        flow = self._client.row("/flows", record.id)
        if flow is None or is_leaving(flow):
            text = f"Adobe has no dataflow `{record.id}` any more, so nothing is expected of it"
            yield Expectation(address=record.address, name="dataflow", unknown=(text,))
            return
        export = self._export(flow)
        runs, trouble = self._runs(export, since)
        for slot in slots(export, runs, since, now):
            for each in _expected(record, export, slot, now, trouble):
                if each.place is not None:
                    self._access[each.place] = export.lies.access
                yield each

    def access(self, expectation: Expectation) -> Access | None:
        """What opens a landing zone, and who signs in at an SFTP server. All else is the project's business."""
        return self._access.get(expectation.place or "")

    def manifested(self, expectation: Expectation, body: bytes) -> Expectation:
        """The expectation with the files that a manifest lists in its folder. Raises `ValueError`."""
        promised = tuple(_promised(expectation, body))
        return replace(expectation, recognition=replace(expectation.recognition, promised=promised))

    # --- reading ---

    def _export(self, flow: Row) -> Export:
        source = self._linked("/sourceConnections", only_id(flow.get("sourceConnectionIds")))
        target = self._linked("/targetConnections", only_id(flow.get("targetConnectionIds")))
        account = self._linked("/connections", _id(within(target, "baseConnectionId")))
        # Container or host are the account's at two of the destinations.
        decisive = account if within(target, "connectionSpec", "id") in _OF_ACCOUNT else None
        lies = (
            Lies(why="where it delivers to: its target is gone") if target is None else self._places.of(target, account)
        )
        schedule, template = when.read(flow.get("scheduleParams"))
        listed = within(source, "params", "datasets")
        rows = [each for each in (listed if isinstance(listed, list) else ()) if _id(within(each, "dataSetId"))]
        sandbox = flow.get("sandboxName")
        return Export(
            id=str(flow["id"]),
            created=instant(flow.get("createdAt")),
            settled=max(
                (each for each in map(_changed, (flow, source, target, decisive)) if each is not None), default=None
            ),
            enabled=str(flow.get("state") or "").lower() == "enabled" and settling(flow) is None,
            start=when.instant(schedule.get("start")),
            end=when.instant(schedule.get("end")),
            step=_step(schedule.get("every")),
            template=template or when.DEFAULT_TEMPLATE,
            datasets=tuple(str(within(each, "dataSetId")) for each in rows),
            lies=lies,
            format=_FORMATS.get(str(within(target, "params", "datasetFileType"))),
            target=str(within(target, "id")),
            sandbox=sandbox if isinstance(sandbox, str) else None,
            manifests=within(target, "params", "includeFileManifest") is True,
            encrypted=bool(within(account, "encryption")),
        )

    def _linked(self, path: str, id: str | None) -> Row | None:
        return self._client.row(path, id) if id is not None else None

    def _runs(self, export: Export, since: datetime) -> tuple[tuple[Ran, ...], str | None]:
        """Runs that began since then or a little before, the oldest first; and why they cannot be told, if so."""
        before = since - max(2 * (export.step or DAY), 2 * DAY)
        # Any path may be filtered by, times in milliseconds (Sort and filter; documented as a rule).
        properties = (f"flowId=={export.id}", f"createdAt>={int(before.timestamp() * 1000)}")
        try:
            rows = self._client.filtered("/runs", properties)
        except VendorError as error:
            if error.status not in (404, 405):
                raise
            return (), f"how the runs ended: {error.message}"
        found = [_ran(each) for each in rows if each.get("flowId", export.id) == export.id]
        dated = [each for each in found if each.run.started is not None and each.run.started >= before]
        return tuple(sorted(dated, key=began)), None


# --- what ---


def _expected(record: Record, export: Export, slot: Slot, now: datetime, trouble: str | None) -> Iterator[Expectation]:
    ran = slot.ran
    run = ran.run if ran is not None else None
    datasets = tuple(dict.fromkeys((*export.datasets, *(ran.counts if ran is not None else ()))))
    if ran is not None and ran.counts and not slot.certain:
        datasets = tuple(ran.counts)  # what was exported then, whatever the source lists now
    unknown = [*_unknown(export, slot, trouble)]
    if len(datasets) > 1 and "%DATASET_ID%" not in export.template:
        unknown.append("which files are of which dataset: the folder template does not hold `%DATASET_ID%`")
    for dataset in datasets:
        folder, bounds = _folder(export, slot, dataset, now)
        recognition = _recognition(export, run, folder, bounds)
        # The folders that never change are a part of the place, so that each dataset of a usual template has its own.
        still, slash, prefix = recognition.prefix.rpartition("/")
        label = "" if dataset in still or len(datasets) == 1 else f" {_short(dataset, datasets)}"
        count = ran.counts.get(dataset) if ran is not None else None
        nothing = count == 0 or (ran is not None and ran.empty)
        yield Expectation(
            address=record.address,
            name=slot.name + label,
            ends=slot.at,
            due=slot.due if slot.certain or run is not None else None,
            late=slot.at + _GRACE if slot.due is not None and (slot.certain or run is not None) else None,
            missing=slot.at + max(export.step or DAY, DAY) + _GRACE if slot.certain else None,
            place=below(export.lies.url, still + slash) if export.lies.url is not None else None,
            recognition=replace(recognition, prefix=prefix),
            kept_until=((run.finished if run is not None else None) or slot.at) + _KEPT if export.lies.zone else None,
            # An increment without new records leaves an empty file or none (undocumented), and counts are no proof
            # unless they are zero: they are mixed with those of profile exports (Export datasets; documented).
            may_be_empty=nothing or (trouble is not None if run is None else count is None or not slot.certain),
            records_at_least=0 if nothing else None,
            told=_told(run),
            format=None if export.encrypted else export.format,
            unknown=tuple(unknown),
        )


def _recognition(
    export: Export, run: Run | None, folder: Folder, bounds: tuple[datetime | None, datetime | None]
) -> Recognition:
    """The folder alone, or all of them where a manifest may lie: whether datasets have one is not documented."""
    if run is None or not export.manifests:
        return Recognition(
            prefix=folder.prefix, pattern=folder.pattern, written_from=bounds[0], written_until=bounds[1]
        )
    return Recognition(
        pattern=re.escape(folder.prefix) + folder.pattern,
        manifest=MANIFEST.format(run=re.escape(run.id)),
        manifest_optional=True,
        written_from=bounds[0],
        written_until=bounds[1],
    )


def _told(run: Run | None) -> Told | None:
    if run is None:
        return None
    status = _STATUSES[run.status]
    reason = run.message if status is RunStatus.FAILED else None
    return Told(status=status, run=run.id, reason=reason, ended=run.finished)


def _unknown(export: Export, slot: Slot, trouble: str | None) -> Iterator[str]:
    if export.lies.why is not None:
        yield export.lies.why
    if slot.ran is None and trouble is not None:
        yield trouble
    if not slot.certain and (slot.ran is None or export.settled is None or slot.at < export.settled):
        yield "whether datasets, schedule, folder and target were the same then: Adobe tells only what they are now"
    run = slot.ran.run if slot.ran is not None else None
    if run is not None and run.status != "failed" and run.message is not None:
        yield f"what this means for the files: {run.message}"
    if export.encrypted:
        yield "whether the files are encrypted with the account's public key"


def _folder(
    export: Export, slot: Slot, dataset: str, now: datetime
) -> tuple[Folder, tuple[datetime | None, datetime | None]]:
    """Where the files of one dataset lie, and when they were written where the folder does not tell runs apart."""
    run = slot.ran.run if slot.ran is not None else None
    first = min(slot.at, run.started or slot.at) if run is not None else slot.at
    last = (run.finished if run is not None else None) or min(now, first + _GRACE)
    if slot.following is not None:
        last = min(last, slot.following - timedelta(minutes=1))
    span = Span(first, max(first, last))
    values = {
        "DATASET_ID": (dataset,),
        # Ids of the dataflow or of the target: which of them is an instance is inferred. Names may be changed on their
        # way into a folder, and what a destination is called is not documented: they may be anything.
        "DESTINATION_INSTANCE_ID": (export.id, export.target),
        "SANDBOX_NAME": (export.sandbox,) if export.sandbox is not None else (),
    }
    folder = folder_of(export.template, values, span)
    neighbours = (slot.at - export.step, slot.at + export.step) if export.step is not None else ()
    if tells_apart(export.template, span, neighbours):
        return folder, (None, None)
    until = max(first, last) + _SLACK
    if slot.following is not None:
        until = min(until, slot.following)
    return folder, (first, until)


# --- manifests ---


def _promised(expectation: Expectation, body: bytes) -> Iterator[Promised]:
    """`flowRunId`, and in `exportResults` `sinkPath`, `name` and `size` of each file (Amazon S3; documented)."""
    try:
        manifest = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if "exportResults" not in (manifest if isinstance(manifest, Mapping) else ()):
        raise ValueError("it has no list `exportResults`")
    run = within(manifest, "flowRunId")
    if expectation.told is not None and run != expectation.told.run:
        raise ValueError("`flowRunId` is another run than the one in its name")
    for each in _list(within(manifest, "exportResults")):
        name, folder, size = _id(within(each, "name")), within(each, "sinkPath"), within(each, "size")
        if name is None:
            raise ValueError("one of `exportResults` has no `name`")
        key = _key(expectation, str(folder or ""), name)
        if key is not None:
            yield Promised(key=key, size=size if isinstance(size, int) and not isinstance(size, bool) else None)


def _key(expectation: Expectation, folder: str, name: str) -> str | None:
    """
    The key below the place of a file of this delivery; `None` for a file of another one.

    Whether `sinkPath` begins at the bucket or at the target's path is not documented.
    """
    parts = [part for part in f"{folder}/{name}".split("/") if part]
    pattern = expectation.recognition.pattern or ".*"
    for start in range(len(parts)):
        key = "/".join(parts[start:])
        if re.fullmatch(pattern, key):
            return key
    return None


# --- words ---


def _ran(row: Row) -> Ran:
    records = within(row, "metrics", "recordSummary")
    counts: dict[str, int] = {}
    for source in _list(within(records, "sourceSummaries")):
        for each in _list(within(source, "entitySummaries")):
            # What stands before a dataset's id is not documented.
            found = _DATASET.fullmatch(str(within(each, "id")))
            number = within(each, "inputRecordCount")
            if found is not None and isinstance(number, int) and not isinstance(number, bool):
                counts[found[1]] = number
    return Ran(run=run_of(row), counts=counts, empty=within(records, "outputRecordCount") == 0)


def _changed(row: Row | None) -> datetime | None:
    """When an object was last made or changed by somebody; of a dataflow its last operation tells (documented)."""
    if row is None:
        return None
    operation = instant(within(row, "lastOperation", "updated")) or instant(within(row, "lastOperation", "started"))
    return operation or instant(row.get("updatedAt"))


def _step(every: object) -> timedelta | None:
    found = re.fullmatch(r"([1-9][0-9]{0,3})([hd])", every) if isinstance(every, str) else None
    if found is None:
        return None
    return timedelta(**{{"h": "hours", "d": "days"}[found[2]]: int(found[1])})


def _short(dataset: str, datasets: Sequence[str]) -> str:
    """As much of an id as tells it from the others, and six signs at least."""
    lengths = (each for each in range(6, len(dataset)) if sum(one.startswith(dataset[:each]) for one in datasets) == 1)
    return dataset[: next(lengths, len(dataset))]


def _id(json: object) -> str | None:
    return json if isinstance(json, str) and json else None


def _list(json: object) -> Sequence[object]:
    return json if isinstance(json, list) else ()
