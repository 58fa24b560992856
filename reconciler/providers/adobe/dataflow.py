"""`Dataflow`: a source and a target, and when files go from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from reconciler.providers.adobe import schedule as when
from reconciler.providers.adobe.client import Client, Row, segment
from reconciler.providers.adobe.collection import (
    SETTLE_SECONDS,
    Collection,
    Patch,
    check_description,
    check_made,
    is_leaving,
    last_change,
    operation_failed,
    rest,
    revision,
    settling,
)
from reconciler.providers.adobe.destinations import BY_FLOW, BY_SPEC, DATA_LAKE, VERSION
from reconciler.providers.adobe.errors import InTransit, NotApplicable
from reconciler.providers.adobe.mapping import named, only_id, text_of, within
from reconciler.providers.adobe.settings import Text
from reconciler.sdk import (
    Assessment,
    Conflict,
    Immutable,
    Kind,
    NameOrId,
    Order,
    RefersTo,
    Refused,
    ServerDefault,
    Spec,
)
from reconciler.values import HIDDEN, Document, Identity, Observed, Problem, Record, Resource, Severity, Value


class Flow(Spec):
    """An export on a schedule."""

    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    source: Annotated[NameOrId, RefersTo("SourceConnection")]
    """What is exported: the name of a `SourceConnection`."""
    # That another target can be put in place is not documented.
    target: Annotated[NameOrId, RefersTo("TargetConnection"), Immutable()]
    """Where to: the name of a `TargetConnection`."""
    schedule: when.Schedule
    """When."""
    folder_template: Annotated[when.FolderTemplate | None, ServerDefault(when.DEFAULT_TEMPLATE)] = None
    """The folders below the path; `%DATASET_ID%/%EXPORT_TIME%` when left out."""
    # New dataflows are enabled (Update dataflows; documented).
    enabled: Annotated[bool, ServerDefault(value=True)] = True
    """Whether it exports; true when left out."""


class Dataflows(Collection):
    """`/flows` with one of the six flow specs of dataset exports (Export datasets; documented)."""

    path = "/flows"
    properties = (f"flowSpec.id=={','.join(BY_FLOW)}",)
    apart: ClassVar[frozenset[str]] = frozenset({"enabled"})
    defaults: ClassVar[Document] = {"folderTemplate": when.DEFAULT_TEMPLATE}

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._failed: dict[str, str] = {}

    def belongs(self, row: Row) -> bool:
        """A dataflow of datasets."""
        return within(row, "flowSpec", "id") in BY_FLOW

    def refuse(self, row: Row) -> str | None:
        """A dataflow is one of datasets by its flow spec and by reading from the data lake."""
        if within(row, "flowSpec", "id") not in BY_FLOW:
            return "is no export of datasets: its flow spec is another"
        sources = within(row, "inheritedAttributes", "sourceConnections")
        specs = {within(each, "connectionSpec", "id") for each in (sources if isinstance(sources, list) else ())}
        return None if specs <= {DATA_LAKE, None} else "does not read from the data lake"

    def observed(self, row: Row) -> Observed:
        """The dataflow; whether one that is on its way between two states is enabled, nobody can say."""
        attributes, owner = named(row)
        for key, field in (("source", "sourceConnectionIds"), ("target", "targetConnectionIds")):
            id = only_id(row.get(field))
            if id is not None:
                attributes[key] = id
        schedule, template = when.read(row.get("scheduleParams"))
        attributes["schedule"] = schedule
        if template is not None:
            attributes["folderTemplate"] = template
        attributes["enabled"] = _is_enabled(row)
        id = str(row["id"])
        failure = operation_failed(row)
        if failure is not None:
            self._failed[id] = failure
        else:
            self._failed.pop(id, None)
        return Observed(
            id=id,
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            settling=settling(row),
            hold=rest(row),
        )

    # Planning

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """
        Times written in one way, and a start that has passed as Adobe has it.

        A start cannot be changed once it is past (Update dataflows, sources; documented for sources), so it is
        compared only while the wanted one and the real one both lie ahead.
        """
        wanted = resource.attributes.get("schedule")
        if not isinstance(wanted, Mapping):
            return Assessment(observed=observed)
        schedule = dict(wanted)
        for key in ("start", "end"):
            moment = when.instant(schedule.get(key))
            if moment is not None:
                schedule[key] = when.text(moment)
        problems = list(self._expectations(resource, schedule, observed, now))
        there = within(observed.attributes, "schedule", "start") if observed is not None else None
        if isinstance(there, str) and there != schedule.get("start"):
            starts = [each for each in (when.instant(there), when.instant(schedule.get("start"))) if each is not None]
            if any(each <= now for each in starts):
                problems.append(_frozen(str(schedule.get("start")), there))
                schedule["start"] = there
        placed = tuple(replace(each, address=resource.address) for each in problems)
        return Assessment(observed=observed, attributes={**resource.attributes, "schedule": schedule}, problems=placed)

    def _expectations(
        self, resource: Resource, schedule: Mapping[str, Value], observed: Observed | None, now: datetime
    ) -> Iterator[Problem]:
        """What will not happen although the manifest seems to say so."""
        settings = self._client.settings
        if schedule.get("every") == "8h" and not settings.allow_every_eight_hours:
            yield Problem(
                code="every-eight-hours",
                message="the API's documents know exports every 3, 6, 9 and 12 hours; 8 is known to the UI's alone",
                path=("schedule", "every"),
                help="write `9h`, or try it with `allowEveryEightHours: true` in the project file",
            )
        if observed is not None and observed.id in self._failed:
            yield Problem(
                code="operation-failed",
                message=f"the last change of `{observed.id}` failed at Adobe: {self._failed[observed.id]}",
                help="look at the dataflow in Adobe's UI",
                severity=Severity.WARNING,
            )
        start, end = when.instant(schedule.get("start")), when.instant(schedule.get("end"))
        is_once, enabled = schedule.get("once") is True, resource.attributes.get("enabled") is not False
        if end is None or not enabled:
            if not enabled and observed is None and start is not None and start <= now:
                yield _begins_before_it_is_disabled(start)
            return
        if end <= now and observed is None:
            yield Problem(
                code="export-ended",
                message=f"the export would end on {when.text(end)}, before it begins: nothing would ever be exported",
                path=("schedule", "end"),
                help="write a later `end`",
            )
        elif end <= now and not is_once:
            # What state an expired dataflow shows is not documented; it is assumed to stay enabled.
            yield Problem(
                code="export-ended",
                message=f"enabled but not exporting: its end, {when.text(end)}, has passed",
                path=("schedule", "end"),
                help="write a later `end`, or `enabled: false`",
                severity=Severity.WARNING,
            )
        elif end <= now + timedelta(days=settings.end_warning_days) and not is_once:
            yield Problem(
                code="export-ends-soon",
                message=f"the export ends on {when.text(end)}; nothing is exported after that",
                path=("schedule", "end"),
                help="write a later `end`; `endWarningDays` in the project file says how early this is said",
                severity=Severity.WARNING,
            )

    # Writing

    def prepare(self, order: Order) -> Document:
        """Which flow spec it takes: that of the destination of its target."""
        id = text_of(order.attributes, "target")
        row = self._client.row("/targetConnections", id)
        destination = BY_SPEC.get(str(within(row, "connectionSpec", "id")))
        if destination is None:
            raise Refused(f"`{id}` is no target at one of the six destinations of dataset exports")
        return {"flowSpec": destination.flow}

    def body(self, order: Order) -> dict[str, object]:
        """
        The whole dataflow; `state` would be refused (Flow Service errors; documented).

        There are never transformations in an export of datasets (Export datasets; documented).
        """
        return {
            "flowSpec": {"id": text_of(order.memo, "flowSpec"), "version": VERSION},
            "sourceConnectionIds": [text_of(order.attributes, "source")],
            "targetConnectionIds": [text_of(order.attributes, "target")],
            "transformations": [],
            "scheduleParams": when.sent(_schedule_of(order), order.attributes.get("folderTemplate")),
        }

    def patch(self, order: Order, keys: frozenset[str], row: Row) -> Patch:
        """Source and schedule in one request, as in the API's sample of the last operation (documented)."""
        patch: Patch = []
        if "source" in keys:
            value = [text_of(order.attributes, "source")]
            patch.append({"op": "replace", "path": "/sourceConnectionIds", "value": value})
        if keys & {"schedule", "folderTemplate"}:
            there = row.get("scheduleParams")
            was_managed = order.record is not None and "folderTemplate" in order.record.applied
            template = order.attributes.get("folderTemplate", when.DEFAULT_TEMPLATE if was_managed else None)
            sent = when.sent(_schedule_of(order), template, _spelling(order, there))
            whole = when.replaced(there, sent)
            patch.append({"op": "replace", "path": "/scheduleParams", "value": whole})
        return patch

    def update(self, order: Order) -> Observed:
        """A PATCH, and an action if exports are to begin or to stop."""
        updated = super().update(order)
        wanted = order.attributes.get("enabled") is not False
        if any(each.path[:1] == ("enabled",) for each in order.fields):
            updated = self._enable(updated.id, enabled=wanted)
        return updated

    def disable(self, id: str) -> Observed:
        """Stop the exports and keep the dataflow."""
        return self._enable(id, enabled=False)

    def test(self, id: str) -> None:
        """Whether Adobe made what it accepted."""
        check_made(self._at_rest(id))

    def _enable(self, id: str, *, enabled: bool) -> Observed:
        """
        `action?op=enable` or `disable`, without a body or an etag (Update dataflows; documented).

        Lower-case, as there and in Adobe's client; the API's document has capitals (contradictory).
        """
        word = "enable" if enabled else "disable"
        row = self._at_rest(id)
        for _ in range(3):
            if _is_enabled(row) is enabled:
                return self.observed(row)
            try:
                self._client.change("POST", f"{self.path}/{segment(id)}/action", query=[("op", word)], repeatable=True)
            except (InTransit, NotApplicable, Conflict):
                row = self._at_rest(id)
                continue
            row = self._turned(id, enabled=enabled)
        if _is_enabled(row) is enabled:
            return self.observed(row)
        raise Refused(f"Adobe accepts that `{id}` is to be {word}d and leaves it `{row.get('state')}`")

    def _turned(self, id: str, *, enabled: bool) -> Row:
        """The dataflow at rest, looked at a few times more while it still shows the state before."""
        row = self._at_rest(id)
        for _ in range(10):
            if _is_enabled(row) is enabled:
                break
            self._client.sleep(1.0)
            row = self._at_rest(id)
        return row


