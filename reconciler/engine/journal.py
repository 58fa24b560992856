"""The state that a journal leads to: settlements applied in order, and the intents that are still open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias, assert_never

from reconciler.values import Intent, Settlement, SettlementStatus, State
from reconciler.values.ledger import Begin

Entry: TypeAlias = Begin | Intent | Settlement


class JournalError(ValueError):
    """The entries cannot have been written in this order: a double intent, or the end of one that is not open."""


class Folding:
    """
    A state that follows its journal entry by entry.

    One entry costs the same whatever the size of the state; only asking for `state` after a change copies the
    records. The state's `serial` grows by one with every settlement that is DONE, so two states of one lineage
    and serial are equal; an intent, a refusal or a void leaves it as it is.
    """

    def __init__(self, state: State, open_intents: Iterable[Intent] = ()) -> None:
        self._state = state
        self._records = dict(state.records)
        self._serial = state.serial
        self._open: dict[str, Intent] = {}
        self.add(*open_intents)

    @property
    def state(self) -> State:
        """The state after all entries so far."""
        if self._state.serial != self._serial:
            self._state = replace(self._state, serial=self._serial, records=dict(self._records))
        return self._state

    @property
    def open_intents(self) -> tuple[Intent, ...]:
        """The intents of which nobody knows whether their call took effect, oldest first."""
        return tuple(self._open.values())

    def check(self, *entries: Entry) -> None:
        """Raise `JournalError` unless the entries can follow in this order; changes nothing."""
        still_open = set(self._open)
        for entry in entries:
            match entry:
                case Intent():
                    if not entry.id or entry.id in still_open:
                        raise JournalError(f"the intent `{entry.id}` for `{entry.address}` is there twice or has no id")
                    still_open.add(entry.id)
                case Settlement():
                    if entry.intent and entry.intent not in still_open:
                        raise JournalError(f"the intent `{entry.intent}` for `{entry.address}` is not open")
                    if entry.record and entry.record.address != entry.address:
                        raise JournalError(f"the end for `{entry.address}` holds the record `{entry.record.address}`")
                    still_open.discard(entry.intent)
                case Begin():
                    pass
                case _:
                    assert_never(entry)

    def add(self, *entries: Entry) -> None:
        """Apply entries in order: all of them, or none and `JournalError`."""
        self.check(*entries)
        for entry in entries:
            if isinstance(entry, Intent):
                self._open[entry.id] = entry
            elif isinstance(entry, Settlement):
                self._settle(entry)

    def _settle(self, settlement: Settlement) -> None:
        self._open.pop(settlement.intent, None)
        match settlement.status:
            case SettlementStatus.DONE:
                self._serial += 1
                if settlement.record is None:
                    self._records.pop(settlement.address, None)
                else:
                    self._records[settlement.address] = settlement.record
            case SettlementStatus.REFUSED | SettlementStatus.VOID:
                pass
            case _:
                assert_never(settlement.status)


def fold(state: State, entries: Iterable[Entry]) -> tuple[State, tuple[Intent, ...]]:
    """
    The state after the entries, and the intents that are open then, oldest first.

    DONE with a record makes it the address's record, DONE without one removes the address; REFUSED and VOID only
    close the intent. A settlement with an empty intent id is a change of the state alone. Raises `JournalError`.
    """
    folding = Folding(state)
    folding.add(*entries)
    return folding.state, folding.open_intents
