"""Adobe and Domo delivering into the stores of the stage, and what a test says to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from verify_stage import GcsDrop, VerifyStage, clear
from world import Status, World

from reconciler.emulator import Clock, Drop
from reconciler.emulator.bucket_drop import BucketDrop
from reconciler.emulator.objects import ObjectStore
from reconciler.providers.adobe.emulator.vendor import Adobe
from reconciler.providers.domo.emulator import Emulator as Domo
from reconciler.values import Address

for suite in ("deliveries", "providers_domo"):
    if str(Path(__file__).parent.parent / suite) not in sys.path:
        sys.path.append(str(Path(__file__).parent.parent / suite))

HOUR = timedelta(hours=1)
FLOW = Address("adobe", "Dataflow", "orders")
BUCKET = "example-exports"
_ACCOUNTS: Mapping[str, Mapping[str, object]] = {
    "amazonS3": {
        "auth": {
            "specName": "Access Key",
            "s3AccessKey": "EXAMPLEKEY234567ABCD",
            "s3SecretKey": {"env": "RECONCILER_SECRET_S3"},
        },
        "bucketName": BUCKET,
        "path": "aep/orders",
    },
    "azureBlob": {
        "auth": {"specName": "ConnectionString", "connectionString": {"env": "RECONCILER_SECRET_BLOB"}},
        "container": "example-container",
        "path": "aep/orders",
    },
    "adlsGen2": {
        "auth": {
            "specName": "Azure Service Principal Auth",
            "url": "abfss://example-lake@example.dfs.core.windows.net",
            "tenant": "example-tenant",
            "servicePrincipalId": "example-principal",
            "servicePrincipalKey": {"env": "RECONCILER_SECRET_LAKE"},
        },
        "path": "aep/orders",
    },
    "dataLandingZone": {"path": "aep/orders"},
    "googleCloudStorage": {
        "auth": {
            "specName": "Google Cloud Storage authentication credentials",
            "accessKeyId": "GOOGEXAMPLE",
            "secretAccessKey": {"env": "RECONCILER_SECRET_GCS"},
        },
        "bucketName": "example_drop.data",
        "path": "aep/orders",
    },
    "sftp": {
        "auth": {
            "specName": "SFTP with Password",
            "domain": "sftp.example",
            "username": "reader",
            "password": {"env": "RECONCILER_SECRET_SFTP"},
        },
        "remotePath": "aep/orders",
    },
}
SECRETS = {
    "RECONCILER_SECRET_S3": "0123456789abcdefghijABCDEFGHIJ0123456789",
    "RECONCILER_SECRET_BLOB": "DefaultEndpointsProtocol=https;AccountName=example;AccountKey=bm90LXJlYWw=",
    "RECONCILER_SECRET_LAKE": "not-real-key",
    "RECONCILER_SECRET_GCS": "not-real-secret",
    "RECONCILER_SECRET_SFTP": "right",
}


class FolderAt:
    """The folder of a server that shows files; they are written at the vendors' time and not at the test's."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one file whole."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        now = self._clock.timestamp()
        os.utime(path, (now, now))

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove one file."""
        (self._root / prefix).unlink(missing_ok=True)


class AdobeStage(VerifyStage):
    """A project with one dataflow at Adobe, whose exports come by the same schedule however often it is changed."""

    first: datetime
    """When the first export is due."""

    @property
    def vendor(self) -> Adobe:
        """The stand-in."""
        return cast("Adobe", self.world.vendors["adobe"].emulator)

    def delivers_to(self, drop: Drop | None) -> None:
        """Let the files go there from now on."""
        self.vendor.runs.drop = drop

    def datasets(self) -> list[str]:
        """Datasets that can be exported."""
        rows = self.vendor.objects("datasets")
        return [str(each["id"]) for each in rows if each["eligible"] and each["sandboxName"] == "prod"]

    def export(
        self, destination: str = "amazonS3", *, every: str = "1d", delivery: object = None, **changes: object
    ) -> None:
        """Apply a manifest: from an hour on, in JSON, unless told otherwise."""
        if not hasattr(self, "first"):
            self.first = self.now.replace(minute=0, second=0, microsecond=0) + 2 * HOUR
            self.world.clock.advance_to(self.first - HOUR)
        spec: dict[str, object] = {
            "destination": destination,
            **_ACCOUNTS[destination],
            "datasets": [{"id": self.datasets()[0]}],
            "datasetFileType": "JSON",
            "compression": "GZIP",
            "schedule": {
                "every": every,
                "start": written(self.first),
                "end": written(self.first + timedelta(days=300)),
            },
            **changes,
        }
        manifest: dict[str, object] = {
            "apiVersion": "adobe.reconciler/v1",
            "kind": "DatasetExport",
            "metadata": {"name": "orders"},
            "spec": {key: each for key, each in spec.items() if each is not None},
        }
        if delivery is not None:
            manifest["delivery"] = delivery
        self.world.apply([manifest])

    def name(self, days: int = 0) -> str:
        """The name of the delivery of a day, counted from the first."""
        return f"{self.first + timedelta(days=days):%Y-%m-%dT%H:%MZ}"

    def folder(self, days: int = 0) -> str:
        """The folder of the files of a day."""
        return f"{self.first + timedelta(days=days):exportTime=%Y%m%d%H%M}"

    def with_manifests(self) -> None:
        """Somebody asks for manifests of files in Adobe's UI."""
        with self.vendor.world.lock:
            for row in self.vendor.objects("targetConnections"):
                self.vendor.targets.edit(row["id"], {"params": {**row["params"], "includeFileManifest": True}})

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the oldest first."""
        return sorted(self.vendor.objects("runs"), key=lambda row: int(row["createdAt"]))


def written(moment: datetime) -> str:
    """As manifests write a moment."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def adobe_stage(world: World, s3: ObjectStore, gcs: GcsDrop) -> Iterator[AdobeStage]:
    """A stage whose Adobe delivers to S3."""
    clear(s3)
    world.environ.update(SECRETS)
    stage = AdobeStage(world, s3, gcs)
    stage.delivers_to(BucketDrop(s3.endpoint, s3.administrator))
    try:
        yield stage
    finally:
        stage.delivers_to(None)
        for row in s3.client().list_buckets()["Buckets"]:
            s3.client().delete_bucket_policy(Bucket=row["Name"])
        clear(s3)


