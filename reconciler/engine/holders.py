"""Who points at what: nothing goes while something that stays still points at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from reconciler.engine.shape import Shape, pointed_ids, shape_of
from reconciler.values import Action, Address, Change, Observed, Path, Problem, Snapshot, Traits, Value


def still_needed(
    changes: Iterable[Change],
    snapshot: Snapshot,
    traits_of: Callable[[str], Traits],
    recorded: Mapping[tuple[str, str], Address],
    selected: Collection[Address],
) -> Iterator[Problem]:
    """
    A problem for every object that would be deleted while one that these changes leave as it is points at it.

    `recorded` is the address of every object that is remembered, by type and id; `selected` are the addresses that
    the plan may touch.
    """
    listed = tuple(changes)
    going = {
        (change.address.type, change.id): change
        for change in listed
        if change.action in {Action.DELETE, Action.REPLACE} and change.id is not None
    }
    if not going:
        return
    updated = {(change.address.type, change.id): change for change in listed if change.action is Action.UPDATE}
    for type, objects in sorted(snapshot.objects.items()):
        traits = traits_of(type)
        if traits.job:
            continue  # what a job once used, it does not hold
        shape = shape_of(traits)
        for each in objects:
            if (type, each.id) in going:
                continue
            for pointed in _held(each, updated.get((type, each.id)), shape):
                if pointed in going:
                    yield _problem(going[pointed], type, each, recorded.get((type, each.id)), selected)


def _held(holder: Observed, update: Change | None, shape: Shape) -> list[tuple[str, str]]:
    """(type, id) of what the object points at once it is updated, sorted."""
    held = Counter(pointed_ids(holder.attributes, shape))
    for field in update.fields if update is not None else ():
        if not field.hidden:
            held.subtract(_pointed_within(field.before, field.path, shape))
            held.update(_pointed_within(field.after, field.path, shape))
    return sorted(+held)


def _pointed_within(value: Value, path: Path, shape: Shape) -> Iterator[tuple[str, str]]:
    """What the field at this path points at with this value."""
    for step in path:
        shape = shape.child(step)
    return pointed_ids(value, shape)


def _problem(
    change: Change, type: str, holder: Observed, known: Address | None, selected: Collection[Address]
) -> Problem:
    if known is None:
        who, what = f"`{holder.id}` ({type}, not managed here)", "change that object at the vendor first"
    elif known in selected:
        who, what = f"`{known}`", f"delete or change `{known}` too; it was left as it is by its `lifecycle`"
    else:
        who, what = f"`{known}`", f"add `--target {known}`"
    message = f"`{change.id}` would be deleted while {who} points at it"
    return Problem(code="still-needed", message=message, address=change.address, help=what)
