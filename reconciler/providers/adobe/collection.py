"""One collection of Flow Service with the verbs that its kinds share; each kind says what its fields are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar, TypeAlias

from reconciler.providers.adobe.client import Client, Row, is_id, segment
from reconciler.providers.adobe.errors import InTransit
from reconciler.providers.adobe.mapping import marked, shows, within
from reconciler.providers.adobe.runs import instant
from reconciler.sdk import Conflict, Gone, Handler, Order, Refused, StillRunning, Uncertain, Unreadable
from reconciler.values import MISSING, Document, Hold, HoldKind, LastChange, Observed, Problem, Resource

Patch: TypeAlias = list[dict[str, object]]
"""JSON Patch. Adobe knows `add`, `replace` and `remove` (Flow Service errors; documented)."""

# What appears in the error catalogue and in the schema of states (documented as words, not as a machine). Draft mode
# and errors are states at rest.
_TRANSIENT = frozenset(
    {"initializing", "pending", "inprogress", "updating", "enabling", "disabling", "enabledfinalizing"}
)
_LEAVING = frozenset({"deletefinalizing", "deleting"})
_UNDER_WAY = frozenset({"inprogress", "queued", "scheduled"})

_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_SHOWS_WITHIN = timedelta(seconds=30)
"""How long an object at rest may go on showing its earlier values; how soon a reading follows is not documented."""

SETTLE_SECONDS = 60.0
"""How long lists may lag behind; undocumented, no word on consistency."""

_ROUNDS = 4
"""How often a change is tried whose etag was moved by the service itself."""


class Collection(Handler):
    """
    `POST` creates, `GET`, `PATCH` and `DELETE` address one object by id; each takes effect a moment later.

    That operations are asynchronous follows from samples; the etag of a reply may be old at once (inferred).
    """

    path: ClassVar[str]
    properties: ClassVar[tuple[str, ...]]
    """What a list is filtered by, on the server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._being_made: set[str] = set()

    @abstractmethod
    def observed(self, row: Row) -> Observed:
        """The object that the row describes."""

    @abstractmethod
    def body(self, order: Order) -> dict[str, object]:
        """A new object as the API takes it, less name and description."""

    @abstractmethod
    def patch(self, order: Order, keys: frozenset[str], row: Row) -> Patch:
        """The operations for these keys of the manifest, less name and description; `row` is the object as it is."""

    @abstractmethod
    def belongs(self, row: Row) -> bool:
        """Whether the object is what lists are filtered by."""

    def refuse(self, row: Row) -> str | None:
        """Why an object that somebody names by its id is none of this kind."""
        return None

    # Reading

    def list(self) -> Sequence[Observed]:
        """Every object of the sandbox, those that are on their way out excepted."""
        rows = self._client.filtered(self.path, self.properties)
        return [self.observed(row) for row in rows if self.belongs(row) and not is_leaving(row)]

    def read(self, id: str) -> Observed | None:
        """
        The object, or `None` when neither its own route nor the list shows it, or it is on its way out.

        Raises `Refused` once for what was made in this run when Adobe failed to make it.
        """
        try:
            row = self._client.row(self.path, id)
        except Gone:  # what is no id at all
            return None
        if row is None or is_leaving(row):
            return None
        why = self.refuse(row)
        if why is not None:
            raise Refused(f"`{id}` {why}")
        if id in self._being_made and settling(row) is None:
            self._being_made.discard(id)
            check_made(row)
        return self.observed(row)

    # Writing

    def create(self, order: Order) -> Observed:
        """One POST, never repeated: there is no idempotency key. The object is ready later."""
        body = {
            "name": order.attributes.get("name") or order.address.name,
            "description": marked(order.attributes, order.owner),
            **self.body(order),
        }
        reply = self._client.change("POST", self.path, body=body, repeatable=False)
        id = reply.get("id")
        if not isinstance(id, str) or not is_id(id):
            raise Uncertain(
                f"`POST {self.path}` was answered without an id that could be one: the object may or may not exist",
                request=f"POST {self.path}",
            )
        self._being_made.add(id)
        return Observed(id=id, attributes={}, settling="being made")

    def update(self, order: Order) -> Observed:
        """
        One PATCH with the etag of an object that is at rest and as it was planned for.

        Returns once the change shows. Raises `Conflict` when the object has changed meanwhile, `StillRunning` when it
        does not come to rest.
        """
        assert order.id is not None, "an update names its object"
        row = self._at_rest(order.id)
        keys = frozenset(str(each.path[0]) for each in order.fields) or frozenset(order.attributes)
        self._check_unmoved(order, row)
        if keys - self.apart:
            row = self._change(order, keys - self.apart, row)
        return self.observed(row)

    apart: ClassVar[frozenset[str]] = frozenset()
    """Keys of the manifest that no PATCH changes."""

    defaults: ClassVar[Document] = {}
    """What is sent for keys that a manifest no longer has."""

    def _change(self, order: Order, keys: frozenset[str], row: Row) -> Row:
        id = str(row["id"])
        for _ in range(_ROUNDS):
            patch = [*_naming(order, keys), *self.patch(order, keys, row)]
            try:
                self._client.change("PATCH", f"{self.path}/{segment(id)}", body=patch, etag=etag_of(row))
            except (Conflict, InTransit):
                # The service itself moves the etag when a change settles, and a sending whose answer was lost may have
                # been carried out: what counts is whether anything that is compared has moved.
                row = self._at_rest(id)
                self._check_unmoved(order, row)
                continue
            return self._shown(order, keys, row)
        raise Conflict(f"the etag of `{id}` kept moving while it was changed, {_ROUNDS} times")

    def _shown(self, order: Order, keys: Iterable[str], before: Row) -> Row:
        """The object once it is at rest and shows what was sent, or has shown something else for long enough."""
        id = str(before["id"])
        until = self._client.now() + _SHOWS_WITHIN
        while True:
            row = self._at_rest(id)
            operation = within(row, "lastOperation")
            if operation != within(before, "lastOperation") and _failed(operation):
                raise Refused(f"Adobe accepted the change of `{id}` and failed to make it: {_why(operation)}")
            observed = self.observed(row)
            shown = all(self._as_wanted(order, key, observed.attributes) for key in keys)
            if shown or self._client.now() >= until:
                return row
            self._client.sleep(2 * _PAUSE)

    def _check_unmoved(self, order: Order, row: Row) -> None:
        """Whether every field that is compared is as planned for, or as wanted already."""
        if order.observed is None:
            return
        now = self.observed(row).attributes
        before = order.observed.attributes
        applied = order.record.applied if order.record is not None else {}
        for key in sorted({*order.attributes, *applied}):
            found = now.get(key, MISSING)
            if found != before.get(key, MISSING) and not self._as_wanted(order, key, now):
                raise Conflict(f"`{key}` of `{row['id']}` has changed since it was read; plan again")

    def _as_wanted(self, order: Order, key: str, observed: Document) -> bool:
        wanted = order.attributes.get(key, self.defaults.get(key, MISSING))
        found = observed.get(key, MISSING)
        if found is MISSING:
            return key not in order.attributes
        return wanted is not MISSING and shows(wanted, found)

    def delete(self, id: str) -> None:
        """DELETE, then wait until the object is gone. A 404 counts only when the list does not show it either."""
        for row in self._looks(id):
            if row is None:
                return
            if is_leaving(row) or settling(row) is not None:
                continue
            try:
                self._client.change("DELETE", f"{self.path}/{segment(id)}")
            except InTransit:
                continue
            except Gone:
                self._let_go(id)
                return
            break
        self._gone(id)

    def _let_go(self, id: str) -> None:
        """
        Wait until no list shows what could not be found to delete: it may be gone, by a call whose answer was lost.

        Raises `Refused` when a list goes on showing it: access labels hide it from us.
        """
        settle = self._client.settings.settle_seconds
        until = self._client.now() + timedelta(seconds=SETTLE_SECONDS if settle is None else settle)
        while (row := self._look(id)) is not None and not is_leaving(row):
            if self._client.now() >= until:
                raise Refused(f"`{id}` cannot be deleted through Adobe's API (404)", status=404)
            self._client.sleep(2 * _PAUSE)

    def _gone(self, id: str) -> None:
        for row in self._looks(id):
            if row is None:
                return
        raise AssertionError("looking ends only by an error")  # pragma: no cover

    def _at_rest(self, id: str) -> Row:
        """The object once nothing is under way with it."""
        for row in self._looks(id):
            if row is None or is_leaving(row):
                raise Gone(f"`{id}` does not exist any more")
            if settling(row) is None:
                return row
        raise AssertionError("looking ends only by an error")  # pragma: no cover

    def _looks(self, id: str) -> Iterable[Row | None]:
        """The object as it is, again and again. Raises `StillRunning` when the time for that is over."""
        until = self._client.now() + timedelta(minutes=self._client.settings.wait_minutes)
        pause = _PAUSE
        while True:
            row = self._look(id)
            yield row
            if self._client.now() >= until:
                state = "there" if row is None else (settling(row) or row.get("state") or "there")
                raise StillRunning(f"`{id}` is still {state}")
            self._client.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _look(self, id: str) -> Row | None:
        """The object as it is. Without a route for single objects the list is all there is to go by."""
        try:
            return self._client.row(self.path, id)
        except Unreadable as error:
            if error.status != 405 or error.request != f"GET {self.path}/{id}":
                raise
            return None


