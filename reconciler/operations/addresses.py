"""Addresses as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.specs.words import near_miss
from reconciler.values import Address


def guess(address: Address, known: Iterable[Address]) -> str:
    """The help for an address that is none: the one that was probably meant, or where to find all."""
    near = near_miss(str(address), map(str, known))
    if near is not None:
        return f"did you mean `{near}`?"
    return "`reconciler state list` lists what is managed, `reconciler graph` what the manifests describe"
