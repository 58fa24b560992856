"""
The ledger's records: made from what a command wrote into the journal, and held against each other.

A chain of records is proven from its end: each holds the digest of the one before, so who knows one digest knows that
everything before it is as it was. Without a known digest a chain can only be consistent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler import __version__
from reconciler.engine.codec import digest_of, encode_record, to_json
from reconciler.engine.journal import Entry
from reconciler.values import Address, Intent, Lifecycle, Record, Settlement, SettlementStatus, State
from reconciler.values.ledger import Begin, Command, Deed, DeedStatus, Ending, LedgerRecord, Standing

_STATUS = {
    SettlementStatus.DONE: DeedStatus.DONE,
    SettlementStatus.REFUSED: DeedStatus.REFUSED,
    SettlementStatus.VOID: DeedStatus.VOID,
}


def standing(record: Record | None) -> Standing | None:
    """What the ledger keeps of a record; None of none."""
    if record is None:
        return None
    return Standing(
        digest=digest_of(to_json(encode_record(record))),
        id=record.id,
        document=record.applied,
        labels=record.labels,
        lifecycle=None if record.lifecycle == Lifecycle() else record.lifecycle,
        deposed=tuple(each.id for each in record.deposed),
        retired=record.retired,
    )


def found(records: Mapping[Address, Record], at: datetime) -> tuple[Deed, ...]:
    """All that a state holds, as the deeds with which a chain begins."""
    return tuple(
        Deed(address=address, verb="found", status=DeedStatus.DONE, at=at, after=standing(record))
        for address, record in sorted(records.items())
    )


def deeds(
    entries: Iterable[Entry], records: Mapping[Address, Record], open_intents: Iterable[Intent] = ()
) -> tuple[Deed, ...]:
    """
    What the entries of one command did, in order, to a state that held `records` and `open_intents` before.

    Addresses that stay as they are do not occur. An intent without an end among the entries is a deed of UNKNOWN status
    at the end; one that was open before is an earlier command's.
    """
    return _Telling(records, open_intents).tell(entries)


class _Telling:
    """Follows entries as `Folding` does, and says what each changes."""

    def __init__(self, records: Mapping[Address, Record], open_intents: Iterable[Intent]) -> None:
        self._records = records
        self._changed: dict[Address, Record | None] = {}
        self._earlier = {each.id: each for each in open_intents}
        self._open: dict[str, Intent] = {}
        self._deeds: list[Deed] = []
        self._last: dict[Address, int] = {}

    def tell(self, entries: Iterable[Entry]) -> tuple[Deed, ...]:
        for entry in entries:
            if isinstance(entry, Intent):
                self._open[entry.id] = entry
            elif isinstance(entry, Settlement):
                self._settle(entry)
        for intent in self._open.values():
            self._called(intent, DeedStatus.UNKNOWN)
        return tuple(self._deeds)

    def _now(self, address: Address) -> Record | None:
        return self._changed[address] if address in self._changed else self._records.get(address)

    def _settle(self, settlement: Settlement) -> None:
        if settlement.intent:
            intent = self._open.pop(settlement.intent, None) or self._earlier[settlement.intent]
            self._called(intent, _STATUS[settlement.status], settlement)
        elif settlement.status is SettlementStatus.DONE and settlement.record != self._now(settlement.address):
            self._noted(settlement)

    def _called(self, intent: Intent, status: DeedStatus, settlement: Settlement | None = None) -> None:
        address, after = intent.address, intent.record
        before = standing(self._now(address))
        if settlement is not None and status is DeedStatus.DONE:
            after = self._changed[address] = settlement.record
        self._last[address] = len(self._deeds)
        self._deeds.append(
            Deed(
                address=address,
                verb=intent.verb,
                status=status,
                at=intent.at,
                ended=settlement.at if settlement is not None else None,
                intent=intent.id,
                target=intent.target,
                before=before,
                after=standing(after),
                requests=settlement.requests if settlement is not None else (),
            )
        )

    def _noted(self, settlement: Settlement) -> None:
        """A change of the state alone: what a vendor computed later belongs to the deed before."""
        address = settlement.address
        last = self._deeds[self._last[address]] if address in self._last else None
        before, after = standing(self._now(address)), standing(settlement.record)
        self._changed[address] = settlement.record
        if last is not None and last.status is DeedStatus.DONE and last.after is not None and after is not None:
            self._deeds[self._last[address]] = replace(last, after=after, ended=settlement.at)
            return
        self._last[address] = len(self._deeds)
        self._deeds.append(
            Deed(
                address=address,
                verb="forget" if after is None else "record",
                status=DeedStatus.DONE,
                at=settlement.at,
                before=before,
                after=after,
            )
        )


def record_of(
    entries: Sequence[Entry],
    *,
    number: int,
    pages: tuple[int, int],
    command: Command,
    ended: datetime,
    how: Ending,
    before: State,
    open_before: Iterable[Intent],
    after: State,
    sealed: Sequence[str] = (),
) -> LedgerRecord:
    """The record of the command whose entries led from one state to another; `previous` is still open."""
    told = () if sealed else deeds(entries, before.records, open_before)
    if number == 1 or sealed:
        told = (*found(after.records if sealed else before.records, command.since), *told)
    return LedgerRecord(
        number=number,
        previous=None,
        lineage=after.lineage,
        serial_before=before.serial,
        serial=after.serial,
        first_page=pages[0],
        last_page=pages[1],
        command=command,
        ended=ended,
        how=how,
        tool=__version__,
        deeds=told,
        sealed=tuple(sealed),
    )


def command_in(entries: Iterable[Entry]) -> Begin | None:
    """What is known of the command that wrote the entries: the last it said of itself."""
    return next((each for each in reversed(tuple(entries)) if isinstance(each, Begin)), None)


def last_heard(command: Command, entries: Iterable[Entry]) -> datetime:
    """The last moment that the entries of a command tell of."""
    return max((each.at for each in entries if not isinstance(each, Begin)), default=command.since)


# ---------------------------------------------------------------------------------------------------- proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One object of the ledger as it is stored: the digest of its bytes, and the record or why there is none."""

    number: int
    name: str
    digest: str | None
    record: LedgerRecord | None
    trouble: str | None = None


