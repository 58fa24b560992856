"""`state`: looking into what is remembered, and mending it as a last resort."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.backend import BackendError, Damaged, Followed, Journal
from reconciler.engine.codec import CodecError, StoredState, decode_state
from reconciler.engine.renames import settlements
from reconciler.operations.apply import Applied, apply
from reconciler.operations.failures import Failure, NotSafe
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
    with workspace.locked("state rm", timeout=lock_timeout) as journal:
        record = journal.state.records.get(address)
        if record is None:
            raise Failure(f"the state has no record of `{address}`", help="`reconciler state list` shows what it has")
        journal.settle(
            Settlement(intent="", status=SettlementStatus.DONE, at=workspace.clock.now(), address=address, record=None)
        )
        journal.compact()
    return record


def move(workspace: Workspace, old: Address, new: Address) -> Record:
    """
    Remember an object under another address of its kind; what needs it needs the new one from then on.

    The manifest is renamed by its owner; the mark on the object follows with its next update. Raises `Failure` when
    that is not possible.
    """
    if old.type != new.type:
        raise Failure(f"`{old}` and `{new}` are of different kinds", help="an object cannot become one of another kind")
    with workspace.locked("state mv") as journal:
        records = journal.state.records
        if old not in records:
            raise Failure(f"the state has no record of `{old}`", help="`reconciler state list` shows what it has")
        if new in records:
            raise Failure(f"`{new}` is managed already: it is `{records[new].id}`")
        if any(intent.address in (old, new) for intent in journal.open_intents):
            raise Failure(f"it is not known how a call for `{old}` ended", help="run `reconciler apply` first")
        journal.settle(*settlements(records, {old: new}, workspace.clock.now()))
        moved = journal.state.records[new]
        journal.compact()
    return moved


def pull(workspace: Workspace) -> bytes:
    """The present state with its open intents, as `push` and `restore` read it. Raises `Failure` when there is none."""
    content = workspace.backend.copy()
    if content is None:
        raise Failure(f"there is no state yet at {workspace.project.state_url}")
    return content


def back_up(workspace: Workspace, path: Path) -> State:
    """Write the present state to a new file of mode 0600, on the disk before this returns; give it."""
    content = pull(workspace)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Failure(f"`{path}` exists already", help="name another file; a backup is never overwritten") from None
    except OSError as error:
        raise Failure(f"the backup cannot be written to `{path}`: {error.strerror}") from None
    return decode_state(content).state


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One of the states that are kept; `state` is None when it cannot be read, and `trouble` says why."""

    number: int
    state: State | None
    trouble: str = ""


def kept(workspace: Workspace) -> tuple[Kept, ...]:
    """The states that `restore` can go back to by number, oldest first."""
    found = []
    for number in workspace.backend.kept_states():
        try:
            found.append(Kept(number=number, state=workspace.backend.kept_state(number).state))
        except BackendError as error:
            found.append(Kept(number=number, state=None, trouble=str(error)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """
    The state as it is now; `changed` records are not what they were before.

    Of a damaged state, `followed` pages of the journal led on from the copy, and `lost` could not be followed.
    """

    state: State
    changed: int = 0
    followed: int | None = None
    lost: int = 0


def push(workspace: Workspace, content: bytes, *, force: bool = False) -> Restored:
    """
    Make the content of a file the present state: the first of an empty place, or a newer one of the same lineage.

    Raises `NotSafe` for an older one or another lineage, unless `force`, and `Failure` when it is none of this project.
    """
    return _put(workspace, _decoded(workspace, content), "state push", force=force)


def restore(workspace: Workspace, source: bytes | int, *, force: bool = False) -> Restored:
    """
    Go back to a copy, the content of a file or the number of a kept state; as `push`, and also over a damaged state.

    There the journal is followed from the copy on. Raises `NotSafe` when that loses something, unless `force`.
    """
    if isinstance(source, int):
        if source not in workspace.backend.kept_states():
            raise Failure(f"no state is kept under the number {source}", help="`reconciler state backup` lists them")
        stored = workspace.backend.kept_state(source)
    else:
        stored = _decoded(workspace, source)
    try:
        return _put(workspace, stored, "state restore", force=force)
    except Damaged:
        found = workspace.backend.mend(
            stored,
            workspace.holder("state restore"),
            agree=lambda found: None if force else _refuse_loss(stored, found),
            clock=workspace.clock.monotonic,
            sleep=workspace.clock.sleep,
            waiting=workspace.waiting,
            now=workspace.clock.now,
        )
        return Restored(state=found.folding.state, followed=found.followed, lost=len(found.lost))


def _decoded(workspace: Workspace, content: bytes) -> StoredState:
    try:
        stored = decode_state(content)
    except CodecError as error:
        raise Failure(f"this is no state that can be used: {error}") from None
    own, project = stored.state, workspace.project
    if (own.project, own.environment) != (project.name, project.environment):
        raise Failure(
            f"the state belongs to project `{own.project}`, environment `{own.environment}`",
            help="choose the environment with `-e`; what other projects manage carries their marks",
        )
    return stored


def _put(workspace: Workspace, stored: StoredState, operation: str, *, force: bool) -> Restored:
    with workspace.locked(operation) as journal:
        if journal.is_new:
            journal.begin(stored.state)
            journal.become(stored.state, stored.open_intents, at=workspace.clock.now())
            return Restored(state=journal.compact(), changed=len(stored.state.records))
        if not force:
            _refuse_newer(journal, stored)
        changed = journal.become(stored.state, stored.open_intents, at=workspace.clock.now())
        return Restored(state=journal.compact(), changed=changed)


def _refuse_newer(journal: Journal, stored: StoredState) -> None:
    there, own = journal.state, stored.state
    anyway = "`--force` puts it there anyway"
    if own.lineage != there.lineage:
        raise NotSafe(
            f"the state there has another lineage (`{there.lineage}`, not `{own.lineage}`): they were never the same",
            help=anyway,
        )
    if own.serial < there.serial:
        raise NotSafe(f"the state there is newer: its serial is {there.serial}, this one's {own.serial}", help=anyway)
    if own.serial == there.serial and own.records != there.records:
        raise NotSafe(f"the state there has the same serial, {own.serial}, and holds something else", help=anyway)


def _refuse_loss(stored: StoredState, found: Followed) -> None:
    if found.foreign:
        raise NotSafe(
            f"the state there has another lineage than the copy (`{stored.state.lineage}`): they were never the same",
            help="`--force` puts it there anyway",
        )
    if found.lost:
        raise NotSafe(
            f"the journal cannot be followed from the copy to its end: from number {found.lost[0]} on "
            f"{len(found.lost)} stored after it would be lost",
            help="try a newer copy (`reconciler state backup` lists those that are kept), or add `--force` and "
            "look at the next plan with care",
        )


def rebuild(workspace: Workspace, *, confirm: Callable[[Plan], bool]) -> Applied:
    """
    Apply, taking back the wanted objects that carry this project's mark although there is no state.

    `confirm` sees the plan first; what differs from the manifests is changed like in any apply.
    """
    return apply(workspace, options=Options(rebuild=True), confirm=confirm)
