"""
A stand-in Harbor.

What its documents say: lists are `{items, next}`, one object is `{items: [object]}`, every write answers at once and
takes effect later (`settling`, `updating`, `deleting`, then `ready` or 404) with one more etag, PATCH needs `If-Match`,
a cargo cannot be changed, a route is enabled and disabled by actions, and nothing in use is deleted.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from reconciler import emulator as stage
from reconciler.emulator import Answer, Clock, JsonObject, NotJson, Request, Router, Switch, Table, Window, WrongMethod
from reconciler.emulator.faults import retry_after_header

SECRET_KEYS = frozenset({"accessToken", "secret", "secretKey"})
_CLIENT, _SECRET = "harbor-demo", "harbor-demo-not-real"
_MASKED = "••••"
_NUMBER = r"\d{1,6}"
_FIELDS: Mapping[str, frozenset[str]] = {
    "accounts": frozenset({"name", "description", "endpoint", "accessKey", "secretKey"}),
    "cargoes": frozenset({"name", "description", "datasets"}),
    "routes": frozenset({"name", "description", "accountId", "cargoId", "schedule", "stops"}),
}


_GOODS = {"wheat": "Winter wheat", "rye": "Rye", "oats": "Oats", "sand": "Sand"}


def _switches() -> Iterator[Switch]:
    for name, verb in (("list", "GET of a list"), ("read", "GET by id"), ("update", "PATCH"), ("delete", "DELETE")):
        yield Switch(name=name, positions=("ok", "404", "405"), meaning=f"Whether {verb} is served")
    no = ("false", "true")
    yield Switch(name="hidden", positions=("ok", "404"), meaning="GET by id answers 404 for what the list shows")
    yield Switch(
        name="list_lag",
        positions=("0", "2"),
        other=_NUMBER,
        meaning="A new object is missing from that many further lists",
    )
    yield Switch(name="page_size", positions=("100", "1"), other=_NUMBER, meaning="Most objects of a page")
    yield Switch(name="empty_last_page", positions=no, meaning="Whether a full page may be followed by an empty one")
    yield Switch(name="settle", positions=("2", "0", "20"), other=_NUMBER, meaning="Seconds until a write takes effect")
    yield Switch(name="create_reply", positions=("id", "object"), meaning="What a creation answers")
    yield Switch(name="etag", positions=("quoted", "bare"), meaning="Whether an etag contains its quotes")
    yield Switch(name="if_match", positions=("required", "optional"), meaning="Whether PATCH needs `If-Match`")
    yield Switch(name="delete_status", positions=("202", "204"), meaning="204: an object is gone at once")
    yield Switch(name="delete_referenced", positions=("409", "allow"), meaning="Deleting what is in use")
    yield Switch(name="unique_names", positions=no, meaning="A name that is taken gets 409")
    yield Switch(name="secret_echo", positions=("omit", "mask", "plain"), meaning="How a secret reads back")
    yield Switch(name="extra_fields", positions=no, meaning="Every object carries properties nobody knows")
    yield Switch(name="order", positions=("kept", "sorted"), meaning="Order in which lists within objects read back")
    yield Switch(name="numbers", positions=("number", "text"), meaning="How numbers within a schedule read back")
    yield Switch(name="errors", positions=("nested", "flat", "text"), meaning="Shape of an error")
    yield Switch(name="token_ttl", positions=("3600", "20"), other=_NUMBER, meaning="Seconds a token lives")
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


def create(*, switches: Mapping[str, str] | None = None, clock: Clock | None = None, seed: int = 0) -> "Harbor":
    """A stand-in Harbor; `switches` are starting positions. Raises `UnknownSwitch`."""
    world = stage.World(known=SWITCHES, switches=switches, clock=clock, secret_keys=SECRET_KEYS, seed=seed)
    return Harbor(world)


class Harbor(stage.Emulator):
    """Collections are `accounts`, `cargoes` and `routes`."""

    prefixes = ("/v2",)

    def __init__(self, world: stage.World) -> None:
        self._shelves = {name: _Shelf(world) for name in _FIELDS}
        self._window = Window()
        self._tokens: dict[str, float] = {}
        self._issued = 0
        self._answered = 0
        self.goods = dict(_GOODS)
        self._router: Router[Callable[[Request, Mapping[str, str]], Answer]] = Router()
        super().__init__(world)
        for method, path, handler in (
            ("POST", "/token", self._post_token),
            ("GET", "/goods", self._goods),
            ("GET", "/{collection}", self._list),
            ("POST", "/{collection}", self._post),
            ("GET", "/{collection}/{id}", self._get),
            ("PATCH", "/{collection}/{id}", self._patch),
            ("DELETE", "/{collection}/{id}", self._delete),
            ("POST", "/routes/{id}/enable", self._enable),
            ("POST", "/routes/{id}/disable", self._disable),
        ):
            self._router.add(method, path, handler)
        world.mask.register(_SECRET)
        world.on_expired_tokens(self._tokens.clear)

    @property
    def credentials(self) -> Mapping[str, str]:
        """`client` and `secret`."""
        return MappingProxyType({"client": _CLIENT, "secret": _SECRET})

    def collections(self) -> Mapping[str, stage.Collection]:
        """What Harbor holds."""
        return self._shelves

    def happen(self) -> None:
        """Writes whose time has come take effect, each with one more etag."""
        now = self.world.clock.timestamp()
        for shelf in self._shelves.values():
            shelf.settle(now)

    def forget(self) -> None:
        """Throw everything away, tokens included."""
        for shelf in self._shelves.values():
            shelf.table.clear()
            shelf.lag.clear()
        self.goods = dict(_GOODS)
        self._tokens.clear()
        self._window.clear()

    def error(self, status: int, message: str | None = None) -> Answer:
        """An error in the shape the switch says."""
        text = message or "the request failed"
        match self.world.switches["errors"]:
            case "nested":
                return Answer(status=status, body={"error": {"code": f"HRB-{status}", "message": text}})
            case "flat":
                return Answer(status=status, body={"message": text})
            case _:
                return Answer(status=status, raw=text.encode(), content_type="text/plain")

    def answer(self, request: Request) -> Answer:
        """Do what a request asks, and give it a name by which the harbor master finds it again."""
        answer = self._answer(request)
        self._answered += 1
        return replace(answer, headers={**answer.headers, "X-Harbor-Request": f"hr-{self._answered}"})

    def _answer(self, request: Request) -> Answer:
        path = self.path_names(request.path)[-1]
        try:
            match = self._router.find(request.method, path)
            collection = match.values.get("collection") if match is not None else None
            if match is None or (collection is not None and collection not in _FIELDS):
                return self.error(404, "no such route")
            self._count()
            if path != "/token":
                self._check_token(request)
            return match.handler(request, match.values)
        except WrongMethod:
            return self.error(405, "no such method")
        except NotJson:
            return self.error(400, "the body is not JSON")
        except _Refused as refusal:
            plain = self.error(refusal.status, refusal.message)
            return Answer(status=plain.status, body=plain.body, raw=plain.raw, headers=refusal.headers)

    # Tokens and limits

    def _post_token(self, request: Request, _: Mapping[str, str]) -> Answer:
        body = request.json()
        if not isinstance(body, dict) or (body.get("client"), body.get("secret")) != (_CLIENT, _SECRET):
            raise _Refused(401, "unknown client")
        self._issued += 1
        seconds = self.world.switches.number("token_ttl")
        token = f"harbor-{self._issued}-{self.world.ids.short(24)}"
        self._tokens[token] = self.world.clock.timestamp() + seconds
        self.world.mask.register(token)
        return Answer(body={"accessToken": token, "expiresIn": seconds})

    def _check_token(self, request: Request) -> None:
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        if self._tokens.get(token, 0.0) <= self.world.clock.timestamp():
            raise _Refused(401, "the token is unknown or its time is over")

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

    # Lists and objects

    def _list(self, request: Request, values: Mapping[str, str]) -> Answer:
        self._check_served("list")
        shelf = self._shelves[values["collection"]]
        rows = shelf.listed()
        token = request.parameter("continuation")
        start = int(base64.urlsafe_b64decode(token.encode())) if token else 0
        asked = request.parameter("limit") or "20"
        size = min(int(asked) if re.fullmatch(_NUMBER, asked) else 20, self.world.switches.number("page_size"))
        page = rows[start : start + size]
        body: JsonObject = {"items": [self._view(row) for row in page]}
        full = len(page) == size and self.world.switches.on("empty_last_page")
        if full or start + size < len(rows):
            body["next"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        return Answer(body=body)

    def _goods(self, _: Request, __: Mapping[str, str]) -> Answer:
        return Answer(body={"items": [{"id": code, "title": title} for code, title in self.goods.items()]})

    def _get(self, _: Request, values: Mapping[str, str]) -> Answer:
        self._check_served("read")
        row = self._row(values)
        if self.world.switches["hidden"] == "404":
            raise _Refused(404, f"there is no {row['id']}")
        return Answer(body={"items": [self._view(row)]}, headers={"ETag": f'"{row["etag"]}"'})

    def _post(self, request: Request, values: Mapping[str, str]) -> Answer:
        name = values["collection"]
        row = self._accepted(name, request)
        self._check(name, row)
        made = self._shelves[name].add(row)
        shown = self._view(made) if self.world.switches["create_reply"] == "object" else self._short(made)
        return Answer(status=201, body=shown)

    def _patch(self, request: Request, values: Mapping[str, str]) -> Answer:
        self._check_served("update")
        row = self._row(values)
        sent = request.header("if-match")
        if sent is None and self.world.switches["if_match"] == "required":
            raise _Refused(428, "`If-Match` is missing")
        if sent is not None and sent.strip('"') != str(row["etag"]):
            raise _Refused(412, "the object has changed meanwhile")
        if values["collection"] == "cargoes":
            raise _Refused(400, "a cargo cannot be changed")
        changes = self._accepted(values["collection"], request)
        if row.get("accountId") != changes.get("accountId", row.get("accountId")):
            raise _Refused(400, "the account of a route cannot be changed")
        changed = {key: value for key, value in {**row, **changes}.items() if value is not None}
        self._check(values["collection"], changed)
        return Answer(status=202, body=self._short(self._begin(values, changed, "updating")))

    def _delete(self, _: Request, values: Mapping[str, str]) -> Answer:
        self._check_served("delete")
        row = self._row(values)
        users = [each for each in self._shelves["routes"].table if row["id"] in (each["accountId"], each["cargoId"])]
        if users and self.world.switches["delete_referenced"] == "409":
            raise _Refused(409, f"it is used by the route {users[0]['id']}")
        if self.world.switches["delete_status"] == "204":
            self._shelves[values["collection"]].remove(row["id"])
            self.world.wrote()
            return Answer(status=204)
        self._begin(values, row, "deleting")
        return Answer(status=202)

    def _enable(self, request: Request, values: Mapping[str, str]) -> Answer:
        return self._act(values, enabled=True)

    def _disable(self, request: Request, values: Mapping[str, str]) -> Answer:
        return self._act(values, enabled=False)

    def _act(self, values: Mapping[str, str], *, enabled: bool) -> Answer:
        values = {**values, "collection": "routes"}
        row = self._row(values)
        if row["enabled"] is enabled:
            raise _Refused(409, "the route is in that state already")
        return Answer(status=202, body=self._short(self._begin(values, {**row, "enabled": enabled}, "updating")))

    # What they share

    def _check_served(self, name: str) -> None:
        position = self.world.switches[name]
        if position != "ok":
            raise _Refused(int(position), "no such route")

    def _row(self, values: Mapping[str, str]) -> JsonObject:
        row = self._shelves[values["collection"]].table.get(values["id"])
        if row is None:
            raise _Refused(404, f"there is no {values['id']}")
        return row

    def _begin(self, values: Mapping[str, str], row: JsonObject, state: str) -> JsonObject:
        """Accept a change of an object that is at rest."""
        old = self._row(values)
        if old["state"] != "ready":
            raise _Refused(409, f"the object is {old['state']}")
        self.world.wrote()
        return self._shelves[values["collection"]].change(row, state)

    def _accepted(self, collection: str, request: Request) -> JsonObject:
        body = request.json()
        if not isinstance(body, dict):
            raise _Refused(400, "the body must be an object")
        unknown = sorted(set(body) - _FIELDS[collection])
        if unknown:
            raise _Refused(400, f"`{unknown[0]}` cannot be sent")
        return deepcopy(body)

    def _check(self, collection: str, row: JsonObject) -> None:
        if not isinstance(row.get("name"), str) or not row["name"]:
            raise _Refused(400, "`name` is missing")
        match collection:
            case "accounts":
                needed: tuple[str, ...] = ("endpoint", "accessKey", "secretKey")
            case "cargoes":
                needed = ("datasets",)
            case _:
                needed = ("accountId", "cargoId", "schedule")
        for name in needed:
            if not row.get(name):
                raise _Refused(400, f"`{name}` is missing")
        for name, others in (("accountId", "accounts"), ("cargoId", "cargoes")):
            if name in needed and row[name] not in self._shelves[others].table:
                raise _Refused(400, f"`{name}` names nothing that exists")
        taken = (each["id"] for each in self._shelves[collection].table if each["name"] == row["name"])
        if self.world.switches.on("unique_names") and any(id != row.get("id") for id in taken):
            raise _Refused(409, f"the name {row['name']} is taken")

    def _short(self, row: JsonObject) -> JsonObject:
        return {"id": row["id"], "etag": self._etag(row)}

    def _etag(self, row: JsonObject) -> str:
        return f'"{row["etag"]}"' if self.world.switches["etag"] == "quoted" else str(row["etag"])

    def _view(self, row: JsonObject) -> JsonObject:
        shown = {name: value for name, value in deepcopy(row).items() if name != "until"}
        shown["etag"] = self._etag(row)
        if "secretKey" in shown and self.world.switches["secret_echo"] == "omit":
            del shown["secretKey"]
        elif "secretKey" in shown and self.world.switches["secret_echo"] == "mask":
            shown["secretKey"] = _MASKED
        if self.world.switches["order"] == "sorted":
            for name, value in shown.items():
                if isinstance(value, list):
                    shown[name] = sorted(value, key=str)
        if self.world.switches["numbers"] == "text" and isinstance(shown.get("schedule"), dict):
            shown["schedule"] = {name: str(value) for name, value in shown["schedule"].items()}
        if self.world.switches.on("extra_fields"):
            shown["dockedAt"] = {"pier": 4}
            if isinstance(shown.get("schedule"), dict):
                shown["schedule"]["tide"] = None
        return shown


class _Shelf:
    """The objects of one collection, and when the writes under way take effect."""

    def __init__(self, world: stage.World) -> None:
        self._world = world
        self.table = Table()
        self.lag: dict[str, int] = {}

    def add(self, body: JsonObject) -> JsonObject:
        """A new object, as a request makes it."""
        row = self.change(self._complete(body), "settling")
        self._world.wrote()
        if lists := self._world.switches.number("list_lag"):
            self.lag[row["id"]] = lists
        return row

    def change(self, row: JsonObject, state: str) -> JsonObject:
        """Put a row that takes effect later."""
        seconds = self._world.switches.number("settle")
        changed = {**row, "etag": row["etag"] + 1, "state": state, "until": self._world.clock.timestamp() + seconds}
        self.table.put(changed)
        self.settle(self._world.clock.timestamp())
        return self.table.get(row["id"]) or changed

    def settle(self, now: float) -> None:
        """Let what is due take effect."""
        for row in [each for each in self.table if each["state"] != "ready" and each["until"] <= now]:
            if row["state"] == "deleting":
                self.table.pop(row["id"])
            else:
                self.table.put({**row, "etag": row["etag"] + 1, "state": "ready"})

    def listed(self) -> list[JsonObject]:
        """What a list shows now; counts as a list."""
        rows = [row for row in self.table if row["id"] not in self.lag]
        self.lag = {id: lists - 1 for id, lists in self.lag.items() if lists > 1}
        return rows

    def rows(self) -> list[JsonObject]:
        """Everything there is."""
        return [*self.table]

    def insert(self, body: JsonObject) -> JsonObject:
        """Make an object without the checks of the API."""
        return self.table.put({**self._complete(body), "state": "ready"})

    def remove(self, id: str) -> JsonObject | None:
        """Remove an object whatever uses it."""
        self.lag.pop(id, None)
        return self.table.pop(id)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change fields without the checks of the API."""
        row = self.table.get(id)
        return None if row is None else self.table.put({**row, **changes, "etag": row["etag"] + 1})

    def _complete(self, body: JsonObject) -> JsonObject:
        row = {"id": self._world.ids.uuid(), "etag": 0, "state": "ready", "until": 0.0, **body}
        if "cargoId" in row:
            row = {"enabled": True, "stops": [], **row}
        return row
