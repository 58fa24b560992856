"""
Every point Domo leaves open, as a switch.

Certainty words: *documented* is stated by a source, *inferred* follows from sources, *undocumented* is an
assumption, *contradictory* is stated in two ways. Numbers in brackets are sections of the reference.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from reconciler.emulator import Switch

# The values of these keys and headers are secret wherever they stand.
SECRET_KEYS = frozenset({"awsAccessKey", "awsAccessSecret", "awsSessionToken", "sessionToken", "token"})
SECRET_HEADERS = frozenset({"X-DOMO-Developer-Token", "X-DOMO-Authentication"})

_OFF = ("off", "on")
_ON = ("on", "off")
_NUMBER = r"\d{1,9}"


def _jobs() -> Iterator[Switch]:
    yield Switch(
        name="status_vocabulary",
        positions=("internal", "hub", "odd"),
        meaning="Words of `exportStatus`; contradictory: none, exporting, success, error in one document, none, "
        "running, success, failed in another; odd is a third set nobody wrote down (2.5)",
    )
    yield Switch(
        name="timestamps",
        positions=("ms", "iso"),
        meaning="Form of `started` and `finished`; contradictory: epoch milliseconds or ISO 8601 (2.6)",
    )
    yield Switch(
        name="first_status",
        positions=("none", "exporting"),
        meaning="Status in the answer that creates a job; undocumented (9.2)",
    )
    yield Switch(
        name="created_status",
        positions=("200", "201"),
        meaning="HTTP status of the answer that creates a job; both are documented (2.9)",
    )
    yield Switch(
        name="runs",
        positions=("ok", "failed", "stuck"),
        meaning="How jobs end: as their upload does, always failed, or never leaving `none` (2.5; undocumented)",
    )
    yield Switch(
        name="start_delay_s",
        positions=("1", "0", "30"),
        other=_NUMBER,
        meaning="Seconds from the acceptance of a job to its start; undocumented (9.2)",
    )
    yield Switch(
        name="run_delay_s",
        positions=("3", "0", "60"),
        other=_NUMBER,
        meaning="Seconds from the start of a job to its end; undocumented (9.2)",
    )
    yield Switch(
        name="dedupe",
        positions=("dataset", "dataset+request", "dataset+request+user", "off"),
        meaning="What must be equal, besides the data, for the earlier export to be returned; documented without "
        "a word on query, destination or user (2.7 rule 2, 2.8)",
    )
    yield Switch(
        name="dedupe_failed",
        positions=_OFF,
        meaning="Whether a failed last export is returned too; undocumented (2.8)",
    )
    yield Switch(
        name="use_cache",
        positions=("ignored", "lifts_dedupe"),
        meaning="Whether `useCache: false` makes a new export of unchanged data; undocumented (2.8)",
    )
    yield Switch(
        name="on_active",
        positions=("return", "400", "409"),
        meaning="Answer to a request while a job of the dataset runs; undocumented, only that there is one (2.7, 2.8)",
    )


def _requests() -> Iterator[Switch]:
    yield Switch(
        name="session_token_field",
        positions=("sessionToken", "awsSessionToken"),
        meaning="Name of the field with the AWS session token; contradictory, the other one is ignored (2.2)",
    )
    yield Switch(
        name="no_bucket",
        positions=("managed", "400"),
        meaning="A request without `bucket`; contradictory: optional with a bucket Domo manages, or required (2.2)",
    )
    yield Switch(
        name="no_path",
        positions=("dataset", "400"),
        meaning="A request without `path`; contradictory: optional with the dataset's id, or required (2.2)",
    )
    yield Switch(
        name="unknown_fields",
        positions=("ignored", "400"),
        meaning="Unknown top-level fields of an export request; undocumented (2.2)",
    )
    yield Switch(
        name="s3_check",
        positions=("async", "sync400"),
        meaning="Whether bad credentials, bucket or region fail the job or the request; undocumented (2.8)",
    )
    yield Switch(
        name="query_check",
        positions=("async", "sync400"),
        meaning="Whether an unknown column fails the job or the request; undocumented (2.8)",
    )
    yield Switch(
        name="bucket_location",
        positions=("optional", "required"),
        meaning="Whether the credentials must allow s3:GetBucketLocation; undocumented (7.4)",
    )
    yield Switch(
        name="allow_unverified_expr",
        positions=_OFF,
        meaning="Whether `OR` and `having` are understood; not found in any public query (5.2, 5.3)",
    )
    yield Switch(
        name="column_match",
        positions=("exact", "insensitive"),
        meaning="Whether column names are compared with their case; undocumented (4.3)",
    )
    yield Switch(
        name="export_limit",
        positions=("honoured", "ignored"),
        meaning="Whether an export honours `limit` and `orderByColumns`; undocumented (5.2)",
    )
    yield Switch(
        name="row_order",
        positions=("stored", "reversed"),
        meaning="Order of rows without `orderByColumns`; undocumented (5.2)",
    )


def _files() -> Iterator[Switch]:
    yield Switch(
        name="compression",
        positions=("gzip", "none"),
        meaning="Compression of exported files; both are documented values, the caller cannot choose (2.3)",
    )
    yield Switch(
        name="csv_header",
        positions=_ON,
        meaning="Whether files begin with the column names; undocumented (7.5)",
    )
    yield Switch(
        name="null_text",
        positions=("", r"\N"),
        meaning="How null is written; undocumented, the import rules and the raw download differ (7.5)",
    )
    yield Switch(
        name="csv_line_end",
        positions=("lf", "crlf"),
        meaning="How lines end; the import rules allow both (7.5)",
    )
    yield Switch(
        name="bom_parts",
        positions=("each", "first"),
        meaning="Which of several files begin with the byte-order mark; undocumented (7.5)",
    )
    yield Switch(
        name="rows_per_file",
        positions=("0", "5"),
        other=_NUMBER,
        meaning="Rows per file, 0 for one file; inferred from the map of several files (2.3, 2.4)",
    )
    yield Switch(
        name="failed_files",
        positions=("none", "some"),
        meaning="What a failed job leaves in the bucket: nothing, or the files it got to; undocumented (2.4, 9.2)",
    )
    yield Switch(
        name="row_counts",
        positions=("data", "lines"),
        meaning="Whether the counts of the map leave the header out; undocumented (9.2)",
    )
    yield Switch(
        name="url_form",
        positions=("virtual", "s3", "path", "global", "key"),
        meaning="Form of the keys of the map; undocumented (2.4)",
    )
    yield Switch(
        name="include_temp_map",
        positions=_OFF,
        meaning="Whether answers carry `tempUrlRowCountMap`; contradictory: in the earlier documents only (2.3)",
    )


def _lists() -> Iterator[Switch]:
    yield Switch(
        name="list",
        positions=("ok", "404", "405"),
        meaning="Whether the list of exports can be read; documented, here for clients that must notice (3)",
    )
    yield Switch(
        name="list_order",
        positions=("newest", "oldest", "random"),
        meaning="Order of the list of exports; undocumented (3)",
    )
    yield Switch(
        name="list_lag",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="A new export is missing from that many further lists; undocumented (3)",
    )
    yield Switch(
        name="list_single",
        positions=("array", "object"),
        meaning="Whether a list of one export is an array; array is documented, one client expects an object (3)",
    )
    yield Switch(
        name="history_limit",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="Ended exports that a dataset's list keeps, 0 for all; undocumented (2.8)",
    )
    yield Switch(
        name="datasets_metadata",
        positions=("_metadata", "_metaData", "absent"),
        meaning="Key of the total in the list of datasets; contradictory between two clients (4.2)",
    )
    yield Switch(
        name="over_limit",
        positions=("clamp", "400"),
        meaning="What a page of more than 50 datasets gets; undocumented, only the maximum (4.2)",
    )


def _datasets() -> Iterator[Switch]:
    yield Switch(
        name="index_lag_s",
        positions=("0", "60"),
        other=_NUMBER,
        meaning="Seconds until the query engine sees new data and columns; inferred (4.4)",
    )
    yield Switch(
        name="data_versions",
        positions=("ok", "empty", "403", "404"),
        meaning="What the version routes give; undocumented for views and for readers without more rights (4.4)",
    )
    yield Switch(
        name="deleted",
        positions=("404", "stub"),
        meaning="What a deleted dataset reads as; the public API gives a stub with `deleted`, here undocumented (4.1)",
    )
    yield Switch(
        name="cryo",
        positions=("ADRENALINE", "VAULT"),
        meaning="`cryoStatus` of datasets; only the first was observed, others cannot be queried (4.1)",
    )
    yield Switch(
        name="count_text",
        positions=_OFF,
        meaning="Whether a synchronous query gives numbers as text; possible (5.4)",
    )


def _policies() -> Iterator[Switch]:
    yield Switch(
        name="pdp_bypass",
        positions=("owner+admin", "nobody"),
        meaning="Whom row policies do not restrict besides members of `All Rows`; inferred (6)",
    )
    yield Switch(
        name="pdp_read",
        positions=("ok", "403"),
        meaning="Whether policies can be read without administrative rights; undocumented (6)",
    )
    yield Switch(
        name="policies_shape",
        positions=("array", "filterGroups", "groups"),
        meaning="Envelope of the list of policies; an array was observed, one client tolerates the others (6)",
    )


def _answers() -> Iterator[Switch]:
    yield Switch(
        name="export_right",
        positions=("read", "dataset.export"),
        meaning="Whether exporting needs the authority `dataset.export` besides READ; undocumented (2.7 rule 3)",
    )
    yield Switch(
        name="token_list",
        positions=("ok", "403"),
        meaning="Whether the token's user may list access tokens; by grant (1, 1.1)",
    )
    yield Switch(
        name="token_ttl",
        positions=("none", "3600"),
        other=_NUMBER,
        meaning="Seconds that tokens live from their making, none for what their `expires` says (1)",
    )
    yield Switch(
        name="extra_fields",
        positions=_OFF,
        meaning="Every object carries a property nobody knows; the product API may change without notice (1)",
    )
    yield Switch(
        name="errors_shape",
        positions=("platform", "hub", "short", "html", "empty"),
        meaning="Body of an error; contradictory, several envelopes exist (7.1)",
    )
    yield Switch(
        name="rate_limit",
        positions=("off", "60/60"),
        other=r"[1-9]\d{0,6}/[1-9]\d{0,6}",
        meaning="Requests per seconds and token; undocumented for these routes (7.2)",
    )
    yield Switch(
        name="retry_after",
        positions=("seconds", "date", "absent"),
        meaning="The `Retry-After` of a 429; undocumented (7.2)",
    )
    yield Switch(
        name="fault",
        positions=("none", "500", "502", "timeout_after_accept", "html_blocked_200", "invalid_json"),
        meaning="A standing fault: a status for every request, a 504 of the gateway after a job was accepted, the "
        "page of a blocked network, or JSON that ends in the middle (9.3)",
    )


def _all() -> Iterator[Switch]:
    for group in (_jobs, _requests, _files, _lists, _datasets, _policies, _answers):
        yield from group()


SWITCHES: Mapping[str, Switch] = MappingProxyType({switch.name: switch for switch in _all()})
