"""`reconciler state`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from reconciler.cli.applying import run_apply
from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused
from reconciler.reports.escape import plural
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


@command.command("mv")
@click.argument("old", type=ADDRESS, metavar="ADDRESS")
@click.argument("new", type=ADDRESS, metavar="NEW_ADDRESS")
@running
def move_record(session: Session, old: Address, new: Address) -> int:
    """Remember an object under the new name of its manifest."""
    from reconciler.operations.state import move

    with progress(session.settings) as speaking:
        record = move(session.open(speaking), old, new)
    click.echo(f"{old} is {new} now; it is `{record.id}`")
    return 0


@command.command("rm")
@click.argument("address", type=ADDRESS)
@running
def remove_record(session: Session, address: Address) -> int:
    """Forget an object without touching it at the vendor."""
    from reconciler.operations.state import remove

    with progress(session.settings) as speaking:
        record = remove(session.open(speaking), address)
    ids = " and ".join(f"`{id}`" for id in record.ids)
    click.echo(f"forgot {address}; {ids} {'is' if len(record.ids) == 1 else 'are'} still at the vendor")
    return 0


@command.command("pull")
@running
def pull_state(session: Session) -> int:
    """Print the present state as JSON, as `push` reads it; secrets are references."""
    from reconciler.operations.state import pull

    sys.stdout.buffer.write(pull(session.open()))
    sys.stdout.buffer.flush()
    return 0


@command.command("push")
@click.argument("file", type=click.File("rb"))
@click.option("--force", is_flag=True, help="Also over a newer state or one of another lineage.")
@running
def push_state(session: Session, file: BinaryIO, *, force: bool) -> int:
    """Make FILE (`-`: stdin), which `pull` has printed, the present state: to move it to another place."""
    from reconciler.operations.state import push

    with progress(session.settings) as speaking:
        restored = push(session.open(speaking), file.read(), force=force)
    click.echo(f"pushed {_records(len(restored.state.records))}, serial {restored.state.serial}")
    return 0


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@running
def back_up_state(session: Session, file: Path | None) -> int:
    """Copy the present state to the new FILE; without FILE list the earlier states that are kept."""
    from reconciler.operations.state import back_up, kept

    workspace = session.open()
    if file is not None:
        state = back_up(workspace, file)
        click.echo(f"wrote {_records(len(state.records))}, serial {state.serial}, to {file}")
        return 0
    rows = [
        (str(each.number), str(each.state.serial), _records(len(each.state.records)))
        if each.state
        else (str(each.number), "?", "damaged")
        for each in kept(workspace)
    ]
    if rows:
        click.echo(render_table(("number", "serial", "holds"), rows, colour=session.settings.coloured()))
    else:
        click.echo("No state is kept.", err=True)
    return 0


@command.command("restore")
@click.argument("source", metavar="FILE|NUMBER")
@click.option("--force", is_flag=True, help="Also over a newer state, and when something is lost.")
@running
def restore_state(session: Session, source: str, *, force: bool) -> int:
    """
    Go back to FILE, or to the kept state NUMBER (`state backup` lists them).

    Over a damaged state, everything that the journal still tells is done again on top of it.
    """
    from reconciler.operations.state import restore

    found = Path(source)
    if source.isdecimal() and not found.exists():
        copy: bytes | int = int(source)
    else:
        try:
            copy = found.read_bytes()
        except OSError as error:
            raise Misused(f"`{source}` cannot be read: {error.strerror}") from None
    with progress(session.settings) as speaking:
        restored = restore(session.open(speaking), copy, force=force)
    click.echo(f"restored {_records(len(restored.state.records))}, serial {restored.state.serial}")
    if restored.followed is not None:
        click.echo(f"followed the journal for {restored.followed} entries; {restored.lost} were lost")
    return 0


def _records(number: int) -> str:
    return plural(number, "record")


@command.command("unlock")
@click.argument("lock_id")
@running
def unlock(session: Session, lock_id: str) -> int:
    """
    Clear the lock LOCK_ID that a dead command left behind. Refused while its process lives.

    In a bucket its heartbeat is watched for as long as its lease.
    """
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        gone = workspace.backend.unlock(
            lock_id,
            workspace.holder("state unlock"),
            clock=workspace.clock.monotonic,
            sleep=workspace.clock.sleep,
            waiting=workspace.waiting,
            now=workspace.clock.now,
        )
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
