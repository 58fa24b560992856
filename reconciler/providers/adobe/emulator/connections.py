"""Base, source and target connections (§5, §6.4, §6.6)."""

from reconciler.emulator import Answer, JsonObject, World
from reconciler.providers.adobe.emulator import specs
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.datasets import Datasets
from reconciler.providers.adobe.emulator.entities import Entities, Home, named_fields, spec_of
from reconciler.providers.adobe.emulator.errors import Refused, bad
from reconciler.providers.adobe.emulator.lists import Lists, Source
from reconciler.providers.adobe.emulator.patches import Op
from reconciler.providers.adobe.emulator.schemas import complaints, secrets

# "partial view" of the credentials (OpenAPI of the sources) and `"token": "xxxx"` in a sample (§5.4).
_MASKED = "xxxx"
_OPEN_TO_PATCH = ("name", "description")


class Connections(Entities):
    """Base connections: an account at a destination, and the secrets to enter it."""

    collection = "connections"
    noun = "the connection"
    filters = frozenset({"name", "description"})

    def __init__(self, world: World, agenda: Agenda, lists: Lists, home: Home) -> None:
        super().__init__(world, agenda, lists, home)
        self._lakes: dict[tuple[str, str], str] = {}

    def made(self, call: Call, body: JsonObject) -> JsonObject:
        """Name, spec, authentication and encryption; all of it validated against the spec."""
        destinations = {id: spec for id, spec in specs.connection_specs().items() if id != specs.DATA_LAKE}
        version_missing = self.world.switches["version_missing"]
        spec = spec_of(body, "connectionSpec", destinations, version_missing=version_missing)
        row = {**named_fields(body), "connectionSpec": spec}
        if body.get("auth") is not None or destinations[spec["id"]]["authSpec"]:
            row["auth"] = _auth(spec["id"], body.get("auth"))
        if body.get("encryption") is not None:
            row["encryption"] = _encryption(spec["id"], body["encryption"])
        return row

    def check_op(self, op: Op, row: JsonObject) -> None:
        """`/name`, `/description` and `/auth/params` are documented, the spec is forbidden (§6.4)."""
        switches = self.world.switches
        match op.steps:
            case ("name",) | ("description",) | ("auth", "params"):
                return
            case ("connectionSpec", *_):
                raise bad("the connection spec cannot be changed", 1414)
            case ("auth",) | ("auth", "specName") if switches["auth_spec_patch"] == "ok":
                return
            case ("encryption", *_) if switches["encryption_patch"] == "ok":
                return
        raise bad(f"{op.path} cannot be changed", 1455)

    def check(self, row: JsonObject, old: JsonObject) -> JsonObject:
        """Authentication and encryption stay valid; `/auth/params` overrides all previous parameters."""
        checked = dict(row)
        if "auth" in row:
            checked["auth"] = _auth(row["connectionSpec"]["id"], row["auth"])
        elif "auth" in old:
            raise bad("auth is required", 1455)
        if row.get("encryption") is not None:
            checked["encryption"] = _encryption(row["connectionSpec"]["id"], row["encryption"])
        return checked

    def shown(self, row: JsonObject) -> JsonObject:
        """Secret parameters are masked (undocumented, §5.4)."""
        if "auth" not in row:
            return dict(row)
        auth = row["auth"]
        spec = specs.auth_spec(row["connectionSpec"]["id"], auth.get("specName"))
        hidden = secrets(spec["spec"]) if spec is not None else frozenset()
        params = dict(auth.get("params", {}))
        position = self.world.switches["secrets_on_read"]
        for name in hidden & params.keys():
            if position == "absent":
                del params[name]
            elif position != "clear":
                params[name] = None if position == "null" else _MASKED
        if self.world.switches.on("authorized_date"):
            params["authorizedDate"] = "2026-01-05"
        return {**row, "auth": {**auth, "params": params}}

    def test(self, call: Call) -> Answer:
        """Whether the credentials work (§4); nobody tries them here, the switch decides."""
        self.owned(call)
        position = self.world.switches["connection_test"]
        if position == "400":
            raise bad("the credentials were refused by the destination")
        return Answer(body={"result": position == "true"})

    def completed(self, row: JsonObject) -> JsonObject:
        """What the console's new object lacks: an Amazon S3 account unless it says otherwise."""
        defaults = {"name": "made in the UI", "connectionSpec": {"id": specs.AMAZON_S3, "version": "1.0"}}
        return {**defaults, **row}

    def lake(self, organization: str, sandbox: str) -> str:
        """The id of the base connection that the server gives source connections (§3)."""
        key = (organization, sandbox)
        if key not in self._lakes:
            self._lakes[key] = self.world.ids.uuid()
        return self._lakes[key]

    def owned(self, call: Call) -> JsonObject:
        """As all entities; the data lake's connection can be read when the switch says so."""
        if self.world.switches["lake_connection"] == "listed":
            lake = self._lake_row(call)
            if lake is not None and lake["id"] == call.values["id"]:
                if call.request.method != "GET":
                    raise bad("the connection belongs to the service", 1416)
                return lake
        return super().owned(call)

    def source(self, call: Call) -> Source:
        """As all entities, and perhaps the data lake's connection."""
        source = super().source(call)
        lake = self._lake_row(call)
        if lake is None or self.world.switches["lake_connection"] != "listed":
            return source
        return Source(name=source.name, rows=[lake, *source.rows], view=source.view, listed=source.listed)

    def forget(self) -> None:
        """Throw every object away."""
        super().forget()
        self._lakes.clear()

    def _lake_row(self, call: Call) -> JsonObject | None:
        id = self._lakes.get((call.organization, call.sandbox))
        if id is None:
            return None
        etag = f'"00000000-0000-0200-0000-{id[-12:]}"'
        return {
            "id": id,
            "createdAt": 0,
            "updatedAt": 0,
            "createdBy": "aep_activation_batch@AdobeID",
            "updatedBy": "aep_activation_batch@AdobeID",
            "createdClient": "aep_activation_batch",
            "updatedClient": "aep_activation_batch",
            "sandboxId": self.home.id_of(call.organization, call.sandbox),
            "sandboxName": call.sandbox,
            "imsOrgId": call.organization,
            "name": "activation-datalake",
            "connectionSpec": {"id": specs.DATA_LAKE, "version": "1.0"},
            "state": "enabled",
            "version": etag,
            "etag": etag,
        }


