"""Harbor's HTTP API: tokens, lists with continuation tokens, objects with etags, writes that take effect later."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote

from reconciler.sdk import (
    Conflict,
    Connection,
    CredentialsRefused,
    Gone,
    PermissionRefused,
    Refused,
    Reply,
    SafeRequest,
    StillRunning,
    Uncertain,
    Unreadable,
    VendorError,
)
from reconciler.values import Secret
from vendors.harbor.settings import Settings

Row: TypeAlias = Mapping[str, object]

SAFE = (
    SafeRequest("POST", "/token"),
    SafeRequest("GET", "/accounts"),
    SafeRequest("GET", "/accounts/{}"),
    SafeRequest("GET", "/cargoes"),
    SafeRequest("GET", "/cargoes/{}"),
    SafeRequest("GET", "/routes"),
    SafeRequest("GET", "/routes/{}"),
    SafeRequest("GET", "/goods"),
)

_PAGE = 50
_LONGEST_REST = timedelta(minutes=5)
_MEANING: Mapping[int, type[VendorError]] = {403: PermissionRefused, 404: Gone, 412: Conflict}


class Client:
    """One client of Harbor. Safe to share between threads."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._lock = threading.Lock()
        self._token: tuple[str, datetime] | None = None

    def reveal(self, secret: Secret) -> str:
        """The secret's value, hidden from every log from now on."""
        value = self._connection.reveal(secret)
        self._connection.http.hide(value)
        return value

    def rows(self, path: str) -> tuple[Row, ...]:
        """The whole list, read again once when it moved meanwhile. Raises `Unreadable` when it cannot be believed."""
        for _ in range(2):
            pages = [row for page in self._pages(path) for row in page]
            rows = {str(row["id"]): row for row in pages}
            if len(rows) == len(pages):
                return tuple(pages)
        raise Unreadable(f"`GET {path}` kept changing while it was read", request=f"GET {path}")

    def _pages(self, path: str) -> Iterator[tuple[Row, ...]]:
        query = [("limit", str(_PAGE))]
        while True:
            body = self._body(self.send("GET", path, query=query), f"GET {path}")
            yield _items(body, f"GET {path}")
            following = body.get("next")
            if following is None:
                return
            query = [("limit", str(_PAGE)), ("continuation", str(following))]

    def codes(self) -> dict[str, str]:
        """The code of every good by its title."""
        items = _items(self._body(self.send("GET", "/goods"), "GET /goods"), "GET /goods")
        return {str(each["title"]): str(each["id"]) for each in items}

    def row(self, path: str, id: str) -> Row | None:
        """
        The object, from the list where its own route does not show it; `None` when neither does.

        Raises `Unreadable` when there is no such route and the list does not show it either.
        """
        reply = self.send("GET", f"{path}/{quote(id, safe='')}")
        if reply.status in (404, 405):
            listed = next((row for row in self.rows(path) if row["id"] == id), None)
            if listed is None and reply.status == 405:
                raise Unreadable(f"Harbor has no route `GET {path}/{id}`", status=405, request=f"GET {path}")
            return listed
        items = _items(self._body(reply, f"GET {path}"), f"GET {path}")
        if len(items) != 1 or items[0]["id"] != id:
            raise Unreadable(f"the answer to `GET {path}` holds another object than `{id}`", request=f"GET {path}")
        return items[0]

    def at_rest(self, path: str, id: str, *, leaving: bool = False) -> Row | None:
        """The object once nothing is under way with it, or `None` when it is gone; `leaving` counts as rest or not."""
        for row in self._looks(path, id):
            if row is None or row.get("state") == "ready" or (leaving and row.get("state") == "deleting"):
                return row
        raise StillRunning(f"`{id}` does not come to rest")

    def gone(self, path: str, id: str) -> None:
        """Return once the object, whose deletion was accepted, is gone."""
        for row in self._looks(path, id):
            if row is None:
                return
        raise StillRunning(f"`{id}` is still being deleted")

    def _looks(self, path: str, id: str) -> Iterator[Row | None]:
        until = self._connection.now() + _LONGEST_REST
        while self._connection.now() < until:
            try:
                yield self.row(path, id)
            except Unreadable as error:
                # Without a route for single objects the list is all there is to go by.
                if error.status != 405:
                    raise
                yield None
            self._connection.sleep(1.0)

    def change(self, method: str, path: str, *, body: object = None, etag: str | None = None) -> Row:
        """
        Send a request that changes something, once; returns the body of a good answer.

        A repeated PATCH would meet the etag that its first sending made, so nothing is repeated.
        """
        request = f"{method} {path}"
        headers = {} if etag is None else {"If-Match": etag}
        reply = self.send(method, path, body=body, headers=headers)
        if 200 <= reply.status < 300:
            if reply.text.strip() and not isinstance(reply.body, Mapping):
                raise Uncertain(f"the answer to `{request}` is no object", status=reply.status, request=request)
            return reply.body if isinstance(reply.body, Mapping) else {}
        meaning = _MEANING.get(reply.status, Refused)
        raise meaning(
            f"Harbor refuses `{request}` ({reply.status}): {_words(reply)}", status=reply.status, request=request
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send with a valid token. A token that is refused is replaced once."""
        token = self._valid_token()
        for _ in range(2):
            reply = self._connection.http.request(
                method,
                path,
                query=query or (),
                json=body,
                headers={**(headers or {}), "Authorization": f"Bearer {token}"},
                repeatable=method == "GET",
            )
            if reply.status != 401:
                return reply
            token = self._valid_token(refused=token)
        raise CredentialsRefused(f"Harbor accepts the client but not its tokens: {_words(reply)}", status=401)

    def _valid_token(self, refused: str | None = None) -> str:
        with self._lock:
            now = self._connection.now()
            if self._token is None or self._token[0] == refused or now >= self._token[1]:
                credentials = self._settings.credentials
                sent = {"client": credentials.client, "secret": self.reveal(_secret_of(credentials.secret))}
                reply = self._connection.http.request("POST", "/token", json=sent, repeatable=True)
                if reply.status in (400, 401, 403):
                    raise CredentialsRefused(f"Harbor does not know the client: {_words(reply)}", status=reply.status)
                body = self._body(reply, "POST /token")
                token, seconds = body.get("accessToken"), body.get("expiresIn")
                if not isinstance(token, str) or not isinstance(seconds, int):
                    raise Unreadable("the answer to `POST /token` holds no token", request="POST /token")
                self._connection.http.hide(token)
                self._token = (token, now + timedelta(seconds=seconds * 0.8))
            return self._token[0]

    @staticmethod
    def _body(reply: Reply, request: str) -> Row:
        if reply.status == 403:
            raise PermissionRefused(f"Harbor refuses `{request}`: {_words(reply)}", status=403, request=request)
        if not 200 <= reply.status < 300 or not isinstance(reply.body, Mapping):
            raise Unreadable(f"Harbor answers `{request}` with {reply.status}", status=reply.status, request=request)
        return reply.body


def _secret_of(reference: object) -> Secret:
    if isinstance(reference, Secret):
        return reference
    assert isinstance(reference, Mapping), "settings are validated before a session is made"
    (source,) = set(reference) - {"key", "version"}
    return Secret(source=source, name=reference[source], key=reference.get("key"), version=reference.get("version"))


def _items(body: Row, request: str) -> tuple[Row, ...]:
    items = body.get("items")
    if not isinstance(items, list) or not all(
        isinstance(each, Mapping) and isinstance(each.get("id"), str) for each in items
    ):
        raise Unreadable(f"the answer to `{request}` is no list of objects", request=request)
    return tuple(items)


def _words(reply: Reply) -> str:
    body = reply.body
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        body = body["error"]
    if isinstance(body, Mapping):
        return str(body.get("message", "no reason given"))
    return reply.text.strip()[:200] or "no reason given"
