"""`import`: objects that exist at the vendors come under the management of manifests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reconciler.backend import Journal
from reconciler.engine.diff import agree, has_unknown
from reconciler.engine.graph import in_order
from reconciler.engine.records import made, resolve, with_reply
from reconciler.engine.recovery import may_be, natural_key
from reconciler.engine.shape import hidden_paths, references
from reconciler.operations.addresses import guess
from reconciler.operations.failures import Failure, Misused
from reconciler.operations.vendors import asking
from reconciler.operations.workspace import Workspace
from reconciler.values import (
    Address,
    Document,
    Observed,
    Record,
    Resource,
    Settlement,
    SettlementStatus,
    State,
    Value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """
    One object that is managed from now on.

    `unseen` are dotted paths of what the vendor does not give back: it is taken for what the manifest says.
    """

    id: str
    record: Record
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllAdopted:
    """What `import --all` found: what is managed now, and the manifests for which there was no one object."""

    adopted: tuple[Adopted, ...]
    left: Mapping[Address, str]


def adopt(workspace: Workspace, address: Address, id: str, *, lock_timeout: float = 0.0) -> Adopted:
    """
    Record the object `id` under `address`; writes nothing to the vendor.

    Its manifest must exist. Raises `Failure` when the address or the object is managed already, the object does not
    exist, or somebody else's mark is on it.
    """
    desired = workspace.load().desired.resources
    resource = desired.get(address)
    if resource is None:
        raise Failure(
            f"no manifest describes `{address}`",
            help=f"write its manifest first, then import the object; {guess(address, desired)}",
        )
    with workspace.locked("import", timeout=lock_timeout) as journal:
        _refuse_managed(journal.state, address, id)
        workspace.session(address.vendor).handler(address.kind).concern([resource.attributes])
        observed = _read(workspace, address, id)
        _refuse_owned(workspace, observed)
        adopted = _record(workspace, journal, resource, observed)
        journal.compact()
    return adopted


def adopt_all(workspace: Workspace, kinds: Collection[str] = (), *, lock_timeout: float = 0.0) -> AllAdopted:
    """
    Record, under every manifest that has no object yet, the one object at the vendor that is as it says.

    `kinds` (`vendor/Kind`) restricts that. An object that agrees in every field goes before one that has only the same
    natural key. Of several, none is taken: `left` says why. Objects with anybody's mark are passed over. Writes nothing
    to the vendors.
    """
    known = {f"{vendor}/{kind}" for vendor in workspace.catalog.names for kind in workspace.catalog.kinds(vendor)}
    for each in sorted(set(kinds) - known):
        raise Misused(f"there is no kind `{each}`; write `vendor/Kind`, such as `didomi/Destination`")
    resources = workspace.load().desired.resources
    adopted: list[Adopted] = []
    left: dict[Address, str] = {}
    objects: dict[str, list[Observed]] = {}
    with workspace.locked("import", timeout=lock_timeout) as journal:
        for address in in_order({each: references(resource.attributes) for each, resource in resources.items()}):
            if address in journal.state.records or (kinds and address.type not in kinds):
                continue
            if address.type not in objects:
                objects[address.type] = _unmanaged(workspace, journal.state, address)
            resource = resources[address]
            found, why = _match(workspace, journal.state, resource, objects[address.type])
            if found is None:
                left[address] = why
                continue
            objects[address.type].remove(found)
            adopted.append(_record(workspace, journal, resource, found))
        journal.compact()
    return AllAdopted(adopted=tuple(adopted), left=left)


def _unmanaged(workspace: Workspace, state: State, address: Address) -> list[Observed]:
    taken = {id for record in state.records.values() if record.address.type == address.type for id in record.ids}
    handler = workspace.session(address.vendor).handler(address.kind)
    resources = workspace.load().desired.resources.values()
    handler.concern(tuple(each.attributes for each in resources if each.address.type == address.type))
    with asking():
        found = handler.list()
    return [each for each in found if each.id not in taken and each.owner is None]


def _match(
    workspace: Workspace, state: State, resource: Resource, objects: Sequence[Observed]
) -> tuple[Observed | None, str]:
    """The one object that the manifest describes, or why there is none."""
    traits = workspace.catalog.traits(resource.address.type)
    alike = []
    same = []
    written = natural_key(_written(state, resource.attributes), traits)
    for each in objects:
        if not may_be(natural_key(each.attributes, traits), written):
            continue  # so that the vendor is asked about few
        document = _document(workspace, state, resource, each)
        key = natural_key(document, traits)
        if agree(document, document, each.attributes, traits):
            same.append(each)
        elif key is not None and natural_key(each.attributes, traits) == key:
            alike.append(each)
    for found in (same, alike):
        if len(found) == 1:
            return found[0], ""
        if found:
            ids = ", ".join(f"`{each.id}`" for each in sorted(found, key=lambda each: each.id))
            return None, f"{ids} all fit; choose one with `reconciler import {resource.address} ID`"
    return None, "nothing at the vendor fits; `reconciler plan` would make it"


def _record(workspace: Workspace, journal: Journal, resource: Resource, observed: Observed) -> Adopted:
    document = _document(workspace, journal.state, resource, observed)
    sent = _known(document)
    now = workspace.clock.now()
    scope = workspace.session(resource.address.vendor).scope
    record = with_reply(made(resource, sent, id=observed.id, scope=scope, at=now), observed)
    journal.settle(Settlement(intent="", status=SettlementStatus.DONE, at=now, address=resource.address, record=record))
    return Adopted(
        id=observed.id, record=record, unseen=hidden_paths(sent, workspace.catalog.traits(resource.address.type))
    )


def _document(workspace: Workspace, state: State, resource: Resource, observed: Observed) -> Document:
    """What the manifest says, with what only the vendor knows filled in, and references as ids."""
    handler = workspace.session(resource.address.vendor).handler(resource.address.kind)
    with asking():
        found = handler.assess(resource, None, observed, workspace.clock.now()).attributes
    return _written(state, resource.attributes if found is None else found)


def _written(state: State, attributes: Document) -> Document:
    """The attributes with references as ids, as far as there are any."""
    records = state.records
    return resolve(attributes, lambda each: records[each].id if each in records else None)


def _known(value: Document) -> dict[str, Value]:
    """The document without references to what does not exist yet."""
    return {
        key: _known(each) if isinstance(each, Mapping) else each
        for key, each in value.items()
        if isinstance(each, Mapping) or not has_unknown(each)
    }


def _refuse_managed(state: State, address: Address, id: str) -> None:
    if address in state.records:
        ids = " and ".join(f"`{each}`" for each in state.records[address].ids)
        raise Failure(f"`{address}` is managed already: it is {ids}")
    for other in state.records.values():
        if other.address.type == address.type and id in other.ids:
            raise Failure(f"`{id}` is managed already, as `{other.address}`")


def _read(workspace: Workspace, address: Address, id: str) -> Observed:
    with asking():
        observed = workspace.session(address.vendor).handler(address.kind).read(id)
    if observed is None:
        raise Failure(f"the vendor has no `{address.kind}` with the id `{id}`")
    return observed


def _refuse_owned(workspace: Workspace, observed: Observed) -> None:
    owner = observed.owner
    project = workspace.project
    if owner is not None and (owner.project, owner.environment) != (project.name, project.environment):
        raise Failure(
            f"`{observed.id}` carries the mark of `{owner.project}/{owner.environment}`, which manages it",
            help="let that project forget it, and remove the mark from its description at the vendor",
        )
