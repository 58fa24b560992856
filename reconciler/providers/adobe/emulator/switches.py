"""
Every point Adobe leaves open, as a switch; section numbers are those of the Adobe reference of this project.

Certainty words: *documented* is stated by Adobe, *inferred* follows from samples, *undocumented* is an assumption,
*contradictory* is stated in two ways, *sources only* is documented for the other half of the same service.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from reconciler.emulator import Switch
from reconciler.providers.adobe.emulator.switches_of_flows import flow_switches
from reconciler.providers.adobe.emulator.switches_of_runs import run_switches

# Secret wherever they stand: what the connection specs declare `format: password` (§5.1), what a login sends and
# gets (§2), and what opens the Data Landing Zone (§11).
SECRET_KEYS = frozenset(
    {
        "access_token",
        "awsSecretAccessKey",
        "awsSessionToken",
        "client_secret",
        "connectionString",
        "password",
        "s3Role",
        "s3SecretKey",
        "SASToken",
        "SASUri",
        "secretAccessKey",
        "servicePrincipalKey",
        "sshKey",
    }
)

_YES = ("true", "false")
_NO = ("false", "true")
_NUMBER = r"\d{1,9}"


def _gate() -> Iterator[Switch]:
    yield Switch(
        name="token_ttl",
        positions=("86399", "3600", "60"),
        other=_NUMBER,
        meaning="Seconds a token lives; documented as 24 hours, open in practice (§2, §14.9)",
    )
    yield Switch(
        name="token_errors",
        positions=("401", "400"),
        meaning="Status of a refused login; undocumented, assumed to be an ordinary OAuth error (§2)",
    )
    yield Switch(
        name="gateway_code",
        positions=("string", "number"),
        meaning="Type of `error_code` in errors of the gateway; contradictory (§10.3)",
    )
    yield Switch(
        name="strict_sandbox_header",
        positions=_NO,
        meaning="A request without `x-sandbox-name` is refused instead of meaning `prod`; contradictory (§1)",
    )
    yield Switch(
        name="permissions",
        positions=("all", "no_view", "no_datasets", "no_activate", "activate_only"),
        meaning="What the credential may do; `activate_only` is documented to suffice, save for deleting (§2.1)",
    )
    yield Switch(
        name="delete_permission",
        positions=("manage", "activate"),
        meaning="Whether deleting needs *Manage Destinations* besides dataset permissions; inferred (§2.1, §14.12)",
    )
    yield Switch(
        name="labels",
        positions=("ignored", "hidden"),
        meaning="Flows with access labels answer 404 to reads and 403 to changes; documented (§2.1)",
    )
    yield Switch(
        name="rate_limit",
        positions=("off", "5/15"),
        other=r"[1-9]\d{0,6}/[1-9]\d{0,6}",
        meaning="Requests per seconds and credential; no limit is published (§10.5, §14.10)",
    )
    yield Switch(
        name="retry_after",
        positions=("seconds", "date", "absent"),
        meaning="Form of `Retry-After` on a 429; undocumented (§10.5)",
    )
    yield Switch(
        name="errors_shape",
        positions=("current", "older", "message"),
        meaning="Envelope of the service's own errors; three are documented (§10.1, §10.2)",
    )
    yield Switch(
        name="error_codes",
        positions=("coded", "bare"),
        meaning="Whether the `type` of an error names its FLOW code; the catalogue and samples differ (§10.1, §14.6)",
    )


def _lists() -> Iterator[Switch]:
    for name, verb in (("list", "GET of a list"), ("read", "GET by id")):
        yield Switch(
            name=name,
            positions=("ok", "404", "405"),
            meaning=f"Whether {verb} answers; documented, switched to see that a failing route is not read as `empty`",
        )
    yield Switch(
        name="hidden",
        positions=("ok", "404"),
        meaning="GET by id answers 404 for objects that the list shows; undocumented, no word on consistency (§4.1)",
    )
    yield Switch(
        name="list_lag",
        positions=("0", "30"),
        other=_NUMBER,
        meaning="Seconds until a new object appears in lists; undocumented, no word on consistency (§4.1)",
    )
    yield Switch(
        name="list_ghosts",
        positions=("0", "30"),
        other=_NUMBER,
        meaning="Seconds a deleted object stays in lists; undocumented, no word on consistency (§4.1)",
    )
    yield Switch(
        name="default_limit",
        positions=("20", "100"),
        other=r"[1-9]\d?|100",
        meaning="Objects per page when `limit` is not sent; undocumented, assumed 20 (§4.1, §14.9)",
    )
    yield Switch(
        name="over_limit",
        positions=("400", "clamp"),
        meaning="What a `limit` above 100 gets; the maximum is documented, the answer is not (§4.1)",
    )
    yield Switch(
        name="default_order",
        positions=("created", "updated"),
        meaning="Order of a list without `orderby`: newest first by which time; documented as `created/updated` (§4.1)",
    )
    yield Switch(
        name="next_link",
        positions=("token", "query"),
        meaning="Whether the link to the next page carries the filters too; inferred from samples that not (§4.1)",
    )
    yield Switch(
        name="last_links",
        positions=("empty", "absent"),
        meaning="Whether the last page has `_links: {}` or no `_links`; inferred from one sample (§4.1)",
    )
    yield Switch(
        name="general_filters",
        positions=("honoured", "400"),
        meaning="Filters on paths that no document lists for a route, such as `description` of a source connection; "
        "documented only as a general rule (§4.2)",
    )
    yield Switch(
        name="lake_connection",
        positions=("hidden", "listed"),
        meaning="Whether the base connection that the server gives source connections can be read; undocumented (§3)",
    )
    yield Switch(
        name="configs_spec",
        positions=("any", "lake"),
        meaning="Whether exportable datasets are listed below a destination's spec too; documented only for the data "
        "lake's, used otherwise by Adobe's client (§7)",
    )


def _answers() -> Iterator[Switch]:
    yield Switch(
        name="secrets_on_read",
        positions=("masked", "absent", "null", "clear"),
        meaning="How secret parameters read back; undocumented, assumed `xxxx` (§5.4, §14.1)",
    )
    yield Switch(
        name="authorized_date",
        positions=_NO,
        meaning="Base connections carry `auth.params.authorizedDate`; inferred to be the UI's (§5.1)",
    )
    yield Switch(
        name="extra_fields",
        positions=_NO,
        meaning="Every object, `params` of targets and schedules included, carries a field nobody knows (§5.4)",
    )
    yield Switch(
        name="numbers",
        positions=("ints", "strings"),
        meaning="Type of the numbers in `scheduleParams`; contradictory samples (§6.3)",
    )
    yield Switch(
        name="folder_template_key",
        positions=("foldernameTemplate", "folderNameTemplate", "only_folderNameTemplate"),
        meaning="Spelling that reads back, both being understood; in the last position the tutorial's spelling is "
        "ignored; contradictory (§6.3)",
    )


def _writes() -> Iterator[Switch]:
    yield Switch(
        name="settle",
        positions=("0", "5"),
        other=_NUMBER,
        meaning="Seconds an object stays in a transient state after a change; inferred from samples (§6.2)",
    )
    yield Switch(
        name="etag_bump",
        positions=_YES,
        meaning="Whether the etag moves once more when a change has settled, so that the one a write answered is old; "
        "inferred (§6.2)",
    )
    yield Switch(
        name="version_missing",
        positions=("422", "latest"),
        meaning="A spec without `version`; contradictory: an error, or the latest (§10.4)",
    )
    yield Switch(
        name="unique_names",
        positions=("false", "409"),
        meaning="Whether a name that is taken is refused; inferred that it is not (§3)",
    )
    yield Switch(
        name="strict_json_none",
        positions=_NO,
        meaning="Whether uncompressed JSON is refused; documented as impossible, shown in samples (§5.2)",
    )
    yield Switch(
        name="dataset_check",
        positions=("exists", "eligible", "none"),
        meaning="What a listed dataset must be: known, exportable, or anything; undocumented (§7, §10.4)",
    )
    yield Switch(
        name="dataset_names",
        positions=("optional", "required"),
        meaning="Whether a listed dataset needs its `name`; contradictory (§5.3)",
    )
    yield Switch(
        name="empty_datasets",
        positions=("400", "accepted"),
        meaning="A source connection without datasets; undocumented (§6.5)",
    )
    yield Switch(
        name="datasets_most",
        positions=("off", "2"),
        other=r"[1-9]\d{0,5}",
        meaning="Datasets that one source connection may list; undocumented (§11, §14.13)",
    )
    yield Switch(
        name="source_patch",
        positions=("ok", "400", "405"),
        meaning="PATCH of a source connection's name and description; sources only (§4, §6.4)",
    )
    yield Switch(
        name="target_patch",
        positions=("ok", "400"),
        meaning="PATCH of a target connection's `/params`; documented for destinations, denied for sources (§6.4)",
    )
    yield Switch(
        name="target_live",
        positions=("live", "frozen"),
        meaning="Whether an edited target connection reaches a running flow; contradictory (§6.4, §14.3)",
    )
    yield Switch(
        name="rebase_target",
        positions=("400", "ok"),
        meaning="PATCH of a target connection's `/baseConnectionId`; undocumented (§6.4, §14.2)",
    )
    yield Switch(
        name="auth_spec_patch",
        positions=("400", "ok"),
        meaning="PATCH of a base connection's `/auth/specName`, or of all of `/auth`; undocumented (§6.4, §14.2)",
    )
    yield Switch(
        name="encryption_patch",
        positions=("ok", "400"),
        meaning="PATCH of a base connection's `/encryption`; undocumented (§6.4, §14.2)",
    )
    yield Switch(
        name="replace_missing",
        positions=("400", "accepted"),
        meaning="`replace` of a field that is not there; inferred to be an error (§6.4)",
    )
    yield Switch(
        name="op_case",
        positions=("any", "lower"),
        meaning="Whether `Replace` is understood; seen in Adobe's client (§6.4)",
    )
    yield Switch(
        name="connection_test",
        positions=("true", "false", "400"),
        meaning="What the test of a base connection says; how a failure looks is undocumented (§4)",
    )
    yield Switch(
        name="dlz_provider",
        positions=("azure", "aws"),
        meaning="Where the Data Landing Zone of the sandbox lies; both are documented (§11)",
    )


def _deletes() -> Iterator[Switch]:
    yield Switch(
        name="delete_status",
        positions=("mixed", "202", "204", "200"),
        meaning="Status of a deletion; mixed is 202 for flows, 204 for connections; contradictory (§6.6)",
    )
    yield Switch(
        name="delete_lag",
        positions=("0", "60"),
        other=_NUMBER,
        meaning="Seconds until a deleted flow is gone; documented to be minutes under load (§6.6)",
    )
    yield Switch(
        name="delete_referenced",
        positions=("400", "allow"),
        meaning="Deleting a source or target connection that a flow still names; inferred to be refused (§6.6)",
    )
    yield Switch(
        name="strict_dependents",
        positions=_NO,
        meaning="Whether a base connection with target connections but no flow is refused; undocumented (§6.6, §14.5)",
    )
    yield Switch(
        name="cascade",
        positions=("none", "connections"),
        meaning="Whether deleting a flow deletes its source and target connections; undocumented (§6.6, §14.5)",
    )


def _all() -> Iterator[Switch]:
    for group in (_gate, _lists, _answers, _writes, _deletes, flow_switches, run_switches):
        yield from group()


SWITCHES: Mapping[str, Switch] = MappingProxyType({switch.name: switch for switch in _all()})
