from __future__ import annotations

from report_samples import expect

from reconciler.reports.escape import columns
from reconciler.reports.tables import render_table

ROWS = [
    ["adobe/Dataflow/orders", "c5aa", "12", "2026-11-20 06:00:00 UTC"],
    ["didomi/Destination/湖", "7h2kq9x4pd", "1200", ""],
    ["domo/DatasetExport/sales", "sales\x1b[31m"],
]


def test_a_table_reads_like_this() -> None:
    expect("table.txt", render_table(["address", "id", "runs", "last"], ROWS, right={2}))


def test_no_line_ends_with_a_space() -> None:
    assert not any(line.endswith(" ") for line in render_table(["a", "b", "c", "d"], ROWS).splitlines())


def test_the_last_column_is_cut_to_the_width() -> None:
    shown = render_table(["a", "b"], [["x", "y" * 200]], width=40)

    assert max(columns(line) for line in shown.splitlines()) == 40


def test_a_table_without_rows_is_its_headings() -> None:
    assert render_table(["address", "id"], []) == "ADDRESS  ID"
