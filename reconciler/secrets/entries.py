"""
One entry out of a secret that holds several.

What is wrong with a value is returned rather than raised, so that no frame of a traceback holds the value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Found
from reconciler.values import Secret


def raised(found: Found | SecretUnavailable) -> Found:
    """What was found; raises what was wrong with it."""
    if isinstance(found, SecretUnavailable):
        raise found
    return found


def entry_of_text(secret: Secret, text: str | None, version: str | None = None) -> Found | SecretUnavailable:
    """The text itself, or, with a `key`, that entry of the JSON object that it is; None is no text at all."""
    if text is None:
        return SecretUnavailable(secret, f"`{secret}` is no UTF-8 text", "store the secret as text")
    if secret.key is not None:
        return _entry_of_object(secret, text, version)
    if text:
        return Found(text, version)
    return SecretUnavailable(secret, f"`{secret}` is empty", "store the secret there")


def entry(secret: Secret, entries: Mapping[str, object], version: str | None = None) -> Found | SecretUnavailable:
    """The entry that the reference's `key` names."""
    if secret.key is None or secret.key not in entries:
        return SecretUnavailable(secret, f"`{secret}` has no such entry", "correct `key`, or store the entry")
    value = entries[secret.key]
    if isinstance(value, str) and value:
        return Found(value, version)
    return SecretUnavailable(secret, f"the entry of `{secret}` is no text, or an empty one", "store it as text")


def _entry_of_object(secret: Secret, text: str, version: str | None) -> Found | SecretUnavailable:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return entry(secret, found, version)
    return SecretUnavailable(
        secret,
        f"`{secret}` is no JSON object, so `key` cannot choose an entry",
        "remove `key`, or store an object with that entry",
    )


def decoded(content: bytes) -> str | None:
    """The text; None rather than an error, which would carry the bytes that it complains about."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def without_line_break(text: str | None) -> str | None:
    """The text without one trailing line break, of either kind."""
    return text.removesuffix("\n").removesuffix("\r") if text and text.endswith("\n") else text
