"""
Didomi's HTTP API as its documents describe it: sessions, lists, single objects, errors.

What a kind's fields mean belongs in the file of that kind.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeAlias
from urllib.parse import quote

from reconciler.providers.didomi.mapping import Row
from reconciler.providers.didomi.settings import Settings
from reconciler.sdk import (
    CredentialsRefused,
    Gone,
    Http,
    Pace,
    PermissionRefused,
    Refused,
    Reply,
    SafeRequest,
    Uncertain,
    Unreadable,
    VendorError,
)
from reconciler.values import Secret

SAFE = (
    SafeRequest("POST", "/sessions"),
    SafeRequest("GET", "/premium-features"),
    SafeRequest("GET", "/quotas"),
    SafeRequest("GET", "/exports/destinations"),
    SafeRequest("GET", "/exports/destinations/{}"),
    SafeRequest("GET", "/exports/configs"),
    SafeRequest("GET", "/exports/configs/{}"),
    SafeRequest("GET", "/exports/logs"),
    SafeRequest("GET", "/marketplace/integrations"),
    SafeRequest("GET", "/marketplace/integrations/{}"),
    SafeRequest("GET", "/marketplace/exports/logs"),
    SafeRequest("GET", "/metadata/purposes"),
    SafeRequest("GET", "/consents/events"),
    SafeRequest("GET", "/consents/events/{}"),
    SafeRequest("GET", "/consents/users"),
    SafeRequest("GET", "/consents/users/{}"),
)
"""Every request that changes nothing; any number of sessions may exist (Didomi, Authentication; documented)."""

# A page "usually" holds fewer than 100 (Didomi, Pagination; documented); the default differs from route to route.
PAGE = 50

# One hour in the current pages, a day in older ones (Didomi, Authentication; documented, contradictory). Used when the
# token itself does not say.
LIFETIME = timedelta(hours=1)

_MOST_OBJECTS = 500_000
_MOST_TEXT = 2**28
"""Objects and characters that one list may hold: no organization comes near either."""
_LONGEST_LIST, _MANY_OBJECTS = timedelta(minutes=30), 5_000
"""How long a list of many objects may take; fewer are read soon, and clocks are set now and then."""

_LONGEST_TOKEN = 16_384
"""Characters; more than that fits no header of usual servers."""

Query: TypeAlias = Sequence[tuple[str, str]]


class _Moved(Exception):
    """The list changed while it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    text: str
    renew_at: datetime


