"""What a JSON Schema cannot say about one record: rules that compare its fields, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from reconciler.deliveries.findings import Level
from reconciler.deliveries.paths import EACH, Place, parts_of, select


class Breach(NamedTuple):
    """Where a record breaks a rule. The message holds nothing of the record's values."""

    place: Place
    message: str
    value: Any


class Rule(Protocol):
    """
    A rule over one record: a pure function with a name. Rules travel between processes, so they are plain values.

    `breaches` passes over what has another shape than it expects: that is the schema's business.
    """

    @property
    def name(self) -> str:
        """What findings are counted under, in kebab case."""

    @property
    def level(self) -> Level:
        """How bad a breach is."""

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """Every place at which the record breaks the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What stands at `path` is neither null nor empty."""

    name: str
    path: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`; a missing key is the schema's business."""
        for place, value in select(record, parts_of(self.path)):
            if value is None or value in ("", [], {}):
                yield Breach(place, "is null or empty", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysNull:
    """What stands at `path` is null."""

    name: str
    path: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`."""
        for place, value in select(record, parts_of(self.path)):
            if value is not None:
                yield Breach(place, "is expected to be null", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """What stands at `path` is one of `values`."""

    name: str
    path: str
    values: tuple[str | int | bool | None, ...]
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`."""
        for place, value in select(record, parts_of(self.path)):
            if not any(type(value) is type(each) and value == each for each in self.values):
                yield Breach(place, "is not the expected value", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disjoint:
    """At each object of `path`, no item stands in both lists, `left` and `right`."""

    name: str
    path: str
    left: str
    right: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`; every item of `right` that is in `left` too is one breach."""
        for place, value in select(record, parts_of(self.path)):
            if not isinstance(value, dict):
                continue
            left, right = value.get(self.left), value.get(self.right)
            if not (left and right and isinstance(left, list) and isinstance(right, list)):
                continue
            known = {each for each in left if isinstance(each, str | int)}
            for number, each in enumerate(right):
                if isinstance(each, str | int) and each in known:
                    yield Breach((*place, self.right, number), f"is in `{self.left}` too", each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """Within the last list of `path`, no two items have the same value: `user.consents.purposes[].id`."""

    name: str
    path: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`; every item after the first with its value is one breach."""
        steps = parts_of(self.path)
        cut = len(steps) - 1 - steps[::-1].index(EACH)
        for place, value in select(record, steps[:cut]):
            if not isinstance(value, list) or len(value) < 2:
                continue
            seen: set[str | int] = set()
            for inner, each in select(value, steps[cut:], place):
                if isinstance(each, str | int):
                    if each in seen:
                        yield Breach(inner, "repeats an earlier item of the list", each)
                    seen.add(each)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEarlier:
    """At each object of `path`, the time `later` is not before the time `earlier`."""

    name: str
    path: str
    earlier: str
    later: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`. A time without an offset counts as UTC; text that is no time is the schema's business."""
        for place, value in select(record, parts_of(self.path)):
            if not isinstance(value, dict):
                continue
            first, second = value.get(self.earlier), value.get(self.later)
            if first == second or not (isinstance(first, str) and isinstance(second, str)):
                continue
            begun, ended = _time(first), _time(second)
            if begun is not None and ended is not None and ended < begun:
                yield Breach((*place, self.later), f"is before `{self.earlier}`", second)


@dataclass(frozen=True, slots=True, kw_only=True)
class SameAs:
    """What stands at `path` equals what stands at `other`, which is one place of the record."""

    name: str
    path: str
    other: str
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`."""
        expected = [value for _, value in select(record, parts_of(self.other))]
        if len(expected) != 1:
            return
        for place, value in select(record, parts_of(self.path)):
            if type(value) is not type(expected[0]) or value != expected[0]:
                yield Breach(place, f"differs from `{self.other}`", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesOne:
    """Each object at `path` has one of `keys` at least in common with the object at `other`; null never counts."""

    name: str
    path: str
    other: str
    keys: tuple[str, ...]
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`."""
        others = [value for _, value in select(record, parts_of(self.other)) if isinstance(value, dict)]
        if len(others) != 1:
            return
        for place, value in select(record, parts_of(self.path)):
            if isinstance(value, dict) and not any(
                value.get(key) is not None and value.get(key) == others[0].get(key) for key in self.keys
            ):
                keys = " or ".join(f"`{each}`" for each in self.keys)
                yield Breach(place, f"does not share {keys} with `{self.other}`", value)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
