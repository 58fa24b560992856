"""Runs for people: what the vendors report, below the addresses that ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from reconciler.reports.escape import columns, pad, plain, wrap
from reconciler.reports.paint import Style, paint
from reconciler.sdk import Run
from reconciler.values import Address

_HEADINGS = ("run", "status", "started", "took")
_STATUS = {"completed": Style.GOOD, "failed": Style.BAD, "pending": Style.CHANGED}


def render_runs(found: Sequence[tuple[Address, Run]], *, width: int, colour: bool = False) -> str:
    """
    The runs of each address below it, in the order given, and below each run what it moved and what was said of it.

    No line is wider than `width` but for a word that alone is; words stay whole.
    """
    cells = [_cells(run) for _, run in found]
    widths = [max(columns(row[at]) for row in (_HEADINGS, *cells)) for at in range(len(_HEADINGS))]
    lines: list[str] = []
    for address, group in groupby(found, key=lambda each: each[0]):
        heading = "  ".join(map(pad, (each.upper() for each in _HEADINGS), widths)).rstrip()
        lines += ["", plain(str(address)), f"  {paint(heading, Style.STRONG, colour=colour)}"]
        for _, run in group:
            lines += _lines(run, widths, width, colour=colour)
    return "\n".join(lines[1:])


def figures_of(run: Run) -> str:
    """What a run moved: `2 files written, 840 records read`."""
    return ", ".join(f"{figure:,} {_words(name, figure)}" for name, figure in sorted(run.figures.items()))


def _lines(run: Run, widths: Sequence[int], width: int, *, colour: bool) -> Iterator[str]:
    id, status, started, took = map(pad, _cells(run), widths)
    yield f"  {id}  {paint(status, _STATUS.get(run.status), colour=colour)}  {started}  {took}".rstrip()
    for text in (figures_of(run), plain(run.message or "")):
        if text:
            yield from wrap(text, width, first="      ", rest="      ")


def _cells(run: Run) -> tuple[str, str, str, str]:
    return plain(run.id), plain(run.status), _moment(run.started), _took(run)


def _took(run: Run) -> str:
    """How long it ran: `5m04s`, `12h05m`."""
    if run.started is None or run.finished is None or run.finished < run.started:
        return ""
    minutes, seconds = divmod(int((run.finished - run.started).total_seconds()), 60)
    return f"{minutes}m{seconds:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def _words(name: str, figure: int) -> str:
    """`recordsRead` as people say it of so many."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain(name)).lower()
    return re.sub(r"s\b", "", words, count=1) if figure == 1 else words


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""
