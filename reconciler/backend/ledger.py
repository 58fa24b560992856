"""The ledger as the holder of the lock goes on with it: one object for each command that wrote."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.backend.errors import BackendError, Fenced, LedgerBroken
from reconciler.backend.objects import Objects, Present
from reconciler.engine.codec import Page, StoredState, digest_of, encode_ledger
from reconciler.engine.journal import Folding, JournalError
from reconciler.engine.ledger import Leaf, command_in, last_heard, record_of
from reconciler.stores import NotThere
from reconciler.values import Intent, State
from reconciler.values.ledger import Begin, Ending, LedgerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest record: whoever knows its digest can tell later whether anything up to it was altered."""

    number: int
    digest: str


class Ledger:
    """
    The ledger of one project and environment, as it is when the lock has been taken.

    Looking costs a list and one object. `owed` are the records that killed commands could not write, in order.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.newest: Leaf | None = None
        self.owed: list[LedgerRecord] = []

    @property
    def next(self) -> int:
        """The number of the record after the newest and all that are owed."""
        return (self.newest.number if self.newest else 0) + len(self.owed) + 1

    @property
    def covered(self) -> int | None:
        """The newest page that a record covers; None when there is no record."""
        return self.newest.record.last_page if self.newest and self.newest.record else None

    def look(self, present: Present | None) -> None:
        """Read the newest record and find out what is owed. Raises `LedgerBroken` when it cannot be gone on with."""
        self._find_newest()
        if present is None:
            return
        if self.newest is not None and self.newest.record is None:
            raise LedgerBroken(f"{self.newest.name} {self.newest.trouble}")
        lineage, record = present.folding.state.lineage, self.newest.record if self.newest else None
        if record is not None and record.lineage != lineage:
            raise self._broken(f"belongs to another state (lineage `{record.lineage}`, not `{lineage}`)")
        if record is not None and record.last_page > present.last:
            raise self._broken(f"covers page {record.last_page} of the journal, and the newest there is {present.last}")
        if record is None or record.last_page < present.last:
            try:
                self._owe(*self._since(present))
            except JournalError as error:
                raise LedgerBroken(f"the journal's old pages do not follow from each other: {error}") from None

    def look_past_damage(self, copy: StoredState) -> None:
        """
        As `look`, when the state cannot be used: what is owed is told from a copy, or from any state that is whole.

        Where pages are lost on the way nothing is owed: the record of the restoring says so.
        """
        self._find_newest()
        if self.newest is None or self.newest.record is None:
            return
        lineage, covered = copy.state.lineage, self.newest.record.last_page
        pages = self._objects.pages()
        bases = [copy] if copy.folded <= covered else []
        for number in reversed([each for each in self._objects.states() if each <= covered]):
            with suppress(BackendError, NotThere):
                bases.append(self._objects.read_state(number))
        for base in bases:
            with suppress(BackendError, NotThere, JournalError):
                wanted = range(base.folded + 1, max(pages, default=0) + 1)
                self._owe(base, [self._objects.read_page(number, lineage) for number in wanted])
                return

    def pay(self) -> None:
        """Write the records that are owed."""
        while self.owed:
            self.write(self.owed[0])
            del self.owed[0]

    def write(self, record: LedgerRecord) -> Head:
        """Make a record the newest; raises `Fenced` when another command has."""
        before = self.newest
        record = replace(record, previous=before.digest if before else None)
        body, name = encode_ledger(record), self._objects.ledger_name(record.number)
        try:
            self._objects.claim(name, body)
        except Fenced:
            # Whoever was thought dead has come to an end after all, and told it itself.
            theirs = self._objects.leaf(record.number)
            if theirs.record is None or not _same(theirs.record, record):
                raise
            self.newest = theirs
        else:
            where = self._objects.store.where(name)
            self.newest = Leaf(number=record.number, name=where, digest=digest_of(body), record=record)
        assert self.newest.digest is not None
        return Head(number=self.newest.number, digest=self.newest.digest)

    def seal(
        self,
        begin: Begin,
        open_intents: Sequence[Intent],
        state: State,
        *,
        page: int,
        ended: datetime,
        reasons: Sequence[str],
    ) -> Head:
        """Begin anew with a record of all that the state holds, which names what was wrong before it."""
        covered = self.covered
        record = record_of(
            (begin,),
            number=begin.record,
            pages=(page if covered is None else covered + 1, page),
            command=begin.command,
            ended=ended,
            how=Ending.DONE,
            before=state,
            open_before=open_intents,
            after=state,
            sealed=reasons,
        )
        return self.write(record)

    def after_all_known(self, present: Present) -> int:
        """A number after every record that there is, or that the journal knows of."""
        known = [self.newest.number if self.newest else 0]
        for number in present.pages:
            with suppress(BackendError, NotThere):
                begin = command_in(self._objects.read_page(number, present.folding.state.lineage).entries)
                known.append(begin.record if begin else 0)
        return max(known) + 1

    def _find_newest(self) -> None:
        numbers = self._objects.ledger()
        self.newest = self._objects.leaf(numbers[-1]) if numbers else None
        self.owed = []

    def _since(self, present: Present) -> tuple[StoredState, Sequence[Page]]:
        """A state that is not newer than the newest record, and every page after it."""
        covered, there = self.covered, set(present.pages)
        bases = [
            each
            for each in present.states
            if (covered is None or each <= covered) and there.issuperset(range(each + 1, present.last + 1))
        ]
        if not bases:
            raise self._broken(f"ends at page {covered} of the journal, and what came after it is not there any more")
        begin = bases[-1] if covered is not None else bases[0]
        base = self._objects.read_state(begin)
        return base, list(self._objects.read_pages(range(begin + 1, present.last + 1), base.state.lineage))

    def _owe(self, base: StoredState, pages: Sequence[Page]) -> None:
        folding = Folding(base.state, base.open_intents)
        rest = list(pages)
        while rest and self._is_covered(rest[0]):
            folding.add(*rest.pop(0).entries)
        while rest:
            group = [rest.pop(0)]
            while rest and rest[0].by == group[0].by:
                group.append(rest.pop(0))
            self._owe_group(folding, group)

    def _is_covered(self, page: Page) -> bool:
        """Whether a record tells of the page; before the first record, whether it was written without a ledger."""
        if self.covered is None:
            return command_in(page.entries) is None
        return page.number <= self.covered

    def _owe_group(self, folding: Folding, group: Sequence[Page]) -> None:
        entries = [entry for page in group for entry in page.entries]
        begin = command_in(entries)
        if begin is None or begin.record != self.next:
            named = f"record {begin.record}" if begin else "a record that nobody names"
            raise LedgerBroken(
                f"the journal's page {group[0].number} belongs to {named} of the ledger, and record {self.next} is the "
                "next: records are missing"
            )
        before, open_before = folding.state, folding.open_intents
        folding.add(*entries)
        self.owed.append(
            record_of(
                entries,
                number=self.next,
                pages=(group[0].number, group[-1].number),
                command=begin.command,
                ended=last_heard(begin.command, entries),
                how=Ending.INTERRUPTED,
                before=before,
                open_before=open_before,
                after=folding.state,
            )
        )

    def _broken(self, what: str) -> LedgerBroken:
        assert self.newest is not None
        return LedgerBroken(f"{self.newest.name} {what}")


def _same(theirs: LedgerRecord, ours: LedgerRecord) -> bool:
    """Whether both tell of the same command, and cover the same pages after the same record."""
    return (theirs.command.id, theirs.first_page, theirs.last_page, theirs.previous) == (
        ours.command.id,
        ours.first_page,
        ours.last_page,
        ours.previous,
    )
