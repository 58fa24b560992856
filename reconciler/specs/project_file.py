"""The models of `reconciler.yaml`, apart from what each vendor says of its own settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.specs.delivery_settings import DeliveryPlaceFile
from reconciler.specs.notify_settings import NotifyFile
from reconciler.specs.secret_settings import SecretsFile
from reconciler.values.address import is_name


def _label(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"`{text[:70]}` is no name: lower-case letters, digits and inner hyphens, at most 63")
    return text


class _Model(BaseModel):
    # Not strict: `${VAR}` gives text, also where a number is wanted.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


Scalar = str | bool | int | float


class LimitsFile(_Model):
    """`limits`."""

    max_deletes: Annotated[int, Field(ge=0, description="objects of one kind that one run may delete")] = 5
    max_delete_percent: Annotated[float, Field(ge=0, le=100, description="the same in percent of the recorded")] = 20.0
    accept_short: Annotated[
        list[str], Field(description="kinds, as `vendor/Kind`, whose lists may be much shorter than what is recorded")
    ] = []


_STATE_URL = r"^(file://.+|s3://[^/]+(/.*)?|gs://[^/]+(/.*)?)$"
_STATE_URLS = "write `file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"


class StateFile(_Model):
    """`state`, when there is more to say than where it lies."""

    url: Annotated[str, Field(pattern=_STATE_URL, description=_STATE_URLS)]
    endpoint: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/@?#\s]+/?$",
            description="another server that speaks S3 or Cloud Storage, such as `https://s3.example.com`",
        ),
    ] = None
    region: Annotated[str | None, Field(pattern=r"^[a-z0-9-]+$", description="the bucket's region, at S3")] = None
    encryption: Annotated[
        Literal["AES256", "aws:kms", "aws:kms:dsse"] | None,
        Field(description="how S3 encrypts what is stored; by default as the bucket says"),
    ] = None
    kms_key: Annotated[str | None, Field(min_length=1, description="the key to encrypt with, by its full name")] = None
    keep: Annotated[int, Field(ge=0, le=1000, description="earlier states that are kept beside the present one")] = 9
    lease_seconds: Annotated[
        float, Field(ge=1, le=3600, description="how long a holder of the lock may be silent, in a bucket")
    ] = 180.0


class OtherStateFile(_Model):
    """`projects.NAME.state`, when there is more to say than where it lies."""

    url: Annotated[str, Field(pattern=_STATE_URL, description=_STATE_URLS)]
    endpoint: Annotated[
        str | None,
        Field(pattern=r"^https?://[^/@?#\s]+/?$", description="another server that speaks S3 or Cloud Storage"),
    ] = None
    region: Annotated[str | None, Field(pattern=r"^[a-z0-9-]+$", description="the bucket's region, at S3")] = None


class OtherProjectFile(_Model):
    """`projects.NAME`."""

    state: Annotated[
        Annotated[str, Field(pattern=_STATE_URL)] | OtherStateFile,
        Field(description="where that project keeps its state"),
    ]
    project: Annotated[str | None, Field(min_length=1, description="that project's own name, by default `NAME`")] = None
    environment: Annotated[
        str | None, Field(min_length=1, description="its environment, by default the one of the same name as here")
    ] = None


class SigningKeyFile(_Model):
    """`ledger.signingKey`."""

    file: Annotated[
        str, Field(min_length=1, description="a private key of OpenSSH, or a public one that an agent signs for")
    ]


class LedgerFile(_Model):
    """`ledger`."""

    signing_key: Annotated[
        SigningKeyFile | None, Field(description="the key that signs the newest record of the ledger")
    ] = None


class PolicyLevelFile(_Model):
    """How much one rule counts in this project."""

    level: Annotated[Literal["off", "warning", "error"], Field(description="`off`, `warning` or `error`")]
    reason: Annotated[str, Field(min_length=1, description="why it counts differently here, for reviewers")]


class PoliciesFile(_Model):
    """`policies`."""

    paths: Annotated[list[str], Field(description="folders and files with rules")] = ["policies/"]
    levels: Annotated[dict[str, PolicyLevelFile], Field(description="rules that count differently here, by id")] = {}


class EnvironmentFile(_Model):
    """What may be said at the top of the file and again, instead of it, in an environment."""

    manifests: Annotated[list[str], Field(min_length=1, description="folders and files that hold manifests")] = [
        "specs/"
    ]
    state: Annotated[Annotated[str, Field(pattern=_STATE_URL)] | StateFile, Field(description=_STATE_URLS)] = (
        "file://.reconciler/state"
    )
    vendors: Annotated[dict[str, dict[str, object]], Field(description="settings by vendor")] = {}
    limits: LimitsFile = LimitsFile()
    secrets: SecretsFile = SecretsFile()
    deliveries: Annotated[
        list[DeliveryPlaceFile], Field(description="how delivered files are read; the first entry that fits counts")
    ] = []
    ledger: Annotated[LedgerFile, Field(description="the record of all that was carried out")] = LedgerFile()
    policies: Annotated[PoliciesFile | None, Field(description="the rules that manifests and plans must keep")] = None
    notify: Annotated[list[NotifyFile], Field(description="webhooks that are told what a command did")] = []
    parallelism: Annotated[int, Field(ge=1, le=64, description="requests under way at once")] = 4
    deadline: Annotated[float, Field(gt=0, description="minutes after which a run gives up waiting")] = 30.0
    values: Annotated[dict[str, Scalar], Field(description="what manifests may use as `{var: name}`")] = {}
    overlays: Annotated[list[str], Field(description="files laid over the manifests")] = []
    projects: Annotated[
        dict[str, OtherProjectFile], Field(description="projects whose outputs manifests use as `{output: name, …}`")
    ] = {}


class ProjectFile(EnvironmentFile):
    """The whole file with one environment laid over it."""

    project: Annotated[str, Field(description="the project's name, a DNS label")]

    def state_file(self) -> StateFile:
        """What is said of the state, also when it is only where it lies."""
        return self.state if isinstance(self.state, StateFile) else StateFile(url=self.state)

    def name(self) -> str:
        """The project's name. Raises `ValueError` when it is none."""
        return _label(self.project)


ENVIRONMENT_KEYS = frozenset(each.alias or name for name, each in EnvironmentFile.model_fields.items())
