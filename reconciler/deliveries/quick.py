"""
All rules over one record in a single walk: "nothing can be wrong", or "look closely".

A good record is by far the usual one, so what a rule says of it must cost little. A yes is a promise: then no rule has
a breach. A no promises nothing, and `Rule.breaches` says what is wrong and where, if anything is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from reconciler.deliveries.paths import ANY, EACH, parts_of
from reconciler.deliveries.rules import (
    AlwaysNull,
    Disjoint,
    Distinct,
    Filled,
    NotEarlier,
    OneOf,
    Rule,
    SameAs,
    SharesOne,
)

Seen = dict[str, Any]
"""What stands at the paths that other paths are compared with, as far as the walk has come."""

_Check = Callable[[Any, Seen], bool]


@dataclass(slots=True)
class _Node:
    checks: list[_Check] = field(default_factory=list)
    keys: dict[str, _Node] = field(default_factory=dict)
    each: _Node | None = None

    def below(self, steps: Iterable[str]) -> _Node:
        """The node that the steps lead to, made where there is none."""
        node = self
        for step in steps:
            if step == EACH:
                node.each = node = node.each or _Node()
            else:
                node = node.keys.setdefault(step, _Node())
        return node


def quick(rules: Iterable[Rule]) -> Callable[[Any], bool] | None:
    """The walk for these rules, or `None` when one of them has a kind or a path that it does not know."""
    root = _Node()
    kept = list(rules)
    # What others are compared with is met first.
    for rule in kept:
        if isinstance(rule, SameAs | SharesOne):
            steps = parts_of(rule.other)
            if EACH in steps or ANY in steps:
                return None
            root.below(steps).checks.append(_remember(rule.other))
    for rule in kept:
        check = _check(rule)
        if check is None:
            return None
        path, found = check
        steps = parts_of(path)
        if ANY in steps:
            return None
        root.below(steps).checks.append(found)
    return lambda record: _walk(root, record, {})


def _walk(node: _Node, value: Any, seen: Seen) -> bool:  # noqa: ANN401 - JSON
    for check in node.checks:
        if not check(value, seen):
            return False
    if node.keys and type(value) is dict:
        for key, below in node.keys.items():
            if key in value and not _walk(below, value[key], seen):
                return False
    if node.each is not None and type(value) is list:
        for item in value:
            if not _walk(node.each, item, seen):
                return False
    return True


def _remember(path: str) -> _Check:
    def check(value: Any, seen: Seen) -> bool:  # noqa: ANN401 - JSON
        seen[path] = value
        return True

    return check


def _check(rule: Rule) -> tuple[str, _Check] | None:
    """Where a rule looks, and what must be true there; `None` for a rule that only knows itself."""
    match rule:
        case Filled():
            return rule.path, lambda value, _: value is not None and value not in ("", [], {})
        case AlwaysNull():
            return rule.path, lambda value, _: value is None
        case OneOf():
            return rule.path, _one_of(rule)
        case Disjoint():
            return rule.path, _disjoint(rule.left, rule.right)
        case Distinct():
            return _distinct(rule.path)
        case NotEarlier():
            return rule.path, _not_earlier(rule.earlier, rule.later)
        case SameAs():
            return rule.path, _same_as(rule.other)
        case SharesOne():
            return rule.path, _shares_one(rule.other, rule.keys)
        case _:
            return None


def _one_of(rule: OneOf) -> _Check:
    texts = frozenset(each for each in rule.values if isinstance(each, str))
    return lambda value, _: type(value) is str and value in texts


def _disjoint(left: str, right: str) -> _Check:
    def check(value: Any, _: Seen) -> bool:  # noqa: ANN401 - JSON
        if type(value) is not dict:
            return True
        first, second = value.get(left), value.get(right)
        if not first or not second:
            return True
        try:
            return frozenset(first).isdisjoint(second)
        except TypeError:
            return False

    return check


def _distinct(path: str) -> tuple[str, _Check] | None:
    """For `list[].key` and `list[]`, however deep the list lies."""
    outer, mark, inner = path.rpartition(EACH)
    keys = inner.lstrip(".")
    if not mark or "." in keys:
        return None

    def check(value: Any, _: Seen) -> bool:  # noqa: ANN401 - JSON
        if type(value) is not list or len(value) < 2:
            return True
        try:
            found = [each[keys] for each in value] if keys else value
            return len(frozenset(found)) == len(found)
        except (TypeError, KeyError, IndexError):
            return False

    return outer, check


def _not_earlier(earlier: str, later: str) -> _Check:
    def check(value: Any, _: Seen) -> bool:  # noqa: ANN401 - JSON
        if type(value) is not dict:
            return True
        first, second = value.get(earlier), value.get(later)
        if first is None or second is None or first == second:
            return True
        return type(first) is str and type(second) is str and _in_order(first, second)

    return check


def _in_order(first: str, second: str) -> bool:
    """Whether two times of one plain form, `2026-11-21T10:00:00.000Z`, are in order; others are looked at closely."""
    return (
        first <= second
        and len(first) == len(second) >= 20
        and first[10] == second[10] == "T"
        and first[13] == second[13] == first[16] == second[16] == ":"
        and first[-1] == second[-1] == "Z"
        and "W" not in first
        and "W" not in second
        and "," not in first
        and "," not in second
    )


def _same_as(other: str) -> _Check:
    def check(value: Any, seen: Seen) -> bool:  # noqa: ANN401 - JSON
        return other in seen and type(value) is type(seen[other]) and value == seen[other]

    return check


def _shares_one(other: str, keys: tuple[str, ...]) -> _Check:
    def check(value: Any, seen: Seen) -> bool:  # noqa: ANN401 - JSON
        if type(value) is not dict:
            return True
        against = seen.get(other)
        if type(against) is not dict:
            return False
        for key in keys:
            found = value.get(key)
            if found is not None and found == against.get(key):
                return True
        return False

    return check
