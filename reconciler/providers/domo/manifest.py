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
    expect_name: Text | None = None
    shared: bool = False


class Destination(Spec):
    """Where Domo puts the files: below `path/<export id>/export/` in an existing bucket."""

    # Amazon's rules for names of buckets (Amazon S3 documentation).
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    path: Text
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
    kms_key: Text | None = None


class AssumeRole(Spec):
    """
    Temporary credentials of a role, taken anew for every export.

    `scoped` narrows them to writing below the destination; Domo uploads later, so they must outlive the job.
    """

    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")]
    # From 15 minutes to 12 hours (AWS STS documentation). How long Domo needs is not documented.
    duration_seconds: Annotated[int, Field(ge=900, le=43200)] = 3600
    session_name: Annotated[str, Field(pattern=r"^[\w+=,.@-]{2,64}$")] = "reconciler"
    external_id: Text | None = None
    scoped: bool = True


class Static(Spec):
    """Credentials that somebody keeps; `session_token` when they are temporary."""

    access_key_id: SecretReference
    secret_access_key: SecretReference
    session_token: SecretReference | None = None


class Credentials(Spec):
    """With what Domo uploads: `assume_role` (recommended) or `static`."""

    assume_role: AssumeRole | None = None
    static: Static | None = None


class Comparison(Spec):
    """One column and one comparison."""

    column: Text
    eq: Scalar | None = None
    ne: Scalar | None = None
    any_of: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in")
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = None
    gt: Scalar | None = None
    gte: Scalar | None = None
    lt: Scalar | None = None
    lte: Scalar | None = None
    between: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = None


class Filter(Spec):
    """Rows for which every comparison holds."""

    all: Annotated[list[Comparison], Field(min_length=1)]


class Order(Spec):
    """One column to sort by."""

    column: Text
    direction: Literal["ascending", "descending"] = "ascending"


class Limit(Spec):
    """At most so many rows, after `offset` others."""

    rows: Annotated[int, Field(ge=1)]
    offset: Annotated[int, Field(ge=0)] | None = None


class Query(Spec):
    """What is exported; `raw_where` is sent as it is instead of a filter."""

    columns: Literal["all"] | Annotated[list[Text], Field(min_length=1)]
    filter: Filter | None = None
    raw_where: dict[str, Any] | None = None
    order_by: list[Order] | None = None
    group_by: list[Text] | None = None
    limit: Limit | None = None


class MaxAge(Spec):
    """Newer data is exported once the last export is so old."""

    max_age: Duration


class DatasetExport(Spec):
    """A claim: a successful export of this query covers the dataset's data, and its files lie in the bucket."""

    dataset: Dataset
    destination: Destination
    credentials: Credentials
    query: Query
    include_bom: bool = False
    use_cache: bool = True
    source: Text | None = None
    refresh: Literal["onDataChange", "onDefinitionChange", "manual"] | MaxAge = "onDataChange"
    settle: Duration | None = None
    audience_change: Literal["export", "warn"] = "export"
    check_objects: bool = False


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
