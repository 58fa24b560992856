"""`reconciler state`."""

from __future__ import annotations

import json
from typing import Any

import click

from reconciler.cli.applying import run_apply
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.tables import render_table
from reconciler.values import Address, Record


@click.group()
def command() -> None:
    """Look into the state, and mend it as a last resort."""


@command.command("list")
@running
def list_records(session: Session) -> int:
    """List what is remembered: address, the vendor's id, and whether it is retired."""
    from reconciler.operations.state import read_state

    records = read_state(session.open()).records
    rows = [
        (str(address), record.id or "", _status(record), record.source or "")
        for address, record in sorted(records.items())
    ]
    if rows:
        click.echo(render_table(("address", "id", "status", "manifest"), rows, colour=session.settings.coloured()))
    else:
        click.echo("The state has no records.", err=True)
    return 0


def _status(record: Record) -> str:
    if record.retired:
        return f"retired ({record.retired})"
    return "managed" if record.id is not None else "gone"


@command.command("show")
@click.argument("address", type=ADDRESS)
@running
def show_record(session: Session, address: Address) -> int:
    """Show one record as JSON; secrets are references."""
    from reconciler.engine.codec import encode_record
    from reconciler.operations.state import read_record

    click.echo(json.dumps(encode_record(read_record(session.open(), address)), indent=2, sort_keys=True))
    return 0


@command.command("rm")
@click.argument("address", type=ADDRESS)
@running
def remove_record(session: Session, address: Address) -> int:
    """Forget an object without touching it at the vendor."""
    from reconciler.operations.state import remove

    record = remove(session.open(), address)
    ids = " and ".join(f"`{id}`" for id in record.ids)
    click.echo(f"forgot {address}; {ids} {'is' if len(record.ids) == 1 else 'are'} still at the vendor")
    return 0


@command.command("unlock")
@click.argument("lock_id")
@running
def unlock(session: Session, lock_id: str) -> int:
    """Clear the lock LOCK_ID that a dead command left behind. Refused while its process lives."""
    workspace = session.open()
    gone = workspace.backend.unlock(lock_id, workspace.holder("state unlock"))
    click.echo(f"cleared the lock of {gone}")
    return 0


@command.command("rebuild")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@running
def rebuild_state(session: Session, /, **words: Any) -> int:
    """Make a lost state anew from the ownership marks that objects carry."""
    from reconciler.operations.state import rebuild

    return run_apply(
        session,
        lambda workspace, confirm: rebuild(workspace, confirm=confirm),
        yes=words["yes"],
        question="Take these objects back and apply the rest?",
    )
