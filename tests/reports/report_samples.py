"""Hand-made plans for the tests of reports: every action and every kind of field change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from reconciler.values import (
    HIDDEN,
    MISSING,
    UNKNOWN,
    Action,
    Address,
    Change,
    Document,
    FieldChange,
    Hold,
    HoldKind,
    Identity,
    Mark,
    Plan,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Ref,
    Resource,
    Secret,
    Severity,
    Traits,
)

TAKEN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
SECRET = Secret(source="env", name="RECONCILER_SECRET_LAKE")

TRAITS: Mapping[str, Traits] = {
    each.type: each
    for each in (
        Traits(
            type="adobe/SourceConnection",
            identity=Identity.MARK,
            immutable=frozenset({("datasets",)}),
            references={("base",): "adobe/BaseConnection"},
            unordered=frozenset({("datasets",)}),
            replacement_cost="the next run of every flow that uses it exports its datasets in full",
        ),
        Traits(
            type="adobe/Dataflow",
            identity=Identity.MARK,
            references={("source",): "adobe/SourceConnection", ("target",): "adobe/TargetConnection"},
            keyed={("transformations",): "name"},
        ),
        Traits(type="adobe/BaseConnection", identity=Identity.MARK, secrets=frozenset({("auth", "secretKey")})),
        Traits(type="adobe/TargetConnection", identity=Identity.MARK),
        Traits(
            type="didomi/Destination",
            identity=Identity.DIFFERENCE,
            secrets=frozenset({("config", "secretAccessKey")}),
            immutable=frozenset({("type",)}),
            coexists=False,
            replacement_cost="the bucket policy must name the new account",
        ),
        Traits(
            type="didomi/ExportConfig",
            identity=Identity.DIFFERENCE,
            references={("destination",): "didomi/Destination"},
        ),
        Traits(type="didomi/EventImport", identity=Identity.DIFFERENCE, job=True),
        Traits(type="domo/DatasetExport", identity=Identity.DIFFERENCE, job=True),
    )
}


def traits(type: str) -> Traits:
    return TRAITS[type]


def address(text: str) -> Address:
    return Address.parse(text)


def reason(code: ReasonCode, text: str) -> Reason:
    return Reason(code=code, text=text)


def resource(name: str, attributes: Document, *, origin: str | None = None) -> Resource:
    return Resource(
        address=address(name),
        attributes=attributes,
        mark=Mark("specs/exports.yaml", 3, 1),
        origin=address(origin) if origin else None,
    )


def record(name: str, id: str, applied: Document, *, origin: str | None = None) -> Record:
    return Record(
        address=address(name),
        id=id,
        scope="organization example-org",
        applied=applied,
        origin=address(origin) if origin else None,
    )


def plan_of(
    *changes: Change,
    problems: tuple[Problem, ...] = (),
    partial: bool = False,
    retired: int = 0,
    notes: tuple[str, ...] = (),
) -> Plan:
    return Plan(
        project="example",
        environment="prod",
        lineage="0d9c",
        serial=42,
        taken=TAKEN,
        changes=changes,
        problems=problems,
        partial=partial,
        retired=retired,
        notes=notes,
    )


def expect(name: str, text: str) -> None:
    """
    Compares a whole output with `expected/<name>`.

    `UPDATE_EXPECTED=1 pytest tests/reports` writes the files anew; read their diff before committing it.
    """
    file = Path(__file__).parent / "expected" / name
    text = text.removesuffix("\n") + "\n"
    if os.environ.get("UPDATE_EXPECTED") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")

    assert text == file.read_text(encoding="utf-8")


DELETE = Change(
    address=address("didomi/Destination/old-lake"),
    action=Action.DELETE,
    id="7h2kq9x4pd",
    reasons=(reason(ReasonCode.REMOVED, "its manifest is gone"),),
    record=record(
        "didomi/Destination/old-lake",
        "7h2kq9x4pd",
        {
            "name": "Old lake",
            "type": "aws-s3-didomi",
            "config": {"bucketName": "example-old-lake", "region": "eu-west-1", "secretAccessKey": SECRET},
        },
    ),
)

LEFTOVER = Change(
    address=address("didomi/Destination/lake"),
    action=Action.NOOP,
    id="9p3m",
    discard=("2b7c",),
    record=record("didomi/Destination/lake", "9p3m", {"name": "lake"}),
)

DEPOSED = Change(
    address=address("adobe/SourceConnection/returns"),
    action=Action.DELETE,
    id="0a77",
    reasons=(reason(ReasonCode.DEPOSED, "left over: it was replaced"),),
    record=record("adobe/SourceConnection/returns", "0a78", {"name": "Returns"}),
)

KEYED = Change(
    address=address("adobe/Dataflow/visits"),
    action=Action.UPDATE,
    id="f8",
    reasons=(reason(ReasonCode.CHANGED, "2 fields differ"),),
    fields=(
        FieldChange(path=("transformations", "mask-email", "kind"), before="mask", after="hash"),
        FieldChange(path=("transformations", "drop-name"), before=MISSING, after={"name": "drop-name", "kind": "drop"}),
    ),
    resource=resource("adobe/Dataflow/visits", {"name": "visits"}),
)

REPLACE = Change(
    address=address("adobe/SourceConnection/orders"),
    action=Action.REPLACE,
    id="0b1c7f0e-5d5e-4c53-9a41-1d8c3e7f2a90",
    reasons=(reason(ReasonCode.IMMUTABLE, "`datasets` cannot be changed in place"),),
    notes=("the next run of every flow that uses it exports its datasets in full",),
    fields=(
        FieldChange(path=("description",), before="Orders", after="Orders, returns and cancelled orders"),
        FieldChange(
            path=("datasets",),
            before=("64f0-orders", "64f1-returns"),
            after=("64f0-orders", "64f2-cancelled"),
            forces_replacement=True,
        ),
    ),
    resource=resource(
        "adobe/SourceConnection/orders",
        {"name": "Orders source", "datasets": ("64f0-orders", "64f2-cancelled")},
        origin="adobe/DatasetExport/orders",
    ),
    discard=("0b1c7f0e-5d5e-4c53-9a41-1d8c3e7f2a90",),
)

REPLACE_DELETE_FIRST = Change(
    address=address("didomi/Destination/events"),
    action=Action.REPLACE,
    id="5c1d",
    delete_first=True,
    reasons=(reason(ReasonCode.IMMUTABLE, "`type` cannot be changed in place"),),
    fields=(
        FieldChange(path=("type",), before="aws-s3-didomi", after="gcp-storage", forces_replacement=True),
        FieldChange(path=("config", "projectId"), before=MISSING, after="example-project"),
        FieldChange(path=("config", "region"), before="eu-west-1", after=MISSING),
    ),
    resource=resource("didomi/Destination/events", {"name": "events", "type": "gcp-storage"}),
)

DISABLE = Change(
    address=address("adobe/Dataflow/clicks"),
    action=Action.DISABLE,
    id="f1",
    reasons=(reason(ReasonCode.REMOVED, "its manifest is gone"),),
    record=record("adobe/Dataflow/clicks", "f1", {"name": "Clicks to lake"}),
)

RETIRE = Change(
    address=address("adobe/BaseConnection/archive"),
    action=Action.RETIRE,
    id="b9",
    reasons=(reason(ReasonCode.REMOVED, "its manifest is gone"),),
)

FORGET = Change(
    address=address("domo/DatasetExport/visits"),
    action=Action.FORGET,
    id="visits-parquet",
    reasons=(reason(ReasonCode.REMOVED, "its manifest is gone"),),
)

RUN = Change(
    address=address("domo/DatasetExport/sales"),
    action=Action.RUN,
    id="sales-2026-11-19",
    reasons=(reason(ReasonCode.STALE, "the dataset changed at 2026-11-20 05:12 UTC, after the last export"),),
    resource=resource("domo/DatasetExport/sales", {"name": "sales"}),
)

UPDATE = Change(
    address=address("adobe/Dataflow/orders"),
    action=Action.UPDATE,
    id="c5aa",
    reasons=(
        reason(ReasonCode.CHANGED, "4 fields differ from the manifest"),
        reason(ReasonCode.CHANGED, "`adobe/SourceConnection/orders` is replaced"),
    ),
    fields=(
        FieldChange(path=("source",), before="0b1c7f0e-5d5e-4c53-9a41-1d8c3e7f2a90", after=UNKNOWN),
        FieldChange(path=("schedule", "every"), before="12h", after="6h"),
        FieldChange(path=("schedule", "end"), before=MISSING, after="2027-12-01T00:00:00Z"),
        FieldChange(
            path=("transformations",),
            before=({"name": "mask-email", "kind": "mask"}, {"name": "drop-phone", "kind": "drop"}),
            after=({"name": "mask-email", "kind": "hash"}, {"name": "drop-name", "kind": "drop"}),
        ),
        FieldChange(
            path=("description",),
            before="Every order of the shop, with its lines and its payments, delivered four times a day to the lake",
            after="Every order of the shop, with its lines and its refunds, delivered four times a day to the lake",
        ),
    ),
    resource=resource(
        "adobe/Dataflow/orders",
        {"name": "Orders to lake", "source": Ref(address("adobe/SourceConnection/orders"))},
        origin="adobe/DatasetExport/orders",
    ),
    points_at=(address("adobe/SourceConnection/orders"), address("adobe/TargetConnection/orders")),
    notes=("the schedule of a flow that has started is sent whole",),
)

ROTATION = Change(
    address=address("adobe/BaseConnection/lake"),
    action=Action.UPDATE,
    id="b1",
    reasons=(reason(ReasonCode.CHANGED, "the secret behind `auth.secretKey` has a new version"),),
    fields=(
        FieldChange(
            path=("auth", "secretKey"),
            before=Secret(source="env", name="RECONCILER_SECRET_LAKE", version="1"),
            after=Secret(source="env", name="RECONCILER_SECRET_LAKE", version="2"),
            hidden=True,
        ),
        FieldChange(path=("auth", "accessKey"), before=HIDDEN, after="EXAMPLEKEY", hidden=True),
    ),
    resource=resource("adobe/BaseConnection/lake", {"name": "Lake"}),
)

QUERY = Change(
    address=address("domo/DatasetExport/query"),
    action=Action.UPDATE,
    id="query-parquet",
    reasons=(reason(ReasonCode.CHANGED, "`query` differs from the manifest"),),
    fields=(
        FieldChange(
            path=("query",),
            before="SELECT id,\n  amount,\n  country\nFROM orders\nWHERE amount > 0\n",
            after="SELECT id,\n  amount_cents,\n  country\nFROM orders\nWHERE amount > 0",
        ),
        FieldChange(path=("columns",), before=("id", "amount", "country"), after=("id", "country", "amount")),
        FieldChange(path=("limit",), before=1000, after=None),
        FieldChange(path=("compressed",), before=False, after=True),
    ),
    resource=resource("domo/DatasetExport/query", {"name": "query"}),
)

CREATE = Change(
    address=address("didomi/ExportConfig/consents"),
    action=Action.CREATE,
    reasons=(reason(ReasonCode.NEW, "it does not exist yet"),),
    resource=resource(
        "didomi/ExportConfig/consents",
        {
            "name": "Consents, daily",
            "destination": Ref(address("didomi/Destination/lake")),
            "enabled": True,
            "format": {"type": "parquet", "compression": None, "rowGroupSize": 131072},
            "purposes": ("analytics", "marketing"),
            "properties": tuple(f"property-{number:02d}" for number in range(20)),
            "filters": ({"field": "country", "in": ("DE", "FR")}, {"field": "status", "in": ()}),
            "comment": "All consents of the day\nas they were given,\nwithout the test accounts",
        },
    ),
)

CREATE_WITH_SECRET = Change(
    address=address("didomi/Destination/partners"),
    action=Action.CREATE,
    reasons=(reason(ReasonCode.GONE, "gone at the vendor: it was made by an earlier run and somebody deleted it"),),
    resource=resource(
        "didomi/Destination/partners",
        {
            "name": "partners",
            "type": "aws-s3-didomi",
            "config": {
                "bucketName": "example-partners",
                "secretAccessKey": Secret(source="vault", name="exports/partners", key="secret", version="3"),
                "prefix": "exports/" + "a-very-long-folder/" * 8,
            },
        },
    ),
)

IMPORT = Change(
    address=address("adobe/TargetConnection/lake"),
    action=Action.IMPORT,
    id="t1",
    reasons=(reason(ReasonCode.REQUESTED, "asked for on the command line"),),
)

RECOVER = Change(
    address=address("adobe/TargetConnection/orders"),
    action=Action.RECOVER,
    id="t2",
    reasons=(reason(ReasonCode.RECOVERED, "an interrupted run made it; its mark names this attempt"),),
)

RECORD = Change(
    address=address("didomi/ExportConfig/events"),
    action=Action.RECORD,
    id="x1",
    reasons=(reason(ReasonCode.STATE_ONLY, "only labels or lifecycle differ"),),
)

WAIT = Change(
    address=address("didomi/EventImport/november"),
    action=Action.WAIT,
    id="i7",
    reasons=(reason(ReasonCode.HELD, "the import is still running (63 %)"),),
    hold=Hold(kind=HoldKind.WAIT, reason="the import is still running (63 %)"),
)

BLOCKED = Change(
    address=address("adobe/Dataflow/returns"),
    action=Action.BLOCKED,
    id="f3",
    hold=Hold(kind=HoldKind.BLOCKED, reason="the licence for dataset export ended; ask the vendor to renew it"),
)

NOOP = Change(address=address("adobe/TargetConnection/events"), action=Action.NOOP, id="t9", notes=("is not checked",))

PROBLEMS = (
    Problem(
        code="rotation-not-detectable",
        message="`didomi/Destination` gives no secret back and no version is written",
        address=address("didomi/Destination/lake"),
        path=("config", "secretAccessKey"),
        severity=Severity.WARNING,
    ),
    Problem(
        code="lookalike",
        message="an unmanaged object `7h2k` has the same `name`",
        mark=Mark("specs/lake.yaml", 2, 1),
        address=address("didomi/Destination/lake"),
        help="take it over with `reconciler import didomi/Destination/lake 7h2k`",
    ),
)

EVERYTHING = (
    BLOCKED,
    CREATE,
    CREATE_WITH_SECRET,
    DELETE,
    DEPOSED,
    DISABLE,
    FORGET,
    IMPORT,
    KEYED,
    LEFTOVER,
    NOOP,
    QUERY,
    RECORD,
    RECOVER,
    REPLACE,
    REPLACE_DELETE_FIRST,
    RETIRE,
    ROTATION,
    RUN,
    UPDATE,
    WAIT,
)

FULL = plan_of(
    *EVERYTHING,
    problems=PROBLEMS,
    partial=True,
    retired=2,
    notes=("rotation not detectable: 1 resource has secrets without a `version`",),
)

SMALL = plan_of(REPLACE, UPDATE, CREATE_WITH_SECRET, NOOP)
