"""`blame`: who set each field of a resource, which apply carried it out, and whether reality still agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from reconciler.backend import BackendError, LedgerBroken
from reconciler.engine.diff import covered, differences
from reconciler.engine.drift import MOVED, Drift, FieldDrift
from reconciler.engine.drift import drift as compare
from reconciler.engine.records import ignored_paths, resolve
from reconciler.engine.renames import known_as, pending
from reconciler.engine.shape import hidden_paths, shape_of
from reconciler.history.blame import Blamed, Setting, Version, blame
from reconciler.history.fields import Key, Leaf, leaves, same
from reconciler.history.git import Commit, GitUnusable, Repository
from reconciler.history.trail import Told, Trail, renamed_to, trail
from reconciler.operations.addresses import guess
from reconciler.operations.failures import Failure, Invalid
from reconciler.operations.plan import HERE
from reconciler.operations.reading import Reader
from reconciler.operations.state import read_state
from reconciler.operations.versions import Versions
from reconciler.operations.workspace import Workspace
from reconciler.reports.blame_text import Blame, CarriedOut, FieldBlame, Renamed, SetBy, Vendor
from reconciler.reports.escape import plural
from reconciler.specs import PROJECT_FILE
from reconciler.specs.origin import Origin, Origins
from reconciler.values import MISSING, Address, Desired, Document, Path, Record, Resource, State, Value
from reconciler.values.ledger import LedgerRecord


def find_blame(
    workspace: Workspace, address: Address, *, git_dir: FilePath | None = None, offline: bool = False
) -> tuple[tuple[Blame, ...], State]:
    """
    What is known of one resource, or of every part of a composite, and the state; sends no write.

    `git_dir` is the repository that the project is in, when it is not around it; else `GIT_DIR` counts. `offline` asks
    no vendor. Raises `Failure` when nobody knows the address or git cannot be read.
    """
    state = read_state(workspace)
    loaded = workspace.read()
    wanted = loaded.desired.resources
    if address in loaded.places and address not in wanted and not _parts(address, wanted, state):
        raise Invalid("the manifests have problems", loaded.problems)
    with Repository(workspace.project.root, workspace.environ, git_dir) as repository:
        try:
            commits = repository.commits() if repository.open(PROJECT_FILE) else ()
            finder = _Finder(workspace, state, commits, Versions(workspace, repository))
            found = tuple(finder.find(each, offline=offline) for each in _parts(address, wanted, state) or (address,))
        except GitUnusable as unusable:
            raise Failure(str(unusable), help=unusable.help) from None
    if not any(each.fields or each.place or each.id or each.removed for each in found):
        known = sorted({*wanted, *state.records})
        raise Failure(f"no manifest, no commit and no record has the address `{address}`", help=guess(address, known))
    return found, state


def _parts(address: Address, wanted: Mapping[Address, Resource], state: State) -> tuple[Address, ...]:
    """The parts of a composite, as the manifests or the records have them."""
    made = {each for each, resource in wanted.items() if resource.origin == address}
    return tuple(sorted(made or {each for each, record in state.records.items() if record.origin == address}))


class _Finder:
    def __init__(self, workspace: Workspace, state: State, commits: Sequence[Commit], versions: Versions) -> None:
        self._workspace = workspace
        self._loaded = workspace.read()
        self._state = state
        self._commits = commits
        self._versions = versions
        self._origins = Origins(workspace.project)
        self._notes: dict[str, None] = {}

    def find(self, address: Address, *, offline: bool) -> Blame:
        """All of one resource."""
        try:
            shape = shape_of(self._workspace.catalog.traits(address.type))
        except KeyError:
            raise Failure(f"there is no kind `{address.type}`", help="`reconciler schema` knows all kinds") from None
        self._notes = {}

        def taken_apart(document: Document) -> dict[Key, Leaf]:
            return leaves(document, shape)

        wanted = self._loaded.desired.resources
        records = known_as(wanted, self._state.records)
        record, resource = records.get(address), wanted.get(address)
        former = {new: old for old, new in pending(wanted, self._state.records).items()}
        applied = taken_apart(record.applied) if record is not None else {}
        carried = trail(former.get(address, address), applied, self._records(), taken_apart)
        names = tuple(dict.fromkeys((address, *carried.names)))
        present = _version(resource, taken_apart) if resource is not None else None
        blamed = blame(address, present, self._commits, self._versions.looking(taken_apart), lambda _: names[1:])
        self._note(blamed)
        now = renamed_to(carried.last) if carried.last is not None else None
        if now is not None:
            self._notes[f"its object is remembered as `{now}` now: ask for that"] = None
        reality = self._reality(record, taken_apart, offline=offline)
        place = self._loaded.places.get(address)
        facts = _Facts(
            record=record,
            applied=applied,
            trail=carried,
            reality=reality,
            ids={each: its.id for each, its in records.items()},
            taken_apart=taken_apart,
            blamed=blamed,
        )
        fields = tuple(self._fields(address, resource, facts))
        return Blame(
            address=address,
            id=record.id if record is not None else None,
            made=_carried(carried.made) if record is not None else None,
            ended=_carried(carried.last) if record is None else None,
            place=place.start if place is not None else None,
            origin=resource.origin if resource is not None else record.origin if record is not None else None,
            fields=fields,
            renames=tuple(
                Renamed(old=each.old, new=each.new, set_by=_set_by(Setting(commit=each.commit)))
                for each in blamed.renames
            ),
            removed=_set_by(Setting(commit=blamed.removed)),
            retired=record.retired if record is not None else None,
            elsewhere=facts.elsewhere(),
            notes=tuple(self._notes),
        )

    # --- the ledger ---

    def _records(self) -> Iterator[LedgerRecord]:
        """The records, newest first, those included that killed commands could not write yet."""
        backend = self._workspace.backend
        try:
            yield from reversed(backend.owed())
        except (LedgerBroken, BackendError) as broken:
            self._notes[f"the ledger does not tell the latest: {broken}"] = None
        for leaf in backend.ledger(newest_first=True):
            if leaf.record is None:
                self._notes[f"{leaf.name} {leaf.trouble}; it was passed over"] = None
            else:
                yield leaf.record

    def _note(self, blamed: Blamed) -> None:
        if not self._commits:
            self._notes["nothing of the project is committed"] = None
        if any(each.ends for each in blamed.settings.values()):
            self._notes["this clone is shallow: its history ends there, and older commits may have set those"] = None
        if blamed.unreadable:
            named = ", ".join(each[:7] for each in list(blamed.unreadable)[:5])
            more = f" and {len(blamed.unreadable) - 5} more" if len(blamed.unreadable) > 5 else ""
            count = plural(len(blamed.unreadable), "commit")
            self._notes[f"{count} with manifests that cannot be read today passed over: {named}{more}"] = None

    # --- the vendor ---

    def _reality(
        self, record: Record | None, taken_apart: Callable[[Document], dict[Key, Leaf]], *, offline: bool
    ) -> _Reality:
        if record is None or record.id is None:
            return _Reality(otherwise=Vendor.NOTHING)
        if offline:
            return _Reality(otherwise=Vendor.NOT_ASKED)
        workspace = self._workspace
        reader = Reader(
            catalog=workspace.catalog, session=workspace.session, clock=workspace.clock, progress=workspace.progress
        )
        workspace.learn(HERE)
        workspace.progress.phase("reading the vendor")
        alone = replace(self._state, records={record.address: replace(record, retired=None)})
        snapshot = reader.read(Desired({}), alone)
        found = compare(Desired({}), alone, snapshot, workspace.catalog.traits)
        if found.young or found.problems:
            why = "is too young to be listed" if found.young else f"cannot be read: {found.problems[0].message}"
            self._notes[f"the vendor's object {why}; whether it agrees is not known"] = None
            return _Reality(otherwise=Vendor.UNREAD)
        drifted = next(iter(found.objects), None)
        listed = snapshot.objects.get(record.address.type, ())
        observed = next((each.attributes for each in listed if each.id == record.id), None)
        if drifted is not None and drifted.gone:
            return _Reality(otherwise=Vendor.GONE)
        traits = workspace.catalog.traits(record.address.type)
        return _Reality(
            otherwise=Vendor.AGREES,
            moved=_moved(drifted),
            leaves=taken_apart(observed or {}),
            hidden=frozenset(hidden_paths(record.applied, traits)),
            ignored=ignored_paths(record.lifecycle, snapshot.taken),
        )

    # --- the fields ---

    def _fields(self, address: Address, resource: Resource | None, facts: _Facts) -> Iterator[FieldBlame]:
        said: set[Key] = set()
        unapplied = self._unapplied(address, resource, facts.record)
        for key, leaf, resolved in facts.wanted(resource):
            now = facts.applied.get(resolved.key)
            is_applied = now is not None and (
                same(now.value, resolved.value) or not any(_meet(leaf.path, each) for each in unapplied)
            )
            if now is not None:
                said.add(now.key)
            vendor, observed = facts.at_vendor(now)
            origin = self._origin(address, resource, leaf)
            yield FieldBlame(
                path=leaf.path,
                value=leaf.value,
                in_manifest=True,
                place=origin.mark if origin is not None else None,
                variable=origin.variable if origin is not None else None,
                set_by=_set_by(facts.blamed.settings.get(key)),
                is_applied=is_applied,
                carried=_carried(facts.trail.carried.get(now.key)) if now is not None and is_applied else None,
                applied=now.value if now is not None and not is_applied else MISSING,
                tried=None if is_applied else _carried(facts.tried(resolved)),
                vendor=vendor,
                observed=observed,
            )
        for key, leaf in facts.applied.items():
            if key not in said:
                vendor, observed = facts.at_vendor(leaf)
                yield FieldBlame(
                    path=leaf.path,
                    value=leaf.value,
                    in_manifest=False,
                    set_by=_set_by(facts.former_setting(leaf)),
                    is_applied=True,
                    carried=_carried(facts.trail.carried.get(key)),
                    vendor=vendor,
                    observed=observed,
                )

    def _unapplied(self, address: Address, resource: Resource | None, record: Record | None) -> tuple[Path, ...]:
        """Where the manifest says something else than what was applied."""
        if resource is None or record is None:
            return ()
        traits = self._workspace.catalog.traits(address.type)
        records = known_as(self._loaded.desired.resources, self._state.records)
        document = resolve(resource.attributes, lambda each: records[each].id if each in records else None)
        return tuple(each.path for each in differences(document, record.applied, record.applied, traits))

    def _origin(self, address: Address, resource: Resource | None, leaf: Leaf) -> Origin | None:
        place = self._loaded.places.get(address)
        if resource is None or place is None:
            return None
        if resource.origin is not None:  # which field of a composite makes which of a part, only the kind knows
            return Origin(place.start)
        return self._origins.of(place, leaf.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reality:
    """What the vendor has, in `leaves`; `otherwise` is said of every field that nothing else is known of."""

    otherwise: Vendor
    moved: tuple[FieldDrift, ...] = ()
    leaves: Mapping[Key, Leaf] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What is known of one resource before its fields are told."""

    record: Record | None
    applied: Mapping[Key, Leaf]
    trail: Trail
    reality: _Reality
    ids: Mapping[Address, str | None]
    taken_apart: Callable[[Document], dict[Key, Leaf]]
    blamed: Blamed

    def wanted(self, resource: Resource | None) -> Iterator[tuple[Key, Leaf, Leaf]]:
        """The manifest's fields, each also with references as ids, as the state has them."""
        if resource is None:
            return
        resolved = self.taken_apart(resolve(resource.attributes, self.ids.get))
        by_place = {each.place: each for each in resolved.values()}
        for key, leaf in self.taken_apart(resource.attributes).items():
            yield key, leaf, by_place[leaf.place]

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
            if not _meet(each.path, leaf.path):
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
            _meet(moved.path, leaf.path) and not self._agrees(leaf) for leaf in self.applied.values()
        )

    def _added(self, moved: FieldDrift) -> list[Leaf]:
        return [
            leaf
            for key, leaf in self.reality.leaves.items()
            if key not in self.applied and leaf.path[: len(moved.path)] == moved.path
        ]


def _set_by(setting: Setting | None) -> SetBy | None:
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


def _carried(told: Told | None) -> CarriedOut | None:
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


def _version(resource: Resource, taken_apart: Callable[[Document], dict[Key, Leaf]]) -> Version:
    return Version(
        address=resource.address, leaves=taken_apart(resource.attributes), renamed_from=resource.renamed_from
    )


def _moved(drifted: Drift | None) -> tuple[FieldDrift, ...]:
    return tuple(each for each in drifted.fields if each.cause in MOVED) if drifted is not None else ()


def _meet(one: Path, other: Path) -> bool:
    """Whether one of two fields is the other, or holds it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
