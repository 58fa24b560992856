"""Where the six destinations lie, as far as Adobe gives it back, and how a Data Landing Zone is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from reconciler.deliveries import (
    Access,
    AzureAccess,
    AzureLocation,
    GcsLocation,
    Location,
    NotALocation,
    S3Access,
    S3Location,
    SftpAccess,
    SftpLocation,
    parse_location,
)
from reconciler.providers.adobe.client import LANDING_ZONE, Client, Row
from reconciler.providers.adobe.destinations import BY_SPEC, is_mask
from reconciler.providers.adobe.mapping import within
from reconciler.sdk import VendorError

_ZONE = [("type", "dlz_destination")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lies:
    """The folder of a target: its address, and how it is read where Adobe says so; `why` there is none."""

    url: str | None = None
    access: Access | None = None
    why: str | None = None
    zone: bool = False


class Places:
    """The folders of targets. What opens the landing zone is asked for once, and kept from every message."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._zone: Row | None = None

    def of(self, target: Row, account: Row | None) -> Lies:
        """The folder below which a target's files lie."""
        destination = BY_SPEC.get(str(within(target, "connectionSpec", "id")))
        params = target.get("params")
        path = within(params, "path") or within(params, "remotePath") or ""
        if destination is None or not isinstance(path, str):
            return Lies(why="where the target leads to: it is none of the six destinations of dataset exports")
        try:
            match destination.name:
                case "amazonS3":
                    return _lies(S3Location(bucket=str(within(params, "bucketName")), prefix=_below(path)))
                case "googleCloudStorage":
                    return _lies(GcsLocation(bucket=str(within(params, "bucketName")), prefix=_below(path)))
                case "azureBlob":
                    return self._blob(str(within(params, "container")), path)
                case "adlsGen2":
                    return _lake(account, path)
                case "sftp":
                    return _server(account, path)
                case _:
                    return self._landing(path)
        except NotALocation as error:
            return Lies(why=f"where the target leads to: {error}")

    def _blob(self, container: str, path: str) -> Lies:
        """The storage account stands in the connection string alone, which is a secret and is not given back."""
        account = self._client.settings.storage_accounts.get(container)
        if account is None:
            return Lies(
                why=f"the storage account of the container `{container}`, which Adobe does not give back:"
                " `storageAccounts` in the project file can name it"
            )
        return _lies(AzureLocation(account=account, container=container, prefix=_below(path)))

    def _landing(self, path: str) -> Lies:
        """
        The zone of the sandbox: a container at Azure, or a folder of a bucket for organizations at AWS (documented).

        That files lie below that folder, as they do below the container, is inferred.
        """
        try:
            zone = self._read_zone()
        except VendorError as error:
            return Lies(zone=True, why=f"where the Data Landing Zone lies: {error.message}")
        if within(zone, "dlzPath") is not None:
            folder = str(within(zone, "dlzPath", "dlzFolder") or "").strip("/")
            prefix = _below(f"{folder}/{path}")
            bucket = S3Location(bucket=str(within(zone, "dlzPath", "bucketName")), prefix=prefix)
            keys = S3Access(
                access_key_id=_text(zone, "credentials", "awsAccessKeyId"),
                secret_access_key=_text(zone, "credentials", "awsSecretAccessKey"),
                session_token=_text(zone, "credentials", "awsSessionToken"),
            )
            return Lies(url=str(bucket), access=keys, zone=True)
        name, container = _text(zone, "storageAccountName"), _text(zone, "containerName")
        if name is None or container is None:
            return Lies(zone=True, why="where the Data Landing Zone lies: Adobe's answer names no container")
        host = urlsplit(_text(zone, "SASUri") or "").hostname or ""
        suffix = host.partition(".blob.")[2] or "core.windows.net"
        location = AzureLocation(account=name, container=container, prefix=_below(path), suffix=suffix)
        return Lies(url=str(location), access=AzureAccess(sas_token=_text(zone, "SASToken")), zone=True)

    def _read_zone(self) -> Row:
        if self._zone is None:
            request = f"GET {LANDING_ZONE}"
            zone = self._client.body(self._client.send("GET", LANDING_ZONE, query=_ZONE), request)
            for secret in (
                _text(zone, "SASToken"),
                _text(zone, "SASUri"),
                *(_text(zone, "credentials", each) for each in ("awsSecretAccessKey", "awsSessionToken")),
            ):
                if secret:
                    self._client.hide(secret)
            self._zone = zone
        return self._zone


def below(url: str, folders: str) -> str:
    """The address of folders below another; names in buckets are written as they are."""
    return f"{url.rstrip('/')}/{quote(folders) if url.startswith('sftp://') else folders}"


def _lies(location: Location) -> Lies:
    parse_location(str(location))  # which looks at names that Adobe gave back
    return Lies(url=str(location))


def _lake(account: Row | None, path: str) -> Lies:
    """`abfss://container@account.dfs.core.windows.net` (Azure Data Lake Storage Gen2; documented)."""
    url = within(account, "auth", "params", "url")
    if not isinstance(url, str) or is_mask(url):
        return Lies(why="which container the account leads to: Adobe does not give back its `url`")
    container = parse_location(url)
    if not isinstance(container, AzureLocation):
        return Lies(why="which container the account leads to: its `url` is none of a data lake")
    prefix = _below(f"{container.prefix}/{path}")
    return _lies(
        AzureLocation(account=container.account, container=container.container, prefix=prefix, suffix=container.suffix)
    )


def _server(account: Row | None, path: str) -> Lies:
    """A path without a slash in front is taken to begin at the home of whoever signs in (assumed)."""
    domain, user = (within(account, "auth", "params", each) for each in ("domain", "username"))
    if not isinstance(domain, str) or is_mask(domain):
        return Lies(why="which server the account leads to: Adobe does not give back its `domain`")
    found = re.fullmatch(r"(.+?)(?::([0-9]{1,5}))?", domain)
    assert found is not None, "any text that is not empty fits"
    folder = ("/" if path.startswith("/") else "") + _below(path).strip("/")
    location = SftpLocation(host=found[1], port=int(found[2] or 22), path=folder or ".")
    access = SftpAccess(user=user) if isinstance(user, str) and not is_mask(user) else None
    return Lies(url=_lies(location).url, access=access)


def _below(path: str) -> str:
    """A folder as keys begin with it: none of its parts empty."""
    inner = "/".join(part for part in path.split("/") if part)
    return f"{inner}/" if inner else ""


def _text(json: object, *keys: str) -> str | None:
    found = within(json, *keys)
    return found if isinstance(found, str) and found else None