class DomoStage(VerifyStage):
    """A project with one export of the orders at Domo."""

    @property
    def vendor(self) -> Domo:
        """The stand-in."""
        return cast("Domo", self.world.vendors["domo"].emulator)

    def keys(self, bucket: str, part: str = "") -> list[str]:
        """The names of objects that hold `part`."""
        return [each for each in self.s3.objects(bucket) if part in each]

    def looks_at_buckets(self) -> None:
        """Let the project look at how buckets are guarded and kept, which takes a while."""
        words = cast("dict[str, object]", self.world.vendors["domo"].words["aws"])
        words["lookAtBuckets"] = True

    def switch(self, **positions: str) -> None:
        """Move switches of Domo's."""
        self.world.vendors["domo"].switch(**positions)

    def export(self, *, delivery: object = None, expect: Status | None = Status.DONE, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Apply a manifest of two columns of the orders."""
        from domo_scene import manifest  # noqa: PLC0415 - lies in another suite

        whole = manifest(**changes)
        if delivery is not None:
            whole["delivery"] = delivery
        self.world.apply([whole], expect=expect)

    @property
    def id(self) -> str:
        """The recorded export."""
        (record,) = self.world.state.records.values()
        assert record.id is not None
        return record.id

    def new_data(self) -> None:
        """One more order, long enough ago for the query engine to have seen it."""
        from domo_scene import NEW_ROWS, ORDERS  # noqa: PLC0415 - as above

        self.world.later()
        self.vendor.append_rows(ORDERS, NEW_ROWS)
        self.world.later()


@contextmanager
def domo_stage(world: World, s3: ObjectStore, gcs: GcsDrop) -> Iterator[DomoStage]:
    """A stage whose Domo delivers into a bucket of another region than the store's first."""
    s3.make_bucket("example-lake", "eu-west-3")
    stage = DomoStage(world, s3, gcs)
    stage.entries = []
    world.environ.update(
        {
            "RECONCILER_SECRET_AWS_KEY": s3.keys.key,
            "RECONCILER_SECRET_AWS_SECRET": s3.keys.secret,
            "EXAMPLE_AWS_KEY": s3.administrator.key,
            "EXAMPLE_AWS_SECRET": s3.administrator.secret,
        }
    )
    own = {"accessKeyId": {"env": "EXAMPLE_AWS_KEY"}, "secretAccessKey": {"env": "EXAMPLE_AWS_SECRET"}}
    world.vendors["domo"].words["aws"] = {
        "endpointUrl": s3.endpoint,
        "credentials": own,
        "lookAtBuckets": False,
    }
    stage.vendor.deliver_to(s3.endpoint)
    world.later()
    stage.said()
    try:
        yield stage
    finally:
        stage.vendor.deliver_to(None)
        for key in s3.objects("example-lake"):
            s3.remove("example-lake", key)
        s3.client(region="eu-west-3").delete_bucket(Bucket="example-lake")
