"""Objects whose manifests have another name than before: their records follow, and nothing is done to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.values import (
    Address,
    Hold,
    HoldKind,
    Intent,
    Options,
    Record,
    Resource,
    Settlement,
    SettlementStatus,
    Snapshot,
)

if TYPE_CHECKING:
    from reconciler.engine.recovery import Recovery


def former_addresses(wanted: Mapping[Address, Resource]) -> dict[Address, Address]:
    """
    The present address of every former one that a manifest names, and that no other manifest claims.

    Manifests that claim one object twice are refused when they are read.
    """
    claims: dict[Address, list[Address]] = {}
    for address, resource in wanted.items():
        if resource.renamed_from is not None:
            claims.setdefault(resource.renamed_from, []).append(address)
    return {
        old: new[0] for old, new in claims.items() if len(new) == 1 and old not in wanted and old.type == new[0].type
    }


def pending(wanted: Mapping[Address, Resource], records: Mapping[Address, Record]) -> dict[Address, Address]:
    """The renames that are still to be done, old address to new: there is a record under the old one alone."""
    return {old: new for old, new in sorted(former_addresses(wanted).items()) if old in records and new not in records}


def moved(records: Mapping[Address, Record], renames: Mapping[Address, Address]) -> dict[Address, Record]:
    """The records once these renames are done; what needed an old address needs the new one."""
    if not renames:
        return dict(records)
    found: dict[Address, Record] = {}
    for address, record in records.items():
        here = renames.get(address, address)
        needs = tuple(dict.fromkeys(renames.get(each, each) for each in record.needs))
        found[here] = record if (here, needs) == (address, record.needs) else replace(record, address=here, needs=needs)
    return found


def known_as(wanted: Mapping[Address, Resource], records: Mapping[Address, Record]) -> dict[Address, Record]:
    """The records by the names that manifests give them now, whether a rename has been applied or not."""
    return moved(records, pending(wanted, records))


def settlements(
    records: Mapping[Address, Record], renames: Mapping[Address, Address], at: datetime
) -> Iterator[Settlement]:
    """
    What makes the renames so, to be written down together.

    The new name stands before the old one is dropped, so that whoever reads only a part loses no object.
    """
    after = moved(records, renames)
    for address in sorted(after):
        if records.get(address) is not after[address]:
            yield _state_only(address, after[address], at)
    for old in sorted(renames):
        yield _state_only(old, None, at)


def _state_only(address: Address, record: Record | None, at: datetime) -> Settlement:
    return Settlement(intent="", status=SettlementStatus.DONE, at=at, address=address, record=record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """
    What a plan does about renamed manifests.

    `renames` are the records that move, old address to new; `waiting` those that cannot yet, because nobody knows how
    a call for either address ended; `clashes` those that never can, because both addresses have a record.
    """

    renames: Mapping[Address, Address]
    waiting: Mapping[Address, Address]
    clashes: Mapping[Address, Address]

    @classmethod
    def of(cls, wanted: Mapping[Address, Resource], intents: Iterable[Intent], recovery: Recovery) -> Renaming:
        """The renames that are to be done once open intents are resolved as far as recovery can."""
        former, records = former_addresses(wanted), recovery.state.records
        settled = {each.intent for each in recovery.settlements}
        unknown = {each.address for each in intents if each.id not in settled} | recovery.holds.keys()
        free = {old: new for old, new in sorted(former.items()) if new not in records}
        waiting = {old: new for old, new in free.items() if unknown & {old, new}}
        return cls(
            renames={old: new for old, new in free.items() if old in records and old not in waiting},
            waiting=waiting,
            clashes={old: new for old, new in sorted(former.items()) if {old, new} <= records.keys()},
        )

    def recovered(self, recovery: Recovery) -> Recovery:
        """What recovery found, by the new names; what has to wait rests under both."""
        holds = dict(recovery.holds)
        for old, new in self.waiting.items():
            for address in (old, new):
                reason = f"it is to be renamed, and it is not known yet how a call for `{old}` ended"
                holds.setdefault(address, Hold(kind=HoldKind.WAIT, reason=reason))
        return replace(
            recovery,
            state=replace(recovery.state, records=moved(recovery.state.records, self.renames)),
            reasons={self.renames.get(address, address): each for address, each in recovery.reasons.items()},
            holds=holds,
        )

    def read(self, snapshot: Snapshot) -> Snapshot:
        """The reading with what it says of old addresses said of the new ones."""
        if not self.renames:
            return snapshot
        unreadable = {
            self.renames.get(key, key) if isinstance(key, Address) else key: problem
            for key, problem in snapshot.unreadable.items()
        }
        holds = {self.renames.get(address, address): hold for address, hold in snapshot.holds.items()}
        return replace(snapshot, unreadable=unreadable, holds=holds)

    def options(self, options: Options) -> Options:
        """What the caller asked for, by the new names."""

        def named(addresses: frozenset[Address]) -> frozenset[Address]:
            return frozenset(self.renames.get(each, each) for each in addresses)

        return replace(
            options,
            targets=named(options.targets),
            excludes=named(options.excludes),
            replace=named(options.replace),
            resend=named(options.resend),
        )