class Client:
    """
    One organization at Didomi. Safe to share between threads; sends nothing before it is asked.

    Every error is a `VendorError` whose message is a sentence for people.
    """

    def __init__(
        self, settings: Settings, http: Http, reveal: Callable[[Secret], str], now: Callable[[], datetime]
    ) -> None:
        self.organization = settings.organization_id
        self.now = now
        self._settings = settings
        self._http = http
        self._reveal = reveal
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self.clock_ahead: float | None = None
        """By how many seconds our clock is ahead of Didomi's, as of the last session that told."""

    def hide(self, secret: str) -> None:
        """Keep this text out of every log line and error."""
        self._http.hide(secret)

    # Reading

    def rows(self, path: str, query: Query = ()) -> tuple[Row, ...]:
        """
        The whole list at `path`, oldest first, without what belongs to other organizations.

        Read again once when it changed meanwhile. Raises `Unreadable` when it cannot be believed.
        """
        for _ in range(2):
            try:
                found = self._walk(path, query)
            except _Moved:
                continue
            return tuple(row for row in found if row.get("organization_id", self.organization) == self.organization)
        raise Unreadable(f"`GET {path}` kept changing while it was read, twice", request=f"GET {path}")

    def row(self, path: str, query: Query = ()) -> Row | None:
        """The object at `path`, or `None` when Didomi says 404. Raises `Unreadable` when it cannot say."""
        reply = self.send("GET", path, query=query)
        if reply.status == 404:
            return None
        row = _object(self._good(reply, f"GET {path}"), f"GET {path}")
        if row.get("organization_id", self.organization) != self.organization:
            raise Unreadable(f"`GET {path}` gives an object of another organization", request=f"GET {path}")
        return row

    def page(self, path: str, query: Query = ()) -> tuple[Row, ...]:
        """The first page of the list at `path` with just this query."""
        reply = self._good(self.send("GET", path, query=query), f"GET {path}")
        return _page(reply, f"GET {path}")[0]

    def _walk(self, path: str, query: Query) -> list[Row]:
        request = f"GET {path}"
        found: dict[str, Row] = {}
        promised: int | None = None
        first = True
        size = 0
        until = self.now() + _LONGEST_LIST
        while True:
            # Sorted, so that pages do not shift (Didomi, Pagination; sorting documented, stability not).
            whole = [
                ("organization_id", self.organization),
                *query,
                ("$limit", str(PAGE)),
                ("$skip", str(len(found))),
                ("$sort[created_at]", "1"),
            ]
            reply = self._good(self.send("GET", path, query=whole), request)
            rows, total = _page(reply, request)
            size += len(reply.text)
            if not first and total != promised:
                raise _Moved
            promised, first = total, False
            for row in rows:
                id = row.get("id")
                if not isinstance(id, str) or not is_id(id):
                    raise Unreadable(f"`{request}` lists an object without an id that could be one", request=request)
                if id in found:
                    raise Unreadable(f"`{request}` lists `{id}` twice", request=request)
                found[id] = row
            if total is not None and len(found) > total:
                raise Unreadable(f"`{request}` says {total} objects and gives {len(found)}", request=request)
            if total is not None and len(found) == total:
                return list(found.values())
            if not rows:
                if total is not None:
                    raise Unreadable(f"`{request}` says {total} objects and gives only {len(found)}", request=request)
                return list(found.values())
            endless = len(found) > _MOST_OBJECTS or size > _MOST_TEXT
            if endless or (len(found) > _MANY_OBJECTS and self.now() > until):
                raise Unreadable(f"the list of `{request}` does not come to an end", request=request)

    def _good(self, reply: Reply, request: str) -> Reply:
        """The reply if it is one to believe."""
        if reply.status == 403:
            raise PermissionRefused(_sentence(request, reply), status=403, request=request)
        if reply.status in (404, 405):
            raise Unreadable(f"Didomi has no route `{request}` for us", status=reply.status, request=request)
        if not 200 <= reply.status < 300:
            raise Unreadable(_sentence(request, reply), status=reply.status, request=request)
        if not reply.is_json:
            raise Unreadable(f"the answer to `{request}` is not JSON", status=reply.status, request=request)
        return reply

    # Writing

    def change(
        self, method: str, path: str, *, query: Query = (), body: object = None, repeatable: bool | None = None
    ) -> Reply:
        """
        Send a request that changes something; returns good answers only. `repeatable` as in `Http.request`.

        404 is `Gone` and 405 `Refused`: what that means is for the caller to find out. Raises `Uncertain` when the
        answer is no proof.
        """
        request = f"{method} {path}"
        reply = self.send(method, path, query=query, body=body, repeatable=repeatable)
        if 200 <= reply.status < 300:
            if not reply.is_json and reply.text.strip():
                raise Uncertain(
                    f"`{request}` may or may not have taken effect: the answer is not JSON",
                    status=reply.status,
                    request=request,
                )
            return reply
        # Only the status counts (Didomi, Errors; documented); names and further keys differ from page to page.
        kind: type[VendorError]
        match reply.status:
            case 403:
                kind = PermissionRefused
            case 404:
                kind = Gone
            case _:
                kind = Refused
        raise kind(_sentence(request, reply), status=reply.status, request=request)

    def send(
        self, method: str, path: str, *, query: Query = (), body: object = None, repeatable: bool | None = None
    ) -> Reply:
        """Send with a valid token. A token that is refused is replaced once."""
        token: _Token | None = None
        for _ in range(2):
            token = self._valid_token(refused=token)
            reply = self._http.request(
                method,
                path,
                query=query,
                json=body,
                headers={"Authorization": f"Bearer {token.text}"},
                repeatable=repeatable,
            )
            # Missing, malformed and expired tokens get 401 (Didomi, Authentication; documented): nothing happened.
            if reply.status != 401:
                return reply
        raise CredentialsRefused(
            f"Didomi accepts the key but not its tokens: {_words(reply)}", status=401, request=f"{method} {path}"
        )

    # Sessions

    def _valid_token(self, refused: _Token | None = None) -> _Token:
        with self._lock:
            if self._token is None or self._token == refused or self.now() >= self._token.renew_at:
                self._token = self._mint()
            return self._token

    def _mint(self) -> _Token:
        key = self._reveal(secret_of(self._settings.credentials.key))
        secret = self._reveal(secret_of(self._settings.credentials.secret))
        self.hide(key)
        self.hide(secret)
        asked = self.now()
        reply = self._http.request(
            "POST", "/sessions", json={"type": "api-key", "key": key, "secret": secret}, repeatable=True
        )
        request = "POST /sessions"
        # A wrong key or secret gets 400, not 401 (Didomi, Authentication; documented).
        if reply.status in (400, 401, 403):
            raise CredentialsRefused(
                f"Didomi does not accept the API key: {_words(reply)}", status=reply.status, request=request
            )
        body = _object(self._good(reply, request), request)
        text = body.get("access_token")
        if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text) or len(text) > _LONGEST_TOKEN:
            raise Unreadable(
                "the answer to `POST /sessions` holds no `access_token` that could be one", request=request
            )
        self.hide(text)
        self._compare_clocks(reply, asked)
        lifetime = _lifetime(text, asked)
        # Five minutes early, or a twelfth of a life that is shorter than an hour.
        return _Token(text=text, renew_at=asked + lifetime - min(timedelta(minutes=5), lifetime / 12))

    def _compare_clocks(self, reply: Reply, asked: datetime) -> None:
        try:
            theirs = parsedate_to_datetime(reply.headers["date"])
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):
            return
        self.clock_ahead = (asked - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds()


def secret_of(reference: object) -> Secret:
    """The secret that a validated reference names."""
    if isinstance(reference, Secret):
        return reference
    assert isinstance(reference, Mapping), "settings are validated before a session is made"
    (source,) = (each for each in reference if each not in ("key", "version"))
    return Secret(source=source, name=reference[source], key=reference.get("key"), version=reference.get("version"))


def is_id(text: str) -> bool:
    """
    Whether Didomi could mean an object by this.

    Letters and digits in all samples, in words joined by hyphens (observed); what else there may be is not documented,
    so only what could stand for something else in an address is refused.
    """
    return re.fullmatch(r"[\w.~:@+=-]{1,200}", text, re.ASCII) is not None and text.strip(".") != ""


def segment(id: str) -> str:
    """An id as one segment of a path. Raises `Gone` for what cannot be anybody's id."""
    if not is_id(id):
        raise Gone(f"`{id}` is no id at Didomi")
    return quote(id, safe="")


def pace(headers: Mapping[str, str]) -> Pace | None:
    """
    What an answer says about the rate limit.

    `RateLimit: limit=100, remaining=61, reset=9` on every limited route (Didomi, Rate limiting; documented), as in the
    seventh draft of the IETF's header; the separate headers of older drafts are understood too.
    """
    parts = dict(part.strip().partition("=")[::2] for part in headers.get("ratelimit", "").split(","))
    remaining = parts.get("remaining", headers.get("ratelimit-remaining", ""))
    reset = parts.get("reset", headers.get("ratelimit-reset", ""))
    if not all(re.fullmatch(r"\s*[0-9]{1,9}\s*", each) for each in (remaining, reset)):
        return None
    return Pace(remaining=int(remaining), reset_seconds=float(reset))


def object_of(reply: Reply) -> Row | None:
    """The object in a good answer, or `None` when it holds none."""
    return reply.body if isinstance(reply.body, Mapping) else None


def _object(reply: Reply, request: str) -> Row:
    if not isinstance(reply.body, Mapping):
        raise Unreadable(f"the answer to `{request}` is no object", status=reply.status, request=request)
    return reply.body


def _page(reply: Reply, request: str) -> tuple[tuple[Row, ...], int | None]:
    """
    The rows of a page and how many there are in all, when it says so.

    An envelope `{total, limit, skip, data}` (Didomi, Pagination; documented) or a bare array, as Didomi's OpenAPI
    document types many lists.
    """
    rows: object = reply.body
    total: object = None
    if isinstance(reply.body, Mapping):
        rows, total = reply.body.get("data"), reply.body.get("total")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unreadable(f"the answer to `{request}` is no list", status=reply.status, request=request)
    if total is None:
        return tuple(rows), None
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise Unreadable(f"the answer to `{request}` has a strange `total`", status=reply.status, request=request)
    return tuple(rows), total


def _sentence(request: str, reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return f"Didomi answers `{request}` with a redirect, which is not followed; is `baseUrl` right?"
    return f"Didomi refuses `{request}` ({reply.status}): {_words(reply)}"


def _words(reply: Reply) -> str:
    """Didomi's own explanation: `message`, and `errors`, described as an array and shown as an object."""
    if not isinstance(reply.body, Mapping):
        return "no reason given"
    message = reply.body.get("message") or reply.body.get("name") or "no reason given"
    details = "; ".join(_details(reply.body.get("errors")))
    text = f"{str(message).strip().rstrip('.')}{f' ({details})' if details else ''}"
    return text if len(text) <= 500 else f"{text[:500]}…"


def _details(errors: object) -> list[str]:
    match errors:
        case Mapping():
            return [f"{key}: {_short(each)}" for key, each in errors.items()]
        case list():
            return [_short(each) for each in errors]
        case _:
            return []


def _short(detail: object) -> str:
    if isinstance(detail, Mapping) and isinstance(detail.get("message"), str):
        return str(detail["message"]).strip().rstrip(".")
    return detail.strip().rstrip(".") if isinstance(detail, str) else json.dumps(detail)


def _lifetime(token: str, asked: datetime) -> timedelta:
    """
    How long the token lives, from the times within it.

    That it is a readable JWT is not documented, so anything unexpected means the usual hour.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return LIFETIME
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return LIFETIME
    if not isinstance(claims, dict):
        return LIFETIME
    ends = claims.get("exp")
    # Against the server's own time where it is given: our clock may be wrong.
    begins = claims.get("iat", asked.timestamp())
    if not isinstance(ends, int | float) or not isinstance(begins, int | float):
        return LIFETIME
    try:
        lifetime = float(ends) - float(begins)
    except OverflowError:
        return LIFETIME
    return timedelta(seconds=lifetime) if 0 < lifetime < 1e8 else LIFETIME
