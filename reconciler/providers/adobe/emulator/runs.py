"""Runs: when they come, what they record and what they deliver (§9, §11)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from reconciler.emulator import Answer, Drop, JsonObject, Table, World
from reconciler.emulator.clock import iso
from reconciler.providers.adobe.emulator import files, records, schedules
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.datasets import Datasets
from reconciler.providers.adobe.emulator.delivery import Deliveries, Order, Share
from reconciler.providers.adobe.emulator.errors import not_found
from reconciler.providers.adobe.emulator.flows import Flows
from reconciler.providers.adobe.emulator.landing import Landing
from reconciler.providers.adobe.emulator.lists import Lists, Source, route_check

_NOT_EXPORTING = ("disabled", "disabling", "delete-finalizing")


@dataclass(slots=True, kw_only=True)
class _Plan:
    """Where a flow stands: `last` is its last tick, `exported` the rows of each dataset that are out already."""

    number: int = 0
    last: datetime | None = None
    attempted: bool = False
    sources: tuple[str, ...] = ()
    exported: dict[str, int] = field(default_factory=dict)


class _Missing(Exception):
    """A flow points at something that is not there."""

    def __init__(self, collection: str, id: str) -> None:
        super().__init__(f"{collection} {id} not found")
        self.collection = collection
        self.id = id


class Runs:
    """The schedule of every flow, and the rows of `/runs`."""

    def __init__(
        self,
        world: World,
        agenda: Agenda,
        lists: Lists,
        *,
        flows: Flows,
        datasets: Datasets,
        landing: Landing,
        drop: Drop | None,
        seed: int,
    ) -> None:
        self.world = world
        self.table = Table()
        self.trouble: list[JsonObject] = []
        self._agenda = agenda
        self._lists = lists
        self._flows = flows
        self._datasets = datasets
        self._deliveries = Deliveries(world, agenda, landing=landing, drop=drop, seed=seed)
        self._plans: dict[str, _Plan] = {}
        self._failures: dict[str | None, list[str]] = {}
        flows.told.append(self._scheduled)
        flows.gone.append(self._unscheduled)
        for kind in (flows.sources, flows.targets, flows.connections):
            kind.gone.append(partial(self._bereaved, kind.collection))

    @property
    def drop(self) -> Drop | None:
        """What receives the files."""
        return self._deliveries.drop

    @drop.setter
    def drop(self, drop: Drop | None) -> None:
        self._deliveries.drop = drop

    def fail_next(self, flow: str | None, message: str) -> None:
        """Make the next run of a flow, or of any, fail."""
        self._failures.setdefault(flow, []).append(message)

    # The routes.

    def get_list(self, call: Call) -> Answer:
        """Runs, newest first (§9.1)."""
        route_check(self.world.switches["list"])
        rows = self.table.select((("imsOrgId", (call.organization,)), ("sandboxName", (call.sandbox,))))
        oldest = self._oldest()
        source = Source(
            name="runs",
            rows=rows,
            view=self._view,
            revision=(self.table.revision, *self.world.switches.values()),
            late=lambda row: row["createdAt"] < oldest,
        )
        return self._lists.get(call, source)

    def get(self, call: Call) -> Answer:
        """One run, wrapped."""
        route_check(self.world.switches["read"])
        row = self.table.get(call.values["id"])
        scope = (call.organization, call.sandbox)
        if row is None or (row["imsOrgId"], row["sandboxName"]) != scope or row["createdAt"] < self._oldest():
            raise not_found("runs", call.values["id"])
        return Answer(body={"items": [self._view(row)]})

    # The console.

    def rows(self) -> list[JsonObject]:
        """Every run there was."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Write a run down that never happened."""
        return self.table.put({"id": self.world.ids.uuid(), "createdAt": self._now(), **body})

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change top-level fields of a run."""
        old = self.table.get(id)
        return None if old is None else self.table.put({**old, **changes, "id": id})

    def remove(self, id: str) -> JsonObject | None:
        """Forget a run."""
        return self.table.pop(id)

    def forget(self) -> None:
        """Throw runs and schedules away; delivered files stay."""
        self.table.clear()
        self.trouble.clear()
        self._plans.clear()
        self._failures.clear()

    # The schedule.

    def _scheduled(self, flow: JsonObject) -> None:
        """A flow is new or different: forget its next tick and find it again."""
        plan = self._plans.setdefault(flow["id"], _Plan())
        sources = tuple(flow["sourceConnectionIds"])
        if plan.sources and sources != plan.sources and self.world.switches["swap_restart"] == "full":
            plan.exported.clear()
        plan.sources = sources
        plan.number += 1
        due = self._due(flow, plan)
        if due is not None:
            self._agenda.at(due, partial(self._tick, flow["id"], plan.number))

    def _unscheduled(self, flow: JsonObject) -> None:
        self._plans.pop(flow["id"], None)

    def _due(self, flow: JsonObject, plan: _Plan) -> datetime | None:
        """
        The next tick of a flow.

        The first comes at the start, or at once when the start is over; the others on the grid that the start and
        the interval make. What becomes of ticks that a disabled flow missed is undocumented: they are lost, save
        the only one of a one-time export, which comes when the flow is enabled.
        """
        schedule, now = flow["scheduleParams"], self.world.clock.now()
        start = schedules.start_of(schedule)
        created = files.moment(flow["createdAt"])
        ready = created + timedelta(seconds=self.world.switches.number("activation_delay"))
        if plan.last is None:
            return max(start, ready)
        if schedules.step_of(schedule) is None and start <= plan.last:
            exporting = flow["state"] not in _NOT_EXPORTING
            return None if plan.attempted or not exporting else max(ready, now)
        return schedules.next_tick(schedule, max(plan.last, now))

    def _tick(self, id: str, number: int, when: datetime) -> None:
        flow, plan = self._flows.table.get(id), self._plans.get(id)
        if flow is None or plan is None or plan.number != number:
            return
        plan.last = when
        schedule = flow["scheduleParams"]
        if schedules.is_over(schedule, when):
            return
        if flow["state"] not in _NOT_EXPORTING:
            plan.attempted = True
            begun = when + timedelta(seconds=self.world.switches.number("run_lag"))
            self._at(begun, when, partial(self._run, id, when))
        following = schedules.next_tick(schedule, when)
        if following is not None:
            self._agenda.at(following, partial(self._tick, id, number))

    # A run.

    def _run(self, id: str, tick: datetime, when: datetime) -> None:
        flow, plan = self._flows.table.get(id), self._plans.get(id)
        if flow is None or plan is None:
            return
        run = self.table.put(self._begun(flow, when))
        end = when + timedelta(seconds=self.world.switches.number("run_seconds"))
        try:
            order = self._order(flow, plan, run, (tick, when, end))
        except _Missing as missing:
            self._note(flow["id"], missing.collection, missing.id, when, run["id"])
            self._at(end, when, partial(self._fail, run["id"], str(missing)))
            return
        reason = self._reason(flow["id"])
        if reason is not None:
            self._at(end, when, partial(self._break_off, order, reason))
            return
        self._deliveries.begin(order)
        if self.world.switches["runs"] != "stuck":
            # Taken as exported from the beginning, so that a following run does not export the same again.
            plan.exported |= {share.dataset["id"]: share.end for share in order.shares}
            self._at(end, when, partial(self._finish, order))

    def _break_off(self, order: Order, reason: str, when: datetime) -> None:
        self._deliveries.break_off(order, when)
        self._fail(order.run["id"], reason, when)

    def _order(self, flow: JsonObject, plan: _Plan, run: JsonObject, times: tuple[datetime, ...]) -> Order:
        tick, begun, end = times
        target = self._linked(flow, "targetConnectionIds", self._flows.targets.table, "targetConnections")
        base = target.get("baseConnectionId") or ""
        connection = self._flows.connections.table.get(base)
        if connection is None:
            raise _Missing("connections", base)
        source = self._linked(flow, "sourceConnectionIds", self._flows.sources.table, "sourceConnections")
        params = target["params"]
        if self.world.switches["target_live"] == "frozen":
            params = self._flows.frozen.get(f"{flow['id']}/{target['id']}", params)
        shares = [self._share(flow, plan, one["dataSetId"], tick) for one in source["params"]["datasets"]]
        return Order(
            run=run,
            flow=flow,
            target=target,
            params=params,
            connection=connection,
            shares=shares,
            tick=tick,
            begun=begun,
            end=end,
        )

    def _linked(self, flow: JsonObject, name: str, table: Table, collection: str) -> JsonObject:
        ids = flow[name]
        found = table.get(ids[0]) if ids else None
        if found is None:
            raise _Missing(collection, ids[0] if ids else "")
        return found

    def _share(self, flow: JsonObject, plan: _Plan, id: str, when: datetime) -> Share:
        """The first export of a dataset is full, later ones hold what came since (§6.3)."""
        dataset = self._datasets.find(id, flow["imsOrgId"], flow["sandboxName"])
        if dataset is None:
            raise _Missing("datasets", id)
        end = files.rows_at(dataset, when, self.world.switches.number("rows_per_hour"))
        full = flow["scheduleParams"]["exportMode"] == "DAILY_FULL_EXPORT"
        first = 0 if full else min(plan.exported.get(id, 0), end)
        return Share(dataset=dataset, first=first, end=end)

    def _finish(self, order: Order, when: datetime) -> None:
        try:
            delivered = self._deliveries.finish(order, when)
        except Exception as problem:  # noqa: BLE001 - whatever the store says is why the run failed
            self._take_back(order)
            self._fail(order.run["id"], f"the files could not be written: {problem}", when)
            return
        row = self.table.get(order.run["id"])
        if row is None:
            return
        done = records.succeeded(
            row,
            order.flow,
            counts={share.dataset["id"]: share.end - share.first for share in order.shares},
            sizes=delivered,
            stopped=self._ms(when),
        )
        self._ended({**done, "etag": self._flows.etag()}, when)

    def _take_back(self, order: Order) -> None:
        """Nothing of a failed run counts as exported."""
        plan = self._plans.get(order.flow["id"])
        if plan is not None:
            plan.exported |= {share.dataset["id"]: share.first for share in order.shares}

    def _fail(self, run: str, message: str, when: datetime) -> None:
        row = self.table.get(run)
        if row is not None:
            failed = records.failed(row, message=message, stopped=self._ms(when))
            self._ended({**failed, "etag": self._flows.etag()}, when)

    def _ended(self, row: JsonObject, when: datetime) -> None:
        row = self.table.put(row)
        self._flows.ran(row["flowId"], records.details(row), when)

    def _at(self, end: datetime, now: datetime, action: partial[None]) -> None:
        if end <= now:
            action(now)
        else:
            self._agenda.at(end, action)

    def _reason(self, flow: str) -> str | None:
        for key in (flow, None):
            if self._failures.get(key):
                return self._failures[key].pop(0)
        return "the destination refused the files" if self.world.switches["runs"] == "failed" else None

    def _begun(self, flow: JsonObject, when: datetime) -> JsonObject:
        ids = self.world.ids
        return records.begun(
            flow,
            id=ids.uuid(),
            reference=ids.hexadecimal(32),
            activity=ids.uuid(),
            etag=self._flows.etag(),
            started=self._ms(when),
        )

    # What is shown, and what went wrong.

    def _view(self, row: JsonObject) -> JsonObject:
        return records.shown(row, self.world.switches)

    def _bereaved(self, collection: str, row: JsonObject) -> None:
        """Something is gone: whoever exports through it is in trouble from now on."""
        match collection:
            case "sourceConnections":
                flows = self._flows.using("sourceConnectionIds", row["id"])
            case "targetConnections":
                flows = self._flows.using("targetConnectionIds", row["id"])
            case _:
                flows = self._flows.using_connection(row["id"])
        for flow in flows:
            if flow["state"] not in _NOT_EXPORTING:
                self._note(flow["id"], collection, row["id"], self.world.clock.now(), None)

    def _note(self, flow: str, collection: str, id: str, when: datetime, run: str | None) -> None:
        self.trouble.append({"time": iso(when), "flow": flow, "missing": collection, "id": id, "run": run})

    def _oldest(self) -> int:
        position = self.world.switches["run_retention"]
        return 0 if position == "off" else self._now() - int(position) * 86_400_000

    def _now(self) -> int:
        return self._ms(self.world.clock.now())

    def _ms(self, when: datetime) -> int:
        return int(when.timestamp() * 1000)
