"""Where files are delivered, as values read from URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
# "Naming rules" of Azure storage accounts and containers (Microsoft's documentation; certain).
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}\Z")
_CONTAINER = re.compile(r"(?:\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62})\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])\Z")
_SUFFIX = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AZURE = "core.windows.net"
_FORMS = (
    "`s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`, "
    "`abfss://container@account.dfs.core.windows.net/prefix`, `sftp://host/path` or `file:///folder`"
)


class NotALocation(ValueError):
    """The text names no place; the message never repeats it, because what makes it wrong may be a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFolder:
    """A folder of this machine, or one mounted on it."""

    path: Path

    def __str__(self) -> str:
        return f"file://{quote(self.path.as_posix())}"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Location:
    """A prefix in a bucket; empty, or ending with a slash."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsLocation:
    """A prefix in a bucket of Google Cloud Storage; empty, or ending with a slash."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureLocation:
    """
    A prefix in a container of a storage account, Blob or Data Lake Gen2: both are read through the Blob endpoint.

    `suffix` is what follows the account in the names of its hosts: clouds apart from the public one have their own.
    """

    account: str
    container: str
    prefix: str = ""
    suffix: str = _AZURE

    def __str__(self) -> str:
        if self.suffix == _AZURE:
            return f"az://{self.account}/{self.container}/{self.prefix}"
        return f"abfss://{self.container}@{self.account}.dfs.{self.suffix}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpLocation:
    """A folder on an SFTP server: from its root, or from the home of whoever signs in when it begins with no slash."""

    host: str
    path: str
    port: int = 22

    def __str__(self) -> str:
        port = "" if self.port == 22 else f":{self.port}"
        home = "" if self.path.startswith("/") else "/~/"
        return f"sftp://{self.host}{port}{home}{quote(self.path)}"


Location = LocalFolder | S3Location | GcsLocation | AzureLocation | SftpLocation


def parse_location(url: str, root: Path | None = None) -> Location:
    """
    The place that a URL names; raises `NotALocation`.

    A prefix is a folder: `s3://bucket/orders` does not mean `orders-2/…`. Names in buckets are taken as they are
    written, paths of `file` and `sftp` are percent-decoded. `file://exports` is a folder of `root`, where one is given;
    `sftp://host/~/exports` a folder of the home. Who signs in is never part of a URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not rest or _CONTROL.search(url):
        raise NotALocation(f"this is no address of a place with files; write {_FORMS}")
    match scheme:
        case "file":
            return _folder(unquote(rest), root)
        case "s3":
            return S3Location(bucket=_bucket(rest), prefix=_prefix(rest.partition("/")[2]))
        case "gs":
            return GcsLocation(bucket=_bucket(rest), prefix=_prefix(rest.partition("/")[2]))
        case "az":
            account, _, inner = rest.partition("/")
            container, _, prefix = inner.partition("/")
            return _azure(account, container, prefix, _AZURE)
        case "abfs" | "abfss":
            host, _, prefix = rest.partition("/")
            container, _, host = host.partition("@")
            account, _, suffix = host.partition(".dfs.")
            return _azure(account, container, prefix, suffix)
        case "sftp":
            return _sftp(rest)
        case _:
            raise NotALocation(f"no files are read from a place of this kind; write {_FORMS}")


def _prefix(text: str) -> str:
    return text if not text or text.endswith("/") else f"{text}/"


def _bucket(rest: str) -> str:
    bucket = rest.partition("/")[0]
    if not _BUCKET.match(bucket):
        raise NotALocation("the first part of the address is no name of a bucket; write `scheme://bucket/prefix`")
    return bucket


def _folder(text: str, root: Path | None) -> LocalFolder:
    if _CONTROL.search(text):
        raise NotALocation("a folder's name has no control characters")
    if not text.startswith("/"):
        if root is None:
            raise NotALocation("a folder's address begins with three slashes: `file:///folder`")
        return LocalFolder(path=root / text)
    return LocalFolder(path=Path(text))


def _azure(account: str, container: str, prefix: str, suffix: str) -> AzureLocation:
    if not (_ACCOUNT.match(account) and _CONTAINER.match(container) and _SUFFIX.match(suffix)):
        raise NotALocation(
            "the address names no account and container; write `az://account/container/prefix` "
            "or `abfss://container@account.dfs.core.windows.net/prefix`"
        )
    return AzureLocation(account=account, container=container, prefix=_prefix(prefix), suffix=suffix)


def _sftp(rest: str) -> SftpLocation:
    server, _, path = rest.partition("/")
    if "@" in server:
        raise NotALocation("who signs in is not part of the address; write `sftp://host/path`")
    host, port = server, ""
    if not server.endswith("]"):
        host, _, port = server.rpartition(":") if ":" in server else (server, "", "")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 22 if not port else 0
    if not _HOST.match(host) or not 0 < number < 65536:
        raise NotALocation("the address names no server; write `sftp://host/path` or `sftp://host:port/path`")
    path = unquote(path)
    if _CONTROL.search(path):
        raise NotALocation("a folder's name has no control characters")
    if path == "~" or path.startswith("~/"):
        home = PurePosixPath(path[2:]).as_posix()
        if home.startswith("/"):
            raise NotALocation("a folder of the home is written `sftp://host/~/folder`")
        return SftpLocation(host=host, port=number, path=home)
    return SftpLocation(host=host, port=number, path=PurePosixPath("/" + path.lstrip("/")).as_posix())
