"""`import`: an object that exists at the vendor comes under the management of a manifest."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.diff import has_unknown
from reconciler.engine.records import made, resolve, with_reply
from reconciler.engine.shape import hidden_paths
from reconciler.operations.failures import Denied, Failure
from reconciler.operations.workspace import Workspace
from reconciler.sdk import CredentialsRefused, PermissionRefused, VendorError
from reconciler.values import (
    Address,
    Document,
    Observed,
    Path,
    Record,
    Settlement,
    SettlementStatus,
    State,
    Traits,
    Value,
    dotted,
)


def adopt(workspace: Workspace, address: Address, id: str, *, lock_timeout: float = 0.0) -> Record:
    """
    Record the object `id` under `address`; writes nothing to the vendor.

    Its manifest must exist. What the vendor does not give back counts as never sent. Raises `Failure` when the
    address or the object is managed already, the object does not exist, or somebody else's mark is on it.
    """
    resource = workspace.load().desired.resources.get(address)
    if resource is None:
        raise Failure(f"no manifest describes `{address}`", help="write its manifest first, then import the object")
    with workspace.backend.lock(workspace.holder("import"), timeout=lock_timeout) as journal:
        _refuse_managed(journal.state, address, id)
        observed = _read(workspace, address, id)
        traits = workspace.catalog.traits(address.type)
        records = journal.state.records
        document = resolve(resource.attributes, lambda each: records[each].id if each in records else None)
        now = workspace.clock.now()
        record = with_reply(
            made(
                resource,
                _sent(document, traits),
                id=id,
                scope=workspace.session(address.vendor).scope,
                at=now,
            ),
            observed,
        )
        journal.settle(Settlement(intent="", status=SettlementStatus.DONE, at=now, address=address, record=record))
        journal.compact()
    return record


def _refuse_managed(state: State, address: Address, id: str) -> None:
    if address in state.records:
        ids = " and ".join(f"`{each}`" for each in state.records[address].ids)
        raise Failure(f"`{address}` is managed already: it is {ids}")
    for other in state.records.values():
        if other.address.type == address.type and id in other.ids:
            raise Failure(f"`{id}` is managed already, as `{other.address}`")


def _read(workspace: Workspace, address: Address, id: str) -> Observed:
    try:
        observed = workspace.session(address.vendor).handler(address.kind).read(id)
    except (CredentialsRefused, PermissionRefused) as error:
        raise Denied(error.message) from None
    except VendorError as error:
        raise Failure(error.message) from None
    if observed is None:
        raise Failure(f"the vendor has no `{address.kind}` with the id `{id}`")
    owner = observed.owner
    project = workspace.project
    if owner is not None and (owner.project, owner.environment) != (project.name, project.environment):
        raise Failure(
            f"`{id}` carries the mark of `{owner.project}/{owner.environment}`, which manages it",
            help="let that project forget it, and remove the mark from its description at the vendor",
        )
    return observed


def _sent(document: Document, traits: Traits) -> dict[str, Value]:
    """The wanted document as if it had been sent, without what nobody can know to be there."""
    hidden = frozenset(hidden_paths(document, traits))

    def walk(value: Value, path: Path) -> Value:
        if isinstance(value, Mapping):
            return {
                key: walk(item, (*path, key))
                for key, item in value.items()
                if dotted((*path, key)) not in hidden and not has_unknown(item)
            }
        return value

    found = walk(document, ())
    assert isinstance(found, Mapping)
    return dict(found)
