"""An import taken back: for each of its users, the events that carry its batch are deleted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.deliveries import SourceError
from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.imports.events import BATCH, Body
from reconciler.providers.didomi.imports.files import Input
from reconciler.providers.didomi.imports.job import BEGIN, UNDOING, UNDONE, Come
from reconciler.providers.didomi.imports.parts import Damaged, Item, Position, Reading
from reconciler.providers.didomi.imports.sending import ROUTE
from reconciler.sdk import Batch, Batches, Refused, Sent, VendorError
from reconciler.values import Observed, Value

_PART_LINES = 1_000


@dataclass(frozen=True, slots=True)
class _Users:
    """The users of some lines in a row."""

    end: Position
    names: tuple[tuple[str, str], ...]
    lines: int


class UndoJob(Batches):
    """
    See `Batches`. Deleting twice does no harm, so a second run goes on after the last lines that are behind us.

    Only what carries the batch goes: an event that was stored before the import, or by another, stays.
    """

    def __init__(self, client: Client, come: Come, *, total: int, files: Sequence[Input], reading: Reading) -> None:
        self.id = come.batch
        begun = come.state == UNDOING
        self._come = come if begun else replace(come, state=UNDOING, at=BEGIN, acked=(), lines=0)
        self.memo = self._come.memo
        self.done = self._come.lines
        self.total = total
        self._client = client
        self._parts = _users(reading.items(files, self._come.at))
        self._is_proven = False

    def next(self) -> Batch | None:
        """The users of the next lines. Raises `Refused` when the files are not those that were imported."""
        try:
            users = next(self._parts, None)
        except (SourceError, Damaged) as error:
            raise Refused(f"the undoing stops: {error}") from None
        if users is None:
            return None
        memo: dict[str, Value] = {"undo": self.id, "from": tuple(self._come.at), "to": tuple(users.end)}
        return Batch(memo=memo, content=users)

    def send(self, batch: Batch, stopping: Callable[[], bool]) -> Sent:
        """Delete, one user after the other; the first deletion is looked at before there is a second."""
        users = batch.content
        assert isinstance(users, _Users)
        try:
            for name in users.names:
                if stopping():
                    return Sent(memo=self._come.memo, done=self._come.lines, interrupted=True)
                if self._is_proven:
                    self._delete(name)
                else:
                    self._prove(name)
        except VendorError as error:
            return Sent(memo=self._come.memo, done=self._come.lines, error=error)
        self._come = replace(self._come, at=users.end, lines=self._come.lines + users.lines)
        return Sent(memo=self._come.memo, done=self._come.lines)

    def finish(self) -> Observed:
        """The record of an import that was undone."""
        self._come = replace(self._come, state=UNDONE)
        return Observed(id=self.id, attributes={}, memo=self._come.memo)

    def close(self) -> None:
        """Let go of the files."""
        self._parts.close()

    def _delete(self, name: tuple[str, str]) -> None:
        key, value = name
        query = [
            ("organization_id", self._client.organization),
            # Pairs such as `a.b=value`, for one user (Events, delete; documented).
            (f"user.{key}", value),
            (f"metadata.{BATCH}", self.id),
        ]
        self._client.change("DELETE", ROUTE, query=query)

    def _prove(self, name: tuple[str, str]) -> None:
        """
        Delete the first user's events and see that the others stayed.

        A filter that is not understood might be ignored, and then every event of the user would go.
        """
        before = self._events(name)
        self._delete(name)
        kept = {each.get("id") for each in before if _batch_of(each) != self.id}
        lost = kept - {each.get("id") for each in self._events(name)}
        if lost:
            raise Refused(
                f"Didomi deleted {len(lost)} events of the first user that are not of the batch `{self.id}`; nothing"
                " more was deleted: ask Didomi's support to restore them"
            )
        self._is_proven = True

    def _events(self, name: tuple[str, str]) -> Sequence[Body]:
        key, value = name
        query = [
            ("organization_id", self._client.organization),
            ("user_id" if key == "id" else key, value),
        ]
        return self._client.page(ROUTE, query)


def _batch_of(event: Body) -> object:
    metadata = event.get("metadata")
    return metadata.get(BATCH) if isinstance(metadata, dict) else None


def _users(items: Iterator[Item]) -> Generator[_Users, None, None]:
    """Every user of every event that was imported, once for each run of lines."""
    names: dict[tuple[str, str], None] = {}
    lines = 0
    at: Position | None = None
    for item in items:
        lines, at = lines + 1, item.at
        if item.body is not None:
            user = item.body["user"]
            key = "organization_user_id" if user.get("organization_user_id") else "id"
            names[key, user[key]] = None
        if lines == _PART_LINES:
            yield _Users(at, tuple(names), lines)
            names, lines = {}, 0
    if lines and at is not None:
        yield _Users(at, tuple(names), lines)
