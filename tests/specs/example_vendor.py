"""A vendor that exists nowhere, with every shape of field that manifests can have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator

from reconciler.sdk import (
    Catalog,
    Connection,
    Kind,
    NameOrId,
    Provider,
    RefersTo,
    SecretReference,
    Session,
    Spec,
    VendorSettings,
)
from reconciler.values import Address, Identity, Problem, Ref, Resource, Value


class BucketLogin(Spec):
    """A bucket with a key."""

    type: Literal["bucket"]
    bucket: Annotated[str, Field(pattern="^[a-z0-9-]+$", description="lower-case letters, digits and hyphens")]
    secret_key: SecretReference


class ServerLogin(Spec):
    """A file server."""

    type: Literal["server"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    password: SecretReference | None = None


class LakeSpec(Spec):
    """Where files go."""

    name: str
    description: str | None = None
    login: Annotated[BucketLogin | ServerLogin, Field(discriminator="type")]
    parent: Annotated[NameOrId, RefersTo("Lake")] | None = None


class Schedule(Spec):
    """When an export runs."""

    every: Annotated[Literal["1h", "6h", "24h"], Field(description="how often")]
    start: str | None = None


class ExportSpec(Spec):
    """What goes where."""

    name: Annotated[str, Field(max_length=40)]
    target: Annotated[NameOrId, RefersTo("Lake")]
    datasets: Annotated[list[str], Field(min_length=1)]
    after: list[Annotated[NameOrId, RefersTo("Export")]] = Field(default=[])
    columns: dict[str, Literal["text", "number"]] = Field(default={})
    schedule: Schedule | None = None
    enabled: bool = True
    retries: int = 0
    ratio: float | None = None
    description: str | None = None

    @field_validator("datasets")
    @classmethod
    def _twice(cls, datasets: list[str]) -> list[str]:
        if len(set(datasets)) < len(datasets):
            raise ValueError("`datasets` names one dataset twice")
        return datasets


class PipelineSpec(Spec):
    """A lake and an export in one."""

    bucket: str
    secret_key: SecretReference
    datasets: list[str]


def _parts(pipeline: Resource) -> Iterable[Resource]:
    name = pipeline.address.name
    lake = Address("example", "Lake", name)
    spec = pipeline.attributes
    login: dict[str, Value] = {"type": "bucket", "bucket": spec["bucket"], "secretKey": spec["secretKey"]}
    yield Resource(address=lake, attributes={"name": name, "login": login}, lifecycle=pipeline.lifecycle)
    export: dict[str, Value] = {"name": name, "target": Ref(lake), "datasets": spec["datasets"]}
    yield Resource(address=Address("example", "Export", name), attributes=export, lifecycle=pipeline.lifecycle)


def _checked(export: Resource) -> Iterable[Problem]:
    if export.attributes.get("retries") == 13:
        message = "`retries` must not be thirteen"
        yield Problem(code="unlucky", message=message, address=export.address, path=("retries",))


LAKE_EXAMPLE = """\
apiVersion: example.reconciler/v1
kind: Lake
metadata:
  name: lake
spec:
  login: {type: bucket, bucket: example, secretKey: {env: RECONCILER_SECRET_LAKE}}
"""
EXPORT_EXAMPLE = """\
apiVersion: example.reconciler/v1
kind: Export
metadata:
  name: orders
  labels: {team: crm}
lifecycle: {onRemoval: disable}
spec:
  target: lake
  datasets: [orders]
"""
PIPELINE_EXAMPLE = """\
apiVersion: example.reconciler/v1
kind: Pipeline
metadata:
  name: orders
spec:
  bucket: example
  secretKey: {file: /run/secrets/lake}
  datasets: [orders]
"""


class Settings(VendorSettings):
    """How to reach the vendor."""

    base_url: str = "https://example.com"
    organization: str
    pages: int = 1


class Example(Provider):
    name = "example"
    title = "Example"
    settings = Settings
    kinds = (
        Kind(
            name="Lake",
            summary="Where files go",
            spec=LakeSpec,
            identity=Identity.DIFFERENCE,
            natural_key=(("name",),),
            example=LAKE_EXAMPLE,
        ),
        Kind(
            name="Export",
            summary="What goes where",
            spec=ExportSpec,
            disables=True,
            check=_checked,
            example=EXPORT_EXAMPLE,
        ),
        Kind(
            name="Pipeline",
            summary="A lake and an export in one",
            spec=PipelineSpec,
            name_field=None,
            expand=_parts,
            example=PIPELINE_EXAMPLE,
        ),
    )
    safe = ()

    def connect(self, connection: Connection) -> Session:
        raise AssertionError("nothing is connected to while manifests are read")


def catalog() -> Catalog:
    return Catalog(["example"], lambda _name: Example())
