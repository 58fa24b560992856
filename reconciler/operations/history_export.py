"""`history export`: the ledger for those who read it elsewhere: a table, a document, or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.engine.graph import reduced
from reconciler.history.trail import renamed_in
from reconciler.operations.failures import Failure
from reconciler.operations.history import Question, listed, verify
from reconciler.operations.state import read_state
from reconciler.operations.workspace import Workspace
from reconciler.reports.history_html import History
from reconciler.reports.names import Names
from reconciler.values import Address
from reconciler.values.ledger import LedgerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Records with the digests of their bytes, oldest first, and what the state calls the objects they point at."""

    records: tuple[tuple[LedgerRecord, str], ...]
    names: Names


def exported(workspace: Workspace, question: Question) -> Exported:
    """
    The records that fit, oldest first. Raises `Failure` when one cannot be read: an export leaves nothing out.
    """
    found: list[tuple[LedgerRecord, str]] = []
    for leaf in listed(workspace, question):
        if leaf.record is None or leaf.digest is None:
            raise Failure(
                f"{leaf.name} {leaf.trouble}, and an export leaves nothing out",
                help="restore it from a backup; see `reconciler history verify`",
            )
        found.append((leaf.record, leaf.digest))
    names = Names.of_records(read_state(workspace).records.values())
    return Exported(records=tuple(reversed(found)), names=names)


def as_page(workspace: Workspace, question: Question) -> History:
    """The same with what a page shows beside: whether the ledger is whole, and who needs whom now."""
    found = exported(workspace, question)
    verified = verify(workspace)
    return History(
        project=workspace.project.name,
        environment=workspace.project.environment,
        taken=workspace.clock.now(),
        records=found.records,
        head=verified.head,
        troubles=verified.troubles,
        notes=verified.notes,
        needs=_needs(workspace),
        names=found.names,
        selected=question != Question(),
        former=renamed_in,
    )


def _needs(workspace: Workspace) -> Mapping[Address, tuple[Address, ...]]:
    """What each recorded resource needs, with the fewest edges that say so."""
    records = read_state(workspace).records
    return reduced(
        {address: tuple(each for each in record.needs if each in records) for address, record in records.items()}
    )
