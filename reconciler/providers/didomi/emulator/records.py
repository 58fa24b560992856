"""Invented users and events for exports, the same for the same seed, export and day (Batch export content)."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from reconciler.emulator import JsonObject
from reconciler.emulator.clock import iso

_COUNTRIES = ("DE", "ES", "FR", "IT", "NL")


def invented(
    *,
    chance: random.Random,
    organization: str,
    count: int,
    until: datetime,
    shape: str,
    guests: bool,
    shared_ids: bool,
    history: bool,
    source: object,
    proof: str | None,
) -> Iterator[JsonObject]:
    """
    Export records: one user and its events each.

    With `guests` every fifth has no organization user id; with `shared_ids` the third has the second's (documented:
    several records may share one); with `history` each has an older event too.
    """
    names = [f"user-{chance.getrandbits(48):012x}@example.org" for _ in range(count)]
    if shared_ids and count >= 3:
        names[2] = names[1]
    for index, name in enumerate(names):
        moment = until - timedelta(seconds=chance.randrange(60, 86_000))
        user = _user(chance, organization, None if guests and index % 5 == 4 else name, moment)
        events = [_event(chance, user, moment, shape, source)]
        if history:
            old = _event(chance, user, moment - timedelta(days=40), shape, source)
            user["created_at"] = old["created_at"]
            user["version"] = 2
            events.insert(0, old)
        if index == 0 and proof is not None:
            events[-1]["proofs_id"] = [proof]
        user["consents"] = {**events[-1]["consents"], "channels": []}
        yield {"user": user, "events": events}


def metrics(chance: random.Random, organization: str, until: datetime) -> Iterator[JsonObject]:
    """The twin of an analytics export: hourly counts (Analytics export; the columns are invented)."""
    for hours in range(24, 0, -1):
        hour = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        yield {"organization_id": organization, "hour": iso(hour), "pageviews": chance.randrange(1000)}


def record_of(user: JsonObject, events: list[JsonObject]) -> JsonObject:
    """The export record of a user of the Consents API; three keys are always null (Batch export content)."""
    always = {"validation": None, "proofs_id": None, "source": None, "status": None}
    return {"user": {**user, **always}, "events": events}


def _user(chance: random.Random, organization: str, name: str | None, moment: datetime) -> JsonObject:
    return {
        "id": _uuid(chance),
        "organization_id": organization,
        "organization_user_id": name,
        "organization_user_id_type": "email" if name else None,
        "country": None,
        "last_seen_country": chance.choice(_COUNTRIES),
        "created_at": iso(moment - timedelta(seconds=30)),
        "updated_at": iso(moment),
        "version": 1,
        "metadata": {},
        "consents": None,
        "delegate": None,
        "validation": None,
        "proofs_id": None,
        "source": None,
        "status": None,
    }


def _event(chance: random.Random, user: JsonObject, moment: datetime, shape: str, source: object) -> JsonObject:
    return {
        "id": _uuid(chance),
        "organization_id": user["organization_id"],
        "created_at": iso(moment),
        "updated_at": iso(moment),
        "version": 1,
        "status": "confirmed",
        "regulation": "gdpr",
        "source": source,
        "user": {
            "id": user["id"],
            "organization_user_id": user["organization_user_id"],
            "organization_user_id_type": user["organization_user_id_type"],
            "metadata": {},
            "country": None,
            "last_seen_country": user["last_seen_country"],
        },
        "consents": _consents(chance, shape),
        "country": None,
        "last_seen_country": user["last_seen_country"],
        "metadata": {},
        "delegate": None,
        "proofs_id": [],
        "validation": None,
    }


def _consents(chance: random.Random, shape: str) -> JsonObject:
    agreed = chance.random() < 0.7
    purpose: JsonObject = {"id": "newsletter", "enabled": agreed, "enabled_li": None, "metadata": {}}
    if shape == "v2":
        purpose["values"] = {"pref-topics": {"value": "val-sport,val-food" if agreed else ""}}
    else:
        channel = {"id": "email", "enabled": agreed, "metadata": {}}
        purpose["channels"] = [channel]
        purpose["preferences"] = [{"id": "weekly", "enabled": None, "channels": [channel]}]
    vendors = {"enabled": ["v-1"] if agreed else [], "disabled": [], "enabled_li": [], "disabled_li": []}
    return {"channels": [], "purposes": [purpose], "vendors": vendors, "tcfcs": None}


def _uuid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
