"""
One folder per vendor; the folder's name is the registration.

A folder sees sdk, transport and values, never another vendor's folder.
"""

from __future__ import annotations

import importlib
import pkgutil

from reconciler.sdk import Provider


def names() -> tuple[str, ...]:
    """The vendors that are installed, sorted; loads none of them."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__) if each.ispkg))


def load(name: str) -> Provider:
    """The provider in folder `name`; raises `KeyError` when there is none."""
    if name not in names():
        raise KeyError(name)
    provider = importlib.import_module(f"{__name__}.{name}").PROVIDER
    assert isinstance(provider, Provider)
    return provider
