"""`drift --adopt`: what moved at the vendors is written back into the manifests, and not one byte more."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from reconciler.engine.diff import differences, form, overlaps
from reconciler.engine.drift import MOVED, Drift, FieldDrift
from reconciler.engine.records import ignored_paths, resolve
from reconciler.engine.shape import shape_of
from reconciler.operations.addresses import guess
from reconciler.operations.drift import Found, find_drift
from reconciler.operations.failures import Failure
from reconciler.operations.putting import put
from reconciler.operations.workspace import Workspace
from reconciler.specs import Loaded, environments
from reconciler.specs.adoption import CannotAdopt, Source, adopted, value_at
from reconciler.specs.loader import load
from reconciler.specs.manifests import Manifests
from reconciler.specs.reader import read
from reconciler.specs.splicing import CannotSplice, same, spliced
from reconciler.specs.tree import Tree
from reconciler.values import Address, Mark, Path, Problem, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBack:
    """
    What became of the drift.

    `diffs` are the changes by file, `fields` counts the values in them, and `problems` say what could not be adopted
    and why. `shared` are the other environments that read the same files.
    """

    found: Found
    diffs: Mapping[str, str]
    fields: int
    problems: tuple[Problem, ...]
    shared: tuple[str, ...]


@dataclass(slots=True)
class _File:
    """One file of manifests: its bytes as they were loaded, and as they are to be."""

    name: str
    path: FilePath
    before: bytes
    after: bytes
    adopted: dict[Address, list[Path]] = field(default_factory=dict)


def write_back(workspace: Workspace, addresses: Collection[Address] = (), *, dry_run: bool = False) -> WrittenBack:
    """
    Write what moved at the vendors into the manifests, of these addresses or of all; sends no write.

    A composite's address means its parts. What cannot be adopted is a problem, and the rest goes on. Raises `Invalid`
    when the manifests have mistakes, `Failure` for an address that nothing has, and what `find_drift` raises.
    """
    loaded = workspace.load()
    found = find_drift(workspace)
    chosen = _chosen(found, loaded, addresses)
    adoption = _Adoption(workspace, loaded, found)
    for each in found.drifted.objects:
        if each.address in chosen:
            adoption.adopt(each)
    changed = [file for _, file in sorted(adoption.files.items()) if file.after != file.before]
    problems = [*found.drifted.problems, *adoption.problems]
    fine, wrong = adoption.proven(changed)
    problems += wrong
    diffs: dict[str, str] = {}
    fields = 0
    for file in fine:
        trouble = None if dry_run else _replaced(file)
        if trouble is not None:
            problems.append(trouble)
            continue
        diffs[file.name] = _diff(file)
        fields += sum(map(len, file.adopted.values()))
    return WrittenBack(
        found=found,
        diffs=diffs,
        fields=fields,
        problems=tuple(workspace.place(each) for each in problems),
        shared=tuple(each for each in environments(workspace.project.root) if each != workspace.project.environment),
    )


def _chosen(found: Found, loaded: Loaded, addresses: Collection[Address]) -> frozenset[Address]:
    """The records that are meant, a composite's address as its parts. Raises `Failure` for one that is none."""
    records = found.state.records
    if not addresses:
        return frozenset(records)
    chosen: set[Address] = set()
    for address in addresses:
        parts = {each for each, record in records.items() if address in (each, record.origin)}
        parts |= {each for each, resource in loaded.desired.resources.items() if resource.origin == address}
        parts &= records.keys()
        if not parts:
            raise Failure(f"the state has no record of `{address}`", help=guess(address, records))
        chosen |= parts
    return frozenset(chosen)