class SourceConnections(Entities):
    """Source connections: an immutable list of datasets."""

    collection = "sourceConnections"
    noun = "the source connection"
    filters = frozenset({"baseConnectionId"})

    def __init__(
        self, world: World, agenda: Agenda, lists: Lists, home: Home, *, connections: Connections, datasets: Datasets
    ) -> None:
        super().__init__(world, agenda, lists, home)
        self._connections = connections
        self._datasets = datasets

    def made(self, call: Call, body: JsonObject) -> JsonObject:
        """Name and dataset list; the server adds a base connection of its own (§3)."""
        lake = {specs.DATA_LAKE: specs.connection_specs()[specs.DATA_LAKE]}
        spec = spec_of(body, "connectionSpec", lake, version_missing=self.world.switches["version_missing"])
        params = body.get("params")
        if not isinstance(params, dict):
            raise bad("params.datasets is required")
        self._check_datasets(call, params)
        base = self._connections.lake(call.organization, call.sandbox)
        return {**named_fields(body), "connectionSpec": spec, "params": params, "baseConnectionId": base}

    def check_op(self, op: Op, row: JsonObject) -> None:
        """The dataset list cannot change after creation (§6.4)."""
        if len(op.steps) != 1 or op.steps[0] not in _OPEN_TO_PATCH:
            raise bad(f"{op.path} of a source connection cannot be changed", 1455)

    def check(self, row: JsonObject, old: JsonObject) -> JsonObject:
        """Nothing more to check."""
        return row

    def patch(self, call: Call) -> Answer:
        """Documented for the other half of the service only (§4)."""
        position = self.world.switches["source_patch"]
        if position == "405":
            raise Refused(405, 1445, "Method not allowed")
        if position == "400":
            self.owned(call)
            raise bad("PATCH is not enabled for this connection", 1445)
        return super().patch(call)

    def shown(self, row: JsonObject) -> JsonObject:
        """With the base connection that the server chose (§5.4)."""
        spec = {"id": specs.DATA_LAKE, "version": "1.0"}
        base = {"id": row.get("baseConnectionId"), "connectionSpec": spec}
        return {**row, "inheritedAttributes": {"baseConnection": base}}

    def completed(self, row: JsonObject) -> JsonObject:
        """What the console's new object lacks."""
        defaults = {
            "name": "made in the UI",
            "connectionSpec": {"id": specs.DATA_LAKE, "version": "1.0"},
            "params": {"datasets": []},
            "baseConnectionId": self._connections.lake(row["imsOrgId"], row["sandboxName"]),
        }
        return {**defaults, **row}

    def _check_datasets(self, call: Call, params: JsonObject) -> None:
        switches = self.world.switches
        listed = params.get("datasets")
        if not isinstance(listed, list) or (not listed and switches["empty_datasets"] == "400"):
            raise bad("params.datasets must be a list of datasets")
        most = switches["datasets_most"]
        if most != "off" and len(listed) > int(most):
            raise bad(f"params.datasets must not list more than {most} datasets")
        for index, one in enumerate(listed):
            place = f"params.datasets[{index}]"
            if not isinstance(one, dict) or not isinstance(one.get("dataSetId"), str):
                raise bad(f"{place}.dataSetId is required")
            named = isinstance(one.get("name"), str)
            if not named and ("name" in one or switches["dataset_names"] == "required"):
                raise bad(f"{place}.name is required")
            found = self._datasets.find(one["dataSetId"], call.organization, call.sandbox)
            check = switches["dataset_check"]
            if check != "none" and found is None:
                raise bad(f"{place}.dataSetId: dataset {one['dataSetId']} not found")
            if check == "eligible" and found is not None and not found["eligible"]:
                raise bad(f"{place}.dataSetId: dataset {one['dataSetId']} cannot be exported")


