"""
Vendors that deliver into object stores on this machine, and `verify` looking at both.

The stores check credentials, and hold what the emulators wrote as their clock went on. A test damages them by hand.
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bucket_servers import server
from world import World

from reconciler.emulator import Clock, Drop
from reconciler.emulator.bucket_drop import BucketDrop
from reconciler.emulator.objects import ObjectStore
from reconciler.operations.verify import verify
from reconciler.operations.verify_content import Depth
from reconciler.values import Address, Finding, Verdict, Verification

DAY = 86_400.0
MONTH = 30 * DAY


class GcsDrop:
    """Buckets of a fake-gcs-server; one that is missing is made."""

    def __init__(self) -> None:
        self._server = server("gs")
        self._known: set[str] = set()
        self.endpoint = self._server.endpoint

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one object whole."""
        if bucket not in self._known:
            self._known.add(bucket)
            self._server.make(bucket)
        name = urllib.parse.quote(key, safe="")
        self._ask("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", content)

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove everything below a prefix."""
        for key in self.keys(bucket, prefix):
            self._ask("DELETE", f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(key, safe='')}")

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The names of its objects."""
        query = urllib.parse.urlencode({"prefix": prefix, "maxResults": 10_000})
        found = json.loads(self._ask("GET", f"/storage/v1/b/{bucket}/o?{query}"))
        return [each["name"] for each in found.get("items", ())]

    def read(self, bucket: str, key: str) -> bytes:
        """An object, whole."""
        return self._ask("GET", f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(key, safe='')}?alt=media")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.endpoint}{path}", body, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            found: bytes = answer.read()
            return found


class Drops:
    """Each bucket at the store that its name belongs to: those of Didomi's own at S3, others at Google."""

    def __init__(self, s3: Drop, gcs: Drop, at_s3: str = "didomi-exports-") -> None:
        self._s3, self._gcs, self._at_s3 = s3, gcs, at_s3

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one object whole."""
        self._of(bucket).put(bucket, key, content)

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove everything below a prefix."""
        self._of(bucket).expire(bucket, prefix)

    def _of(self, bucket: str) -> Drop:
        return self._s3 if bucket.startswith(self._at_s3) else self._gcs


@dataclass
class VerifyStage:
    """A project whose vendors deliver into `s3` and `gcs`, with what the project file says to read there."""

    world: World
    s3: ObjectStore
    gcs: GcsDrop
    entries: list[Mapping[str, object]] = field(default_factory=list)
    """What the project file says under `deliveries`; at first how the stores of this stage are read."""

    def __post_init__(self) -> None:
        self.world.environ["STAGE_AWS_SECRET"] = self.s3.keys.secret
        self.entries = [
            {
                "match": "s3://*",
                "endpoint": self.s3.endpoint,
                "stsEndpoint": self.s3.endpoint,
                "role": self.s3.role_arn,
                "accessKeyId": self.s3.keys.key,
                "secretAccessKey": {"env": "STAGE_AWS_SECRET"},
            },
            {"match": "gs://*", "endpoint": self.gcs.endpoint},
        ]
        self.said()

    def said(self) -> None:
        """Let the project file say what `entries` are now."""
        self.world.settings["deliveries"] = self.entries
        self.world.write()

    @property
    def now(self) -> datetime:
        """The vendors' present moment."""
        return self.world.clock.now()

    def verify(
        self,
        *addresses: Address,
        since: timedelta = timedelta(days=7),
        depth: Depth | None = None,
        now: datetime | None = None,
    ) -> Verification:
        """What the command would find."""
        with self.world.workspace() as workspace:
            return verify(workspace, addresses, since=since, depth=depth, now=now)

    # --- what lies at S3 ---

    def keys(self, bucket: str, part: str = "") -> list[str]:
        """The names of objects that hold `part`."""
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [row["Key"] for page in pages for row in page.get("Contents", ()) if part in row["Key"]]

    def read(self, bucket: str, key: str) -> bytes:
        """An object, whole."""
        body: bytes = self.s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object anew."""
        self.s3.client().put_object(Bucket=bucket, Key=key, Body=body)

    def remove(self, bucket: str, part: str) -> None:
        """Delete every object whose name holds `part`."""
        for key in self.keys(bucket, part):
            self.s3.remove(bucket, key)


def clear(s3: ObjectStore, spared: Iterable[str] = ()) -> None:
    """Remove Didomi's buckets but those that are spared: their names begin anew with every world."""
    client = s3.client()
    for name in [row["Name"] for row in client.list_buckets()["Buckets"]]:
        if name in spared or not name.startswith("didomi-exports-"):
            continue
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            rows = [{"Key": row["Key"]} for row in page.get("Contents", ())]
            if rows:
                client.delete_objects(Bucket=name, Delete={"Objects": rows})
        client.delete_bucket(Bucket=name)


def at_eight(clock: Clock) -> None:
    """Let time pass until the next morning, so that no test ends on another day than it thinks."""
    morning = clock.now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
    clock.advance_to(morning)


@contextmanager
def didomi_stage(world: World, s3: ObjectStore, gcs: GcsDrop) -> Iterator[VerifyStage]:
    """A stage whose Didomi delivers into both stores."""
    deliveries: Any = getattr(world.vendors["didomi"].emulator, "deliveries")  # noqa: B009 - what only Didomi's has
    before, deliveries.drop = deliveries.drop, Drops(BucketDrop(s3.endpoint, s3.administrator), gcs)
    try:
        yield VerifyStage(world, s3, gcs)
    finally:
        deliveries.drop = before


def by_name(found: Verification, address: Address | None = None) -> dict[str, Finding]:
    """The findings of one address, or of all, by the names of their deliveries."""
    return {
        each.expectation.name: each for each in found.findings if address is None or each.expectation.address == address
    }


def verdicts(findings: Iterable[Finding]) -> dict[str, Verdict]:
    """What became of each."""
    return {each.expectation.name: each.verdict for each in findings}
