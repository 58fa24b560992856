"""Values for references, read when they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from reconciler.secrets.env import EnvironmentSource
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.file import FileSource
from reconciler.secrets.policy import Policy
from reconciler.values import Problem, Secret


class Source(Protocol):
    """One kind of place."""

    def read(self, secret: Secret) -> str:
        """The value, never empty; raises `SecretUnavailable`."""


class Resolver:
    """
    Reveals secrets, in any thread, to the calls that send them.

    Every call reads the place anew, so no value is kept in order to be sent. What was revealed is kept for one end, to
    strike it out of what a vendor says back (`known`), until `forget` or the end of the `with` block; what was only
    looked at by `resolve_all` was never sent and is dropped at once.
    """

    def __init__(self, environ: Mapping[str, str], root: Path, policy: Policy) -> None:
        self._policy = policy
        self._files = FileSource(root, policy)
        self._sources: dict[str, Source] = {"env": EnvironmentSource(environ), "file": self._files}
        self._known: set[str] = set()
        self._guard = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.forget()

    def reveal(self, secret: Secret) -> str:
        """The value, to be sent and dropped. Raises `SecretUnavailable`, also for a place that is not allowed."""
        value = self._read(secret)
        with self._guard:
            self._known.add(value)
        return value

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
        """Drop every value; from then on nothing can be struck out."""
        with self._guard:
            self._known.clear()

    def warnings(self) -> tuple[Problem, ...]:
        """What is worth saying about the places read so far."""
        return self._files.warnings()

    def _read(self, secret: Secret) -> str:
        refusal = self._policy.refusal(secret)
        if refusal:
            raise SecretUnavailable(
                secret, refusal, "allow it under `secrets` in `reconciler.yaml`, or use another place"
            )
        if secret.key is not None:
            raise SecretUnavailable(
                secret, f"`{secret.source}` has no entries, so `key` cannot choose one", "remove `key`"
            )
        return self._sources[secret.source].read(secret)