def settling(row: Row) -> str | None:
    """What is under way with the object, in a word; `None` when it is at rest."""
    state = row.get("state")
    if isinstance(state, str) and _plain(state) in _TRANSIENT:
        return state
    if _plain(within(row, "lastOperation", "status", "value")) in _UNDER_WAY:
        return f"under {within(row, 'lastOperation', 'operation') or 'change'}"
    return None


def is_leaving(row: Row) -> bool:
    """Whether the object is being deleted."""
    return _plain(row.get("state")) in _LEAVING


def rest(row: Row) -> Hold | None:
    """A reason to leave the object alone until it is at rest."""
    state = settling(row)
    return None if state is None else Hold(kind=HoldKind.WAIT, reason=f"it is {state} at Adobe")


def etag_of(row: Row) -> str:
    """
    The etag for `If-Match`, within double quotes, which the JSON value has already (Destinations API; documented).

    One old sample is without them, and Adobe refuses that.
    """
    return '"' + str(row.get("etag") or row.get("version") or "").strip('"') + '"'


def revision(row: Row) -> str | None:
    """The etag as it is given."""
    return str(row.get("etag") or row.get("version") or "") or None


def last_change(row: Row) -> LastChange | None:
    """Who changed the object last, and when (common fields of every entity; samples): perhaps a service of Adobe's."""
    by = row.get("updatedBy")
    found = LastChange(at=instant(row.get("updatedAt")), by=by if isinstance(by, str) and by else None)
    return None if found == LastChange() else found


