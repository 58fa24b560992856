"""One consent event of an import: what it must be, by what it is known, and whether it is the one that is stored."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from reconciler.deliveries import Breach, Contract, Disjoint, Distinct, Format, Level, OneOf, Rule, Unique
from reconciler.deliveries.paths import general, written
from reconciler.deliveries.schemas import compiled

BATCH = "import_batch"
"""The key of an event's `metadata` by which an import can be found again, and undone (Events schema; documented)."""

_NAMESPACE = uuid.UUID("5f7e3c1c-0f1b-5d5a-9a3e-6d1f0c9b7a42")
_FILLED = ("purposes", "channels")
_BASES = ("enabled", "disabled", "enabled_li", "disabled_li")

Body = Mapping[str, Any]
"""One event as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoosesSomething:
    """`consents` holds at least one choice: one that is empty changes nothing and was not meant."""

    name: str = "empty-consents"
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`."""
        consents = record.get("consents") if isinstance(record, dict) else None
        if not isinstance(consents, dict):
            return
        vendors = consents.get("vendors")
        named = any(vendors.get(each) for each in _BASES) if isinstance(vendors, dict) else False
        if not named and not consents.get("tcfcs") and not any(consents.get(each) for each in _FILLED):
            yield Breach(("consents",), "holds no choice", consents)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsMoment:
    """What stands at `created_at` is a time that exists: the schema's format also lets through a 61st second."""

    name: str = "no-moment"
    level: Level = Level.ERROR

    def breaches(self, record: Any) -> Iterator[Breach]:  # noqa: ANN401 - JSON
        """See `Rule`; text of another shape is the schema's business."""
        text = record.get("created_at") if isinstance(record, dict) else None
        if isinstance(text, str) and instant(text) is None:
            yield Breach(("created_at",), "is no time", text)


@cache
def import_schema(*, ids: bool = True) -> str:
    """The JSON Schema of one event, as text; without `ids` one without an `id` is allowed."""
    text = (files("reconciler.providers.didomi") / "schemas" / "import-event.json").read_text(encoding="utf-8")
    if ids:
        return text
    document = json.loads(text)
    document["required"].remove("id")
    return json.dumps(document)


def import_contract(
    *,
    ids: bool = True,
    organization: str | None = None,
    batch: str | None = None,
    examples: int = 5,
    show_values: bool = False,
) -> Contract:
    """
    What every line of an import must be; `organization` and `batch` are checked where an event names its own.

    Stricter than Didomi where a slip would be expensive: keys that nobody knows are refused, and an event without an
    `id`, the only thing that keeps it from being imported twice (Batch import; documented).
    """
    rules: list[Rule] = [*_SOUND]
    if organization is not None:
        rules.append(OneOf(name="other-organization", path="organization_id", values=(organization,)))
    if batch is not None:
        rules.append(OneOf(name="other-batch", path=f"metadata.{BATCH}", values=(batch,)))
    return Contract(
        name="Didomi import event",
        format=Format.NDJSON,
        schema=import_schema(ids=ids),
        rules=tuple(rules),
        unique=(Unique(name="repeated-event", path="id", over="delivery", level=Level.ERROR),),
        examples=examples,
        show_values=show_values,
    )


_SOUND: tuple[Rule, ...] = (
    IsMoment(),
    ChoosesSomething(),
    # Sanity of the Consents object, as in exports: what Didomi makes of a contradiction is not documented.
    *(
        Disjoint(
            name="vendor-enabled-and-disabled",
            path="consents.vendors",
            left=f"enabled{basis}",
            right=f"disabled{basis}",
        )
        for basis in ("", "_li")
    ),
    Distinct(name="repeated-purpose", path="consents.purposes[].id"),
)


class Reason(NamedTuple):
    """Why an event is not imported; none of its values stands here. `path` has no numbers of items in `rule`."""

    rule: str
    path: str
    message: str


class Judge:
    """Says of one event after the other why it cannot be imported, by the same rules as a check of the file."""

    def __init__(self, contract: Contract) -> None:
        assert contract.schema is not None
        self._schema = compiled(contract.schema)
        self._rules = contract.rules
        self._own = tuple(each for each in contract.rules if each not in _SOUND)

    def reasons(self, value: Any) -> tuple[Reason, ...]:  # noqa: ANN401 - JSON
        """Empty for an event that can be imported."""
        try:
            if self._schema.is_valid(value) and is_sound(value):
                return tuple(reason for rule_ in self._own for reason in _broken(rule_, value))
            return tuple(self._found(value))
        except RecursionError:
            return (Reason("too-deep", "", "is nested too deeply to be checked"),)

    def _found(self, value: Any) -> Iterator[Reason]:  # noqa: ANN401 - JSON
        if not self._schema.is_valid(value):
            for keyword, breach in self._schema.broken(value):
                rule = f"schema.{keyword}:{general(breach.place)}"
                yield Reason(rule, written(breach.place), breach.message)
        for rule_ in self._rules:
            yield from _broken(rule_, value)


