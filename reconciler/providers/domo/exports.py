"""One export as Domo reports it: `ExportStatus`, read tolerantly because its documents contradict each other."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from reconciler.values import Value

Row: TypeAlias = Mapping[str, object]
"""One object as the API gives it: JSON with unknown keys."""


class Phase(enum.Enum):
    """What a status means for us."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


# `none`, `exporting`, `success`, `error` (Domo's internal OpenAPI file; documented), `none`, `success`, `running`,
# `failed` (Domo's page "Create Export"; guessed there). The others are synonyms that cost nothing (assumed).
_PHASES: Mapping[str, Phase] = {
    **dict.fromkeys(("success", "succeeded", "complete", "completed"), Phase.SUCCEEDED),
    **dict.fromkeys(("error", "failed", "failure", "cancelled", "aborted"), Phase.FAILED),
    **dict.fromkeys(("none", "exporting", "running", "pending", "queued", "in_progress"), Phase.ACTIVE),
}


# UUIDs in all samples (observed). It is part of addresses and file names, so only what could stand for something else
# there is refused.
_ID = re.compile(r"(?!\.+$)[\w.~:@+=-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an exported file lies."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    One export of one dataset.

    `status` is Domo's own word. `files` are the addresses of the files with their row counts, as Domo writes them.
    """

    id: str
    dataset: str
    status: str
    phase: Phase
    bucket: str | None
    started: datetime | None
    finished: datetime | None
    message: str | None
    files: Mapping[str, int] = field(default_factory=dict)

    @property
    def places(self) -> Mapping[str, Place | None]:
        """Where each file lies; `None` for an address that nobody understands."""
        return {url: place_of(url, self.bucket) for url in self.files}

    @property
    def path(self) -> str | None:
        """The configured path, cut from the addresses of the files (inferred); `None` when they do not tell."""
        found = {_parent(place.key, self.id) if place is not None else None for place in self.places.values()}
        return found.pop() if len(found) == 1 else None

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return sum(self.files.values())

    @property
    def outputs(self) -> dict[str, Value]:
        """What Domo computed, as a record keeps it."""
        return {
            "status": self.status,
            "started": self.started.isoformat() if self.started else None,
            "finished": self.finished.isoformat() if self.finished else None,
            "rows": self.rows,
            "files": dict(self.files),
        }


def export_of(row: object, dataset: str) -> Export | None:
    """The export that a row describes; `None` when it is none."""
    if not isinstance(row, Mapping) or not isinstance(row.get("exportId"), str) or not _ID.fullmatch(row["exportId"]):
        return None
    status = str(row.get("exportStatus") or "none")
    phase = phase_of(status)
    finished = moment(row.get("finished"))
    words = [str(row[key]) for key in ("errorCode", "message") if row.get(key)]
    if phase is None:
        # An unknown word is a failure only when the rest of the row says so (assumed).
        phase = Phase.FAILED if words and finished is not None else Phase.ACTIVE
    bucket = row.get("bucket")
    files = row.get("urlRowCountMap")
    return Export(
        id=row["exportId"],
        dataset=dataset,
        status=status,
        phase=phase,
        bucket=bucket if isinstance(bucket, str) and bucket else None,
        started=moment(row.get("started")),
        finished=finished,
        message=": ".join(words) or None,
        files={str(url): each if isinstance(each, int) else 0 for url, each in files.items()}
        if isinstance(files, Mapping)
        else {},
    )


def phase_of(status: object) -> Phase | None:
    """What Domo's word means; `None` for one that nobody has seen."""
    return _PHASES.get(str(status).lower())


def moment(written: object) -> datetime | None:
    """
    The instant that a time stands for.

    Milliseconds since 1970 (Domo's internal OpenAPI file; documented) or ISO 8601 (the article's generated samples;
    contradictory); a number too small for milliseconds counts seconds.
    """
    if isinstance(written, str) and re.fullmatch(r"-?\d+(\.\d+)?", written):
        written = float(written)
    if isinstance(written, int | float) and not isinstance(written, bool):
        try:
            seconds = written / 1000 if abs(written) >= 1e11 else written
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    if isinstance(written, str):
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def place_of(url: str, bucket: str | None) -> Place | None:
    """
    Where a file lies by the key of `urlRowCountMap`; `None` when nobody can tell.

    The form is not documented: virtual-hosted and path-style addresses, `s3://` and bare keys are understood.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # such as brackets without an end
        return None
    key = unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        return Place(bucket=parts.netloc, key=key) if parts.netloc and key else None
    if parts.scheme in ("http", "https"):
        virtual = re.fullmatch(r"(.+)\.s3[.-](?:.+\.)?amazonaws\.com(?:\.cn)?", host)
        if virtual:
            return Place(bucket=virtual[1], key=key) if key else None
        # Path style, at AWS or at a stand-in.
        first, _, rest = key.partition("/")
        return Place(bucket=first, key=rest) if rest and (bucket is None or first == bucket) else None
    if not parts.scheme and bucket is not None and key:
        return Place(bucket=bucket, key=key)
    return None


def _parent(key: str, id: str) -> str | None:
    """The configured path in a key: `<path>/<exportId>/export/…` (Domo's internal OpenAPI file; documented)."""
    before, found, _ = key.partition(f"/{id}/export/")
    return before if found else None
