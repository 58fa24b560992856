"""
What became of calls whose outcome nobody wrote down, found from a reading of the vendors.

Nothing is written here: the result is a state as it would be, and the settlements that would make it so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.engine.diff import form
from reconciler.engine.records import interrupted, settled, with_reply, without_object
from reconciler.engine.renames import former_addresses
from reconciler.engine.shape import Shape, at
from reconciler.values import (
    HIDDEN,
    MISSING,
    Address,
    Document,
    Hold,
    HoldKind,
    Identity,
    Intent,
    Observed,
    Ownership,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Resource,
    Settlement,
    SettlementStatus,
    Severity,
    Snapshot,
    State,
    Traits,
    Verb,
)

CREATING = frozenset({Verb.CREATE.value, Verb.RUN.value})
"""Verbs whose intent has no object yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """
    The state with every open intent resolved as far as the reading allows.

    `reasons` says per address what was found; `holds` names addresses that must rest until lists can be believed.
    """

    state: State
    settlements: tuple[Settlement, ...]
    reasons: Mapping[Address, Reason]
    holds: Mapping[Address, Hold]
    problems: tuple[Problem, ...]


def recover(
    state: State,
    intents: Iterable[Intent],
    snapshot: Snapshot,
    traits: Callable[[str], Traits],
    wanted: Mapping[Address, Resource],
) -> Recovery:
    """
    Resolve open intents, then adopt wanted objects that carry our mark and have no record.

    An intent whose address or type could not be read stays open. A mark may also have the name that a manifest says
    it had before.
    """
    found = _Finder(state, snapshot, traits)
    for intent in sorted(intents, key=lambda intent: (intent.at, intent.id)):
        if found.readable(intent.address):
            found.resolve(intent)
    found.adopt_marked(frozenset(wanted), former_addresses(wanted))
    return Recovery(
        state=replace(state, records=found.records),
        settlements=tuple(found.settlements),
        reasons=found.reasons,
        holds=found.holds,
        problems=tuple(found.problems),
    )


def natural_key(document: Document, traits: Traits) -> tuple[object, ...] | None:
    """The values that make two objects lookalikes, or `None` when none is set or the kind has no such key."""
    values = tuple(form(at(document, path), _PLAIN) for path in traits.natural_key)
    return None if all(value is MISSING for value in values) else values


def traces(intent: Intent, objects: Iterable[Observed], traits: Traits) -> tuple[Observed, ...]:
    """The objects that may be the outcome of a creation whose reply was lost."""
    if traits.identity is Identity.MARK:
        return tuple(each for each in objects if each.owner is not None and each.owner.intent == intent.id)
    assert intent.record is not None
    key = natural_key(intent.record.applied, traits)
    return tuple(
        each for each in objects if each.id not in intent.seen and may_be(natural_key(each.attributes, traits), key)
    )


def may_be(key: tuple[object, ...] | None, other: tuple[object, ...] | None) -> bool:
    """Whether two natural keys are equal as far as can be seen: what a vendor does not give back may be anything."""
    if key is None or other is None:
        return key == other
    return all(one == two or HIDDEN in (one, two) for one, two in zip(key, other, strict=True))


_PLAIN = Shape()


