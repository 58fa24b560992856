"""Domo as the rest of the product sees it."""

from __future__ import annotations

from reconciler.providers.domo.client import SAFE
from reconciler.providers.domo.known import Known
from reconciler.providers.domo.manifest import DatasetExport, check, shared_datasets
from reconciler.providers.domo.session import DomoSession
from reconciler.providers.domo.settings import DELIVERY_OPTIONS, Settings
from reconciler.sdk import Connection, Kind, Provider, Session
from reconciler.values import Identity, OnRemoval

DATASET_EXPORT = Kind(
    name="DatasetExport",
    summary="A dataset, or a query of it, in an S3 bucket for as long as its data stays the same",
    spec=DatasetExport,
    identity=Identity.DIFFERENCE,
    natural_key=(("dataset", "id"), ("destination", "bucket"), ("destination", "path")),
    name_field=None,
    updates=False,
    deletes=False,
    job=True,
    on_removal=OnRemoval.FORGET,
    settle_seconds=30.0,
    delivers=True,
    delivery_options=DELIVERY_OPTIONS,
    check=check,
    together=shared_datasets,
    example="""\
apiVersion: domo.reconciler/v1
kind: DatasetExport
metadata:
  name: orders-west
spec:
  dataset:
    id: c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10
    expectName: orders_daily
  destination:
    bucket: example-lake-eu
    path: domo/orders/west
    region: eu-west-3
  credentials:
    assumeRole: {roleArn: "arn:aws:iam::111122223333:role/domo-export"}
  query:
    columns: [order_id, amount, ordered_on]
    filter: {all: [{column: region, eq: North}]}
""",
)


class Domo(Provider):
    """Exports of datasets to S3."""

    name = "domo"
    title = "Domo"
    settings = Settings
    kinds = (DATASET_EXPORT,)
    safe = SAFE
    # At most four at once, as long as nobody documents a limit (recommended).
    at_once = 4

    def connect(self, connection: Connection) -> Session:
        """A session with one instance; sends nothing yet."""
        return DomoSession(connection, Known())
