"""Deliveries: what should have arrived, what lies there, and what that amounts to."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from reconciler.values.address import Address
from reconciler.values.problems import Problem


class RunStatus(enum.Enum):
    """How far the vendor says that a run is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the vendor tells of the run that makes a delivery; `reason` says why it failed, in the vendor's words."""

    status: RunStatus
    run: str | None = None
    reason: str | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """
    One file that the vendor names. `key` is its name below the place and prefix of its expectation.

    `size` is in bytes as stored, `records` counts rows without a header, `etag` is opaque: another one is another
    content. What is `None` was not told.
    """

    key: str
    size: int | None = None
    records: int | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedColumn:
    """A column of a table; `type` is a word of content checks (`string`, `integer`, `number`, …) or `any`."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "date", "datetime", "array", "object", "any"] = "any"
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """
    How the objects of one delivery are told from all others at its place.

    `prefix` is what their keys begin with, below the place. `pattern` is a regular expression that the rest of the key
    must match whole; `None` takes everything that is neither marker nor manifest. `markers` are rests of keys of which
    any one says that the delivery is complete. `manifest` is such an expression for an object that lists the files:
    its presence completes too, and the session reads it; without one nothing is said when `manifest_optional`, because
    the vendor does not promise it. `promised` are files that the vendor names; where there are
    any, and no pattern, nothing else counts. `written_from` and `written_until` bound when the objects were written,
    for places where deliveries lie mixed.
    """

    prefix: str = ""
    pattern: str | None = None
    markers: tuple[str, ...] = ()
    manifest: str | None = None
    manifest_optional: bool = False
    promised: tuple[Promised, ...] = ()
    written_from: datetime | None = None
    written_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """
    One delivery that should exist at one place.

    `name` tells it from the other deliveries of its address: a day, or the id of a run. `begins` and `ends` are the
    period that it covers. `due` is when it ought to be complete; from `late` on it is late, from `missing` on it is
    given up for lost; `None` leaves that open, and then nothing is late. `place` is the URL of a bucket, container or
    folder, and `None` when the vendor does not say where; `kept_until` is when the place begins to throw it away.

    `told` is the run as the vendor reports it, `None` when it says nothing. `records` is an exact count over all files,
    `records_at_least` a lower bound; `may_be_empty` says that a delivery without any file can be whole. `format` and
    `columns` are what the vendor reports of the content. `unknown` are sentences on what nobody can say, shown beside
    the verdict.
    """

    address: Address
    name: str
    begins: datetime | None = None
    ends: datetime | None = None
    due: datetime | None = None
    late: datetime | None = None
    missing: datetime | None = None
    place: str | None = None
    recognition: Recognition = Recognition()
    kept_until: datetime | None = None
    private: bool = True
    may_be_empty: bool = False
    told: Told | None = None
    records: int | None = None
    records_at_least: int | None = None
    format: Literal["ndjson", "csv", "parquet"] | None = None
    columns: tuple[ExpectedColumn, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def moment(self) -> datetime | None:
        """The time by which this delivery is sorted among others."""
        return self.begins or self.due or self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class LyingFile:
    """One object as its place lists it; `key` is relative as in `Promised`, `object` its whole address."""

    key: str
    object: str
    size: int
    modified: datetime
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a place could not be read; `code` is one of `deliveries` (`not-allowed`, `unreachable`, …)."""

    code: str
    where: str
    reason: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One rule of the content that is broken: how often, and how bad that is."""

    rule: str
    level: Literal["error", "warning", "information"]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One place where a rule is broken; `value` describes what stands there and does not show it by default."""

    rule: str
    level: Literal["error", "warning", "information"]
    object: str
    line: int | None = None
    path: str = ""
    message: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What a reading of the files said.

    `files` maps the keys of the files that were read to the end to their records. `unread` are those that their place
    did not give us, `cut` those that end too early. `sampled` says that only some files, or not all of each, were
    read, so that no count can be compared. `broken` counts exactly, `examples` are few.
    """

    contract: str
    files: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    sampled: bool = False
    broken: tuple[Broken, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def records(self) -> int:
        """Well-formed records of all files that were read."""
        return sum(self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """
    What was found at a place for one expectation.

    `completed` is when the marker or manifest was written, `None` without one. `exposed` says how others may read the
    place, and is empty when it is known that they may not; `None` is "could not be found out", for the reasons in
    `unsure`. `trouble` means that the place could not be listed: then nothing else is known.
    """

    files: tuple[LyingFile, ...] = ()
    completed: datetime | None = None
    exposed: tuple[str, ...] | None = None
    unsure: tuple[str, ...] = ()
    trouble: Trouble | None = None
    content: Content | None = None

    @property
    def size(self) -> int:
        """Bytes of all files as stored."""
        return sum(each.size for each in self.files)

    @property
    def arrived(self) -> datetime | None:
        """When the last of it was written."""
        return max(
            (*(each.modified for each in self.files), *(() if self.completed is None else (self.completed,))),
            default=None,
        )


class Verdict(enum.Enum):
    """What became of one delivery. The words are those of reports and scripts."""

    DELIVERED = "delivered"
    AWAITED = "awaited"
    """Not due yet, or due and not yet late."""
    IN_PROGRESS = "in progress"
    LATE = "late"
    FAILED = "failed"
    EXPIRED = "expired"
    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNREADABLE = "unreadable"
    EXPOSED = "exposed"
    INVALID = "invalid"
    UNKNOWN = "not known"

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything; what nobody can know is neither well nor a failure."""
        return self in (Verdict.DELIVERED, Verdict.AWAITED, Verdict.IN_PROGRESS, Verdict.EXPIRED)

    @property
    def is_trouble(self) -> bool:
        """Whether somebody has to look."""
        return not self.is_well and self is not Verdict.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that was found out about a delivery; each could have been the verdict alone."""

    verdict: Verdict
    text: str
    help: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    The verdict on one expectation: that of the gravest remark, which stands first.

    `lying` is what was found, `None` when nobody looked. `unknown` are sentences on what could not be found out.
    """

    expectation: Expectation
    verdict: Verdict
    remarks: tuple[Remark, ...] = ()
    lying: Lying | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """
    What one check of deliveries found.

    `findings` are in the order of address, time, name and place. `content` says that files were read. `silent` are
    managed objects that leave files and owed none in this time. `problems` are objects of which nothing could be said,
    `denied` that credentials or permissions were refused somewhere.
    """

    project: str
    environment: str
    since: datetime
    now: datetime
    content: bool = False
    findings: tuple[Finding, ...] = ()
    silent: tuple[Address, ...] = ()
    problems: tuple[Problem, ...] = ()
    denied: bool = False

    @property
    def is_troubled(self) -> bool:
        """Whether somebody has to look at a delivery."""
        return any(each.verdict.is_trouble for each in self.findings)

    @property
    def is_partial(self) -> bool:
        """Whether a part of the check could not be made."""
        return bool(self.problems) or any(
            remark.verdict is Verdict.UNREADABLE for each in self.findings for remark in each.remarks
        )

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How often each verdict was given, in the order in which verdicts are declared; none that was not."""
        given = [each.verdict for each in self.findings]
        return {each: given.count(each) for each in Verdict if each in given}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """
    What the owner of a resource says of its deliveries, beside the manifest's `spec`; never sent to a vendor.

    `contract` is the path of a JSON Schema for one record. `private` `False` allows the place to be public.
    `late_after` counts from when a delivery is due. `options` are words that only the vendor's own contract knows
    (`guests`, for example).
    """

    contract: str | None = None
    private: bool = True
    late_after: timedelta | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict)
