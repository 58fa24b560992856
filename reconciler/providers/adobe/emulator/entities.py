"""What connections, source connections, target connections and flows have in common (§3, §4, §6, §8)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from reconciler.emulator import Answer, JsonObject, Table, World
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.calls import SERVICE_CLIENT, SERVICE_USER, UI_CLIENT, UI_USER, Call
from reconciler.providers.adobe.emulator.errors import Refused, bad, not_found
from reconciler.providers.adobe.emulator.lists import Lists, Source, route_check
from reconciler.providers.adobe.emulator.patches import Op, applied, check_match, ops_of

Guard = Callable[[JsonObject], None]

_COMMON_FILTERS = frozenset(
    {"id", "name", "description", "state", "createdAt", "updatedAt", "connectionSpec.id", "flowSpec.id"}
)


class Home:
    """Where objects live that the console makes without saying so; and how a sandbox is called."""

    def __init__(self, organization: str, sandbox: str, id_of: Callable[[str, str], str]) -> None:
        self.organization = organization
        self.sandbox = sandbox
        self.id_of = id_of


class Entities(ABC):
    """
    One kind of entity: its rows, and what each verb does to them.

    A change leaves an object in a transient state for as long as the switch `settle` says; then the service
    account settles it and, unless `etag_bump` says no, moves its etag once more (inferred, §6.2).
    """

    collection = ""
    noun = ""
    creating = "initializing"
    # Paths that a document lists for filters (§4.2); the others hold by the general rule only.
    filters: frozenset[str] = frozenset()

    def __init__(self, world: World, agenda: Agenda, lists: Lists, home: Home) -> None:
        self.world = world
        self.agenda = agenda
        self.lists = lists
        self.home = home
        self.table = Table()
        # Who must agree before an object is deleted, and who wants to know that it is gone, however that came.
        self.guards: list[Guard] = []
        self.gone: list[Guard] = []
        # Who wants to know that an object is new or different.
        self.told: list[Guard] = []
        self._operations: dict[str, int] = {}
        self._ghosts: list[tuple[datetime, JsonObject]] = []
        self._count = 0

    # What a kind says about itself.

    @abstractmethod
    def made(self, call: Call, body: JsonObject) -> JsonObject:
        """The fields of a new object that the service keeps, or a refusal."""

    @abstractmethod
    def check_op(self, op: Op, row: JsonObject) -> None:
        """Refuse an operation on a path that may not change."""

    @abstractmethod
    def check(self, row: JsonObject, old: JsonObject) -> JsonObject:
        """A changed row as the service keeps it, or a refusal."""

    def shown(self, row: JsonObject) -> JsonObject:
        """A row as the API shows it, without what all kinds share."""
        return dict(row)

    def check_state(self, row: JsonObject) -> None:
        """Refuse a change in a state that does not allow one (§6.2)."""
        if row["state"] not in ("enabled", "disabled", "initializing"):
            raise bad(f"{self.noun} is {row['state']}", 1416)

    def completed(self, row: JsonObject) -> JsonObject:
        """What the console's new object lacks."""
        return row

    def settled(self, row: JsonObject) -> JsonObject:
        """A row whose last change is through."""
        return row

    def begun(self, row: JsonObject, operation: str, ops: Sequence[Op], *, done: bool) -> JsonObject:
        """A row whose change has just begun."""
        return row

    def changed(self, row: JsonObject) -> None:
        """Take note that a row is new or different."""
        for tell in self.told:
            tell(row)

    def revision(self) -> object:
        """Changes whenever a row of this kind, or anything its view is made of, may have changed."""
        return self.table.revision

    # The verbs.

    def post(self, call: Call) -> Answer:
        """Create; answers the id and an etag that may be old a moment later (§6.2, §8)."""
        if call.request.query:
            raise bad(f"the query parameter {call.request.query[0][0]} is unknown", 1451)
        body = call.document()
        fields = self.made(call, body)
        self._check_name(fields, call)
        row = self._new(fields, call)
        row = self._begin(row, "create", (), transient=self.creating, final="enabled")
        self.world.wrote()
        self.changed(row)
        location = {"Location": f"/{self.collection}/{row['id']}"}
        return Answer(status=201, body={"id": row["id"], "etag": row["etag"]}, headers=location)

    def get_list(self, call: Call) -> Answer:
        """A page of the list, newest first."""
        route_check(self.world.switches["list"])
        return self.lists.get(call, self.source(call))

    def search(self, call: Call) -> Answer:
        """A page of what a body asks for."""
        route_check(self.world.switches["list"])
        return self.lists.search(call, self.source(call))

    def get(self, call: Call) -> Answer:
        """One object, wrapped (§4)."""
        route_check(self.world.switches["read"])
        row = self.owned(call)
        if self.world.switches["hidden"] == "404":
            raise not_found(self.collection, row["id"])
        return Answer(body={"items": [self.view(row)]})

    def patch(self, call: Call) -> Answer:
        """Change, if the etag is right."""
        old = self.owned(call)
        ops = ops_of(call, self.world.switches)
        self.check_state(old)
        check_match(call, old)
        for op in ops:
            self.check_op(op, old)
        row = self.check(applied(old, ops, self.world.switches), old)
        if not isinstance(row.get("name"), str) or not row["name"]:
            raise bad("name must be a non-empty string", 1455)
        if not isinstance(row.get("description", ""), str | None):
            raise bad("description must be a string", 1455)
        self._check_name(row, call, old)
        row = self._begin(self._touched(row, call), "update", ops, transient="updating", final=old["state"])
        self.world.wrote()
        self.changed(row)
        return Answer(body={"id": row["id"], "etag": row["etag"]})

    def delete(self, call: Call) -> Answer:
        """Delete; nothing protects it from a concurrent change (§6.6)."""
        row = self.owned(call)
        self.check_state(row)
        for guard in self.guards:
            guard(row)
        self.end(row)
        self.world.wrote()
        return self.deleted()

    def deleted(self, mixed: int = 204) -> Answer:
        """The answer to a deletion: the documents disagree on its status (§6.6)."""
        position = self.world.switches["delete_status"]
        return Answer(status=mixed if position == "mixed" else int(position))

    def end(self, row: JsonObject) -> None:
        """Take an object away; lists may go on showing it (switch `list_ghosts`)."""
        if self.table.pop(row["id"]) is None:
            return
        self._operations.pop(row["id"], None)
        seconds = self.world.switches.number("list_ghosts")
        if seconds:
            self._ghosts.append((self.world.clock.now() + timedelta(seconds=seconds), row))
        for tell in self.gone:
            tell(row)

    # Reading.

    def source(self, call: Call) -> Source:
        """What lists of the caller's sandbox are made of."""
        now = self.world.clock.now()
        self._ghosts = [ghost for ghost in self._ghosts if ghost[0] > now]
        rows: Sequence[JsonObject] = self.scoped(call.organization, call.sandbox)
        ghosts = [row for _, row in self._ghosts if _scope(row) == (call.organization, call.sandbox)]
        lag = 1000 * self.world.switches.number("list_lag")
        born = 1000 * now.timestamp() - lag
        return Source(
            name=self.collection,
            rows=[*rows, *ghosts],
            view=self.view,
            revision=None if ghosts else (self.revision(), *self.world.switches.values()),
            listed=_COMMON_FILTERS - {"description", "name"} | self.filters,
            late=(lambda row: row["createdAt"] > born) if lag else None,
        )

    def scoped(self, organization: str, sandbox: str) -> Sequence[JsonObject]:
        """The rows of one sandbox, in the order of creation."""
        return self.table.select((("imsOrgId", (organization,)), ("sandboxName", (sandbox,))))

    def owned(self, call: Call) -> JsonObject:
        """The row a path names, or 404: objects of other organizations and sandboxes do not exist."""
        return self.find(call.values["id"], call.organization, call.sandbox)

    def find(self, id: str, organization: str, sandbox: str) -> JsonObject:
        """A row by its id within a sandbox, or 404."""
        row = self.table.get(id)
        if row is None or _scope(row) != (organization, sandbox):
            raise not_found(self.collection, id)
        return row

    def named(self, id: object, row: Mapping[str, object]) -> JsonObject | None:
        """The object that another row of the same sandbox points at, or None."""
        found = self.table.get(id) if isinstance(id, str) else None
        same = found is not None and _scope(found) == (row["imsOrgId"], row["sandboxName"])
        return found if same else None

    def view(self, row: JsonObject) -> JsonObject:
        """A row as the API shows it."""
        shown = self.shown(row)
        if self.world.switches.on("extra_fields"):
            shown["newProperty"] = {"introduced": "later"}
            for name in ("params", "scheduleParams"):
                if isinstance(shown.get(name), dict):
                    shown[name] = {**shown[name], "newParam": "later"}
        return shown

    # The console.

    def rows(self) -> list[JsonObject]:
        """Everything there is, in clear."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Make an object in the UI, without the checks of the API; it settles at once."""
        row = self._stamped(body, client=UI_CLIENT, user=UI_USER)
        if row["id"] in self.table:
            raise ValueError(f"there is already an object `{row['id']}`")
        row = self.table.put(self.completed(row))
        self.changed(row)
        return row

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change top-level fields in the UI, without the checks of the API; the etag moves."""
        old = self.table.get(id)
        if old is None:
            return None
        etag = self.etag()
        marks = {"updatedAt": self.now(), "updatedBy": UI_USER, "updatedClient": UI_CLIENT}
        row = self.table.put({**old, **changes, "id": id, **marks, "etag": etag, "version": etag})
        self.changed(row)
        return row

    def remove(self, id: str) -> JsonObject | None:
        """Take an object away in the UI, whatever points at it."""
        row = self.table.get(id)
        if row is not None:
            self.end(row)
        return row

    def forget(self) -> None:
        """Throw every object away."""
        self.table.clear()
        self._operations.clear()
        self._ghosts.clear()

    # Rows.

    def now(self) -> int:
        """The present in milliseconds since 1970."""
        return int(self.world.clock.timestamp() * 1000)

    def etag(self) -> str:
        """A new etag, quotes included (§8)."""
        return f'"{self.world.ids.hexadecimal(8)}-0000-0200-0000-{self.world.ids.hexadecimal(12)}"'

    def bumped(self, row: JsonObject, when: datetime) -> JsonObject:
        """A row with a new etag, changed by the service."""
        etag = self.etag()
        moment = max(int(when.timestamp() * 1000), row["updatedAt"])
        marks = {"updatedAt": moment, "updatedBy": SERVICE_USER, "updatedClient": SERVICE_CLIENT}
        return {**row, **marks, "etag": etag, "version": etag}

    def _new(self, fields: JsonObject, call: Call) -> JsonObject:
        fields = {**fields, "imsOrgId": call.organization, "sandboxName": call.sandbox}
        return self._stamped(fields, client=call.client, user=call.user)

    def _stamped(self, fields: JsonObject, *, client: str, user: str) -> JsonObject:
        organization = fields.get("imsOrgId", self.home.organization)
        sandbox = fields.get("sandboxName", self.home.sandbox)
        etag = self.etag()
        marks: JsonObject = {
            "id": self.world.ids.uuid(),
            "createdAt": self.now(),
            "updatedAt": self.now(),
            "createdBy": user,
            "updatedBy": user,
            "createdClient": client,
            "updatedClient": client,
            "sandboxId": self.home.id_of(organization, sandbox),
            "sandboxName": sandbox,
            "imsOrgId": organization,
            "state": "enabled",
            "version": etag,
            "etag": etag,
        }
        return {**marks, **fields}

    def _touched(self, row: JsonObject, call: Call) -> JsonObject:
        etag = self.etag()
        marks = {"updatedAt": self.now(), "updatedBy": call.user, "updatedClient": call.client}
        return {**row, **marks, "etag": etag, "version": etag}

    def _begin(self, row: JsonObject, operation: str, ops: Sequence[Op], *, transient: str, final: str) -> JsonObject:
        """Keep a changed row and let the change settle in time."""
        seconds = self.world.switches.number("settle")
        row = self.begun({**row, "state": transient if seconds else final}, operation, ops, done=not seconds)
        row = self.table.put(row)
        self._count += 1
        number = self._operations[row["id"]] = self._count
        if seconds or self.world.switches.on("etag_bump"):
            self.agenda.after(seconds, lambda when: self._settle(row["id"], number, transient, final, when))
        return row

    def _settle(self, id: str, number: int, transient: str, final: str, when: datetime) -> None:
        row = self.table.get(id)
        if row is None or self._operations.get(id) != number:
            return
        row = self.settled({**row, "state": final if row["state"] == transient else row["state"]})
        self.table.put(self.bumped(row, when) if self.world.switches.on("etag_bump") else row)

    def _check_name(self, row: JsonObject, call: Call, old: JsonObject | None = None) -> None:
        if self.world.switches["unique_names"] != "409" or (old is not None and old["name"] == row["name"]):
            return
        if any(other["name"] == row["name"] for other in self.scoped(call.organization, call.sandbox)):
            raise Refused(409, 1100, f"the name {row['name']} is taken")


def _scope(row: Mapping[str, object]) -> tuple[object, object]:
    return row["imsOrgId"], row["sandboxName"]


def named_fields(body: JsonObject) -> JsonObject:
    """`name`, which is needed, and `description`, which is not."""
    name, description = body.get("name"), body.get("description")
    if not isinstance(name, str) or not name:
        raise bad("name is required")
    if description is None:
        return {"name": name}
    if not isinstance(description, str):
        raise bad("description must be a string")
    return {"name": name, "description": description}


def spec_of(body: JsonObject, field: str, known: Mapping[str, JsonObject], *, version_missing: str) -> JsonObject:
    """
    `connectionSpec` or `flowSpec` of a body, with its version.

    An unknown id is FLOW-1413-400; a missing version is 422 by one document and the latest by another (§10.4).
    """
    spec = body.get(field)
    if not isinstance(spec, dict) or not isinstance(spec.get("id"), str) or spec["id"] not in known:
        raise bad("Please provide a valid spec id", 1413)
    version = spec.get("version")
    if version is None:
        if version_missing == "422":
            raise Refused(422, 1413, f"{field}.version is missing")
        version = "1.0"
    if version != known[spec["id"]]["version"]:
        raise bad("Please provide a valid spec version", 1413)
    return {"id": spec["id"], "version": version}
