"""
Every point Didomi leaves open, as a switch.

Certainty words: *documented* is stated by Didomi, *inferred* is uniform across its published OpenAPI document
(version 1.0), *undocumented* is an assumption, *contradictory* is stated in two ways.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from reconciler.emulator import Switch

# The values of these keys are secret wherever they stand: API keys, service account keys, OAuth clients, tokens.
SECRET_KEYS = frozenset({"access_token", "client_secret", "key", "private_key", "secret", "token"})

_YES = ("true", "false")
_NO = ("false", "true")
_NUMBER = r"\d{1,9}"


def _sessions() -> Iterator[Switch]:
    yield Switch(
        name="token_ttl",
        positions=("3600", "86400", "60"),
        other=_NUMBER,
        meaning="Seconds a token lives; contradictory: 1 hour in current pages, 24 in older ones (Authentication)",
    )
    yield Switch(
        name="token_format",
        positions=("jwt", "opaque"),
        meaning="Whether a token can be decoded and tells its end; undocumented (Authentication)",
    )
    yield Switch(
        name="session_reply",
        positions=("full", "token_only"),
        meaning="Whether a session repeats `type` and `key`; the guide shows the token only (Authentication)",
    )
    yield Switch(
        name="sessions_limited",
        positions=_NO,
        meaning="Whether `POST /sessions` counts against the rate limit; undocumented (Rate limiting)",
    )


def _lists() -> Iterator[Switch]:
    yield Switch(
        name="default_limit",
        positions=("10", "100"),
        other=_NUMBER,
        meaning="Objects per page when `$limit` is not sent; both are seen (Pagination, Quotas)",
    )
    yield Switch(
        name="over_limit",
        positions=("clamp", "400"),
        meaning="What a `$limit` above 100 gets; documented only as `usually` under 100 (Pagination)",
    )
    yield Switch(
        name="bare_array",
        positions=_NO,
        meaning="Lists without an envelope; contradictory: envelope in the guide, arrays in OpenAPI (Pagination)",
    )
    yield Switch(
        name="default_order",
        positions=("oldest", "newest"),
        meaning="Order of a list without `$sort`; undocumented (Pagination)",
    )
    yield Switch(
        name="list_filters",
        positions=("honoured", "ignored"),
        meaning="Whether lists filter by fields other than `organization_id`; not every route does (Filters)",
    )
    yield Switch(
        name="list_lag",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="A new object is missing from that many further lists; undocumented (no word on consistency)",
    )
    yield Switch(
        name="foreign_read",
        positions=("empty", "403"),
        meaning="What a list for somebody else's organization gives; undocumented (Authentication)",
    )


def _routes() -> Iterator[Switch]:
    tutorial = "only POST is documented, the rest is inferred (Configure a batch export, OpenAPI)"
    for name, verb in (("list", "GET of the list"), ("read", "GET by id"), ("update", "PATCH"), ("replace", "PUT")):
        yield Switch(
            name=name,
            positions=("ok", "404", "405"),
            meaning=f"Whether {verb} exists on the export routes: {tutorial}",
        )
    yield Switch(
        name="delete",
        positions=("ok", "404", "405"),
        meaning=f"Whether DELETE exists on the export routes: {tutorial}",
    )
    yield Switch(
        name="hidden",
        positions=("ok", "404"),
        meaning="GET by id answers 404 for objects that the list shows; undocumented (no word on consistency)",
    )


def _writes() -> Iterator[Switch]:
    yield Switch(
        name="create_status",
        positions=("mixed", "200", "201"),
        meaning="Status of a creation; mixed is 201 for sessions and exports, 200 for consents (OpenAPI has both)",
    )
    yield Switch(
        name="unique_names",
        positions=_NO,
        meaning="A name that is taken gets 409; undocumented (Configure a batch export, legacy edition)",
    )
    yield Switch(
        name="patch_merge",
        positions=("shallow", "deep"),
        meaning="Whether PATCH replaces nested objects or merges into them; undocumented (OpenAPI)",
    )
    yield Switch(
        name="strict",
        positions=_NO,
        meaning="Unknown top-level properties get 400 instead of being ignored; undocumented (Introduction)",
    )
    yield Switch(
        name="unknown_stored",
        positions=_NO,
        meaning="Unknown top-level properties are kept and echoed instead of stripped; undocumented (Introduction)",
    )
    yield Switch(
        name="account_id_mutable",
        positions=_YES,
        meaning="Whether an S3 destination's `account_id` may change in place; undocumented (AWS S3 Bucket)",
    )
    yield Switch(
        name="bucket_mutable",
        positions=_YES,
        meaning="Whether a GCP destination's `bucket_name` and `project_id` may change in place; undocumented",
    )
    yield Switch(
        name="delete_referenced",
        positions=("409", "allow"),
        meaning="Deleting a destination that a configuration still names; undocumented",
    )
    yield Switch(
        name="errors_shape",
        positions=("object", "array", "absent"),
        meaning="The `errors` of an error; contradictory: described as an array, exampled as an object (Errors)",
    )


def _answers() -> Iterator[Switch]:
    yield Switch(
        name="secret_echo",
        positions=("omit", "mask", "plain"),
        meaning="How a GCP key reads back; undocumented (GCP Storage Bucket; precedents: API keys, Secrets)",
    )
    yield Switch(
        name="bookkeeping",
        positions=_YES,
        meaning="Whether export objects carry `created_at`, `updated_at`, `version`; inferred, not in the tutorial",
    )
    yield Switch(
        name="extra_fields",
        positions=_NO,
        meaning="Every object carries a property nobody knows; documented to be possible at any time (Introduction)",
    )
    yield Switch(
        name="reference_order",
        positions=("kept", "sorted"),
        meaning="Order in which `destinations_id` reads back; undocumented",
    )
    yield Switch(
        name="provision_delay",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="Bucket and role of an S3 destination appear after that many reads; documented in the create reply",
    )


def _marketplace() -> Iterator[Switch]:
    yield Switch(
        name="organization_in",
        positions=("query", "body", "both"),
        meaning="Where a new integration must name its organization; contradictory: query in the current tutorial, "
        "body in an earlier edition (Configure a batch export, Configure an analytics export)",
    )
    yield Switch(
        name="gcp_fields_in",
        positions=("authentication", "properties"),
        meaning="Where an integration holds GCP project, bucket and key; undocumented (Configure a batch export)",
    )


def _limits() -> Iterator[Switch]:
    yield Switch(
        name="rate_limit",
        positions=("100/15", "5/15", "off"),
        other=r"[1-9]\d{0,6}/[1-9]\d{0,6}",
        meaning="Requests per seconds and organization outside `/consents`; documented 100 in 15 s (Rate limiting)",
    )
    yield Switch(
        name="quota_exports_configs",
        positions=("3", "1"),
        other=_NUMBER,
        meaning="Configurations that may be enabled at once; documented default 3 (Quotas)",
    )
    yield Switch(
        name="quota_exports_destinations",
        positions=("2", "1"),
        other=_NUMBER,
        meaning="Destinations attached to one configuration; documented default 2 (Quotas)",
    )
    yield Switch(
        name="quota_status",
        positions=("403", "400", "409"),
        meaning="Status when a quota is exceeded; undocumented (Quotas)",
    )
    yield Switch(
        name="premium_batch_exports",
        positions=_YES,
        meaning="Whether the organization has batch exports; documented as a premium feature (Batch export)",
    )
    yield Switch(
        name="premium_consents_api",
        positions=_YES,
        meaning="Whether the organization has the Consents API; documented as a premium feature (Introduction)",
    )
    yield Switch(
        name="premium_manual_run",
        positions=_NO,
        meaning="Whether `POST /exports/execute` runs an export now; the flag is documented, the route's shape is not",
    )
    yield Switch(
        name="premium_status",
        positions=("403", "404"),
        meaning="Status when a product is not enabled; undocumented",
    )


def _consents() -> Iterator[Switch]:
    yield Switch(
        name="import_failure",
        positions=("atomic", "prefix", "best_effort"),
        meaning="What is stored when one event of an array is bad; undocumented (Batch import)",
    )
    yield Switch(
        name="dup",
        positions=("ack", "conflict_item", "conflict_batch"),
        meaning="Reply to an event whose id exists; undocumented, only that none is imported twice (Batch import)",
    )
    yield Switch(
        name="batch_order",
        positions=("input", "reversed"),
        meaning="Order of the events in the reply to an array; undocumented (Events)",
    )
    yield Switch(
        name="validate_purposes",
        positions=_YES,
        meaning="Unknown purpose, preference and value ids get 400; documented for API v2 (Events schema)",
    )
    yield Switch(
        name="events_cursor",
        positions=_NO,
        meaning="Whether lists of events are cut into pages with a cursor; undocumented (Events query)",
    )
    yield Switch(
        name="back_dating",
        positions=("by_date", "by_arrival"),
        meaning="Whether an older event that arrives later changes the user's status; undocumented (Events, approvals)",
    )
    yield Switch(
        name="one_record",
        positions=_NO,
        meaning="One organization user id is exactly one user record; documented as opt-in from 2026-09-30 (Releases)",
    )


def _deliveries() -> Iterator[Switch]:
    yield Switch(
        name="runs",
        positions=("completed", "failed", "stuck"),
        meaning="How runs end; the three states are documented: completed, failed, pending (Batch export, Logs)",
    )
    yield Switch(
        name="run_result",
        positions=("the destination refused the files", "access denied"),
        other=r"(?s).{1,500}",
        meaning="The reason a failed run gives in `result` (Batch export, Logs)",
    )
    yield Switch(
        name="run_seconds",
        positions=("600", "0"),
        other=_NUMBER,
        meaning="Seconds from the start of a run to its `_SUCCESS`; undocumented (Batch export)",
    )
    yield Switch(
        name="log_order",
        positions=("newest", "oldest"),
        meaning="Order of run logs; undocumented (Batch export, Logs)",
    )
    yield Switch(
        name="log_times",
        positions=_YES,
        meaning="Whether run logs carry `created_at`; undocumented, absent from the sample (Batch export, Logs)",
    )
    yield Switch(
        name="users_per_run",
        positions=("5", "0"),
        other=r"\d{1,6}",
        meaning="Invented users that change each day, besides those imported; 0 makes empty days",
    )
    yield Switch(
        name="parts",
        positions=("1", "3"),
        other=r"[1-9]\d{0,3}",
        meaning="Files per partition; documented as one or more (Batch export)",
    )
    yield Switch(
        name="guests",
        positions=_NO,
        meaning="Whether users without an organization user id are exported; documented off by default (Exported data)",
    )
    yield Switch(
        name="shape",
        positions=("v1", "v2"),
        meaning="Consents of invented users: nested preferences or flat values; undocumented (Exported data)",
    )
    yield Switch(
        name="source_shape",
        positions=("string", "object", "null"),
        meaning="Type of an event's `source`; undocumented (Batch export content)",
    )
    yield Switch(
        name="empty_day",
        positions=("success", "nothing"),
        meaning="Whether a day without changes leaves an empty partition with `_SUCCESS`; undocumented (Batch export)",
    )
    yield Switch(
        name="success_folder",
        positions=("users", "date"),
        meaning="Folder of `_SUCCESS`; undocumented (Batch export)",
    )
    yield Switch(
        name="first_run",
        positions=("delta", "full"),
        meaning="What a first run holds; contradictory: daily deltas now, a full dump in an old edition (Batch export)",
    )
    yield Switch(
        name="events",
        positions=("period", "history"),
        meaning="Events of a record; contradictory: of the period (Batch export), all (Batch export content)",
    )
    yield Switch(
        name="expiry",
        positions=("7d", "off"),
        meaning="Files in Didomi's S3 bucket vanish after seven days; documented (AWS S3 Bucket)",
    )


def _all() -> Iterator[Switch]:
    for group in (
        _sessions,
        _lists,
        _routes,
        _writes,
        _answers,
        _marketplace,
        _limits,
        _consents,
        _deliveries,
    ):
        yield from group()


SWITCHES: Mapping[str, Switch] = MappingProxyType({switch.name: switch for switch in _all()})
