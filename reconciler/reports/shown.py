"""Values as people read them, led by what a kind says of its fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from reconciler.reports.escape import plain, quoted
from reconciler.reports.names import Names
from reconciler.values import UNKNOWN, Address, Blank, Document, Path, Ref, Secret, Traits, Value

_NOBODY = Names()
_CONCEALED = "(a secret, not shown)"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the values of one kind are to be read; without traits nothing is known of its fields."""

    traits: Traits | None = None
    names: Names = _NOBODY

    def text(self, value: Value, path: Path = (), *, detail: bool = False) -> str:
        """
        The whole value on one line, harmless on any screen.

        A field that points at another resource shows that resource's kind and name; `detail` adds the id. A text in
        a field for secrets, which ought to hold references only, is never shown.
        """
        if isinstance(value, Blank):
            return f"({value.value})"
        if isinstance(value, Secret):
            return plain(str(value))
        if isinstance(value, Ref):
            return plain(self.name(value.to))
        if value is None:
            return "null"
        if self.is_secret(path):
            return _CONCEALED
        if isinstance(value, str):
            target = self.target(value, path)
            if target is None:
                return quoted(value)
            return f"{plain(self.name(target))} {quoted(value)}" if detail else plain(self.name(target))
        if isinstance(value, bool | int | float):
            return json.dumps(value)
        if isinstance(value, tuple):
            return "[" + ", ".join(self.text(each, (*path, at)) for at, each in enumerate(value)) + "]"
        if isinstance(value, Mapping):
            inner = (f"{_key(key)}: {self.text(each, (*path, key))}" for key, each in sorted(value.items()))
            return "{" + ", ".join(inner) + "}"
        assert_never(value)

    def name(self, address: Address) -> str:
        """`SourceConnection/orders`, or the whole address when another vendor's is meant."""
        vendor = self.traits.type.partition("/")[0] if self.traits else None
        return f"{address.kind}/{address.name}" if vendor == address.vendor else str(address)

    def target(self, id: str, path: Path) -> Address | None:
        """The address that an id in a reference field stands for, if known."""
        type = self.reference(path)
        return self.names.get(type, id) if type else None

    def reference(self, path: Path) -> str | None:
        """The type (`vendor/Kind`) that the field points at, if it points at anything."""
        if self.traits is None:
            return None
        return next((type for pattern, type in sorted(self.traits.references.items()) if matches(pattern, path)), None)

    def is_secret(self, path: Path) -> bool:
        """Whether the field is one for secrets, or lies within such a field."""
        return self.traits is not None and any(matches(each, path[: len(each)]) for each in self.traits.secrets)

    def is_unordered(self, path: Path) -> bool:
        """Whether the order of the list means nothing."""
        return self.traits is not None and any(matches(each, path) for each in self.traits.unordered)

    def key_of(self, path: Path) -> str | None:
        """The key that tells the list's items apart, if the kind names one."""
        if self.traits is None:
            return None
        return next((by for pattern, by in sorted(self.traits.keyed.items()) if matches(pattern, path)), None)


def reading_of(type: str, traits: Callable[[str], Traits], names: Names = _NOBODY) -> Reading:
    """The reading of a kind; of a kind that is not at hand (`KeyError`) nothing is known."""
    try:
        return Reading(traits(type), names)
    except KeyError:
        return Reading(None, names)


def matches(pattern: Iterable[str], path: Path) -> bool:
    """Whether a path of traits, in which `*` is any step, leads to the field."""
    steps = tuple(pattern)
    return len(steps) == len(path) and all(each in ("*", step) for each, step in zip(steps, path, strict=True))


def at(document: Document | None, path: Path) -> Value:
    """The value at a path, UNKNOWN when nothing is there."""
    value: Value = document or {}
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step, UNKNOWN)
        elif isinstance(step, int) and isinstance(value, tuple):
            value = value[step] if 0 <= step < len(value) else UNKNOWN
        else:
            return UNKNOWN
    return value


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else quoted(key)
