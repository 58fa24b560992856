"""`reconciler snapshot`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.progress import progress
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused
from reconciler.reports.escape import plural


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to write it, over what is there.",
)
@running
def command(session: Session, out: Path) -> int:
    """
    Write what `plan --snapshot FILE` needs where nobody may ask, as for a fork's pull request.

    Reads the state and the vendors and sends no write. The file holds no secret, no fingerprint of one and nobody's
    name; of objects that are not managed here only what lookalikes are told by.
    """
    from reconciler.operations.snapshot import publish, write

    if not out.absolute().parent.is_dir():
        raise Misused(f"the snapshot cannot be written to `{out}`: its folder does not exist")
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        published = publish(workspace)
    write(workspace, published, out)
    records = len(published.state.records) if published.state is not None else 0
    objects = sum(len(each.objects) for each in published.listings)
    click.echo(f"wrote {plural(records, 'record')} and {plural(objects, 'object')} to {out}", err=True)
    session.say_problems(workspace.warnings)
    return 0
