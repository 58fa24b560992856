"""The datasets of a sandbox, as Catalog and as the export service list them (§7)."""

import hashlib
import re
from collections.abc import Sequence

from reconciler.emulator import Answer, JsonObject, Table, World
from reconciler.providers.adobe.emulator import specs
from reconciler.providers.adobe.emulator.calls import UI_USER, Call
from reconciler.providers.adobe.emulator.entities import Home
from reconciler.providers.adobe.emulator.errors import Refused, bad, malformed, not_found
from reconciler.providers.adobe.emulator.lists import route_check

# More than two pages of the largest size, with names that repeat: names are not unique in Catalog (§7).
_SEEDED = 230
_NAMES = ("Orders", "Customers", "Web events", "Consents", "Returns", "Stores", "Returns", "Loyalty", "Orders")
# Every so many-th dataset cannot be exported.
_INELIGIBLE = 46
_MOST = 100
_PARAMETERS = frozenset({"outputType", "outputField", "start", "limit", "properties", "orderBy", "name"})


class Datasets:
    """The rows of Catalog; `eligible` says whether one can be exported, `records` how many rows it began with."""

    def __init__(self, world: World, home: Home) -> None:
        self.world = world
        self.home = home
        self.table = Table()

    def found(self, organization: str, sandbox: str) -> None:
        """Fill a new sandbox; ids follow from the names, so that they are the same in every world."""
        for number in range(_SEEDED):
            name = _NAMES[number] if number < len(_NAMES) else f"Example dataset {number:03d}"
            body = {
                "id": hashlib.sha256(f"{organization}/{sandbox}/{number}".encode()).hexdigest()[:24],
                "name": name,
                "imsOrgId": organization,
                "sandboxName": sandbox,
                "eligible": number % _INELIGIBLE != _INELIGIBLE - 1,
            }
            self.insert(body)

    def find(self, id: str, organization: str, sandbox: str) -> JsonObject | None:
        """A dataset of a sandbox, or None."""
        row = self.table.get(id)
        if row is None or (row["imsOrgId"], row["sandboxName"]) != (organization, sandbox):
            return None
        return row

    # The routes.

    def get_configs(self, call: Call) -> Answer:
        """What can be exported, with pages by offset (§7)."""
        spec = call.values["id"]
        allowed = specs.connection_specs() if self.world.switches["configs_spec"] == "any" else (specs.DATA_LAKE,)
        if spec not in allowed:
            raise not_found("connectionSpecs", spec)
        for name in call.request.parameters:
            if name not in _PARAMETERS:
                raise bad(f"the query parameter {name} is unknown", 1451)
        wanted = (("outputType", "activationDatasets"), ("outputField", "datasets"))
        for name, value in wanted:
            if call.request.parameter(name) != value:
                raise bad(f"{name} must be {value}", 1452)
        start, limit = _page(call)
        rows = [row for row in self._selected(call) if row["eligible"]]
        page = rows[start : start + limit]
        # `end` is the index of the last item; what it is on an empty page is undocumented.
        info = {
            "start": start,
            "end": start + max(len(page) - 1, 0),
            "total": len(rows),
            "hasNext": start + limit < len(rows),
        }
        return Answer(body={"items": [self._shown(row, call) for row in page], "pageInfo": info})

    def get_list(self, call: Call) -> Answer:
        """Catalog's list: a map by id, and no total (§7)."""
        route_check(self.world.switches["list"])
        start, limit = _page(call)
        rows = self._selected(call)[start : start + limit]
        return Answer(body={row["id"]: _without_id(self._shown(row, call)) for row in rows})

    def get(self, call: Call) -> Answer:
        """One dataset in a map of one (§7)."""
        row = self.find(call.values["id"], call.organization, call.sandbox)
        if row is None:
            raise malformed(f"dataset {call.values['id']} not found", 404)
        return Answer(body={row["id"]: _without_id(self._shown(row, call))})

    # The console.

    def rows(self) -> list[JsonObject]:
        """Everything there is."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Somebody makes a dataset; `eligible: false` says that it cannot be exported."""
        now = int(self.world.clock.timestamp() * 1000)
        id = body.get("id") or self.world.ids.hexadecimal(24)
        if id in self.table:
            raise ValueError(f"there is already a dataset `{id}`")
        defaults: JsonObject = {
            "name": "made in the UI",
            "description": "",
            "imsOrgId": self.home.organization,
            "sandboxName": self.home.sandbox,
            "created": now,
            "updated": now,
            "createdUser": UI_USER,
            "updatedUser": UI_USER,
            "version": "1.0.0",
            "viewId": id[::-1],
            "aspect": "production",
            # Perfectly eligible datasets may say so (§7).
            "state": "DRAFT",
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "schemaRef": {
                "id": f"https://ns.adobe.com/example/schemas/{id}",
                "contentType": "application/vnd.adobe.xed+json;version=1",
            },
            "tags": {"adobe/pqs/table": [f"example_{id[:8]}"]},
            "eligible": True,
            "records": 10,
        }
        return self.table.put({**defaults, **body, "id": id})

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Somebody renames a dataset, or makes it exportable or not."""
        old = self.table.get(id)
        if old is None:
            return None
        return self.table.put({**old, **changes, "id": id, "updated": int(self.world.clock.timestamp() * 1000)})

    def remove(self, id: str) -> JsonObject | None:
        """Somebody deletes a dataset; nothing asks whether a flow still exports it (§6.5)."""
        return self.table.pop(id)

    def forget(self) -> None:
        """Throw every dataset away."""
        self.table.clear()

    def _selected(self, call: Call) -> Sequence[JsonObject]:
        """The sandbox's datasets, filtered by `name` and ordered as `orderBy` says (Catalog's parameters)."""
        wanted = [("imsOrgId", (call.organization,)), ("sandboxName", (call.sandbox,))]
        if (name := call.request.parameter("name")) is not None:
            wanted.append(("name", (name,)))
        sort: tuple[tuple[str, int], ...] = ()
        if (order := call.request.parameter("orderBy")) is not None:
            found = re.fullmatch(r"(asc|desc):([A-Za-z]{1,40})", order)
            if found is None:
                raise bad("orderBy must be asc:<field> or desc:<field>", 1432)
            sort = ((found[2], 1 if found[1] == "asc" else -1),)
        return self.table.select(tuple(wanted), sort)

    def _shown(self, row: JsonObject, call: Call) -> JsonObject:
        hidden = ("eligible", "records", "imsOrgId", "sandboxName")
        shown = {name: value for name, value in row.items() if name not in hidden}
        shown["imsOrg"] = row["imsOrgId"]
        shown["sandboxId"] = self.home.id_of(row["imsOrgId"], row["sandboxName"])
        if (asked := call.request.parameter("properties")) is not None:
            kept = {"id", *(name.strip().split(".")[0] for name in asked.split(","))}
            shown = {name: value for name, value in shown.items() if name in kept}
        elif self.world.switches.on("extra_fields"):
            shown["newProperty"] = {"introduced": "later"}
        return shown


def _page(call: Call) -> tuple[int, int]:
    """`start` from 0, `limit` from 1 to 100, by default 20 (§7)."""
    numbers = []
    for name, default, least, most in (("start", "0", 0, 10**9), ("limit", "20", 1, _MOST)):
        text = call.request.parameter(name) or default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Refused(400, 1452, f"{name} must be a whole number from {least} to {most}")
        numbers.append(int(text))
    return numbers[0], numbers[1]


def _without_id(shown: JsonObject) -> JsonObject:
    return {name: value for name, value in shown.items() if name != "id"}
