"""
Which commit set each field of a resource: walked from the present version back along the commits' parents.

A field belongs to the oldest commit from which on it has had its value without a break. How the value was written,
in which file and under which name the resource stood then, makes no difference.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.history.fields import Key, Leaf, same
from reconciler.history.git import Commit
from reconciler.values import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What the manifests of one commit say of a resource; `renamed_from` is the former address that they name."""

    address: Address
    leaves: Mapping[Key, Leaf]
    renamed_from: Address | None = None


class Unreadable(enum.Enum):
    """The manifests of a commit cannot be read, so nobody knows whether they describe the resource."""

    UNREADABLE = "unreadable"


UNREADABLE = Unreadable.UNREADABLE


class Look(Protocol):
    """What the manifests of a commit say of an address; `None` when they do not describe it."""

    def __call__(self, commit: Commit, address: Address) -> Version | Unreadable | None:
        """The version."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    Since when a field has its value: since `commit`, or not committed when that is `None`.

    With `ends` the history of this clone ends at the commit: it may have been set before.
    """

    commit: Commit | None
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """The commit in which a resource got the name that it had from then on; `None` when it is not committed."""

    commit: Commit | None
    old: Address
    new: Address


@dataclass(slots=True, kw_only=True)
class Blamed:
    """
    What the walk has found.

    `version` is the one whose fields were followed: the present one, or the last before `removed` took the manifest
    away. `unreadable` are the commits whose manifests could not be read; they were passed over.
    """

    version: Version | None = None
    settings: dict[Key, Setting] = field(default_factory=dict)
    renames: list[Rename] = field(default_factory=list)
    removed: Commit | None = None
    unreadable: dict[str, Commit] = field(default_factory=dict)


def blame(
    address: Address,
    present: Version | None,
    commits: Sequence[Commit],
    look: Look,
    former: Callable[[Address], Iterable[Address]] = lambda _address: (),
) -> Blamed:
    """
    Follow every field of the present version, which need not be committed, back to the commit that set it.

    `commits` stand before their parents, the newest first; without a present version the last one that there was
    counts. `former` gives names that an address is known to have had, where no manifest says it.
    """
    return _Walk(commits, look, former).walk(address, present)


class _Walk:
    def __init__(self, commits: Sequence[Commit], look: Look, former: Callable[[Address], Iterable[Address]]) -> None:
        self._commits = commits
        self._by_id = {each.id: each for each in commits}
        self._look = look
        self._former = former
        self._found = Blamed()
        self._waiting: dict[str, dict[Address, dict[Key, Leaf]]] = {}

    def walk(self, address: Address, present: Version | None) -> Blamed:
        first = self._commits[:1]
        if present is None:
            present, first = self._last(address)
        if present is None:
            return self._found
        self._found.version = present
        if self._found.removed is None:
            self._pass_back(None, present, dict(present.leaves), first)
        else:
            self._waiting = {first[0].id: {present.address: dict(present.leaves)}}
        for commit in self._commits:
            for name, pending in self._waiting.pop(commit.id, {}).items():
                version = self._at(commit, name)
                assert isinstance(version, Version)  # it was looked at when the fields were handed to it
                parents = [self._by_id[each] for each in commit.parents if each in self._by_id]
                self._pass_back(commit, version, pending, parents)
        return self._found

    def _last(self, address: Address) -> tuple[Version | None, Sequence[Commit]]:
        """The newest version of a resource that is not described any more, and the commit that holds it."""
        after: dict[str, Commit] = {}
        for commit in self._commits:
            version = self._at(commit, address)
            if isinstance(version, Version):
                self._found.removed = after.get(commit.id)
                return version, (commit,)
            for each in commit.parents:
                after.setdefault(each, after[commit.id] if version is UNREADABLE and commit.id in after else commit)
        return None, ()

    def _at(self, commit: Commit, address: Address) -> Version | Unreadable | None:
        version = self._look(commit, address)
        if version is UNREADABLE:
            self._found.unreadable[commit.id] = commit
        return version

    def _pass_back(
        self, commit: Commit | None, version: Version, pending: dict[Key, Leaf], parents: Sequence[Commit]
    ) -> None:
        """Hand each field to the first parent that says the same of it; what none says was set here."""
        for parent, before in self._before(commit, version, parents):
            kept = {
                key: leaf
                for key, leaf in pending.items()
                if key in before.leaves and same(before.leaves[key].value, leaf.value)
            }
            if before.address != version.address:
                self._rename(Rename(commit=commit, old=before.address, new=version.address))
            if kept:
                self._waiting.setdefault(parent.id, {}).setdefault(before.address, {}).update(kept)
                pending = {key: leaf for key, leaf in pending.items() if key not in kept}
        setting = Setting(commit=commit, ends=commit is not None and commit.ends)
        self._found.settings.update(dict.fromkeys(pending, setting))

    def _before(
        self, commit: Commit | None, version: Version, parents: Sequence[Commit]
    ) -> Iterable[tuple[Commit, Version]]:
        """The versions that came before, each once; a commit that cannot be read gives way to its own parents."""
        waiting, seen = list(parents), set[str]()
        while waiting:
            parent = waiting.pop(0)
            if parent.id in seen:
                continue
            seen.add(parent.id)
            found = self._known(commit, parent, version)
            if found is UNREADABLE:
                waiting += [self._by_id[each] for each in parent.parents if each in self._by_id]
            elif isinstance(found, Version):
                yield parent, found

    def _known(self, commit: Commit | None, parent: Commit, version: Version) -> Version | Unreadable | None:
        """What the parent says of the resource, by its present name or one that it had."""
        found = self._at(parent, version.address)
        if found is not None:
            return found
        named = (version.renamed_from,) if version.renamed_from is not None else ()
        for old in dict.fromkeys((*named, *self._former(version.address))):
            found = self._at(parent, old)
            if found is not None and (commit is None or self._at(commit, old) is None):
                return found
        return None

    def _rename(self, rename: Rename) -> None:
        if (rename.old, rename.new) not in {(each.old, each.new) for each in self._found.renames}:
            self._found.renames.append(rename)