class _Finder:
    def __init__(self, state: State, snapshot: Snapshot, traits: Callable[[str], Traits]) -> None:
        self._state = state
        self._snapshot = snapshot
        self._traits = traits
        self.records: dict[Address, Record] = dict(state.records)
        self.settlements: list[Settlement] = []
        self.reasons: dict[Address, Reason] = {}
        self.holds: dict[Address, Hold] = {}
        self.problems: list[Problem] = []
        self._disputed: set[Address] = set()

    def readable(self, address: Address) -> bool:
        return address not in self._snapshot.unreadable and address.type not in self._snapshot.unreadable

    def resolve(self, intent: Intent) -> None:
        if intent.verb in CREATING:
            self._resolve_creation(intent)
        elif intent.verb == Verb.DELETE.value:
            self._resolve_deletion(intent)
        else:
            self._resolve_update(intent)

    def _resolve_creation(self, intent: Intent) -> None:
        traits = self._traits(intent.address.type)
        candidates = self._candidates(intent, traits)
        if len(candidates) == 1:
            self._adopt(intent, candidates[0])
        elif candidates:
            self._say_several(intent.address, candidates)
        elif self._snapshot.taken < intent.at + timedelta(seconds=traits.settle_seconds):
            rest = intent.at + timedelta(seconds=traits.settle_seconds) - self._snapshot.taken
            self.holds[intent.address] = Hold(
                kind=HoldKind.WAIT,
                reason=f"its creation was interrupted and may show up within {rest.total_seconds():.0f} s",
            )
        else:
            self._settle(intent, SettlementStatus.VOID)

    def _candidates(self, intent: Intent, traits: Traits) -> list[Observed]:
        taken = self._recorded_ids(intent.address.type)
        objects = self._snapshot.objects.get(intent.address.type, ())
        return [each for each in traces(intent, objects, traits) if each.id not in taken]

    def _recorded_ids(self, type: str) -> frozenset[str]:
        ids: set[str] = set()
        for record in self.records.values():
            if record.address.type == type:
                ids.update(record.ids)
        return frozenset(ids)

    def _adopt(self, intent: Intent, observed: Observed) -> None:
        assert intent.record is not None
        record = settled(intent.record, observed, self.records.get(intent.address), intent.replaces)
        # One request made the object, so all that it carried has arrived, hidden fields too.
        self._settle(intent, SettlementStatus.DONE, replace(record, touched=self._snapshot.taken))
        self._recovered(intent.address, f"an interrupted run had made `{observed.id}`")

    def _resolve_deletion(self, intent: Intent) -> None:
        record = self.records.get(intent.address)
        there = any(each.id == intent.target for each in self._snapshot.objects.get(intent.address.type, ()))
        if there or record is None or intent.target is None:
            self._settle(intent, SettlementStatus.VOID)
        else:
            self._settle(intent, SettlementStatus.DONE, without_object(record, intent.target))
            self._recovered(intent.address, f"an interrupted run had deleted `{intent.target}`")

    def _resolve_update(self, intent: Intent) -> None:
        record = self.records.get(intent.address)
        if record is None or record.id != intent.target:
            self._settle(intent, SettlementStatus.VOID)
            return
        record = interrupted(record, intent, self._traits(intent.address.type))
        self._settle(intent, SettlementStatus.DONE, record)
        self._recovered(intent.address, "an interrupted run may have changed it")

    def adopt_marked(self, wanted: frozenset[Address], former: Mapping[Address, Address]) -> None:
        """Objects with this project's and environment's mark that no record knows."""
        strays: dict[Address, list[Observed]] = {}
        for type, objects in sorted(self._snapshot.objects.items()):
            vendor = type.partition("/")[0]
            recorded = self._recorded_ids(type)
            for each in objects:
                if each.id not in recorded and each.owner is not None and self._is_ours(each.owner, type):
                    address = Address(vendor, each.owner.kind, each.owner.name)
                    if address not in self.records and former.get(address) not in self.records:
                        address = former.get(address, address)
                    strays.setdefault(address, []).append(each)
        for address, found in sorted(strays.items()):
            if address in self.holds or address in self._disputed:
                continue
            record = self.records.get(address)
            known = record is not None and record.id is not None
            if known and self._traits(address.type).job:
                continue  # an earlier run, which nobody removes
            if known or address not in wanted:
                self.problems.append(_stray(address, found, known=known))
            elif len(found) > 1:
                self._say_several(address, found)
            else:
                self._adopt_by_mark(address, found[0])

    def _is_ours(self, owner: Ownership, type: str) -> bool:
        """Whether the mark is this project's and belongs on an object of this type: text can be copied anywhere."""
        return (
            owner.project == self._state.project
            and owner.environment == self._state.environment
            and owner.kind == type.partition("/")[2]
        )

    def _adopt_by_mark(self, address: Address, observed: Observed) -> None:
        before = self.records.get(address)
        record = Record(
            address=address,
            id=None,
            scope=self._snapshot.scopes[address.vendor],
            applied={},
            deposed=before.deposed if before is not None else (),
            touched=self._snapshot.taken,
        )
        record = with_reply(record, observed)
        self.records[address] = record
        self.settlements.append(
            Settlement(intent="", status=SettlementStatus.DONE, at=self._snapshot.taken, address=address, record=record)
        )
        self._recovered(address, f"`{observed.id}` carries its ownership mark")

    def _settle(self, intent: Intent, status: SettlementStatus, record: Record | None = None) -> None:
        if status is SettlementStatus.DONE:
            if record is None:
                del self.records[intent.address]
            else:
                self.records[intent.address] = record
        self.settlements.append(
            Settlement(intent=intent.id, status=status, at=self._snapshot.taken, address=intent.address, record=record)
        )

    def _recovered(self, address: Address, text: str) -> None:
        self.reasons[address] = Reason(code=ReasonCode.RECOVERED, text=text)

    def _say_several(self, address: Address, objects: Iterable[Observed]) -> None:
        ids = ", ".join(f"`{each.id}`" for each in sorted(objects, key=lambda each: each.id))
        self._disputed.add(address)
        self.problems.append(
            Problem(
                code="several-candidates",
                message=f"an interrupted creation may have made any of {ids}",
                address=address,
                help="look at them at the vendor, delete those that are not wanted, and run again",
            )
        )


def _stray(address: Address, objects: Iterable[Observed], *, known: bool) -> Problem:
    ids = ", ".join(f"`{each.id}`" for each in sorted(objects, key=lambda each: each.id))
    whose = "is not the recorded object" if known else "has neither a manifest nor a record"
    return Problem(
        code="stray-object",
        message=f"{ids} carries the ownership mark of `{address}` and {whose}",
        address=address,
        help="it is left alone; delete it at the vendor, or remove the mark from its description",
        severity=Severity.WARNING,
    )
