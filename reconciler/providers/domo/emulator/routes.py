"""The routes (reference 9.1) and what each answers."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from reconciler.emulator import Answer, JsonObject, World
from reconciler.emulator.clock import iso_milliseconds
from reconciler.providers.domo.emulator.calls import Call
from reconciler.providers.domo.emulator.datasets import Datasets
from reconciler.providers.domo.emulator.engine import Engine
from reconciler.providers.domo.emulator.errors import Refused
from reconciler.providers.domo.emulator.exports import Exports
from reconciler.providers.domo.emulator.expressions import QueryFailed
from reconciler.providers.domo.emulator.people import DATASET_ADMIN, MANAGE_TOKENS, Tokens, Users, may, shown_user
from reconciler.providers.domo.emulator.policies import Policies
from reconciler.providers.domo.emulator.queries import check_request

_MOST = 50
_MOST_IDS = 1000

Handler = Callable[[Call], Answer]


class Routes:
    """Everything a token may ask."""

    def __init__(
        self,
        world: World,
        *,
        users: Users,
        tokens: Tokens,
        datasets: Datasets,
        policies: Policies,
        exports: Exports,
        engine: Engine,
    ) -> None:
        self._world = world
        self._users = users
        self._tokens = tokens
        self._datasets = datasets
        self._policies = policies
        self._exports = exports
        self._engine = engine

    def all(self) -> Iterator[tuple[str, str, Handler]]:
        """Method, path and handler of every route."""
        yield "GET", "/api/content/v2/users/me", self.get_me
        yield "GET", "/api/data/v1/accesstokens", self.get_tokens
        yield "POST", "/api/data/v1/accesstokens", self.post_token
        yield "DELETE", "/api/data/v1/accesstokens/{id}", self.delete_token
        yield "GET", "/api/data/v3/datasources", self.get_datasets
        yield "POST", "/api/data/v3/datasources/bulk", self.post_bulk
        yield "GET", "/api/data/v3/datasources/{id}", self.get_dataset
        yield "GET", "/api/data/v3/datasources/{id}/permissions", self.get_permissions
        yield "GET", "/api/data/v2/datasources/{id}/schemas/latest", self.get_schema
        yield "GET", "/api/query/v1/datasources/{id}/schema/indexed", self.get_indexed
        yield "GET", "/api/data/v2/datasources/{id}/dataversions", self.get_versions
        yield "GET", "/api/data/v3/datasources/{id}/dataversions/details", self.get_version_details
        yield "GET", "/api/query/v1/data-control/{id}", self.get_data_control
        yield "GET", "/api/query/v1/data-control/{id}/filter-groups", self.get_filter_groups
        yield "POST", "/api/query/v1/execute/{id}", self.post_execute
        yield "POST", "/api/query/v1/export/{id}", self.post_export
        yield "GET", "/api/query/v1/export/{id}", self.get_exports

    # People.

    def get_me(self, call: Call) -> Answer:
        """The token's user (1)."""
        return Answer(body=shown_user(call.user))

    def get_tokens(self, call: Call) -> Answer:
        """All access tokens, without their values (1.1)."""
        self._check_may_manage_tokens(call)
        return Answer(body=[self._tokens.view(row) for row in self._tokens.rows()])

    def post_token(self, call: Call) -> Answer:
        """A new token; its value is in this answer and never again (1.1)."""
        self._check_may_manage_tokens(call)
        asked = call.request.json()
        if not isinstance(asked, dict):
            raise Refused(400, "The body must be a JSON object")
        owner, expires = asked.get("ownerId"), asked.get("expires")
        if not isinstance(asked.get("name"), str) or not _is_whole(owner):
            raise Refused(400, "name and ownerId are required")
        body: JsonObject = {"name": asked["name"], "ownerId": owner}
        if expires is not None:
            if not _is_whole(expires):
                raise Refused(400, "expires must be milliseconds")
            body["expires"] = expires
        if self._users.table.get(str(owner)) is None:
            raise Refused(400, "The owner does not exist")
        row = self._tokens.insert(body)
        self._world.wrote()
        return Answer(body=self._tokens.view(row, whole=True))

    def delete_token(self, call: Call) -> Answer:
        """Revoke a token (1.1)."""
        self._check_may_manage_tokens(call)
        if self._tokens.remove(call.values["id"]) is None:
            raise Refused(404)
        self._world.wrote()
        return Answer()

    # Datasets.

    def get_datasets(self, call: Call) -> Answer:
        """A page of the datasets the caller may read, at most 50 (4.2)."""
        limit, offset = call.whole_number("limit", _MOST), call.whole_number("offset", 0)
        switches = self._world.switches
        if limit > _MOST and switches["over_limit"] == "400":
            raise Refused(400, f"limit must not be over {_MOST}")
        found = [row for row in self._datasets.table if self._visible(row, call.user) and _is_asked_for(row, call)]
        _order(found, call.request.parameter("orderBy"))
        shown = [self._datasets.view(row, call.user) for row in found[offset : offset + min(limit, _MOST)]]
        body: JsonObject = {"dataSources": shown}
        if switches["datasets_metadata"] != "absent":
            body[switches["datasets_metadata"]] = {"totalCount": len(found)}
        return Answer(body=body)

    def post_bulk(self, call: Call) -> Answer:
        """Datasets by id; ids the caller may not see are dropped without a word (4.2)."""
        ids = call.request.json()
        if not isinstance(ids, list) or len(ids) > _MOST_IDS or not all(isinstance(id, str) for id in ids):
            raise Refused(400, "The body must be an array of ids")
        rows = [self._datasets.live(id) for id in ids]
        shown = [self._datasets.view(row, call.user) for row in rows if row and self._visible(row, call.user)]
        return Answer(body={"dataSources": shown})

    def get_dataset(self, call: Call) -> Answer:
        """The whole record, whatever `part` says (4.1)."""
        stub = self._datasets.stub(call.values["id"])
        if stub is not None:
            return Answer(body=stub)
        return Answer(body=self._datasets.view(self._readable(call), call.user))

    def get_permissions(self, call: Call) -> Answer:
        """Everybody the dataset is shared with (4.5)."""
        listed = []
        for entry in self._datasets.access(self._readable(call)):
            user = self._users.table.get(str(entry["id"])) if entry["type"] == "USER" else None
            listed.append({"name": user["displayName"] if user else str(entry["id"]), **entry})
        users = sum(entry["type"] == "USER" for entry in listed)
        return Answer(body={"list": listed, "totalUserCount": users, "totalGroupCount": len(listed) - users})

    def get_schema(self, call: Call) -> Answer:
        """The stored columns, which may be ahead of the index (4.3)."""
        columns = [
            {
                "type": column["type"],
                "name": column["name"],
                "id": column["id"],
                "visible": column["visible"],
                "metadata": {"colLabel": column["name"], "colFormat": "", "isEncrypted": False},
            }
            for column in self._readable(call)["columns"]
        ]
        return Answer(body={"schema": {"columns": columns}})

    def get_indexed(self, call: Call) -> Answer:
        """What the query engine knows (4.3)."""
        row = self._readable(call)
        _, columns = self._datasets.indexed(row)
        hidden_too = call.request.parameter("includeHidden") == "true"
        shown = [
            {name: column[name] for name in ("name", "id", "type", "visible", "order")}
            for column in columns
            if column["visible"] or hidden_too
        ]
        return Answer(body={"name": "schema", "tables": [{"columns": shown}], "dataSourceId": row["id"]})

    def get_versions(self, call: Call) -> Answer:
        """Uploads of data, with dates as text (4.4, HIST)."""
        shown = [
            {
                "schemaId": version["schema"],
                "dataId": version["id"],
                "uploadStatus": "success",
                "recordedDate": iso_milliseconds(version["recorded"]),
                "uploadCompletedDate": iso_milliseconds(version["recorded"]),
                "numRows": version["count"],
                "numBytes": version["bytes"],
            }
            for version in self._versions(call)
        ]
        return Answer(body=shown)

    def get_version_details(self, call: Call) -> Answer:
        """The same with times as numbers (4.4, DOMOR)."""
        shown = [
            {
                "dataSourceId": call.values["id"],
                "schemaId": version["schema"],
                "dataVersionId": version["id"],
                "status": "SUCCESS",
                "statusMessage": None,
                "datetimeRecorded": version["recorded"],
                "datetimeUploadCompleted": version["recorded"],
                "runDurationSeconds": 0,
                "sizeBytes": version["bytes"],
                "rowCount": version["count"],
            }
            for version in self._versions(call)
        ]
        return Answer(body=shown)

    # Row policies.

    def get_data_control(self, call: Call) -> Answer:
        """Whether row policies are on (6, inferred)."""
        row = self._readable(call)
        self._check_may_read_policies(call)
        return Answer(body=self._policies.flags(row))

    def get_filter_groups(self, call: Call) -> Answer:
        """The row policies; the built-in one only with `include_open_policy` (6)."""
        row = self._readable(call)
        self._check_may_read_policies(call)
        options = (call.request.parameter("options") or "").split(",")
        found = self._policies.of(row["id"])
        if "include_open_policy" not in options:
            found = [policy for policy in found if policy["type"] != "open"]
        shown = [self._policies.view(policy) for policy in found]
        shape = self._world.switches["policies_shape"]
        return Answer(body=shown if shape == "array" else {shape: shown})

    # Queries and exports.

    def post_execute(self, call: Call) -> Answer:
        """A query answered at once (4.6, 5.4)."""
        row = self._readable(call)
        request = call.request.json()
        check_request(request, unverified=self._world.switches["allow_unverified_expr"] == "on")
        try:
            result = self._engine.run(row, call.user, request)
        except QueryFailed as problem:
            raise Refused(400, problem.message) from None
        as_text = self._world.switches["count_text"] == "on"
        rows = [[_shown(value, as_text=as_text) for value in found] for found in result.rows]
        metadata = [
            {"type": column.type, "dataSourceId": row["id"], "maxLength": -1, "minLength": -1, "periodIndex": 0}
            for column in result.columns
        ]
        return Answer(
            body={
                "datasource": row["id"],
                "columns": [column.name for column in result.columns],
                "metadata": metadata,
                "rows": rows,
                "numRows": len(rows),
                "numColumns": len(result.columns),
                "fromcache": False,
            }
        )

    def post_export(self, call: Call) -> Answer:
        """Start an export, or hear about the one that runs or covers the data already (2)."""
        row = self._readable(call)
        status, body = self._exports.start(row, call.user, call.request.json())
        return Answer(status=status, body=body)

    def get_exports(self, call: Call) -> Answer:
        """All exports of the dataset, those of other users too (3)."""
        position = self._world.switches["list"]
        if position != "ok":
            raise Refused(int(position))
        return Answer(body=self._exports.listed(self._readable(call)["id"]))

    # Who may.

    def _readable(self, call: Call) -> JsonObject:
        return self._datasets.readable(call.values["id"], call.user)

    def _visible(self, row: JsonObject, user: JsonObject) -> bool:
        return not row["deleted"] and "READ" in self._datasets.rights(row, user)

    def _versions(self, call: Call) -> list[JsonObject]:
        row = self._readable(call)
        position = self._world.switches["data_versions"]
        if position in ("403", "404"):
            raise Refused(int(position))
        versions: list[JsonObject] = row["versions"]
        return versions if position == "ok" else []

    def _check_may_manage_tokens(self, call: Call) -> None:
        forbidden = self._world.switches["token_list"] == "403"  # noqa: S105 - a switch
        if forbidden or not may(call.user, MANAGE_TOKENS):
            raise Refused(403, "You need the grant to manage all access tokens")

    def _check_may_read_policies(self, call: Call) -> None:
        if self._world.switches["pdp_read"] == "403" and not may(call.user, DATASET_ADMIN):
            raise Refused(403, "You may not read the policies of the dataset")


def _is_asked_for(row: JsonObject, call: Call) -> bool:
    ask = call.request.parameter
    name, owner = ask("nameLike"), ask("ownerId")
    if name and name.casefold() not in row["name"].casefold():
        return False
    if owner and owner != row["owner"]:
        return False
    shown_types = {
        "displayType": row["displayType"],
        "dataProviderType": row.get("dataProviderType", row["displayType"]),
    }
    return all(ask(field) in (None, "", value) for field, value in shown_types.items())


def _order(rows: list[JsonObject], order: str | None) -> None:
    """`name`, `lastTouched` and `lastUpdated`, newest first (4.2); others were seen and mean nothing here."""
    field = re.sub(r"(Ascending|Descending)$", "", order or "")
    if field == "name":
        rows.sort(key=lambda row: row["name"].casefold(), reverse=(order or "").endswith("Descending"))
    elif field in ("lastTouched", "lastUpdated"):
        rows.sort(key=lambda row: row[field], reverse=not (order or "").endswith("Ascending"))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any, *, as_text: bool) -> Any:  # noqa: ANN401 - a cell of any column
    if as_text and value is not None:
        return str(value)
    return float(value) if isinstance(value, Decimal) else value
