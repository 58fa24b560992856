"""From a URL to the store behind it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.stores.contract import Store, StoreError, StoreOptions

_NO_OPTIONS = StoreOptions()
_KINDS = "`file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._=@+-]+/)*\Z")


def open_store(url: str, root: Path, options: StoreOptions = _NO_OPTIONS) -> Store:
    """
    The store at `file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`.

    A relative folder is one of the project's, whose place is `root`. Touches nothing yet and loads no cloud's library:
    the first call does. Raises `StoreError` for any other URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not rest:
        raise StoreError(f"`{url}` is no address of a state; write `file://folder`, such as `file://.reconciler/state`")
    match scheme:
        case "file":
            # Imported late: the file lock it needs does not exist on every system.
            from reconciler.stores.local import LocalStore  # noqa: PLC0415

            return LocalStore(root / unquote(rest))
        case "s3":
            from reconciler.stores.s3 import S3Store  # noqa: PLC0415 - one file per cloud, loaded by who uses it

            return S3Store(*_bucket(url, rest), _checked(options))
        case "gs":
            from reconciler.stores.gcs import GcsStore  # noqa: PLC0415 - as above

            return GcsStore(*_bucket(url, rest), _checked(options))
        case _:
            raise StoreError(f"`{url}`: `{scheme}://` is no kind of store; use {_KINDS}")


def _bucket(url: str, rest: str) -> tuple[str, str]:
    """The bucket and the prefix of every name in it, which is empty or ends with a slash."""
    bucket, _, prefix = rest.partition("/")
    prefix = "".join(f"{part}/" for part in prefix.split("/") if part)
    if not _BUCKET.match(bucket):
        raise StoreError(f"`{url}`: `{bucket}` is no name of a bucket; write {_KINDS}")
    if not _PREFIX.match(prefix) or {".", ".."} & set(prefix.split("/")):
        raise StoreError(f"`{url}`: a prefix has letters, digits and `._=@+-` between its slashes, and nothing else")
    return bucket, prefix


def _checked(options: StoreOptions) -> StoreOptions:
    if options.endpoint is not None:
        try:
            parts = urlsplit(options.endpoint)
            whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
            more = parts.username is not None or parts.password is not None or parts.query or parts.fragment
        except ValueError:
            whole, more = False, True
        if not whole or more:
            # The endpoint is not repeated: what makes it wrong may be a password.
            raise StoreError("the state's endpoint must be `https://host` or `http://host:port`, without credentials")
    return options
