"""
What the organization-owned resources of Didomi have in common.

`POST` is documented; `GET`, `PATCH`, `PUT` and `DELETE` are inferred from their siblings in the published OpenAPI
document (version 1.0), so each may be switched off.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from reconciler.emulator import Answer, JsonObject, Request, Table, World
from reconciler.emulator.clock import iso
from reconciler.providers.didomi.emulator.errors import Refused
from reconciler.providers.didomi.emulator.lists import Listing, page

_SERVER_COLUMNS = frozenset({"id", "created_at", "updated_at", "version"})
_BOOKKEEPING = ("created_at", "updated_at", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was let in: its organization is that of the token, `values` are the parts of its path."""

    request: Request
    organization: str
    values: Mapping[str, str]

    def document(self) -> JsonObject:
        """The body, which must be a JSON object."""
        body = self.request.json()
        if not isinstance(body, dict):
            raise Refused(400, "The body must be a JSON object")
        return body


class Resources:
    """One kind of resource: its rows, and what each verb does to them."""

    noun = "object"
    fields: frozenset[str] = frozenset()
    id_length = 10
    # Whether the switches about routes, lag and secrets apply: they do to exports, not to purposes.
    switched = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.table = Table()
        self.born: list[Callable[[JsonObject], None]] = []
        self._lag: dict[str, int] = {}
        self._reads: dict[str, int] = {}

    # What a kind says about itself.

    def check(self, row: JsonObject, old: JsonObject | None) -> None:
        """Refuse a row that Didomi would refuse; `old` is the row it replaces."""

    def complete(self, row: JsonObject) -> None:
        """Add what the server computes to a new row."""

    def keep(self, row: JsonObject, old: JsonObject) -> None:
        """Put back into a changed row what only the server may change."""

    def show(self, row: JsonObject) -> None:
        """Take out of a row (a copy, nested objects included) what is not shown."""

    def check_deletion(self, row: JsonObject) -> None:
        """Refuse to delete a row that is still needed."""

    def organization_for(self, call: Call, body: JsonObject) -> object:
        """Where a new object names its organization: in the body (documented for the legacy exports)."""
        return body.get("organization_id") or call.request.parameter("organization_id") or call.organization

    # The verbs.

    def post(self, call: Call) -> Answer:
        """Create."""
        body = call.document()
        organization = self.organization_for(call, body)
        if not isinstance(organization, str) or not organization:
            raise Refused(400, "organization_id is required")
        if organization != call.organization:
            raise Refused(403, "This key does not belong to the organization")
        row = {"organization_id": organization, **self._accepted(body)}
        self.check(row, None)
        self._check_name(row, None)
        row = self._add(row)
        status = {"mixed": 201, "200": 200, "201": 201}[self.world.switches["create_status"]]
        return Answer(status=status, body=self.view(row))

    def get_list(self, call: Call) -> Answer:
        """A page of the list."""
        self._route("list")
        listing = Listing.of(call.request, self.world.switches)
        rows = self._listed(call, listing)
        bare = self.world.switches.on("bare_array")
        return page(listing, rows, self.view, bare=bare, headers=self._cache_headers())

    def get(self, call: Call) -> Answer:
        """One object."""
        self._route("read")
        row = self._owned(call)
        if self.switched and self.world.switches["hidden"] == "404":
            raise Refused(404, f"No {self.noun} found for id '{row['id']}'")
        return Answer(body=self.view(row), headers=self._cache_headers())

    def patch(self, call: Call) -> Answer:
        """Replace the properties that are sent, and only those."""
        self._route("update")
        old = self._owned(call)
        body = call.document()
        self._check_immutable(body, old)
        changes = self._accepted(body)
        if self.world.switches["patch_merge"] == "deep":
            changes = {name: _merged(old.get(name), value) for name, value in changes.items()}
        return Answer(body=self.view(self._change({**old, **changes}, old)))

    def put(self, call: Call) -> Answer:
        """Replace everything but what the server owns."""
        self._route("replace")
        old = self._owned(call)
        body = call.document()
        self._check_immutable(body, old)
        kept = {name: old[name] for name in (*_SERVER_COLUMNS, "organization_id") if name in old}
        return Answer(body=self.view(self._change({**kept, **self._accepted(body)}, old)))

    def delete(self, call: Call) -> Answer:
        """Remove; answers 200 with the object (documented for other resources)."""
        self._route("delete")
        row = self._owned(call)
        self.check_deletion(row)
        shown = self.view(row)
        self.remove(row["id"])
        self.world.wrote()
        return Answer(body=shown)

    # The console.

    def rows(self) -> list[JsonObject]:
        """Everything there is."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Make an object without the checks of the API."""
        return self._add(body, lag=False)

    def remove(self, id: str) -> JsonObject | None:
        """Remove an object without the checks of the API."""
        self._lag.pop(id, None)
        self._reads.pop(id, None)
        return self.table.pop(id)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change top-level fields without the checks of the API; what the server computed stays."""
        old = self.table.get(id)
        if old is None:
            return None
        row = {**old, **changes}
        self.keep(row, old)
        return self._stamp(row, old)

    def forget(self) -> None:
        """Throw everything away."""
        self.table.clear()
        self._lag.clear()
        self._reads.clear()

    def view(self, row: JsonObject) -> JsonObject:
        """The row as the API shows it. Counts as a read of the object."""
        shown = {name: dict(value) if isinstance(value, dict) else value for name, value in row.items()}
        self._reads[row["id"]] = self._reads[row["id"]] + 1
        self.show(shown)
        if self.switched and not self.world.switches.on("bookkeeping"):
            for name in _BOOKKEEPING:
                shown.pop(name, None)
        if self.world.switches.on("extra_fields"):
            for value in shown.values():
                if isinstance(value, dict):
                    value["new_nested_property"] = None
            shown["new_property"] = {"introduced": "later"}
        return shown

    def provisioned(self, row: JsonObject) -> bool:
        """Whether what the server computes is there yet."""
        return self._reads.get(row["id"], 0) >= self.world.switches.number("provision_delay")

    # What the verbs share.

    def _add(self, body: JsonObject, *, lag: bool = True) -> JsonObject:
        now = iso(self.world.clock.now())
        row = {"id": self._new_id(), "organization_id": "", **body}
        row.setdefault("created_at", now)
        row.setdefault("updated_at", row["created_at"])
        row.setdefault("version", 0)
        self.complete(row)
        self.table.put(row)
        # The reply to a creation shows the object for the first time and counts as no read.
        self._reads[row["id"]] = -1 if lag else 0
        self.world.wrote()
        if lag and self.switched and (lists := self.world.switches.number("list_lag")):
            self._lag[row["id"]] = lists
        for callback in self.born:
            callback(row)
        return row

    def _change(self, row: JsonObject, old: JsonObject) -> JsonObject:
        self.keep(row, old)
        self.check(row, old)
        self._check_name(row, old)
        self.world.wrote()
        return self._stamp(row, old)

    def _stamp(self, row: JsonObject, old: JsonObject) -> JsonObject:
        row["updated_at"] = iso(self.world.clock.now())
        row["version"] = old.get("version", 0) + 1
        return self.table.put(row)

    def _listed(self, call: Call, listing: Listing) -> Sequence[JsonObject]:
        switches = self.world.switches
        wanted = {name: values for name, values in listing.filters if name != "organization_id"}
        asked = dict(listing.filters).get("organization_id", (call.organization,))
        if call.organization not in asked:
            if switches["foreign_read"] == "403":
                raise Refused(403, "This key does not belong to the organization")
            return ()
        filters: list[tuple[str, tuple[str, ...]]] = [("organization_id", (call.organization,))]
        if switches["list_filters"] == "honoured":
            filters += wanted.items()
        rows = self.table.select(tuple(filters), listing.sort)
        if self._lag:
            rows = [row for row in rows if row["id"] not in self._lag]
            self._lag = {id: lists - 1 for id, lists in self._lag.items() if lists > 1}
        if not listing.sort and switches["default_order"] == "newest":
            return rows[::-1]
        return rows

    def _owned(self, call: Call) -> JsonObject:
        row = self.table.get(call.values["id"])
        if row is None or row["organization_id"] != call.organization:
            raise Refused(404, f"No {self.noun} found for id '{call.values['id']}'")
        return row

    def _accepted(self, body: JsonObject) -> JsonObject:
        """The writable properties of a body; what happens to the others is undocumented."""
        unknown = set(body) - self.fields - {"organization_id"}
        if unknown and self.world.switches.on("strict"):
            raise Refused(400, f"Unknown property '{min(unknown)}'")
        keep = set(body) & self.fields
        if self.world.switches.on("unknown_stored"):
            keep |= unknown - _SERVER_COLUMNS - {"frequency"}
        return deepcopy({name: value for name, value in body.items() if name in keep})

    def _check_immutable(self, body: JsonObject, old: JsonObject) -> None:
        for name in ("organization_id", "type_id"):
            if name in body and name in old and body[name] != old[name]:
                raise Refused(400, f"{name} cannot be changed")

    def _check_name(self, row: JsonObject, old: JsonObject | None) -> None:
        if not self.world.switches.on("unique_names") or "name" not in self.fields:
            return
        same = self.table.select((("organization_id", (row["organization_id"],)), ("name", (row["name"],))))
        if any(old is None or other["id"] != old["id"] for other in same):
            raise Refused(409, f"The name '{row['name']}' is taken")

    def _route(self, name: str) -> None:
        position = self.world.switches[name]
        if self.switched and position != "ok":
            raise Refused(int(position), "Page not found" if position == "404" else "Method not allowed")

    def _cache_headers(self) -> dict[str, str]:
        # Documented ("Caching"): some reads with API keys are cached and purged when a row changes.
        return {"X-DidomiCacheEnabled": "true", "X-DidomiCacheHit": "false"}

    def _new_id(self) -> str:
        while (id := self.world.ids.short(self.id_length)) in self.table:
            continue
        return id


def text(row: JsonObject, name: str, *, within: str = "") -> str:
    """A property that must be text and not empty."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{within}{name} must be a non-empty string")
    return value


def described(row: JsonObject) -> None:
    """`name` is needed, `description` is free text."""
    text(row, "name")
    if not isinstance(row.get("description", ""), str | None):
        raise Refused(400, "description must be a string")


def nested(row: JsonObject, name: str) -> JsonObject:
    """A property that must be an object."""
    value = row.get(name)
    if not isinstance(value, dict):
        raise Refused(400, f"{name} must be an object")
    return value


def _merged(old: object, new: object) -> object:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return new
