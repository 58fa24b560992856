"""A store in a bucket of Google Cloud Storage."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reconciler.stores.contract import (
    AlreadyThere,
    NotThere,
    StoreError,
    StoreOptions,
    checked_name,
    checked_prefix,
)

_TIMEOUTS = (5.0, 20.0)
"""Seconds until there is a connection, and between two pieces of an answer."""

_PATIENCE = 60.0
"""Seconds within which the library repeats what failed on the way, 5xx and 429."""

# Status codes of the JSON API ("HTTP status and error codes for JSON", read 2026-11).
_ADVICE = {
    400: "the server refuses the request; check the bucket's name and `kmsKey` in the project file",
    401: "the credentials are not accepted or have expired; sign in again (`gcloud auth application-default login`)",
    403: "access is denied; the state needs storage.objects.create, get, list and delete in the bucket "
    "(and the bucket's service agent the use of the key, when one is named)",
    404: "there is no such bucket; make it, or correct `state` in the project file",
    429: "the server asks to slow down and did so to the last; run again later",
}


class GcsStore:
    """
    Objects under one prefix of a bucket. Safe to share between threads; the client is made by the first call.

    Credentials and proxies are found by the cloud's library, in the places that it documents. A server at a plain
    `http://` endpoint or at STORAGE_EMULATOR_HOST is shown none.
    """

    def __init__(self, bucket: str, prefix: str, options: StoreOptions) -> None:
        self._name = bucket
        self._prefix = prefix
        self._options = options
        self._made: Any = None  # the library has no types
        self._making = threading.Lock()

    def where(self, name: str) -> str:
        """The object's address."""
        return f"gs://{self._name}/{self._prefix}{name}"

    def create(self, name: str, body: bytes) -> None:
        """See `Store.create`; a repeated sending of one's own may find what the first has made: `AlreadyThere`."""
        key = self._key(name)
        with self._explained("write", name):
            self._bucket().blob(key, kms_key_name=self._options.kms_key).upload_from_string(
                body,
                content_type="application/json",
                if_generation_match=0,
                timeout=_TIMEOUTS,
                retry=_patiently(),
            )

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        key = self._key(name)
        with self._explained("read", name):
            body: bytes = self._bucket().blob(key).download_as_bytes(timeout=_TIMEOUTS, retry=_patiently())
            return body

    def list(self, prefix: str) -> Sequence[str]:
        """See `Store.list`; every page. A name that ends with a slash is a folder of the console and no object."""
        start = self._prefix + checked_prefix(prefix)
        with self._explained("list", prefix):
            found = self._bucket().list_blobs(
                prefix=start, fields="items(name),nextPageToken", timeout=_TIMEOUTS, retry=_patiently()
            )
            keys = [str(each.name) for each in found]
        return sorted(key.removeprefix(self._prefix) for key in keys if not key.endswith("/"))

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        key = self._key(name)
        try:
            with self._explained("delete", name):
                self._bucket().blob(key).delete(timeout=_TIMEOUTS, retry=_patiently())
        except NotThere:
            return

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _bucket(self) -> Any:  # noqa: ANN401 - see where it is kept
        with self._making:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> Any:  # noqa: ANN401 - as above
        # The library has no types. It takes half a second to load, which only its users should wait.
        from google.cloud import storage  # type: ignore[import-untyped]  # noqa: PLC0415

        endpoint = self._options.endpoint
        client = storage.Client(
            project="none",  # only buckets have a project, and we make none
            client_options={"api_endpoint": endpoint} if endpoint else None,
            use_auth_w_custom_endpoint=not (endpoint and endpoint.startswith("http://")),
        )
        # Since 3.17 the client also asks for the metadata of the bucket, for traces, which who keeps a state need not
        # be permitted. It does without where there is no place for them.
        client._bucket_metadata_cache = None  # noqa: SLF001
        return client.bucket(self._name)

    @contextmanager
    def _explained(self, doing: str, name: str) -> Iterator[None]:
        # Every way this can fail is a sentence of our own: the library's hold what the server said, and addresses.
        from google.api_core import exceptions as refused  # noqa: PLC0415 - as above
        from google.auth import exceptions as unknown  # noqa: PLC0415

        where = self.where(name)

        def sentence(reason: str) -> str:
            return f"cannot {doing} `{where}`: {reason}"

        try:
            yield
        except refused.PreconditionFailed:
            raise AlreadyThere(where) from None
        except refused.NotFound as error:
            # "The specified bucket does not exist." against "No such object: …": both are 404 (seen 2026-11).
            if doing in ("read", "delete") and "bucket does not exist" not in str(error):
                raise NotThere(where) from None
            raise StoreError(sentence(_ADVICE[404])) from None
        except refused.RetryError:
            raise StoreError(sentence(_UNREACHED)) from None
        except refused.GoogleAPICallError as error:
            status = int(error.code or 0)
            failed = "the server failed, to the last; run again later"
            reason = _ADVICE.get(status, failed if status >= 500 else f"the server answered {status}")
            raise StoreError(sentence(reason)) from None
        except unknown.DefaultCredentialsError:
            reason = "no credentials were found; sign in (`gcloud auth application-default login`) or set "
            raise StoreError(sentence(f"{reason}GOOGLE_APPLICATION_CREDENTIALS")) from None
        except unknown.RefreshError:
            reason = "the credentials could not be renewed; sign in again, and check this machine's clock"
            raise StoreError(sentence(reason)) from None
        except (unknown.GoogleAuthError, OSError):  # what `requests` raises is an OSError
            raise StoreError(sentence(_UNREACHED)) from None


_UNREACHED = "the server cannot be reached or fell silent, to the last; check the network and `endpoint`, and run again"


def _patiently() -> Any:  # noqa: ANN401 - the library has no types
    """Repeats are safe for every call here: reading, deleting, and creating with a condition."""
    from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    return DEFAULT_RETRY.with_timeout(_PATIENCE)
