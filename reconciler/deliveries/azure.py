"""Blobs in a container of an Azure storage account, Data Lake Gen2 included."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from reconciler.deliveries.access import AzureAccess
from reconciler.deliveries.locations import AzureLocation
from reconciler.deliveries.resuming import Broken, Opened, resumed
from reconciler.deliveries.source import (
    Changed,
    Delivered,
    NotAllowed,
    NotThere,
    PlaceMissing,
    Posture,
    SourceError,
    Unreachable,
    library_missing,
)

_PIECE = 1024 * 1024
_STATUS = re.compile(r"status code: (\d{3})")
_ADDRESS = re.compile(r"(?:GET|HEAD|POST) \S+")
_METADATA = {"Content-Type": "content-type", "Content-Encoding": "content-encoding"}


class AzureSource:
    """
    See `Source`. Everything goes through the Blob endpoint, which serves accounts with hierarchical names too.

    Folders of such accounts are no objects. Names with empty parts (`a//b`) cannot be read.
    """

    def __init__(self, location: AzureLocation, access: AzureAccess) -> None:
        self._location = location
        self._access = access
        self._made: Any = None  # its methods are functions of the library that take any store
        self._making = threading.Lock()

    def where(self, key: str = "") -> str:
        """The object's address."""
        return f"{self._location}{key}"

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """See `Source.list`; the service lists in that order."""
        start = self._location.prefix + prefix
        folder = start.rpartition("/")[0]  # the library takes whole parts of names only
        with self._explained(prefix, place=True):
            pages = iter(_library(self.where()).list(self._store(), folder or None, chunk_size=1000))
        while True:
            with self._explained(prefix, place=True):
                page = next(pages, None)
            if page is None:
                return
            for each in page:
                if each["path"].startswith(start):
                    yield self._described(each, {})

    def head(self, key: str) -> Delivered:
        """See `Source.head`."""
        try:
            with self._explained(key):
                # The only call of the library that gives the attributes too; the body is not read.
                found = _library(self.where()).get(self._store(), self._location.prefix + key, options={"head": True})
                told = {
                    name: str(found.attributes[field]) for field, name in _METADATA.items() if field in found.attributes
                }
                return self._described(found.meta, told)
        except NotThere:
            # The answer to HEAD has no body, so a missing container looks like a missing blob.
            next(self.list("\x7f"), None)
            raise

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """See `Source.stream`."""
        return resumed(lambda position, etag: self._open(key, position, etag), self.where(key), start)

    def range(self, key: str, start: int, length: int) -> bytes:
        """See `Source.range`."""
        found = self.head(key)
        end = min(start + length, found.size)
        if start >= end:
            return b""
        with self._explained(key):
            name = self._location.prefix + key
            return bytes(_library(self.where()).get_range(self._store(), name, start=start, end=end))

    def posture(self) -> Posture:
        """Asks for the list without credentials; the rest is told only by the account's management API."""
        unknown = ["public access setting and region: only the account's management API tells"]
        listed: bool | None = None
        with AzureSource(self._location, AzureAccess(anonymous=True, endpoint=self._endpoint())) as stranger:
            try:
                next(stranger.list(), None)
                listed = True
            except (NotAllowed, PlaceMissing, NotThere):
                # A private container is answered with 404 to strangers ("Anonymous read access", certain).
                listed = False
            except SourceError as error:
                unknown.append(f"request without credentials: {error.reason}")
        next(self.list(), None)  # so that a container that does not exist is said to be missing
        return Posture(
            place=str(self._location),
            listed_by_anyone=listed,
            # "All data written to Azure Storage is encrypted" (Azure Storage encryption for data at rest; certain).
            encryption="AES256",
            unknown=tuple(unknown),
        )

    def close(self) -> None:
        """See `Source.close`."""
        self._made = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, key: str, position: int, etag: str | None) -> Opened:
        options: dict[str, Any] = {}
        if position:
            found = self.head(key)
            if position >= found.size:
                return found.etag, found.size, iter(())
            options["range"] = {"offset": position}
        if etag is not None:
            options["if_match"] = f'"{etag}"'
        with self._explained(key):
            answer = _library(self.where()).get(self._store(), self._location.prefix + key, options=options)
            meta = answer.meta
            pieces = iter(answer.stream(min_chunk_size=_PIECE))
        return _bare(meta["e_tag"]), meta["size"], self._pieces(key, pieces)

    def _pieces(self, key: str, pieces: Iterator[Any]) -> Iterator[bytes]:
        while True:
            try:
                with self._explained(key):
                    piece = next(pieces, None)
            except Unreachable:
                raise Broken from None
            if piece is None:
                return
            yield bytes(piece)

    def _described(self, meta: Any, told: Mapping[str, str]) -> Delivered:  # noqa: ANN401 - one of the library's dictionaries
        return Delivered(
            key=str(meta["path"]).removeprefix(self._location.prefix),
            size=meta["size"],
            modified=meta["last_modified"],
            etag=_bare(meta["e_tag"]),
            metadata=told,
        )

    def _endpoint(self) -> str | None:
        return self._access.endpoint or _parts(self._access.connection_string).get("BlobEndpoint")

    def _store(self) -> Any:  # noqa: ANN401 - see where it is kept
        with self._making:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> Any:  # noqa: ANN401 - as above
        try:
            from obstore.store import AzureStore  # noqa: PLC0415 - only who reads there pays
        except ImportError:
            raise library_missing(self.where(), "obstore") from None
        access, where = self._access, self._location
        parts = _parts(access.connection_string)
        endpoint = self._endpoint() or f"https://{where.account}.blob.{where.suffix}"
        config: dict[str, Any] = {
            "account_name": where.account,
            "endpoint": endpoint.rstrip("/"),
            "account_key": access.account_key or parts.get("AccountKey"),
            "sas_key": (access.sas_token or parts.get("SharedAccessSignature") or "").lstrip("?") or None,
            "tenant_id": access.tenant_id,
            "client_id": access.client_id,
            "client_secret": access.client_secret,
            "skip_signature": True if access.anonymous else None,
        }
        return AzureStore(
            where.container,
            config={name: value for name, value in config.items() if value is not None},  # type: ignore[arg-type]  # as it documents
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": "5s",
                "timeout": "300s",
            },
            retry_config={"max_retries": 3},
        )

    @contextmanager
    def _explained(self, key: str, *, place: bool = False) -> Iterator[None]:
        try:
            from obstore import exceptions as wrong  # noqa: PLC0415 - only who reads there pays
        except ImportError:
            raise library_missing(self.where(), "obstore") from None
        where = self.where("" if place else key)
        denied = "check the credentials, and allow reading and listing blobs"
        try:
            yield
        except (FileNotFoundError, wrong.NotFoundError) as error:
            if place or "ContainerNotFound" in str(error):
                raise PlaceMissing(self.where(), "there is no such container", "check the names") from None
            raise NotThere(where, "there is no such blob", "check the name") from None
        except (wrong.UnauthenticatedError, wrong.PermissionDeniedError):
            raise NotAllowed(where, "access is denied", denied) from None
        except wrong.PreconditionError:
            raise Changed(where, "it was written anew while it was read", "run again") from None
        except (wrong.BaseError, ValueError, OSError) as error:
            raise _other(where, str(error)) from None


