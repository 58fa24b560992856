"""
The order of steps: creations as early and deletions as late as the dependencies allow.

A deletion waits until everybody who points at the object has let go of it. A replacement makes the new object
first, unless its change says otherwise.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.engine.graph import cycle
from reconciler.engine.shape import references
from reconciler.values import Action, Address, Change, Step, Verb

_ALONE: Mapping[Action, Verb] = {
    Action.CREATE: Verb.CREATE,
    Action.UPDATE: Verb.UPDATE,
    Action.RUN: Verb.RUN,
    Action.DISABLE: Verb.DISABLE,
    Action.RETIRE: Verb.RECORD,
    Action.FORGET: Verb.RECORD,
    Action.RECORD: Verb.RECORD,
    Action.RECOVER: Verb.RECORD,
    Action.IMPORT: Verb.RECORD,
}
_RANK: Mapping[Verb, int] = {verb: rank for rank, verb in enumerate(Verb)}


def step_name(verb: Verb, address: Address, id: str | None = None) -> str:
    """What a step is called; one that ends an object names it too, since one address may lose several."""
    return f"{verb.value} {address}" if id is None else f"{verb.value} {address} {id}"


def steps(changes: Iterable[Change]) -> tuple[Step, ...]:
    """
    The steps of these changes with what each waits for, sorted by name.

    No order among them is promised beyond `after`; a cycle is possible only through deletions that come first.
    """
    listed = tuple(changes)
    found: dict[str, Step] = {}
    makes: dict[Address, str] = {}
    keeps: dict[Address, str] = {}
    removes: dict[Address, list[str]] = {}
    for change in listed:
        for step in _own_steps(change):
            found[step.name] = step
            if step.verb is Verb.DELETE:
                removes.setdefault(change.address, []).append(step.name)
            elif step.verb in {Verb.CREATE, Verb.UPDATE, Verb.RUN}:
                makes[change.address] = step.name
            elif step.verb is Verb.RECORD and change.resource is not None:
                keeps[change.address] = step.name
    waits: dict[str, set[str]] = {name: set(step.after) for name, step in found.items()}
    for change in listed:
        _after_needs(change, makes.get(change.address) or keeps.get(change.address), makes, waits)
        _remove_after_holders(change, makes, removes, waits)
    return tuple(replace(found[name], after=tuple(sorted(waits[name]))) for name in sorted(found))


def _own_steps(change: Change) -> tuple[Step, ...]:
    address = change.address
    if change.action in _ALONE:
        verb = _ALONE[change.action]
        ended = change.id if change.action is Action.FORGET else None
        return (Step(name=step_name(verb, address, ended), address=address, verb=verb, id=change.id),)
    if change.action is Action.DELETE:
        return (_removal(change, change.id),)
    if change.action is Action.REPLACE:
        name = step_name(Verb.CREATE, address)
        removal = _removal(change, change.id)
        if change.delete_first:
            return (removal, Step(name=name, address=address, verb=Verb.CREATE, after=(removal.name,)))
        return (Step(name=name, address=address, verb=Verb.CREATE), replace(removal, after=(name,)))
    return ()


def _removal(change: Change, id: str | None) -> Step:
    name = step_name(Verb.DELETE, change.address, id)
    return Step(name=name, address=change.address, verb=Verb.DELETE, id=id)


def _after_needs(change: Change, step: str | None, makes: Mapping[Address, str], waits: dict[str, set[str]]) -> None:
    """A document is sent, or remembered, when the ids in it are known."""
    if change.resource is not None and step is not None:
        for needed in references(change.resource.attributes):
            if needed in makes and needed != change.address:
                waits[step].add(makes[needed])


def _remove_after_holders(
    change: Change, makes: Mapping[Address, str], removes: Mapping[Address, list[str]], waits: dict[str, set[str]]
) -> None:
    """The object of this change points at others: whoever of them goes, goes after this object has let go."""
    if change.action is Action.DELETE or change.action is Action.REPLACE:
        letting_go = step_name(Verb.DELETE, change.address, change.id)
    elif change.address in makes and change.action is Action.UPDATE:
        letting_go = makes[change.address]
    else:
        return
    for needed in change.points_at:
        if needed != change.address:
            for removal in removes.get(needed, ()):
                waits[removal].add(letting_go)


def deadlock(found: Iterable[Step]) -> tuple[str, ...]:
    """The names of steps that wait for each other, as a path back to the first; empty when all can run."""
    listed = tuple(found)
    schedule = Schedule(listed)
    left = {step.name for step in listed}
    while (step := schedule.next()) is not None:
        schedule.succeeded(step)
        left.discard(step.name)
    return cycle({step.name: left.intersection(step.after) for step in listed if step.name in left}) if left else ()


class Schedule:
    """
    Which steps may start now. Not thread-safe: one thread asks and tells.

    Creations come before updates, deletions last, names decide between equals.
    """

    def __init__(self, found: Iterable[Step]) -> None:
        self._steps = {step.name: step for step in found}
        self._waits = {name: set(step.after) for name, step in self._steps.items()}
        self._followers: dict[str, list[str]] = {}
        for step in self._steps.values():
            for earlier in step.after:
                self._followers.setdefault(earlier, []).append(step.name)
        self._ready: list[tuple[int, str]] = []
        self._skipped: set[str] = set()
        for name, waits in self._waits.items():
            if not waits:
                self._offer(name)

    def _offer(self, name: str) -> None:
        heapq.heappush(self._ready, (_RANK[self._steps[name].verb], name))

    def next(self) -> Step | None:
        """A step whose predecessors have all succeeded, each given out once; `None` when there is none now."""
        return self._steps[heapq.heappop(self._ready)[1]] if self._ready else None

    def succeeded(self, step: Step) -> None:
        """The step is done; what waited only for it becomes ready."""
        for name in self._followers.get(step.name, ()):
            self._waits[name].discard(step.name)
            if not self._waits[name]:
                self._offer(name)

    def failed(self, step: Step) -> tuple[Step, ...]:
        """The step did not succeed: returns all that depends on it and is skipped now, sorted by name."""
        lost: set[str] = set()
        waiting = [step.name]
        while waiting:
            for name in self._followers.get(waiting.pop(), ()):
                if name not in lost and name not in self._skipped:
                    lost.add(name)
                    waiting.append(name)
        self._skipped |= lost
        return tuple(self._steps[name] for name in sorted(lost))
