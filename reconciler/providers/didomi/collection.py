"""One collection of objects at Didomi with the verbs that its resources share; each kind says what its fields are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from reconciler.providers.didomi.client import Client, Query, is_id, object_of, segment
from reconciler.providers.didomi.mapping import Row, completed, instant, read
from reconciler.sdk import (
    Gone,
    Handler,
    Order,
    Refused,
    Reply,
    Uncertain,
    Unreadable,
    VendorError,
    split_mark,
    write_mark,
)
from reconciler.values import LastChange, Observed, Ownership, Secret, Value


class Collection(Handler):
    """
    `POST` creates, `GET`, `PATCH` and `DELETE` address one object by id.

    Only `POST` is documented for exports; the others are inferred from sibling resources in Didomi's OpenAPI document.
    So a route that does not exist is told apart from an object that does not.
    """

    route: ClassVar[str]
    complete: ClassVar[frozenset[str]]
    """What a reply holds, at least, when it describes the whole object."""
    fixed: ClassVar[frozenset[str]] = frozenset({"type_id"})
    """What a creation sends and an update never."""
    query_of_organization: ClassVar[bool] = False
    """Whether every call names the organization in its query."""
    absent: ClassVar[Mapping[str, object]] = {}
    """What removing a field from a manifest means to the API."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made: set[str] = set()

    @abstractmethod
    def observed(self, row: Row, id: str) -> Observed:
        """The object that the row describes."""

    @abstractmethod
    def body(self, order: Order, reveal: Callable[[Secret], str]) -> dict[str, object]:
        """The whole wanted object as the API takes it, less the organization."""

    def list(self) -> Sequence[Observed]:
        """Every object of the organization."""
        return [self.observed(row, str(row["id"])) for row in self._client.rows(self.route)]

    def read(self, id: str) -> Observed | None:
        """
        The object, or `None` on a 404 alone.

        The list stands in where the route itself is missing, and for what was made a moment ago: that is not gone.
        """
        try:
            row = self._row(id)
        except Gone:  # what is no id at all
            return None
        except Unreadable as error:
            row = self._listed(id) if error.status == 405 else None
            if row is None:
                raise
        if row is None and id in self._made:
            row = self._listed(id)
        return None if row is None else self.observed(row, id)

    def row(self, id: str) -> Row | None:
        """The object as the API gives it, or `None` when there is none."""
        return self._somehow(id)

    def create(self, order: Order) -> Observed:
        """One POST, never repeated: there is no idempotency key, and an S3 destination is a bucket and a role."""
        body = {"organization_id": self._client.organization, **self.body(order, self._revealing(order))}
        try:
            reply = self._client.change("POST", self.route, query=self._query, body=body)
        except Gone as error:
            raise Refused(
                f"{error.message}; the product or this generation of the export API may not be enabled",
                status=error.status,
                request=error.request,
            ) from None
        row = object_of(reply) or {}
        id = row.get("id")
        if not isinstance(id, str) or not is_id(id):
            raise Uncertain(
                f"`POST {self.route}` was answered without an id that could be one: the object may or may not exist",
                status=reply.status,
                request=f"POST {self.route}",
            )
        self._made.add(id)
        return self._after(row, body, id)

    def update(self, order: Order) -> Observed:
        """One PATCH with the top-level keys that differ; a nested object is sent whole."""
        assert order.id is not None, "an update names its object"
        body = self.body(order, self._revealing(order))
        keys = self.keys(order) or set(body) - self.fixed
        patch = {
            key: body[key] if key in body else self.absent[key] for key in keys if key in body or key in self.absent
        }
        if "description" in body:
            patch["description"] = body["description"]  # refreshes the mark
        if any(isinstance(each, Mapping) for each in patch.values()):
            # Whether nested objects are merged or replaced is undocumented. What the server itself is known to put
            # there is sent back with them, which is right either way.
            current = self._somehow(order.id) or {}
            patch = {key: completed(each, current.get(key)) for key, each in patch.items()}
        return self._after(object_of(self._patch(order.id, patch)) or {}, body, order.id)

    def delete(self, id: str) -> None:
        """
        DELETE. A 404 is believed when the object is not listed either: the route itself may not exist.

        Raises `Refused` when Didomi's API cannot delete it, and `Uncertain` when its answer does not say that it has.
        """
        path = f"{self.route}/{segment(id)}"
        try:
            reply = self._client.change("DELETE", path, query=self._query)
        except Refused as error:
            if error.status not in (404, 405):
                raise
            if error.status == 404 and self._listed(id) is None:
                return
            raise Refused(
                f"`{id}` cannot be deleted through Didomi's API ({error.status}); ask Didomi's support",
                status=error.status,
                request=error.request,
            ) from None
        # Answered with the deleted object (CRUD pattern of sibling resources; documented), or with 204 for events.
        said = reply.status == 204 or (object_of(reply) or {}).get("id") == id
        if not said and self._somehow(id) is not None:
            raise Uncertain(
                f"`DELETE {path}` was answered without the deleted object ({reply.status}), and `{id}` is still there",
                status=reply.status,
                request=f"DELETE {path}",
            )

    def keys(self, order: Order) -> set[str]:
        """The API's top-level keys that hold the differences."""
        return {self.key(str(change.path[0])) for change in order.fields}

    def key(self, manifest: str) -> str:
        """The API's name for a top-level key of the manifest."""
        return to_snake(manifest)

    @property
    def _query(self) -> Query:
        return [("organization_id", self._client.organization)] if self.query_of_organization else []

    def _revealing(self, order: Order) -> Callable[[Secret], str]:
        def reveal(secret: Secret) -> str:
            value = order.reveal(secret)
            self._client.hide(value)
            return value

        return reveal

    def _patch(self, id: str, patch: Mapping[str, object]) -> Reply:
        path = f"{self.route}/{segment(id)}"
        try:
            return self._client.change("PATCH", path, query=self._query, body=patch)
        except Refused as error:
            if error.status not in (404, 405):
                raise
            if error.status == 404 and self._listed(id) is None:
                raise
            raise Refused(
                f"`{id}` cannot be changed through Didomi's API ({error.status})",
                status=error.status,
                request=error.request,
            ) from None

    def _row(self, id: str) -> Row | None:
        row = self._client.row(f"{self.route}/{segment(id)}", self._query)
        if row is not None and row.get("id") != id:
            request = f"GET {self.route}/{id}"
            raise Unreadable(f"the answer to `{request}` is not the object `{id}`", request=request)
        return row

    def _listed(self, id: str) -> Row | None:
        return next((row for row in self._client.rows(self.route) if row.get("id") == id), None)

    def _somehow(self, id: str) -> Row | None:
        """The object by its id, or from the list where no such route is served."""
        try:
            row = self._row(id)
        except Unreadable:
            row = None
        return row or self._listed(id)

    def _after(self, row: Row, sent: Row, id: str) -> Observed:
        """
        The object after a good answer, from the answer if that is complete.

        It exists whatever a further reading says, so a reading that fails is made up for by what was sent.
        """
        if self.complete - set(row):
            try:
                row = self._somehow(id) or {**sent, **row}
            except VendorError:
                row = {**sent, **row}
        return self.observed(row, id)


def marked(order: Order) -> str:
    """The wanted description with the ownership mark behind it."""
    return write_mark(str(order.attributes.get("description") or ""), order.owner)


def described(model: type[BaseModel], row: Row) -> tuple[dict[str, Value], Ownership | None]:
    """The fields of `model` that the row has, the description without the mark, and the owner that the mark names."""
    attributes = read(model, row)
    description = attributes.get("description")
    if not isinstance(description, str):
        return attributes, None
    attributes["description"], owner = split_mark(description)
    # Nothing but a mark, or nothing at all, is no description.
    return {key: each for key, each in attributes.items() if key != "description" or each}, owner


def last_change(row: Row) -> LastChange | None:
    """When the object was changed last; by whom is not told (common columns; inferred from sibling resources)."""
    at = instant(row.get("updated_at"))
    return LastChange(at=at) if at is not None else None


def revision(row: Row) -> str | None:
    """`version`, a revision number on sibling resources (Didomi's OpenAPI document; inferred), else when it changed."""
    found = row.get("version")
    return str(found if found is not None else row.get("updated_at") or "") or None
