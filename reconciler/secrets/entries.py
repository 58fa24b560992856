"""One entry out of a secret that holds several."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.secrets.errors import SecretUnavailable
from reconciler.values import Secret


def entry_of_text(secret: Secret, text: str) -> str:
    """The text itself, or, with a `key`, that entry of the JSON object that it is. Raises `SecretUnavailable`."""
    if secret.key is None:
        if not text:
            raise SecretUnavailable(secret, f"`{secret}` is empty", "store the secret there")
        return text
    entries = _object(text)
    if entries is None:
        raise SecretUnavailable(
            secret,
            f"`{secret}` is no JSON object, so `key` cannot choose an entry",
            "remove `key`, or store an object with that entry",
        )
    return entry(secret, entries)


def entry(secret: Secret, entries: Mapping[str, object]) -> str:
    """The entry that the reference's `key` names. Raises `SecretUnavailable`, naming no other entry."""
    assert secret.key is not None
    if secret.key not in entries:
        raise SecretUnavailable(secret, f"`{secret}` has no such entry", "correct `key`, or store the entry")
    value = entries[secret.key]
    if isinstance(value, str) and value:
        return value
    # Neither shown nor held by this frame: whatever it is, it may be a secret.
    del value
    raise SecretUnavailable(secret, f"the entry of `{secret}` is no text, or an empty one", "store it as text")


def _object(text: str) -> Mapping[str, object] | None:
    """None rather than an error, which would carry the text that it complains about."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
