"""Objects in an S3 bucket, at AWS or at any server that speaks its language."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from reconciler.deliveries.access import S3Access
from reconciler.deliveries.locations import S3Location
from reconciler.deliveries.resuming import Broken, Opened, resumed
from reconciler.deliveries.s3_errors import explained
from reconciler.deliveries.s3_posture import posture_of
from reconciler.deliveries.source import Changed, Delivered, NotAllowed, NotThere, Posture, Unreachable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE = 1024 * 1024
_METADATA = {
    "ContentType": "content-type",
    "ContentEncoding": "content-encoding",
    "ServerSideEncryption": "encryption",
    "SSEKMSKeyId": "encryption-key",
    "StorageClass": "storage-class",
    "Expiration": "expiration",
    "VersionId": "version",
}


class S3Source:
    """See `Source`. Requester pays, an assumed role and another server's endpoint are said in the access."""

    def __init__(self, location: S3Location, access: S3Access) -> None:
        self._location = location
        self._access = access
        self._made: S3Client | None = None
        self._making = threading.Lock()

    def where(self, key: str = "") -> str:
        """The object's address."""
        return f"{self._location}{key}"

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """See `Source.list`; S3 lists in that order."""
        start = self._location.prefix + prefix
        token: dict[str, Any] = {}
        while True:
            with self._explained(prefix):
                page = self._client().list_objects_v2(
                    Bucket=self._location.bucket, Prefix=start, **self._paying(), **token
                )
            for each in page.get("Contents", ()):
                name = each["Key"]
                if name.endswith("/"):
                    continue  # a folder of the console
                yield Delivered(
                    key=name.removeprefix(self._location.prefix),
                    size=each["Size"],
                    modified=each["LastModified"],
                    etag=each.get("ETag"),
                    metadata={"storage-class": each["StorageClass"]} if "StorageClass" in each else {},
                )
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def head(self, key: str) -> Delivered:
        """See `Source.head`."""
        try:
            with self._explained(key):
                found = self._client().head_object(**self._named(key))
        except NotThere:
            # The answer to HEAD has no body, so a missing bucket looks like a missing object (API, HeadObject).
            # A list says which, and unlike HEAD of a bucket it is allowed where the requester pays.
            self._look()
            raise
        told = {name: str(found[field]) for field, name in _METADATA.items() if field in found}  # type: ignore[literal-required]  # the answer is a mapping
        return Delivered(
            key=key,
            size=found["ContentLength"],
            modified=found["LastModified"],
            etag=found.get("ETag"),
            metadata={**{f"x-{name}": value for name, value in found.get("Metadata", {}).items()}, **told},
        )

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """See `Source.stream`."""
        return resumed(lambda position, etag: self._open(key, position, etag), self.where(key), start)

    def range(self, key: str, start: int, length: int) -> bytes:
        """See `Source.range`."""
        if length <= 0:
            return b""
        for _ in range(4):
            try:
                with self._explained(key):
                    answer = self._client().get_object(**self._named(key), Range=f"bytes={start}-{start + length - 1}")
                    return answer["Body"].read()
            except _PastEnd:
                return b""
            except Broken:
                continue
        raise Unreachable(self.where(key), "the connection breaks again and again", "check the network and run again")

    def posture(self) -> Posture:
        """See `Source.posture`; needs s3:GetBucketPublicAccessBlock, GetBucketPolicyStatus and GetBucketAcl."""
        with suppress(NotAllowed):  # who may not list may still be told the settings; what is not told is said
            self._look()
        stranger = S3Source(
            self._location,
            S3Access(anonymous=True, endpoint=self._access.endpoint, region=self._access.region),
        )
        with stranger:
            return posture_of(self._client, self._location, self._explained, stranger)

    def close(self) -> None:
        """See `Source.close`."""
        with self._making:
            if self._made is not None:
                self._made.close()
                self._made = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self) -> None:
        """Raises `PlaceMissing` for a missing bucket, and what else stands in the way of its list."""
        with self._explained(""):
            self._client().list_objects_v2(
                Bucket=self._location.bucket, Prefix=self._location.prefix, MaxKeys=1, **self._paying()
            )

    def _open(self, key: str, position: int, etag: str | None) -> Opened:
        wanted: dict[str, Any] = {}
        if position:
            wanted["Range"] = f"bytes={position}-"
        if etag is not None:
            wanted["IfMatch"] = etag
        try:
            with self._explained(key):
                answer = self._client().get_object(**self._named(key), **wanted)
        except _PastEnd:
            return etag, position, iter(())
        size = position + answer["ContentLength"]
        return answer.get("ETag"), size, self._pieces(key, answer["Body"])

    def _pieces(self, key: str, body: Any) -> Iterator[bytes]:  # noqa: ANN401 - the library types it as its own
        try:
            while True:
                with self._explained(key):
                    piece: bytes = body.read(_PIECE)
                if not piece:
                    return
                yield piece
        finally:
            body.close()

    def _named(self, key: str) -> Any:  # noqa: ANN401 - keyword arguments of several methods
        return {"Bucket": self._location.bucket, "Key": self._location.prefix + key, **self._paying()}

    def _paying(self) -> Any:  # noqa: ANN401 - as above
        return {"RequestPayer": "requester"} if self._access.requester_pays else {}

    def _client(self) -> S3Client:
        with self._making:  # making a client is not safe in two threads, using it is
            if self._made is None:
                from reconciler.deliveries.s3_session import s3_client  # noqa: PLC0415 - loads the cloud's library

                self._made = s3_client(self._access)
            return self._made

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        where = self.where(key)
        with explained(where, broken=Broken):
            try:
                yield
            except Exception as error:
                status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
                if status == 412:
                    raise Changed(where, "it was written anew while it was read", "run again") from None
                if status == 416:
                    raise _PastEnd from None
                raise


class _PastEnd(Exception):
    """A range that begins where the object has ended."""
