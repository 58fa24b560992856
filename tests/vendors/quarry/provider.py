"""Quarry as the product sees it: one kind, whose objects are jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias, TypeGuard
from urllib.parse import quote

from pydantic import Field

from reconciler.sdk import (
    Assessment,
    BlockedByVendor,
    Connection,
    CredentialsRefused,
    Handler,
    Kind,
    Order,
    PermissionRefused,
    Provider,
    Refused,
    Reply,
    SafeRequest,
    SecretReference,
    Session,
    Spec,
    StillRunning,
    Uncertain,
    Unreadable,
    VendorSettings,
)
from reconciler.values import (
    HIDDEN,
    Document,
    Hold,
    HoldKind,
    Identity,
    Observed,
    OnRemoval,
    Problem,
    Record,
    Resource,
    Secret,
    Taint,
    Value,
)

Row: TypeAlias = Mapping[str, object]
Text = Annotated[str, Field(min_length=1)]
_PAGE = 50


class Settings(VendorSettings):
    """`vendors.quarry` of the project file."""

    base_url: str = "https://quarry.example/api"
    site: Text
    access_key: SecretReference


class Extract(Spec):
    """A claim: the table, as it is now, lies in the bucket."""

    table: Text
    bucket: Text
    path: Text
    columns: Annotated[list[Text], Field(min_length=1)]
    format: Literal["csv", "parquet"] = "csv"
    key: SecretReference


class _Client:
    """One site of Quarry."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._access_key = settings.access_key
        self._connection = connection

    def reveal(self, secret: Secret) -> str:
        value = self._connection.reveal(secret)
        self._connection.http.hide(value)
        return value

    def send(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = (), body: object = None) -> Reply:
        key = self.reveal(_secret_of(self._access_key))
        reply = self._connection.http.request(method, path, query=query, json=body, headers={"X-Quarry-Key": key})
        if reply.status == 401:
            raise CredentialsRefused(f"Quarry refuses the access key: {_words(reply)}", status=401)
        if reply.status == 403:
            raise PermissionRefused(f"Quarry refuses `{method} {path}`: {_words(reply)}", status=403)
        return reply

    def row(self, path: str) -> Row | None:
        reply = self.send("GET", path)
        if reply.status == 404:
            return None
        if reply.status != 200 or not isinstance(reply.body, Mapping):
            raise Unreadable(f"Quarry answers `GET {path}` with {reply.status}", status=reply.status)
        return reply.body

    def extracts(self) -> dict[str, Row]:
        """Every job by its id. A job that begins meanwhile may move others to the next page, never out of it."""
        found: dict[str, Row] = {}
        offset = 0
        while True:
            query = (("offset", str(offset)), ("limit", str(_PAGE)))
            reply = self.send("GET", "/extracts", query=query)
            rows = reply.body.get("extracts") if isinstance(reply.body, Mapping) else reply.body
            if reply.status != 200 or not isinstance(rows, list) or not all(map(_is_job, rows)):
                raise Unreadable(f"Quarry answers `GET /extracts` with {reply.status}", status=reply.status)
            found.update((str(row["id"]), row) for row in rows)
            offset += len(rows)
            if not rows:
                return found


