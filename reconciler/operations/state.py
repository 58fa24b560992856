"""`state`: looking into what is remembered, and mending it as a last resort."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.operations.apply import Applied, apply
from reconciler.operations.failures import Failure
from reconciler.operations.workspace import Workspace
from reconciler.values import Address, Options, Plan, Record, Settlement, SettlementStatus, State


def read_state(workspace: Workspace) -> State:
    """The state as it is, with nothing in it when there is none yet."""
    stored = workspace.backend.load().state
    if stored is not None:
        return stored
    return State(project=workspace.project.name, environment=workspace.project.environment, lineage="", serial=0)


def read_record(workspace: Workspace, address: Address) -> Record:
    """One record. Raises `Failure` when there is none."""
    record = read_state(workspace).records.get(address)
    if record is None:
        raise Failure(f"the state has no record of `{address}`", help="`reconciler state list` shows what it has")
    return record


def remove(workspace: Workspace, address: Address, *, lock_timeout: float = 0.0) -> Record:
    """Forget an object without touching it; gives the record that was. Raises `Failure` when there is none."""
    with workspace.backend.lock(workspace.holder("state rm"), timeout=lock_timeout) as journal:
        record = journal.state.records.get(address)
        if record is None:
            raise Failure(f"the state has no record of `{address}`", help="`reconciler state list` shows what it has")
        journal.settle(
            Settlement(intent="", status=SettlementStatus.DONE, at=workspace.clock.now(), address=address, record=None)
        )
        journal.compact()
    return record


def rebuild(workspace: Workspace, *, confirm: Callable[[Plan], bool]) -> Applied:
    """
    Apply, taking back the wanted objects that carry this project's mark although there is no state.

    `confirm` sees the plan first; what differs from the manifests is changed like in any apply.
    """
    return apply(workspace, options=Options(rebuild=True), confirm=confirm)
