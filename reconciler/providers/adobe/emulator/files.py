"""
What an exported dataset looks like: invented rows, their files, and where those lie (§11).

A dataset only grows: the same row has the same number and content in every export, so that a reader can tell
whether anything is missing between two of them.
"""

import gzip
import hashlib
import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from reconciler.emulator import JsonObject
from reconciler.emulator.clock import iso
from reconciler.providers.adobe.emulator import schedules, specs

if TYPE_CHECKING:
    import duckdb

_COUNTRIES = ("DE", "FR", "IT", "NL", "SE")
_EXTENSIONS = {("PARQUET", "GZIP"): ".gz.parquet", ("PARQUET", "NONE"): ".parquet"}
# Equivalent to the default folder (inferred, §11).
_DEFAULT_FOLDER = "%DATASET_ID%/%EXPORT_TIME%"
_URL = re.compile(r"abfss?://([^@/]+)@")
_PARTS_OF_NAME = 10**18


class Undeliverable(Exception):
    """There is no place for the files; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One delivered file: `folder` and `name` make its key."""

    folder: str
    name: str
    content: bytes

    @property
    def key(self) -> str:
        """The key below the bucket."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


def moment(milliseconds: float) -> datetime:
    """A time of the service's as an instant."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def rows_at(dataset: JsonObject, when: datetime, per_hour: int) -> int:
    """How many rows a dataset has at a time."""
    hours = int(when.timestamp() - dataset["created"] / 1000) // 3600
    return int(dataset["records"]) + per_hour * max(hours, 0)


def rows_of(dataset: JsonObject, first: int, end: int) -> Iterator[JsonObject]:
    """The rows with the numbers from `first` up to but not including `end`."""
    since = moment(dataset["created"])
    for number in range(first, end):
        chance = random.Random(f"{dataset['id']}/{number}")  # noqa: S311 - repeatable on purpose
        yield {
            "_id": f"{dataset['id']}-{number:06d}",
            "number": number,
            "timestamp": iso(since + timedelta(minutes=number)),
            "customer": f"customer-{chance.randrange(10_000):05d}",
            "country": chance.choice(_COUNTRIES),
            "amount": chance.randrange(100, 100_000) / 100,
        }


def folder_of(template: str | None, root: str, values: dict[str, str], when: datetime) -> str:
    """The folder of an export: always below the target's path (§11)."""
    values = {**values, "EXPORT_TIME": schedules.export_time(when)}
    inner = schedules.rendered(template or _DEFAULT_FOLDER, values, when)
    return "/".join(part for part in f"{root}/{inner}".split("/") if part)


def root_of(params: JsonObject) -> str:
    """The path of a target connection."""
    return str(params.get("path", params.get("remotePath", "")))


def bucket_of(connection: JsonObject, params: JsonObject, landing: str) -> str:
    """Bucket, container or host that a target connection writes to (§5.2)."""
    match connection["connectionSpec"]["id"]:
        case specs.DATA_LANDING_ZONE:
            return landing
        case specs.AZURE_BLOB:
            return str(params["container"])
        case specs.ADLS_GEN2:
            found = _URL.match(str(connection["auth"]["params"].get("url")))
            if found is None:
                raise Undeliverable("the connection's url names no container")
            return found[1]
        case specs.SFTP:
            return str(connection["auth"]["params"]["domain"])
        case _:
            return str(params["bucketName"])


class Writer:
    """Rows into files; keeps one DuckDB for Parquet."""

    def __init__(self) -> None:
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    def files(self, rows: Sequence[JsonObject], params: JsonObject, folder: str, parts: int, name: str) -> list[File]:
        """
        At least one file; names are random-looking and cannot be chosen (§11).

        `name` is what the names are drawn from. Uncompressed JSON does not exist (§5.2): it is compressed anyway.
        """
        kind, compression = params["datasetFileType"], params["compression"]
        extension = _EXTENSIONS.get((kind, compression), ".json.gz")
        made = []
        for part in range(min(parts, max(len(rows), 1))):
            mine = rows[part::parts]
            content = _json(mine) if kind == "JSON" else self._parquet(mine, compression)
            made.append(File(folder=folder, name=_file_name(part, name) + extension, content=content))
        return made

    def _parquet(self, rows: Sequence[JsonObject], compression: str) -> bytes:
        # Imported late: only deliveries of Parquet need it.
        import duckdb  # noqa: PLC0415

        if self._duckdb is None:
            self._duckdb = duckdb.connect()
        columns = {name: [row[name] for row in rows] for name in _COLUMNS}
        chosen = ", ".join(f'unnest(${name}::{kind}[]) AS "{name}"' for name, kind in _COLUMNS.items())
        self._duckdb.execute(f"CREATE OR REPLACE TEMP TABLE part AS SELECT {chosen}", columns)
        codec = "gzip" if compression == "GZIP" else "uncompressed"
        with tempfile.TemporaryDirectory(prefix="emulated-export-") as folder:
            path = Path(folder) / "part.parquet"
            self._duckdb.execute(f"COPY part TO '{path.as_posix()}' (FORMAT parquet, COMPRESSION {codec})")
            return path.read_bytes()


_COLUMNS = {
    "_id": "VARCHAR",
    "number": "BIGINT",
    "timestamp": "TIMESTAMP",
    "customer": "VARCHAR",
    "country": "VARCHAR",
    "amount": "DOUBLE",
}


def manifest(flow: str, run: str, scheduled: datetime, root: str, files: Sequence[File]) -> File:
    """The list of a run's files, where it was asked for (§11)."""
    document = {
        "flowRunId": run,
        "scheduledTime": iso(scheduled),
        "exportResults": [{"sinkPath": file.folder, "name": file.name, "size": len(file.content)} for file in files],
    }
    folder = "/".join(part for part in root.split("/") if part)
    content = json.dumps(document, separators=(",", ":")).encode()
    return File(folder=folder, name=f"manifest-{flow}-{run}.json", content=content)


def _json(rows: Sequence[JsonObject]) -> bytes:
    lines = (json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
    return gzip.compress(b"".join(lines), mtime=0)


def _file_name(part: int, name: str) -> str:
    """As Spark names its parts."""
    digest = hashlib.sha256(f"{name}/{part}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") % _PARTS_OF_NAME
    return f"part-{part:05d}-tid-{number}-{UUID(bytes=digest[8:24], version=4)}-{digest[24]}-1-c000"