class _Adoption:
    """The files as they will be, changed field by field, and every reason why one was not."""

    def __init__(self, workspace: Workspace, loaded: Loaded, found: Found) -> None:
        self._workspace = workspace
        self._loaded = loaded
        self._found = found
        self._records = found.state.records
        self._ids = {address: record.id for address, record in self._records.items()}
        self._names = {
            (record.address.type, id): record.address
            for record in self._records.values()
            for id in record.ids
            if record.address in loaded.desired.resources
        }
        self._read: dict[tuple[str, bytes], Manifests] = {}
        self.files: dict[str, _File] = {}
        self.problems: list[Problem] = []

    def adopt(self, drift: Drift) -> None:
        """Change the text for every field of one object that moved at the vendor."""
        if drift.gone:
            reason = "the object is gone at the vendor, so there is nothing to adopt"
            self._say(drift.address, reason, "remove the manifest, or run `reconciler apply` to make the object again")
            return
        moved = [each for each in drift.fields if each.cause in MOVED]
        resource = self._loaded.desired.resources.get(drift.address)
        if moved and resource is None:
            reason = "it moved at the vendor, and no manifest describes it any more"
            self._say(drift.address, reason, "`reconciler plan` says what becomes of it")
            return
        for each in moved:
            assert resource is not None
            try:
                self._adopt(resource, each)
            except CannotAdopt as why:
                self._say(drift.address, f"it is not adopted: {why.reason}", why.help, each.path)
            except CannotSplice as why:
                self._say(drift.address, f"it is not adopted: {why.reason}", "change it by hand", each.path)

    def _adopt(self, resource: Resource, moved: FieldDrift) -> None:
        address, place = resource.address, self._loaded.places[resource.address]
        traits = self._workspace.catalog.traits(address.type)
        if any(overlaps(moved.path, each) for each in ignored_paths(resource.lifecycle, self._found.taken)):
            raise CannotAdopt("`lifecycle.ignoreChanges` accepts its differences", "nothing is to be done about it")
        file = self._file(place.tree)
        tree = self._tree(file, place.tree)
        before = self._manifests(file, file.after)
        wanted = resolve(before.resources[address].attributes, self._ids.get)
        said, shape = value_at(wanted, moved.path, shape_of(traits))
        if form(said, shape) == form(moved.observed, shape):
            return  # somebody has written it already
        if form(said, shape) != form(moved.applied, shape):
            raise CannotAdopt(
                "the manifest was changed too since the last apply",
                "undo that change to adopt the vendor's, or run `reconciler apply` to overrule it",
            )
        source = Source(tree=tree, overlays=place.overlays, wanted=wanted, traits=traits, names=self._names)
        data = adopted(source, moved.path, moved.observed)
        after = spliced(file.after.decode(), (tree.start.line, tree.start.column), data).encode()
        self._prove(file, after, resource, moved)
        file.after = after
        file.adopted.setdefault(address, []).append(moved.path)

    # --- files ---

    def _file(self, tree: Tree) -> _File:
        if tree.file not in self.files:
            path = (self._workspace.project.root / tree.file).resolve()
            try:
                content = path.read_bytes()
            except OSError as error:
                raise CannotAdopt(f"`{tree.file}` cannot be read: {error.strerror}") from None
            self.files[tree.file] = _File(name=tree.file, path=path, before=content, after=content)
        return self.files[tree.file]

    def _tree(self, file: _File, loaded: Tree) -> Tree:
        """The manifest's document as it is by now: the one with the same number in its file."""
        before = read(file.before, file.name).trees
        numbers = [number for number, tree in enumerate(before) if tree.start == loaded.start]
        if not numbers or not same(before[numbers[0]].data, loaded.data):
            raise CannotAdopt(f"`{file.name}` has changed since it was read", "run the command again")
        return read(file.after, file.name).trees[numbers[0]]

    def _manifests(self, file: _File, content: bytes) -> Manifests:
        """What one file says with this content, by itself."""
        if (file.name, content) not in self._read:
            manifests = Manifests(
                self._workspace.project,
                self._workspace.catalog,
                contents={file.name: content},
                outputs=self._workspace.outputs,
            )
            manifests.read([file.name])
            self._read[file.name, content] = manifests
        return self._read[file.name, content]

    # --- proofs ---

    def _prove(self, file: _File, content: bytes, resource: Resource, moved: FieldDrift) -> None:
        """Raise `CannotAdopt` unless the new text changes this field alone, to what the vendor reports."""
        address, traits = resource.address, self._workspace.catalog.traits(resource.address.type)
        before, after = self._manifests(file, file.after), self._manifests(file, content)
        part = f" of `{resource.origin}`" if resource.origin is not None else ""
        new = _new_problems(before.problems, after.problems)
        if new:
            raise CannotAdopt(f"the manifest{part} would be wrong: {new[0].message}")
        others = sorted(_changed(before.resources, after.resources) - {address})
        if others:
            names = ", ".join(f"`{each}`" for each in others)
            raise CannotAdopt(f"the field{part} that says it changes {names} too")
        if address not in after.resources:
            raise CannotAdopt(f"the manifest{part} would not describe it any more")
        said, says = (resolve(each.resources[address].attributes, self._ids.get) for each in (before, after))
        record, observed = self._records[address], self._found.objects[address.type, str(self._ids[address])]
        beside = [each for each in differences(says, said, said, traits) if not _covers(each.path, moved.path)]
        ignored = ignored_paths(resource.lifecycle, self._found.taken)
        left = [
            each
            for each in differences(says, record.applied, observed, traits, ignored=ignored)
            if _covers(each.path, moved.path)
        ]
        if beside or left:
            raise CannotAdopt(f"no field{part} says exactly this")

    def proven(self, files: Collection[_File]) -> tuple[list[_File], list[Problem]]:
        """The files with which nothing else in the project changes, and what is wrong with the others."""
        if not files or not self._wrong(files):
            return list(files), []
        fine: list[_File] = []
        problems: list[Problem] = []
        for file in files:
            wrong = self._wrong([*fine, file])
            if not wrong:
                fine.append(file)
                continue
            message = f"`{file.name}` is not written: with what moved, {wrong}"
            problems.append(Problem(code="not-adopted", message=message, mark=Mark(file.name, 1, 1)))
        return fine, problems

    def _wrong(self, files: Collection[_File]) -> str:
        """What would be wrong with the project if these files were written; empty when nothing."""
        after = load(
            self._workspace.project,
            self._workspace.catalog,
            now=self._found.taken,
            contents={file.name: file.after for file in files},
            outputs=self._workspace.outputs,
        )
        new = _new_problems(self._loaded.problems, after.problems)
        if new:
            return f"the manifests have a new problem: {new[0].message}"
        meant = {address for file in files for address in file.adopted}
        others = sorted(_changed(self._loaded.desired.resources, after.desired.resources) - meant)
        return f"`{others[0]}` changes too" if others else ""

    def _say(self, address: Address, message: str, help: str, path: Path = ()) -> None:
        self.problems.append(Problem(code="not-adopted", message=message, address=address, path=path, help=help))


