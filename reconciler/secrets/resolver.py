"""Values for references, read once in a run, and what can be told of a value without showing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from reconciler.sdk import SafeRequest
from reconciler.secrets.age import AgeSource
from reconciler.secrets.aws import AwsSource
from reconciler.secrets.command import CommandSource
from reconciler.secrets.env import EnvironmentSource
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.file import FileSource
from reconciler.secrets.fingerprint import SHORTEST_KEY, Fingerprint, FingerprintKey, fingerprint
from reconciler.secrets.gcp import GcpSource
from reconciler.secrets.places import Command, Found, Places, Reach, Reading
from reconciler.secrets.policy import STORES, Policy
from reconciler.secrets.stamps import Stamp, as_written, same_place, stamp_of
from reconciler.secrets.vault import VaultSource
from reconciler.values import Problem, Secret


class Store(Protocol):
    """A place that keeps versions of a value and names them."""

    def version(self, secret: Secret) -> str | None:
        """Which version the reference means now, told without reading the value; `None` when only reading tells."""

    def read(self, secret: Secret) -> Found:
        """The value of the version that the reference means; raises `SecretUnavailable`."""

    def close(self) -> None:
        """Let go of connections."""


class Resolver:
    """
    Reveals secrets, in any thread, to the calls that send them.

    A value is read once and kept until `forget` or the end of the `with` block, so that what was planned is what is
    sent, and a store is asked once. Everything that is read goes through `hide` first; what was revealed is `known`,
    to be struck out of what a vendor says back. What was only looked at by `resolve_all` is dropped at once.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        root: Path,
        policy: Policy,
        places: Places | None = None,
        *,
        fingerprints: FingerprintKey | None = None,
        reach: Reach | None = None,
        hide: Callable[[str], None] = lambda _value: None,
    ) -> None:
        self._environ = environ
        self._root = root
        self._policy = policy
        self._places = places or Places()
        self._fingerprints = fingerprints
        self._reach = reach or _reached
        self._hide = hide
        self._environment = EnvironmentSource(environ)
        self._files = FileSource(root, policy)
        self._stores: dict[str, Store] = {}
        self._kept: dict[Secret, Found] = {}
        self._versions: dict[Secret, str | None] = {}
        self._trusted: dict[Secret, str] = {}
        self._known: set[str] = set()
        self._guard = Lock()
        self._making = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.forget()

    def __reduce__(self) -> str:
        raise TypeError("what holds secrets is not written down")

    def reveal(self, secret: Secret) -> str:
        """The value, to be sent and dropped. Raises `SecretUnavailable`, also for a place that is not allowed."""
        value = self._once(secret).value
        with self._guard:
            self._known.add(value)
        return value

    def reveal_for(self, secret: Secret) -> str:
        """The same for a reference in the project file itself, which may name any place."""
        with self._guard:
            kept = self._trusted.get(secret)
        if kept is not None:
            return kept
        with self._trusting(secret) as trusted:
            value = trusted.reveal(secret)
        with self._guard:
            return self._trusted.setdefault(secret, value)

    def stamped(self, secret: Secret, recorded: Secret | None = None, *, with_fingerprint: bool = True) -> Secret:
        """
        The reference with what can be told of its present value: the store's version and a keyed fingerprint.

        The value is read only when that is needed to tell: for a fingerprint, unless the store says that the version
        is the one whose fingerprint was `recorded`, and for a version that the store tells only with the value.
        Raises `SecretUnavailable`.
        """
        stamp = stamp_of(secret)
        stored = self._version(secret)
        if self._fingerprints is None or not with_fingerprint:
            if secret.source in STORES and stored is None:
                stored = self._once(secret).version
            return Stamp(written=stamp.written, stored=stored).on(secret)
        if stored is not None and recorded is not None and same_place(recorded, secret):
            before = stamp_of(recorded)
            if before.stored == stored and before.fingerprint and before.fingerprint.key == self._fingerprints.id:
                return Stamp(written=stamp.written, stored=stored, fingerprint=before.fingerprint).on(secret)
        found = self._once(Stamp(written=stamp.written, stored=stored).on(secret))
        made = self._fingerprint(found, self._fingerprints)
        return Stamp(written=stamp.written, stored=found.version or stored, fingerprint=made).on(secret)

    def check(self, secret: Secret, *, trusted: bool = False) -> str | None:
        """
        What the store calls the value, once it was read and dropped again.

        `trusted` references stand in the project file and may name any place. Raises `SecretUnavailable`.
        """
        if not trusted:
            return self._read(secret).version
        with self._trusting(secret) as resolver:
            return resolver.check(secret)

    def check_fingerprints(self) -> None:
        """Return if fingerprints can be made, or none are asked for. Raises `SecretUnavailable`."""
        if self._fingerprints is not None:
            self._fingerprint(Found(""), self._fingerprints)

    def resolve_all(self, secrets: Iterable[Secret]) -> tuple[Problem, ...]:
        """
        Prove before the first write that every secret can be had; one problem for each that cannot.

        In the order given, each reference once. No value leaves this call.
        """
        problems = []
        for secret in dict.fromkeys(secrets):
            try:
                self._read(secret)
            except SecretUnavailable as missing:
                problems.append(missing.problem())
        return tuple(problems)

    def known(self) -> frozenset[str]:
        """The values revealed so far, for striking them out."""
        with self._guard:
            return frozenset(self._known)

    def forget(self) -> None:
        """Drop every value and connection; from then on nothing can be struck out."""
        with self._guard:
            self._known.clear()
            self._kept.clear()
            self._versions.clear()
            self._trusted.clear()
        with self._making:
            for store in self._stores.values():
                store.close()
            self._stores.clear()

    def warnings(self) -> tuple[Problem, ...]:
        """What is worth saying about the places read so far."""
        return self._files.warnings()

    def _trusting(self, secret: Secret) -> Resolver:
        policy = Policy.only(secret, self._root)
        return Resolver(self._environ, self._root, policy, self._places, reach=self._reach, hide=self._hide)

    def _fingerprint(self, found: Found, fingerprints: FingerprintKey) -> Fingerprint:
        key = self.reveal_for(fingerprints.key)
        if len(key) >= SHORTEST_KEY:
            return fingerprint(found.value, key, fingerprints.id)
        del key
        raise SecretUnavailable(
            fingerprints.key,
            f"the key of fingerprints in `{fingerprints.key}` is shorter than {SHORTEST_KEY} characters",
            "make one with `openssl rand -hex 32`, and give it a new `secrets.fingerprint.id`",
        )

    def _once(self, secret: Secret) -> Found:
        """The value as read the first time; what a store calls it stands for the value from then on."""
        pinned = _pinned(secret)
        with self._guard:
            kept = self._kept.get(pinned)
        if kept is not None:
            return kept
        found = self._read(secret)
        with self._guard:
            # Two threads may have read; both then go on with what the first one found.
            return self._kept.setdefault(pinned, found)

    def _read(self, secret: Secret) -> Found:
        self._permit(secret)
        found = self._found(_pinned(secret))
        self._hide(found.value)
        return found

    def _found(self, secret: Secret) -> Found:
        match secret.source:
            case "env":
                return self._environment.read(secret)
            case "file":
                return self._files.read(secret)
            case "named":
                source = self._places.named[secret.name]
                if isinstance(source, Command):
                    return CommandSource(self._root, self._environ).read(secret, source)
                return AgeSource(self._root, self.reveal_for).read(secret, source)
            case _:
                return self._store(secret).read(secret)

    def _version(self, secret: Secret) -> str | None:
        if secret.source not in STORES:
            return None
        pinned = _pinned(secret)
        with self._guard:
            if pinned in self._versions:
                return self._versions[pinned]
        self._permit(secret)
        version = self._store(secret).version(pinned)
        with self._guard:
            return self._versions.setdefault(pinned, version)

    def _permit(self, secret: Secret) -> None:
        refusal = self._policy.refusal(secret)
        if refusal:
            raise SecretUnavailable(
                secret, refusal, "allow it under `secrets` in `reconciler.yaml`, or use another place"
            )
        if secret.key is not None and secret.source in {"env", "file"}:
            raise SecretUnavailable(
                secret, f"`{secret.source}` has no entries, so `key` cannot choose one", "remove `key`"
            )
        if secret.source == "named" and secret.name not in self._places.named:
            raise SecretUnavailable(
                secret, f"no source of secrets is called `{secret.name}`", "define it under `secrets.named`"
            )

    def _store(self, secret: Secret) -> Store:
        with self._making:
            if secret.source not in self._stores:
                self._stores[secret.source] = self._opened(secret)
            return self._stores[secret.source]

    def _opened(self, secret: Secret) -> Store:
        match secret.source:
            case "awsSecretsManager":
                return AwsSource(self._places.aws)
            case "gcpSecretManager":
                return GcpSource(self._places.gcp, self._reach, self._hide)
            case _ if self._places.vault is not None:
                return VaultSource(self._places.vault, self._reach, self.reveal_for)
            case _:
                raise SecretUnavailable(
                    secret, "the project file says nothing of Vault", "add `secrets: {vault: {address: …}}`"
                )


def _pinned(secret: Secret) -> Secret:
    """The reference as its place is asked: with the version that is known to be meant, else with the written one."""
    stored = stamp_of(secret).stored
    return as_written(secret) if stored is None else replace(secret, version=stored)


def _reached(base_url: str, safe: Sequence[SafeRequest]) -> Reading:
    from reconciler.transport import Gate, Transport  # noqa: PLC0415 - most secrets are not reached by HTTP

    return Transport(base_url, safe=safe, gate=Gate())
