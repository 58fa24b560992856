"""RFC 7396: one document laid over another."""

from __future__ import annotations

from reconciler.specs.tree import Node


def merged(target: Node, patch: Node) -> Node:
    """
    `target` with `patch` laid over it: mappings key by key, a null removes, everything else replaces.

    Neither is changed; parts may be shared with the result.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
