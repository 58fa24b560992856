"""Exported files: CSV as bytes (reference 7.5) and where they land (2.4)."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from reconciler.emulator import Switches
from reconciler.providers.domo.emulator.queries import Result

_BOM = b"\xef\xbb\xbf"


def files_of(result: Result, switches: Switches, *, bom: bool) -> Iterator[tuple[str, bytes, int]]:
    """The name, the bytes and the number of rows of every file of an export; an empty result is one file."""
    most = switches.number("rows_per_file")
    rows = result.rows
    parts = [rows[at : at + most] for at in range(0, len(rows), most)] if most else [rows]
    packed = switches["compression"] == "gzip"
    for number, part in enumerate(parts or [()], start=1):
        stem = f"data_{number:04d}" if most else "data"
        name = f"{stem}.csv.gz" if packed else f"{stem}.csv"
        marked = bom and (number == 1 or switches["bom_parts"] == "each")
        content = (_BOM if marked else b"") + _csv(result, part, switches)
        counted = len(part) + (switches["row_counts"] == "lines" and switches["csv_header"] == "on")
        # No time in the header of the archive: the same rows give the same bytes.
        yield name, gzip.compress(content, mtime=0) if packed else content, counted


def key_of(path: str, export: str, name: str) -> str:
    """`<path>/<exportId>/export/data.csv.gz` (YINT, the only source); slashes around `path` do not count."""
    return f"{path.strip('/')}/{export}/export/{name}"


def url_of(bucket: str, key: str, region: str, form: str) -> str:
    """A file's address in one of the forms a client must expect (2.4)."""
    quoted = quote(key)
    match form:
        case "s3":
            return f"s3://{bucket}/{key}"
        case "path":
            return f"https://s3.{region}.amazonaws.com/{bucket}/{quoted}"
        case "global":
            return f"https://{bucket}.s3.amazonaws.com/{quoted}"
        case "key":
            return key
        case _:
            return f"https://{bucket}.s3.{region}.amazonaws.com/{quoted}"


def _csv(result: Result, rows: Sequence[Sequence[Any]], switches: Switches) -> bytes:
    null = switches["null_text"]
    end = "\n" if switches["csv_line_end"] == "lf" else "\r\n"
    out = io.StringIO()
    if switches["csv_header"] == "on":
        out.write(",".join(_field(column.name) for column in result.columns) + end)
    for row in rows:
        out.write(",".join(null if value is None else _field(_text(value)) for value in row) + end)
    return out.getvalue().encode()


def _field(text: str) -> str:
    """
    Comma, double quote, `""` as escape; an empty string is `""`, so that it differs from null (import rules).

    A text that reads as the mark for null is quoted too.
    """
    if text in ("", r"\N"):
        return f'"{text}"'
    line = io.StringIO()
    # With its usual ending, since the ending decides which characters are quoted.
    csv.writer(line).writerow([text])
    return line.getvalue().removesuffix("\r\n")


def _text(value: Any) -> str:  # noqa: ANN401 - a cell of any column
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
