"""
Adobe's HTTP API as its documents describe it: tokens, lists, single objects, changes with etags.

What a kind's fields mean belongs in the file of that kind.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

from reconciler.providers.adobe.errors import is_about_access, refusal, words_of
from reconciler.providers.adobe.settings import Settings
from reconciler.sdk import Connection, CredentialsRefused, Gone, Refused, Reply, SafeRequest, Uncertain, Unreadable
from reconciler.values import Secret

Row: TypeAlias = Mapping[str, object]
"""One object as the API gives it: JSON with unknown keys."""

Query: TypeAlias = Sequence[tuple[str, str]]

FLOW = "/data/foundation/flowservice"
SANDBOXES = "/data/foundation/sandbox-management/sandboxes"
LANDING_ZONE = "/data/foundation/connectors/landingzone/credentials"

_LISTS = ("connections", "sourceConnections", "targetConnections", "flows", "runs", "connectionSpecs")

SAFE = (
    *(SafeRequest("GET", f"{FLOW}/{each}") for each in _LISTS),
    *(SafeRequest("GET", f"{FLOW}/{each}/{{}}") for each in _LISTS),
    SafeRequest("GET", f"{FLOW}/connections/{{}}/test"),
    SafeRequest("GET", f"{FLOW}/connectionSpecs/{{}}/configs"),
    SafeRequest("GET", f"{SANDBOXES}/{{}}"),
    # Reading tells the credentials that there are; `POST …?action=refresh`, which makes new ones, is never sent.
    SafeRequest("GET", LANDING_ZONE),
)
"""Every request that changes nothing."""

TOKEN = SafeRequest("POST", "/ims/token/v3")
"""Any number of tokens may exist (Developer Console, OAuth Server-to-Server; documented)."""

PAGE = 100
"""The most that a page may hold (Destinations API, `limit`; documented). The default is not documented."""

_MOST_PAGES = 10_000
_MOST_EMPTY_PAGES = 10
_MOST_TEXT = 2**28
"""Characters that one list may hold: a sandbox of 50,000 dataflows takes less."""
_LONGEST_LIST, _MANY_PAGES = timedelta(minutes=30), 100
"""How long a list of many pages may take; fewer are over soon, and clocks are set now and then."""

_LONGEST_TOKEN = 16_384
"""Characters; more than that fits no header of usual servers. Adobe's own are of about 2,000 (observed)."""

# Letters, digits and hyphens in all documented ids; a comma would mean several in a filter.
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")

# Adobe's own client renews about 500 s before the end (adobe/aepp; observed). A token lives 24 h (documented).
_EARLY = timedelta(seconds=500)

# Which permissions a call takes (Export datasets, tutorial; Access control overview; documented). That deleting takes
# *Manage Destinations* too is inferred from what the overview says of it.
_NEEDS = "`View Destinations`, `View Datasets` and `Manage and Activate Dataset Destinations`"
_NEEDS_TO_DELETE = "`View Destinations`, `Manage and Activate Dataset Destinations` and `Manage Destinations`"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    text: str
    renew_at: datetime