class Chain:
    """
    Holds each record against the one before, oldest first; costs one record at a time.

    `last` is the newest record, None while it cannot be read, and `head` the digest of its bytes. `standings` is what
    the state holds after it, unless `is_complete` is false: then records before it cannot be read.
    """

    def __init__(self) -> None:
        self.count = 0
        self.last: LedgerRecord | None = None
        self.head: str | None = None
        self.standings: dict[Address, Standing] = {}
        self.is_complete = True
        self.sealed: list[LedgerRecord] = []
        self._number = 0

    def add(self, leaf: Leaf) -> Iterator[str]:
        """What is wrong with the next object, in sentences that name it."""
        expected, self._number = self._number + 1, leaf.number
        before, self.head = self.head, leaf.digest
        self.count += 1
        has_gap = leaf.number != expected
        if has_gap:
            missing = f"{expected}" if leaf.number == expected + 1 else f"{expected} to {leaf.number - 1}"
            yield f"record {missing} is missing before {leaf.name}"
        last, self.last = self.last, leaf.record
        record = leaf.record
        if record is None:
            self.is_complete = False
            yield f"{leaf.name} {leaf.trouble}"
            return
        if record.number != leaf.number:
            yield f"{leaf.name} says that it is record {record.number}"
        if not has_gap and record.previous != before:
            yield f"{leaf.name} was written after another record than the one before it is now: one was exchanged"
        if record.begins:
            self.standings, self.is_complete = {}, True
        elif has_gap:
            self.is_complete = False
        elif last is not None:
            yield from _continues(leaf.name, record, last)
        if record.sealed:
            self.sealed.append(record)
        for deed in record.deeds:
            yield from self._follow(leaf.name, deed)

    def _follow(self, name: str, deed: Deed) -> Iterator[str]:
        if deed.status is not DeedStatus.DONE:
            return
        if self.is_complete and deed.before != self.standings.get(deed.address):
            yield f"{name} does not continue what the records before say of {deed.address}"
        if deed.after is None:
            self.standings.pop(deed.address, None)
        else:
            self.standings[deed.address] = deed.after


def _continues(name: str, record: LedgerRecord, last: LedgerRecord) -> Iterator[str]:
    if record.lineage != last.lineage:
        yield f"{name} belongs to another state (lineage `{record.lineage}`, not `{last.lineage}`)"
    if record.serial_before != last.serial:
        yield f"{name} begins at serial {record.serial_before}, and the record before ends at {last.serial}"
    if record.first_page != last.last_page + 1:
        yield f"{name} begins at page {record.first_page}, and the record before ends at {last.last_page}"


def against(chain: Chain, state: State) -> Iterator[str]:
    """What the state, as it was after the newest record's pages, says otherwise than the chain."""
    last = chain.last
    assert last is not None
    if (state.lineage, state.serial) != (last.lineage, last.serial):
        yield (
            f"the state has serial {state.serial} of lineage `{state.lineage}`, and the newest record says serial "
            f"{last.serial} of `{last.lineage}`"
        )
    for address in sorted({*chain.standings, *state.records}):
        told = chain.standings.get(address)
        if told != standing(state.records.get(address)):
            yield f"the state holds something else for {address} than the records say"
