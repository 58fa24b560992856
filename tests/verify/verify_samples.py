"""One verification in which every verdict stands, for the reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.engine.delivery import judge
from reconciler.values import (
    Address,
    Broken,
    Content,
    Example,
    Expectation,
    Finding,
    Lying,
    LyingFile,
    Problem,
    Recognition,
    RunStatus,
    Told,
    Trouble,
    Verification,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ORDERS, CONSENTS, LAKE, WEST = (
    Address.parse(each)
    for each in (
        "adobe/Dataflow/orders-to-lake",
        "didomi/ExportConfig/daily-consents",
        "didomi/Integration/lake",
        "domo/DatasetExport/west",
    )
)
HOSTILE = "<script>alert(1)</script> \x1b[31m `x` | [a](http://example.com) &amp; ]]>"

CONTENT = Content(
    contract="Didomi export record",
    files={"users/p0.json.gz": 1200, "users/p1.json.gz": 900},
    broken=(
        Broken(rule="schema.required:user.id", level="error", total=17),
        Broken(rule="repeated-user", level="warning", total=2),
    ),
    examples=(
        Example(
            rule="schema.required:user.id",
            level="error",
            object="s3://example-lake/users/p0.json.gz",
            line=12,
            path="user.id",
            message="is missing",
        ),
        Example(
            rule="repeated-user",
            level="warning",
            object="s3://example-lake/users/p1.json.gz",
            line=7,
            path="user.id",
            message="has the same value as line 3",
            value="text of 36 characters",
        ),
    ),
)


def expected(address: Address, day: int, **more: Any) -> Expectation:  # noqa: ANN401 - words of the class
    begins = datetime(2026, 11, day, tzinfo=UTC)
    due = begins + timedelta(days=1)
    words: dict[str, Any] = {
        "address": address,
        "name": begins.date().isoformat(),
        "begins": begins,
        "ends": due,
        "due": due,
        "late": due + timedelta(hours=6),
        "missing": due + timedelta(hours=30),
        "place": "s3://example-lake/",
        "recognition": Recognition(prefix=f"date={begins.date()}/", markers=("_SUCCESS",)),
        **more,
    }
    return Expectation(**words)


def found(day: int, files: int = 2, *, done: bool = True, **more: Any) -> Lying:  # noqa: ANN401 - as above
    at = datetime(2026, 11, day, 9, 12, tzinfo=UTC)
    words: dict[str, Any] = {
        "files": tuple(
            LyingFile(
                key=f"users/p{number}.json.gz",
                object=f"s3://example-lake/users/p{number}.json.gz",
                size=400_000,
                modified=at,
            )
            for number in range(files)
        ),
        "completed": at if done else None,
        "exposed": (),
        **more,
    }
    return Lying(**words)


NOTHING = Lying(exposed=())
FAILED = Told(status=RunStatus.FAILED, run="run-77", reason="the destination refused the files")
DENIED = Trouble(code="not-allowed", where="s3://example-lake/", reason="access is denied", help="ask its owner")


def _judged(expectation: Expectation, lying: Lying | None) -> Finding:
    return judge(expectation, lying, NOW)


FINDINGS = (
    *(_judged(expected(ORDERS, day), found(day)) for day in range(16, 19)),
    _judged(expected(ORDERS, 19, told=FAILED), NOTHING),
    _judged(expected(ORDERS, 20), found(20, done=False)),
    _judged(expected(ORDERS, 21), NOTHING),
    _judged(expected(ORDERS, 22), NOTHING),
    *(_judged(expected(CONSENTS, day, kept_until=datetime(2026, 11, 22, tzinfo=UTC)), NOTHING) for day in (16, 17)),
    _judged(expected(CONSENTS, 18, told=Told(status=RunStatus.COMPLETED, run="log1")), NOTHING),
    _judged(expected(CONSENTS, 19), found(19, content=CONTENT)),
    _judged(expected(CONSENTS, 22, told=Told(status=RunStatus.RUNNING)), found(22, done=False)),
    _judged(expected(LAKE, 20), found(20, exposed=("the permissions of `s3://example-lake/` let everybody read",))),
    _judged(expected(LAKE, 21), Lying(trouble=DENIED)),
    _judged(expected(WEST, 20, name=HOSTILE, told=Told(status=RunStatus.FAILED, reason=HOSTILE)), NOTHING),
    _judged(expected(WEST, 21, place=None), None),
    _judged(expected(WEST, 21, name="run-9"), found(21, exposed=None, unsure=("whether others may read the place",))),
)

VERIFICATION = Verification(
    project="shop",
    environment="prod",
    since=datetime(2026, 11, 16, tzinfo=UTC),
    now=NOW,
    content=True,
    findings=FINDINGS,
    silent=(Address.parse("didomi/ExportConfig/stopped"),),
    problems=(
        Problem(
            code="deliveries-not-read",
            message="`GET /exports/logs` got no usable answer",
            address=Address.parse("didomi/ExportConfig/other"),
            help="check the network",
        ),
    ),
)
