"""The journal as the holder of the lock writes it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.backend.errors import BackendError, Fenced
from reconciler.backend.grip import Grip
from reconciler.backend.holder import Holder
from reconciler.backend.ledger import Head, Ledger
from reconciler.backend.objects import Objects
from reconciler.engine.codec import Entry, Page, encode_page, encode_state
from reconciler.engine.journal import Folding
from reconciler.engine.ledger import record_of
from reconciler.stores import StoreError
from reconciler.values import Intent, Settlement, SettlementStatus, State
from reconciler.values.ledger import Begin, Command, Ending

_log = logging.getLogger(__name__)

KEPT = 9
"""How many earlier states are kept beside the present one."""

_FENCES = 10
"""Tries to write before a holder that still writes; it has at most a few calls under way."""

_FREE = Grip()


def command_of(holder: Holder) -> Command:
    """The command that holds the lock, as the journal and the ledger remember it."""
    return Command(
        id=holder.id,
        operation=holder.operation,
        who=holder.who,
        host=holder.host,
        pid=holder.pid,
        since=holder.since,
        ci_run=holder.ci_run,
    )


class Journal:
    """
    The one place where state is written, for as long as the lock is held. Main thread only.

    Every page takes the next number, which nobody else may have taken: `Fenced` means that another command has, and
    from then on every call raises it again. Of an empty place, the first write draws the lineage and makes state 0, so
    that a command that writes nothing leaves nothing behind.

    The first page of a command begins with a `Begin`, and once it has written anything `close` writes its record into
    the ledger. What killed commands could not write there is written first of all.
    """

    def __init__(
        self,
        objects: Objects,
        holder: Holder,
        grip: Grip = _FREE,
        *,
        keep: int = KEPT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        commit: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._objects = objects
        self._by = holder.id
        self._grip = grip
        self._keep = keep
        self._clock = now
        self._commit: Callable[[], str | None] | None = commit
        self._command = command_of(holder)
        self._said: Command | None = None
        self._how: Ending | None = None
        self._ended: BackendError | None = None
        self._states: list[int] = []
        self._pages: list[int] = []
        self._last = 0
        self._first = 0
        self._written: list[Entry] = []
        self._compacted = False
        self._ledger = Ledger(objects)
        self.head: Head | None = None
        """The ledger's record of what this command wrote, once that is written."""
        self.interrupted = grip.interrupted
        """The command that held the lock last and did not give it back."""
        self._read()
        if grip.may_live or (grip.interrupted and self._states):
            self._fence()
        self._ledger.pay()

    @property
    def state(self) -> State:
        """The state after all that was written; of an empty place, one without records that is not stored yet."""
        return self._folding.state

    @property
    def open_intents(self) -> tuple[Intent, ...]:
        """The intents without an end, oldest first."""
        return self._folding.open_intents

    @property
    def is_new(self) -> bool:
        """Whether nothing is stored yet."""
        return not self._states

    def begin(self, state: State) -> None:
        """
        Make `state` the first of an empty place, keeping its lineage and serial: what `state push` does.

        Raises `BackendError` when something is stored already, or the state is another project's.
        """
        if self._states:
            raise BackendError("a state exists already; what it holds can be changed, but not its lineage")
        if (state.project, state.environment) != (self._objects.project, self._objects.environment):
            raise BackendError(f"the state belongs to project `{state.project}`, environment `{state.environment}`")
        self._start(state)
        self._store_state()
        self._write()

    def describe(self, *, plan: str | None = None, commit: str | None = None) -> None:
        """Say more of the command, for the next page and the ledger: the digest of what it does, its manifests."""
        if commit is not None:
            self._commit = None
        self._command = replace(self._command, plan=plan or self._command.plan, commit=commit or self._command.commit)

    def conclude(self, how: Ending) -> None:
        """Say how the command ended; the first word counts. By default it is done, or failed when it raises."""
        self._how = self._how or how

    def intend(self, intent: Intent) -> None:
        """
        Write down a call that is about to be made; durable before this returns.

        Raises `LockLost`, `Fenced` or `StoreError`, and then the call must not be made. Costs one small object.
        """
        self.check()
        self._write(intent)

    def settle(self, *settlements: Settlement) -> None:
        """Write down the ends of intents, all in one object; durable before this returns."""
        if settlements:
            self._write(*settlements)

    def become(self, state: State, open_intents: Iterable[Intent], *, at: datetime) -> int:
        """
        Make the records and the open intents those of another state, as one more page of this one's history.

        Lineage stays and the serial grows, beyond the other's if that is of the same lineage. Intents of ours that are
        open stay open: nobody knows yet what became of them. Gives the number of records that changed.
        """
        before = self.state
        entries: list[Entry] = [
            Settlement(
                intent="",
                status=SettlementStatus.DONE,
                at=at,
                address=address,
                record=state.records.get(address),
            )
            for address in sorted({*before.records, *state.records})
            if before.records.get(address) != state.records.get(address)
        ]
        changed = len(entries)
        if entries and state.lineage == before.lineage:
            # Two states of one lineage and serial are equal, so no serial may be used that the other has used.
            entries += [entries[-1]] * max(0, state.serial - before.serial - changed)
        known = {each.id for each in self.open_intents}
        entries += [each for each in open_intents if each.id not in known]
        if entries:
            self._write(*entries)
        return changed

    def check(self) -> None:
        """Return if a call to a vendor may begin now, from any thread; raises `LockLost` when the lock is not ours."""
        self._grip.check()

    def compact(self) -> State:
        """
        Write the state into one object, so that the pages before need not be read any more; give the state.

        Does nothing when no page was written since the last time. `close` keeps as many earlier states as the backend
        was told to, and every page that one of them has not folded in.
        """
        if self._states and self._last > self._states[-1]:
            self._store_state()
            self._compacted = True
        return self.state

    def close(self) -> None:
        """
        Write the ledger's record, if anything was written, and nothing more: the lock is about to be given back.

        What the ledger does not tell yet is not forgotten, so when the store fails the next command writes the record.
        """
        try:
            if self._written and self._ended is None:
                self._grip.check()
                self._tell()
                if self._compacted:
                    self._forget()
        except (BackendError, StoreError) as error:
            _log.warning("the ledger's record of this command is left to the next one: %s", error)
        self._ended = BackendError("the lock was given back, and nothing may be written without it")

    def _tell(self) -> None:
        record = record_of(
            self._written,
            number=self._ledger.next,
            pages=(self._first, self._last),
            command=self._command,
            ended=self._clock(),
            how=self._how or Ending.DONE,
            before=self._before,
            open_before=self._open_before,
            after=self.state,
        )
        self.head = self._ledger.write(record)

    def _forget(self) -> None:
        kept = self._states[-(max(self._keep, 0) + 1) :]
        self._objects.forget(
            states=self._states[: -len(kept)], pages=[number for number in self._pages if number <= kept[0]]
        )

    def _read(self) -> None:
        present = self._objects.present()
        self._ledger.look(present)
        if present is None:
            self._states, self._pages, self._last = [], [], 0
            self._start(_blank(self._objects))
        else:
            self._states, self._pages, self._last = list(present.states), list(present.pages), present.last
            self._start(present.folding.state, present.folding.open_intents)

    def _fence(self) -> None:
        """
        Take the next number: should the holder before still be alive after all, it finds its own next number taken.

        It may have written once more since we looked; then what it wrote is read first.
        """
        for _ in range(_FENCES - 1):
            try:
                self._write()
            except Fenced:
                self._ended = None
                self._read()
            else:
                return
        self._write()

    def _start(self, state: State, open_intents: tuple[Intent, ...] = ()) -> None:
        self._lineage = state.lineage
        self._before, self._open_before = state, open_intents
        self._folding = Folding(state, open_intents)

    def _write(self, *entries: Entry) -> None:
        self._folding.check(*entries)
        if not self._states:
            self._store_state()
        number = self._last + 1
        entries = (*self._introduction(), *entries)
        page = Page(lineage=self._lineage, number=number, by=self._by, entries=entries)
        self._claim(self._objects.page_name(number), encode_page(page))
        self._folding.add(*entries)
        self._pages.append(number)
        self._written += entries
        self._last = number
        self._first = self._first or number
        self._said = self._command

    def _introduction(self) -> tuple[Begin, ...]:
        """Who writes, for the first page, and again when more is known of it."""
        if self._commit is not None:
            self._command, self._commit = replace(self._command, commit=self._commit()), None
        return () if self._said == self._command else (Begin(command=self._command, record=self._ledger.next),)

    def _store_state(self) -> None:
        body = encode_state(self._folding.state, self._folding.open_intents, folded=self._last)
        self._claim(self._objects.state_name(self._last), body)
        self._states.append(self._last)

    def _claim(self, name: str, body: bytes) -> None:
        if self._ended:
            raise self._ended
        try:
            self._objects.claim(name, body)
        except Fenced as fenced:
            self._ended = fenced
            raise


def _blank(objects: Objects) -> State:
    return State(project=objects.project, environment=objects.environment, lineage=uuid.uuid4().hex, serial=0)
