"""Lists: parameters, pages, and the tokens that lead from one to the next (§4.1)."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from reconciler.emulator import Answer, JsonObject, World
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.errors import Refused, bad
from reconciler.providers.adobe.emulator.filters import Filter, Order, orders_of, sort

# Documented for GET; a search takes up to 1000 (§4).
_MOST = 100
_MOST_SEARCHED = 1000
_PARAMETERS = frozenset({"property", "limit", "orderby", "count", "continuationToken"})
_MOST_CACHED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    What a list is made of: rows in the order of creation, and how one is shown.

    `revision` changes whenever a row or its view may have changed; None forbids remembering anything. `listed`
    are the paths that a document lists for filters, None when any will do. `late` says whether a row is not yet
    in lists.
    """

    name: str
    rows: Sequence[JsonObject]
    view: Callable[[JsonObject], JsonObject]
    revision: object | None = None
    listed: frozenset[str] | None = None
    late: Callable[[JsonObject], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    properties: tuple[str, ...]
    orderby: str | None
    limit: int
    count: bool = False
    offset: int = 0
    projection: tuple[str, ...] = ()


class Lists:
    """Answers lists and searches."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._key = f"emulated flow service {seed}".encode()
        self._cache: dict[object, list[JsonObject]] = {}

    def get(self, call: Call, source: Source) -> Answer:
        """A list as its query parameters ask."""
        parameters = call.request.parameters
        for name, values in parameters.items():
            if name not in _PARAMETERS:
                raise bad(f"the query parameter {name} is unknown", 1451)
            if "" in values:
                raise bad(f"the query parameter {name} is empty", 1453)
        count = _flag(call.request.parameter("count"))
        limit = call.request.parameter("limit")
        if count and limit is not None:
            raise bad("limit and count exclude each other", 1401)
        query = _Query(
            properties=tuple(parameters.get("property", ())),
            orderby=call.request.parameter("orderby"),
            limit=self._limit(limit),
            count=count,
        )
        return self._answer(call, source, query, limited=limit is not None)

    def search(self, call: Call, source: Source) -> Answer:
        """
        A search, which says in its body what a list says in its query (§4).

        The grammar of `queryString` is undocumented: taken as filters joined by `&`, with or without `property=`.
        """
        body = call.document()
        text, limit, count = body.get("queryString", ""), body.get("limit"), body.get("count", False)
        orderby, projection = body.get("orderby"), body.get("projectionFields") or ""
        if not isinstance(text, str) or not isinstance(projection, str) or not isinstance(orderby, str | None):
            raise bad("queryString, orderby and projectionFields must be text", 1452)
        if not isinstance(count, bool) or isinstance(limit, bool) or not isinstance(limit, int | None):
            raise bad("limit must be a number and count a boolean", 1452)
        if limit is not None and not 1 <= limit <= _MOST_SEARCHED:
            raise bad(f"limit must be between 1 and {_MOST_SEARCHED}", 1452)
        query = _Query(
            properties=tuple(part.removeprefix("property=") for part in text.split("&") if part),
            orderby=orderby or None,
            limit=limit or self._world.switches.number("default_limit"),
            count=count,
            projection=tuple(name.strip() for name in projection.split(",") if name.strip()),
        )
        return self._answer(call, source, query, limited=limit is not None)

    def _answer(self, call: Call, source: Source, query: _Query, *, limited: bool) -> Answer:
        scope = f"{source.name}/{call.organization}/{call.sandbox}"
        token = call.request.parameter("continuationToken")
        if token is not None:
            query = self._continued(token, scope, query, limited=limited)
        rows = self._selected(scope, source, query)
        if source.late is not None:
            rows = [row for row in rows if not source.late(row)]
        if query.count:
            return Answer(body={"count": len(rows)})
        end = query.offset + query.limit
        items = [_projected(source.view(row), query.projection) for row in rows[query.offset : end]]
        body: JsonObject = {"items": items, "_links": {}}
        if end < len(rows):
            body["_links"] = {"next": {"href": self._link(source.name, scope, query, end)}}
        elif self._world.switches["last_links"] == "absent":
            del body["_links"]
        return Answer(body=body)

    def _selected(self, scope: str, source: Source, query: _Query) -> list[JsonObject]:
        filters = tuple(Filter.of(text) for text in query.properties)
        if source.listed is not None and self._world.switches["general_filters"] == "400":
            for one in filters:
                if one.path not in source.listed:
                    raise bad(f"{one.path} is no filter of {source.name}", 1440)
        orders = orders_of(query.orderby)
        newest = self._world.switches["default_order"]
        key = (scope, query.properties, query.orderby, newest, source.revision)
        if source.revision is not None and key in self._cache:
            return self._cache[key]
        views = ((source.view(row), row) for row in reversed(source.rows))
        found = [pair for pair in views if all(one.fits(pair[0]) for one in filters)]
        sort(found, orders or (Order(path=f"{newest}At", descending=True),))
        rows = [row for _, row in found]
        if source.revision is not None:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[key] = rows
        return rows

    def _limit(self, text: str | None) -> int:
        if text is None:
            return self._world.switches.number("default_limit")
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
            raise bad("limit must be a positive integer", 1452)
        if int(text) > _MOST and self._world.switches["over_limit"] == "400":
            raise bad(f"limit must not be over {_MOST}", 1452)
        return min(int(text), _MOST)

    # Tokens: they hold the filters, the order and the place, since the link carries nothing else.

    def _link(self, name: str, scope: str, query: _Query, offset: int) -> str:
        held = {"s": scope, "p": query.properties, "b": query.orderby, "l": query.limit, "o": offset}
        raw = json.dumps(held, separators=(",", ":")).encode()
        token = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() + "." + self._sign(raw)
        pairs = [("continuationToken", token)]
        if self._world.switches["next_link"] == "query":
            pairs = [*(("property", text) for text in query.properties), ("limit", str(query.limit)), *pairs]
            if query.orderby is not None:
                pairs.insert(0, ("orderby", query.orderby))
        return f"/{name}?{urlencode(pairs)}"

    def _continued(self, token: str, scope: str, query: _Query, *, limited: bool) -> _Query:
        held = self._read(token)
        if held.get("s") != scope:
            # Undocumented: assumed 400, as for a token nobody issued (§4.1).
            raise bad("the continuationToken belongs to another list", 1452)
        return _Query(
            properties=tuple(held["p"]),
            orderby=held["b"],
            limit=query.limit if limited else held["l"],
            offset=held["o"],
            projection=query.projection,
        )

    def _read(self, token: str) -> dict[str, Any]:
        head, _, signature = token.rpartition(".")
        try:
            raw = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
        except ValueError:
            raw = b""
        if not raw or signature != self._sign(raw):
            raise bad("the continuationToken is unknown", 1452)
        held: dict[str, Any] = json.loads(raw)
        return held

    def _sign(self, raw: bytes) -> str:
        return hashlib.sha256(self._key + raw).hexdigest()[:16]


def route_check(position: str) -> None:
    """Refuse when a switch says that a route does not answer."""
    if position != "ok":
        raise Refused(int(position), 1439, "Resource not found" if position == "404" else "Method not allowed")


def _flag(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise bad("count must be true or false", 1452)
    return text == "true"


def _projected(view: JsonObject, fields: tuple[str, ...]) -> JsonObject:
    return {name: view[name] for name in fields if name in view} if fields else view
