"""A store in memory, for tests that care what is stored and not where."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.stores import AlreadyThere, NotThere


class Memory:
    """The contract of a store at its shortest; `objects` may be looked at and damaged."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create(self, name: str, body: bytes) -> None:
        if self.objects.setdefault(name, body) is not body:
            raise AlreadyThere(name)

    def read(self, name: str) -> bytes:
        if name not in self.objects:
            raise NotThere(name)
        return self.objects[name]

    def list(self, prefix: str) -> Sequence[str]:
        return sorted(name for name in self.objects if name.startswith(prefix))

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def where(self, name: str) -> str:
        return f"memory {name}"
