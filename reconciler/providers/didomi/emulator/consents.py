"""
Events, users and proofs of consent, and the batch import (Consents API: Events, Users, Proofs; Batch import).

`organization_id` is a required query parameter of every route here (documented).
"""

import base64
from collections.abc import Callable, Iterator

from reconciler.emulator import Answer, JsonObject, World
from reconciler.emulator.tables import text_of
from reconciler.providers.didomi.emulator.checks import check_ids, check_user
from reconciler.providers.didomi.emulator.consent_records import STATUSES, ConsentRecords
from reconciler.providers.didomi.emulator.errors import Refused
from reconciler.providers.didomi.emulator.exports import Purposes
from reconciler.providers.didomi.emulator.lists import whole_number
from reconciler.providers.didomi.emulator.resources import Call

# "Batch import": an array of up to 100 events. What more gets is undocumented.
_MOST_EVENTS = 100
# The limit of a request body is undocumented.
_MOST_BYTES = 20 * 1024 * 1024
_PAGE = 100
_EVENT_CHANGES = ("status", "consents", "proofs_id", "delegate")

Handler = Callable[[Call], Answer]


class Consents:
    """The routes."""

    def __init__(self, world: World, records: ConsentRecords, purposes: Purposes) -> None:
        self.world = world
        self._records = records
        self._purposes = purposes

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
        stored = self._records.store_batch(items, organization, generate_tcfcs=tcf)
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
            for event in self._records.by_date(user)
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
        event = self._records.events.table.get(call.values["id"])
        if event is None or event["organization_id"] != organization:
            raise Refused(404, "No event found")
        body = call.document()
        unknown = set(body) - {*_EVENT_CHANGES, "proofs"}
        if unknown and self.world.switches.on("strict"):
            raise Refused(400, f"'{min(unknown)}' cannot be changed")
        changes = {name: body[name] for name in _EVENT_CHANGES if name in body}
        if "status" in changes and changes["status"] not in STATUSES:
            raise Refused(400, "status must be confirmed or pending_approval")
        if "consents" in changes:
            self._records.check_consents(changes["consents"])
        check_ids(changes.get("proofs_id"), "proofs_id")
        proofs = self._records.decoded_proofs(body.get("proofs"), organization)
        for proof in proofs:
            self._records.proofs.table.put(proof)
        if proofs:
            known = changes.get("proofs_id", event["proofs_id"]) or []
            changes["proofs_id"] = [*known, *(proof["id"] for proof in proofs)]
        event = {**event, **changes, "updated_at": self._records.now(), "version": event["version"] + 1}
        self._records.events.table.put(event)
        self._records.recompute(event["user"]["id"])
        return Answer(body=self._view(event))

    def delete_event(self, call: Call) -> Answer:
        """Remove one event; the user's status becomes as if it had never happened (documented)."""
        organization = self.organization_of(call, writing=True)
        event = self._records.events.table.get(call.values["id"])
        if event is None or event["organization_id"] != organization:
            raise Refused(404, "No event found")
        self._records.remove_events([event])
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
            for event in self._records.by_date(user)
            if all(text_of(_at(event, name)) in values for name, values in filters.items())
        ]
        self._records.remove_events(doomed)
        return Answer(status=204)

    # Users.

    def list_users(self, call: Call) -> Answer:
        """A list with a cursor, 100 at a time (documented, Users query)."""
        organization = self.organization_of(call, writing=False)
        wanted = call.request.parameter("organization_user_id")
        found = [
            user
            for user in self._records.users.table.select((("organization_id", (organization,)),))
            if organization == call.organization and (wanted is None or user["organization_user_id"] == wanted)
        ]
        return self._cursor_page(call, found, self._user_view(call))

    def post_user(self, call: Call) -> Answer:
        """Make a user."""
        organization = self.organization_of(call, writing=True)
        body = call.document()
        check_user(body, "")
        id = body.get("id") or self.world.ids.uuid()
        if id in self._records.users.table:
            raise Refused(409, "The user exists")
        user = self._records.new_user(id, organization)
        self._records.change_user(user, body)
        status = 201 if self.world.switches["create_status"] == "201" else 200
        return Answer(status=status, body=self._user_view(call)(self._records.user(id)))

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
        self._records.change_user(user, body)
        return Answer(body=self._user_view(call)(self._records.user(user["id"])))

    def delete_user(self, call: Call) -> Answer:
        """Remove a user and the events."""
        self.organization_of(call, writing=True)
        user = self._found_user(call)
        self._records.remove_user(user)
        return Answer(body=dict(user))

    # Proofs.

    def post_proof(self, call: Call) -> Answer:
        """Store a file, sent as a base64 data URI (documented); the name of the property is undocumented."""
        organization = self.organization_of(call, writing=True)
        uris = [value for value in call.document().values() if isinstance(value, str) and value.startswith("data:")]
        if len(uris) != 1:
            raise Refused(400, "One proof must be sent as a data URI")
        proof = self._records.decoded_proofs(uris, organization)[0]
        self._records.proofs.table.put(proof)
        self.world.wrote()
        status = 201 if self.world.switches["create_status"] == "201" else 200
        return Answer(status=status, body={name: proof[name] for name in proof if name != "content"})

    def get_proof(self, call: Call) -> Answer:
        """A stored file."""
        organization = self.organization_of(call, writing=False)
        proof = self._records.proofs.table.get(call.values["id"])
        if proof is None or proof["organization_id"] != organization or organization != call.organization:
            raise Refused(404, "No proof found")
        return Answer(body=dict(proof))

    # Finding.

    def _named_users(self, call: Call, organization: str) -> list[str]:
        """The user records a request names; naming none gets 400 (documented as mandatory)."""
        id = call.request.parameter("user_id") or call.request.parameter("user.id")
        name = call.request.parameter("organization_user_id") or call.request.parameter("user.organization_user_id")
        if not id and not name:
            raise Refused(400, "user_id or organization_user_id is required")
        if organization != call.organization:
            return []
        called = self._records.called(organization, name or "")
        if not id:
            return called
        return [id] if id in self._records.users.table and (not name or id in called) else []

    def _event(self, call: Call) -> JsonObject:
        organization = self.organization_of(call, writing=False)
        users = self._named_users(call, organization)
        event = self._records.events.table.get(call.values["id"])
        if event is None or event["user"]["id"] not in users:
            raise Refused(404, "No event found")
        return event

    def _found_user(self, call: Call) -> JsonObject:
        id = call.values["id"]
        if call.request.parameter("$by_organization_user_id") == "true":
            id = next(iter(self._records.called(call.organization, id)), "")
        user = self._records.users.table.get(id)
        asked = call.request.parameter("organization_id")
        if user is None or user["organization_id"] != call.organization or asked != call.organization:
            raise Refused(404, "No user found")
        return user

    # Showing.

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


def _wanted(call: Call, name: str, default: str) -> list[str]:
    parameters = call.request.parameters
    return [*parameters.get(name, []), *parameters.get(f"{name}[$in]", [])] or [default]


def _at(event: JsonObject, path: str) -> object:
    found: object = event
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
