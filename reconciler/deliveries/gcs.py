"""Objects in a bucket of Google Cloud Storage."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from typing import Any, Self

from reconciler.deliveries.access import GcsAccess
from reconciler.deliveries.locations import GcsLocation
from reconciler.deliveries.source import (
    Changed,
    Delivered,
    NotAllowed,
    NotThere,
    PlaceMissing,
    Posture,
    SourceError,
    Unreachable,
)

_TIMEOUTS = (5.0, 30.0)
"""Seconds until there is a connection, and between two pieces of an answer."""

_PATIENCE = 60.0
"""Seconds within which the library repeats what failed on the way, 5xx and 429."""

_PIECE = 4 * 1024 * 1024
_FIELDS = "name,size,updated,generation,contentType,contentEncoding,storageClass,kmsKeyName,metadata"
_EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})

# Status codes of the JSON API ("HTTP status and error codes for JSON", read 2026-11).
_REFUSED: Mapping[int, tuple[type[SourceError], str, str]] = {
    400: (SourceError, "the server refuses the request", "check the bucket's name and who pays for requests"),
    401: (NotAllowed, "the credentials are not accepted or have expired", "sign in again"),
    403: (NotAllowed, "access is denied", "allow storage.objects.list and storage.objects.get"),
    429: (Unreachable, "the server asks to slow down, to the last", "run again later"),
}


class GcsSource:
    """See `Source`. What is read is pinned to the generation that was found first."""

    def __init__(self, location: GcsLocation, access: GcsAccess) -> None:
        self._location = location
        self._access = access
        self._made: Any = None  # the library has no types
        self._making = threading.Lock()

    def where(self, key: str = "") -> str:
        """The object's address."""
        return f"{self._location}{key}"

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """See `Source.list`; the API lists in that order."""
        with self._explained("", place=True):
            found = self._bucket().list_blobs(
                prefix=self._location.prefix + prefix,
                fields=f"items({_FIELDS}),nextPageToken",
                timeout=_TIMEOUTS,
                retry=_patiently(),
            )
            pages = iter(found.pages)
        while True:
            with self._explained("", place=True):
                page = next(pages, None)
                blobs = [] if page is None else list(page)
            if page is None:
                return
            yield from (self._described(each) for each in blobs if not each.name.endswith("/"))

    def head(self, key: str) -> Delivered:
        """See `Source.head`."""
        return self._described(self._found(key))

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """See `Source.stream`; piece by piece, each repeated by the library where it breaks."""
        blob = self._found(key)
        for position in range(start, blob.size, _PIECE):
            yield self._piece(key, blob, position, min(position + _PIECE, blob.size))

    def range(self, key: str, start: int, length: int) -> bytes:
        """See `Source.range`."""
        blob = self._found(key)
        end = min(start + length, blob.size)
        return self._piece(key, blob, start, end) if start < end else b""

    def posture(self) -> Posture:
        """See `Source.posture`; needs storage.buckets.get and storage.buckets.getIamPolicy."""
        unknown: MutableSequence[str] = []
        with self._explained("", place=True):
            bucket = self._bucket()
            try:
                bucket.reload(timeout=_TIMEOUTS, retry=_patiently())
                told = True
            except Exception as error:
                if getattr(error, "code", None) not in (401, 403):
                    raise
                told = False
                unknown.append("settings of the bucket: access is denied")
        blocked = bucket.iam_configuration.public_access_prevention == "enforced" if told else None
        key = bucket.default_kms_key_name if told else None
        return Posture(
            place=str(self._location),
            # An organization's policy that enforces it is not seen here; it would only add to this setting.
            public_blocked=blocked,
            public_policy=self._granted(bucket, unknown),
            listed_by_anyone=self._is_listed(unknown),
            # "Cloud Storage always encrypts your data on the server side" (Data encryption options; certain).
            encryption=("customer-managed" if key else "google-managed") if told else None,
            encryption_key=key,
            region=bucket.location.lower() if told and bucket.location else None,
            unknown=tuple(unknown),
        )

    def close(self) -> None:
        """See `Source.close`."""
        with self._making:
            if self._made is not None:
                self._made.client.close()
                self._made = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _granted(self, bucket: Any, unknown: MutableSequence[str]) -> bool | None:  # noqa: ANN401 - the library has no types
        try:
            with self._explained(""):
                policy = bucket.get_iam_policy(requested_policy_version=3, timeout=_TIMEOUTS, retry=_patiently())
        except SourceError as error:
            unknown.append(f"policy: {error.reason}")
            return None
        return any(_EVERYBODY & set(each.get("members", ())) for each in policy.bindings)

    def _is_listed(self, unknown: MutableSequence[str]) -> bool | None:
        with GcsSource(self._location, GcsAccess(anonymous=True, endpoint=self._access.endpoint)) as stranger:
            try:
                next(stranger.list(), None)
            except NotAllowed:
                return False
            except SourceError as error:
                unknown.append(f"request without credentials: {error.reason}")
                return None
            return True

    def _found(self, key: str) -> Any:  # noqa: ANN401 - the library has no types
        try:
            with self._explained(key):
                blob = self._bucket().blob(self._location.prefix + key)
                blob.reload(timeout=_TIMEOUTS, retry=_patiently())
        except NotThere:
            # Both are 404, and only the words of the answer differ; the list says which it is.
            next(self.list("\x7f"), None)
            raise
        return blob

    def _piece(self, key: str, blob: Any, start: int, end: int) -> bytes:  # noqa: ANN401 - as above
        """Bytes of the generation that was found, and of no other."""
        with self._explained(key):
            # A blob of its own, since the library moves a blob's generation with every answer.
            wanted = self._bucket().blob(blob.name, generation=blob.generation)
            try:
                # `raw_download`: what is stored, not what the server would unpack (decompressive transcoding).
                piece: bytes = wanted.download_as_bytes(
                    start=start,
                    end=end - 1,
                    raw_download=True,
                    if_generation_match=blob.generation,
                    timeout=_TIMEOUTS,
                    retry=_patiently(),
                    checksum=None,
                )
            except Exception as error:
                if getattr(error, "code", None) in (404, 412):
                    raise self._changed(key) from None
                raise
            if wanted.generation not in (None, blob.generation):  # from a server that does not look at what is asked
                raise self._changed(key)
        if len(piece) != end - start:
            raise Unreachable(self.where(key), "the server sent less than it promised", "run again")
        return piece

    def _changed(self, key: str) -> Changed:
        return Changed(self.where(key), "it was written anew while it was read", "run again")

    def _described(self, blob: Any) -> Delivered:  # noqa: ANN401 - as above
        told = {
            "content-type": blob.content_type,
            "content-encoding": blob.content_encoding,
            "storage-class": blob.storage_class,
            "encryption-key": blob.kms_key_name,
        }
        return Delivered(
            key=str(blob.name).removeprefix(self._location.prefix),
            size=int(blob.size),
            modified=blob.updated,
            etag=str(blob.generation),
            metadata={
                **{f"x-{name}": str(value) for name, value in (blob.metadata or {}).items()},
                **{name: value for name, value in told.items() if value},
            },
        )

    def _bucket(self) -> Any:  # noqa: ANN401 - as above
        with self._making:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> Any:  # noqa: ANN401 - as above
        # The library has no types. It takes half a second to load, which only its users should wait.
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.cloud import storage  # type: ignore[import-untyped]  # noqa: PLC0415
        from google.oauth2 import service_account  # noqa: PLC0415

        access = self._access
        plain = access.endpoint is not None and access.endpoint.startswith("http://")
        credentials: Any = None
        if access.anonymous or plain:
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library is half typed
        elif access.service_account is not None:
            try:
                credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # as above
                    json.loads(access.service_account),
                    scopes=["https://www.googleapis.com/auth/devstorage.read_only"],
                )
            except (ValueError, TypeError, AttributeError):
                reason = "the service account's key is no JSON of such a key"
                raise NotAllowed(self.where(), reason, "give the text of the key file") from None
        client = storage.Client(
            project="none",  # only the making of buckets needs one
            credentials=credentials,
            client_options={"api_endpoint": access.endpoint} if access.endpoint else None,
        )
        return client.bucket(self._location.bucket, user_project=access.user_project)

    @contextmanager
    def _explained(self, key: str, *, place: bool = False) -> Iterator[None]:
        from google.api_core import exceptions as refused  # noqa: PLC0415 - loads the cloud's library
        from google.auth import exceptions as unknown  # noqa: PLC0415

        where = self.where(key)
        network = "check the network and the endpoint"
        try:
            yield
        except refused.NotFound:
            if place:
                raise PlaceMissing(self.where(), "there is no such bucket", "check its name") from None
            raise NotThere(where, "there is no such object", "check the name") from None
        except refused.RetryError:
            raise Unreachable(where, "the server cannot be reached", network) from None
        except refused.GoogleAPICallError as error:
            status = int(error.code or 0)
            kind, reason, help = _REFUSED.get(
                status,
                (Unreachable, f"the server failed ({status}), to the last", "run again later")
                if status >= 500
                else (SourceError, f"the server answered {status}", "see the reference of its API"),
            )
            raise kind(where, reason, help) from None
        except unknown.TransportError:
            raise Unreachable(where, "the server cannot be reached", network) from None
        except unknown.GoogleAuthError:
            help = "sign in (`gcloud auth application-default login`) or give a service account"
            raise NotAllowed(where, "there are no credentials, or they cannot be renewed", help) from None
        except OSError:  # which the exceptions of the library's own HTTP client are
            raise Unreachable(where, "the server cannot be reached", network) from None
        except (ValueError, TypeError) as error:
            name = type(error).__name__
            raise SourceError(where, f"the cloud's library refuses it ({name})", "check the place's settings") from None


def _patiently() -> Any:  # noqa: ANN401 - as above
    from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]  # noqa: PLC0415

    return DEFAULT_RETRY.with_timeout(_PATIENCE)
