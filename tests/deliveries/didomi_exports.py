"""Generated Didomi exports, good ones and such with known mistakes at known lines."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from reconciler.providers.didomi.emulator.records import invented

Record = dict[str, Any]
Spoil = Callable[[Record], None]


def good_records(
    count: int, *, shape: str = "v2", seed: int = 1, guests: bool = False, shared: bool = False
) -> Iterator[Record]:
    """Records as the vendor's stand-in writes them."""
    return invented(
        chance=random.Random(seed),
        organization="example-org",
        count=count,
        until=datetime(2026, 11, 21, tzinfo=UTC),
        shape=shape,
        guests=guests,
        shared_ids=shared,
        history=True,
        source="sdk-web",
        proof="0f" * 32 + ".pdf",
    )


def line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def spoiled(record: Record, spoil: Spoil) -> Record:
    changed: Record = json.loads(json.dumps(record))  # the stand-in's parts are shared, a file's are not
    spoil(changed)
    return changed


def _set(*path: str | int, to: object) -> Spoil:
    def spoil(record: Record) -> None:
        value: Any = record
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return spoil


def _without(*path: str | int) -> Spoil:
    def spoil(record: Record) -> None:
        value: Any = record
        for step in path[:-1]:
            value = value[step]
        del value[path[-1]]

    return spoil


def _both(*spoils: Spoil) -> Spoil:
    def spoil(record: Record) -> None:
        for each in spoils:
            each(record)

    return spoil


_VENDORS = {"enabled": ["v-1", "v-2"], "disabled": ["v-2"], "enabled_li": [], "disabled_li": []}
_INTERESTS = {"enabled": [], "disabled": [], "enabled_li": ["v-3"], "disabled_li": ["v-4", "v-3"]}
_TWICE = [{"id": "ads", "enabled": True}, {"id": "ads", "enabled": False}]

# Every mistake is one finding: its rule and the path it is found at.
MISTAKES: list[tuple[str, str, Spoil]] = [
    ("schema.required:user", "user", _without("user")),
    ("schema.required:events", "events", _without("events")),
    ("schema.type:events", "events", _set("events", to={})),
    *[
        (f"schema.required:user.{key}", f"user.{key}", _without("user", key))
        for key in ("id", "organization_user_id", "created_at", "updated_at", "version", "consents")
    ],
    *[
        (f"schema.required:events[].{key}", f"events[1].{key}", _without("events", 1, key))
        for key in ("id", "created_at", "consents")
    ],
    ("schema.required:events[].user", "events[0].user", _without("events", 0, "user")),
    ("schema.minLength:user.organization_id", "user.organization_id",
     _both(_set("user", "organization_id", to=""), _set("events", to=[]))),
    ("schema.type:user.version", "user.version", _set("user", "version", to="1")),
    ("schema.minimum:user.version", "user.version", _set("user", "version", to=-1)),
    ("schema.format:user.created_at", "user.created_at", _set("user", "created_at", to="yesterday")),
    ("schema.format:events[].updated_at", "events[0].updated_at", _set("events", 0, "updated_at", to="21/11/2026")),
    ("schema.pattern:user.country", "user.country", _set("user", "country", to="4Z")),
    ("schema.pattern:user.last_seen_country", "user.last_seen_country", _set("user", "last_seen_country", to="fr\n")),
    ("schema.type:user.metadata", "user.metadata", _set("user", "metadata", to="text")),
    ("schema.type:user.consents.tcfcs", "user.consents.tcfcs", _set("user", "consents", "tcfcs", to=1)),
    ("schema.type:user.consents.purposes[].enabled", "user.consents.purposes[0].enabled",
     _set("user", "consents", "purposes", 0, "enabled", to="yes")),
    ("schema.required:events[].consents.purposes[].id", "events[0].consents.purposes[0].id",
     _without("events", 0, "consents", "purposes", 0, "id")),
    ("schema.type:user.consents.vendors.disabled", "user.consents.vendors.disabled",
     _set("user", "consents", "vendors", "disabled", to="v-1")),
    ("schema.type:user.consents.channels[].enabled", "user.consents.channels[0].enabled",
     _set("user", "consents", "channels", to=[{"id": "email", "enabled": 1}])),
    ("schema.type:user.consents.purposes[].values.*.value", "user.consents.purposes[0].values.*.value",
     _set("user", "consents", "purposes", 0, "values", to={"pref-topics": {"value": 7}})),
    ("schema.enum:events[].status", "events[0].status", _set("events", 0, "status", to="maybe")),
    ("schema.type:events[].consents", "events[1].consents", _set("events", 1, "consents", to=None)),
    ("schema.required:user.delegate.id", "user.delegate.id", _set("user", "delegate", to={"name": "Agent"})),
    ("schema.type:events[].proofs_id", "events[0].proofs_id", _set("events", 0, "proofs_id", to="one")),
    ("guest-exported", "user.organization_user_id", _set("user", "organization_user_id", to=None)),
    ("guest-exported", "user.organization_user_id", _set("user", "organization_user_id", to="")),
    ("vendor-enabled-and-disabled", "user.consents.vendors.disabled[0]",
     _set("user", "consents", "vendors", to=_VENDORS)),
    ("vendor-enabled-and-disabled", "events[1].consents.vendors.disabled_li[1]",
     _set("events", 1, "consents", "vendors", to=_INTERESTS)),
    ("repeated-purpose", "user.consents.purposes[1].id", _set("user", "consents", "purposes", to=_TWICE)),
    ("repeated-purpose", "events[0].consents.purposes[1].id", _set("events", 0, "consents", "purposes", to=_TWICE)),
    ("repeated-event", "events[1].id", _both(_set("events", 0, "id", to="e"), _set("events", 1, "id", to="e"))),
    ("updated-before-created", "user.updated_at", _set("user", "updated_at", to="2001-01-01T00:00:00Z")),
    ("updated-before-created", "events[0].updated_at", _set("events", 0, "updated_at", to="2001-01-01T00:00:00+02:00")),
    ("event-of-other-user", "events[0].user", _set("events", 0, "user", to={"id": "x", "organization_user_id": "y"})),
    ("event-of-other-user", "events[1].user", _set("events", 1, "user", to={"id": "x", "organization_user_id": None})),
    ("event-of-other-organization", "events[1].organization_id", _set("events", 1, "organization_id", to="other-org")),
    ("user-key-not-null", "user.proofs_id", _set("user", "proofs_id", to=["p"])),
    ("user-key-not-null", "user.source", _set("user", "source", to="sdk-web")),
    ("user-key-not-null", "user.status", _set("user", "status", to="confirmed")),
]  # fmt: skip