def _other(where: str, said: str) -> SourceError:
    """The library has one class for the rest, and only words in its message tell cases apart (obstore 0.12)."""
    said = _ADDRESS.sub("", said)
    if "ContainerNotFound" in said:
        return PlaceMissing(where, "there is no such container", "check the names")
    status = _STATUS.search(said)
    code = int(status[1]) if status else 0
    if code in (401, 403) or "AuthenticationFailed" in said or "AuthorizationFailure" in said:
        return NotAllowed(where, "access is denied", "check the credentials, and allow reading and listing blobs")
    if "Invalid Access Key" in said:
        return NotAllowed(where, "the account's key is malformed", "give it as the portal shows it, in base64")
    if code >= 500 or code == 429 or "HTTP error" in said:
        return Unreachable(where, "the server cannot be reached, or failed to the last", "check network and endpoint")
    return SourceError(where, "the library refuses it", "check the settings of the place")


def _bare(etag: str | None) -> str | None:
    """Lists give it without quotes, objects with them."""
    return None if etag is None else etag.strip('"')


def _library(where: str) -> Any:  # noqa: ANN401 - a module
    try:
        import obstore  # noqa: PLC0415 - only who reads there pays
    except ImportError:
        raise library_missing(where, "obstore") from None
    return obstore


def _parts(connection_string: str | None) -> dict[str, str]:
    """`AccountName=…;AccountKey=…;BlobEndpoint=…`; values may hold `=` themselves."""
    pairs = (each.partition("=") for each in (connection_string or "").split(";") if "=" in each)
    return {name.strip(): value.strip() for name, _, value in pairs}
