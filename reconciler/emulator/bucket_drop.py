"""A drop into an object store that speaks S3."""

from typing import Any

from reconciler.emulator.uploads import Access, client


class BucketDrop:
    """
    Buckets of the object store at `endpoint`; a bucket that is missing is made.

    `access` holds the keys of the store itself, not of whoever asked for an export: for vendors that are trusted
    with everything, or whose credentials mean nothing here. boto3 is loaded with the first file.
    """

    def __init__(self, endpoint: str, access: Access, *, region: str = "us-east-1") -> None:
        self._endpoint = endpoint
        self._access = access
        self._region = region
        self._made: Any = None
        self._known: set[str] = set()

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one object whole."""
        store = self._client()
        if bucket not in self._known:
            if bucket not in {one["Name"] for one in store.list_buckets()["Buckets"]}:
                store.create_bucket(Bucket=bucket)
            self._known.add(bucket)
        store.put_object(Bucket=bucket, Key=key, Body=content)

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove everything below a prefix, or the one object it names."""
        store = self._client()
        below = prefix.rstrip("/") + "/"
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                if found["Key"] == prefix or found["Key"].startswith(below):
                    store.delete_object(Bucket=bucket, Key=found["Key"])

    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        if self._made is None:
            self._made = client("s3", self._endpoint, self._access, self._region)
        return self._made
