"""The section `secrets` of the project file: which places manifests may name, and what reaching them takes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reconciler.sdk.fields import BaseUrl, SecretReference
from reconciler.values.address import is_name


class _Model(BaseModel):
    # Not strict: `${VAR}` gives text, also where a number is wanted.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


_NAMES = "names that manifests may refer to; a `*` at the end stands for anything"


def _other_than_vault(reference: dict[str, str]) -> dict[str, str]:
    if "vault" in reference:
        raise PydanticCustomError("secret-reference", "Vault's own token cannot be kept in Vault")
    return reference


def _kept_outside(reference: dict[str, str]) -> dict[str, str]:
    if {"vault", "named"} & set(reference):
        raise PydanticCustomError("secret-reference", "an identity is kept in `env`, `file` or a cloud's store")
    return reference


class AwsFile(_Model):
    """`secrets.awsSecretsManager`."""

    names: Annotated[list[Annotated[str, Field(min_length=1)]], Field(description=_NAMES)] = []
    region: Annotated[str | None, Field(min_length=1, description="the region; by default the AWS SDK's")] = None


class GcpFile(_Model):
    """`secrets.gcpSecretManager`."""

    names: Annotated[list[Annotated[str, Field(min_length=1)]], Field(description=_NAMES)] = []
    endpoint: Annotated[BaseUrl, Field(description="for private endpoints")] = "https://secretmanager.googleapis.com"


class VaultFile(_Model):
    """`secrets.vault`."""

    address: Annotated[BaseUrl, Field(description="the server, such as `https://vault.example.com:8200`")]
    paths: Annotated[list[Annotated[str, Field(min_length=1)]], Field(description=_NAMES)] = []
    token: Annotated[SecretReference, AfterValidator(_other_than_vault)] = {"env": "VAULT_TOKEN"}
    namespace: Annotated[str | None, Field(pattern=r"^[!-~]+$", description="the namespace, in Enterprise")] = None
    mount: Annotated[
        str | None, Field(min_length=1, description="where the engine is mounted, if not at a path's first part")
    ] = None


class NamedFile(_Model):
    """One of `secrets.named`: a command that prints the secret, or a file of age and the identity that opens it."""

    command: Annotated[list[str] | None, Field(min_length=1, description="the program and its arguments")] = None
    age: Annotated[str | None, Field(min_length=1, description="the encrypted file")] = None
    identity: Annotated[SecretReference, AfterValidator(_kept_outside)] | None = None

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        if (self.command is None) == (self.age is None) or (self.age is None) != (self.identity is None):
            raise PydanticCustomError(
                "secret-source", "write either `command`, or `age` together with the `identity` that opens the file"
            )
        return self


class FingerprintFile(_Model):
    """`secrets.fingerprint`."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$", description="the key's name")]
    key: SecretReference


def _called_by_names(named: dict[str, NamedFile]) -> dict[str, NamedFile]:
    for name in named:
        if not is_name(name):
            raise PydanticCustomError(
                "invalid-name",
                "`{name}` is no name: lower-case letters, digits and inner hyphens, at most 63",
                {"name": name[:70]},
            )
    return named


class SecretsFile(_Model):
    """`secrets`."""

    env_prefixes: Annotated[
        list[str], Field(description="how names of environment variables begin that manifests may refer to")
    ] = ["RECONCILER_SECRET_"]
    env_names: Annotated[
        list[str], Field(description="further names of environment variables that manifests may refer to")
    ] = []
    file_roots: Annotated[list[str], Field(description="folders whose files manifests may refer to")] = ["/run/secrets"]
    aws_secrets_manager: AwsFile = AwsFile()
    gcp_secret_manager: GcpFile = GcpFile()
    vault: VaultFile | None = None
    named: Annotated[
        dict[str, NamedFile],
        AfterValidator(_called_by_names),
        Field(description="sources that manifests refer to as `{named: …}`"),
    ] = {}
    fingerprint: Annotated[
        FingerprintFile | None, Field(description="the key of the fingerprints by which a rotated secret is noticed")
    ] = None
