"""`BaseConnection`: an account at one of the six destinations, with its credentials."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from reconciler.providers.adobe.client import Client, Row, segment
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
from reconciler.providers.adobe.destinations import BY_SPEC, DESTINATIONS, VERSION, authentication, is_mask
from reconciler.providers.adobe.mapping import named, text_of, value, within
from reconciler.providers.adobe.settings import Text
from reconciler.sdk import (
    Gone,
    Immutable,
    Kind,
    Order,
    Refused,
    SecretReference,
    Spec,
    Uncertain,
    Unreadable,
    VendorError,
    WriteOnly,
)
from reconciler.values import HIDDEN, MISSING, Document, Identity, Observed, Problem, Resource, Secret, Severity, Value

_log = logging.getLogger(__name__)

# A role of AWS, in any of its partitions. The role is no secret and is declared as a password all the same, so it is
# not given back (Amazon S3, activation tutorial; documented).
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$")]


class AccessKey(Spec):
    """A key of an AWS user."""

    # That another way to authenticate can be put in place is not documented, so the account is made anew.
    spec_name: Annotated[Literal["Access Key"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    s3_access_key: Annotated[str, Field(pattern=r"^[A-Z2-7]{20}$")]
    """The key's id: twenty capital letters and digits."""
    s3_secret_key: SecretReference
    """The secret key, as a reference."""


