"""What the project file says of the places that need more than a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from reconciler.sdk import Reply, SafeRequest
from reconciler.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """AWS Secrets Manager; without a region the SDK's own settings say which."""

    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcp:
    """Google Cloud Secret Manager; `endpoint` is for tests and private endpoints."""

    endpoint: str = "https://secretmanager.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """
    A server of HashiCorp Vault or OpenBao.

    `mount` is where the key-value engine is mounted, when that is not the first part of each path.
    """

    address: str
    token: Secret = Secret(source="env", name="VAULT_TOKEN")
    namespace: str | None = None
    mount: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program that prints the secret, without a shell; a relative program or argument is as from the project."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """A file encrypted with age, and the identity that opens it."""

    path: str
    identity: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """All of them; `named` are the sources that only the project file defines."""

    aws: Aws = Aws()
    gcp: Gcp = Gcp()
    vault: Vault | None = None
    named: Mapping[str, Command | Age] = field(default_factory=dict)


class Reading(Protocol):
    """The one HTTP client, as far as it is needed here."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send and return the answer, whatever its status; raises `VendorError` when there is none."""
        ...


Reach: TypeAlias = Callable[[str, Sequence[SafeRequest]], Reading]
"""Opens a base URL for the requests that are declared."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and what its store calls it: two readings with one version are one value."""

    value: str = field(repr=False)
    version: str | None = None