def _new_problems(before: Iterable[Problem], after: Iterable[Problem]) -> list[Problem]:
    known = {(each.code, each.message, each.address, each.path) for each in before}
    return [each for each in after if (each.code, each.message, each.address, each.path) not in known]


def _changed(before: Mapping[Address, Resource], after: Mapping[Address, Resource]) -> set[Address]:
    """The addresses at which something other than the place differs."""

    def bare(resource: Resource | None) -> Resource | None:
        return replace(resource, mark=None) if resource is not None else None

    return {each for each in {*before, *after} if bare(before.get(each)) != bare(after.get(each))}


def _covers(path: Path, other: Path) -> bool:
    """Whether one of the two fields is the other, or lies in it."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


# --- writing ---


def _replaced(file: _File) -> Problem | None:
    """Put the new content in the file's place, all of it or nothing; a problem when that cannot be."""
    where = Mark(file.name, 1, 1)
    try:
        if file.path.read_bytes() != file.before:
            message = f"`{file.name}` has changed since it was read, and is not written"
            return Problem(code="not-adopted", message=message, mark=where, help="run the command again")
        if not os.access(file.path, os.W_OK):
            return Problem(code="not-adopted", message=f"`{file.name}` may not be written", mark=where)
        put(file.path, file.after)
    except OSError as error:
        message = f"`{file.name}` cannot be written: {(error.strerror or 'unknown reason').lower()}"
        return Problem(code="not-adopted", message=message, mark=where)
    return None


def _diff(file: _File) -> str:
    """The change as a unified diff."""
    before, after = (content.decode().split("\n") for content in (file.before, file.after))
    lines = [
        f"{line}\n" if number + 1 < len(part) else f"{line}\n\\ No newline at end of file\n"
        for part in (before, after)
        for number, line in enumerate(part)
        if line or number + 1 < len(part)
    ]
    count = len(before) - (not before[-1])
    return "".join(difflib.unified_diff(lines[:count], lines[count:], f"a/{file.name}", f"b/{file.name}"))
