"""The ledger as a table: one line for each field of each deed, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from reconciler.reports.escape import plain
from reconciler.reports.fields import FieldView
from reconciler.reports.history_text import views
from reconciler.reports.names import Names
from reconciler.reports.shown import reading_of
from reconciler.values import Traits
from reconciler.values.ledger import Deed, LedgerRecord

COLUMNS = (
    "record",
    "began",
    "ended",
    "who",
    "operation",
    "how",
    "commit",
    "plan",
    "ci_run",
    "digest",
    "address",
    "verb",
    "status",
    "at",
    "id",
    "field",
    "before",
    "after",
)
_RISKY = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width signs included."""


def history_csv(
    records: Iterable[tuple[LedgerRecord, str]], *, traits: Callable[[str], Traits], names: Names
) -> Iterator[str]:
    """
    The lines of the table with their ends, the heading first; records in the order given, each with its digest.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. A record without deeds has one line,
    and so has a deed without fields.
    """
    yield _line(COLUMNS)
    for record, digest in records:
        yield from (_line(cells) for cells in _rows(record, digest, traits, names))


def safe(text: str) -> str:
    """The text as a spreadsheet shows it, and never computes it."""
    shown = plain(text)
    return f"'{shown}" if shown.lstrip(" \u3000'\"").startswith(_RISKY) else shown


def _rows(
    record: LedgerRecord, digest: str, traits: Callable[[str], Traits], names: Names
) -> Iterator[tuple[str, ...]]:
    command = record.command
    front = (
        str(record.number),
        _moment(command.since),
        _moment(record.ended),
        command.who,
        command.operation,
        record.how.value,
        command.commit or "",
        command.plan or "",
        command.ci_run or "",
        digest,
    )
    if not record.deeds:
        yield (*front, *[""] * (len(COLUMNS) - len(front)))
    for deed in record.deeds:
        reading = reading_of(deed.address.type, traits, names)
        for field, before, after in _cells(views(deed, reading)):
            yield (*front, *_about(deed), field, before, after)


def _about(deed: Deed) -> tuple[str, ...]:
    ids = [each.id for each in (deed.after, deed.before) if each is not None and each.id is not None]
    return (str(deed.address), deed.verb, deed.status.value, _moment(deed.at), deed.target or (ids[0] if ids else ""))


def _cells(fields: list[FieldView]) -> Iterator[tuple[str, str, str]]:
    if not fields:
        yield "", "", ""
    for each in fields:
        if not each.items:
            yield each.path, each.before or "", each.after or ""
            continue
        gone = [item.text for item in each.items if item.sign == "-"]
        come = [item.text for item in each.items if item.sign == "+"]
        yield each.path, "; ".join(gone), "; ".join(come)


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow([safe(each) for each in cells])
    return written.getvalue()


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
