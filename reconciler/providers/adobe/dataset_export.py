"""`DatasetExport`: account, source, target and dataflow in one short manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from reconciler.providers.adobe.base_connection import (
    ConnectionString,
    Encryption,
    InteroperabilityKey,
    S3Auth,
    ServicePrincipal,
    SftpAuth,
)
from reconciler.providers.adobe.destinations import DESTINATIONS
from reconciler.providers.adobe.schedule import FolderTemplate, Schedule
from reconciler.providers.adobe.settings import Text
from reconciler.providers.adobe.source_connection import DatasetList
from reconciler.providers.adobe.target_connection import (
    BlobLocation,
    FolderLocation,
    GoogleLocation,
    S3Location,
    SftpLocation,
)
from reconciler.sdk import Kind, NameOrId, RefersTo, Spec
from reconciler.values import Address, Lifecycle, OnRemoval, Problem, Ref, Resource, Value


class _Export(Spec):
    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    # In place of `auth`: an account that several exports share, by the name of its manifest.
    base_connection: Annotated[NameOrId, RefersTo("BaseConnection")] | None = None
    """In place of `auth`: an account that several exports share, by the name of its manifest."""
    datasets: DatasetList
    """What is exported. Another list makes the source anew; the dataflow keeps its id and its schedule."""
    schedule: Schedule
    """When."""
    folder_template: FolderTemplate | None = None
    """The folders below the path; `%DATASET_ID%/%EXPORT_TIME%` when left out."""
    enabled: bool = True
    """Whether it exports; true when left out."""


class S3Export(_Export, S3Location):
    """To Amazon S3."""

    destination: Literal["amazonS3"]
    """Files go to Amazon S3."""
    auth: S3Auth | None = None
    """The credentials that Adobe writes with; or name an account in `baseConnection`."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class BlobExport(_Export, BlobLocation):
    """To Azure Blob Storage."""

    destination: Literal["azureBlob"]
    """Files go to Azure Blob Storage."""
    auth: ConnectionString | None = None
    """The credentials that Adobe writes with; or name an account in `baseConnection`."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class AdlsExport(_Export, FolderLocation):
    """To Azure Data Lake Storage Gen2."""

    destination: Literal["adlsGen2"]
    """Files go to Azure Data Lake Storage Gen2."""
    auth: ServicePrincipal | None = None
    """The credentials that Adobe writes with; or name an account in `baseConnection`."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class LandingZoneExport(_Export, FolderLocation):
    """To Data Landing Zone, which needs no credentials."""

    destination: Literal["dataLandingZone"]
    """Files go to Data Landing Zone, Adobe's own storage."""


class GoogleExport(_Export, GoogleLocation):
    """To Google Cloud Storage."""

    destination: Literal["googleCloudStorage"]
    """Files go to Google Cloud Storage."""
    auth: InteroperabilityKey | None = None
    """The credentials that Adobe writes with; or name an account in `baseConnection`."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class SftpExport(_Export, SftpLocation):
    """To an SFTP server."""

    destination: Literal["sftp"]
    """Files go to an SFTP server."""
    auth: SftpAuth | None = None
    """The credentials that Adobe writes with; or name an account in `baseConnection`."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


def _parts(export: Resource) -> Iterable[Resource]:
    """Account (unless it is shared), source, target and dataflow, each of the composite's name."""
    wanted = export.attributes

    def part(kind: str, attributes: Mapping[str, Value]) -> Resource:
        shown = {key: wanted[key] for key in ("name", "description") if key in wanted}
        return Resource(
            address=Address(export.address.vendor, kind, export.address.name),
            attributes={**shown, **attributes},
            mark=export.mark,
            lifecycle=_lifecycle(export, kind),
            labels=export.labels,
            origin=export.address,
        )

    def chosen(*keys: str) -> dict[str, Value]:
        return {key: wanted[key] for key in keys if key in wanted}

    destination = DESTINATIONS.get(str(wanted.get("destination")))
    account: Value = wanted.get("baseConnection")
    if account is None:
        made = part("BaseConnection", chosen("destination", "auth", "encryption"))
        account = Ref(made.address)
        yield made
    source = part("SourceConnection", chosen("datasets"))
    location = destination.location if destination is not None else ()
    target = part(
        "TargetConnection",
        {"baseConnection": account, **chosen("destination", *location, "datasetFileType", "compression")},
    )
    yield source
    yield target
    yield part(
        "Dataflow",
        {
            "source": Ref(source.address),
            "target": Ref(target.address),
            **chosen("schedule", "folderTemplate", "enabled"),
        },
    )


def _lifecycle(export: Resource, kind: str) -> Lifecycle:
    """Only the dataflow can be disabled; the others stay as they are then."""
    if kind != "Dataflow" and export.lifecycle.on_removal is OnRemoval.DISABLE:
        return replace(export.lifecycle, on_removal=OnRemoval.REPORT)
    return export.lifecycle


def _check(export: Resource) -> Iterable[Problem]:
    """Credentials of its own or a shared account, not both and not neither."""
    wanted = export.attributes
    destination = DESTINATIONS.get(str(wanted.get("destination")))
    shared = "baseConnection" in wanted
    for key in ("auth", "encryption"):
        if shared and key in wanted:
            yield Problem(
                code="two-accounts",
                message=f"`{key}` belongs to an account of its own, and `baseConnection` names a shared one",
                address=export.address,
                path=(key,),
                help=f"remove `{key}`, or `baseConnection`",
            )
    if not shared and "auth" not in wanted and destination is not None and destination.authentications:
        names = ", ".join(f"`{each.name}`" for each in destination.authentications)
        yield Problem(
            code="no-account",
            message="the export has neither `auth` nor `baseConnection`",
            address=export.address,
            help=f"write `auth: {{specName: …}}` ({names}), or `baseConnection:` with the name of a manifest",
        )


DATASET_EXPORT = Kind(
    name="DatasetExport",
    summary="Account, source, target and dataflow of an export in one short manifest",
    spec=Annotated[
        S3Export | BlobExport | AdlsExport | LandingZoneExport | GoogleExport | SftpExport,
        Field(discriminator="destination"),
    ],
    expand=_parts,
    check=_check,
    delivers=True,
    example="""\
apiVersion: adobe.reconciler/v1
kind: DatasetExport
metadata:
  name: orders
spec:
  destination: amazonS3
  auth:
    specName: Access Key
    s3AccessKey: EXAMPLEKEY234567ABCD
    s3SecretKey: {env: RECONCILER_SECRET_S3}
  bucketName: example-exports
  path: aep/orders
  datasets: [{id: 64b0c1d2e3f4a5b6c7d8e9f0}]
  datasetFileType: PARQUET
  compression: GZIP
  schedule: {every: 6h, start: 2026-12-01T06:00:00Z, end: 2027-12-01T00:00:00Z}
""",
)
