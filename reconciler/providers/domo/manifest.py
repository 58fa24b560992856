"""`DatasetExport`: what a manifest says of one export, and what is wrong with it before anybody is asked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from reconciler.providers.domo.query import COMPARISONS, mapping, mentioned, names
from reconciler.sdk import SecretReference, Spec
from reconciler.values import Document, Path, Problem, Resource, Severity, Value

Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*(s|m|h|d)$")]
"""`90s`, `15m`, `24h`, `7d`."""

Scalar: TypeAlias = str | int | float

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Dataset(Spec):
    """
    Which dataset.

    `expect_name` guards against a wrong id; `shared` allows several manifests on one dataset, which compete.
    """

    # An id that is no UUID gets 404 (observed by others).
    id: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    """The dataset's id."""
    expect_name: Text | None = None
    """Its name: the plan is refused when the id is another dataset's."""
    shared: bool = False
    """Lets several manifests export the dataset; the second waits until the data changes."""


class Destination(Spec):
    """Where Domo puts the files: below `path/<export id>/export/` in an existing bucket."""

    # Amazon's rules for names of buckets (Amazon S3 documentation).
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """The bucket."""
    path: Text
    """The folder: files lie below `<path>/<export id>/export/`."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
    """The bucket's own region."""
    kms_key: Text | None = None
    """The key that S3 encrypts with."""


class AssumeRole(Spec):
    """
    Temporary credentials of a role, taken anew for every export.

    `scoped` narrows them to writing below the destination; Domo uploads later, so they must outlive the job.
    """

    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")]
    """The role."""
    # From 15 minutes to 12 hours (AWS STS documentation). How long Domo needs is not documented.
    duration_seconds: Annotated[int, Field(ge=900, le=43200)] = 3600
    """How long the credentials are good for: Domo uploads later."""
    session_name: Annotated[str, Field(pattern=r"^[\w+=,.@-]{2,64}$")] = "reconciler"
    """The session's name, for AWS's own records."""
    external_id: Text | None = None
    """What the role asks for before it is assumed."""
    scoped: bool = True
    """Narrows the credentials to writing below the path; true when left out."""


class Static(Spec):
    """Credentials that somebody keeps; `session_token` when they are temporary."""

    access_key_id: SecretReference
    """The key's id, as a reference."""
    secret_access_key: SecretReference
    """The secret key, as a reference."""
    session_token: SecretReference | None = None
    """The token of temporary credentials, as a reference."""


class Credentials(Spec):
    """With what Domo uploads: `assume_role` (recommended) or `static`."""

    assume_role: AssumeRole | None = None
    """Temporary credentials of a role; recommended."""
    static: Static | None = None
    """A key that somebody keeps."""


class Comparison(Spec):
    """One column and one comparison."""

    column: Text
    """The column."""
    eq: Scalar | None = None
    """Equal."""
    ne: Scalar | None = None
    """Not equal."""
    any_of: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in")
    """One of these."""
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = None
    """None of these."""
    gt: Scalar | None = None
    """Greater."""
    gte: Scalar | None = None
    """Greater or equal."""
    lt: Scalar | None = None
    """Less."""
    lte: Scalar | None = None
    """Less or equal."""
    between: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = None
    """From the first to the second."""


class Filter(Spec):
    """Rows for which every comparison holds."""

    all: Annotated[list[Comparison], Field(min_length=1)]
    """Rows for which all of these hold."""


class Order(Spec):
    """One column to sort by."""

    column: Text
    """The column."""
    direction: Literal["ascending", "descending"] = "ascending"
    """`ascending`, or `descending`."""


class Limit(Spec):
    """At most so many rows, after `offset` others."""

    rows: Annotated[int, Field(ge=1)]
    """At most so many rows."""
    offset: Annotated[int, Field(ge=0)] | None = None
    """Leave out so many before."""


class Query(Spec):
    """What is exported; `raw_where` is sent as it is instead of a filter."""

    columns: Literal["all"] | Annotated[list[Text], Field(min_length=1)]
    """The columns, or `all` that there are now."""
    filter: Filter | None = None
    """Which rows."""
    raw_where: dict[str, Any] | None = None
    """An expression of Domo's own, sent as it is. Not documented for exports."""
    order_by: list[Order] | None = None
    """Not documented for exports."""
    group_by: list[Text] | None = None
    """Not documented for exports."""
    limit: Limit | None = None
    """Not documented for exports."""


class MaxAge(Spec):
    """Newer data is exported once the last export is so old."""

    max_age: Duration
    """Newer data is exported once the last export is so old, such as `24h`."""


class DatasetExport(Spec):
    """A claim: a successful export of this query covers the dataset's data, and its files lie in the bucket."""

    dataset: Dataset
    """Which dataset."""
    destination: Destination
    """Where Domo puts the files."""
    credentials: Credentials
    """What Domo uploads with."""
    query: Query
    """Which columns and rows."""
    include_bom: bool = False
    """Whether files begin with a byte order mark."""
    use_cache: bool = True
    """Whether Domo may answer from its cache."""
    source: Text | None = None
    """Who asks, in your words, for Domo."""
    refresh: Literal["onDataChange", "onDefinitionChange", "manual"] | MaxAge = "onDataChange"
    """When newer data is exported: by default whenever there is any."""
    settle: Duration | None = None
    """How long newer data rests before it is exported, such as `5m`."""
    audience_change: Literal["export", "warn"] = "export"
    """Another user or other row policies: `export` again, or `warn`."""
    check_objects: bool = False
    """Whether the recorded files are looked for with every plan; needs `aws` in the project file."""


