"""
The numbered objects of one project and environment.

    <project>/<environment>/state/000000000042.json      the state after journal page 42
    <project>/<environment>/journal/000000000043.json    page 43: intents and settlements
    <project>/<environment>/ledger/000000000007.json     record 7: all that the seventh command that wrote has done
    <project>/<environment>/signatures/000000000007.sig  a signature under record 7, where the project has a key
    <project>/<environment>/lock                         held by the command that writes; in a bucket `lock/…`

Numbers of the journal have no gap. The present is the newest state and every page after it; older states are kept as
a way back, and with them the pages that lead from the oldest of them to the newest. The ledger is kept for ever, and
pages are kept at least until a record of it covers them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from reconciler.backend.errors import BackendError, Damaged, Fenced
from reconciler.engine.codec import (
    CodecError,
    Page,
    StoredState,
    decode_ledger,
    decode_page,
    decode_state,
    digest_of,
    encode_page,
    encode_state,
    lineage_of,
)
from reconciler.engine.journal import Folding, JournalError
from reconciler.engine.ledger import Leaf
from reconciler.stores import AlreadyThere, NotThere, Store
from reconciler.values import State
from reconciler.values.ledger import Begin

_FILE = re.compile(r"([0-9]{12})\.json\Z")
_SIGNATURE = re.compile(r"([0-9]{12})\.sig\Z")
_LOOKS = 3


_FEW = 16
_AT_ONCE = 8
"""A bucket answers in tens of milliseconds, so many small objects are fetched side by side."""

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """
    Where a copy of the state and the journal after it lead.

    `followed` pages came after the copy; `lost` are the numbers after those, which nobody can follow; `foreign` are
    the stored states of another lineage; `highest` is the highest number of all.
    """

    folding: Folding
    followed: int
    lost: tuple[int, ...]
    foreign: tuple[int, ...]
    highest: int


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

    def ledger_name(self, number: int) -> str:
        """The name of record `number`."""
        return f"{self._base}/ledger/{number:012d}.json"

    def signature_name(self, number: int) -> str:
        """The name of the signature under record `number`."""
        return f"{self._base}/signatures/{number:012d}.sig"

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
        following = [each for each in pages if each > states[-1]]
        for expected, number in enumerate(following, states[-1] + 1):
            if number != expected:
                raise self._damaged(self.page_name(expected), "is missing, but later pages are there")
        lineage = newest.state.lineage
        for page in _side_by_side(lambda number: self.read_page(number, lineage), following):
            try:
                folding.add(*page.entries)
            except JournalError as error:
                name = self.page_name(page.number)
                raise self._damaged(name, f"does not follow from the pages before: {error}") from None
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

    def read_pages(self, numbers: Sequence[int], lineage: str) -> Iterator[Page]:
        """Several pages of this lineage, in the order of their numbers."""
        return _side_by_side(lambda number: self.read_page(number, lineage), numbers)

    def pages(self) -> tuple[int, ...]:
        """The numbers of all pages that are there, readable or not."""
        return self._numbers("journal")

    def ledger(self) -> tuple[int, ...]:
        """The numbers of all records that are there, readable or not."""
        return self._numbers("ledger")

    def signatures(self) -> tuple[int, ...]:
        """The numbers of all signatures that are there, good or bad."""
        return self._numbers("signatures", _SIGNATURE)

    def leaf(self, number: int) -> Leaf:
        """Record `number` as it is stored, good or bad."""
        name = self.ledger_name(number)
        where = self.store.where(name)
        try:
            body = self.store.read(name)
        except NotThere:
            return Leaf(number=number, name=where, digest=None, record=None, trouble="is not there any more")
        try:
            return Leaf(number=number, name=where, digest=digest_of(body), record=decode_ledger(body))
        except CodecError as error:
            trouble = f"cannot be used: {error}"
            return Leaf(number=number, name=where, digest=digest_of(body), record=None, trouble=trouble)

    def leaves(self, numbers: Sequence[int]) -> Iterator[Leaf]:
        """Several records, in the order of their numbers."""
        return _side_by_side(self.leaf, numbers)

    def forget(self, states: Iterable[int], pages: Iterable[int]) -> None:
        """Delete states, oldest first, and then pages that no state that is left begins before."""
        for number in states:
            self.store.delete(self.state_name(number))
        for _ in _side_by_side(lambda number: self.store.delete(self.page_name(number)), tuple(pages)):
            pass

    def states(self) -> tuple[int, ...]:
        """The numbers of all states that are there, readable or not."""
        return self._numbers("state")

    def follow(self, stored: StoredState) -> Followed:
        """How far the journal leads on from a copy of the state, when what is stored now cannot be used."""
        folding = Folding(stored.state, stored.open_intents)
        states, pages = self.states(), self._numbers("journal")
        last = stored.folded
        with suppress(BackendError, JournalError, NotThere):
            while last + 1 in pages:
                folding.add(*self.read_page(last + 1, stored.state.lineage).entries)
                last += 1
        foreign = tuple(number for number in states if self._lineage_at(number) not in (None, stored.state.lineage))
        return Followed(
            folding=folding,
            followed=last - stored.folded,
            lost=tuple(sorted({number for number in (*states, *pages) if number > last})),
            foreign=foreign,
            highest=max((*states, *pages, stored.folded)),
        )

    def mend(self, found: Followed, begin: Begin) -> int:
        """Make the state that was found the newest one; gives its number."""
        state, number = found.folding.state, found.highest + 1
        self.write_page(state.lineage, number, begin)  # whoever thinks to hold the lock finds it taken
        self.claim(self.state_name(number), encode_state(state, found.folding.open_intents, folded=number))
        return number

    def write_page(self, lineage: str, number: int, begin: Begin) -> None:
        """Write a page that only says who took its number."""
        page = Page(lineage=lineage, number=number, by=begin.command.id, entries=(begin,))
        self.claim(self.page_name(number), encode_page(page))

    def clear(self, state: State, number: int) -> None:
        """Delete what a mended state replaces and what cannot be read."""
        kept = [each for each in self.states() if each == number or self._is_good(each, state.lineage)]
        self.forget(
            states=[each for each in self.states() if each not in kept],
            pages=[page for page in self._numbers("journal") if page <= number and not self._leads(page, kept, state)],
        )

    def _lineage_at(self, number: int) -> str | None:
        with suppress(CodecError, NotThere):
            return lineage_of(self.store.read(self.state_name(number)))
        return None

    def _is_good(self, number: int, lineage: str) -> bool:
        with suppress(BackendError, NotThere):
            stored = self.read_state(number)
            return stored.state.lineage == lineage and stored.folded == number
        return False

    def _leads(self, number: int, kept: Sequence[int], state: State) -> bool:
        with suppress(BackendError, NotThere):
            return number > min(kept) and self.read_page(number, state.lineage).number == number
        return False

    def _numbers(self, folder: str, called: re.Pattern[str] = _FILE) -> tuple[int, ...]:
        prefix = f"{self._base}/{folder}/"
        numbers = []
        for name in self.store.list(prefix):
            number = called.match(name.removeprefix(prefix))
            if number is None:
                raise BackendError(f"{self.store.where(name)} was not written by this tool; move it away")
            numbers.append(int(number[1]))
        return tuple(numbers)

    def _check_nothing_else(self) -> None:
        # A lock outlives a state that was moved away, and comes before one that is not yet written.
        found = [each for each in self.store.list(f"{self._base}/") if not each.startswith(f"{self.lock}/")]
        if found:
            raise Damaged(
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

    def _damaged(self, name: str, what: str) -> Damaged:
        return Damaged(
            f"{self.store.where(name)} {what}; nothing was changed. Restore it from a backup, or see "
            "`reconciler state restore`"
        )


def _side_by_side(call: Callable[[int], T], numbers: Sequence[int]) -> Iterator[T]:
    """The results in the order of the numbers; one call after the other when there are few."""
    if len(numbers) <= _FEW:
        yield from map(call, numbers)
        return
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="state") as pool:
        futures = [pool.submit(call, number) for number in numbers]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