def _broken(rule_: Rule, value: Any) -> Iterator[Reason]:  # noqa: ANN401 - JSON
    for breach in rule_.breaches(value):
        yield Reason(rule_.name, written(breach.place), breach.message)


def is_sound(body: Body) -> bool:
    """
    Whether an event that keeps the schema keeps the rules too that every import has: the same, said by the million.

    What is not sound is looked at by the rules, which say why.
    """
    consents = body["consents"]
    purposes, vendors = consents.get("purposes"), consents.get("vendors")
    if purposes and len({each["id"] for each in purposes}) != len(purposes):
        return False
    if vendors:
        for left, right in (("enabled", "disabled"), ("enabled_li", "disabled_li")):
            if not set(vendors.get(left) or ()).isdisjoint(vendors.get(right) or ()):
                return False
    chosen = purposes or consents.get("channels") or consents.get("tcfcs")
    if not chosen and not (vendors and any(vendors.get(each) for each in _BASES)):
        return False
    return instant(body["created_at"]) is not None


def with_id(body: Body, source: str) -> Body:
    """The event with an id: its own, or one that follows from where it comes from, what it says, and when."""
    if body.get("id") is not None or not isinstance(body.get("created_at"), str):
        return body
    key = hashlib.sha256(_canonical({key: each for key, each in body.items() if key != "id"})).hexdigest()
    id = uuid.uuid5(_NAMESPACE, json.dumps([source, key, body["created_at"]]))
    return {**body, "id": str(id)}


def prepared(body: Body, batch: str) -> Body:
    """The event as it is sent: with the batch, so that it can be found again."""
    return {**body, "metadata": {**(body.get("metadata") or {}), BATCH: batch}}


def users_of(body: Body) -> tuple[str, ...]:
    """Every name of the event's user, as texts that different kinds of name do not share."""
    user = body["user"]
    theirs, ours = user.get("organization_user_id"), user.get("id")
    if ours is None:
        return (f"organization_user_id={theirs}",)
    return (f"id={ours}",) if theirs is None else (f"organization_user_id={theirs}", f"id={ours}")


def questions(body: Body) -> list[list[tuple[str, str]]]:
    """
    Queries by which the event's user can be named when the event is asked for, the likeliest first.

    A user id is mandatory there (Events, query; documented). Which record an event of two ids ends at may differ.
    """
    user = body["user"]
    names = (("user_id", user.get("id")), ("organization_user_id", user.get("organization_user_id")))
    return [[(name, value)] for name, value in names if value]


def purposes_of(body: Body) -> Iterator[str]:
    """Every purpose, preference and value that the event names: what API v2 checks (Events schema; documented)."""
    for purpose in body["consents"].get("purposes") or ():
        yield purpose["id"]
        for preference in purpose.get("preferences") or ():
            yield preference["id"]
        for preference, choice in (purpose.get("values") or {}).items():
            yield preference
            yield from (each for each in (choice.get("value") or "").split(",") if each)


def instant(text: object) -> datetime | None:
    """The moment that a text names; one without an offset counts as UTC."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def is_same(sent: Body, stored: Body) -> bool:
    """
    Whether the stored event is the one that was sent, as far as it says.

    Compared are moment, user and choices: what a server adds, or gives back in another shape, is no difference.
    """
    moment = stored.get("created_at", sent["created_at"])
    if moment != sent["created_at"] and instant(moment) != instant(sent["created_at"]):
        return False
    theirs, ours = stored.get("user"), sent["user"]
    names = ("organization_user_id",) if ours.get("organization_user_id") else ("id",)
    if isinstance(theirs, Mapping) and any(theirs.get(each, ours.get(each)) != ours.get(each) for each in names):
        return False
    consents = stored.get("consents", sent["consents"])
    if consents == sent["consents"] or not isinstance(consents, Mapping):
        return True
    return _choices(sent["consents"]) <= _choices(consents)


def _choices(consents: Body) -> frozenset[tuple[object, ...]]:
    """Every choice that is made, as flat values; null is no choice."""
    found: list[tuple[object, ...]] = []
    for kind in _FILLED:
        _walk(consents.get(kind), (kind,), found)
    vendors = consents.get("vendors")
    if isinstance(vendors, Mapping):
        found += [("vendors", basis, each) for basis in _BASES for each in vendors.get(basis) or ()]
    return frozenset(found)


def _walk(items: object, place: tuple[object, ...], found: list[tuple[object, ...]]) -> None:
    for item in items if isinstance(items, Sequence) and not isinstance(items, str) else ():
        if not isinstance(item, Mapping):
            continue
        here = (*place, item.get("id"))
        found += [(*here, key, item[key]) for key in ("enabled", "enabled_li") if isinstance(item.get(key), bool)]
        values = item.get("values")
        for name, choice in values.items() if isinstance(values, Mapping) else ():
            if isinstance(choice, Mapping) and choice.get("value"):
                found.append((*here, name, choice["value"]))
        for kind in ("preferences", "channels"):
            _walk(item.get(kind), (*here, kind), found)


def _canonical(body: object) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
