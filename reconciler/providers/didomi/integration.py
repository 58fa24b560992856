"""`Integration`: destination and export in one, as Didomi's current generation of the API has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.collection import Collection, described, last_change, revision
from reconciler.providers.didomi.destination import AccountId, Text, check_account, computed
from reconciler.providers.didomi.mapping import Row, read, write
from reconciler.providers.didomi.settings import DELIVERY_OPTIONS
from reconciler.sdk import Immutable, Kind, Order, SecretReference, ServerDefault, Spec, Unordered
from reconciler.values import Identity, Observed, Problem, Resource, Secret, Severity

S3 = "batch-exports-s3"
GCP = "batch-exports-gcp"

_SCHEDULE = {"frequency": 1}


class Properties(Spec):
    """What is delivered, and how often."""

    # In days; only 1 works (Didomi, Configure a batch export; documented).
    frequency: Annotated[Literal[1], ServerDefault(1)] = 1
    """In days; only 1 exists."""
    # `users` is documented; `proofs` follows the older generation and is not.
    data: Annotated[list[Literal["users", "proofs"]], Unordered(), Field(min_length=1)]
    """What is delivered. Only `users` is documented."""


class S3Authentication(Spec):
    """The AWS account that may read."""

    account_id: Annotated[AccountId, Immutable()]
    """The AWS account that may read the bucket; quote it."""


class GcpAuthentication(Spec):
    """A bucket of the customer. That all three belong here and not among the properties is an assumption."""

    project_id: Annotated[Text, Immutable()]
    """The project at Google Cloud."""
    bucket_name: Annotated[Text, Immutable()]
    """The bucket."""
    key: SecretReference
    """The service account's JSON as text, as a reference; never read back."""


class S3Integration(Spec):
    """AWS S3, owned by Didomi."""

    type_id: Annotated[Literal["batch-exports-s3"], Immutable()]
    """A bucket that Didomi owns and lets an AWS account read."""
    authentication: S3Authentication
    """Who may read."""
    properties: Properties
    """What is delivered."""


class GcpIntegration(Spec):
    """Google Cloud Storage."""

    type_id: Annotated[Literal["batch-exports-gcp"], Immutable()]
    """A bucket of yours at Google Cloud."""
    authentication: GcpAuthentication
    """The bucket, and the key to it."""
    properties: Properties
    """What is delivered."""


class _Unknown(Spec):
    """What is read of a type that this version does not know, such as a webhook."""

    type_id: str


_MODELS: Mapping[object, type[BaseModel]] = {S3: S3Integration, GCP: GcpIntegration}


class Integrations(Collection):
    """
    `/marketplace/integrations` (Didomi, Configure a batch export, current edition): only POST is documented.

    Editions disagree about where the organization is named, so it is named in the query and in the body.
    """

    route = "/marketplace/integrations"
    complete = frozenset({"id", "type_id", "authentication", "properties"})
    fixed = frozenset({"type_id", "mappings"})
    query_of_organization = True

    def __init__(self, client: Client, gcp_fields_in: str = "authentication") -> None:
        super().__init__(client)
        self._gcp_fields_in = gcp_fields_in

    def list(self) -> list[Observed]:
        """Batch exports only: the marketplace also holds webhooks and analytics."""
        rows = self._client.rows(self.route)
        return [self.observed(row, str(row["id"])) for row in rows if row.get("type_id") in _MODELS]

    def observed(self, row: Row, id: str) -> Observed:
        """The integration; the bucket and the role that Didomi made are outputs."""
        attributes, _ = described(_MODELS.get(row.get("type_id"), _Unknown), row)
        properties = row.get("properties")
        outputs = computed(properties) if row.get("type_id") == S3 else {}
        if row.get("type_id") == GCP and isinstance(properties, Mapping):
            found = attributes.get("authentication")
            there = found if isinstance(found, Mapping) else {}
            attributes["authentication"] = {**read(GcpAuthentication, properties), **there}
        return Observed(
            id=id,
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            outputs={**outputs, "exportId": id},
        )

    def body(self, order: Order, reveal: Callable[[Secret], str]) -> dict[str, object]:
        """Type, credentials, content, and no mappings, as the tutorial sends them."""
        credentials, properties = order.attributes["authentication"], order.attributes["properties"]
        assert isinstance(credentials, Mapping), "the model says so"
        assert isinstance(properties, Mapping), "the model says so"
        properties = {**_SCHEDULE, **properties}
        if self._moves_credentials(order):
            credentials, properties = {}, {**properties, **credentials}
        return {
            "type_id": order.attributes["typeId"],
            "authentication": write(credentials, reveal),
            "properties": write(properties, reveal),
            "mappings": [],
        }

    def keys(self, order: Order) -> set[str]:
        """Where the credentials are among the properties, a change of them is one of the properties."""
        keys = super().keys(order)
        return (
            {"properties" if key == "authentication" else key for key in keys}
            if self._moves_credentials(order)
            else keys
        )

    def _moves_credentials(self, order: Order) -> bool:
        return order.attributes["typeId"] == GCP and self._gcp_fields_in == "properties"


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_account(resource, ("authentication", "accountId"))
    properties = resource.attributes.get("properties")
    content = properties.get("data") if isinstance(properties, Mapping) else None
    if isinstance(content, tuple) and "users" not in content:
        yield Problem(
            code="undocumented-content",
            message="Didomi documents `users` only; an export of `proofs` alone may deliver nothing",
            address=resource.address,
            path=("properties", "data"),
            help="add `users`, or ask Didomi's support",
            severity=Severity.WARNING,
        )


INTEGRATION = Kind(
    name="Integration",
    summary="A daily batch export with its destination, in the current generation of Didomi's API",
    spec=Annotated[S3Integration | GcpIntegration, Field(discriminator="type_id")],
    # There is no text field that could carry a mark.
    identity=Identity.DIFFERENCE,
    natural_key=(("typeId",), ("authentication", "accountId"), ("authentication", "bucketName")),
    name_field=None,
    settle_seconds=60.0,
    replacement_cost=(
        "the first delivery of the new integration comes 24 hours later, under another `export-id` in the paths of the"
        " files, and with a new bucket and role (S3)"
    ),
    delivers=True,
    delivery_options=DELIVERY_OPTIONS,
    check=_check,
    example="""\
apiVersion: didomi.reconciler/v1
kind: Integration
metadata:
  name: consent-lake
spec:
  typeId: batch-exports-s3
  authentication:
    accountId: "210987654321"
  properties:
    frequency: 1
    data: [users]
""",
)
