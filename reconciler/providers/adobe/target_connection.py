"""`TargetConnection`: where the files go and what they look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from reconciler.providers.adobe.base_connection import BaseConnections
from reconciler.providers.adobe.client import Client, Row
from reconciler.providers.adobe.collection import (
    SETTLE_SECONDS,
    Collection,
    Patch,
    check_description,
    last_change,
    rest,
    revision,
    settling,
)
from reconciler.providers.adobe.destinations import (
    BLOB_PATH,
    BY_SPEC,
    DESTINATIONS,
    S3_PATH,
    VERSION,
    wrong_with_container,
    wrong_with_google_bucket,
    wrong_with_s3_bucket,
)
from reconciler.providers.adobe.mapping import named, text_of, value, within
from reconciler.providers.adobe.settings import Text
from reconciler.sdk import Immutable, Kind, NameOrId, Order, RefersTo, Spec
from reconciler.values import MISSING, Document, Identity, Observed, Problem, Resource, Value

_FORMAT = ("datasetFileType", "compression")


def _storage(wrong: Callable[[str], str | None]) -> AfterValidator:
    def check(name: str) -> str:
        why = wrong(name)
        if why is not None:
            raise PydanticCustomError("storage-name", "{why}", {"why": why})
        return name

    return AfterValidator(check)


S3Bucket = Annotated[str, _storage(wrong_with_s3_bucket)]
Container = Annotated[str, _storage(wrong_with_container)]
GoogleBucket = Annotated[str, _storage(wrong_with_google_bucket)]


class Format(Spec):
    """What the files look like."""

    dataset_file_type: Literal["JSON", "PARQUET"]
    """What the files are: `PARQUET`, or `JSON`, which is compressed only."""
    compression: Literal["GZIP", "NONE"]
    """`GZIP`, or `NONE`."""


class S3Location(Format):
    """A folder in a bucket at Amazon S3."""

    bucket_name: S3Bucket
    """The bucket."""
    path: Annotated[str, Field(pattern=S3_PATH)]
    """The folder in the bucket."""


class BlobLocation(Format):
    """A folder in a container at Azure Blob Storage."""

    container: Container
    """The container."""
    path: Annotated[str, Field(pattern=BLOB_PATH)]
    """The folder in the container."""


class FolderLocation(Format):
    """A folder; the container is the account's."""

    path: Text
    """The folder."""


class GoogleLocation(Format):
    """A folder in a bucket at Google Cloud Storage."""

    bucket_name: GoogleBucket
    """The bucket."""
    path: Annotated[str, Field(pattern=S3_PATH)]
    """The folder in the bucket."""


class SftpLocation(Format):
    """A folder of an SFTP server."""

    remote_path: Text
    """The folder on the server."""


class _Target(Spec):
    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    # That it can be changed in place is not documented.
    base_connection: Annotated[NameOrId, RefersTo("BaseConnection"), Immutable()]
    """The account: the name of its manifest, or `{id: …}`."""


class S3Target(_Target, S3Location):
    """Amazon S3."""

    destination: Annotated[Literal["amazonS3"], Immutable()]
    """Files go to Amazon S3."""


class BlobTarget(_Target, BlobLocation):
    """Azure Blob Storage."""

    destination: Annotated[Literal["azureBlob"], Immutable()]
    """Files go to Azure Blob Storage."""


class AdlsTarget(_Target, FolderLocation):
    """Azure Data Lake Storage Gen2."""

    destination: Annotated[Literal["adlsGen2"], Immutable()]
    """Files go to Azure Data Lake Storage Gen2."""


class LandingZoneTarget(_Target, FolderLocation):
    """Data Landing Zone."""

    destination: Annotated[Literal["dataLandingZone"], Immutable()]
    """Files go to Data Landing Zone, Adobe's own storage."""


class GoogleTarget(_Target, GoogleLocation):
    """Google Cloud Storage."""

    destination: Annotated[Literal["googleCloudStorage"], Immutable()]
    """Files go to Google Cloud Storage."""


class SftpTarget(_Target, SftpLocation):
    """SFTP."""

    destination: Annotated[Literal["sftp"], Immutable()]
    """Files go to an SFTP server."""