class TargetConnections(Entities):
    """Target connections: a place at a base connection, and the form of the files."""

    collection = "targetConnections"
    noun = "the target connection"
    filters = frozenset({"baseConnectionId"})

    def __init__(self, world: World, agenda: Agenda, lists: Lists, home: Home, *, connections: Connections) -> None:
        super().__init__(world, agenda, lists, home)
        self._connections = connections
        connections.guards.append(self._guard_connection)

    def made(self, call: Call, body: JsonObject) -> JsonObject:
        """Name, base connection and parameters; the specs of both must be one (undocumented, §6.1)."""
        known = specs.connection_specs()
        spec = spec_of(body, "connectionSpec", known, version_missing=self.world.switches["version_missing"])
        row = {
            **named_fields(body),
            "baseConnectionId": body.get("baseConnectionId"),
            "connectionSpec": spec,
            "params": body.get("params"),
        }
        self._check_base({**row, "imsOrgId": call.organization, "sandboxName": call.sandbox}, 1100)
        self._check_params(row, 1100)
        return row

    def check_op(self, op: Op, row: JsonObject) -> None:
        """`/params` and one field below it are documented for destinations (§6.4)."""
        switches = self.world.switches
        match op.steps:
            case ("name",) | ("description",):
                return
            case ("params",) | ("params", _):
                if switches["target_patch"] == "400":
                    raise bad("PATCH is not enabled for this connection", 1445)
                return
            case ("connectionSpec", *_):
                raise bad("the connection spec cannot be changed", 1414)
            case ("baseConnectionId",) if switches["rebase_target"] == "ok":
                return
        raise bad(f"{op.path} of a target connection cannot be changed", 1455)

    def check(self, row: JsonObject, old: JsonObject) -> JsonObject:
        """Parameters and base connection stay valid."""
        self._check_base(row, 1455)
        self._check_params(row, 1455)
        return row

    def shown(self, row: JsonObject) -> JsonObject:
        """With the base connection it belongs to (§5.4)."""
        base = self._connections.table.get(row.get("baseConnectionId", ""))
        spec = row["connectionSpec"] if base is None else base["connectionSpec"]
        inherited = {"baseConnection": {"id": row.get("baseConnectionId"), "connectionSpec": spec}}
        return {**row, "inheritedAttributes": inherited}

    def completed(self, row: JsonObject) -> JsonObject:
        """What the console's new object lacks."""
        base = self._connections.table.get(row.get("baseConnectionId", ""))
        spec = {"id": specs.AMAZON_S3, "version": "1.0"} if base is None else base["connectionSpec"]
        return {"name": "made in the UI", "baseConnectionId": None, "connectionSpec": spec, "params": {}, **row}

    def revision(self) -> object:
        """A view holds the base connection's spec, which never changes."""
        return (self.table.revision, self._connections.table.revision)

    def _check_base(self, row: JsonObject, code: int) -> None:
        base = self._connections.named(row["baseConnectionId"], row)
        if base is None:
            raise bad("baseConnectionId: no such connection", code)
        if base["connectionSpec"]["id"] != row["connectionSpec"]["id"]:
            raise bad("connectionSpec differs from that of the base connection", code)

    def _check_params(self, row: JsonObject, code: int) -> None:
        params = row["params"]
        spec = specs.connection_specs()[row["connectionSpec"]["id"]]["targetSpec"]["spec"]
        # `fileType` is required by the spec, yet for audience exports only (§5.2).
        wrong = complaints(params, spec, "params", optional=frozenset({"fileType"}))
        if wrong:
            raise bad("; ".join(wrong), code)
        if params.get("mode", "Server-to-server") != "Server-to-server":
            raise bad("params.mode must be Server-to-server", code)
        plain = params["datasetFileType"] == "JSON" and params["compression"] == "NONE"
        if plain and self.world.switches.on("strict_json_none"):
            raise bad("params.compression: JSON is exported compressed only", code)

    def _guard_connection(self, connection: JsonObject) -> None:
        # Undocumented: the error's text speaks of flows only (§6.6).
        if not self.world.switches.on("strict_dependents"):
            return
        if any(target.get("baseConnectionId") == connection["id"] for target in self.table):
            raise bad("the connection still has target connections", 1418)


def _auth(spec_id: str, auth: object) -> JsonObject:
    """An authentication that fits the spec, or a refusal (1415 for an unknown name, §10.4)."""
    if not isinstance(auth, dict):
        raise bad("auth is required")
    spec = specs.auth_spec(spec_id, auth.get("specName"))
    if spec is None:
        raise bad("auth.specName is not known for this connection spec", 1415)
    wrong = complaints(auth.get("params"), spec["spec"], "auth.params")
    if wrong:
        raise bad("; ".join(wrong))
    return {"specName": auth["specName"], "params": auth["params"]}


def _encryption(spec_id: str, encryption: object) -> JsonObject:
    """An encryption that fits the spec; the Data Landing Zone has none (§5.1)."""
    known: list[JsonObject] = specs.connection_specs()[spec_id]["encryptionSpecs"]
    if not isinstance(encryption, dict):
        raise bad("encryption must be an object")
    spec = next((one for one in known if one["name"] == encryption.get("specName")), None)
    if spec is None:
        raise bad("encryption.specName is not known for this connection spec")
    wrong = complaints(encryption.get("params"), spec["spec"], "encryption.params")
    if wrong:
        raise bad("; ".join(wrong))
    return {"specName": encryption["specName"], "params": encryption["params"]}
