from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from report_samples import expect

from reconciler.reports.escape import columns
from reconciler.reports.run_text import render_runs
from reconciler.sdk import Run
from reconciler.values import Address

_START = datetime(2026, 11, 20, 6, tzinfo=UTC)
_ORDERS = Address(vendor="adobe", kind="Dataflow", name="orders-to-lake")
_SALES = Address(vendor="domo", kind="DatasetExport", name="sales")
_FOUND = [
    (
        _ORDERS,
        Run(
            id="3b7e1c77-51f4-4a55-8c55-0a3a77d1d2aa",
            status="completed",
            started=_START,
            finished=_START + timedelta(hours=12, minutes=5, seconds=4),
            figures={"recordsRead": 1200, "recordsWritten": 1200, "filesWritten": 1, "bytesWritten": 52429},
        ),
    ),
    (
        _ORDERS,
        Run(
            id="7d0b5c1f-0a52-4a34-9a55-0f6f7c1f2b10",
            status="failed",
            started=_START - timedelta(hours=6),
            finished=_START - timedelta(hours=6, seconds=-9),
            message="ACTIVATION_BATCH-0000-FAILED: the destination refused the files, and it went on refusing them",
        ),
    ),
    (_SALES, Run(id="sales\x1b[31m", status="pending")),
]


def test_runs_read_like_this_at_eighty_columns() -> None:
    expect("runs.txt", render_runs(_FOUND, width=80))


def test_how_long_a_run_took_is_not_told_when_its_clock_went_backwards() -> None:
    odd = Run(id="r", status="completed", started=_START, finished=_START - timedelta(seconds=1))

    assert render_runs([(_SALES, odd)], width=80).splitlines()[-1].split() == ["r", "completed", "2026-11-20T06:00:00Z"]


@given(
    message=st.text(max_size=200),
    figures=st.dictionaries(st.sampled_from(["rows", "filesWritten", "recordsRead"]), st.integers(0, 10**12)),
)
def test_no_line_is_wider_than_the_terminal_but_for_a_word_that_is(message: str, figures: dict[str, int]) -> None:
    run = Run(id="3b7e1c77-51f4-4a55-8c55-0a3a77d1d2aa", status="completed", started=_START, figures=figures)
    shown = render_runs([(_SALES, run), (_SALES, Run(id="x", status="failed", message=message))], width=80)

    assert all(columns(line) <= 80 or " " not in line.strip() for line in shown.splitlines())
