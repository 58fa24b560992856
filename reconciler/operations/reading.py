"""Reading the vendors: lists first, single objects only to prove that something is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.engine.recovery import CREATING, recover, traces
from reconciler.engine.renames import known_as
from reconciler.operations.clock import Clock
from reconciler.operations.failures import Invalid
from reconciler.operations.progress import Progress
from reconciler.operations.vendors import failure_of
from reconciler.sdk import (
    Assessment,
    Catalog,
    CredentialsRefused,
    Handler,
    PermissionRefused,
    Session,
    Unreachable,
    VendorError,
)
from reconciler.values import (
    Address,
    Desired,
    Document,
    Hold,
    HoldKind,
    Intent,
    Observed,
    Problem,
    Record,
    Snapshot,
    State,
)

AT_ONCE = 8
"""Readings under way at the same time; each vendor's client bounds its own further."""

LOOKS = 5
"""How often a patient reading looks again while lists cannot be believed yet, the last time when they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    Reads what a plan needs.

    `session` connects a vendor when it is first asked for. A `patient` reading waits until lists can be believed
    about objects that were made a moment ago; an impatient one leaves that to the plan.
    """

    catalog: Catalog
    session: Callable[[str], Session]
    clock: Clock
    progress: Progress
    patient: bool = False
    looks: int = LOOKS

    def read(self, desired: Desired, state: State | None, intents: Sequence[Intent] = ()) -> Snapshot:
        """
        One snapshot of every type that is wanted, recorded, intended, or may point at one of these.

        Raises `Denied` when a vendor does not accept the credentials, `Failure` when one cannot be reached, and
        `Invalid` when what a manifest names is not what it says.
        """
        records = state.records if state is not None else {}
        types = self._types(desired, records, intents)
        scopes = {vendor: self.session(vendor).scope for vendor in sorted({each.partition("/")[0] for each in types})}
        objects: dict[str, tuple[Observed, ...]] = {}
        listed: dict[str, frozenset[str]] = {}
        unreadable: dict[str | Address, Problem] = {}
        for type in types:
            self._handler(type).concern(
                [
                    *(each.attributes for each in desired.resources.values() if each.address.type == type),
                    *(each.applied for each in records.values() if each.address.type == type),
                    *(each.record.applied for each in intents if each.record and each.address.type == type),
                ]
            )
        taken = self.clock.now()  # before the lists: what is made while they are read may be missing from them
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="read") as pool:
            for type, found in zip(types, pool.map(self._list, types), strict=True):
                if isinstance(found, Problem):
                    unreadable[type] = found
                else:
                    objects[type] = found
                    listed[type] = frozenset(each.id for each in found)
            missing = [
                (record.address, id)
                for record in records.values()
                if record.address.type in objects
                for id in record.ids
                if id not in listed[record.address.type]
            ]
            singles = pool.map(lambda pair: self._read(*pair), missing)
            for (address, id), single in zip(missing, singles, strict=True):
                self._place(address, id, single, objects, unreadable)
            snapshot = Snapshot(
                taken=taken,
                objects=objects,
                scopes=scopes,
                unreadable=unreadable,
                listed=listed,
                holds=self._too_young(records, objects, taken),
            )
            if self.patient:
                rest = self._rest(snapshot, intents, records)
                if rest > 0:
                    self.progress.phase(f"waiting {rest:.0f} s until the vendor's lists can be believed")
                    # A list may lag behind by lists rather than by seconds, and most often it is soon right.
                    self.clock.sleep(rest / self.looks)
                    again = replace(self, patient=self.looks > 1, looks=max(1, self.looks - 1))
                    return again.read(desired, state, intents)
            return self._assess(desired, self._recovered(desired, state, intents, snapshot), snapshot, pool)

    def _types(self, desired: Desired, records: Mapping[Address, Record], intents: Iterable[Intent]) -> tuple[str, ...]:
        used = {
            *(address.type for address in desired.resources),
            *(address.type for address in records),
            *(intent.address.type for intent in intents),
        }
        referring = set()
        for vendor in sorted({each.partition("/")[0] for each in used}):
            for kind in self.catalog.kinds(vendor).values():
                if kind.expand is None:
                    type = f"{vendor}/{kind.name}"
                    if used.intersection(self.catalog.traits(type).references.values()):
                        referring.add(type)
        return tuple(sorted(used | referring))

    def _handler(self, type: str) -> Handler:
        vendor, _, kind = type.partition("/")
        return self.session(vendor).handler(kind)

    def _list(self, type: str) -> tuple[Observed, ...] | Problem:
        try:
            return tuple(self._handler(type).list())
        except VendorError as error:
            return _cannot_read(error, f"the list of `{type}`")

    def _read(self, address: Address, id: str) -> Observed | Problem | None:
        try:
            return self._handler(address.type).read(id)
        except VendorError as error:
            problem = _cannot_read(error, f"`{id}`, which is missing from the list,")
            return replace(problem, address=address)

    @staticmethod
    def _place(
        address: Address,
        id: str,
        found: Observed | Problem | None,
        objects: dict[str, tuple[Observed, ...]],
        unreadable: dict[str | Address, Problem],
    ) -> None:
        if isinstance(found, Problem):
            unreadable[address] = replace(
                found, help=f"if you know that `{id}` is gone, run `reconciler state rm {address}`"
            )
        elif found is not None:
            objects[address.type] = (*objects[address.type], found)

    def _too_young(
        self, records: Mapping[Address, Record], objects: Mapping[str, Sequence[Observed]], taken: datetime
    ) -> dict[Address, Hold]:
        """Recorded objects that are nowhere to be seen but were written a moment ago: not gone, only not listed yet."""
        there = {(type, each.id) for type, found in objects.items() for each in found}
        return {
            address: Hold(
                kind=HoldKind.WAIT,
                reason=f"it was written {(taken - record.touched).total_seconds():.0f} s ago and is not listed yet",
            )
            for address, record in records.items()
            if address.type in objects
            and record.id is not None
            and (address.type, record.id) not in there
            and record.touched is not None
            and taken < record.touched + self._settle_time(address)
        }

    def _rest(self, snapshot: Snapshot, intents: Iterable[Intent], records: Mapping[Address, Record]) -> float:
        """Seconds until every object that was made a moment ago, and is nowhere to be seen, must have shown up."""
        until = snapshot.taken
        for address in snapshot.holds:
            touched = records[address].touched
            assert touched is not None
            until = max(until, touched + self._settle_time(address))
        recorded = {(record.address.type, id) for record in records.values() for id in record.ids}
        for intent in intents:
            type = intent.address.type
            objects = [each for each in snapshot.objects.get(type, ()) if (type, each.id) not in recorded]
            if intent.verb in CREATING and not traces(intent, objects, self.catalog.traits(type)):
                until = max(until, intent.at + self._settle_time(intent.address))
        return (until - snapshot.taken).total_seconds()

    def _settle_time(self, address: Address) -> timedelta:
        return timedelta(seconds=self.catalog.traits(address.type).settle_seconds)

    def _recovered(
        self, desired: Desired, state: State | None, intents: Sequence[Intent], snapshot: Snapshot
    ) -> Mapping[Address, Record]:
        """The records once open intents are resolved and names followed, so that a kind is shown its object."""
        records = state.records if state is not None else {}
        if state is not None and intents:
            records = recover(state, intents, snapshot, self.catalog.traits, desired.resources).state.records
        return known_as(desired.resources, records)

    def _assess(
        self, desired: Desired, records: Mapping[Address, Record], snapshot: Snapshot, pool: ThreadPoolExecutor
    ) -> Snapshot:
        """Let kinds with extra readings at plan time look at each wanted resource."""
        assessing = {type for type in snapshot.objects if builds_on(Handler.assess.__name__, self._handler(type))}
        addresses = [each for each in desired.resources if each.type in assessing]
        if not addresses:
            return snapshot
        by_id = {(type, each.id): each for type, objects in snapshot.objects.items() for each in objects}

        def look(address: Address) -> Assessment:
            record = records.get(address)
            observed = by_id.get((address.type, record.id)) if record and record.id else None
            return self._handler(address.type).assess(desired.resources[address], record, observed, snapshot.taken)

        holds = dict(snapshot.holds)
        resolved: dict[Address, Document] = {}
        problems: list[Problem] = []
        invalid: list[Problem] = []
        unreadable = dict(snapshot.unreadable)
        for address, found in zip(addresses, pool.map(_guarded(look), addresses), strict=True):
            if isinstance(found, VendorError):
                unreadable[address] = replace(_cannot_read(found, "what its plan needs"), address=address)
                continue
            if found.observed is not None:
                by_id[address.type, found.observed.id] = found.observed
            if found.hold is not None:
                holds[address] = found.hold
            if found.attributes is not None:
                resolved[address] = found.attributes
            problems.extend(found.problems)
            invalid.extend(found.invalid)
        if invalid:
            raise Invalid("what the manifests name is not what they say; nothing was sent", invalid)
        objects: dict[str, list[Observed]] = {type: [] for type in snapshot.objects}
        for (type, _), each in by_id.items():
            objects[type].append(each)
        return replace(
            snapshot,
            objects={type: tuple(each) for type, each in objects.items()},
            holds=holds,
            problems=tuple(problems),
            unreadable=unreadable,
            resolved=resolved,
        )


def _guarded(look: Callable[[Address], Assessment]) -> Callable[[Address], Assessment | VendorError]:
    def guarded(address: Address) -> Assessment | VendorError:
        try:
            return look(address)
        except VendorError as error:
            return error

    return guarded


def builds_on(verb: str, handler: Handler) -> bool:
    """Whether the handler has its own version of an optional verb."""
    return getattr(type(handler), verb) is not getattr(Handler, verb)


def _cannot_read(error: VendorError, what: str) -> Problem:
    if isinstance(error, CredentialsRefused | PermissionRefused | Unreachable):
        raise failure_of(error) from None
    return Problem(
        code="cannot-read",
        message=f"{what} cannot be read: {error.message}",
        help="nothing is concluded from that; correct the cause and run again",
    )
