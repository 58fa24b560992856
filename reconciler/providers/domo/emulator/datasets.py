"""Datasets: what they hold, what the query engine sees of it, and what the API says about them (reference 4)."""

import json
from collections.abc import Sequence
from typing import Any

from reconciler.emulator import JsonObject, Table, World
from reconciler.providers.domo.emulator.errors import Refused
from reconciler.providers.domo.emulator.people import DATASET_ADMIN, may

TYPES = ("STRING", "LONG", "DOUBLE", "DECIMAL", "DATE", "DATETIME")
# Levels seen are OWNER, CO_OWNER and CAN_SHARE (4.5); CAN_VIEW is assumed for plain readers.
_RIGHTS = {
    "OWNER": "READ_WRITE_DELETE_SHARE_ADMIN",
    "CO_OWNER": "READ_WRITE_DELETE_SHARE_ADMIN",
    "CAN_SHARE": "READ_SHARE",
    "CAN_VIEW": "READ",
}
_KEPT = 50

Row = dict[str, Any]


class Datasets:
    """
    The datasets of the instance.

    A row of the table holds `columns` (the stored schema), `rows` by column name, `versions` of the data and
    `schemas`; every change of rows makes a version, a change of columns alone only a schema.
    """

    def __init__(self, world: World) -> None:
        self.table = Table()
        self._world = world
        self._streams = 87

    def rows(self) -> list[JsonObject]:
        """Every dataset with its present rows, and without what it held before."""
        return [_shown_to_console(row) for row in self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """
        Somebody makes a dataset: `name`, `columns` and `rows`, all else optional.

        `columns` are names or `{name, type, visible}`; `rows` are lists in their order, or objects. `owner` is a
        user's id; `access` is a list of `{type, id, accessLevel}` beside the owner.
        """
        columns = _columns(body.get("columns", []))
        now = self._now()
        self._streams += 1
        owner = str(body.get("owner", "1001"))
        row: JsonObject = {
            "name": "dataset",
            "displayType": "api",
            "pdp": False,
            "masked": False,
            "deleted": False,
            "access": [],
            "created": now,
            "streamId": self._streams,
            **body,
            "id": str(body.get("id") or self._world.ids.uuid()),
            "owner": owner,
            "columns": columns,
            "rows": _rows(body.get("rows", []), columns),
            "lastUpdated": now,
            "lastTouched": now,
            "versions": [],
            "schemas": [{"id": 1, "columns": columns, "recorded": now}],
        }
        return _shown_to_console(self.table.put(self._versioned(row)))

    def remove(self, id: str) -> JsonObject | None:
        """Somebody deletes a dataset; it leaves a mark, see the switch `deleted`."""
        row = self.live(id)
        if row is None:
            return None
        self.table.put({**row, "deleted": True, "rows": [], "versions": [], "lastTouched": self._now()})
        return _shown_to_console(row)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """
        Somebody changes a dataset.

        `rows` replaces the data and `append` adds to it; both make a version. `columns` changes the schema
        alone. Anything else is metadata and moves `lastTouched` only.
        """
        row = self.live(id)
        if row is None:
            return None
        now = self._now()
        ours = ("id", "versions", "schemas", "append", "lastUpdated", "dataVersion")
        changed = {**row, **{name: value for name, value in changes.items() if name not in ours}, "lastTouched": now}
        if "columns" in changes:
            columns = _columns(changes["columns"])
            number = row["schemas"][-1]["id"] + 1
            changed["columns"] = columns
            changed["schemas"] = [*row["schemas"], {"id": number, "columns": columns, "recorded": now}]
        if "rows" in changes or "append" in changes:
            kept = changes["rows"] if "rows" in changes else row["rows"]
            changed["rows"] = [
                *_rows(kept, changed["columns"]),
                *_rows(changes.get("append", []), changed["columns"]),
            ]
            changed["lastUpdated"] = now
            changed = self._versioned(changed)
        return _shown_to_console(self.table.put(changed))

    def forget(self) -> None:
        """Throw every dataset away."""
        self.table.clear()
        self._streams = 87

    def live(self, id: str) -> JsonObject | None:
        """A dataset that was not deleted."""
        row = self.table.get(id)
        return None if row is None or row["deleted"] else row

    # Who may.

    def readable(self, id: str, user: JsonObject) -> JsonObject:
        """
        The dataset a request names.

        An unknown one gets 404, also when its id is no UUID (observed); then a user who neither has READ nor
        `dataset.admin` gets 403 (documented).
        """
        row = self.live(id)
        if row is None:
            raise Refused(404)
        if "READ" not in self.rights(row, user):
            raise Refused(403)
        return row

    def rights(self, row: JsonObject, user: JsonObject) -> str:
        """The caller's rights joined by `_`, as `permissions` shows them."""
        if may(user, DATASET_ADMIN):
            return _RIGHTS["OWNER"]
        levels = [entry["accessLevel"] for entry in self.access(row) if _means(entry, user)]
        return next((_RIGHTS[level] for level in _RIGHTS if level in levels), "")

    def access(self, row: JsonObject) -> list[JsonObject]:
        """Everybody a dataset is shared with, its owner first."""
        return [{"type": "USER", "id": row["owner"], "accessLevel": "OWNER"}, *row["access"]]

    # What the query engine sees (4.4: an asynchronous step after the upload).

    def indexed(self, row: JsonObject) -> tuple[JsonObject | None, list[JsonObject]]:
        """The newest version and the newest columns that the index has; None while it has no data at all."""
        ready = self._now() - self._world.switches.number("index_lag_s") * 1000
        versions = [version for version in row["versions"] if version["recorded"] <= ready]
        schemas = [schema for schema in row["schemas"] if schema["recorded"] <= ready]
        return versions[-1] if versions else None, schemas[-1]["columns"] if schemas else []

    # What the API says.

    def view(self, row: JsonObject, user: JsonObject) -> JsonObject:
        """The whole record (4.1); `part` selects nothing here, since the full record is what was observed."""
        shown: JsonObject = {
            "id": row["id"],
            "name": row["name"],
            "displayType": row["displayType"],
            "dataProviderType": row.get("dataProviderType", row["displayType"]),
            "type": row.get("type", row["displayType"]),
            "owner": {"id": row["owner"], "name": row.get("ownerName", "Data Team"), "type": "USER", "group": False},
            "status": row.get("status", "SUCCESS"),
            "state": row.get("state", "SUCCESS"),
            "created": row["created"],
            "lastTouched": row["lastTouched"],
            "lastUpdated": row["lastUpdated"],
            "rowCount": len(row["rows"]),
            "columnCount": len(row["columns"]),
            "streamId": row["streamId"],
            "permissions": self.rights(row, user),
            "currentUserFullAccess": not row["pdp"] or self.bypasses(row, user),
            "masked": row["masked"],
            "cryoStatus": row.get("cryoStatus", self._world.switches["cryo"]),
            "hidden": row.get("hidden", False),
            "scheduleActive": row.get("scheduleActive", True),
            "tags": json.dumps(row.get("tags", [])),
        }
        if self._world.switches["extra_fields"] == "on":
            shown["newProperty"] = {"introduced": "later"}
        return shown

    def bypasses(self, row: JsonObject, user: JsonObject) -> bool:
        """Whether row policies do not restrict a user: owner and administrators (inferred, 6)."""
        if self._world.switches["pdp_bypass"] == "nobody":
            return False
        return row["owner"] == user["id"] or may(user, DATASET_ADMIN)

    def stub(self, id: str) -> JsonObject | None:
        """What a deleted dataset may leave behind (public API; undocumented here)."""
        row = self.table.get(id)
        if row is None or not row["deleted"] or self._world.switches["deleted"] == "404":
            return None
        return {"id": row["id"], "name": row["name"], "deleted": True}

    def _versioned(self, row: JsonObject) -> JsonObject:
        versions = row["versions"]
        number = versions[-1]["id"] + 1 if versions else 1
        version = {
            "id": number,
            "schema": row["schemas"][-1]["id"],
            "recorded": self._now(),
            "rows": row["rows"],
            "count": len(row["rows"]),
            "bytes": len(json.dumps(row["rows"], default=str)),
        }
        # Older rows are kept only as long as the index may still need them.
        kept = [*({**old, "rows": None} for old in versions[:-_KEPT]), *versions[-_KEPT:]]
        return {**row, "versions": [*kept, version]}

    def _now(self) -> int:
        return round(self._world.clock.timestamp() * 1000)


def _means(entry: JsonObject, user: JsonObject) -> bool:
    if entry["type"] == "GROUP":
        return str(entry["id"]) in {str(group) for group in user.get("groups", ())}
    return str(entry["id"]) == str(user["id"])


def _columns(given: Sequence[Any]) -> list[JsonObject]:
    columns = []
    for order, column in enumerate(given):
        known = {"name": column} if isinstance(column, str) else dict(column)
        name = known["name"]
        kind = known.get("type", "STRING")
        if kind not in TYPES:
            raise ValueError(f"a column has no type `{kind}`: use {', '.join(TYPES)}")
        columns.append({"id": name, "visible": True, **known, "type": kind, "order": order})
    return columns


def _rows(given: Sequence[Any], columns: list[JsonObject]) -> list[Row]:
    names = [column["name"] for column in columns]
    rows = []
    for row in given:
        if isinstance(row, dict):
            rows.append(dict(row))
        elif len(row) == len(names):
            rows.append(dict(zip(names, row, strict=True)))
        else:
            raise ValueError(f"a row has {len(row)} values and the dataset {len(names)} columns")
    return rows


def _shown_to_console(row: JsonObject) -> JsonObject:
    hidden = ("versions", "schemas")
    return {
        **{name: value for name, value in row.items() if name not in hidden},
        "dataVersion": row["versions"][-1]["id"] if row["versions"] else None,
    }