class TargetConnections(Collection):
    """`/targetConnections` (Export datasets; Edit destinations; documented)."""

    path = "/targetConnections"
    properties = (f"connectionSpec.id=={','.join(BY_SPEC)}",)

    def __init__(self, client: Client, accounts: BaseConnections) -> None:
        super().__init__(client)
        self._accounts = accounts

    def belongs(self, row: Row) -> bool:
        """A target at one of the six."""
        return within(row, "connectionSpec", "id") in BY_SPEC

    def refuse(self, row: Row) -> str | None:
        """Audience exports go to the same six destinations, with files of another kind."""
        if within(row, "connectionSpec", "id") not in BY_SPEC:
            return "does not lead to one of the six destinations of dataset exports"
        if within(row, "params", "datasetFileType") is None:
            return "is no target of datasets: it has no `datasetFileType`"
        return None

    def observed(self, row: Row) -> Observed:
        """Where, and what: parameters that are not of dataset exports are ignored."""
        attributes, owner = named(row)
        base = row.get("baseConnectionId") or within(row, "inheritedAttributes", "baseConnection", "id")
        if isinstance(base, str):
            attributes["baseConnection"] = base
        destination = BY_SPEC.get(str(within(row, "connectionSpec", "id")))
        if destination is not None:
            attributes["destination"] = destination.name
            for key in (*destination.location, *_FORMAT):
                found = within(row, "params", key)
                if found is not None:
                    attributes[key] = value(found)
        return Observed(
            id=str(row["id"]),
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            settling=settling(row),
            hold=rest(row),
        )

    def prepare(self, order: Order) -> Document:
        """Nothing is made on an account whose credentials do not work."""
        self._accounts.check(text_of(order.attributes, "baseConnection"))
        return {}

    def body(self, order: Order) -> dict[str, object]:
        """Account, connection spec and the parameters of dataset exports; those of audience exports are not sent."""
        destination = DESTINATIONS[text_of(order.attributes, "destination")]
        return {
            "baseConnectionId": text_of(order.attributes, "baseConnection"),
            "connectionSpec": {"id": destination.spec, "version": VERSION},
            "params": params(order.attributes),
        }

    def patch(self, order: Order, keys: frozenset[str], row: Row) -> Patch:
        """
        The parameters whole, since a replacement is what is documented (Edit destinations).

        What others set there, such as a manifest of files switched on in the UI, is sent back with them.
        """
        wanted = params(order.attributes)
        if not keys & set(wanted):
            return []
        there = row.get("params")
        whole = {**(there if isinstance(there, Mapping) else {}), **wanted}
        return [{"op": "replace", "path": "/params", "value": whole}]


def params(attributes: Mapping[str, Value]) -> dict[str, object]:
    """The parameters as the API takes them; `mode` is a constant of every documented request."""
    destination = DESTINATIONS[text_of(attributes, "destination")]
    found = {key: attributes.get(key, MISSING) for key in (*destination.location, *_FORMAT)}
    return {"mode": "Server-to-server", **{key: each for key, each in found.items() if each is not MISSING}}


def check_format(resource: Resource) -> Iterable[Problem]:
    """
    JSON files are always compressed (Export datasets; documented).

    The API probably accepts it all the same: the tutorial's own samples contain it.
    """
    if (resource.attributes.get("datasetFileType"), resource.attributes.get("compression")) == ("JSON", "NONE"):
        yield Problem(
            code="uncompressed-json",
            message="JSON files are exported compressed only",
            address=resource.address,
            path=("compression",),
            help="write `compression: GZIP`, or `datasetFileType: PARQUET`",
        )


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_description(resource)
    yield from check_format(resource)


TARGET_CONNECTION = Kind(
    name="TargetConnection",
    summary="Where the files of an export go, and what they look like",
    spec=Annotated[
        S3Target | BlobTarget | AdlsTarget | LandingZoneTarget | GoogleTarget | SftpTarget,
        Field(discriminator="destination"),
    ],
    identity=Identity.MARK,
    natural_key=(("name",),),
    settle_seconds=SETTLE_SECONDS,
    replacement_cost="its dataflow is made anew with it, and begins with a full export",
    check=_check,
    example="""\
apiVersion: adobe.reconciler/v1
kind: TargetConnection
metadata:
  name: orders-lake
spec:
  destination: amazonS3
  name: Orders in the lake
  baseConnection: lake
  bucketName: example-exports
  path: aep/orders
  datasetFileType: PARQUET
  compression: GZIP
""",
)