class _Extracts(Handler):
    def __init__(self, client: _Client) -> None:
        self._client = client

    def list(self) -> Sequence[Observed]:
        """Every job there ever was."""
        return [_observed(row) for row in self._client.extracts().values()]

    def read(self, id: str) -> Observed | None:
        """The job, by its id or as listed. Raises `Unreadable` when there is no such route and the list lacks it."""
        row: Row | None = None
        unreadable: Unreadable | None = None
        try:
            row = self._client.row(f"/extracts/{quote(id, safe='')}")
        except Unreadable as error:
            unreadable = error
        row = row or self._client.extracts().get(id)
        if row is None and unreadable is not None:
            raise unreadable
        return None if row is None else _observed(row)

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Whether the table can be extracted, whether its data is newer than the job, and whether it is busy."""
        table = self._client.row(_table_path(resource.attributes))
        if table is None:
            return Assessment(problems=(_problem(resource, "table", "there is no such table"),))
        reply = self._client.send(
            "POST",
            f"{_table_path(resource.attributes)}/query",
            body={"columns": _plain(resource.attributes["columns"])},
        )
        if reply.status == 400:
            return Assessment(problems=(_problem(resource, "columns", _words(reply)),))
        if observed is not None and observed.taint is None and _is_older(record, observed, table):
            observed = replace(observed, taint=Taint(reason="the table has newer data", freshness=True))
        own = record.id if record is not None else None
        busy = [
            id
            for id, row in self._client.extracts().items()
            if row["table"] == table["id"] and id != own and _status(row) == "running"
        ]
        if busy:
            return Assessment(observed=observed, hold=Hold(kind=HoldKind.WAIT, reason=f"`{busy[0]}` is running"))
        return Assessment(observed=observed)

    def prepare(self, order: Order) -> Document:
        """The version that the job will cover at least, and the jobs that are there already."""
        table = self._client.row(_table_path(order.attributes)) or {}
        return {"version": _version(table), "before": tuple(sorted(self._client.extracts()))}

    def create(self, order: Order) -> Observed:
        """One POST. Raises `BlockedByVendor` when Quarry gives back an old job, `StillRunning` when it is busy."""
        body = {key: self._sent(each) for key, each in order.attributes.items()}
        reply = self._client.send("POST", "/extracts", body={"format": "csv", **body})
        if reply.status == 409:
            raise StillRunning(f"Quarry is busy: {_words(reply)}", status=409)
        if reply.status >= 300:
            raise Refused(f"Quarry refuses the extract ({reply.status}): {_words(reply)}", status=reply.status)
        if not _is_job(reply.body):
            raise Uncertain("Quarry's answer is no job: the extract may or may not run", status=reply.status)
        before = order.memo.get("before")
        if isinstance(before, tuple) and reply.body["id"] in before:
            if _status(reply.body) == "running":
                raise StillRunning(f"`{reply.body['id']}` of the same table is running")
            raise BlockedByVendor(f"Quarry gives back `{reply.body['id']}` until the table's data changes")
        return replace(_observed(reply.body), memo={"version": order.memo.get("version")})

    def _sent(self, value: Value) -> object:
        return self._client.reveal(value) if isinstance(value, Secret) else _plain(value)


def _is_job(row: object) -> TypeGuard[Row]:
    return isinstance(row, Mapping) and all(isinstance(row.get(key), str) for key in ("id", "table", "status"))


def _status(row: Row) -> str:
    return str(row["status"]).lower()


def _observed(row: Row) -> Observed:
    status = _status(row)
    told: dict[str, Value] = {key: str(row.get(key)) for key in ("table", "bucket", "path")}
    return Observed(
        id=str(row["id"]),
        attributes={**told, "columns": HIDDEN, "format": HIDDEN},
        outputs={"started": _moment(row.get("started"))},
        settling="running" if status == "running" else None,
        taint=Taint(reason="the job failed") if status == "failed" else None,
    )


def _is_older(record: Record | None, observed: Observed, table: Row) -> bool:
    """Whether the table changed after the job: by its version, or by Quarry's own clock for a job without one."""
    known = record.memo.get("version") if record is not None else None
    if known is not None:
        return known != _version(table)
    started = observed.outputs.get("started")
    return isinstance(started, float) and started < _moment(table.get("updated"))


def _version(table: Row) -> str:
    return str(table.get("version", table.get("updated")))


def _moment(written: object) -> float:
    """Seconds since 1970."""
    if isinstance(written, int):
        return written / 1000
    moment = datetime.fromisoformat(str(written))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _table_path(attributes: Document) -> str:
    return f"/tables/{quote(str(attributes['table']), safe='')}"


def _plain(value: Value) -> object:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _problem(resource: Resource, field: str, message: str) -> Problem:
    return Problem(code="extract", message=message, mark=resource.mark, address=resource.address, path=(field,))


def _words(reply: Reply) -> str:
    body = reply.body
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        body = body["error"]
    return str(body.get("message", "no reason given")) if isinstance(body, Mapping) else reply.text.strip()[:200]


def _secret_of(reference: object) -> Secret:
    if isinstance(reference, Secret):
        return reference
    assert isinstance(reference, Mapping), "settings are validated before a session is made"
    (source,) = set(reference) - {"key", "version"}
    return Secret(source=source, name=reference[source], key=reference.get("key"), version=reference.get("version"))


class _Session(Session):
    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._site = settings.site
        self._extracts = _Extracts(_Client(settings, connection))

    @property
    def scope(self) -> str:
        """The site."""
        return f"site {self._site}"

    def handler(self, kind: str) -> Handler:
        """There is one kind."""
        assert kind == "Extract"
        return self._extracts


class Quarry(Provider):
    """A vendor that knows only jobs."""

    name: ClassVar[str] = "quarry"
    title: ClassVar[str] = "Quarry"
    settings: ClassVar[type[VendorSettings]] = Settings
    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind(
            name="Extract",
            summary="A table, as it is now, in a bucket",
            spec=Extract,
            identity=Identity.DIFFERENCE,
            natural_key=(("table",), ("bucket",), ("path",)),
            name_field=None,
            updates=False,
            deletes=False,
            job=True,
            on_removal=OnRemoval.FORGET,
            example="""\
apiVersion: quarry.reconciler/v1
kind: Extract
metadata:
  name: granite
spec:
  table: granite
  bucket: example-stones
  path: daily/granite
  columns: [id, tons]
  key: {env: RECONCILER_SECRET_QUARRY}
""",
        ),
    )
    safe: ClassVar[tuple[SafeRequest, ...]] = (
        SafeRequest("GET", "/tables/{}"),
        SafeRequest("POST", "/tables/{}/query"),
        SafeRequest("GET", "/extracts"),
        SafeRequest("GET", "/extracts/{}"),
    )

    def connect(self, connection: Connection) -> Session:
        """A session; sends nothing yet."""
        assert isinstance(connection.settings, Settings)
        return _Session(connection.settings, connection)


PROVIDER = Quarry()
