"""
What is remembered of a secret beside its place: its store's version and a keyed fingerprint.

Both travel in the reference's `version`, behind what the owner wrote there: `2 store:7 hmac:k1:0f3a…`. Nothing else
of the program need know, since two references that differ are two secrets. Pure: the values are read elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from reconciler.secrets.fingerprint import Fingerprint
from reconciler.values import Secret

_FINGERPRINT = re.compile(r"(?:\A| )hmac:(?P<key>[-a-z0-9]+):(?P<digest>[0-9a-f]{32})\Z")
_STORED = re.compile(r"(?:\A| )store:(?P<version>\S+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the owner wrote as the version, what the store calls the value, and the value's fingerprint."""

    written: str | None = None
    stored: str | None = None
    fingerprint: Fingerprint | None = None

    def on(self, secret: Secret) -> Secret:
        """The reference with this stamp in place of the one it has."""
        words = (
            self.written,
            None if self.stored is None else f"store:{quote(self.stored, safe='')}",
            None if self.fingerprint is None else f"hmac:{self.fingerprint.key}:{self.fingerprint.digest}",
        )
        return replace(secret, version=" ".join(word for word in words if word) or None)


def stamp_of(secret: Secret) -> Stamp:
    """The stamp that the reference carries."""
    rest = secret.version or ""
    fingerprint = stored = None
    if found := _FINGERPRINT.search(rest):
        fingerprint, rest = Fingerprint(key=found["key"], digest=found["digest"]), rest[: found.start()]
    if found := _STORED.search(rest):
        stored, rest = unquote(found["version"]), rest[: found.start()]
    return Stamp(written=rest or None, stored=stored, fingerprint=fingerprint)


def as_written(secret: Secret) -> Secret:
    """The reference as its owner wrote it."""
    return Stamp(written=stamp_of(secret).written).on(secret)


def same_place(one: Secret, other: Secret) -> bool:
    """Whether both name the same entry of the same place, of whatever version."""
    return (one.source, one.name, one.key) == (other.source, other.name, other.key)


def same_value(recorded: Secret, present: Secret) -> bool:
    """
    Whether nothing says that the value is another one than was sent.

    Fingerprints made with one key decide, whatever the references say; of two keys they say nothing. Then the place
    must be the same, and the store's version, or, where the store tells none, the version that the owner wrote.
    """
    before, now = stamp_of(recorded), stamp_of(present)
    if before.fingerprint and now.fingerprint and before.fingerprint.key == now.fingerprint.key:
        return before.fingerprint.digest == now.fingerprint.digest
    if not same_place(recorded, present):
        return False
    if before.stored is not None and now.stored is not None:
        return before.stored == now.stored
    return before.written == now.written


def rotated(recorded: Secret, present: Secret) -> bool:
    """Whether a fingerprint or the store's version proves that the value is another one."""
    before, now = stamp_of(recorded), stamp_of(present)
    if before.fingerprint and now.fingerprint and before.fingerprint.key == now.fingerprint.key:
        return before.fingerprint.digest != now.fingerprint.digest
    known = before.stored is not None and now.stored is not None
    return known and same_place(recorded, present) and before.stored != now.stored


def joined(recorded: Secret, present: Secret) -> Secret:
    """What is to be remembered of a value that is the same: what is said now, and what only was known before."""
    before, now = stamp_of(recorded), stamp_of(present)
    stored = now.stored
    if stored is None and same_place(recorded, present):
        stored = before.stored
    return replace(now, stored=stored, fingerprint=now.fingerprint or before.fingerprint).on(present)
