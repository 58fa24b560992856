"""What can only be seen with all manifests at hand: references that lead nowhere, circles, objects described twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.specs.place import Place
from reconciler.specs.words import called, near_miss
from reconciler.values import MISSING, Address, Path, Problem, Ref, Resource, Traits, Value


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of one resource that names another."""

    holder: Address
    path: Path
    target: Address


@dataclass(frozen=True, slots=True)
class Rename:
    """The manifest `new`, written at `place`, says that its object was called `old`."""

    old: Address
    new: Address
    place: Place


def rename_clashes(renames: Iterable[Rename], places: Mapping[Address, Place]) -> Iterator[Problem]:
    """A problem for every manifest that claims the object of one that is still there, or of one that another claims."""
    claimed: dict[Address, Rename] = {}
    wrong: set[Address] = set()
    for each in renames:
        other = claimed.setdefault(each.old, each)
        if each.new in wrong or (other is each and each.old not in places):
            continue
        wrong.add(each.new)
        if each.old in places:
            why = f"`{each.old}`, which is still described at {places[each.old].mark(('metadata', 'name'))}"
        else:
            why = f"`{each.old}`, and so does `{other.new}` at {other.place.mark(('metadata', 'renamedFrom'))}"
        yield Problem(
            code="rename-clash",
            message=f"`renamedFrom` claims the object of {why}",
            mark=each.place.mark(("metadata", "renamedFrom")),
            address=each.new,
            help="an object has one manifest; remove one of the two, or this `renamedFrom`",
        )


def references_in(value: Value, path: Path = ()) -> Iterator[tuple[Path, Address]]:
    """Every reference within the value."""
    if isinstance(value, Ref):
        yield path, value.to
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from references_in(each, (*path, key))
    elif isinstance(value, tuple):
        for position, each in enumerate(value):
            yield from references_in(each, (*path, position))


def unknown_reference(reference: Reference, known: Iterable[Address]) -> Problem:
    """The problem for a reference that no manifest answers."""
    target = reference.target
    names = [each.name for each in known if each.vendor == target.vendor and each.kind == target.kind]
    near = near_miss(target.name, names)
    unmanaged = "o use an object that is not managed here, write `{id: …}`"
    return Problem(
        code="unknown-reference",
        message=f"`{called(reference.path)}` names `{target.name}`, but no `{target.type}` has that name",
        address=reference.holder,
        path=reference.path,
        help=f"did you mean `{near}`? T{unmanaged}" if near else f"t{unmanaged}",
    )


def circles(references: Iterable[Reference]) -> list[Problem]:
    """One problem per circle of references, at its first member; not recursive."""
    edges: dict[Address, list[Reference]] = {}
    for each in sorted(references, key=lambda each: (each.holder, each.target, str(each.path))):
        edges.setdefault(each.holder, []).append(each)
    found: dict[frozenset[Address], Problem] = {}
    done: set[Address] = set()
    for start, first in edges.items():
        if start in done:
            continue
        trail: list[Reference] = []
        on_trail = {start: 0}
        waiting: list[Iterator[Reference]] = [iter(first)]
        while waiting:
            reference = next(waiting[-1], None)
            if reference is None:
                waiting.pop()
                done.add(trail.pop().target if trail else start)
                if waiting:
                    on_trail.popitem()
            elif reference.target in on_trail:
                circle = [*trail[on_trail[reference.target] :], reference]
                found.setdefault(frozenset(each.holder for each in circle), _circle(circle))
            elif reference.target not in done and reference.target in edges:
                trail.append(reference)
                on_trail[reference.target] = len(trail)
                waiting.append(iter(edges[reference.target]))
    return list(found.values())


def _circle(circle: list[Reference]) -> Problem:
    first = min(range(len(circle)), key=lambda position: circle[position].holder)
    turned = [*circle[first:], *circle[:first]]
    names = " → ".join(str(each.holder) for each in (*turned, turned[0]))
    return Problem(
        code="reference-cycle",
        message=f"these manifests need each other: {names}",
        address=turned[0].holder,
        path=turned[0].path,
        help="remove one of the references, or write `{id: …}` for an object that exists",
    )


def natural_key(resource: Resource, traits: Traits) -> tuple[Value, ...] | None:
    """The values by which such an object is told apart at the vendor; `None` when there are none."""
    values = tuple(_at(resource.attributes, path) for path in traits.natural_key)
    return values if any(each is not MISSING for each in values) else None


def same_object(resource: Resource, other: Resource, traits: Traits) -> Problem:
    """The problem for two manifests that the vendor's lists could not tell apart."""
    fields = ", ".join(f"`spec.{'.'.join(each)}`" for each in traits.natural_key)
    where = f" at {other.mark}" if other.mark else ""
    return Problem(
        code="same-object",
        message=f"`{other.address}`{where} describes the same object: {fields} agree",
        address=resource.address,
        help="objects of this kind are told apart by these fields alone; change one of them",
    )


def _at(value: Value, path: tuple[str, ...]) -> Value:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = value[step]
    return value
