"""`blame`: who set each field of a resource, which apply carried it out, and whether reality still agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

from reconciler.backend import BackendError, LedgerBroken
from reconciler.engine.diff import differences
from reconciler.engine.drift import drift as compare
from reconciler.engine.records import ignored_paths
from reconciler.engine.renames import known_as, pending
from reconciler.engine.shape import hidden_paths, shape_of
from reconciler.history.blame import Blamed, Setting, blame
from reconciler.history.fields import Key, Leaf, leaves, same
from reconciler.history.git import Commit, GitUnusable, Repository
from reconciler.history.trail import renamed_to, trail
from reconciler.operations.addresses import guess
from reconciler.operations.blame_facts import Facts, Reality, carried_out, meet, moved_fields, set_by, version_of
from reconciler.operations.failures import Failure, Invalid
from reconciler.operations.plan import HERE
from reconciler.operations.reading import Reader
from reconciler.operations.state import read_state
from reconciler.operations.versions import Versions
from reconciler.operations.workspace import Workspace
from reconciler.reports.blame_text import Blame, FieldBlame, Renamed, Vendor
from reconciler.reports.escape import plural
from reconciler.specs import PROJECT_FILE
from reconciler.specs.origin import Origin, Origins
from reconciler.values import MISSING, Address, Desired, Document, Path, Record, Resource, State
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
        help = guess(address, sorted({*wanted, *state.records}))
        if workspace.catalog.kind(address.type).expand is not None:  # of what is gone nobody knows the parts
            help = f"`{address.type}` stands for its parts: ask for one of those by its address"
        raise Failure(f"no manifest, no commit and no record has the address `{address}`", help=help)
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
        present = version_of(resource, taken_apart) if resource is not None else None
        blamed = blame(address, present, self._commits, self._versions.looking(taken_apart), lambda _: names[1:])
        self._note(blamed)
        now = renamed_to(carried.last) if carried.last is not None else None
        if now is not None:
            self._notes[f"its object is remembered as `{now}` now: ask for that"] = None
        reality = self._reality(record, resource, taken_apart, offline=offline)
        place = self._loaded.places.get(address)
        facts = Facts(
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
            made=carried_out(carried.made) if record is not None else None,
            ended=carried_out(carried.last) if record is None else None,
            place=place.start if place is not None else None,
            origin=resource.origin if resource is not None else record.origin if record is not None else None,
            fields=fields,
            renames=tuple(
                Renamed(old=each.old, new=each.new, set_by=set_by(Setting(commit=each.commit)))
                for each in blamed.renames
            ),
            removed=set_by(Setting(commit=blamed.removed)),
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
        self,
        record: Record | None,
        resource: Resource | None,
        taken_apart: Callable[[Document], dict[Key, Leaf]],
        *,
        offline: bool,
    ) -> Reality:
        if record is None or record.id is None:
            return Reality(otherwise=Vendor.NOTHING)
        if offline:
            return Reality(otherwise=Vendor.NOT_ASKED)
        workspace = self._workspace
        reader = Reader(
            catalog=workspace.catalog, session=workspace.session, clock=workspace.clock, progress=workspace.progress
        )
        workspace.learn(HERE)
        workspace.progress.phase("reading the vendor")
        alone = replace(self._state, records={record.address: replace(record, retired=None)})
        try:
            snapshot = reader.read(Desired({record.address: resource} if resource is not None else {}), alone)
        except Invalid as invalid:
            self._notes[f"the vendor does not have what the manifest names: {invalid}"] = None
            snapshot = reader.read(Desired({}), alone)
        found = compare(Desired({}), alone, snapshot, workspace.catalog.traits)
        if found.young or found.problems:
            why = "is too young to be listed" if found.young else f"cannot be read: {found.problems[0].message}"
            self._notes[f"the vendor's object {why}; whether it agrees is not known"] = None
            return Reality(otherwise=Vendor.UNREAD)
        drifted = next(iter(found.objects), None)
        listed = snapshot.objects.get(record.address.type, ())
        observed = next((each.attributes for each in listed if each.id == record.id), None)
        if drifted is not None and drifted.gone:
            return Reality(otherwise=Vendor.GONE)
        traits = workspace.catalog.traits(record.address.type)
        return Reality(
            otherwise=Vendor.AGREES,
            moved=moved_fields(drifted),
            wanted=snapshot.resolved.get(record.address),
            leaves=taken_apart(observed or {}),
            hidden=frozenset(hidden_paths(record.applied, traits)),
            ignored=ignored_paths(record.lifecycle, snapshot.taken),
        )

    # --- the fields ---

    def _fields(self, address: Address, resource: Resource | None, facts: Facts) -> Iterator[FieldBlame]:
        said: set[Key] = set()
        unapplied = self._unapplied(address, resource, facts)
        for key, leaf, resolved in facts.wanted(resource):
            now = facts.applied.get(resolved.key)
            is_applied: bool | None = now is not None and (
                same(now.value, resolved.value) or not any(meet(resolved.path, each) for each in unapplied)
            )
            named = facts.named_instead(leaf, resource) if now is None else None
            if named is not None:  # a name, of which the vendor alone knows what it stands for
                now, is_applied = named, None
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
                set_by=set_by(facts.blamed.settings.get(key)),
                is_applied=is_applied,
                carried=carried_out(facts.trail.carried.get(now.key)) if now is not None and is_applied else None,
                applied=now.value if now is not None and is_applied is False else MISSING,
                tried=None if is_applied else carried_out(facts.tried(resolved)),
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
                    set_by=set_by(facts.former_setting(leaf)),
                    is_applied=True,
                    carried=carried_out(facts.trail.carried.get(key)),
                    vendor=vendor,
                    observed=observed,
                )

    def _unapplied(self, address: Address, resource: Resource | None, facts: Facts) -> tuple[Path, ...]:
        """Where the manifest says something else than what was applied."""
        record = facts.record
        if resource is None or record is None:
            return ()
        traits, document = self._workspace.catalog.traits(address.type), facts.document(resource)
        return tuple(each.path for each in differences(document, record.applied, record.applied, traits))

    def _origin(self, address: Address, resource: Resource | None, leaf: Leaf) -> Origin | None:
        place = self._loaded.places.get(address)
        if resource is None or place is None:
            return None
        if resource.origin is not None:
            return self._origins.of_part(place, leaf.place, leaf.value)
        return self._origins.of(place, leaf.place)
