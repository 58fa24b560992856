"""`reconciler doctor`."""

from __future__ import annotations

import click

from reconciler.cli.exits import Exit
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain


@click.command()
@running
def command(session: Session) -> int:
    """Check the project, its state, the vendors' credentials, clock and permissions. Changes nothing."""
    from reconciler.operations.doctor import doctor

    ill = 0
    for check in doctor(session.open()):
        ill += not check.well
        click.echo(f"{'ok ' if check.well else 'BAD'}  {plain(check.subject)}: {plain(check.detail)}")
        if not check.well and check.help:
            click.echo(f"     help: {plain(check.help)}")
    return Exit.FAILED if ill else Exit.DONE
