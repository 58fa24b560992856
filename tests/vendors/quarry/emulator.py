"""
A stand-in Quarry.

What its documents say: a table has a version that grows with its data, `POST /extracts` starts a job that copies the
table to a bucket, one job runs per table at a time, jobs cannot be changed or deleted, what was asked for (columns,
format, key) is never told again, and one lasting access key opens everything.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from types import MappingProxyType

from reconciler import emulator as stage
from reconciler.emulator import Answer, Clock, JsonObject, NotJson, Request, Router, Switch, Table, Window, WrongMethod
from reconciler.emulator.clock import iso
from reconciler.emulator.faults import retry_after_header

SECRET_KEYS = frozenset({"key", "accessKey"})
_ACCESS_KEY = "quarry-demo-not-real"
_COLUMNS = ("id", "day", "tons")
_NUMBER = r"\d{1,6}"
_FIELDS = frozenset({"table", "bucket", "path", "columns", "format", "key"})
_UNTOLD = ("columns", "format")


def _switches() -> Iterator[Switch]:
    for name, verb in (("list", "GET of the list"), ("read", "GET by id")):
        yield Switch(name=name, positions=("ok", "404", "405"), meaning=f"Whether {verb} of jobs is served")
    yield Switch(name="hidden", positions=("ok", "404"), meaning="GET by id answers 404 for what the list shows")
    yield Switch(
        name="list_lag",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="A new job is missing from that many further lists",
    )
    yield Switch(name="page_size", positions=("100", "1"), other=_NUMBER, meaning="Most jobs of a page")
    yield Switch(name="order", positions=("newest", "oldest"), meaning="Order of the list")
    yield Switch(name="envelope", positions=("array", "object"), meaning="A bare list, or `{extracts, total}`")
    yield Switch(name="create_status", positions=("200", "201", "202"), meaning="Status of a started job")
    yield Switch(name="job_seconds", positions=("2", "0", "120"), other=_NUMBER, meaning="How long a job runs")
    yield Switch(name="job_result", positions=("done", "failed"), meaning="How jobs end")
    yield Switch(name="busy", positions=("returns", "409"), meaning="What a start gets while a job of the table runs")
    yield Switch(
        name="dedupe",
        positions=("off", "same_version"),
        meaning="Whether a start for a table that did not change returns its last good job",
    )
    yield Switch(name="versions", positions=("number", "absent"), meaning="Whether tables tell their version")
    yield Switch(name="times", positions=("ms", "iso"), meaning="How instants are written")
    yield Switch(name="status_words", positions=("upper", "lower"), meaning="How a status is written")
    yield Switch(name="secret_echo", positions=("omit", "mask", "plain"), meaning="How a job's key reads back")
    yield Switch(name="extra_fields", positions=("false", "true"), meaning="Every object has what nobody knows")
    yield Switch(name="errors", positions=("nested", "flat", "text"), meaning="Shape of an error")
    yield Switch(
        name="rate_limit",
        positions=("off", "5/10"),
        other=r"[1-9]\d{0,5}/[1-9]\d{0,5}",
        meaning="Requests per seconds",
    )
    yield Switch(name="retry_after", positions=("seconds", "date", "absent"), meaning="`Retry-After` of a 429")


SWITCHES: Mapping[str, Switch] = MappingProxyType({switch.name: switch for switch in _switches()})


class _Refused(Exception):
    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def create(*, switches: Mapping[str, str] | None = None, clock: Clock | None = None, seed: int = 0) -> "Quarry":
    """A stand-in Quarry; `switches` are starting positions. Raises `UnknownSwitch`."""
    world = stage.World(known=SWITCHES, switches=switches, clock=clock, secret_keys=SECRET_KEYS, seed=seed)
    return Quarry(world)


class Quarry(stage.Emulator):
    """Collections are `tables`, of which `granite` and `marble` are there from the start, and `extracts`."""

    prefixes = ("/api",)

    def __init__(self, world: stage.World) -> None:
        self._tables = _Rows(world)
        self._extracts = _Extracts(world)
        self._window = Window()
        self._open = True
        self._router: Router[Callable[[Request, Mapping[str, str]], Answer]] = Router()
        super().__init__(world)
        for method, path, handler in (
            ("GET", "/tables/{id}", self._get_table),
            ("POST", "/tables/{id}/query", self._post_query),
            ("GET", "/extracts", self._get_extracts),
            ("GET", "/extracts/{id}", self._get_extract),
            ("POST", "/extracts", self._post_extract),
        ):
            self._router.add(method, path, handler)
        world.mask.register(_ACCESS_KEY)
        world.on_expired_tokens(self._close)
        self.forget()

    @property
    def credentials(self) -> Mapping[str, str]:
        """`accessKey`."""
        return MappingProxyType({"accessKey": _ACCESS_KEY})

    def renew(self) -> None:
        """Somebody extends the access key after its end."""
        with self.world.lock:
            self._open = True

    def touch(self, table: str) -> None:
        """The table's data changes."""
        with self.world.lock:
            row = self._tables.table.get(table)
            if row is None:
                raise KeyError(table)
            now = self.world.clock.timestamp()
            self._tables.table.put({**row, "version": row["version"] + 1, "updated": now})

    def collections(self) -> Mapping[str, stage.Collection]:
        """What Quarry holds."""
        return {"tables": self._tables, "extracts": self._extracts}

    def happen(self) -> None:
        """Jobs end."""
        self._extracts.end(self.world.clock.timestamp())

    def forget(self) -> None:
        """Start with two tables and no job."""
        self._window.clear()
        self._open = True
        self._extracts.table.clear()
        self._extracts.lag.clear()
        self._tables.table.clear()
        for name in ("granite", "marble"):
            self._tables.insert({"id": name, "version": 1, "updated": self.world.clock.timestamp() - 3600})

    def error(self, status: int, message: str | None = None) -> Answer:
        """An error in the shape the switch says."""
        text = message or "the request failed"
        match self.world.switches["errors"]:
            case "nested":
                return Answer(status=status, body={"error": {"status": status, "message": text}})
            case "flat":
                return Answer(status=status, body={"message": text})
            case _:
                return Answer(status=status, raw=text.encode(), content_type="text/plain")

    def answer(self, request: Request) -> Answer:
        """Do what a request asks."""
        try:
            match = self._router.find(request.method, self.path_names(request.path)[-1])
            self._count()
            self._check_key(request)
            return match.handler(request, match.values) if match is not None else self.error(404, "no such route")
        except WrongMethod:
            return self.error(405, "no such method")
        except NotJson:
            return self.error(400, "the body is not JSON")
        except _Refused as refusal:
            plain = self.error(refusal.status, refusal.message)
            return Answer(status=plain.status, body=plain.body, raw=plain.raw, headers=refusal.headers)

    def _close(self) -> None:
        self._open = False

    def _check_key(self, request: Request) -> None:
        if not self._open or request.header("x-quarry-key") != _ACCESS_KEY:
            raise _Refused(401, "the access key is unknown or its time is over")

    def _count(self) -> None:
        position = self.world.switches["rate_limit"]
        if position == "off":
            return
        limit, seconds = (int(part) for part in position.split("/"))
        left = self._window.take("everybody", limit=limit, seconds=seconds, now=self.world.clock.timestamp())
        if left.allowed:
            return
        wait: int | datetime | None = None
        if self.world.switches["retry_after"] == "seconds":
            wait = left.reset
        elif self.world.switches["retry_after"] == "date":
            wait = self.world.clock.now() + timedelta(seconds=left.reset)
        raise _Refused(429, "too many requests", retry_after_header(wait))

    # Tables

    def _get_table(self, _: Request, values: Mapping[str, str]) -> Answer:
        row = dict(self._table(values["id"]))
        if self.world.switches["versions"] == "absent":
            del row["version"]
        return Answer(body=self._shown(row))

    def _post_query(self, request: Request, values: Mapping[str, str]) -> Answer:
        self._table(values["id"])
        body = request.json()
        self._check_columns(body.get("columns") if isinstance(body, dict) else None)
        return Answer(body={"columns": body["columns"], "rows": []})

    def _table(self, id: str) -> JsonObject:
        row = self._tables.table.get(id)
        if row is None:
            raise _Refused(404, f"there is no table {id}")
        return row

    @staticmethod
    def _check_columns(columns: object) -> None:
        unknown = [each for each in columns if each not in _COLUMNS] if isinstance(columns, list) else ["(none)"]
        if unknown:
            raise _Refused(400, f"there is no column {unknown[0]}")

    # Jobs

    def _get_extracts(self, request: Request, _: Mapping[str, str]) -> Answer:
        self._check_served("list")
        rows = self._extracts.listed()
        if self.world.switches["order"] == "newest":
            rows = rows[::-1]
        offset = int(request.parameter("offset") or 0)
        size = min(int(request.parameter("limit") or 10), self.world.switches.number("page_size"))
        page: object = [self._shown(row) for row in rows[offset : offset + size]]
        if self.world.switches["envelope"] == "object":
            page = {"extracts": page, "total": len(rows)}
        return Answer(body=page)

    def _get_extract(self, _: Request, values: Mapping[str, str]) -> Answer:
        self._check_served("read")
        row = self._extracts.table.get(values["id"])
        if row is None or self.world.switches["hidden"] == "404":
            raise _Refused(404, f"there is no extract {values['id']}")
        return Answer(body=self._shown(row))

    def _post_extract(self, request: Request, _: Mapping[str, str]) -> Answer:
        body = request.json()
        if not isinstance(body, dict) or set(body) != _FIELDS:
            raise _Refused(400, f"the body must have exactly {', '.join(sorted(_FIELDS))}")
        table = self._table(body["table"])
        self._check_columns(body["columns"])
        jobs = [row for row in self._extracts.table if row["table"] == table["id"]]
        for job in jobs:
            if job["status"] == "running":
                if self.world.switches["busy"] == "409":
                    raise _Refused(409, f"the extract {job['id']} of the table is running")
                return Answer(body=self._shown(job))
        if self.world.switches["dedupe"] == "same_version":
            for job in reversed(jobs):
                if job["status"] == "done" and job["version"] == table["version"]:
                    return Answer(body=self._shown(job))
        job = self._extracts.start(deepcopy(body), table["version"])
        return Answer(status=self.world.switches.number("create_status"), body=self._shown(job))

    def _check_served(self, name: str) -> None:
        position = self.world.switches[name]
        if position != "ok":
            raise _Refused(int(position), "no such route")

    def _shown(self, row: JsonObject) -> JsonObject:
        switches = self.world.switches
        shown = {name: value for name, value in row.items() if name not in _UNTOLD and name != "seconds"}
        if "status" in shown:
            del shown["version"]
            if switches["status_words"] == "upper":
                shown["status"] = shown["status"].upper()
            if switches["secret_echo"] == "omit":
                del shown["key"]
            elif switches["secret_echo"] == "mask":
                shown["key"] = "****"
        for name in ("updated", "started"):
            if name in shown:
                moment = shown[name]
                as_text = switches["times"] == "iso"
                shown[name] = iso(datetime.fromtimestamp(moment, self.world.clock.now().tzinfo)) if as_text else None
                if not as_text:
                    shown[name] = int(moment * 1000)
        if switches.on("extra_fields"):
            shown["vein"] = [{"depth": 3}]
        return shown


