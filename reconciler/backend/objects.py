"""
The numbered objects of one project and environment.

    <project>/<environment>/state/000000000042.json      the state after journal page 42
    <project>/<environment>/journal/000000000043.json    page 43: intents and settlements
    <project>/<environment>/lock                         held by the command that writes; in a bucket `lock/…`

Numbers of the journal have no gap. The present is the newest state and every page after it; older states are kept as
a way back, and with them the pages that lead from the oldest of them to the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.backend.errors import BackendError, Fenced
from reconciler.engine.codec import CodecError, Page, StoredState, decode_page, decode_state, lineage_of
from reconciler.engine.journal import Folding, JournalError
from reconciler.stores import AlreadyThere, NotThere, Store

_FILE = re.compile(r"([0-9]{12})\.json\Z")
_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is stored: the numbers of all states and pages, and the state that they lead to."""

    states: tuple[int, ...]
    pages: tuple[int, ...]
    folding: Folding

    @property
    def last(self) -> int:
        """The number of the newest page, or of the newest state when no page follows it."""
        return max(self.states[-1:] + self.pages[-1:])


class Objects:
    """The objects of one project and environment in a store."""

    def __init__(self, store: Store, project: str, environment: str) -> None:
        self.store = store
        self.project = project
        self.environment = environment
        self._base = f"{project}/{environment}"
        self.lock = f"{self._base}/lock"

    def state_name(self, number: int) -> str:
        """The name of the state after page `number`."""
        return f"{self._base}/state/{number:012d}.json"

    def page_name(self, number: int) -> str:
        """The name of page `number`."""
        return f"{self._base}/journal/{number:012d}.json"

    def claim(self, name: str, body: bytes) -> None:
        """Create the object; raises `Fenced` when somebody else has. One's own, of a lost reply, counts as done."""
        try:
            self.store.create(name, body)
        except AlreadyThere:
            if self.store.read(name) != body:
                raise Fenced(self.store.where(name)) from None

    def present(self) -> Present | None:
        """
        What is stored now; None only when there is nothing at all.

        A reader holds no lock: a listing may miss what is written during it, and an object may go between listing and
        reading. So a failure is believed when several looks agree.
        """
        for _ in range(_LOOKS - 1):
            try:
                return self._look()
            except (BackendError, NotThere):
                continue
        return self._look()

    def _look(self) -> Present | None:
        states = self._numbers("state")  # before the pages: a page that a new state folds is never deleted at once
        pages = self._numbers("journal")
        if not states:
            self._check_nothing_else()
            return None
        newest = self.read_state(states[-1])
        for older in states[-2:-1]:
            self._same_lineage(newest.state.lineage, older)
        if newest.folded != states[-1]:
            raise self._damaged(self.state_name(states[-1]), f"says that it is number {newest.folded}")
        folding = Folding(newest.state, newest.open_intents)
        for expected, number in enumerate((each for each in pages if each > states[-1]), states[-1] + 1):
            if number != expected:
                raise self._damaged(self.page_name(expected), "is missing, but later pages are there")
            page = self.read_page(number, newest.state.lineage)
            try:
                folding.add(*page.entries)
            except JournalError as error:
                raise self._damaged(self.page_name(number), f"does not follow from the pages before: {error}") from None
        return Present(states=states, pages=pages, folding=folding)

    def read_state(self, number: int) -> StoredState:
        """The state after page `number`, of this project and environment."""
        name = self.state_name(number)
        try:
            stored = decode_state(self.store.read(name))
        except CodecError as error:
            raise self._damaged(name, f"cannot be used: {error}") from None
        state = stored.state
        if (state.project, state.environment) != (self.project, self.environment):
            raise self._damaged(name, f"belongs to project `{state.project}`, environment `{state.environment}`")
        return stored

    def read_page(self, number: int, lineage: str) -> Page:
        """Page `number` of this lineage."""
        name = self.page_name(number)
        try:
            page = decode_page(self.store.read(name))
        except CodecError as error:
            raise self._damaged(name, f"cannot be used: {error}") from None
        if page.lineage != lineage:
            raise self._damaged(name, f"belongs to another state (lineage `{page.lineage}`, not `{lineage}`)")
        if page.number != number:
            raise self._damaged(name, f"says that it is number {page.number}")
        return page

    def forget(self, states: Iterable[int], pages: Iterable[int]) -> None:
        """Delete states and pages, oldest first, so that what is left has no gap at any moment."""
        for number in states:
            self.store.delete(self.state_name(number))
        for number in pages:
            self.store.delete(self.page_name(number))

    def _numbers(self, folder: str) -> tuple[int, ...]:
        prefix = f"{self._base}/{folder}/"
        numbers = []
        for name in self.store.list(prefix):
            number = _FILE.match(name.removeprefix(prefix))
            if number is None:
                raise BackendError(f"{self.store.where(name)} was not written by this tool; move it away")
            numbers.append(int(number[1]))
        return tuple(numbers)

    def _check_nothing_else(self) -> None:
        # A lock outlives a state that was moved away, and comes before one that is not yet written.
        found = [each for each in self.store.list(f"{self._base}/") if not each.startswith(f"{self.lock}/")]
        if found:
            raise BackendError(
                f"{self.store.where(found[0])} exists, but no state; the state was lost. Restore "
                f"`{self._base}/state/` from a backup, or move `{self._base}/` away and run `reconciler state rebuild`"
            )

    def _same_lineage(self, lineage: str, number: int) -> None:
        name = self.state_name(number)
        try:
            found = lineage_of(self.store.read(name))
        except CodecError as error:
            raise self._damaged(name, f"cannot be used: {error}") from None
        if found != lineage:
            raise self._damaged(name, f"belongs to another state (lineage `{found}`, not `{lineage}`)")

    def _damaged(self, name: str, what: str) -> BackendError:
        return BackendError(
            f"{self.store.where(name)} {what}; nothing was changed. Restore it from a backup, or see "
            "`reconciler state restore`"
        )
