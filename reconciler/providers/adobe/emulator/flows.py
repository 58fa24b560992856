"""Flows: what binds a source to a target, when it runs, and how it changes state (§6)."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime

from reconciler.emulator import Answer, JsonObject, World
from reconciler.providers.adobe.emulator import schedules, specs
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.connections import Connections, SourceConnections, TargetConnections
from reconciler.providers.adobe.emulator.entities import Entities, Home, named_fields, spec_of
from reconciler.providers.adobe.emulator.errors import Refused, bad, not_found
from reconciler.providers.adobe.emulator.lists import Lists, Source
from reconciler.providers.adobe.emulator.patches import Op, check_match

_TRANSIENT = {"enable": "enabling", "disable": "disabling"}
_FINAL = {"enable": "enabled", "disable": "disabled"}
_STEADY = ("enabled", "disabled")
_DELETING = "delete-finalizing"


class Flows(Entities):
    """Flows, with what they inherit from their connections and the record of their last operation."""

    collection = "flows"
    noun = "the flow"
    filters = frozenset(
        {
            "name",
            "description",
            "sourceConnectionIds[]",
            "targetConnectionIds[]",
            "inheritedAttributes.properties.isDestinationFlow",
            "inheritedAttributes.targetConnections[].connectionSpec.id",
        }
    )

    def __init__(
        self,
        world: World,
        agenda: Agenda,
        lists: Lists,
        home: Home,
        *,
        connections: Connections,
        sources: SourceConnections,
        targets: TargetConnections,
    ) -> None:
        super().__init__(world, agenda, lists, home)
        self.connections = connections
        self.sources = sources
        self.targets = targets
        # The targets' parameters as they were when a flow began to use them, for the switch `target_live`.
        self.frozen: dict[str, JsonObject] = {}
        connections.guards.append(self._guard_connection)
        sources.guards.append(self._guard_source)
        targets.guards.append(self._guard_target)

    # What a flow may hold.

    def made(self, call: Call, body: JsonObject) -> JsonObject:
        """Everything checked before the flow exists; it starts enabled, so `state` is refused (§6.1)."""
        switches = self.world.switches
        if "state" in body:
            raise bad("state cannot be set when a flow is created", 1410)
        spec = spec_of(body, "flowSpec", specs.flow_specs(), version_missing=switches["version_missing"])
        now = self.world.clock.now()
        schedule = schedules.checked(body.get("scheduleParams"), switches, 1100)
        schedule.setdefault("endTime", max(schedules.half_a_year_after(now), schedule["startTime"] + 1))
        if switches["past_start"] == "400" and schedules.start_of(schedule) < now:
            raise bad("scheduleParams.startTime is over")
        if body.get("transformations", []) != []:
            raise bad("transformations must be empty for a dataset flow")
        row: JsonObject = {
            **named_fields(body),
            "flowSpec": spec,
            "sourceConnectionIds": body.get("sourceConnectionIds"),
            "targetConnectionIds": body.get("targetConnectionIds"),
            "transformations": [],
            "scheduleParams": schedule,
            "imsOrgId": call.organization,
            "sandboxName": call.sandbox,
        }
        self._check_links(row, 1100)
        self._check_guardrail(call)
        return row

    def check_op(self, op: Op, row: JsonObject) -> None:
        """Which paths may change (§6.4)."""
        switches = self.world.switches
        match op.steps:
            case ("name",) | ("description",) | ("scheduleParams",) | ("sourceConnectionIds",) | ("transformations",):
                return
            case ("labels",) | ("policy",):
                return
            case ("scheduleParams", _) if switches["schedule_fields"] == "ok":
                return
            case ("targetConnectionIds",) if switches["relink_target"] == "ok":
                return
        raise bad(f"{op.path} of a flow cannot be changed", 1455)

    def check(self, row: JsonObject, old: JsonObject) -> JsonObject:
        """Schedule and links stay valid; a start that is over stays (sources only, §6.3)."""
        switches = self.world.switches
        now = self.world.clock.now()
        before, sent = old["scheduleParams"], row.get("scheduleParams")
        if switches["schedule_merge"] == "merge" and isinstance(sent, dict):
            sent = {**before, **sent}
        schedule = schedules.checked(sent, switches, 1455)
        schedule.setdefault("endTime", before.get("endTime", schedules.half_a_year_after(now)))
        moved = schedule["startTime"] != before["startTime"]
        if moved and schedules.start_of(before) <= now and switches["start_frozen"] == "400":
            raise bad("scheduleParams.startTime cannot change once it is over", 1455)
        longer = schedule["endTime"] > before.get("endTime", schedule["endTime"])
        if longer and schedules.is_over(before, now) and switches["extend_expired"] == "400":
            raise bad("scheduleParams.endTime is over", 1455)
        if row.get("transformations", []) != []:
            raise bad("transformations must be empty for a dataset flow", 1455)
        if row.get("labels") is not None and not _texts(row["labels"]):
            raise bad("labels must be a list of labels", 1455)
        row = {**row, "scheduleParams": schedule}
        linked = ("sourceConnectionIds", "targetConnectionIds")
        if any(row.get(name) != old[name] for name in linked):
            self._check_links(row, 1455)
        return row

    def check_state(self, row: JsonObject) -> None:
        """No change while one is under way (1420), none while the flow is being deleted (1457, §6.2)."""
        if row["state"] == _DELETING:
            raise bad("the flow is being deleted", 1457)
        if row["state"] not in _STEADY:
            raise bad(f"the flow is {row['state']}", 1420)

    def begun(self, row: JsonObject, operation: str, ops: Sequence[Op], *, done: bool) -> JsonObject:
        """A row that tells of its last operation (§5.4)."""
        record: JsonObject = {
            "operation": operation,
            "started": self.now(),
            "updated": self.now(),
            "percentCompleted": 0,
            "status": {"value": "inProgress", "properties": None, "errors": []},
            "ops": [op.document() for op in ops],
        }
        row = {**row, "lastOperation": record}
        return self.settled(row) if done else row

    def settled(self, row: JsonObject) -> JsonObject:
        """A row whose last operation is through."""
        record = row.get("lastOperation")
        if not isinstance(record, dict):
            return row
        word = self.world.switches["operation_status"]
        status = {**record["status"], "value": word}
        return {
            **row,
            "lastOperation": {**record, "updated": self.now(), "percentCompleted": 100, "status": status},
        }

    def completed(self, row: JsonObject) -> JsonObject:
        """What the console's new object lacks."""
        now = self.world.clock.now()
        schedule = {"exportMode": "FIRST_FULL_THEN_INCREMENTAL", "timeUnit": "day", "interval": 1}
        schedule |= {"startTime": int(now.timestamp()), "endTime": schedules.half_a_year_after(now)}
        defaults = {
            "name": "made in the UI",
            "flowSpec": {"id": next(iter(specs.flow_specs())), "version": "1.0"},
            "sourceConnectionIds": [],
            "targetConnectionIds": [],
            "transformations": [],
            "scheduleParams": schedule,
        }
        schedule |= row.get("scheduleParams", {})
        return self.begun({**defaults, **row, "scheduleParams": schedule}, "create", (), done=True)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """As all entities; of a schedule, only what is named changes."""
        old = self.table.get(id)
        if old is not None and "scheduleParams" in changes:
            changes = {**changes, "scheduleParams": {**old["scheduleParams"], **changes["scheduleParams"]}}
        return super().edit(id, changes)

    # What a flow shows.

    def shown(self, row: JsonObject) -> JsonObject:
        """With what it inherits, and its schedule as the switches say (§5.4)."""
        sources, targets = row["sourceConnectionIds"], row["targetConnectionIds"]
        return {
            **row,
            "state": self._state(row),
            "scheduleParams": schedules.shown(row["scheduleParams"], self.world.switches),
            "inheritedAttributes": {
                "properties": {"isDestinationFlow": True},
                "sourceConnections": [self._inherited_source(id) for id in sources],
                "targetConnections": [self._inherited_target(id) for id in targets],
            },
            "runs": f"/runs?property=flowId=={row['id']}",
        }

    def revision(self) -> object:
        """A view holds parts of three other kinds, and time alone may end a flow."""
        if self.world.switches["expired_state"] != "enabled":
            return (self.table.revision, self.world.clock.timestamp())
        tables = (self.table, self.sources.table, self.targets.table, self.connections.table)
        return tuple(table.revision for table in tables)

    def source(self, call: Call) -> Source:
        """As all entities, without flows that labels hide."""
        source = super().source(call)
        if self.world.switches["labels"] != "hidden":
            return source
        rows = [row for row in source.rows if not row.get("labels")]
        return Source(name=source.name, rows=rows, view=source.view, listed=source.listed, late=source.late)

    def owned(self, call: Call) -> JsonObject:
        """As all entities; one that labels hide is 404 to a read, 403 to a change (§2.1)."""
        row = super().owned(call)
        if row.get("labels") and self.world.switches["labels"] == "hidden":
            if call.request.method == "GET":
                raise not_found(self.collection, row["id"])
            raise Refused(403, 2118, "access to the flow is denied")
        return row

    # What happens to a flow.

    def action(self, call: Call) -> Answer:
        """Enable or disable; `op` in any case, `If-Match` only if sent (§6.2)."""
        row = self.owned(call)
        operation = (call.request.parameter("op") or "").lower()
        if operation not in _FINAL:
            raise bad("the action must be enable or disable", 1435)
        if row["state"] == "updating":
            raise bad("the flow is updating", 1421)
        self.check_state(row)
        if call.request.header("if-match"):
            check_match(call, row)
        if row["state"] == _FINAL[operation] and self.world.switches["action_again"] == "400":
            raise bad(f"{operation} cannot be applied: the flow is {row['state']}", 1422)
        touched = self._touched(row, call)
        row = self._begin(touched, operation, (), transient=_TRANSIENT[operation], final=_FINAL[operation])
        self.world.wrote()
        self.changed(row)
        return Answer(body={"id": row["id"], "etag": row["etag"]})

    def delete(self, call: Call) -> Answer:
        """Accept a deletion; the flow may stay for a while, being deleted (§6.6)."""
        row = self.owned(call)
        self.check_state(row)
        seconds = self.world.switches.number("delete_lag")
        self._operations.pop(row["id"], None)
        if seconds:
            dying = self.table.put({**self.bumped(row, self.world.clock.now()), "state": _DELETING})
            self.agenda.after(seconds, lambda _: self._finish_deletion(dying["id"]))
        else:
            self._finish_deletion(row["id"])
        self.world.wrote()
        return self.deleted(202)

    def changed(self, row: JsonObject) -> None:
        """Remember what the targets said when the flow began to use them."""
        for id in row["targetConnectionIds"]:
            target = self.targets.table.get(id)
            if target is not None and f"{row['id']}/{id}" not in self.frozen:
                self.frozen[f"{row['id']}/{id}"] = deepcopy(target["params"])
        super().changed(row)

    def ran(self, id: str, details: JsonObject, when: datetime) -> None:
        """A run began or ended; whether that moves the etag is undocumented (§8)."""
        row = self.table.get(id)
        if row is None:
            return
        row = {**row, "lastRunDetails": details}
        self.table.put(self.bumped(row, when) if self.world.switches.on("run_bumps_etag") else row)

    def using(self, field: str, id: str) -> list[JsonObject]:
        """The flows that name a source or target connection."""
        return [row for row in self.table if id in row[field]]

    def using_connection(self, id: str) -> list[JsonObject]:
        """The flows that write through a base connection."""
        targets = {target["id"] for target in self.targets.table if target.get("baseConnectionId") == id}
        return [row for row in self.table if targets.intersection(row["targetConnectionIds"])]

    def forget(self) -> None:
        """Throw every object away."""
        super().forget()
        self.frozen.clear()

    def _finish_deletion(self, id: str) -> None:
        row = self.table.get(id)
        if row is None:
            return
        self.end(row)
        if self.world.switches["cascade"] == "connections":
            for field, kind in (("sourceConnectionIds", self.sources), ("targetConnectionIds", self.targets)):
                for one in row[field]:
                    found = kind.table.get(one)
                    if found is not None and not self.using(field, one):
                        kind.end(found)

    def _state(self, row: JsonObject) -> object:
        over = schedules.is_over(row["scheduleParams"], self.world.clock.now())
        if over and row["state"] == "enabled" and self.world.switches["expired_state"] == "disabled":
            return "disabled"
        return row["state"]

    def _inherited_source(self, id: str) -> JsonObject:
        found = self.sources.table.get(id)
        spec = {"id": specs.DATA_LAKE, "version": "1.0"} if found is None else found["connectionSpec"]
        return {"id": id, "connectionSpec": spec}

    def _inherited_target(self, id: str) -> JsonObject:
        found = self.targets.table.get(id)
        if found is None:
            return {"id": id}
        base = self.connections.table.get(found["baseConnectionId"] or "")
        spec = found["connectionSpec"] if base is None else base["connectionSpec"]
        inherited = {"id": found["baseConnectionId"], "connectionSpec": spec}
        return {"id": id, "connectionSpec": found["connectionSpec"], "baseConnection": inherited}

    def _check_links(self, row: JsonObject, code: int) -> None:
        """Exactly one source and one target, both there, and of the flow's destination (§3, §6.1)."""
        for field, kind in (("sourceConnectionIds", self.sources), ("targetConnectionIds", self.targets)):
            ids = row.get(field)
            if not isinstance(ids, list) or len(ids) != 1:
                raise bad(f"{field} must hold exactly one id", code)
            if kind.named(ids[0], row) is None:
                raise bad(f"{field}: no such connection", code)
            taken = any(other["id"] != row.get("id") for other in self.using(field, ids[0]))
            if taken and self.world.switches["flow_per_target"] == "one":
                raise bad(f"{field}: the connection is used by another flow", code)
        target = self.targets.table.get(row["targetConnectionIds"][0])
        allowed = specs.flow_specs()[row["flowSpec"]["id"]]["targetConnectionSpecIds"]
        fits = target is not None and target["connectionSpec"]["id"] in allowed
        if not fits and self.world.switches["spec_mismatch"] == "400":
            raise bad("flowSpec does not fit the target connection", code)

    def _check_guardrail(self, call: Call) -> None:
        most = self.world.switches.number("destinations_most")
        if len(self.scoped(call.organization, call.sandbox)) >= most:
            raise bad(f"the sandbox already has {most} destinations")

    def _guard_connection(self, connection: JsonObject) -> None:
        if self.using_connection(connection["id"]):
            raise bad("the connection is still used by flows", 1418)

    def _guard_source(self, source: JsonObject) -> None:
        self._guard("sourceConnectionIds", source["id"])

    def _guard_target(self, target: JsonObject) -> None:
        self._guard("targetConnectionIds", target["id"])

    def _guard(self, field: str, id: str) -> None:
        if self.world.switches["delete_referenced"] == "400" and self.using(field, id):
            raise bad(f"active flows found containing {id}", 1447)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
