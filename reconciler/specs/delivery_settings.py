"""The section `deliveries` of the project file: how `verify` gets into the places where files lie."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reconciler.sdk.fields import BaseUrl, SecretReference
from reconciler.values import Address

_TEXT = Annotated[str, Field(min_length=1)]

_COMMON = frozenset({"match", "endpoint", "anonymous"})
SETTINGS_OF: dict[str, frozenset[str]] = {
    "s3": _COMMON
    | {
        "role",
        "external_id",
        "profile",
        "region",
        "sts_endpoint",
        "requester_pays",
        "access_key_id",
        "secret_access_key",
        "session_token",
    },
    "gs": _COMMON | {"service_account", "user_project"},
    "az": _COMMON | {"connection_string", "account_key", "sas_token", "tenant_id", "client_id", "client_secret"},
    "sftp": frozenset({"match", "user", "password", "private_key", "passphrase", "host_key", "known_hosts"}),
    "file": frozenset({"match"}),
}
SETTINGS_OF["abfss"] = SETTINGS_OF["az"]
"""What can be said of each kind of place, by the scheme of its URL."""


class DeliveryPlaceFile(BaseModel):
    """
    One of `deliveries`: for the places, or the addresses, that `match` fits, how to read there.

    What is not said is found by the cloud's own library where it documents to look.
    """

    # Not strict: `${VAR}` gives text, also where a number is wanted.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)

    match: Annotated[
        str,
        Field(
            min_length=1,
            description="an address (`didomi/ExportConfig/*`) or a place (`s3://example-*`); `*` is anything",
        ),
    ]
    role: Annotated[_TEXT | None, Field(description="the role to assume at AWS")] = None
    external_id: Annotated[SecretReference | None, Field(description="what that role asks for")] = None
    profile: Annotated[_TEXT | None, Field(description="a profile of the AWS configuration")] = None
    region: Annotated[str | None, Field(pattern=r"^[a-z0-9-]+$", description="the bucket's region, at S3")] = None
    endpoint: Annotated[BaseUrl | None, Field(description="another server that speaks the same language")] = None
    sts_endpoint: Annotated[BaseUrl | None, Field(description="where roles are assumed")] = None
    requester_pays: Annotated[bool | None, Field(description="that this account pays for requests")] = None
    access_key_id: Annotated[_TEXT | None, Field(description="the key to sign in with at S3")] = None
    secret_access_key: SecretReference | None = None
    session_token: SecretReference | None = None
    anonymous: Annotated[bool, Field(description="show no credentials")] = False
    service_account: Annotated[SecretReference | None, Field(description="the JSON of a key at Google Cloud")] = None
    user_project: Annotated[_TEXT | None, Field(description="the project that pays for requests")] = None
    connection_string: SecretReference | None = None
    account_key: SecretReference | None = None
    sas_token: SecretReference | None = None
    tenant_id: _TEXT | None = None
    client_id: _TEXT | None = None
    client_secret: SecretReference | None = None
    user: Annotated[_TEXT | None, Field(description="who signs in at an SFTP server")] = None
    password: SecretReference | None = None
    private_key: SecretReference | None = None
    passphrase: SecretReference | None = None
    host_key: Annotated[_TEXT | None, Field(description="what the server must show: a public key or `SHA256:…`")] = None
    known_hosts: Annotated[_TEXT | None, Field(description="a file of keys of servers")] = None

    @model_validator(mode="after")
    def _fits_its_place(self) -> Self:
        scheme = self.match.partition("://")[0] if "://" in self.match else None
        if scheme is None:
            return self
        if scheme not in SETTINGS_OF:
            raise PydanticCustomError(
                "invalid-value",
                "`match` begins with {schemes}, or is an address",
                {"schemes": ", ".join(f"`{each}://`" for each in sorted(SETTINGS_OF))},
            )
        strange = self.strange_at(scheme)
        if strange is not None:
            raise PydanticCustomError(
                "invalid-value",
                "`{key}` says nothing about a place at `{scheme}://`",
                {"key": strange, "scheme": scheme},
            )
        return self

    def strange_at(self, scheme: str) -> str | None:
        """The first key that is set and means nothing at such a place."""
        wanted = SETTINGS_OF[scheme]
        found = sorted(self.model_fields_set - wanted)
        return to_camel(found[0]) if found else None

    def fits(self, address: Address, url: str) -> bool:
        """Whether this entry is about what `address` delivers to the place at `url`."""
        if "://" in self.match:
            return any(fnmatchcase(each, self.match) for each in (url, url.rstrip("/")))
        return fnmatchcase(str(address), self.match)
