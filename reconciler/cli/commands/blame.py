"""`reconciler blame`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.values import Address


@click.command()
@click.argument("address", type=ADDRESS)
@click.option("--offline", is_flag=True, help="Do not ask the vendor whether it still agrees.")
@click.option(
    "--git-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The repository, when it is not around the project; a bare one will do.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--verbose", "-v", is_flag=True, help="Shorten nothing.")
@running
def command(
    session: Session, address: Address, *, offline: bool, git_dir: Path | None, form: str, verbose: bool
) -> int:
    """
    Say of every field of ADDRESS which commit set it, which apply carried it out, and whether the vendor still agrees.

    Reads git, the ledger and the vendor; sends no write. A commit counts from which on the field has had its value:
    other formatting, another file or another name of the resource set nothing.
    """
    from reconciler.operations.blame import find_blame
    from reconciler.reports.blame_text import blame_json, render_blame
    from reconciler.reports.names import Names
    from reconciler.reports.shown import reading_of

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        found, state = find_blame(workspace, address, git_dir=git_dir, offline=offline)
    names = Names.of_records(state.records.values())
    settings = session.settings
    readings = [reading_of(each.address.type, workspace.catalog.traits, names) for each in found]
    if form == "json":
        rows = [blame_json(each, reading) for each, reading in zip(found, readings, strict=True)]
        click.echo(session.redact(json.dumps(rows, indent=2, ensure_ascii=False)))
        return 0
    blocks = [
        render_blame(each, reading, colour=settings.coloured(), width=settings.width, verbose=verbose)
        for each, reading in zip(found, readings, strict=True)
    ]
    click.echo(session.redact("\n\n".join(blocks)))
    return 0
