"""`Destination`: the cloud storage that receives a batch export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from reconciler.providers.didomi.collection import Collection, described, last_change, marked, revision
from reconciler.providers.didomi.mapping import Row, instant, value, write
from reconciler.sdk import Immutable, Kind, Order, SecretReference, Spec, split_mark
from reconciler.values import Identity, Observed, Path, Problem, Resource, Secret, Severity, Value

Text = Annotated[str, Field(min_length=1)]

# Real AWS account ids have 12 digits; the one in Didomi's tutorial has 10 (Didomi, Configure a batch export).
AccountId = Annotated[str, Field(pattern=r"^[0-9]{10,12}$")]

S3 = "aws-s3-didomi"
GCP = "gcp-storage"

# How long a new bucket may take before it is no longer called new. Undocumented: the tutorial's reply has it at once.
_PROVISIONING = timedelta(minutes=15)
_SETTLING = "waiting for its bucket"


class S3Config(Spec):
    """A bucket that Didomi owns and lets an AWS account read."""

    # Undocumented whether it can be changed; the role that Didomi makes trusts this very account, so it is replaced.
    account_id: Annotated[AccountId, Immutable()]
    """The AWS account that may read the bucket; quote it."""


class GcpConfig(Spec):
    """A bucket of the customer."""

    # Undocumented whether these can be changed in place, so they are replaced.
    project_id: Annotated[Text, Immutable()]
    """The project at Google Cloud."""
    bucket_name: Annotated[Text, Immutable()]
    """The bucket."""
    # The service account's JSON as one text (Didomi, Configure a batch export; documented). Undocumented whether it is
    # given back, so it is never compared.
    key: SecretReference
    """The service account's JSON as text, as a reference; never read back."""


class S3Destination(Spec):
    """AWS S3, owned by Didomi."""

    type_id: Annotated[Literal["aws-s3-didomi"], Immutable()]
    """A bucket that Didomi owns and lets an AWS account read."""
    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    config: S3Config
    """Who may read."""


class GcpDestination(Spec):
    """Google Cloud Storage."""

    type_id: Annotated[Literal["gcp-storage"], Immutable()]
    """A bucket of yours at Google Cloud."""
    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    config: GcpConfig
    """The bucket, and the key to it."""


class _Unknown(Spec):
    """What is read of a type that this version does not know."""

    type_id: str
    name: str
    description: str


_MODELS: Mapping[object, type[BaseModel]] = {S3: S3Destination, GCP: GcpDestination}


class Destinations(Collection):
    """`/exports/destinations` (Didomi, Configure a batch export, legacy edition): only POST is documented."""

    route = "/exports/destinations"
    complete = frozenset({"id", "name", "type_id", "config"})

    def observed(self, row: Row, id: str) -> Observed:
        """The destination; its bucket and role are outputs."""
        attributes, owner = described(_MODELS.get(row.get("type_id"), _Unknown), row)
        config = row.get("config")
        outputs = computed(config) if row.get("type_id") == S3 else {}
        return Observed(
            id=id,
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            outputs=outputs,
            settling=None if outputs or not self._is_new(row) else _SETTLING,
        )

    def create(self, order: Order) -> Observed:
        """
        The new destination; one at S3 settles until its bucket is known.

        The bucket is in the reply (Didomi, Configure a batch export; documented); that it always is, is not.
        """
        created = super().create(order)
        if order.attributes["typeId"] == S3 and not created.outputs:
            return replace(created, settling=_SETTLING)
        return created

    def body(self, order: Order, reveal: Callable[[Secret], str]) -> dict[str, object]:
        """Name, description with the mark, type and configuration."""
        return {
            "name": order.attributes.get("name") or order.address.name,
            "description": marked(order),
            "type_id": order.attributes["typeId"],
            "config": write(order.attributes["config"], reveal),
        }

    def _is_new(self, row: Row) -> bool:
        if row.get("type_id") != S3:
            return False
        created = instant(row.get("created_at"))
        return created is not None and abs(self._client.now() - created) < _PROVISIONING


def computed(config: object) -> dict[str, Value]:
    """The bucket and the role that Didomi made, as far as they are there."""
    if not isinstance(config, Mapping):
        return {}
    names = {"bucket_name": "bucketName", "bucket_access_role_arn": "bucketAccessRoleArn"}
    return {name: value(config[key]) for key, name in names.items() if config.get(key)}


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_description(resource)
    yield from check_account(resource, ("config", "accountId"))


def check_description(resource: Resource) -> Iterable[Problem]:
    """A description that looks like it held an ownership mark would be cut."""
    description = resource.attributes.get("description")
    if isinstance(description, str) and split_mark(description)[1] is not None:
        yield Problem(
            code="mark-in-description",
            message="`description` holds an ownership mark, which only this tool writes",
            address=resource.address,
            path=("description",),
            help="remove `[reconciler:…]`",
        )


def check_account(resource: Resource, path: Path) -> Iterable[Problem]:
    """An AWS account id has 12 digits; Didomi's own example has fewer, so it is only said."""
    found: Value = resource.attributes
    for step in path:
        found = found.get(str(step)) if isinstance(found, Mapping) else None
    if isinstance(found, str) and len(found) != 12:
        yield Problem(
            code="account-id",
            message=f"`{found}` has {len(found)} digits; an AWS account id has 12",
            address=resource.address,
            path=path,
            help="compare with `aws sts get-caller-identity`; leading zeros count",
            severity=Severity.WARNING,
        )


DESTINATION = Kind(
    name="Destination",
    summary="Cloud storage that receives a batch export: an S3 bucket owned by Didomi, or a bucket at Google Cloud",
    spec=Annotated[S3Destination | GcpDestination, Field(discriminator="type_id")],
    identity=Identity.MARK,
    natural_key=(("name",),),
    settle_seconds=60.0,
    replacement_cost="the new destination has a new bucket and role (S3); readers must be told",
    check=_check,
    example="""\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata:
  name: consent-lake
spec:
  typeId: aws-s3-didomi
  name: Consent lake
  description: Daily consents for the data lake
  config:
    accountId: "210987654321"
""",
)
