"""Keyed fingerprints: whether two values are one, told only to who has the key."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from reconciler.values import Secret

SHORTEST_KEY = 32
"""In characters. Whoever can guess the key can try values against a fingerprint in the state."""

_PURPOSE = b"reconciler: fingerprint of a secret, 1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintKey:
    """Where the key is kept, and the id by which fingerprints made with it are known."""

    id: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A value's fingerprint: the id of the key, and 128 bits in hexadecimal digits."""

    key: str
    digest: str


def fingerprint(value: str, key: str, id: str) -> Fingerprint:
    """
    The fingerprint of a value.

    The place plays no part, so that a secret which only moved is known to be the same.
    """
    digest = hmac.new(key.encode(), _PURPOSE + value.encode("utf-8", errors="surrogatepass"), hashlib.sha256)
    return Fingerprint(key=id, digest=digest.hexdigest()[:32])
