"""
The six destinations of dataset exports as data: spec ids, ways to authenticate, where files go.

Ids, names and patterns are those of the dataset export tutorial and of the connection specs it shows (documented);
exceptions say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DATA_LAKE = "23598e46-f560-407b-88d5-ea6207e49db0"
"""The connection spec of every source connection of a dataset export."""

VERSION = "1.0"
"""Of every connection and flow spec. Always sent: one page says that it is needed, another that it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """
    One way to authenticate, by the name that the connection spec gives it.

    `params` are the parameters that are given back, `hidden` those that the spec declares as passwords.
    """

    name: str
    params: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """
    One kind of cloud storage.

    `name` is the manifests' word for it, `spec` the connection spec of base and target connections, `flow` the flow
    spec of dataset exports (audience exports have another); `location` are the target parameters that say where.
    """

    name: str
    title: str
    spec: str
    flow: str
    location: tuple[str, ...]
    authentications: tuple[Authentication, ...] = field(default=())


DESTINATIONS: Mapping[str, Destination] = {
    each.name: each
    for each in (
        Destination(
            name="amazonS3",
            title="Amazon S3",
            spec="4fce964d-3f37-408f-9778-e597338a21ee",
            flow="269ba276-16fc-47db-92b0-c1049a3c131f",
            location=("bucketName", "path"),
            authentications=(
                Authentication(name="Access Key", params=("s3AccessKey",), hidden=("s3SecretKey",)),
                # Documented for audience exports over the same connection spec, so inferred for datasets.
                Authentication(name="Assumed Role", hidden=("s3Role",)),
            ),
        ),
        Destination(
            name="azureBlob",
            title="Azure Blob Storage",
            spec="6d6b59bf-fb58-4107-9064-4d246c0e5bb2",
            flow="95bd8965-fc8a-4119-b9c3-944c2c2df6d2",
            location=("container", "path"),
            authentications=(Authentication(name="ConnectionString", hidden=("connectionString",)),),
        ),
        Destination(
            name="adlsGen2",
            title="Azure Data Lake Storage Gen2",
            spec="be2c3209-53bc-47e7-ab25-145db8b873e1",
            flow="17be2013-2549-41ce-96e7-a70363bec293",
            location=("path",),
            authentications=(
                Authentication(
                    name="Azure Service Principal Auth",
                    params=("url", "tenant", "servicePrincipalId"),
                    hidden=("servicePrincipalKey",),
                ),
            ),
        ),
        Destination(
            name="dataLandingZone",
            title="Data Landing Zone",
            spec="10440537-2a7b-4583-ac39-ed38d4b848e8",
            flow="cd2fc47e-e838-4f38-a581-8fff2f99b63a",
            location=("path",),
        ),
        Destination(
            name="googleCloudStorage",
            title="Google Cloud Storage",
            spec="c5d93acb-ea8b-4b14-8f53-02138444ae99",
            flow="585c15c4-6cbf-4126-8f87-e26bff78b657",
            location=("bucketName", "path"),
            authentications=(
                Authentication(
                    name="Google Cloud Storage authentication credentials",
                    params=("accessKeyId",),
                    hidden=("secretAccessKey",),
                ),
            ),
        ),
        Destination(
            name="sftp",
            title="SFTP",
            spec="36965a81-b1c6-401b-99f8-22508f1e6a26",
            flow="354d6aad-4754-46e4-a576-1b384561c440",
            location=("remotePath",),
            authentications=(
                # A port is listed by the UI's page, is in no connection spec, and is never sent (contradictory).
                Authentication(name="SFTP with Password", params=("domain", "username"), hidden=("password",)),
                Authentication(name="SFTP with SSH Key", params=("domain", "username"), hidden=("sshKey",)),
            ),
        ),
    )
}
"""By the manifests' word."""

BY_SPEC: Mapping[str, Destination] = {each.spec: each for each in DESTINATIONS.values()}
"""By the id of the connection spec."""

BY_FLOW: Mapping[str, Destination] = {each.flow: each for each in DESTINATIONS.values()}
"""By the id of the flow spec."""


def authentication(destination: str, name: object) -> Authentication | None:
    """The way to authenticate that has this name at this destination."""
    found = DESTINATIONS.get(destination)
    return next((each for each in found.authentications if each.name == name), None) if found else None


def is_mask(value: object) -> bool:
    """
    Whether a value stands for one that is not given back.

    Which parameters are masked, and how, is not documented; `xxxx` is what samples show.
    """
    return isinstance(value, str) and re.fullmatch(r"[xX*]{3,}", value) is not None


# --- what a location may look like ---

S3_PATH = r"^[0-9a-zA-Z/!\-_.*'()]*((%SEGMENT_(NAME|ID)%)?/?)+$"
"""The connection spec's; a help text of the catalog allows more signs (contradictory). Also of Google Cloud Storage."""

BLOB_PATH = r"^[0-9a-zA-Z/!\-_.*'()]+$"

_CONTAINER = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_GOOGLE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_GOOGLE = re.compile(r"g[o0][o0]gle")


def wrong_with_s3_bucket(name: str) -> str | None:
    """Why no bucket at S3 can have the name."""
    if not 3 <= len(name) <= 63:
        return "the name of a bucket has 3 to 63 characters"
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return (
            "the name of a bucket is lower-case letters, digits, hyphens and dots, with a letter or digit beside each"
            " dot and at both ends"
        )
    if _ADDRESS.fullmatch(name):
        return "the name of a bucket does not look like an IP address"
    return None


def wrong_with_container(name: str) -> str | None:
    """Why no container at Azure can have the name."""
    if _CONTAINER.fullmatch(name):
        return None
    return (
        "the name of a container has 3 to 63 lower-case letters, digits and single hyphens, with a letter or digit at"
        " both ends"
    )


def wrong_with_google_bucket(name: str) -> str | None:
    """Why no bucket at Google Cloud Storage can have the name."""
    if name.startswith("goog") or _GOOGLE.search(name):
        return "the name of a bucket does not begin with `goog` and does not contain `google` or what looks like it"
    labels = name.split(".")
    if not 3 <= len(name) <= (63 if len(labels) == 1 else 222) or any(len(each) > 63 for each in labels):
        return "the name of a bucket has 3 to 63 characters, with dots up to 222 and 63 between two dots"
    if not all(_GOOGLE_NAME.fullmatch(label) for label in labels):
        return (
            "the name of a bucket is lower-case letters, digits, hyphens, underscores and dots, with a letter or digit"
            " beside each dot and at both ends"
        )
    if _ADDRESS.fullmatch(name):
        return "the name of a bucket does not look like an IP address"
    return None
