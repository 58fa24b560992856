"""Secrets in Google Cloud Secret Manager: `{gcpSecretManager: projects/example/secrets/lake}`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from reconciler.sdk import Reply, SafeRequest, VendorError
from reconciler.secrets.entries import decoded, entry_of_text, raised
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Found, Gcp, Reach, Reading
from reconciler.values import Secret

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

LATEST = "latest"
"""The alias of the newest version (REST reference, projects.secrets.versions.get; certain)."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SAFE = (SafeRequest("GET", "/v1/projects/{}/secrets/{}/versions/{}"),)
# "secretId: upper and lowercase letters, numerals, hyphen and underscore" (REST reference, projects.secrets.create;
# certain). A project's id may be scoped by a domain: `example.com:exports`.
_NAME = re.compile(r"projects/[a-z0-9.:-]+/secrets/[A-Za-z0-9_-]+")
_VERSION = re.compile(r".*/versions/(?P<number>[0-9]+)")


class GcpSource:
    """
    One GET for the value and one for the version, with Google's application default credentials.

    The client library is not used: it is 57 MB, and half a second to import, for two requests.
    """

    def __init__(self, settings: Gcp, reach: Reach, hide: Callable[[str], None]) -> None:
        self._settings = settings
        self._reach = reach
        self._hide = hide
        self._http: Reading | None = None
        self._credentials: Credentials | None = None
        self._making = Lock()

    def version(self, secret: Secret) -> str | None:
        """
        The number of the version that the reference means, without reading the value.

        None when this account may only read values (the role Secret Accessor): reading still tells.
        """
        reply = self._get(secret, "")
        if reply.status in {401, 403}:
            return None
        return _number(_fields(secret, reply))

    def read(self, secret: Secret) -> Found:
        """The value of the version that the reference means."""
        return raised(self._answered(secret))

    def _answered(self, secret: Secret) -> Found | SecretUnavailable:
        fields = _fields(secret, self._get(secret, ":access"))
        payload = fields.get("payload")
        text = _text(payload.get("data", "")) if isinstance(payload, dict) else None
        return entry_of_text(secret, text, _number(fields))

    def close(self) -> None:
        """Connections belong to who opened them."""

    def _get(self, secret: Secret, verb: str) -> Reply:
        found = self._asked(secret, verb)
        if isinstance(found, SecretUnavailable):
            raise found
        return found

    def _asked(self, secret: Secret, verb: str) -> Reply | SecretUnavailable:
        version = secret.version or LATEST
        if not _NAME.fullmatch(secret.name) or not re.fullmatch(r"[-A-Za-z0-9_]+", version):
            return SecretUnavailable(
                secret, f"`{secret}` names no secret there", "write `projects/PROJECT/secrets/SECRET`"
            )
        headers = {"Authorization": f"Bearer {self._token(secret)}"}
        try:
            return self._reached().request("GET", f"/v1/{secret.name}/versions/{version}{verb}", headers=headers)
        except VendorError as error:
            return SecretUnavailable(
                secret, f"Google Secret Manager cannot be asked: {error.message}", "check the network and try again"
            )

    def _reached(self) -> Reading:
        with self._making:
            if self._http is None:
                self._http = self._reach(self._settings.endpoint, _SAFE)
            return self._http

    def _token(self, secret: Secret) -> str:
        import google.auth  # noqa: PLC0415 - only who keeps secrets there pays
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - as above
        from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

        with self._making:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[_SCOPE])
                if not self._credentials.valid:
                    self._credentials.refresh(Request())  # type: ignore[no-untyped-call]  # Google's own
            except GoogleAuthError as error:
                # The library's sentences may quote what the token server said.
                raise SecretUnavailable(
                    secret,
                    f"there are no Google credentials to ask for it with ({type(error).__name__})",
                    "set `GOOGLE_APPLICATION_CREDENTIALS`, or run `gcloud auth application-default login`",
                ) from None
            token = str(self._credentials.token)
        self._hide(token)
        return token


def _fields(secret: Secret, reply: Reply) -> dict[str, object]:
    if reply.status == 200 and isinstance(reply.body, dict):
        return reply.body
    helps = {
        400: "the version may be disabled or destroyed; enable it, or name another",
        401: "sign in again: Google does not accept the credentials",
        403: "allow this account `secretmanager.versions.access` on it",
        404: "correct the name and the version, or create it",
    }
    raise SecretUnavailable(
        secret,
        f"Google Secret Manager does not give `{secret.name}` (HTTP {reply.status})",
        helps.get(reply.status, "try again; if it stays so, see Google's status page"),
    )


def _number(fields: dict[str, object]) -> str | None:
    # "name: projects/*/secrets/*/versions/*", with the project's number and the version's, also when an alias was asked
    # for (REST reference, projects.secrets.versions, `SecretVersion.name`; certain).
    found = _VERSION.fullmatch(str(fields.get("name", "")))
    return found["number"] if found else None


def _text(data: object) -> str | None:
    """None rather than an error, which would carry what it complains about."""
    try:
        return decoded(base64.b64decode(str(data), validate=True))
    except binascii.Error:
        return None
