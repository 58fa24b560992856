"""`dump`: what exists at the vendors, as manifests that a person could have written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.engine.shape import Shape, shape_of
from reconciler.operations.failures import Failure, Misused
from reconciler.operations.vendors import asking
from reconciler.operations.workspace import Workspace
from reconciler.sdk import Kind, Unreadable
from reconciler.specs.check import complaints
from reconciler.specs.writer import write_manifest
from reconciler.values import (
    HIDDEN,
    Address,
    Document,
    Observed,
    Ref,
    Secret,
    Value,
    dotted,
)
from reconciler.values import Path as ValuePath
from reconciler.values.address import is_name

_LONGEST = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """
    What was written.

    `files` gives the number of manifests in each. `to_fill_in` are dotted paths of what no vendor gives back, by
    address. `passed_over` are objects that were not written, each with the reason, and kinds that cannot be listed.
    """

    files: Mapping[Path, int]
    to_fill_in: Mapping[Address, tuple[str, ...]]
    passed_over: Mapping[str, str]


@dataclass(slots=True)
class _Found:
    """One object with the name that its manifest gets."""

    address: Address
    observed: Observed
    kind: Kind
    spec: dict[str, Value] = field(default_factory=dict)


def dump(workspace: Workspace, folder: Path, kinds: Collection[str] = ()) -> Dumped:
    """
    Write a manifest for every object that is not managed, one file per kind below `folder`.

    `kinds` (`vendor/Kind`) restricts that. Objects that point at one another are connected by name. Sends no write, and
    writes over no file. Raises `Failure` when a file is there already, and what reading the vendors raises.
    """
    types = _types(workspace, kinds)
    state = workspace.backend.load().state
    records = state.records if state is not None else {}
    names = {(each.address.type, id): each.address for each in records.values() for id in each.ids}
    taken = {*records, *workspace.read().desired.resources}
    passed_over: dict[str, str] = {}
    found: list[_Found] = []
    for type in types:
        vendor, _, kind = type.partition("/")
        try:
            with asking():
                objects = _listed(workspace, vendor, kind)
        except _NoList as error:
            passed_over[type] = str(error)
            continue
        for each in sorted(objects, key=lambda each: each.id):
            why = _not_ours_to_write(each, names.get((type, each.id)))
            if why is not None:
                passed_over[f"{type} {each.id}"] = why
                continue
            address = _address(type, each, taken)
            taken.add(address)
            names[type, each.id] = address
            found.append(_Found(address=address, observed=each, kind=workspace.catalog.kind(type)))
    return _write(workspace, folder, found, names, passed_over)


class _NoList(Exception):
    """A kind that cannot be listed here."""


def _listed(workspace: Workspace, vendor: str, kind: str) -> Sequence[Observed]:
    try:
        return workspace.session(vendor).handler(kind).list()
    except Unreadable as error:
        raise _NoList(error.message) from None


def _types(workspace: Workspace, kinds: Collection[str]) -> list[str]:
    known = {
        f"{vendor}/{name}": kind
        for vendor in workspace.project.vendors
        for name, kind in workspace.catalog.kinds(vendor).items()
        if kind.expand is None and not kind.job
    }
    for each in sorted(set(kinds) - set(known)):
        raise Misused(f"`{each}` is no kind that could be written; there are {', '.join(sorted(known))}")
    return sorted(kinds or known)


def _not_ours_to_write(observed: Observed, managed: Address | None) -> str | None:
    if managed is not None:
        return f"managed already, as {managed}"
    if observed.owner is not None:
        owner = observed.owner
        return f"managed by project {owner.project}/{owner.environment}, whose mark it carries"
    return None


def _address(type: str, observed: Observed, taken: Collection[Address]) -> Address:
    """A DNS label made of the object's name, with a number behind it when that is taken."""
    vendor, _, kind = type.partition("/")
    title = observed.attributes.get("name")
    words = re.sub(r"[^a-z0-9]+", "-", str(title or observed.id).lower()).strip("-")
    base = words[: _LONGEST - 5].strip("-") or "unnamed"
    for number in range(1, 100_000):
        name = base if number == 1 else f"{base}-{number}"
        address = Address(vendor, kind, name)
        if address not in taken and is_name(name):
            return address
    raise Failure(f"too many objects of `{type}` are called `{title}`")