class AssumedRole(Spec):
    """A role that trusts Adobe's AWS account 670664943635."""

    spec_name: Annotated[Literal["Assumed Role"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    s3_role: Annotated[RoleArn, WriteOnly()]
    """The ARN of the role that Adobe assumes."""


class ConnectionString(Spec):
    """A connection string of an Azure storage account."""

    spec_name: Annotated[Literal["ConnectionString"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    connection_string: SecretReference
    """The storage account's connection string, as a reference."""


class ServicePrincipal(Spec):
    """A service principal of Azure; the container is part of the URL."""

    spec_name: Annotated[Literal["Azure Service Principal Auth"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    url: Text
    """The container, such as `abfss://exports@example.dfs.core.windows.net`."""
    tenant: Text
    """The directory that the service principal lies in."""
    service_principal_id: Text
    """The application's (client) id."""
    service_principal_key: SecretReference
    """The client secret, as a reference."""


class InteroperabilityKey(Spec):
    """An HMAC key of Google Cloud Storage."""

    spec_name: Annotated[Literal["Google Cloud Storage authentication credentials"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    access_key_id: Text
    """The id of the interoperability key."""
    secret_access_key: SecretReference
    """The key's secret, as a reference."""


class Password(Spec):
    """A user of an SFTP server, with a password."""

    spec_name: Annotated[Literal["SFTP with Password"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    domain: Text
    """The server's host name or address."""
    username: Text
    """Who signs in."""
    password: SecretReference
    """The password, as a reference."""


class SshKey(Spec):
    """A user of an SFTP server, with a private key that has no passphrase."""

    spec_name: Annotated[Literal["SFTP with SSH Key"], Immutable()]
    """How to sign in: which of the authentications that Adobe offers for the destination."""
    domain: Text
    """The server's host name or address."""
    username: Text
    """Who signs in."""
    ssh_key: SecretReference
    """The private key, as a reference."""


class Encryption(Spec):
    """The public key that files are encrypted with. Whether it applies to datasets is not documented."""

    # Whether it can be changed in place is not documented, so the account is made anew.
    public_key: Annotated[Text, Immutable()]
    """The public key. Another one makes the account anew."""


class Account(Spec):
    """What every account has."""

    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""


S3Auth = Annotated[AccessKey | AssumedRole, Field(discriminator="spec_name")]
SftpAuth = Annotated[Password | SshKey, Field(discriminator="spec_name")]


class S3Account(Account):
    """Amazon S3."""

    destination: Annotated[Literal["amazonS3"], Immutable()]
    """An account at Amazon S3."""
    auth: S3Auth
    """The credentials that Adobe writes with."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class BlobAccount(Account):
    """Azure Blob Storage."""

    destination: Annotated[Literal["azureBlob"], Immutable()]
    """An account at Azure Blob Storage."""
    auth: ConnectionString
    """The credentials that Adobe writes with."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class AdlsAccount(Account):
    """Azure Data Lake Storage Gen2."""

    destination: Annotated[Literal["adlsGen2"], Immutable()]
    """An account at Azure Data Lake Storage Gen2."""
    auth: ServicePrincipal
    """The credentials that Adobe writes with."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class LandingZone(Account):
    """Data Landing Zone: Adobe's own storage, without credentials."""

    # Its connection spec has no encryption, its page in the UI mentions a key (contradictory): not supported.
    destination: Annotated[Literal["dataLandingZone"], Immutable()]
    """An account at Data Landing Zone, Adobe's own storage."""


class GoogleAccount(Account):
    """Google Cloud Storage."""

    destination: Annotated[Literal["googleCloudStorage"], Immutable()]
    """An account at Google Cloud Storage."""
    auth: InteroperabilityKey
    """The credentials that Adobe writes with."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class SftpAccount(Account):
    """SFTP."""

    destination: Annotated[Literal["sftp"], Immutable()]
    """An account at an SFTP server."""
    auth: SftpAuth
    """The credentials that Adobe writes with."""
    encryption: Encryption | None = None
    """Encrypts files with a public key of yours."""


class BaseConnections(Collection):
    """`/connections` (Export datasets; documented)."""

    path = "/connections"
    properties = (f"connectionSpec.id=={','.join(BY_SPEC)}",)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._tested: set[str] = set()
        self._refused: dict[str, str] = {}

    def belongs(self, row: Row) -> bool:
        """A connection to one of the six."""
        return within(row, "connectionSpec", "id") in BY_SPEC

    def refuse(self, row: Row) -> str | None:
        """Only the six destinations export datasets; earlier generations of S3, Blob and SFTP do not."""
        if within(row, "connectionSpec", "id") in BY_SPEC:
            return None
        return "is no account at one of the six destinations of dataset exports"

    def observed(self, row: Row) -> Observed:
        """The account, without anything that is secret."""
        attributes, owner = named(row)
        destination = BY_SPEC.get(str(within(row, "connectionSpec", "id")))
        if destination is not None:
            attributes["destination"] = destination.name
            if destination.authentications:
                attributes["auth"] = _auth_of(destination.name, row.get("auth"))
                # Not documented whether it is given back.
                key = within(row, "encryption", "params", "publicKey")
                attributes["encryption"] = {"publicKey": key if isinstance(key, str) else HIDDEN}
        return Observed(
            id=str(row["id"]),
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            settling=settling(row),
            hold=rest(row),
        )

    def body(self, order: Order) -> dict[str, object]:
        """Connection spec, credentials and perhaps a key; `auth` is left out where there are no credentials."""
        destination = DESTINATIONS[text_of(order.attributes, "destination")]
        body: dict[str, object] = {"connectionSpec": {"id": destination.spec, "version": VERSION}}
        auth = order.attributes.get("auth")
        if isinstance(auth, Mapping):
            body["auth"] = {"specName": auth["specName"], "params": self._params(order, auth)}
        key = within(order.attributes.get("encryption"), "publicKey")
        if isinstance(key, str):
            # The shape of the migration guide's sample (documented for audience exports).
            body["encryption"] = {
                "specName": "File Encryption",
                "params": {"encryptionAlgo": "PGP/GPG", "publicKey": key},
            }
        return body

    def patch(self, order: Order, keys: frozenset[str], row: Row) -> Patch:
        """All parameters at once: what is sent overrides whatever was there (Destinations API; documented)."""
        auth = order.attributes.get("auth")
        if "auth" not in keys or not isinstance(auth, Mapping):
            return []
        return [{"op": "replace", "path": "/auth/params", "value": self._params(order, auth)}]

    def update(self, order: Order) -> Observed:
        """
        A PATCH; new credentials are tried out at once.

        Raises `Uncertain` when they do not work, so that they are sent and tried again until they do. A test that could
        not be made does not undo what was changed.
        """
        updated = super().update(order)
        if any(each.path[:1] == ("auth",) for each in order.fields):
            self._tested.discard(updated.id)
            self._refused.pop(updated.id, None)
            try:
                fails = self._fails(updated.id)
            except VendorError as error:
                _log.warning("the new credentials of `%s` are not tried: %s", updated.id, error.message)
                fails = None
            if fails is not None:
                raise Uncertain(fails, request=f"GET {self.path}/{updated.id}/test")
        return updated

    def test(self, id: str) -> None:
        """As `check`; and before an account goes for this one, a refusal to try counts as a failure."""
        self.check(id)
        if id in self._refused:
            raise Refused(
                f"Adobe refuses to try the credentials of `{id}`, and what it replaces is kept: {self._refused[id]}",
                request=f"GET {self.path}/{id}/test",
            )

    def check(self, id: str) -> None:
        """
        Have Adobe try the credentials; once in a run unless they change.

        What was sent counts as arrived, so whoever corrects a secret elsewhere has to be told how it is sent again.
        """
        fails = self._fails(id)
        if fails is not None:
            row = self._client.row(self.path, id)
            owner = named(row)[1] if row is not None else None
            again = f"reconciler apply --resend-secrets adobe/BaseConnection/{owner.name if owner else 'NAME'}"
            raise Refused(
                f"{fails}; put the secret right and send it again with `{again}`",
                request=f"GET {self.path}/{id}/test",
            )

    def _fails(self, id: str) -> str | None:
        """What is wrong with the credentials; `None` when they work, or when Adobe cannot be asked."""
        if id in self._tested:
            return None
        request = f"GET {self.path}/{id}/test"
        row = self._client.row(self.path, id)
        destination = BY_SPEC.get(str(within(row, "connectionSpec", "id")))
        if row is None:
            raise Gone(f"`{id}` does not exist any more")
        if destination is not None and destination.authentications:
            reply = self._client.send("GET", f"{self.path}/{segment(id)}/test")
            try:
                body = self._client.body(reply, request)
            except (Refused, Unreadable) as error:
                # What a failure looks like is not documented: a refusal to test is not taken for one.
                _log.warning("the credentials of `%s` are not tried: %s", id, error.message)
                if error.status == 400:
                    self._refused[id] = error.message
            else:
                # `{"result": true}` (Flow Service API; documented).
                if body.get("result") is not True:
                    return f"the credentials of `{id}` do not work: Adobe's own test fails"
        self._tested.add(id)
        return None

    def _params(self, order: Order, auth: Mapping[str, Value]) -> dict[str, object]:
        reveal = self._client.revealing(order.reveal)
        return {
            key: self._secret(key, each, reveal) if isinstance(each, Secret) else each
            for key, each in auth.items()
            if key != "specName" and each is not MISSING
        }

    def _secret(self, key: str, secret: Secret, reveal: Callable[[Secret], str]) -> str:
        text = reveal(secret)
        if key == "sshKey":
            text = ssh_key(text)
            self._client.hide(text)
        form = _FORMS.get(key)
        if form is not None and not re.fullmatch(form[0], text):
            raise Refused(f"the secret for `auth.{key}` is not what Adobe takes: {form[1]}; nothing was sent")
        return text


_FORMS: Mapping[str, tuple[str, str]] = {
    # The connection spec's pattern (documented).
    "s3SecretKey": (r"[A-Za-z0-9/+]{40}", "40 letters, digits, `/` and `+`"),
}


def ssh_key(text: str) -> str:
    """
    A private key as Adobe takes it: base64 of the whole file, and without a passphrase (SFTP; documented).

    A key file as it is, is encoded; what is encoded already is left alone.
    """
    if text.lstrip().startswith("-----BEGIN"):
        plain, encoded = text, base64.b64encode(text.encode()).decode("ascii")
    else:
        encoded = "".join(text.split())
        try:
            plain = base64.b64decode(encoded, validate=True).decode("utf-8", errors="replace")
        except ValueError:
            raise Refused(
                "the secret for `auth.sshKey` is neither a private key nor base64 of one; nothing was sent"
            ) from None
    if "ENCRYPTED" in plain.partition("\n\n")[0]:
        raise Refused("the private key for `auth.sshKey` has a passphrase, which Adobe does not take; nothing was sent")
    return encoded


def _auth_of(destination: str, auth: object) -> dict[str, Value]:
    """
    What is given back of the credentials. What is secret is dropped, however it is echoed.

    That other parameters come in clear is an assumption too: one that is masked or left out counts as not given back.
    """
    name = within(auth, "specName")
    if not isinstance(name, str) or not name:
        return {"specName": HIDDEN}
    found: dict[str, Value] = {"specName": name}
    known = authentication(destination, name)
    for key in known.params if known else ():
        given = within(auth, "params", key)
        found[key] = HIDDEN if given is None or is_mask(given) else value(given)
    return found


_ADLS_URL = re.compile(r"abfss://[^@/]+@[^@/]+\.dfs\.core\.[^/]+/?.*")


def check_auth(resource: Resource) -> Iterable[Problem]:
    """What only Adobe's pages in the catalog say, so that it is only warned of."""
    auth = resource.attributes.get("auth")
    url, id = within(auth, "url"), within(auth, "accessKeyId")
    if isinstance(url, str) and not _ADLS_URL.fullmatch(url):
        yield _doubt(resource, "url", "does not look like `abfss://<container>@<account>.dfs.core.windows.net`")
    if isinstance(id, str) and len(id) != 61:
        yield _doubt(resource, "accessKeyId", f"has {len(id)} characters; that of a service account's HMAC key has 61")


def _doubt(resource: Resource, key: str, why: str) -> Problem:
    return Problem(
        code="unusual-credentials",
        message=f"`auth.{key}` {why}",
        address=resource.address,
        path=("auth", key),
        help="compare with the page of this destination in Adobe's catalog",
        severity=Severity.WARNING,
    )


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_description(resource)
    yield from check_auth(resource)


def destination_of(attributes: Document) -> str | None:
    """The manifests' word for the destination."""
    found = attributes.get("destination")
    return found if isinstance(found, str) else None


BASE_CONNECTION = Kind(
    name="BaseConnection",
    summary="An account at one of the six destinations of dataset exports, with its credentials",
    spec=Annotated[
        S3Account | BlobAccount | AdlsAccount | LandingZone | GoogleAccount | SftpAccount,
        Field(discriminator="destination"),
    ],
    identity=Identity.MARK,
    natural_key=(("name",),),
    settle_seconds=SETTLE_SECONDS,
    replacement_cost=(
        "what exports through this account is made anew with it; each new dataflow begins with a full export"
    ),
    check=_check,
    example="""\
apiVersion: adobe.reconciler/v1
kind: BaseConnection
metadata:
  name: lake
spec:
  destination: amazonS3
  name: Lake
  auth:
    specName: Access Key
    s3AccessKey: EXAMPLEKEY234567ABCD
    s3SecretKey: {env: RECONCILER_SECRET_S3}
""",
)
