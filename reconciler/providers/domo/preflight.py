"""What is wrong with a dataset or a bucket before anything is exported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from reconciler.providers.domo.aws import Bucket, Cloud
from reconciler.providers.domo.claim import at
from reconciler.providers.domo.exports import Row
from reconciler.providers.domo.query import Column, faults, mapping
from reconciler.providers.domo.settings import Checks, Settings, Weight
from reconciler.sdk import VendorError
from reconciler.values import Action, Path, Plan, Problem, Resource, Severity


def dataset_problems(
    resource: Resource, row: Row, columns: Sequence[Column], policies: str, checks: Checks
) -> Iterator[Problem]:
    """Mistakes of the manifest about its dataset, and what the dataset's owners should know before rows leave Domo."""
    name, expected = row.get("name"), at(resource.attributes, ("dataset", "expectName"))
    if isinstance(expected, str) and name != expected:
        yield Problem(
            code="other-dataset",
            message=f"the dataset is called `{name}`, and `expectName` says `{expected}`",
            address=resource.address,
            path=("dataset", "expectName"),
            help="check the id; if the dataset was renamed, write its new name",
        )
    rights = row.get("permissions")
    # The caller's rights joined by `_`, such as `READ_SHARE` (observed; that they decide about exports is inferred).
    if isinstance(rights, str) and "READ" not in rights.split("_") and "ADMIN" not in rights.split("_"):
        yield Problem(
            code="no-read-right",
            message=f"the token's user may not read the dataset (`{rights}`)",
            address=resource.address,
            path=("dataset", "id"),
            help="share the dataset with the user, or use the token of somebody who may read it",
        )
    for each in faults(mapping(resource.attributes.get("query")), columns):
        yield Problem(code=each.code, message=each.message, address=resource.address, path=each.path, help=each.help)
    yield from _warnings(resource, row, policies, checks)


def _warnings(resource: Resource, row: Row, policies: str, checks: Checks) -> Iterator[Problem]:
    at_id: Path = ("dataset", "id")
    state = row.get("cryoStatus")
    # `ADRENALINE` is loaded (observed); a dataset that is only in the vault cannot be queried (seen in public clients).
    if isinstance(state, str) and state != "ADRENALINE":
        yield from _weighed(
            checks.not_loaded,
            resource,
            "not-loaded",
            f"the dataset is not loaded into Domo's query engine (`{state}`), so its export may fail",
            at_id,
            "open the dataset in Domo, which loads it",
        )
    # The name says that row policies do not restrict this caller (inferred).
    if policies not in ("off", "unknown") and row.get("currentUserFullAccess") is True:
        yield from _weighed(
            checks.row_policies,
            resource,
            "row-policies",
            "the dataset has row policies (PDP) and the token's user sees all rows: all of them leave Domo, and after"
            " that only the bucket guards them",
            at_id,
            "use the token of a user whom the policies restrict, or see who may read the bucket",
        )
    if row.get("masked") is True:
        yield from _weighed(
            checks.masked,
            resource,
            "masked",
            "columns of the dataset are masked; whether the export is, is not documented",
            at_id,
            "look at the first delivered file",
        )


def plan_problems(cloud: Cloud, settings: Settings, plan: Plan) -> Iterator[Problem]:
    """Buckets that do not guard what is put into them."""
    changes = [each for each in plan.changes if each.address.vendor == "domo" and each.resource is not None]
    if settings.aws is None or not settings.aws.look_at_buckets:
        return
    buckets: dict[str, list[Resource]] = defaultdict(list)
    for change in changes:
        if change.action is Action.RUN and change.resource is not None:
            buckets[str(at(change.resource.attributes, _BUCKET))].append(change.resource)
    for name, resources in sorted(buckets.items()):
        try:
            found = cloud.bucket(name)
        except VendorError as error:
            yield from _weighed(
                settings.checks.bucket_unread, resources[0], "bucket-unread", error.message, _BUCKET, _UNREAD_HELP
            )
            continue
        yield from _guards(name, found, resources, settings.checks)


_BUCKET: Path = ("destination", "bucket")
_UNREAD_HELP = "give the tool's own AWS credentials the right to see how the bucket is guarded"


def _guards(name: str, bucket: Bucket, resources: Sequence[Resource], checks: Checks) -> Iterator[Problem]:
    first = resources[0]
    if not bucket.exists:
        yield Problem(
            code="no-such-bucket",
            message=f"there is no bucket `{name}`",
            address=first.address,
            path=_BUCKET,
            help="create it, or correct the name",
        )
        return
    for resource in resources:
        region = at(resource.attributes, ("destination", "region"))
        if bucket.region is not None and bucket.region != region:
            # Exports into another region are not supported (documented).
            yield from _weighed(
                checks.bucket_region,
                resource,
                "bucket-region",
                f"the bucket `{name}` lies in {bucket.region}, and `region` says `{region}`",
                ("destination", "region"),
                f"write `region: {bucket.region}`",
            )
    if bucket.public is True or bucket.blocks_public is False:
        what = "is public by its policy" if bucket.public else "does not block public access"
        # After the upload only the bucket's own policy protects the data (documented).
        yield from _weighed(
            checks.bucket_public,
            first,
            "bucket-public",
            f"the bucket `{name}` {what}, and nothing but the bucket guards exported rows",
            _BUCKET,
            "block all public access in the bucket's settings",
        )
    if bucket.encryption == "":
        yield from _weighed(
            checks.bucket_encryption,
            first,
            "bucket-encryption",
            f"the bucket `{name}` does not encrypt by default",
            _BUCKET,
            "switch on default encryption, or name a `kmsKey`",
        )
    if bucket.unread:
        unread = ", ".join(bucket.unread)
        yield from _weighed(
            checks.bucket_unread,
            first,
            "bucket-unread",
            f"our AWS credentials may not see everything about the bucket `{name}`: {unread}",
            _BUCKET,
            _UNREAD_HELP,
        )


def _weighed(  # noqa: PLR0917 - as a problem's fields stand
    weight: Weight, resource: Resource, code: str, message: str, path: Path, help: str
) -> Iterator[Problem]:
    if weight != "off":
        severity = Severity.ERROR if weight == "refuse" else Severity.WARNING
        yield Problem(code=code, message=message, address=resource.address, path=path, help=help, severity=severity)
