"""Signing the ledger's newest record, where the project file names a key, and checking what was signed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.backend import Backend, BackendError, Head
from reconciler.history.signatures import CannotSign, sign, signer, statement
from reconciler.operations.failures import Failure
from reconciler.specs import Project
from reconciler.stores import StoreError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How the ledger of one project is signed; without a `key` it is not."""

    project: str
    environment: str
    key: Path | None
    environ: Mapping[str, str]

    @classmethod
    def of(cls, project: Project, environ: Mapping[str, str]) -> Signing:
        """As the project file says."""
        key = project.root / project.signing_key if project.signing_key is not None else None
        return cls(project=project.name, environment=project.environment, key=key, environ=environ)

    def check(self) -> None:
        """Return if records can be signed, or need not be. Raises `Failure` before anything is written."""
        if self.key is not None:
            try:
                sign(b"", self.key, self.environ)
            except CannotSign as error:
                raise Failure(
                    f"the ledger cannot be signed: {error}",
                    help="see `ledger.signingKey` in the project file; without it nothing is signed",
                ) from None

    def sign(self, head: Head, backend: Backend) -> None:
        """
        Keep a signature beside the record. What cannot be signed now is covered by the next signature.

        The record is written already, so a failure is only warned of.
        """
        if self.key is None:
            return
        content = statement(self.project, self.environment, head.number, head.digest)
        try:
            backend.keep_signature(head.number, sign(content, self.key, self.environ))
        except (CannotSign, BackendError, StoreError) as error:
            _log.warning("record %d of the ledger is not signed: %s", head.number, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """
    What the signatures say: the newest record that an allowed signer has signed, and who that is.

    `foreign` are the numbers of newer records whose signatures are of nobody who is allowed, or not of that record.
    """

    number: int | None = None
    by: str | None = None
    foreign: tuple[int, ...] = ()


def signed(backend: Backend, signing: Signing, digests: Mapping[int, str | None], signers: Path) -> Signed:
    """
    Look for the newest good signature; `digests` are those of the records as they are stored now.

    Raises `Failure` when nothing can be checked.
    """
    foreign: list[int] = []
    for number in reversed(backend.signatures()):
        signature, digest = backend.signature(number), digests.get(number)
        content = statement(signing.project, signing.environment, number, digest or "none")
        try:
            by = signer(content, signature, signers, signing.environ) if digest is not None else None
        except CannotSign as error:
            raise Failure(f"signatures cannot be checked: {error}") from None
        if by is not None:
            return Signed(number=number, by=by, foreign=tuple(foreign))
        foreign.append(number)
    return Signed(foreign=tuple(foreign))
