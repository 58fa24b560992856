"""
Reading exported files where they lie, and checking what they hold. Nothing here writes to a place, knows a vendor,
or judges: which files are expected, and what a finding means for a run, is the business of `operations` and providers.

**Places.** `parse_location(url)` gives a `Location`; `open_source(location, access)` a `Source`:

    with open_source(parse_location("s3://bucket/exports"), S3Access(role_arn=…, requester_pays=True)) as source:
        for each in source.list("date=2026-11-21/"):      # Delivered(key, size, modified, etag, metadata), in order
            ...
        source.head(key); source.stream(key); source.range(key, 0, 4); exists(source, key); read_small(source, key)
        source.posture()                                  # who else may read it; None is "could not be found out"

Keys are names below the location. Everything that fails is a `SourceError` with `code`, `where`, `reason` and `help`:
`NotThere` (the object), `PlaceMissing` (bucket, container or folder), `NotAllowed`, `Unreachable`, `UntrustedHost`,
`Changed` (written while read), `LibraryMissing`. Credentials are values of the caller; they stand in no URL, no
message and no `repr`. There are `file://`, `s3://`, `gs://`, `az://`, `abfss://` and `sftp://`.

**Content.** A `Contract` says what every object must hold: format (told by magic bytes, never by the name), JSON
Schema, rules, uniqueness, columns, limits. `check_objects(items, contract, jobs=N, scheduler=None)` gives a `Summary`:

    items = [Item(place=Place(location=…, access=…), key=each.key, records=None) for each in source.list()]
    summary = check_objects(items, contract, jobs=4)
    summary.valid, summary.records, summary.objects       # Checked(object, format, packing, size, records, readable, …)
    summary.counts                                        # Count(rule, level, total): exact
    summary.findings                                      # Finding(rule, level, object, line, path, message, value)

A damaged, truncated or vanished object is a finding, not an exception. Values are described, not shown, unless
`show_values`. The result is the same on one process, on many, and on the machines of a dask scheduler. Rules that come
with the file itself: `empty-file`, `truncated`, `damaged`, `trailing-bytes`, `bomb`, `compressed-twice`,
`unexpected-format`, `encoding`, `byte-order-mark`, `blank-line`, `line-too-long`, `bad-json`, `too-deep`, `bad-csv`,
`field-count`, `columns`, `column-type`, `column-null`, `record-count`, `unknown-key`; those of a place: the errors'
codes; those of a schema: `schema.<keyword>:<path>`; others: the names that rules and `Unique` have.
"""

from reconciler.deliveries.access import Access, AzureAccess, GcsAccess, Place, S3Access, SftpAccess
from reconciler.deliveries.checking import Item, check_object, check_pieces, close_sources
from reconciler.deliveries.content import Format, Limits
from reconciler.deliveries.contracts import Column, Contract, Unique
from reconciler.deliveries.findings import Checked, Count, Finding, Level, Summary, merged
from reconciler.deliveries.locations import (
    AzureLocation,
    GcsLocation,
    LocalFolder,
    Location,
    NotALocation,
    S3Location,
    SftpLocation,
    parse_location,
)
from reconciler.deliveries.opening import open_source
from reconciler.deliveries.rules import (
    AlwaysNull,
    Breach,
    Disjoint,
    Distinct,
    Filled,
    NotEarlier,
    OneOf,
    Rule,
    SameAs,
    SharesOne,
)
from reconciler.deliveries.running import check_objects, run
from reconciler.deliveries.schemas import BadSchema
from reconciler.deliveries.source import (
    Changed,
    Delivered,
    LibraryMissing,
    NotAllowed,
    NotThere,
    PlaceMissing,
    Posture,
    Source,
    SourceError,
    Unreachable,
    UntrustedHost,
    exists,
    read_small,
)

__all__ = [
    "Access",
    "AlwaysNull",
    "AzureAccess",
    "AzureLocation",
    "BadSchema",
    "Breach",
    "Changed",
    "Checked",
    "Column",
    "Contract",
    "Count",
    "Delivered",
    "Disjoint",
    "Distinct",
    "Filled",
    "Finding",
    "Format",
    "GcsAccess",
    "GcsLocation",
    "Item",
    "Level",
    "LibraryMissing",
    "Limits",
    "LocalFolder",
    "Location",
    "NotALocation",
    "NotAllowed",
    "NotEarlier",
    "NotThere",
    "OneOf",
    "Place",
    "PlaceMissing",
    "Posture",
    "Rule",
    "S3Access",
    "S3Location",
    "SameAs",
    "SftpAccess",
    "SftpLocation",
    "SharesOne",
    "Source",
    "SourceError",
    "Summary",
    "Unique",
    "Unreachable",
    "UntrustedHost",
    "check_object",
    "check_objects",
    "check_pieces",
    "close_sources",
    "exists",
    "merged",
    "open_source",
    "parse_location",
    "read_small",
    "run",
]