DEFINITION = (
    ("dataset", "id"),
    ("destination", "bucket"),
    ("destination", "path"),
    ("destination", "region"),
    ("destination", "kmsKey"),
    ("includeBom",),
    ("query",),
)
"""What makes an export another one: everything that Domo is asked for, but for credentials and caching."""


def normalised(attributes: Document) -> dict[str, Value]:
    """
    The manifest with what means the same written the same.

    Slashes around the path go (assumed: Domo strips them); an empty list of order or groups is no list.
    """
    destination = dict(mapping(attributes.get("destination")))
    destination["path"] = str(destination.get("path", "")).strip("/")
    query = {key: each for key, each in mapping(attributes.get("query")).items() if each is not None and each != ()}
    return {"includeBom": False, **attributes, "destination": destination, "query": query}


def seconds(duration: Value) -> float:
    """How long a duration is; zero where there is none."""
    return float(int(duration[:-1]) * _SECONDS[duration[-1]]) if isinstance(duration, str) and duration else 0.0


def refresh_of(attributes: Document) -> tuple[str, float]:
    """The policy, and for `maxAge` its seconds."""
    refresh = attributes.get("refresh", "onDataChange")
    if isinstance(refresh, Mapping):
        return "maxAge", seconds(refresh.get("maxAge"))
    return str(refresh), 0.0


def check(resource: Resource) -> Iterator[Problem]:
    """What the model cannot say."""
    for code, message, path, help in (*_credentials(resource.attributes), *_path(resource.attributes)):
        yield Problem(code=code, message=message, address=resource.address, path=path, help=help)
    query = mapping(resource.attributes.get("query"))
    for code, message, path, help in _query(query):
        yield Problem(code=code, message=message, address=resource.address, path=path, help=help)
    unproven = [word for word in ("orderBy", "groupBy", "limit", "rawWhere") if query.get(word)]
    if unproven:
        words = " and ".join(f"`{each}`" for each in unproven)
        yield Problem(
            code="unverified",
            message=f"{words}: sent to Domo as written, and nobody has documented that exports honour it",
            address=resource.address,
            path=("query", unproven[0]),
            help="look at the first delivered file before you rely on it",
            severity=Severity.WARNING,
        )


Fault: TypeAlias = tuple[str, str, Path, str | None]


def _credentials(attributes: Document) -> Iterator[Fault]:
    credentials = attributes.get("credentials")
    if isinstance(credentials, Mapping) and sum(credentials.get(key) is not None for key in _SOURCES) != 1:
        yield (
            "credentials",
            "`credentials` holds exactly one of `assumeRole` and `static`",
            ("credentials",),
            "write `assumeRole: {roleArn: …}`, so that Domo gets credentials that end by themselves",
        )


_SOURCES = ("assumeRole", "static")


def _path(attributes: Document) -> Iterator[Fault]:
    path = mapping(attributes.get("destination")).get("path")
    if not isinstance(path, str):
        return
    at: Path = ("destination", "path")
    if path.startswith("/"):
        yield "path", "`path` begins with a slash", at, f"write `{path.strip('/')}`"
    elif ".." in path.split("/"):
        yield "path", "`path` holds `..`", at, "name the folder itself; keys in a bucket know no parent"
    elif re.search(r"[\x00-\x1f\x7f]", path):
        yield "path", "`path` holds a control character", at, "remove it"
    elif not path.strip("/"):
        yield "path", "`path` names no folder", at, None


def _query(query: Document) -> Iterator[Fault]:
    if query.get("filter") is not None and query.get("rawWhere") is not None:
        yield "two-filters", "`filter` and `rawWhere` exclude each other", ("query", "rawWhere"), "keep one of the two"
    for word in ("columns", "groupBy"):
        listed = names(query.get(word))
        for index, name in enumerate(listed):
            if name in listed[:index]:
                yield "repeated-column", f"`{name}` is listed twice", ("query", word, index), "remove one of the two"
    rows = mapping(query.get("filter")).get("all")
    for index, each in enumerate(rows if isinstance(rows, tuple) else ()):
        words = [word for word in COMPARISONS if isinstance(each, Mapping) and each.get(word) is not None]
        if isinstance(each, Mapping) and len(words) != 1:
            yield (
                "comparison",
                f"a filter compares a column once, with one of {', '.join(f'`{word}`' for word in COMPARISONS)}",
                ("query", "filter", "all", index),
                "write a second entry for a second comparison" if words else None,
            )


def columns_of(query: Document) -> tuple[str, ...]:
    """Every column that a query names."""
    return tuple(dict.fromkeys(name for _, name in mentioned(query)))


def shared_datasets(resources: Sequence[Resource]) -> Iterator[Problem]:
    """One slot and one memory per dataset (documented): two manifests would take turns in blocking each other."""
    datasets: dict[str, list[Resource]] = defaultdict(list)
    for each in resources:
        datasets[str(mapping(each.attributes.get("dataset")).get("id")).lower()].append(each)
    for dataset, sharing in sorted(datasets.items()):
        allowed = all(mapping(each.attributes.get("dataset")).get("shared") is True for each in sharing)
        for each in sharing[1:]:
            yield Problem(
                code="shared-dataset",
                message=(
                    f"`{sharing[0].address}` exports the dataset `{dataset}` too; Domo keeps one export per state of"
                    " the data, so the second is blocked until the data changes"
                ),
                address=each.address,
                path=("dataset", "id"),
                help="give each its own dataset or view in Domo"
                + ("" if allowed else ", or write `shared: true` below `dataset` in each to accept that"),
                severity=Severity.WARNING if allowed else Severity.ERROR,
            )
