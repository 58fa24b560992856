"""`events import --undo`: the events of one import deleted again, journaled part by part."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.backend import Journal
from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Failure
from reconciler.operations.vendors import failure_of
from reconciler.operations.workspace import Workspace
from reconciler.providers.didomi.imports.handler import EventImports, events_of
from reconciler.providers.didomi.imports.job import SENDING, UNDONE, Come
from reconciler.providers.didomi.imports.undo import UndoJob
from reconciler.sdk import Uncertain, VendorError
from reconciler.values import (
    Address,
    Intent,
    Record,
    Settlement,
    SettlementStatus,
    State,
    Step,
    Verb,
)
from reconciler.values.ledger import Ending

TYPE = "didomi/EventImport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What would be undone: the import, its batch, and how many events it had at most."""

    address: Address
    batch: str
    events: int
    with_integrations: bool


def undo(workspace: Workspace, word: str, confirm: Callable[[Undoing], bool]) -> Undoing | None:
    """
    Delete what an import, named by its address or its batch, has brought; `None` when `confirm` says no.

    Raises `Failure` when the state has no such import, or Didomi refuses; a second call goes on where it ended.
    """
    run = random.token_hex(8)
    with workspace.locked("undo") as journal:
        address, record = _find(journal.state, word)
        come = Come.of(record.memo)
        if come is None or record.id is None:
            raise Failure(f"`{address}` has imported nothing", help="`reconciler show` says what the state knows")
        if come.state == UNDONE:
            raise Failure(f"the batch `{come.batch}` is undone already")
        what = Undoing(
            address=address,
            batch=come.batch,
            events=events_of(record.applied),
            with_integrations=record.applied.get("integrations") is True,
        )
        if not confirm(what):
            journal.conclude(Ending.REFUSED)
            return None
        handler = workspace.session(address.vendor).handler(address.kind)
        assert isinstance(handler, EventImports)
        try:
            with workspace.writing(journal.check):
                _carry_out(workspace, journal, handler.undo(address, record), record, run)
        except VendorError as error:
            journal.conclude(Ending.PARTLY)
            raise failure_of(error) from None
        except Stopped:
            journal.conclude(Ending.INTERRUPTED)
            raise
        journal.conclude(Ending.DONE)
        journal.compact()
        return what


def is_unfinished(workspace: Workspace, address: Address) -> bool:
    """Whether the state knows of an import of this address that was cut short."""
    state = workspace.backend.load().state
    record = state.records.get(address) if state is not None else None
    come = Come.of(record.memo) if record is not None else None
    return come is not None and come.state == SENDING


def _find(state: State, word: str) -> tuple[Address, Record]:
    imports = {address: each for address, each in sorted(state.records.items()) if address.type == TYPE}
    for address, record in imports.items():
        if word in (str(address), record.id):
            return address, record
    known = ", ".join(f"`{each.id}` ({address})" for address, each in imports.items())
    raise Failure(
        f"the state has no import `{word}`",
        help=f"it has {known}" if known else "what was forgotten can be brought back: its manifest, and an apply",
    )


def _carry_out(workspace: Workspace, journal: Journal, job: UndoJob, record: Record, run: str) -> None:
    address, clock = record.address, workspace.clock
    step = Step(name=f"undo {address}", address=address, verb=Verb.DELETE, id=job.id)
    workspace.progress.planned(1)
    workspace.progress.started(step)

    def settled(record: Record, intent: str = "") -> Settlement:
        done = SettlementStatus.DONE
        return Settlement(intent=intent, status=done, at=clock.now(), address=address, record=record)

    try:
        record = replace(record, memo=job.memo, touched=clock.now())
        journal.settle(settled(record))
        while (part := job.next()) is not None:
            if workspace.stopping:
                raise Stopped
            intent = Intent(
                id=random.token_hex(6),
                run=run,
                address=address,
                verb=Verb.UPDATE.value,
                scope=record.scope,
                at=clock.now(),
                target=record.id,
                memo=part.memo,
            )
            journal.intend(intent)
            sent = job.send(part, lambda: workspace.stopping)
            record = replace(record, memo=sent.memo, touched=clock.now())
            # What may have arrived stays open; deleting it once more does no harm.
            is_open = sent.interrupted or isinstance(sent.error, Uncertain)
            journal.settle(settled(record, "" if is_open else intent.id))
            workspace.progress.moved(step, sent.done, job.total)
            if sent.error is not None:
                raise sent.error
            if sent.interrupted:
                raise Stopped
        journal.settle(settled(replace(record, memo=job.finish().memo, touched=clock.now())))
    finally:
        job.close()
