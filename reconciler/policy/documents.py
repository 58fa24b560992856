"""What rules see of a manifest, a change and a plan: plain data in which no secret can stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from reconciler.policy.expressions import Plain
from reconciler.values import (
    MISSING,
    Action,
    Address,
    Blank,
    Change,
    Lifecycle,
    Mark,
    Path,
    Plan,
    Ref,
    Resource,
    Secret,
    Traits,
    Value,
    dotted,
)

Facts = dict[str, Plain]
"""A value for each variable."""

PROJECT: Final = {"project.name": "text", "project.environment": "text", "now": "moment"}
RESOURCE: Final = {
    "resource.address": "text",
    "resource.vendor": "text",
    "resource.kind": "text",
    "resource.name": "text",
    "resource.labels": "texts",
    "resource.spec": "mapping",
    "resource.lifecycle": "mapping",
    "resource.delivery": "mapping",
    "resource.origin": "text",
    "resource.file": "text",
    "resource.line": "whole number",
}
CHANGE: Final = {
    "change.address": "text",
    "change.action": "text",
    "change.id": "text",
    "change.fields": "mappings",
    "change.reasons": "mappings",
    "change.deleteFirst": "flag",
    "change.freshness": "flag",
}
PLAN: Final = {"plan.counts": "numbers", "plan.changes": "whole number", "plan.partial": "flag"}
_EMPTY: Final[Mapping[str, Callable[[], Plain]]] = {
    "text": str,
    "whole number": int,
    "flag": bool,
    "texts": dict,
    "numbers": dict,
    "mapping": dict,
    "mappings": list,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and when is judged, and what the kinds say of their fields."""

    project: str
    environment: str
    now: datetime
    traits: Callable[[str], Traits]
    deliveries: Mapping[Address, Mapping[str, Plain]]

    def facts(self) -> Facts:
        """What every rule sees."""
        return {"project.name": self.project, "project.environment": self.environment, "now": self.now}

    def of_resource(self, resource: Resource) -> Facts:
        """What a rule sees of a manifest."""
        mark = resource.mark or Mark("", 0, 0)
        return {
            **_named(resource.address),
            "resource.labels": dict(resource.labels),
            "resource.spec": self.spec(resource.address, resource.attributes),
            "resource.lifecycle": _lifecycle(resource.lifecycle),
            "resource.delivery": dict(self.deliveries.get(resource.address, {})),
            "resource.origin": str(resource.origin or ""),
            "resource.file": mark.file,
            "resource.line": mark.line,
        }

    def of_change(self, change: Change) -> Facts:
        """
        What a rule sees of a change, and of what it is about.

        That is what the manifest wants; without a manifest what was applied last.
        """
        address, record = change.address, change.record
        if change.resource is not None:
            about = self.of_resource(change.resource)
        elif record is not None:
            about = {
                **empty(RESOURCE),
                **_named(address),
                "resource.labels": dict(record.labels),
                "resource.spec": self.spec(address, record.applied),
                "resource.lifecycle": _lifecycle(record.lifecycle),
            }
        else:
            about = {**empty(RESOURCE), **_named(address)}
        return {
            **about,
            "change.address": str(address),
            "change.action": change.action.value,
            "change.id": change.id or "",
            "change.fields": [self._field(address, each.path, each.before, each.after) for each in change.fields],
            "change.reasons": [{"code": each.code.value, "text": each.text} for each in change.reasons],
            "change.deleteFirst": change.delete_first,
            "change.freshness": change.is_freshness,
        }

    def spec(self, address: Address, attributes: Mapping[str, Value]) -> dict[str, Plain]:
        """The document as plain data: references as addresses, secrets as their places, blanks left out."""
        hidden = self._secrets(address)
        return {key: _plain(each, (key,), hidden) for key, each in attributes.items() if each is not MISSING}

    def _field(self, address: Address, path: Path, before: Value, after: Value) -> dict[str, Plain]:
        hidden = self._secrets(address)
        sides = {"before": before, "after": after}
        told: dict[str, Plain] = {
            name: _plain(each, path, hidden) for name, each in sides.items() if not isinstance(each, Blank)
        }
        return {"path": dotted(path), **told}

    def _secrets(self, address: Address) -> frozenset[tuple[str, ...]]:
        try:
            return self.traits(address.type).secrets
        except KeyError:
            return frozenset()


def of_plan(plan: Plan, doing: Iterable[Change]) -> Facts:
    """What a rule sees of a plan: how often each action occurs among what it does."""
    counted = Counter(each.action.value for each in doing)
    return {
        "plan.counts": {each.value: counted[each.value] for each in Action},
        "plan.changes": counted.total(),
        "plan.partial": plan.partial,
    }


def empty(variables: Mapping[str, str]) -> Facts:
    """The variables with nothing in them."""
    return {name: _EMPTY[type]() for name, type in variables.items()}


def _named(address: Address) -> Facts:
    return {
        "resource.address": str(address),
        "resource.vendor": address.vendor,
        "resource.kind": address.kind,
        "resource.name": address.name,
    }


def _lifecycle(lifecycle: Lifecycle) -> dict[str, Plain]:
    """As it is written; what is not written is left out."""
    written: dict[str, Plain] = {
        "preventDestroy": lifecycle.prevent_destroy or None,
        "createAnyway": lifecycle.create_anyway or None,
        "onRemoval": lifecycle.on_removal.value if lifecycle.on_removal is not None else None,
        "replace": lifecycle.replace.value if lifecycle.replace is not None else None,
        "ignoreChanges": [*lifecycle.ignore_changes, *(each.path for each in lifecycle.exceptions)] or None,
    }
    return {key: each for key, each in written.items() if each is not None}


def _plain(value: Value, path: Path, hidden: frozenset[tuple[str, ...]]) -> Plain:
    if isinstance(value, Secret):
        parts = {value.source: value.name, "key": value.key, "version": value.version}
        return {name: each for name, each in parts.items() if each is not None}
    if isinstance(value, Ref):
        return str(value.to)
    if isinstance(value, Blank):
        return None
    if value is None or isinstance(value, bool):
        return value
    if any(_leads(pattern, path) for pattern in hidden):
        return {"secret": "not shown"}
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple):
        return [_plain(each, (*path, at), hidden) for at, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _plain(each, (*path, key), hidden) for key, each in value.items() if each is not MISSING}
    assert_never(value)


def _leads(pattern: tuple[str, ...], path: Path) -> bool:
    """Whether the field is one for secrets, or lies within one."""
    return len(pattern) <= len(path) and all(rule in ("*", step) for rule, step in zip(pattern, path, strict=False))