def operation_failed(row: Row) -> str | None:
    """Why the last thing that was asked of the object failed; `None` when it did not."""
    operation = row.get("lastOperation")
    return _why(operation) if _failed(operation) else None


def check_made(row: Row) -> None:
    """Raises `Refused` when the last thing that was asked of the object failed."""
    failure = operation_failed(row)
    if failure is not None:
        raise Refused(f"Adobe accepted `{row['id']}` and failed to make it: {failure}")


def check_description(resource: Resource) -> Iterable[Problem]:
    """A description that looks like it held an ownership mark would be cut."""
    description = resource.attributes.get("description")
    if isinstance(description, str) and "[reconciler:" in description:
        yield Problem(
            code="mark-in-description",
            message="`description` holds an ownership mark, which only this tool writes",
            address=resource.address,
            path=("description",),
            help="remove `[reconciler:…]`",
        )


def _naming(order: Order, keys: frozenset[str]) -> Patch:
    """Name and description. `add` also overwrites, and `replace` fails on a field that is not there (inferred)."""
    patch: Patch = []
    if "name" in keys:
        patch.append({"op": "replace", "path": "/name", "value": order.attributes.get("name") or order.address.name})
    # Always, so that the mark is the present one.
    patch.append({"op": "add", "path": "/description", "value": marked(order.attributes, order.owner)})
    return patch


def _plain(word: object) -> str:
    """A word without case, hyphens and underscores: they differ between schema and samples."""
    return str(word or "").lower().replace("-", "").replace("_", "")


def _failed(operation: object) -> bool:
    return _plain(within(operation, "status", "value")) in {"failed", "partialfailure"}


def _why(operation: object) -> str:
    errors = within(operation, "status", "errors")
    texts = [
        str(within(each, "message") or within(each, "code") or each)
        for each in (errors if isinstance(errors, list) else ())
    ]
    return "; ".join(texts) or "no reason given"