class Client:
    """
    One sandbox of one organization. Safe to share between threads; sends nothing before it is asked.

    Paths are relative to Flow Service unless they begin with `/data`. Every error is a `VendorError` whose message is a
    sentence for people.
    """

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.settings = settings
        self.now = connection.now
        self.sleep = connection.sleep
        self._http = connection.http
        self._tokens = connection.elsewhere(settings.tokens_at)
        self._reveal = connection.reveal
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def revealing(self, reveal: Callable[[Secret], str]) -> Callable[[Secret], str]:
        """The same, and whatever it gives is kept out of every log line and error from then on."""

        def hidden(secret: Secret) -> str:
            value = reveal(secret)
            self.hide(value)
            return value

        return hidden

    def hide(self, secret: str) -> None:
        """Keep this text out of every log line and error."""
        self._http.hide(secret)
        self._tokens.hide(secret)

    # Reading

    def rows(self, path: str, properties: Sequence[str] = ()) -> tuple[Row, ...]:
        """
        The whole list at `path`, each object once, filtered by the server: all of `properties` hold.

        Nothing is promised about a list that changes while it is read, so what comes twice counts once. Raises
        `Unreadable` when the list cannot be believed.
        """
        request = f"GET {path}"
        query = [*(("property", each) for each in properties), ("limit", str(PAGE))]
        found: dict[str, Row] = {}
        tokens: set[str] = set()
        following: list[tuple[str, str]] = []
        idle = size = 0
        until = self.now() + _LONGEST_LIST
        while True:
            reply = self.send("GET", path, query=[*query, *following])
            body = self.body(reply, request)
            before = len(found)
            found.update(_by_id(body, request))
            size += len(reply.text)
            # The link carries nothing but the token, so our own filters are sent again (Flow Service API, example;
            # Adobe's own client).
            token = _continuation(body, request)
            if token is None:
                return tuple(row for row in found.values() if self._is_ours(row))
            idle = 0 if len(found) > before else idle + 1
            endless = token in tokens or idle >= _MOST_EMPTY_PAGES or len(tokens) >= _MOST_PAGES
            if endless or size > _MOST_TEXT or (len(tokens) >= _MANY_PAGES and self.now() > until):
                raise Unreadable(f"the list of `{request}` does not come to an end", request=request)
            tokens.add(token)
            following = [("continuationToken", token)]

    def filtered(self, path: str, properties: Sequence[str]) -> tuple[Row, ...]:
        """
        The list filtered by the server, or the whole list where it refuses the filter.

        Filters on any path are a general rule; only some are listed for each route (Sort and filter; documented). So
        the caller looks at what comes.
        """
        try:
            return self.rows(path, properties)
        except Unreadable as error:
            if error.status != 400:
                raise
        return self.rows(path)

    def row(self, path: str, id: str) -> Row | None:
        """
        The object, from the list where its own route does not show it; `None` when neither does.

        A dataflow that access labels hide answers 404 and may still be listed (Access labels; documented). Raises
        `Unreadable` when there is no such route and the list does not show it either.
        """
        where = f"{path}/{segment(id)}"
        reply = self.send("GET", where)
        if reply.status in (404, 405):
            listed = next((row for row in self.filtered(path, (f"id=={id}",)) if row["id"] == id), None)
            if listed is None and reply.status == 405:
                raise Unreadable(f"Adobe has no route `GET {where}`", status=405, request=f"GET {where}")
            return listed
        items = _items(self.body(reply, f"GET {where}"), f"GET {where}")
        if len(items) != 1 or items[0]["id"] != id or not self._is_ours(items[0]):
            raise Unreadable(f"the answer to `GET {where}` is not the object `{id}`", request=f"GET {where}")
        return items[0]

    def body(self, reply: Reply, request: str) -> Row:
        """What a good answer to a reading holds. Raises what else it means."""
        if reply.status >= 300:
            error = refusal(reply, request, needs=_NEEDS)
            if isinstance(error, Refused) and reply.status != 403:
                if isinstance(error, Gone) or reply.status == 405:
                    error.message = f"Adobe has no route `{request}` for us ({reply.status}): {words_of(reply)}"
                raise Unreadable(error.message, status=reply.status, request=request)
            raise error
        if not isinstance(reply.body, Mapping):
            raise Unreadable(f"the answer to `{request}` is no JSON object", status=reply.status, request=request)
        return reply.body

    def _is_ours(self, row: Row) -> bool:
        """Whether the object lies in our sandbox and organization, as far as it says."""
        sandbox, organization = row.get("sandboxName"), row.get("imsOrgId")
        return sandbox in (None, self.settings.sandbox) and organization in (None, self.settings.organization)

    # Writing

    def change(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: object = None,
        etag: str | None = None,
        repeatable: bool | None = None,
    ) -> Row:
        """
        Send a request that changes something; returns the body of a good answer, empty where there is none.

        404 is `Gone`, 412 `Conflict`. Raises `Uncertain` when the answer is no proof.
        """
        request = f"{method} {path}"
        headers = {} if etag is None else {"If-Match": etag}
        reply = self.send(method, path, query=query, body=body, headers=headers, repeatable=repeatable)
        if reply.status >= 300:
            raise refusal(reply, request, needs=_NEEDS_TO_DELETE if method == "DELETE" else _NEEDS)
        if reply.text.strip() and not isinstance(reply.body, Mapping):
            raise Uncertain(
                f"`{request}` may or may not have taken effect: the answer is no JSON object",
                status=reply.status,
                request=request,
            )
        return reply.body if isinstance(reply.body, Mapping) else {}

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: object = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Send with a valid token. A token that is refused is replaced once."""
        whole = path if path.startswith("/data/") else FLOW + path
        token: _Token | None = None
        for _ in range(2):
            token = self._valid_token(refused=token)
            reply = self._http.request(
                method,
                whole,
                query=query,
                json=body,
                headers={
                    "Authorization": f"Bearer {token.text}",
                    "x-api-key": self.settings.credentials.client_id,
                    "x-gw-ims-org-id": self.settings.organization,
                    "x-sandbox-name": self.settings.sandbox,
                    **(headers or {}),
                },
                repeatable=repeatable,
            )
            # A bad token gets 401 and a missing one 403 (Platform troubleshooting; documented): nothing happened.
            if reply.status != 401:
                break
        if is_about_access(reply):
            raise refusal(reply, f"{method} {path}", needs=_NEEDS)
        return reply

    # Tokens

    def _valid_token(self, refused: _Token | None = None) -> _Token:
        with self._lock:
            if self._token is None or self._token == refused or self.now() >= self._token.renew_at:
                self._token = self._mint()
            return self._token

    def _mint(self) -> _Token:
        credentials = self.settings.credentials
        secret = self._reveal(secret_of(credentials.client_secret))
        self.hide(secret)
        asked = self.now()
        # In the body, because addresses are logged (Developer Console; documented).
        reply = self._tokens.request(
            "POST",
            TOKEN.path,
            form={
                "grant_type": "client_credentials",
                "client_id": credentials.client_id,
                "client_secret": secret,
                "scope": ",".join(self.settings.scopes),
            },
            repeatable=True,
        )
        request = f"POST {TOKEN.path}"
        # What a wrong client or secret gets is not documented; OAuth says 400 or 401.
        if 400 <= reply.status < 500 and reply.status not in (404, 405):
            raise CredentialsRefused(
                f"Adobe gives no token for `credentials` ({reply.status}): {words_of(reply)}",
                status=reply.status,
                request=request,
            )
        body = self.body(reply, request)
        text, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text) or len(text) > _LONGEST_TOKEN:
            raise Unreadable(f"the answer to `{request}` holds no `access_token` that could be one", request=request)
        self.hide(text)
        # In seconds (Developer Console; documented). Without a usable figure the token is renewed when it is refused.
        lasting = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 1e8
        lifetime = timedelta(seconds=float(seconds)) if lasting else timedelta(hours=24)  # type: ignore[arg-type] # a number by the line above
        return _Token(text=text, renew_at=asked + lifetime - min(_EARLY, lifetime / 12))


def secret_of(reference: object) -> Secret:
    """The secret that a validated reference names."""
    if isinstance(reference, Secret):
        return reference
    assert isinstance(reference, Mapping), "settings are validated before a session is made"
    (source,) = (each for each in reference if each not in ("key", "version"))
    return Secret(source=source, name=reference[source], key=reference.get("key"), version=reference.get("version"))


def segment(id: str) -> str:
    """An id as one segment of a path. Raises `Gone` for what cannot be anybody's id."""
    if not is_id(id):
        raise Gone(f"`{id}` is no id at Adobe")
    return quote(id, safe="")


