"""What is known of one resource before `blame` tells its fields: the manifest, the ledger, and the vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.engine.diff import covered
from reconciler.engine.drift import MOVED, Drift, FieldDrift
from reconciler.engine.records import resolve
from reconciler.history.blame import Blamed, Setting, Version
from reconciler.history.fields import Key, Leaf, same
from reconciler.history.trail import Told, Trail
from reconciler.reports.blame_text import CarriedOut, SetBy, Vendor
from reconciler.values import MISSING, Address, Document, Path, Record, Resource, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reality:
    """
    What the vendor has, in `leaves`; `otherwise` is said of every field that nothing else is known of.

    `wanted` is the manifest's document with what only the vendor knows filled in, where the kind asks for that.
    """

    otherwise: Vendor
    moved: tuple[FieldDrift, ...] = ()
    wanted: Document | None = None
    leaves: Mapping[Key, Leaf] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one resource before its fields are told."""

    record: Record | None
    applied: Mapping[Key, Leaf]
    trail: Trail
    reality: Reality
    ids: Mapping[Address, str | None]
    taken_apart: Callable[[Document], dict[Key, Leaf]]
    blamed: Blamed

    def wanted(self, resource: Resource | None) -> Iterator[tuple[Key, Leaf, Leaf]]:
        """The manifest's fields, each also with references as ids, as the state has them."""
        if resource is None:
            return
        own = self.taken_apart(resource.attributes)
        resolved = self.taken_apart(self.document(resource))
        by_place = {each.place: each for each in resolved.values()}
        for key, leaf in own.items():
            yield key, leaf, by_place.get(leaf.place) or beside(leaf, resolved, own) or leaf

    def document(self, resource: Resource) -> Document:
        """The manifest's document with references as ids, and what the vendor filled in."""
        return resolve(self.reality.wanted or resource.attributes, self.ids.get)

    def named_instead(self, leaf: Leaf, resource: Resource | None) -> Leaf | None:
        """The applied field that may be what a name in the manifest stands for, when no vendor was asked."""
        if resource is None or self.reality.otherwise is Vendor.AGREES:
            return None
        return beside(leaf, self.applied, self.taken_apart(resource.attributes))

    def former_setting(self, leaf: Leaf) -> Setting | None:
        """Who set a field of a manifest that is not there any more; a field that held a reference holds an id now."""
        version = self.blamed.version
        if self.blamed.removed is None or version is None:
            return None
        by_path = {each.path: each.key for each in version.leaves.values()}
        return self.blamed.settings.get(by_path.get(leaf.path, leaf.key))

    def tried(self, leaf: Leaf) -> Told | None:
        """The newest deed that was to carry the field out and did not."""
        for each in self.trail.tried:
            meant = self.taken_apart(each.deed.after.document) if each.deed.after is not None else {}
            if leaf.key in meant and same(meant[leaf.key].value, leaf.value):
                return each
        return None

    def at_vendor(self, leaf: Leaf | None) -> tuple[Vendor, Value]:
        """What the vendor has in the place of an applied field, and its value when it is another."""
        reality = self.reality
        if leaf is None:
            return Vendor.NOTHING, MISSING
        if reality.otherwise is not Vendor.AGREES:
            return reality.otherwise, MISSING
        if covered(leaf.path, reality.hidden):
            return Vendor.HIDDEN, MISSING
        if covered(leaf.path, reality.ignored):
            return Vendor.IGNORED, MISSING
        for each in reality.moved:
            if not meet(each.path, leaf.path):
                continue
            there = reality.leaves.get(leaf.key)
            if not self._agrees(leaf):
                return Vendor.MOVED, there.value if there is not None else MISSING
            if not self._differing(each):  # the same items in another order
                return Vendor.MOVED, each.observed
        return Vendor.AGREES, MISSING

    def elsewhere(self) -> tuple[tuple[Path, Value], ...]:
        """What the vendor has beside the applied fields, where it has moved."""
        found = (leaf for each in self.reality.moved for leaf in self._added(each))
        return tuple((leaf.path, leaf.value) for leaf in {leaf.key: leaf for leaf in found}.values())

    def _agrees(self, leaf: Leaf) -> bool:
        there = self.reality.leaves.get(leaf.key)
        return there is not None and same(there.value, leaf.value)

    def _differing(self, moved: FieldDrift) -> bool:
        """Whether single fields tell what has moved."""
        return bool(self._added(moved)) or any(
            meet(moved.path, leaf.path) and not self._agrees(leaf) for leaf in self.applied.values()
        )

    def _added(self, moved: FieldDrift) -> list[Leaf]:
        return [
            leaf
            for key, leaf in self.reality.leaves.items()
            if key not in self.applied and leaf.path[: len(moved.path)] == moved.path
        ]


def set_by(setting: Setting | None) -> SetBy | None:
    """The commit as it is told."""
    if setting is None or setting.commit is None:
        return None
    commit = setting.commit
    return SetBy(
        commit=commit.id,
        author=commit.author,
        email=commit.email,
        at=commit.at,
        subject=commit.subject,
        ends=setting.ends,
    )


def carried_out(told: Told | None) -> CarriedOut | None:
    """The deed as it is told."""
    if told is None:
        return None
    command = told.record.command
    return CarriedOut(
        number=told.record.number,
        verb=told.deed.verb,
        status=told.deed.status.value,
        at=told.deed.at,
        operation=command.operation,
        who=command.who,
        commit=command.commit,
    )


def version_of(resource: Resource, taken_apart: Callable[[Document], dict[Key, Leaf]]) -> Version:
    """What the manifest says now, as one more version."""
    return Version(
        address=resource.address, leaves=taken_apart(resource.attributes), renamed_from=resource.renamed_from
    )


def moved_fields(drifted: Drift | None) -> tuple[FieldDrift, ...]:
    """What somebody changed at the vendor; what only the manifest changed is none of it."""
    return tuple(each for each in drifted.fields if each.cause in MOVED) if drifted is not None else ()


def beside(leaf: Leaf, others: Mapping[Key, Leaf], own: Mapping[Key, Leaf]) -> Leaf | None:
    """A field in the same item of a list that stands there instead of this one: its id for its name."""
    item, places = leaf.place[:-1], {each.place for each in own.values()}
    if not item or not isinstance(item[-1], int):
        return None
    return next((each for each in others.values() if each.place[:-1] == item and each.place not in places), None)


def meet(one: Path, other: Path) -> bool:
    """Whether one of two fields is the other, or holds it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