def _schedule_of(order: Order) -> Mapping[str, Value]:
    wanted = order.attributes.get("schedule")
    assert isinstance(wanted, Mapping), "a manifest without a schedule is refused"
    return wanted


def _spelling(order: Order, there: object) -> str:
    """How to spell the folder template: as it is there, and differently when it was sent once and is not there."""
    found = when.template_key(there)
    if found is not None:
        return found
    wanted = order.attributes.get("folderTemplate")
    was_sent = order.record is not None and wanted is not None and order.record.applied.get("folderTemplate") == wanted
    return when.TEMPLATES[1] if was_sent else when.TEMPLATES[0]


def _is_enabled(row: Row) -> Value:
    state = str(row.get("state") or "").lower()
    if state in ("enabled", "disabled") and settling(row) is None and not is_leaving(row):
        return state == "enabled"
    return {"enabling": True, "disabling": False, "enabled": True, "disabled": False}.get(state, HIDDEN)


def _frozen(wanted: str, there: str) -> Problem:
    return Problem(
        code="start-has-passed",
        message=f"the start stays {there}: Adobe changes no start that has passed, and none to the past",
        path=("schedule", "start"),
        help=f"write `start: {there}`" if there != wanted else None,
        severity=Severity.WARNING,
    )


def _begins_before_it_is_disabled(start: datetime) -> Problem:
    return Problem(
        code="begins-enabled",
        message=(
            f"a new dataflow is enabled until it is disabled, and its start, {when.text(start)}, is past: files may"
            " be exported"
        ),
        path=("schedule", "start"),
        help="write a `start` in the future",
        severity=Severity.WARNING,
    )


DATAFLOW = Kind(
    name="Dataflow",
    summary="A source and a target, and when datasets are exported from one to the other",
    spec=Flow,
    identity=Identity.MARK,
    natural_key=(("name",),),
    disables=True,
    settle_seconds=SETTLE_SECONDS,
    replacement_cost=(
        "the new dataflow begins with a full export of every dataset, and has another id in folder names that hold it"
    ),
    check=check_description,
    delivers=True,
    example="""\
apiVersion: adobe.reconciler/v1
kind: Dataflow
metadata:
  name: orders-to-lake
spec:
  name: Orders to lake
  source: orders
  target: orders-lake
  schedule: {every: 6h, start: 2026-12-01T06:00:00Z, end: 2027-12-01T00:00:00Z}
""",
)
