"""How to get into a place: credentials, endpoints and what else its server wants to know. Nothing here is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.deliveries.locations import Location


def _hidden() -> str | None:
    """A field whose value no `repr`, and so no traceback or log, shows."""
    return field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """
    Signs in at S3; what is not said is found by the cloud's library, in the places that it documents.

    `role_arn` is assumed with those credentials, and again whenever the session ends. `requester_pays` says that this
    account pays for requests, without which such a bucket answers 403. `anonymous` shows no credentials at all.
    """

    access_key_id: str | None = None
    secret_access_key: str | None = _hidden()
    session_token: str | None = _hidden()
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = _hidden()
    region: str | None = None
    endpoint: str | None = None
    sts_endpoint: str | None = None
    requester_pays: bool = False
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsAccess:
    """
    Signs in at Google Cloud Storage with the JSON text of a service account's key, or as this machine does.

    `user_project` pays for requests, where the bucket asks for that. An `endpoint` at plain `http://` is shown no
    credentials.
    """

    service_account: str | None = _hidden()
    user_project: str | None = None
    endpoint: str | None = None
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureAccess:
    """
    Signs in at a storage account: a connection string, its key, a shared access signature, or a service principal.

    `endpoint` is the whole address of the Blob service, account included: `http://127.0.0.1:10000/account`.
    """

    connection_string: str | None = _hidden()
    account_key: str | None = _hidden()
    sas_token: str | None = _hidden()
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = _hidden()
    endpoint: str | None = None
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAccess:
    """
    Signs in at an SFTP server, which proves first who it is.

    `host_key` is what the server must show: a public key as `ssh-keyscan` prints it (`ssh-ed25519 AAAA…`) or a
    fingerprint (`SHA256:…`). Else `known_hosts` is a file of such keys, by default the user's own. A server that is in
    neither is refused. `private_key` is the text of a key file, or that text in base64 as Adobe keeps it.
    """

    user: str
    password: str | None = _hidden()
    private_key: str | None = _hidden()
    passphrase: str | None = _hidden()
    host_key: str | None = None
    known_hosts: str | None = None


Access = S3Access | GcsAccess | AzureAccess | SftpAccess


_SECRETS = (
    "secret_access_key",
    "session_token",
    "service_account",
    "connection_string",
    "account_key",
    "sas_token",
    "client_secret",
    "password",
    "private_key",
    "passphrase",
)


def holds_secrets(access: Access | None) -> bool:
    """Whether a secret stands in these values, so that they may not travel in the clear."""
    return any(getattr(access, name, None) is not None for name in _SECRETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A location and how to get into it: all that another process needs to open the same source."""

    location: Location
    access: Access | None = None
