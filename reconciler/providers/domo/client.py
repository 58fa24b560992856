"""
Domo's HTTP API as far as exports need it: a token, datasets, and the exports of one dataset.

What a manifest's fields mean belongs in the files about the kind.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from reconciler.providers.domo.exports import Export, Row, export_of, moment
from reconciler.providers.domo.query import Column
from reconciler.providers.domo.settings import Settings
from reconciler.sdk import (
    CredentialsRefused,
    Http,
    PermissionRefused,
    Reply,
    SafeRequest,
    Unreadable,
    VendorError,
)
from reconciler.values import Secret

EXPORT = "/api/query/v1/export/{}"
SAFE = (
    SafeRequest("GET", "/api/content/v2/users/me"),
    SafeRequest("GET", "/api/data/v1/accesstokens"),
    SafeRequest("GET", "/api/data/v3/datasources/{}"),
    SafeRequest("GET", "/api/query/v1/datasources/{}/schema/indexed"),
    SafeRequest("GET", "/api/data/v2/datasources/{}/schemas/latest"),
    SafeRequest("GET", "/api/data/v3/datasources/{}/dataversions/details"),
    SafeRequest("GET", "/api/query/v1/data-control/{}"),
    SafeRequest("GET", "/api/query/v1/data-control/{}/filter-groups"),
    SafeRequest("GET", EXPORT),
)
"""Every request that changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """
    How new a dataset's data is, by Domo's own words.

    `value` is a data version where the dataset has one, else the time of its last change.
    """

    kind: str
    value: str
    updated: datetime | None


