"""Secrets in HashiCorp Vault or OpenBao, key-value engine version 2: `{vault: kv/lake, key: password}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock

from reconciler.sdk import Reply, SafeRequest, VendorError
from reconciler.secrets.entries import entry, raised
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Found, Reach, Reading, Vault
from reconciler.values import Secret

_SAFE = tuple(SafeRequest("GET", "/v1" + "/{}" * parts) for parts in range(3, 33))
"""Any path of that many parts at most: nothing but a GET is sent from here."""

_PART = re.compile(r"[A-Za-z0-9_.@=+~-]+")


class VaultSource:
    """One GET for the value and one for the version; `reveal` gives the token that the project file refers to."""

    def __init__(self, settings: Vault, reach: Reach, reveal: Callable[[Secret], str]) -> None:
        self._settings = settings
        self._reach = reach
        self._reveal = reveal
        self._http: Reading | None = None
        self._making = Lock()

    def version(self, secret: Secret) -> str | None:
        """
        The number of the version that the reference means, without reading the value.

        None when the token may not read metadata: reading still tells.
        """
        if secret.version is not None:
            return secret.version  # a version's data never changes (KV v2, "Versioned data"; certain)
        reply = self._get(secret, "metadata")
        if reply.status == 403:
            return None
        number = _data(secret, reply).get("current_version")
        return str(number) if isinstance(number, int) else None

    def read(self, secret: Secret) -> Found:
        """The entry of the version that the reference means."""
        if secret.key is None:
            raise SecretUnavailable(secret, f"`{secret}` names no entry", "add `key`: a secret in Vault has entries")
        return raised(self._answered(secret))

    def _answered(self, secret: Secret) -> Found | SecretUnavailable:
        data = _data(secret, self._get(secret, "data"))
        entries, metadata = data.get("data"), data.get("metadata")
        if not isinstance(entries, dict) or not isinstance(metadata, dict):
            # A deleted or destroyed version answers 404 with metadata and `data: null` (KV v2 API, "Read secret
            # version"; the status is what servers do, the page does not say it).
            return _absent(secret)
        number = metadata.get("version")
        return entry(secret, entries, str(number) if isinstance(number, int) else None)

    def close(self) -> None:
        """Connections belong to who opened them."""

    def _get(self, secret: Secret, what: str) -> Reply:
        found = self._asked(secret, what)
        if isinstance(found, SecretUnavailable):
            raise found
        return found

    def _asked(self, secret: Secret, what: str) -> Reply | SecretUnavailable:
        mount, path = self._split(secret)
        headers = {"X-Vault-Token": self._token(secret)}
        if self._settings.namespace is not None:
            headers["X-Vault-Namespace"] = self._settings.namespace
        query = (("version", secret.version),) if what == "data" and secret.version is not None else ()
        try:
            return self._reached().request("GET", f"/v1/{mount}/{what}/{path}", query=query, headers=headers)
        except VendorError as error:
            return SecretUnavailable(
                secret, f"Vault cannot be asked: {error.message}", "check `secrets.vault.address` and the server"
            )

    def _token(self, secret: Secret) -> str:
        token = self._reveal(self._settings.token)
        if re.fullmatch(r"[\x21-\x7e]+", token):
            return token
        del token
        raise SecretUnavailable(
            secret, f"`{self._settings.token}` holds no token of Vault", "correct `secrets.vault.token`"
        )

    def _split(self, secret: Secret) -> tuple[str, str]:
        parts = secret.name.split("/")
        plain = all(_PART.fullmatch(each) and each.strip(".") for each in parts)
        mount = self._settings.mount.strip("/") if self._settings.mount else parts[0]
        if not plain or not secret.name.startswith(f"{mount}/"):
            raise SecretUnavailable(
                secret, f"`{secret}` names no secret in `{mount}/`", "write the mount and the path, such as `kv/lake`"
            )
        return mount, secret.name.removeprefix(f"{mount}/")

    def _reached(self) -> Reading:
        with self._making:
            if self._http is None:
                self._http = self._reach(self._settings.address, _SAFE)
            return self._http


def _data(secret: Secret, reply: Reply) -> dict[str, object]:
    body = reply.body.get("data") if isinstance(reply.body, dict) else None
    if reply.status == 200 and isinstance(body, dict):
        return body
    if reply.status == 404:
        raise _absent(secret)
    helps = {
        400: "check `secrets.vault.namespace` and that the engine is of version 2",
        403: "renew the token, or allow it `read` on the path below `data/`",
    }
    raise SecretUnavailable(
        secret,
        f"Vault does not give `{secret.name}` (HTTP {reply.status})",
        helps.get(reply.status, "check that the server is unsealed and its key-value engine of version 2"),
    )


def _absent(secret: Secret) -> SecretUnavailable:
    return SecretUnavailable(
        secret,
        f"Vault has no such secret, or its version is deleted: `{secret}`",
        "correct path and version, or write it; the engine must be of version 2",
    )
