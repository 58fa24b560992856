"""
Events, users and proofs of consent, and the batch import (Consents API: Events, Users, Proofs; Batch import).

`organization_id` is a required query parameter of every route here (documented).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.emulator import Answer, JsonObject, Table, World
from reconciler.emulator.clock import iso
from reconciler.emulator.tables import text_of
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
from reconciler.providers.didomi.emulator.lists import whole_number
from reconciler.providers.didomi.emulator.resources import Call

# "Batch import": an array of up to 100 events. What more gets is undocumented.
_MOST_EVENTS = 100
# The limit of a request body is undocumented; that of an encoded proof is not (Proofs).
_MOST_BYTES = 20 * 1024 * 1024
_MOST_PROOF = 15 * 1024 * 1024
_PAGE = 100
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
_EVENT_CHANGES = ("status", "consents", "proofs_id", "delegate")
_STATUSES = ("confirmed", "pending_approval")

Handler = Callable[[Call], Answer]


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


class Consents:
    """Every event, and the user records that follow from them."""

    def __init__(self, world: World, purposes: Purposes) -> None:
        self.world = world
        self.events = Rows()
        self.users = Rows()
        self.proofs = Rows()
        self._purposes = purposes
        self._events_of: dict[str, list[str]] = {}
        self._users_called: dict[tuple[str, str], list[str]] = {}

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        """Method, path and handler of every route."""
        yield "POST", "/consents/events", self.post_events
        yield "GET", "/consents/events", self.list_events
        yield "DELETE", "/consents/events", self.delete_events
        yield "GET", "/consents/events/{id}", self.get_event
        yield "PATCH", "/consents/events/{id}", self.patch_event
        yield "DELETE", "/consents/events/{id}", self.delete_event
        yield "GET", "/consents/users", self.list_users
        yield "POST", "/consents/users", self.post_user
        yield "GET", "/consents/users/{id}", self.get_user
        yield "PATCH", "/consents/users/{id}", self.patch_user
        yield "DELETE", "/consents/users/{id}", self.delete_user
        yield "POST", "/consents/proofs", self.post_proof
        yield "GET", "/consents/proofs/{id}", self.get_proof

    def forget(self) -> None:
        """Throw everything away."""
        for rows in (self.events, self.users, self.proofs):
            rows.table.clear()
        self._events_of.clear()
        self._users_called.clear()

    def organization_of(self, call: Call, *, writing: bool) -> str:
        """The organization of the query; for somebody else's, writing gets 403 and reading what the switch says."""
        organization = call.request.parameter("organization_id")
        if not organization:
            raise Refused(400, "organization_id is required")
        if organization != call.organization and (writing or self.world.switches["foreign_read"] == "403"):
            raise Refused(403, "This key does not belong to the organization")
        return organization

    # Events.

    def post_events(self, call: Call) -> Answer:
        """One event or an array; what happens to a bad or known one is what the switches say."""
        organization = self.organization_of(call, writing=True)
        if len(call.request.body) > _MOST_BYTES:
            raise Refused(413, "The body is too large")
        body = call.request.json()
        items = body if isinstance(body, list) else [body]
        if not 1 <= len(items) <= _MOST_EVENTS:
            raise Refused(400, f"Between 1 and {_MOST_EVENTS} events can be sent at a time")
        tcf = call.request.parameter("$generate_tcfcs") == "true"
        stored = self._store_batch(items, organization, generate_tcfcs=tcf)
        status = 201 if self.world.switches["create_status"] == "201" else 200
        if not isinstance(body, list):
            return Answer(status=status, body=self._view(stored[0]))
        if self.world.switches["batch_order"] == "reversed":
            stored.reverse()
        return Answer(status=status, body=[self._view(event) for event in stored])

    def list_events(self, call: Call) -> Answer:
        """The events of one user, who must be named (documented); confirmed and gdpr unless asked otherwise."""
        organization = self.organization_of(call, writing=False)
        users = self._named_users(call, organization)
        states = _wanted(call, "status", "confirmed")
        regulations = _wanted(call, "regulation", "gdpr")
        found = [
            event
            for user in users
            for event in self._by_date(user)
            if event["status"] in states and event["regulation"] in regulations
        ]
        if not self.world.switches.on("events_cursor"):
            return Answer(body={"data": [self._view(event) for event in found]})
        return self._cursor_page(call, found, self._view)

    def get_event(self, call: Call) -> Answer:
        """One event; its user must be named too (documented)."""
        return Answer(body=self._view(self._event(call)))

    def patch_event(self, call: Call) -> Answer:
        """Change status, consents, proofs or delegate; the user's status follows (documented)."""
        organization = self.organization_of(call, writing=True)
        event = self.events.table.get(call.values["id"])
        if event is None or event["organization_id"] != organization:
            raise Refused(404, "No event found")
        body = call.document()
        unknown = set(body) - {*_EVENT_CHANGES, "proofs"}
        if unknown and self.world.switches.on("strict"):
            raise Refused(400, f"'{min(unknown)}' cannot be changed")
        changes = {name: body[name] for name in _EVENT_CHANGES if name in body}
        if "status" in changes and changes["status"] not in _STATUSES:
            raise Refused(400, "status must be confirmed or pending_approval")
        if "consents" in changes:
            self._check_consents(changes["consents"])
        check_ids(changes.get("proofs_id"), "proofs_id")
        proofs = self._decoded_proofs(body.get("proofs"), organization)
        for proof in proofs:
            self.proofs.table.put(proof)
        if proofs:
            known = changes.get("proofs_id", event["proofs_id"]) or []
            changes["proofs_id"] = [*known, *(proof["id"] for proof in proofs)]
        event = {**event, **changes, "updated_at": self._now(), "version": event["version"] + 1}
        self.events.table.put(event)
        self._recompute(event["user"]["id"])
        return Answer(body=self._view(event))

    def delete_event(self, call: Call) -> Answer:
        """Remove one event; the user's status becomes as if it had never happened (documented)."""
        organization = self.organization_of(call, writing=True)
        event = self.events.table.get(call.values["id"])
        if event is None or event["organization_id"] != organization:
            raise Refused(404, "No event found")
        self._remove_events([event])
        return Answer(status=204)

    def delete_events(self, call: Call) -> Answer:
        """Remove the events of one user that match pairs such as `metadata.import_batch=b1` (documented)."""
        organization = self.organization_of(call, writing=True)
        users = self._named_users(call, organization)
        ignored = {"organization_id", "user_id", "organization_user_id", "user.id", "user.organization_user_id"}
        filters = {
            name: values
            for name, values in call.request.parameters.items()
            if name not in ignored and not name.startswith("$")
        }
        doomed = [
            event
            for user in users
            for event in self._by_date(user)
            if all(text_of(_at(event, name)) in values for name, values in filters.items())
        ]
        self._remove_events(doomed)
        return Answer(status=204)

    # Users.

    def list_users(self, call: Call) -> Answer:
        """A list with a cursor, 100 at a time (documented, Users query)."""
        organization = self.organization_of(call, writing=False)
        wanted = call.request.parameter("organization_user_id")
        found = [
            user
            for user in self.users.table.select((("organization_id", (organization,)),))
            if organization == call.organization and (wanted is None or user["organization_user_id"] == wanted)
        ]
        return self._cursor_page(call, found, self._user_view(call))

    def post_user(self, call: Call) -> Answer:
        """Make a user."""
        organization = self.organization_of(call, writing=True)
        body = call.document()
        check_user(body, "")
        id = body.get("id") or self.world.ids.uuid()
        if id in self.users.table:
            raise Refused(409, "The user exists")
        user = self._new_user(id, organization)
        self._change_user(user, body)
        status = 201 if self.world.switches["create_status"] == "201" else 200
        return Answer(status=status, body=self._user_view(call)(self._user(id)))

    def get_user(self, call: Call) -> Answer:
        """One user, by Didomi's id or by the organization's (documented)."""
        self.organization_of(call, writing=False)
        return Answer(body=self._user_view(call)(self._found_user(call)))

    def patch_user(self, call: Call) -> Answer:
        """Change a user. A stale `version` is refused: it is optimistic locking (documented for users only)."""
        self.organization_of(call, writing=True)
        user = self._found_user(call)
        body = call.document()
        if "version" in body and body["version"] != user["version"]:
            raise Refused(409, "The user has changed meanwhile")
        self._change_user(user, body)
        return Answer(body=self._user_view(call)(self._user(user["id"])))

    def delete_user(self, call: Call) -> Answer:
        """Remove a user and the events."""
        self.organization_of(call, writing=True)
        user = self._found_user(call)
        for id in self._events_of.pop(user["id"], []):
            self.events.table.pop(id)
        self._unname(user)
        self.users.table.pop(user["id"])
        self.world.wrote()
        return Answer(body=dict(user))

    # Proofs.

    def post_proof(self, call: Call) -> Answer:
        """Store a file, sent as a base64 data URI (documented); the name of the property is undocumented."""
        organization = self.organization_of(call, writing=True)
        uris = [value for value in call.document().values() if isinstance(value, str) and value.startswith("data:")]
        if len(uris) != 1:
            raise Refused(400, "One proof must be sent as a data URI")
        proof = self._decoded_proofs(uris, organization)[0]
        self.proofs.table.put(proof)
        self.world.wrote()
        status = 201 if self.world.switches["create_status"] == "201" else 200
        return Answer(status=status, body={name: proof[name] for name in proof if name != "content"})

    def get_proof(self, call: Call) -> Answer:
        """A stored file."""
        organization = self.organization_of(call, writing=False)
        proof = self.proofs.table.get(call.values["id"])
        if proof is None or proof["organization_id"] != organization or organization != call.organization:
            raise Refused(404, "No proof found")
        return Answer(body=dict(proof))

    # What exports need.

    def changed(self, organization: str, since: str, until: str) -> Iterator[tuple[JsonObject, list[JsonObject]]]:
        """The users that changed in a period, its end excluded, each with all its confirmed events."""
        for user in self.users.table.select((("organization_id", (organization,)),)):
            if since <= user["updated_at"] < until:
                yield user, [event for event in self._by_date(user["id"]) if event["status"] == "confirmed"]

    # How a batch is stored.

    def _store_batch(self, items: list[object], organization: str, *, generate_tcfcs: bool) -> list[JsonObject]:
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
        proofs = self._decoded_proofs(item.get("proofs"), organization)
        return _New(self._new_event(item, organization, proofs, generate_tcfcs=generate_tcfcs), tuple(proofs))

    def _new_event(
        self, item: JsonObject, organization: str, proofs: list[JsonObject], *, generate_tcfcs: bool
    ) -> JsonObject:
        self._check_event(item, organization)
        now = self._now()
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
        if (item.get("status") or "confirmed") not in _STATUSES:
            raise Refused(400, "status must be confirmed or pending_approval")
        for name in ("user", "metadata", "delegate", "validation"):
            if not isinstance(item.get(name), dict | None):
                raise Refused(400, f"{name} must be an object")
        for name in ("regulation", "domain"):
            if not isinstance(item.get(name), str | None):
                raise Refused(400, f"{name} must be a string")
        check_ids(item.get("proofs_id"), "proofs_id")
        check_user(item.get("user") or {}, "user.")
        self._check_consents(item.get("consents"))

    def _check_consents(self, consents: object) -> None:
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
            self._touch(user["id"], consents=statuses.merged(self._user(user["id"])["consents"], event["consents"]))
        elif event["status"] == "confirmed":
            self._recompute(user["id"])
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
            user = self._new_user(id or self.world.ids.uuid(), organization)
        changes = {name: sent[name] for name in USER_FIELDS if sent.get(name) is not None}
        if user["organization_user_id"] is not None:
            changes.pop("organization_user_id", None)
        if changes:
            self._set_user(user, changes)
        return self._user(user["id"])

    # Rows of users.

    def _new_user(self, id: str, organization: str) -> JsonObject:
        now = self._now()
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

    def _change_user(self, user: JsonObject, body: JsonObject) -> None:
        check_user(body, "")
        consents = body.get("consents")
        if consents is not None:
            self._check_consents(consents)
        self._set_user(user, {name: body[name] for name in USER_FIELDS if name in body})
        if consents is not None:
            self._touch(user["id"], consents=statuses.merged(user["consents"], consents))
        else:
            self._touch(user["id"])

    def _touch(self, id: str, **changes: object) -> None:
        user = self._user(id)
        self.users.table.put({**user, **changes, "updated_at": self._now(), "version": user["version"] + 1})
        self.world.wrote()

    def _recompute(self, id: str) -> None:
        """Apply all confirmed events by date, then id, so that the most recent choice wins (documented)."""
        confirmed = [event["consents"] for event in self._by_date(id) if event["status"] == "confirmed"]
        self._touch(id, consents=statuses.total(confirmed))

    def _remove_events(self, doomed: list[JsonObject]) -> None:
        for event in doomed:
            self.events.table.pop(event["id"])
            self._events_of[event["user"]["id"]].remove(event["id"])
        for user in dict.fromkeys(event["user"]["id"] for event in doomed):
            self._recompute(user)

    def _unname(self, user: JsonObject) -> None:
        called = self._users_called.get((user["organization_id"], user["organization_user_id"] or ""), [])
        if user["id"] in called:
            called.remove(user["id"])

    # Finding.

    def _user(self, id: str) -> JsonObject:
        user = self.users.table.get(id)
        assert user is not None
        return user

    def _by_date(self, user: str) -> list[JsonObject]:
        events = (self.events.table.get(id) for id in self._events_of.get(user, ()))
        return sorted((event for event in events if event is not None), key=_moment)

    def _named_users(self, call: Call, organization: str) -> list[str]:
        """The user records a request names; naming none gets 400 (documented as mandatory)."""
        id = call.request.parameter("user_id") or call.request.parameter("user.id")
        name = call.request.parameter("organization_user_id") or call.request.parameter("user.organization_user_id")
        if not id and not name:
            raise Refused(400, "user_id or organization_user_id is required")
        if organization != call.organization:
            return []
        called = self._users_called.get((organization, name or ""), [])
        if not id:
            return list(called)
        return [id] if id in self.users.table and (not name or id in called) else []

    def _event(self, call: Call) -> JsonObject:
        organization = self.organization_of(call, writing=False)
        users = self._named_users(call, organization)
        event = self.events.table.get(call.values["id"])
        if event is None or event["user"]["id"] not in users:
            raise Refused(404, "No event found")
        return event

    def _found_user(self, call: Call) -> JsonObject:
        id = call.values["id"]
        if call.request.parameter("$by_organization_user_id") == "true":
            id = next(iter(self._users_called.get((call.organization, id), [])), "")
        user = self.users.table.get(id)
        asked = call.request.parameter("organization_id")
        if user is None or user["organization_id"] != call.organization or asked != call.organization:
            raise Refused(404, "No user found")
        return user

    # Showing.

    def _now(self) -> str:
        return iso(self.world.clock.now())

    def _view(self, event: JsonObject) -> JsonObject:
        shown = dict(event)
        if self.world.switches.on("extra_fields"):
            shown["new_property"] = {"introduced": "later"}
        return shown

    def _user_view(self, call: Call) -> Callable[[JsonObject], JsonObject]:
        full = call.request.parameter("$include_full_tree") == "true"

        def view(user: JsonObject) -> JsonObject:
            shown = self._view(user)
            if full:
                known = {purpose["id"]: {"id": purpose["id"], "enabled": None} for purpose in self._purposes.table}
                chosen = {purpose["id"]: purpose for purpose in user["consents"]["purposes"]}
                shown["consents"] = {**user["consents"], "purposes": [*(known | chosen).values()]}
            return shown

        return view

    def _cursor_page(self, call: Call, rows: list[JsonObject], view: Callable[[JsonObject], JsonObject]) -> Answer:
        cursor = call.request.parameter("$cursor")
        start = 0
        if cursor:
            try:
                start = int(base64.urlsafe_b64decode(cursor.encode()))
            except ValueError:
                raise Refused(400, "$cursor is not one that was given out") from None
        limit = max(1, min(whole_number(call.request, "$limit", _PAGE), _PAGE))
        end = start + limit
        following = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(rows) else None
        return Answer(body={"data": [view(row) for row in rows[start:end]], "limit": limit, "cursor": following})

    def _decoded_proofs(self, sent: object, organization: str) -> list[JsonObject]:
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
            proofs.append({**row, "created_at": self._now(), "content": uri})
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


def _wanted(call: Call, name: str, default: str) -> list[str]:
    parameters = call.request.parameters
    return [*parameters.get(name, []), *parameters.get(f"{name}[$in]", [])] or [default]


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


def _at(event: JsonObject, path: str) -> object:
    found: object = event
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
