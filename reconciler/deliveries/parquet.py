"""Records of Parquet, through DuckDB over a temporary file: the footer stands at the end."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from reconciler.deliveries.content import Bytes, Columns, Flaw, Items, Limits, Record
from reconciler.deliveries.source import library_missing

if TYPE_CHECKING:
    import duckdb

_ROWS = 1000
_MEMORY = "512MB"


def parquet(pieces: Bytes, limits: Limits) -> Items:
    """
    Rows as dictionaries of JSON values; times and dates are ISO 8601 text, bytes hexadecimal, exact numbers numbers.

    The file is copied to a temporary folder of this machine, within `limits.temporary`, and removed at the end. Every
    value of every column is read, so that a damaged page cannot hide.
    """
    try:
        import duckdb  # noqa: PLC0415 - takes a third of a second, which only its users should wait
    except ImportError:
        raise library_missing("a Parquet file", "duckdb") from None
    with TemporaryDirectory(prefix="reconciler-parquet-") as folder:
        path = Path(folder) / "object.parquet"
        if flaw := _copied(pieces, path, limits):
            yield flaw
            return
        with _opened(path) as connection:
            try:
                yield from _read(connection, str(path), limits)
            except duckdb.Error:
                yield Flaw("damaged", None, "the Parquet file is truncated or damaged", ends=True)


def _copied(pieces: Bytes, path: Path, limits: Limits) -> Flaw | None:
    size = 0
    with path.open("wb") as file:
        for piece in pieces:
            if isinstance(piece, Flaw):
                return piece
            size += len(piece)
            if size > limits.temporary:
                return Flaw("bomb", None, f"the file is larger than {limits.temporary} bytes", ends=True)
            file.write(piece)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that sees this one file and no network, and loads nothing."""
    import duckdb  # noqa: PLC0415 - as above

    settings: dict[str, Any] = {
        "threads": "1",
        "memory_limit": _MEMORY,
        "temp_directory": "",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with closing(duckdb.connect(config=settings)) as connection:
        quoted = str(path).replace("'", "''")
        connection.execute(f"SET allowed_paths = ['{quoted}']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _read(connection: duckdb.DuckDBPyConnection, path: str, limits: Limits) -> Items:
    weighed = connection.execute(
        "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(?)", [path]
    ).fetchone()
    if weighed is not None and int(weighed[0]) > limits.unpacked:
        yield Flaw("bomb", None, f"its columns unpack to more than {limits.unpacked} bytes", ends=True)
        return
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    names = tuple(str(row[0]) for row in described)
    types = tuple(str(row[1]) for row in described)
    yield Columns(names, types)
    shown = ", ".join(_selected(name, type) for name, type in zip(names, types, strict=True))
    # The names are quoted, and the path is a parameter.
    rows = connection.execute(f"SELECT {shown} FROM read_parquet(?)", [path])  # noqa: S608
    turn: list[Callable[[Any], Any] | None] = [None if _is_plain(type) else _plain for type in types]
    number = 0
    while batch := rows.fetchmany(_ROWS):
        for row in batch:
            number += 1
            yield Record(number, _record(names, row, turn))


def _record(names: tuple[str, ...], row: tuple[Any, ...], turn: list[Callable[[Any], Any] | None]) -> dict[str, Any]:
    return {
        name: value if plain is None or value is None else plain(value)
        for name, value, plain in zip(names, row, turn, strict=True)
    }


def _selected(name: str, type: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    # Fetching such a time needs a package of time zones; the text says the same.
    return f"CAST({quoted} AS VARCHAR) AS {quoted}" if "WITH TIME ZONE" in type and "(" not in type else quoted


def _is_plain(type: str) -> bool:
    """Whether Python gets what JSON has."""
    return type in {"VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT"}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any of DuckDB's values becomes one of JSON's
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case uuid.UUID() | dt.timedelta():
            return str(value)
        case _:
            return str(value)
