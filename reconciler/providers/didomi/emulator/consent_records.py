"""What is known of consent: events, the users that follow from them, and proofs, with the rules for storing them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.emulator import JsonObject, Table, World
from reconciler.emulator.clock import iso
from reconciler.providers.didomi.emulator import statuses
from reconciler.providers.didomi.emulator.checks import (
    USER_FIELDS,
    check_choices,
    check_ids,
    check_user,
    check_vendors,
    ids_named,
)
from reconciler.providers.didomi.emulator.errors import Refused
from reconciler.providers.didomi.emulator.exports import Purposes

STATUSES = ("confirmed", "pending_approval")
"""Of an event (documented)."""
# The limit of a request body is undocumented; that of an encoded proof is not (Proofs).
_MOST_PROOF = 15 * 1024 * 1024
_PROOF = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)
_ENDINGS = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-outlook": "msg",
}
_EVENT_FIELDS = frozenset(
    {
        "id",
        "created_at",
        "organization_id",
        "regulation",
        "status",
        "user",
        "consents",
        "metadata",
        "delegate",
        "proofs",
        "proofs_id",
        "validation",
        "domain",
    }
)


@dataclass(frozen=True, slots=True)
class _New:
    """An event that would be stored."""

    event: JsonObject
    proofs: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """An event whose id exists already."""

    event: JsonObject


class Rows:
    """A table of the console that can be looked at and not written."""

    def __init__(self) -> None:
        self.table = Table()

    def rows(self) -> list[JsonObject]:
        """Everything there is."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Refused: events, users, proofs and logs come about by requests."""
        raise ValueError("this collection can only be looked at")

    def remove(self, id: str) -> JsonObject | None:
        """Refused likewise."""
        raise ValueError("this collection can only be looked at")

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Refused likewise."""
        raise ValueError("this collection can only be looked at")


class ConsentRecords:
    """Every event, and the user records that follow from them."""

    def __init__(self, world: World, purposes: Purposes) -> None:
        self.world = world
        self.events = Rows()
        self.users = Rows()
        self.proofs = Rows()
        self._purposes = purposes
        self._events_of: dict[str, list[str]] = {}
        self._users_called: dict[tuple[str, str], list[str]] = {}

    def forget(self) -> None:
        """Throw everything away."""
        for rows in (self.events, self.users, self.proofs):
            rows.table.clear()
        self._events_of.clear()
        self._users_called.clear()

    def changed(self, organization: str, since: str, until: str) -> Iterator[tuple[JsonObject, list[JsonObject]]]:
        """The users that changed in a period, its end excluded, each with all its confirmed events."""
        for user in self.users.table.select((("organization_id", (organization,)),)):
            if since <= user["updated_at"] < until:
                yield user, [event for event in self.by_date(user["id"]) if event["status"] == "confirmed"]

    def called(self, organization: str, name: str) -> list[str]:
        """The users that an organization calls by a name."""
        return list(self._users_called.get((organization, name), ()))

    def remove_user(self, user: JsonObject) -> None:
        """Remove a user with all events."""
        for id in self._events_of.pop(user["id"], []):
            self.events.table.pop(id)
        self._unname(user)
        self.users.table.pop(user["id"])
        self.world.wrote()

    # How a batch is stored.

    def store_batch(self, items: list[object], organization: str, *, generate_tcfcs: bool) -> list[JsonObject]:
        """Store what the switches let through; raises the first refusal."""
        switches = self.world.switches
        outcomes: list[_New | _Known | Refused] = []
        seen: dict[str, JsonObject] = {}
        for item in items:
            outcome = self._prepared(item, organization, seen, generate_tcfcs=generate_tcfcs)
            if isinstance(outcome, _New):
                seen[outcome.event["id"]] = outcome.event
            outcomes.append(outcome)
        if switches["dup"] == "conflict_batch" and any(isinstance(outcome, _Known) for outcome in outcomes):
            raise Refused(409, "An event with this id exists")
        if switches["dup"] == "conflict_item":
            taken = Refused(409, "An event with this id exists")
            outcomes = [taken if isinstance(outcome, _Known) else outcome for outcome in outcomes]
        bad = next((index for index, outcome in enumerate(outcomes) if isinstance(outcome, Refused)), None)
        if bad is None:
            return [self._stored(outcome) for outcome in outcomes if not isinstance(outcome, Refused)]
        survivors = {"atomic": [], "prefix": outcomes[:bad], "best_effort": outcomes}[switches["import_failure"]]
        for survivor in survivors:
            if isinstance(survivor, _New):
                self._stored(survivor)
        refusal = outcomes[bad]
        assert isinstance(refusal, Refused)
        raise refusal

    def _prepared(
        self, item: object, organization: str, seen: dict[str, JsonObject], *, generate_tcfcs: bool
    ) -> _New | _Known | Refused:
        try:
            return self._examined(item, organization, seen, generate_tcfcs=generate_tcfcs)
        except Refused as refusal:
            return refusal

    def _examined(
        self, item: object, organization: str, seen: dict[str, JsonObject], *, generate_tcfcs: bool
    ) -> _New | _Known:
        if not isinstance(item, dict):
            raise Refused(400, "An event must be a JSON object")
        id = item.get("id")
        if id is not None and (not isinstance(id, str) or not id):
            raise Refused(400, "id must be a non-empty string")
        known = None if id is None else self.events.table.get(id) or seen.get(id)
        if known is not None:
            return _Known(known)
        proofs = self.decoded_proofs(item.get("proofs"), organization)
        return _New(self._new_event(item, organization, proofs, generate_tcfcs=generate_tcfcs), tuple(proofs))

    def _new_event(
        self, item: JsonObject, organization: str, proofs: list[JsonObject], *, generate_tcfcs: bool
    ) -> JsonObject:
        self._check_event(item, organization)
        now = self.now()
        consents = dict(item["consents"])
        if generate_tcfcs:
            consents.setdefault("tcfcs", "CQdemo")
        event: JsonObject = {
            "id": item.get("id") or self.world.ids.uuid(),
            "organization_id": organization,
            "created_at": item.get("created_at") or now,
            "updated_at": now,
            "version": 0,
            "status": item.get("status") or "confirmed",
            "regulation": item.get("regulation") or "gdpr",
            "source": source(self.world),
            "user": dict(item.get("user") or {}),
            "consents": consents,
            "metadata": item.get("metadata"),
            "delegate": item.get("delegate"),
            "proofs_id": [*(item.get("proofs_id") or []), *(proof["id"] for proof in proofs)],
            "validation": item.get("validation"),
        }
        if "domain" in item:
            event["domain"] = item["domain"]
        return event

    def _check_event(self, item: JsonObject, organization: str) -> None:
        unknown = set(item) - _EVENT_FIELDS
        if unknown and self.world.switches.on("strict"):
            raise Refused(400, f"Unknown property '{min(unknown)}'")
        if item.get("organization_id", organization) != organization:
            raise Refused(400, "organization_id differs from that of the query")
        if item.get("created_at") is not None:
            _instant(item["created_at"])
        if (item.get("status") or "confirmed") not in STATUSES:
            raise Refused(400, "status must be confirmed or pending_approval")
        for name in ("user", "metadata", "delegate", "validation"):
            if not isinstance(item.get(name), dict | None):
                raise Refused(400, f"{name} must be an object")
        for name in ("regulation", "domain"):
            if not isinstance(item.get(name), str | None):
                raise Refused(400, f"{name} must be a string")
        check_ids(item.get("proofs_id"), "proofs_id")
        check_user(item.get("user") or {}, "user.")
        self.check_consents(item.get("consents"))

    def check_consents(self, consents: object) -> None:
        """Raises `Refused` for choices that are none."""
        if not isinstance(consents, dict):
            raise Refused(400, "consents must be an object")
        check_choices(consents, "consents.", ("purposes", "channels"))
        check_vendors(consents.get("vendors"))
        if self.world.switches.on("validate_purposes"):
            for id in ids_named(consents):
                if id not in self._purposes.existed:
                    raise Refused(400, f"There is no purpose, preference or value '{id}'")

    def _stored(self, outcome: _New | _Known) -> JsonObject:
        match outcome:
            case _Known(event):
                return self.events.table.get(event["id"]) or event
            case _New(event, proofs):
                return self._store(event, proofs)
            case _:
                assert_never(outcome)

    def _store(self, event: JsonObject, proofs: tuple[JsonObject, ...]) -> JsonObject:
        for proof in proofs:
            self.proofs.table.put(proof)
        user = self._user_for(event)
        event["user"] = {**event["user"], "id": user["id"]}
        if event["user"].get("organization_user_id") is None:
            event["user"]["organization_user_id"] = user["organization_user_id"]
        event["country"] = event["user"].get("country")
        event["last_seen_country"] = event["user"].get("last_seen_country")
        self.events.table.put(event)
        events = self._events_of.setdefault(user["id"], [])
        events.append(event["id"])
        last = self.events.table.get(events[-2]) if len(events) > 1 else None
        in_order = last is None or _moment(last) <= _moment(event)
        if event["status"] == "confirmed" and (in_order or self.world.switches["back_dating"] == "by_arrival"):
            self._touch(user["id"], consents=statuses.merged(self.user(user["id"])["consents"], event["consents"]))
        elif event["status"] == "confirmed":
            self.recompute(user["id"])
        self.world.wrote()
        return event

    def _user_for(self, event: JsonObject) -> JsonObject:
        """
        The user of an event, made when unknown; without any id it is a random new one (documented).

        An organization user id is assigned to a user that has none yet (documented).
        """
        sent = event["user"]
        organization = event["organization_id"]
        called = self._users_called.get((organization, sent.get("organization_user_id") or ""), [])
        id = sent.get("id")
        if called and (not id or (self.world.switches.on("one_record") and id not in self.users.table)):
            id = called[0]
        user = self.users.table.get(id) if id else None
        if user is None:
            user = self.new_user(id or self.world.ids.uuid(), organization)
        changes = {name: sent[name] for name in USER_FIELDS if sent.get(name) is not None}
        if user["organization_user_id"] is not None:
            changes.pop("organization_user_id", None)
        if changes:
            self._set_user(user, changes)
        return self.user(user["id"])

    # Rows of users.

    def new_user(self, id: str, organization: str) -> JsonObject:
        """A user of whom nothing is known yet."""
        now = self.now()
        user: JsonObject = {
            "id": id,
            "organization_id": organization,
            "organization_user_id": None,
            "organization_user_id_type": None,
            "country": None,
            "last_seen_country": None,
            "created_at": now,
            "updated_at": now,
            "version": 0,
            "metadata": {},
            "consents": statuses.nothing(),
            "delegate": None,
        }
        self.world.wrote()
        return self.users.table.put(user)

    def _set_user(self, user: JsonObject, changes: JsonObject) -> None:
        metadata = {**(user["metadata"] or {}), **(changes.get("metadata") or {})}
        new = {**user, **changes, "metadata": metadata}
        if new["organization_user_id"] != user["organization_user_id"]:
            self._unname(user)
            name = (user["organization_id"], new["organization_user_id"])
            self._users_called.setdefault(name, []).append(user["id"])
        self.users.table.put(new)

    def change_user(self, user: JsonObject, body: JsonObject) -> None:
        """Check and make changes that a request asks for."""
        check_user(body, "")
        consents = body.get("consents")
        if consents is not None:
            self.check_consents(consents)
        self._set_user(user, {name: body[name] for name in USER_FIELDS if name in body})
        if consents is not None:
            self._touch(user["id"], consents=statuses.merged(user["consents"], consents))
        else:
            self._touch(user["id"])

    def _touch(self, id: str, **changes: object) -> None:
        user = self.user(id)
        self.users.table.put({**user, **changes, "updated_at": self.now(), "version": user["version"] + 1})
        self.world.wrote()

    def recompute(self, id: str) -> None:
        """Apply all confirmed events by date, then id, so that the most recent choice wins (documented)."""
        confirmed = [event["consents"] for event in self.by_date(id) if event["status"] == "confirmed"]
        self._touch(id, consents=statuses.total(confirmed))

    def remove_events(self, doomed: list[JsonObject]) -> None:
        """Remove events; their users become as if they had never happened (documented)."""
        for event in doomed:
            self.events.table.pop(event["id"])
            self._events_of[event["user"]["id"]].remove(event["id"])
        for user in dict.fromkeys(event["user"]["id"] for event in doomed):
            self.recompute(user)

    def _unname(self, user: JsonObject) -> None:
        called = self._users_called.get((user["organization_id"], user["organization_user_id"] or ""), [])
        if user["id"] in called:
            called.remove(user["id"])

    def user(self, id: str) -> JsonObject:
        """A user that is there."""
        user = self.users.table.get(id)
        assert user is not None
        return user

    def by_date(self, user: str) -> list[JsonObject]:
        """The events of a user, by date and then id."""
        events = (self.events.table.get(id) for id in self._events_of.get(user, ()))
        return sorted((event for event in events if event is not None), key=_moment)

    def now(self) -> str:
        """The world's time."""
        return iso(self.world.clock.now())

    def decoded_proofs(self, sent: object, organization: str) -> list[JsonObject]:
        """Rows for proofs sent as data URIs; raises `Refused`."""
        if sent is None:
            return []
        if not isinstance(sent, list):
            raise Refused(400, "proofs must be an array of data URIs")
        proofs = []
        for uri in sent:
            found = _PROOF.fullmatch(uri) if isinstance(uri, str) else None
            if found is None or found[1] not in _ENDINGS:
                raise Refused(400, "A proof must be a base64 data URI of a known type")
            if len(uri) >= _MOST_PROOF:
                raise Refused(413, "A proof must stay under 15 MB")
            digest = hashlib.sha256(uri.encode()).hexdigest()
            row = {"id": f"{digest}.{_ENDINGS[found[1]]}", "organization_id": organization}
            proofs.append({**row, "created_at": self.now(), "content": uri})
        return proofs


def source(world: World) -> object:
    """Where an event comes from; its type is undocumented."""
    match world.switches["source_shape"]:
        case "object":
            return {"type": "api", "domain": None}
        case "null":
            return None
        case _:
            return "api"


def _instant(value: object) -> datetime:
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None:
        raise Refused(400, "created_at must be an ISO 8601 date")
    return when.astimezone()


def _moment(event: JsonObject) -> tuple[datetime, str]:
    return _instant(event["created_at"]), event["id"]
