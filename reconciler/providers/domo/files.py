"""Whether delivered files are where they should be, as far as our own AWS credentials may know."""

from __future__ import annotations

from contextlib import suppress

from reconciler.providers.domo.aws import Cloud
from reconciler.providers.domo.claim import at
from reconciler.providers.domo.exports import Export
from reconciler.providers.domo.query import mapping
from reconciler.providers.domo.settings import Weight
from reconciler.sdk import PermissionRefused, VendorError
from reconciler.values import Problem, Record, Resource, Severity, Value

REGION = ("destination", "region")


def heads(cloud: Cloud, export: Export, region: str) -> dict[str, Value]:
    """
    What the bucket says of each file, by address; a file that nobody can look at is left out.

    Never raises: the export exists, and must be recorded whatever becomes of this look.
    """
    found: dict[str, Value] = {}
    for url, place in export.places.items():
        with suppress(Exception):
            head = cloud.head(place.bucket, place.key, region) if place is not None else None
            if head is not None:
                found[url] = f"{head.size} {head.tag}"
    return found


def missing(
    cloud: Cloud, resource: Resource, record: Record, export: Export | None, weight: Weight
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The files of the recorded export that are gone or not as they were, and a finding about what nobody may know."""
    if resource.attributes.get("checkObjects") is not True or export is None:
        return (), ()
    recorded = mapping(record.memo.get("objects"))
    found: list[str] = []
    unchecked: VendorError | None = None
    for url, place in export.places.items():
        if place is None:
            continue
        try:
            head = cloud.head(place.bucket, place.key, str(at(record.applied, REGION)))
        except PermissionRefused as error:
            # A file that is not there is answered so too, unless the bucket may be listed (Amazon S3 documentation).
            unchecked = unchecked or error
            continue
        except VendorError as error:
            unchecked = error
            break
        known = recorded.get(url)
        if head is None or (known is not None and known != f"{head.size} {head.tag}"):
            found.append(f"s3://{place.bucket}/{place.key}")
    if unchecked is None or weight == "off":
        return tuple(found), ()
    problem = Problem(
        code="bucket-unread",
        message=f"files not checked: {unchecked.message}",
        address=resource.address,
        path=("checkObjects",),
        help="let the tool's own AWS credentials read the files and list the bucket, or take out `checkObjects`",
        severity=Severity.ERROR if weight == "refuse" else Severity.WARNING,
    )
    return tuple(found), (problem,)