def _write(
    workspace: Workspace,
    folder: Path,
    found: list[_Found],
    names: Mapping[tuple[str, str], Address],
    passed_over: dict[str, str],
) -> Dumped:
    texts: dict[Path, list[str]] = {}
    to_fill_in: dict[Address, tuple[str, ...]] = {}
    written: list[_Found] = []
    for each in found:
        _describe(workspace, each, names)
        missing = {path: dotted(path) for path in _fill_in(workspace, each)}
        wrong = [why for path, why in complaints(workspace.catalog, each.address, each.spec) if path not in missing]
        if wrong:
            passed_over[f"{each.address.type} {each.observed.id}"] = f"no manifest can describe it: {'; '.join(wrong)}"
            continue
        written.append(each)
        if missing:
            to_fill_in[each.address] = tuple(missing.values())
    left_out = {each.address for each in found} - {each.address for each in written}
    names = {id: address for id, address in names.items() if address not in left_out}
    for each in written:
        if left_out:
            # A name that no manifest has would be no reference at all.
            _describe(workspace, each, names)
            tuple(_fill_in(workspace, each))
        missing_here = to_fill_in.get(each.address, ())
        comments = [f"{each.observed.id} at {workspace.catalog.provider(each.address.vendor).title}"]
        comments += [f"`{path}` is not given back; fill it in" for path in missing_here]
        path = folder / each.address.vendor / f"{each.address.kind}.yaml"
        texts.setdefault(path, []).append(write_manifest(each.address, each.spec, comments=comments))
    for path in texts:
        if path.exists():
            raise Failure(f"`{path}` exists already", help="name another folder with `--out-dir`")
    for path, documents in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\n".join(documents), encoding="utf-8")
    return Dumped(
        files={path: len(documents) for path, documents in texts.items()},
        to_fill_in=to_fill_in,
        passed_over=passed_over,
    )


def _describe(workspace: Workspace, each: _Found, names: Mapping[tuple[str, str], Address]) -> None:
    """Give the object the spec that a person would have written, less what is to be filled in."""
    shape = shape_of(workspace.catalog.traits(each.address.type))
    each.spec = _without_defaults(_named(each.observed.attributes, shape, names), shape)
    if each.kind.name_field and each.spec.get(each.kind.name_field) == each.address.name:
        del each.spec[each.kind.name_field]


def _named(document: Document, shape: Shape, names: Mapping[tuple[str, str], Address]) -> dict[str, Value]:
    """The document with the names of manifests in place of ids, and without what is hidden or not set."""

    def walk(value: Value, shape: Shape) -> Value:
        if isinstance(value, Mapping):
            kept: dict[str, Value] = {}
            for key, each in value.items():
                rules = shape.child(key)
                if each is None or each is HIDDEN or rules.hidden:
                    continue
                inner = walk(each, rules)
                # What held nothing but what is hidden is itself not known.
                if inner != {} or each == {}:
                    kept[key] = inner
            return kept
        if isinstance(value, tuple):
            return tuple(walk(each, shape.child(index)) for index, each in enumerate(value))
        if shape.reference is not None and isinstance(value, str):
            address = names.get((shape.reference, value))
            return Ref(address) if address is not None else {"id": value}
        return value

    found = walk(document, shape)
    assert isinstance(found, dict)
    return found


def _without_defaults(document: Mapping[str, Value], shape: Shape) -> dict[str, Value]:
    """The document without what the vendor would set by itself."""
    found: dict[str, Value] = {}
    for key, value in document.items():
        rules = shape.child(key)
        if rules.default == value:
            continue
        found[key] = _without_defaults(value, rules) if isinstance(value, Mapping) else value
    return found


def _fill_in(workspace: Workspace, each: _Found) -> Iterator[ValuePath]:
    """
    Put a reference wherever the kind demands what is not given back; gives the paths.

    A secret's is one to the environment. Anything else becomes a value of the project file that nobody has written
    yet, so that no manifest is taken for whole before it is.
    """
    traits = workspace.catalog.traits(each.address.type)
    for path, _ in tuple(complaints(workspace.catalog, each.address, each.spec)):
        steps = tuple(map(str, path))
        if not steps or steps not in traits.secrets | traits.write_only:
            continue
        inner: dict[str, Value] = each.spec
        for step in steps[:-1]:
            below = inner.setdefault(step, {})
            assert isinstance(below, dict)
            inner = below
        words = "_".join((each.address.name, steps[-1]))
        name = re.sub(r"[^A-Z0-9]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).upper())
        if steps in traits.secrets:
            inner[steps[-1]] = Secret(source="env", name=f"RECONCILER_SECRET_{name}")
        else:
            inner[steps[-1]] = {"var": name.lower()}
        yield path
