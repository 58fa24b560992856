"""Which record of the ledger carried out each field of a resource, and under which names it stood there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.history.fields import Key, Leaf, same
from reconciler.values import Address, Document
from reconciler.values.ledger import Deed, DeedStatus, LedgerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One deed to the resource, the record that tells of it, and the name that it had then."""

    record: LedgerRecord
    deed: Deed
    address: Address


@dataclass(slots=True, kw_only=True)
class Trail:
    """
    What the ledger says of one resource.

    `carried` is the deed since which each applied field has its value, `made` the one since which the state holds the
    present object, and `last` the newest that was done. `tried` are the deeds after it that came to nothing, newest
    first. `names` are all that the resource had, the present one first.
    """

    carried: dict[Key, Told] = field(default_factory=dict)
    made: Told | None = None
    last: Told | None = None
    tried: list[Told] = field(default_factory=list)
    names: list[Address] = field(default_factory=list)


def deeds_of(address: Address, records: Iterable[LedgerRecord]) -> Iterator[Told]:
    """
    The deeds to a resource, newest first, by whatever name it had; the records come newest first.

    A name is followed back when a record drops it and remembers the same object under another.
    """
    here = address
    for record in records:
        for deed in reversed(record.deeds):
            if deed.address != here:
                continue
            before = renamed_in(record, deed)
            yield Told(record=record, deed=deed, address=here)
            if before is not None:
                here = before.address


def renamed_in(record: LedgerRecord, deed: Deed) -> Deed | None:
    """The deed that dropped the former name of the object that this deed remembers under its present one."""
    after = deed.after
    if deed.verb != "record" or deed.before is not None or after is None or deed.status is not DeedStatus.DONE:
        return None
    for each in record.deeds:
        is_dropped = each.verb == "forget" and each.after is None and each.before is not None
        if is_dropped and each.address.type == deed.address.type and each.address != deed.address:
            assert each.before is not None
            if after.id is not None and each.before.id == after.id:
                return each
    return None


def renamed_to(told: Told) -> Address | None:
    """The name under which the object is remembered that this deed dropped."""
    return next(
        (each.address for each in told.record.deeds if (old := renamed_in(told.record, each)) and old is told.deed),
        None,
    )


def trail(
    address: Address,
    applied: Mapping[Key, Leaf],
    records: Iterable[LedgerRecord],
    taken_apart: Callable[[Document], Mapping[Key, Leaf]],
) -> Trail:
    """
    Follow every applied field back to the deed that carried it out; reads no more records than that takes.

    `applied` are the fields as the state holds them now.
    """
    found = Trail(names=[address])
    pending = dict(applied)
    for told in deeds_of(address, records):
        deed = told.deed
        if told.address not in found.names:
            found.names.append(told.address)
        if deed.status is not DeedStatus.DONE:
            if found.last is None:
                found.tried.append(told)
            continue
        found.last = found.last or told
        dropped = renamed_in(told.record, deed)
        before = dropped.before if dropped is not None else deed.before
        if dropped is not None and dropped.address not in found.names:
            found.names.append(dropped.address)
        earlier = taken_apart(before.document) if before is not None else {}
        kept = {key: leaf for key, leaf in pending.items() if key in earlier and same(earlier[key].value, leaf.value)}
        found.carried.update(dict.fromkeys(pending.keys() - kept.keys(), told))
        pending = kept
        if found.made is None and deed.after is not None and (before is None or before.id != deed.after.id):
            found.made = told
        if not pending and (found.made is not None or found.last.deed.after is None):
            break
    return found
