"""Plain aligned columns: what `state list`, `runs` and `doctor` print."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from reconciler.reports.escape import clip, columns, pad, plain
from reconciler.reports.paint import Style, paint


def render_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    width: int | None = None,
    colour: bool = False,
) -> str:
    """
    Headings in capitals and rows in the order given, two spaces between columns, nothing at the ends of lines.

    `right` are the positions of columns to be aligned right. With `width` the last column is cut to what is left.
    Cells are made harmless; a row may be shorter than the headings.
    """
    cells = [[each.upper() for each in headings], *([plain(each) for each in row] for row in rows)]
    lines = list(_aligned(cells, right, width))
    lines[0] = paint(lines[0], Style.STRONG, colour=colour)
    return "\n".join(lines)


def render_rows(rows: Sequence[Sequence[str]], *, indent: int = 2, width: int | None = None) -> list[str]:
    """Aligned lines without headings."""
    room = width - indent if width is not None else None
    return [" " * indent + each for each in _aligned([[plain(cell) for cell in row] for row in rows], (), room)]


def _aligned(cells: Sequence[Sequence[str]], right: Collection[int], width: int | None) -> Iterator[str]:
    count = max((len(row) for row in cells), default=0)
    widths = [max((columns(row[at]) for row in cells if at < len(row)), default=0) for at in range(count)]
    if width is not None and count:
        widths[-1] = min(widths[-1], max(8, width - sum(widths[:-1]) - 2 * (count - 1)))
    for row in cells:
        parts = []
        for position, cell in enumerate(row):
            text = clip(cell, widths[position])
            gap = " " * (widths[position] - columns(text))
            parts.append(gap + text if position in right else pad(text, widths[position]))
        yield "  ".join(parts).rstrip()