class Client:
    """
    One instance of Domo. Safe to share between threads; sends nothing before it is asked.

    Every error is a `VendorError` whose message is a sentence for people.
    """

    def __init__(
        self,
        settings: Settings,
        http: Http,
        reveal: Callable[[Secret], str],
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.now = now
        self.sleep = sleep
        self._settings = settings
        self._http = http
        self._reveal = reveal
        self._lock = threading.Lock()
        self._me: str | None = None
        self._free_at: float | None = None

    def hide(self, secret: str) -> None:
        """Keep this text out of every log line and error."""
        self._http.hide(secret)

    # Who we are

    def me(self) -> str:
        """The id of the token's user, asked for once: whose rights decide which rows are exported."""
        if self._me is None:
            row = self._object(self.send("GET", "/api/content/v2/users/me"), "GET /api/content/v2/users/me")
            id = row.get("id")
            # A whole number in all that was observed.
            known = isinstance(id, int | str) and not isinstance(id, bool)
            if not known or not re.fullmatch(r"[A-Za-z0-9-]{1,100}", str(id)):
                raise Unreadable("Domo does not say whose token this is", request="GET /api/content/v2/users/me")
            self._me = str(id)
        return self._me

    def tokens(self) -> Sequence[Row]:
        """The access tokens that this one may see, without their values. Raises `PermissionRefused` when none."""
        request = "GET /api/data/v1/accesstokens"
        return self._rows(self.send("GET", "/api/data/v1/accesstokens"), request)

    # Datasets

    def dataset(self, id: str) -> Row | None:
        """
        What Domo says of the dataset; `None` when there is none.

        A deleted one may still be described, with `deleted: true` (documented for another API of Domo's; assumed here).
        """
        path = f"/api/data/v3/datasources/{_segment(id)}"
        reply = self.send("GET", path, query=[("includeAllDetails", "true")])
        if reply.status == 404:
            return None
        row = self._object(reply, f"GET {path}")
        if row.get("id") != id:
            raise Unreadable(f"the answer to `GET {path}` is not the dataset `{id}`", request=f"GET {path}")
        return None if row.get("deleted") is True else row

    def columns(self, id: str) -> tuple[Column, ...]:
        """
        The dataset's columns in their order: those of the query engine, or of the stored schema without these.

        An expression names a column by its `id` (seen in public clients), which is its name in all that was observed.
        """
        path = f"/api/query/v1/datasources/{_segment(id)}/schema/indexed"
        reply = self.send("GET", path, query=[("includeHidden", "false")])
        tables = reply.body.get("tables") if isinstance(reply.body, Mapping) else None
        if reply.status == 200 and isinstance(tables, list) and tables and isinstance(tables[0], Mapping):
            found = _columns(tables[0].get("columns"), f"GET {path}")
            if found:  # the engine learns of a new dataset a while after it is stored (documented)
                return found
        path = f"/api/data/v2/datasources/{_segment(id)}/schemas/latest"
        row = self._object(self.send("GET", path), f"GET {path}")
        schema = row.get("schema")
        return _columns(schema.get("columns") if isinstance(schema, Mapping) else None, f"GET {path}")

    def version(self, id: str, row: Row) -> Version:
        """
        How new the data is; `row` is what Domo says of the dataset.

        The newest good data version. Views and federated datasets may have none, and who may read versions is not
        documented: then the time of the last change, which is `lastUpdated` and never `lastTouched` (observed).
        """
        updated = moment(row.get("lastUpdated"))
        path = f"/api/data/v3/datasources/{_segment(id)}/dataversions/details"
        try:
            reply = self.send("GET", path)
        except PermissionRefused:
            reply = None
        rows = reply.body if reply is not None and reply.status == 200 and isinstance(reply.body, list) else []
        versions = [
            each["dataVersionId"]
            for each in rows
            if isinstance(each, Mapping)
            and isinstance(each.get("dataVersionId"), int)
            and str(each.get("status", "success")).lower() in ("success", "succeeded", "complete", "completed")
        ]
        if versions:
            return Version(kind="dataVersionId", value=str(max(versions)), updated=updated)
        return Version(kind="lastUpdated", value=updated.isoformat() if updated else "", updated=updated)

    def policies(self, id: str) -> str:
        """
        A digest of the row policies that hold for the dataset, `off` without any, `unknown` where they cannot be read.

        Who may read them is not documented.
        """
        try:
            control = self.send("GET", f"/api/query/v1/data-control/{_segment(id)}")
            # Presumably the four flags that the PUT of the same path answers (inferred).
            if control.status == 200 and isinstance(control.body, Mapping) and control.body.get("enabled") is False:
                return "off"
            query = [("options", "load_associations,load_filters,include_open_policy")]
            reply = self.send("GET", f"/api/query/v1/data-control/{_segment(id)}/filter-groups", query=query)
        except (PermissionRefused, Unreadable):
            return "unknown"
        body = reply.body
        if isinstance(body, Mapping):
            body = body.get("filterGroups", body.get("groups"))
        if reply.status != 200 or not isinstance(body, list) or not all(isinstance(each, Mapping) for each in body):
            return "unknown"
        return digest(_deciding(body)) if any(each.get("type") != "open" for each in body) else "off"

    # Exports

    def exports(self, dataset: str) -> tuple[Export, ...] | None:
        """
        Every export of the dataset that there is, newest first; `None` when there is no such dataset.

        The order of Domo's list is not documented, nor whether one export comes alone instead of in a list.
        """
        path = EXPORT.format(_segment(dataset))
        reply = self.send("GET", path)
        if reply.status == 404:
            return None
        body = self._good(reply, f"GET {path}").body
        rows = [body] if isinstance(body, Mapping) and "exportId" in body else body
        if not isinstance(rows, list):
            raise Unreadable(f"the answer to `GET {path}` is no list", request=f"GET {path}")
        found = [export_of(each, dataset) for each in rows]
        if None in found:
            raise Unreadable(f"`GET {path}` lists something that is no export", request=f"GET {path}")
        known = [each for each in found if each is not None]
        if len({each.id for each in known}) < len(known):
            raise Unreadable(f"`GET {path}` lists an export twice", request=f"GET {path}")
        return tuple(sorted(known, key=lambda each: (each.started is None, each.started or 0, each.id), reverse=True))

    def start(self, dataset: str, body: Mapping[str, object]) -> Reply:
        """Ask for an export. Returns whatever Domo answers; raises `Uncertain` when nobody knows."""
        return self.send("POST", EXPORT.format(_segment(dataset)), body=body)

    # Sending

    def send(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = (), body: object = None) -> Reply:
        """
        Send with the token.

        Raises `CredentialsRefused` on 401 and `PermissionRefused` on 403, which may also mean that the instance does
        not exist (observed).
        """
        token = self._reveal(secret_of(self._settings.token))
        self.hide(token)
        self._wait_for_turn()
        # Both headers as documented (article; Domo's page "Export To S3"); `Charset` does no harm and is left out.
        reply = self._http.request(method, path, query=query, json=body, headers={"X-DOMO-Developer-Token": token})
        request = f"{method} {path}"
        if reply.status == 401:
            raise CredentialsRefused(
                f"Domo does not accept the token: {words(reply)}; make a new one in the admin area",
                status=401,
                request=request,
            )
        if reply.status == 403:
            raise PermissionRefused(
                f"Domo refuses `{request}`: {words(reply)}; it needs the right to read the dataset or the authority"
                f" `dataset.admin` (perhaps `dataset.export`), and an instance `{self._settings.instance}` that exists",
                status=403,
                request=request,
            )
        return reply

    def _wait_for_turn(self) -> None:
        """Keep to the rate that the project allows."""
        rate = self._settings.requests_per_second
        if not rate:
            return
        with self._lock:
            now = self.now().timestamp()
            begin = max(now, self._free_at or now)
            self._free_at = begin + 1 / rate
        if begin > now:
            self.sleep(begin - now)

    def _good(self, reply: Reply, request: str) -> Reply:
        if is_block_page(reply):
            raise Unreadable(blocked(request), status=reply.status, request=request)
        if not 200 <= reply.status < 300:
            raise Unreadable(f"Domo refuses `{request}` ({reply.status}): {words(reply)}", status=reply.status)
        if not reply.is_json:
            raise Unreadable(
                f"the answer to `{request}` is not JSON; is `instance` right?", status=reply.status, request=request
            )
        return reply

    def _object(self, reply: Reply, request: str) -> Row:
        body = self._good(reply, request).body
        if not isinstance(body, Mapping):
            raise Unreadable(f"the answer to `{request}` is no object", status=reply.status, request=request)
        return body

    def _rows(self, reply: Reply, request: str) -> Sequence[Row]:
        body = self._good(reply, request).body
        if not isinstance(body, list) or not all(isinstance(each, Mapping) for each in body):
            raise Unreadable(f"the answer to `{request}` is no list", status=reply.status, request=request)
        return body


def is_block_page(reply: Reply) -> bool:
    """An address outside the instance's allow-list gets 200 and a page titled "Domo - Blocked" (observed by others)."""
    return not reply.is_json and "Domo - Blocked" in reply.text


def blocked(request: str) -> str:
    """What is said about that page."""
    return f"Domo blocks this machine's address (`{request}`): add it to the allow-list of the instance"


def words(reply: Reply) -> str:
    """
    Domo's own explanation, with `toe`, which its support asks for.

    Several envelopes exist (documented for other routes): whatever is there is shown.
    """
    if not isinstance(reply.body, Mapping):
        return " ".join(reply.text.split())[:200] or "no reason given"
    said = [
        str(reply.body[key]).strip().rstrip(".") for key in ("message", "errorCode", "reason") if reply.body.get(key)
    ]
    text = ": ".join(dict.fromkeys(said)) or str(reply.body.get("statusReason") or "no reason given")
    toe = reply.body.get("toe")
    return f"{text[:500]}{f' (toe {toe})' if toe else ''}"


def secret_of(reference: object) -> Secret:
    """The secret that a validated reference names."""
    if isinstance(reference, Secret):
        return reference
    assert isinstance(reference, Mapping), "settings are validated before a session is made"
    (source,) = (each for each in reference if each not in ("key", "version"))
    return Secret(source=source, name=reference[source], key=reference.get("key"), version=reference.get("version"))


def digest(json_value: object) -> str:
    """A short name for a document: equal documents, equal names."""
    # JSON may escape half of a pair of surrogates, which no encoding has.
    text = json.dumps(json_value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_MEMBERS = ("userIds", "groupIds", "virtualUserIds", "dataSourcePermissions", "resources")
_COMPARISON = ("name", "value", "values", "type", "operator", "not", "ignoreCase")


def _deciding(policies: Sequence[Row]) -> list[object]:
    """
    What of row policies decides who sees which rows, in one order: names, ids and the order of a page do not.

    Parameters combine and policies of one user add up (inferred), so that their order says nothing.
    """
    found: list[object] = []
    for policy in policies:
        parameters = policy.get("parameters")
        rules = [
            # Only between two values does it matter which comes first.
            {key: rule.get(key) if rule.get("operator") == "BETWEEN" else _sorted(rule.get(key)) for key in _COMPARISON}
            for rule in (parameters if isinstance(parameters, list) else ())
            if isinstance(rule, Mapping)
        ]
        members = {key: _sorted(policy.get(key)) for key in _MEMBERS}
        found.append({"type": policy.get("type"), **members, "parameters": sorted(rules, key=digest)})
    return sorted(found, key=digest)


def _sorted(value: object) -> object:
    """The value with every list within in one order."""
    if isinstance(value, Mapping):
        return {key: _sorted(each) for key, each in value.items()}
    return sorted(map(_sorted, value), key=digest) if isinstance(value, list) else value


def _columns(rows: object, request: str) -> tuple[Column, ...]:
    if not isinstance(rows, list) or not all(isinstance(each, Mapping) for each in rows):
        raise Unreadable(f"the answer to `{request}` holds no columns", request=request)
    return tuple(
        Column(id=str(each.get("id") or each.get("name")), type=str(each.get("type", "")).upper())
        for each in rows
        if each.get("visible") is not False
    )


def _segment(id: str) -> str:
    """An id as one segment of a path."""
    if id in ("", ".", ".."):
        raise VendorError(f"`{id}` is no id at Domo")
    return quote(id, safe="")