def is_id(text: object) -> bool:
    """Whether Adobe could mean an object by this."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _by_id(body: Row, request: str) -> dict[str, Row]:
    """The objects of one page. What a later page shows again may have changed since; within a page it cannot."""
    found: dict[str, Row] = {}
    for row in _items(body, request):
        id = str(row["id"])
        if found.setdefault(id, row) != row:
            raise Unreadable(f"`{request}` lists `{id}` twice, and differently", request=request)
    return found


def _items(body: Row, request: str) -> tuple[Row, ...]:
    items = body.get("items")
    if not isinstance(items, list):
        raise Unreadable(f"the answer to `{request}` is no list", request=request)
    for each in items:
        if not isinstance(each, Mapping) or not is_id(each.get("id")):
            raise Unreadable(f"`{request}` lists an object without an id that could be one", request=request)
    return tuple(items)


def _continuation(body: Row, request: str) -> str | None:
    """The token of the next page; `_links` is empty on the last one (Monitor dataflows, sample; documented)."""
    links = body.get("_links")
    following = links.get("next") if isinstance(links, Mapping) else None
    if not following:
        return None
    href = following.get("href") if isinstance(following, Mapping) else None
    pairs = [each.partition("=") for each in urlsplit(href).query.split("&")] if isinstance(href, str) else []
    # A token is opaque: a plus sign in it is a plus sign.
    token = next((unquote(value) for name, _, value in pairs if name == "continuationToken"), "")
    if not token:
        raise Unreadable(f"`{request}` names a next page without a token for it", request=request)
    return token
