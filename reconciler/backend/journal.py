"""The journal as the holder of the lock writes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from reconciler.backend.errors import BackendError, Fenced
from reconciler.backend.grip import Grip
from reconciler.backend.holder import Holder
from reconciler.backend.objects import Objects
from reconciler.engine.codec import Entry, Page, encode_page, encode_state
from reconciler.engine.journal import Folding
from reconciler.values import Intent, Settlement, SettlementStatus, State

KEPT = 9
"""How many earlier states are kept beside the present one."""

_FENCES = 10
"""Tries to write before a holder that still writes; it has at most a few calls under way."""

_FREE = Grip()


class Journal:
    """
    The one place where state is written, for as long as the lock is held. Main thread only.

    Every page takes the next number, which nobody else may have taken: `Fenced` means that another command has, and
    from then on every call raises it again. Of an empty place, the first write draws the lineage and makes state 0, so
    that a command that writes nothing leaves nothing behind.
    """

    def __init__(self, objects: Objects, holder: Holder, grip: Grip = _FREE, *, keep: int = KEPT) -> None:
        self._objects = objects
        self._by = holder.id
        self._grip = grip
        self._keep = keep
        self._ended: BackendError | None = None
        self._states: list[int] = []
        self._pages: list[int] = []
        self._last = 0
        self.interrupted = grip.interrupted
        """The command that held the lock last and did not give it back."""
        self._read()
        if grip.may_live or (grip.interrupted and self._states):
            self._fence()

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

        Keeps as many earlier states as the backend was told to, and every page that one of them has not folded in. Does
        nothing when no page was written since the last time.
        """
        if self._states and self._last > self._states[-1]:
            self._store_state()
            kept = self._states[-(max(self._keep, 0) + 1) :]
            self._objects.forget(
                states=self._states[: -len(kept)], pages=[number for number in self._pages if number <= kept[0]]
            )
            self._states, self._pages = kept, [number for number in self._pages if number > kept[0]]
        return self.state

    def close(self) -> None:
        """Write no more: the lock is gone."""
        self._ended = BackendError("the lock was given back, and nothing may be written without it")

    def _read(self) -> None:
        present = self._objects.present()
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
        self._folding = Folding(state, open_intents)

    def _write(self, *entries: Entry) -> None:
        self._folding.check(*entries)
        if not self._states:
            self._store_state()
        number = self._last + 1
        page = Page(lineage=self._lineage, number=number, by=self._by, entries=entries)
        self._claim(self._objects.page_name(number), encode_page(page))
        self._folding.add(*entries)
        self._pages.append(number)
        self._last = number

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
