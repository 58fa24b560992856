"""Runs of a dataflow as Adobe reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from reconciler.providers.adobe.client import PAGE, Client, Row
from reconciler.providers.adobe.mapping import within
from reconciler.sdk import Run, Unreadable

# Upper case in the schema, lower case in samples; the state of a run has words of its own (Flow runs; documented).
_STATUSES: Mapping[str, str] = {
    "success": "completed",
    "completed": "completed",
    "failed": "failed",
    "error": "failed",
    "processing": "pending",
    "waiting": "pending",
    "pending": "pending",
    "queued": "pending",
    "inprogress": "pending",
}

_FIGURES: Mapping[str, tuple[str, str]] = {
    "recordsRead": ("recordSummary", "inputRecordCount"),
    "recordsWritten": ("recordSummary", "outputRecordCount"),
    "recordsSkipped": ("recordSummary", "skippedRecordCount"),
    "recordsFailed": ("recordSummary", "failedRecordCount"),
    "filesWritten": ("fileSummary", "outputFileCount"),
    "bytesWritten": ("sizeSummary", "outputBytes"),
}
"""
What is reported of a run, and where it stands in Adobe's metrics.

Metrics of dataset exports are mixed with those of profile exports, so the figures are no exact counts (Export datasets
in the UI, known limitations; documented).
"""


def read_runs(client: Client, flow: str) -> Sequence[Run]:
    """
    The last runs of the dataflow, newest first: one page.

    That lists begin with the newest is documented; they are sorted all the same.
    """
    query = [("property", f"flowId=={flow}"), ("limit", str(PAGE))]
    body = client.body(client.send("GET", "/runs", query=query), "GET /runs")
    rows = body.get("items")
    if not isinstance(rows, list):
        raise Unreadable("the answer to `GET /runs` is no list", request="GET /runs")
    mine = [each for each in rows if isinstance(each, Mapping) and each.get("flowId", flow) == flow]
    return sorted((run_of(each) for each in mine), key=lambda run: run.started or _LONG_AGO, reverse=True)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def run_of(row: Row) -> Run:
    """One run, whatever case and key its words have."""
    metrics = row.get("metrics")
    written = within(metrics, "statusSummary", "status") or row.get("state")
    word = str(written or "").lower().replace("_", "")
    status = _STATUSES.get(word, "pending")
    duration = within(metrics, "durationSummary")
    # The schema says `stoppedAtUTC`, samples `completedAtUTC` (contradictory).
    finished = instant(within(duration, "completedAtUTC") or within(duration, "stoppedAtUTC"))
    message = _errors(metrics)
    if word not in _STATUSES:
        message = f"Adobe says `{written}`{f': {message}' if message else ''}"
    return Run(
        id=str(row.get("id")),
        status=status,
        started=instant(within(duration, "startedAtUTC")) or instant(row.get("createdAt")),
        finished=finished if status != "pending" else None,
        figures=_figures(metrics),
        message=message,
    )


def _figures(metrics: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, path in _FIGURES.items():
        number = within(metrics, *path)
        if isinstance(number, int) and not isinstance(number, bool):
            found[name] = number
    return found


def _errors(metrics: object) -> str | None:
    """Errors of the run and of its records: `{code, message}`, and `count` and `type` in `failedInfo` (documented)."""
    found = [
        *_list(within(metrics, "statusSummary", "errors")),
        *_list(within(metrics, "recordSummary", "failedInfo")),
    ]
    texts = []
    for each in found:
        code, text = within(each, "code"), within(each, "message")
        words = [str(word) for word in (code, text) if word]
        texts.append(": ".join(words) if words else str(each))
    return "; ".join(dict.fromkeys(texts)) or None


def instant(milliseconds: object) -> datetime | None:
    """The instant so many milliseconds after 1970 (Flow runs; documented); `None` for anything else."""
    if isinstance(milliseconds, str) and milliseconds.isdecimal() and len(milliseconds) < 20:
        milliseconds = int(milliseconds)
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or not 0 < milliseconds < 1e14:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _list(json: object) -> list[object]:
    return json if isinstance(json, list) else []