class _Rows:
    """One collection without rules."""

    def __init__(self, world: stage.World) -> None:
        self._world = world
        self.table = Table()

    def rows(self) -> list[JsonObject]:
        """Everything there is."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Add a row."""
        return self.table.put({"id": self._world.ids.short(12), **body})

    def remove(self, id: str) -> JsonObject | None:
        """Remove a row."""
        return self.table.pop(id)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change a row."""
        row = self.table.get(id)
        return None if row is None else self.table.put({**row, **changes})


class _Extracts(_Rows):
    """Jobs, and the lists that do not show them yet."""

    def __init__(self, world: stage.World) -> None:
        super().__init__(world)
        self.lag: dict[str, int] = {}

    def start(self, body: JsonObject, version: int) -> JsonObject:
        """A request starts a job."""
        job = self.insert({**body, "version": version, "status": "running"})
        self._world.wrote()
        if lists := self._world.switches.number("list_lag"):
            self.lag[job["id"]] = lists
        self.end(self._world.clock.timestamp())
        return self.table.get(job["id"]) or job

    def insert(self, body: JsonObject) -> JsonObject:
        """A job as the console starts it; done unless it says otherwise."""
        now = self._world.clock.timestamp()
        seconds = self._world.switches.number("job_seconds")
        return super().insert({"status": "done", "version": 1, "key": "", "started": now, "seconds": seconds, **body})

    def end(self, now: float) -> None:
        """Let jobs end whose time is over."""
        for job in [each for each in self.table if each["status"] == "running"]:
            if job["started"] + job["seconds"] <= now:
                self.table.put({**job, "status": self._world.switches["job_result"]})

    def listed(self) -> list[JsonObject]:
        """What the list shows now; counts as a list."""
        rows = [row for row in self.table if row["id"] not in self.lag]
        self.lag = {id: lists - 1 for id, lists in self.lag.items() if lists > 1}
        return rows
