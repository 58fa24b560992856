"""
The ownership mark: ` [reconciler:<project>/<environment>/<Kind>/<name>#<intent>]` at the end of a text field.

It is ours; the rest of the field is the user's.
"""

from __future__ import annotations

import re

from reconciler.values import Address, Ownership

_MARK = re.compile(
    r" ?\[reconciler:(?P<project>[^/#\[\]]+)/(?P<environment>[^/#\[\]]+)/(?P<kind>[^/#\[\]]+)"
    r"/(?P<name>[^/#\[\]]+)#(?P<intent>[^/#\[\]]+)\]"
)


def owned(address: Address, *, project: str, environment: str, intent: str) -> Ownership:
    """The mark of one attempt to make the resource."""
    return Ownership(project=project, environment=environment, kind=address.kind, name=address.name, intent=intent)


def write_mark(text: str, owner: Ownership) -> str:
    """The user's text with the mark behind it, in place of a mark it had."""
    plain, _ = split_mark(text)
    mark = f"[reconciler:{owner.project}/{owner.environment}/{owner.kind}/{owner.name}#{owner.intent}]"
    return f"{plain} {mark}" if plain else mark


def split_mark(text: str) -> tuple[str, Ownership | None]:
    """
    The user's text and the mark found in it.

    With several marks the last one counts and all are removed.
    """
    found = list(_MARK.finditer(text))
    if not found:
        return text, None
    return _MARK.sub("", text), Ownership(**found[-1].groupdict())
